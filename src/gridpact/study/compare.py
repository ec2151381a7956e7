"""Several mechanisms on the same community, seeds and grid, side by side and in parallel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from joblib import Parallel, delayed

from gridpact.community import Community
from gridpact.errors import InputError
from gridpact.markets import Market
from gridpact.study.confidence import half_width
from gridpact.study.network_check import ACCEPTED, NO_ORDERS, applies
from gridpact.study.result import Baseline, CommunityMetrics, Comparison, Run
from gridpact.study.simulate import Settings, run_baseline, simulate
from gridpact.units import FloatArray


def compare(
    community: Community,
    markets: Sequence[Market],
    settings: Settings,
    *,
    networks: Sequence[str] = (),
    jobs: int = 1,
    progress: Callable[[Run], None] | None = None,
    run: Callable[[Community, Market, Settings, Baseline], Run] = simulate,
) -> Comparison:
    """Run several mechanisms on one community.

    Parameters
    ----------
    community
        With the measured profiles of the horizon.
    markets
        Mechanisms and pool rules, in the order of the result.
    settings
        The same forecast, seed and gate closure for all.
    networks
        Run each mechanism under each of these network checks (`gridpact.study.NETWORK_CHECKS`) that applies to it; none:
        that of the settings.
    jobs
        Processes; 1 runs everything in this one, -1 takes every core.
    progress
        Called with each run as it finishes.
    run
        What runs one mechanism; `gridpact.study.ledger.Recorder` writes a ledger, too.

    Returns
    -------
    Comparison
    """
    baseline = run_baseline(community)
    cases = cases_of(markets, settings, networks)
    tasks = (delayed(_run)(run, at, community, market, case, baseline) for at, (market, case) in enumerate(cases))
    runs: dict[int, Run] = {}
    for at, done in Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks):
        runs[at] = done
        if progress:
            progress(done)
    return Comparison(community, baseline, tuple(runs[at] for at in range(len(cases))))


def cases_of(
    markets: Sequence[Market], settings: Settings, networks: Sequence[str] = ()
) -> list[tuple[Market, Settings]]:
    """Every mechanism under every network check that applies to it.

    Raises
    ------
    InputError
        If none applies to any.
    """
    checks = dict.fromkeys(networks or [settings.network])
    found = [
        (market, replace(settings, network=name)) for market in markets for name in checks if applies(name, market)
    ]
    if not found:
        raise InputError(
            f"{', '.join(checks)} with {', '.join(m.name for m in markets)}: {NO_ORDERS}", accepted=ACCEPTED
        )
    return found


@dataclass(frozen=True, eq=False)
class Replication:
    """The same comparison under several seeds.

    Attributes
    ----------
    mechanisms
        Names, in order.
    seeds
        The seeds; every mechanism met the same ones.
    values
        Each metric of `CommunityMetrics` by name, ``[mechanism, seed]``.
    networks
        Under which network check each ran; none: all under the same.
    """

    mechanisms: tuple[str, ...]
    seeds: tuple[int, ...]
    values: dict[str, FloatArray]
    networks: tuple[str, ...] = ()

    def mean(self, metric: str) -> FloatArray:
        """Mean over the seeds, ``[mechanism]``."""
        return np.asarray(self.values[metric].mean(axis=1))

    def half_width(self, metric: str, *, against: int | None = None) -> FloatArray:
        """Half the width of the 95 % confidence interval of the mean (Student's t), ``[mechanism]``; NaN for one seed.

        Parameters
        ----------
        metric
            Name of the metric.
        against
            Position of a mechanism: the interval is then that of the paired difference to it.
        """
        values = self.values[metric]
        return half_width(values if against is None else values - values[against])


def replicate(
    community: Community,
    markets: Sequence[Market],
    settings: Settings,
    seeds: int,
    *,
    networks: Sequence[str] = (),
    jobs: int = 1,
    progress: Callable[[], None] | None = None,
) -> tuple[Comparison, Replication]:
    """Compare mechanisms under several seeds of forecasts, bidding and tie-breaks.

    Parameters
    ----------
    community, markets, settings, networks, jobs
        As in `compare`; the first seed is that of the settings, the next ones follow it.
    seeds
        How many seeds.
    progress
        Called after each run.

    Returns
    -------
    Comparison
        Of the first seed.
    Replication
        The metrics of all.
    """
    if seeds < 1:
        raise InputError(f"{seeds} seeds", accepted="a whole number from 1 up")
    cases = cases_of(markets, settings, networks)
    baseline = run_baseline(community)
    tasks = (
        delayed(_measure)(at, k, community, market, replace(of_case, seed=settings.seed + k), baseline)
        for k in range(seeds)
        for at, (market, of_case) in enumerate(cases)
    )
    names = tuple(CommunityMetrics.__dataclass_fields__)
    values = {name: np.empty((len(cases), seeds)) for name in names}
    first: dict[int, Run] = {}
    for at, k, metrics, run in Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks):
        for name in names:
            values[name][at, k] = getattr(metrics, name)
        if run:
            first[at] = run
        if progress:
            progress()
    runs = tuple(first[at] for at in range(len(cases)))
    seeded = tuple(settings.seed + k for k in range(seeds))
    return Comparison(community, baseline, runs), Replication(
        tuple(run.mechanism for run in runs), seeded, values, tuple(run.network for run in runs)
    )


def _run(
    run: Callable[[Community, Market, Settings, Baseline], Run],
    at: int,
    community: Community,
    market: Market,
    settings: Settings,
    baseline: Baseline,
) -> tuple[int, Run]:
    return at, run(community, market, settings, baseline)


def _measure(
    at: int, k: int, community: Community, market: Market, settings: Settings, baseline: Baseline
) -> tuple[int, int, CommunityMetrics, Run | None]:
    """Only the first seed's run is wanted whole."""
    run = simulate(community, market, settings, baseline)
    return at, k, run.community, run if k == 0 else None
