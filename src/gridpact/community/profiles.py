"""Series of a horizon from files: gaps found and filled as stated, resampled with energy kept, aligned in time."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import gcd
from pathlib import Path

import numpy as np
import pandas as pd

from gridpact.community.decode import zone_of
from gridpact.community.schema import PriceTable, ProfileTable, TimeTable
from gridpact.community.tables import Layout, read_columns, read_layout, utc_times
from gridpact.errors import InputError
from gridpact.horizon import Horizon
from gridpact.units import FloatArray, IntArray, kw_factor

_SECOND = 1_000_000_000
_HOUR = 3600 * _SECOND
_DAY = 24 * _HOUR
_MOST_PARTS = 1440


@dataclass(frozen=True, eq=False)
class Series:
    """Readings at equal steps, as a file has them.

    Attributes
    ----------
    start, step
        Of the first reading, nanoseconds since 1970 UTC, and the length of a reading's interval, nanoseconds.
    values
        ``[column, reading]``; NaN where a reading is missing.
    """

    start: int
    step: int
    values: FloatArray

    @property
    def stop(self) -> int:
        """End of the last reading."""
        return self.start + self.step * int(self.values.shape[1])


@dataclass(frozen=True, slots=True)
class SeriesFile:
    """A file of series and how it is read.

    Attributes
    ----------
    spec
        The table that names it.
    layout
        Its columns.
    place
        Where the table stands, for messages.
    signed
        Whether negative values are meant.
    notes
        What was assumed and changed while reading.
    """

    spec: TimeTable
    layout: Layout
    place: str
    signed: bool
    notes: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, spec: TimeTable, folder: Path, place: str, *, signed: bool) -> "SeriesFile":
        """Find the file and its columns; the values stay unread."""
        if spec.time_zone is not None:
            zone_of(spec.time_zone, place=f"{place}.time_zone")
        return cls(spec, read_layout(folder / spec.file, spec.time_column), place, signed)

    def read(self, columns: list[str], horizon: Horizon, default_zone: str) -> FloatArray:
        """The columns over the horizon as means of its intervals, times ``factor``, ``[column, interval]``.

        Units are converted: a profile comes as kW (or per unit), a price as it stands.
        """
        times, values = read_columns(self.layout, columns)
        stamps, assumed = utc_times(
            times, self.layout, zone=self.spec.time_zone, default_zone=default_zone, time_format=self.spec.time_format
        )
        if assumed is not None:
            self.notes.append(f"{self.layout.path}: times without a zone were read as {assumed}")
        series = on_grid(stamps, values, str(self.layout.path))
        if self.spec.align == "exact":
            window = _exact_window(series, horizon, str(self.layout.path))
        else:
            window = slice(0, series.values.shape[1])
        filled = self._filled(series, window, columns)
        self._refuse_or_clip(filled.values[:, window], filled.start + window.start * filled.step, filled.step, columns)
        take = to_horizon if self.spec.align == "exact" else _of_calendar
        return take(filled, horizon, str(self.layout.path)) * self._to_kw(filled.step)

    def _to_kw(self, step: int) -> float:
        if not isinstance(self.spec, ProfileTable):
            return self.spec.factor
        return self.spec.factor * kw_factor(self.spec.unit, step / _HOUR)

    def _filled(self, series: Series, window: slice, columns: list[str]) -> Series:
        missing = np.isnan(series.values[:, window])
        if not missing.any():
            return series
        column = int(np.flatnonzero(missing.any(axis=1))[0])
        first = int(np.flatnonzero(missing[column])[0]) + window.start
        if self.spec.fill == "none":
            count = f"{int(missing[column].sum())} of {missing.shape[1]} readings"
            raise InputError(
                f"column {columns[column]!r} has no reading at {utc_text(series.start + first * series.step)} "
                f"({count} are missing in the time that is needed)",
                place=str(self.layout.path),
                accepted=f'complete columns, or fill = "interpolate" or "previous-day" in {self.place}',
            )
        values = series.values.copy()
        for at in np.flatnonzero(missing.any(axis=1)):
            if self.spec.fill == "interpolate":
                _interpolate(values[at])
            else:
                _repeat_day(values[at], _DAY // series.step, _DAY % series.step == 0)
        left = np.isnan(values[:, window])
        if left.any():
            column, first = (int(axis[0]) for axis in np.nonzero(left))
            when = utc_text(series.start + (window.start + first) * series.step)
            raise InputError(
                f"column {columns[column]!r} has no reading at {when}, and fill = {self.spec.fill!r} has nothing to fill "
                "it from",
                place=str(self.layout.path),
                accepted="complete columns, or another fill",
            )
        self.notes.append(
            f"{self.layout.path}: {int(missing.sum())} missing readings in {int(missing.any(axis=1).sum())} columns were "
            f"filled by fill = {self.spec.fill!r}"
        )
        return Series(series.start, series.step, values)

    def _refuse_or_clip(self, values: FloatArray, start: int, step: int, columns: list[str]) -> None:
        """Refuse negative load and PV, or set it to zero in place."""
        if self.signed or not isinstance(self.spec, ProfileTable):
            return
        wrong = values * self.spec.factor < 0
        if not wrong.any():
            return
        column, at = (int(axis[0]) for axis in np.nonzero(wrong))
        if self.spec.negative == "refuse":
            raise InputError(
                f"column {columns[column]!r} is negative ({values[column, at]:g}) at {utc_text(start + at * step)}",
                place=str(self.layout.path),
                accepted=f'values from 0 up, factor = -1 for the other sign, or negative = "clip" in {self.place}',
            )
        values[wrong] = 0.0
        self.notes.append(f"{self.layout.path}: {int(wrong.sum())} negative values were set to zero")


def on_grid(stamps: IntArray, values: FloatArray, place: str) -> Series:
    """Readings in order of time on the grid of their commonest step; missing rows become NaN.

    Raises
    ------
    InputError
        If a time stands twice, there is only one, or one is off the grid.
    """
    order = np.argsort(stamps, kind="stable")
    stamps, values = stamps[order], values[:, order]
    if len(stamps) < 2:
        raise InputError("one row does not show the length of an interval", place=place, accepted="two rows or more")
    steps = np.diff(stamps)
    if (steps == 0).any():
        at = int(np.flatnonzero(steps == 0)[0])
        raise InputError(
            f"the time {utc_text(int(stamps[at]))} stands twice", place=place, accepted="each interval once"
        )
    step = commonest(steps)
    positions, rest = np.divmod(stamps - stamps[0], step)
    if rest.any():
        at = int(np.flatnonzero(rest)[0])
        raise InputError(
            f"the time {utc_text(int(stamps[at]))} does not fit the step of {step / (60 * _SECOND):g} min",
            place=place,
            accepted="equal steps",
        )
    if positions[-1] + 1 == len(stamps):
        return Series(int(stamps[0]), step, values)
    if positions[-1] >= 100 * len(stamps):
        raise InputError(
            f"{len(stamps)} readings lie {step / (60 * _SECOND):g} min apart over {positions[-1] + 1} steps",
            place=place,
            accepted="readings without long gaps",
        )
    complete = np.full((len(values), int(positions[-1]) + 1), np.nan)
    complete[:, positions] = values
    return Series(int(stamps[0]), step, complete)


def commonest(steps: IntArray) -> int:
    """The step that occurs most often; the shorter of two equally common ones."""
    sizes, counts = np.unique(steps, return_counts=True)
    return int(sizes[np.argmax(counts)])


def resample(values: FloatArray, start: int, step: int, to_start: int, to_step: int, periods: int) -> FloatArray:
    """Mean power over other intervals, energy kept: each reading holds over its interval, overlaps are weighed by time.

    Parameters
    ----------
    values
        Mean power of readings, ``[column, reading]``.
    start, step
        Of the readings, whole numbers of any unit of time.
    to_start, to_step, periods
        Of the intervals wanted, in the same unit; they must lie within the readings.

    Returns
    -------
    ``[column, interval]``

    Raises
    ------
    InputError
        If the two grids meet only in parts too small to be meant (below 1/1440 of a reading).

    Examples
    --------
    >>> resample(np.array([[1.0, 3.0, 5.0]]), 0, 20, 0, 30, 2)
    array([[1.66666667, 4.33333333]])
    """
    part = gcd(step, to_step, abs(to_start - start))
    repeats, merged = step // part, to_step // part
    if repeats > _MOST_PARTS:
        raise InputError(
            f"a step of {step / (60 * _SECOND):g} min does not meet the horizon's {to_step / (60 * _SECOND):g} min",
            accepted="steps and a start with a common whole minute",
        )
    first = (to_start - start) // part
    low, high = first // repeats, -(-(first + periods * merged) // repeats)
    if not 0 <= low <= high <= values.shape[1]:
        raise ValueError("the intervals wanted lie outside of the readings")
    if repeats == merged == 1:
        return values[:, low:high]
    means = np.empty((len(values), periods))
    for column, mean in zip(values, means, strict=True):
        parts = np.repeat(column[low:high], repeats)[first - low * repeats :][: periods * merged]
        mean[:] = parts.reshape(periods, merged).mean(axis=1)
    return means


def to_horizon(series: Series, horizon: Horizon, place: str) -> FloatArray:
    """A series over the intervals of a horizon that it covers, ``[column, interval]``."""
    try:
        return resample(series.values, series.start, series.step, *_grid(horizon), horizon.periods)
    except InputError as error:
        raise InputError(error.found, place=place, accepted=error.accepted) from None


def utc_text(nanoseconds: int) -> str:
    """A time for messages."""
    return str(pd.Timestamp(nanoseconds, unit="ns", tz="UTC").strftime("%Y-%m-%d %H:%M UTC"))


def _exact_window(series: Series, horizon: Horizon, place: str) -> slice:
    start, step = _grid(horizon)
    stop = start + step * horizon.periods
    if start < series.start or stop > series.stop:
        raise InputError(
            f"the file covers {utc_text(series.start)} to {utc_text(series.stop)}, "
            f"the community needs {utc_text(start)} to {utc_text(stop)}",
            place=place,
            accepted='a file that covers the time, another start or days, or align = "calendar" for a typical year',
        )
    return slice((start - series.start) // series.step, -((series.start - stop) // series.step))


def _of_calendar(series: Series, horizon: Horizon, place: str) -> FloatArray:
    """Each interval read at its UTC date and time in the years of the file."""
    start, step = _grid(horizon)
    inside = series.start + (start - series.start) % step
    periods = (series.stop - inside) // step
    within = Horizon(pd.Timestamp(inside, unit="ns", tz="UTC").to_pydatetime(), horizon.step, int(periods))
    typical = to_horizon(series, within, place)
    wanted = horizon.index()
    years = range(within.start.year, within.stop.year + 1)
    position = np.full(horizon.periods, -1, dtype=np.int64)
    for year in years:
        for horizon_year in np.unique(wanted.year):
            here = np.flatnonzero((wanted.year == horizon_year) & (position < 0))
            moved = wanted[here] + pd.DateOffset(years=int(year - horizon_year))
            at = (moved.as_unit("ns").asi8 - inside) // step
            fits = (at >= 0) & (at < periods)
            position[here[fits]] = at[fits]
    if (position < 0).any():
        lost = wanted[int(np.flatnonzero(position < 0)[0])]
        raise InputError(
            f"the file covers {utc_text(series.start)} to {utc_text(series.stop)}, which has no {lost:%d %B %H:%M} (UTC)",
            place=place,
            accepted='a whole year for align = "calendar"',
        )
    return typical[:, position]


def _grid(horizon: Horizon) -> tuple[int, int]:
    return pd.Timestamp(horizon.start).as_unit("ns").value, pd.Timedelta(horizon.step).as_unit("ns").value


def _interpolate(values: FloatArray) -> None:
    """Straight lines between neighbours, in place; what lies before the first or after the last reading stays missing."""
    missing = np.isnan(values)
    known = np.flatnonzero(~missing)
    gaps = np.flatnonzero(missing)
    values[gaps] = np.interp(gaps, known, values[known], left=np.nan, right=np.nan) if len(known) else np.nan


def _repeat_day(values: FloatArray, per_day: int, whole: bool) -> None:
    """Readings of 24 hours before, in place, and of the day before that where these are missing too."""
    if not whole:
        return
    for at in np.flatnonzero(np.isnan(values)):
        if at >= per_day:
            values[at] = values[at - per_day]


class ProfileFiles:
    """All files of one kind (load, PV, reactive): a column is looked up by name and read once.

    Parameters
    ----------
    tables
        The tables of the kind.
    folder
        The folder of the community file.
    place
        ``community.toml: [profiles] load``.
    signed
        Whether negative values are meant (reactive power).
    """

    def __init__(self, tables: list[ProfileTable], folder: Path, place: str, *, signed: bool = False) -> None:
        self.place = place
        places = [place] if len(tables) == 1 else [f"{place}[{at + 1}]" for at in range(len(tables))]
        self.files = [
            SeriesFile.open(spec, folder, where, signed=signed) for spec, where in zip(tables, places, strict=True)
        ]
        counts = Counter(name for file in self.files for name in file.layout.columns)
        doubled = [name for name, count in counts.items() if count > 1]
        if doubled:
            raise InputError(
                f"column {doubled[0]!r} stands in two of the files", place=place, accepted="each column in one file"
            )
        self.home = {name: file for file in self.files for name in file.layout.columns}

    @property
    def columns(self) -> list[str]:
        """Names of all columns."""
        return list(self.home)

    def unit(self, column: str) -> str:
        """Unit of the file in which a column stands."""
        spec = self.home[column].spec
        assert isinstance(spec, ProfileTable)
        return spec.unit

    def read(self, columns: Iterable[str], horizon: Horizon, default_zone: str) -> dict[str, FloatArray]:
        """Columns over the horizon in kW (or per unit), each ``[interval]``."""
        series: dict[str, FloatArray] = {}
        used = set(columns)
        for file in self.files:
            wanted = [name for name in file.layout.columns if name in used]
            if wanted:
                series.update(zip(wanted, file.read(wanted, horizon, default_zone), strict=True))
        return series

    @property
    def notes(self) -> list[str]:
        """What was assumed and changed while reading."""
        return [note for file in self.files for note in file.notes]


def read_price(
    table: PriceTable, folder: Path, place: str, horizon: Horizon, default_zone: str
) -> tuple[FloatArray, list[str]]:
    """A price over the horizon in currency per kWh, ``[interval]``, and notes."""
    file = SeriesFile.open(table, folder, place, signed=True)
    return file.read([table.column], horizon, default_zone)[0] + table.add, file.notes
