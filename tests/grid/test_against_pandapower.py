"""Networks of pandapower: their conversion, and the flow against pandapower's own Newton solver on the same pi models."""

from itertools import pairwise

import numpy as np
import pytest

from gridpact.errors import InputError
from gridpact.grid import feeder_from_pandapower, load_feeder, pandapower_bus_positions, power_flow

FILES = ("cigre_lv", "ieee33bw", "simbench_1-LV-rural1--0-sw", "simbench_1-LV-semiurb4--0-sw")


def solve(pandapower, net):
    """pandapower's solution with what drives ours: loads and static generators by bus."""
    pandapower.runpp(net, trafo_model="pi", tolerance_mva=1e-11, calculate_voltage_angles=False, numba=False)
    position = pandapower_bus_positions(net)
    feeder = feeder_from_pandapower(net)
    p_kw, q_kvar = np.zeros((1, len(feeder.bus_names))), np.zeros((1, len(feeder.bus_names)))
    for table, sign in (("load", 1), ("sgen", -1), ("storage", 1)):
        for index, bus in net[table].bus.items():
            if bus in position:
                p_kw[0, position[bus]] += sign * net[f"res_{table}"].p_mw[index] * 1e3
                q_kvar[0, position[bus]] += sign * net[f"res_{table}"].q_mvar[index] * 1e3
    return feeder, position, power_flow(feeder, p_kw, q_kvar)


def assert_agree(pandapower, net):
    feeder, position, flow = solve(pandapower, net)
    theirs = net.res_bus.vm_pu.loc[list(position)].to_numpy()
    assert np.abs(flow.v_pu[0, list(position.values())] - theirs).max() < 1e-7
    assert flow.head_kw[0] == pytest.approx(net.res_ext_grid.p_mw.sum() * 1e3, abs=1e-4)
    losses_mw = net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum()
    assert flow.losses_kw[0] == pytest.approx(losses_mw * 1e3, abs=1e-4)
    for at, name in enumerate(feeder.lines.name):
        index = net.line.index[net.line.name == name]
        if len(index) == 1:
            assert flow.loading[0, at] == pytest.approx(net.res_line.loading_percent[index[0]] / 100, abs=1e-6)
    return feeder


@pytest.fixture
def network(pandapower, shared_data):
    return lambda name: pandapower.from_json(str(shared_data / "grid" / f"{name}.json"))


@pytest.mark.parametrize("name", FILES)
def test_voltages_losses_and_loadings_agree_on(name, network, pandapower):
    assert_agree(pandapower, network(name))


@pytest.mark.parametrize("name", [name for name in FILES if name != "ieee33bw"])
@pytest.mark.parametrize("position", [-2, 1])
def test_tap_positions_agree_on(name, position, network, pandapower):
    net = network(name)
    net.trafo["tap_changer_type"] = "Ratio"
    net.trafo["tap_pos"] = float(position)
    net.trafo["tap_side"], net.trafo["tap_neutral"], net.trafo["tap_step_percent"] = "hv", 0.0, 2.5
    feeder = assert_agree(pandapower, net)
    assert feeder.transformers.ratio == pytest.approx(1 + 0.025 * position)


def test_taps_on_the_low_side_agree(network, pandapower):
    net = network(FILES[2])
    net.trafo["tap_changer_type"], net.trafo["tap_side"], net.trafo["tap_pos"] = "Ratio", "lv", 2.0
    net.trafo["tap_neutral"], net.trafo["tap_step_percent"] = 0.0, 1.5
    feeder = assert_agree(pandapower, net)
    assert feeder.transformers.lv_kv == pytest.approx(0.4 * 1.03)


def test_a_tap_without_a_tap_changer_type_counts_though_pandapower_ignores_it(network, pandapower):
    net = network(FILES[2])
    net.trafo["tap_pos"] = -1.0
    assert net.trafo.tap_changer_type.isna().all()
    feeder, position, flow = solve(pandapower, net)
    lv = position[net.trafo.lv_bus.iloc[0]]
    ignored = net.res_bus.vm_pu.loc[net.trafo.lv_bus.iloc[0]]
    assert feeder.transformers.ratio == pytest.approx(0.975)
    assert flow.v_pu[0, lv] / ignored == pytest.approx(1 / 0.975, abs=1e-3)


@pytest.fixture
def village(pandapower):
    """A transformer and four buses on a line; made here, so it runs without the data."""
    net = pandapower.create_empty_network(name="village")
    mv = pandapower.create_bus(net, 20.0, name="mv")
    lv = [pandapower.create_bus(net, 0.4, name=f"lv{at}", geodata=(at, 0)) for at in range(5)]
    pandapower.create_ext_grid(net, mv, vm_pu=1.02)
    pandapower.create_transformer(net, mv, lv[0], "0.25 MVA 20/0.4 kV")
    for a, b in pairwise(lv[:4]):
        pandapower.create_line(net, a, b, 0.2, "NAYY 4x150 SE", name=f"{a}-{b}")
    pandapower.create_switch(net, lv[3], lv[4], et="b", closed=True)
    for bus in (lv[2], lv[4]):
        pandapower.create_load(net, bus, 0.03, 0.01)
    return net


