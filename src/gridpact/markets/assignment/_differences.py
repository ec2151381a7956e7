"""Systems of difference constraints ``y_head − y_tail ≥ −length``: groups of nodes, shortest paths.

A system is a graph by tails: the arcs of node k are rows ``start[k] : start[k + 1]`` of ``head`` and ``length``. Lengths
are slacks of a point that is feasible, so none is negative and the paths are Dijkstra's.
"""

import numpy as np
from numba import njit

from gridpact.units import BoolArray, FloatArray, IntArray

NONE = -1


@njit(cache=True)
def group(nodes: int, one: IntArray, other: IntArray) -> IntArray:
    """Number the groups of nodes that given pairs connect, in the order of their first nodes."""
    root = np.arange(nodes)
    for k in range(len(one)):
        a, b = _root(root, one[k]), _root(root, other[k])
        root[max(a, b)] = min(a, b)
    label = np.empty(nodes, np.int64)
    groups = 0
    for node in range(nodes):
        top = _root(root, node)
        if top == node:
            label[node] = groups
            groups += 1
        else:
            label[node] = label[top]
    return label


@njit(cache=True)
def _root(root: IntArray, node: int) -> int:
    while root[node] != node:
        root[node] = root[root[node]]
        node = root[node]
    return node


@njit(cache=True)
def sort_by_tail(
    nodes: int, tail: IntArray, head: IntArray, length: FloatArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Arrange arcs by their tails; arcs from a node to itself are left out, lengths below 0 are residues."""
    start = np.zeros(nodes + 1, np.int64)
    for k in range(len(tail)):
        if tail[k] != head[k]:
            start[tail[k] + 1] += 1
    start = np.cumsum(start)
    at = start[:-1].copy()
    heads, lengths = np.empty(start[-1], np.int64), np.empty(start[-1])
    for k in range(len(tail)):
        if tail[k] != head[k]:
            row = at[tail[k]]
            at[tail[k]] += 1
            heads[row], lengths[row] = head[k], max(length[k], 0.0)
    return start, heads, lengths


@njit(cache=True)
def distances(
    start: IntArray, head: IntArray, length: FloatArray, source: FloatArray, closed: BoolArray
) -> tuple[FloatArray, IntArray]:
    """Shortest distances from many sources at once, and the node before each on the way (−1 at sources).

    Parameters
    ----------
    start, head, length
        The graph.
    source
        Distance at which each node is a source, inf if it is none.
    closed
        Nodes that no path may enter.
    """
    nodes = len(source)
    distance, before = source.copy(), np.full(nodes, NONE)
    heap, place = np.empty(nodes, np.int64), np.full(nodes, NONE)
    settled = closed.copy()
    size = 0
    for node in range(nodes):
        if source[node] < np.inf and not closed[node]:
            size = _push(node, heap, place, size, distance)
    while size > 0:
        node = heap[0]
        size = _pop(heap, place, size, distance)
        settled[node] = True
        for row in range(start[node], start[node + 1]):
            to = head[row]
            through = distance[node] + length[row]
            if through < distance[to] and not settled[to]:
                distance[to], before[to] = through, node
                size = _push(to, heap, place, size, distance)
    return distance, before


@njit(cache=True)
def _push(node: int, heap: IntArray, place: IntArray, size: int, key: FloatArray) -> int:
    """Enter a node into the heap, or move it up after its key has fallen; return the size."""
    at = place[node]
    if at == NONE:
        at = size
        size += 1
    while at > 0:
        above = (at - 1) // 2
        if key[heap[above]] <= key[node]:
            break
        heap[at] = heap[above]
        place[heap[at]] = at
        at = above
    heap[at] = node
    place[node] = at
    return size


@njit(cache=True)
def _pop(heap: IntArray, place: IntArray, size: int, key: FloatArray) -> int:
    """Take the nearest node out of the heap; return the size."""
    size -= 1
    node = heap[size]
    at = 0
    while 2 * at + 1 < size:
        below = 2 * at + 1
        if below + 1 < size and key[heap[below + 1]] < key[heap[below]]:
            below += 1
        if key[node] <= key[heap[below]]:
            break
        heap[at] = heap[below]
        place[heap[at]] = at
        at = below
    heap[at] = node
    place[node] = at
    return size
