"""The leximin point of a system of difference constraints: the smallest payoff as large as possible, then the next one.

Members belong to nodes; moving node k by ``y_k`` adds it to the payoffs of its sellers and takes it from those of its buyers.
At a level λ of payoffs (in money; λ ``t`` per kWh) each member bounds its node from one side, and arcs carry bounds on: by
shortest paths from below, and from above on the graph turned round. The largest λ is where a bound from below meets one from
above. It is approached from above, as by Newton's method: each step solves for the pair of bounds that is violated most. What
lies between the two is settled for good, and the rest goes on.
"""

from typing import TypeAlias

import numpy as np
from numba import njit

from gridpact.markets.assignment._differences import distances
from gridpact.units import BoolArray, FloatArray, IntArray

Graph: TypeAlias = tuple[IntArray, IntArray, FloatArray]

NONE = -1
TOLERANCE = 2.0**-44
"""Bounds that pass each other by less than this share of the largest payoff meet."""
BUYER_MEETS_SELLER, SETTLED_ABOVE, SETTLED_BELOW = 0, 1, 2


@njit(cache=True)
def leximin(
    forward: Graph, backward: Graph, node_of: IntArray, is_seller: BoolArray, payoff: FloatArray, weight: FloatArray
) -> FloatArray:
    """Settle all nodes; node 0 stays.

    Parameters
    ----------
    forward, backward
        The constraints as a graph, and the graph turned round.
    node_of, is_seller, payoff
        Node, side and payoff per kWh of each member, ``[member]``. Members at node 0 have no say.
    weight
        t: payoff per kWh that is one unit of money, ``[member]``.

    Returns
    -------
    y, ``[node]``.
    """
    nodes = len(forward[0]) - 1
    settled, y = np.zeros(nodes, np.bool_), np.zeros(nodes)
    settled[0], nobody = True, np.zeros(nodes, np.bool_)
    smallest = TOLERANCE * payoff.max() if len(payoff) > 0 else 0.0
    while not settled.all():
        below, before_below = distances(*forward, np.where(settled, -y, np.inf), nobody)
        above, _ = distances(*backward, np.where(settled, y, np.inf), nobody)
        below = -below
        level = np.inf
        for k in range(len(node_of)):
            node = node_of[k]
            if not settled[node]:
                most = payoff[k] + (above[node] if is_seller[k] else -below[node])
                level = min(level, most / weight[k])
        while True:
            floor, who_floor, roof, who_roof = _bounds(level, nodes, node_of, is_seller, payoff, weight)
            carried, before = distances(*forward, -floor, settled)
            node, kind, excess = _worst(-carried, below, roof, above, settled)
            source = node
            while kind != SETTLED_BELOW and before[source] != NONE:
                source = before[source]
            seller, buyer = who_floor[source], who_roof[node]
            gap = carried[node] + floor[source]
            if kind == BUYER_MEETS_SELLER:
                lower = (payoff[buyer] + payoff[seller] + gap) / (weight[buyer] + weight[seller])
            elif kind == SETTLED_ABOVE:
                lower = (above[node] + payoff[seller] + gap) / weight[seller]
            else:
                lower = (payoff[buyer] - below[node]) / weight[buyer]
            if excess <= smallest or lower >= level:
                break
            level = lower
        back, value = (before_below, below) if kind == SETTLED_BELOW else (before, -carried)
        while node != NONE and not settled[node]:
            y[node], settled[node] = value[node], True
            node = back[node]
    return y


@njit(cache=True)
def _bounds(
    level: float, nodes: int, node_of: IntArray, is_seller: BoolArray, payoff: FloatArray, weight: FloatArray
) -> tuple[FloatArray, IntArray, FloatArray, IntArray]:
    """What a level asks of each node: its lowest y and the seller who asks, its highest y and the buyer who asks."""
    floor, roof = np.full(nodes, -np.inf), np.full(nodes, np.inf)
    who_floor, who_roof = np.full(nodes, NONE), np.full(nodes, NONE)
    for k in range(len(node_of)):
        node, lacking = node_of[k], level * weight[k] - payoff[k]
        if is_seller[k] and lacking > floor[node]:
            floor[node], who_floor[node] = lacking, k
        elif not is_seller[k] and -lacking < roof[node]:
            roof[node], who_roof[node] = -lacking, k
    return floor, who_floor, roof, who_roof


@njit(cache=True)
def _worst(
    carried: FloatArray, below: FloatArray, roof: FloatArray, above: FloatArray, settled: BoolArray
) -> tuple[int, int, float]:
    """Where a lower bound passes an upper one by most: node, which two, by how much."""
    node, kind, excess = NONE, BUYER_MEETS_SELLER, -np.inf
    for k in range(len(settled)):
        if settled[k]:
            continue
        if carried[k] - roof[k] > excess:
            node, kind, excess = k, BUYER_MEETS_SELLER, carried[k] - roof[k]
        if carried[k] - above[k] > excess:
            node, kind, excess = k, SETTLED_ABOVE, carried[k] - above[k]
        if below[k] - roof[k] > excess:
            node, kind, excess = k, SETTLED_BELOW, below[k] - roof[k]
    return node, kind, excess
