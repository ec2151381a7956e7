"""Clearing without a centre: whoever knows something keeps it, and prices travel.

- `DistributedSolver` plays the rounds on arrays; `clear_by_agents` with separate agents over a mailbox of `Message`.
- `ProximalSolver` is the paper's method, the baseline.
- `WarmStart` is what a clearing leaves for the next, and `clear_again` uses it as time goes on.
"""

from gridpact.markets.equilibrium.distributed.messages import BusPrice, GridPrice, Message, Offer, Wish
from gridpact.markets.equilibrium.distributed.messenger import clear_by_agents
from gridpact.markets.equilibrium.distributed.proximal import ProximalSolver
from gridpact.markets.equilibrium.distributed.rolling import clear_again
from gridpact.markets.equilibrium.distributed.solver import DistributedSolver
from gridpact.markets.equilibrium.distributed.tuning import Tuning
from gridpact.markets.equilibrium.distributed.warm import WarmStart

__all__ = [
    "BusPrice",
    "DistributedSolver",
    "GridPrice",
    "Message",
    "Offer",
    "ProximalSolver",
    "Tuning",
    "WarmStart",
    "Wish",
    "clear_again",
    "clear_by_agents",
]
