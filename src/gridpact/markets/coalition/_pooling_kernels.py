"""The Shapley value of pooling games on arrays, by enumeration or by a series.

With x the net energies of an interval, ``min(E, D) = (Σ|x| − |Σ x|)/2``. The first part is additive, so the Shapley value is
``(|x_i| − g_i)/2`` with g the Shapley value of ``S ↦ |Σ_{j∈S} x_j|``.
"""

import math

import numpy as np
from numba import njit

from gridpact.units import FloatArray


@njit(cache=True)
def shares(
    net: FloatArray, nodes: FloatArray, weights: FloatArray, few: int, precision: float, most_terms: int
) -> tuple[FloatArray, FloatArray]:
    """Shapley value of the game ``min(E, D)`` of every interval.

    Parameters
    ----------
    net
        ``[interval, player]``, + = deficit.
    nodes, weights
        Gauss–Legendre nodes in (0, ½) and their weights on (0, 1); the other half follows by symmetry.
    few
        Up to how many players with energy all coalitions are enumerated.
    precision
        The series ends when a doubling of its terms moves no share by more than this part of the larger side.
    most_terms
        Where it ends at the latest.

    Returns
    -------
    Shares ``[interval, player]``, and how much the last doubling moved one of them, ``[interval]``. Players with equal energy
    have equal shares, and the order of players does not matter, bit by bit.
    """
    intervals, players = net.shape
    share, moved = np.zeros((intervals, players)), np.zeros(intervals)
    for t in range(intervals):
        who = np.flatnonzero(net[t])
        who = who[np.argsort(net[t][who])]
        x = net[t][who]
        if x.size < 2 or x[0] > 0.0 or x[-1] < 0.0:
            continue
        if x.size <= few:
            value = _by_enumeration(x)
        else:
            value, moved[t] = _by_series(x, nodes, weights, precision, most_terms)
        supply = -x[x < 0].sum()
        worth = min(supply, x.sum() + supply)
        value += (worth - value.sum()) * np.abs(x) / np.abs(x).sum()
        value = np.maximum(value, 0.0)
        value *= worth / value.sum()
        first = 0
        for last in range(1, x.size + 1):  # rounding must not tell equals apart
            if last == x.size or x[last] != x[first]:
                value[first:last] = value[first:last].sum() / (last - first)
                first = last
        share[t][who] = value
    return share, moved


@njit(cache=True)
def _by_enumeration(x: FloatArray) -> FloatArray:
    """Shapley value of ``min(E, D)`` from all coalitions."""
    n = x.size
    have, need = np.zeros(1 << n), np.zeros(1 << n)
    size = np.zeros(1 << n, np.int64)
    for i in range(n):
        for rest in range(1 << i):
            have[rest | 1 << i] = have[rest] + max(-x[i], 0.0)
            need[rest | 1 << i] = need[rest] + max(x[i], 0.0)
            size[rest | 1 << i] = size[rest] + 1
    worth = np.minimum(have, need)
    weight = np.ones(n)  # s! (n − 1 − s)! / n!
    weight[0] = 1.0 / n
    for s in range(1, n):
        weight[s] = weight[s - 1] * s / (n - s)
    value = np.zeros(n)
    for rest in range(1 << n):
        for i in range(n):
            if not rest >> i & 1:
                value[i] += weight[size[rest]] * (worth[rest | 1 << i] - worth[rest])
    return value


