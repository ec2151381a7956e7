"""How orders become trades: at once in the continuous book, or all together when the gate closes."""

import hashlib
from collections.abc import Collection, Iterator

import msgspec

from gridpact.exchange._mechanisms import clearing_of
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
from gridpact.exchange.rules import HOUR
from gridpact.exchange.state import Interval, Order, State
from gridpact.exchange.values import Role
from gridpact.markets import Pact, Party

SEED = b"gridpact/v1/seed\n"
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
    seed = seed_of(waiting.values())
    matched = set()
    if waiting and (clearing := clearing_of(state.rules)) is not None:
        parts, pact = clearing.clear(interval, waiting, int(seed, 16), state.rules.step_ms / HOUR)
        for number, part in enumerate(parts, start=len(interval.trades)):
            matched |= {part.sell, part.buy}
            yield part.struck(interval, number)
        yield from transfers(state, interval, pact)
    for key, order in waiting.items():
        if order.matched_wh == 0 and key not in matched:
            yield OrderUnmatched(interval.start, key)
    yield GateClosed(interval.start, seed)


def seed_of(orders: Collection[Order]) -> str:
    """64 bits of the hash of what is ordered, hexadecimal: nobody knows it before the gate has closed.

    Numbers of commands, times and signatures do not enter: a member could try some at no cost until the ties suit.
    """
    ordered = sorted((order.member, order.is_buy, order.open_wh, order.price) for order in orders)
    return hashlib.sha256(SEED + msgspec.json.encode(ordered)).hexdigest()[: 2 * SEED_BYTES]


def transfers(state: State, interval: Interval, pact: Pact) -> Iterator[TransferMade]:
    """The transfers of a pact, by names."""
    members, rows = interval.roster.members, pact.transfers

    def name(party: int) -> str:
        return members[party] if party >= 0 else state.holder(ROLES[Party(party)])

    columns = (column.tolist() for column in (rows.payer, rows.payee, rows.amount, rows.reason))
    for payer, payee, amount, reason in zip(*columns, strict=True):
        yield TransferMade(interval.start, name(payer), name(payee), amount, reason)
