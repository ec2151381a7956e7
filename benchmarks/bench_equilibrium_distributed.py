"""The equilibrium without a centre: rounds and seconds to a tolerance, against the central program and the paper's method.

The stopping rule is always the same: the largest of the ∞-norms of reciprocity, bus balances and the primal step (kW) and the
2-norm of the dual step (hundredths of EUR/kWh) within the tolerance, and the certified relative gap within a tenth of it.
Instances are recipes on the IEEE 37-bus feeder: connectivity 0.6 up to 80 members, ten random partners each above, a cap of
3 kW at 500. Medians are over seeds; every run starts cold unless it says otherwise.
"""

import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from benchmarks.registry import benchmark
from gridpact.markets.equilibrium import (
    CentralSolver,
    DistributedSolver,
    Instance,
    ProximalSolver,
    Recipe,
    certified_gap,
    clear_again,
    clear_by_agents,
    make_instance,
)
from gridpact.markets.equilibrium.distributed import Message
from gridpact.markets.mailbox import Mailbox

SEEDS = range(5)
SIZES = (40, 50, 60, 70, 80, 200, 500)


@cache
def instance_of(members: int, seed: int = 1) -> Instance:
    """The seeded instance of a size."""
    if members <= 80:
        return make_instance(Recipe(members, seed=seed, connectivity=0.6))
    return make_instance(Recipe(members, seed=seed, partners=10, feeders=max(1, members // 500)))


def rounds(members: int, tolerance: float) -> float:
    """Median; a single seed of large ones."""
    seeds = SEEDS if members <= 80 else range(1, 2)
    solver = DistributedSolver()
    found = [solver.solve(instance_of(members, seed), tolerance=tolerance) for seed in seeds]
    if not all(clearing.converged for clearing in found):
        raise ValueError("the rounds were used up: nothing is measured")
    return float(statistics.median(clearing.rounds for clearing in found))


@benchmark("equilibrium", sizes=SIZES, unit="rounds", bars={50: 150}, repeat=1, warm_up=False)
def rounds_to_a_tenth(size: int) -> Callable[[], float]:
    """Tolerance 0.1, certified gap 1e-2 at most."""
    return lambda: rounds(size, 0.1)


@benchmark("equilibrium", sizes=SIZES, unit="rounds", bars={50: 300}, repeat=1, warm_up=False)
def rounds_to_a_hundredth(size: int) -> Callable[[], float]:
    """Tolerance 0.01, certified gap 1e-3 at most."""
    return lambda: rounds(size, 0.01)


@benchmark("equilibrium", sizes=SIZES, unit="rounds", bars={50: 600, 500: 1_600}, repeat=1, warm_up=False)
def rounds_to_a_thousandth(size: int) -> Callable[[], float]:
    """Tolerance 1e-3, certified gap 1e-4 at most."""
    return lambda: rounds(size, 1e-3)


@benchmark("equilibrium", sizes=(50, 500), bars={50: 0.5, 500: 15.0}, repeat=3)
def distributed_to_a_thousandth(size: int) -> Callable[[], object]:
    """The certificate of the gap included."""
    instance = instance_of(size)
    return lambda: DistributedSolver().solve(instance, tolerance=1e-3)


@benchmark("equilibrium", sizes=(500,), unit="times", bars={500: 10}, better="higher", repeat=1, warm_up=False)
def distributed_against_clarabel(size: int) -> Callable[[], float]:
    """Seconds of Clarabel for the whole program over ours to 1e-3, one after the other."""
    instance = instance_of(size)
    DistributedSolver().solve(instance, tolerance=1.0)

    def ratio() -> float:
        begin = time.perf_counter()
        DistributedSolver().solve(instance, tolerance=1e-3)
        ours, begin = time.perf_counter() - begin, time.perf_counter()
        CentralSolver("clarabel").solve(instance)
        return (time.perf_counter() - begin) / ours

    return ratio


@benchmark("equilibrium", sizes=(50,), unit="relative", bars={50: 1e-8}, repeat=1, warm_up=False)
def gap_at_a_millionth(size: int) -> Callable[[], float]:
    """Certified, at tolerance 1e-6, as accurately as bounds are."""
    instance = instance_of(size)
    return lambda: abs(certified_gap(DistributedSolver(gap_share=1e-2).solve(instance, tolerance=1e-6)).relative)


@benchmark("equilibrium", sizes=(50,), unit="times the rounds", bars={50: 3}, repeat=1, warm_up=False)
def rounds_where_voltage_binds(size: int) -> Callable[[], float]:
    """Tolerance 1e-3, medians over seeds; the limit is 2 thousandths above what the free schedule reaches."""

    def ratio() -> float:
        free, tight = [], []
        for seed in SEEDS:
            instance = instance_of(size, seed)
            clearing = DistributedSolver().solve(instance, tolerance=1e-3)
            flow = instance.flow(clearing.allocation.bus_kw(instance))
            lowest = float(np.sqrt(instance.squared_voltage(flow)[1:].min()))
            bound = DistributedSolver().solve(replace(instance, vmin=lowest + 2e-3), tolerance=1e-3)
            if not np.abs(bound.multipliers.bus).max() > 1e-3:
                raise ValueError("the limit does not bind: nothing is measured")
            free.append(clearing.rounds)
            tight.append(bound.rounds)
        return float(statistics.median(tight) / statistics.median(free))

    return ratio


@benchmark("equilibrium", sizes=(5_000,), unit="relative", bars={5_000: 1e-3}, repeat=1, warm_up=False)
def gap_of_many_members(size: int) -> Callable[[], float]:
    """Ten partners each, on ten feeders side by side; tolerance 0.01, certified gap."""
    instance = instance_of(size)
    return lambda: abs(certified_gap(DistributedSolver().solve(instance, tolerance=0.01)).relative)


@benchmark("equilibrium", sizes=(500, 5_000), unit="kB per link", repeat=1, warm_up=False)
def memory_of_the_rounds(size: int) -> Callable[[], float]:
    """Peak of what Python and NumPy hold during ten rounds, beyond the instance; the same at any size if it is linear."""
    instance = instance_of(size)
    DistributedSolver().solve(instance_of(50), tolerance=1e9)

    def peak() -> float:
        from gridpact.markets.equilibrium.distributed.solver import Rounds

        tracemalloc.start()
        played = Rounds(instance, DistributedSolver().concept, DistributedSolver().tuning, None)
        for _ in range(10):
            played.play(0.0)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most / 1e3 / instance.links

    return peak


@benchmark("equilibrium", sizes=(50,), unit="of cold rounds", repeat=1, warm_up=False)
def rounds_of_a_warm_start(size: int) -> Callable[[], float]:
    """An hour on, with forecasts 2 % off, tolerance 0.1: rounds over those of a cold start, medians over seeds."""

    def share() -> float:
        warm, cold = [], []
        for seed in SEEDS:
            instance = instance_of(size, seed)
            noise = 1 + 0.02 * np.random.default_rng(seed).standard_normal(instance.pd.shape)
            moved = {name: np.roll(getattr(instance, name), -1, axis=1) for name in ("qd", "pas_p", "pas_q", "cur_max")}
            later = replace(instance, pd=np.roll(instance.pd, -1, axis=1) * noise, **moved)
            _, memory = clear_again(instance, None)
            warm.append(clear_again(later, memory)[0].rounds)
            cold.append(clear_again(later, None)[0].rounds)
        return float(statistics.median(warm) / statistics.median(cold))

    return share


@benchmark("equilibrium", sizes=(50,), unit="kB per member and round", repeat=1)
def bytes_of_members(size: int) -> Callable[[], float]:
    """Sent by separate agents with ten partners each, all hours in a message, on a perfect network."""
    instance = make_instance(Recipe(size, seed=1, partners=10))

    def sent() -> float:
        clearing = clear_by_agents(instance, Mailbox(Message), tolerance=0.1)
        assert clearing.bytes_sent is not None
        return float(clearing.bytes_sent.mean() / 1e3 / clearing.rounds)

    return sent


@benchmark("equilibrium", sizes=(50,), repeat=1)
def agents(size: int) -> Callable[[], object]:
    """All of them in one process, tolerance 0.1, ten partners each."""
    instance = make_instance(Recipe(size, seed=1, partners=10))
    return lambda: clear_by_agents(instance, Mailbox(Message), tolerance=0.1)


@benchmark("equilibrium", sizes=(50,), unit="rounds", repeat=1, warm_up=False)
def rounds_of_the_proximal_method_to_a_tenth(size: int) -> Callable[[], float]:
    """The paper's, in units of ours, on LinDistFlow; tolerance 0.1, one seed."""
    return lambda: float(ProximalSolver().solve(instance_of(size), tolerance=0.1).rounds)
