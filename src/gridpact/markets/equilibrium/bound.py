"""A lower bound of the potential by weak duality, from prices alone: what makes a gap certified, whoever found the allocation.

The members' balances are relaxed with the prices π of their nodes. What a link then does is known in closed form,
``−cap · max(0, |π_i − π_j − (c_ij − c_ji)| − 2 c_ta)`` an hour, and what remains has no trades between members: a small
program of devices, grid trades and the feeder.
"""

from dataclasses import dataclass

import numpy as np

from gridpact.markets.equilibrium._backends import backend
from gridpact.markets.equilibrium._program import without_links
from gridpact.markets.equilibrium.errors import SolverError
from gridpact.markets.equilibrium.instance import Allocation, Instance
from gridpact.markets.equilibrium.objectives import Concept, objective
from gridpact.units import FloatArray


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
    instance: Instance, pi: FloatArray, concept: Concept = Concept.NASH, *, method: str = "piqp", accuracy: float = 1e-9
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
    method, accuracy
        Of the program that remains; its dual value counts.

    Raises
    ------
    SolverError
        If the program cannot be solved; where the grid's limits cannot be met it has no solution.
    """
    pi = _within_retail(instance, pi)
    program = without_links(instance, concept, pi)
    solved = backend(method)(program, accuracy, 200)
    if not solved.is_solved:
        raise SolverError(f"the bound of the gap ended with {solved.status!r} after {solved.iterations} iterations")
    served = float((pi * instance.pd).sum())
    return instance.dt * (served + solved.bound - links_gain(instance, pi))


def _within_retail(instance: Instance, pi: FloatArray) -> FloatArray:
    """Prices between those of deliveries and of imports, where nothing else limits these; any prices give a bound, and outside
    of these, if only by rounding, there would be none."""
    limits = instance.grid_limits
    free = instance.d_h == 0
    high = np.where(free & np.isinf(limits.head_max), instance.price_im, np.inf)
    low = np.where(free & np.isinf(limits.head_min) & (not instance.import_only), instance.price_ex, -np.inf)
    return np.asarray(np.clip(pi, low, high))


def links_gain(instance: Instance, pi: FloatArray) -> float:
    """What all links could earn at these prices of the nodes, per h, summed over the hours."""
    i, j = instance.edges.T
    difference = (instance.c_tr[:, 0] - instance.c_tr[:, 1])[:, None]
    spread = np.abs(pi[i] - pi[j] - difference) - 2 * instance.c_ta[:, None]
    return float((instance.cap[:, None] * np.maximum(spread, 0)).sum())


def certified_gap(instance: Instance, allocation: Allocation, concept: Concept = Concept.NASH) -> Gap:
    """The gap of an allocation by its own prices. It counts together with the residuals: violating limits may be cheaper."""
    return Gap(objective(instance, allocation, concept), lower_bound(instance, allocation.pi, concept))
