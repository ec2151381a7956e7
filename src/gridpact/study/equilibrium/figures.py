"""The study as charts."""

import numpy as np

from gridpact.study.equilibrium.study import OURS, PAPERS, Study
from gridpact.study.pages import Axis, Bars, Curve, Figure, Group, Level, Plane
from gridpact.study.pages.formats import measure, number, percent
from gridpact.units import FloatArray

NAMES = {PAPERS: "the paper's proximal point", OURS: "ours, edge ADMM"}
HOUR = Axis("hour of the day", low=0.0, high=24.0)
RULE = (
    "The residual is the stopping rule's: the largest of reciprocity, bus balance and primal step (kW) and of "
    "the dual step "
    "(hundredths of the currency per kWh)."
)


def residuals(study: Study) -> Figure:
    """Residuals round by round."""
    curves = tuple(
        Curve(NAMES[each.solver], np.arange(1.0, len(each.worst) + 1), each.worst) for each in study.convergence
    )
    told = "; ".join(
        f"{NAMES[each.solver]} {'reaches' if each.converged else 'does not reach'} {measure(study.sizes.tolerance)} "
        f"{'after' if each.converged else 'within'} {number(len(each.worst))} rounds, certified gap "
        f"{measure(abs(each.gap))}"
        for each in study.convergence
    )
    return Figure(
        "residuals",
        "Residuals against rounds",
        RULE,
        Plane(Axis("round", log=True), Axis("residual, kW and hundredths", log=True), curves),
        told[:1].upper() + told[1:] + ".",
        _ran(study),
    )


def by_size(study: Study) -> Figure:
    """Rounds against the number of members."""
    sizes = sorted(study.sizes.sizes)
    return Figure(
        "rounds-size",
        "Rounds against members",
        f"Median of {study.sizes.seeds} seeds, with the fewest and the most. Connectivity {study.sizes.connectivities[0]:g}. "
        + RULE,
        Plane(Axis("members"), Axis("rounds", log=True), _counts(study, sizes, "members")),
        _told(study, sizes, "members"),
        _ran(study),
    )


def by_connectivity(study: Study) -> Figure:
    """Rounds against the share of pairs that may trade."""
    shares = sorted(study.sizes.connectivities)
    return Figure(
        "rounds-connectivity",
        "Rounds against connectivity",
        f"Median of {study.sizes.seeds} seeds, with the fewest and the most; {study.sizes.sizes[0]} members. "
        "Connectivity is the share of "
        "all pairs that may trade.",
        Plane(Axis("connectivity"), Axis("rounds", log=True), _counts(study, shares, "connectivity")),
        _told(study, shares, "connectivity"),
        _ran(study),
    )


def _kinds(study: Study) -> list[tuple[str, float]]:
    solvers = [each.solver for each in study.convergence]
    return [*((solver, study.sizes.coarse) for solver in solvers), (OURS, study.sizes.fine)]


def _counts(study: Study, along: list[int] | list[float], what: str) -> tuple[Curve, ...]:
    curves = []
    for solver, tolerance in _kinds(study):
        found = [study.counted(solver, tolerance, **{what: each}) for each in along]  # type: ignore[arg-type]
        low, middle, high = (np.array([f(each) for each in found]) for f in (np.min, np.median, np.max))
        curves.append(
            Curve(f"{NAMES[solver]}, to {measure(tolerance)}", np.array(along, dtype=float), middle, low, high)
        )
    return tuple(curves)


def _told(study: Study, along: list[int] | list[float], what: str) -> str:
    parts = []
    for solver, tolerance in _kinds(study):
        middle = [float(np.median(study.counted(solver, tolerance, **{what: each}))) for each in along]  # type: ignore[arg-type]
        parts.append(f"{NAMES[solver]} {number(min(middle))} to {number(max(middle))} rounds to {measure(tolerance)}")
    told = "; ".join(parts)
    return told[:1].upper() + told[1:] + "."


def loading(study: Study) -> Figure:
    """One very large prosumer."""
    found = study.loading
    order = np.argsort(-found.free)[:15]
    free, limited = (100 * each[order] for each in (found.free, found.limited))
    return Figure(
        "loading",
        "One very large prosumer, with and without line limits",
        "Highest AC loading over the day of the 15 most loaded lines, named after the bus they lead to.",
        Bars(
            tuple(found.lines[at] for at in order),
            "line to bus",
            Axis("loading, %", low=0.0),
            (Group("ratings left out", free), Group("ratings in the game", limited)),
        ),
        f"The prosumer at bus {found.bus} generates {number(found.generated_kwh[0])} kWh without ratings and "
        "overloads a line to "
        f"{number(free[0])} %; with them it generates {number(found.generated_kwh[1])} kWh, and no line carries "
        "more than "
        f"{number(float(100 * found.limited.max()), 1)} %.",
        _ran(study),
    )


def costs(study: Study) -> Figure:
    """Costs of members with and without trade."""
    day = study.day
    saved = 100 * (day.costs_alone - day.costs) / np.abs(day.costs_alone)
    order = np.argsort(saved)
    who = np.arange(1.0, len(order) + 1)
    return Figure(
        "costs",
        "Cost of each member with and without trade between members",
        "Of the day, members ordered by what trade saves them; the bill of devices, main grid, partners and tariff.",
        Plane(
            Axis("member, by share saved"),
            Axis("cost of the day, EUR"),
            (
                Curve("without trade", who, day.costs_alone[order], style="points", symbol="ring"),
                Curve("with trade", who, day.costs[order], style="points", symbol="circle"),
            ),
        ),
        f"{int((day.costs < day.costs_alone).sum())} of {len(order)} members pay less with trade; together "
        f"{percent(1 - day.costs.sum() / day.costs_alone.sum())} less.",
        _ran(study),
    )


