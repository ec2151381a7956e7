"""What every solver returns, and how it is called: the central program and those that exchange messages alike."""

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from gridpact.markets.equilibrium.instance import Allocation, Instance
from gridpact.units import FloatArray


@dataclass(frozen=True, eq=False)
class Multipliers:
    """Prices of what members share, per kWh; those of the members' own balances are `Allocation.pi`.

    For a member one kWh more that it consumes costs ``pi + bus``: what energy is worth in trade, and what the grid's limits
    make of it at the member's bus. One kWh more from the main grid costs ``d_h (σ + b + p_mg) + price_im + head``.

    Attributes
    ----------
    bus
        Of the balance of each bus: what one kW more drawn there costs by the limits of voltages and lines, ``[bus, hour]``; 0
        where none binds.
    pair
        μ of reciprocity, ``[link, hour]``: a kWh that i buys from j costs i ``c_tr[0] + pair`` and brings j ``c_tr[1] + pair``,
        each before `Instance.c_ta`.
    head
        Of the bounds of the power drawn from the main grid, ``[hour]``, + where less should be drawn.
    """

    bus: FloatArray
    pair: FloatArray
    head: FloatArray


@dataclass(frozen=True, eq=False)
class History:
    """Residuals after each round, ``[round]``; empty for solvers without rounds.

    Attributes
    ----------
    reciprocity, bus_balance, step
        ∞-norms of ``p_ij + p_ji``, of the bus balances, and of the primal step, kW.
    dual_step
        2-norm of the step of all multipliers, hundredths of the currency per kWh.
    """

    reciprocity: FloatArray = field(default_factory=lambda: np.empty(0))
    bus_balance: FloatArray = field(default_factory=lambda: np.empty(0))
    step: FloatArray = field(default_factory=lambda: np.empty(0))
    dual_step: FloatArray = field(default_factory=lambda: np.empty(0))

    @property
    def worst(self) -> FloatArray:
        """The largest of the four, units mixed: the stopping rule is that it falls below the tolerance."""
        return np.asarray(np.max([self.reciprocity, self.bus_balance, self.step, self.dual_step], axis=0))


@dataclass(frozen=True, eq=False)
class Clearing:
    """One cleared instance.

    Attributes
    ----------
    instance
        What was cleared.
    allocation, multipliers
        What everybody does, and the prices under which nobody wants to do otherwise.
    solver
        Name of the solver.
    rounds
        Rounds of messages, or iterations of a central solver.
    converged
        Whether the stopping rule was met within the rounds allowed.
    seconds
        CPU time.
    bytes_sent
        Sent by each member, ``[member]``; None: nothing was sent by messages.
    history
        Residuals by round.
    state
        What a warm start of the same solver takes.
    """

    instance: Instance
    allocation: Allocation
    multipliers: Multipliers
    solver: str
    rounds: int
    converged: bool
    seconds: float
    bytes_sent: FloatArray | None = None
    history: History = field(default_factory=History)
    state: Any = None


@runtime_checkable
class Solver(Protocol):
    """Finds the equilibrium of an instance."""

    @property
    def name(self) -> str:
        """Name by which it is chosen."""
        ...

    def solve(
        self, instance: Instance, *, tolerance: float, warm_start: Any = None, max_rounds: int | None = None
    ) -> Clearing:
        """Solve to a tolerance.

        Parameters
        ----------
        instance
            The game.
        tolerance
            Of the stopping rule (`History.worst`); a central solver takes it for the accuracy of its program.
        warm_start
            `Clearing.state` of an earlier clearing, or None.
        max_rounds
            Most rounds; None: the solver's own bound.

        Raises
        ------
        InfeasibleError
            If no schedule meets every limit; it says where it fails and by how much.
        """
        ...


def pair_multipliers(instance: Instance, pi: FloatArray) -> FloatArray:
    """μ of reciprocity from the prices of the nodes: ``½ (π_i + π_j − c_ij − c_ji)``, ``[link, hour]``.

    Where a pair trades below its cap nothing else is possible; for an idle pair, or one at its cap, it is the middle of the
    interval of prices that leave both content.
    """
    i, j = instance.edges.T
    return np.asarray(0.5 * (pi[i] + pi[j] - instance.c_tr.sum(axis=1)[:, None]))
