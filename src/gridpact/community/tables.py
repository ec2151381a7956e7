"""Tables with a time column, CSV or Parquet: which column holds the times, in which zone, and the values behind them."""

import csv
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gridpact.community.decode import read_text
from gridpact.errors import InputError, nearest_name
from gridpact.units import FloatArray, IntArray

PARQUET = (".parquet", ".pq")
_TIME_NAME = re.compile(r"^(date_?time|time_?stamp|time|date|start|ds|tstp)([ _]?(utc|local|start))?$", re.IGNORECASE)
_OFFSET = re.compile(r"(?:Z|z|[+-]\d{2}(?::?\d{2})?)$")
_TIME_OF_DAY = re.compile(r"[T ]\d{2}")


@dataclass(frozen=True, eq=False)
class Layout:
    """What a file looks like before its values are read.

    Attributes
    ----------
    path
        The file.
    time_column
        Name of the time column.
    columns
        The other columns, in order.
    separator, decimal
        Of a CSV file.
    """

    path: Path
    time_column: str
    columns: tuple[str, ...]
    separator: str = ","
    decimal: str = "."

    @property
    def is_parquet(self) -> bool:
        """Whether the file is Parquet; CSV otherwise."""
        return self.path.suffix.lower() in PARQUET

    def row(self, position: int) -> str:
        """Name of a row, for messages."""
        return f"{self.path} row {position + 1}" if self.is_parquet else f"{self.path} line {position + 2}"


def read_layout(path: Path, time_column: str | None = None) -> Layout:
    """Find the time column and the others; the values stay unread.

    Raises
    ------
    InputError
        If the file is absent, empty, not CSV or Parquet, names a column twice, or lacks the stated time column.
    """
    layout = _parquet_layout(path) if path.suffix.lower() in PARQUET else _csv_layout(path)
    names = [layout.time_column, *layout.columns]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(f"column {doubled[0]!r} stands twice", place=str(path), accepted="each column once")
    if time_column is None:
        return layout
    if time_column not in names:
        found = f"there is no time column {time_column!r}{nearest_name(time_column, names)}"
        raise InputError(found, place=str(path), accepted=_few(names))
    others = tuple(name for name in names if name != time_column)
    return Layout(path, time_column, others, layout.separator, layout.decimal)


def read_columns(layout: Layout, columns: list[str]) -> tuple[pd.Series, FloatArray]:
    """The times as they stand, and the values ``[column, row]``; a missing value is NaN.

    Raises
    ------
    InputError
        If a column is unknown (with the nearest known one) or a value is not a finite number.
    """
    for column in columns:
        if column not in layout.columns:
            found = f"there is no column {column!r}{nearest_name(column, list(layout.columns))}"
            raise InputError(found, place=str(layout.path), accepted=_few(list(layout.columns)))
    frame = read_frame(layout, columns)
    values = np.empty((len(columns), len(frame)))
    for at, column in enumerate(columns):
        values[at] = _numbers(frame[column], layout)
    return frame[layout.time_column], values


def read_frame(layout: Layout, columns: list[str]) -> pd.DataFrame:
    """The time column and others as they stand; refused if there is no row."""
    wanted = [layout.time_column, *columns]
    frame = _read_parquet(layout, wanted) if layout.is_parquet else _read_csv(layout, wanted)
    if frame.empty:
        raise InputError("the file has no rows", place=str(layout.path), accepted="a row an interval")
    return frame


def utc_times(
    times: pd.Series, layout: Layout, *, zone: str | None, default_zone: str, time_format: str | None
) -> tuple[IntArray, str | None]:
    """Times as nanoseconds since 1970 UTC, and the zone they were taken to be in where they stated none.

    Doubled local times of an autumn clock change are taken in the order of the rows: summer time first.

    Raises
    ------
    InputError
        If a cell is not a time, some have an offset and some not, or a local time does not exist in the zone.
    """
    index = parse_times(times, layout, time_format)
    if index.tz is not None:
        return _nanoseconds(index), None
    assumed = zone or ("UTC" if layout.time_column.lower().endswith("utc") else default_zone)
    local = index.tz_localize(assumed, ambiguous=~np.asarray(index.duplicated()), nonexistent="NaT")
    missing = np.flatnonzero(local.isna())
    if len(missing):
        at = int(missing[0])
        raise InputError(
            f"{index[at]} does not exist in {assumed}: the clock jumps over it",
            place=f"{layout.row(at)}, {layout.time_column}",
            accepted='the zone in which the times were written, for instance time_zone = "UTC"',
        )
    return _nanoseconds(local.tz_convert("UTC")), assumed


