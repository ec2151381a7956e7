"""Limits at the meter: what a battery holds back, what it absorbs, what is curtailed, and that base load is never touched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpact.community import Battery, Member
from gridpact.energy import Fleet, Limits
from gridpact.errors import InputError

FLEET = Fleet.of([Member("a", "b", battery=Battery(10.0, 3.0, 3.0, 1.0, 1.0, 0.0, 1.0, 0.5))])


def meter(net: float, lowest: float, highest: float, contract: float = 0.0, schedule: float = np.nan, soc: float = 5.0):
    """Battery, meter and curtailed PV of one hour, kW."""
    limits = Limits(np.array([[lowest]]), np.array([[highest]]))
    battery = FLEET.run(
        np.array([[net]]), np.array([soc]), 1.0, np.array([[contract]]), np.array([[schedule]]), limits
    )[0]
    shown = net + battery[0, 0]
    curtailed = limits.curtailed_kw(np.array([[shown]]))[0, 0]
    return battery[0, 0], shown + curtailed, curtailed


def test_a_battery_does_not_discharge_beyond_the_largest_injection():
    assert meter(0.0, -1.0, 9.0, contract=-3.0) == (-1.0, -1.0, 0.0)


def test_surplus_beyond_the_limit_is_charged_first_and_then_curtailed():
    assert meter(-4.0, -2.0, 9.0, contract=-4.0) == (2.0, -2.0, 0.0)
    assert meter(-4.0, -2.0, 9.0, contract=-4.0, soc=9.5) == (0.5, -2.0, 1.5)


def test_charging_stops_at_the_largest_withdrawal_and_base_load_goes_on():
    assert meter(1.0, -9.0, 2.0, schedule=3.0) == (1.0, 2.0, 0.0)
    assert meter(4.0, -9.0, 2.0, schedule=3.0) == (0.0, 4.0, 0.0)


def test_a_battery_that_would_serve_its_owner_can_be_held_back():
    assert meter(3.0, 2.0, 9.0) == (-1.0, 2.0, 0.0)
    assert meter(3.0, 5.0, 9.0) == (0.0, 3.0, 0.0)  # held back, never made to draw


def test_limits_go_before_a_contract():
    assert meter(0.0, -9.0, 1.0, contract=3.0) == (1.0, 1.0, 0.0)


@given(
    net=st.floats(-8, 8),
    lowest=st.floats(-6, 6),
    width=st.floats(0, 6),
    contract=st.floats(-6, 6),
    soc=st.floats(0, 10),
)
def test_a_limit_is_obeyed_unless_base_load_or_sun_that_is_missing_forbids_it(net, lowest, width, contract, soc):
    highest = lowest + width
    _, shown, curtailed = meter(net, lowest, highest, contract=contract, soc=soc)
    free = Limits.none((1, 1))
    assert 0 <= curtailed <= max(-net, 0) + 1e-9
    assert shown >= min(lowest, max(net, 0.0)) - 1e-9
    assert shown <= max(highest, net + curtailed) + 1e-9
    if net + FLEET.run(np.array([[net]]), np.array([soc]), 1.0, np.array([[contract]]), limits=free)[0][0, 0] in (
        lowest,
        highest,
    ):
        assert curtailed == 0


def test_bands_are_checked_and_read_in_both_directions():
    limits = Limits(np.array([[-2.0, 1.0]]), np.array([[3.0, 4.0]]))
    assert limits.export_kw.tolist() == [[2.0, 0.0]]
    assert limits.import_kw.tolist() == [[3.0, 4.0]]
    assert limits.window(1, 2).lowest_kw.tolist() == [[1.0]]
    with pytest.raises(InputError, match="lowest is not below its highest"):
        Limits(np.array([[1.0]]), np.array([[0.0]]))
    with pytest.raises(InputError, match="limits of shapes"):
        Limits(np.zeros((1, 1)), np.zeros((1, 2)))
