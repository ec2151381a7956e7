"""Network charges a pair, visible before anybody bids, and the loss that each trade causes.

A charge of a pair, ν(i, j) for buyer i and seller j, is what i pays for withdrawing plus what j pays for injecting: the only
form that an order book can take, where an order does not know its partner. Both bases are of this form by nature. By distance,
each pays the way from its bus to the head of the feeder, so that a trade pays for the way through the head. By losses,
withdrawing costs what a kWh more adds to the losses, and injecting earns the same.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from gridpact.community import TradeCharges
from gridpact.errors import InputError
from gridpact.exchange.acceptance.network import Network
from gridpact.grid import shortest_ways
from gridpact.markets import Trades
from gridpact.units import FloatArray, IntArray


class Basis(StrEnum):
    """What a network charge follows."""

    DISTANCE = "distance"
    LOSSES = "losses"


@dataclass(frozen=True, eq=False)
class PairCharges:
    """Network charges of buying and of selling, micro-units per kWh, ``[member]``; negative is a credit."""

    buy: IntArray
    sell: IntArray

    @property
    def matrix(self) -> IntArray:
        """ν, micro-units per kWh ``[buyer, seller]``."""
        return self.buy[:, None] + self.sell

    def on_top_of(self, charges: TradeCharges) -> TradeCharges:
        """The charges that members see before they bid and pay after delivery, these included."""
        return replace(
            charges, network_buy=charges.network_buy + self.buy, network_sell=charges.network_sell + self.sell
        )


def charges_by_distance(network: Network, dearest: int) -> PairCharges:
    """Charges in proportion to the impedance of the ways to the head of the feeder.

    Parameters
    ----------
    network
        Meshed is fine: the way of least impedance counts.
    dearest
        What a pair at the far end would pay, micro-units per kWh; each of the two half of it.

    Raises
    ------
    InputError
        If the dearest charge is negative.

    Examples
    --------
    >>> from gridpact.exchange.acceptance.example import two_buses
    >>> charges_by_distance(two_buses(sold_wh=0)[0], 20_000).matrix  # member 0 at the end, 1 at the head
    array([[20000, 10000],
           [10000,     0]])
    """
    if dearest < 0:
        raise InputError(f"a charge of {dearest}", place="network charges", accepted="micro-units per kWh from 0 up")
    ways = shortest_ways(network.feeder, [network.feeder.source_bus]).distance[0]
    bus = network.share.reshape(*network.share.shape[:2], -1).sum(axis=2).argmax(axis=1)
    share = ways[bus] / max(float(ways[bus].max(initial=0.0)), 1e-12)
    each = np.rint(share * dearest / 2).astype(np.int64)
    return PairCharges(each, each)


def charges_by_losses(network: Network, net_kw: FloatArray, q_kvar: FloatArray, loss_price: IntArray) -> PairCharges:
    """Charges of what a traded kWh adds to the losses, on average over typical intervals.

    Parameters
    ----------
    network
        The feeder and its members.
    net_kw, q_kvar
        The network without trade in these intervals, ``[member, interval]``.
    loss_price
        What the DSO pays for losses, micro-units per kWh ``[interval]``.

    Raises
    ------
    PowerFlowError
        If an interval has no solution.
    """
    added = network.marginal_losses(net_kw.T, q_kvar.T)
    each = np.rint((added * loss_price[:, None]).mean(axis=0)).astype(np.int64)
    return PairCharges(each, -each)


def losses_of_trades(trades: Trades, marginal: FloatArray) -> FloatArray:
    """The loss that each trade causes, Wh ``[trade]``; negative where it lowers the losses.

    To first order: its energy times what a kWh more at the buyer's bus adds to the losses, less what it adds at the seller's.

    Parameters
    ----------
    trades
        Of any intervals.
    marginal
        `Network.marginal_losses` at the operating points of these intervals, ``[interval, member]``.
    """
    at = trades.interval
    return np.asarray(trades.energy_wh * (marginal[at, trades.buyer] - marginal[at, trades.seller]))
