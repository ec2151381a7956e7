"""Clearing without a centre: members and the operator agree round by round, as arrays in one process."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.equilibrium._infeasible import find_shortfalls
from gridpact.markets.equilibrium.bound import certified_gap
from gridpact.markets.equilibrium.distributed._game import Grid, Links, Members, Units
from gridpact.markets.equilibrium.distributed._operator import LimitError, Operator
from gridpact.markets.equilibrium.distributed._rows import CHARGE, CURTAIL, DISCHARGE, GENERATE, ROWS
from gridpact.markets.equilibrium.distributed.tuning import CENTS, PATIENCE_OF_STORAGE, Tuning
from gridpact.markets.equilibrium.distributed.warm import WarmStart
from gridpact.markets.equilibrium.errors import InfeasibleError, SolverError
from gridpact.markets.equilibrium.instance import Allocation, Instance
from gridpact.markets.equilibrium.objectives import Concept
from gridpact.markets.equilibrium.solver import Clearing, History, Multipliers, pair_multipliers
from gridpact.units import FloatArray

MOST_ROUNDS = 20_000
LEAST_GAP = 1e-8
"""A relative gap that no bound is accurate enough to ask for less than."""
SUSPECT = 200
"""Round in which it is first looked whether prices run away; then after twice as many, and so on."""
MEMBERS_OF_A_THREAD = 100
"""At least: fewer take less time than handing them out."""
FAR = 3.0
"""Prices above this multiple of the grid's are suspicious."""


@dataclass(frozen=True, slots=True)
class DistributedSolver:
    """Edge ADMM: pairs agree on trades, the operator on imports and on what the feeder permits, members answer both.

    Attributes
    ----------
    concept
        Nash, Wardrop, or social.
    tuning
        Weights and their schedule.
    gap_share
        At the stop the certified relative gap must be within this share of the tolerance, or the rounds go on.
    """

    concept: Concept = Concept.NASH
    tuning: Tuning = field(default_factory=Tuning)
    gap_share: float = 0.1

    @property
    def name(self) -> str:
        """Name by which it is chosen."""
        return "distributed"

    def solve(
        self,
        instance: Instance,
        *,
        tolerance: float = 1e-3,
        warm_start: Any = None,
        max_rounds: int | None = None,
    ) -> Clearing:
        """See `Solver.solve`; the warm start is a `WarmStart`.

        Raises
        ------
        InfeasibleError
            If no schedule meets every limit: found as soon as prices run away, or when the rounds are used up.
        SolverError
            If a member's own program fails although there is a schedule.
        """
        if not 0 < tolerance < np.inf:
            raise InputError(f"tolerance = {tolerance}", accepted="a finite number above 0")
        started = time.process_time()
        if (instance.grid_limits.flow < 0).any():
            raise InfeasibleError(find_shortfalls(instance))
        rounds = Rounds(instance, self.concept, self.tuning, warm_start)
        limit = MOST_ROUNDS if max_rounds is None else max_rounds
        threshold, converged, suspect = tolerance, False, SUSPECT
        for count in range(1, limit + 1):
            try:
                rounds.play(threshold)
            except LimitError as problem:
                raise _failure(instance, str(problem)) from problem
            if rounds.worst <= threshold:
                if self._certified(rounds.clearing(self.name, True, 0.0), tolerance):
                    converged = True
                    break
                threshold /= 2
            if count == suspect:
                suspect *= 2
                if rounds.runs_away and (shortfalls := find_shortfalls(instance)):
                    raise InfeasibleError(shortfalls)
        if not converged and (shortfalls := find_shortfalls(instance)):
            raise InfeasibleError(shortfalls)
        return rounds.clearing(self.name, converged, time.process_time() - started)

    def _certified(self, clearing: Clearing, tolerance: float) -> bool:
        gap = certified_gap(clearing, self.concept)
        return abs(gap.relative) <= max(self.gap_share * tolerance, LEAST_GAP)


def _failure(instance: Instance, what: str) -> InfeasibleError | SolverError:
    """Why a program that is part of a round had no solution."""
    if shortfalls := find_shortfalls(instance):
        return InfeasibleError(shortfalls)
    return SolverError(f"a program inside a round has no solution ({what}), although there are schedules")


