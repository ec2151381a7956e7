"""The game of one interval and of many in a row. Compiled on first use.

Symbols: ``L`` the level, ``E_i = idle_i − on_i · block_i`` the injection of peer *i*, ``E_mg = Σ E_i``. A payoff is
``u_i = (L + E_i) / max(|E_mg|, floor)``; ratios of payoffs are compared, so no logarithm is needed.
"""

import numba
import numpy as np

from gridpact.energy.tank import FREE, MUST, options
from gridpact.units import BoolArray, FloatArray, IntArray

GAIN = 1e-9
"""Relative gain below which nobody moves: a tie keeps the action."""


@numba.njit(cache=True, error_model="numpy")
def total_of(idle: FloatArray, block: FloatArray, on: BoolArray) -> float:
    total = 0.0
    for i in range(len(idle)):
        total += idle[i] - block[i] if on[i] else idle[i]
    return total


@numba.njit(cache=True, error_model="numpy")
def gain_of(
    i: int, idle: FloatArray, block: FloatArray, on: BoolArray, total: float, level: float, floor: float
) -> float:
    """By how much, relative to its payoff, peer *i* gains by changing alone; its new action is taken to be available."""
    own = idle[i] - block[i] if on[i] else idle[i]
    change = block[i] if on[i] else -block[i]
    now = (level + own) / max(abs(total), floor)
    return float(((level + own + change) / max(abs(total + change), floor)) / now - 1.0)


@numba.njit(cache=True, error_model="numpy")
def potential(idle: FloatArray, block: FloatArray, on: BoolArray, level: float, floor: float) -> float:
    """``Σ ln(L + E_i) − ln max(|E_mg|, floor)``."""
    total, value = 0.0, 0.0
    for i in range(len(idle)):
        own = idle[i] - block[i] if on[i] else idle[i]
        total += own
        value += np.log(level + own)
    return float(value - np.log(max(abs(total), floor)))


@numba.njit(cache=True, error_model="numpy")
def respond(
    idle: FloatArray,
    block: FloatArray,
    can: IntArray,
    order: IntArray,
    level: float,
    floor: float,
    on: BoolArray,
    movers: IntArray,
) -> int:
    """Best responses in turns until nobody moves; ``on`` is changed, ``movers`` filled with who moved. The number of moves.

    Every move raises the potential, so none comes back; where ``movers`` is full, the moves beyond it are made but not noted.
    """
    moves, since, turn = 0, 0, 0
    total = total_of(idle, block, on)
    while since < len(order):
        i = order[turn % len(order)]
        turn += 1
        since += 1
        if can[i] != FREE or block[i] <= 0.0 or gain_of(i, idle, block, on, total, level, floor) <= GAIN:
            continue
        on[i] = not on[i]
        total = total_of(idle, block, on)
        if moves < len(movers):
            movers[moves] = i
        moves += 1
        since = 1
    return moves


@numba.njit(cache=True, error_model="numpy")
def regret(idle: FloatArray, block: FloatArray, can: IntArray, level: float, floor: float, on: BoolArray) -> float:
    """The most that a peer gains by changing alone, relative to its payoff; 0 if nobody does."""
    total, worst = total_of(idle, block, on), 0.0
    for i in range(len(idle)):
        if can[i] == FREE and block[i] > 0.0:
            worst = max(worst, gain_of(i, idle, block, on, total, level, floor))
    return worst


