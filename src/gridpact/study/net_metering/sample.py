"""Who takes part in the study: few enough members that every coalition can be valued, chosen by a stated rule."""

from dataclasses import dataclass, replace

import numpy as np

from gridpact.community import Community, Profiles
from gridpact.errors import InputError
from gridpact.units import BoolArray, FloatArray, IntArray

MEMBERS = 8
MOST_MEMBERS = 12


@dataclass(frozen=True, eq=False)
class Sample:
    """Members of a community with what their meters would show without battery.

    Attributes
    ----------
    community
        The members chosen and no others, over the horizon of the study.
    rule
        How they were chosen, in words.
    """

    community: Community
    rule: str

    @property
    def size(self) -> int:
        """How many members."""
        return len(self.community.members)

    @property
    def net_kwh(self) -> FloatArray:
        """Net demand ``[member, interval]``, + = consumption."""
        return self.community.profiles.net_kw * self.community.horizon.hours

    @property
    def with_pv(self) -> BoolArray:
        """Who generates anything at all, ``[member]``."""
        return np.asarray(self.community.profiles.pv_kw.any(axis=1))

    @property
    def with_battery(self) -> BoolArray:
        """Who has a battery, ``[member]``."""
        return np.array([member.battery is not None for member in self.community.members], dtype=np.bool_)


def choose(community: Community, members: int | None = None) -> Sample:
    """Take some members of a community: half of them with PV, half of these with a battery, as far as there are such.

    Within each kind they are spread evenly over the order of ids, so that nobody picks and the choice is the same every time.

    Parameters
    ----------
    community
        All members.
    members
        How many; None for `MEMBERS`, or all if there are fewer.

    Raises
    ------
    InputError
        If nobody has PV, or the number is not from 2 to `MOST_MEMBERS`, or exceeds the community.
    """
    count = min(MEMBERS, len(community.members)) if members is None else members
    if not community.profiles.pv_kw.any():
        found = f"no member of {community.name!r} generates anything in these {community.horizon.periods} intervals"
        raise InputError(found, accepted="a community with PV: without a surplus there is nothing to share")
    if count > MOST_MEMBERS:
        raise InputError(
            f"{count} members: the study values every one of 2^{count} coalitions",
            place="--members",
            accepted=f"2 to {MOST_MEMBERS}; for more, gridpact.markets.coalition has sampled Shapley values and the least core "
            "by row generation",
        )
    if not 2 <= count <= len(community.members):
        raise InputError(
            f"{count} members", place="--members", accepted=f"2 to {min(MOST_MEMBERS, len(community.members))}"
        )
    whole = Sample(community, "")
    sunny, stored = whole.with_pv, whole.with_battery
    kinds = [np.flatnonzero(kind) for kind in (sunny & stored, sunny & ~stored, ~sunny)]
    chosen = np.sort(
        np.concatenate([_spread(kind, size) for kind, size in zip(kinds, _sizes(kinds, count), strict=True)])
    )
    return Sample(_only(community, chosen), f"{count} of {len(community.members)} members: {_words(kinds, chosen)}")


def _sizes(kinds: list[IntArray], count: int) -> list[int]:
    """How many of each kind: a quarter, a quarter, a half; what a kind lacks, the others fill up in turn."""
    wanted = [count // 4, count // 2 - count // 4, count - count // 2]
    sizes = [min(size, len(kind)) for size, kind in zip(wanted, kinds, strict=True)]
    while sum(sizes) < count:
        for at in (1, 0, 2):
            if sizes[at] < len(kinds[at]) and sum(sizes) < count:
                sizes[at] += 1
    return sizes


def _spread(kind: IntArray, size: int) -> IntArray:
    """So many of them, evenly spread."""
    return kind[((np.arange(size) + 0.5) * len(kind) / max(size, 1)).astype(np.int64)]


def _words(kinds: list[IntArray], chosen: IntArray) -> str:
    counts = [int(np.isin(kind, chosen).sum()) for kind in kinds]
    names = ("with PV and battery", "with PV alone", "without PV")
    told = ", ".join(f"{count} {name}" for count, name in zip(counts, names, strict=True) if count)
    return f"{told}, evenly spread over the order of ids within each kind"


def _only(community: Community, chosen: IntArray) -> Community:
    profiles = community.profiles
    kept = Profiles(profiles.load_kw[chosen], profiles.pv_kw[chosen], profiles.q_kvar[chosen])
    members = tuple(community.members[at] for at in chosen)
    return replace(community, members=members, profiles=kept, pair_premiums=None)
