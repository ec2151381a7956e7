"""The times of meter data: format, zone, step, gaps, doubled and missing hours at clock changes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridpact.community.check_problem import Problem
from gridpact.community.profiles import commonest
from gridpact.community.tables import Layout, parse_times
from gridpact.errors import InputError
from gridpact.units import BoolArray, FloatArray, IntArray

# one zone for each clock-change rule that meter data is likely to follow
CANDIDATE_ZONES = ("Europe/London", "Europe/Berlin", "Europe/Athens", "America/New_York", "Australia/Sydney")
TIME_FORMATS = (
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%b-%Y %H:%M",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
)
_MINUTE = 60_000_000_000
_HOUR = 60 * _MINUTE
_MOST_GAPS = 10


@dataclass(frozen=True, eq=False)
class TimeLine:
    """Where each row lies in time.

    Attributes
    ----------
    start, step, periods
        The grid that spans all rows: nanoseconds since 1970 (UTC; local clock where the zone is unknown).
    rows, positions
        The rows that lie on the grid, each position once, and their positions.
    zone
        Stated, found or fitting; empty if unknown.
    time_format
        If not ISO 8601.
    first, last
        As written.
    """

    start: int
    step: int
    periods: int
    rows: IntArray
    positions: IntArray
    zone: str
    time_format: str | None
    first: str
    last: str

    @property
    def step_hours(self) -> float:
        """Length of an interval in hours."""
        return self.step / _HOUR

    @property
    def present(self) -> BoolArray:
        """Whether an interval has a row, ``[interval]``."""
        present = np.zeros(self.periods, dtype=bool)
        present[self.positions] = True
        return present

    def on_grid(self, values: FloatArray) -> FloatArray:
        """Values of rows ``[column, row]`` on the grid, ``[column, interval]``; NaN where there is no row."""
        placed = np.full((len(values), self.periods), np.nan)
        placed[:, self.positions] = values[:, self.rows]
        return placed

    def index(self) -> pd.DatetimeIndex:
        """Times of the grid in the zone, or on the local clock where the zone is unknown."""
        index = pd.to_datetime(self.start + self.step * np.arange(self.periods, dtype=np.int64))
        return index.tz_localize("UTC").tz_convert(self.zone) if self.zone else index

    def text(self, interval: int) -> str:
        """An interval's time for messages."""
        return _text(self.start + self.step * interval, self.zone)


def read_time_line(times: pd.Series, layout: Layout, zone: str | None) -> tuple[TimeLine, list[Problem]]:
    """Understand the times of a file.

    Raises
    ------
    InputError
        If a cell is not a time in any known format, or there are fewer than three rows or two times.
    """
    index, time_format, problems = _parse(times, layout)
    if len(index) < 3:
        raise InputError(f"the file has {len(index)} rows", place=str(layout.path), accepted="three rows or more")
    if index.tz is not None:
        known, stamps = "UTC", np.asarray(index.as_unit("ns").asi8)
    else:
        known, stamps, more = _place_clock(index, zone or _zone_of_name(layout))
        problems += more
    valid = stamps != pd.NaT.value
    order = np.flatnonzero(valid)[np.argsort(stamps[valid], kind="stable")]
    if (np.diff(stamps[valid]) < 0).any():
        problems.append(Problem("note", "", "", "rows are not in the order of time"))
    ordered = stamps[order]
    steps = np.diff(ordered)
    if not (steps > 0).any():
        raise InputError("all times are the same", place=str(layout.path), accepted="a row an interval")
    step = commonest(steps[steps > 0])
    keep, more = _regular(ordered, step, known)
    problems += more
    start = int(ordered[0])
    positions = (ordered[keep] - start) // step
    line = TimeLine(
        start,
        step,
        int(positions[-1]) + 1,
        order[keep],
        positions,
        known,
        time_format,
        str(times.iloc[order[0]]),
        str(times.iloc[order[-1]]),
    )
    return line, problems + _gap_problems(line)


def _parse(times: pd.Series, layout: Layout) -> tuple[pd.DatetimeIndex, str | None, list[Problem]]:
    try:
        return parse_times(times, layout, None), None, []
    except InputError as error:
        for form in TIME_FORMATS:
            try:
                index = parse_times(times, layout, form)
            except InputError:
                continue
            advice = f'time_format = "{form}" in the community file'
            return index, form, [Problem("warning", "", "", f"times are not ISO 8601 but {form}", advice)]
        raise error from None


def _zone_of_name(layout: Layout) -> str | None:
    return "UTC" if layout.time_column.lower().endswith("utc") else None


def _place_clock(index: pd.DatetimeIndex, zone: str | None) -> tuple[str, IntArray, list[Problem]]:
    """Times without a zone: in the stated one, else in one whose clock changes they follow, else on an unknown clock."""
    fitting = _fitting_zone(index)
    if zone is not None:
        stamps, problems = _localise(index, zone)
        if fitting and fitting != zone and _faults(_localise(index, fitting)[0]) < _faults(stamps):
            text = f"read as {zone}, but the doubled and missing hours are those of {fitting}"
            problems.append(Problem("warning", "", "", text, f'time_zone = "{fitting}"'))
        return zone, stamps, problems
    if fitting is None:
        text = "the times state no zone, and no clock change shows which one they follow"
        advice = "state time_zone: UTC, a fixed offset or local time"
        return "", np.asarray(index.as_unit("ns").asi8), [Problem("warning", "", "", text, advice)]
    stamps, problems = _localise(index, fitting)
    text = f"the times state no zone; their doubled and missing hours are those of {fitting}"
    return fitting, stamps, [*problems, Problem("warning", "", "", text, f'time_zone = "{fitting}"')]


