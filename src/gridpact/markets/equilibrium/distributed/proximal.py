"""The paper's method, a preconditioned proximal point iteration: the baseline that ours is measured against.

Belgioioso, Ananduta, Grammatico, Ocampo-Martinez, arXiv:2107.13444, algorithm 1, on the grid of LinDistFlow: the operator's
variables are what it lets buses draw, for flows and voltages follow from that. Steps by Pock, Chambolle, "Diagonal
preconditioning for first order primal-dual algorithms in convex optimization", ICCV 2011: one over the sum of absolute entries
of a row or column; that of imports also makes up for the slope of the price that all share.
"""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.equilibrium._infeasible import find_shortfalls
from gridpact.markets.equilibrium.distributed._game import Grid, Links, Members, Units
from gridpact.markets.equilibrium.distributed._operator import Operator
from gridpact.markets.equilibrium.distributed._rows import CHARGE, CHARGED, CURTAIL, DISCHARGE, GENERATE, ROWS
from gridpact.markets.equilibrium.distributed.tuning import CENTS, PATIENCE_OF_STORAGE
from gridpact.markets.equilibrium.errors import InfeasibleError, SolverError
from gridpact.markets.equilibrium.instance import Allocation, Instance
from gridpact.markets.equilibrium.objectives import Concept
from gridpact.markets.equilibrium.solver import Clearing, History, Multipliers
from gridpact.units import FloatArray

MOST_ROUNDS = 20_000


@dataclass(frozen=True, slots=True)
class ProximalSolver:
    """Members step against prices, and prices against what does not add up.

    Attributes
    ----------
    concept
        Nash, Wardrop, or social.
    primal_weight
        Factor of primal steps, and divisor of dual ones, in `Units`.
    """

    concept: Concept = Concept.NASH
    primal_weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.primal_weight < np.inf:
            raise InputError(f"primal_weight = {self.primal_weight}", accepted="a finite number above 0")

    @property
    def name(self) -> str:
        """Name by which it is chosen."""
        return "proximal"

    def solve(
        self, instance: Instance, *, tolerance: float = 0.1, warm_start: Any = None, max_rounds: int | None = None
    ) -> Clearing:
        """See `Solver.solve`; it always starts cold. The gap at the stop is not looked at, as in the paper.

        Raises
        ------
        InfeasibleError
            If the rounds are used up, or a program has no solution, and no schedule meets every limit.
        SolverError
            If a program inside a round has no solution although there is a schedule.
        """
        if not 0 < tolerance < np.inf:
            raise InputError(f"tolerance = {tolerance}", accepted="a finite number above 0")
        if warm_start is not None:
            raise InputError("a warm start", place="proximal", accepted="none: it starts cold")
        started = time.process_time()
        if (instance.grid_limits.flow < 0).any():
            raise InfeasibleError(find_shortfalls(instance))
        steps = _Steps(instance, self.concept, self.primal_weight)
        converged = False
        for _ in range(MOST_ROUNDS if max_rounds is None else max_rounds):
            if not steps.play():
                if shortfalls := find_shortfalls(instance):
                    raise InfeasibleError(shortfalls)
                raise SolverError("a program inside a round has no solution, although there are schedules")
            if max(steps.history[-1]) <= tolerance:
                converged = True
                break
        if not converged and (shortfalls := find_shortfalls(instance)):
            raise InfeasibleError(shortfalls)
        return steps.clearing(self.name, converged, time.process_time() - started)


