"""Violations: every passed limit is found once, with bus or branch, scenario, value and limit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.feeders import make_feeder
from gridpact.grid import Flow, ViolationKind, find_violations


def make_flow(v_pu, loading) -> Flow:
    scenarios = len(v_pu)
    return Flow(
        np.asarray(v_pu, dtype=float), np.asarray(loading, dtype=float), *(np.zeros(scenarios) for _ in range(3))
    )


def test_each_kind_is_found_with_its_place_value_and_limit():
    feeder = make_feeder([(0, 1)], 0.1, 0.05, rating_a=[100.0])
    found = find_violations(feeder, make_flow([[1.0, 0.95], [1.0, 0.89], [1.11, 1.0]], [[0.5], [1.2], [1.0]]))
    rows = list(
        zip(found.kind.tolist(), found.scenario.tolist(), found.element.tolist(), found.value, found.limit, strict=True)
    )
    assert rows == [
        (ViolationKind.UNDER_VOLTAGE, 1, 1, 0.89, 0.9),
        (ViolationKind.OVER_VOLTAGE, 2, 0, 1.11, 1.1),
        (ViolationKind.OVERLOAD, 1, 0, 1.2, 1.0),
    ]
    assert len(found) == 3
    assert found.counts == {ViolationKind.UNDER_VOLTAGE: 1, ViolationKind.OVER_VOLTAGE: 1, ViolationKind.OVERLOAD: 1}
    assert found.by_scenario(3).tolist() == [0, 2, 1]
    assert found.by_element(ViolationKind.UNDER_VOLTAGE, 2).tolist() == [0, 1]


def test_a_value_at_its_limit_violates_nothing():
    feeder = make_feeder([(0, 1)], 0.1, 0.05)
    assert len(find_violations(feeder, make_flow([[1.1 + 1e-12, 0.9 - 1e-12]], [[1.0]]))) == 0


def test_the_worst_phase_counts():
    feeder = make_feeder([(0, 1)], 0.1, 0.05)
    found = find_violations(feeder, make_flow([[[1.0, 1.0, 1.0], [0.85, 1.0, 1.15]]], [[0.0]]))
    assert found.kind.tolist() == [ViolationKind.UNDER_VOLTAGE, ViolationKind.OVER_VOLTAGE]
    assert found.value == pytest.approx([0.85, 1.15])


@given(seed=st.integers(0, 2**32 - 1), scenarios=st.integers(0, 20))
def test_what_is_found_is_what_a_loop_over_everything_finds(seed, scenarios):
    rng = np.random.default_rng(seed)
    feeder = make_feeder([(0, 1), (1, 2)], 0.1, 0.05)
    flow = make_flow(rng.uniform(0.85, 1.15, (scenarios, 3)), rng.uniform(0, 1.5, (scenarios, 2)))
    expected = []
    for at in range(scenarios):
        expected += [(ViolationKind.UNDER_VOLTAGE, at, bus) for bus in range(3) if flow.v_pu[at, bus] < 0.9]
        expected += [(ViolationKind.OVER_VOLTAGE, at, bus) for bus in range(3) if flow.v_pu[at, bus] > 1.1]
        expected += [(ViolationKind.OVERLOAD, at, branch) for branch in range(2) if flow.loading[at, branch] > 1]
    found = find_violations(feeder, flow)
    assert list(zip(found.kind, found.scenario, found.element, strict=True)) == sorted(expected)
