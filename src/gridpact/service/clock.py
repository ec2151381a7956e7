"""The exchange's time: the wall clock, or one that runs faster and goes on where it was."""

import time
from dataclasses import dataclass, field


def wall_clock() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class FastClock:
    """Runs `speed` times as fast as the wall clock, from a start; never backwards.

    Examples
    --------
    >>> clock = FastClock(start=1_000, speed=60.0)
    >>> clock() >= 1_000
    True
    """

    start: int
    speed: float
    _began: float = field(default_factory=time.monotonic)

    def __call__(self) -> int:
        return self.start + int((time.monotonic() - self._began) * 1000 * self.speed)
