"""What may be said of means over seeds: intervals, tests, and several claims at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gridpact.study.confidence import half_width, holm, mean_is_zero


@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_the_test_of_paired_differences_is_scipys(seed: int, seeds: int) -> None:
    one, other = np.random.default_rng(seed).normal(0.3, 1, (2, 4, seeds))
    np.testing.assert_allclose(mean_is_zero(one - other), stats.ttest_rel(one, other, axis=1).pvalue, atol=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_an_interval_leaves_out_zero_exactly_if_the_test_rejects_it(seed: int) -> None:
    values = np.random.default_rng(seed).normal(0.8, 1, (20, 6))
    assert np.array_equal(np.abs(values.mean(axis=1)) > half_width(values), mean_is_zero(values) < 0.05)


def test_values_that_never_differ_leave_no_doubt_and_a_single_one_proves_nothing() -> None:
    assert mean_is_zero(np.array([[2.0, 2.0], [0.0, 0.0]])).tolist() == [0.0, 1.0]
    assert np.isnan(mean_is_zero(np.array([[5.0]]))).all()


@given(st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.012, 0.02, 0.03, 0.05, 0.2, 1.0]), min_size=1, max_size=7))
def test_holm_rejects_what_stepping_down_rejects(p: list[float]) -> None:
    """From the definition: the smallest against α/m, the next against α/(m − 1), until one is not rejected."""
    alpha, rejected = 0.0503, set()
    for step, claim in enumerate(sorted(range(len(p)), key=lambda at: p[at])):
        if p[claim] > alpha / (len(p) - step):
            break
        rejected.add(claim)
    assert set(np.flatnonzero(holm(np.array(p)) <= alpha)) == rejected


def test_a_claim_that_cannot_be_tested_counts_and_is_never_made() -> None:
    assert holm(np.array([0.02, np.nan, 0.3])) == pytest.approx([0.06, np.nan, 0.6], nan_ok=True)


def test_where_nothing_differs_at_most_one_study_in_twenty_claims_anything() -> None:
    rng = np.random.default_rng(3)
    differences = rng.normal(0, 1, (4000, 5, 10)) + rng.normal(0, 1, (4000, 1, 10))  # of one reference, so correlated
    p = mean_is_zero(differences)
    claims = np.array([(holm(each) <= 0.05).any() for each in p])
    alone = (p <= 0.05).any(axis=1)
    assert claims.mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)
    assert alone.mean() > 0.1  # what the correction is for
