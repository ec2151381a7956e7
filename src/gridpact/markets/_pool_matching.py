"""The two sides of a pool, interval by interval, and trades between them.

A member stands on one side of an interval: its meter shows one net number, so what it used of its own generation within the
interval never enters the pool.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gridpact.community import Tariff
from gridpact.markets._pairing import pair_north_west
from gridpact.markets.pact import Party, Reason, Trades, Transfers
from gridpact.units import IntArray, split


@dataclass(frozen=True, eq=False)
class Sides:
    """Who brings energy and who needs it, integer Wh.

    Attributes
    ----------
    surplus, demand
        Negative and positive part of the metered net energy, ``[member, interval]``, neither negative.
    """

    surplus: IntArray
    demand: IntArray

    @classmethod
    def of(cls, net_wh: IntArray) -> "Sides":
        """The sides of metered net energy, ``[member, interval]``, + = consumption."""
        return cls(np.maximum(-net_wh, 0), np.maximum(net_wh, 0))

    @cached_property
    def generation(self) -> IntArray:
        """Total surplus G, ``[interval]``."""
        return np.asarray(self.surplus.sum(axis=0))

    @cached_property
    def consumption(self) -> IntArray:
        """Total demand D, ``[interval]``."""
        return np.asarray(self.demand.sum(axis=0))


def match_proportionally(sides: Sides) -> tuple[IntArray, IntArray]:
    """Trade the smaller side in full, the larger side in proportion.

    Returns
    -------
    sold, bought
        Integer Wh, ``[member, interval]``, with equal sums in every interval; a member's part of the larger side is rounded by
        largest remainder and never exceeds what its meter showed.

    Examples
    --------
    >>> sold, bought = match_proportionally(Sides.of(np.array([[-600], [300], [500]])))
    >>> sold.ravel().tolist(), bought.ravel().tolist()
    ([600, 0, 0], [0, 225, 375])
    """
    shared = np.minimum(sides.generation, sides.consumption)
    return ration(sides.surplus, shared), ration(sides.demand, shared)


def ration(energy: IntArray, total: IntArray) -> IntArray:
    """Scale each interval of ``energy`` ``[member, interval]`` down to ``total`` ``[interval]``, by largest remainder."""
    whole = energy.sum(axis=0)
    rationed = np.where(total == whole, energy, 0)
    partly = np.flatnonzero((total > 0) & (total < whole))
    if len(partly):
        rationed[:, partly] = split(total[partly], energy[:, partly])
    return rationed


def trades_of(sold: IntArray, bought: IntArray, price: IntArray) -> Trades:
    """Trades that carry given amounts at one price an interval.

    Sellers and buyers are paired in the order of their ids by the north-west corner rule. All pairs of an interval have the
    same price, so who is paired with whom changes nobody's bill beyond the rounding of payments.

    Parameters
    ----------
    sold, bought
        Integer Wh, ``[member, interval]``, with equal sums in every interval.
    price
        Micro-units per kWh, ``[interval]``.
    """
    interval, seller, sell_wh, sell_start = _rows(sold)
    _, buyer, buy_wh, buy_start = _rows(bought)
    sell_row, buy_row, energy = pair_north_west(sell_start, sell_wh, buy_start, buy_wh)
    when = interval[sell_row]
    return Trades(seller[sell_row], buyer[buy_row], when, energy, price[when])


def transfers_with(party: Party, owed: IntArray, interval: IntArray) -> Transfers:
    """Transfers between members and a party.

    Parameters
    ----------
    party
        The other side.
    owed
        What each member owes the party, ``[member, column]``, micro-units; negative where the party owes the member.
    interval
        In which interval each column is booked, ``[column]``.
    """
    column, member = np.nonzero(owed.T)
    amount = owed[member, column]
    other = np.full(len(amount), int(party), dtype=np.int64)
    return Transfers(
        payer=np.where(amount > 0, member, other),
        payee=np.where(amount > 0, other, member),
        interval=interval[column],
        amount=np.abs(amount),
        reason=np.full(len(amount), int(Reason.POOL), dtype=np.int64),
    )


def mid_price(tariff: Tariff) -> IntArray:
    """Middle of import and export price, ``[interval]``, micro-units per kWh, halves to even."""
    return np.asarray(np.rint((tariff.import_price + tariff.export_price) / 2), dtype=np.int64)


def _rows(energy: IntArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """The positive entries of ``[member, interval]`` by interval, then member: interval, member, energy, first row of each."""
    by_interval = np.ascontiguousarray(energy.T)
    interval, member = np.nonzero(by_interval)
    start = np.concatenate([[0], np.cumsum(np.count_nonzero(by_interval, axis=1))])
    return interval, member, by_interval[interval, member], start
