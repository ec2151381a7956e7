"""Where to draw a feeder: every bus by its electrical distance from the source and its place among the branches."""

import heapq
from dataclasses import dataclass

import numpy as np

from gridpact.grid import Feeder
from gridpact.units import FloatArray, IntArray

KVA = 1_000.0


@dataclass(frozen=True, eq=False)
class Layout:
    """Positions on paper, ``[bus]``.

    Attributes
    ----------
    distance
        Sum of the impedances on the shortest way from the source, as voltage drop in percent at ``base_kva``.
    row
        Place across: whole numbers at the ends of branches, 0 at the top; the longest way from a fork goes straight on.
    base_kva
        The power behind the distance: 100 kVA, or 1 MVA on stiff feeders.
    """

    distance: FloatArray
    row: FloatArray
    base_kva: float


def lay_out(feeder: Feeder) -> Layout:
    """Lay a feeder out as a tree of shortest electrical ways; branches that close a loop are drawn across it."""
    order, parent, impedance = _shortest_ways(feeder, branch_impedance(feeder))
    base_kva = KVA if np.nanmax(impedance, initial=0.0) * 10 < 1 else KVA / 10
    return Layout(impedance * 100 * base_kva / KVA, _rows(order, parent), base_kva)


def branch_impedance(feeder: Feeder) -> FloatArray:
    """Size of the series impedance of every branch in p.u. at 1 MVA, ``[branch]``."""
    lines, transformers = feeder.lines, feeder.transformers
    ohm = np.hypot(lines.r_ohm, lines.x_ohm)
    of_lines = ohm / feeder.bus_kv[lines.from_bus] ** 2
    of_transformers = transformers.uk * KVA / transformers.rated_kva
    return np.concatenate([of_lines, of_transformers])


def _shortest_ways(feeder: Feeder, weight: FloatArray) -> tuple[list[int], IntArray, FloatArray]:
    """Dijkstra from the source: buses in the order reached, the bus before each (−1: none), the distance of each."""
    buses = len(feeder.bus_names)
    neighbours: list[list[tuple[int, float]]] = [[] for _ in range(buses)]
    from_bus, to_bus = feeder.branch_ends
    for a, b, length in zip(from_bus.tolist(), to_bus.tolist(), weight.tolist(), strict=True):
        neighbours[a].append((b, length))
        neighbours[b].append((a, length))
    parent, distance = np.full(buses, -1, dtype=np.int64), np.full(buses, np.nan)
    order: list[int] = []
    reached = [(0.0, feeder.source_bus, -1)]
    while reached:
        so_far, bus, before = heapq.heappop(reached)
        if np.isfinite(distance[bus]):
            continue
        distance[bus], parent[bus] = so_far, before
        order.append(bus)
        for other, length in neighbours[bus]:
            if np.isnan(distance[other]):
                heapq.heappush(reached, (so_far + length, other, bus))
    return order, parent, distance


def _rows(order: list[int], parent: IntArray) -> FloatArray:
    """Rows of a tree whose buses come in an order that puts parents first; NaN for buses outside of it."""
    children: dict[int, list[int]] = {bus: [] for bus in order}
    leaves = dict.fromkeys(order, 1)
    for bus in reversed(order):
        if children[bus]:
            leaves[bus] = sum(leaves[child] for child in children[bus])
        if parent[bus] >= 0:
            children[int(parent[bus])].append(bus)
    first, straight_on, upwards = {order[0]: 0}, dict[int, int](), dict.fromkeys(order, False)
    for bus in order:
        by_size = sorted(children[bus], key=lambda child: (-leaves[child], child))
        if by_size:
            straight_on[bus] = by_size[0]
            upwards[by_size[0]] = upwards[bus] ^ (len(by_size) > 1)
        row = first[bus]
        for child in _around_the_widest(by_size, upwards=upwards[bus]):
            first[child] = row
            row += leaves[child]
    rows = np.full(len(parent), np.nan)
    for bus in reversed(order):
        rows[bus] = rows[straight_on[bus]] if bus in straight_on else first[bus]
    return rows


def _around_the_widest(by_size: list[int], *, upwards: bool) -> list[int]:
    """The widest child in the middle, the others in turn above and below it, beginning on the side that is asked for."""
    arranged = by_size[1::2][::-1] + by_size[::2]
    return arranged if upwards else arranged[::-1]
