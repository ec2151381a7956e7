"""The Shapley value: each player's mean contribution over all orders in which the players can arrive."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from gridpact.errors import InputError
from gridpact.markets.coalition.game import MOST_ENUMERATED, Game
from gridpact.units import FloatArray, IntArray

_FIRST_BATCH = 64
_CELLS = 1 << 22


def shapley_exact(game: Game) -> FloatArray:
    """The Shapley value from all coalitions (Shapley, Contributions to the Theory of Games II, 1953), ``[player]``.

    Raises
    ------
    InputError
        If there are more than 20 players.

    Examples
    --------
    >>> shapley_exact(Game.of(3, lambda group: float(2 in group and len(group) > 1))).round(4).tolist()
    [0.1667, 0.1667, 0.6667]
    """
    if game.players > MOST_ENUMERATED:
        raise InputError(
            f"the exact Shapley value of {game.players} players needs 2^{game.players} coalitions",
            accepted=f"at most {MOST_ENUMERATED} players; shapley_sampled takes any number",
        )
    from gridpact.markets.coalition import _kernels

    return np.asarray(_kernels.shapley(game.all_values(), game.players))


@dataclass(frozen=True, eq=False)
class Progress:
    """Where an estimate stood: after how many orders, its payoff and half-width ``[player]``."""

    orders: int
    payoff: FloatArray
    half_width: FloatArray


@dataclass(frozen=True, eq=False)
class SampledShapley:
    """An estimate of the Shapley value.

    Attributes
    ----------
    payoff
        ``[player]``; sums to v(N).
    half_width
        Of each player's confidence interval, ``[player]``.
    orders
        How many orders were drawn, their reversals included.
    converged
        Whether every half-width is within the tolerance; if not, the orders were used up.
    history
        The estimate after every doubling of the orders, the last one included.
    """

    payoff: FloatArray
    half_width: FloatArray
    orders: int
    converged: bool
    history: tuple[Progress, ...]


def shapley_sampled(
    game: Game,
    rng: np.random.Generator,
    *,
    tolerance: float,
    confidence: float = 0.95,
    antithetic: bool = True,
    most_orders: int = 1 << 20,
) -> SampledShapley:
    """The Shapley value as the mean over random orders (Castro, Gómez, Tejada, Computers & Operations Research 36, 2009).

    With ``antithetic`` each order is followed by its reversal, and the two count as one draw: who comes early in one comes late
    in the other. Orders are doubled until the widest confidence interval is within the tolerance. The intervals are those of
    Student's t for the mean of independent draws, each player by itself; stopping at a tolerance makes them slightly
    optimistic.

    Parameters
    ----------
    game
        Any number of players. An order of a game on `Game.totals` costs one pass over its players.
    rng
        Draws the orders.
    tolerance
        Largest half-width, in units of v.
    confidence
        Of the intervals, in (0, 1).
    antithetic
        Whether to reverse each order.
    most_orders
        Where to stop if the tolerance is not reached.

    Raises
    ------
    InputError
        If tolerance, confidence or most_orders are out of range.

    Examples
    --------
    >>> glove = Game.of(3, lambda group: float(2 in group and len(group) > 1))
    >>> found = shapley_sampled(glove, np.random.default_rng(1), tolerance=0.02)
    >>> found.converged, bool((abs(found.payoff - [1 / 6, 1 / 6, 2 / 3]) < 0.03).all())
    (True, True)
    """
    if not 0 < tolerance < np.inf:
        raise InputError(f"tolerance = {tolerance!r}", accepted="a finite number above 0, in units of v")
    if not 0 < confidence < 1:
        raise InputError(f"confidence = {confidence!r}", accepted="a number between 0 and 1")
    if not most_orders >= _FIRST_BATCH:
        raise InputError(f"most_orders = {most_orders!r}", accepted=f"a whole number from {_FIRST_BATCH} up")
    orders_a_draw = 2 if antithetic else 1
    draws, mean, scatter = 0, np.zeros(game.players), np.zeros(game.players)
    history: list[Progress] = []
    wanted = _FIRST_BATCH // orders_a_draw
    while True:
        while draws < wanted:
            count = min(wanted - draws, _at_once(game))
            batch = _draws(game, rng, count, antithetic)
            # Chan, Golub and LeVeque's update of a mean and a sum of squared deviations by a batch
            gap = batch.mean(axis=0) - mean
            scatter += ((batch - batch.mean(axis=0)) ** 2).sum(axis=0) + gap**2 * (draws * count / (draws + count))
            draws += count
            mean += gap * (count / draws)
        half_width = stdtrit(draws - 1, (1 + confidence) / 2) * np.sqrt(scatter / (draws - 1) / draws)
        history.append(Progress(draws * orders_a_draw, mean.copy(), half_width))
        converged = bool(half_width.max() <= tolerance)
        if converged or 2 * wanted * orders_a_draw > most_orders:
            return SampledShapley(mean, half_width, draws * orders_a_draw, converged, tuple(history))
        wanted *= 2


def _draws(game: Game, rng: np.random.Generator, count: int, antithetic: bool) -> FloatArray:
    """Contributions in random orders, the mean of each order and its reversal, ``[draw, player]``."""
    orders = rng.permuted(np.tile(np.arange(game.players), (count, 1)), axis=1)
    found = _marginals(game, orders)
    return (found + _marginals(game, orders[:, ::-1].copy())) / 2 if antithetic else found


def _marginals(game: Game, orders: IntArray) -> FloatArray:
    """What each player adds, ``[order, player]``."""
    if game.totals:
        return game.totals.marginals(orders)
    place = np.argsort(orders, axis=1)
    arrived = place[:, None, :] <= np.arange(game.players)[:, None]
    worth = game.values(arrived.reshape(-1, game.players)).reshape(orders.shape)
    added = np.diff(worth, axis=1, prepend=0.0)
    return np.take_along_axis(added, place, axis=1)


def _at_once(game: Game) -> int:
    """How many orders are held at once."""
    if game.totals:
        return max(1, game.totals.chunk // game.players)
    return max(1, _CELLS // game.players**2)
