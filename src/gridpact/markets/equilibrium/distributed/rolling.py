"""Clearing again and again as forecasts change, each time from where the last one ended."""

from gridpact.markets.equilibrium.distributed.solver import DistributedSolver
from gridpact.markets.equilibrium.distributed.warm import WarmStart
from gridpact.markets.equilibrium.instance import Instance
from gridpact.markets.equilibrium.solver import Clearing


def clear_again(
    instance: Instance,
    memory: WarmStart | None,
    *,
    passed: int = 1,
    tolerance: float = 0.1,
    solver: DistributedSolver | None = None,
) -> tuple[Clearing, WarmStart]:
    """Clear what lies ahead now, from the plans and prices of the last time.

    Parameters
    ----------
    instance
        The game as it is seen now: loads, surpluses and states of charge from here on.
    memory
        What the last call left; None: start cold.
    passed
        Intervals since then.
    tolerance, solver
        Of the stopping rule, and how.

    Returns
    -------
    The clearing, and the memory for the next time.

    Raises
    ------
    InfeasibleError
        If no schedule meets every limit.
    InputError
        If the memory is of other members or buses.

    Examples
    --------
    >>> from gridpact.markets.equilibrium import Recipe, make_instance
    >>> instance = make_instance(Recipe(members=10, connectivity=0.6, seed=4))
    >>> first, memory = clear_again(instance, None)
    >>> again, memory = clear_again(instance, memory, passed=0)
    >>> again.rounds < first.rounds
    True
    """
    start = None if memory is None else memory.later(min(passed, memory.grid_price.shape[0]))
    clearing = (solver or DistributedSolver()).solve(instance, tolerance=tolerance, warm_start=start)
    state = clearing.state
    assert isinstance(state, WarmStart)
    return clearing, state
