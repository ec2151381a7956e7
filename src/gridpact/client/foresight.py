"""What a home expects of its next hours, from what it has measured itself: light enough for the smallest computer.

Load is as on the two days before within an hour of that time, moved by half of what the last hour differed from it. PV follows
the brightest of the last days at about that time, its clear day, scaled by how bright the last interval was against it: a cloud
stays for a while.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gridpact.units import FloatArray

DAY_MS = 86_400_000
DAYS = 2
"""How many days back it looks."""
AROUND = RECENT = 4
"""Intervals before and behind that are averaged with the one at the same time; the last ones, whose deviation is looked at."""
STAYS = 0.5
"""Share of a deviation of load that is still there an hour later."""
BRIGHTEST = 1.5
"""No present is taken to be brighter than that against the last days."""
USUAL, DARK_KW = 0.6, 0.02
"""How bright it is taken to be while even the last days had less sun than that: in the morning of a day yet unknown."""

Measured = Callable[[int], float]
"""Mean power in the interval that begins at a time, kW; it is asked for the past only."""


@dataclass(frozen=True, slots=True)
class Foresight:
    """See the module.

    Attributes
    ----------
    load_kw, pv_kw
        What was measured.
    step_ms
        Length of an interval.

    Examples
    --------
    A home as every day, in whose last hour load was 0.4 kW higher than usual:

    >>> hour = 3_600_000
    >>> load = lambda start: 1.4 if start >= 71 * hour else 1.0
    >>> Foresight(load, lambda start: 0.0, hour // 4).net_kw(72 * hour, 72 * hour + hour // 2).round(3).tolist()
    [1.2, 1.2, 1.2]
    """

    load_kw: Measured
    pv_kw: Measured
    step_ms: int

    def net_kw(self, now: int, until: int) -> FloatArray:
        """Load minus PV from the interval under way to the one that begins at ``until``, as seen at ``now``."""
        begin = now // self.step_ms * self.step_ms
        recent = [begin - back * self.step_ms for back in range(1, RECENT + 1)]
        moved = STAYS * float(np.mean([self.load_kw(at) - self._usual(at, begin) for at in recent]))
        clear = self._clear(recent[0], begin)
        bright = min(self.pv_kw(recent[0]) / clear, BRIGHTEST) if clear > DARK_KW else USUAL
        starts = range(begin, until + self.step_ms, self.step_ms)
        return np.array(
            [max(self._usual(at, begin) + moved, 0.0) - bright * self._clear(at, begin) for at in starts],
            dtype=np.float64,
        )

    def _days_before(self, at: int, begin: int, around: int) -> list[int]:
        """About the same time on the last days of which all of it was measured by ``begin``."""
        least = max((at + (around + 1) * self.step_ms - begin + DAY_MS - 1) // DAY_MS, 1)
        shifts = range(-around * self.step_ms, (around + 1) * self.step_ms, self.step_ms)
        return [at - days * DAY_MS + shift for days in range(least, least + DAYS) for shift in shifts]

    def _usual(self, at: int, begin: int) -> float:
        return float(np.mean([self.load_kw(before) for before in self._days_before(at, begin, AROUND)]))

    def _clear(self, at: int, begin: int) -> float:
        return max(self.pv_kw(before) for before in self._days_before(at, begin, 1))
