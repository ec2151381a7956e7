"""Excesses over all 2^n coalitions, and the linear program that makes the largest of them small."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from gridpact.markets.coalition._linear import minimise
from gridpact.markets.coalition.game import Game
from gridpact.units import BoolArray, FloatArray, IntArray

_A_ROUND = 40
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Fixed:
    """Payoffs of coalitions that are settled: ``x(S)`` of each row, the grand coalition first."""

    masks: BoolArray
    payoff: FloatArray


@dataclass(frozen=True, eq=False)
class Stage:
    """What one minimisation found.

    Attributes
    ----------
    payoff, epsilon
        A payoff and its largest excess over the coalitions that were open, which no payoff betters.
    tight
        Coalitions that have this excess whatever the optimal payoff, as masks: those with a positive dual price.
    rows, rounds
        Coalitions written down, and how often.
    """

    payoff: FloatArray
    epsilon: float
    tight: BoolArray
    rows: int
    rounds: int


@dataclass(frozen=True, eq=False)
class AllCoalitions:
    """The worth of all coalitions ``[2^n]``, in units of the largest, and that unit."""

    players: int
    worth: FloatArray
    unit: float

    @classmethod
    def of(cls, game: Game) -> Self:
        """All coalitions of a game of at most 20 players."""
        worth = game.all_values()
        unit = float(np.abs(worth).max()) or 1.0
        return cls(game.players, worth / unit, unit)

    def largest_excess(self, payoff: FloatArray) -> tuple[float, BoolArray]:
        """Largest ``v(S) − x(S)`` over coalitions other than none and all, and who has it; −inf for a single player."""
        if self.players == 1:
            return -np.inf, np.zeros(1, dtype=np.bool_)
        excess = self._excess(payoff / self.unit)[1:-1]
        at = int(excess.argmax())
        return float(excess[at] * self.unit), self._masks(np.array([at + 1]))[0]

    def minimise_excess(self, fixed: Fixed | None = None, closed: BoolArray | None = None) -> Stage:
        """Minimise the largest excess of the open coalitions, rows generated.

        Parameters
        ----------
        fixed
            Payoffs that are settled, the grand coalition among them; None: only that.
        closed
            Coalitions whose excess does not count, ``[2^n]``; None: none and all.
        """
        everybody = np.ones((1, self.players), dtype=np.bool_)
        fixed = fixed or Fixed(everybody, self.worth[-1:] * self.unit)
        if closed is None:
            closed = np.isin(np.arange(len(self.worth)), [0, len(self.worth) - 1])
        rows = self._first_rows(closed)
        rounds = 0
        while True:
            rounds += 1
            payoff, epsilon, price = self._master(rows, fixed)
            excess = np.where(closed, -np.inf, self._excess(payoff))
            if excess.max() <= epsilon + _SAME:
                break
            worst = np.argpartition(-excess, min(_A_ROUND, len(excess) - 1))[:_A_ROUND]
            rows = np.union1d(rows, worst[excess[worst] > epsilon + _SAME])
        tight = self._masks(rows[price > max(_SAME, 1e-3 * price.max())])
        return Stage(payoff * self.unit, epsilon * self.unit, tight, len(rows), rounds)

    def spanned(self, directions: FloatArray) -> BoolArray:
        """Coalitions that are orthogonal to every direction ``[direction, player]``, ``[2^n]``."""
        from gridpact.markets.coalition import _kernels

        inside = np.ones(len(self.worth), dtype=np.bool_)
        for direction in directions:
            inside &= np.abs(_kernels.sums(direction)) < 1e-7
        return inside

    def _first_rows(self, closed: BoolArray) -> IntArray:
        """Single players and all but one; any open coalition if these are closed."""
        alone = 1 << np.arange(self.players)
        first = np.unique(np.concatenate([alone, len(self.worth) - 1 - alone]))
        open_ones = first[~closed[first]]
        return open_ones if len(open_ones) else np.flatnonzero(~closed)[:1]

    def _master(self, rows: IntArray, fixed: Fixed) -> tuple[FloatArray, float, FloatArray]:
        """Minimise ε with ``x(S) + ε ≥ v(S)`` on the rows: payoff, ε, dual price of each row."""
        members = self._masks(rows).astype(np.float64)
        optimum = minimise(
            np.append(np.zeros(self.players), 1.0),
            (-np.column_stack([members, np.ones(len(rows))]), -self.worth[rows]),
            (np.column_stack([fixed.masks, np.zeros(len(fixed.masks))]), fixed.payoff / self.unit),
            free=True,
            what="least core",
        )
        return optimum.x[:-1], float(optimum.x[-1]), -optimum.dual_most

    def _excess(self, payoff: FloatArray) -> FloatArray:
        from gridpact.markets.coalition import _kernels

        return np.asarray(self.worth - _kernels.sums(payoff))

    def _masks(self, rows: IntArray) -> BoolArray:
        return np.asarray((rows[:, None] >> np.arange(self.players)) & 1 > 0)
