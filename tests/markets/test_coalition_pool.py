"""The Shapley pool as a pool rule: from meters to trades, transfers and a certificate."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpact.community import Member, Tariff, TradeCharges, load_community
from gridpact.errors import InputError
from gridpact.exchange import settle
from gridpact.horizon import Horizon
from gridpact.markets import Metering, make_mechanism, mechanism_names
from gridpact.markets.coalition import pooling_game, shapley_exact, shapley_pool
from gridpact.markets.supplier import supplier
from gridpact.study import Settings, simulate

DEAREST = 400_000


def meter(net, buy=300_000, sell=100_000, start=None):
    net = np.array(net, dtype=np.int64)
    prices = [np.broadcast_to(np.array(price, dtype=np.int64), net.shape[1]) for price in (buy, sell)]
    tariff = Tariff(*prices, *prices, prices[0])
    horizon = Horizon(start or datetime(2025, 6, 1, tzinfo=UTC), timedelta(minutes=15), net.shape[1])
    return Metering(tuple(Member(f"m{at:04}", "bus") for at in range(len(net))), horizon, tariff, net)


@st.composite
def meterings(draw, largest=4000, most=7):
    members, intervals = draw(st.integers(1, most)), draw(st.integers(1, 3))
    energy = st.integers(-largest, largest) | st.sampled_from([0, 1, -1, largest])
    row = st.lists(energy, min_size=intervals, max_size=intervals)
    net = draw(st.lists(row, min_size=members, max_size=members))
    price = st.integers(0, DEAREST)
    pairs = [sorted((draw(price), draw(price))) for _ in range(intervals)]
    return meter(net, [high for _, high in pairs], [low for low, _ in pairs])


def savings(rule, metered):
    """What each member saves against the supplier, settled, micro-units [member, interval]."""
    charges = TradeCharges.of(metered.members, metered.tariff)
    bills = [
        settle(market.share(metered), metered.net_wh, metered.net_wh.sum(axis=0), metered.tariff, charges).bills
        for market in (supplier(), rule)
    ]
    return bills[0] - bills[1]


def check(pact, start):
    (found,) = [item for item in pact.certificate.checks if item.name.startswith(start)]
    return found


def test_it_is_registered_by_its_family_alone_and_takes_its_options():
    assert mechanism_names()["shapley-pool"].startswith("Shapley pool")
    rule = make_mechanism("shapley-pool", {"method": "sampled", "tolerance": 0.05, "confidence": 0.9, "seed": 7})
    assert (rule.name, rule.method, rule.tolerance, rule.confidence, rule.seed) == (
        "shapley-pool",
        "sampled",
        0.05,
        0.9,
        7,
    )


def test_two_sellers_and_a_buyer_by_hand():
    # 1 kWh each; spread 0.20: the gloves' 1/6, 1/6, 2/3 of 0.20. Sellers get 1/3 of the spread together: price 0.10 + 0.0667
    metered = meter([[-1000], [-1000], [1000]])
    pact = shapley_pool().share(metered)
    assert savings(shapley_pool(), metered).ravel() == pytest.approx([200_000 / 6, 200_000 / 6, 400_000 / 3], abs=1)
    assert set(pact.trades.price.tolist()) == {166_667}
    assert pact.trades.energy_wh.tolist() == [500, 500]
    assert pact.transfers.amount.sum() <= 4  # all that is left is rounding
    assert pact.certificate.passed
    # leaving, a seller and the buyer share 0.20 instead of 1/6 + 2/3 of it
    assert check(pact, "gain of a coalition").value == pytest.approx(200_000 / 6, abs=2)


@settings(max_examples=60)
@given(metered=meterings())
def test_savings_are_the_shapley_value_of_each_interval_to_rounding(metered):
    found = savings(shapley_pool(), metered)
    for t in range(metered.horizon.periods):
        spread = metered.tariff.import_price[t] - metered.tariff.export_price[t]
        exact = shapley_exact(pooling_game(metered.net_wh[:, [t]].astype(float), spread / 1000))
        # every payment is rounded by half a micro-unit: two a member; the sum is split by largest remainder
        assert np.abs(found[:, t] - exact).max() <= 1 + len(metered.members)


every_method = pytest.mark.parametrize(
    "rule",
    [shapley_pool(), shapley_pool("exact"), shapley_pool("sampled", tolerance=0.2)],
    ids=lambda rule: rule.method,
)


@every_method
@settings(max_examples=30)
@given(metered=meterings())
def test_the_certificate_holds_all_cash_flows_close_and_nobody_loses(rule, metered):
    pact = rule.share(metered)
    assert pact.certificate.passed, pact.certificate
    charges = TradeCharges.of(metered.members, metered.tariff)
    settled = settle(pact, metered.net_wh, metered.net_wh.sum(axis=0), metered.tariff, charges)
    assert settled.money_residual() == 0
    assert not settled.exchange.any()
    assert (settled.bills.sum(axis=0) == -settled.supplier).all()
    assert savings(rule, metered).min() >= -len(metered.members)


@every_method
@settings(max_examples=30)
@given(metered=meterings(most=4), data=st.data())
def test_members_with_the_same_energy_save_the_same_to_a_micro_unit(rule, metered, data):
    twins = data.draw(st.lists(st.integers(0, len(metered.members) - 1), min_size=1, max_size=3))
    net = np.vstack([metered.net_wh, metered.net_wh[twins]])
    found = savings(rule, meter(net, metered.tariff.import_price, metered.tariff.export_price))
    for row, twin in enumerate(twins, start=len(metered.members)):
        assert np.abs(found[row] - found[twin]).max() <= 1


@every_method
@settings(max_examples=20)
@given(metered=meterings())
def test_intervals_do_not_touch_each_other(rule, metered):
    whole = savings(rule, metered)
    for t in range(metered.horizon.periods):
        tariff = metered.tariff.window(t, t + 1)
        start = metered.horizon.window(t, t + 1).start
        alone = meter(metered.net_wh[:, [t]], tariff.import_price, tariff.export_price, start)
        assert (savings(rule, alone)[:, 0] == whole[:, t]).all()


@settings(max_examples=30)
@given(metered=meterings(), data=st.data())
def test_renaming_members_moves_at_most_the_rounding(metered, data):
    order = np.array(data.draw(st.permutations(range(len(metered.members)))))
    there = savings(shapley_pool(), metered)[order]
    renamed = savings(shapley_pool(), replace(metered, net_wh=metered.net_wh[order]))
    assert np.abs(there - renamed).max() <= len(order) + 1


@every_method
@pytest.mark.parametrize(
    "net", [[[0, 0]], [[5, -5]], [[0], [0], [0]], [[-7], [-8]], [[7], [8]], np.zeros((3, 0)), np.zeros((0, 3))]
)
def test_with_one_side_empty_nothing_happens(rule, net):
    pact = rule.share(meter(np.array(net, dtype=np.int64)))
    assert len(pact.trades) == len(pact.transfers) == 0
    assert pact.certificate.passed


def community(members, seed=0, intervals=2):
    rng = np.random.default_rng(seed)
    side = np.where(rng.random((members, 1)) < 0.4, -1, 1)
    return meter(side * rng.integers(200, 1000, (members, intervals)))


def test_sampled_shares_are_near_the_exact_ones_and_say_how_near():
    metered = community(60)
    rule = shapley_pool("sampled", tolerance=0.003, confidence=0.99)
    exact, found = savings(shapley_pool("exact"), metered), savings(rule, metered)
    half_width = check(rule.share(metered), "half-width")
    assert 0 < half_width.value <= half_width.tolerance == 0.003
    assert np.abs(found - exact).max() <= 1.5 * 0.003 * exact.sum(axis=0).max()
    assert (found != exact).any()
    assert (savings(replace(rule, seed=1), metered) != found).any()
    assert (savings(rule, metered) == found).all()


def test_the_limit_is_taken_where_it_is_asked_for_or_where_many_take_part():
    metered = community(1200, intervals=1)
    exact = savings(shapley_pool("exact"), metered)
    limit = savings(shapley_pool("asymptotic"), metered)
    auto = shapley_pool().share(metered)
    assert 0 < check(auto, "domination").value <= 0.1
    assert (savings(shapley_pool(), metered) == limit).all()
    assert np.abs(limit - exact).max() <= 0.002 * exact.max()
    assert (limit != exact).any()
    small = shapley_pool().share(community(100))
    assert check(small, "domination").value == 0


def test_the_limit_is_refused_where_one_member_dominates_and_auto_is_exact_there():
    net = np.vstack([np.full((1500, 1), 100), [[-60_000]], [[-500]]])
    with pytest.raises(
        InputError, match=r"member 'm1500' dominates interval 0 .2025-06-01.* method auto, exact or sampled"
    ):
        shapley_pool("asymptotic").share(meter(net))
    assert (savings(shapley_pool(), meter(net)) == savings(shapley_pool("exact"), meter(net))).all()


def test_negative_and_equal_prices_are_shared_too():
    equal = meter([[-1000], [400], [800]], 200_000, 200_000)
    assert np.abs(savings(shapley_pool(), equal)).max() <= 3
    below = meter([[-1000], [400], [800]], 50_000, -50_000)
    assert shapley_pool().share(below).certificate.passed
    assert savings(shapley_pool(), below).sum() == pytest.approx(100_000, abs=3)


def test_gigawatt_hours_stay_exact():
    metered = meter(np.array([[-3], [2], [2]]) * 10**9)
    assert shapley_pool().share(metered).certificate.passed
    assert savings(shapley_pool(), metered).sum() == 3 * 10**9 * 200


def test_no_coalition_gains_more_by_leaving_than_the_certificate_says():
    rng = np.random.default_rng(3)
    for _ in range(20):
        net = rng.integers(-1000, 1001, (7, 1))
        metered = meter(net)
        payoff = savings(shapley_pool(), metered)[:, 0].astype(float)
        game = pooling_game(net.astype(float), 200.0)
        masks = np.arange(128)[:, None] >> np.arange(7) & 1 > 0
        gain = (game.values(masks) - masks @ payoff).max()
        assert gain <= check(shapley_pool().share(metered), "gain of a coalition").value + 1e-6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "exakt"}, "method 'exakt' is unknown; did you mean 'exact'"),
        ({"tolerance": 0.0}, "tolerance = 0.0"),
        ({"tolerance": float("nan")}, "tolerance = nan"),
        ({"confidence": 1.0}, "confidence = 1.0"),
        ({"seed": -1}, "seed -1 is out of range"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        make_mechanism("shapley-pool", options)


@pytest.mark.parametrize(
    ("column", "row", "by", "claim"),
    [("amount", 0, 5_000, "efficiency"), ("payer", 0, None, "equal treatment"), ("amount", 0, 5_000, "budget balance")],
)
def test_a_pact_that_was_tampered_with_fails(column, row, by, claim):
    from gridpact.markets.coalition._pool_certificate import Shares, certify_shapley

    metered = meter([[-900], [400], [400], [700]])
    pact = shapley_pool().share(metered)
    transfers = pact.transfers
    if by is None:  # one of the twins pays the other
        rows = {
            name: np.append(values, extra)
            for (name, values), extra in zip(transfers.columns().items(), (1, 2, 0, 50, 2), strict=True)
        }
    else:
        rows = {name: values.copy() for name, values in transfers.columns().items()}
        rows[column][row] += by
    shares = Shares(np.zeros((4, 1)), np.zeros(1), None, np.zeros(1))
    assert certify_shapley(metered, pact, shares).passed
    certificate = certify_shapley(metered, replace(pact, transfers=type(transfers)(**rows)), shares)
    (found,) = [item for item in certificate.checks if item.name.startswith(claim)]
    assert not found.passed


def test_a_day_of_the_built_in_community_is_shared_and_certified():
    run = simulate(load_community(days=1).community, make_mechanism("shapley-pool"), Settings())
    assert run.certificate.passed
    assert run.community.traded_kwh > 0
    assert run.community.total_saving > 0
    assert run.community.money_residual == 0
