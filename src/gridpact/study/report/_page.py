"""The page: a template, its style and script, the chart library and the data, all in one file."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gridpact import __version__
from gridpact.study.report._figures import Figures
from gridpact.study.report._view import view
from gridpact.study.result import Comparison

HERE = "gridpact.study.report"
SCRIPTS = ("shared", "market", "network", "page")
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def write_report(
    comparison: Comparison, path: str | Path, *, title: str | None = None, notes: Sequence[str] = ()
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
    target.write_text(render(comparison, title=title, notes=notes), encoding="utf-8")
    return target


def render(comparison: Comparison, *, title: str | None = None, notes: Sequence[str] = ()) -> str:
    """The report as text."""
    shown = view(comparison, title, notes)
    return (
        _templates()
        .get_template("report.html.j2")
        .render(
            view=shown,
            data=script_data(shown.figures),
            style=_inline("templates/report.css"),
            library=_inline("vendor/echarts.min.js"),
            script=Markup("\n").join(_inline(f"templates/scripts/{name}.js") for name in SCRIPTS),
            version=__version__,
        )
    )


def script_data(figures: Figures) -> Markup:
    """Figures as JSON that is safe inside a script element; a number that is not finite becomes null."""
    text = msgspec.json.encode(figures).decode()
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return Markup(text)


@cache
def _templates() -> Environment:
    loader = PackageLoader(HERE)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _inline(name: str) -> Markup:
    """A file of the package as it is: trusted, because it is ours."""
    return Markup(files(HERE).joinpath(name).read_text(encoding="utf-8"))
