"""The linear model: against sums over paths, against AC flows of a light load."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.feeders import make_feeder, make_transformer, random_tree
from gridpact.errors import InputError, PowerFlowError
from gridpact.grid import Feeder, linear_model, load_feeder, power_flow, radial_tree, spot_loads


def path_to_source(feeder: Feeder, bus: int) -> list[int]:
    """Branches from a bus to the source, found by trying every way."""
    from_bus, to_bus = feeder.branch_ends
    ways = [(bus, [])]
    while ways:
        at, path = ways.pop()
        if at == feeder.source_bus:
            return path
        for branch, (a, b) in enumerate(zip(from_bus.tolist(), to_bus.tolist(), strict=True)):
            if branch not in path and at in (a, b):
                ways.append((a + b - at, [*path, branch]))
    raise AssertionError("not connected")


@given(seed=st.integers(0, 2**32 - 1), buses=st.integers(2, 10))
def test_sensitivities_are_sums_over_the_shared_part_of_two_paths(seed, buses):
    feeder = random_tree(np.random.default_rng(seed), buses)
    model = linear_model(feeder)
    paths = [set(path_to_source(feeder, bus)) for bus in range(buses)]
    for i in range(buses):
        assert set(np.flatnonzero(model.downstream[:, i])) == paths[i]
        for j in range(buses):
            shared = list(paths[i] & paths[j])
            scale = 2 / (1000 * 0.4**2)
            assert model.drop_p[i, j] == pytest.approx(scale * feeder.lines.r_ohm[shared].sum())
            assert model.drop_q[i, j] == pytest.approx(scale * feeder.lines.x_ohm[shared].sum())


@given(seed=st.integers(0, 2**32 - 1), buses=st.integers(2, 10))
def test_voltages_of_the_smallest_loads_agree_with_the_ac_flow(seed, buses):
    rng = np.random.default_rng(seed)
    feeder = random_tree(rng, buses, slack_pu=1.02)
    model = linear_model(feeder)
    watts = 1e-3
    p_kw, q_kvar = np.zeros((2 * buses, buses)), np.zeros((2 * buses, buses))
    np.fill_diagonal(p_kw, watts)
    np.fill_diagonal(q_kvar[buses:], watts)
    squared = power_flow(feeder, np.concatenate([p_kw, -p_kw]), np.concatenate([q_kvar, -q_kvar])).v_pu ** 2
    slope = (squared[: 2 * buses] - squared[2 * buses :]) / (2 * watts)
    assert slope[:buses] == pytest.approx(-model.drop_p.T, abs=2e-8)
    assert slope[buses:] == pytest.approx(-model.drop_q.T, abs=2e-8)


@pytest.mark.parametrize("ratio", [0.95, 1.0, 1.05])
@pytest.mark.parametrize("turned", [False, True])
def test_taps_and_nominal_voltages_are_in_the_model(ratio, turned):
    units = make_transformer(1, 2, ratio=np.array([ratio]), hv_kv=np.array([21.0]), lv_kv=np.array([0.41]))
    kv = [20.0, 20.0, 0.4, 0.4]
    feeder = make_feeder(
        [(0, 1), (2, 3)], [5.0, 0.05], [4.0, 0.03], kv=kv, transformers=units, source_bus=3 if turned else 0
    )
    model = linear_model(feeder)
    empty = power_flow(feeder, np.zeros((1, 4)), np.zeros((1, 4))).v_pu[0]
    assert np.sqrt(model.v2_empty) == pytest.approx(empty, abs=1e-9)
    step = 1e-3 * np.eye(4)
    for drop, kw, kvar in ((model.drop_p, 1, 0), (model.drop_q, 0, 1)):
        up, down = (power_flow(feeder, kw * sign * step, kvar * sign * step).v_pu ** 2 for sign in (1, -1))
        slope = ((down - up) / 2e-3).T
        assert slope == pytest.approx(drop, rel=1e-4, abs=2e-8)


def test_the_model_of_the_ieee_37_bus_feeder_is_within_a_thousandth_of_its_ac_flow():
    feeder, (p_kw, q_kvar) = load_feeder("ieee37"), spot_loads("ieee37")
    model = linear_model(feeder)
    flow = power_flow(feeder, p_kw[None], q_kvar[None])
    assert model.v_pu(p_kw[None], q_kvar[None]) == pytest.approx(flow.v_pu, abs=1e-3)
    head = model.branch_flow(p_kw[None])[0, feeder.branch_names.index("799-701")]
    assert head == pytest.approx(2457.0)


def test_a_load_beyond_collapse_has_no_voltage():
    model = linear_model(make_feeder([(0, 1)], 0.1, 0.05))
    assert np.isnan(model.v_pu(np.array([[0.0, 1e4]]), np.zeros((1, 2)))[0, 1])


def test_a_meshed_feeder_is_refused_with_the_branches_of_a_loop():
    feeder = make_feeder([(0, 1), (1, 2), (2, 3), (3, 1), (3, 4)], 0.1, 0.05)
    with pytest.raises(InputError) as caught:
        linear_model(feeder)
    named = str(caught.value).partition("loop through ")[2].partition(";")[0]
    assert set(named.split(", ")) == {"1-2", "2-3", "3-1"}


def test_two_parallel_lines_are_a_loop():
    feeder = make_feeder([(0, 1), (1, 0)], 0.1, 0.05)
    with pytest.raises(InputError, match="loop through 1-0, 0-1"):
        radial_tree(feeder)


def test_a_bus_that_nothing_feeds_is_named():
    with pytest.raises(PowerFlowError, match="bus 'bus 2' is not connected"):
        linear_model(make_feeder([(0, 1), (2, 3)], 0.1, 0.05))
