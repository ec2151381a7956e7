"""Feeders by name and from files."""

import sys

import numpy as np
import pytest

from gridpact.errors import InputError
from gridpact.grid import builtin_feeders, load_feeder, power_flow, radial_tree, write_feeder


@pytest.mark.parametrize("name", builtin_feeders())
def test_every_builtin_feeder_is_radial_and_solves(name):
    feeder = load_feeder(name)
    assert feeder.name == name
    assert len(radial_tree(feeder).order) == len(feeder.bus_names)
    drawn = np.full((1, len(feeder.bus_names)), 1.0)
    flow = power_flow(feeder, drawn, 0.2 * drawn)
    assert 0.9 < flow.v_pu.min() < flow.v_pu.max() < 1.1


def test_limits_and_slack_are_overridden_by_keyword():
    feeder = load_feeder("ieee37", slack_pu=1.03, v_min_pu=0.96, v_max_pu=1.04, loading_limit=0.8)
    assert (feeder.slack_pu, feeder.v_min_pu, feeder.v_max_pu, feeder.loading_limit) == (1.03, 0.96, 1.04, 0.8)
    assert load_feeder("ieee37").slack_pu == 1.0


def test_an_override_out_of_order_is_refused():
    with pytest.raises(InputError, match="0 < v_min_pu < v_max_pu"):
        load_feeder("ieee37", v_min_pu=1.2)


def test_an_unknown_name_is_refused_with_the_nearest_known_one():
    with pytest.raises(InputError, match=r"'ieee73' is neither built in nor a file; did you mean 'ieee37'\?"):
        load_feeder("ieee73")


def test_a_path_may_be_text_or_a_path(tmp_path):
    path = tmp_path / "mine.json"
    write_feeder(path, load_feeder("ieee37"))
    assert load_feeder(path).bus_names == load_feeder(str(path)).bus_names


@pytest.mark.parametrize(
    ("module", "source", "extra"),
    [("pandapower", "net.json", "networks"), ("simbench", "simbench:1-LV-rural1--0-sw", "simbench")],
)
def test_without_its_package_a_network_is_refused_with_what_to_install(monkeypatch, tmp_path, module, source, extra):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.json").write_text(
        '{"_module": "pandapower.auxiliary", "_class": "pandapowerNet"}', encoding="utf-8"
    )
    with pytest.raises(InputError) as caught:
        load_feeder(source)
    assert f"pip install 'gridpact[{extra}]'" in str(caught.value)
    assert source in str(caught.value)
