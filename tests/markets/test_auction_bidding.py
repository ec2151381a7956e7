"""Bidding strategies, and an auction from forecast to pact."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpact.community import Member, Payer, Preferences, Tariff, TradeCharges
from gridpact.horizon import Horizon
from gridpact.markets import Outlook
from gridpact.markets.auction import VARIANTS
from gridpact.markets.auction.bidding import AdaptiveMargin, Truthful, ZeroIntelligence
from markets.auction_books import sorted_trades, sorted_transfers

IMPORT, EXPORT = 300_000, 80_000


def outlook(net_kw: Any, shares: list[float] | None = None, *, buy_charge: int = 0, sell_charge: int = 0) -> Outlook:
    """Hours of a community; nothing of the grid is read by an auction."""
    net = np.array(net_kw, dtype=np.float64)
    count, periods = net.shape
    share = np.zeros(count) if shares is None else np.array(shares)
    members = tuple(Member(f"m{i}", "bus", preferences=Preferences(share[i])) for i in range(count))
    high, low = np.full(periods, IMPORT), np.full(periods, EXPORT)
    none = np.zeros(count, dtype=np.int64)
    return Outlook(
        members=members,
        feeder=cast("Any", None),
        horizon=Horizon(datetime(2025, 6, 1, tzinfo=UTC), timedelta(hours=1), periods),
        tariff=Tariff(high, low, high, low, low, payer=Payer.BUYER),
        charges=TradeCharges(none + buy_charge, none + sell_charge, none, none),
        wanted_share=share,
        demand_kw=net,
        net_kw=net,
        soc_kwh=np.zeros(count),
    )


def test_truthful_members_bid_their_value() -> None:
    """Spread 220,000: a buyer who wants a tenth bids 300,000 - 22,000, a seller who wants a quarter asks 80,000 + 55,000."""
    book = Truthful().bid(
        outlook([[1.5], [-0.25]], [0.1, 0.25], buy_charge=7, sell_charge=3), None, np.random.default_rng(1)
    )
    assert {name: column.tolist() for name, column in book.columns().items()} == {
        "interval": [0, 0],
        "is_buy": [1, 0],
        "member": [0, 1],
        "energy_wh": [1_500, 250],
        "limit": [278_000, 135_000],
        "charge": [7, 3],
    }


def test_less_than_one_wh_is_not_bid_for() -> None:
    book = Truthful().bid(outlook([[0.0004, 0.001], [-0.0004, -0.0015]]), None, np.random.default_rng(1))
    assert list(zip(book.interval.tolist(), book.member.tolist(), book.energy_wh.tolist(), strict=True)) == [
        (1, 0, 1),
        (1, 1, 2),
    ]


@settings(max_examples=30)
@given(
    net=st.lists(st.floats(-3, 3), min_size=1, max_size=12),
    share=st.floats(0, 1),
    strategy=st.sampled_from([Truthful(), ZeroIntelligence(), AdaptiveMargin()]),
    seed=st.integers(0, 99),
)
def test_no_strategy_bids_beyond_the_true_value_or_the_supplier(
    net: list[float], share: float, strategy: Any, seed: int
) -> None:
    book = strategy.bid(outlook([[kw] for kw in net], [share] * len(net)), None, np.random.default_rng(seed))
    wanted = share * (IMPORT - EXPORT)
    assert (book.limit[book.buys] <= IMPORT - wanted).all()
    assert (book.limit[~book.buys] >= EXPORT + wanted).all()
    assert ((book.limit >= EXPORT) & (book.limit <= IMPORT)).all()


def test_zero_intelligence_spreads_over_all_that_cannot_lose() -> None:
    """2,000 draws between export price and value: mean 179,000 +- 4 standard errors of 57,000 / sqrt(2,000)."""
    limits = ZeroIntelligence().bid(outlook(np.ones((1, 2_000)), [0.1]), None, np.random.default_rng(3)).limit
    assert EXPORT <= limits.min() < 81_000
    assert 277_000 < limits.max() <= 278_000
    assert limits.mean() == pytest.approx(179_000, abs=5_200)


def test_a_margin_moves_towards_the_price_of_the_last_gate() -> None:
    """Value 300,000, far price 80,000. The uniform price of bid 278,000 and ask 102,000 is 190,000: half of the spread.

    Both traded with a margin of 0.1, so both go 0.3 of the way to 0.5: 0.22. The third member had no order and learns nothing.
    """
    auction = VARIANTS["uniform"](strategy="adaptive")
    memory = np.array([0.1, 0.1, 0.1])
    pact, learnt = auction.clear(outlook([[1.0], [-1.0], [0.0]]), memory, np.random.default_rng(1))
    assert pact.trades.price.tolist() == [190_000]
    np.testing.assert_allclose(learnt, [0.22, 0.22, 0.1])


def test_who_asked_too_much_lowers_the_margin() -> None:
    """Member 1 asks 80,000 + 0.9 * 220,000 = 278,000, sells nothing; the price between 300,000 and 80,000 is 189,000 at most.

    The bid of 1 kWh at 300,000 meets the ask at 80,000; first rejected ask 278,000, so the price is (80,000 + 278,000) / 2 =
    179,000, a margin of 99/220 = 0.45: 0.9 falls to 0.9 - 0.3 * 0.45.
    """
    auction = VARIANTS["uniform"](strategy="adaptive")
    pact, learnt = auction.clear(outlook([[1.0], [-1.0], [-1.0]]), np.array([0.0, 0.9, 0.0]), np.random.default_rng(1))
    assert pact.trades.price.tolist() == [179_000]
    assert learnt[1] == pytest.approx(0.9 - 0.3 * 0.45)


def test_where_nothing_trades_every_margin_falls() -> None:
    auction = VARIANTS["uniform"](strategy="adaptive")
    pact, learnt = auction.clear(outlook([[1.0], [-1.0]]), np.array([0.8, 0.6]), np.random.default_rng(1))
    assert len(pact.trades) == 0
    np.testing.assert_allclose(learnt, [0.56, 0.42])


def test_margins_that_learn_close_the_gap_until_they_trade() -> None:
    auction = VARIANTS["pay-as-bid"](strategy="adaptive")
    memory, now, rng = np.array([0.9, 0.9]), outlook([[1.0], [-1.0]]), np.random.default_rng(1)
    traded = []
    for _ in range(10):
        pact, memory = auction.clear(now, memory, rng)
        traded.append(len(pact.trades))
    assert traded[0] == 0
    assert traded[-1] == 1


def test_only_learning_members_tie_one_gate_to_the_next() -> None:
    for variant, make in VARIANTS.items():
        assert not make().gate.carries_memory, variant
        assert make(strategy="adaptive").gate.carries_memory, variant
        assert make().gate.covers == 1


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("strategy", ["truthful", "zero-intelligence", "adaptive"])
def test_clearing_is_bidding_and_matching_and_nothing_else(variant: str, strategy: str) -> None:
    """The same generator gives the same pact; the memory goes through; the certificate holds; charges are kept in mind."""
    net = np.random.default_rng(5).normal(0, 1, (12, 6))
    now = outlook(net, np.linspace(0, 0.4, 12).tolist(), buy_charge=9_000, sell_charge=4_000)
    auction = VARIANTS[variant](strategy=strategy)
    pact, memory = auction.clear(now, None, np.random.default_rng(7))
    again, same = auction.clear(now, None, np.random.default_rng(7))
    assert sorted_trades(pact) == sorted_trades(again)
    assert sorted_transfers(pact) == sorted_transfers(again)
    np.testing.assert_array_equal(memory if memory is not None else [], same if same is not None else [])
    assert (memory is None) == (strategy != "adaptive")
    assert len(pact.trades) > 0
    assert pact.certificate.passed
    assert (pact.trades.price + 9_000 <= IMPORT).all()
    assert (pact.trades.price - 4_000 >= EXPORT).all()
