"""What is said of one clearing: prices, costs with and without trade between members, and what certifies it."""

from dataclasses import dataclass, replace

import numpy as np

from gridpact.markets.certificate import Certificate, Check
from gridpact.markets.equilibrium.bound import Gap, certified_gap
from gridpact.markets.equilibrium.central import CentralSolver
from gridpact.markets.equilibrium.errors import InfeasibleError
from gridpact.markets.equilibrium.instance import Allocation, Instance
from gridpact.markets.equilibrium.objectives import (
    Concept,
    device_costs,
    objective,
    of_members,
    retail_costs,
    shared_grid_costs,
    trade_costs,
)
from gridpact.markets.equilibrium.regret import best_response_regret
from gridpact.markets.equilibrium.residuals import Residuals, residuals
from gridpact.markets.equilibrium.safety import AcState
from gridpact.markets.equilibrium.solver import Clearing
from gridpact.units import FloatArray

FREE = 1e-4
"""Share of the mean price of the main grid below which energy counts as free: prices are no more accurate than that."""


@dataclass(frozen=True, eq=False)
class Report:
    """One clearing, examined. Money in the currency of the instance, arrays ``[member]`` unless said otherwise.

    Attributes
    ----------
    clearing
        What is examined.
    residuals, gap, regret
        How far constraints are from being kept, the objective from its least, and each member from its best response.
    both_ways_kw, both_ways_at_positive_prices_kw
        The most that is charged and discharged at once, anywhere, and where energy has a price: more than `FREE`.
    costs
        What each member pays for devices, the main grid, partners and the tariff.
    costs_alone
        The same where nobody may trade with a member; None if there is then no schedule that keeps every limit.
    tariff_revenue
        From `Instance.c_ta`, both ends.
    traded_kwh
        Bought from members.
    import_peak_kw
        Largest ``σ + b``.
    grid_price
        Of the main grid, per kWh ``[hour]``: ``d_h (σ + b) + price_im + head``.
    anarchy
        The price of anarchy: 1 and what society pays here beyond the least, as a share of that; None if not asked for.
    wardrop_cost
        The same at the equilibrium of members who ignore their influence; None likewise.
    ac, ac_violations
        AC power flow of the schedule, and how many limits it passes; None if it was not asked for.
    """

    clearing: Clearing
    residuals: Residuals
    gap: Gap
    regret: FloatArray
    both_ways_kw: float
    both_ways_at_positive_prices_kw: float
    costs: FloatArray
    costs_alone: FloatArray | None
    tariff_revenue: float
    traded_kwh: float
    import_peak_kw: float
    grid_price: FloatArray
    anarchy: float | None
    wardrop_cost: float | None
    ac: AcState | None
    ac_violations: int | None

    @property
    def pair_price(self) -> FloatArray:
        """What i pays j per kWh, before the tariff: ``c_ij + μ``, ``[link, hour]``."""
        return self.clearing.instance.c_tr[:, :1] + self.clearing.multipliers.pair


def examine(
    clearing: Clearing, *, ac: AcState | None = None, others: bool = True, reference: CentralSolver | None = None
) -> Report:
    """Examine a clearing of the Nash equilibrium.

    Parameters
    ----------
    clearing
        By any solver.
    ac
        AC power flow of its schedule, if there is one.
    others
        Whether to clear the other cases, too: Wardrop's, society's, and that without trade between members.
    reference
        What clears these.
    """
    instance, allocation, prices = clearing.instance, clearing.allocation, clearing.multipliers
    both = np.minimum(allocation.p_ch, allocation.p_ds)
    worth = allocation.pi + prices.bus[instance.pro_bus]
    total = allocation.p_mg.sum(axis=0) + instance.base_kw
    free = FREE * float(np.abs(instance.d_h * total + instance.price_im).mean())
    solver = reference or CentralSolver()
    anarchy, wardrop = _against_society(instance, allocation, solver) if others else (None, None)
    return Report(
        clearing=clearing,
        residuals=residuals(instance, allocation),
        gap=certified_gap(clearing),
        regret=best_response_regret(instance, allocation, prices),
        both_ways_kw=float(both.max(initial=0)),
        both_ways_at_positive_prices_kw=float(both[worth > free].max(initial=0)),
        costs=costs(clearing),
        costs_alone=_costs_alone(instance, solver) if others else None,
        tariff_revenue=tariff_revenue(instance, allocation),
        traded_kwh=float(np.abs(allocation.p_tr).sum() * instance.dt),
        import_peak_kw=float(total.max()),
        grid_price=instance.d_h * total + instance.price_im + prices.head,
        anarchy=anarchy,
        wardrop_cost=wardrop,
        ac=ac,
        ac_violations=None if ac is None else ac.violations(instance),
    )