def storage(study: Study) -> Figure:
    """Imports with and without storage."""
    day = study.day
    hours = _hours(day.import_kw)
    with_, without = float(day.import_kw.max()), float(day.import_without_storage_kw.max())
    own = day.own_import_kw.max(axis=1)
    return Figure(
        "storage",
        "Import from the main grid with and without storage",
        "Of all, passive consumers included (σ + b).",
        Plane(
            HOUR,
            Axis("import, kW", low=0.0),
            (
                Curve("with storage", hours, day.import_kw),
                Curve("without storage", hours, day.import_without_storage_kw),
                Curve("load less PV", hours, day.demand_kw, style="dotted"),
            ),
        ),
        f"Storage lowers the peak by {percent(1 - with_ / without)}, from {number(without)} to {number(with_)} "
        "kW; that of the members "
        f"alone (σ) goes from {number(own[1])} to {number(own[0])} kW.",
        _ran(study),
    )


def tariff(study: Study) -> Figure:
    """Energy traded against the network tariff."""
    values = [study.traded_at(tariff=each) for each in study.sizes.tariffs]
    mean = np.array([each.mean() for each in values])
    x = 100 * np.array(study.sizes.tariffs)
    return Figure(
        "tariff",
        "Energy traded against the network tariff",
        f"Traded between members in a day, mean of {study.sizes.seeds} seeds with the least and the most. Both "
        "ends of a trade pay the tariff.",
        Plane(
            Axis("tariff, EUR cent per kWh", low=0.0),
            Axis("traded, kWh", low=0.0),
            (Curve("traded", x, mean, np.array([e.min() for e in values]), np.array([e.max() for e in values])),),
        ),
        f"{number(mean[0])} kWh at {measure(float(x[0]))} cent, {number(mean[-1])} at {measure(float(x[-1]))}.",
        _ran(study),
    )


def prices(study: Study) -> Figure:
    """Prices over the day."""
    day = study.day
    hours = _hours(day.grid_price)
    low, high = (np.where(np.isfinite(each), each, np.nan) for each in (day.price_low, day.price_high))
    curves = (
        Curve("pairs that trade, mean by energy", hours, 100 * day.price_mean, 100 * low, 100 * high),
        Curve("main grid", hours, 100 * day.grid_price),
    )
    return Figure(
        "prices",
        "Prices over the day",
        "What a pair pays, c_ij + μ, before the tariff: mean and range over the pairs that trade; and the price "
        "of the main grid.",
        Plane(HOUR, Axis("EUR cent per kWh"), curves),
        f"Pairs pay {_range(day.price_mean)} cent in the mean of an hour, the main grid costs "
        f"{_range(day.grid_price)}.",
        _ran(study),
    )


def _hours(values: FloatArray) -> FloatArray:
    """The middle of each hour."""
    return np.arange(len(values), dtype=np.float64) + 0.5


def _range(values: FloatArray) -> str:
    return f"{number(100 * float(np.nanmin(values)), 1)} to {number(100 * float(np.nanmax(values)), 1)}"


def trades(study: Study) -> Figure:
    """Trades over the day."""
    day = study.day
    hours = _hours(day.traded_kw)
    most = int(day.traded_kw.argmax())
    return Figure(
        "trades",
        "Trades over the day",
        "Energy that members buy from members.",
        Plane(HOUR, Axis("kW", low=0.0), (Curve("traded", hours, day.traded_kw),)),
        f"{number(float(day.traded_kw.sum()))} kWh in all, most at {most:02d}:00 with "
        f"{number(float(day.traded_kw[most]))} kW.",
        _ran(study),
    )


def voltages(study: Study) -> Figure:
    """Voltages on the feeder."""
    day = study.day
    order = np.argsort(-day.v_free)
    at = np.arange(1.0, len(order) + 1)
    curves = (
        Curve("the feeder's own limits", at, day.v_free[order]),
        Curve("raised limit, linear grid alone", at, day.v_linear[order]),
        Curve("raised limit, AC-safe", at, day.v_safe[order]),
    )
    again = len(day.violations) - 1
    return Figure(
        "voltages",
        "Lowest voltage of each bus",
        f"By AC power flow, buses ordered by it. The lower limit is raised to {number(day.v_limit, 4)} p.u., so "
        "that it binds.",
        Plane(
            Axis("bus, from the highest voltage to the lowest"),
            Axis("voltage, p.u.", low=np.floor(100 * min(curve.y.min() for curve in curves)) / 100, high=1.0),
            curves,
            levels=(Level("y", day.v_limit, "raised limit"),),
        ),
        f"Cleared by the linear grid alone, the schedule leaves {number(day.violations[0])} bus-hours below the "
        "raised limit; with limits "
        f"tightened {number(again)} {'time' if again == 1 else 'times'} none is left.",
        _ran(study),
    )


def _ran(study: Study) -> str:
    return f"IEEE 37-bus feeder, {study.sizes.members} members unless said otherwise, seeds from {study.seed}."
