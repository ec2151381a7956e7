"""The study as charts."""

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np

from gridpact.study.elecbay.outcomes import Way
from gridpact.study.elecbay.peers import HEATER, PEERS, Case
from gridpact.study.elecbay.runs import Change, Day, GameStatistics
from gridpact.study.elecbay.study import PUBLISHED, Study, interval
from gridpact.study.pages import Axis, Bars, Curve, Figure, Group, Level, Plane, Style
from gridpact.study.pages.formats import count, local_time, measure, number, percent
from gridpact.units import FloatArray

CASES = tuple(Case)
TONES = {Way.THERMOSTAT: 1, Way.JOINT: 2, Way.GAME: 0}
"""Of the ways, in the order in which they are drawn."""
NUMBERS: tuple[tuple[str, Callable[[Change], float]], ...] = (
    ("exchange", lambda each: each.exchange),
    ("highest peak", lambda each: each.peak),
    ("peak of a day", lambda each: each.daily_peak),
)
"""What is compared with thermostats alone."""

Sweep = Mapping[Case, Mapping[float, tuple[Change, ...]]]


def against_published(study: Study) -> Figure:
    """Our changes beside the published ones."""
    groups, told = [], []
    for tone, case in enumerate(CASES):
        found = [interval([100 * take(each) for each in study.changes(case)]) for _, take in NUMBERS]
        mean, half = (np.array(column) for column in zip(*found, strict=True))
        published = 100 * np.array([*PUBLISHED[case], np.nan])
        groups += [
            Group(case, mean, mean - half, mean + half, tone=tone),
            Group(f"{case}, published", published, tone="grey" if case is Case.PV else "ink"),
        ]
        told += [
            f"{case}, {name} {percent(value / 100)}" for (name, _), value in zip(NUMBERS, mean.tolist(), strict=True)
        ]
    return Figure(
        "published",
        "What the game changes, beside what was published",
        "Against thermostats alone, with 95 % confidence intervals over seeds. Exchange: import and export with the grid "
        "added up. Highest peak: the largest exchange of the horizon, a single interval. Peak of a day: the largest of each "
        "day, mean over days; it was not published.",
        Bars(tuple(name for name, _ in NUMBERS), "number", Axis("change, %"), tuple(groups)),
        f"{'; '.join(told)}.",
        _ran(study),
    )


def exchange_of_a_day(study: Study, case: Case) -> Figure:
    """The microgrid's exchange over the median day."""
    day = _day(study, case)
    curves = (
        Curve("without heaters", day.hour, day.without_kw, style="step", tone="grey"),
        *(Curve(way, day.hour, day.net_kw[way], style="step", tone=tone) for way, tone in TONES.items()),
    )
    hours = study.peers.community.horizon.hours
    moved = {way: float(np.abs(kw).sum() * hours) for way, kw in day.net_kw.items()}
    told = ", ".join(f"{way} {number(kwh, 1)} kWh" for way, kwh in moved.items())
    return Figure(
        _name("day", case),
        f"{case}: exchange with the grid over a day",
        "Import above zero, export below. The day is the one on which the game saves as much as on the middle one of all "
        "days.",
        Plane(Axis("hour of the day", low=0, high=24), Axis("exchange, kW"), curves, levels=(Level("y", 0.0, ""),)),
        f"Import and export of the day added up: {told}.",
        _on_day(study, day),
    )


def tanks_of_a_day(study: Study, case: Case) -> Figure:
    """Temperatures of the tanks over the same day: their mean, and the coldest and hottest as a band."""
    day = _day(study, case)
    curves = tuple(
        Curve(
            way,
            day.hour,
            day.tank_c[way].mean(axis=0),
            day.tank_c[way].min(axis=0),
            day.tank_c[way].max(axis=0),
            tone=TONES[way],
        )
        for way in (Way.THERMOSTAT, Way.GAME)
    )
    lowest = {way: float(day.tank_c[way].min()) for way in (Way.THERMOSTAT, Way.GAME)}
    coldest = min(HEATER.min_c - 1, *lowest.values())
    told = ", ".join(f"{way} {number(found, 1)} °C" for way, found in lowest.items())
    return Figure(
        _name("tanks", case),
        f"{case}: tanks over the same day",
        f"Mean temperature of the {PEERS} tanks, and the band from the coldest to the hottest.",
        Plane(
            Axis("hour of the day", low=0, high=24),
            Axis("temperature, °C", low=np.floor(coldest / 5) * 5),
            curves,
            levels=(Level("y", HEATER.min_c, "OFF is too cold"), Level("y", HEATER.max_c, "ON is too hot")),
        ),
        f"Coldest tank of the day: {told}.",
        _on_day(study, day),
    )


def equilibria(study: Study) -> Figure:
    """How many equilibria the games have."""
    edges = (1, 2, 10, 20, 50, 100, 200, np.inf)
    names = [_range(low, high) for low, high in pairwise(edges)]
    groups, told = [], []
    for case in CASES:
        found = [each.statistics for each in study.runs[case]]
        groups.append(Group(case, 100 * np.mean([_shares(each, edges) for each in found], axis=0)))
        mean, free = interval([each.mean_equilibria for each in found])[0], [each.all_free for each in found]
        told.append(
            f"{case}: {number(mean, 1)} on average, {number(float(np.nanmean(free)), 1)} where all {PEERS} can choose"
        )
    return Figure(
        "equilibria",
        "How many equilibria a game has",
        "Share of the games in which somebody can choose, by number of pure equilibria, by looking at every profile. "
        f"Where k of {PEERS} equal heaters fit into a surplus, every choice of k is one.",
        Bars(tuple(names), "pure equilibria", Axis("games, %"), tuple(groups)),
        f"{'; '.join(told)}. The source tells of about 24 in a game of ten equal heaters.",
        _ran(study),
    )


