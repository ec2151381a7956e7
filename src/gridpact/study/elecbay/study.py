"""The study: every case under every seed, and how much hangs on L, on the floor, and on how much is generated."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from gridpact.errors import InputError
from gridpact.study.elecbay.outcomes import Way
from gridpact.study.elecbay.peers import Case, Peers
from gridpact.study.elecbay.planner import Foresight
from gridpact.study.elecbay.runs import Change, Run, change, look_ahead, run
from gridpact.study.tasks import Progress, Task, run_tasks
from gridpact.units import FloatArray

PUBLISHED = {Case.PV: (-0.09, -0.04), Case.MIXED: (-0.42, -0.18)}
"""Exchange with the grid and peak against the reference (Zhang, PhD thesis, Cardiff 2017)."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is run.

    Attributes
    ----------
    seeds
        Draws of nature.
    weeks
        In how many weeks, evenly spread, foresight is looked at.
    levels
        L of its sweep, as multiples of the largest draw of a peer.
    floors
        Least exchange that counts in its sweep, kWh.
    generations
        Generation over need in its sweep.
    """

    seeds: int
    weeks: int
    levels: tuple[float, ...]
    floors: tuple[float, ...]
    generations: tuple[float, ...]


FULL = Sizes(
    seeds=10,
    weeks=4,
    levels=(1.01, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 200.0),
    floors=(0.001, 0.01, 0.1, 0.375, 0.75, 1.5, 3.0, 7.5),
    generations=(0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0),
)
QUICK = Sizes(seeds=3, weeks=1, levels=(1.01, 3.0, 20.0), floors=(0.01, 0.375, 3.0), generations=(0.5, 1.0, 2.0))
"""A few seconds: to see that everything works."""


@dataclass(frozen=True, eq=False)
class Study:
    """Everything that was computed.

    Attributes
    ----------
    peers, sizes, seed, generation
        What was asked for; draws of nature have the seeds from `seed` on.
    runs
        Of each case, by seed.
    by_level, by_floor, by_generation
        Change by the game against thermostats, of each case and value of the sweep, by seed.
    foresight
        Of each case, by week, first seed.
    """

    peers: Peers
    sizes: Sizes
    seed: int
    generation: float
    runs: Mapping[Case, tuple[Run, ...]]
    by_level: Mapping[Case, Mapping[float, tuple[Change, ...]]]
    by_floor: Mapping[Case, Mapping[float, tuple[Change, ...]]]
    by_generation: Mapping[Case, Mapping[float, tuple[Change, ...]]]
    foresight: Mapping[Case, tuple[Foresight, ...]]

    def changes(self, case: Case, way: Way = Way.GAME) -> tuple[Change, ...]:
        """A way of running the heaters against thermostats alone, by seed."""
        return tuple(Change.of(each.outcomes[Way.THERMOSTAT], each.outcomes[way]) for each in self.runs[case])

    def mean(self, case: Case, way: Way, number: str) -> tuple[float, float]:
        """Mean of a number of `Outcome` over the seeds, and half its confidence interval."""
        return interval([getattr(each.outcomes[way], number) for each in self.runs[case]])


def interval(values: list[float] | FloatArray) -> tuple[float, float]:
    """Mean over seeds, and half the width of its 95 % confidence interval (Student's t).

    Examples
    --------
    >>> mean, half = interval([1.0, 2.0, 3.0])
    >>> round(mean, 3), round(half, 3)
    (2.0, 2.484)
    """
    found = np.asarray(values, dtype=np.float64)
    if len(found) < 2:
        return float(found.mean()), np.nan
    return float(found.mean()), float(stdtrit(len(found) - 1, 0.975) * found.std(ddof=1) / np.sqrt(len(found)))


def run_study(
    peers: Peers,
    sizes: Sizes = FULL,
    seed: int = 1,
    *,
    generation: float = 1.0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Study:
    """Run everything.

    Parameters
    ----------
    peers
        Who plays, over which horizon.
    sizes
        `FULL` or `QUICK`, or others.
    seed
        Of the first draw of nature.
    generation
        What is generated over the horizon, as a multiple of what is needed.
    jobs
        Processes.
    progress
        Told of each task.

    Raises
    ------
    InputError
        If the generation is not a positive number.
    """
    if not 0 < generation < np.inf:
        raise InputError(f"a generation of {generation!r} times the need", accepted="a finite number above 0")
    seeds = range(seed, seed + sizes.seeds)
    asked: dict[tuple[object, ...], Task] = {}
    for case in Case:
        for at in seeds:
            asked["runs", case, at] = Task(f"{case}, seed {at}", run, (peers, case, at, generation, at == seed))
    for case in Case:
        for week in np.linspace(0.0, 1.0, sizes.weeks + 2)[1:-1].tolist():
            asked["foresight", case, week] = Task("foresight", look_ahead, (peers, case, seed, generation, week))
    for case in Case:
        for at in seeds:
            where = (peers, case, at)
            for value in sizes.levels:
                asked["level", case, value, at] = Task("L", change, (*where, generation, value))
            for value in sizes.floors:
                asked["floor", case, value, at] = Task("floor", change, (*where, generation, None, value))
            for value in sizes.generations:
                asked["generation", case, value, at] = Task("generation", change, (*where, value))
    found = dict(zip(asked, run_tasks(list(asked.values()), jobs=jobs, progress=progress), strict=True))

    def swept(name: str, values: tuple[float, ...]) -> dict[Case, dict[float, tuple[Change, ...]]]:
        return {case: {value: tuple(found[name, case, value, at] for at in seeds) for value in values} for case in Case}

    return Study(
        peers=peers,
        sizes=sizes,
        seed=seed,
        generation=generation,
        runs={case: tuple(found["runs", case, at] for at in seeds) for case in Case},
        by_level=swept("level", sizes.levels),
        by_floor=swept("floor", sizes.floors),
        by_generation=swept("generation", sizes.generations),
        foresight={case: tuple(each for key, each in found.items() if key[:2] == ("foresight", case)) for case in Case},
    )