@numba.njit(cache=True, error_model="numpy")
def enumerate_profiles(
    idle: FloatArray, block: FloatArray, can: IntArray, level: float, floor: float, masks: IntArray, best: BoolArray
) -> tuple[int, float, float, float]:
    """Look at every profile of the free peers: bit *k* of a mask is the action of the *k*-th of them.

    Fills ``masks`` with the equilibria as far as it is long, and ``best`` with the profile of the largest sum of payoffs, the
    first of several.

    Returns
    -------
    How many equilibria there are; the largest sum of payoffs; its least and mean over equilibria.
    """
    free = np.flatnonzero((can == FREE) & (block > 0.0))
    on = can == MUST
    fixed = total_of(idle, block, on)
    peers = len(idle)
    count, most, least, mean = 0, -1.0, np.inf, 0.0
    for mask in range(1 << len(free)):
        total = fixed
        for k in range(len(free)):
            if mask >> k & 1:
                total -= block[free[k]]
        welfare = (peers * level + total) / max(abs(total), floor)
        if welfare > most:
            most = welfare
            for k in range(len(free)):
                on[free[k]] = mask >> k & 1
            best[:] = on
        stable = True
        for k in range(len(free)):
            i = free[k]
            own = idle[i] - block[i] if mask >> k & 1 else idle[i]
            change = block[i] if mask >> k & 1 else -block[i]
            now = (level + own) / max(abs(total), floor)
            if (level + own + change) / max(abs(total + change), floor) > now * (1.0 + GAIN):
                stable = False
                break
        if stable:
            if count < len(masks):
                masks[count] = mask
            count += 1
            least = min(least, welfare)
            mean += welfare
    return count, most, least, mean / max(count, 1)


@numba.njit(cache=True, error_model="numpy")
def coldest_first(peer: IntArray, tank_c: FloatArray, min_c: FloatArray, max_c: FloatArray) -> IntArray:
    """Peers with a heater by the place of their tanks within their own bands, ties by position."""
    place = (tank_c[peer] - min_c[peer]) / (max_c[peer] - min_c[peer])
    return peer[np.argsort(place, kind="mergesort")]


@numba.njit(cache=True, error_model="numpy")
def play(
    jointly: bool,
    base_kwh: FloatArray,
    draw_kw: FloatArray,
    power_kw: FloatArray,
    kwh_per_k: FloatArray,
    min_c: FloatArray,
    max_c: FloatArray,
    loss_kw_per_k: FloatArray,
    ambient_c: FloatArray,
    start_c: FloatArray,
    hours: float,
    levels: FloatArray,
    floor: float,
    count_equilibria: bool,
    heater_kw: FloatArray,
    wanted_on: BoolArray,
    tank_c: FloatArray,
    found: FloatArray,
) -> None:
    """Interval after interval: who can wait, the game or the joint optimum, the tanks.

    ``base_kwh`` is the injection of each peer without its heater, ``[peer, interval]``, ``levels`` L of each interval. Fills
    mean power and action ``[peer, interval]``, temperature ``[peer, interval + 1]``, and ``found`` ``[interval, 6]``: free
    peers, best responses, regret, equilibria, largest sum of payoffs over the least and over the mean of the equilibria. The
    last three only if asked for.
    """
    peers, intervals = base_kwh.shape
    on, peer = np.zeros(peers, dtype=np.bool_), np.flatnonzero(power_kw > 0.0)
    block, can, cold = np.zeros(peers), np.full(peers, -1), np.zeros(peers)
    movers, masks, best = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(peers, dtype=np.bool_)
    tank_c[:, 0] = start_c
    for t in range(intervals):
        tank = tank_c[:, t].copy()
        for i in peer:
            cold_c, choice, on_kw = options(
                tank[i],
                draw_kw[i, t],
                power_kw[i],
                kwh_per_k[i],
                min_c[i],
                max_c[i],
                loss_kw_per_k[i],
                ambient_c[i],
                hours,
            )
            cold[i], can[i], block[i] = cold_c, choice, on_kw * hours
        idle, level = base_kwh[:, t].copy(), levels[t]
        found[t, 0] = ((can == FREE) & (block > 0.0)).sum()
        if jointly or count_equilibria:
            count, most, least, mean = enumerate_profiles(idle, block, can, level, floor, masks, best)
            found[t, 3], found[t, 4], found[t, 5] = count, most / least, most / mean
        if jointly:
            on = best.copy()
        else:
            on = can == MUST
            found[t, 1] = respond(idle, block, can, coldest_first(peer, tank, min_c, max_c), level, floor, on, movers)
        found[t, 2] = regret(idle, block, can, level, floor, on)
        for i in peer:
            wanted_on[i, t] = on[i]
            if on[i]:
                heater_kw[i, t] = block[i] / hours
                cold[i] += block[i] / kwh_per_k[i]
            tank_c[i, t + 1] = cold[i]
