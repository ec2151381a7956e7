"""The same rounds by separate agents: a member knows itself and its links, the operator the feeder, and messages say the rest.

Whoever has heard from everybody answers; whoever has waited for `PATIENCE` ticks answers what it has heard. On a perfect network
rounds are those of `DistributedSolver`. If messages are late or lost, a link or the operator's share in a member's plan stays
where it is until both ends have heard the same, so that delays change when something is agreed, never what.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.equilibrium._infeasible import find_shortfalls
from gridpact.markets.equilibrium.distributed._game import Grid, Links, Members, Units
from gridpact.markets.equilibrium.distributed._operator import Operator
from gridpact.markets.equilibrium.distributed._rounds import agree, respond
from gridpact.markets.equilibrium.distributed._storage import ROWS
from gridpact.markets.equilibrium.distributed.messages import BusPrice, GridPrice, Message, Offer, Wish
from gridpact.markets.equilibrium.distributed.warm import WarmStart
from gridpact.markets.equilibrium.errors import InfeasibleError
from gridpact.markets.equilibrium.instance import Instance
from gridpact.markets.mailbox import Post
from gridpact.units import FloatArray, IntArray

OPERATOR = "operator"
"""Name of the operator's agent."""
