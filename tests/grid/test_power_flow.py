"""AC power flow: by hand on two buses, then what must hold on any feeder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from power_grid_model import PowerGridModel

from grid.feeders import make_feeder, make_transformer, random_tree
from gridpact.errors import PowerFlowError
from gridpact.grid import PowerFlow, linear_model, load_feeder, power_flow, power_flow_per_phase, spot_loads


def far_voltage(p_kw: float, q_kvar: float, r_ohm: float, x_ohm: float, kv: float = 0.4) -> float:
    """Voltage in p.u. at the end of a line fed at 1.0 p.u., from the quadratic in v² of a line without charging."""
    r, x = r_ohm / (1000 * kv**2), x_ohm / (1000 * kv**2)
    half = 0.5 - (r * p_kw + x * q_kvar)
    return float(np.sqrt(half + np.sqrt(half**2 - (r**2 + x**2) * (p_kw**2 + q_kvar**2))))


def test_a_line_with_one_load_agrees_with_the_calculation_by_hand():
    feeder = make_feeder([(0, 1)], 0.1, 0.05, rating_a=[100.0])
    p_kw, q_kvar = np.array([[0.0, 30.0]]), np.array([[0.0, 10.0]])
    flow = power_flow(feeder, p_kw, q_kvar)

    v = far_voltage(30, 10, 0.1, 0.05)
    current_a = np.hypot(30, 10) / (np.sqrt(3) * 0.4 * v)
    loss_kw = 3 * 0.1 * current_a**2 / 1000
    assert flow.v_pu[0] == pytest.approx([1.0, v], abs=1e-8)
    assert flow.losses_kw[0] == pytest.approx(loss_kw, rel=1e-7)
    assert flow.head_kw[0] == pytest.approx(30 + loss_kw, rel=1e-8)
    assert flow.head_kvar[0] == pytest.approx(10 + loss_kw / 2, rel=1e-8)
    assert flow.loading[0, 0] == pytest.approx(current_a / 100, rel=1e-7)


def test_generation_raises_the_voltage_and_flows_out_of_the_head():
    feeder = make_feeder([(0, 1)], 0.1, 0.05)
    flow = power_flow(feeder, np.array([[0.0, -30.0]]), np.zeros((1, 2)))
    assert flow.v_pu[0, 1] == pytest.approx(far_voltage(-30, 0, 0.1, 0.05), abs=1e-8)
    assert flow.v_pu[0, 1] > 1
    assert -30 < flow.head_kw[0] < -28


def test_a_load_at_the_source_only_passes_through_the_head():
    feeder = make_feeder([(0, 1)], 0.1, 0.05)
    flow = power_flow(feeder, np.array([[12.0, 0.0]]), np.array([[3.0, 0.0]]))
    assert (flow.head_kw[0], flow.head_kvar[0]) == pytest.approx((12, 3), abs=1e-6)
    assert flow.losses_kw[0] == pytest.approx(0, abs=1e-6)


def test_line_charging_follows_the_frequency():
    feeders = [make_feeder([(0, 1)], 0.1, 0.05, kv=20.0, c_nf=300.0, frequency_hz=hertz) for hertz in (50.0, 60.0)]
    supplied = [power_flow(feeder, np.zeros((1, 2)), np.zeros((1, 2))).head_kvar[0] for feeder in feeders]
    assert supplied[0] == pytest.approx(-2 * np.pi * 50 * 300e-9 * 20e3**2 / 1e3, rel=1e-5)
    assert supplied[1] == pytest.approx(1.2 * supplied[0], rel=1e-5)


@pytest.mark.parametrize("steps", [-2, 0, 1])
def test_a_tap_on_the_high_side_divides_the_voltage(steps):
    ratio = 1 + 0.025 * steps
    feeder = make_feeder(
        [(1, 2)], 0.1, 0.05, kv=[20.0, 0.4, 0.4], transformers=make_transformer(ratio=np.array([ratio])), slack_pu=1.025
    )
    flow = power_flow(feeder, np.zeros((1, 3)), np.zeros((1, 3)))
    assert flow.v_pu[0] == pytest.approx([1.025, 1.025 / ratio, 1.025 / ratio], abs=1e-9)


def test_a_transformer_at_no_load_draws_its_iron_losses_and_is_loaded_by_apparent_power():
    units = make_transformer(p0_kw=np.array([0.88]), i0=np.array([0.0035201]))
    feeder = make_feeder([(1, 2)], 0.001, 0.001, kv=[20.0, 0.4, 0.4], transformers=units)
    drawn = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 100.0]])
    flow = power_flow(feeder, drawn, np.zeros((2, 3)))
    assert flow.losses_kw[0] == pytest.approx(0.88, rel=1e-3)
    assert flow.loading[1, 1] == pytest.approx(np.hypot(flow.head_kw[1], flow.head_kvar[1]) / 250, rel=1e-6)


def test_lines_without_a_rating_are_never_loaded():
    feeder = make_feeder([(0, 1), (1, 2)], 0.1, 0.05, rating_a=[np.inf, 50.0])
    flow = power_flow(feeder, np.array([[0.0, 5.0, 5.0]]), np.zeros((1, 3)))
    assert flow.loading[0, 0] == 0
    assert flow.loading[0, 1] > 0


@given(seed=st.integers(0, 2**32 - 1), buses=st.integers(2, 12))
def test_equal_phases_flow_as_the_symmetric_feeder_does(seed, buses):
    rng = np.random.default_rng(seed)
    feeder = random_tree(rng, buses)
    p_kw, q_kvar = rng.uniform(-8, 8, (3, buses)), rng.uniform(-2, 2, (3, buses))
    flow = power_flow(feeder, p_kw, q_kvar)
    phases = power_flow_per_phase(feeder, *(np.repeat(values[:, :, None] / 3, 3, axis=2) for values in (p_kw, q_kvar)))
    assert phases.v_pu == pytest.approx(np.repeat(flow.v_pu[:, :, None], 3, axis=2), abs=1e-8)
    assert phases.head_kw == pytest.approx(flow.head_kw, abs=1e-5)
    assert phases.losses_kw == pytest.approx(flow.losses_kw, abs=1e-5)
    assert phases.loading == pytest.approx(flow.loading, abs=1e-7)


def test_equal_phases_load_a_transformer_as_the_symmetric_feeder_does():
    feeder = make_feeder([(1, 2)], 0.01, 0.005, kv=[20.0, 0.4, 0.4], transformers=make_transformer(), rating_a=[200.0])
    p_kw = np.array([[0.0, 10.0, 60.0]])
    flow = power_flow(feeder, p_kw, 0.3 * p_kw)
    phases = power_flow_per_phase(
        feeder, np.repeat(p_kw[:, :, None] / 3, 3, axis=2), np.repeat(0.1 * p_kw[:, :, None], 3, axis=2)
    )
    assert phases.loading == pytest.approx(flow.loading, abs=1e-7)


def test_one_loaded_phase_pulls_its_own_voltage_down_and_the_others_up():
    feeder = make_feeder([(0, 1)], 0.1, 0.05, rating_a=[100.0])
    p_kw = np.zeros((1, 2, 3))
    p_kw[0, 1, 1] = 5.0
    flow = power_flow_per_phase(feeder, p_kw, np.zeros_like(p_kw))
    v = flow.v_pu[0, 1]
    assert v[1] < 1 < min(v[0], v[2])
    current_a = 5.0 / (0.4 / np.sqrt(3) * v[1])
    assert flow.loading[0, 0] == pytest.approx(current_a / 100, rel=1e-6)
    # the returning current passes (z0 - z1) / 3 of the neutral on top of z1: 2 z1 in all
    assert flow.losses_kw[0] == pytest.approx(2 * 0.1 * current_a**2 / 1000, rel=1e-6)


@given(seed=st.integers(0, 2**32 - 1), buses=st.integers(2, 12))
def test_losses_are_the_sum_of_what_the_branches_lose(seed, buses):
    rng = np.random.default_rng(seed)
    feeder = random_tree(rng, buses)
    p_kw, q_kvar = rng.uniform(-8, 8, (4, buses)), rng.uniform(-2, 2, (4, buses))
    solver = PowerFlow(feeder)
    losses_kw = solver.run(p_kw, q_kvar).losses_kw
    assert losses_kw == pytest.approx(branch_losses_kw(solver._symmetric, p_kw, q_kvar), abs=1e-6)
    assert (losses_kw > 0).all()


def branch_losses_kw(model: PowerGridModel, p_kw, q_kvar):
    update = {"sym_load": {"p_specified": p_kw * 1e3, "q_specified": q_kvar * 1e3}}
    lines = model.calculate_power_flow(update_data=update, output_component_types={"line": ["p_from", "p_to"]})["line"]
    return (lines["p_from"] + lines["p_to"]).sum(axis=1) / 1e3


def test_losses_of_the_ieee_37_bus_feeder_are_the_sum_of_what_lines_and_transformer_lose():
    feeder, (p_kw, q_kvar) = load_feeder("ieee37"), spot_loads("ieee37")
    solver = PowerFlow(feeder)
    losses_kw = solver.run(p_kw[None], q_kvar[None]).losses_kw
    assert losses_kw == pytest.approx(branch_losses_kw(solver._symmetric, p_kw[None], q_kvar[None]), abs=1e-6)


@pytest.mark.parametrize("values_per_chunk", [1, 7, 50])
def test_a_batch_gives_the_same_however_it_is_cut(values_per_chunk):
    rng = np.random.default_rng(1)
    feeder = random_tree(rng, 6)
    p_kw, q_kvar = rng.uniform(-8, 8, (25, 6)), rng.uniform(-2, 2, (25, 6))
    whole = power_flow(feeder, p_kw, q_kvar)
    for threads in (1, 2):
        cut = PowerFlow(feeder, threads=threads, values_per_chunk=values_per_chunk).run(p_kw, q_kvar)
        for name in ("v_pu", "loading", "head_kw", "head_kvar", "losses_kw"):
            assert getattr(cut, name) == pytest.approx(getattr(whole, name), abs=1e-7)


def test_no_scenario_is_an_empty_flow():
    feeder = make_feeder([(0, 1)], 0.1, 0.05)
    flow = power_flow(feeder, np.empty((0, 2)), np.empty((0, 2)))
    assert flow.v_pu.shape == (0, 2)
    assert flow.losses_kw.shape == (0,)


def largest_load_kw(r_ohm: float, x_ohm: float, kv: float = 0.4) -> float:
    """The largest active power a line fed at 1.0 p.u. can carry: where the quadratic in v² has one root."""
    r, x = r_ohm / (1000 * kv**2), x_ohm / (1000 * kv**2)
    return float(0.5 / (r + np.hypot(r, x)))


def test_a_load_near_the_nose_of_the_curve_is_still_solved():
    feeder = make_feeder([(0, 1)], 0.1, 0.05)
    p_kw = 0.9999 * largest_load_kw(0.1, 0.05)
    flow = power_flow(feeder, np.array([[0.0, p_kw]]), np.zeros((1, 2)))
    assert flow.v_pu[0, 1] == pytest.approx(far_voltage(p_kw, 0, 0.1, 0.05), abs=1e-6)


def test_a_load_beyond_the_nose_is_refused_with_scenario_and_bus():
    feeder = make_feeder([(0, 1)], 0.1, 0.05)
    p_kw = np.zeros((7, 2))
    p_kw[5, 1] = 1.001 * largest_load_kw(0.1, 0.05)
    with pytest.raises(
        PowerFlowError, match=r"no power flow solution in scenario 5 \(1 of .* 378\.\d+ kW at bus 'bus 1'"
    ):
        PowerFlow(feeder, values_per_chunk=4).run(p_kw, np.zeros((7, 2)))


def test_a_bus_that_nothing_feeds_is_named():
    feeder = make_feeder([(0, 1), (2, 3)], 0.1, 0.05)
    with pytest.raises(PowerFlowError, match=r"bus 'bus 2' is not connected with the source 'bus 0' \(2 such buses\)"):
        power_flow(feeder, np.zeros((1, 4)), np.zeros((1, 4)))


@pytest.mark.parametrize(
    ("p_kw", "q_kvar", "message"),
    [
        (np.zeros((1, 3)), np.zeros((1, 2)), "p_kw has shape"),
        (np.zeros((1, 2)), np.zeros((2, 2)), "q_kvar has shape"),
        (np.full((1, 2), np.nan), np.zeros((1, 2)), "p_kw has values that are not finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(p_kw, q_kvar, message):
    with pytest.raises(ValueError, match=message):
        power_flow(make_feeder([(0, 1)], 0.1, 0.05), p_kw, q_kvar)


def test_a_meshed_feeder_is_solved():
    ring = make_feeder([(0, 1), (0, 2), (1, 2)], 0.1, 0.05)
    flow = power_flow(ring, np.array([[0.0, 10.0, 10.0]]), np.zeros((1, 3)))
    assert flow.v_pu[0, 1] == pytest.approx(far_voltage(10, 0, 0.1, 0.05), abs=1e-8)
    assert flow.v_pu[0, 1] == pytest.approx(flow.v_pu[0, 2], abs=1e-12)


def test_the_lines_of_a_feeder_need_not_point_away_from_the_source():
    forth, back = (make_feeder([(0, 1), pair], [0.1, 0.2], 0.05) for pair in ((1, 2), (2, 1)))
    p_kw = np.array([[0.0, 4.0, 6.0]])
    assert power_flow(forth, p_kw, 0 * p_kw).v_pu == pytest.approx(power_flow(back, p_kw, 0 * p_kw).v_pu, abs=1e-12)
    assert linear_model(forth).drop_p == pytest.approx(linear_model(back).drop_p)