def potentials(study: Study) -> Figure:
    """The potential along best responses."""
    curves = tuple(
        Curve(
            f"{case}, {len(path) - 1} moves",
            np.arange(len(path), dtype=np.float64),
            path - path[0],
            symbol="circle",
            tone=at,
            style="line" if case is Case.PV else "dashed",
        )
        for at, case in enumerate(CASES)
        for path in study.runs[case][0].potentials
    )
    least = min((float(np.diff(curve.y).min()) for curve in curves), default=np.nan)
    return Figure(
        "potential",
        "The potential along best responses",
        "Φ less its value where everybody who can wait is OFF. Each move is one peer's better answer, and raises Φ by what "
        "the peer gains in ln u. The games with the most moves, one of each length.",
        Plane(Axis("move"), Axis("Φ − Φ at the start"), curves),
        f"Every move raises the potential, the smallest one by {number(least, 4)}.",
        f"Ran: seed {study.seed}.",
    )


def by_level(study: Study) -> Figure:
    """Sensitivity to L."""
    ours = study.runs[Case.PV][0].level_kw
    return _swept(
        "level",
        "How much hangs on L",
        "The study takes twice the peers times the largest draw.",
        study.by_level,
        Axis("L as a multiple of the largest draw of a peer", log=True),
        f"L of the study: {number(ours)} kW, {2 * PEERS} times the largest draw. ",
        study,
    )


def by_floor(study: Study) -> Figure:
    """Sensitivity to the floor of |E_mg|."""
    return _swept(
        "floor",
        "How much hangs on the floor of |E_mg|",
        "Below the floor an exchange counts as the floor, so nobody gains by balancing further. A heater that is ON takes "
        f"{number(HEATER.power_kw * study.peers.community.horizon.hours, 2)} kWh an interval.",
        study.by_floor,
        Axis("floor, kWh", log=True),
        "",
        study,
    )


def by_generation(study: Study) -> Figure:
    """Sensitivity to how much is generated."""
    return _swept(
        "generation",
        "How much hangs on what is generated",
        "Generation over the horizon as a multiple of what load and hot water need.",
        study.by_generation,
        Axis("generation / need"),
        "",
        study,
    )


def _swept(name: str, title: str, what: str, sweep: Sweep, x: Axis, told: str, study: Study) -> Figure:
    curves, ends = [], []
    for tone, case in enumerate(CASES):
        values = np.array(sorted(sweep[case]))
        for style, (number_name, take) in zip(("line", "dashed", "dotted"), NUMBERS, strict=True):
            if number_name == "highest peak":
                continue
            found = [interval([take(each) for each in sweep[case][value]]) for value in values.tolist()]
            mean, half = (100 * np.array(column) for column in zip(*found, strict=True))
            line: Style = "line" if style == "line" else "dotted"
            curves.append(
                Curve(
                    f"{case}: {number_name}",
                    values,
                    mean,
                    mean - half,
                    mean + half,
                    style=line,
                    symbol="circle",
                    tone=tone,
                )
            )
            if number_name == "exchange":
                ends.append(
                    f"{case} {percent(mean[0] / 100, 1)} at {measure(values[0])}, {percent(mean[-1] / 100, 1)} at "
                    f"{measure(values[-1])}"
                )
    return Figure(
        name,
        title,
        f"Change by the game against thermostats alone, with 95 % confidence intervals over seeds. {what}",
        Plane(x, Axis("change, %"), tuple(curves), levels=(Level("y", 0.0, "thermostats"),)),
        f"{told}Exchange: {'; '.join(ends)}.",
        _ran(study),
    )


def _shares(found: GameStatistics, edges: tuple[float, ...]) -> FloatArray:
    """Share of the games with a choice whose number of equilibria is from one edge up and below the next."""
    place = np.digitize(found.equilibria, edges[1:-1])
    return np.bincount(place, found.of_games, minlength=len(edges) - 1) / max(found.chosen, 1)


def _range(low: float, high: float) -> str:
    if high == np.inf:
        return f"{low:g} or more"
    return f"{low:g}" if high == low + 1 else f"{low:g} to {high - 1:g}"


def _day(study: Study, case: Case) -> Day:
    day = study.runs[case][0].day
    assert day is not None, "the first seed is run closely"
    return day


def _name(what: str, case: Case) -> str:
    return f"{what}-{case.name.lower()}"


def _on_day(study: Study, day: Day) -> str:
    horizon, zone = study.peers.community.horizon, study.peers.community.time_zone
    start = horizon.start + day.first * horizon.step
    return f"Ran: seed {study.seed}, from {local_time(start, zone)}."


def _ran(study: Study) -> str:
    periods = study.peers.community.horizon.periods
    return f"Ran: {count(study.sizes.seeds, 'seed')}, {count(PEERS, 'peer')}, {count(periods, 'interval')}."
