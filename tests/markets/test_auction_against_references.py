"""Kernels against plain Python, and the efficient volume and welfare against a linear program."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from gridpact.markets.auction import VARIANTS, efficient_welfare
from gridpact.markets.auction.merit import MeritOrder, word
from gridpact.markets.auction.rules import Clarke, Muda, TradeReduction
from markets import auction_reference as reference
from markets.auction_books import Row, any_rows, book_of, seeds, sorted_trades


@given(any_rows(), seeds)
def test_uniform_equals_its_reference(rows: list[Row], seed: int) -> None:
    assert sorted_trades(VARIANTS["uniform"]().match(book_of(rows), seed)) == sorted(reference.uniform(rows, seed))


@given(any_rows(), seeds, st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_pay_as_bid_equals_its_reference(rows: list[Row], seed: int, k: float) -> None:
    pact = VARIANTS["pay-as-bid"](k=k).match(book_of(rows), seed)
    assert sorted_trades(pact) == sorted(reference.pay_as_bid(rows, seed, Fraction(k)))


@given(any_rows(intervals=1, members=20), seeds)
def test_trade_reduction_equals_its_reference(rows: list[Row], seed: int) -> None:
    orders = MeritOrder.of(book_of(rows), seed)
    matching = TradeReduction().match(orders, word(seed))
    assert matching.money is not None
    ask, bid, wh, get = matching.pairs
    pay = matching.money[bid] // np.maximum(matching.award[bid], 1)
    columns = orders.interval[ask], orders.member[ask], orders.member[bid], wh, get, pay
    found = zip(*(column.tolist() for column in columns), strict=True)
    assert sorted(found) == sorted(reference.mcafee(rows, seed))


@settings(max_examples=200)
@given(st.one_of(any_rows(members=3, prices=st.integers(0, 4)), any_rows(members=6)), seeds)
@example([(0, True, 0, 1, 0), (0, False, 1, 1, 1), (0, True, 0, 1, 1), (0, True, 0, 2, 1)], 0)
@example([*((0, False, member, 1, -1) for member in range(4)), (0, False, 4, 2, -1), (0, True, 5, 1, 1)], 0)
def test_clarke_payments_equal_the_welfare_of_the_market_without_the_member(rows: list[Row], seed: int) -> None:
    orders = MeritOrder.of(book_of(rows), seed)
    money = Clarke().match(orders, word(seed)).money
    assert money is not None
    expected = {key: paid for key, paid in reference.clarke(rows, seed).items() if paid != 0}
    assert _by_member(orders, money) == expected


@given(any_rows(members=10), seeds, st.booleans())
def test_muda_equals_its_reference(rows: list[Row], seed: int, vickrey: bool) -> None:
    pairs, money = reference.muda(rows, seed, vickrey=vickrey)
    pact = VARIANTS["muda"](variant="vickrey" if vickrey else "lottery").match(book_of(rows), seed)
    assert sorted_trades(pact) == sorted(pairs)
    if vickrey:
        orders = MeritOrder.of(book_of(rows), seed)
        found = Muda(vickrey=True).match(orders, word(seed)).money
        assert found is not None
        assert _by_member(orders, found) == {key: paid for key, paid in money.items() if paid != 0}


@given(any_rows(), seeds)
def test_continuous_trading_equals_its_reference(rows: list[Row], seed: int) -> None:
    assert sorted_trades(VARIANTS["continuous"]().match(book_of(rows), seed)) == sorted(
        reference.continuous(rows, seed)
    )


@given(any_rows(), seeds)
def test_efficient_welfare_equals_its_reference(rows: list[Row], seed: int) -> None:
    expected = np.zeros(2)
    for interval, (asks, bids) in reference.sides(rows, 0).items():
        expected[interval] = reference.welfare_of(asks, bids) / 1000
    np.testing.assert_array_equal(efficient_welfare(book_of(rows), periods=2), expected)


@pytest.mark.parametrize("seed", range(12))
def test_volume_and_welfare_solve_the_linear_program(seed: int) -> None:
    """Half a micro-unit per Wh on top of the welfare makes the program prefer the larger of two volumes of equal welfare."""
    rng = np.random.default_rng(seed)
    n = 60
    side, wh = rng.integers(0, 2, n), rng.integers(1, 2_000, n)
    price = rng.integers(80, 90, n) if seed % 2 else rng.integers(80_000, 300_000, n)
    rows = list(zip([0] * n, side.astype(bool).tolist(), range(n), wh.tolist(), price.tolist(), strict=True))
    sign = np.where(side == 1, 1, -1)
    solution = linprog(
        -(sign * price + 0.25),
        A_eq=sign[None, :],
        b_eq=[0.0],
        bounds=list(zip([0] * n, wh, strict=True)),
        method="highs",
    )
    pact = VARIANTS["uniform"]().match(book_of(rows), seed)
    volume = int(pact.trades.energy_wh.sum())
    assert volume == pytest.approx(solution.x[side == 1].sum(), abs=1e-6)
    assert efficient_welfare(book_of(rows))[0] * 1000 == pytest.approx(-solution.fun - 0.5 * volume, rel=1e-12)


def _by_member(orders: MeritOrder, money: np.ndarray) -> dict[tuple[int, int], int]:
    found: dict[tuple[int, int], int] = {}
    for segment, middle in enumerate(orders.middle.tolist()):
        for order in range(orders.start[segment], orders.start[segment + 1]):
            key = int(orders.interval[order]), int(orders.member[order])
            found[key] = found.get(key, 0) + int(money[order]) * (1 if order >= middle else -1)
    return {key: paid for key, paid in found.items() if paid != 0}
