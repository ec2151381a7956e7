"""One instance from a file: cleared, written, examined, and told as tables."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gridpact.markets.equilibrium import (
    AcModel,
    Concept,
    Report,
    clear_safely,
    examine,
    make_solver,
    objective,
    read_instance,
    write_solution,
)
from gridpact.study.pages import Column, Table
from gridpact.units import FloatArray


@dataclass(frozen=True, eq=False)
class ClearedFile:
    """An instance from a file, cleared and examined.

    Attributes
    ----------
    report
        What is said of it.
    clearings
        How often it was cleared; more than once where limits were tightened.
    """

    report: Report
    clearings: int


def clear_file(
    instance: str | Path,
    solution: str | Path | None,
    *,
    solver: str = "central",
    tolerance: float | None = None,
    ac_safe: bool = False,
) -> ClearedFile:
    """Clear the instance of a file, write the solution, and examine it.

    Parameters
    ----------
    instance
        A ``.npz`` file: see `gridpact.markets.equilibrium.read_instance`.
    solution
        Where the solution goes, ``.npz`` as well; None: nowhere.
    solver
        By name: see `gridpact.markets.equilibrium.SOLVERS`.
    tolerance
        Of its stopping rule; None: its own.
    ac_safe
        Whether to tighten the linear limits until AC power flow is clean; if not, AC power flow is only told.

    Raises
    ------
    InputError
        If the file holds no instance, or the solver is unknown.
    InfeasibleError
        If no schedule keeps every limit; it says where, when and by how much.
    """
    game = read_instance(instance)
    made, usual = make_solver(solver)
    accuracy = usual if tolerance is None else tolerance
    model = AcModel(game)
    if ac_safe:
        safe = clear_safely(game, made, tolerance=accuracy, model=model)
        clearing, ac, clearings = safe.clearing, safe.ac, len(safe.violations)
    else:
        clearing, clearings = made.solve(game, tolerance=accuracy), 1
        ac = model.run(game, clearing.allocation)
    if solution is not None:
        write_solution(solution, clearing.allocation)
    return ClearedFile(examine(clearing, ac=ac), clearings)


def findings(cleared: ClearedFile) -> Table:
    """What is found, name by name."""
    report = cleared.report
    clearing, instance = report.clearing, report.clearing.instance
    found = report.residuals
    ac = report.ac
    rows: list[tuple[str, float, str]] = [
        ("members", instance.members, ""),
        ("links", instance.links, ""),
        ("separate parts of the trading graph", len(instance.islands), ""),
        ("potential Φ", report.gap.value, "money"),
        ("lower bound of Φ", report.gap.bound, "money"),
        ("certified gap, relative", report.gap.relative, ""),
        ("what society pays", objective(instance, clearing.allocation, Concept.SOCIAL), "money"),
        ("price of anarchy", _or_nan(report.anarchy), ""),
        ("the same at Wardrop's equilibrium", _or_nan(report.wardrop_cost), ""),
        ("largest best-response regret of a member", float(report.regret.max(initial=0)), "money"),
        ("reciprocity", found.reciprocity, "kW"),
        ("balance of a member", found.balance, "kW"),
        ("limits of devices, links, lines, head", max(found.devices, found.flow, found.head), "kW"),
        ("state of charge off its limits", found.charge, "share"),
        ("voltage of the linear grid off its limits", found.voltage, "p.u."),
        ("charged and discharged at once", report.both_ways_kw, "kW"),
        ("traded between members", report.traded_kwh, "kWh"),
        ("members' costs in all", float(report.costs.sum()), "money"),
        ("members' costs in all without trade", _sum_or_nan(report.costs_alone), "money"),
        ("members who gain by trade", _gaining(report), ""),
        ("operator's revenue from trade", report.tariff_revenue, "money"),
        ("import peak σ + b", report.import_peak_kw, "kW"),
        ("AC limits passed (bus-hours, line-hours, hours)", _or_nan(report.ac_violations), ""),
        ("AC lowest voltage", float(ac.v_low[1:].min()) if ac else np.nan, "p.u."),
        ("AC highest voltage", float(ac.v_high[1:].max()) if ac else np.nan, "p.u."),
        ("AC worst loading", float(ac.loading.max()) if ac else np.nan, "share"),
        ("clearings until AC is clean", cleared.clearings, ""),
        ("rounds, or iterations", clearing.rounds, ""),
        ("stopping rule met", float(clearing.converged), ""),
        ("bytes sent by a member", float(np.mean(clearing.bytes_sent)) if clearing.bytes_sent is not None else 0.0, ""),
        ("CPU time", clearing.seconds, "s"),
    ]
    names, values, units = zip(*rows, strict=True)
    shown = Column("value", [f"{value:.10g}" for value in values])
    return Table("clearing", f"cleared by {clearing.solver}", (Column("what", names), shown, Column("unit", units)))


def of_members(cleared: ClearedFile) -> Table:
    """Member by member: costs with and without trade, and regret."""
    report = cleared.report
    instance = report.clearing.instance
    alone = np.full(instance.members, np.nan) if report.costs_alone is None else report.costs_alone
    names = [instance.bus_name[bus] for bus in instance.pro_bus]
    columns = (
        Column("member", instance.pro_name),
        Column("bus", names),
        Column("costs", report.costs, 4),
        Column("costs without trade", alone, 4),
        Column("regret", report.regret, 6),
    )
    return Table("members", "costs of the members", columns)


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _sum_or_nan(values: FloatArray | None) -> float:
    return np.nan if values is None else float(values.sum())


def _gaining(report: Report) -> float:
    return np.nan if report.costs_alone is None else float((report.costs < report.costs_alone).sum())
