"""The exchange's time: the wall clock, or one that runs faster and goes on where it was."""

import time
from dataclasses import dataclass


def wall_clock() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class FastClock:
    """Runs `speed` times as fast as the wall clock, from a start; never backwards. It stands still until it is set going.

    Examples
    --------
    >>> clock = FastClock(start=1_000, speed=60.0)
    >>> clock()
    1000
    >>> clock.go()
    >>> clock() >= 1_000
    True
    """

    start: int
    speed: float
    _began: float | None = None

    def go(self) -> None:
        """Set it going."""
        self._began = time.monotonic()

    def __call__(self) -> int:
        return self.start + (0 if self._began is None else int((time.monotonic() - self._began) * 1000 * self.speed))
