"""From the bids of an interval to contracts: who trades how much with whom, at which integer price."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.assignment.bids import IntervalMarket
from gridpact.markets.assignment.multi import Links, clear_multi
from gridpact.markets.assignment.points import CorePoint, core_payoffs
from gridpact.markets.assignment.single import clear_single
from gridpact.units import EXACT_FLOAT, WH_PER_KWH, FloatArray, IntArray

NEARLY_WHOLE = 2.0**-20
"""Potentials this close below a whole number are one: what floating point leaves of the nucleolus and leximin."""

FINEST_PAYOFF = 2.0**-10
"""Payoffs of single contracts are rounded to it: what floating point leaves of the nucleolus and leximin does not decide which
way half a micro-unit per kWh is rounded. At the other points payoffs are whole or halves, and stay."""


@dataclass(frozen=True, eq=False)
class Contracts:
    """The contracts of one market; columns ``[contract]``.

    Attributes
    ----------
    buyer, seller
        Positions on the two sides of the market.
    energy_wh
        Positive.
    price
        Micro-units per kWh before charges, within the bounds of both.
    """

    buyer: IntArray
    seller: IntArray
    energy_wh: IntArray
    price: IntArray


class Rule(Protocol):
    """Which contracts a member may sign."""

    @property
    def single(self) -> bool:
        """Whether a member signs one at most."""
        ...

    def limit_wh(self, hours: float) -> int | None:
        """Most that a pair may trade in an interval of this length; None without limit."""
        ...

    def sign(self, market: IntervalMarket, point: CorePoint, limit_wh: int | None) -> Contracts:
        """The best contracts, priced at a point of the core."""
        ...


@dataclass(frozen=True, slots=True)
class SingleContract:
    """Each member signs one contract at most, over the smaller of the two energies."""

    single: ClassVar[bool] = True

    def limit_wh(self, hours: float) -> int | None:
        """None."""
        return None

    def sign(self, market: IntervalMarket, point: CorePoint, limit_wh: int | None) -> Contracts:
        """Match; the price is σ + w / q, rounded to the nearest integer."""
        energy = market.energy_wh
        matching = clear_single(energy * np.maximum(market.gain, 0))
        buyer, seller = matching.pairs
        energy_wh = energy[buyer, seller]
        payoff = np.rint(core_payoffs(matching, point).seller[seller] / FINEST_PAYOFF) * FINEST_PAYOFF
        above_floor = payoff / energy_wh
        return Contracts(buyer, seller, energy_wh, market.floor[seller] + np.rint(above_floor).astype(np.int64))


@dataclass(frozen=True, slots=True)
class MultiContract:
    """Members trade with as many others as they like.

    Attributes
    ----------
    link_limit_kw
        Most that a pair may trade, as mean power of an interval; None without limit.
    """

    link_limit_kw: float | None = None
    single: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.link_limit_kw is not None and not 0.0 <= self.link_limit_kw < np.inf:
            found = f"link_limit_kw = {self.link_limit_kw!r} is out of range"
            raise InputError(found, place="assignment:multi", accepted="a finite number from 0 up")

    def limit_wh(self, hours: float) -> int | None:
        """The limit as energy, rounded down; none is larger than what members may bid."""
        if self.link_limit_kw is None:
            return None
        return int(min(self.link_limit_kw * hours * WH_PER_KWH + NEARLY_WHOLE, EXACT_FLOAT))

    def sign(self, market: IntervalMarket, point: CorePoint, limit_wh: int | None) -> Contracts:
        """Find the best flow; the price is σ + w, and half the rent of a full link.

        Potentials (w of a seller, −u of a buyer) are rounded down. Their differences are bounded by integers, so that the
        rounded ones keep every bound: prices stay exactly in the core.
        """
        limit = None if limit_wh is None else np.full(market.gain.shape, limit_wh)
        flow = clear_multi(Links.dense(market.gain, market.demand_wh, market.supply_wh, limit))
        payoffs = core_payoffs(flow, point)
        rows = np.flatnonzero(flow.energy)
        buyer, seller = flow.links.buyer[rows], flow.links.seller[rows]
        w, u = _round_down(payoffs.seller), -_round_down(-payoffs.buyer)
        rent = market.gain[buyer, seller] - u[buyer] - w[seller]
        price = market.floor[seller] + w[seller] + rent // 2
        return Contracts(buyer, seller, flow.energy[rows].astype(np.int64), price)


def _round_down(potential: FloatArray) -> IntArray:
    return np.floor(potential + NEARLY_WHOLE).astype(np.int64)
