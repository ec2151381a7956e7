"""The run of the study and what it is worth: accounts that close, strategies side by side, figures by hand."""

from dataclasses import replace

import numpy as np
import pytest

from gridpact.errors import InputError
from gridpact.markets.negotiation import Negotiator, PeerChoice, Rules, Terms, pareto_front, trace
from gridpact.study.negotiation import (
    Setting,
    Strategy,
    appraise_run,
    case,
    nash_welfare,
    outcomes,
    run_case,
    success,
)
from markets.negotiation_reference import papers_cost, walk

WINDOW, TRADING = 49, 40


def profiles(members: int, seed: int = 1):
    """A day and a half of homes with sun and evening peaks."""
    rng = np.random.default_rng(seed)
    hour = (np.arange(WINDOW + TRADING - 1) * 0.25 + 6) % 24
    sun = np.maximum(np.sin((hour - 6) / 12 * np.pi), 0)
    size, peak = rng.uniform(0.3, 3, (members, 1)), rng.uniform(16, 22, (members, 1))
    load = 0.3 + np.exp(-(((hour - peak) / 2) ** 2)) + rng.gamma(1.0, 0.2, (members, len(hour)))
    return load - size * sun


@pytest.fixture(scope="module")
def run():
    setting = Setting(
        case(2).negotiators,
        profiles(9),
        terms=Terms(PeerChoice("own-gain"), scenarios=6),
        window=WINDOW,
        day_share=0.25,
    )
    return run_case(setting, seed=4, keep=(5, 20))


def test_every_loan_returns_inside_the_accounts(run):
    assert len(run.loans) > 10
    assert run.loans[:, 0].max() < run.setting.trading
    assert run.loans[:, 4].max() < run.setting.net_kw.shape[1]
    assert np.abs(run.loan_kw.sum(axis=1)).max() < 1e-9
    assert np.abs(run.loan_kw.sum(axis=0)).max() < 1e-9


def test_no_link_ever_carries_more_than_its_limit(run):
    load = np.zeros((9, 9, run.setting.net_kw.shape[1]))
    for now, giver, taker, wh, back in run.loans.tolist():
        for sign, at in ((1, now), (-1, back)):
            load[giver, taker, at] += sign * wh
            load[taker, giver, at] -= sign * wh
    assert np.abs(load).max() <= run.setting.terms.limit_wh(run.setting.hours)


def test_the_batteries_do_what_the_walk_says_on_demand_and_loans(run):
    for at, member in enumerate(run.setting.negotiators):
        start = member.battery.initial_soc * member.battery.capacity_kwh
        power, residual, state = walk(member, run.setting.net_kw[at] + run.loan_kw[at], start, run.setting.hours)
        np.testing.assert_allclose(run.battery_kw[at], power, atol=2e-3)  # the house's meters resolve half a Wh
        np.testing.assert_allclose(run.soc_kwh[at], state[1:], atol=1e-9)
        np.testing.assert_allclose(run.residual_kw[at], residual, atol=2e-3)


def test_performance_is_what_the_criteria_come_to_on_the_actual_profiles(run):
    found = outcomes(run)
    for at, member in enumerate(run.setting.negotiators):
        start, hours = member.battery.initial_soc * member.battery.capacity_kwh, run.setting.hours
        demand = run.setting.net_kw[at]
        alone = -papers_cost(member, demand, start, hours)
        assert found[Strategy.BATTERY].performance[at] == pytest.approx(alone, abs=1e-6)
        traded = -papers_cost(member, demand + run.loan_kw[at], start, hours)
        assert found[Strategy.NEGOTIATION].performance[at] == pytest.approx(traded, abs=1e-6)
        nothing = -member.weights[1] * np.abs(demand).sum() * hours
        assert found[Strategy.NOTHING].performance[at] == pytest.approx(nothing, abs=1e-9)


def test_negotiation_is_worth_more_than_the_battery_and_that_more_than_nothing(run):
    found = outcomes(run)
    assert found["s2"].welfare > found["s1"].welfare > found["s0"].welfare
    assert (found["s1"].performance > found["s0"].performance).all()
    signs, logs = zip(*(nash_welfare(found[name], found["s0"]) for name in ("s1", "s2")), strict=True)
    assert signs == (1.0, 1.0)
    assert logs[1] > logs[0]


