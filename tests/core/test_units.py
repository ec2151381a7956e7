"""Conversion and rounding: exact, and nothing is lost."""

from fractions import Fraction
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gridpact.community.schema import Unit
from gridpact.units import from_micro, kw_factor, payment, split, to_kwh, to_micro, to_wh


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_a_payment_is_the_exact_product_rounded_half_to_even(energy, price):
    assert int(payment(energy, price)) == round(Fraction(energy * price, 1000))


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_a_payment_in_the_other_direction_is_its_negative(energy, price):
    assert payment(energy, -price) == -payment(energy, price)


@given(
    st.integers(-(10**12), 10**12),
    hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 1e6)).filter(lambda w: w.sum() > 1e-3),
)
def test_a_split_loses_nothing_and_stays_within_one_unit_of_the_exact_share(total, weights):
    parts = split(total, weights)
    assert parts.sum() == total
    exact = total * (weights / weights.sum())
    assert (np.abs(parts - exact) <= 1 + 1e-9 * abs(total)).all()
    assert (parts * np.sign(total) >= 0).all()


@pytest.mark.parametrize(("energy", "price"), [(2**31, 2**31 + 1), ([1, -(2**40)], [2**40, 1]), (-(2**63), -(2**63))])
def test_a_payment_that_could_wrap_around_is_refused(energy, price):
    with pytest.raises(ValueError, match=r"passes 2\^62"):
        payment(energy, price)


def test_the_largest_payment_is_exact():
    assert int(payment(2**31, -(2**31))) == round(Fraction(-(2**62), 1000))


def test_nothing_costs_nothing():
    assert payment([], []).tolist() == []


@pytest.mark.parametrize("unit", get_args(Unit))
def test_every_unit_of_the_community_file_is_converted_to_kw(unit):
    per_kw = {"kW": 1, "pu": 1, "W": 1000, "kWh": 0.25, "Wh": 250}[unit]
    assert kw_factor(unit, 0.25) * per_kw == pytest.approx(1, rel=1e-15)


def test_a_split_is_done_for_every_column_by_itself():
    parts = split(np.array([7, -7, 0]), np.array([[1.0, 1.0, 0.0], [2.0, 0.0, 0.0], [1.0, 1.0, 0.0]]))
    # 7 over 1:2:1 is 1.75, 3.5, 1.75; the two missing go to the largest remainders, ties to the first
    assert parts.T.tolist() == [[2, 3, 2], [-4, 0, -3], [0, 0, 0]]


def test_who_weighs_nothing_gets_nothing():
    assert split(5, [0.0, 1.0, 0.0]).tolist() == [0, 5, 0]


@pytest.mark.parametrize("weights", [[-1.0, 2.0], [float("nan")], [float("inf"), 1.0]])
def test_impossible_weights_are_refused(weights):
    with pytest.raises(ValueError, match="finite and not negative"):
        split(1, weights)


def test_a_total_without_takers_is_refused():
    with pytest.raises(ValueError, match="all zero"):
        split(1, [0.0, 0.0])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e13])
def test_what_does_not_fit_into_exact_integers_is_refused(value):
    with pytest.raises(ValueError, match="is not finite, or beyond"):
        to_wh(value)


@given(st.integers(-(2**40), 2**40))
def test_integers_survive_the_way_to_floats_and_back(value):
    assert to_wh(to_kwh(value)) == value
    assert to_micro(from_micro(value)) == value
