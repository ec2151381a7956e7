"""The least cut along a path: many points are solved in one batch, then the stretch where it comes clean is refined."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gridpact.exchange.acceptance._room import Room
from gridpact.units import BoolArray, FloatArray, IntArray

POINTS = 16
"""Points of a path that are solved in one batch."""

ROUNDS = 8

Path = Callable[[FloatArray], IntArray]
"""Cuts ``[point, row]`` at positions from 0 (nothing is cut) to 1, ``[point]``."""


@dataclass(frozen=True, eq=False)
class Found:
    """A point of a path that is clean: its cuts ``[row]``, under which room, and how far limits are then passed."""

    room: Room
    cuts: IntArray
    excess: FloatArray


def first_clean(
    path: Path, room: Room, solve: Callable[[IntArray], FloatArray], clean: Callable[[FloatArray], BoolArray]
) -> Found | None:
    """The first point of a path that is clean, to 1 Wh; None if its end is not and nothing before it is.

    What is returned was solved and found clean itself: where excesses do not fall steadily along a path, there may be an
    earlier clean point, never a violated one.

    Parameters
    ----------
    path
        Cuts along it.
    room
        What they do to the meters.
    solve
        Excess ``[point, limit]`` of net demands ``[point, member]``.
    clean
        Which points are clean, ``[point]``.
    """
    low, high, best = 0.0, 1.0, None
    for _ in range(ROUNDS):
        at = low + (high - low) * np.arange(1, POINTS + 1) / POINTS
        cuts = path(at)
        excess = solve(room.net_wh(cuts))
        for first in np.flatnonzero(clean(excess))[:1].tolist():
            best = Found(room, cuts[first], excess[first])
        if best is None:
            return None
        first = int(np.flatnonzero((cuts == best.cuts).all(axis=1))[0])
        low, high = (low if first == 0 else float(at[first - 1])), float(at[first])
        if (path(np.array([high])) - path(np.array([low]))).sum() <= 1:
            break
    return best


def pro_rata(energy_wh: IntArray, start: IntArray | None = None) -> Path:
    """Every row gives the same share of what it can, from a start or from nothing; ``[row]``."""
    first = np.zeros_like(energy_wh) if start is None else start

    def path(at: FloatArray) -> IntArray:
        return np.asarray(first + np.ceil(at[:, None] * (energy_wh - first)).astype(np.int64))

    return path


def last_first(energy_wh: IntArray, placed: IntArray) -> Path:
    """The row placed last gives way first, entirely; rows placed at the same time share pro rata."""
    _, group = np.unique(-placed, return_inverse=True)
    of_group = np.bincount(group, energy_wh)
    before = np.cumsum(of_group) - of_group

    def path(at: FloatArray) -> IntArray:
        reached = at[:, None] * of_group.sum() - before
        share = np.clip(reached / np.maximum(of_group, 1.0), 0.0, 1.0)
        return np.asarray(np.ceil(share[:, group] * energy_wh).astype(np.int64))

    return path