def parse_times(times: pd.Series, layout: Layout, time_format: str | None) -> pd.DatetimeIndex:
    """Times as they stand: with a zone if they state one, else without."""
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        return _complete(pd.DatetimeIndex(times), times, layout).tz_convert("UTC")
    if pd.api.types.is_datetime64_dtype(times.dtype):
        return _complete(pd.DatetimeIndex(times), times, layout)
    if pd.api.types.is_numeric_dtype(times.dtype):
        raise InputError(
            f"{times.iloc[0]} is not a time",
            place=f"{layout.row(0)}, {layout.time_column}",
            accepted="times like 2025-06-01T00:30:00Z in the time column; name it by time_column",
        )
    text = times.astype("string").str.strip()
    parsed = pd.DatetimeIndex(pd.to_datetime(text, format=time_format or "ISO8601", utc=True, errors="coerce"))
    parsed = _complete(parsed, times, layout, time_format)
    # an offset is looked for after a time of day only, so that the end of 2025-06-01 is not taken for one
    aware = (text.str.contains(_OFFSET) & text.str.contains(_TIME_OF_DAY)).to_numpy(dtype=bool)
    if aware.any() and not aware.all():
        at = int(np.flatnonzero(aware != aware[0])[0])
        raise InputError(
            f"{times.iloc[at]!r} and {times.iloc[0]!r}: one has an offset, the other not",
            place=f"{layout.row(at)}, {layout.time_column}",
            accepted="times that all state their offset or all state none",
        )
    return parsed if aware.all() else parsed.tz_localize(None)


def _complete(
    index: pd.DatetimeIndex, times: pd.Series, layout: Layout, time_format: str | None = None
) -> pd.DatetimeIndex:
    wrong = np.flatnonzero(index.isna())
    if len(wrong):
        at = int(wrong[0])
        cell = times.iloc[at]
        found = "the time is missing" if pd.isna(cell) or not str(cell).strip() else f"{cell!r} is not a time"
        wanted = (
            f"times of the form {time_format}" if time_format else "ISO 8601 times, or a time_format that reads them"
        )
        raise InputError(found, place=f"{layout.row(at)}, {layout.time_column}", accepted=wanted)
    return index


def _nanoseconds(index: pd.DatetimeIndex) -> IntArray:
    return np.asarray(index.as_unit("ns").asi8, dtype=np.int64)


def _parquet_layout(path: Path) -> Layout:
    if not path.is_file():
        read_text(path)
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        found = str(error).partition("\n")[0].rstrip(".")
        raise InputError(f"not a Parquet file: {found}", place=str(path), accepted="CSV or Parquet") from None
    names = list(schema.names)
    if len(names) < 2:
        raise InputError(f"the file has {len(names)} columns", place=str(path), accepted="a time column and others")
    stamps = [field.name for field in schema if pa.types.is_timestamp(field.type)]
    indexed = [n for n in (schema.pandas_metadata or {}).get("index_columns", []) if isinstance(n, str)]
    return _layout(path, names, [*(n for n in indexed if n in names), *stamps])


def _csv_layout(path: Path) -> Layout:
    lines = read_text(path).split("\n", 2)
    header = lines[0].rstrip("\r")
    separator = max(",;\t", key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator))]
    if len(names) < 2:
        raise InputError(
            f"the header {header[:60]!r} has one column", place=f"{path} line 1", accepted="a time column and others"
        )
    if "" in names:
        at = names.index("") + 1
        raise InputError(
            f"column {at} has no name", place=f"{path} line 1", accepted="a header that names every column"
        )
    comma = separator == ";" and len(lines) > 1 and bool(re.search(r"\d,\d", lines[1]))
    return _layout(path, names, [], separator, "," if comma else ".")


def _layout(path: Path, names: list[str], first: list[str], separator: str = ",", decimal: str = ".") -> Layout:
    named = [name for name in names if _TIME_NAME.match(name)]
    time_column = [*first, *named, names[0]][0]
    others = list(names)
    others.remove(time_column)
    return Layout(path, time_column, tuple(others), separator, decimal)


def _read_parquet(layout: Layout, wanted: list[str]) -> pd.DataFrame:
    table = pq.read_table(layout.path, columns=wanted)
    return table.replace_schema_metadata(None).to_pandas()


def _read_csv(layout: Layout, wanted: list[str]) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                layout.path,
                sep=layout.separator,
                decimal=layout.decimal,
                encoding="utf-8-sig",
                skip_blank_lines=False,
                skipinitialspace=True,
                index_col=False,
                low_memory=False,
                dtype={layout.time_column: "string"},
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        found = re.sub(r"^.*C error: ", "", str(error)).strip().rstrip(".")
        raise InputError(
            found, place=str(layout.path), accepted="as many cells in every line as in the header"
        ) from None
    frame.columns = [str(name).strip() for name in frame.columns]
    written = frame.notna().any(axis=1).to_numpy()
    return frame.loc[: len(written) - int(np.argmax(written[::-1])) - 1, wanted] if written.any() else frame.iloc[:0]


def _numbers(column: pd.Series, layout: Layout) -> FloatArray:
    if pd.api.types.is_bool_dtype(column.dtype) or not pd.api.types.is_numeric_dtype(column.dtype):
        converted = pd.to_numeric(column.astype("string").str.strip(), errors="coerce")
        wrong = np.flatnonzero(converted.isna().to_numpy() & column.notna().to_numpy())
        if len(wrong):
            at = int(wrong[0])
            raise InputError(
                f"{column.iloc[at]!r} is not a number",
                place=f"{layout.row(at)}, {column.name}",
                accepted="numbers; an empty cell where a reading is missing",
            )
        column = converted
    values: FloatArray = column.to_numpy(dtype=np.float64, na_value=np.nan)
    endless = np.flatnonzero(np.isinf(values))
    if len(endless):
        place = f"{layout.row(int(endless[0]))}, {column.name}"
        raise InputError("the value is infinite", place=place, accepted="finite numbers")
    return values


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return shown + (f", … ({len(names)} in all)" if len(names) > 8 else "")
