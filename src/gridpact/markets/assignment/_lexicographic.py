"""The most balanced point of a system of difference constraints: the nucleolus, by minimum mean cycles.

Arcs have slacks ``s``; moving node k by ``y_k`` makes them ``s + y_head − y_tail``. The sum of slacks along a cycle never
changes, so the smallest slack of any point is at most the smallest mean of a cycle, and a point that reaches it has equal
slacks all along that cycle. Such a cycle is contracted into one node, and what remains is balanced in the same way. ``d`` are
the potentials of Howard's method.
"""

import numpy as np
from numba import njit

from gridpact.units import FloatArray, IntArray

NONE = -1
TOLERANCE = 2.0**-44
"""Potentials are improved by more than this share of the largest slack."""


@njit(cache=True)
def balance(nodes: int, tail: IntArray, head: IntArray, slack: FloatArray) -> FloatArray:
    """Make the smallest slack as large as possible, then the next one, and so on; node 0 stays.

    The sum of values over cycles decides alone, so any feasible point may be given. The graph must be strongly connected.

    Returns
    -------
    y, ``[node]``.
    """
    tail, head, slack = tail.copy(), head.copy(), slack.copy()
    smallest = TOLERANCE * slack.max() if len(slack) > 0 else 0.0
    into, offset = np.full(nodes, NONE), np.zeros(nodes)
    order = np.empty(nodes, np.int64)
    moved = np.zeros(nodes)
    policy, d, seen = np.empty(nodes, np.int64), np.empty(nodes), np.empty(nodes, np.int64)
    arcs, merged = len(tail), 0
    while merged < nodes - 1:
        on_cycle, mean = _min_mean_cycle(arcs, tail, head, slack, into, smallest, policy, d, seen)
        top, node, y = on_cycle, on_cycle, 0.0
        while True:
            arc = policy[node]
            y += mean - slack[arc]
            node = head[arc]
            if node == top:
                break
            into[node], offset[node] = top, y
            moved[node] = y
            order[merged] = node
            merged += 1
        kept = 0
        for arc in range(arcs):
            a, b = tail[arc], head[arc]
            s = slack[arc] + moved[b] - moved[a]
            a, b = (top if into[a] != NONE else a), (top if into[b] != NONE else b)
            if a != b:
                tail[kept], head[kept], slack[kept] = a, b, s
                kept += 1
        arcs = kept
        moved[:] = 0.0
    shift = np.zeros(nodes)
    for k in range(merged - 1, -1, -1):
        shift[order[k]] = shift[into[order[k]]] + offset[order[k]]
    return np.asarray(shift - shift[0])


@njit(cache=True)
def _min_mean_cycle(
    arcs: int,
    tail: IntArray,
    head: IntArray,
    slack: FloatArray,
    into: IntArray,
    smallest: float,
    policy: IntArray,
    d: FloatArray,
    seen: IntArray,
) -> tuple[int, float]:
    """A node of a cycle of smallest mean, whose arcs ``policy`` names, and the mean.

    Howard's policy iteration in the form of Dasdan 2004, ACM Transactions on Design Automation of Electronic Systems 9(4).
    """
    d[:] = np.inf
    for arc in range(arcs):
        if slack[arc] < d[tail[arc]]:
            d[tail[arc]], policy[tail[arc]] = slack[arc], arc
    while True:
        on_cycle, mean = _policy_cycle(head, slack, into, policy, seen)
        _evaluate(on_cycle, mean, head, slack, into, policy, d, seen)
        improved = False
        for arc in range(arcs):
            a = tail[arc]
            through = d[head[arc]] + slack[arc] - mean
            if through < d[a] - smallest:
                d[a], policy[a], improved = through, arc, True
        if not improved:
            return on_cycle, mean


@njit(cache=True)
def _policy_cycle(
    head: IntArray, slack: FloatArray, into: IntArray, policy: IntArray, seen: IntArray
) -> tuple[int, float]:
    """Of the cycles that a policy leads into, the one of smallest mean: a node of it, and the mean."""
    seen[:] = NONE
    best, smallest = NONE, np.inf
    for first in range(len(into)):
        if into[first] != NONE:
            continue
        node = first
        while seen[node] == NONE:
            seen[node] = first
            node = head[policy[node]]
        if seen[node] != first:
            continue
        total, length, top = 0.0, 0, node
        while True:
            total += slack[policy[node]]
            length += 1
            node = head[policy[node]]
            if node == top:
                break
        if total / length < smallest:
            best, smallest = top, total / length
    return best, smallest


@njit(cache=True)
def _evaluate(
    on_cycle: int,
    mean: float,
    head: IntArray,
    slack: FloatArray,
    into: IntArray,
    policy: IntArray,
    d: FloatArray,
    path: IntArray,
) -> None:
    """Potentials of the nodes from which the policy leads to a node; the others keep theirs."""
    known, ends_there = np.zeros(len(into), np.bool_), np.zeros(len(into), np.bool_)
    known[on_cycle] = ends_there[on_cycle] = True
    for first in range(len(into)):
        if into[first] != NONE:
            continue
        node, steps = first, 0
        while not known[node]:
            known[node] = True
            path[steps] = node
            steps += 1
            node = head[policy[node]]
        for k in range(steps - 1, -1, -1):
            if ends_there[node]:
                ends_there[path[k]] = True
                d[path[k]] = d[node] + slack[policy[path[k]]] - mean
            node = path[k]
