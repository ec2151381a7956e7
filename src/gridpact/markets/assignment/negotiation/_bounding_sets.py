"""Projections of a proposal onto what one member accepts. Compiled on first use.

Symbols: y is the proposal of a payoff for every member, x its projection, v the worth of all together, λ the multiplier of
``sum x = v``. Buyers come first, then sellers.
"""

from typing import Any

import numpy as np
from numba import njit

_ROUNDING = 1e-12


@njit(cache=True)
def project_on_pairs(y: Any, own: Any, row: Any, first: Any, total: Any, x: Any) -> None:
    """Nearest point of ``{sum x = v, x_own >= 0, x_own + x_j >= a_j for all j of the other side}``, written into ``x``.

    ``row`` holds a_j for the members ``first, first + 1, ...`` of the other side, −inf for those without a link. With
    t = x_own: ``x_j = max(y_j − λ, a_j − t)`` and ``t = max(0, y_own − λ + sum_j max(0, a_j − t − y_j + λ))``. Which pairs
    bind depends on τ = t − λ alone, by the order of ``s_j = a_j − y_j``, so after one sort the budget is a piecewise linear
    increasing equation in τ: exact, in O(n log n).
    """
    size, others = len(y), len(row)
    slack = row - y[first : first + others]
    order = np.sort(slack)[::-1]
    rest = y.sum() - y[own]
    tau, lack = _with_own_part_free(order, size, y[own], rest, total)
    share = (y[own] + lack + tau) / 2
    shift = (y[own] + lack - tau) / 2
    if share < 0.0:
        tau = _with_own_part_zero(order, size, rest, total)
        share, shift = 0.0, -tau
    for k in range(size):
        x[k] = y[k] - shift
    for j in range(others):
        if slack[j] > tau:
            x[first + j] = row[j] - share
    x[own] = share


@njit(cache=True)
def _with_own_part_free(order: Any, size: Any, own: Any, rest: Any, total: Any) -> Any:
    """τ, and the sum of ``s_j − τ`` over the pairs that bind, for t = (y_own + sum + τ) / 2."""
    constant, summed = 2 * (rest - total) + own * (2 - size), 0.0
    for binding in range(len(order) + 1):
        steepness = size - binding * (4 - size)
        if binding > 0:
            summed += order[binding - 1]
        tau = -(constant + summed * (4 - size)) / steepness if steepness > 0 else order[binding - 1]
        if binding == len(order) or tau >= order[binding]:
            break
    return tau, summed - binding * tau


@njit(cache=True)
def _with_own_part_zero(order: Any, size: Any, rest: Any, total: Any) -> Any:
    """τ for t = 0."""
    summed = 0.0
    for binding in range(len(order) + 1):
        if binding > 0:
            summed += order[binding - 1]
        free = size - 1 - binding
        tau = (total - rest - summed) / free if free > 0 else order[binding - 1]
        if binding == len(order) or tau >= order[binding]:
            break
    return tau


@njit(cache=True)
def coalition_worths(value: Any) -> Any:
    """Worth of every coalition, ``[2^(B + S)]`` by the bits of its members: its best matching, by its first member's choice."""
    buyers, sellers = value.shape
    worth = np.zeros(1 << (buyers + sellers))
    for coalition in range(1, len(worth)):
        first = 0
        while not (coalition >> first) & 1:
            first += 1
        if first >= buyers:
            continue  # sellers alone are worth nothing
        without = coalition & (coalition - 1)
        best = worth[without]
        for seller in range(sellers):
            if (coalition >> (buyers + seller)) & 1 and value[first, seller] > 0.0:
                best = max(best, value[first, seller] + worth[without ^ (1 << (buyers + seller))])
        worth[coalition] = best
    return worth


@njit(cache=True)
def _most_lacking(x: Any, own: Any, worth: Any, sums: Any) -> Any:
    """The coalition with ``own`` that lacks most of its worth, as its bits, and how much it lacks."""
    low, most, worst = (1 << own) - 1, -np.inf, 0
    sums[0] = x[own]
    for others in range(len(sums)):
        if others > 0:
            bit = 0
            while not (others >> bit) & 1:
                bit += 1
            sums[others] = sums[others & (others - 1)] + x[bit if bit < own else bit + 1]
        coalition = (others & low) | (1 << own) | ((others & ~low) << 1)
        lack = worth[coalition] - sums[others]
        if lack > most:
            most, worst = lack, coalition
    return worst, most


@njit(cache=True)
def project_on_coalitions(y: Any, own: Any, worth: Any, x: Any) -> None:
    """Nearest point of ``{sum x = v, x(S) >= v(S) for every coalition S with own}``, written into ``x``.

    The dual active-set method of Goldfarb and Idnani 1983, *A numerically stable dual method for solving strictly convex
    quadratic programs*, within the hyperplane of the budget: take in the coalition that lacks most, drop those whose
    multipliers would turn negative. Each step looks at all 2^(n − 1) coalitions.
    """
    size = len(y)
    total = worth[len(worth) - 1]
    x[:] = y + (total - y.sum()) / size
    sums = np.empty(1 << (size - 1))
    normals, multipliers, active = np.empty((size, size)), np.zeros(size), 0
    tolerance = _ROUNDING * max(1.0, abs(total), np.abs(y).max())
    while True:
        coalition, lack = _most_lacking(x, own, worth, sums)
        if lack <= tolerance:
            return
        normal, count = np.zeros(size), 0
        for member in range(size):
            if (coalition >> member) & 1:
                normal[member], count = 1.0, count + 1
        normal -= count / size
        multiplier = 0.0
        while True:
            held = normals[:active].copy()
            back = np.linalg.solve(held @ held.T, held @ normal) if active > 0 else np.empty(0)
            way = normal - back @ held if active > 0 else normal
            length = way @ normal
            shortest, dropped = np.inf, -1
            for k in range(active):
                if back[k] > 0.0 and multipliers[k] / back[k] < shortest:
                    shortest, dropped = multipliers[k] / back[k], k
            if length > _ROUNDING:
                full = lack / length
            elif dropped < 0:
                return  # what is left of the lack is rounding: the core is not empty, so no coalition is out of reach
            else:
                full = np.inf
            stride = min(full, shortest)
            if length > _ROUNDING:
                x += stride * way
                lack -= stride * length
            multipliers[:active] -= stride * back
            multiplier += stride
            if full <= shortest:
                normals[active], multipliers[active] = normal, multiplier
                active += 1
                break
            for k in range(dropped, active - 1):
                normals[k], multipliers[k] = normals[k + 1], multipliers[k + 1]
            active -= 1
