"""Preferences over sellers that are met, and the most that trade could be worth: by hand, and against linear programs."""

from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from scipy.optimize import linprog

from benchmarks.synthetic import make_community
from gridpact.community import PairPremiums, Preferences, Profiles
from gridpact.exchange import settlement
from gridpact.markets import Gate, Pact, Trades, make_mechanism
from gridpact.study import Comparison, Settings, compare, replicate, run_baseline, simulate
from gridpact.study.report import _table as table
from gridpact.study.report import _words as words
from gridpact.study.tables import headline, side_by_side

PERFECT = Settings("perfect")
ANN, BOB, CYD = range(3)
HOURS = 0.25


class Fixed:
    """Agrees on one given pact."""

    name = "test:fixed"
    gate = Gate(covers=1_000)

    def __init__(self, *rows):
        self.pact = Pact(Trades(*np.array(rows, dtype=np.int64).reshape(-1, 5).T))

    def clear(self, outlook, memory, rng):
        return self.pact, None


def pairs(*rows):
    return PairPremiums(*np.array(rows, dtype=np.int64).T)


def plain(members, intervals, seed=0):
    """Members without batteries, charges, wanted shares and preferences."""
    base = make_community(members, intervals, seed=seed)
    bare = tuple(replace(member, battery=None, preferences=Preferences()) for member in base.members)
    return replace(base, members=bare, tariff=replace(base.tariff, network_charge={"": 0}, service_charge=0))


@pytest.fixture(scope="module")
def three():
    """Ann has 0.5 kWh an interval to sell and Cyd 0.25, Bob needs 1; Bob would rather buy from Cyd than from Ann."""
    base = plain(3, 4)
    load, pv = np.array([[0.0], [4.0], [0.0]]) + np.zeros(4), np.array([[2.0], [0.0], [1.0]]) + np.zeros(4)
    premiums = pairs((BOB, ANN, -20_000), (BOB, CYD, 50_000))
    return replace(base, profiles=Profiles(load, pv, np.zeros((3, 4))), pair_premiums=premiums)


def test_premiums_are_counted_by_the_energy_of_the_trades(three):
    run = simulate(three, Fixed((ANN, BOB, 0, 500, 200_000), (CYD, BOB, 3, 250, 200_000)), PERFECT)
    assert run.community.preference_value == pytest.approx(-0.5 * 0.02 + 0.25 * 0.05)
    assert run.community.welfare == pytest.approx(0.75 * 0.24 - 0.5 * 0.02 + 0.25 * 0.05)


def test_the_best_is_with_the_premiums(three):
    baseline = run_baseline(three)
    assert baseline.welfare_optimum == pytest.approx(4 * (0.5 * (0.24 - 0.02) + 0.25 * (0.24 + 0.05)))
    # with 0.6 kWh of demand Cyd sells all and Ann what is left
    less = replace(three.profiles, load_kw=three.profiles.load_kw * 0.6)
    assert run_baseline(replace(three, profiles=less)).welfare_optimum == pytest.approx(
        4 * (0.35 * (0.24 - 0.02) + 0.25 * (0.24 + 0.05))
    )


def test_who_is_disliked_more_than_trade_is_worth_stays_out_of_the_best(three):
    disliked = replace(three, pair_premiums=pairs((BOB, ANN, -250_000), (BOB, CYD, 0)))
    assert run_baseline(disliked).welfare_optimum == pytest.approx(4 * 0.25 * 0.24)
    forced = simulate(disliked, Fixed((ANN, BOB, 0, 400, 200_000)), PERFECT)
    assert forced.community.welfare == pytest.approx(0.4 * (0.24 - 0.25))


def test_energy_that_fails_to_come_meets_no_preference(three):
    # Ann sells 0.6 kWh, buys 0.1 and has 0.5 to give: five sixths count; Cyd sells 0.5 and has 0.25: half of each trade
    run = simulate(
        three, Fixed((ANN, BOB, 1, 600, 200_000), (CYD, BOB, 1, 400, 200_000), (CYD, ANN, 1, 100, 0)), PERFECT
    )
    assert run.community.preference_value == pytest.approx(-0.6 * (0.5 / 0.6) * 0.02 + 0.4 * 0.5 * 0.05)


def test_energy_that_is_not_taken_meets_no_preference_either(three):
    # Bob buys 2 kWh and takes 1, half of each trade; Ann has half of what she sells, Cyd a quarter
    run = simulate(three, Fixed((ANN, BOB, 2, 1_000, 200_000), (CYD, BOB, 2, 1_000, 200_000)), PERFECT)
    assert run.community.preference_value == pytest.approx(-1.0 * 0.5 * 0.02 + 1.0 * 0.25 * 0.05)


def test_who_sells_on_what_it_buys_counts_with_its_own_energy_only(three):
    # Cyd buys 0.2 kWh from Ann and sells 0.45 to Bob, of which 0.25 is her own: she takes nothing, whatever she thinks of Ann
    fond = replace(three, pair_premiums=pairs((CYD, ANN, 100_000), (BOB, CYD, 50_000)))
    run = simulate(fond, Fixed((ANN, CYD, 0, 200, 200_000), (CYD, BOB, 0, 450, 200_000)), PERFECT)
    assert run.community.preference_value == pytest.approx(0.25 * 0.05)


def test_without_preferences_nothing_is_met(three):
    indifferent = replace(three, pair_premiums=None)
    run = simulate(indifferent, Fixed((ANN, BOB, 0, 500, 200_000)), PERFECT)
    assert run.community.preference_value == 0
    assert run.community.welfare == pytest.approx(0.5 * 0.24)


