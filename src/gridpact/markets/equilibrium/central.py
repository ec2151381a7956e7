"""The equilibrium as the minimiser of the potential: one convex program, solved where everything is known."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.equilibrium._backends import Solved, backend
from gridpact.markets.equilibrium._infeasible import find_shortfalls
from gridpact.markets.equilibrium._program import Program, allocation_of, whole_game
from gridpact.markets.equilibrium.errors import InfeasibleError, SolverError
from gridpact.markets.equilibrium.instance import Allocation, Instance
from gridpact.markets.equilibrium.objectives import Concept
from gridpact.markets.equilibrium.solver import Clearing, Multipliers, pair_multipliers
from gridpact.units import FloatArray

ACCURACY = 1e-8
"""Relative accuracy of the program, at which prices are good to about the sixth digit."""


@dataclass(frozen=True, slots=True)
class CentralSolver:
    """Minimises the objective of a concept by an interior point method.

    Attributes
    ----------
    method
        ``"piqp"``, or ``"clarabel"``, the reference; both agree.
    concept
        Nash, Wardrop, or social.
    least_norm
        Weight of ``½ Σ p²`` over all powers, money per kWh and kW, in a second program: of several solutions of equal cost
        the one of least norm is taken. A small weight leaves a linear program's optimum where it is (Mangasarian, Meyer,
        "Nonlinear perturbation of linear programs", SIAM Journal on Control and Optimization 17(6), 1979); the certified gap
        shows that it did. Prices are those of the first. 0: whatever the method ends at.
    """

    method: str = "piqp"
    concept: Concept = Concept.NASH
    least_norm: float = 0.0

    def __post_init__(self) -> None:
        backend(self.method)
        if not 0 <= self.least_norm < np.inf:
            raise InputError(f"least_norm = {self.least_norm}", accepted="a finite number from 0 up")

    @property
    def name(self) -> str:
        """Name by which it is chosen."""
        return f"central:{self.method}"

    def solve(
        self, instance: Instance, *, tolerance: float = ACCURACY, warm_start: Any = None, max_rounds: int | None = None
    ) -> Clearing:
        """See `Solver.solve`. The program is never solved less accurately than `ACCURACY`; a warm start is of no use to it.

        Raises
        ------
        InfeasibleError
            If no schedule meets every limit.
        SolverError
            If the method ends without a solution although there is one.
        """
        started = time.process_time()
        program = whole_game(instance, self.concept)
        accuracy, iterations = min(tolerance, ACCURACY), max_rounds or 200
        solved = self._run(program, instance, accuracy, iterations)
        x = solved.x
        if self.least_norm:
            x = self._run(
                whole_game(instance, self.concept, least_norm=self.least_norm), instance, accuracy, iterations
            ).x
        allocation = allocation_of(instance, program, x, solved.y)
        return Clearing(
            instance=instance,
            allocation=allocation,
            multipliers=_multipliers(instance, program, solved.y, allocation, self.concept),
            solver=self.name,
            rounds=solved.iterations,
            converged=True,
            seconds=time.process_time() - started,
        )

    def _run(self, program: Program, instance: Instance, accuracy: float, iterations: int) -> Solved:
        if (program.low > program.high).any():
            raise InfeasibleError(find_shortfalls(instance))
        solved = backend(self.method)(program, accuracy, iterations)
        if not solved.is_solved:
            if shortfalls := find_shortfalls(instance):
                raise InfeasibleError(shortfalls)
            raise SolverError(
                f"{self.method} ended after {solved.iterations} iterations with {solved.status!r}, although there are "
                f"schedules that keep every limit"
            )
        return solved


def _multipliers(
    instance: Instance, program: Program, y: FloatArray, allocation: Allocation, concept: Concept
) -> Multipliers:
    """Prices of what is shared. At the optimum σ costs its objective's slope and what its bounds add: together −y."""
    bus = np.zeros((instance.buses, instance.H))
    if "bus" in program.rows:
        bus[1:] = -y[program.rows["bus"]]
    sigma = allocation.p_mg.sum(axis=0)
    slope = instance.d_h * (2 * concept.weights[0] * sigma + instance.base_kw)
    head = -y[program.rows["sigma"]][0] - slope
    return Multipliers(bus=bus, pair=pair_multipliers(instance, allocation.pi), head=head)
