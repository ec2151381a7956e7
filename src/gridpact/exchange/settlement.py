"""Who pays whom after delivery: exact in integers, zero-sum in every interval."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gridpact.community import Tariff, TradeCharges
from gridpact.markets import Pact, Party
from gridpact.units import MICRO, IntArray, payment, to_micro

CELLS_AT_ONCE = 1 << 18
"""Member-intervals worked on in one go, so that the memory beside the accounts does not grow with the horizon."""


@dataclass(frozen=True, eq=False)
class Energies:
    """Where each member's metered energy came from and went to, integer Wh ``[member, interval]``.

    ``metered = bought − sold + imported − exported + short − unused`` holds exactly, and none of the six is negative.

    Attributes
    ----------
    metered
        What the meter showed, + = consumption.
    bought, sold
        Traded energy.
    """

    metered: IntArray
    bought: IntArray
    sold: IntArray

    @property
    def position(self) -> IntArray:
        """Net traded energy, + = bought."""
        return self.bought - self.sold

    @property
    def imported(self) -> IntArray:
        """Demand beyond what was bought, from the supplier at retail."""
        return _positive(_positive(self.metered) - _positive(self.position))

    @property
    def exported(self) -> IntArray:
        """Surplus beyond what was sold, to the supplier at retail."""
        return _positive(_positive(-self.metered) - _positive(-self.position))

    @property
    def short(self) -> IntArray:
        """Sold but not delivered, bought in at the imbalance price."""
        return _positive(_positive(-self.position) - _positive(-self.metered))

    @property
    def unused(self) -> IntArray:
        """Bought but not taken, sold on at the imbalance price."""
        return _positive(_positive(self.position) - _positive(self.metered))

    def window(self, first: int, last: int) -> "Energies":
        """The energies of intervals ``first`` (included) to ``last`` (excluded)."""
        return Energies(self.metered[:, first:last], self.bought[:, first:last], self.sold[:, first:last])

    def residual(self) -> int:
        """Largest gap between a meter and what it is settled as, or between bought and sold of an interval, Wh."""
        settled = self.position + self.imported - self.exported + self.short - self.unused
        unexplained = np.abs(settled - self.metered).max(initial=0)
        return int(max(unexplained, np.abs(self.position.sum(axis=0)).max(initial=0)))


@dataclass(frozen=True, eq=False)
class Settlement:
    """The accounts of a horizon, integer micro-units; + = the party pays, − = it is paid.

    What each member pays by cause has shape ``[member, interval]`` and is worked out from the energies when it is asked for:
    of a year of a hundred members, one such array is 28 MB.

    Attributes
    ----------
    energies
        The energy behind the amounts.
    tariff, charges
        The prices.
    trades
        Payments of trades.
    transfers
        What the mechanism moves besides trades.
    supplier, dso, exchange
        What these parties pay, ``[interval]``.
    loss_wh
        Energy that the DSO bought for losses, ``[interval]``.
    """

    energies: Energies
    tariff: Tariff
    charges: TradeCharges
    trades: IntArray
    transfers: IntArray
    supplier: IntArray
    dso: IntArray
    exchange: IntArray
    loss_wh: IntArray

    def causes(self) -> dict[str, IntArray]:
        """What each member pays, by cause, ``[member, interval]``; a bill is their sum.

        ``trades`` with peers; ``retail`` with the supplier; ``imbalance`` for energy sold and not delivered, bought and not
        taken; ``network`` charge; ``service`` charge; ``penalty`` beyond the dead band; ``transfers``.
        """
        energies, tariff = self.energies, self.tariff
        retail = payment(energies.imported, tariff.import_price) - payment(energies.exported, tariff.export_price)
        imbalance = payment(energies.short, tariff.imbalance_buy) - payment(energies.unused, tariff.imbalance_sell)
        return {
            "trades": self.trades,
            "retail": retail,
            "imbalance": imbalance,
            "network": self.charges.network(energies.bought, energies.sold),
            "service": self.charges.service(energies.bought, energies.sold),
            "penalty": _penalty(energies, tariff),
            "transfers": self.transfers,
        }

    @property
    def bills(self) -> IntArray:
        """What each member pays in all, ``[member, interval]``."""
        return np.asarray(np.sum(list(self.causes().values()), axis=0))

    def windows(self) -> Iterator["Settlement"]:
        """The same accounts cut into windows of time, so that what is worked out from them needs little memory."""
        members, intervals = self.energies.metered.shape
        width = max(1, CELLS_AT_ONCE // max(members, 1))
        for first in range(0, intervals, width):
            last = min(first + width, intervals)
            yield Settlement(
                energies=self.energies.window(first, last),
                tariff=self.tariff.window(first, last),
                charges=self.charges,
                trades=self.trades[:, first:last],
                transfers=self.transfers[:, first:last],
                supplier=self.supplier[first:last],
                dso=self.dso[first:last],
                exchange=self.exchange[first:last],
                loss_wh=self.loss_wh[first:last],
            )

    def money_residual(self) -> int:
        """Largest absolute sum of all cash flows of an interval over all parties, micro-units; 0 when exact."""
        total = self.bills.sum(axis=0) + self.supplier + self.dso + self.exchange
        return int(np.abs(total).max(initial=0))


def settle(pact: Pact, metered_wh: IntArray, head_wh: IntArray, tariff: Tariff, charges: TradeCharges) -> Settlement:
    """Settle a horizon after delivery.

    Trades are paid at their prices. What a meter shows beyond the member's net traded position is the supplier's business at
    retail; energy sold and not delivered is bought in, energy bought and not taken is sold on, at the imbalance prices. The
    DSO buys the losses (feeder head minus the sum of meters) from the supplier and receives the network charge.

    Parameters
    ----------
    pact
        What was agreed, intervals counted from the start of the horizon.
    metered_wh
        Integer Wh, ``[member, interval]``, + = consumption.
    head_wh
        Metered at the feeder head, integer Wh ``[interval]``, + = import.
    tariff, charges
        Prices of the horizon and what each member pays per traded kWh.

    Returns
    -------
    Settlement
        Exact: the cash flows of each interval sum to zero over all parties.

    Raises
    ------
    InputError
        If the pact names a member or an interval that does not exist.

    Examples
    --------
    A sells 3 kWh to B at 0.20 but delivers 2; B takes all of it. Import costs 0.30, imbalance 0.35.

    >>> from gridpact.markets import Trades
    >>> price = lambda value: np.array([value])
    >>> tariff = Tariff(price(300_000), price(80_000), price(350_000), price(50_000), price(100_000))
    >>> free = TradeCharges(*(np.zeros(2, dtype=np.int64) for _ in range(4)))
    >>> pact = Pact(Trades([0], [1], [0], [3000], [200_000]))
    >>> accounts = settle(pact, np.array([[-2000], [3000]]), np.array([1000]), tariff, free)
    >>> accounts.bills.tolist()  # A: −3 × 0.20 + 1 × 0.35, B: 3 × 0.20
    [[-250000], [600000]]
    >>> accounts.money_residual()
    0
    """
    before_members = _before_members(pact, metered_wh, head_wh, tariff, charges)
    received = [_received(part.causes()) for part in before_members.windows()]
    return _with_parties(before_members, np.concatenate([*received, np.empty((3, 0), dtype=np.int64)], axis=1))


def settle_by_cause(
    pact: Pact, metered_wh: IntArray, head_wh: IntArray, tariff: Tariff, charges: TradeCharges
) -> tuple[Settlement, dict[str, IntArray]]:
    """Settle a horizon, and keep what each member pays by cause, as `Settlement.causes` has it.

    Parameters and errors as for `settle`; for horizons that fit into memory several times.
    """
    before_members = _before_members(pact, metered_wh, head_wh, tariff, charges)
    causes = before_members.causes()
    return _with_parties(before_members, _received(causes)), causes


def _before_members(
    pact: Pact, metered_wh: IntArray, head_wh: IntArray, tariff: Tariff, charges: TradeCharges
) -> Settlement:
    """The accounts before supplier, DSO and exchange have received what the members pay them."""
    shape = metered_wh.shape
    pact.check(*shape)
    loss_wh = head_wh - metered_wh.sum(axis=0)
    losses = payment(loss_wh, tariff.loss_price)
    paid = {party: pact.transfers.paid_by(party, shape[1]) for party in Party}
    return Settlement(
        energies=Energies(metered_wh, pact.trades.bought_wh(shape), pact.trades.sold_wh(shape)),
        tariff=tariff,
        charges=charges,
        trades=pact.trades.bills(shape),
        transfers=pact.transfers.paid_by_members(shape),
        supplier=paid[Party.SUPPLIER] - losses,
        dso=paid[Party.DSO] + losses,
        exchange=paid[Party.EXCHANGE],
        loss_wh=loss_wh,
    )


def _with_parties(before_members: Settlement, received: IntArray) -> Settlement:
    supplier, dso, exchange = received
    return replace(
        before_members,
        supplier=before_members.supplier - supplier,
        dso=before_members.dso - dso,
        exchange=before_members.exchange - exchange,
    )


def _received(causes: dict[str, IntArray]) -> IntArray:
    """What supplier, DSO and exchange get from the members, ``[party, interval]``."""
    to_parties = (("retail", "imbalance"), ("network", "penalty"), ("service",))
    return np.array([sum(causes[cause].sum(axis=0) for cause in of_party) for of_party in to_parties])


def _positive(values: IntArray) -> IntArray:
    return np.asarray(np.maximum(values, 0))


def _penalty(energies: Energies, tariff: Tariff) -> IntArray:
    if tariff.penalty == 0:
        return np.zeros(energies.metered.shape, dtype=np.int64)
    tolerated = np.abs(energies.position) * to_micro(tariff.dead_band) // MICRO
    return payment(np.maximum(energies.short + energies.unused - tolerated, 0), tariff.penalty)
