"""Results as tables for a terminal."""

import math
from typing import Any

import numpy as np
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from gridpact.grid import find_violations
from gridpact.study.compare import Replication
from gridpact.study.network_check import NO_CHECK
from gridpact.study.result import Comparison, Run


def headline(comparison: Comparison) -> Table:
    """One row a mechanism, and below it what the power flow says of all of them."""
    community = comparison.community
    first, last = community.horizon.index()[[0, -1]].tz_convert(community.time_zone)
    title = f"{community.name}: {len(community.members)} members, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    heads = [f"bill\n{community.currency}", "saving", "subsidy", "traded\nkWh", "price", "equal-\nity", "imbal.\nkWh"]
    if community.premium is not None:
        heads.append("prefer-\nences")
    table = _table(title, (*heads, "claims"))
    table.caption = Text(_network(comparison))
    for run in comparison.runs:
        c = run.community
        table.add_row(
            run.mechanism,
            _number(c.total_bill, ",.2f"),
            _number(c.total_saving, ",.2f"),
            _number(c.subsidy, ",.2f"),
            _number(c.traded_kwh, ",.1f"),
            _number(c.mean_price, ".4f"),
            _number(c.equality, ".2f"),
            _number(c.imbalance_kwh, ",.1f"),
            *([] if community.premium is None else [_number(c.preference_value, ",.2f")]),
            _verdict(run),
        )
    return table


def side_by_side(replication: Replication, currency: str) -> Table:
    """Means over seeds with half the width of their 95 % confidence intervals."""
    seeds = len(replication.seeds)
    title = f"mean of {seeds} seeds ± half a 95 % confidence interval; money in {currency}" if seeds > 1 else "one seed"
    shown = {"saving": "total_saving", "subsidy": "subsidy", "equality": "equality", "welfare": "welfare"}
    if replication.values["preference_value"].any():
        shown["preferences"] = "preference_value"
    shown["imbalance\nkWh"] = "imbalance_kwh"
    table = _table(title, tuple(shown))
    columns = [(replication.mean(name), replication.half_width(name)) for name in shown.values()]
    for row, mechanism in enumerate(replication.mechanisms):
        table.add_row(mechanism, *(_with_interval(mean[row], half[row]) for mean, half in columns))
    return table


def kept_network(replication: Replication, comparison: Comparison) -> Table:
    """What each way of keeping the network reaches, and its cost in welfare against keeping it not at all; means over seeds."""
    own = len(find_violations(comparison.community.feeder, comparison.baseline.flow))
    table = _table(
        f"{comparison.community.feeder.name}: {own} violations without any trade; money in {comparison.community.currency}",
        ("violations", "traded\nkWh", "cut\nkWh", "PV cur-\ntailed kWh", "welfare", "welfare\nlost"),
    )
    violations = replication.mean("voltage_violations") + replication.mean("overloads")
    traded, cut, curtailed, welfare = (
        replication.mean(name) for name in ("traded_kwh", "cut_kwh", "curtailed_kwh", "welfare")
    )
    unchecked = np.nan
    for row, mechanism in enumerate(replication.mechanisms):
        if replication.networks[row] == NO_CHECK:
            unchecked = welfare[row]
        table.add_row(
            mechanism,
            _number(violations[row], ",.4g"),
            *(_number(column[row], ",.1f") for column in (traded, cut, curtailed)),
            _number(welfare[row], ",.2f"),
            _number(unchecked - welfare[row], ",.2f"),
        )
    return table


def show(table: Table) -> None:
    """Print a table without cutting a digit, however narrow the terminal; title and caption wrap at its width."""
    console = Console(highlight=False)
    title, caption = table.title, table.caption
    table.title = table.caption = None
    needed = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
    for part, width in ((title, 0), (table, needed), (caption, 0)):
        if part:
            Console(width=max(console.width, width), highlight=False).print(part)


def _table(title: str, heads: tuple[str, ...]) -> Table:
    table = Table(title=Text(title), box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("mechanism", no_wrap=True)
    for head in heads:
        table.add_column(Text(head), justify="right", no_wrap=True)
    return table


def _network(comparison: Comparison) -> str:
    runs = [run.community for run in comparison.runs]
    low, high = min(run.v_min_pu for run in runs), max(run.v_max_pu for run in runs)
    return (
        f"{comparison.community.feeder.name}: peak import {max(run.peak_import_kw for run in runs):.1f} kW, "
        f"peak export {max(run.peak_export_kw for run in runs):.1f} kW, voltages {low:.3f} to {high:.3f} p.u., "
        f"loading up to {max(run.loading_max for run in runs):.0%}, violations {max(run.violations for run in runs)}"
    )


def _verdict(run: Run) -> Any:
    return "hold" if run.certificate.passed else Text("broken", style="red")


def _with_interval(mean: float, half: float) -> str:
    return _number(mean, ",.2f") + (f" ± {half:,.2f}" if half > 0 else "")


def _number(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form)