def test_a_premium_of_nothing_changes_nothing(three):
    trade = Fixed((ANN, BOB, 0, 500, 200_000))
    zero, none = (simulate(replace(three, pair_premiums=p), trade, PERFECT) for p in (pairs((BOB, ANN, 0)), None))
    assert zero.community == replace(none.community, welfare_optimum=zero.community.welfare_optimum)
    assert zero.community.welfare_optimum == pytest.approx(none.community.welfare_optimum)


def test_trades_in_any_order_and_windows_of_any_width_give_the_same(monkeypatch):
    community = preferring(plain(9, 32, seed=4), 4)
    market = make_mechanism("pool:mmr")
    whole = simulate(community, market, PERFECT)
    monkeypatch.setattr(settlement, "CELLS_AT_ONCE", 5 * 9)
    cut = simulate(community, market, PERFECT)
    trades = whole.pact.trades
    backwards = np.column_stack([trades.seller, trades.buyer, trades.interval, trades.energy_wh, trades.price])[::-1]
    turned = simulate(community, Fixed(*backwards), PERFECT)
    assert whole.community.preference_value != 0
    for other in (cut, turned):
        assert other.community.preference_value == pytest.approx(whole.community.preference_value, rel=1e-12)
        assert other.community.welfare_optimum == pytest.approx(whole.community.welfare_optimum, rel=1e-12)


def preferring(community, seed):
    """The same members with random preferences over sellers and wanted shares."""
    rng = np.random.default_rng(seed)
    members = tuple(
        replace(member, preferences=Preferences(rng.uniform(0, 0.4), *rng.normal(0, 0.1, 3)))
        for member in community.members
    )
    return replace(community, members=members)


@given(st.integers(0, 10_000))
@settings(max_examples=20)
def test_the_best_solves_the_linear_program_of_every_interval(seed):
    community = preferring(plain(8, 6, seed), seed)
    midday = np.roll(community.profiles.pv_kw, 1, axis=1) + np.random.default_rng(seed).uniform(0, 0.6, (8, 6))
    community = replace(community, profiles=replace(community.profiles, pv_kw=midday))
    baseline = run_baseline(community)
    value, cost = community.tariff.true_values(community.wanted_share)
    best = 0.0
    for t, net in enumerate(baseline.delivery.net_wh.T):
        gain = (value[:, t, None] + community.premium - cost[None, :, t]).ravel()
        rows = [np.kron(np.eye(8), np.ones(8)), np.kron(np.ones(8), np.eye(8))]
        limits = np.concatenate([np.maximum(net, 0), np.maximum(-net, 0)])
        best -= linprog(-gain, A_ub=np.concatenate(rows), b_ub=limits).fun / 1e9
    assert baseline.welfare_optimum == pytest.approx(best, rel=1e-9, abs=1e-9)


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_whatever_is_agreed_on_welfare_stays_below_the_best(seed):
    rng = np.random.default_rng(seed)
    community = preferring(plain(6, 4, seed), seed)
    generation = rng.uniform(0, 1.5, (6, 4)) * (rng.random((6, 1)) < 0.5)
    community = replace(community, profiles=replace(community.profiles, pv_kw=generation))
    seller = rng.integers(0, 6, 30)
    trades = (seller, (seller + rng.integers(1, 6, 30)) % 6, rng.integers(0, 4, 30), rng.integers(1, 300, 30))
    run = simulate(community, Fixed(*np.column_stack([*trades, rng.integers(80_000, 320_000, 30)])), PERFECT)
    assert run.community.imbalance_kwh > 0
    assert run.community.welfare <= run.community.welfare_optimum + 1e-4  # wanted shares are paid in whole micro-units


@pytest.mark.parametrize("name", ["auction:uniform", "auction:random", "pool:mmr", "pool:keys", "supplier"])
def test_no_market_passes_the_best(name):
    run = simulate(preferring(plain(12, 96, seed=2), 2), make_mechanism(name), Settings("noise", seed=1))
    assert run.community.welfare_optimum > 0
    assert run.community.welfare <= run.community.welfare_optimum + 1e-4


@pytest.fixture(scope="module")
def compared():
    return compare(
        preferring(plain(8, 96, seed=1), 3), [make_mechanism("pool:mmr"), make_mechanism("supplier")], PERFECT
    )


def rendered(shown):
    console = Console(file=StringIO(), width=200)
    console.print(shown)
    return console.file.getvalue()


def test_tables_and_report_show_preferences_where_somebody_has_some(compared):
    met = compared.runs[0].community.preference_value
    assert abs(met) > 0.005
    assert f" {met:.2f} " in rendered(headline(compared))
    shown = table.columns("EUR", preferences=True)
    at = next(at for at, column in enumerate(shown) if column.head == "Preferences met")
    assert table.rows(compared, shown)[1].cells[at].text.replace("\N{MINUS SIGN}", "-") == f"{met:.2f}"
    assert any(sentence.startswith("Preferences over sellers are worth") for sentence in words.reading(compared))
    _, replication = replicate(compared.community.window(0, 48), [make_mechanism("pool:mmr")], PERFECT, 2)
    assert "preferences" in rendered(side_by_side(replication, "EUR"))


def test_tables_and_report_are_silent_where_nobody_has_any(compared):
    indifferent = replace(compared.community, members=plain(8, 96, seed=1).members)
    same = Comparison(indifferent, compared.baseline, compared.runs)
    assert "prefer" not in rendered(headline(same))
    assert not any("Preferences" in sentence for sentence in words.reading(same))
    assert not any(column.head == "Preferences met" for column in table.columns("EUR"))
    _, replication = replicate(indifferent.window(0, 48), [make_mechanism("pool:mmr")], PERFECT, 2)
    assert "preferences" not in rendered(side_by_side(replication, "EUR"))