@njit(cache=True)
def _by_series(
    x: FloatArray, nodes: FloatArray, weights: FloatArray, precision: float, most_terms: int
) -> tuple[FloatArray, float]:
    """Shapley value of ``min(E, D)`` by the Fourier series of the absolute value.

    By the multilinear extension (Owen, Management Science 18, 1972), with X the sum over a random coalition of the others in
    which each is with probability q::

        g_i = ∫₀¹ E|X + x_i| − E|X| dq

    All sums lie within M = max(E, D) of 0, where ``|y| = M/2 − (4M/π²) Σ_{k odd} cos(πky/M)/k²``, and with z_j = exp(iπk x_j/M)
    the expectation of exp(iπkX/M) is ``Π_{j≠i} (1 − q + q z_j)``: a polynomial in q, integrated by Gauss–Legendre. Since |z_j|
    = 1, the product at 1 − q is the conjugate of that at q times Π z_j. The products of random coalitions decay fast in k;
    those of the coalitions of 0 and 1 players and of all but 1 and 2 do not, so these are taken out of the series and added
    exactly.
    """
    n, half = x.size, nodes.size
    everything = x.sum()
    supply = -x[x < 0].sum()
    side = max(supply, everything + supply)
    series, block = np.zeros(n), np.zeros(n)
    left_re, left_im = np.ones((n + 1, half)), np.zeros((n + 1, half))
    right_re, right_im = np.empty(half), np.empty(half)
    cos_less_1, sin = np.empty(n), np.empty(n)
    ends, moved = 32, np.inf
    term = 0
    while True:
        angle = math.pi * (2 * term + 1) / side
        sum_re = sum_im = 0.0
        for j in range(n):
            # 1 − cos as 2 sin², which keeps its digits where the angle is small
            cos_less_1[j], sin[j] = -2.0 * math.sin(0.5 * angle * x[j]) ** 2, math.sin(angle * x[j])
            sum_re += 1.0 + cos_less_1[j]
            sum_im += sin[j]
        all_re, all_im = math.cos(angle * everything), math.sin(angle * everything)
        for j in range(n):
            a, b = cos_less_1[j], sin[j]
            for q in range(half):
                re, im = 1.0 + nodes[q] * a, nodes[q] * b
                left_re[j + 1, q] = left_re[j, q] * re - left_im[j, q] * im
                left_im[j + 1, q] = left_re[j, q] * im + left_im[j, q] * re
        right_re[:] = weights
        right_im[:] = 0.0
        odd = 2 * term + 1
        for j in range(n - 1, -1, -1):
            a, b = cos_less_1[j], sin[j]
            low_re = low_im = 0.0
            for q in range(half):
                low_re += left_re[j, q] * right_re[q] - left_im[j, q] * right_im[q]
                low_im += left_re[j, q] * right_im[q] + left_im[j, q] * right_re[q]
                re, im = 1.0 + nodes[q] * a, nodes[q] * b
                kept = right_re[q]
                right_re[q] = kept * re - right_im[q] * im
                right_im[q] = kept * im + right_im[q] * re
            # the coalitions of 0 and 1 of the others
            low_re -= (1.0 + (sum_re - 1.0 - a) / (n - 1)) / n
            low_im -= (sum_im - b) / (n - 1) / n
            others_re, others_im = all_re * (1.0 + a) + all_im * b, all_im * (1.0 + a) - all_re * b
            high_re = others_re * low_re + others_im * low_im
            high_im = others_im * low_re - others_re * low_im
            block[j] += (b * (low_im + high_im) - a * (low_re + high_re)) / (odd * odd)
        term += 1
        if term == ends:
            moved = np.abs(block).max() * 2.0 * side / math.pi**2  # half of 4M/π²: the share is (|x| − g)/2
            series += block
            block[:] = 0.0
            if moved <= precision * side or 2 * ends > most_terms:
                break
            ends *= 2
    g = 4.0 * side / math.pi**2 * series
    for i in range(n):
        mean = 0.0
        for j in range(n):
            if j != i:
                mean += abs(x[j] + x[i]) - abs(x[j]) + abs(everything - x[j]) - abs(everything - x[j] - x[i])
        g[i] += (abs(x[i]) + abs(everything) - abs(everything - x[i]) + mean / (n - 1)) / n
    return (np.abs(x) - g) / 2.0, moved


@njit(cache=True)
def largest_gain(net: FloatArray, saving: FloatArray, spread: FloatArray) -> FloatArray:
    """How much a coalition of an interval's pool could gain by leaving, at most, ``[interval]``.

    Members may leave with a part of themselves here (Aubin's fuzzy coalitions), so this is never below what whole members could
    gain. Sellers and buyers leave in the order of what they get per unit, as long as a unit saves more than both get for it.

    Parameters
    ----------
    net, saving
        ``[interval, player]``; a seller's energy is negative.
    spread
        Per unit of energy, ``[interval]``.
    """
    gain = np.zeros(spread.size)
    for t in range(spread.size):
        sellers, buyers = np.flatnonzero(net[t] < 0), np.flatnonzero(net[t] > 0)
        if sellers.size == 0 or buyers.size == 0:
            continue
        rate = saving[t] / np.where(net[t] == 0, 1.0, np.abs(net[t]))
        sellers, buyers = sellers[np.argsort(rate[sellers])], buyers[np.argsort(rate[buyers])]
        s = b = 0
        have, need = -net[t, sellers[0]], net[t, buyers[0]]
        while rate[sellers[s]] + rate[buyers[b]] < spread[t]:
            energy = min(have, need)
            gain[t] += energy * (spread[t] - rate[sellers[s]] - rate[buyers[b]])
            have -= energy
            need -= energy
            if have <= 0.0:
                s += 1
                if s == sellers.size:
                    break
                have = -net[t, sellers[s]]
            if need <= 0.0:
                b += 1
                if b == buyers.size:
                    break
                need = net[t, buyers[b]]
    return gain
