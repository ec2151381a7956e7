"""A state as bytes, and back: so that whoever goes on need not read every step again. Checked by the digest of the state."""

from dataclasses import fields
from typing import Any

import msgspec

from gridpact.errors import GridpactError
from gridpact.exchange.events import AreaOpened
from gridpact.exchange.moves import Phase
from gridpact.exchange.roster import Roster
from gridpact.exchange.rules import Rules
from gridpact.exchange.state import Interval, Record, State
from gridpact.exchange.values import Actor, Bounds

DERIVED = ("roster", "book")
"""Of an interval: made again from the rest."""
_KEPT: dict[str, Any] = {each.name: each.type for each in fields(Interval) if each.name not in DERIVED}


class SnapshotError(GridpactError):
    """A snapshot cannot be read, or is not of the state that it says; the steps themselves are the truth."""


class _Frozen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: Rules
    actors: tuple[Actor, ...]
    bounds: dict[str, Bounds]
    binding: set[str]
    final: int
    records: dict[str, Record]
    habits: dict[str, dict[int, tuple[int, int]]]
    intervals: tuple[dict[str, Any], ...]
    members: tuple[tuple[str, ...], ...]
    digest: str


def freeze(state: State) -> bytes:
    """The bytes of a state, with its digest.

    Examples
    --------
    >>> from gridpact.exchange import Exchange, Role, Rules, open_area
    >>> actors = [Actor("grid", Role.DSO), Actor("shop", Role.SUPPLIER), Actor("market", Role.EXCHANGE)]
    >>> state = Exchange.from_steps([open_area(Rules("village"), actors)], lambda command, key: True).state
    >>> thaw(freeze(state)).digest() == state.digest()
    True
    """
    intervals = tuple({name: getattr(each, name) for name in _KEPT} for each in state.intervals.values())
    members = tuple(each.roster.members for each in state.intervals.values())
    actors = tuple(state.actors.values())
    return msgspec.json.encode(
        _Frozen(
            state.rules,
            actors,
            state.bounds,
            state.binding,
            state.final,
            state.records,
            state.habits,
            intervals,
            members,
            state.digest(),
        )
    )


def thaw(frozen: bytes) -> State:
    """The state of these bytes.

    Raises
    ------
    SnapshotError
        If they cannot be read, or the state has another digest than they say.
    """
    try:
        found = msgspec.json.decode(frozen, type=_Frozen)
        state = State(AreaOpened(found.rules, found.actors))
        rosters: dict[tuple[str, ...], Roster] = {}
        for values, members in zip(found.intervals, found.members, strict=True):
            roster = rosters.setdefault(members, Roster.of(found.rules, (state.actors[name] for name in members)))
            kept = {name: msgspec.convert(values[name], kind) for name, kind in _KEPT.items()}
            interval = Interval(roster=roster, **kept)
            _rest_again(interval, found.rules)
            state.intervals[interval.start] = interval
    except (msgspec.MsgspecError, KeyError, ValueError) as error:
        raise SnapshotError(f"a snapshot cannot be read: {error}") from None
    state.bounds, state.binding, state.final = found.bounds, found.binding, found.final
    state.records, state.habits = found.records, found.habits
    if state.digest() != found.digest:
        raise SnapshotError("a snapshot is not of the state that it says")
    return state


def _rest_again(interval: Interval, rules: Rules) -> None:
    """The continuous book: whatever is open in it, in the order of its arrival."""
    if not rules.continuous or interval.phase != Phase.OPEN:
        return
    from gridpact.markets.auction import OrderBook

    interval.book = OrderBook()
    for arrival, key in enumerate(interval.arrivals):
        order = interval.orders[key]
        if order.open_wh and not order.item and order.arrival == arrival:  # a modified order has arrived again
            interval.book.rest(
                arrival,
                owner=interval.roster.at[order.member],
                is_buy=order.is_buy,
                price=interval.roster.before_charges(order.member, order.is_buy, order.price),
                energy_wh=order.open_wh,
            )
