"""Cooperative games: values, core and nucleolus of pooling games, and the Shapley pool as a rule."""

from collections.abc import Callable
from datetime import datetime

import numpy as np

from benchmarks.registry import benchmark
from benchmarks.synthetic import make_community
from gridpact.community import load_community
from gridpact.markets import Metering
from gridpact.markets.coalition import (
    Game,
    NettingRules,
    core_violation,
    least_core,
    netting_game,
    nucleolus,
    owen_point,
    pooling_game,
    shapley_asymptotic,
    shapley_exact,
    shapley_pool,
    shapley_pooling,
    shapley_sampled,
)
from gridpact.study.simulate import run_baseline
from gridpact.units import FloatArray

DAY, WEEK, YEAR = 96, 672, 35_040
SPREAD = 0.24


def one_interval(members: int) -> FloatArray:
    """As many sellers as buyers of 0.2 to 1 kWh."""
    rng = np.random.default_rng(members)
    return (rng.uniform(0.2, 1, members) * np.where(np.arange(members) % 2, 1, -1))[:, None]


def day_of_homes(members: int) -> FloatArray:
    """A midsummer day of households at 15 min, PV on 40 %, kWh."""
    return make_community(members, DAY).profiles.net_kw / 4


def metered(start: datetime | None, days: int) -> Metering:
    """What the meters of the built-in community show."""
    community = load_community(None, start=start, days=days).community
    net_wh = run_baseline(community).delivery.net_wh
    return Metering(community.members, community.horizon, community.tariff, net_wh)


@benchmark("coalition", sizes=(1_000_000,), bars={1_000_000: 0.1})
def asymptotic_shapley(size: int) -> Callable[[], object]:
    """Price and payoff of every member in one interval."""
    net = one_interval(size)
    return lambda: shapley_asymptotic(net, SPREAD)


@benchmark("coalition", sizes=(20,))
def exact_shapley(size: int) -> Callable[[], object]:
    """All coalitions of a pool over a day."""
    game = pooling_game(day_of_homes(size), SPREAD)
    return lambda: shapley_exact(game)


@benchmark("coalition", sizes=(100, 1_000))
def series_shapley(size: int) -> Callable[[], object]:
    """One interval, to 10⁻⁷ of its larger side."""
    net = one_interval(size)
    return lambda: shapley_pooling(net, SPREAD)


@benchmark("coalition", sizes=(200,))
def sampled_shapley(size: int) -> Callable[[], object]:
    """One interval, half-widths of 95 % within 2 % of a mean share."""
    game = pooling_game(one_interval(size), SPREAD)
    tolerance = 0.02 * game.grand / size
    return lambda: shapley_sampled(game, np.random.default_rng(0), tolerance=tolerance)


@benchmark("coalition", sizes=(80,))
def least_core_of_a_day(size: int) -> Callable[[], object]:
    """To 10⁻⁶ of v(N)."""
    game = pooling_game(day_of_homes(size), SPREAD)
    return lambda: least_core(game, tolerance=1e-6)


@benchmark("coalition", sizes=(80,), repeat=3)
def least_core_of_a_day_with_fees(size: int) -> Callable[[], object]:
    """A fee per member that empties the core, to 10⁻³ of v(N)."""
    game = with_fees(size)
    return lambda: least_core(game, tolerance=1e-3)


@benchmark("coalition", sizes=(80,), unit="coalitions", repeat=1, warm_up=False)
def coalitions_written_down(size: int) -> Callable[[], float]:
    """Rows of that linear program, out of 2^n."""
    game = with_fees(size)
    return lambda: float(least_core(game, tolerance=1e-3).rows)


@benchmark("coalition", sizes=(80,), repeat=3)
def core_violation_by_integer_program(size: int) -> Callable[[], object]:
    """The coalition that gains most against Owen's point of a day, proven."""
    game = pooling_game(day_of_homes(size), SPREAD)
    payoff = owen_point(game)
    return lambda: core_violation(game, payoff)


@benchmark("coalition", sizes=(12, 16, 20), repeat=3)
def nucleolus_of_a_day(size: int) -> Callable[[], object]:
    """Exact, over all coalitions."""
    game = pooling_game(day_of_homes(size), SPREAD)
    return lambda: nucleolus(game)


@benchmark("coalition", sizes=(WEEK,))
def shapley_pool_week(size: int) -> Callable[[], object]:
    """99 members of the built-in community, certificate included."""
    week, rule = metered(None, size // DAY), shapley_pool()
    return lambda: rule.share(week)


@benchmark("coalition", sizes=(YEAR,), bars={YEAR: 60.0}, repeat=1)
def shapley_pool_year(size: int) -> Callable[[], object]:
    """The same over a year."""
    year, rule = metered(datetime(2016, 1, 1), size // DAY), shapley_pool()  # noqa: DTZ001 local midnight
    return lambda: rule.share(year)


def with_fees(members: int) -> Game:
    """A day on which every member of a coalition pays 0.30."""
    return netting_game(day_of_homes(members), NettingRules(0.32, 0.08, member_fee=0.3))
