"""Whole studies: from forecast to bill, every interval checked by AC power flow. Start-up is excluded."""

import resource
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.registry import benchmark
from benchmarks.synthetic import make_community
from gridpact.community import load_community
from gridpact.markets import make_mechanism
from gridpact.study import Settings, compare, simulate, write_report, write_results

YEAR = 35_040


@benchmark(
    "study",
    sizes=(1_008_000,),
    unit="member-intervals/CPU s",
    bars={1_008_000: 1e5},
    better="higher",
    repeat=3,
)
def rule_based_members(size: int) -> Callable[[], float]:
    """1,000 members on a feeder of 1,021 buses under `auction:uniform`, gates one by one on noisy forecasts."""
    community = make_community(1_000, size // 1_000)
    market = make_mechanism("auction:uniform")
    return lambda: size / simulate(community, market, Settings(forecast="noise")).cpu_seconds


@benchmark("study", sizes=(96_000,), bars={96_000: 2.0}, repeat=3)
def thousand_members_one_day(size: int) -> Callable[[], None]:
    """1,000 members × 96 intervals under `auction:uniform` on noisy forecasts."""
    community = make_community(1_000, size // 1_000)
    market = make_mechanism("auction:uniform")

    def run() -> None:
        simulate(community, market, Settings(forecast="noise"))

    return run


def _year_of_the_built_in_community() -> None:
    """All that `gridpact run` does: load, run, write every table and the report."""
    community = load_community(None, start=datetime(2016, 1, 1), days=365).community  # noqa: DTZ001 local midnight
    assert community.horizon.periods == YEAR
    settings = Settings(forecast="noise")
    comparison = compare(community, [make_mechanism("auction:uniform")], settings)
    with TemporaryDirectory() as folder:
        write_results(comparison, settings, Path(folder))
        write_report(comparison, Path(folder) / "report.html")


@benchmark("study", sizes=(YEAR,), bars={YEAR: 60.0}, repeat=1, warm_up=False)
def year_of_the_built_in_community(size: int) -> Callable[[], None]:
    """A year at 15 min under `auction:uniform` on noisy forecasts, loading, tables and report included."""
    return _year_of_the_built_in_community


@benchmark("study", sizes=(YEAR,), unit="MB", bars={YEAR: 1_000.0}, repeat=1, warm_up=False)
def memory_of_a_year(size: int) -> Callable[[], float]:
    """Peak resident memory of a process that runs that year, in 10⁶ bytes."""

    def peak_mb() -> float:
        _year_of_the_built_in_community()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6

    return peak_mb
