"""Where to draw a feeder: every bus by its electrical distance from the source and its place among the branches."""

from dataclasses import dataclass

import numpy as np

from gridpact.grid import Feeder, shortest_ways
from gridpact.grid.distance import KVA
from gridpact.units import FloatArray, IntArray


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
    ways = shortest_ways(feeder, [feeder.source_bus])
    parent, impedance = ways.before[0], ways.distance[0]
    order = np.argsort(impedance, kind="stable")[: np.isfinite(impedance).sum()].tolist()  # parents first
    base_kva = KVA if np.nanmax(impedance, initial=0.0) * 10 < 1 else KVA / 10
    return Layout(impedance * 100 * base_kva / KVA, _rows(order, parent), base_kva)


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
