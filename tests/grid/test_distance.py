"""Electrical distances: by hand, and against all ways of small random networks."""

from dataclasses import replace
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.feeders import make_feeder, make_transformer
from gridpact.grid import branch_impedance, shortest_ways


def test_a_line_counts_its_impedance_over_the_square_of_its_voltage_and_a_transformer_its_short_circuit_voltage():
    # a line of 3 + j4 ohm at 0.4 kV: 5 / 0.16 p.u. at 1 MVA; 6 % at 250 kVA: 0.24
    feeder = make_feeder([(1, 2)], 3.0, 4.0, kv=[20.0, 0.4, 0.4], transformers=make_transformer())
    assert branch_impedance(feeder) == pytest.approx([5 / 0.16, 0.24])
    assert shortest_ways(feeder, [0]).distance[0] == pytest.approx([0.0, 0.24, 0.24 + 5 / 0.16])


def test_the_shorter_of_two_ways_counts():
    # 0 – 1 – 2 of 1 ohm each, and 0 – 2 directly: first of 3 ohm, then of 1.5
    long, short = (make_feeder([(0, 1), (1, 2), (2, 0)], [1.0, 1.0, direct], 0.0, kv=1.0) for direct in (3.0, 1.5))
    of_long, of_short = (shortest_ways(feeder, [0]) for feeder in (long, short))
    assert of_long.distance[0].tolist() == [0.0, 1.0, 2.0]
    assert of_long.before[0].tolist() == [-1, 0, 1]
    assert of_short.distance[0].tolist() == [0.0, 1.0, 1.5]
    assert of_short.before[0].tolist() == [-1, 0, 0]


@pytest.mark.parametrize("ohms", [(2.0, 0.5), (0.5, 2.0)])
def test_of_parallel_lines_the_one_of_least_impedance_counts_whichever_is_named_first(ohms):
    feeder = make_feeder([(0, 1), (1, 2)], ohms, 0.0, kv=1.0)
    feeder = replace(feeder, lines=replace(feeder.lines, from_bus=np.array([0, 1]), to_bus=np.array([1, 0])))
    assert shortest_ways(feeder, [0]).distance[0, 1] == 0.5


def test_where_no_way_leads_the_distance_is_not_a_number():
    ways = shortest_ways(make_feeder([(0, 1)], 1.0, 0.0, buses=3), [0])
    assert np.isnan(ways.distance[0, 2])
    assert ways.before[0, 2] == -1


@given(st.integers(0, 10_000), st.integers(2, 6))
def test_distances_are_the_least_over_all_ways(seed: int, buses: int):
    rng = np.random.default_rng(seed)
    ends = [(int(rng.integers(0, bus)), bus) for bus in range(1, buses)]
    ends += [(a, b) for a in range(buses) for b in range(a + 1, buses) if (a, b) not in ends and rng.random() < 0.3]
    ohm = rng.uniform(0.1, 1.0, len(ends))
    ways = shortest_ways(make_feeder(ends, ohm, 0.0, kv=1.0), range(buses))
    length = np.full((buses, buses), np.inf)
    for (a, b), each in zip(ends, ohm, strict=True):
        length[a, b] = length[b, a] = each
    for a in range(buses):
        for b in set(range(buses)) - {a}:
            between = set(range(buses)) - {a, b}
            routes = ((a, *via, b) for count in range(len(between) + 1) for via in permutations(between, count))
            assert ways.distance[a, b] == pytest.approx(min(sum(length[x, y] for x, y in pairwise(r)) for r in routes))
            last = ways.before[a, b]
            assert ways.distance[a, b] == pytest.approx(ways.distance[a, last] + length[last, b])
