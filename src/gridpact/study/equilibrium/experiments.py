"""The runs of the study: each clears seeded instances and keeps what its picture needs."""

from dataclasses import dataclass, replace

import numpy as np

from gridpact.markets.equilibrium import (
    AcModel,
    CentralSolver,
    Concept,
    InfeasibleError,
    Instance,
    Recipe,
    SafeClearing,
    certified_gap,
    clear_safely,
    examine,
    make_instance,
    make_solver,
    objective,
)
from gridpact.units import FloatArray

LARGE_KW = 3_000.0
"""The generator of the one very large prosumer: more than the whole feeder draws."""
LARGE_COST = 0.02
DIVERSITY = 0.005
"""Of the prices c_ij between pairs. Two that differ by more than both tariffs, 0.02, would trade in circles for its sake."""
NARROWER_PU = (0.003, 0.001, 0.0003, 0.0001)
"""By how much the voltage limit is raised above the lowest voltage of a day, to see what AC safety does: the first that can be
kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Convergence:
    """Residuals of a solver, round by round.

    Attributes
    ----------
    solver
        Its name.
    worst
        The stopping rule's residual, ``[round]``; units mixed.
    gap
        Certified relative gap at the end.
    converged
        Whether the tolerance was reached.
    """

    solver: str
    worst: FloatArray
    gap: float
    converged: bool


def converge(solver: str, members: int, seed: int, tolerance: float, most: int) -> Convergence:
    """Let a solver run down to a tolerance."""
    method, _ = make_solver(solver)
    clearing = method.solve(_instance(members, seed), tolerance=tolerance, max_rounds=most)
    return Convergence(solver, clearing.history.worst, certified_gap(clearing).relative, clearing.converged)


@dataclass(frozen=True, slots=True)
class Rounds:
    """How many rounds an instance took; ``rounds`` is NaN if the tolerance was not reached."""

    solver: str
    members: int
    connectivity: float
    seed: int
    tolerance: float
    rounds: float
    gap: float
    seconds: float


def count_rounds(solver: str, members: int, connectivity: float, seed: int, tolerance: float, most: int) -> Rounds:
    """Rounds of a solver on one instance."""
    method, _ = make_solver(solver)
    clearing = method.solve(_instance(members, seed, connectivity), tolerance=tolerance, max_rounds=most)
    rounds = float(clearing.rounds) if clearing.converged else float("nan")
    gap = certified_gap(clearing).relative
    return Rounds(solver, members, connectivity, seed, tolerance, rounds, gap, clearing.seconds)


@dataclass(frozen=True, slots=True, eq=False)
class Loading:
    """One very large prosumer, with the ratings of lines inside the game and without.

    Attributes
    ----------
    lines
        Names of the buses to which the lines lead.
    free, limited
        Highest AC loading of each line, share of its rating, ``[line]``.
    bus
        Where the prosumer is.
    generated_kwh
        What it generates without and with the ratings.
    """

    lines: tuple[str, ...]
    free: FloatArray
    limited: FloatArray
    bus: str
    generated_kwh: tuple[float, float]


def load_lines(members: int, seed: int) -> Loading:
    """One very large prosumer at the bus of the weakest rating, with and without line limits."""
    plain = _instance(members, seed)
    who = int(np.argmin(plain.s_max[plain.pro_bus]))
    at = np.arange(plain.members) == who
    instance = replace(
        plain,
        di_max=np.where(at, LARGE_KW, plain.di_max),
        c_di=np.where(at, LARGE_COST, plain.c_di),
        Q_di=np.where(at, 1e-6, plain.Q_di),
        cap=np.where((plain.edges == who).any(axis=1), 100.0, plain.cap),
        vmax=1.2,
        vmin=0.8,
    )
    unlimited = replace(instance, s_max=np.full(instance.buses, np.inf), pmin=-np.inf, pmax=np.inf)
    solver, model = CentralSolver(), AcModel(instance)
    free = solver.solve(unlimited)
    limited = clear_safely(instance, solver, tolerance=1e-8)
    made = [float(each.allocation.p_di[who].sum() * instance.dt) for each in (free, limited.clearing)]
    return Loading(
        instance.bus_name[1:],
        model.run(instance, free.allocation).loading[1:].max(axis=1),
        limited.ac.loading[1:].max(axis=1),
        instance.bus_name[int(instance.pro_bus[who])],
        (made[0], made[1]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """One cleared day.

    Attributes
    ----------
    members
        Names.
    costs, costs_alone
        Of each member with trade between members and without, ``[member]``.
    demand_kw, import_kw, import_without_storage_kw, own_import_kw
        All loads less PV; ``σ + b`` with storage and without; σ with storage and without, ``[2, hour]``.
    traded_kw
        Between members, ``[hour]``.
    grid_price, price_low, price_mean, price_high
        Of the main grid, and of pairs that trade: range and mean weighed by energy, ``[hour]``.
    regret
        Of the worst member, in money.
    anarchy, wardrop
        Social cost at the Nash and at the Wardrop equilibrium relative to the least.
    buses, v_free, v_linear, v_safe
        Lowest AC voltage of each bus under the feeder's own limits; and under `v_limit` if cleared by the linear grid alone,
        and if AC-safe, p.u. ``[bus]``.
    v_limit
        A voltage limit raised so far that it binds.
    violations
        AC violations under that limit after each clearing.
    """

    members: tuple[str, ...]
    costs: FloatArray
    costs_alone: FloatArray
    demand_kw: FloatArray
    import_kw: FloatArray
    import_without_storage_kw: FloatArray
    own_import_kw: FloatArray
    traded_kw: FloatArray
    grid_price: FloatArray
    price_low: FloatArray
    price_mean: FloatArray
    price_high: FloatArray
    regret: float
    anarchy: float
    wardrop: float
    buses: tuple[str, ...]
    v_free: FloatArray
    v_linear: FloatArray
    v_safe: FloatArray
    v_limit: float
    violations: tuple[int, ...]


def clear_day(members: int, seed: int) -> Day:
    """Clear a day, with everything that is compared with it."""
    instance, solver = _instance(members, seed), CentralSolver()
    safe = clear_safely(instance, solver, tolerance=1e-8)
    report = examine(safe.clearing, ac=safe.ac)
    none = np.zeros(instance.members)
    bare = solver.solve(replace(instance, E=none, ch_max=none, ds_max=none)).allocation
    allocation = safe.clearing.allocation
    narrow, narrowed = _narrowed(instance, solver, float(safe.ac.v_low.min()))
    linear = AcModel(narrow).run(narrow, solver.solve(narrow).allocation)
    if report.costs_alone is None or report.anarchy is None or report.wardrop_cost is None:
        raise InfeasibleError(())
    traded = np.abs(allocation.p_tr)
    price = report.pair_price
    used = traded > 1e-3
    with np.errstate(invalid="ignore"):
        mean = (price * traded).sum(axis=0) / traded.sum(axis=0)
    return Day(
        members=instance.pro_name,
        costs=report.costs,
        costs_alone=report.costs_alone,
        demand_kw=instance.pd.sum(axis=0) + instance.base_kw,
        import_kw=allocation.p_mg.sum(axis=0) + instance.base_kw,
        import_without_storage_kw=bare.p_mg.sum(axis=0) + instance.base_kw,
        own_import_kw=np.stack([allocation.p_mg.sum(axis=0), bare.p_mg.sum(axis=0)]),
        traded_kw=traded.sum(axis=0),
        grid_price=report.grid_price,
        price_low=np.where(used, price, np.inf).min(axis=0),
        price_mean=mean,
        price_high=np.where(used, price, -np.inf).max(axis=0),
        regret=float(report.regret.max()),
        anarchy=report.anarchy,
        wardrop=report.wardrop_cost,
        buses=instance.bus_name,
        v_free=safe.ac.v_low.min(axis=1),
        v_linear=linear.v_low.min(axis=1),
        v_safe=narrowed.ac.v_low.min(axis=1),
        v_limit=narrow.vmin,
        violations=narrowed.violations,
    )


def _narrowed(instance: Instance, solver: CentralSolver, lowest: float) -> tuple[Instance, SafeClearing]:
    """The game under a voltage limit above the lowest voltage, and its clearing."""
    for above in NARROWER_PU:
        narrow = replace(instance, vmin=lowest + above)
        try:
            return narrow, clear_safely(narrow, solver, tolerance=1e-8)
        except InfeasibleError as error:
            refused = error
    raise refused


@dataclass(frozen=True, slots=True)
class Traded:
    """Energy traded between members in a day at a tariff, and at a multiple of all prices c_ij."""

    tariff: float
    scale: float
    seed: int
    traded_kwh: float
    potential: float


def trade_at(members: int, seed: int, tariff: float, scale: float) -> Traded:
    """Trade between members under another network tariff, or with all contract prices scaled alike."""
    plain = _instance(members, seed)
    instance = replace(plain, c_ta=np.full(plain.links, tariff), c_tr=np.full((plain.links, 2), 0.07 * scale))
    allocation = CentralSolver(least_norm=1e-6).solve(instance).allocation
    traded = float(np.abs(allocation.p_tr).sum() * instance.dt)
    return Traded(tariff, scale, seed, traded, objective(instance, allocation, Concept.NASH))


def _instance(members: int, seed: int, connectivity: float = 0.6) -> Instance:
    return make_instance(Recipe(members, seed, connectivity=connectivity, diversity=DIVERSITY))
