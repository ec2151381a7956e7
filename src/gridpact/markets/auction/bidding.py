"""What the members ask for: bidding strategies, apart from clearing.

Every strategy turns the forecast into one order a member and interval, of the energy that the meter is expected to show.
Between the supplier's prices a member has a *value*: a buyer ``import − share·spread``, a seller ``export + share·spread``,
with the share of the spread that it wants for itself (`Outlook.wanted_share`). Limits are rounded to the member's favour.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from gridpact.markets.book import Book
from gridpact.markets.mechanism import Memory
from gridpact.markets.outlook import Outlook
from gridpact.markets.pact import Pact
from gridpact.units import BoolArray, FloatArray, IntArray, to_wh


class Strategy(Protocol):
    """How members bid, and what they learn."""

    @property
    def learns(self) -> bool:
        """Whether anything is carried from gate to gate."""
        ...

    def start(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> Memory:
        """The memory to bid with: the given one, or a fresh one at the first gate."""
        ...

    def bid(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> Book:
        """Orders of all members."""
        ...

    def learn(self, outlook: Outlook, memory: Memory, book: Book, pact: Pact) -> Memory:
        """The memory for the next gate, from what came of the orders."""
        ...


@dataclass(frozen=True, eq=False)
class Needs:
    """What there is to bid for; columns ``[order]``, by interval, then member.

    Attributes
    ----------
    interval, member, energy_wh
        As in `Book`; none below 1 Wh.
    buys
        Whether the member lacks energy.
    value, far
        The member's true all-in value, and the supplier's price on the other side of the spread.
    """

    interval: IntArray
    member: IntArray
    energy_wh: IntArray
    buys: BoolArray
    value: IntArray
    far: IntArray

    @classmethod
    def of(cls, outlook: Outlook) -> "Needs":
        """Read the forecast."""
        net_wh = to_wh(outlook.net_kw.T * outlook.horizon.hours)
        interval, member = np.nonzero(net_wh)
        net = net_wh[interval, member]
        buys = net > 0
        worth, cost = outlook.tariff.true_values(outlook.wanted_share)
        value = np.where(buys, worth[member, interval], cost[member, interval])
        far = np.where(buys, outlook.tariff.export_price[interval], outlook.tariff.import_price[interval])
        return cls(interval, member, np.abs(net), buys, value, far)

    def at(self, limit: IntArray, outlook: Outlook) -> Book:
        """Orders with these limits, and the charges of their members."""
        charge = np.where(self.buys, outlook.charges.buy[self.member], outlook.charges.sell[self.member])
        return Book(self.interval, self.buys.astype(np.int64), self.member, self.energy_wh, limit, charge)

    def shaded(self, share: FloatArray) -> IntArray:
        """Limits moved from the value towards the far price by a share ``[order]`` of the way."""
        return self.value - np.trunc(share * (self.value - self.far)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Truthful:
    """Every limit is the member's true value."""

    learns: ClassVar[bool] = False

    def start(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> Memory:
        """Nothing is remembered."""
        return None

    def bid(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> Book:
        """One order a member and interval."""
        needs = Needs.of(outlook)
        return needs.at(needs.value, outlook)

    def learn(self, outlook: Outlook, memory: Memory, book: Book, pact: Pact) -> Memory:
        """Nothing is learnt."""
        return None


@dataclass(frozen=True, slots=True)
class ZeroIntelligence:
    """Limits drawn uniformly where no trade can lose: ZI-C of Gode and Sunder (1993), J. Political Economy 101(1).

    A buyer's limit lies between the export price and its true value, a seller's between its true value and the import price.
    """

    learns: ClassVar[bool] = False

    def start(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> Memory:
        """Nothing is remembered."""
        return None

    def bid(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> Book:
        """One order a member and interval."""
        needs = Needs.of(outlook)
        return needs.at(needs.shaded(rng.random(len(needs.member))), outlook)

    def learn(self, outlook: Outlook, memory: Memory, book: Book, pact: Pact) -> Memory:
        """Nothing is learnt."""
        return None


@dataclass(frozen=True, slots=True)
class AdaptiveMargin:
    """Each member bids its value less a margin and adapts the margin to what came of its order.

    A margin is the share of the way from the value to the supplier's price on the other side. After a gate the member compares
    it with the margin that the mean price of the interval would have given it: if it traded it raises a lower margin towards
    that, if it did not it lowers a higher one; where nothing traded at all the margin falls towards 0. Each step closes the
    share ``rate`` of the distance. The rule is a plain form of ZIP (Cliff and Bruten 1997, HP Labs HPL-97-141), whose
    Widrow-Hoff step it keeps; momentum and the random perturbation of targets are left out: learning is deterministic.

    Attributes
    ----------
    rate
        Learning rate.
    first
        Margins are drawn uniformly from this range at the first gate.
    """

    rate: float = 0.3
    first: tuple[float, float] = (0.05, 0.35)
    learns: ClassVar[bool] = True

    def start(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> Memory:
        """Margins, ``[member]``."""
        return rng.uniform(*self.first, len(outlook.members)) if memory is None else memory

    def bid(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> Book:
        """One order a member and interval."""
        needs = Needs.of(outlook)
        margins = self.start(outlook, memory, rng)
        return needs.at(needs.shaded(margins[needs.member]), outlook)

    def learn(self, outlook: Outlook, memory: Memory, book: Book, pact: Pact) -> FloatArray:
        """Margins after one step an order; several intervals of a gate are averaged."""
        needs = Needs.of(outlook)
        members, periods = len(outlook.members), outlook.horizon.periods
        trades = pact.trades
        volume = np.bincount(trades.interval, trades.energy_wh, minlength=periods)
        paid = np.bincount(trades.interval, trades.energy_wh * trades.price, minlength=periods)
        mean_price = (paid / np.maximum(volume, 1))[needs.interval]
        traded = pact.trades.position_wh((members, periods))[needs.member, needs.interval] != 0
        margin = memory[needs.member]
        all_in = np.where(needs.buys, mean_price + book.charge, mean_price - book.charge)
        room = np.where(needs.value == needs.far, 1, needs.value - needs.far)
        target = np.clip((needs.value - all_in) / room, 0.0, 1.0)
        target = np.where(traded, np.maximum(target, margin), np.minimum(target, margin))
        target = np.where(volume[needs.interval] > 0, target, 0.0)
        orders = np.bincount(needs.member, minlength=members)
        step = np.bincount(needs.member, self.rate * (target - margin), minlength=members)
        return np.asarray(memory + step / np.maximum(orders, 1))


STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "truthful": Truthful,
    "zero-intelligence": ZeroIntelligence,
    "adaptive": AdaptiveMargin,
}
"""Strategies by name."""
