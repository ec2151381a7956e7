"""Least energy curtailed, or least welfare lost: a linear program on sensitivities, then AC again, until it agrees."""

from collections.abc import Callable

import numpy as np

from gridpact.exchange.acceptance._room import Room
from gridpact.units import BoolArray, FloatArray, IntArray

PASSES = 6
MARGIN = 1e-6
"""Of the common scale: what the program stays within a limit by, so that the linear model's last digits do not pass it."""
NEAR = 0.25
"""Of the common scale: limits further from being passed do not enter the program; AC tells if one should have."""
SETTLED = 1e-3


def least_cuts(
    room: Room,
    candidate: BoolArray,
    cost: FloatArray,
    start: tuple[IntArray, FloatArray],
    goal: tuple[FloatArray, FloatArray],
    relieving: tuple[BoolArray, BoolArray],
    solve: Callable[[IntArray], FloatArray],
    linearise: Callable[[IntArray], FloatArray | None],
    clean: Callable[[FloatArray], BoolArray],
) -> tuple[IntArray, bool]:
    """Cuts of least cost, ``[row]``, and whether AC finds them clean.

    Parameters
    ----------
    room, candidate
        The rows, and which may be cut, ``[row]``.
    cost
        Of a Wh cut, not negative, ``[row]``.
    start
        Cuts ``[row]`` at which to linearise first, and their excess ``[limit]``.
    goal
        How far each limit may be passed, ``[limit]``, and the common scale of limits.
    relieving
        Of which members a higher (lower) net demand relieves, each ``[member]``.
    solve, linearise, clean
        AC excess of net demands; what a Wh of net demand of each member adds to it, ``[member, limit]``, or None where that
        has no solution; what is clean.
    """
    cuts, excess = start
    entered = np.zeros(len(excess), dtype=np.bool_)
    best: tuple[float, IntArray] | None = None
    for _ in range(PASSES):
        slope = linearise(room.net_wh(cuts))
        if slope is None:
            break
        allowed, scale = goal
        entered |= excess > allowed - NEAR * scale
        wanted = _solve_program(
            room, candidate, cost, cuts, (excess - allowed + MARGIN * scale)[entered], slope[:, entered], relieving
        )
        if wanted is None:
            break
        cuts = wanted
        excess = solve(room.net_wh(cuts)[None])[0]
        spent = float(cost @ cuts)
        if clean(excess[None])[0]:
            settled = best is not None and spent >= (1 - SETTLED) * best[0]
            best = (spent, cuts) if best is None or spent < best[0] else best
            if settled:
                break
        elif not np.isfinite(excess).all():
            break
    return (cuts, False) if best is None else (best[1], True)


def _solve_program(
    room: Room,
    candidate: BoolArray,
    cost: FloatArray,
    cuts: IntArray,
    over: FloatArray,
    slope: FloatArray,
    relieving: tuple[BoolArray, BoolArray],
) -> IntArray | None:
    """One program, linear around ``cuts``: minimise cost so that the excess ``over`` is gone; None if nothing does that."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, vstack

    rows = np.flatnonzero(candidate)
    effect = room.effect(slope)[rows] * 1e3  # per kWh, so that the numbers of the program are near one
    caps, most = [], []
    for member, limit_wh, relieves in (
        (room.seller[rows], room.up_wh, relieving[0]),
        (room.buyer[rows], room.down_wh, relieving[1]),
    ):
        kept = np.flatnonzero((member >= 0) & relieves[np.maximum(member, 0)])
        caps.append(csr_array((np.ones(len(kept)), (member[kept], kept)), shape=(len(limit_wh), len(rows))))
        most.append(limit_wh / 1e3)
    size = np.maximum(np.abs(effect).max(axis=0), 1e-12)  # each limit on its own scale
    ties = 1 + 1e-6 * np.arange(len(rows)) / max(len(rows), 1)  # of equal rows the first gives way: the same everywhere
    result = linprog(
        (np.maximum(cost[rows], 1e-3 * cost.max(initial=1e-9)) / max(cost.max(initial=0.0), 1e-9)) * ties,
        A_ub=vstack([csr_array((effect / size).T), *caps], format="csr"),
        b_ub=np.concatenate([(effect.T @ (cuts[rows] / 1e3) - over) / size, *most]),
        bounds=np.stack([np.zeros(len(rows)), room.energy_wh[rows] / 1e3], axis=1),
        method="highs",
    )
    if result.status != 0:
        return None
    found = np.zeros_like(cuts)
    found[rows] = np.minimum(np.ceil(result.x * 1e3 - 1e-6), room.energy_wh[rows])
    return found
