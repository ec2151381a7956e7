"""Water heaters: the tank's energy balance, the thermostat, schedules, comfort before both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpact.community import Member, WaterHeater
from gridpact.energy import WATER_KWH_PER_LITRE_K, Heaters, HeaterState
from gridpact.errors import InputError

HOURS = 0.25


def heaters_of(*heaters: WaterHeater | None) -> Heaters:
    return Heaters.of([Member(f"m{at}", "b", heater=heater) for at, heater in enumerate(heaters)])


def draws(seed: int, members: int = 3, intervals: int = 200, mean_kw: float = 0.4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.exponential(mean_kw / 0.2, (members, intervals)) * (rng.random((members, intervals)) < 0.2)


def test_a_quarter_of_an_hour_by_hand():
    # 300 l hold 300 · 4.186 / 3600 = 0.34883 kWh/K. From 60 °C, 20 °C around: UA = 2 W/K loses 0.08 kW. 3 kW − 1 kW − 0.08 kW
    # for a quarter of an hour are 0.48 kWh: 1.376 K.
    heaters = heaters_of(WaterHeater(3.0, 300, 50, 65, 60, loss_w_per_k=2))
    power, tank = heaters.run(np.array([[1.0]]), heaters.start(), HOURS, np.array([[3.0]]))
    assert power.tolist() == [[3.0]]
    assert tank[0, 1] - 60 == pytest.approx(0.48 / (300 * 4.186 / 3600))


def test_a_thermostat_heats_to_the_top_and_waits_for_the_bottom():
    # 100 l: 2.15 K a step at 1 kW; drawing 0.5 kW takes 1.075 K a step
    heaters = heaters_of(WaterHeater(1.0, 100, 50, 55, 50.5, loss_w_per_k=0))
    power, _ = heaters.run(np.full((1, 12), 0.5), heaters.start(), HOURS)
    # 50.5 cannot stay OFF (49.4): ON four times to 54.8; ON would end at 55.9: OFF to 50.5; then ON again
    assert (power[0] > 0).tolist() == [True] * 4 + [False] * 4 + [True] * 4


@given(seed=st.integers(0, 10_000), scheduled=st.booleans())
def test_heat_in_is_heat_drawn_and_lost_and_kept(seed, scheduled):
    heater = WaterHeater(2.0, 150, 45, 70, 60, loss_w_per_k=3, ambient_c=15)
    heaters = heaters_of(heater, None, heater)
    draw_kw = draws(seed)
    schedule = np.random.default_rng(seed).choice([0.0, 2.0, np.nan], draw_kw.shape) if scheduled else None
    power, tank = heaters.run(draw_kw, heaters.start(), HOURS, schedule)
    for m in (0, 2):
        kept = 150 * WATER_KWH_PER_LITRE_K * (tank[m, -1] - tank[m, 0])
        lost = (0.003 * (tank[m, :-1] - 15)).sum() * HOURS
        assert power[m].sum() * HOURS == pytest.approx(kept + lost + draw_kw[m].sum() * HOURS, abs=1e-9)
    assert not power[1].any()
    assert not tank[1].any()


@given(seed=st.integers(0, 10_000))
def test_no_schedule_makes_a_tank_too_hot_or_keeps_a_cold_one_off(seed):
    heaters = heaters_of(*[WaterHeater(3.0, 200, 50, 65, 55)] * 3)
    draw_kw = draws(seed, mean_kw=1.5)
    schedule = np.random.default_rng(seed).choice([0.0, 3.0, np.nan], draw_kw.shape)
    power, tank = heaters.run(draw_kw, heaters.start(), HOURS, schedule)
    assert tank.max() <= 65 + 1e-9
    assert (power[tank[:, 1:] < 50] > 0).all()  # where a draw takes it below its band, it is ON


@given(seed=st.integers(0, 10_000))
def test_a_band_that_a_draw_cannot_empty_is_always_kept(seed):
    heaters = heaters_of(*[WaterHeater(3.0, 200, 50, 65, 55)] * 3)
    draw_kw = np.minimum(draws(seed), 2.5)  # with the standing loss less than what ON gives
    schedule = np.random.default_rng(seed).choice([0.0, 3.0, np.nan], draw_kw.shape)
    _, tank = heaters.run(draw_kw, heaters.start(), HOURS, schedule)
    assert tank.min() >= 50 - 1e-9
    assert tank.max() <= 65 + 1e-9


def test_a_schedule_in_two_parts_is_the_schedule_in_one():
    heaters = heaters_of(*[WaterHeater(3.0, 200)] * 3)
    draw_kw = draws(7)
    power, tank = heaters.run(draw_kw, heaters.start(), HOURS)
    first = heaters.run(draw_kw[:, :90], heaters.start(), HOURS)
    state = HeaterState(first[1][:, -1], first[0][:, -1] > 0)
    second = heaters.run(draw_kw[:, 90:], state, HOURS)
    assert np.array_equal(np.hstack([first[0], second[0]]), power)
    assert np.array_equal(second[1], tank[:, 90:])


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ({"power_kw": -1.0}, "power_kw = -1.0"),
        ({"litres": 0.0}, "litres = 0.0"),
        ({"min_c": 65.0, "max_c": 50.0}, "out of order"),
        ({"initial_c": 70.0}, "out of order"),
        ({"min_c": 57.5, "max_c": 57.5}, "out of order"),
        ({"loss_w_per_k": float("nan")}, "loss_w_per_k = nan"),
    ],
)
def test_a_heater_that_cannot_be_is_refused(wrong, found):
    with pytest.raises(InputError, match=found):
        WaterHeater(**{"power_kw": 3.0, "litres": 300.0, **wrong})
