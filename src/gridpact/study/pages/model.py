"""A page: title, introduction, and sections of text, findings, tables and figures."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from gridpact.study.pages.charts import Chart
from gridpact.study.pages.tables import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with all that is said of it.

    Attributes
    ----------
    name
        Of its place in the page and of its file of numbers.
    title
        What it shows.
    what
        How to read it.
    chart
        What is drawn.
    seen
        What is to be seen, in words made from the numbers: also for those who do not see it.
    ran
        What was run for it: sizes, seeds.
    """

    name: str
    title: str
    what: str
    chart: Chart
    seen: str
    ran: str

    def table(self) -> Table:
        """The numbers behind the chart."""
        return self.chart.table(self.name, self.title)


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim, what the run says of it, and the numbers that say so.

    Attributes
    ----------
    name
        In ``summary.json``.
    verdict
        ``holds``, ``fails``, ``partly``; ``undecided`` where the numbers do not tell; ``reported`` where nothing is claimed.
    text
        One or two sentences made from the numbers.
    numbers
        Those numbers by name.
    """

    name: str
    verdict: Literal["holds", "fails", "partly", "undecided", "reported"]
    text: str
    numbers: dict[str, float] = field(default_factory=dict)


Block: TypeAlias = str | Finding | Table | Figure
"""A paragraph, a finding, a table, a figure. Findings that follow each other stand in one list."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def name(self) -> str:
        """Its place in the page."""
        return "about-" + re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True, slots=True)
class Page:
    """What a study shows.

    Attributes
    ----------
    study
        Its name as a command.
    title
        Heading.
    reading
        The result in a few sentences.
    facts
        What it ran on, as terms and descriptions.
    sections
        From top to bottom.
    command
        The command that makes the same page again.
    notes
        Sentences about the data: sources, what is synthetic.
    """

    study: str
    title: str
    reading: Sequence[str]
    facts: Sequence[tuple[str, str]]
    sections: tuple[Section, ...]
    command: str
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        names = [section.name for section in self.sections] + [table.name for table in self.tables()]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"names that occur twice: {', '.join(doubled)}")

    def figures(self) -> Iterator[Figure]:
        """All figures, from top to bottom."""
        return (block for section in self.sections for block in section.blocks if isinstance(block, Figure))

    def findings(self) -> Iterator[Finding]:
        """All findings, from top to bottom."""
        return (block for section in self.sections for block in section.blocks if isinstance(block, Finding))

    def tables(self) -> Iterator[Table]:
        """All tables, those behind the figures included."""
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Figure):
                    yield block.table()
                elif isinstance(block, Table):
                    yield block