def costs(clearing: Clearing) -> FloatArray:
    """What each member pays for devices, the main grid, partners and the tariff, in money ``[member]``."""
    instance, allocation = clearing.instance, clearing.allocation
    paid = np.stack([allocation.p_tr, allocation.bought_back]) * clearing.multipliers.pair
    own = device_costs(instance, allocation) + retail_costs(instance, allocation)
    grid = shared_grid_costs(instance, allocation)
    return np.asarray(
        instance.dt * (own + grid + of_members(instance, trade_costs(instance, allocation) + paid)).sum(axis=1)
    )


def tariff_revenue(instance: Instance, allocation: Allocation) -> float:
    """What the operator gets for trades, from both ends, in money."""
    both = np.abs(allocation.p_tr) + np.abs(allocation.bought_back)
    return float(instance.dt * (instance.c_ta[:, None] * both).sum())


def without_trade(instance: Instance) -> Instance:
    """The same members on the same grid, nobody with a partner."""
    return replace(
        instance, edges=np.empty((0, 2), dtype=np.int64), cap=np.empty(0), c_tr=np.empty((0, 2)), c_ta=np.empty(0)
    )


def certify(report: Report, *, tolerance_kw: float, gap: float, regret: float) -> Certificate:
    """The checks of a clearing.

    Parameters
    ----------
    report
        Of the clearing.
    tolerance_kw
        Of residuals.
    gap
        Of the relative gap, either way.
    regret
        Of the worst member's regret, in money.
    """
    found = report.residuals
    checks = [
        Check("equilibrium: reciprocity (kW)", found.reciprocity, tolerance_kw),
        Check("equilibrium: balance of a member (kW)", found.balance, tolerance_kw),
        Check(
            "equilibrium: limits of devices, links, lines and head (kW)",
            max(found.devices, found.flow, found.head),
            tolerance_kw,
        ),
        Check("equilibrium: state of charge off its limits (share)", found.charge, 1e-4),
        Check("equilibrium: voltage of the linear grid off its limits (p.u.)", found.voltage, 1e-6),
        Check("equilibrium: certified gap of the potential (relative)", abs(report.gap.relative), gap),
        Check(
            "equilibrium: best-response regret of the worst member (currency)",
            float(report.regret.max(initial=0)),
            regret,
        ),
        Check(
            "equilibrium: charging and discharging at once where prices are positive (kW)",
            report.both_ways_at_positive_prices_kw,
            1e-2,
        ),
        Check("equilibrium: charging and discharging at once, anywhere (kW)", report.both_ways_kw, np.inf),
    ]
    if report.ac_violations is not None:
        checks.append(Check("equilibrium: AC limits passed (count)", float(report.ac_violations), adds_up=True))
    if report.anarchy is not None:
        checks.append(Check("equilibrium: price of anarchy above 1", report.anarchy - 1, np.inf))
    return Certificate(tuple(checks))


def _against_society(instance: Instance, allocation: Allocation, solver: CentralSolver) -> tuple[float, float]:
    """Social costs here and at Wardrop's equilibrium, relative to the least; 1 where nobody moves the grid's price."""
    if not instance.d_h.any():
        return 1.0, 1.0
    social, wardrop = (replace(solver, concept=concept) for concept in (Concept.SOCIAL, Concept.WARDROP))
    least = objective(instance, social.solve(instance).allocation, Concept.SOCIAL)
    at_wardrop = objective(instance, wardrop.solve(instance).allocation, Concept.SOCIAL)
    here = objective(instance, allocation, Concept.SOCIAL)
    return 1 + (here - least) / abs(least), 1 + (at_wardrop - least) / abs(least)


def _costs_alone(instance: Instance, solver: CentralSolver) -> FloatArray | None:
    try:
        return costs(solver.solve(without_trade(instance)))
    except InfeasibleError:
        return None
