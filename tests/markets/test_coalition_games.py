"""Games and their linear programs: values against bills counted by hand, and what cannot be a game."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from gridpact.community import Battery
from gridpact.errors import GridpactError, InputError
from gridpact.markets.coalition import (
    Game,
    NettingRules,
    Totals,
    coalitions,
    least_core,
    netting_game,
    pooling_game,
    superadditivity_margin,
)

energies = st.integers(-9, 9).map(lambda tenths: tenths / 2)


@st.composite
def communities(draw, most=5, intervals=4):
    members = draw(st.integers(1, most))
    row = st.lists(energies, min_size=intervals, max_size=intervals)
    return np.array(draw(st.lists(row, min_size=members, max_size=members)))


def every_coalition(players):
    return [group for size in range(players + 1) for group in combinations(range(players), size)]


def assert_equal_everywhere(game, worth):
    for group in every_coalition(game.players):
        assert game(group) == pytest.approx(worth(group), abs=1e-9), group


@settings(max_examples=40)
@given(net=communities(), spread=st.lists(st.integers(-3, 9), min_size=4, max_size=4))
def test_a_pool_is_worth_the_spread_on_the_smaller_side_of_each_interval(net, spread):
    def worth(group):
        rows = net[list(group)]
        supply, demand = -np.minimum(rows, 0).sum(axis=0), np.maximum(rows, 0).sum(axis=0)
        return sum(s * min(e, d) for s, e, d in zip(spread, supply, demand, strict=True))

    assert_equal_everywhere(pooling_game(net, np.array(spread, dtype=float)), worth)


def bill(net, rules, period, demand_period, hours):
    """What a meter pays, counted period by period."""
    total = 0.0
    for label in sorted(set(period)):
        energy = sum(net[t] for t in range(len(net)) if period[t] == label)
        total += rules.import_price * energy if energy > 0 else rules.export_price * energy
    for label in sorted(set(demand_period)):
        total += rules.demand_price * max(
            0.0, max(net[t] / hours for t in range(len(net)) if demand_period[t] == label)
        )
    return total


@settings(max_examples=40)
@given(
    net=communities(),
    period=st.lists(st.integers(0, 3), min_size=4, max_size=4),
    demand_period=st.lists(st.integers(0, 1), min_size=4, max_size=4),
    demand_price=st.sampled_from([0.0, 0.7]),
    fees=st.sampled_from([(0.0, 0.0), (0.2, 0.5)]),
)
def test_netting_saves_the_bills_alone_less_the_bill_together_less_fees(net, period, demand_period, demand_price, fees):
    rules = NettingRules(
        0.3, 0.1, np.array(period), demand_price, np.array(demand_period), member_fee=fees[0], coalition_fee=fees[1]
    )
    game = netting_game(net, rules, hours=0.5)

    def worth(group):
        if len(group) < 2:
            return 0.0
        alone = sum(bill(net[i], rules, period, demand_period, 0.5) for i in group)
        together = bill(net[list(group)].sum(axis=0), rules, period, demand_period, 0.5)
        return alone - together - fees[0] * len(group) - fees[1]

    assert_equal_everywhere(game, worth)
    for group in every_coalition(len(net)):
        if len(group) > 1:
            mask = np.isin(np.arange(len(net)), group)
            assert game.program.value(mask) == pytest.approx(worth(group), abs=1e-8)


def test_losses_and_charges_count_per_shared_kwh_and_stop_what_does_not_pay():
    net = np.array([[-4.0, -4.0], [3.0, 9.0]])
    # 0.30 · 0.9 − 0.10 − 0.05 = 0.12 a kWh; 3 kWh arrive of 3.333 sent, then all 4 are sent
    game = netting_game(net, NettingRules(0.3, 0.1, loss=0.1, charge=0.05))
    assert game.grand == pytest.approx(0.12 * (3 / 0.9 + 4))
    assert game.program.value(np.ones(2, dtype=bool)) == pytest.approx(game.grand)
    dear = netting_game(net, NettingRules(0.3, 0.1, loss=0.1, charge=0.18))
    assert dear.grand == 0


@pytest.mark.parametrize("charge", [0.0, 0.02])
def test_a_battery_is_run_for_whoever_is_billed(charge):
    # a has 2 kWh of sun and then nobody at home; b needs 2 kWh in the second hour; c has the battery, lossless, 1 kW
    net = np.array([[-2.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    battery = Battery(10, 1, 1, 1.0, 1.0, 0.0, 1.0, 0.5)
    game = netting_game(net, NettingRules(0.3, 0.1, charge=charge), batteries=[None, None, battery])
    assert game([0, 1]) == 0
    # c takes 1 kWh from a and gives it to b: bought at 0.10 and sold at 0.30, charged twice
    assert game.grand == pytest.approx(0.2 - 2 * charge)
    # alone with b, c could sell its store of 5 kWh but must end with as much as it began
    assert game([1, 2]) == pytest.approx(0.0, abs=1e-9)


def one_meter(net, rules, batteries, hours):
    """Least bill of one meter with batteries behind it, as one dense program: charge, discharge, level, buy, sell, peak."""
    intervals, count = len(net), len(batteries)
    flow = count * intervals
    size = 3 * flow + 2 * intervals + 1
    cost = np.zeros(size)
    cost[3 * flow : 3 * flow + intervals] = rules.import_price
    cost[3 * flow + intervals : -1] = -rules.export_price
    cost[-1] = rules.demand_price
    equal, right, bounds = [], [], [(0, None)] * size
    most, most_right = [], []
    for t in range(intervals):
        row = np.zeros(size)
        row[3 * flow + t], row[3 * flow + intervals + t] = 1, -1
        for b in range(count):
            row[b * intervals + t], row[flow + b * intervals + t] = -1, 1
        equal.append(row)
        right.append(net[t])
        peak = np.zeros(size)
        peak[-1] = -hours
        peak[:flow].reshape(count, intervals)[:, t] = 1
        peak[flow : 2 * flow].reshape(count, intervals)[:, t] = -1
        most.append(peak)
        most_right.append(-net[t])
        for b, store in enumerate(batteries):
            at = b * intervals + t
            level = np.zeros(size)
            level[2 * flow + at], level[at], level[flow + at] = (
                1,
                -store.charge_efficiency,
                1 / store.discharge_efficiency,
            )
            start = store.initial_soc * store.capacity_kwh
            if t:
                level[2 * flow + at - 1] = -1
            equal.append(level)
            right.append((0 if t else start) - store.standing_loss_per_hour * hours * store.capacity_kwh)
            bounds[at] = (0, store.charge_kw * hours)
            bounds[flow + at] = (0, store.discharge_kw * hours)
            least = start if t == intervals - 1 else store.min_soc * store.capacity_kwh
            bounds[2 * flow + at] = (least, store.max_soc * store.capacity_kwh)
    found = linprog(cost, np.array(most), most_right, np.array(equal), right, bounds)
    assert found.status == 0
    return found.fun


def test_with_batteries_and_demand_charge_a_coalition_is_one_meter():
    rng = np.random.default_rng(5)
    net = rng.normal(0.5, 2, (4, 8)).round(2)
    batteries = [Battery(5, 2, 2, 0.9, 0.95, 0.1, 0.9, 0.4, 0.001), None, Battery(3, 1, 1.5), None]
    rules = NettingRules(0.3, 0.08, demand_price=0.4)
    game = netting_game(net, rules, hours=0.5, batteries=batteries)

    def cost(group):
        return one_meter(net[list(group)].sum(axis=0), rules, [batteries[i] for i in group if batteries[i]], 0.5)

    for group in [(0, 1), (1, 3), (0, 2), (0, 1, 2, 3)]:
        assert game(group) == pytest.approx(sum(cost((i,)) for i in group) - cost(group), abs=1e-8)


@settings(max_examples=40)
@given(net=communities(most=4, intervals=2), spread=st.sampled_from([-0.2, 0.0, 0.2]))
def test_a_pool_is_superadditive_and_balanced_just_where_import_is_no_cheaper_than_export(net, spread):
    game = pooling_game(net, spread)
    shared = np.minimum(-np.minimum(net, 0).sum(axis=0), np.maximum(net, 0).sum(axis=0)).any()
    holds = spread >= 0 or not shared
    assert (superadditivity_margin(game) >= -1e-12) == holds
    if game.players > 1:
        assert (least_core(game).epsilon <= 1e-9) == holds


def test_fees_leave_single_members_alone_and_tabulating_changes_nothing():
    game = netting_game(np.array([[-1.0], [1.0], [0.0]]), NettingRules(0.3, 0.1, member_fee=0.01, coalition_fee=0.1))
    assert [game([i]) for i in range(3)] == [0, 0, 0]
    assert game([0, 1]) == pytest.approx(0.2 - 0.02 - 0.1)
    assert game([0, 2]) == pytest.approx(-0.12)
    same = game.tabulated()
    assert same.totals is None
    assert (same.values(coalitions(3, 0, 8)) == game.all_values()).all()


@settings(max_examples=20)
@given(net=communities(most=6))
def test_all_ways_to_value_coalitions_agree(net):
    game = netting_game(net, NettingRules(0.3, 0.1, demand_price=0.2, member_fee=0.01))
    masks = coalitions(game.players, 0, 1 << game.players)
    assert game.all_values() == pytest.approx(game.values(masks), abs=1e-12)
    beside = game.totals.neighbours(masks)
    for i in range(game.players):
        flipped = masks.copy()
        flipped[:, i] ^= True
        assert beside[:, i] == pytest.approx(game.values(flipped), abs=1e-12)


def test_a_function_of_sets_is_a_game():
    game = Game.of(4, lambda group: len(group) ** 2)
    assert game.grand == 16
    assert game.all_values().tolist() == [bin(at).count("1") ** 2 for at in range(16)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Game.of(0, len), "0 players; accepted: 1 or more"),
        (lambda: Game.of(2, lambda group: 1.0), "the empty coalition is worth 1; accepted: 0"),
        (lambda: Game.of(2, lambda group: np.nan if len(group) == 2 else 0), r"coalition \[0, 1\] is worth nan"),
        (
            lambda: Game.of(3, lambda group: np.inf if 1 in group and 2 not in group else 0).all_values(),
            r"\[1\] is worth inf",
        ),
        (lambda: Game(2, lambda masks: np.zeros((len(masks), 2))), "returns shape .2, 2. for 2 coalitions"),
        (lambda: Game.of(21, len).all_values(), r"21 players make 2\^21 coalitions"),
        (lambda: Game.of(2, len).values(np.ones((1, 3), dtype=bool)), r"coalitions of shape \(1, 3\)"),
        (lambda: Game.of(2, len)([0, -1]), r"coalition \[0, -1\]; accepted: players from 0 to 1"),
        (lambda: Game.of(2, len)([2]), r"coalition \[2\]"),
        (lambda: pooling_game(np.array([[1.0, np.nan]]), 0.1), "net energy nan of player 0 in interval 1"),
        (lambda: pooling_game(np.array([1.0]), 0.1), r"net energies of shape \(1,\)"),
        (lambda: pooling_game(np.ones((2, 3)), np.ones(2)), r"spread of shape \(2,\)"),
        (lambda: pooling_game(np.ones((2, 3)), np.nan), "spread of shape"),
        (lambda: NettingRules(0.3, 0.1, loss=1.0), "loss = 1.0"),
        (lambda: NettingRules(0.3, 0.1, member_fee=-1.0), "member_fee = -1.0"),
        (lambda: NettingRules(0.3, 0.1, charge=np.nan), "charge = nan"),
        (lambda: netting_game(np.ones((2, 3)), NettingRules(0.1, 0.3)), "the export price is above the import price"),
        (lambda: netting_game(np.ones((2, 2)), NettingRules(0.3, 0.1, np.zeros(3, int))), r"period of shape \(3,\)"),
        (
            lambda: netting_game(np.ones((2, 2)), NettingRules(np.array([0.3, 0.2]), 0.1, np.zeros(2, int))),
            "import price of interval 0 differs from another of its netting period",
        ),
        (lambda: netting_game(np.ones((2, 2)), NettingRules(0.3, 0.1), batteries=[None]), "1 batteries"),
        (lambda: netting_game(np.ones((2, 2)), NettingRules(0.3, 0.1), hours=0.0), "hours = 0.0"),
        (
            lambda: Game.of_totals(Totals(np.eye(2), lambda t: np.where(t.sum(axis=1) == 1, np.inf, 0.0))).all_values(),
            r"coalition \[0\] is worth inf",
        ),
    ],
)
def test_what_is_no_game_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_battery_that_cannot_do_what_it_must_is_an_error():
    leaking = Battery(10, 1, 1, 0.9, 0.9, 0.5, 0.5, 0.5, standing_loss_per_hour=0.5)
    with pytest.raises(GridpactError, match="worth of a coalition"):
        netting_game(np.ones((2, 3)), NettingRules(0.3, 0.1), batteries=[leaking, None])


@pytest.mark.parametrize("net", [np.zeros((3, 0)), np.zeros((3, 2)), -np.ones((3, 2)), np.ones((3, 2))])
def test_without_one_of_the_sides_nothing_is_worth_anything(net):
    for game in (pooling_game(net, 0.2), netting_game(net, NettingRules(0.3, 0.1))):
        assert not game.all_values().any()
        assert game.program.value(np.ones(3, dtype=bool)) == 0
