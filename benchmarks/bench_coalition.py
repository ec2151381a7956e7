"""Cooperative games: Shapley values, least core, nucleolus; size n means n players unless a benchmark says otherwise."""

from collections.abc import Callable
from functools import cache

import numpy as np

from benchmarks.registry import benchmark
from gridpact.community import Community, load_community
from gridpact.markets import Metering, PoolRule, make_mechanism
from gridpact.markets.coalition import (
    Game,
    least_core,
    merge_and_split,
    nucleolus,
    pooling_game,
    shapley_asymptotic,
    shapley_exact,
    shapley_pooling,
    shapley_sampled,
)
from gridpact.study import run_baseline
from gridpact.units import FloatArray

SPREAD = 0.2
DAY = 96


@cache
def _street(days: int) -> tuple[Community, FloatArray]:
    """The built-in community and its net energies in kWh, ``[member, interval]``."""
    community = load_community(days=days).community
    return community, community.profiles.net_kw * community.horizon.hours


def _pool(players: int, intervals: int) -> Game:
    """A pooling game of the first members of the built-in community over its first intervals."""
    return pooling_game(_street(1)[1][:players, :intervals], SPREAD)


def _one_interval(members: int) -> FloatArray:
    """Net energies of one interval, two members in five with surplus, ``[member, 1]``."""
    rng = np.random.default_rng(members)
    return np.where(rng.random((members, 1)) < 0.4, -1.0, 1.0) * rng.uniform(0.05, 2.0, (members, 1))


@benchmark("coalition", sizes=(1_000, 1_000_000), bars={1_000_000: 0.1})
def asymptotic_shapley(size: int) -> Callable[[], object]:
    """One interval of a pool by the limit for many members."""
    net = _one_interval(size)
    return lambda: shapley_asymptotic(net, SPREAD)


@benchmark("coalition", sizes=(99, 1_000))
def shapley_by_series(size: int) -> Callable[[], object]:
    """One interval of a pool to 10⁻⁷, without sampling."""
    net = _one_interval(size)
    return lambda: shapley_pooling(net, SPREAD)


@benchmark("coalition", sizes=(16, 20))
def shapley_from_all_coalitions(size: int) -> Callable[[], object]:
    """A day of pooling, 2^n coalitions."""
    game = _pool(size, DAY)
    return lambda: shapley_exact(game)


@benchmark("coalition", sizes=(200,))
def shapley_sampled_to_a_percent(size: int) -> Callable[[], object]:
    """One interval; the widest confidence interval of 95 % within a hundredth of the mean share of v(N)."""
    game = pooling_game(_one_interval(size), SPREAD)
    return lambda: shapley_sampled(game, np.random.default_rng(0), tolerance=0.01 * game.grand / size)


@benchmark("coalition", sizes=(80,), repeat=3)
def least_core_of_a_day(size: int) -> Callable[[], object]:
    """A day of pooling by row generation, bracket within 10⁻⁶ of v(N)."""
    game = _pool(size, DAY)
    return lambda: least_core(game)


@benchmark("coalition", sizes=(12,), repeat=3)
def nucleolus_of_a_day(size: int) -> Callable[[], object]:
    """A day of pooling; exact."""
    game = _pool(size, DAY)
    return lambda: nucleolus(game)


@benchmark("coalition", sizes=(12,), repeat=3)
def merge_and_split_of_a_day(size: int) -> Callable[[], object]:
    """A day of pooling with a fee that grows with the square of the coalition."""
    game = _pool(size, DAY).less(lambda masks: 0.002 * masks.sum(axis=1) ** 2.0).tabulated()
    return lambda: merge_and_split(game)


@benchmark("coalition", sizes=(7,), repeat=3)
def shapley_pool_of_the_built_in_community(size: int) -> Callable[[], object]:
    """The pool rule on so many days of 99 members, certificate included."""
    community = _street(size)[0]
    rule = make_mechanism("shapley-pool")
    assert isinstance(rule, PoolRule)
    metering = Metering(community.members, community.horizon, community.tariff, run_baseline(community).delivery.net_wh)
    return lambda: rule.share(metering)
