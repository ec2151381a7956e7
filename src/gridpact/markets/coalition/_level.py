"""A level method for the least core: bracket the least largest excess of games whose coalitions can only be asked for.

The largest excess of a payoff is convex and piecewise linear, with a piece a coalition. Between the best payoff known (upper)
and what no payoff can better given the coalitions known (lower) lies a level; the next payoff is the point of the level set
that is nearest to the best one. Without that anchor the linear program jumps between far corners and needs several times as
many coalitions.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import nnls

from gridpact.markets.coalition._linear import minimise
from gridpact.markets.coalition.game import Game, Totals
from gridpact.units import BoolArray, FloatArray

_LEVEL, _CLEARLY = 0.3, 0.02
_STARTS, _STEPS = 12, 20
_EMPTY = 1e-7


class Separated(Protocol):
    """What the separation finds: the largest excess, who has it, what none is above."""

    @property
    def excess(self) -> float: ...

    @property
    def coalition(self) -> BoolArray: ...

    @property
    def bound(self) -> float: ...


class Separation(Protocol):
    """Finds the most dissatisfied coalition of a payoff."""

    def __call__(self, payoff: FloatArray) -> Separated: ...


@dataclass(frozen=True, eq=False)
class Bounds:
    """The best payoff and the bracket around the least largest excess."""

    payoff: FloatArray
    upper: float
    lower: float
    rows: BoolArray
    rounds: int


def minimise_excess(
    game: Game, centre: FloatArray, separate: Separation, tolerance: float, rounds: int, enough: float | None
) -> Bounds:
    """Bracket the least largest excess.

    Parameters
    ----------
    game
        Values of coalitions.
    centre
        A payoff to start from, ``[player]``; sums to v(N).
    separate
        The exact answer to who is most dissatisfied.
    tolerance
        Width of the bracket at which to stop.
    rounds
        At how many rounds to stop at the latest.
    enough
        Stop when it is clear on which side of this the least largest excess lies; None: do not.
    """
    alone = np.eye(game.players, dtype=np.bool_)
    found = separate(centre)
    upper = found.bound
    rows = np.unique(np.concatenate([alone, ~alone, found.coalition[None]]), axis=0)
    worth = game.values(rows)
    lower = _lower_bound(rows, worth, game.grand)
    rng = np.random.default_rng(0)
    for done in range(rounds):
        if upper - lower <= tolerance or (enough is not None and (upper <= enough or lower > enough)):
            return Bounds(centre, upper, lower, rows, done)
        level = lower + _LEVEL * (upper - lower)
        payoff = _nearest(centre, rows, worth - level, game.grand)
        if payoff is None:
            lower = max(level, _lower_bound(rows, worth, game.grand))
            continue
        above = level + _CLEARLY * (upper - lower)
        new = _search(game.totals, payoff, rows, worth, above, rng) if game.totals else rows[:0]
        if not len(new):
            found = separate(payoff)
            new = found.coalition[None]
            if found.bound < upper:
                centre, upper = payoff, found.bound
        new = new[~(new[:, None] == rows).all(axis=2).any(axis=1)]
        rows, worth = np.concatenate([rows, new]), np.concatenate([worth, game.values(new)])
    return Bounds(centre, upper, lower, rows, rounds)


def _lower_bound(rows: BoolArray, worth: FloatArray, grand: float) -> float:
    """The least largest excess over the rows."""
    count, players = rows.shape
    return minimise(
        np.append(np.zeros(players), 1.0),
        (-np.column_stack([rows, np.ones(count)]), -worth),
        (np.append(np.ones(players), 0.0)[None], np.array([grand])),
        free=True,
        what="least core",
    ).value


def _nearest(centre: FloatArray, rows: BoolArray, least: FloatArray, grand: float) -> FloatArray | None:
    """The payoff nearest to a centre that sums to v(N) and gives each row at least so much; None if there is none.

    A least-distance problem, solved as non-negative least squares (Lawson, Hanson, Solving Least Squares Problems, 1974,
    chapter 23).
    """
    players = len(centre)
    centre = centre + (grand - centre.sum()) / players
    size = rows.sum(axis=1, keepdims=True)
    slope = rows - size / players  # what moving along the plane of efficient payoffs changes
    length = np.sqrt(size * (1 - size / players))
    short = (least - rows @ centre) / length[:, 0]
    unit = short.max()
    if unit <= 0:
        return centre
    system = np.vstack([(slope / length).T, short / unit])
    price, rest = nnls(system, np.append(np.zeros(players), 1.0))
    if rest < _EMPTY:
        return None
    gap = system @ price - np.append(np.zeros(players), 1.0)
    return np.asarray(centre - unit * gap[:-1] / gap[-1])


def _search(
    game: Totals, payoff: FloatArray, rows: BoolArray, worth: FloatArray, level: float, rng: np.random.Generator
) -> BoolArray:
    """Coalitions with an excess above the level, by local search from the most dissatisfied known and from mixtures of them."""
    near = rows[np.argsort(rows @ payoff - worth)[: 5 * _STARTS]]
    parents = near[rng.integers(0, len(near), (2, _STARTS))]
    mixed = np.where(rng.random(parents[0].shape) < 0.5, *parents)
    here = np.concatenate([near[:_STARTS], mixed])
    best = game.value(here) - here @ payoff
    for _ in range(_STEPS):
        change = np.where(here, -payoff, payoff)
        excess = game.neighbours(here) - (here @ payoff)[:, None] - change
        size = here.sum(axis=1, keepdims=True) + np.where(here, -1, 1)
        excess[(size == 0) | (size == here.shape[1])] = -np.inf
        step, gain = excess.argmax(axis=1), excess.max(axis=1)
        better = np.flatnonzero(gain > best)
        if not len(better):
            break
        here[better, step[better]] ^= True
        best[better] = gain[better]
    size = here.sum(axis=1)
    violated = (best > level) & (size > 0) & (size < here.shape[1])
    return np.unique(here[violated], axis=0)
