"""Energy is kept, whatever the steps."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpact.community.profiles import commonest, on_grid, resample
from gridpact.errors import InputError

MINUTE = 60 * 10**9


@given(
    step=st.sampled_from([1, 5, 10, 15, 20, 30, 60]),
    to_step=st.sampled_from([5, 15, 20, 30, 45, 60, 120]),
    shift=st.integers(0, 59),
    periods=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_energy_is_kept_between_any_two_steps(step: int, to_step: int, shift: int, periods: int, seed: int) -> None:
    readings = -(-(shift + periods * to_step) // step)
    values = np.random.default_rng(seed).uniform(0, 10, (2, readings))
    means = resample(values, 0, step * MINUTE, shift * MINUTE, to_step * MINUTE, periods)
    # independent: the integral of the step function, interpolated between the readings' edges
    edges = np.arange(readings + 1) * step
    wanted = shift + np.arange(periods + 1) * to_step
    for column, mean in zip(values, means, strict=True):
        integral = np.concatenate(([0.0], np.cumsum(column * step)))
        np.testing.assert_allclose(mean * to_step, np.diff(np.interp(wanted, edges, integral)), rtol=1e-9, atol=1e-9)


@given(ratio=st.integers(1, 12), periods=st.integers(1, 20), seed=st.integers(0, 2**32 - 1))
def test_repeating_and_averaging_again_gives_the_readings_back(ratio: int, periods: int, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(0, 10, (3, periods))
    fine = resample(values, 0, ratio * 5 * MINUTE, 0, 5 * MINUTE, periods * ratio)
    back = resample(fine, 0, 5 * MINUTE, 0, ratio * 5 * MINUTE, periods)
    np.testing.assert_allclose(back, values, rtol=1e-14)


def test_averages_repeats_and_overlaps_by_hand() -> None:
    readings = np.array([[1.0, 3.0, 5.0, 7.0]])
    np.testing.assert_array_equal(resample(readings, 0, 15, 0, 30, 2), [[2.0, 6.0]])
    np.testing.assert_array_equal(resample(readings, 0, 30, 0, 15, 4), [[1.0, 1.0, 3.0, 3.0]])
    np.testing.assert_allclose(resample(readings, 0, 20, 0, 30, 2), [[5 / 3, 13 / 3]])
    np.testing.assert_allclose(
        resample(readings, 0, 30, 10, 30, 3), [[(20 + 30) / 30, (60 + 50) / 30, (100 + 70) / 30]]
    )


def test_grids_that_hardly_meet_are_refused() -> None:
    with pytest.raises(InputError, match="does not meet the horizon's 15 min"):
        resample(np.ones((1, 10)), 0, 1000 * MINUTE, 1, 15 * MINUTE, 4)


def test_intervals_outside_of_the_readings_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="outside"):
        resample(np.ones((1, 2)), 0, 60, 60, 60, 2)


def test_missing_rows_become_missing_readings_in_the_order_of_time() -> None:
    stamps = np.array([5, 1, 2, 3], dtype=np.int64) * MINUTE
    series = on_grid(stamps, np.array([[50.0, 10.0, 20.0, 30.0]]), str(Path("x.csv")))
    assert (series.start, series.step) == (MINUTE, MINUTE)
    np.testing.assert_array_equal(series.values, [[10.0, 20.0, 30.0, np.nan, 50.0]])


def test_the_commonest_step_is_the_shorter_of_equals() -> None:
    assert commonest(np.array([60, 30, 60, 30, 15])) == 30
