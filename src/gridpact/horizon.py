"""The time grid. Intervals are named by their start, UTC inside, local time only at the edge."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from gridpact.errors import InputError
from gridpact.units import IntArray


@dataclass(frozen=True, slots=True)
class Horizon:
    """Equal intervals that follow each other without a gap.

    Parameters
    ----------
    start
        Start of the first interval, timezone-aware; kept in UTC.
    step
        Length of an interval.
    periods
        How many intervals.

    Examples
    --------
    >>> day = Horizon(datetime(2025, 6, 1, tzinfo=UTC), timedelta(minutes=15), 96)
    >>> day.hours, day.stop.isoformat()
    (0.25, '2025-06-02T00:00:00+00:00')
    >>> day.window(4, 8).start.isoformat()
    '2025-06-01T01:00:00+00:00'
    """

    start: datetime
    step: timedelta
    periods: int

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise InputError(f"{self.start} has no time zone", place="start", accepted="a timezone-aware time")
        if self.step <= timedelta(0):
            raise InputError(f"{self.step} is not positive", place="step", accepted="a positive length of time")
        if self.periods < 0:
            raise InputError(f"{self.periods} is negative", place="periods", accepted="a whole number from 0 up")
        object.__setattr__(self, "start", self.start.astimezone(UTC))

    @property
    def hours(self) -> float:
        """Length of an interval in hours."""
        return self.step / timedelta(hours=1)

    @property
    def stop(self) -> datetime:
        """End of the last interval."""
        return self.start + self.periods * self.step

    @property
    def per_day(self) -> int:
        """Intervals in 24 hours, at least one."""
        return max(1, round(timedelta(days=1) / self.step))

    def index(self) -> Any:
        """Starts of the intervals as a ``pandas.DatetimeIndex`` in UTC."""
        import pandas as pd

        return pd.date_range(self.start, periods=self.periods, freq=self.step, name="time_utc")

    def window(self, first: int, last: int) -> "Horizon":
        """The intervals ``first`` (included) to ``last`` (excluded)."""
        if not 0 <= first <= last <= self.periods:
            raise ValueError(f"window {first}:{last} is outside of 0:{self.periods}")
        return Horizon(self.start + first * self.step, self.step, last - first)

    def minute_of_day(self, zone: str) -> IntArray:
        """Local time of day of each interval in minutes, shape ``[interval]``."""
        local = self.index().tz_convert(zone)
        return np.asarray(local.hour * 60 + local.minute, dtype=np.int64)
