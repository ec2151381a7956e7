"""Who is paired with whom: the north-west corner rule, for many intervals in one call.

Sellers and buyers with equal sums are laid side by side, in a given order, as two rods of equal length; every stretch that
lies between two cuts of either rod is one pair. n sellers and m buyers make at most n + m − 1 pairs, in O(n + m).
"""

import numpy as np
from numba import njit

from gridpact.units import IntArray


@njit(cache=True)
def pair_north_west(
    sell_start: IntArray, sell_wh: IntArray, buy_start: IntArray, buy_wh: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Pair sellers with buyers in the order given, interval by interval.

    The rows of interval t are ``sell_start[t] : sell_start[t + 1]`` of `sell_wh` and likewise for the buyers; the caller's
    order within an interval (of ids, of merit, of a seeded draw) decides who meets whom, never how much anybody trades.

    Parameters
    ----------
    sell_start, buy_start
        First row of each interval and one past the last row of the last, non-decreasing, shape ``[interval + 1]``.
    sell_wh, buy_wh
        Energies, integer Wh, none negative, shapes ``[sell row]`` and ``[buy row]``. Rows of zero energy make no pair.
        Where the sums of an interval differ, pairing ends with the smaller one.

    Returns
    -------
    Sell row, buy row and energy (positive, Wh) of every pair, by interval, then in the order given.

    Examples
    --------
    >>> sell_row, buy_row, energy = pair_north_west(
    ...     np.array([0, 2, 3]), np.array([300, 500, 40]), np.array([0, 2, 3]), np.array([600, 200, 40])
    ... )
    >>> [(int(s), int(b), int(e)) for s, b, e in zip(sell_row, buy_row, energy)]
    [(0, 0, 300), (1, 0, 300), (1, 1, 200), (2, 2, 40)]
    """
    sellers, buyers = sell_wh.size, buy_wh.size
    energy = np.concatenate((sell_wh, buy_wh))
    rows = np.arange(sellers + buyers)
    pairs = np.empty((3, sellers + buyers), np.int64)
    at = 0
    for interval in range(sell_start.size - 1):
        sell = rows[sell_start[interval] : sell_start[interval + 1]]
        buy = rows[sellers + buy_start[interval] : sellers + buy_start[interval + 1]]
        at = pair_one_market(sell, buy, energy, pairs, at)
    return pairs[0, :at].copy(), pairs[1, :at] - sellers, pairs[2, :at].copy()


@njit(cache=True)
def pair_one_market(sell: IntArray, buy: IntArray, energy: IntArray, pairs: IntArray, at: int) -> int:
    """Pair the sellers and buyers of one market; all are rows of ``energy``.

    Writes seller, buyer and energy into the first three rows of ``pairs`` from column ``at`` on; returns the next free column.
    """
    s = b = 0
    supply = energy[sell[0]] if sell.size else 0
    demand = energy[buy[0]] if buy.size else 0
    while s < sell.size and b < buy.size:
        amount = min(supply, demand)
        if amount > 0:
            pairs[0, at], pairs[1, at], pairs[2, at] = sell[s], buy[b], amount
            at += 1
        supply -= amount
        demand -= amount
        if supply == 0:
            s += 1
            supply = energy[sell[s]] if s < sell.size else 0
        if demand == 0:
            b += 1
            demand = energy[buy[b]] if b < buy.size else 0
    return at
