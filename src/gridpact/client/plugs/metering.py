"""From readings of power, or of a counter, to the energy of intervals, in whole Wh of which none is lost."""

from collections.abc import Iterator
from dataclasses import dataclass

from gridpact.errors import InputError

MS_PER_HOUR = 3_600_000


@dataclass(slots=True)
class IntervalMeter:
    """Adds up power to the energy of each interval.

    A power holds until the next one comes. An interval in which no power came for longer than ``longest_gap_ms``, or that was
    not seen from its beginning, is not reported: the exchange estimates it. What rounding leaves over goes to the next one.

    Attributes
    ----------
    step_ms
        Length of an interval.
    longest_gap_ms
        Between two powers.

    Examples
    --------
    >>> meter = IntervalMeter(step_ms=900_000, longest_gap_ms=900_000)
    >>> list(meter.power(0, 2.0))
    []
    >>> list(meter.power(450_000, -1.0))
    []
    >>> list(meter.power(900_000, 0.0))  # a quarter of an hour: half of it at 2 kW, half of it at −1 kW
    [(0, 125)]
    """

    step_ms: int
    longest_gap_ms: int = 60_000
    _at: int = -1
    _kw: float = 0.0
    _kwms: float = 0.0
    _left_wh: float = 0.0
    _whole: bool = False

    def power(self, at: int, kw: float) -> Iterator[tuple[int, int]]:
        """Take a power, + = import; gives start and energy, Wh, of the intervals that have ended.

        Raises
        ------
        InputError
            If the time runs backwards.
        """
        if at < self._at:
            raise InputError(f"a power at {at} after one at {self._at}", accepted="times that do not run backwards")
        if self._at < 0:
            self._whole = at % self.step_ms == 0
            self._at, self._kw = at, kw
            return
        is_known = at - self._at <= self.longest_gap_ms
        while self._at // self.step_ms < at // self.step_ms:
            end = (self._at // self.step_ms + 1) * self.step_ms
            self._add(end)
            if self._whole and is_known:
                wh = self._kwms / MS_PER_HOUR * 1_000 + self._left_wh
                self._left_wh = wh - round(wh)
                yield end - self.step_ms, round(wh)
            self._kwms, self._whole = 0.0, is_known
        self._add(at)
        self._whole &= is_known
        self._kw = kw

    def _add(self, until: int) -> None:
        self._kwms += self._kw * (until - self._at)
        self._at = until
