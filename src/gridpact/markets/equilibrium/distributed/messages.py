"""All that is ever said. Powers and prices are in `Units`, one number an hour."""

from math import isfinite, isnan
from typing import TypeAlias

import msgspec

Hours: TypeAlias = tuple[float, ...]


class Wish(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """A member to the operator: what it would import, and draw at its bus.

    Attributes
    ----------
    version
        Number of the wish.
    imports, draws
        p_mg, and the net draw at its bus (an injection, if negative).
    mismatch, step, moved
        For the stopping rule: its largest mismatch with a partner, its largest step, and the squared 2-norm of the step of the
        prices of its links.
    done
        It has heard that all is done.
    """

    version: int
    imports: Hours
    draws: Hours
    mismatch: float
    step: float
    moved: float
    done: bool


class Offer(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """A member to a partner: what it would buy from it.

    Attributes
    ----------
    version
        Number of the offer on this link; both ends' offers of one number make a trade.
    trade
        p_ij as a proposal.
    scale
        Factor of all weights that the sender has heard of last.
    """

    version: int
    trade: Hours
    scale: float


class GridPrice(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """The operator to all: the price of imports, which is that of σ and of the bounds λ together.

    Attributes
    ----------
    version
        Number of the operator's answer.
    price
        Per hour.
    scale
        Factor of all weights from now on.
    done
        The stopping rule is met: what was done last is the outcome.
    """

    version: int
    price: Hours
    scale: float
    done: bool


class BusPrice(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """The operator to the members at a bus: the multiplier of its balance."""

    version: int
    price: Hours


Message: TypeAlias = Wish | Offer | GridPrice | BusPrice


def is_sound(message: Message, hours: int) -> bool:
    """Whether a message is one of a game of so many hours: what is none is passed over, whoever sent it.

    Examples
    --------
    >>> [is_sound(BusPrice(1, prices), 2) for prices in ((0.1, 0.2), (0.1,), (0.1, float("nan")))]
    [True, False, False]
    """
    return all(
        len(value) == hours and all(map(isfinite, value)) if isinstance(value, tuple) else not isnan(value)
        for value in msgspec.structs.astuple(message)
    )
