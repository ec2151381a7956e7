"""The three state machines: which state may follow which. Whatever is not in these tables is refused."""

from enum import StrEnum
from typing import TypeVar

from gridpact.errors import GridpactError


class ItemState(StrEnum):
    """Of a listing. One that is partly taken stays listed with what is left."""

    LISTED = "LISTED"
    TAKEN = "TAKEN"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"


class OrderState(StrEnum):
    """Of an order. One that is partly matched may have its rest matched, modified or cancelled until the gate closes."""

    PLACED = "PLACED"
    MODIFIED = "MODIFIED"
    CANCELLED = "CANCELLED"
    MATCHED = "MATCHED"
    UNMATCHED = "UNMATCHED"
    ACCEPTED = "ACCEPTED"
    CURTAILED = "CURTAILED"
    REJECTED = "REJECTED"
    DELIVERED = "DELIVERED"


class PositionState(StrEnum):
    """Of a member in an interval. Every member has one, with or without trades."""

    OPEN = "OPEN"
    CONTRACTED = "CONTRACTED"
    METERED = "METERED"
    ESTIMATED = "ESTIMATED"
    SETTLED = "SETTLED"
    RESETTLED = "RESETTLED"


class Phase(StrEnum):
    """Of a delivery interval."""

    OPEN = "OPEN"
    CLEARED = "CLEARED"
    ACCEPTED = "ACCEPTED"
    DELIVERED = "DELIVERED"
    SETTLED = "SETTLED"


ITEM_MOVES: dict[ItemState, frozenset[ItemState]] = {
    ItemState.LISTED: frozenset({ItemState.LISTED, ItemState.TAKEN, ItemState.WITHDRAWN, ItemState.EXPIRED}),
    ItemState.TAKEN: frozenset(),
    ItemState.WITHDRAWN: frozenset(),
    ItemState.EXPIRED: frozenset(),
}

_BEFORE_A_MATCH = frozenset({OrderState.MODIFIED, OrderState.CANCELLED, OrderState.MATCHED, OrderState.UNMATCHED})
ORDER_MOVES: dict[OrderState, frozenset[OrderState]] = {
    OrderState.PLACED: _BEFORE_A_MATCH,
    OrderState.MODIFIED: _BEFORE_A_MATCH,
    OrderState.MATCHED: frozenset({OrderState.MATCHED, OrderState.ACCEPTED, OrderState.CURTAILED, OrderState.REJECTED}),
    OrderState.ACCEPTED: frozenset({OrderState.DELIVERED}),
    OrderState.CURTAILED: frozenset({OrderState.DELIVERED}),
    OrderState.CANCELLED: frozenset(),
    OrderState.UNMATCHED: frozenset(),
    OrderState.REJECTED: frozenset(),
    OrderState.DELIVERED: frozenset(),
}

POSITION_MOVES: dict[PositionState, frozenset[PositionState]] = {
    PositionState.OPEN: frozenset({PositionState.CONTRACTED}),
    PositionState.CONTRACTED: frozenset({PositionState.METERED, PositionState.ESTIMATED}),
    PositionState.METERED: frozenset({PositionState.METERED, PositionState.SETTLED}),
    PositionState.ESTIMATED: frozenset({PositionState.SETTLED}),
    PositionState.SETTLED: frozenset({PositionState.RESETTLED}),
    PositionState.RESETTLED: frozenset({PositionState.RESETTLED}),
}

PHASE_MOVES: dict[Phase, frozenset[Phase]] = {
    Phase.OPEN: frozenset({Phase.CLEARED}),
    Phase.CLEARED: frozenset({Phase.ACCEPTED}),
    Phase.ACCEPTED: frozenset({Phase.DELIVERED}),
    Phase.DELIVERED: frozenset({Phase.SETTLED}),
    Phase.SETTLED: frozenset(),
}

_S = TypeVar("_S", ItemState, OrderState, PositionState, Phase)


class IllegalMoveError(GridpactError):
    """An event moves something to a state that cannot follow its own: the log is not one that this exchange wrote."""


def move(moves: dict[_S, frozenset[_S]], now: _S, then: _S) -> _S:
    """The next state, if it may follow the present one.

    Raises
    ------
    IllegalMoveError
        If it may not.

    Examples
    --------
    >>> move(ITEM_MOVES, ItemState.LISTED, ItemState.TAKEN)
    <ItemState.TAKEN: 'TAKEN'>
    """
    if then not in moves[now]:
        raise IllegalMoveError(f"{type(now).__name__}: {then} cannot follow {now}")
    return then