class Rounds:
    """All that members, pairs and the operator keep, in `Units`, and how a round changes it."""

    def __init__(self, instance: Instance, concept: Concept, tuning: Tuning, warm_start: WarmStart | None) -> None:
        warm = WarmStart.cold(instance) if warm_start is None else warm_start.fitted(instance)
        self.instance, self.tuning = instance, tuning
        self.units = units = Units.of(instance)
        self.members, self.links = Members.of(instance, units), Links.of(instance, units)
        self.operator = Operator.of(Grid.of(instance, units, concept), tuning.grid, tuning.bus)
        self.own = 2 * concept.weights[1] * instance.d_h * units.kw / units.price
        self._seat(warm, tuning)
        self.scale = 1.0
        threads = max(1, min(os.cpu_count() or 1, instance.members // MEMBERS_OF_A_THREAD))
        ends = np.linspace(0, instance.members, threads + 1).astype(int).tolist()
        self._shares = list(pairwise(ends))
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._history: list[tuple[float, float, float, float]] = []

    def _seat(self, warm: WarmStart, tuning: Tuning) -> None:
        instance, units, links = self.instance, self.units, self.links
        halves, hours = len(links.owner), instance.H
        self.z = np.zeros((halves, hours))
        self.z[links.forward] = warm.trades / units.kw
        self.z[links.twin[links.forward]] = -warm.trades / units.kw
        self.price = (warm.pi / units.price)[links.owner]
        self.rho = tuning.weights(self.z)
        self.t = self.z + self.price / self.rho
        self.p = self.z.copy()
        self.m, self.n = warm.imports / units.kw, warm.draws / units.kw
        self.operator.grid_price = warm.grid_price / units.price
        self.operator.bus_price = np.ascontiguousarray(warm.bus_price.T) / units.price
        self.imports = self.m + self.operator.grid_price / self.operator.rg
        self.draws = self.n + self._of_bus() / self.operator.rb
        self.pi = warm.pi / units.price
        self.u = np.zeros((instance.members, ROWS, hours))
        self.kept = np.zeros((instance.members, 3, ROWS, hours))
        self.warm = np.zeros(instance.members, dtype=np.bool_)

    def _of_bus(self) -> FloatArray:
        """Prices of draws for each member, ``[member, hour]``."""
        return np.ascontiguousarray(self.operator.bus_price[:, self.instance.pro_bus].T)

    def play(self, threshold: float) -> None:
        """One round: pairs and the operator agree on what was proposed, members answer.

        Raises
        ------
        LimitError
            If a program has no solution.
        """
        from gridpact.markets.equilibrium.distributed._rounds import agree, mismatch, respond

        links, members, operator, relax = self.links, self.members, self.operator, self.tuning.relaxation
        moved = agree(self.t, links.twin, self.rho, links.lean, links.tariff, links.cap, self.z, self.price)
        moved += operator.answer(self.imports, self.draws)
        self._tune(threshold)
        above_m, above_n = operator.grid_price / operator.rg, self._of_bus() / operator.rb
        rest = (
            links.first, self.t, self.z, self.rho, relax, self.imports - 2 * above_m, self.draws - 2 * above_n,
            operator.rg, operator.rb, members.net, members.low, members.high, members.curve, members.slope, self.own,
            members.keep, members.lost, members.fill, members.drain, members.start, members.stores, self.kept, self.warm,
            PATIENCE_OF_STORAGE, self.u, self.p, self.n, self.m, self.pi
        )  # fmt: skip
        answers = (self._pool.map if self._pool else map)(lambda share: respond(*(*share, *rest)), self._shares)
        step, failed = (max(values) for values in zip(*answers, strict=True))
        if failed:
            raise LimitError(f"member {self.instance.pro_name[failed - 1]}")
        self.warm = members.stores
        self.imports += relax * (self.m - self.imports + above_m)
        self.draws += relax * (self.n - self.draws + above_n)
        kw = self.units.kw
        self._history.append(
            (
                mismatch(self.p, links.twin) * kw,
                operator.mismatch(self.m, self.n) * kw,
                step * kw,
                np.sqrt(moved) * self.units.price * CENTS,
            )
        )

    def _tune(self, threshold: float) -> None:
        """Change weights if it is time to. Plans and prices stay; proposals follow from them."""
        tuning, done = self.tuning, len(self._history)
        if done:
            mismatched, unbalanced, step, moved = self._history[-1]
            if tuning.raises(done, step, max(mismatched, unbalanced, moved), threshold):
                self._raise(tuning.raise_by)
        if tuning.reweighs(done):
            self.rho = tuning.weights(self.z) * self.scale
            self.t = self.z + self.price / self.rho

    def _raise(self, factor: float) -> None:
        operator = self.operator
        less = 1 - 1 / factor
        self.imports -= less * operator.grid_price / operator.rg
        self.draws -= less * self._of_bus() / operator.rb
        operator.rg, operator.rb, self.scale = operator.rg * factor, operator.rb * factor, self.scale * factor
        self.rho = self.rho * factor
        self.t = self.z + self.price / self.rho

    @property
    def worst(self) -> float:
        """The largest residual of the last round, units mixed."""
        return max(self._history[-1])

    @property
    def runs_away(self) -> bool:
        """Whether some price is far above that of the grid: as it must be, in the end, where limits cannot be kept."""
        return max(float(np.abs(prices).max()) for prices in (self.operator.bus_price, self.pi)) > FAR

    def allocation(self) -> Allocation:
        """What was agreed on, and what the members do with it."""
        kw, price = self.units.kw, self.units.price
        return Allocation(
            p_di=self.u[:, GENERATE] * kw,
            p_ch=self.u[:, CHARGE] * kw,
            p_ds=self.u[:, DISCHARGE] * kw,
            p_mg=self.m * kw,
            p_tr=self.z[self.links.forward] * kw,
            pi=self.pi * price,
            p_cur=self.u[:, CURTAIL] * kw,
        )

    def clearing(self, solver: str, converged: bool, seconds: float) -> Clearing:
        """The result."""
        allocation, operator = self.allocation(), self.operator
        sigma = allocation.p_mg.sum(axis=0)
        slope = operator.grid.marginal * sigma / self.units.kw + operator.grid.base
        bus_price = operator.bus_price.T * self.units.price
        return Clearing(
            instance=self.instance,
            allocation=allocation,
            multipliers=Multipliers(
                bus=bus_price,
                pair=pair_multipliers(self.instance, allocation.pi),
                head=(operator.grid_price - slope) * self.units.price,
            ),
            solver=solver,
            rounds=len(self._history),
            converged=converged,
            seconds=seconds,
            history=History(*np.array(self._history).T),
            state=WarmStart(
                edges=self.instance.edges,
                trades=allocation.p_tr,
                pi=allocation.pi,
                imports=allocation.p_mg,
                draws=self.n * self.units.kw,
                grid_price=operator.grid_price * self.units.price,
                bus_price=bus_price,
            ),
        )
