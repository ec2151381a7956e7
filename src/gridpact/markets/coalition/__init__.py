"""Cooperative games: what coalitions save together, and who should get how much of it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gridpact.markets.coalition.core import (
    LeastCore,
    Oracle,
    Violation,
    core_point,
    core_violation,
    least_core,
    owen_point,
)
from gridpact.markets.coalition.formation import Formation, Step, merge_and_split, superadditivity_margin
from gridpact.markets.coalition.game import Game, Totals, coalitions
from gridpact.markets.coalition.graph import graph_restricted, myerson
from gridpact.markets.coalition.mechanism import ShapleyPool, shapley_pool
from gridpact.markets.coalition.netting import NettingRules, netting_game
from gridpact.markets.coalition.nucleolus import nucleolus
from gridpact.markets.coalition.pooled import AsymptoticShapley, seller_share, shapley_asymptotic, shapley_pooling
from gridpact.markets.coalition.pooling import pooling_game
from gridpact.markets.coalition.program import Program
from gridpact.markets.coalition.shapley import Progress, SampledShapley, shapley_exact, shapley_sampled
from gridpact.markets.mechanism import PoolRule

VARIANTS: Mapping[str, Callable[..., PoolRule]] = MappingProxyType({"": shapley_pool})

__all__ = [
    "VARIANTS",
    "AsymptoticShapley",
    "Formation",
    "Game",
    "LeastCore",
    "NettingRules",
    "Oracle",
    "Program",
    "Progress",
    "SampledShapley",
    "ShapleyPool",
    "Step",
    "Totals",
    "Violation",
    "coalitions",
    "core_point",
    "core_violation",
    "graph_restricted",
    "least_core",
    "merge_and_split",
    "myerson",
    "netting_game",
    "nucleolus",
    "owen_point",
    "pooling_game",
    "seller_share",
    "shapley_asymptotic",
    "shapley_exact",
    "shapley_pool",
    "shapley_pooling",
    "shapley_sampled",
    "superadditivity_margin",
]
