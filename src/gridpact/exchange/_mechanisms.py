"""Which mechanism an area runs, and how it is asked: one adapter a kind, and a table that says which is whose.

Until the gate closes a `Clearing` makes trades of orders. After delivery a pool rule shares what nobody has traded.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from gridpact.errors import GridpactError, InputError
from gridpact.exchange.events import TradeStruck
from gridpact.exchange.rules import Rules
from gridpact.exchange.state import Interval, Order
from gridpact.markets import BidMechanism, Book, Market, OrderMechanism, Pact, PoolRule, make_mechanism
from gridpact.units import IntArray

AMONG_MEMBERS = ("equilibrium", "negotiation")
"""Families whose members agree among themselves: the exchange strikes what they sign, and clears nothing."""


INTERVAL = "interval"
"""Period of a pool rule that shares every interval by itself."""


class Part(NamedTuple):
    """A trade, or the part of one that belongs to one order on each side."""

    seller: int
    buyer: int
    energy_wh: int
    price: int
    leg: int
    sell: str = ""
    buy: str = ""

    def struck(self, interval: Interval, number: int) -> TradeStruck:
        """As an event."""
        members = interval.roster.members
        return TradeStruck(
            interval.start,
            number,
            members[self.seller],
            members[self.buyer],
            self.energy_wh,
            self.price,
            sell=self.sell,
            buy=self.buy,
            leg=f"{interval.start}:{self.leg}" if self.leg >= 0 else "",
        )


class Clearing(Protocol):
    """What becomes of the orders that wait when the gate closes."""

    def clear(self, interval: Interval, orders: dict[str, Order], seed: int, hours: float) -> tuple[list[Part], Pact]:
        """The trades by orders, and the pact whose transfers go with them.

        Parameters
        ----------
        interval
            Whose gate closes.
        orders
            What waits, by key.
        seed
            Breaks ties.
        hours
            Length of the interval.
        """
        ...


@dataclass(frozen=True, slots=True)
class ByBook:
    """A mechanism on orders matches the book."""

    mechanism: OrderMechanism

    def clear(self, interval: Interval, orders: dict[str, Order], seed: int, hours: float) -> tuple[list[Part], Pact]:
        """Match, and give the trades to the orders."""
        pact = self.mechanism.match(_book(interval, orders.values()), seed)
        pact.check(len(interval.roster.members), 1)
        return share_out(pact, interval, orders), pact


@dataclass(frozen=True, slots=True)
class ByBids:
    """A mechanism on bids signs contracts: every order bids for itself, and no two of one member meet."""

    mechanism: BidMechanism

    def clear(self, interval: Interval, orders: dict[str, Order], seed: int, hours: float) -> tuple[list[Part], Pact]:
        """Contract between orders."""
        keys, roster = sorted(orders, key=lambda key: (orders[key].member, orders[key].arrival)), interval.roster
        waiting = [orders[key] for key in keys]
        price = np.array([roster.before_charges(each.member, each.is_buy, each.price) for each in waiting])[:, None]
        energy_wh = np.array([each.open_wh for each in waiting])[:, None]
        buys = np.array([each.is_buy for each in waiting])[:, None]
        owner = np.array([roster.at[each.member] for each in waiting])
        pact = self.mechanism.contract_for(
            np.where(buys, energy_wh, 0), np.where(buys, 0, energy_wh), price, _apart(owner, buys[:, 0], price), hours
        )
        pact.check(len(keys), 1)
        trades = pact.trades
        rows = zip(*(getattr(trades, name).tolist() for name in Part._fields[:5]), strict=True)
        parts = [
            Part(int(owner[seller]), int(owner[buyer]), energy, at, leg, keys[seller], keys[buyer])
            for seller, buyer, energy, at, leg in rows
        ]
        return parts, pact


@dataclass(frozen=True, slots=True)
class AmongMembers:
    """What members have signed is all there is."""

    mechanism: Market

    def clear(self, interval: Interval, orders: dict[str, Order], seed: int, hours: float) -> tuple[list[Part], Pact]:
        """Nothing."""
        return [], Pact()


def _is_among_members(found: Market) -> bool:
    return found.name.partition(":")[0] in AMONG_MEMBERS


_KINDS: tuple[tuple[Callable[[Market], bool], Callable[..., Clearing]], ...] = (
    (lambda found: isinstance(found, OrderMechanism), ByBook),
    (lambda found: isinstance(found, BidMechanism), ByBids),
    (_is_among_members, AmongMembers),
)


def clearing_of(rules: Rules) -> Clearing | None:
    """What brings trades about in an area until the gate closes; None if it is only what members list, take and sign.

    Raises
    ------
    InputError
        If the mechanism is unknown, none that can run here, or does not know an option.
    """
    return _clearing(rules.mechanism, tuple(sorted(rules.options.items()))) if rules.mechanism else None


def pool_of(rules: Rules) -> PoolRule | None:
    """The rule by which members share what nobody has traded; None if there is none.

    Raises
    ------
    InputError
        If the rule is unknown, no pool rule, or does not know an option.
    """
    return _pool(rules.pool, tuple(sorted(rules.pool_options.items()))) if rules.pool else None


@lru_cache(maxsize=64)
def _clearing(name: str, options: tuple[tuple[str, str | int], ...]) -> Clearing:
    found = make_mechanism(name, dict(options))
    for is_one, adapter in _KINDS:
        if is_one(found):
            return adapter(found)
    if isinstance(found, PoolRule):
        raise InputError(f"mechanism {name!r} shares after delivery", place="mechanism", accepted=f"pool = {name!r}")
    accepted = (
        "one with `match`, as the auctions have, or bids, as the assignments; or an equilibrium, or a negotiation"
    )
    raise InputError(f"mechanism {name!r} does not match orders", accepted=accepted)


@lru_cache(maxsize=64)
def _pool(name: str, options: tuple[tuple[str, str | int], ...]) -> PoolRule:
    found = make_mechanism(name, dict(options))
    if not isinstance(found, PoolRule):
        raise InputError(f"{name!r} is no pool rule", place="pool", accepted="one that shares after delivery: pool:mmr")
    period = getattr(found, "period", INTERVAL)
    if period != INTERVAL:
        accepted = "intervals: each is settled by itself"
        raise InputError(f"{name!r} over a {period}", place="pool_options", accepted=accepted)
    return found


def _apart(owner: IntArray, buys: IntArray, price: IntArray) -> IntArray | None:
    """Premiums ``[buyer, seller]`` under which no two orders of one member meet; None if nobody is on both sides."""
    both = np.intersect1d(owner[buys], owner[~buys])
    if not len(both):
        return None
    never = int(price.min() - price.max()) - 1
    return np.where((owner[:, None] == owner) & np.isin(owner, both), never, 0)


def _book(interval: Interval, orders: Collection[Order]) -> Book:
    roster = interval.roster
    rows = []
    for order in orders:
        at = roster.at[order.member]
        charge = roster.buy_charge[at] if order.is_buy else roster.sell_charge[at]
        rows.append((0, int(order.is_buy), at, order.open_wh, order.price, charge))
    return Book(*np.array(rows, dtype=np.int64).T)


def share_out(pact: Pact, interval: Interval, orders: dict[str, Order]) -> list[Part]:
    """Say which orders the trades of a pact belong to.

    A mechanism says who trades, not with which of its orders. A member's dearest purchase goes to its highest bid, its
    cheapest sale to its lowest ask, and so on, earlier orders first: if the trades can be given to the orders without
    passing a limit, this does.
    """
    trades = pact.trades
    parts = [Part(*row) for row in zip(*(getattr(trades, name).tolist() for name in Part._fields[:5]), strict=True)]
    parts = _give(parts, interval, orders, is_buy=True)
    return _give(parts, interval, orders, is_buy=False)


def _give(parts: list[Part], interval: Interval, orders: dict[str, Order], *, is_buy: bool) -> list[Part]:
    sign = -1 if is_buy else 1
    left_wh = {key: order.open_wh for key, order in orders.items()}
    queues: dict[int, deque[str]] = defaultdict(deque)
    for key, order in sorted(orders.items(), key=lambda entry: (sign * entry[1].price, entry[1].arrival)):
        if order.is_buy == is_buy:
            queues[interval.roster.at[order.member]].append(key)
    given: list[tuple[int, Part]] = []
    for row, part in sorted(enumerate(parts), key=lambda entry: (sign * entry[1].price, entry[0])):
        queue, wanted = queues[part.buyer if is_buy else part.seller], part.energy_wh
        while wanted:
            if not queue:
                raise GridpactError(f"the mechanism matched more than a member offered: {part}")
            key = queue[0]
            taken = min(wanted, left_wh[key])
            mine = part._replace(energy_wh=taken, buy=key) if is_buy else part._replace(energy_wh=taken, sell=key)
            given.append((row, mine))
            wanted -= taken
            left_wh[key] -= taken
            if left_wh[key] == 0:
                queue.popleft()
    return [part for _, part in sorted(given, key=lambda entry: entry[0])]
