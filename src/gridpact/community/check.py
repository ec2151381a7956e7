"""What is wrong with meter data, and what was understood, before it is used."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from gridpact.community.check_columns import column_problems, likely_unit, yearly_kwh
from gridpact.community.check_problem import Problem
from gridpact.community.check_table import read_meter_table
from gridpact.community.check_times import read_time_line
from gridpact.community.decode import zone_of
from gridpact.community.schema import Unit
from gridpact.errors import InputError
from gridpact.units import FloatArray, kw_factor

UNITS: tuple[str, ...] = get_args(Unit)


@dataclass(frozen=True, slots=True)
class DataSummary:
    """What was understood of a file.

    Attributes
    ----------
    shape
        ``"wide"`` (a column a meter) or ``"long"`` (a row a meter and time).
    time_column, zone
        Where the times stand and the zone they are in: stated, found in the file, or fitting its clock changes; empty if
        unknown.
    time_format
        ``strptime`` format if the times are not ISO 8601.
    step_minutes, first, last
        Length of an interval; first and last time as written.
    rows, columns
        Readings a column, and the names of the columns.
    unit, unit_from
        Unit taken for the figures below, and why.
    kwh_per_year
        Of each column, scaled from the readings there are; per kW or kWp where the unit is pu.
    """

    shape: str
    time_column: str
    zone: str
    time_format: str | None
    step_minutes: float
    first: str
    last: str
    rows: int
    columns: tuple[str, ...]
    unit: str
    unit_from: str
    kwh_per_year: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DataReport:
    """What is wrong with a file of meter data, and what was understood.

    Attributes
    ----------
    path
        The file.
    problems
        Errors first, then warnings, then notes.
    summary
        None if the file could not be read.
    """

    path: Path
    problems: tuple[Problem, ...]
    summary: DataSummary | None

    @property
    def ok(self) -> bool:
        """Whether the file has no error: a community file could use it as it is."""
        return all(problem.severity != "error" for problem in self.problems)

    def lines(self, most: int = 30) -> list[str]:
        """The report as plain lines, at most so many problems."""
        lines = [str(self.path), *(f"  {line}" for line in _summary_lines(self.summary))]
        lines += [f"  {problem}" for problem in self.problems[:most]]
        if len(self.problems) > most:
            lines.append(f"  … and {len(self.problems) - most} more")
        return lines if self.problems else [*lines, "  nothing wrong was found"]

    def render(self) -> str:
        """The report as text."""
        return "\n".join(self.lines())


def check_data(paths: Sequence[str | Path], *, unit: str | None = None, zone: str | None = None) -> list[DataReport]:
    """Read meter data and say what is wrong with it.

    Parameters
    ----------
    paths
        CSV or Parquet files: wide (a time column, a column a meter) or long (columns for meter, time and value).
    unit
        Unit of the values; guessed from names and sizes if not given, and the guess is reported.
    zone
        IANA zone of times written without one; if not given, the zones whose clock changes fit are tried.

    Returns
    -------
    One report a file, in order. What is wrong inside of a file is part of its report.

    Raises
    ------
    InputError
        If a file is absent or a folder, or the zone or unit is unknown.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from gridpact.community import write_example
    >>> with TemporaryDirectory() as folder:
    ...     report = check_data([write_example(folder).parent / "pv.csv"], unit="pu")[0]
    >>> report.ok, report.summary.columns
    (True, ('south', 'east-west'))
    """
    if zone is not None:
        zone_of(zone, place="zone")
    if unit is not None and unit not in UNITS:
        raise InputError(f"{unit!r} is not a unit", place="unit", accepted=", ".join(UNITS))
    files = [Path(path) for path in paths]
    for file in files:
        if file.is_dir():
            raise InputError("this is a folder", place=str(file), accepted="CSV or Parquet files")
        if not file.is_file():
            raise InputError("there is no such file", place=str(file), accepted="CSV or Parquet files")
    return [_check(file, unit, zone) for file in files]


def _check(path: Path, unit: str | None, zone: str | None) -> DataReport:
    try:
        table = read_meter_table(path)
        line, time_problems = read_time_line(table.times, table.layout, zone)
    except InputError as error:
        return DataReport(path, (Problem("error", "", error.place, error.found, error.accepted),), None)
    values = line.on_grid(table.values)
    understood, reason = (unit, "as stated") if unit else likely_unit(path, table.value_columns, values)
    power = values * kw_factor(understood, line.step_hours)
    problems = [*table.problems, *time_problems]
    problems += column_problems(table.columns, power, line, per_unit=understood == "pu")
    problems += _unit_problems(power, understood, reason, line.step_hours)
    order = {"error": 0, "warning": 1, "note": 2}
    summary = DataSummary(
        shape=table.shape,
        time_column=table.layout.time_column,
        zone=line.zone,
        time_format=line.time_format,
        step_minutes=line.step_hours * 60,
        first=line.first,
        last=line.last,
        rows=values.shape[1],
        columns=table.columns,
        unit=understood,
        unit_from=reason,
        kwh_per_year=tuple(float(value) for value in yearly_kwh(power)),
    )
    return DataReport(path, tuple(sorted(problems, key=lambda problem: order[problem.severity])), summary)


def _unit_problems(power: FloatArray, unit: str, reason: str, step_hours: float) -> list[Problem]:
    """Say which other unit would make the yearly energies plausible."""
    typical = float(np.nanmedian(yearly_kwh(power))) if np.isfinite(power).any() else np.nan
    if unit == "pu" or not np.isfinite(typical):
        return []
    found = f"read as {unit} ({reason}), half of the columns lie below {typical:,.0f} kWh a year"
    if typical > 200_000:
        other = "Wh" if unit in ("kWh", "Wh") else "W"
        return [Problem("warning", "", "", f"{found}: the values look like {other}", f"unit = {other!r}, if they are")]
    if unit == "kW" and step_hours < 1 and typical < 1_500 and reason != "as stated":
        text = f"{found}: they may be kWh per interval ({typical / step_hours:,.0f} kWh a year)"
        return [Problem("warning", "", "", text, "unit = 'kWh', if they are")]
    return []


def _summary_lines(summary: DataSummary | None) -> list[str]:
    if summary is None:
        return []
    form = f" (format {summary.time_format})" if summary.time_format else ""
    low, middle, high = np.nanpercentile(summary.kwh_per_year, [0, 50, 100]) if summary.kwh_per_year else (np.nan,) * 3
    return [
        f"{summary.shape}, {len(summary.columns)} columns, {summary.rows} intervals at a step of {summary.step_minutes:g} min",
        f"times in {summary.time_column!r}{form}, zone {summary.zone or 'unknown'}: {summary.first} to {summary.last}",
        f"unit {summary.unit} ({summary.unit_from}); kWh a year: {low:,.0f} / {middle:,.0f} / {high:,.0f} (min/median/max)",
    ]
