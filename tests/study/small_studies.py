"""Sizes, terms and members at which the studies take a moment."""

from dataclasses import replace

from benchmarks.synthetic import make_community
from gridpact.community import Community
from gridpact.study import elecbay, equilibrium
from gridpact.study.coalition import QUICK
from gridpact.study.coalition.rounds import BARGAINING, COALITIONS, PAIRS
from gridpact.study.net_metering import Terms

TINY = replace(
    QUICK,
    side=3,
    width_members=(3, 10),
    width_markets=5,
    rounds=((BARGAINING, ((3, 2), (5, 1))), (PAIRS, ((3, 2), (5, 1))), (COALITIONS, ((2, 1),))),
    troubled=3,
    troubled_markets=1,
    sampled=20,
    orders=256,
    runs=3,
    gain_ratios=(0.9, 1.5),
    gain_orders=64,
    scarcity=(10,),
    ratios=(0.5, 1.0, 2.0),
    limit_members=(10, 30),
    limit_communities=2,
)
TINY_ELECBAY = replace(elecbay.QUICK, seeds=2, levels=(1.01, 20.0), floors=(0.01, 3.0), generations=(0.5, 1.0))
TINY_EQUILIBRIUM = replace(equilibrium.QUICK, sizes=(8,), connectivities=(0.6,), seeds=1, tariffs=(0.01, 0.11))
TERMS = Terms(fee_per_coalition=20.0, fee_per_member=2.0, network_charge=0.02, demand_charge=5.0)
FEW = (0.0, 0.5, 1.0)


def sunny(members: int, *, seed: int = 3) -> Community:
    """Synthetic households from eight in the morning to two in the afternoon."""
    return make_community(members, 96, seed=seed).window(32, 56)
