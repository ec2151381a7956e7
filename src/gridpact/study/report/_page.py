"""The page: what a comparison shows, put into the frame that all pages share."""

from collections.abc import Sequence
from pathlib import Path

from gridpact.study.pages.html import render_page
from gridpact.study.report._view import LedgerLink, view
from gridpact.study.result import Comparison

HERE = "gridpact.study.report"
SCRIPTS = ("shared", "market", "network", "page")


def write_report(
    comparison: Comparison,
    path: str | Path,
    *,
    title: str | None = None,
    notes: Sequence[str] = (),
    ledger: LedgerLink | None = None,
) -> Path:
    """Write a comparison as one HTML file that needs nothing else: no server, no network.

    Parameters
    ----------
    comparison
        At least one run.
    path
        Where to write; folders are made, an existing file is replaced.
    title
        Heading; the community's name by default.
    notes
        Sentences about the data, shown under *Where this comes from*: forecast, sources, what is synthetic.
    ledger
        The ledger of the runs, to which the page then links.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If there is no run to show.
    """
    if not comparison.runs:
        raise ValueError("a report needs at least one run")
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(render(comparison, title=title, notes=notes, ledger=ledger), encoding="utf-8")
    return target


def render(
    comparison: Comparison, *, title: str | None = None, notes: Sequence[str] = (), ledger: LedgerLink | None = None
) -> str:
    """The report as text."""
    shown = view(comparison, title, notes, ledger)
    return render_page(HERE, "report.html.j2", style="report.css", scripts=SCRIPTS, data=shown.figures, view=shown)
