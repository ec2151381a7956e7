"""Negotiated energy loans: a contract space, a session, and the cases of the paper on generated profiles.

The values that are held against a bar are CPU seconds, except for Case 3, which may take two cores: wall seconds there.
"""

import time
from collections.abc import Callable

import numpy as np

from benchmarks.registry import benchmark
from gridpact.energy import scenarios
from gridpact.markets.mailbox import Mailbox
from gridpact.markets.negotiation import (
    ContractGrid,
    Intent,
    Message,
    Negotiator,
    Table,
    Terms,
    appraise,
    contract_spaces,
    negotiate,
    negotiate_by_agents,
)
from gridpact.study.negotiation import INTERVALS, Setting, case, run_case
from gridpact.units import FloatArray

HOURS, SCENARIOS, WINDOW, PER_DAY = 0.25, 100, 97, 96


def homes(members: int, intervals: int) -> FloatArray:
    """Net demand of homes with PV: bursts of load, evenings, and a sun that clouds share."""
    rng = np.random.default_rng(7)
    hour = np.arange(intervals) * HOURS % 24
    clouds = np.repeat(rng.uniform(0.3, 1.0, -(-intervals // 12)), 12)[:intervals]
    sun = np.maximum(np.sin((hour - 5) / 15 * np.pi), 0) ** 1.5 * clouds
    evening = np.exp(-(((hour - 19) / 2) ** 2))
    load = 0.2 + rng.uniform(0.2, 0.8, (members, 1)) * evening + rng.gamma(0.5, 0.4, (members, intervals))
    return np.asarray(load - rng.uniform(1.0, 4.0, (members, 1)) * sun)


def drawn(members: int) -> FloatArray:
    """Scenarios of a day, ``[scenario, member, offset]``."""
    net = homes(members, WINDOW)
    return scenarios(net, net.std(axis=1), SCENARIOS, np.random.default_rng(1), per_day=PER_DAY)


def initial_kwh(negotiators: tuple[Negotiator, ...]) -> FloatArray:
    """State of charge at the start, half way."""
    return np.array(
        [each.battery.initial_soc * each.battery.capacity_kwh if each.battery else 0.0 for each in negotiators]
    )


def tables() -> tuple[list[Table], ContractGrid]:
    """The members of Case 2 with their spaces, in pairs."""
    negotiators, grid = case(2).negotiators[:8], ContractGrid.standard(HOURS)
    spaces = contract_spaces(negotiators, drawn(8), initial_kwh(negotiators), grid, HOURS)
    everything = np.ones(len(grid), dtype=np.bool_)
    made = [
        Table(spaces[at], spaces[at + 1], (negotiators[at].aspiration, negotiators[at + 1].aspiration), everything)
        for at in range(0, 8, 2)
    ]
    return made, grid


def cpu(action: Callable[[], object], times: int) -> Callable[[], float]:
    """CPU milliseconds of one of several that an action does."""

    def run() -> float:
        begin = time.process_time()
        action()
        return 1e3 * (time.process_time() - begin) / times

    return run


@benchmark("negotiation", sizes=(100,), unit="ms", bars={100: 2.0}, repeat=9)
def contract_space(size: int) -> Callable[[], float]:
    """Expected utilities of 1,330 contracts over so many scenarios of 97 intervals; CPU milliseconds, one core."""
    negotiators, grid, members = case(2).negotiators, ContractGrid.standard(HOURS), drawn(9)
    start = initial_kwh(negotiators)
    return cpu(lambda: [contract_spaces(negotiators, members, start, grid, HOURS) for _ in range(5)], 45)


@benchmark("negotiation", unit="ms", bars={1: 0.17}, repeat=9)
def session_with_nash_point(size: int) -> Callable[[], float]:
    """A session on arrays and its appraisal; CPU milliseconds."""
    made, _ = tables()
    return cpu(lambda: [appraise(table, negotiate(table)) for table in made for _ in range(50)] and None, 200)


@benchmark("negotiation", unit="ms", repeat=3)
def session_of_agents(size: int) -> Callable[[], float]:
    """The same between two agents by messages, without appraisal; CPU milliseconds."""
    made, grid = tables()

    def run() -> None:
        for table in made:
            first, second = (
                Intent(space, share, table.feasible)
                for space, share in zip((table.first, table.second), table.aspirations, strict=True)
            )
            negotiate_by_agents(first, second, grid, Mailbox(Message))

    return cpu(run, 4)


@benchmark("negotiation", sizes=(9,), unit="CPU s", bars={9: 15.0}, repeat=1)
def case_2(size: int) -> Callable[[], float]:
    """Nine members, 672 intervals, 100 scenarios."""
    setting = Setting(case(2).negotiators, homes(size, INTERVALS + WINDOW - 1))

    def run() -> float:
        begin = time.process_time()
        run_case(setting, seed=1)
        return time.process_time() - begin

    return run


@benchmark("negotiation", sizes=(100,), bars={100: 120.0}, repeat=1, warm_up=False)
def case_3(size: int) -> Callable[[], None]:
    """A hundred members, 672 intervals, 100 scenarios, on two threads."""
    setting = Setting(case(3).negotiators, homes(size, INTERVALS + WINDOW - 1), terms=Terms(threads=2))
    run_case(Setting(case(2).negotiators, homes(9, WINDOW)), seed=1)

    def run() -> None:
        run_case(setting, seed=1)

    return run