def test_parallel_lines_and_transformers_agree(village, pandapower):
    village.line["parallel"], village.trafo["parallel"] = 2, 3
    assert_agree(pandapower, village)


def test_buses_joined_by_a_closed_switch_become_one(village, pandapower):
    feeder = assert_agree(pandapower, village)
    position = pandapower_bus_positions(village)
    assert feeder.bus_names == ("mv", "lv0", "lv1", "lv2", "lv3")
    assert position[4] == position[5] == 4
    assert feeder.load_buses.tolist() == [3, 4]
    assert feeder.xy[1:, 0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("end", [1, 4])
def test_a_line_open_at_one_end_is_charged_from_the_other(end, village, pandapower):
    tie = pandapower.create_line(village, 1, 4, 5.0, "NAYY 4x150 SE", name="tie")
    pandapower.create_switch(village, end, tie, et="l", closed=False)
    feeder = assert_agree(pandapower, village)
    assert feeder.bus_names[-1] == "open end of tie [3]"
    assert feeder.lines.name[-1] == "tie"


def test_a_line_open_at_both_ends_is_left_out(village, pandapower):
    tie = pandapower.create_line(village, 1, 4, 5.0, "NAYY 4x150 SE", name="tie")
    for end in (1, 4):
        pandapower.create_switch(village, end, tie, et="l", closed=False)
    assert "tie" not in assert_agree(pandapower, village).lines.name


def test_elements_out_of_service_are_left_out(village, pandapower):
    pandapower.create_line(village, 1, 4, 0.5, "NAYY 4x150 SE", name="spare", in_service=False)
    dead = pandapower.create_bus(village, 0.4, name="dead", in_service=False)
    feeder = assert_agree(pandapower, village)
    assert "spare" not in feeder.lines.name
    assert "dead" not in feeder.bus_names
    assert dead not in pandapower_bus_positions(village)


def test_a_ring_agrees(village, pandapower):
    pandapower.create_line(village, 1, 4, 0.5, "NAYY 4x150 SE", name="ring")
    assert "ring" in assert_agree(pandapower, village).lines.name


def test_names_that_are_there_twice_get_their_index(village):
    village.bus.loc[[1, 2], "name"] = "twin"
    assert feeder_from_pandapower(village).bus_names[1:3] == ("twin [1]", "twin [2]")


def test_a_missing_zero_sequence_is_a_stated_multiple_and_a_given_one_is_kept(village):
    lines = feeder_from_pandapower(village).lines
    assert lines.r0_ohm == pytest.approx(4 * lines.r_ohm)
    assert lines.x0_ohm == pytest.approx(4 * lines.x_ohm)
    lines = feeder_from_pandapower(village, r0_over_r1=2.0, x0_over_x1=3.0).lines
    assert lines.r0_ohm == pytest.approx(2 * lines.r_ohm)
    assert lines.x0_ohm == pytest.approx(3 * lines.x_ohm)
    village.line["r0_ohm_per_km"], village.line["x0_ohm_per_km"] = 0.9, 0.5
    lines = feeder_from_pandapower(village).lines
    assert lines.r0_ohm == pytest.approx(0.2 * 0.9)
    assert lines.x0_ohm == pytest.approx(0.2 * 0.5)


def add_three_winding_transformer(pandapower, net):
    low, middle = pandapower.create_bus(net, 10.0), pandapower.create_bus(net, 20.0)
    high = pandapower.create_bus(net, 110.0)
    pandapower.create_transformer3w(net, high, middle, low, "63/25/38 MVA 110/20/10 kV", name="big one")


def set_phase_shifter(pandapower, net):
    net.trafo["tap_changer_type"], net.trafo["tap_pos"], net.trafo["name"] = "Ideal", 1.0, "turner"


UNSUPPORTED = {
    "trafo3w 'big one' is not supported": add_three_winding_transformer,
    "gen 'machine' is not supported": lambda pp, net: pp.create_gen(net, 2, 0.01, name="machine"),
    "shunt '0' is not supported": lambda pp, net: pp.create_shunt(net, 2, 0.01),
    "0 external grids are in service": lambda pp, net: net.ext_grid.update({"in_service": [False]}),
    "2 external grids are in service": lambda pp, net: pp.create_ext_grid(net, 2),
    "trafo 'turner' has a tap changer that is not a plain ratio": set_phase_shifter,
    "line '1-2' has a shunt conductance": lambda pp, net: net.line.__setitem__("g_us_per_km", 1.0),
}


@pytest.mark.parametrize("message", UNSUPPORTED)
def test_what_is_not_supported_is_refused_by_name(message, village, pandapower):
    UNSUPPORTED[message](pandapower, village)
    with pytest.raises(InputError) as caught:
        feeder_from_pandapower(village)
    assert message in str(caught.value)
    assert "pandapower network village" in str(caught.value)


def test_a_file_saved_by_pandapower_is_loaded(village, pandapower, tmp_path):
    pandapower.to_json(village, str(tmp_path / "village.json"))
    feeder = load_feeder(tmp_path / "village.json", v_max_pu=1.05)
    assert (feeder.name, feeder.slack_pu, feeder.v_max_pu) == ("village", 1.02, 1.05)
