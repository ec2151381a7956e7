"""What a member may send: the rules of the area, and what is narrower for this member."""

from typing import NamedTuple

from gridpact.exchange.state import State
from gridpact.exchange.values import FREE


class Allowed(NamedTuple):
    """The bounds that hold for one member: see `gridpact.exchange.Bounds`."""

    most_wh: int
    lowest_price: int
    highest_price: int
    most_messages: int


def allowed(state: State, member: str) -> Allowed:
    """The narrower of the area's rules and the member's own bounds."""
    rules, own = state.rules, state.bounds.get(member, FREE)
    lowest = -rules.most_price if own.lowest_price is None else max(own.lowest_price, -rules.most_price)
    return Allowed(
        _least(rules.most_wh, own.most_wh),
        lowest,
        _least(rules.most_price, own.highest_price),
        _least(rules.most_messages, own.most_messages),
    )


def _least(of_area: int, own: int | None) -> int:
    return of_area if own is None else min(of_area, own)
