"""One draw of nature, run in every way: outcomes, the games' statistics, a day to look at."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gridpact.energy import Heaters
from gridpact.markets.elecbay import FLOOR_KWH, Games, default_level_kw, game_of, largest_draws_kw, play_games
from gridpact.study.elecbay.outcomes import GridCheck, Outcome, Way, check_grid, local_days, measure
from gridpact.study.elecbay.peers import Case, Microgrid, Peers, microgrid
from gridpact.study.elecbay.planner import Foresight, foresight, thermostats_from
from gridpact.units import FloatArray, IntArray

EXAMPLES = 4
"""Games whose best responses are drawn."""


@dataclass(frozen=True, eq=False)
class GameStatistics:
    """Of all games of a run.

    Attributes
    ----------
    games, chosen
        How many there are, and in how many somebody could choose.
    equilibria, of_games
        Every number of equilibria that occurs, increasing, and in how many of the games with a choice it does.
    all_free
        Mean number of equilibria where all peers could choose; NaN if that never was.
    moves
        Best responses in all.
    regret
        The most that a peer would have gained by another action alone, relative.
    anarchy
        Largest sum of payoffs over the least of the equilibria, the worst game and the mean.
    """

    games: int
    chosen: int
    equilibria: IntArray
    of_games: IntArray
    all_free: float
    moves: int
    regret: float
    anarchy: tuple[float, float]

    @property
    def mean_equilibria(self) -> float:
        """Of the games in which somebody could choose."""
        return float((self.equilibria * self.of_games).sum() / max(self.chosen, 1))


@dataclass(frozen=True, eq=False)
class Day:
    """A day to look at: exchange in each way, kW ``[interval]``, + = import, and tanks, °C ``[peer, interval]``."""

    first: int
    hour: FloatArray
    net_kw: Mapping[Way, FloatArray]
    without_kw: FloatArray
    tank_c: Mapping[Way, FloatArray]


@dataclass(frozen=True, eq=False)
class Run:
    """One case under one seed. Grid checks, day and paths of the potential are those of the first seed alone, else empty."""

    case: Case
    seed: int
    level_kw: float
    outcomes: Mapping[Way, Outcome]
    checks: Mapping[Way, GridCheck]
    statistics: GameStatistics
    day: Day | None
    potentials: tuple[FloatArray, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """The game against thermostats alone, as shares: below zero is less."""

    exchange: float
    peak: float
    daily_peak: float

    @classmethod
    def of(cls, before: Outcome, after: Outcome) -> "Change":
        """How one outcome differs from another."""
        return cls(
            after.exchange_kwh / before.exchange_kwh - 1,
            after.peak_kw / before.peak_kw - 1,
            after.daily_peak_kw / before.daily_peak_kw - 1,
        )


def run(peers: Peers, case: Case, seed: int, generation: float, closely: bool = False) -> Run:
    """Run a draw of nature by thermostats, by the game, and jointly; `closely`: with a day and paths to look at."""
    grid, heaters, hours = microgrid(peers, case, seed, generation), peers.heaters, peers.community.horizon.hours
    level_kw = _level_kw(heaters, grid)
    games = play_games(heaters, grid.base_kw, grid.draw_kw, grid.state, hours, level_kw=level_kw, count_equilibria=True)
    joint = play_games(heaters, grid.base_kw, grid.draw_kw, grid.state, hours, level_kw=level_kw, jointly=True)
    ways = {
        Way.THERMOSTAT: heaters.run(grid.draw_kw, grid.state, hours),
        Way.GAME: (games.heater_kw, games.tank_c),
        Way.JOINT: (joint.heater_kw, joint.tank_c),
    }
    day = local_days(peers.community)
    return Run(
        case=case,
        seed=seed,
        level_kw=level_kw,
        outcomes={way: measure(grid, *found, day, hours) for way, found in ways.items()},
        checks={way: check_grid(peers, grid, power) for way, (power, _) in ways.items()},
        statistics=_statistics(games),
        day=_median_day(grid, ways, day, hours) if closely else None,
        potentials=_potentials(heaters, grid, games, level_kw, hours) if closely else (),
    )


def change(
    peers: Peers,
    case: Case,
    seed: int,
    generation: float,
    level: float | None = None,
    floor_kwh: float = FLOOR_KWH,
) -> Change:
    """The game against thermostats; ``level``: L as a multiple of the largest draw that a peer can have."""
    grid, heaters, hours = microgrid(peers, case, seed, generation), peers.heaters, peers.community.horizon.hours
    day = local_days(peers.community)
    largest = float(largest_draws_kw(heaters, grid.base_kw).max())
    games = play_games(
        heaters,
        grid.base_kw,
        grid.draw_kw,
        grid.state,
        hours,
        level_kw=_level_kw(heaters, grid) if level is None else level * largest,
        floor_kw=floor_kwh / hours,
    )
    before = measure(grid, *heaters.run(grid.draw_kw, grid.state, hours), day, hours)
    return Change.of(before, measure(grid, games.heater_kw, games.tank_c, day, hours))


def look_ahead(peers: Peers, case: Case, seed: int, generation: float, week: float) -> Foresight:
    """What foresight could reach in the week that begins at a share ``week`` of the horizon."""
    grid, heaters, horizon = microgrid(peers, case, seed, generation), peers.heaters, peers.community.horizon
    length = min(7 * horizon.per_day, horizon.periods)
    first = round(week * (horizon.periods - length))
    window, hours = slice(first, first + length), horizon.hours
    level_kw = _level_kw(heaters, grid)
    games = play_games(heaters, grid.base_kw, grid.draw_kw, grid.state, hours, level_kw=level_kw)
    tank_c = games.tank_c[:, first : first + length + 1]
    powers = thermostats_from(heaters, grid, window, tank_c[:, 0], hours), games.heater_kw[:, window]
    return foresight(heaters, grid, window, tank_c, powers, hours)


def _level_kw(heaters: Heaters, grid: Microgrid) -> float:
    """L by the mechanism's own rule, the same in all intervals."""
    return float(default_level_kw(heaters, grid.base_kw).max())


