"""What holds of every pool rule on random communities, against a slow reference in exact fractions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpact.community import Member, Tariff, TradeCharges
from gridpact.exchange import settle
from gridpact.horizon import Horizon
from gridpact.markets import Metering, Pact, Trades, Transfers
from gridpact.markets._pool_certificate import Claims, certify
from gridpact.markets.pool import bill_sharing, keys, mmr, nrg_x, sdr
from gridpact.markets.supplier import supplier

BALANCED = [sdr(), mmr(), bill_sharing(), bill_sharing("run"), keys(), keys("equal", rounds=3), keys("static")]
RATIONAL = [sdr(), mmr(), keys(), keys("equal"), keys("static", rounds=2), keys(price="export"), keys(price="import")]
EVERY = [*BALANCED, nrg_x(), keys(price=0.12)]
DEAREST = 400_000


def describe(rule):
    return " ".join(str(part) for part in (rule.name, *(getattr(rule, f, "") for f in ("period", "kind", "price"))))


every_rule = pytest.mark.parametrize("rule", EVERY, ids=describe)


def meter(net, buy, sell):
    net = np.array(net, dtype=np.int64)
    prices = [np.array(price, dtype=np.int64) for price in (buy, sell)]
    tariff = Tariff(*prices, *prices, prices[0])
    horizon = Horizon(datetime(2025, 6, 1, tzinfo=UTC), timedelta(minutes=15), net.shape[1])
    return Metering(tuple(Member(f"m{at:03}", "bus") for at in range(len(net))), horizon, tariff, net)


@st.composite
def meterings(draw, largest=4000):
    members, intervals = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    energy = st.integers(-largest, largest) | st.sampled_from([0, 1, -1, largest])
    row = st.lists(energy, min_size=intervals, max_size=intervals)
    net = draw(st.lists(row, min_size=members, max_size=members))
    price = st.integers(0, DEAREST)
    pairs = [sorted((draw(price), draw(price))) for _ in range(intervals)]
    return meter(net, [high for _, high in pairs], [low for low, _ in pairs])


def accounts(rule, metered):
    charges = TradeCharges.of(metered.members, metered.tariff)
    return settle(rule.share(metered), metered.net_wh, metered.net_wh.sum(axis=0), metered.tariff, charges)


def published_rates(name, supply, demand, buy, sell):
    """Rates of sellers and buyers by the published formulas, exact (the exponential apart)."""
    mid = Fraction(buy + sell, 2)
    match name:
        case "pool:sdr":
            if demand == 0 or supply > demand:
                return sell, sell
            ratio = Fraction(supply, demand)
            below = (buy - sell) * ratio + sell
            pays = Fraction(sell * buy) / below if below else Fraction(sell)
            return pays, pays * ratio + buy * (1 - ratio)
        case "pool:mmr" | "pool:keys":
            if supply <= demand:
                return mid, (mid * supply + buy * (demand - supply)) / demand if demand else mid
            return (mid * demand + sell * (supply - demand)) / supply, mid
        case "pool:bill-sharing":
            cost, income = buy * max(demand - supply, 0), sell * max(supply - demand, 0)
            return Fraction(income, supply or 1), Fraction(cost, demand or 1)
        case "pool:nrg-x":
            gap = (supply - demand) / 1000
            return Fraction(buy, 2) * Fraction(exp(-gap * gap / 100)), Fraction(buy * demand, (supply + demand) or 1)
    raise AssertionError(name)


@pytest.mark.parametrize("rule", [sdr(), mmr(), bill_sharing(), keys(), nrg_x()], ids=describe)
@settings(max_examples=40)
@given(metered=meterings())
def test_bills_are_those_of_the_published_formula_to_one_wh_and_rounding(rule, metered):
    found = accounts(rule, metered).bills
    tariff = metered.tariff
    for t in range(metered.horizon.periods):
        column = [int(net) for net in metered.net_wh[:, t]]
        supply, demand = -sum(min(net, 0) for net in column), sum(max(net, 0) for net in column)
        buy, sell = int(tariff.import_price[t]), int(tariff.export_price[t])
        sells, buys = published_rates(rule.name, supply, demand, buy, sell)
        for m, net in enumerate(column):
            bill = Fraction(net, 1000) * (buys if net > 0 else sells)
            one_wh = Fraction(max(buy, sell), 1000)
            rounding = Fraction(abs(net), 2000) + Fraction(len(column) + 2, 2)
            assert abs(int(found[m, t]) - bill) <= one_wh + rounding


@pytest.mark.parametrize("period", ["day", "run"])
@settings(max_examples=40)
@given(metered=meterings())
def test_bill_sharing_over_a_period_is_the_published_formula_over_the_period(period, metered):
    found = accounts(bill_sharing(period), metered).bills.sum(axis=1)
    community = metered.net_wh.sum(axis=0)
    cost = sum(
        Fraction(max(int(e), 0) * int(p), 1000) for e, p in zip(community, metered.tariff.import_price, strict=True)
    )
    income = sum(
        Fraction(max(-int(e), 0) * int(p), 1000) for e, p in zip(community, metered.tariff.export_price, strict=True)
    )
    imports, exports = np.maximum(metered.net_wh, 0).sum(axis=1), np.maximum(-metered.net_wh, 0).sum(axis=1)
    for m in range(len(metered.members)):
        bill = cost * Fraction(int(imports[m]), int(imports.sum()) or 1)
        bill -= income * Fraction(int(exports[m]), int(exports.sum()) or 1)
        assert abs(int(found[m]) - bill) <= metered.net_wh.size + 2


@every_rule
@settings(max_examples=40)
@given(metered=meterings())
def test_the_certificate_holds_and_all_cash_flows_close(rule, metered):
    assert rule.share(metered).certificate.passed
    settled = accounts(rule, metered)
    assert settled.money_residual() == 0
    for imbalance in (settled.energies.short, settled.energies.unused):
        assert not imbalance.any()


@pytest.mark.parametrize("rule", BALANCED, ids=describe)
@settings(max_examples=40)
@given(metered=meterings())
def test_what_members_pay_in_all_is_what_the_supplier_gets(rule, metered):
    settled = accounts(rule, metered)
    assert not settled.exchange.any()
    assert not settled.dso.any()
    assert (settled.bills.sum(axis=0) == -settled.supplier).all()


@pytest.mark.parametrize("rule", RATIONAL, ids=describe)
@settings(max_examples=40)
@given(metered=meterings())
def test_nobody_pays_more_than_with_the_supplier(rule, metered):
    loss = accounts(rule, metered).bills - accounts(supplier(), metered).bills
    assert loss.max() <= (len(metered.members) + 1) / 2


@every_rule
@settings(max_examples=40)
@given(metered=meterings(), data=st.data())
def test_renaming_members_moves_at_most_a_wh_and_rounding(rule, metered, data):
    order = np.array(data.draw(st.permutations(range(len(metered.members)))))
    there = accounts(rule, metered).bills[order]
    renamed = accounts(rule, replace(metered, net_wh=metered.net_wh[order])).bills
    slack = (DEAREST // 1000) * metered.horizon.periods + 4 * len(order)
    assert np.abs(there - renamed).max() <= slack


@every_rule
@settings(max_examples=40)
@given(metered=meterings(), data=st.data())
def test_members_with_the_same_meter_pay_the_same_to_a_wh_and_rounding(rule, metered, data):
    twin = data.draw(st.integers(0, len(metered.members) - 1))
    net = np.vstack([metered.net_wh, metered.net_wh[twin]])
    both = accounts(rule, meter(net, metered.tariff.import_price, metered.tariff.export_price)).bills[[twin, -1]]
    slack = (DEAREST // 1000) * metered.horizon.periods * 3 + 2 * len(net)
    assert np.abs(both[0] - both[1]).max() <= slack


@every_rule
@settings(max_examples=40)
@given(metered=meterings(), t=st.integers(0, 2))
def test_an_interval_without_one_of_the_sides_has_no_trades(rule, metered, t):
    one_sided = metered.net_wh.copy()
    at = t % metered.horizon.periods
    one_sided[:, at] = np.abs(one_sided[:, at])
    assert at not in rule.share(replace(metered, net_wh=one_sided)).trades.interval.tolist()


@every_rule
@pytest.mark.parametrize(
    "net", [[[0, 0]], [[5, -5]], [[0], [0], [0]], [[-7], [-8]], [[7], [8]], np.zeros((3, 0)), np.zeros((0, 3))]
)
def test_degenerate_communities_trade_nothing(rule, net):
    net = np.array(net, dtype=np.int64)
    pact = rule.share(meter(net, [300_000] * net.shape[1], [100_000] * net.shape[1]))
    assert len(pact.trades) == 0
    assert pact.certificate.passed


@every_rule
@settings(max_examples=40)
@given(metered=meterings(largest=3 * 10**9))
def test_gigawatt_hours_stay_exact(rule, metered):
    settled = accounts(rule, metered)
    assert settled.money_residual() == 0
    assert rule.share(metered).certificate.passed
    assert np.abs(settled.bills).max() <= DEAREST * 3 * 10**6 * len(metered.members)


@pytest.mark.parametrize("rule", [rule for rule in EVERY if rule != bill_sharing("run")], ids=describe)
@settings(max_examples=40)
@given(metered=meterings())
def test_intervals_do_not_touch_each_other(rule, metered):
    whole = accounts(rule, metered).bills
    for t in range(metered.horizon.periods):
        alone = meter(
            metered.net_wh[:, t : t + 1], metered.tariff.import_price[t : t + 1], metered.tariff.export_price[t : t + 1]
        )
        assert (accounts(rule, alone).bills[:, 0] == whole[:, t]).all()


@settings(max_examples=40)
@given(metered=meterings())
def test_more_rounds_of_keys_share_more_and_at_most_the_smaller_side(metered):
    net = metered.net_wh
    smaller = np.minimum(np.maximum(net, 0).sum(axis=0), np.maximum(-net, 0).sum(axis=0))
    shared = []
    for rounds in (1, 2, 5, 200):
        trades = keys("equal", rounds=rounds).share(metered).trades
        shared.append(np.bincount(trades.interval, trades.energy_wh, minlength=len(smaller)))
    for fewer, more in pairwise(shared):
        assert (fewer <= more).all()
    # what a rounded offer to somebody who is covered leaves in the end is less than a Wh a member
    assert (shared[-1] <= smaller).all()
    assert (smaller - shared[-1] < len(metered.members)).all()


def check(pact, metered, start_of_name):
    certificate = certify(metered, pact, Claims())
    (found,) = [item for item in certificate.checks if item.name.startswith(start_of_name)]
    return found


TWO = meter([[-1000], [1000]], [300_000], [100_000])


@pytest.mark.parametrize(
    ("pact", "name", "excess"),
    [
        (Pact(Trades([0], [1], [0], [1001], [200_000])), "energy balance", 1),
        (Pact(Trades([0], [1], [0], [900], [200_000])), "smaller side left untraded", 100),
        (Pact(Trades([0], [1], [0], [1000], [300_007])), "price outside", 7),
        (Pact(Trades([0], [1], [0], [1000], [350_000])), "individual rationality", 50_000),
        (Pact(transfers=Transfers([0], [-3], [0], [12], [2])), "budget balance", 12),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_the_certificate_of_a_wrong_pact_fails_by_the_amount_it_is_wrong(pact, name, excess):
    found = check(pact, TWO, name)
    assert found.value == excess
    assert not found.passed
