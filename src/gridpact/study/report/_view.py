"""Everything the page needs, put together once."""

from collections.abc import Sequence
from dataclasses import dataclass

from gridpact.study.network_check import NO_CHECK
from gridpact.study.report import _figures as figures
from gridpact.study.report import _table as table
from gridpact.study.report import _words as words
from gridpact.study.result import Comparison

PALETTE = 8
MOST_CHIPS = 2 * PALETTE


@dataclass(frozen=True, slots=True)
class LedgerLink:
    """Where the ledger of the runs lies, as seen from the report, and how it is verified."""

    file: str
    command: str


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
    ledger
        Where the ledger is, if there is one.
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
    ledger: LedgerLink | None = None


def view(comparison: Comparison, title: str | None, notes: Sequence[str], ledger: LedgerLink | None = None) -> View:
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
        ledger=ledger,
    )


def _figures(comparison: Comparison) -> figures.Figures:
    partners, members = figures.partners(comparison), figures.members(comparison)
    grid = figures.grid(comparison)
    colours, dashed = _colours(comparison)
    return figures.Figures(
        currency=comparison.community.currency,
        mechanisms=[run.mechanism for run in comparison.runs],
        chips=len(comparison.runs) <= MOST_CHIPS,
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


def _colours(comparison: Comparison) -> tuple[list[str], list[bool]]:
    """A colour of the palette for each run, dashed from the second round on; grey for the supplier.

    Where that does not tell all runs apart, a colour stands for a mechanism, dashed if the network is kept.
    """
    names = [run.mechanism for run in comparison.runs if run.mechanism != "supplier"]
    kept = [run.network != NO_CHECK for run in comparison.runs]
    if by_mechanism := len(names) > MOST_CHIPS:
        names = [name.partition(" + ")[0] for name in names]
    place = {name: at for at, name in enumerate(dict.fromkeys(names))}
    colours, dashed = [], []
    for run, is_kept in zip(comparison.runs, kept, strict=True):
        at = place.get(run.mechanism.partition(" + ")[0] if by_mechanism else run.mechanism)
        colours.append("var(--run-none)" if at is None else f"var(--run-{at % PALETTE})")
        dashed.append(is_kept if by_mechanism else at is not None and at >= PALETTE)
    return colours, dashed


def _groups(columns: tuple[table.Column, ...]) -> list[tuple[str, int]]:
    spans: dict[str, int] = {}
    for column in columns:
        spans[column.group] = spans.get(column.group, 0) + 1
    return list(spans.items())