class _Steps:
    """Primal and dual variables, in `Units`, and a round."""

    def __init__(self, instance: Instance, concept: Concept, primal_weight: float) -> None:
        self.instance, self.units = instance, Units.of(instance)
        units, hours, count = self.units, instance.H, instance.members
        self.links, self.grid = Links.of(instance, units), Grid.of(instance, units, concept)
        self.members = _storing(Members.of(instance, units))
        self.own = 2 * concept.weights[1] * instance.d_h * units.kw / units.price
        self.shared = 2 * concept.weights[0] * instance.d_h * units.kw / units.price
        # columns: devices and trades stand in one row each, imports in two; rows: a link has two entries, λ one for each member
        self.alpha = primal_weight
        self.alpha_grid = 1 / (2 / primal_weight + count * float(np.max(self.shared, initial=0.0)))
        self.alpha_bus = primal_weight
        self.beta = 1 / (2 * primal_weight)
        self.gamma = 1 / (count * primal_weight)
        self.beta_bus = 1 / ((4 * self.grid.crowd + 1) * primal_weight)
        half = len(self.links.owner)
        self.p, self.mu = np.zeros((half, hours)), np.zeros((half, hours))
        self.own_cost = _own_costs(instance, self.links, units)
        self.m, self.n = np.maximum(self.members.net, 0), self.members.net.copy()
        self.u, self.pi = np.zeros((count, ROWS, hours)), np.zeros((count, hours))
        self.kept, self.warm = np.zeros((count, 3, ROWS, hours)), np.zeros(count, dtype=np.bool_)
        self.operator = Operator.of(self.grid, 1.0, 1.0)
        self.upper, self.lower = np.zeros(hours), np.zeros(hours)
        self.bus_price = np.zeros((hours, instance.buses))
        self.drawn = self.operator.at_buses(self.n)
        self.last = (self.p.copy(), self.m.sum(axis=0), np.zeros((hours, instance.buses)))
        self.history: list[tuple[float, float, float, float]] = []

    def play(self) -> bool:
        """Prices follow the last two plans, plans follow prices; whether every program had a solution."""
        from gridpact.markets.equilibrium.distributed._proximal import proximal_round
        from gridpact.markets.equilibrium.distributed._rounds import mismatch
        from gridpact.markets.equilibrium.distributed._tree import permitted

        links, members, units, grid = self.links, self.members, self.units, self.grid
        sums = self.p + self.p[links.twin]
        sigma = self.m.sum(axis=0)
        off = self.operator.at_buses(self.n) - self.drawn
        last_p, last_sigma, last_off = self.last
        mu = self.mu + self.beta * (2 * sums - (last_p + last_p[links.twin]))
        ahead = 2 * sigma - last_sigma
        upper = np.maximum(self.upper + self.gamma * (ahead - grid.sigma_max), 0)
        lower = np.maximum(self.lower + self.gamma * (grid.sigma_min - ahead), 0)
        bus = self.bus_price + self.beta_bus * (2 * off - last_off)
        moved = sum(
            float(((new - old) ** 2).sum())
            for new, old in (
                (mu[links.forward], self.mu[links.forward]),
                (upper, self.upper),
                (lower, self.lower),
                (bus, self.bus_price),
            )
        )
        self.last = self.p.copy(), sigma, off
        self.mu, self.upper, self.lower, self.bus_price = mu, upper, lower, bus
        drawn = np.empty_like(self.drawn)
        found = permitted(
            self.drawn + self.alpha_bus * bus, (grid.crowd > 0).astype(np.float64), grid.parent, grid.r, grid.gain,
            grid.passive, grid.fall, grid.v_root, grid.v_low, grid.v_high, grid.flow_max, drawn
        )  # fmt: skip
        grid_price = self.shared * sigma + grid.base + upper - lower
        step, failed = proximal_round(
            links.first, self.p, mu, self.own_cost, links.tariff, links.cap, self.alpha, self.alpha_grid, grid_price,
            np.ascontiguousarray(bus[:, grid.bus].T), members.net, members.low, members.high, members.curve, members.slope,
            self.own, members.keep, members.lost, members.fill, members.drain, members.start, self.kept, self.warm,
            PATIENCE_OF_STORAGE, self.u, self.n, self.m, self.pi
        )  # fmt: skip
        if found < 0 or failed:
            return False
        self.warm[:] = True
        step = max(step, float(np.abs(drawn - self.drawn).max()))
        self.drawn = drawn
        unbalanced = float(np.abs(self.operator.at_buses(self.n) - drawn).max())
        self.history.append(
            (
                mismatch(self.p, links.twin) * units.kw,
                unbalanced * units.kw,
                step * units.kw,
                np.sqrt(moved) * units.price * CENTS,
            )
        )
        return True

    def clearing(self, solver: str, converged: bool, seconds: float) -> Clearing:
        """The result."""
        kw, price, links = self.units.kw, self.units.price, self.links
        return Clearing(
            instance=self.instance,
            allocation=Allocation(
                p_di=self.u[:, GENERATE] * kw,
                p_ch=self.u[:, CHARGE] * kw,
                p_ds=self.u[:, DISCHARGE] * kw,
                p_mg=self.m * kw,
                p_tr=self.p[links.forward] * kw,
                pi=self.pi * price,
                p_tr_rev=self.p[links.twin[links.forward]] * kw,
                p_cur=self.u[:, CURTAIL] * kw,
            ),
            multipliers=Multipliers(
                bus=self.bus_price.T * price,
                pair=self.mu[links.forward] * price,
                head=(self.upper - self.lower) * price,
            ),
            solver=solver,
            rounds=len(self.history),
            converged=converged,
            seconds=seconds,
            history=History(*np.array(self.history).reshape(-1, 4).T),
        )


def _storing(members: Members) -> Members:
    """One program for all: who has no storage gets a state of charge that nothing moves."""
    low, high = members.low.copy(), members.high.copy()
    without = ~members.stores
    low[without, CHARGED], high[without, CHARGED] = 0.0, 1.0
    start, keep, lost = members.start.copy(), members.keep.copy(), members.lost.copy()
    start[without], keep[without], lost[without] = 0.5, 1.0, 0.0
    return replace(members, low=low, high=high, start=start, keep=keep, lost=lost)


def _own_costs(instance: Instance, links: Links, units: Units) -> FloatArray:
    """c_ij of the owner of each end."""
    costs = np.zeros(len(links.owner))
    costs[links.forward] = instance.c_tr[:, 0]
    costs[links.twin[links.forward]] = instance.c_tr[:, 1]
    return costs / units.price
