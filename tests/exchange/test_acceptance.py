"""DSO acceptance: worked by hand, what each policy promises, and the guarantee on whatever is thrown at it."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.stressed import stressed_case, stressed_network
from gridpact.errors import InputError, PowerFlowError
from gridpact.exchange.acceptance import (
    UNLIMITED,
    Acceptance,
    Case,
    Cause,
    Network,
    Orders,
    Policy,
    Uses,
    accept,
    accept_each,
    accept_together,
)
from gridpact.exchange.acceptance.example import two_buses
from gridpact.grid import added_violation, find_violations
from gridpact.units import to_kwh

IMPORT, EXPORT = 300_000, 80_000
POLICIES = list(Policy)


def orders(*rows: tuple[int, int, int], placed=None, worth=None) -> Orders:
    """Rows of seller, buyer, Wh."""
    seller, buyer, energy = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    count = len(energy)
    return Orders(
        seller,
        buyer,
        energy,
        np.arange(count) if placed is None else np.array(placed),
        np.full(count, IMPORT) if worth is None else np.array(worth),
        np.full(count, EXPORT),
    )


def a_case(placed_orders: Orders, reference, planned) -> Case:
    uses = Uses.of_meters(np.array(reference), np.array(planned))
    return Case(placed_orders, uses, np.zeros(len(reference)), 1.0, IMPORT, EXPORT)


def line_with(members_at_end: int, members_at_head: int, **line: float) -> Network:
    """Members at the two ends of the line of the smallest example, which carries 6.2 kVA."""
    share = np.repeat(np.eye(2)[[1, 0]], [members_at_end, members_at_head], axis=0)
    return Network(two_buses(0, **line)[0].feeder, share)


def three_sellers(**columns) -> tuple[Network, Case]:
    """Batteries of 3 kW each at the end sell to three homes at the head: 9 kW over a line for 6.2 kVA."""
    placed = orders((0, 3, 3_000), (1, 4, 3_000), (2, 5, 3_000), **columns)
    return line_with(3, 3), a_case(placed, [0, 0, 0, 9_000, 9_000, 9_000], [-3_000] * 3 + [9_000] * 3)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_line_of_nine_amperes_carries_what_the_calculation_says(policy):
    # √3 · 400 V · 9 A = 6235.4 W arrive at the head, and 3 · (9 A)² · 0.2 Ω = 48.6 W are lost: 6284.0 W at the end.
    # The DSO keeps a thousandth of the rating free: 8.991 A, 6229.1 W and 48.5 W, 6277.7 W.
    decided = accept(*two_buses(sold_wh=9_000), policy)
    assert decided.energy_wh.tolist() == [6_277]
    assert decided.net_wh.tolist() == [-6_277, 20_000]
    assert (decided.lowest_wh[0], decided.highest_wh[0]) == (-6_277, UNLIMITED)
    assert decided.lowest_wh[1] == -UNLIMITED
    assert decided.curtailed_wh == 9_000 - 6_277
    assert decided.welfare_lost == (9_000 - 6_277) * (IMPORT - EXPORT) // 1_000
    (reduction,) = decided.reductions
    assert (reduction.order, reduction.from_wh, reduction.to_wh) == (0, 9_000, 6_277)
    assert str(reduction.reason) == "OVERLOAD(line, 142.7 %)"
    assert reduction.before == pytest.approx(1.427, abs=1e-3)
    assert 0.998 < reduction.after <= 0.999
    assert not decided.after
    assert not decided.own


@pytest.mark.parametrize("policy", POLICIES)
def test_what_the_network_carries_is_accepted_as_it_is(policy):
    decided = accept(*two_buses(sold_wh=6_000), policy)
    assert decided.energy_wh.tolist() == [6_000]
    assert not decided.reductions
    assert decided.curtailed_wh == decided.welfare_lost == 0


def test_the_order_placed_last_gives_way_first():
    decided = accept(*three_sellers(placed=[5, 7, 6]), "last-on-first-off")
    assert decided.energy_wh.tolist() == [3_000, 277, 3_000]


def test_orders_placed_at_the_same_time_share_pro_rata():
    decided = accept(*three_sellers(placed=[5, 5, 5]), "last-on-first-off")
    assert decided.energy_wh.tolist() == [2_092] * 3


def test_pro_rata_takes_the_same_share_of_every_order():
    decided = accept(*three_sellers(), "pro-rata")
    assert decided.energy_wh.tolist() == [2_092] * 3


def test_merit_takes_the_order_that_is_worth_least():
    decided = accept(*three_sellers(worth=[250_000, 300_000, 200_000]), "merit")
    assert decided.energy_wh.tolist() == [3_000, 3_000, 277]


def test_sensitivity_takes_the_order_that_relieves_most():
    # four buses on a string; the voltage at its end is too high, and the nearer the battery the more it counts
    network, case = _string()
    decided = accept(network, case, "sensitivity")
    assert decided.energy_wh[:2].tolist() == [20_000, 20_000]
    assert 0 < decided.energy_wh[2] < 20_000
    assert decided.curtailed_wh < accept(network, case, "pro-rata").curtailed_wh
    assert {r.reason.cause for r in decided.reductions} == {Cause.VOLTAGE_HIGH}


def test_sensitivity_is_as_good_as_trying_everything():
    network, case = _string()
    decided = accept(network, case, "sensitivity")
    ways = np.array(list(product(range(0, 20_001, 1_000), repeat=3)))
    net = np.concatenate([-ways, np.full((len(ways), 1), 60_000)], axis=1)
    clean = (network.excess_wh(net, case.q_kvar, case.hours) <= -1e-3 * network.scale()).all(axis=1)
    best = ways[clean].sum(axis=1).max()
    assert best <= decided.energy_wh.sum() <= best + 3 * 1_000


def _string() -> tuple[Network, Case]:
    feeder = replace(stressed_network(4, 6, seed=0).feeder, slack_pu=1.096)
    share = np.zeros((4, len(feeder.bus_names)))
    share[np.arange(4), [2, 4, 7, 1]] = 1
    placed = orders((0, 3, 20_000), (1, 3, 20_000), (2, 3, 20_000))
    return Network(feeder, share), a_case(placed, [0, 0, 0, 60_000], [-20_000] * 3 + [60_000])


@pytest.mark.parametrize("policy", POLICIES)
def test_trades_among_inflexible_homes_move_money_and_are_never_cut(policy):
    # 9 kW of base load at the end overload the line whatever is traded: that is the network's own
    network = line_with(2, 1)
    case = a_case(orders((2, 0, 4_000), (2, 1, 5_000)), [4_000, 5_000, -9_000], [4_000, 5_000, -9_000])
    decided = accept(network, case, policy)
    assert decided.energy_wh.tolist() == [4_000, 5_000]
    assert not decided.reductions
    assert [violation.cause for violation in decided.own] == [Cause.OVERLOAD]
    assert decided.own == decided.before == decided.after


@pytest.mark.parametrize("policy", POLICIES)
def test_sun_beyond_the_trades_gives_way_where_suppliers_are_part_of_it(policy):
    # member 0 has 9 kW of sun, sells 4 to its neighbour at the head and the rest to its supplier
    network = line_with(1, 1)
    case = a_case(orders((0, 1, 4_000)), [-9_000, 9_000], [-9_000, 9_000])
    decided = accept(network, case, policy)
    assert decided.net_wh.tolist() == [-6_277, 9_000]
    assert decided.lowest_wh.tolist() == [-6_277, -UNLIMITED]
    assert not decided.after
    assert [v.cause for v in decided.own] == [Cause.OVERLOAD]
    if policy == Policy.LAST_ON_FIRST_OFF or policy == Policy.MERIT:
        assert decided.energy_wh.tolist() == [4_000]
        assert decided.welfare_lost == (9_000 - 6_277) * EXPORT // 1_000
        assert [(r.order, r.seller, r.buyer) for r in decided.reductions] == [(-1, 0, -1)]
    if policy == Policy.PRO_RATA:
        assert decided.energy_wh.tolist() == [2_790]  # 2723 Wh give way, 4 of 9 parts of them here


@pytest.mark.parametrize("policy", POLICIES)
def test_without_the_suppliers_the_networks_own_violation_is_left_and_named(policy):
    network = line_with(1, 1)
    case = a_case(orders((0, 1, 4_000)), [-9_000, 9_000], [-9_000, 9_000])
    decided = accept(network, case, policy, retail=False)
    assert decided.energy_wh.tolist() == [4_000]
    assert decided.own == decided.after
    assert decided.own


@pytest.mark.parametrize("policy", POLICIES)
def test_what_a_buyer_charges_is_held_back_and_its_base_load_is_not(policy):
    # at the end 4 kW of base load and a battery that charges 6 kW: 10 kW over the line
    network = line_with(1, 1)
    case = a_case(orders((1, 0, 10_000)), [4_000, -12_000], [10_000, -12_000])
    decided = accept(network, case, policy)
    # 8.991 A at the head: 6229.1 W − 48.5 W
    assert decided.net_wh.tolist() == [6_180, -12_000]
    assert (decided.lowest_wh[0], decided.highest_wh[0]) == (-UNLIMITED, 6_180)
    assert decided.forgone_wh.tolist() == [10_000 - 6_180, 0]
    assert decided.energy_wh.tolist() == [10_000 - (10_000 - 6_180)]


@pytest.mark.parametrize("retail", [True, False])
def test_where_nothing_can_be_cut_nothing_is_and_the_violation_is_named(retail):
    decided = accept(line_with(1, 1), a_case(orders(), [9_000, 0], [9_000, 0]), "merit", retail=retail)
    assert not decided.reductions
    assert decided.own == decided.after != ()


def test_base_load_alone_is_never_below_what_is_accepted():
    network = line_with(1, 1)
    case = a_case(orders((1, 0, 12_000)), [8_000, -12_000], [12_000, -12_000])
    decided = accept(network, case, "pro-rata")
    assert decided.net_wh[0] == 8_000  # the reference: its overload is the network's own
    assert decided.own
    assert decided.after == decided.own


def test_an_order_backed_by_battery_and_sun_holds_the_battery_back_first():
    # sun of 4 kW in any case, and 5 kW of battery for the trade: 9 kW in all, 6.277 kW fit
    network = line_with(1, 1)
    decided = accept(network, a_case(orders((0, 1, 9_000)), [-4_000, 9_000], [-9_000, 9_000]), "pro-rata")
    assert decided.net_wh[0] == -6_277
    assert decided.welfare_lost == (9_000 - 6_277) * (IMPORT - EXPORT) // 1_000  # no sun is lost


@pytest.mark.parametrize("policy", POLICIES)
def test_orders_without_a_power_flow_are_cut_with_that_reason(policy):
    # a battery that would draw 500 kW over 2 Ω: there is no solution; 1 kW of base load has one
    network = line_with(1, 1, r_ohm=2.0)
    case = a_case(orders((1, 0, 500_000)), [1_000, 0], [500_000, 0])
    with pytest.raises(PowerFlowError):
        network.solve(to_kwh(case.uses.planned_wh)[None], case.q_kvar[None])
    decided = accept(network, case, policy)
    assert 1_000 <= decided.net_wh[0] < 7_000
    assert not decided.after
    assert decided.reasons() == {Cause.NO_POWER_FLOW: 1}
    assert str(decided.before[0]) == "NO_POWER_FLOW"


@pytest.mark.parametrize("policy", POLICIES)
def test_where_nothing_can_be_checked_nothing_is_accepted(policy):
    network = line_with(1, 1, r_ohm=2.0)
    case = a_case(orders((1, 0, 1_000)), [500_000, 0], [500_000, 0])
    decided = accept(network, case, policy)
    assert decided.energy_wh.tolist() == [0]
    assert decided.reasons() == {Cause.NO_POWER_FLOW: 1}
    assert [v.cause for v in decided.own] == [Cause.NO_POWER_FLOW]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_plan_without_trades_is_held_back_too(policy):
    # a schedule discharges 9 kW to the supplier: nobody ordered it, and the line cannot carry it
    network = line_with(1, 1)
    decided = accept(network, a_case(orders(), [0, 0], [-9_000, 0]), policy, retail=False)
    assert decided.net_wh[0] == -6_277
    assert [(r.order, r.seller, r.buyer) for r in decided.reductions] == [(-1, 0, -1)]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("retail", [True, False])
@given(
    seed=st.integers(0, 10_000),
    slack=st.sampled_from([0.92, 1.0, 1.05, 1.08]),
    traded=st.sampled_from([50.0, 400.0, 3_000.0, 60_000.0]),
    surplus=st.sampled_from([0.0, 4.0, 12.0]),
    load=st.sampled_from([0.3, 4.0, 12.0]),
)
@settings(max_examples=8, deadline=None)
def test_whatever_is_ordered_the_network_is_clean_or_no_worse_than_without_trade(
    policy, retail, seed, slack, traded, surplus, load
):
    network = stressed_network(24, 20, seed, slack_pu=slack, rating=0.5)
    case = stressed_case(24, 40, seed, traded_kw=traded, surplus_kw=surplus, load_kw=load)
    _check(network, case, accept(network, case, policy, retail=retail))


@pytest.mark.parametrize("policy", POLICIES)
@given(seed=st.integers(0, 10_000), traded=st.sampled_from([50.0, 300.0, 1_500.0]))
@settings(max_examples=5, deadline=None)
def test_the_same_holds_phase_by_phase(policy, seed, traded):
    network = stressed_network(18, 12, seed, slack_pu=1.05, rating=0.5, per_phase=True)
    case = stressed_case(18, 30, seed, traded_kw=traded, surplus_kw=4.0, load_kw=2.0)
    _check(network, case, accept(network, case, policy))


def _check(network: Network, case: Case, decided: Acceptance) -> None:
    """The guarantee by a power flow of its own, and that the decision is consistent in itself."""
    energy, uses = case.orders.energy_wh, case.uses
    assert ((decided.energy_wh >= 0) & (decided.energy_wh <= energy)).all()
    assert (decided.net_wh >= decided.lowest_wh).all()
    assert (decided.net_wh <= decided.highest_wh).all()
    assert (np.abs(decided.net_wh - uses.planned_wh) <= decided.forgone_wh).all()
    # base load and what the reference needs is never touched
    assert (decided.net_wh <= np.maximum(np.maximum(uses.reference_wh, uses.planned_wh), 0)).all()
    assert (decided.net_wh >= np.minimum(uses.reference_wh, uses.planned_wh)).all()
    cut = np.array([[r.order, r.from_wh - r.to_wh] for r in decided.reductions], dtype=np.int64).reshape(-1, 2)
    of_orders = np.bincount(cut[cut[:, 0] >= 0, 0], cut[cut[:, 0] >= 0, 1], len(energy))
    assert (energy - of_orders == decided.energy_wh).all()
    assert cut[:, 1].sum() == decided.curtailed_wh
    for reduction in decided.reductions:
        assert reduction.to_wh < reduction.from_wh
    hours = to_kwh(1) / case.hours
    try:
        reference = network.solve(uses.reference_wh[None] * hours, case.q_kvar[None])
    except PowerFlowError:
        reference = None
    try:
        after = network.solve(decided.net_wh[None] * hours, case.q_kvar[None])
    except PowerFlowError:
        assert reference is None
        assert not decided.energy_wh.any()
        return
    if reference is None:
        assert len(find_violations(network.feeder, after)) == 0
    else:
        assert max(added_violation(network.feeder, reference, after)) <= 2e-9
    assert len(decided.after) == 0 or len(find_violations(network.feeder, after)) > 0


def test_one_watt_hour_more_would_be_too_much():
    network, case = three_sellers(placed=[1, 2, 3])
    decided = accept(network, case, "last-on-first-off")
    one_more = decided.net_wh - np.eye(6, dtype=np.int64)[2]
    limit = -1e-3 * network.scale()
    assert (network.excess_wh(decided.net_wh[None], case.q_kvar, 1.0)[0] <= limit + 1e-9).all()
    assert (network.excess_wh(one_more[None], case.q_kvar, 1.0)[0] > limit + 1e-9).any()


@pytest.mark.parametrize("policy", POLICIES)
def test_the_sequence_of_orders_decides_nothing(policy):
    network = stressed_network(24, 20, 3, slack_pu=1.08, rating=0.3)
    case = stressed_case(24, 40, 3, traded_kw=400.0, surplus_kw=4.0, load_kw=0.5)
    order = np.random.default_rng(0).permutation(40)
    moved = replace(case, orders=Orders(*(column[order] for column in case.orders.columns().values())))
    one, other = accept(network, case, policy), accept(network, moved, policy)
    assert one.reductions
    assert abs(one.curtailed_wh - other.curtailed_wh) <= 1e-3 * one.curtailed_wh
    if policy in (Policy.LAST_ON_FIRST_OFF, Policy.PRO_RATA):
        assert (one.energy_wh[order] == other.energy_wh).all()


def test_the_same_case_is_decided_alike_bit_for_bit_alone_and_in_a_batch():
    network = stressed_network(24, 20, 3, slack_pu=1.08, rating=0.3)
    cases = [stressed_case(24, 40, seed, traded_kw=400.0, surplus_kw=4.0, load_kw=0.5) for seed in range(4)]
    for policy in POLICIES:
        for case, together in zip(cases, accept_each(network, cases, policy), strict=True):
            alone = accept(network, case, policy)
            assert (alone.energy_wh == together.energy_wh).all()
            assert (alone.lowest_wh == together.lowest_wh).all()


@pytest.mark.parametrize("policy", POLICIES)
def test_the_legs_of_a_loan_are_scaled_together(policy):
    # 0 lends 9 kWh in the first interval and gets 8 back in the second; the line carries 6.277 kWh of the first
    network = line_with(1, 1)
    lent = a_case(orders((0, 1, 9_000)), [0, 20_000], [-9_000, 20_000])
    returned = a_case(orders((1, 0, 8_000)), [1_000, 0], [6_000, -8_000])
    first, second = accept_together(network, [lent, returned], [np.array([0]), np.array([0])], policy)
    assert first.energy_wh.tolist() == [6_277]
    assert second.energy_wh.tolist() == [8_000 * 6_277 // 9_000]
    assert second.reasons() == {Cause.LEG: 1}
    assert str(second.reductions[0].reason) == "LEG"
    assert second.net_wh.tolist() == [6_000 - (8_000 - 5_579), -5_579]


def test_orders_on_their_own_are_left_alone_by_the_legs_of_others():
    network = line_with(2, 1)
    lent = a_case(orders((0, 2, 9_000), (1, 2, 100)), [0, 0, 20_000], [-9_000, 0, 20_000])
    returned = a_case(orders((2, 0, 8_000), (2, 1, 50)), [1_000, 50, 0], [1_000, 50, -8_000])
    legs = [np.array([0, -1]), np.array([0, -1])]
    first, second = accept_together(network, [lent, returned], legs, "merit")
    assert first.energy_wh.tolist() == [6_277, 100]
    assert second.energy_wh.tolist() == [8_000 * 6_277 // 9_000, 50]


def test_an_unknown_policy_and_a_case_that_does_not_fit_are_refused():
    network, case = two_buses(sold_wh=1)
    with pytest.raises(InputError, match=r"policy 'fair' is unknown; accepted: last-on-first-off"):
        accept(network, case, "fair")
    with pytest.raises(InputError, match="a case of 2 members; accepted: 3"):
        accept(line_with(2, 1), case, "merit")
    with pytest.raises(InputError, match="shares of shape"):
        Network(network.feeder, np.ones((2, 3)))
    with pytest.raises(InputError, match="unknown member"):
        replace(case, orders=orders((0, 7, 5)))
    with pytest.raises(InputError, match="an interval of 0"):
        replace(case, hours=0.0)
    with pytest.raises(InputError, match="q_kvar of shape"):
        replace(case, q_kvar=np.zeros(1))


@pytest.mark.parametrize(
    ("reference", "planned", "spare", "flexible", "what"),
    [
        ([-5], [-5], [6], [0], "spare_injection_wh = 6 of member 0; accepted: 0 to 5"),
        ([-5], [3], [1], [0], "spare_injection_wh = 1"),
        ([4], [9], [0], [5], "spare_withdrawal_wh = 5 of member 0; accepted: 0 to 4"),
        ([4], [9], [0], [-1], "spare_withdrawal_wh = -1"),
        ([4.0], [9], [0], [0], "uses: reference_wh is float64"),
        ([4], [9, 1], [0], [0], "uses: planned_wh is int64 of shape"),
    ],
)
def test_more_cannot_be_forgone_than_there_is(reference, planned, spare, flexible, what):
    with pytest.raises(InputError, match=what):
        Uses(*(np.array(values) for values in (reference, planned, spare, flexible)))


def test_an_orders_table_refuses_what_cannot_be_an_order():
    with pytest.raises(InputError, match="a negative energy"):
        orders((0, 1, -5))
    with pytest.raises(InputError, match="trades with itself"):
        orders((1, 1, 5))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", [28, 3])
def test_however_loans_are_entangled_their_legs_keep_the_same_share_and_the_network_its_limits(policy, seed):
    network = stressed_network(20, 15, seed, slack_pu=1.06, rating=0.3)
    draw = [np.random.default_rng(seed + k) for k in range(3)]
    cases = [stressed_case(20, 20, seed * 3 + k, traded_kw=300.0, surplus_kw=4.0, load_kw=2.0) for k in range(3)]
    legs = [np.where(rng.random(20) < 0.5, np.arange(20), -1) for rng in draw]
    decided = accept_together(network, cases, legs, policy)
    whole, left = (np.zeros((3, 20)) for _ in range(2))
    for k, (case, leg, result) in enumerate(zip(cases, legs, decided, strict=True)):
        _check(network, case, result)
        whole[k, leg[leg >= 0]] = case.orders.energy_wh[leg >= 0]
        left[k, leg[leg >= 0]] = result.energy_wh[leg >= 0]
    share = np.where(whole > 0, left / np.maximum(whole, 1), 1.0)
    least = share.min(axis=0)
    assert (least < 1).any() or policy == Policy.SENSITIVITY
    assert (left >= np.floor(whole * least) - 1)[whole > 0].all()
    assert (left <= whole * least + 1 + whole / np.where(whole > 0, whole, np.inf).min(axis=0))[whole > 0].all()
