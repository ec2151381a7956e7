"""Bilateral contracts: matching or flow, core points and certificates; size n means n buyers and n sellers."""

from collections.abc import Callable
from functools import cache

import numpy as np

from benchmarks.registry import benchmark
from gridpact.community import Community, load_community
from gridpact.markets import make_mechanism
from gridpact.markets.assignment import (
    VARIANTS,
    Bids,
    CorePoint,
    Flow,
    Links,
    Matching,
    Payoffs,
    clear_multi,
    clear_single,
    core_extremes,
    core_payoffs,
    core_violation,
)
from gridpact.study import Settings, simulate
from gridpact.units import FloatArray, IntArray

PARTNERS = 20
WEEK = 99 * 672


def energies(size: int) -> tuple[IntArray, IntArray]:
    """Demands and supplies, 1 Wh to 2 kWh."""
    rng = np.random.default_rng(size)
    return rng.integers(1, 2_001, size), rng.integers(1, 2_001, size)


def gains(size: int) -> IntArray:
    """Ceilings less floors over half a retail spread each, and premiums of up to 20,000 either way, micro-units per kWh."""
    rng = np.random.default_rng(size + 1)
    ceiling, floor = rng.integers(180_000, 273_500, (size, 1)), rng.integers(80_000, 180_000, size)
    return np.asarray(ceiling - floor + rng.integers(-20_000, 20_001, (size, size)))


def values(size: int) -> FloatArray:
    """What each pair's single contract is worth: the smaller energy times the gain."""
    demand, supply = energies(size)
    return np.asarray(np.minimum.outer(demand, supply) * np.maximum(gains(size), 0.0))


def market(size: int, partners: int, *, tied: bool = False, whole_kwh: bool = False) -> Links:
    """Each buyer knows some of the sellers; all gains equal, or energies in whole kWh, make the core wide."""
    rng = np.random.default_rng(size + 2)
    buyer = np.repeat(np.arange(size), partners)
    seller = np.concatenate([rng.choice(size, partners, replace=False) for _ in range(size)])
    demand, supply = energies(size)
    if whole_kwh:
        demand, supply = 1 + demand // 1_000, 1 + supply // 1_000
        missing = demand.sum() - supply.sum()
        (supply if missing > 0 else demand)[0] += abs(missing)
    gain = np.full(len(buyer), 100_000) if tied else gains(size)[buyer, seller]
    return Links(buyer, seller, gain.astype(np.float64), demand.astype(np.float64), supply.astype(np.float64))


@benchmark("assignment", sizes=(1_000, 2_000), bars={1_000: 0.3})
def single_clearing(size: int) -> Callable[[], None]:
    """Energies of all sizes: matching, both extremes, certificate of their midpoint."""
    value = values(size)
    return lambda: _certified(clear_single(value))


@benchmark("assignment", sizes=(1_000,), bars={1_000: 0.3})
def single_clearing_of_uniform_values(size: int) -> Callable[[], None]:
    """The same for values drawn uniformly."""
    value = np.random.default_rng(size).random((size, size))
    return lambda: _certified(clear_single(value))


@benchmark("assignment", sizes=(1_000, 5_000), bars={1_000: 1.0})
def multi_clearing(size: int) -> Callable[[], None]:
    """20 partners each: flow, both extremes, certificate of their midpoint."""
    links = market(size, PARTNERS)
    return lambda: _certified(clear_multi(links))


@benchmark("assignment", sizes=(1_000,))
def multi_clearing_of_all_pairs(size: int) -> Callable[[], None]:
    """The same when everybody may trade with everybody."""
    links = market(size, size)
    return lambda: _certified(clear_multi(links))


@benchmark("assignment", sizes=(1_000,))
def multi_clearing_all_tied(size: int) -> Callable[[], None]:
    """The same when all gains are equal, as without preferences and wishes."""
    links = market(size, size, tied=True)
    return lambda: _certified(clear_multi(links))


@benchmark("assignment", sizes=(1_000,))
def single_pact(size: int) -> Callable[[], None]:
    """From integer bids to a pact with its certificate, one interval of 2,000 members."""
    auction, bids = VARIANTS["single"](), _bids(size)
    return lambda: _drop(auction.contract(bids, 0.25))


@benchmark("assignment", sizes=(1_000,))
def multi_pact(size: int) -> Callable[[], None]:
    """The same with many contracts, everybody with everybody."""
    auction, bids = VARIANTS["multi"](), _bids(size)
    return lambda: _drop(auction.contract(bids, 0.25))


@benchmark("assignment", sizes=(50, 200), bars={50: 10.0})
def nucleolus_single(size: int) -> Callable[[], None]:
    """Matching and nucleolus."""
    value = values(size)
    return lambda: _drop(core_payoffs(clear_single(value), CorePoint.NUCLEOLUS))


@benchmark("assignment", sizes=(50, 200), bars={50: 10.0})
def leximin_single(size: int) -> Callable[[], None]:
    """Matching and leximin."""
    value = values(size)
    return lambda: _drop(core_payoffs(clear_single(value), CorePoint.LEXIMIN))


@benchmark("assignment", sizes=(50, 200), bars={50: 10.0})
def nucleolus_multi(size: int) -> Callable[[], None]:
    """Flow of whole kWh, all pairs, and the nucleolus of prices."""
    links = market(size, size, whole_kwh=True)
    return lambda: _drop(core_payoffs(clear_multi(links), CorePoint.NUCLEOLUS))


@benchmark("assignment", sizes=(50, 200), bars={50: 10.0})
def leximin_multi(size: int) -> Callable[[], None]:
    """Flow of whole kWh, all pairs, and leximin."""
    links = market(size, size, whole_kwh=True)
    return lambda: _drop(core_payoffs(clear_multi(links), CorePoint.LEXIMIN))


@benchmark("assignment", sizes=(WEEK,))
def week_of_single_contracts(size: int) -> Callable[[], None]:
    """A study run of the built-in community, 99 members × 672 intervals, under `assignment:single`; perfect forecast."""
    return _week("assignment:single")


@benchmark("assignment", sizes=(WEEK,))
def week_of_many_contracts(size: int) -> Callable[[], None]:
    """The same under `assignment:multi`."""
    return _week("assignment:multi")


@cache
def _community() -> Community:
    return load_community(days=7).community


def _week(name: str) -> Callable[[], None]:
    community, mechanism = _community(), make_mechanism(name)
    return lambda: _drop(simulate(community, mechanism, Settings(forecast="perfect")))


def _bids(size: int) -> Bids:
    """Buyers first, then sellers."""
    demand, supply = energies(size)
    rng = np.random.default_rng(size + 1)
    none, members = np.zeros(size, dtype=np.int64), 2 * size
    return Bids(
        demand_wh=np.concatenate([demand, none])[:, None],
        supply_wh=np.concatenate([none, supply])[:, None],
        ceiling=rng.integers(180_000, 273_500, (members, 1)),
        floor=rng.integers(80_000, 180_000, (members, 1)),
        premium=rng.integers(-20_000, 20_001, (members, members)),
    )


def _certified(outcome: Matching | Flow) -> None:
    low, high = core_extremes(outcome)
    middle = Payoffs((low.buyer + high.buyer) / 2, (low.seller + high.seller) / 2)
    assert core_violation(outcome, middle) <= 1e-9


def _drop(_: object) -> None:
    """An action that returns nothing is timed by its seconds."""
