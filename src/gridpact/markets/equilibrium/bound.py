"""A lower bound of the potential by weak duality, from prices alone: what makes a gap certified, whoever found the allocation.

The members' balances are relaxed with the prices π of their nodes. What a link then does is known in closed form,
``−cap · max(0, |π_i − π_j − (c_ij − c_ji)| − 2 c_ta)`` an hour, and what remains has no trades between members: a small
program of devices, grid trades and the feeder.
"""

from dataclasses import dataclass

import numpy as np

from gridpact.markets.equilibrium._backends import backend
from gridpact.markets.equilibrium._program import Program, without_links
from gridpact.markets.equilibrium.instance import Instance
from gridpact.markets.equilibrium.objectives import Concept, objective
from gridpact.markets.equilibrium.solver import Clearing
from gridpact.units import FloatArray

NEGLIGIBLE = 1e-7
"""Prices of grid limits per kWh below which the limits are taken not to bind."""


@dataclass(frozen=True, slots=True)
class Gap:
    """How far an allocation can be from the least objective.

    Attributes
    ----------
    value
        Its objective, in money.
    bound
        No feasible allocation is below it.
    """

    value: float
    bound: float

    @property
    def absolute(self) -> float:
        """Objective minus bound; below zero only if constraints are violated."""
        return self.value - self.bound

    @property
    def relative(self) -> float:
        """The gap as a share of the objective; the absolute one where that is below 1."""
        return self.absolute / max(abs(self.value), 1.0)


def lower_bound(
    instance: Instance,
    pi: FloatArray,
    concept: Concept = Concept.NASH,
    *,
    grid: bool = True,
    method: str = "piqp",
    accuracy: float = 1e-9,
) -> float:
    """A number that the objective of no feasible allocation is below, in money.

    Parameters
    ----------
    instance
        The game.
    pi
        Any prices of the nodes, per kWh ``[member, hour]``; the bound is exact at those of an equilibrium.
    concept
        Whose objective.
    grid
        Whether the limits of the feeder count; the bound without them holds as well, and is as sharp where none binds.
    method, accuracy
        Of the program that remains. Its dual value counts; if it is not solved to the accuracy, the value that the
        multipliers reached guarantee.
    """
    at_retail = _only_retail(instance)
    if at_retail:
        pi = _within_retail(instance, pi)
    program = without_links(instance, concept, pi, imports=not at_retail, grid=grid)
    solved = backend(method)(program, accuracy, 200)
    value = solved.bound if solved.is_solved else dual_value(program, solved.y)
    served = float((pi * instance.pd).sum())
    return instance.dt * (served + value - links_gain(instance, pi))


def dual_value(program: Program, y: FloatArray) -> float:
    """What multipliers of its equations guarantee of a program whose variables are bounded: no feasible point is below it."""
    slope = program.linear + program.matrix.T @ y
    unbound = -slope / np.where(program.quadratic > 0, program.quadratic, 1.0)
    ends = np.where(slope > 0, program.low, program.high)
    x = np.where(program.quadratic > 0, np.clip(unbound, program.low, program.high), ends)
    return float((0.5 * program.quadratic * x**2 + slope * x).sum() - y @ program.right)


def _only_retail(instance: Instance) -> bool:
    """Whether imports and deliveries have prices that nobody moves, and no bound in all."""
    limits = instance.grid_limits
    unbounded = np.isinf(limits.head_max).all() and np.isinf(limits.head_min).all()
    return bool(unbounded and not instance.d_h.any())


def _within_retail(instance: Instance, pi: FloatArray) -> FloatArray:
    """Prices no lower than those of deliveries and no higher than those of imports: nobody then gains by either.

    Any prices give a bound; outside of these, if only by rounding, there would be none.
    """
    low = np.where(instance.import_only, -np.inf, instance.price_ex)
    return np.asarray(np.clip(pi, low, instance.price_im))


def links_gain(instance: Instance, pi: FloatArray) -> float:
    """What all links could earn at these prices of the nodes, per h, summed over the hours."""
    i, j = instance.edges.T
    difference = (instance.c_tr[:, 0] - instance.c_tr[:, 1])[:, None]
    spread = np.abs(pi[i] - pi[j] - difference) - 2 * instance.c_ta[:, None]
    return float((instance.cap[:, None] * np.maximum(spread, 0)).sum())


def certified_gap(clearing: Clearing, concept: Concept = Concept.NASH) -> Gap:
    """The gap of a clearing by its own prices. It counts together with the residuals: violating limits may be cheaper."""
    instance, allocation = clearing.instance, clearing.allocation
    binds = bool((np.abs(clearing.multipliers.bus) > NEGLIGIBLE).any())
    bound = lower_bound(instance, allocation.pi, concept, grid=binds)
    return Gap(objective(instance, allocation, concept), bound)
