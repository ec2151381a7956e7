"""Day-ahead clearing as a generalized Nash equilibrium, with the grid inside.

- `Instance` is the game, `Allocation` what the members do; `read_instance`, `write_instance`, `read_solution` and
  `write_solution` keep both as files; `Recipe` and `make_instance` draw seeded ones, `instance_on` on any radial feeder.
- `objective` is what an equilibrium minimises (a `Concept`), `residuals` how far an allocation is from keeping every
  constraint.
- A `Solver` turns an instance into a `Clearing`, or raises `InfeasibleError` with the place and the size of what fails.
"""

from gridpact.markets.equilibrium.bound import Gap, certified_gap, lower_bound
from gridpact.markets.equilibrium.central import CentralSolver
from gridpact.markets.equilibrium.community import Offers, Terms, community_instance, trading_graph
from gridpact.markets.equilibrium.distributed import (
    DistributedSolver,
    ProximalSolver,
    Tuning,
    WarmStart,
    clear_again,
    clear_by_agents,
)
from gridpact.markets.equilibrium.errors import InfeasibleError, Shortfall, SolverError
from gridpact.markets.equilibrium.files import read_instance, read_solution, write_instance, write_solution
from gridpact.markets.equilibrium.instance import Allocation, GridLimits, Instance, Terminal
from gridpact.markets.equilibrium.mechanism import Equilibrium
from gridpact.markets.equilibrium.network import feeder_of
from gridpact.markets.equilibrium.objectives import Concept, objective
from gridpact.markets.equilibrium.recipes import Recipe, instance_on, make_instance
from gridpact.markets.equilibrium.regret import best_response_regret
from gridpact.markets.equilibrium.report import Report, certify, examine, without_trade
from gridpact.markets.equilibrium.residuals import Residuals, residuals
from gridpact.markets.equilibrium.safety import AcModel, AcState, SafeClearing, clear_safely
from gridpact.markets.equilibrium.solver import Clearing, History, Multipliers, Solver, pair_multipliers
from gridpact.markets.equilibrium.solvers import SOLVERS, make_solver
from gridpact.markets.equilibrium.variants import VARIANTS

__all__ = [
    "SOLVERS",
    "VARIANTS",
    "AcModel",
    "AcState",
    "Allocation",
    "CentralSolver",
    "Clearing",
    "Concept",
    "DistributedSolver",
    "Equilibrium",
    "Gap",
    "GridLimits",
    "History",
    "InfeasibleError",
    "Instance",
    "Multipliers",
    "Offers",
    "ProximalSolver",
    "Recipe",
    "Report",
    "Residuals",
    "SafeClearing",
    "Shortfall",
    "Solver",
    "SolverError",
    "Terminal",
    "Terms",
    "Tuning",
    "WarmStart",
    "best_response_regret",
    "certified_gap",
    "certify",
    "clear_again",
    "clear_by_agents",
    "clear_safely",
    "community_instance",
    "examine",
    "feeder_of",
    "instance_on",
    "lower_bound",
    "make_instance",
    "make_solver",
    "objective",
    "pair_multipliers",
    "read_instance",
    "read_solution",
    "residuals",
    "trading_graph",
    "without_trade",
    "write_instance",
    "write_solution",
]
