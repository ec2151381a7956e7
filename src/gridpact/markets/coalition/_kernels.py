"""Loops over all 2^n coalitions; a coalition is a bit mask, its worth stands at that position."""

import numpy as np
from numba import njit

from gridpact.units import BoolArray, FloatArray, IntArray


@njit(cache=True)
def shapley(worth: FloatArray, players: int) -> FloatArray:
    """``φ_i = Σ_{S ∌ i} |S|! (n − 1 − |S|)! / n! (v(S ∪ i) − v(S))``."""
    weight = np.empty(players)
    weight[0] = 1.0 / players
    for others in range(1, players):
        weight[others] = weight[others - 1] * others / (players - others)
    of = np.empty(worth.size)  # the weight of each coalition's size
    size = np.zeros(worth.size, np.int64)
    of[0] = weight[0]
    for group in range(1, worth.size):
        size[group] = size[group >> 1] + (group & 1)
        of[group] = weight[size[group]] if size[group] < players else 0.0
    value = np.zeros(players)
    for i in range(players):
        bit, total = 1 << i, 0.0
        for start in range(0, worth.size, 2 * bit):
            for group in range(start, start + bit):
                total += of[group] * (worth[group | bit] - worth[group])
        value[i] = total
    return value


@njit(cache=True)
def sums(numbers: FloatArray) -> FloatArray:
    """The sum of each coalition's numbers, ``[2^n]``."""
    total = np.zeros(1 << numbers.size)
    for i in range(numbers.size):
        for rest in range(1 << i):
            total[rest | 1 << i] = total[rest] + numbers[i]
    return total


@njit(cache=True)
def best_partition(worth: FloatArray, group: int) -> tuple[float, IntArray]:
    """The partition of a coalition whose parts are worth most together, in O(3^size).

    Returns what it is worth and its parts as bit masks; the coalition in one piece unless others are worth more.
    """
    members = [i for i in range(63) if group >> i & 1]
    size = len(members)
    spread_out = np.zeros(1 << size, np.int64)
    for at in range(size):
        for rest in range(1 << at):
            spread_out[rest | 1 << at] = spread_out[rest] | 1 << members[at]
    best, first = np.zeros(1 << size), np.zeros(1 << size, np.int64)
    for whole in range(1, 1 << size):
        best[whole], first[whole] = worth[spread_out[whole]], whole
        lowest = whole & -whole
        part = (whole - 1) & whole
        while part:
            if part & lowest:
                together = worth[spread_out[part]] + best[whole ^ part]
                if together > best[whole]:
                    best[whole], first[whole] = together, part
            part = (part - 1) & whole
    parts = []
    rest = (1 << size) - 1
    while rest:
        parts.append(spread_out[first[rest]])
        rest ^= first[rest]
    return best[-1], np.array(parts)


@njit(cache=True)
def smallest_gain_of_union(worth: FloatArray) -> float:
    """The least ``v(S ∪ T) − v(S) − v(T)`` over disjoint coalitions that are not empty."""
    least = np.inf
    for union in range(1, worth.size):
        lowest = union & -union
        part = (union - 1) & union
        while part:
            if part & lowest:
                least = min(least, worth[union] - worth[part] - worth[union ^ part])
            part = (part - 1) & union
    return least


@njit(cache=True)
def components(masks: BoolArray, linked: BoolArray) -> IntArray:
    """Which connected part of its coalition each member is in, ``[coalition, player]``; −1 for players outside."""
    count, players = masks.shape
    part = np.full((count, players), -1)
    stack = np.empty(players, np.int64)
    for row in range(count):
        parts = 0
        for seed in range(players):
            if not masks[row, seed] or part[row, seed] >= 0:
                continue
            part[row, seed] = parts
            stack[0], height = seed, 1
            while height:
                height -= 1
                here = stack[height]
                for there in range(players):
                    if linked[here, there] and masks[row, there] and part[row, there] < 0:
                        part[row, there] = parts
                        stack[height] = there
                        height += 1
            parts += 1
    return part
