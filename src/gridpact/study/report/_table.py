"""The headline table: one row a mechanism, the best values marked; and the certificates."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gridpact.grid import find_violations
from gridpact.markets import Check
from gridpact.study.pages.formats import DASH, count, measure, number, percent, seconds
from gridpact.study.result import Comparison, Run

NOBODY_TRADES = "before any trade"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the headline table.

    Attributes
    ----------
    group, head, unit
        What stands above it.
    value
        The number behind a cell.
    text
        How that number is written.
    best
        Which end of the scale is better, if one is.
    """

    group: str
    head: str
    unit: str
    value: Callable[[Run], float]
    text: Callable[[float], str]
    best: Literal["low", "high"] | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its text, what was there before any trade, whether it is the best of its column, or bad news."""

    text: str
    before: str = ""
    best: bool = False
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the headline table."""

    name: str
    cells: tuple[Cell, ...]
    run: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check of a certificate as it is shown."""

    name: str
    value: str
    tolerance: str
    verdict: Literal["holds", "fails", "reported"]


@dataclass(frozen=True, slots=True)
class Proof:
    """The certificate of one mechanism as it is shown."""

    mechanism: str
    summary: str
    passed: bool
    checks: tuple[Verdict, ...]


def columns(currency: str, *, preferences: bool = False, kept: bool = False) -> tuple[Column, ...]:
    """What the headline table compares; preferences over sellers only where somebody has some, and what keeping the network
    costs only where it is kept.
    """
    money, energy, network, outcome = "Money", "Energy", "Network", "Outcome"
    price = (
        Column(network, "Curtailed PV", "kWh", lambda run: run.community.curtailed_kwh, _size, "low"),
        Column(outcome, "Welfare", currency, lambda run: run.community.welfare, _two, "high"),
    )
    met = Column(outcome, "Preferences met", currency, lambda run: run.community.preference_value, _two, "high")
    return (
        Column(money, "Total bill", currency, lambda run: run.community.total_bill, _two, "low"),
        Column(money, "Saving", currency, lambda run: run.community.total_saving, _two, "high"),
        Column(money, "Saving", "% of bill", lambda run: run.community.saved_share, _share, "high"),
        Column(money, "Subsidy", currency, lambda run: run.community.subsidy, _two),
        Column(money, "Worse off", "members", lambda run: run.community.members_worse_off, number, "low"),
        Column(money, "Equality of savings", "0–1", lambda run: run.community.equality, _two, "high"),
        Column(money, "Mean price", f"{currency}/kWh", lambda run: run.community.mean_price, _four),
        Column(energy, "Traded", "kWh", lambda run: run.community.traded_kwh, _size),
        Column(energy, "Self-sufficiency", "%", lambda run: run.community.self_sufficiency, _share, "high"),
        Column(energy, "Imbalance", "kWh", lambda run: run.community.imbalance_kwh, _size, "low"),
        Column(network, "Peak import", "kW", lambda run: run.community.peak_import_kw, _size, "low"),
        Column(network, "Peak export", "kW", lambda run: run.community.peak_export_kw, _size, "low"),
        Column(network, "Losses", "kWh", lambda run: run.community.losses_kwh, _size, "low"),
        Column(network, "Violations", "before → after", lambda run: run.community.violations, number, "low"),
        *(price if kept else ()),
        *([met] if preferences else []),
        Column(outcome, "Welfare", "% of best", lambda run: run.community.welfare_share, _share, "high"),
        Column(outcome, "Certificate", "", lambda run: float(run.certificate.passed), lambda _: ""),
        Column(outcome, "Run time", "s", lambda run: run.seconds, _seconds, "low"),
    )


def rows(comparison: Comparison, shown: tuple[Column, ...]) -> tuple[Row, ...]:
    """The row before any trade, then one a mechanism."""
    best = [_best(column, comparison.runs) for column in shown]
    before = number(violations_before(comparison))
    made = [Row(NOBODY_TRADES, _reference_cells(comparison, shown))]
    for at, run in enumerate(comparison.runs):
        cells = tuple(_cell(column, run, value, before) for column, value in zip(shown, best, strict=True))
        made.append(Row(run.mechanism, cells, at))
    return tuple(made)


def violations_before(comparison: Comparison) -> int:
    """The same of the network before any trade."""
    return len(find_violations(comparison.community.feeder, comparison.baseline.flow))


def trades(run: Run) -> bool:
    """Whether anybody trades at all."""
    return run.community.traded_kwh > 0


def proofs(comparison: Comparison) -> tuple[Proof, ...]:
    """The certificates, one a mechanism."""
    return tuple(
        Proof(
            run.mechanism,
            _summary(run.certificate.checks),
            run.certificate.passed,
            tuple(_verdict(check) for check in run.certificate.checks),
        )
        for run in comparison.runs
    )


def subsidised(run: Run) -> bool:
    """Whether a saving is in part paid by others than the members."""
    return run.community.subsidy > 0.005


def _best(column: Column, runs: tuple[Run, ...]) -> str | None:
    """The text of the best value among runs that trade without subsidy; None where most of them share it."""
    values = [column.value(run) for run in runs if trades(run) and not subsidised(run)]
    finite = [value for value in values if math.isfinite(value)]
    if column.best is None or not finite:
        return None
    best = column.text(min(finite) if column.best == "low" else max(finite))
    return best if sum(column.text(value) == best for value in finite) <= len(finite) / 2 else None


def _cell(column: Column, run: Run, best: str | None, before: str) -> Cell:
    if column.head == "Certificate":
        failed = sum(not check.passed for check in run.certificate.checks)
        return Cell(f"{number(failed)} fail{'s' * (failed == 1)}", bad=True) if failed else Cell("holds")
    text = column.text(column.value(run))
    marked = trades(run) and not subsidised(run) and text == best
    if column.head == "Violations":
        return Cell(text, before=before, best=marked)
    return Cell(text, best=marked, bad=column.head == "Saving" and text.startswith("\N{MINUS SIGN}"))


def _reference_cells(comparison: Comparison, shown: tuple[Column, ...]) -> tuple[Cell, ...]:
    flow = comparison.baseline.flow
    known = {
        "Peak import": _size(float(np.maximum(flow.head_kw, 0).max(initial=0))),
        "Peak export": _size(float(np.maximum(-flow.head_kw, 0).max(initial=0))),
        "Losses": _size(float(flow.losses_kw.sum() * comparison.community.horizon.hours)),
        "Violations": number(violations_before(comparison)),
    }
    return tuple(Cell(known.get(column.head, DASH)) for column in shown)


def _summary(checks: tuple[Check, ...]) -> str:
    claimed = [check for check in checks if check.claimed]
    failed = sum(not check.passed for check in checks)
    reported = len(checks) - len(claimed)
    told = f"{failed} of {count(len(checks), 'check')} fail" if failed else f"all {count(len(claimed), 'claim')} hold"
    return told + (f", {number(reported)} reported" if reported and not failed else "")


def _verdict(check: Check) -> Verdict:
    if not check.passed:
        verdict: Literal["holds", "fails", "reported"] = "fails"
    else:
        verdict = "holds" if check.claimed else "reported"
    return Verdict(check.name, measure(check.value), measure(check.tolerance) if check.claimed else DASH, verdict)


def _two(value: float) -> str:
    return number(value, 2)


def _four(value: float) -> str:
    return number(value, 4)


def _size(value: float) -> str:
    return number(value, 1 if abs(value) < 1000 else 0)


def _share(value: float) -> str:
    return percent(value).removesuffix("%").rstrip()


def _seconds(value: float) -> str:
    return seconds(value).removesuffix("s").rstrip()
