"""Matching alone: from a book of integers to a pact with awards, pairs, transfers and certificate."""

import time
from collections.abc import Callable

import numpy as np

from benchmarks.registry import benchmark
from gridpact.markets import Book
from gridpact.markets.auction import VARIANTS, Events, efficient_welfare, match_events

SIZES = (10_000, 1_000_000)
TINY, CALLS = 40, 500
YEAR, HOMES = 35_040, 50


def random_book(orders: int, intervals: int = 1) -> Book:
    """Bids and asks with prices uniform over a retail spread, one order a member and interval, 1 Wh to 2 kWh."""
    rng = np.random.default_rng(orders)
    members = orders // intervals
    side = rng.integers(0, 2, orders)
    return Book(
        interval=np.repeat(np.arange(intervals), members),
        is_buy=side,
        member=np.tile(np.arange(members), intervals),
        energy_wh=rng.integers(1, 2_001, orders),
        limit=rng.integers(80_000, 273_500, orders),
        charge=np.zeros(orders, dtype=np.int64),
    )


def tied_book(orders: int, intervals: int) -> Book:
    """The same with all bids at the import price and all asks at the export price, as truthful members without wishes bid."""
    book = random_book(orders, intervals)
    columns = book.columns() | {"limit": np.where(book.buys, 273_500, 80_000)}
    return Book(**columns)


def events(size: int) -> Events:
    """Orders around a mid price with one cancellation of an earlier order in six events."""
    rng = np.random.default_rng(size)
    kind = rng.choice([0, 1, 2], size, p=[0.417, 0.417, 0.166])
    order = np.arange(size)
    order[kind == 2] = (order[kind == 2] * rng.random((kind == 2).sum())).astype(np.int64)
    price = 170_000 + rng.normal(0, 3_000, size).astype(np.int64) + np.where(kind == 0, -1_500, 1_500)
    return Events(kind, order, rng.integers(0, size, size), price, rng.integers(1, 2_001, size))


@benchmark("auction", sizes=SIZES, bars={10_000: 0.005, 1_000_000: 0.5})
def uniform_with_awards(size: int) -> Callable[[], None]:
    """One interval: awards, pairs, certificate."""
    return _match("uniform", random_book(size))


@benchmark("auction", sizes=(1_000_000,), bars={1_000_000: 0.2})
def continuous_matching(size: int) -> Callable[[], None]:
    """An array of placements and cancellations to fills."""
    stream = events(size)
    return lambda: _drop(match_events(stream))


@benchmark("auction", sizes=SIZES)
def pay_as_bid(size: int) -> Callable[[], None]:
    """One interval."""
    return _match("pay-as-bid", random_book(size))


@benchmark("auction", sizes=SIZES)
def mcafee(size: int) -> Callable[[], None]:
    """One interval."""
    return _match("mcafee", random_book(size))


@benchmark("auction", sizes=SIZES)
def muda(size: int) -> Callable[[], None]:
    """One interval, lottery."""
    return _match("muda", random_book(size))


@benchmark("auction", sizes=SIZES)
def vcg(size: int) -> Callable[[], None]:
    """One interval, Clarke payments of every member."""
    return _match("vcg", random_book(size))


@benchmark("auction", sizes=SIZES)
def random_pairs(size: int) -> Callable[[], None]:
    """One interval, eight rounds."""
    return _match("random", random_book(size))


@benchmark("auction", sizes=SIZES)
def continuous_in_random_order(size: int) -> Callable[[], None]:
    """One interval as a mechanism."""
    return _match("continuous", random_book(size))


@benchmark("auction", sizes=(YEAR * HOMES,))
def uniform_a_year_in_one_call(size: int) -> Callable[[], None]:
    """35,040 intervals of 50 orders."""
    return _match("uniform", random_book(size, YEAR))


@benchmark("auction", sizes=(YEAR * HOMES,))
def uniform_a_year_all_tied(size: int) -> Callable[[], None]:
    """The same when every bid and every ask has the same price."""
    return _match("uniform", tied_book(size, YEAR))


@benchmark("auction", sizes=(YEAR * HOMES,))
def welfare_optimum_of_a_year(size: int) -> Callable[[], None]:
    """The helper behind the study's welfare metric."""
    book = random_book(size, YEAR)
    return lambda: _drop(efficient_welfare(book))


@benchmark("auction", sizes=(TINY,), unit="microseconds")
def uniform_one_call_of_a_tiny_book(size: int) -> Callable[[], float]:
    """Overhead of a call: one interval, 40 orders, mean of 500 calls."""
    auction, book = VARIANTS["uniform"](), random_book(size)

    def calls() -> float:
        begin = time.perf_counter()
        for seed in range(CALLS):
            auction.match(book, seed)
        return (time.perf_counter() - begin) / CALLS * 1e6

    return calls


def _match(variant: str, book: Book) -> Callable[[], None]:
    auction = VARIANTS[variant]()
    return lambda: _drop(auction.match(book, seed=1))


def _drop(_: object) -> None:
    """An action that returns nothing is timed by its seconds."""
