"""A page as files: one HTML file that opens offline, a CSV for every table, a summary for programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from gridpact import __version__
from gridpact.study.pages.charts import Bars, Chart, Curve, HeatMap, Network, Plane, Symbol, Tone, colour
from gridpact.study.pages.html import HERE, render_page
from gridpact.study.pages.model import Page

SUMMARY_SCHEMA_VERSION = 1
_POINTS: tuple[Symbol, ...] = ("circle", "square", "triangle", "diamond", "ring", "cross", "star")


class FindingSummary(msgspec.Struct, frozen=True):
    """A finding of a page; a number that is not defined is null."""

    name: str
    verdict: str
    text: str
    numbers: dict[str, float | None]


class StudySummary(msgspec.Struct, frozen=True):
    """The whole of a study's ``summary.json``; the tables stand beside it as ``<name>.csv``."""

    schema_version: int
    gridpact_version: str
    study: str
    command: str
    settings: dict[str, Any]
    facts: dict[str, str]
    reading: list[str]
    findings: list[FindingSummary]
    tables: dict[str, str]


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a chart's key: a swatch in a colour and a word."""

    name: str
    colour: str
    shape: str


def write_page(page: Page, folder: Path, settings: Mapping[str, Any]) -> list[Path]:
    """Write a page, its tables and its summary into a folder, which is made if need be.

    Parameters
    ----------
    page
        What is shown.
    folder
        Takes ``report.html``, ``summary.json`` and ``<name>.csv`` for every table and figure.
    settings
        What the study was asked for, as it stands in the summary.

    Returns
    -------
    list of Path
        The files written, the page first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report, summary = folder / "report.html", folder / "summary.json"
    report.write_text(render(page), encoding="utf-8")
    summary.write_bytes(msgspec.json.format(msgspec.json.encode(summarise(page, settings)), indent=2) + b"\n")
    written = [report, summary]
    for table in page.tables():
        written.append(folder / f"{table.name}.csv")
        written[-1].write_text(table.to_csv(), encoding="utf-8")
    return written


def render(page: Page) -> str:
    """The page as text."""
    charts = {figure.name: figure.chart for figure in page.figures()}
    return render_page(
        HERE,
        "study.html.j2",
        style="study.css",
        scripts=("plane", "bars", "cells", "study"),
        data={name: _drawn(chart) for name, chart in charts.items()},
        view=page,
        keys={name: keys(chart) for name, chart in charts.items()},
        kind_of=lambda block: type(block).__name__,
    )


def summarise(page: Page, settings: Mapping[str, Any]) -> StudySummary:
    """What a program wants of a page beside its tables."""
    return StudySummary(
        schema_version=SUMMARY_SCHEMA_VERSION,
        gridpact_version=__version__,
        study=page.study,
        command=page.command,
        settings=dict(settings),
        facts=dict(page.facts),
        reading=list(page.reading),
        findings=[FindingSummary(f.name, f.verdict, f.text, dict(f.numbers)) for f in page.findings()],
        tables={table.name: table.title for table in page.tables()},
    )


def keys(chart: Chart) -> list[Key]:
    """What the colours and symbols of a chart mean; nothing where there is one thing only."""
    match chart:
        case Plane():
            regions = [Key(region.name, colour(region.tone), "area") for region in chart.regions]
            curves = [Key(c.name, _tone(c.tone, at), _shape(c)) for at, c in enumerate(chart.curves)]
            found = regions + curves
        case Bars():
            found = [Key(group.name, _tone(group.tone, at), "area") for at, group in enumerate(chart.groups)]
        case Network():
            return [Key(name, colour(at), "circle") for at, name in enumerate(chart.groups)]
        case HeatMap():
            return [Key(outline.name, colour(outline.tone), "line") for outline in chart.outlines]
    return found if len(found) > 1 else []


def _drawn(chart: Chart) -> Any:
    """A chart as the scripts read it: colours and symbols decided, numbers to six digits."""
    drawn = msgspec.to_builtins(chart, enc_hook=_rounded)
    match chart:
        case Plane():
            for at, (curve, given) in enumerate(zip(chart.curves, drawn["curves"], strict=True)):
                given |= {
                    "colour": _tone(curve.tone, at),
                    "symbol": _shape(curve) if curve.style == "points" else curve.symbol,
                }
            for region, given in zip(chart.regions, drawn["regions"], strict=True):
                given["colour"] = colour(region.tone)
        case Bars():
            for at, (group, given) in enumerate(zip(chart.groups, drawn["groups"], strict=True)):
                given["colour"] = _tone(group.tone, at)
        case Network():
            drawn["colours"] = [colour(at) for at in range(len(chart.groups))]
        case HeatMap():
            for outline, given in zip(chart.outlines, drawn["outlines"], strict=True):
                given["colour"] = colour(outline.tone)
    return drawn


def _rounded(values: Any) -> Any:
    """Arrays as lists of numbers with six significant digits, which is more than a screen shows."""
    if not isinstance(values, np.ndarray | np.generic):
        raise NotImplementedError(f"{type(values)} in a chart")
    exact = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        step = 10.0 ** (np.floor(np.log10(np.abs(exact))) - 5)
        return np.where(np.isfinite(step) & (step > 0), np.round(exact / step) * step, exact).tolist()


def _tone(tone: Tone | None, at: int) -> str:
    return colour(at if tone is None else tone)


def _shape(curve: Curve) -> str:
    return (curve.symbol or _POINTS[0]) if curve.style == "points" else curve.style
