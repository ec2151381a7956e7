"""Tables of a page: columns with heads, written as HTML, as CSV and to the terminal from the same numbers."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, TypeAlias

from gridpact.study.pages.formats import DASH, measure, number
from gridpact.units import BoolArray, FloatArray, IntArray

Values: TypeAlias = Sequence[str] | Sequence[float] | Sequence[int] | Sequence[bool] | FloatArray | IntArray | BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column.

    Attributes
    ----------
    head
        What it holds, with its unit.
    values
        Words, numbers, or truths.
    digits
        Of numbers as people read them; None: three significant ones. Files have all of them.
    """

    head: str
    values: Values
    digits: int | None = None

    def words(self) -> list[str]:
        """The values as people read them.

        Examples
        --------
        >>> Column("price", [0.12345, float("nan")], digits=2).words(), Column("holds", [True, False]).words()
        (['0.12', '–'], ['yes', 'no'])
        """
        return [_word(value, self.digits) for value in _plain(self.values)]

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in _plain(self.values))


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length; the first one names the rows.

    Attributes
    ----------
    name
        Of its file, and of its place in the page.
    title
        What it is about.
    columns
        From left to right.
    what
        How to read it.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    what: str = ""

    def __post_init__(self) -> None:
        lengths = {len(column.values) for column in self.columns}
        if len(lengths) != 1:
            raise ValueError(f"{self.name}: columns of different lengths {sorted(lengths)}")

    def rows(self) -> list[tuple[str, ...]]:
        """The cells as people read them."""
        return list(zip(*(column.words() for column in self.columns), strict=True))

    def to_csv(self) -> str:
        """The numbers with all their digits; what is not defined is empty.

        Examples
        --------
        >>> print(Table("t", "T", (Column("a", ["x", "y"]), Column("b, kWh", [0.5, float("nan")]))).to_csv())
        a,"b, kWh"
        x,0.5
        y,
        <BLANKLINE>
        """
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([column.head for column in self.columns])
        writer.writerows(zip(*(map(_cell, _plain(column.values)) for column in self.columns), strict=True))
        return text.getvalue()


def _plain(values: Values) -> list[Any]:
    """The values as Python's own."""
    return [value.item() if hasattr(value, "item") else value for value in values]


def _cell(value: Any) -> Any:
    return "" if isinstance(value, float) and math.isnan(value) else value


def _word(value: Any, digits: int | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value or DASH
    return measure(float(value)) if digits is None else number(float(value), digits)
