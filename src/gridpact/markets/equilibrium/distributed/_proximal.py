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
_NEWTON = 12


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

    The trades of a member answer the price of its balance along a rising staircase of lines. Its program is solved with the
    line of the present piece, until the piece stays the same: at that point nothing has been approximated.
    """
    members, hours = net.shape
    A, weight, kappa = np.empty(hours), np.empty(hours), np.empty(hours)
    target, work = np.empty(hours), np.empty((SLOTS, ROWS, hours))
    lines, tilt, before = np.empty(ROWS), np.empty((ROWS, hours)), np.empty((ROWS, hours))
    step, failed = 0.0, 0
    for i in range(members):
        before[:] = u[i]
        last_m = m[i].copy()
        lines[:] = curve[i]
        lines[: DISCHARGE + 1] += 1.0 / alpha
        for h in range(hours):
            tilt[:, h] = slope[i, :, h]
            for k in (GENERATE, CURTAIL, CHARGE, DISCHARGE):
                sign = -1.0 if k in (GENERATE, DISCHARGE) else 1.0
                tilt[k, h] += sign * bus_price[i, h] - before[k, h] / alpha
            kappa[h] = own[h] + 1.0 / alpha_grid
            target[h] = last_m[h] / alpha_grid - grid_price[h]
        settled = False
        for attempt in range(_MOST):
            for h in range(hours):
                total, moving = 0.0, 0.0
                for k in range(first[i], first[i + 1]):
                    bought, moves = bought_at(pi[i, h], p[k, h], own_cost[k] + price[k, h], tariff[k], cap[k], alpha)
                    total += bought
                    moving += moves
                least = 1.0 if attempt < _NEWTON else float(first[i + 1] - first[i])
                rise = alpha * max(moving, least)
                weight[h], A[h] = 1.0 / rise, total - rise * pi[i, h]
            if best_day(
                net[i], low[i], high[i], lines, tilt, kappa, weight, 0.0, A, target, net[i], keep[i], lost[i], fill[i],
                drain[i], start[i], kept[i], warm[i] or attempt > 0, patience, u[i], work
            ) < 0:  # fmt: skip
                break
            for h in range(hours):
                n[i, h] = net[i, h] - u[i, GENERATE, h] + u[i, CURTAIL, h] + u[i, CHARGE, h] - u[i, DISCHARGE, h]
                m[i, h] = u[i, IMPORT, h] - u[i, EXPORT, h]
            change = 0.0
            for h in range(hours):
                new = weight[h] * (n[i, h] - m[i, h] - A[h])
                change = max(change, abs(new - pi[i, h]))
                pi[i, h] = new
            if change <= 1e-9:
                settled = True
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
