"""The study: what is run, at which sizes, and everything that comes out of it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gridpact.markets.equilibrium import SOLVERS
from gridpact.study.equilibrium.experiments import (
    Convergence,
    Day,
    Loading,
    Rounds,
    Traded,
    clear_day,
    converge,
    count_rounds,
    load_lines,
    trade_at,
)
from gridpact.study.resume import Shelf
from gridpact.study.tasks import Progress, Task, run_tasks
from gridpact.units import FloatArray

OURS, PAPERS = "distributed", "proximal"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large everything is.

    Attributes
    ----------
    members
        Of the day that is cleared, and of the convergence.
    tolerance, most_rounds
        Down to which residuals are followed, and how many rounds at most.
    sizes, connectivities
        Members and connectivity of the instances whose rounds are counted; the first of each where the other varies.
    coarse, fine
        Tolerances at which rounds are counted: of both methods, and of ours alone.
    seeds
        Of each size.
    tariffs
        Network tariffs per kWh.
    scales
        Multiples of all contract prices.
    """

    members: int
    tolerance: float
    most_rounds: int
    sizes: tuple[int, ...]
    connectivities: tuple[float, ...]
    coarse: float
    fine: float
    seeds: int
    tariffs: tuple[float, ...]
    scales: tuple[float, ...]


FULL = Sizes(
    members=50,
    tolerance=1e-3,
    most_rounds=20_000,
    sizes=(50, 40, 60, 70, 80),
    connectivities=(0.6, 0.2, 0.4, 0.8, 1.0),
    coarse=0.1,
    fine=1e-3,
    seeds=5,
    tariffs=(0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.09, 0.11),
    scales=(0.0, 1.0, 2.0, 5.0),
)
QUICK = Sizes(
    members=12,
    tolerance=0.1,
    most_rounds=2_000,
    sizes=(12, 8),
    connectivities=(0.6, 1.0),
    coarse=0.1,
    fine=0.01,
    seeds=2,
    tariffs=(0.01, 0.05, 0.11),
    scales=(0.0, 1.0, 2.0),
)
"""Half a minute: to see that everything works."""


@dataclass(frozen=True, eq=False)
class Study:
    """Everything that was computed.

    Attributes
    ----------
    sizes, seed
        What was asked for.
    convergence
        Of each solver with rounds.
    rounds
        Counted, one an instance, solver and tolerance.
    loading
        One very large prosumer.
    day
        A day with everything that is compared with it.
    traded
        By tariff, and by scale of the contract prices.
    """

    sizes: Sizes
    seed: int
    convergence: tuple[Convergence, ...]
    rounds: tuple[Rounds, ...]
    loading: Loading
    day: Day
    traded: tuple[Traded, ...]

    def counted(
        self, solver: str, tolerance: float, *, members: int | None = None, connectivity: float | None = None
    ) -> FloatArray:
        """Rounds of all seeds of a size; of the study's first size or connectivity where none is given."""
        wanted = members or self.sizes.sizes[0], connectivity or self.sizes.connectivities[0]
        return np.array(
            [
                each.rounds
                for each in self.rounds
                if (each.solver, each.tolerance) == (solver, tolerance) and (each.members, each.connectivity) == wanted
            ]
        )

    def traded_at(self, *, tariff: float | None = None, scale: float | None = None) -> FloatArray:
        """Energy traded at a tariff or a scale, by seed."""
        wanted = tariff if tariff is not None else self.sizes.tariffs[0], scale if scale is not None else 1.0
        return np.array([each.traded_kwh for each in self.traded if (each.tariff, each.scale) == wanted])


def run_study(
    sizes: Sizes = FULL,
    seed: int = 1,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
    shelf: Shelf | None = None,
) -> Study:
    """Run everything.

    Parameters
    ----------
    sizes
        `FULL` or `QUICK`, or others.
    seed
        The first of all instances.
    jobs
        Processes.
    progress
        Told of each task.
    shelf
        Where results are kept, so that an interrupted study goes on.
    """
    solvers = [name for name in (PAPERS, OURS) if name in SOLVERS]
    seeds = range(seed, seed + sizes.seeds)
    base = sizes.tariffs[0]
    parts = {
        "convergence": [
            Task(f"residuals, {solver}", converge, (solver, sizes.members, seed, sizes.tolerance, sizes.most_rounds))
            for solver in solvers
        ],
        "rounds": [
            Task(
                f"rounds, {solver}, {members} members",
                count_rounds,
                (solver, members, connectivity, each, tolerance, sizes.most_rounds),
            )
            for members, connectivity in _instances(sizes)
            for solver, tolerance in _counted(solvers, sizes)
            for each in seeds
        ],
        "day": [Task("a day", clear_day, (sizes.members, seed))],
        "loading": [Task("line limits", load_lines, (sizes.members, seed))],
        "traded": [
            Task("trade against price", trade_at, (sizes.members, each, tariff, scale))
            for tariff, scale in [
                *((tariff, 1.0) for tariff in sizes.tariffs),
                *((base, scale) for scale in sizes.scales),
            ]
            if scale != 1.0 or tariff in sizes.tariffs
            for each in seeds
        ],
    }
    found = iter(
        run_tasks([task for tasks in parts.values() for task in tasks], jobs=jobs, progress=progress, shelf=shelf)
    )
    results = {name: [next(found) for _ in tasks] for name, tasks in parts.items()}
    return Study(
        sizes,
        seed,
        tuple(results["convergence"]),
        tuple(results["rounds"]),
        results["loading"][0],
        results["day"][0],
        tuple({(each.tariff, each.scale, each.seed): each for each in results["traded"]}.values()),
    )


def _instances(sizes: Sizes) -> Iterable[tuple[int, float]]:
    """Members and connectivity: each varied with the first of the other."""
    first_size, first_share = sizes.sizes[0], sizes.connectivities[0]
    return dict.fromkeys(
        [*((members, first_share) for members in sizes.sizes), *((first_size, share) for share in sizes.connectivities)]
    )


def _counted(solvers: list[str], sizes: Sizes) -> list[tuple[str, float]]:
    return [*((solver, sizes.coarse) for solver in solvers), (OURS, sizes.fine)] if OURS in solvers else []
