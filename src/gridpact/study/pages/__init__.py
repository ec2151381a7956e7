"""Pages of studies: one offline HTML file from titles, text, findings, tables and charts, and the same numbers as files."""

from gridpact.study.pages.charts import (
    Axis,
    Bars,
    Chart,
    Curve,
    Group,
    HeatMap,
    Level,
    Link,
    Network,
    Node,
    Outline,
    Plane,
    Region,
    Style,
    Symbol,
)
from gridpact.study.pages.model import Block, Figure, Finding, Page, Section
from gridpact.study.pages.render import write_page
from gridpact.study.pages.tables import Column, Table
from gridpact.study.pages.terminal import in_terminal

__all__ = [
    "Axis",
    "Bars",
    "Block",
    "Chart",
    "Column",
    "Curve",
    "Figure",
    "Finding",
    "Group",
    "HeatMap",
    "Level",
    "Link",
    "Network",
    "Node",
    "Outline",
    "Page",
    "Plane",
    "Region",
    "Section",
    "Style",
    "Symbol",
    "Table",
    "in_terminal",
    "write_page",
]
