"""The transportation problem by the network simplex method.

A node for every member and one, the root, for the ground. Arcs lead from sellers to buyers; slack arcs lead from a seller to
the ground (energy not sold) and from the ground to a buyer (demand not served). They make up the first tree, so there is no
first phase. Symbols: ``p`` is the potential of a node, w of a seller, −u of a buyer, 0 of the ground; the slack of an arc
is ``p_tail − p_head − g``. Trees are kept strongly feasible (Cunningham 1976, Mathematical Programming 11): from every node
some flow can be sent to the root. So the method never cycles, however many gains are equal. On integers whose sums stay below
2^53 every operation is exact.
"""

from typing import TypeAlias

import numpy as np
from numba import njit

from gridpact.units import FloatArray, IntArray

_Net: TypeAlias = tuple[IntArray, IntArray, FloatArray, FloatArray]
_Tree: TypeAlias = tuple[IntArray, IntArray, IntArray, IntArray, IntArray, IntArray]

NONE = -1
LOWER, TREE, UPPER = 1, 0, -1


@njit(cache=True)
def transport(
    buyer: IntArray,
    seller: IntArray,
    gain: FloatArray,
    limit: FloatArray,
    demand: FloatArray,
    supply: FloatArray,
    smallest: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Find the flow of largest gain.

    Parameters
    ----------
    buyer, seller, gain, limit
        Ends, gain per unit and largest flow of every arc; gains and limits positive, limits may be infinite.
    demand, supply
        Positive where an arc ends.
    smallest
        An arc enters if it violates the slack by more: 0 where all is exact, else what rounding may leave.

    Returns
    -------
    Flow of every arc, ``u`` and ``w``.
    """
    arcs, buyers, sellers = len(gain), len(demand), len(supply)
    nodes = buyers + sellers
    tail, head = np.empty(arcs + nodes, np.int64), np.empty(arcs + nodes, np.int64)
    worth, most = np.zeros(arcs + nodes), np.full(arcs + nodes, np.inf)
    flow, state = np.zeros(arcs + nodes), np.full(arcs + nodes, LOWER)
    tail[:arcs], head[:arcs], worth[:arcs], most[:arcs] = seller + buyers, buyer, gain, limit
    tail[arcs : arcs + buyers], head[arcs : arcs + buyers] = nodes, np.arange(buyers)
    tail[arcs + buyers :], head[arcs + buyers :] = np.arange(buyers, nodes), nodes
    flow[arcs : arcs + buyers], flow[arcs + buyers :] = demand, supply
    state[arcs:] = TREE
    p, depth = np.zeros(nodes + 1), np.ones(nodes + 1, np.int64)
    parent, arc_up = np.full(nodes + 1, nodes), np.arange(arcs, arcs + nodes + 1)
    depth[nodes], parent[nodes], arc_up[nodes] = 0, NONE, NONE
    child, older, younger = np.full(nodes + 1, NONE), np.full(nodes + 1, NONE), np.full(nodes + 1, NONE)
    for node in range(nodes):
        _hang(node, nodes, child, older, younger)
    tree = parent, arc_up, depth, child, older, younger
    net = tail, head, worth, most
    block = max(int(np.sqrt(arcs)), 16)
    start, stack = 0, np.empty(nodes + 1, np.int64)
    while True:
        arc, start = _price(start, block, smallest, net, state, p)
        if arc == NONE:
            break
        _pivot(arc, net, flow, state, p, tree, stack)
    return flow[:arcs].copy(), 0.0 - p[:buyers], p[buyers:nodes].copy()


@njit(cache=True)
def _price(start: int, block: int, smallest: float, net: _Net, state: IntArray, p: FloatArray) -> tuple[int, int]:
    """The worst violation in the next block of arcs that has one, and where to look next."""
    tail, head, worth, _ = net
    arc, worst, left, at = NONE, -smallest, block, start
    for _ in range(len(tail)):
        slack = state[at] * (p[tail[at]] - p[head[at]] - worth[at])
        if slack < worst:
            arc, worst = at, slack
        at = at + 1 if at + 1 < len(tail) else 0
        left -= 1
        if left == 0:
            if arc != NONE:
                break
            left = block
    return arc, at


@njit(cache=True)
def _pivot(arc: int, net: _Net, flow: FloatArray, state: IntArray, p: FloatArray, tree: _Tree, stack: IntArray) -> None:
    """Send as much as possible around the cycle that an arc closes; an arc that blocks leaves the tree for it.

    Of several the last one leaves, in the direction of the flow and beginning at the apex: so the tree stays strongly feasible.
    """
    tail, head, worth, most = net
    parent, arc_up, depth = tree[0], tree[1], tree[2]
    first, second = (tail[arc], head[arc]) if state[arc] == LOWER else (head[arc], tail[arc])
    before = after = np.inf
    blocks_before = blocks_after = NONE
    a, b = first, second
    while a != b:
        if depth[a] >= depth[b]:
            up = arc_up[a]
            room = flow[up] if tail[up] == a else most[up] - flow[up]
            if room < before:
                before, blocks_before = room, a
            a = parent[a]
        else:
            up = arc_up[b]
            room = flow[up] if head[up] == b else most[up] - flow[up]
            if room <= after:
                after, blocks_after = room, b
            b = parent[b]
    amount = min(before, after, most[arc])
    if amount > 0:
        flow[arc] += amount * state[arc]
        for node, end in ((first, tail), (second, head)):
            while node != a:
                up = arc_up[node]
                flow[up] += -amount if end[up] == node else amount
                node = parent[node]
    if after > amount and before >= most[arc]:
        state[arc] = -state[arc]
        return
    out, lower, upper = (blocks_after, second, first) if after <= amount else (blocks_before, first, second)
    leaving = arc_up[out]
    slack = p[tail[arc]] - p[head[arc]] - worth[arc]
    state[leaving] = LOWER if flow[leaving] == 0 else UPPER
    state[arc] = TREE
    _rehang(out, lower, upper, arc, tree)
    _shift(lower, -slack if tail[arc] == lower else slack, p, tree, stack)


@njit(cache=True)
def _rehang(out: int, lower: int, upper: int, arc: int, tree: _Tree) -> None:
    """Cut off the subtree below ``out`` and hang it by ``lower`` under ``upper``; the arcs between the first two turn round."""
    parent, arc_up, _, child, older, younger = tree
    node, under, by = lower, upper, arc
    while True:
        above, arc_above = parent[node], arc_up[node]
        if older[node] == NONE:
            child[above] = younger[node]
        else:
            younger[older[node]] = younger[node]
        if younger[node] != NONE:
            older[younger[node]] = older[node]
        parent[node], arc_up[node] = under, by
        _hang(node, under, child, older, younger)
        if node == out:
            return
        node, under, by = above, node, arc_above


@njit(cache=True)
def _hang(node: int, under: int, child: IntArray, older: IntArray, younger: IntArray) -> None:
    """Enter a node as the first child of another."""
    older[node], younger[node] = NONE, child[under]
    if child[under] != NONE:
        older[child[under]] = node
    child[under] = node


@njit(cache=True)
def _shift(top: int, by: float, p: FloatArray, tree: _Tree, stack: IntArray) -> None:
    """Add to the potentials of a subtree and set its depths anew."""
    parent, _, depth, child, _, younger = tree
    stack[0], size = top, 1
    while size > 0:
        size -= 1
        node = stack[size]
        p[node] += by
        depth[node] = depth[parent[node]] + 1
        node = child[node]
        while node != NONE:
            stack[size] = node
            size += 1
            node = younger[node]
