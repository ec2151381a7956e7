"""The study: what is run, at which sizes, and everything that comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gridpact.study.coalition.core import Points, side_by_side, single_shares, small_picture, widths
from gridpact.study.coalition.rounds import BARGAINING, COALITIONS, CONDITIONS, PAIRS, PERFECT, Effort, effort
from gridpact.study.coalition.sampling import Convergence, converge, gain_of_reversal
from gridpact.study.coalition.scarcity import Income, asymptotic_errors, incomes
from gridpact.study.tasks import Progress, Task, run_tasks
from gridpact.units import FloatArray

NEARLY_EVEN = 1.02
"""Demand over supply of the community whose Shapley value is sampled."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large everything is. Members of markets are counted on either side.

    Attributes
    ----------
    side
        Members of the market whose core points are shown side by side.
    width_members, width_markets
        Markets whose core is measured, and whose welfare under one contract a member is compared with that under many.
    rounds
        Members and how many markets, for each method.
    troubled, troubled_markets
        Members and markets of the negotiations under bad conditions.
    sampled, orders, runs
        Members of the community whose Shapley value is sampled, orders of a run, and runs.
    gain_ratios, gain_orders
        Demand over supply where antithetic orders are compared with independent ones, and orders of a run.
    scarcity, ratios
        Members of communities, and demand over supply.
    limit_members, limit_communities
        Communities in which the asymptotic value is compared with the exact one.
    """

    side: int
    width_members: tuple[int, ...]
    width_markets: int
    rounds: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]
    troubled: int
    troubled_markets: int
    sampled: int
    orders: int
    runs: int
    gain_ratios: tuple[float, ...]
    gain_orders: int
    scarcity: tuple[int, ...]
    ratios: tuple[float, ...]
    limit_members: tuple[int, ...]
    limit_communities: int


FULL = Sizes(
    side=6,
    width_members=(3, 5, 10, 20, 50, 100),
    width_markets=100,
    rounds=(
        (BARGAINING, ((3, 15), (5, 15), (10, 15), (20, 9), (50, 5), (100, 3), (200, 1), (500, 1))),
        (PAIRS, ((3, 15), (5, 15), (10, 15), (20, 5))),
        (COALITIONS, ((2, 9), (3, 9), (4, 9), (5, 9), (6, 5), (7, 3))),
    ),
    troubled=10,
    troubled_markets=9,
    sampled=200,
    orders=4096,
    runs=20,
    gain_ratios=(0.5, 0.7, 0.85, 0.95, 0.98, 0.99, 1.01, 1.02, 1.05, 1.15, 1.4, 2.0),
    gain_orders=512,
    scarcity=(10, 100, 1000),
    ratios=tuple(np.geomspace(0.25, 4.0, 41).round(6).tolist()),
    limit_members=(10, 16, 30, 100, 300, 1000),
    limit_communities=20,
)
QUICK = Sizes(
    side=4,
    width_members=(3, 5, 10),
    width_markets=20,
    rounds=(
        (BARGAINING, ((3, 3), (5, 3), (10, 3))),
        (PAIRS, ((3, 3), (5, 3), (10, 3))),
        (COALITIONS, ((2, 3), (3, 3), (4, 3))),
    ),
    troubled=5,
    troubled_markets=3,
    sampled=50,
    orders=512,
    runs=5,
    gain_ratios=(0.5, 0.9, 1.02, 1.2, 2.0),
    gain_orders=128,
    scarcity=(10, 100),
    ratios=tuple(np.geomspace(0.25, 4.0, 11).round(6).tolist()),
    limit_members=(10, 30, 100),
    limit_communities=5,
)
"""A few seconds: to see that everything works."""


@dataclass(frozen=True, eq=False)
class Study:
    """Everything that was computed.

    Attributes
    ----------
    sizes, seed
        What was asked for.
    small, polygon
        The small market, and its core in the plane of the two buyers' payoffs.
    side
        A larger market.
    widths, single_shares
        By members.
    efforts
        Of every method and size under perfect conditions.
    troubled
        Of the two methods that stand bad conditions.
    convergence
        Independent orders, then antithetic ones.
    gains
        By demand over supply: how many times less variance antithetic orders have.
    incomes
        By members.
    limit_errors
        By members.
    """

    sizes: Sizes
    seed: int
    small: Points
    polygon: FloatArray
    side: Points
    widths: Mapping[int, FloatArray]
    single_shares: Mapping[int, FloatArray]
    efforts: tuple[Effort, ...]
    troubled: tuple[Effort, ...]
    convergence: tuple[Convergence, ...]
    gains: Mapping[float, float]
    incomes: tuple[Income, ...]
    limit_errors: Mapping[int, FloatArray]


def run_study(sizes: Sizes = FULL, seed: int = 1, *, jobs: int = 1, progress: Progress | None = None) -> Study:
    """Run everything.

    Parameters
    ----------
    sizes
        `FULL` or `QUICK`, or others.
    seed
        Of every market, community and draw.
    jobs
        Processes.
    progress
        Told of each task.
    """
    parts = {
        "efforts": [
            Task(f"{method}, {members} + {members}", effort, (method, members, markets, PERFECT, seed))
            for method, of_method in sizes.rounds
            for members, markets in reversed(of_method)
        ],
        "convergence": [
            Task("sampling", converge, (sizes.sampled, NEARLY_EVEN, sizes.orders, sizes.runs, seed, antithetic))
            for antithetic in (False, True)
        ],
        "gains": [
            Task("antithetic orders", gain_of_reversal, (sizes.sampled, ratio, sizes.gain_orders, sizes.runs, seed))
            for ratio in sizes.gain_ratios
        ],
        "limit_errors": [
            Task("asymptotic value", asymptotic_errors, (members, sizes.limit_communities, seed))
            for members in reversed(sizes.limit_members)
        ],
        "incomes": [Task("scarcity", incomes, (members, sizes.ratios, seed)) for members in sizes.scarcity],
        "troubled": [
            Task(conditions, effort, (method, sizes.troubled, sizes.troubled_markets, conditions, seed))
            for method in (BARGAINING, PAIRS)
            for conditions in CONDITIONS
        ],
        "widths": [Task("core widths", widths, (m, sizes.width_markets, seed)) for m in reversed(sizes.width_members)],
        "single_shares": [
            Task("single against many contracts", single_shares, (m, sizes.width_markets, seed))
            for m in reversed(sizes.width_members)
        ],
        "side": [Task("core points", side_by_side, (sizes.side, seed))],
        "small": [Task("small market", small_picture)],
    }
    found = iter(run_tasks([task for tasks in parts.values() for task in tasks], jobs=jobs, progress=progress))
    results = {name: [next(found) for _ in tasks] for name, tasks in parts.items()}
    small, polygon = results["small"][0]
    return Study(
        sizes=sizes,
        seed=seed,
        small=small,
        polygon=polygon,
        side=results["side"][0],
        widths=dict(zip(sizes.width_members, reversed(results["widths"]), strict=True)),
        single_shares=dict(zip(sizes.width_members, reversed(results["single_shares"]), strict=True)),
        efforts=tuple(sorted(results["efforts"], key=lambda each: (each.method, each.members))),
        troubled=tuple(results["troubled"]),
        convergence=tuple(results["convergence"]),
        gains=dict(zip(sizes.gain_ratios, results["gains"], strict=True)),
        incomes=tuple(results["incomes"]),
        limit_errors=dict(zip(sizes.limit_members, reversed(results["limit_errors"]), strict=True)),
    )
