"""Clearing without a centre: whoever knows something keeps it, and prices travel.

- `DistributedSolver` plays the rounds on arrays; `clear_by_agents` with separate agents over a mailbox of `Message`.
- `ProximalSolver` is the paper's method, the baseline.
- `MemberAgent` and `OperatorAgent` talk over any `Post`; `Members`, `Links` and `Grid` are what they know, in `Units`.
- `WarmStart` is what a clearing leaves for the next, and `clear_again` uses it as time goes on.
"""

from gridpact.markets.equilibrium.distributed._game import Grid, Links, Members, Units
from gridpact.markets.equilibrium.distributed._operator import Operator
from gridpact.markets.equilibrium.distributed.agents import OPERATOR, MemberAgent, OperatorAgent
from gridpact.markets.equilibrium.distributed.messages import BusPrice, GridPrice, Message, Offer, Wish
from gridpact.markets.equilibrium.distributed.messenger import clear_by_agents
from gridpact.markets.equilibrium.distributed.proximal import ProximalSolver
from gridpact.markets.equilibrium.distributed.rolling import clear_again
from gridpact.markets.equilibrium.distributed.solver import DistributedSolver
from gridpact.markets.equilibrium.distributed.tuning import Tuning
from gridpact.markets.equilibrium.distributed.warm import WarmStart

__all__ = [
    "OPERATOR",
    "BusPrice",
    "DistributedSolver",
    "Grid",
    "GridPrice",
    "Links",
    "MemberAgent",
    "Members",
    "Message",
    "Offer",
    "Operator",
    "OperatorAgent",
    "ProximalSolver",
    "Tuning",
    "Units",
    "WarmStart",
    "Wish",
    "clear_again",
    "clear_by_agents",
]
