"""The equilibrium by one program: both methods, what certifies it, AC safety, and a day of the built-in community.

Instances are recipes on the IEEE 37-bus feeder: connectivity 0.6 up to 80 members, ten random partners each above.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from benchmarks.registry import benchmark
from gridpact.community import load_community
from gridpact.markets import make_mechanism
from gridpact.markets.equilibrium import (
    CentralSolver,
    Clearing,
    Instance,
    Recipe,
    best_response_regret,
    certified_gap,
    clear_safely,
    make_instance,
)
from gridpact.study import Settings, simulate

SEED = 1


@cache
def instance_of(members: int, seed: int = SEED) -> Instance:
    """The seeded instance of a size."""
    if members <= 80:
        return make_instance(Recipe(members, seed=seed, connectivity=0.6))
    return make_instance(Recipe(members, seed=seed, partners=10))


@cache
def cleared(members: int) -> Clearing:
    return CentralSolver().solve(instance_of(members))


@benchmark("equilibrium", sizes=(50, 80), repeat=3)
def central_by_piqp(size: int) -> Callable[[], object]:
    instance = instance_of(size)
    return lambda: CentralSolver("piqp").solve(instance)


@benchmark("equilibrium", sizes=(50, 80), repeat=3)
def central_by_clarabel(size: int) -> Callable[[], object]:
    instance = instance_of(size)
    return lambda: CentralSolver("clarabel").solve(instance)


@benchmark("equilibrium", sizes=(50,), unit="relative", bars={50: 1e-8}, repeat=1, warm_up=False)
def gap_of_the_central_program(size: int) -> Callable[[], float]:
    """By weak duality, beside the time that it takes."""
    clearing = cleared(size)
    return lambda: abs(certified_gap(clearing).relative)


@benchmark("equilibrium", sizes=(50,), repeat=3)
def best_responses(size: int) -> Callable[[], object]:
    clearing = cleared(size)
    return lambda: best_response_regret(clearing.instance, clearing.allocation, clearing.multipliers)


@benchmark("equilibrium", sizes=(40, 50, 60), unit="violations", bars={40: 0, 50: 0, 60: 0}, repeat=1, warm_up=False)
def ac_violations_where_voltage_binds(size: int) -> Callable[[], float]:
    """Voltage limit 2 thousandths above what the free schedule reaches; what AC power flow still finds at the end."""
    instance = instance_of(size)
    lowest = float(clear_safely(instance, CentralSolver(), tolerance=1e-8).ac.v_low[1:].min())
    tight = replace(instance, vmin=lowest + 2e-3)

    def clear() -> float:
        safe = clear_safely(tight, CentralSolver(), tolerance=1e-8)
        if safe.violations[0] == 0:
            raise ValueError("the limit does not bind: nothing is measured")
        return float(safe.ac.violations(tight))

    return clear


@benchmark("equilibrium", sizes=(99,), repeat=1, warm_up=False)
def day_of_the_built_in_community(size: int) -> Callable[[], object]:
    """99 members, 96 intervals of 15 min: cleared, certified and settled."""
    community = load_community(days=1).community
    return lambda: simulate(community, make_mechanism("equilibrium:central"), Settings(forecast="perfect"))
