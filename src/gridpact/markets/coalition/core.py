"""The core and the least core: payoffs that no coalition can better by going its own way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from gridpact.errors import GridpactError, InputError
from gridpact.markets.coalition._enumerated import AllCoalitions
from gridpact.markets.coalition._level import Bounds, minimise_excess
from gridpact.markets.coalition.game import MOST_ENUMERATED, Game
from gridpact.units import BoolArray, FloatArray

Oracle: TypeAlias = Callable[[FloatArray, float], tuple[BoolArray, float]]
"""Finds the coalition with the largest excess: from a payoff ``[player]`` and a tolerance its mask ``[player]`` and an upper
bound of the excess of all coalitions of 2 to n − 1 players."""


@dataclass(frozen=True, eq=False)
class Violation:
    """How far a payoff is from the core.

    Attributes
    ----------
    excess
        Largest ``v(S) − x(S)`` over coalitions other than none and all; at most 0 in the core.
    coalition
        The coalition that has it, ``[player]``.
    bound
        What no coalition's excess is above; equal to `excess` but for the tolerance of the integer program.
    """

    excess: float
    coalition: BoolArray
    bound: float


@dataclass(frozen=True, eq=False)
class LeastCore:
    """A payoff whose largest excess is as small as it can be (Maschler, Peleg, Shapley, Mathematics of Operations Research 4,
    1979).

    Attributes
    ----------
    payoff
        ``[player]``; sums to v(N).
    epsilon
        Its largest excess: no coalition other than none and all is worth more than its payoff plus this. At most 0 if the core
        is not empty.
    lower
        No payoff has a largest excess below this: ε* is from `lower` to `epsilon`.
    rows
        How many coalitions were written down.
    rounds
        How often they were added to.
    """

    payoff: FloatArray
    epsilon: float
    lower: float
    rows: int
    rounds: int


def core_violation(
    game: Game, payoff: FloatArray, *, tolerance: float = 1e-9, oracle: Oracle | None = None
) -> Violation:
    """The coalition that gains most by leaving.

    Up to 20 players by looking at all coalitions; beyond, by one mixed-integer program over the game's `Game.program`, or by a
    given oracle.

    Parameters
    ----------
    game
        With a program, if it has more than 20 players and no oracle is given.
    payoff
        ``[player]``.
    tolerance
        Of the integer program, as a part of |v(N)|.
    oracle
        Finds the largest excess; see `Oracle`.

    Raises
    ------
    InputError
        If the payoff is not finite or of another shape, the tolerance is not above 0, or nothing can find the coalition.

    Examples
    --------
    >>> glove = Game.of(3, lambda group: float(2 in group and len(group) > 1))
    >>> found = core_violation(glove, np.array([0.25, 0.25, 0.5]))
    >>> found.excess, found.coalition.tolist()
    (0.25, [True, False, True])
    """
    payoff = np.asarray(payoff, dtype=np.float64)
    if payoff.shape != (game.players,) or not np.isfinite(payoff).all():
        found = f"a payoff of shape {payoff.shape}, or not finite"
        raise InputError(found, accepted=f"{game.players} finite numbers")
    wide = _absolute(game, tolerance)
    if oracle is None and game.players <= MOST_ENUMERATED:
        excess, coalition = AllCoalitions.of(game).largest_excess(payoff)
        return Violation(excess, coalition, excess)
    return _Separation(game, oracle, wide)(payoff)


def owen_point(game: Game) -> FloatArray:
    """What the grand coalition's dual prices pay each member (Owen, Mathematical Programming 9, 1975), ``[player]``.

    In the core of every game with a program and without fees, from one linear program whatever the number of players. A lump
    fee is shared equally here, and the point is then not in the core in general.

    Raises
    ------
    InputError
        If the game has no program.

    Examples
    --------
    >>> from gridpact.markets.coalition import pooling_game
    >>> owen_point(pooling_game(np.array([[-3.0], [1.0], [4.0]]), 0.2)).round(3).tolist()
    [0.6, 0.0, 0.0]
    """
    if game.program is None:
        raise InputError("the game has no linear program", accepted="a pooling or netting game, or least_core")
    if game.players == 1:
        return np.array([game.grand])
    return game.program.prices_of_membership() - game.program.lump / game.players


def core_point(game: Game, *, tolerance: float = 1e-6, oracle: Oracle | None = None) -> FloatArray:
    """A payoff in the core, to a tolerance that is a part of |v(N)|, ``[player]``.

    Raises
    ------
    InputError
        If the core is empty, where no payoff leaves every coalition without a gain, or the tolerance is not above 0.
    GridpactError
        If a game of more than 20 players remains undecided.

    Examples
    --------
    >>> glove = Game.of(3, lambda group: float(2 in group and len(group) > 1))
    >>> bool(np.allclose(core_point(glove), [0, 0, 1]))
    True
    """
    least = _absolute(game, tolerance)
    found = least_core(game, tolerance=tolerance, oracle=oracle, enough=least)
    if found.epsilon > least:
        if found.lower <= least:
            raise GridpactError(f"core point: undecided after {found.rounds} rounds, ε* is at most {found.epsilon:g}")
        raise InputError(
            f"the core is empty: every payoff leaves some coalition {found.lower:g} or more to gain",
            place="core point",
            accepted="a game with a core; least_core takes any",
        )
    return found.payoff


def least_core(
    game: Game,
    *,
    tolerance: float = 1e-3,
    rounds: int = 1_000,
    oracle: Oracle | None = None,
    enough: float | None = None,
) -> LeastCore:
    """A payoff in the least core, by row generation: only coalitions that matter are written down.

    Up to 20 players the most dissatisfied of all coalitions are added to a linear program until there are none: exact. Beyond,
    a level method (Lemaréchal, Nemirovskii, Nesterov, Mathematical Programming 69, 1995) with the integer program of
    `core_violation` brackets ε*.

    Parameters
    ----------
    game
        With a program, if it has more than 20 players and no oracle is given.
    tolerance
        At which width of the bracket to stop, as a part of |v(N)|; not used up to 20 players.
    rounds
        At how many rounds to stop at the latest, with the bracket as wide as it then is.
    oracle
        Finds the largest excess; see `Oracle`.
    enough
        Stop when it is clear on which side of this ε* lies; not used up to 20 players. None: do not.

    Raises
    ------
    InputError
        If nothing can find the most dissatisfied of more than 20 players' coalitions, or the tolerance is not above 0.

    Examples
    --------
    >>> majority = Game.of(3, lambda group: float(len(group) >= 2))
    >>> round(least_core(majority).epsilon, 6)
    0.333333
    """
    wide = _absolute(game, tolerance)
    if game.players == 1:
        return LeastCore(np.array([game.grand]), 0.0, 0.0, 0, 0)
    if oracle is None and game.players <= MOST_ENUMERATED:
        stage = AllCoalitions.of(game).minimise_excess()
        return LeastCore(stage.payoff, stage.epsilon, stage.epsilon, stage.rows, stage.rounds)
    separate = _Separation(game, oracle, wide / 10)
    centre = owen_point(game) if game.program else np.full(game.players, game.grand / game.players)
    bounds: Bounds = minimise_excess(game, centre, separate, wide, rounds, enough)
    return LeastCore(bounds.payoff, bounds.upper, bounds.lower, len(bounds.rows), bounds.rounds)


def _absolute(game: Game, tolerance: float) -> float:
    """A tolerance in units of v, from one that is a part of |v(N)|."""
    if not 0 < tolerance < np.inf:
        raise InputError(
            f"tolerance = {tolerance!r}", place="core", accepted="a finite number above 0, a part of |v(N)|"
        )
    return tolerance * (abs(game.grand) or 1.0)


class _Separation:
    """The most dissatisfied coalition, single players included."""

    def __init__(self, game: Game, oracle: Oracle | None, tolerance: float) -> None:
        found = oracle or (game.program and game.program.most_dissatisfied)
        if not found:
            raise InputError(
                f"{game.players} players, and neither a program nor an oracle",
                place="core",
                accepted=f"at most {MOST_ENUMERATED} players, a pooling or netting game, or an oracle",
            )
        self._game, self._oracle, self._tolerance = game, found, tolerance
        self._alone = np.eye(game.players, dtype=np.bool_)
        self._worth_alone = game.values(self._alone)

    def __call__(self, payoff: FloatArray) -> Violation:
        single = self._worth_alone - payoff
        worst = int(single.argmax())
        if self._game.players == 2:  # no coalition lies between one player and all
            return Violation(float(single[worst]), self._alone[worst], float(single[worst]))
        mask, bound = self._oracle(payoff, self._tolerance)
        size = int(mask.sum())
        if not 1 < size < self._game.players:
            raise GridpactError(f"the oracle of the core returns a coalition of {size} of {self._game.players} players")
        if not np.isfinite(bound):
            raise GridpactError(f"the oracle of the core returns a bound of {bound}")
        excess = float(self._game.values(mask[None])[0] - payoff @ mask)
        if single[worst] > excess:
            excess, mask = float(single[worst]), self._alone[worst]
        return Violation(excess, mask, max(bound, excess))
