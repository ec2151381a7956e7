"""Batteries: worked by hand, within limits, standing by what was traded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpact.community import Battery, Member
from gridpact.energy import Fleet
from gridpact.errors import InputError


def fleet_of(*batteries: Battery | None) -> Fleet:
    return Fleet.of([Member(f"m{i}", "bus", battery=battery) for i, battery in enumerate(batteries)])


IDEAL = Battery(10.0, 3.0, 3.0, 1.0, 1.0, 0.0, 1.0, 0.5)
LOSSY = Battery(10.0, 4.0, 4.0, 0.9, 0.8, 0.1, 0.9, 0.5, standing_loss_per_hour=0.01)


def test_a_battery_charges_on_surplus_and_discharges_on_deficit():
    power, soc = fleet_of(IDEAL).run(np.array([[-2.0, 1.5, 9.0]]), np.array([5.0]), 1.0)
    assert power.tolist() == [[2.0, -1.5, -3.0]]
    assert soc.tolist() == [[5.0, 7.0, 5.5, 2.5]]


def test_efficiencies_and_standing_loss_by_hand():
    # half an hour at −2 kW charges 2 · 0.5 · 0.9 = 0.9 kWh less 0.05 standing; at 2 kW it gives 2 · 0.5 / 0.8 = 1.25 less 0.05
    power, soc = fleet_of(LOSSY).run(np.array([[-2.0, 2.0]]), np.array([5.0]), 0.5)
    assert power.tolist() == [[2.0, -2.0]]
    assert soc[0].tolist() == pytest.approx([5.0, 5.85, 4.55])


def test_a_full_battery_takes_what_fits_and_an_empty_one_gives_what_it_has():
    power, soc = fleet_of(IDEAL).run(np.array([[-3.0, 3.0]]), np.array([9.0]), 1.0)
    assert power.tolist() == [[1.0, -3.0]]
    assert soc.tolist() == [[9.0, 10.0, 7.0]]
    power, _ = fleet_of(LOSSY).run(np.array([[3.0]]), np.array([2.0]), 1.0)
    assert power[0, 0] == pytest.approx(-(2.0 - 1.0) * 0.8)


def test_a_standing_loss_stops_at_the_lower_limit():
    _, soc = fleet_of(LOSSY).run(np.zeros((1, 200)), np.array([2.0]), 1.0)
    assert soc[0, 1] == pytest.approx(1.9)
    assert soc[0, -1] == 1.0


def test_a_member_without_battery_does_nothing():
    power, soc = fleet_of(None, IDEAL).run(np.array([[5.0], [1.0]]), np.array([0.0, 5.0]), 1.0)
    assert power.tolist() == [[0.0], [-1.0]]
    assert soc[0].tolist() == [0.0, 0.0]


def test_a_seller_that_would_fall_short_discharges_more():
    # net demand 1 kW, but 2 kW are sold: self-consumption would show 0 at the meter, the contract wants −2: discharge 3
    power, _ = fleet_of(IDEAL).run(np.array([[1.0]]), np.array([5.0]), 1.0, np.array([[-2.0]]))
    assert power.tolist() == [[-3.0]]


def test_a_buyer_that_would_take_less_charges():
    # net demand 1 kW, 2 kW bought: self-consumption would show 0, the contract wants 2: charge 1
    power, _ = fleet_of(IDEAL).run(np.array([[1.0]]), np.array([5.0]), 1.0, np.array([[2.0]]))
    assert power.tolist() == [[1.0]]


def test_energy_beyond_the_contract_is_left_to_self_consumption():
    # sold 1 kW, surplus 6 kW, battery takes 3: the meter shows −3, more than was sold, and nothing changes
    power, _ = fleet_of(IDEAL).run(np.array([[-6.0]]), np.array([5.0]), 1.0, np.array([[-1.0]]))
    assert power.tolist() == [[3.0]]


def test_a_schedule_is_followed_and_a_missing_cell_is_self_consumption():
    power, _ = fleet_of(IDEAL).run(np.array([[1.0, 1.0]]), np.array([5.0]), 1.0, None, np.array([[2.0, np.nan]]))
    assert power.tolist() == [[2.0, -1.0]]


batteries = st.builds(
    lambda kwh, c, d, ec, ed, low, high, start, loss: Battery(
        kwh, c, d, ec, ed, low, low + (1 - low) * high, low + (1 - low) * high * start, loss
    ),
    *(st.floats(0.1, 20), st.floats(0, 8), st.floats(0, 8), st.floats(0.5, 1), st.floats(0.5, 1)),
    *(st.floats(0, 0.9), st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.01)),
)


@given(batteries, st.integers(0, 2**32 - 1), st.sampled_from([0.25, 0.5, 1.0]))
def test_power_and_state_of_charge_stay_within_limits_and_energy_is_accounted_for(battery, seed, hours):
    rng = np.random.default_rng(seed)
    net, contract = rng.normal(0, 4, (1, 60)), rng.normal(0, 3, (1, 60)) * (rng.random((1, 60)) < 0.5)
    fleet = fleet_of(battery)
    power, soc = fleet.run(net, fleet.initial_kwh, hours, contract)
    low, high = battery.min_soc * battery.capacity_kwh, battery.max_soc * battery.capacity_kwh
    assert (soc >= low - 1e-9).all()
    assert (soc <= high + 1e-9).all()
    assert (power <= battery.charge_kw + 1e-9).all()
    assert (power >= -battery.discharge_kw - 1e-9).all()
    gain = np.where(power >= 0, power * battery.charge_efficiency, power / battery.discharge_efficiency) * hours
    loss = battery.standing_loss_per_hour * battery.capacity_kwh * hours
    assert soc[:, 1:] == pytest.approx(np.maximum(soc[:, :-1] + gain - loss, low), abs=1e-9)


@given(batteries, st.integers(0, 2**32 - 1))
def test_standing_by_a_contract_never_makes_the_deviation_larger(battery, seed):
    rng = np.random.default_rng(seed)
    net, contract = rng.normal(0, 4, (1, 1)), rng.normal(0, 3, (1, 1))
    fleet = fleet_of(battery)
    alone, _ = fleet.run(net, fleet.initial_kwh, 1.0)
    bound, _ = fleet.run(net, fleet.initial_kwh, 1.0, contract)

    def shortfall(power):
        meter = (net + power)[0, 0]
        return max(meter - contract[0, 0], 0) if contract[0, 0] < 0 else max(contract[0, 0] - meter, 0)

    assert shortfall(bound) <= shortfall(alone) + 1e-9


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"min_soc": 0.8, "max_soc": 0.2}, "out of order"),
        ({"charge_efficiency": 1.2}, "charge_efficiency = 1.2 is out of range"),
        ({"capacity_kwh": float("nan")}, "capacity_kwh = nan is out of range"),
        ({"charge_kw": -1.0}, "charge_kw = -1.0 is out of range"),
    ],
)
def test_an_impossible_battery_is_refused(changes, fragment):
    with pytest.raises(InputError, match=fragment):
        Battery(**{"capacity_kwh": 5.0, "charge_kw": 2.0, "discharge_kw": 2.0, **changes})
