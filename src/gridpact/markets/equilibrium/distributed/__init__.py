"""Clearing without a centre: whoever knows something keeps it, and prices travel."""

from gridpact.markets.equilibrium.distributed.solver import DistributedSolver
from gridpact.markets.equilibrium.distributed.tuning import Tuning
from gridpact.markets.equilibrium.distributed.warm import WarmStart

__all__ = ["DistributedSolver", "Tuning", "WarmStart"]
