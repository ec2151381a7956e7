"""Alternating offers without playing them. Compiled on first use.

Each side offers its contracts from best to worst, down to its aspiration, and accepts what is above its aspiration. So the
first offer of a side that the other accepts is its best contract among those that both sides can live with, and its place in
the side's order is the number of contracts that it likes better. Whoever comes to that point first, by its own count of turns,
ends the session. Nothing has to be sorted. Contract ``i`` of one side is ``i ^ 1`` of the other.
"""

import numpy as np
from numba import njit

from gridpact.units import BoolArray, FloatArray

FAILED = -1


@njit(cache=True, nogil=True)
def negotiate(
    first: FloatArray, second: FloatArray, wish: FloatArray, floor: FloatArray, feasible: BoolArray, deadline: int
) -> tuple[int, int, int]:
    """Agreement (a contract of the first side, or FAILED), side that proposed it, rounds.

    ``first`` and ``second`` are utilities, each in its own terms; ``wish`` the two aspirations, ``floor`` the utilities that
    must be passed, −inf without a floor; ``feasible`` is in terms of the first.
    """
    best = np.full(2, FAILED)
    offers = np.zeros(2, np.int64)
    for i in range(len(first)):
        if not feasible[i]:
            continue
        a, b = first[i], second[i ^ 1]
        a_offers, b_offers = a >= wish[0] and a > floor[0], b >= wish[1] and b > floor[1]
        offers[0] += a_offers
        offers[1] += b_offers
        if a_offers and b > wish[1] and b > floor[1] and (best[0] == FAILED or a > first[best[0]]):
            best[0] = i
        if b_offers and a > wish[0] and a > floor[0]:
            known = best[1]
            if known == FAILED or b > second[known ^ 1] or (b == second[known ^ 1] and (i ^ 1) < (known ^ 1)):
                best[1] = i
    turns = np.array([2 * offers[0] + 1, 2 * offers[1] + 2])
    if best[0] != FAILED:
        turns[0] = 1 + 2 * _better(first, best[0], 0, feasible)
    if best[1] != FAILED:
        turns[1] = 2 + 2 * _better(second, best[1] ^ 1, 1, feasible)
    for side in (0, 1):
        if best[side] != FAILED and (best[1 - side] == FAILED or turns[side] < turns[1 - side]):
            return (best[side], side, turns[side]) if turns[side] <= deadline else (FAILED, FAILED, deadline)
    return FAILED, FAILED, min(max(turns[0], turns[1]), deadline)


@njit(cache=True, nogil=True)
def _better(utility: FloatArray, chosen: int, flip: int, feasible: BoolArray) -> int:
    """How many contracts come before one in a side's order; ties go by position."""
    count = 0
    for i in range(len(utility)):
        if feasible[i ^ flip] and (utility[i] > utility[chosen] or (utility[i] == utility[chosen] and i < chosen)):
            count += 1
    return count


@njit(cache=True, nogil=True)
def nash_point(first: FloatArray, second: FloatArray, no_deal: FloatArray, feasible: BoolArray, margin: float) -> int:
    """The contract with the largest product of gains, both above `margin`; FAILED without one."""
    best, most = FAILED, 0.0
    for i in range(len(first)):
        a, b = first[i] - no_deal[0], second[i ^ 1] - no_deal[1]
        if feasible[i] and a > margin and b > margin and a * b > most:
            best, most = i, a * b
    return best


@njit(cache=True, nogil=True)
def quantile(values: FloatArray, feasible: BoolArray, flip: int, share: float) -> float:
    """Quantile of the feasible values by linear interpolation, by selection instead of sorting."""
    count = 0
    kept: FloatArray = np.empty(len(values))
    for i in range(len(values)):
        if feasible[i ^ flip]:
            kept[count] = values[i]
            count += 1
    place = share * (count - 1)
    below = int(place)
    low = _select(kept, count, below)
    if below + 1 >= count:
        return low
    above = np.inf
    for i in range(below + 1, count):
        above = min(above, kept[i])
    return float(low + (place - below) * (above - low))


@njit(cache=True, nogil=True)
def _select(values: FloatArray, count: int, rank: int) -> float:
    """The value of a rank; afterwards none before it is larger and none behind it smaller (Hoare 1961)."""
    left, right = 0, count - 1
    while left < right:
        pivot = values[(left + right) // 2]
        i, j = left, right
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            right = j
        elif rank >= i:
            left = i
        else:
            return float(values[rank])
    return float(values[left])
