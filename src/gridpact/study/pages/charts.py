"""What a chart shows: plain numbers with names, drawn by one script, and each of them readable as a table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from gridpact.study.pages.tables import Column, Table
from gridpact.units import BoolArray, FloatArray

PALETTE = 8
Tone: TypeAlias = int | Literal["grey", "ink"]
"""A colour: a place in the palette of eight, counted around, or one of two that stand apart."""

Style: TypeAlias = Literal["line", "dashed", "dotted", "step", "points"]
Symbol: TypeAlias = Literal["circle", "square", "triangle", "diamond", "ring", "cross", "star"]


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis.

    Attributes
    ----------
    name
        What is measured, with its unit.
    log
        Logarithmic; values that are not positive are then left out.
    low, high
        Ends of the axis; None: those of the data.
    """

    name: str
    log: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A line or a cloud of points.

    Attributes
    ----------
    name
        Its name in the key and in the table.
    x, y
        Of equal length; NaN leaves a gap.
    low, high
        Ends of an error band (of a line) or of error bars (of points).
    style
        How it is drawn.
    symbol
        Of its points; None: none on a line, circles otherwise.
    tone
        None: the place of the curve in its chart.
    """

    name: str
    x: FloatArray
    y: FloatArray
    low: FloatArray | None = None
    high: FloatArray | None = None
    style: Style = "line"
    symbol: Symbol | None = None
    tone: Tone | None = None

    def __post_init__(self) -> None:
        _check_lengths(self.name, self.x, self.y, self.low, self.high)


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A filled polygon: its corners in order."""

    name: str
    x: FloatArray
    y: FloatArray
    tone: Tone = "grey"

    def __post_init__(self) -> None:
        _check_lengths(self.name, self.x, self.y)