def _statistics(games: Games) -> GameStatistics:
    chosen = games.free > 0
    numbers, of_games = np.unique(games.equilibria[chosen], return_counts=True)
    full = games.equilibria[games.free == games.free.max(initial=1)]
    return GameStatistics(
        games=len(chosen),
        chosen=int(chosen.sum()),
        equilibria=numbers,
        of_games=of_games,
        all_free=float(full.mean()) if len(full) and games.free.max() == len(games.on) else np.nan,
        moves=int(games.moves.sum()),
        regret=float(games.regret.max(initial=0.0)),
        anarchy=(float(games.anarchy.max(initial=1.0)), float(games.mean_anarchy.mean())),
    )


def _median_day(grid: Microgrid, ways: Mapping[Way, tuple[FloatArray, FloatArray]], day: IntArray, hours: float) -> Day:
    """The day of the usual length on which the game saves as much exchange as on the middle one of all days."""
    without = grid.base_kw.sum(axis=0)
    net = {way: without + power.sum(axis=0) for way, (power, _) in ways.items()}
    saved = np.bincount(day, np.abs(net[Way.THERMOSTAT]) - np.abs(net[Way.GAME]))
    lengths = np.bincount(day)
    whole = np.flatnonzero(lengths == np.bincount(lengths).argmax())
    middle = whole[np.argsort(saved[whole], kind="stable")[len(whole) // 2]]
    of_day = np.flatnonzero(day == middle)
    return Day(
        first=int(of_day[0]),
        hour=np.arange(len(of_day), dtype=np.float64) * hours,
        net_kw={way: kw[of_day] for way, kw in net.items()},
        without_kw=without[of_day],
        tank_c={way: tank[:, of_day] for way, (_, tank) in ways.items()},
    )


def _potentials(
    heaters: Heaters, grid: Microgrid, games: Games, level_kw: float, hours: float
) -> tuple[FloatArray, ...]:
    """Φ along the best responses of some games, those with the most moves, each number of moves once."""
    paths = []
    for moves in np.unique(games.moves)[::-1][:EXAMPLES]:
        at = int(np.flatnonzero(games.moves == moves)[0])
        game, order = game_of(
            heaters, grid.base_kw[:, at], grid.draw_kw[:, at], games.tank_c[:, at], hours, level_kw=level_kw
        )
        paths.append(game.best_responses(order).potential)
    return tuple(path for path in paths if len(path) > 1)
