"""What a meter has measured, as a CSV file: read with what Python brings along."""

import csv
import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from gridpact.errors import InputError
from gridpact.units import FloatArray

COLUMNS = ("start", "load_kw", "pv_kw")


@dataclass(frozen=True, eq=False)
class Profile:
    """Mean powers of a home at equal steps.

    Attributes
    ----------
    start_ms, step_ms
        Of the first interval, milliseconds since 1970 UTC, and the length of each.
    load_kw, pv_kw
        ``[interval]``.
    """

    start_ms: int
    step_ms: int
    load_kw: FloatArray
    pv_kw: FloatArray


def read_profile(path: Path) -> Profile:
    """Read ``start,load_kw,pv_kw``: when each interval begins, RFC 3339 with an offset, and mean powers, not negative.

    ``pv_kw`` may be left out.

    Raises
    ------
    InputError
        With file and line, for the first thing that cannot be used.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            found = list(rows.fieldnames or ())
            if found[:2] != list(COLUMNS[:2]) or found not in (list(COLUMNS), list(COLUMNS[:2])):
                raise InputError(f"columns {', '.join(found)}", place=f"{path} line 1", accepted=", ".join(COLUMNS))
            read = [_row(row, f"{path} line {number}") for number, row in enumerate(rows, start=2)]
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=str(path), accepted="a CSV file") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(str(error), place=str(path), accepted="a CSV file in UTF-8") from None
    if len(read) < 2:
        raise InputError(f"{len(read)} intervals", place=str(path), accepted="two or more")
    starts = np.array([start for start, _, _ in read], dtype=np.int64)
    steps = np.diff(starts)
    uneven = np.flatnonzero((steps != steps[0]) | (steps <= 0))
    if uneven.size:
        line = int(uneven[0]) + 3
        raise InputError("not one step after the line before", place=f"{path} line {line}", accepted="equal steps")
    load_kw, pv_kw = (np.array(column) for column in zip(*((load, pv) for _, load, pv in read), strict=True))
    return Profile(int(starts[0]), int(steps[0]), load_kw, pv_kw)


def _row(row: dict[str, str | None], place: str) -> tuple[int, float, float]:
    text = row["start"] or ""
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        start = None
    if start is None or start.tzinfo is None:
        raise InputError(f"{text!r} is not a time with an offset", place=f"{place}, start", accepted="RFC 3339")
    return round(start.timestamp() * 1000), _power(row, "load_kw", place), _power(row, "pv_kw", place)


def _power(row: dict[str, str | None], name: str, place: str) -> float:
    text = row.get(name, "0")
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise InputError(f"{text!r}", place=f"{place}, {name}", accepted="a number from 0 up")
    return value