@dataclass(frozen=True, slots=True)
class Level:
    """A straight line across a plane at a value of one axis, with a word."""

    axis: Literal["x", "y"]
    at: float
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """Curves, clouds and areas over two axes.

    Attributes
    ----------
    x, y
        The axes.
    curves, regions, levels
        What is drawn.
    equal
        Whether a step along one axis is as long as a step along the other.

    Examples
    --------
    >>> line = Curve("cost", np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> [column.head for column in Plane(Axis("size"), Axis("EUR"), (line,)).table("costs", "Costs").columns]
    ['size', 'cost']
    """

    x: Axis
    y: Axis
    curves: tuple[Curve, ...]
    regions: tuple[Region, ...] = ()
    levels: tuple[Level, ...] = ()
    equal: bool = False
    kind: Literal["plane"] = field(default="plane", init=False)

    def table(self, name: str, title: str) -> Table:
        """The numbers: a column a curve where all have the same x, else a row a point."""
        if self.curves and not self.regions and all(_same(curve.x, self.curves[0].x) for curve in self.curves):
            columns = [Column(self.x.name, self.curves[0].x)]
            for curve in self.curves:
                columns += _with_ends(curve.name, curve.y, curve.low, curve.high)
            return Table(name, title, tuple(columns))
        parts: list[Curve | Region] = [*self.regions, *self.curves]
        x, y, low, high = (np.concatenate([values(part) for part in parts]) for values in (_x, _y, _low, _high))
        banded = (low, high) if np.isfinite(low).any() else ()
        names = Column("what", [part.name for part in parts for _ in part.x])
        return Table(name, title, (names, Column(self.x.name, x), *_with_ends(self.y.name, y, *banded)))


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The bars of one colour: a value for each category, with ends of error bars if there are any."""

    name: str
    values: FloatArray
    low: FloatArray | None = None
    high: FloatArray | None = None
    tone: Tone | None = None

    def __post_init__(self) -> None:
        _check_lengths(self.name, self.values, self.low, self.high)


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Groups of bars over named categories; stacked ones show what each group adds, and then the axis is not logarithmic."""

    categories: tuple[str, ...]
    axis: str
    y: Axis
    groups: tuple[Group, ...]
    stacked: bool = False
    kind: Literal["bars"] = field(default="bars", init=False)

    def __post_init__(self) -> None:
        for group in self.groups:
            _check_lengths(group.name, self.categories, group.values)
        if self.stacked and self.y.log:
            raise ValueError("stacked bars on a logarithmic axis")

    def table(self, name: str, title: str) -> Table:
        """The numbers: a row a category."""
        columns = [Column(self.axis, self.categories)]
        for group in self.groups:
            columns += _with_ends(group.name, group.values, group.low, group.high)
        return Table(name, title, tuple(columns))


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A line around some cells of a heat map, ``[row, column]``."""

    name: str
    cells: BoolArray
    tone: Tone


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """Coloured cells.

    Attributes
    ----------
    columns, rows
        Names along the two sides.
    axes
        What stands along x and along y.
    values
        ``[row, column]``; NaN leaves a cell empty.
    unit
        Of the values.
    diverging
        Whether zero is the middle of the colours, with a colour for each sign.
    digits
        Digits of the numbers in the cells.
    outlines
        Sets of cells to be enclosed.
    """

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    axes: tuple[str, str]
    values: FloatArray
    unit: str
    diverging: bool = False
    digits: int = 2
    outlines: tuple[Outline, ...] = ()
    kind: Literal["heat"] = field(default="heat", init=False)

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.rows), len(self.columns)):
            raise ValueError(
                f"values of shape {self.values.shape} for {len(self.rows)} rows, {len(self.columns)} columns"
            )
        for outline in self.outlines:
            if outline.cells.shape != self.values.shape:
                raise ValueError(f"outline {outline.name} of shape {outline.cells.shape} of {self.values.shape} cells")

    def table(self, name: str, title: str) -> Table:
        """The numbers: a row a row."""
        cells = (Column(f"{self.axes[0]} {head}", self.values[:, at]) for at, head in enumerate(self.columns))
        return Table(name, title, (Column(self.axes[1], self.rows), *cells))


@dataclass(frozen=True, slots=True)
class Node:
    """A dot of a network, at a place on paper; its size is relative, its group a colour of the key."""

    name: str
    x: float
    y: float
    group: int = 0
    size: float = 1.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A line between two nodes by their positions; its width follows the weight."""

    a: int
    b: int
    weight: float = 1.0
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Nodes and links; ``groups`` names the colours of nodes, ``weight`` what the width of a link measures."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    groups: tuple[str, ...]
    weight: str
    kind: Literal["network"] = field(default="network", init=False)

    def table(self, name: str, title: str) -> Table:
        """The numbers: a row a link, then a row for each node without one."""
        linked = {end for link in self.links for end in (link.a, link.b)}
        alone = [node for at, node in enumerate(self.nodes) if at not in linked]
        first = [self.nodes[link.a] for link in self.links] + alone
        second = [self.nodes[link.b].name for link in self.links] + [""] * len(alone)
        weights = [link.weight for link in self.links] + [float("nan")] * len(alone)
        return Table(
            name,
            title,
            (
                Column("from", [node.name for node in first]),
                Column("group", [self.groups[node.group] for node in first]),
                Column("to", second),
                Column(self.weight, np.array(weights)),
            ),
        )


Chart: TypeAlias = Plane | Bars | HeatMap | Network


def colour(tone: Tone) -> str:
    """The colour as CSS, which differs between light and dark.

    Examples
    --------
    >>> colour(9), colour("ink")
    ('var(--run-1)', 'var(--ink)')
    """
    return (
        {"grey": "var(--run-none)", "ink": "var(--ink)"}[tone]
        if isinstance(tone, str)
        else f"var(--run-{tone % PALETTE})"
    )


def _with_ends(
    name: str, values: FloatArray, low: FloatArray | None = None, high: FloatArray | None = None
) -> list[Column]:
    ends = [Column(f"{name}, {word}", end) for word, end in (("low", low), ("high", high)) if end is not None]
    return [Column(name, values), *ends]


def _x(part: Curve | Region) -> FloatArray:
    return part.x


def _y(part: Curve | Region) -> FloatArray:
    return part.y


def _low(part: Curve | Region) -> FloatArray:
    return part.low if isinstance(part, Curve) and part.low is not None else np.full(len(part.x), np.nan)


def _high(part: Curve | Region) -> FloatArray:
    return part.high if isinstance(part, Curve) and part.high is not None else np.full(len(part.x), np.nan)


def _same(a: FloatArray, b: FloatArray) -> bool:
    return np.array_equal(a, b, equal_nan=True)


def _check_lengths(name: str, *columns: Sequence[object] | FloatArray | None) -> None:
    lengths = {len(column) for column in columns if column is not None}
    if len(lengths) > 1:
        raise ValueError(f"{name}: columns of different lengths {sorted(lengths)}")
