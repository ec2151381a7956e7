"""Solvers by name, for whoever clears an instance and not a community."""

from collections.abc import Callable

from gridpact.errors import InputError, nearest_name
from gridpact.markets.equilibrium.central import ACCURACY, CentralSolver
from gridpact.markets.equilibrium.distributed import DistributedSolver, ProximalSolver
from gridpact.markets.equilibrium.solver import Solver

SOLVERS: dict[str, tuple[Callable[[], Solver], float]] = {
    "central": (CentralSolver, ACCURACY),
    "central:clarabel": (lambda: CentralSolver("clarabel"), ACCURACY),
    "distributed": (DistributedSolver, 1e-3),
    "proximal": (ProximalSolver, 0.1),
}
"""How to make each, and the tolerance that it has if none is given."""


def make_solver(name: str) -> tuple[Solver, float]:
    """A solver by name, and its own tolerance.

    Raises
    ------
    InputError
        If the name is unknown; the nearest known one is named.

    Examples
    --------
    >>> solver, tolerance = make_solver("central")
    >>> solver.name, tolerance
    ('central:piqp', 1e-08)
    """
    if name not in SOLVERS:
        found = f"solver {name!r} is unknown{nearest_name(name, list(SOLVERS))}"
        raise InputError(found, place="--solver", accepted=", ".join(SOLVERS))
    make, tolerance = SOLVERS[name]
    return make(), tolerance
