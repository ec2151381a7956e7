"""Forecasts know the past, and of the future what their model says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpact.energy.forecast import NoisyMeasurement, Perfect, Persistence, make_forecaster, scenarios
from gridpact.errors import InputError

PER_DAY = 96


def profiles(members=3, intervals=400, seed=1):
    return np.random.default_rng(seed).normal(size=(members, intervals))


def test_the_perfect_forecast_is_what_happens():
    actual = profiles()
    assert (Perfect().forecast(actual, 7, 50) == actual[:, 7:50]).all()


def test_a_forecast_can_be_changed_without_changing_what_happened():
    actual = profiles()
    Perfect().forecast(actual, 0, 5)[:] = 99.0
    assert actual.max() < 99.0


def test_persistence_repeats_the_same_time_of_the_last_day():
    actual = np.arange(12.0)[None, :]  # four intervals a day
    assert Persistence(4).forecast(actual, 8, 12).tolist() == [[4, 5, 6, 7]]
    assert Persistence(4).forecast(actual, 5, 12).tolist() == [[1, 2, 3, 4, 1, 2, 3]]


def test_persistence_holds_the_last_value_until_a_day_is_known():
    actual = np.array([[5.0, 7.0, 1.0, 2.0, 3.0, 4.0, 6.0]])
    assert Persistence(4).forecast(actual, 2, 7).tolist() == [[7, 7, 5, 7, 7]]


def test_persistence_begins_with_the_first_reading():
    assert Persistence(4).forecast(np.array([[5.0, 7.0, 9.0]]), 0, 3).tolist() == [[5, 5, 5]]


@given(now=st.integers(1, 399), length=st.integers(0, 250))
def test_persistence_does_not_look_ahead(now, length):
    actual, other = profiles(), profiles()
    other[:, now:] = 1e6
    stop = min(now + length, 400)
    assert (Persistence(PER_DAY).forecast(actual, now, stop) == Persistence(PER_DAY).forecast(other, now, stop)).all()


def errors_of_many_gates(lags, gates=6000):
    """Errors of one member of unit standard deviation, ``[gate, lag]``."""
    noisy = NoisyMeasurement(np.ones(1), PER_DAY, seed=11)
    silent = np.zeros((1, gates + lags))
    return np.array([noisy.forecast(silent, now, now + lags)[0] for now in range(gates)])


def test_the_noise_grows_from_5_percent_to_30_percent_over_one_day():
    spread = errors_of_many_gates(150).std(axis=0)
    # the standard error of a standard deviation from 6,000 draws is 0.9 % of it
    assert spread[0] == pytest.approx(0.05, rel=0.04)
    assert spread[48] == pytest.approx(0.175, rel=0.04)
    assert spread[96] == pytest.approx(0.30, rel=0.04)
    assert spread[149] == pytest.approx(0.30, rel=0.04)


def test_errors_next_to_each_other_correlate_by_phi_and_fade():
    errors = errors_of_many_gates(40)
    correlation = np.corrcoef(errors, rowvar=False)
    assert correlation[0, 1] == pytest.approx(0.9, abs=0.01)
    assert correlation[20, 21] == pytest.approx(0.9, abs=0.01)
    assert correlation[10, 20] == pytest.approx(0.9**10, abs=0.04)


def test_errors_have_no_bias_and_differ_between_gates_and_members():
    errors = errors_of_many_gates(3)
    assert abs(errors.mean()) < 4 * 0.05 / np.sqrt(6000)
    assert abs(np.corrcoef(errors[:-1, 0], errors[1:, 0])[0, 1]) < 4 / np.sqrt(6000)
    two = NoisyMeasurement(np.ones(2), PER_DAY, seed=1).forecast(np.zeros((2, 5000)), 0, 5000)
    assert abs(np.corrcoef(two)[0, 1]) < 0.2  # 5,000 values with φ = 0.9 are worth about 500


def test_the_noise_scales_with_each_members_standard_deviation():
    actual = profiles(2) * [[1.0], [10.0]]
    noisy = make_forecaster("noise", actual, PER_DAY, seed=3)
    unit = NoisyMeasurement(np.ones(2), PER_DAY, seed=3)
    expected = unit.forecast(np.zeros_like(actual), 5, 60) * actual.std(axis=1, keepdims=True)
    np.testing.assert_allclose(noisy.forecast(actual, 5, 60) - actual[:, 5:60], expected, atol=1e-12)


@given(st.permutations([0, 17, 96, 250]), st.integers(1, 150))
def test_a_forecast_does_not_depend_on_what_was_asked_before_or_how_far(gates, length):
    actual = profiles()
    fresh = {now: make_forecaster("noise", actual, PER_DAY, 5).forecast(actual, now, now + 150) for now in gates}
    asked = make_forecaster("noise", actual, PER_DAY, 5)
    for now in gates:
        assert (asked.forecast(actual, now, now + length) == fresh[now][:, :length]).all()


def test_another_seed_is_another_noise():
    actual = profiles()
    one, other = (make_forecaster("noise", actual, PER_DAY, seed).forecast(actual, 3, 9) for seed in (1, 2))
    assert (one != other).all()


def test_scenarios_spread_around_the_point_forecast_like_the_noise():
    point = profiles(2, 100)
    drawn = scenarios(point, np.array([1.0, 4.0]), 4000, np.random.default_rng(5), per_day=PER_DAY)
    assert drawn.shape == (4000, 2, 100)
    deviation = drawn - point
    np.testing.assert_allclose(deviation.std(axis=0)[:, 0], [0.05, 0.2], rtol=0.05)
    np.testing.assert_allclose(deviation.std(axis=0)[:, 96], [0.3, 1.2], rtol=0.05)
    assert np.corrcoef(deviation[:, 0, 50], deviation[:, 0, 51])[0, 1] == pytest.approx(0.9, abs=0.015)
    assert abs(np.corrcoef(deviation[:, 0, 50], deviation[:, 1, 50])[0, 1]) < 4 / np.sqrt(4000)


def test_the_error_follows_the_recursion_worked_out_step_by_step():
    shocks = np.random.default_rng(8).standard_normal((3, 1))
    drawn = scenarios(np.zeros((1, 3)), np.array([2.0]), 1, np.random.default_rng(8), per_day=2, phi=0.6)[0, 0]
    first = shocks[0, 0]
    second = 0.6 * first + 0.8 * shocks[1, 0]
    third = 0.6 * second + 0.8 * shocks[2, 0]
    np.testing.assert_allclose(drawn, [2 * 0.05 * first, 2 * 0.175 * second, 2 * 0.3 * third], rtol=1e-12)


@pytest.mark.parametrize("kind", ["perfect", "persistence", "noise"])
@pytest.mark.parametrize("window", [(-1, 3), (5, 4), (0, 401)])
def test_windows_outside_of_the_run_are_refused(kind, window):
    actual = profiles()
    with pytest.raises(ValueError, match=r"is outside of 0:400"):
        make_forecaster(kind, actual, PER_DAY, 0).forecast(actual, *window)


def test_other_members_than_it_was_made_for_are_refused():
    with pytest.raises(ValueError, match="4 members in the profiles, 3 standard deviations"):
        make_forecaster("noise", profiles(3), PER_DAY, 0).forecast(profiles(4), 0, 5)
    with pytest.raises(ValueError, match="2 members in the forecast, 1 standard deviations"):
        scenarios(np.zeros((2, 3)), np.ones(1), 1, np.random.default_rng(0), per_day=PER_DAY)


def test_an_unknown_kind_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="did you mean 'persistence'"):
        make_forecaster("persistance", profiles(), PER_DAY, 0)


def test_only_the_perfect_forecast_may_be_asked_for_all_gates_at_once():
    kinds = ("perfect", "persistence", "noise")
    assert [make_forecaster(kind, profiles(), PER_DAY, 0).is_perfect for kind in kinds] == [True, False, False]
