"""One round for all members and links at once, compiled. Arrays ``[half, hour]`` are of halves of links: what one end does."""

import numba
import numpy as np

from gridpact.markets.equilibrium.distributed._hours import best_hour
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


@jit
def agreed(proposal, mirror, rho, lean, tariff, cap):  # type: ignore[no-untyped-def]
    """The trade of one end and hour from its own and its partner's proposal: soft threshold by the tariff, then clip.

    ``min (c_ij − c_ji) z + 2 c_ta |z| + ½ ρ (z − proposal)² + ½ ρ (−z − mirror)²``, with lean = c_ij − c_ji.
    """
    middle = 0.5 * (proposal - mirror - lean / rho)
    threshold = tariff / rho
    z = middle - threshold if middle > threshold else (middle + threshold if middle < -threshold else 0.0)
    return min(max(z, -cap), cap)


@jit
def agree(t, twin, rho, lean, tariff, cap, z, price):  # type: ignore[no-untyped-def]
    """Trades z and prices ``ρ (t − z)`` of all links from all proposals t; return the squared 2-norm of the prices' step."""
    moved = 0.0
    for k in range(t.shape[0]):
        for h in range(t.shape[1]):
            z[k, h] = agreed(t[k, h], t[twin[k], h], rho[k, h], lean[k], tariff[k], cap[k])
            new = rho[k, h] * (t[k, h] - z[k, h])
            moved += (new - price[k, h]) ** 2
            price[k, h] = new
    return moved


@numba.njit(cache=True, error_model="numpy", nogil=True)
def respond(  # type: ignore[no-untyped-def]
    begin, end, first, t, z, rho, relax, grid_target, bus_target, rg, rb, net, low, high, curve, slope, own, keep, lost, fill,
    drain, start, stores, kept, warm, patience, u, p, n, m, pi
):  # fmt: skip
    """Answers of members ``begin`` (included) to ``end`` (excluded): devices u, trades p, draws n, imports m, prices pi.

    Proposals t move on. Each member reads and writes only its own rows and halves: threads may answer for different ones.

    Returns the primal step, and one more than the member that failed, or 0.
    """
    hours = net.shape[1]
    A, weight = np.empty(hours), np.empty(hours)
    kappa, before, work = np.empty(hours), np.empty((4, hours)), np.empty((SLOTS, ROWS, hours))
    step, failed = 0.0, 0
    for i in range(begin, end):
        A[:], weight[:] = 0.0, 0.0
        for k in range(first[i], first[i + 1]):
            for h in range(hours):
                A[h] += 2.0 * z[k, h] - t[k, h]
                weight[h] += 1.0 / rho[k, h]
        for h in range(hours):
            weight[h] = 1.0 / weight[h]
            kappa[h] = rg + own[h]
            before[0, h], before[1, h] = n[i, h], m[i, h]
            before[2, h], before[3, h] = u[i, GENERATE, h], u[i, CHARGE, h]
        done = _member(
            net[i], low[i], high[i], curve[i], slope[i], kappa, weight, rb, A, rg * grid_target[i], bus_target[i], keep[i],
            lost[i], fill[i], drain[i], start[i], stores[i], kept[i], warm[i], patience, u[i], n[i], m[i], work
        )  # fmt: skip
        if not done:
            failed = i + 1
        for h in range(hours):
            pi[i, h] = weight[h] * (n[i, h] - m[i, h] - A[h])
            step = max(step, abs(n[i, h] - before[0, h]), abs(m[i, h] - before[1, h]))
            step = max(step, abs(u[i, GENERATE, h] - before[2, h]), abs(u[i, CHARGE, h] - before[3, h]))
        for k in range(first[i], first[i + 1]):
            for h in range(hours):
                new = 2.0 * z[k, h] - t[k, h] + pi[i, h] / rho[k, h]
                step = max(step, abs(new - p[k, h]))
                p[k, h] = new
                t[k, h] += relax * (new - z[k, h])
    return step, failed


@jit
def _member(  # type: ignore[no-untyped-def]
    net, low, high, curve, slope, kappa, weight, rb, A, a, e, keep, lost, fill, drain, start, stores, kept, warm,
    patience, u, n, m, work
):  # fmt: skip
    """One member's answer; whether it was found."""
    if stores:
        done = best_day(
            net, low, high, curve, slope, kappa, weight, rb, A, a, e, keep, lost, fill, drain, start, kept, warm, patience,
            u, work
        )  # fmt: skip
        for h in range(net.size):
            n[h] = net[h] - u[GENERATE, h] + u[CURTAIL, h] + u[CHARGE, h] - u[DISCHARGE, h]
            m[h] = u[IMPORT, h] - u[EXPORT, h]
        return done >= 0
    for h in range(net.size):
        n[h], m[h] = best_hour(
            net[h], high[CURTAIL, h], high[GENERATE, h], curve[GENERATE], slope[GENERATE, h], A[h], weight[h], a[h],
            kappa[h], low[IMPORT, h] - high[EXPORT, h], high[IMPORT, h] - low[EXPORT, h], slope[IMPORT, h],
            -slope[EXPORT, h], e[h], rb
        )  # fmt: skip
        u[GENERATE, h] = max(net[h] - n[h], 0.0)
        u[CURTAIL, h] = max(n[h] - net[h], 0.0)
    return True


@jit
def mismatch(p, twin):  # type: ignore[no-untyped-def]
    """The ∞-norm of p_ij + p_ji, and of what members without partners buy."""
    worst = 0.0
    for k in range(p.shape[0]):
        if twin[k] >= k:
            for h in range(p.shape[1]):
                worst = max(worst, abs(p[k, h] + p[twin[k], h] if twin[k] > k else p[k, h]))
    return worst
