"""Everything the page needs, put together once."""

from collections.abc import Sequence
from dataclasses import dataclass

from gridpact.study.network_check import NO_CHECK
from gridpact.study.report import _figures as figures
from gridpact.study.report import _table as table
from gridpact.study.report import _words as words
from gridpact.study.result import Comparison

PALETTE = 8


@dataclass(frozen=True, slots=True)
class View:
    """What the template shows.

    Attributes
    ----------
    title, facts, reading
        The header.
    groups
        Names of the column groups of the headline table with how many columns each spans.
    columns, rows
        The headline table.
    proofs
        The certificates.
    notes
        What the user says about the data.
    figures
        What the charts draw.
    """

    title: str
    facts: list[tuple[str, str]]
    reading: list[str]
    groups: list[tuple[str, int]]
    columns: tuple[table.Column, ...]
    rows: tuple[table.Row, ...]
    proofs: tuple[table.Proof, ...]
    notes: tuple[str, ...]
    figures: figures.Figures


def view(comparison: Comparison, title: str | None, notes: Sequence[str]) -> View:
    """Compute all that is shown of a comparison."""
    community = comparison.community
    kept = any(run.network != NO_CHECK for run in comparison.runs)
    columns = table.columns(community.currency, preferences=community.premium is not None, kept=kept)
    return View(
        title=title or comparison.community.name,
        facts=words.facts(comparison.community),
        reading=words.reading(comparison),
        groups=_groups(columns),
        columns=columns,
        rows=table.rows(comparison, columns),
        proofs=table.proofs(comparison),
        notes=tuple(notes),
        figures=_figures(comparison),
    )


def _figures(comparison: Comparison) -> figures.Figures:
    partners, members = figures.partners(comparison), figures.members(comparison)
    grid = figures.grid(comparison)
    colours, dashed = _colours([run.mechanism for run in comparison.runs])
    return figures.Figures(
        currency=comparison.community.currency,
        mechanisms=[run.mechanism for run in comparison.runs],
        colours=colours,
        dashed=dashed,
        selected=_first_choice(comparison),
        captions=words.captions(comparison, partners, members),
        duration=figures.duration(comparison),
        day=figures.day(comparison),
        partners=partners,
        members=members,
        grid=grid,
    )


def _first_choice(comparison: Comparison) -> int:
    """The run shown at first: of those that trade, without subsidy if there is one, the one that saves most."""

    def merit(at: int) -> tuple[bool, bool, float, int]:
        run = comparison.runs[at]
        return table.trades(run), not table.subsidised(run), run.community.total_saving, -at

    return max(range(len(comparison.runs)), key=merit)


def _colours(mechanisms: list[str]) -> tuple[list[str], list[bool]]:
    """A colour of the palette for each mechanism, dashed from the second round on; grey for the supplier."""
    colours, dashed, used = [], [], 0
    for name in mechanisms:
        if name == "supplier":
            colours.append("var(--run-none)")
            dashed.append(False)
        else:
            colours.append(f"var(--run-{used % PALETTE})")
            dashed.append(used >= PALETTE)
            used += 1
    return colours, dashed


def _groups(columns: tuple[table.Column, ...]) -> list[tuple[str, int]]:
    spans: dict[str, int] = {}
    for column in columns:
        spans[column.group] = spans.get(column.group, 0) + 1
    return list(spans.items())
