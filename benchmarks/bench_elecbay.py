"""How fast water heaters play: a year of games of ten, with and without every profile looked at."""

from collections.abc import Callable

import numpy as np

from benchmarks.registry import benchmark
from gridpact.community import Member, WaterHeater
from gridpact.energy import Heaters
from gridpact.markets.elecbay import Games, default_level_kw, play_games

YEAR = 35_040
PEERS = 10


def year_of_games(intervals: int, *, enumerated: bool) -> Callable[[], Games]:
    """Ten peers with PV by day and random draws of hot water."""
    rng = np.random.default_rng(0)
    heaters = Heaters.of([Member(f"m{at}", "b", heater=WaterHeater(3.0, 300.0)) for at in range(PEERS)])
    sun = np.maximum(np.sin((np.arange(intervals) / 4 % 24 - 5) / 16 * np.pi), 0.0)
    base_kw = rng.gamma(2.0, 0.2, (PEERS, intervals)) - 2.5 * sun
    draw_kw = rng.exponential(2.0, (PEERS, intervals)) * (rng.random((PEERS, intervals)) < 0.17)
    level_kw = default_level_kw(heaters, base_kw)
    return lambda: play_games(
        heaters, base_kw, draw_kw, heaters.start(), 0.25, level_kw=level_kw, count_equilibria=enumerated
    )


@benchmark("exchange", sizes=(YEAR,))
def elecbay_games_of_a_year(size: int) -> Callable[[], Games]:
    """Best responses of ten peers in every quarter of an hour of a year, with the tanks between."""
    return year_of_games(size, enumerated=False)


@benchmark("exchange", sizes=(YEAR,))
def elecbay_equilibria_of_a_year(size: int) -> Callable[[], Games]:
    """The same, and all pure equilibria counted in each game: up to 1,024 profiles."""
    return year_of_games(size, enumerated=True)
