"""A maximum-weight matching and its dual prices by shortest augmenting paths.

Symbols: ``a[i, j]`` ≥ 0 is the value of row i with column j, ``u`` and ``w`` the dual prices, ``u_i + w_j − a_ij`` ≥ 0 the
slack of a pair. There are no fewer columns than rows, so that each row has a free column in reach; columns without a row keep
``w_j`` = 0. A pair of value 0 is as good as none. On integers below 2^53 every operation is exact.
"""

import numpy as np
from numba import njit

from gridpact.units import FloatArray, IntArray

FREE = -1
BIDS_A_ROW = 4


@njit(cache=True)
def match(a: FloatArray) -> tuple[IntArray, FloatArray, FloatArray]:
    """Match rows with columns so that the sum of values is largest.

    First rows bid for their best columns, as in an auction without increment; then those that are left find shortest
    augmenting paths: Jonker and Volgenant 1987, Computing 38.

    Returns
    -------
    Column of each row or −1, ``u`` and ``w``: non-negative, no slack below 0, matched pairs without slack, and 0 for rows and
    columns without a partner.
    """
    rows, columns = a.shape
    column_of, row_of = np.full(rows, FREE), np.full(columns, FREE)
    u, w = np.zeros(rows), np.zeros(columns)
    scratch, before, tree = np.empty((3, columns)), np.empty(columns, np.int64), np.empty(columns, np.int64)
    for row in _bid(a, column_of, row_of, u, w):
        _augment(row, a, column_of, row_of, u, w, scratch, before, tree)
    return column_of, u, w


@njit(cache=True)
def _bid(a: FloatArray, column_of: IntArray, row_of: IntArray, u: FloatArray, w: FloatArray) -> IntArray:
    """Let rows take their best column and raise its price until it is no better than the second best; return who is left.

    Whoever would have to raise nothing to oust another waits. The number of bids is bounded: two rows that outbid each other
    by little would otherwise go on for long.
    """
    rows, columns = a.shape
    waiting = np.arange(rows)
    left = at = 0
    for _ in range(BIDS_A_ROW * rows):
        if at == rows:
            break
        row = waiting[at]
        at += 1
        best = second = 0.0
        column = FREE
        for j in range(columns):
            worth = a[row, j] - w[j]
            if worth > best:
                best, second, column = worth, best, j
            elif worth > second:
                second = worth
                if worth == best and row_of[j] == FREE:
                    column = j
        u[row] = second
        if column == FREE:
            continue
        loser = row_of[column]
        if loser == FREE or best > second:
            w[column] += best - second
            row_of[column], column_of[row] = row, column
            row = loser
        if row != FREE:
            column_of[row] = FREE
            if best > second and loser != FREE:
                at -= 1
                waiting[at] = row
            else:
                waiting[left] = row
                left += 1
    waiting[left : left + rows - at] = waiting[at:].copy()
    return waiting[: left + rows - at]


@njit(cache=True)
def _augment(
    root: int,
    a: FloatArray,
    column_of: IntArray,
    row_of: IntArray,
    u: FloatArray,
    w: FloatArray,
    scratch: FloatArray,
    before: IntArray,
    tree: IntArray,
) -> None:
    """Grow a tree of shortest paths from a row without column to a column without row; change partners along the way.

    ``before[j]`` is the row from which column j was reached. Columns of the tree leave the loops at an infinite price.
    """
    price, distance, settled = scratch[0], scratch[1], scratch[2]
    price[:] = w
    distance[:] = np.inf
    u[root] = max((a[root] - w).max(), 0.0)
    row, reached, size = root, 0.0, 0
    while True:
        _relax(a[row], price, reached + u[row], row, distance, before)
        reached, column = _smallest(distance), FREE
        for j in range(len(w)):
            if distance[j] == reached:
                column = j
                if row_of[j] == FREE:
                    break
        row = row_of[column]
        if row == FREE:
            break
        tree[size], settled[size] = column, reached
        size += 1
        price[column] = distance[column] = np.inf
    u[root] -= reached
    for k in range(size):
        w[tree[k]] += reached - settled[k]
        u[row_of[tree[k]]] -= reached - settled[k]
    while column != FREE:
        row = before[column]
        row_of[column] = row
        column, column_of[row] = column_of[row], column


@njit(cache=True)
def _relax(
    values: FloatArray, price: FloatArray, level: float, row: int, distance: FloatArray, before: IntArray
) -> None:
    """Reach the columns from one more row; without branches, so that it runs on several columns at a time."""
    for j in range(len(price)):
        through = level + price[j] - values[j]
        nearer = through < distance[j]
        distance[j] = through if nearer else distance[j]
        before[j] = row if nearer else before[j]


@njit(cache=True)
def _smallest(values: FloatArray) -> float:
    """The smallest value; four at a time, because one minimum after the other would wait for each."""
    first = second = third = fourth = np.inf
    fours = len(values) // 4 * 4
    for k in range(0, fours, 4):
        first, second = min(first, values[k]), min(second, values[k + 1])
        third, fourth = min(third, values[k + 2]), min(fourth, values[k + 3])
    for k in range(fours, len(values)):
        first = min(first, values[k])
    return min(min(first, second), min(third, fourth))
