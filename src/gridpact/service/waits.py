"""How long each member waits: from its message's arrival at the writer until the answer is durable and on its way.

Whoever runs a market sees with it whether everybody is served alike. It is measured by the process and not kept in the journal:
times of a computer are no part of what follows from the commands.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from gridpact.exchange.monitor import Alarm, AlarmKind, Thresholds

SHORTEST_S = 1e-4
CLASSES = 20
"""Of waiting times: each twice as long as the one before, from `SHORTEST_S` to about a minute."""


@dataclass(slots=True)
class Wait:
    """Of one member: how many answers, seconds in all, the longest, and how many in each class of waiting times."""

    answers: int = 0
    total_s: float = 0.0
    longest_s: float = 0.0
    classes: list[int] = field(default_factory=lambda: [0] * CLASSES)

    @property
    def mean_s(self) -> float:
        """Mean."""
        return self.total_s / self.answers if self.answers else 0.0

    @property
    def median_s(self) -> float:
        """Upper end of the class in which the middle answer lies: within a factor of two."""
        half, so_far = self.answers / 2, 0
        for number, count in enumerate(self.classes):
            so_far += count
            if so_far >= half:
                return min(SHORTEST_S * 2.0**number, self.longest_s)
        return self.longest_s

    def add(self, seconds: float) -> None:
        """One more answer."""
        self.answers += 1
        self.total_s += seconds
        self.longest_s = max(self.longest_s, seconds)
        number = math.ceil(math.log2(seconds / SHORTEST_S)) if seconds > SHORTEST_S else 0
        self.classes[min(number, CLASSES - 1)] += 1


@dataclass(slots=True)
class Waits:
    """Of everybody, by member.

    Examples
    --------
    >>> waits = Waits()
    >>> waits.add("ann", 0.004)
    >>> waits.members["ann"].answers, waits.members["ann"].mean_s
    (1, 0.004)
    """

    members: dict[str, Wait] = field(default_factory=dict)

    def add(self, member: str, seconds: float) -> None:
        """Somebody has been answered."""
        self.members.setdefault(member, Wait()).add(seconds)

    def unequal(self, now: int, thresholds: Thresholds) -> Iterator[Alarm]:
        """Members who wait much longer than the one in the middle; ``now`` in milliseconds since 1970 UTC."""
        known = {member: wait for member, wait in self.members.items() if wait.answers >= thresholds.answers}
        means = sorted(wait.mean_s for wait in known.values())
        if len(means) < 3:
            return
        middle = means[(len(means) - 1) // 2]
        for member, wait in sorted(known.items()):
            if wait.mean_s >= max(thresholds.slower * middle, middle + thresholds.slower_s):
                text = f"{member} waits {wait.mean_s * 1e3:.0f} ms for an answer, the one in the middle {middle * 1e3:.0f} ms"
                yield Alarm(now, now, AlarmKind.ACCESS, text, member)
