"""The values of meter data: missing, negative, stuck, mostly zero, implausible in a year; and their likely unit."""

import re
from pathlib import Path

import numpy as np

from gridpact.community.check_problem import Problem
from gridpact.community.check_times import TimeLine
from gridpact.units import BoolArray, FloatArray, IntArray

PLAUSIBLE_HOME_KWH = (300.0, 50_000.0)
MOSTLY_ZERO_LOAD, MOSTLY_ZERO_PV = 0.5, 0.75
_HOURS_A_YEAR = 8760.0
_UNIT_IN_NAME = re.compile(r"(?:^|[_\s(\[.-])(kwh|kw|wh|pu)(?:$|[_\s)\]/.-])", re.IGNORECASE)
_UNITS = {"kwh": "kWh", "kw": "kW", "wh": "Wh", "pu": "pu"}


def likely_unit(path: Path, columns: tuple[str, ...], values: FloatArray) -> tuple[str, str]:
    """A unit and why: from the names of columns, of the file, from columns that are scaled to peak at 1, else kW."""
    for what, names in (("the columns' names", columns), ("the file's name", (path.stem,))):
        found = {_UNITS[match[1].lower()] for name in names if (match := _UNIT_IN_NAME.search(name))}
        if len(found) == 1:
            return found.pop(), f"from {what}"
    peaks = np.where(np.isfinite(values), values, 0.0).max(axis=1)
    if np.mean(np.abs(peaks - 1) <= 0.005) >= 0.5:
        return "pu", "as most columns peak at 1"
    return "kW", "assumed"


def yearly_kwh(power_kw: FloatArray) -> FloatArray:
    """Energy of a year at the mean power of the readings there are, ``[column]``; NaN without any."""
    known = np.isfinite(power_kw)
    total = np.where(known, power_kw, 0.0).sum(axis=1)
    counts = known.sum(axis=1)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan) * _HOURS_A_YEAR


def column_problems(columns: tuple[str, ...], power_kw: FloatArray, line: TimeLine, *, per_unit: bool) -> list[Problem]:
    """What is wrong with each column.

    Parameters
    ----------
    power_kw
        ``[column, interval]`` in kW, NaN where missing.
    per_unit
        Whether kWh a year mean nothing.
    """
    present = line.present
    hours = np.asarray(line.index().hour, dtype=np.int64)
    unit = "of its unit" if per_unit else "kW"
    yearly = yearly_kwh(power_kw)
    problems: list[Problem] = []
    for at, column in enumerate(columns):
        values = power_kw[at]
        if np.isnan(values).all():
            problems.append(Problem("error", column, "", "has no reading at all"))
            continue
        generation = _looks_like_generation(values, hours)
        problems += _missing(column, values, present, line)
        problems += _negative(column, values, line, unit)
        problems += _stuck(column, values, line, unit)
        problems += _idle(column, values, MOSTLY_ZERO_PV if generation else MOSTLY_ZERO_LOAD)
        if not (per_unit or generation) and line.periods * line.step_hours >= 28 * 24:
            problems += _implausible(column, float(yearly[at]))
    return problems


def _missing(column: str, values: FloatArray, present: BoolArray, line: TimeLine) -> list[Problem]:
    empty = np.flatnonzero(np.isnan(values) & present)
    if not len(empty):
        return []
    text = f"{len(empty)} of {int(present.sum())} readings are missing"
    return [
        Problem("error", column, line.text(int(empty[0])), text, 'fill = "interpolate" or "previous-day" would fill it')
    ]


def _negative(column: str, values: FloatArray, line: TimeLine, unit: str) -> list[Problem]:
    below = np.flatnonzero(values < 0)
    if not len(below):
        return []
    text = f"{len(below)} values are negative, down to {float(np.nanmin(values)):g} {unit}"
    if len(below) > 0.9 * np.count_nonzero(np.nan_to_num(values)):
        return [Problem("error", column, line.text(int(below[0])), text, "generation with the other sign? factor = -1")]
    advice = 'load and generation in one? split them; a meter\'s noise? negative = "clip"'
    return [Problem("error", column, line.text(int(below[0])), text, advice)]


def _stuck(column: str, values: FloatArray, line: TimeLine, unit: str) -> list[Problem]:
    """The longest run of one value other than zero, if it lasts a day."""
    known = values[np.isfinite(values)]
    if len(known) > 1 and (known == known[0]).all():
        return [Problem("warning", column, "", f"is constant at {known[0]:g} {unit}")]
    changes = np.flatnonzero(np.diff(values) != 0) + 1
    starts = np.concatenate(([0], changes))
    lengths = np.diff(np.concatenate((starts, [len(values)])))
    lengths[~(np.nan_to_num(values[starts]) != 0)] = 0
    longest = int(np.argmax(lengths))
    hours = float(lengths[longest] * line.step_hours)
    if hours < 24:
        return []
    text = f"stands still at {values[starts[longest]]:g} {unit} for {hours:g} h"
    return [Problem("warning", column, line.text(int(starts[longest])), text, "a meter that hangs?")]


def _idle(column: str, values: FloatArray, most: float) -> list[Problem]:
    share = float((values == 0).sum() / np.isfinite(values).sum())
    return [Problem("warning", column, "", f"{share:.0%} of the readings are zero")] if share > most else []


def _implausible(column: str, kwh: float) -> list[Problem]:
    low, high = PLAUSIBLE_HOME_KWH
    if low <= kwh <= high:
        return []
    text = f"{kwh:,.0f} kWh a year is {'little' if kwh < low else 'much'} for a home"
    return [Problem("warning", column, "", text, f"usual is {low:,.0f} to {high:,.0f}; is the unit right?")]


def _looks_like_generation(values: FloatArray, hours: IntArray) -> bool:
    """Whether some six or more hours of the day in a row are dark, whatever the zone, and six or more are not."""
    known = np.isfinite(values)
    counts = np.bincount(hours[known], minlength=24)
    sums = np.bincount(hours[known], weights=np.abs(values[known]), minlength=24)
    dark = sums <= 0.01 * sums.sum() / 24
    longest = max(_length_of_first_run(np.roll(dark, -first)) for first in range(24))
    return bool(counts.all() and longest >= 6 and np.count_nonzero(~dark) >= 6)


def _length_of_first_run(mask: BoolArray) -> int:
    return len(mask) if mask.all() else int(np.argmin(mask))
