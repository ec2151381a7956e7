"""How orders become trades: at once in the continuous book, or all together when the gate closes."""

import hashlib
from collections import defaultdict, deque
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec
import numpy as np

from gridpact.errors import GridpactError, InputError
from gridpact.exchange.events import (
    AnyEvent,
    GateClosed,
    ItemExpired,
    OrdersNetted,
    OrderUnmatched,
    TradeStruck,
    TransferMade,
)
from gridpact.exchange.moves import ItemState
from gridpact.exchange.rules import Rules
from gridpact.exchange.state import Interval, Order, State
from gridpact.exchange.values import Role
from gridpact.markets import Book, OrderMechanism, Pact, Party, make_mechanism

SEED_BYTES = 8
ROLES = {Party.SUPPLIER: Role.SUPPLIER, Party.DSO: Role.DSO, Party.EXCHANGE: Role.EXCHANGE}


def meet(interval: Interval, key: str, member: str, is_buy: bool, limit: int, energy_wh: int) -> Iterator[AnyEvent]:
    """What an order does in the continuous book as it comes: trades at the prices of those who rest.

    Two orders of one member do not trade; where they meet, both are reduced.
    """
    if interval.book is None:
        return
    roster, number = interval.roster, len(interval.trades)
    price = roster.before_charges(member, is_buy, limit)
    for met in interval.book.meetings(is_buy=is_buy, price=price, energy_wh=energy_wh):
        other = interval.arrivals[met.order]
        buy, sell = (key, other) if is_buy else (other, key)
        if met.owner == roster.at[member]:
            yield OrdersNetted(interval.start, buy, sell, met.energy_wh)
            continue
        seller, buyer = interval.orders[other].member, member
        if not is_buy:
            seller, buyer = buyer, seller
        yield TradeStruck(interval.start, number, seller, buyer, met.energy_wh, met.price, sell=sell, buy=buy)
        number += 1


def close_gate(state: State, interval: Interval) -> Iterator[AnyEvent]:
    """Clear the book, and let lapse what has not found anybody."""
    for key, item in interval.items.items():
        if item.state == ItemState.LISTED:
            yield ItemExpired(interval.start, key)
    waiting = {key: order for key, order in interval.orders.items() if order.open_wh}
    seed = seed_of(waiting)
    matched = set()
    if waiting and (mechanism := order_mechanism(state.rules)) is not None:
        pact = mechanism.match(_book(interval, waiting.values()), int(seed, 16))
        pact.check(len(interval.roster.members), 1)
        for number, part in enumerate(share_out(pact, interval, waiting), start=len(interval.trades)):
            matched |= {part.sell, part.buy}
            yield part.struck(interval, number)
        yield from transfers(state, interval, pact)
    for key, order in waiting.items():
        if order.matched_wh == 0 and key not in matched:
            yield OrderUnmatched(interval.start, key)
    yield GateClosed(interval.start, seed)


def seed_of(orders: dict[str, Order]) -> str:
    """64 bits of the hash of the signed order set, hexadecimal: nobody knows it before the gate has closed."""
    signed = sorted((key, order.signature) for key, order in orders.items())
    return hashlib.sha256(msgspec.json.encode(signed)).hexdigest()[: 2 * SEED_BYTES]


def order_mechanism(rules: Rules) -> OrderMechanism | None:
    """The mechanism that clears the book of an area, if one does.

    Raises
    ------
    InputError
        If it is unknown, does not match orders, or does not know an option.
    """
    return _mechanism(rules.mechanism, tuple(sorted(rules.options.items()))) if rules.mechanism else None


@lru_cache(maxsize=64)
def _mechanism(name: str, options: tuple[tuple[str, str | int], ...]) -> OrderMechanism:
    found = make_mechanism(name, dict(options))
    if not isinstance(found, OrderMechanism):
        raise InputError(f"mechanism {name!r} does not match orders", accepted="one with `match`, as the auctions have")
    return found


def _book(interval: Interval, orders: Collection[Order]) -> Book:
    roster = interval.roster
    rows = []
    for order in orders:
        at = roster.at[order.member]
        charge = roster.buy_charge[at] if order.is_buy else roster.sell_charge[at]
        rows.append((0, int(order.is_buy), at, order.open_wh, order.price, charge))
    return Book(*np.array(rows, dtype=np.int64).T)


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


def transfers(state: State, interval: Interval, pact: Pact) -> Iterator[TransferMade]:
    """The transfers of a pact, by names."""
    members, rows = interval.roster.members, pact.transfers

    def name(party: int) -> str:
        return members[party] if party >= 0 else state.holder(ROLES[Party(party)])

    columns = (column.tolist() for column in (rows.payer, rows.payee, rows.amount, rows.reason))
    for payer, payee, amount, reason in zip(*columns, strict=True):
        yield TransferMade(interval.start, name(payer), name(payee), amount, reason)
