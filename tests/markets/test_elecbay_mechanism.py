"""Elecbay as a mechanism: heaters in the way of the data, schedules that are followed, trades, comfort, communities without."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from benchmarks.synthetic import make_community
from gridpact.community import Community, WaterHeater
from gridpact.errors import InputError
from gridpact.markets import Pact, make_mechanism
from gridpact.study import Settings, run_baseline, simulate

PERFECT = Settings(forecast="perfect")
INTERVALS = 192


@cache
def heated(members: int = 8) -> Community:
    """Households with PV, batteries and, three of four, a water heater."""
    made = make_community(members, INTERVALS, seed=5)
    rng = np.random.default_rng(3)
    draw_kw = rng.exponential(2.0, (members, INTERVALS)) * (rng.random((members, INTERVALS)) < 0.15)
    draw_kw[::4] = 0.0
    return replace(
        made,
        members=tuple(
            member if at % 4 == 0 else replace(member, heater=WaterHeater(3.0, 300.0))
            for at, member in enumerate(made.members)
        ),
        profiles=replace(made.profiles, hot_water_kw=draw_kw),
    )


def check(run, name: str) -> float:
    return next(each.value for each in run.certificate.checks if each.name == name)


def test_the_heaters_run_by_thermostat_in_the_baseline_and_count_as_consumption():
    community = heated()
    baseline = run_baseline(community)
    assert baseline.delivery.heater_kw is not None
    with_heater = np.array([member.heater is not None for member in community.members])
    assert (baseline.delivery.heater_kw[with_heater].sum(axis=1) > 0).all()
    assert not baseline.delivery.heater_kw[~with_heater].any()
    net_kwh = (community.profiles.net_kw + baseline.delivery.battery_kw + baseline.delivery.heater_kw) * 0.25
    assert np.abs(baseline.delivery.net_wh / 1000 - net_kwh).max() <= 0.0005 + 1e-9
    alone = simulate(community, make_mechanism("supplier"), PERFECT)
    load_kwh = (community.profiles.load_kw + baseline.delivery.heater_kw).sum() * 0.25
    assert alone.community.self_sufficiency == pytest.approx(1 - alone.community.import_kwh / load_kwh)


@pytest.mark.parametrize("forecast", ["perfect", "persistence", "noise"])
def test_the_schedule_lowers_the_exchange_with_the_grid_and_every_check_holds(forecast):
    community = heated()
    settings = Settings(forecast=forecast, seed=2)
    baseline = run_baseline(community)
    alone = simulate(community, make_mechanism("supplier"), settings, baseline)
    run = simulate(community, make_mechanism("elecbay"), settings, baseline)
    assert run.certificate.passed, [each for each in run.certificate.checks if not each.passed]
    exchange, before = (each.community.import_kwh + each.community.export_kwh for each in (run, alone))
    assert exchange < before
    assert run.community.traded_kwh > 1
    assert run.community.money_residual == 0
    assert run.community.energy_residual_wh == 0
    assert check(run, "members with a water heater") == 6


def test_with_a_perfect_forecast_the_heaters_do_exactly_what_was_agreed():
    community = heated()
    no_batteries = replace(community, members=tuple(replace(each, battery=None) for each in community.members))
    run = simulate(no_batteries, make_mechanism("elecbay"), PERFECT)
    asked, done = run.pact.heater_kw, run.delivery.heater_kw
    has = ~np.isnan(asked[:, 0])
    assert np.array_equal(asked[has] > 0, done[has] > 0)
    assert run.community.imbalance_kwh == 0


def test_gates_one_by_one_and_all_at_once_agree_when_the_forecast_is_perfect(monkeypatch):
    community = heated()
    no_batteries = replace(community, members=tuple(replace(each, battery=None) for each in community.members))
    market = make_mechanism("elecbay")
    at_once = simulate(no_batteries, market, PERFECT)
    monkeypatch.setattr("gridpact.energy.Perfect.is_perfect", False)
    one_by_one = simulate(no_batteries, market, PERFECT)
    assert np.array_equal(at_once.delivery.net_wh, one_by_one.delivery.net_wh)
    assert np.array_equal(at_once.pact.trades.energy_wh, one_by_one.pact.trades.energy_wh)


def test_other_mechanisms_see_the_heaters_in_the_forecast():
    community = heated()
    without = replace(community, members=tuple(replace(each, heater=None) for each in community.members))
    heated_run, plain = (simulate(each, make_mechanism("auction:uniform"), PERFECT) for each in (community, without))
    assert heated_run.community.imbalance_kwh == 0
    assert plain.community.import_kwh < heated_run.community.import_kwh


def test_a_community_without_water_heaters_gets_an_empty_pact_that_says_so():
    run = simulate(make_community(4, 96, seed=1), make_mechanism("elecbay"), PERFECT)
    assert len(run.pact.trades) == 0
    assert run.pact.heater_kw is None
    assert check(run, "members with a water heater") == 0
    assert run.certificate.passed
    assert (run.members.saving == 0).all()


def test_a_level_below_a_draw_is_refused_with_both():
    with pytest.raises(InputError, match=r"level_kw = 0\.5 kW is not above the largest draw of a peer, .* kW"):
        simulate(heated(), make_mechanism("elecbay", {"level_kw": 0.5}), PERFECT)


@pytest.mark.parametrize(
    ("option", "value"),
    [("level_kw", 0.0), ("level_kw", float("inf")), ("floor_kwh", 0.0), ("floor_kwh", -1.0)],
)
def test_an_option_out_of_range_is_refused(option, value):
    with pytest.raises(InputError, match=option):
        make_mechanism("elecbay", {option: value})


def test_a_heater_schedule_of_another_shape_is_refused():
    with pytest.raises(InputError, match="schedule of shape"):
        Pact(heater_kw=np.zeros((2, 3))).check(2, 4)
