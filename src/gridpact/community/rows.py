"""Rows of a CSV file whose columns are the keys of a struct."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from gridpact.community.decode import read_text
from gridpact.errors import InputError, nearest_name


def read_rows(path: Path, known: Sequence[str], required: Sequence[str]) -> Iterator[tuple[dict[str, str], str]]:
    """The cells of every line by the names of its columns, and its place: ``members.csv line 4``; blank lines are left out.

    Raises
    ------
    InputError
        With the line: unknown, doubled or missing columns, lines of another length.
    """
    reader = csv.reader(read_text(path).splitlines(), strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            line = f"{path} line {reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _header([cell.strip() for cell in cells], line, known, required)
                continue
            if len(cells) != len(header):
                raise InputError(f"{len(cells)} cells", place=line, accepted=f"{len(header)} cells, as in the header")
            yield dict(zip(header, (cell.strip() for cell in cells), strict=True)), line
    except csv.Error as error:
        raise InputError(str(error), place=f"{path} line {reader.line_num}", accepted="CSV with commas") from None


def _header(header: list[str], line: str, known: Sequence[str], required: Sequence[str]) -> list[str]:
    if len(header) == 1 and ";" in header[0]:
        raise InputError("columns are separated by ';'", place=line, accepted="commas; ';' stands inside of cells only")
    for name in header:
        if name not in known:
            found = f"unknown column {name!r}{nearest_name(name, list(known))}"
            raise InputError(found, place=line, accepted=", ".join(known))
        if header.count(name) > 1:
            raise InputError(f"column {name!r} stands twice", place=line, accepted="each column once")
    for name in required:
        if name not in header:
            others = "" if len(required) == len(known) else " and others"
            accepted = f"a column {required[0]}{others}" if len(required) == 1 else f"columns {', '.join(required)}"
            raise InputError(f"there is no column {name!r}", place=line, accepted=accepted)
    return header
