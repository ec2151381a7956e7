"""The records of members and their links: blank ones, and what can be read from them at the end.

Used for all members at once by the array simulation, and by every agent for itself.
"""

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.assignment.negotiation import _fields as f
from gridpact.markets.assignment.points import CorePoint
from gridpact.units import BoolArray, FloatArray, IntArray

POINTS = (CorePoint.MIDPOINT, CorePoint.BUYER_OPTIMAL, CorePoint.SELLER_OPTIMAL)


def new_member(number: int, *, buys: bool) -> IntArray:
    """The record of a member before the first round."""
    record = np.zeros(f.MEMBER, dtype=np.int64)
    record[[f.STAGE, f.PARTNER, f.PENDING, f.REST, f.PARENT]] = f.NONE
    record[f.NAME] = record[f.ROOT] = number
    record[f.IS_BUYER] = buys
    record[f.PUBLIC] = f.NONE if buys else 0
    return record


def new_links(values: IntArray) -> IntArray:
    """The records of a member's links before the first round."""
    records = np.zeros((len(values), f.CONTACT), dtype=np.int64)
    records[:, f.VALUE] = values
    records[:, [f.H_ROOT, f.C_STAGE]] = f.NONE
    return records


def payoff(members: IntArray, point: CorePoint) -> FloatArray:
    """What members get, from their records ``[..., field]`` at the end: between their least and most in the core."""
    most, least = members[..., f.PUBLIC].astype(np.float64), members[..., f.REST].astype(np.float64)
    if point == CorePoint.MIDPOINT:
        chosen = (least + most) / 2
    elif point in POINTS:
        chosen = np.where((members[..., f.IS_BUYER] == 1) == (point == CorePoint.BUYER_OPTIMAL), most, least)
    else:
        raise InputError(f"the point {point}", place="negotiation", accepted=", ".join(POINTS))
    return np.asarray(np.where(members[..., f.PARTNER] == f.NONE, 0.0, chosen))


def unanswered(member: IntArray, links: IntArray, patience: int, since: int) -> BoolArray:
    """Contacts that have never been heard, have not acknowledged, or are children and have not reported.

    Parameters
    ----------
    member
        The record of the owner of each link, ``[link, field]``, or one for all.
    links
        ``[link, field]``.
    patience
        0 where words are not acknowledged.
    since
        Round from which on a child must have been heard; each reports in every round in which it is awake.
    """
    never, late = links[:, f.H_VERSION] == 0, links[:, f.ACKED] < links[:, f.VERSION]
    child = (links[:, f.H_CHILD] == 1) & (links[:, f.H_ROOT] == member[..., f.ROOT])
    return np.asarray(never | (late & (patience > 0)) | (child & (links[:, f.HEARD_AT] < since)))


def repeat_after(*, reliable: bool, most: int, patience: int | None) -> int:
    """Rounds until a word is repeated, 0 where none can be lost: by default the longest way there and back."""
    if patience is not None and not patience >= 1:
        raise InputError(f"patience = {patience}", place="negotiation", accepted="rounds, at least 1")
    return 0 if reliable else patience or 2 * most


def check_deadline(deadline: int) -> None:
    """Refuse a deadline that leaves no round without news."""
    if not deadline >= 1:
        raise InputError(f"deadline = {deadline}", place="negotiation", accepted="rounds, at least 1")