def _fitting_zone(index: pd.DatetimeIndex) -> str | None:
    """The first candidate under which doubled and missing times become fewer; None if none improves on the bare clock."""
    faults = {zone: _faults(_localise(index, zone)[0]) for zone in CANDIDATE_ZONES}
    best = min(faults, key=lambda zone: faults[zone])
    return best if faults[best] < _faults(np.asarray(index.as_unit("ns").asi8)) else None


def _localise(index: pd.DatetimeIndex, zone: str) -> tuple[IntArray, list[Problem]]:
    """UTC of local times, NaT where the clock jumps over them; doubled times in the order of rows."""
    second = np.asarray(index.duplicated())
    local = index.tz_localize(zone, ambiguous=~second, nonexistent="NaT")
    stamps = np.asarray(local.as_unit("ns").asi8)
    problems = []
    missing = np.flatnonzero(local.isna())
    if len(missing):
        at = index[missing[0]]
        text = f"{len(missing)} times do not exist in {zone}: the clock jumps over them"
        problems.append(
            Problem("error", "", f"{at:%Y-%m-%d %H:%M}", text, "UTC or standard time all year? state its time_zone")
        )
    ambiguous = index.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").isna()
    for day in index[ambiguous & second].normalize().unique():
        here = index[ambiguous & second & (index.normalize() == day)]
        text = f"the hour stands twice at the clock change of {zone}: read as summer, then winter time"
        problems.append(Problem("warning", "", f"{here.min():%Y-%m-%d %H:%M}", text))
    return stamps, [*problems, *_skipped_hours(index, zone)]


def _skipped_hours(index: pd.DatetimeIndex, zone: str) -> list[Problem]:
    """Spring clock changes within the data that the times skip, as they should in local time."""
    if zone == "UTC" or not len(index):
        return []
    hours = pd.date_range(index.min().floor("h"), index.max(), freq="h")
    skipped = hours[hours.tz_localize(zone, ambiguous=False, nonexistent="NaT").isna()]
    absent = skipped[~skipped.isin(index)]
    text = f"the hour is missing, as it is at the clock change of {zone}"
    return [Problem("warning", "", f"{hour:%Y-%m-%d %H:%M}", text) for hour in absent]


def _faults(stamps: IntArray) -> int:
    """Doubled, missing and impossible times together."""
    valid = np.sort(stamps[stamps != pd.NaT.value])
    steps = np.diff(valid)
    if not (steps > 0).any():
        return len(stamps)
    step = commonest(steps[steps > 0])
    return int((steps == 0).sum() + (steps[steps > step] // step - 1).sum() + len(stamps) - len(valid))


def _regular(ordered: IntArray, step: int, zone: str) -> tuple[IntArray, list[Problem]]:
    """The first row of each time on the grid, and what is off it or doubled."""
    problems = []
    doubled = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - step) == 0)
    if len(doubled):
        text = f"{len(doubled)} times stand twice; the first of each was used"
        problems.append(Problem("error", "", _text(int(ordered[doubled[0]]), zone), text, "keep each interval once"))
    off = np.flatnonzero((ordered - ordered[0]) % step)
    if len(off):
        text = f"{len(off)} times do not fit the step of {step / _MINUTE:g} min"
        problems.append(Problem("error", "", _text(int(ordered[off[0]]), zone), text, "equal steps are needed"))
    return np.setdiff1d(np.arange(len(ordered)), np.union1d(doubled, off)), problems


def _gap_problems(line: TimeLine) -> list[Problem]:
    runs = _runs(~line.present)
    advice = 'fill = "interpolate" or "previous-day" would fill it'
    problems = [
        Problem("error", "", line.text(first), f"{length} rows are missing{_at_change(line, first)}", advice)
        for first, length in runs[:_MOST_GAPS]
    ]
    if len(runs) > _MOST_GAPS:
        rest = sum(length for _, length in runs[_MOST_GAPS:])
        problems.append(Problem("error", "", "", f"{len(runs) - _MOST_GAPS} more gaps of {rest} rows", advice))
    return problems


def _at_change(line: TimeLine, interval: int) -> str:
    """Whether a gap begins at an autumn clock change: then one of the two equal hours was lost."""
    if not line.zone:
        return ""
    at = pd.Timestamp(line.start + interval * line.step, tz="UTC")
    before, after = (at - pd.Timedelta(hours=1)).tz_convert(line.zone), at.tz_convert(line.zone)
    return ": the doubled hour of the clock change stands once" if before.hour == after.hour else ""


def _runs(mask: BoolArray) -> list[tuple[int, int]]:
    """First position and length of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(first), int(last - first)) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def _text(nanoseconds: int, zone: str) -> str:
    stamp = pd.Timestamp(nanoseconds)
    return f"{stamp:%Y-%m-%d %H:%M}" if not zone else f"{stamp.tz_localize('UTC').tz_convert(zone):%Y-%m-%d %H:%M %Z}"
