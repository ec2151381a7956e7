"""The study: a case on its homes, over many seeds, in every way of negotiating that is compared."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gridpact.community import Community
from gridpact.study.negotiation.cases import INTERVALS, Case, case
from gridpact.study.negotiation.experiments import LEARNT, RANDOM, Result, Shown, Way, experiment, observe, show_session
from gridpact.study.negotiation.homes import PER_DAY, Homes, choose_homes
from gridpact.study.negotiation.privacy import Inference, Observer
from gridpact.study.resume import Shelf
from gridpact.study.tasks import Progress, Task, run_tasks
from gridpact.units import FloatArray

SCORES = (LEARNT, "success", "recent", "context", "complement", "nash-distance")
NETWORK_WEIGHTS = (0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large everything is.

    Attributes
    ----------
    intervals
        In which there are negotiations.
    scenarios
        Of net demand, for expected utilities.
    seeds
        Of Cases 1 and 2, and of Case 3.
    """

    intervals: int = INTERVALS
    scenarios: int = 100
    seeds: tuple[int, int] = (10, 3)

    @property
    def days(self) -> int:
        """Days of profiles that are needed, the last one for loans to come back."""
        return math.ceil(self.intervals / PER_DAY) + 1

    def seeds_of(self, number: int) -> range:
        """The seeds of a case."""
        return range(1, 1 + self.seeds[number == 3])


FULL = Sizes()
QUICK = Sizes(intervals=96, scenarios=20, seeds=(3, 2))
"""A minute: to see that everything works."""


@dataclass(frozen=True, eq=False)
class Study:
    """Everything that was computed.

    Attributes
    ----------
    case, homes, sizes
        What was asked for.
    results
        By way of negotiating, one a seed.
    inferred
        What observers of a day's offers make of the members' weights.
    shown
        A session drawn out; None if nobody agreed in the second day.
    """

    case: Case
    homes: Homes
    sizes: Sizes
    results: Mapping[Way, tuple[Result, ...]]
    inferred: Mapping[Observer, Inference]
    shown: Shown | None

    @property
    def members(self) -> tuple[str, ...]:
        """Ids of the members."""
        return tuple(each.id for each in self.case.negotiators)

    def seed_values(self, way: Way, name: str) -> FloatArray:
        """A figure by seed: an attribute of `Success`."""
        return np.array([getattr(result.success, name) for result in self.results[way]])

    def welfare(self, way: Way) -> FloatArray:
        """Σξ by seed of s0, s1, s2, ``[strategy, seed]``."""
        return np.stack([result.performance.sum(axis=1) for result in self.results[way]], axis=1)

    def gains(self, way: Way) -> FloatArray:
        """What each member gains by s2 over s1, ``[member, seed]``, kWh."""
        return np.stack([result.performance[2] - result.performance[1] for result in self.results[way]], axis=1)

    def flows(self, way: Way, name: str) -> FloatArray:
        """A figure of the flow at the point of common coupling, ``[strategy, seed]``."""
        return np.stack([getattr(result, name) for result in self.results[way]], axis=1)


def ways_of(number: int) -> tuple[Way, ...]:
    """What is compared in a case: with two members there is nobody to choose, and a hundred take long."""
    prices = tuple(Way(network=weight) for weight in NETWORK_WEIGHTS)
    if number == 1:
        return (Way(), Way(floor=False), *prices)
    if number == 2:
        chosen = tuple(Way(score) for score in (RANDOM, *SCORES))
        return (*chosen, Way(RANDOM, floor=False), Way(floor=False), *prices)
    return (Way(), Way(RANDOM), Way("recent"), Way("context"), prices[2])


def run_study(
    number: int,
    community: Community,
    sizes: Sizes = FULL,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
    shelf: Shelf | None = None,
) -> Study:
    """Run a case of the paper on real profiles.

    Parameters
    ----------
    number
        1, 2 or 3.
    community
        Whose homes lend their profiles.
    sizes
        `FULL` or `QUICK`, or others.
    jobs
        Processes.
    progress
        Told of each run.
    shelf
        Where runs are kept, so that an interrupted study goes on.

    Raises
    ------
    InputError
        If there is no such case, or the profiles do not reach.
    """
    chosen = case(number)
    homes = choose_homes(community, len(chosen.negotiators), sizes.intervals)
    ways, seeds = ways_of(number), sizes.seeds_of(number)
    tasks = [
        Task(f"{way.name}, seed {seed}", experiment, (chosen, homes, way, sizes.scenarios, seed))
        for seed in seeds
        for way in ways
    ]
    tasks.append(Task("one session", show_session, (chosen, homes, sizes.scenarios, seeds[0])))
    tasks.append(Task("observers", observe, (chosen, homes, sizes.scenarios, seeds[0])))
    *found, shown, inferred = run_tasks(tasks, jobs=jobs, progress=progress, shelf=shelf)
    results = {way: tuple(found[at :: len(ways)]) for at, way in enumerate(ways)}
    return Study(chosen, homes, sizes, results, inferred, shown)
