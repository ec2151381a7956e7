"""Feeder files: what is written is read back exactly, and mistakes are named with their place."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.feeders import make_feeder, make_transformer, random_tree
from gridpact.errors import InputError
from gridpact.grid import Feeder, Lines, Transformers, load_feeder, power_flow, read_feeder, spot_loads, write_feeder


def assert_same(first, second):
    for field in fields(first):
        a, b = getattr(first, field.name), getattr(second, field.name)
        if isinstance(a, Lines | Transformers):
            assert_same(a, b)
        elif isinstance(a, np.ndarray):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        else:
            assert a == b


@given(seed=st.integers(0, 2**32 - 1), buses=st.integers(2, 20))
def test_a_feeder_that_is_written_is_read_back_exactly(tmp_path_factory, seed, buses):
    rng = np.random.default_rng(seed)
    xy = np.where(rng.random((buses, 1)) < 0.5, rng.normal(size=(buses, 2)), np.nan)
    feeder = random_tree(rng, buses, xy=xy, slack_pu=float(rng.uniform(0.9, 1.1)), load_buses=rng.permutation(buses))
    rating = np.where(rng.random(buses - 1) < 0.5, rng.uniform(1, 100, buses - 1), np.inf)
    feeder = replace(feeder, lines=replace(feeder.lines, rating_a=rating))
    spot = rng.normal(size=buses), rng.normal(size=buses)
    path = tmp_path_factory.mktemp("feeder") / "feeder.json"
    write_feeder(path, feeder, source="made up", spot_loads=spot)
    assert_same(load_feeder(path), feeder)
    np.testing.assert_array_equal(spot_loads(path), spot)


def test_a_transformer_that_is_written_is_read_back_exactly(tmp_path):
    units = make_transformer(ratio=np.array([0.975]), p0_kw=np.array([0.88]))
    feeder = make_feeder([(1, 2)], 0.1, 0.05, kv=[20.0, 0.4, 0.4], transformers=units)
    write_feeder(tmp_path / "feeder.json", feeder)
    assert_same(load_feeder(tmp_path / "feeder.json"), feeder)


@pytest.fixture
def content(tmp_path) -> dict:
    units = make_transformer()
    write_feeder(tmp_path / "f.json", make_feeder([(1, 2)], 0.1, 0.05, kv=[20.0, 0.4, 0.4], transformers=units))
    return json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))


def message_of(content: dict) -> str:
    with pytest.raises(InputError) as caught:
        read_feeder(json.dumps(content).encode(), "my.json")
    return str(caught.value)


def test_a_file_as_it_is_written_is_accepted(content):
    assert isinstance(read_feeder(json.dumps(content).encode(), "my.json")[0], Feeder)


def test_an_unknown_field_is_named_with_the_nearest_known_one(content):
    content["lines"][0]["r_om"] = 1.0
    message = message_of(content)
    assert message.startswith("my.json: lines[0]: ")
    assert "`r_om`; did you mean 'r_ohm'?" in message


def test_a_missing_field_is_named_with_its_place(content):
    del content["lines"][0]["x_ohm"]
    assert "my.json: lines[0]: Object missing required field `x_ohm`" in message_of(content)


def test_a_number_written_as_text_is_refused(content):
    content["buses"][1]["kv"] = "0.4"
    assert message_of(content).startswith("my.json: buses[1].kv: Expected `float`, got `str`")


@pytest.mark.parametrize(
    ("table", "field", "place"),
    [("lines", "to_bus", "lines[0].to_bus"), ("transformers", "lv_bus", "transformers[0].lv_bus")],
)
def test_an_unknown_bus_is_named_with_its_place(content, table, field, place):
    content[table][0][field] = "bus1"
    assert message_of(content).startswith(f"my.json: {place}: bus 'bus1' is unknown; did you mean 'bus 1'?")


def test_an_unknown_slack_bus_is_named(content):
    content["slack_bus"] = "nowhere"
    assert message_of(content).startswith("my.json: slack_bus: bus 'nowhere' is unknown")


def test_a_file_of_another_version_is_refused(content):
    content["version"] = 2
    assert "my.json: version: Invalid enum value 2" in message_of(content)


def test_a_value_out_of_range_is_refused(content):
    content["lines"][0]["r_ohm"] = -1.0
    assert message_of(content).startswith("my.json: feeder small: line 1-2: r_ohm = -1.0 is out of range")


def test_a_file_that_is_not_json_is_refused():
    with pytest.raises(InputError, match=r"my\.json: it is not JSON"):
        read_feeder(b"<xml/>", "my.json")


def test_the_example_of_the_documentation_is_read_and_solved(root):
    example = (root / "docs" / "grid.md").read_text(encoding="utf-8").partition("```json\n")[2].partition("```")[0]
    feeder, p_kw, q_kvar = read_feeder(example.encode(), "docs/grid.md")
    flow = power_flow(feeder, p_kw[None], q_kvar[None])
    assert feeder.lines.rating_a.tolist() == [270.0, np.inf]
    assert flow.head_kw[0] == pytest.approx(3.0 + flow.losses_kw[0])
    assert flow.losses_kw[0] > 0.46
