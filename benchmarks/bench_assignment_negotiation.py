"""The assignment market negotiated: rounds and seconds of bargaining and of projecting, in arrays and by agents.

Sizes are members a side; of the coalition benchmarks, members in all. Values are those of energy traded between members with
tariffs, floors and preferences of their own, in Wh times micro-units per kWh. Every member can talk to its possible partners,
and every message arrives in the next round, for all methods alike. Medians are over seeds.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
import numpy as np

from benchmarks.registry import benchmark
from gridpact.markets.assignment.negotiation import (
    Message,
    negotiate_by_bargaining,
    negotiate_by_bargaining_agents,
    negotiate_by_projection,
)
from gridpact.markets.mailbox import Conditions, Mailbox
from gridpact.units import FloatArray

SEEDS = range(301)
RELAXATION, TOLERANCE = 1.9, 1e-4
MESSAGES = 200_000


def energy_market(side: int, seed: int, partners: int | None = None) -> FloatArray:
    """Pair values: the smaller energy times top price plus preference less floor; few partners a buyer if asked for."""
    rng = np.random.default_rng(seed)
    demand, surplus = rng.integers(100, 4_000, side), rng.integers(100, 4_000, side)
    top = rng.integers(200_000, 350_000, side)[:, None] + rng.integers(-30_000, 30_000, (side, side))
    floor = rng.integers(50_000, 200_000, side)
    value = (np.minimum(demand[:, None], surplus) * (top - floor)).astype(np.float64)
    if partners is not None:
        for row in value:
            row[rng.permutation(side)[partners:]] = -np.inf
    return np.asarray(value, dtype=np.float64)


def uniform_market(side: int, seed: int) -> FloatArray:
    """Pair values without any structure."""
    return np.random.default_rng(seed).integers(1, 10**9, (side, side)).astype(np.float64)


def bargaining_rounds(markets: Sequence[FloatArray]) -> float:
    """Median."""
    return float(statistics.median(negotiate_by_bargaining(value).rounds for value in markets))


def projection_rounds(markets: Sequence[FloatArray], relaxation: float) -> float:
    """Median."""
    outcomes = (negotiate_by_projection(value, relaxation=relaxation, tolerance=TOLERANCE) for value in markets)
    return float(statistics.median(outcome.rounds for outcome in outcomes))


@benchmark("assignment", sizes=(3, 5, 10, 50), unit="rounds", repeat=1, warm_up=False)
def rounds_of_bargaining(size: int) -> Callable[[], float]:
    """The matching and the detection of the end included."""
    markets = [energy_market(size, seed) for seed in SEEDS]
    return lambda: bargaining_rounds(markets)


@benchmark("assignment", sizes=(3, 5, 10), unit="rounds", repeat=1, warm_up=False)
def rounds_of_projection(size: int) -> Callable[[], float]:
    """Relaxation 1.9, the fastest; v(N) and the matching known, an observer stops."""
    markets = [energy_market(size, seed) for seed in SEEDS]
    return lambda: projection_rounds(markets, RELAXATION)


@benchmark("assignment", sizes=(3, 5, 10), unit="rounds", repeat=1, warm_up=False)
def rounds_of_plain_projection(size: int) -> Callable[[], float]:
    """The same without relaxation."""
    markets = [energy_market(size, seed) for seed in SEEDS]
    return lambda: projection_rounds(markets, 1.0)


@benchmark("assignment", sizes=(10,), unit="of projection's rounds", bars={10: 0.1}, repeat=1, warm_up=False)
def rounds_of_bargaining_against_projection(size: int) -> Callable[[], float]:
    """Median rounds of bargaining, exact, over those of the fastest projection at 1e-4 of v(N)."""
    markets = [energy_market(size, seed) for seed in SEEDS]
    return lambda: bargaining_rounds(markets) / projection_rounds(markets, RELAXATION)


@benchmark("assignment", sizes=(10,), unit="of projection's rounds", bars={10: 0.1}, repeat=1, warm_up=False)
def rounds_of_bargaining_against_projection_of_uniform_values(size: int) -> Callable[[], float]:
    """The same where projection has it easiest."""
    markets = [uniform_market(size, seed) for seed in SEEDS]
    return lambda: bargaining_rounds(markets) / projection_rounds(markets, RELAXATION)


@benchmark("assignment", sizes=(500,), bars={500: 60.0}, repeat=1, warm_up=False)
def bargaining_of_all_with_all(size: int) -> Callable[[], None]:
    """Every buyer can talk to every seller."""
    return _bargain(size)


@benchmark("assignment", sizes=(500,), unit="rounds", repeat=1, warm_up=False)
def rounds_of_bargaining_of_all_with_all(size: int) -> Callable[[], float]:
    """Every buyer can talk to every seller."""
    return lambda: float(negotiate_by_bargaining(energy_market(size, 0)).rounds)


@benchmark("assignment", sizes=(500, 5_000), repeat=1, warm_up=False)
def bargaining_with_twenty_partners(size: int) -> Callable[[], None]:
    """Every buyer can talk to 20 sellers."""
    return _bargain(size, partners=20)


@benchmark("assignment", sizes=(500, 5_000), unit="rounds", repeat=1, warm_up=False)
def rounds_of_bargaining_with_twenty_partners(size: int) -> Callable[[], float]:
    """Every buyer can talk to 20 sellers."""
    return lambda: float(negotiate_by_bargaining(energy_market(size, 0, partners=20)).rounds)


@benchmark("assignment", sizes=(10,), unit="rounds", repeat=1, warm_up=False)
def rounds_of_bargaining_with_a_third_of_messages_lost(size: int) -> Callable[[], float]:
    """Loss 0.3, the rest as above."""

    def median() -> float:
        lossy = Conditions(loss=0.3)
        outcomes = (
            negotiate_by_bargaining(energy_market(size, seed), conditions=lossy, rng=np.random.default_rng(seed))
            for seed in SEEDS
        )
        return float(statistics.median(outcome.rounds for outcome in outcomes))

    return median


@benchmark("assignment", sizes=(6, 10, 14, 18, 20), unit="microseconds")
def step_of_projection_on_coalitions(size: int) -> Callable[[], float]:
    """One step of one member that keeps all coalitions with it."""
    return _step(size, "coalitions")


@benchmark("assignment", sizes=(6, 10, 14, 18, 20), unit="microseconds")
def step_of_projection_on_pairs(size: int) -> Callable[[], float]:
    """One step of one member that keeps its pairs."""
    return _step(size, "pairs")


@benchmark("assignment", sizes=(6, 10, 14, 18, 20), unit="rounds", repeat=1)
def rounds_of_projection_on_coalitions(size: int) -> Callable[[], float]:
    """Far fewer than on pairs, at the price of the step."""
    market = energy_market(size // 2, 0)
    return lambda: float(
        negotiate_by_projection(market, constraints="coalitions", relaxation=RELAXATION, tolerance=TOLERANCE).rounds
    )


@benchmark("assignment", sizes=(10, 50))
def bargaining_agents(size: int) -> Callable[[], None]:
    """Separate agents over the mailbox, all with all."""
    market = energy_market(size, 0)

    def run() -> None:
        negotiate_by_bargaining_agents(market, Mailbox(Message))

    return run


class _Note(msgspec.Struct, array_like=True, frozen=True):
    round: int
    amount: int


@benchmark("assignment", unit="messages/s", better="higher")
def mailbox_throughput(size: int) -> Callable[[], float]:
    """Encoded, carried and decoded one by one, between 20 agents."""

    def run() -> float:
        mailbox: Mailbox[_Note] = Mailbox(_Note)
        posts = [mailbox.join(str(agent)) for agent in range(20)]
        received, begin = 0, time.perf_counter()
        while received < MESSAGES:
            for post in posts:
                received += len(post.receive())
                for other in range(20):
                    post.send(str(other), _Note(mailbox.round, 123_456_789))
            mailbox.next_round()
        return received / (time.perf_counter() - begin)

    return run


def _bargain(side: int, partners: int | None = None) -> Callable[[], None]:
    market = energy_market(side, 0, partners)
    negotiate_by_bargaining([[1]])

    def run() -> None:
        negotiate_by_bargaining(market)

    return run


def _step(members: int, constraints: Literal["pairs", "coalitions"]) -> Callable[[], float]:
    market = energy_market(members // 2, 0)
    return lambda: (
        1e6
        * negotiate_by_projection(
            market, constraints=constraints, relaxation=RELAXATION, tolerance=TOLERANCE
        ).step_seconds
    )
