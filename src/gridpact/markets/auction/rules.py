"""Who trades how much with whom at which price: one matching rule a class, over sorted books of many intervals.

Guarantees, sources and what each rule does not promise stand in ``docs/mechanisms/auction.md``.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Protocol

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.auction import _audit, _kernels, _ladder
from gridpact.markets.auction.merit import MeritOrder
from gridpact.markets.pact import Party
from gridpact.units import IntArray


@dataclass(frozen=True, eq=False)
class Matching:
    """What a rule decides.

    Attributes
    ----------
    award
        What each sorted order trades, Wh ``[order]``.
    pairs
        Ask, bid (positions in the merit order), Wh, price of each trade, ``[4, pair]``, by interval.
    money
        What each bid pays and each ask receives in all, Wh times micro-units per kWh ``[order]``; None where that follows from
        the pairs.
    """

    award: IntArray
    pairs: IntArray
    money: IntArray | None = None


class Payments(IntEnum):
    """What a member should pay and receive in all, as far as the certificate can tell from book and seed."""

    UNCHECKED = _audit.UNCHECKED
    MIDPOINT = _audit.MIDPOINT
    MARGINAL_PAIR = _audit.MARGINAL_PAIR
    OTHER_HALF = _audit.OTHER_HALF
    OTHER_HALF_VICKREY = _audit.OTHER_HALF_VICKREY
    CLARKE = _audit.CLARKE


@dataclass(frozen=True, slots=True)
class Claims:
    """What the certificate of a rule claims.

    Attributes
    ----------
    efficient
        No other set of trades has more welfare.
    clearing_price
        Trades are priced inside of the crossing interval.
    no_surplus, no_deficit
        The members' payments leave nothing over; they cover what is paid out.
    payments
        What each member pays and receives.
    """

    efficient: bool = False
    clearing_price: bool = False
    no_surplus: bool = True
    no_deficit: bool = True
    payments: Payments = Payments.UNCHECKED


class Rule(Protocol):
    """A matching rule."""

    @property
    def claims(self) -> Claims:
        """What its certificate claims."""
        ...

    @property
    def sponsor(self) -> Party:
        """Who pays a deficit."""
        ...

    def match(self, orders: MeritOrder, seed: np.uint64) -> Matching:
        """Match every interval."""
        ...


@dataclass(frozen=True, slots=True)
class Uniform:
    """One price an interval: the middle of the crossing interval, rounded down."""

    claims: ClassVar[Claims] = Claims(efficient=True, clearing_price=True, payments=Payments.MIDPOINT)
    sponsor: ClassVar[Party] = Party.EXCHANGE

    def match(self, orders: MeritOrder, seed: np.uint64) -> Matching:
        """Largest volume; the marginal price level shares pro rata."""
        return Matching(*_kernels.match_efficient(orders.start, orders.middle, orders.price, orders.energy_wh, -1))


@dataclass(frozen=True, slots=True)
class PayAsBid:
    """The awards of `Uniform`; each pair trades at ask + ``bid_share`` · (bid − ask), rounded down."""

    bid_share: float = 1.0
    claims: ClassVar[Claims] = Claims(efficient=True)
    sponsor: ClassVar[Party] = Party.EXCHANGE

    def __post_init__(self) -> None:
        if not 0.0 <= self.bid_share <= 1.0:
            raise InputError(f"k = {self.bid_share!r} is out of range", place="pay-as-bid", accepted="from 0 to 1")

    def match(self, orders: MeritOrder, seed: np.uint64) -> Matching:
        """Largest volume; the highest bid meets the cheapest ask."""
        share = round(self.bid_share * _kernels.PER_MILLION)
        return Matching(*_kernels.match_efficient(orders.start, orders.middle, orders.price, orders.energy_wh, share))


@dataclass(frozen=True, slots=True)
class TradeReduction:
    """The last trading ask and bid set the two prices and do not trade; the long side shares its loss equally."""

    claims: ClassVar[Claims] = Claims(no_surplus=False, payments=Payments.MARGINAL_PAIR)
    sponsor: ClassVar[Party] = Party.EXCHANGE

    def match(self, orders: MeritOrder, seed: np.uint64) -> Matching:
        """Sellers get the marginal ask, buyers pay the marginal bid."""
        return Matching(
            *_kernels.match_reduced(
                orders.start, orders.middle, orders.interval, orders.member, orders.price, orders.energy_wh, seed
            )
        )


@dataclass(frozen=True, slots=True)
class Muda:
    """Members fall into two halves by lot; each half trades at the price that would clear the other."""

    vickrey: bool = False
    sponsor: ClassVar[Party] = Party.EXCHANGE

    @property
    def claims(self) -> Claims:
        """Only Vickrey payments leave a surplus."""
        payments = Payments.OTHER_HALF_VICKREY if self.vickrey else Payments.OTHER_HALF
        return Claims(no_surplus=not self.vickrey, payments=payments)

    def match(self, orders: MeritOrder, seed: np.uint64) -> Matching:
        """The short side trades in full; the long side by lot, or by merit against Vickrey payments."""
        columns = orders.start, orders.middle, orders.interval, orders.member, orders.price, orders.energy_wh
        award, pairs, money = _kernels.match_muda(*columns, orders.members, self.vickrey, seed)
        return Matching(award, pairs, money if self.vickrey else None)


@dataclass(frozen=True, slots=True)
class Clarke:
    """The awards of `Uniform`; every member pays what its presence costs the others, the sponsor makes up the difference."""

    sponsor: Party = Party.EXCHANGE
    claims: ClassVar[Claims] = Claims(efficient=True, clearing_price=True, no_deficit=False, payments=Payments.CLARKE)

    def match(self, orders: MeritOrder, seed: np.uint64) -> Matching:
        """Trades at the uniform price; transfers bring each member to its Clarke payment."""
        columns = orders.price, orders.energy_wh
        award, pairs = _kernels.match_efficient(orders.start, orders.middle, *columns, -1)
        money = _kernels.clarke_money(orders.start, orders.middle, orders.member, *columns, award, orders.members)
        return Matching(award, pairs, money)


@dataclass(frozen=True, slots=True)
class RandomPairs:
    """Asks and bids meet by lot, some rounds; who can agree trades at the midpoint."""

    rounds: int = 8
    claims: ClassVar[Claims] = Claims()
    sponsor: ClassVar[Party] = Party.EXCHANGE

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise InputError(f"rounds = {self.rounds!r} is out of range", place="random", accepted="from 1 up")

    def match(self, orders: MeritOrder, seed: np.uint64) -> Matching:
        """The baseline that any rule should beat."""
        columns = orders.start, orders.middle, orders.interval, orders.price, orders.energy_wh
        return Matching(*_kernels.match_random(*columns, self.rounds, seed))


@dataclass(frozen=True, slots=True)
class Continuous:
    """The orders of an interval arrive in a drawn order at a continuous book: price, then time."""

    claims: ClassVar[Claims] = Claims()
    sponsor: ClassVar[Party] = Party.EXCHANGE

    def match(self, orders: MeritOrder, seed: np.uint64) -> Matching:
        """The resting order sets the price."""
        columns = orders.start, orders.middle, orders.interval, orders.member, orders.price, orders.energy_wh
        return Matching(*_ladder.match_in_random_order(*columns, seed))
