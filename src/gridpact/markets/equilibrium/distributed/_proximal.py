"""One round of the paper's method for all members, compiled. Names of arrays as in `_rounds`."""

import numba
import numpy as np

from gridpact.markets.equilibrium.distributed._rows import (
    CHARGE,
    CURTAIL,
    DISCHARGE,
    EXPORT,
    GENERATE,
    IMPORT,
    ROWS,
    SLOTS,
)
from gridpact.markets.equilibrium.distributed._storage import best_day

jit = numba.njit(cache=True, error_model="numpy")

_MOST = 400
_FLAT = 0.02
_TRIES = 12
_SHORTEST = 0.1
_BALANCED = 1e-7


@jit
def bought_at(pi, anchor, lean, tariff, cap, alpha):  # type: ignore[no-untyped-def]
    """What a member buys over a link when energy is worth pi to it, and whether a change of pi would change that."""
    v = anchor + alpha * (pi - lean)
    threshold = alpha * tariff
    p = v - threshold if v > threshold else (v + threshold if v < -threshold else 0.0)
    return min(max(p, -cap), cap), 0.0 < abs(p) < cap


@jit
def proximal_round(  # type: ignore[no-untyped-def]
    first, p, price, own_cost, tariff, cap, alpha, alpha_grid, grid_price, bus_price, net, low, high, curve, slope, own,
    keep, lost, fill, drain, start, kept, warm, patience, u, n, m, pi
):  # fmt: skip
    """Every member's proximal step around its last plan; returns the primal step, and one more than who failed, or 0.

    What a member buys from partners answers the price of its balance along a rising staircase of lines. Its program is solved
    with the line at the present price, until what it buys at the price that comes of it is what its devices take. Each is a
    Newton step on the concave dual, whose slope along the step is what devices take less what partners give; where that changes
    sign on the way, the step ends where a line between both ends is 0. What devices take is only an estimate there, and may
    lead round in circles: every so many steps the staircase is taken for steeper where it is flat, up to as steep as it can be,
    where no step is too long.
    """
    members, hours = net.shape
    A, weight, kappa = np.empty(hours), np.empty(hours), np.empty(hours)
    target, work = np.empty(hours), np.empty((SLOTS, ROWS, hours))
    lines, tilt, before = np.empty(ROWS), np.empty((ROWS, hours)), np.empty((ROWS, hours))
    bought, taken, takes, ahead = np.zeros(hours), np.zeros(hours), np.zeros(hours), np.zeros(hours)
    step, failed = 0.0, 0
    for i in range(members):
        last_m = m[i].copy()
        for k in range(ROWS):
            lines[k] = curve[i, k] + (1.0 / alpha if k <= DISCHARGE else 0.0)
        for h in range(hours):
            for k in range(ROWS):
                before[k, h], tilt[k, h] = u[i, k, h], slope[i, k, h]
            for k in (GENERATE, CURTAIL, CHARGE, DISCHARGE):
                sign = -1.0 if k in (GENERATE, DISCHARGE) else 1.0
                tilt[k, h] += sign * bus_price[i, h] - before[k, h] / alpha
            kappa[h] = own[h] + 1.0 / alpha_grid
            target[h] = last_m[h] / alpha_grid - grid_price[h]
        settled = False
        for attempt in range(_MOST):
            least = min(_FLAT * 2.0 ** (attempt // _TRIES), float(first[i + 1] - first[i]))
            for h in range(hours):
                total, moving = 0.0, 0.0
                for k in range(first[i], first[i + 1]):
                    part, moves = bought_at(pi[i, h], p[k, h], own_cost[k] + price[k, h], tariff[k], cap[k], alpha)
                    total += part
                    moving += moves
                rise = alpha * max(moving, least)
                weight[h], A[h] = 1.0 / rise, total - rise * pi[i, h]
                bought[h] = total
            if best_day(
                net[i], low[i], high[i], lines, tilt, kappa, weight, 0.0, A, target, net[i], keep[i], lost[i], fill[i],
                drain[i], start[i], kept[i], warm[i] or attempt > 0, patience, u[i], work
            ) < 0:  # fmt: skip
                break
            off, at_start, at_end = 0.0, 0.0, 0.0
            for h in range(hours):
                n[i, h] = net[i, h] - u[i, GENERATE, h] + u[i, CURTAIL, h] + u[i, CHARGE, h] - u[i, DISCHARGE, h]
                m[i, h] = u[i, IMPORT, h] - u[i, EXPORT, h]
                new = weight[h] * (n[i, h] - m[i, h] - A[h])
                ahead[h] = new - pi[i, h]
                total = 0.0
                for k in range(first[i], first[i + 1]):
                    total += bought_at(new, p[k, h], own_cost[k] + price[k, h], tariff[k], cap[k], alpha)[0]
                at_start += ahead[h] * (taken[h] - bought[h])
                at_end += ahead[h] * (n[i, h] - m[i, h] - total)
                takes[h] = n[i, h] - m[i, h]
                off = max(off, abs(takes[h] - total))
            settled = off <= _BALANCED
            far = 1.0
            if not settled and attempt > 0 and at_end < 0.0 < at_start:
                far = max(at_start / (at_start - at_end), _SHORTEST)
            for h in range(hours):
                pi[i, h] += far * ahead[h]
                taken[h] += far * (takes[h] - taken[h])
            if settled:
                break
        if not settled:
            failed = i + 1
        for h in range(hours):
            step = max(step, abs(m[i, h] - last_m[h]))
            for k in range(DISCHARGE + 1):
                step = max(step, abs(u[i, k, h] - before[k, h]))
            for k in range(first[i], first[i + 1]):
                new, _ = bought_at(pi[i, h], p[k, h], own_cost[k] + price[k, h], tariff[k], cap[k], alpha)
                step = max(step, abs(new - p[k, h]))
                p[k, h] = new
    return step, failed