def test_nash_welfare_is_the_product_of_gains_and_zero_of_the_reference():
    setting = Setting(case(1).negotiators, np.zeros((2, 97)))
    nothing = appraise_run(setting, Strategy.NOTHING, *np.zeros((2, 2, 97)), setting.fleet().initial_kwh)
    better = replace(nothing, performance=nothing.performance + np.array([2.0, -3.0]))
    assert nash_welfare(better, nothing) == (-1.0, pytest.approx(np.log(6)))
    assert nash_welfare(nothing, nothing) == (0.0, -np.inf)


def test_flows_at_the_point_of_common_coupling_are_what_all_exchange_together():
    setting = Setting(case(1).negotiators, np.tile([[1.0], [-3.0]], 97))
    still = np.zeros((2, 97))
    nothing = appraise_run(setting, Strategy.NOTHING, still, still, setting.fleet().initial_kwh)
    assert (nothing.mean_flow_kw, nothing.peak_flow_kw) == (2.0, 2.0)
    assert nothing.flow_kw.tolist() == [-2.0] * 97


def test_kept_rounds_hold_what_pictures_need(run):
    assert sorted(run.kept) == [5, 20]
    for now, held in run.kept.items():
        assert len(held.meetings) == 4
        rows = run.sessions[run.column("interval") == now]
        for meeting, row in zip(held.meetings, rows, strict=True):
            assert meeting.pair == tuple(row[1:3])
            space = meeting.table.outcomes()
            assert space.shape == (meeting.table.feasible.sum() + 1, 2)
            assert len(pareto_front(space)) >= 1
            made = trace(meeting.table, meeting.session)
            assert len(made.first) + len(made.second) <= meeting.session.rounds


def test_rates_of_success_are_shares_of_the_sessions(run):
    rates = success(run)
    assert len(run.sessions) == 4 * run.setting.trading
    assert rates.agreed == run.column("agreed").mean() == len(run.loans) / len(run.sessions)
    assert 0 < rates.agreed <= rates.joint_gain <= 1
    assert rates.distance < rates.no_deal_distance


def test_without_the_floor_more_is_agreed(run):
    terms = replace(run.setting.terms, rules=Rules(floor=False))
    other = run_case(replace(run.setting, terms=terms), seed=4)
    assert success(other).agreed > success(run).agreed


def test_a_run_depends_on_its_seed_and_not_on_threads(run):
    short = replace(run.setting, net_kw=run.setting.net_kw[:, : WINDOW + 5])
    one = run_case(short, seed=1)
    threaded = run_case(replace(short, terms=replace(short.terms, threads=2)), seed=1)
    other = run_case(short, seed=2)
    np.testing.assert_array_equal(one.sessions, threaded.sessions)
    assert not np.array_equal(one.sessions, other.sessions)


def test_the_cases_are_those_of_the_specification():
    one, two, three = (case(number).negotiators for number in (1, 2, 3))
    assert [(m.weights[0], m.aspiration, m.battery.capacity_kwh) for m in one] == [(0.33, 0.52, 6.8), (0.71, 0.5, 7.0)]
    assert [m.weights[0] for m in two] == [0.33, 0.67] * 4 + [0.33]
    assert [m.battery.standing_loss_per_hour * 25 for m in two] == pytest.approx(
        [0.04, 0.04, 0.02, 0.02, 0.02, 0.04, 0.04, 0.02, 0.02]
    )
    assert len({m.id for m in three}) == 100
    for at, member in enumerate(three):
        assert member.aspiration == two[at % 9].aspiration
        assert member.battery.capacity_kwh == pytest.approx(6.8, rel=0.05)
        assert member.weights[0] == pytest.approx(two[at % 9].weights[0], rel=0.05)


@pytest.mark.parametrize(
    ("make", "fragment"),
    [
        (lambda: case(4), "case 4; accepted: 1, 2 or 3"),
        (lambda: Setting(case(1).negotiators, np.zeros((3, 200))), r"net demand of shape \(3, 200\)"),
        (lambda: Setting(case(1).negotiators, np.full((2, 200), np.nan)), "not finite"),
        (lambda: Setting(case(1).negotiators, np.zeros((2, 96))), "96 intervals; accepted: at least 97"),
        (lambda: Setting((case(1).negotiators[0],) * 2, np.zeros((2, 200))), "a name of its own"),
        (lambda: Setting((Negotiator("a", None, (0.5, 0.5), 0.5),), np.zeros((1, 200))), "two or more"),
    ],
)
def test_what_cannot_be_run_is_refused(make, fragment):
    with pytest.raises(InputError, match=fragment):
        make()
