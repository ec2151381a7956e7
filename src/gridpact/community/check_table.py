"""A file of meter data as one table, whether it came wide or long."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gridpact.community.check_problem import Problem
from gridpact.community.tables import Layout, read_frame, read_layout
from gridpact.errors import InputError
from gridpact.units import FloatArray


@dataclass(frozen=True, eq=False)
class MeterTable:
    """Readings as they stand.

    Attributes
    ----------
    layout
        The file.
    shape
        ``"wide"`` or ``"long"``.
    times
        The times, ``[row]``.
    columns
        Names of the meters.
    value_columns
        Names of the file's columns that hold the values: the same if it is wide.
    values
        ``[column, row]``, NaN where there is no number.
    problems
        Cells and columns that are not numbers, rows that stand twice.
    """

    layout: Layout
    shape: str
    times: pd.Series
    columns: tuple[str, ...]
    value_columns: tuple[str, ...]
    values: FloatArray
    problems: tuple[Problem, ...]


def read_meter_table(path: Path) -> MeterTable:
    """Read a file; a long one is turned into one column a meter.

    Raises
    ------
    InputError
        If it is not CSV or Parquet, or has no column of numbers.
    """
    layout = read_layout(path)
    frame = read_frame(layout, list(layout.columns))
    numbers: dict[str, pd.Series] = {}
    text: list[str] = []
    problems: list[Problem] = []
    for column in layout.columns:
        converted = _to_numbers(frame[column])
        wrong = np.flatnonzero((converted.isna() & frame[column].notna()).to_numpy())
        if len(wrong) and len(wrong) == int(frame[column].notna().sum()):
            text.append(column)
            continue
        if len(wrong):
            cell = frame[column].iloc[int(wrong[0])]
            message = f"{cell!r} is not a number ({len(wrong)} such cells)"
            place = layout.row(int(wrong[0])).removeprefix(f"{path} ")
            problems.append(Problem("error", column, place, message, "leave cells without a reading empty"))
        numbers[column] = converted
    if not numbers:
        raise InputError("no column holds numbers", place=str(path), accepted="a time column and columns of readings")
    meter = _meter_column(frame, layout, text, list(numbers))
    if meter is not None:
        return _from_long(frame, layout, meter, next(iter(numbers)), numbers, problems)
    problems += [Problem("warning", column, "", "holds no number and was left out") for column in text]
    values = np.array([series.to_numpy(dtype=np.float64, na_value=np.nan) for series in numbers.values()])
    return MeterTable(
        layout, "wide", frame[layout.time_column], tuple(numbers), tuple(numbers), values, tuple(problems)
    )


def _to_numbers(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        return column.astype(np.float64)
    return pd.to_numeric(column.astype("string").str.strip(), errors="coerce").astype("Float64")


def _meter_column(frame: pd.DataFrame, layout: Layout, text: list[str], numbers: list[str]) -> str | None:
    """The text column that tells meters apart, if the file is long: one column of values and every time many times."""
    times = frame[layout.time_column]
    if len(numbers) != 1 or not text or times.nunique() > 0.9 * len(times):
        return None
    return max(text, key=lambda column: frame[column].nunique())


def _from_long(
    frame: pd.DataFrame,
    layout: Layout,
    meter: str,
    value: str,
    numbers: dict[str, pd.Series],
    problems: list[Problem],
) -> MeterTable:
    """One column a meter. The n-th reading of a meter at a time goes to the n-th row of that time."""
    keys = pd.DataFrame({"time": frame[layout.time_column], "meter": frame[meter].astype("string")})
    keys["nth"] = keys.groupby(["time", "meter"], sort=False, dropna=False).cumcount()
    rows, row_keys = pd.factorize(pd.MultiIndex.from_frame(keys[["time", "nth"]]), sort=False)
    meters, names = pd.factorize(keys["meter"], sort=True)
    values = np.full((len(names), len(row_keys)), np.nan)
    known = meters >= 0
    values[meters[known], rows[known]] = numbers[value].to_numpy(dtype=np.float64, na_value=np.nan)[known]
    if not known.all():
        at = int(np.flatnonzero(~known)[0])
        place = layout.row(at).removeprefix(f"{layout.path} ")
        problems.append(Problem("error", meter, place, f"{int((~known).sum())} rows name no meter"))
    problems.append(
        Problem(
            "error",
            "",
            "",
            f"the file is long: meters in {meter!r}, values in {value!r}",
            "turn it into one column a meter before a community file uses it",
        )
    )
    times = pd.Series(row_keys.get_level_values(0), name=layout.time_column)
    return MeterTable(layout, "long", times, tuple(str(name) for name in names), (value,), values, tuple(problems))
