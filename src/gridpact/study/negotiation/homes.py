"""Whose profiles a case runs on: homes of a community, those with PV first."""

from dataclasses import dataclass

import numpy as np

from gridpact.community import Community
from gridpact.errors import InputError
from gridpact.study.negotiation.cases import INTERVALS
from gridpact.units import FloatArray

PER_DAY = 96
TAIL = PER_DAY
"""Intervals after the last negotiation, in which the last loans come back."""


@dataclass(frozen=True, eq=False)
class Homes:
    """Profiles for the members of a case.

    Attributes
    ----------
    net_kw
        Net demand before batteries, ``[member, interval]``, + = consumption; the tail included.
    names
        The home behind each member.
    rule
        How they were chosen, in words.
    """

    net_kw: FloatArray
    names: tuple[str, ...]
    rule: str


def choose_homes(community: Community, members: int, intervals: int = INTERVALS) -> Homes:
    """Take homes of a community for a case: those with PV in the order of their ids, then the others.

    Where there are fewer homes than members, they are taken again, each time a day later and the first days last: two members
    of the same home then do not need the same at the same time.

    Parameters
    ----------
    community
        With intervals of 15 minutes.
    members
        How many.
    intervals
        In which there are negotiations.

    Raises
    ------
    InputError
        If the intervals are of another length, or too few with the tail.
    """
    horizon = community.horizon
    if horizon.per_day != PER_DAY:
        raise InputError(
            f"intervals of {horizon.step}", place=f"community {community.name}", accepted="intervals of 15 minutes"
        )
    if horizon.periods < intervals + TAIL:
        raise InputError(
            f"{horizon.periods} intervals",
            place=f"community {community.name}",
            accepted=f"{intervals + TAIL}: {intervals} to negotiate in, and a day in which the last loans come back",
        )
    has_pv = np.asarray(community.profiles.pv_kw.any(axis=1))
    order = np.concatenate([np.flatnonzero(has_pv), np.flatnonzero(~has_pv)])
    chosen, turn = order[np.arange(members) % len(order)], np.arange(members) // len(order)
    net_kw = community.profiles.net_kw[:, : intervals + TAIL]
    rows = np.stack([np.roll(net_kw[home], -PER_DAY * later) for home, later in zip(chosen, turn, strict=True)])
    suns = int(has_pv[chosen].sum())
    rule = f"the first {members} of {len(order)} homes by id, those with PV first: {suns} with PV"
    if turn.any():
        rule = f"all {len(order)} homes, some of them again with their profile a day later: {suns} of {members} with PV"
    return Homes(rows, tuple(community.member_ids[home] for home in chosen), rule)
