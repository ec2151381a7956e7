"""A feeder that makes no sense is refused when it is built."""

from dataclasses import replace

import numpy as np
import pytest

from grid.feeders import make_feeder, make_transformer
from gridpact.errors import InputError


def test_branches_are_lines_then_transformers():
    feeder = make_feeder([(1, 2)], 0.1, 0.05, kv=[20.0, 0.4, 0.4], transformers=make_transformer())
    assert feeder.branch_names == ("1-2", "T")
    from_bus, to_bus = feeder.branch_ends
    assert (from_bus.tolist(), to_bus.tolist()) == ([1, 0], [2, 1])


def test_columns_of_a_feeder_cannot_be_written():
    feeder = make_feeder([(0, 1)], 0.1, 0.05)
    with pytest.raises(ValueError, match="read-only"):
        feeder.lines.r_ohm[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        feeder.bus_kv[0] = 1.0


def test_an_unknown_bus_is_named_with_the_nearest_known_one():
    with pytest.raises(InputError, match=r"has no bus 'bus1'; did you mean 'bus 1'\?"):
        make_feeder([(0, 1)], 0.1, 0.05).bus_position("bus1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bus_names": ("a", "a")}, "name 'a' is empty or there twice"),
        ({"bus_names": ("a", "")}, "name '' is empty or there twice"),
        ({"bus_kv": np.array([0.4, 0.0])}, "bus 1: kv = 0.0 is out of range"),
        ({"bus_kv": np.array([0.4, 20.0])}, "line 0-1: it joins 0.4 kV and 20 kV"),
        ({"source_bus": 2}, "a position of a bus is out of range; accepted: 0 to 1"),
        ({"v_min_pu": 1.2}, "0 < v_min_pu < v_max_pu"),
        ({"v_max_pu": float("nan")}, "0 < v_min_pu < v_max_pu"),
        ({"slack_pu": 0.0}, "slack_pu = 0.0 is out of range"),
        ({"loading_limit": -1.0}, "loading_limit = -1.0 is out of range"),
        ({"frequency_hz": float("inf")}, "frequency_hz = inf is out of range"),
    ],
)
def test_a_feeder_out_of_range_is_refused(changes, message):
    with pytest.raises(InputError) as caught:
        replace(make_feeder([(0, 1)], 0.1, 0.05), **changes)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("r_ohm", -0.1, "line 0-1: r_ohm = -0.1 is out of range"),
        ("x_ohm", np.nan, "line 0-1: x_ohm = nan is out of range"),
        ("rating_a", 0.0, "line 0-1: rating_a = 0.0 is out of range"),
        ("to_bus", 0, "both ends are the same bus"),
        ("to_bus", 7, "a position of a bus is out of range"),
    ],
)
def test_a_line_out_of_range_is_refused(column, value, message):
    feeder = make_feeder([(0, 1)], 0.1, 0.05)
    lines = replace(feeder.lines, **{column: np.array([value])})
    with pytest.raises(InputError) as caught:
        replace(feeder, lines=lines)
    assert message in str(caught.value)


def test_a_line_without_impedance_is_refused():
    with pytest.raises(InputError, match=r"\|r_ohm \+ j x_ohm\| = 0.0"):
        make_feeder([(0, 1)], 0.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clock": np.array([6])}, "clock number 6 does not go with D and YN"),
        ({"hv_winding": ("Q",)}, "winding 'Q' is unknown; accepted: D, Y, YN, Z, ZN"),
        ({"rated_kva": np.array([0.0])}, "transformer T: rated_kva = 0.0 is out of range"),
        ({"pk_kw": np.array([-1.0])}, "transformer T: pk_kw = -1.0 is out of range"),
    ],
)
def test_a_transformer_out_of_range_is_refused(changes, message):
    with pytest.raises(InputError) as caught:
        make_feeder([(1, 2)], 0.1, 0.05, kv=[20.0, 0.4, 0.4], transformers=make_transformer(**changes))
    assert message in str(caught.value)


def test_columns_of_different_length_are_a_mistake_of_the_program():
    with pytest.raises(ValueError, match="columns of the transformer table differ in length"):
        make_transformer(uk=np.array([0.06, 0.04]))
