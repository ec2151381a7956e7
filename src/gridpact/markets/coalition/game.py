"""A cooperative game: players, and what every coalition of them is worth."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Self, TypeAlias

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.coalition.program import Program
from gridpact.units import BoolArray, FloatArray, IntArray

MOST_ENUMERATED = 20
"""Up to how many players all 2^n coalitions are looked at."""

Value: TypeAlias = Callable[[BoolArray], FloatArray]
"""Worth of coalitions given as masks, ``[coalition, player] -> [coalition]``."""

_CHUNK = 1 << 16
_CELLS = 1 << 20
_BLOCK = 12


@dataclass(frozen=True, eq=False)
class Totals:
    """A worth that depends on the members only through sums of what they bring.

    Attributes
    ----------
    brought
        What each player adds to each quantity, ``[player, quantity]``.
    worth
        Worth of given totals, ``[coalition, quantity] -> [coalition]``.
    """

    brought: FloatArray
    worth: Callable[[FloatArray], FloatArray]

    @property
    def chunk(self) -> int:
        """How many totals are held at once."""
        return max(1, _CELLS // max(1, int(self.brought.shape[1])))

    def value(self, masks: BoolArray) -> FloatArray:
        """Worth of coalitions ``[coalition, player] -> [coalition]``."""
        starts = range(0, len(masks), self.chunk)
        parts = [self.worth(masks[at : at + self.chunk].astype(np.float64) @ self.brought) for at in starts]
        return np.concatenate([np.empty(0), *parts])

    def every_value(self) -> FloatArray:
        """Worth of all coalitions, ``[2^n]`` as in `Game.all_values`."""
        players = len(self.brought)
        few = min(players, _BLOCK, self.chunk.bit_length() - 1)
        low = coalitions(few, 0, 1 << few).astype(np.float64) @ self.brought[:few]
        high = coalitions(players - few, 0, 1 << (players - few)).astype(np.float64) @ self.brought[few:]
        return np.concatenate([self.worth(low + more) for more in high])

    def marginals(self, orders: IntArray) -> FloatArray:
        """What each player adds when players arrive in given orders, ``[order, place] -> [order, player]``."""
        worth = self.worth(np.cumsum(self.brought[orders], axis=1).reshape(orders.size, -1)).reshape(orders.shape)
        added = np.empty_like(worth)
        np.put_along_axis(added, orders, np.diff(worth, axis=1, prepend=0.0), axis=1)
        return added

    def neighbours(self, masks: BoolArray) -> FloatArray:
        """Worth of each coalition when one player more or less is in, ``[coalition, player]``."""
        sign = np.where(masks, -1.0, 1.0)
        totals = (masks.astype(np.float64) @ self.brought)[:, None] + sign[:, :, None] * self.brought
        return self.worth(totals.reshape(masks.size, -1)).reshape(masks.shape)


@dataclass(frozen=True, eq=False)
class Game:
    """A characteristic function on players 0 to n − 1.

    Attributes
    ----------
    players
        n, from 1 up.
    value
        Worth of many coalitions in one call, ``[coalition, player] -> [coalition]``. Finite; the empty coalition is worth 0.
    program
        The same function of two or more players as a linear program in the membership, if there is one: it answers questions
        about all 2^n coalitions without looking at each.
    totals
        The same function as one of sums over members, if it is one: a whole order of arrival then costs one pass.
    grand
        Worth of all players together.

    Raises
    ------
    InputError
        If there is no player, or the empty or the grand coalition has a worth that cannot be.

    Examples
    --------
    >>> glove = Game.of(3, lambda group: float(2 in group and len(group) > 1))  # two left gloves, one right
    >>> glove.grand, glove([0, 1]), glove([0, 2])
    (1.0, 0.0, 1.0)
    """

    players: int
    value: Value
    program: Program | None = None
    totals: Totals | None = None
    grand: float = field(init=False)

    def __post_init__(self) -> None:
        if self.players < 1:
            raise InputError(f"{self.players} players", place="game", accepted="1 or more")
        nobody, everybody = self.values(np.arange(2)[:, None] == np.ones(self.players))
        if nobody != 0:
            raise InputError(f"the empty coalition is worth {nobody:g}", place="game", accepted="0")
        object.__setattr__(self, "grand", float(everybody))

    @classmethod
    def of(cls, players: int, function: Callable[[frozenset[int]], float]) -> Self:
        """A game from any function of a set of players."""

        def value(masks: BoolArray) -> FloatArray:
            return np.array([function(frozenset(np.flatnonzero(mask).tolist())) for mask in masks], dtype=np.float64)

        return cls(players, value)

    @classmethod
    def of_totals(cls, totals: Totals, program: Program | None = None) -> Self:
        """A game on sums of what its members bring."""
        return cls(len(totals.brought), totals.value, program, totals)

    def __call__(self, coalition: Iterable[int]) -> float:
        """Worth of one coalition of players, each from 0 to n − 1."""
        members = list(coalition)
        if not set(members) <= set(range(self.players)):
            raise InputError(f"coalition {members}", place="game", accepted=f"players from 0 to {self.players - 1}")
        mask = np.zeros((1, self.players), dtype=np.bool_)
        mask[0, members] = True
        return float(self.values(mask)[0])

    def values(self, masks: BoolArray) -> FloatArray:
        """Worth of coalitions, checked.

        Parameters
        ----------
        masks
            Who is in, ``[coalition, player]``.

        Raises
        ------
        InputError
            If a mask has another number of players, or a worth is not finite or not a number a coalition.
        """
        masks = np.asarray(masks, dtype=np.bool_)
        if masks.ndim != 2 or masks.shape[1] != self.players:
            raise InputError(
                f"coalitions of shape {masks.shape}", place="game", accepted=f"[coalition, {self.players}]"
            )
        found = np.asarray(self.value(masks), dtype=np.float64)
        if found.shape != (len(masks),):
            raise InputError(
                f"the characteristic function returns shape {found.shape} for {len(masks)} coalitions",
                place="game",
                accepted="one number a coalition",
            )
        return self._checked(found, lambda row: masks[row])

    def all_values(self) -> FloatArray:
        """Worth of all 2^n coalitions, ``[2^n]``; bit i of a position says whether player i is in.

        Raises
        ------
        InputError
            If there are more than 20 players.
        """
        if self.players > MOST_ENUMERATED:
            raise InputError(
                f"{self.players} players make 2^{self.players} coalitions",
                place="game",
                accepted=f"at most {MOST_ENUMERATED} players where every coalition is looked at",
            )
        if self.totals:
            return self._checked(self.totals.every_value(), lambda row: coalitions(self.players, row, row + 1)[0])
        starts = range(0, 1 << self.players, _CHUNK)
        return np.concatenate(
            [self.values(coalitions(self.players, at, min(at + _CHUNK, 1 << self.players))) for at in starts]
        )

    def _checked(self, found: FloatArray, mask: Callable[[int], BoolArray]) -> FloatArray:
        for row in np.flatnonzero(~np.isfinite(found))[:1].tolist():
            members = np.flatnonzero(mask(row)).tolist()
            raise InputError(f"coalition {members} is worth {found[row]}", place="game", accepted="finite numbers")
        return found

    def less(self, cost: Value) -> "Game":
        """The game in which a coalition of two or more pays a cost, ``v(S) − cost(S)``.

        Parameters
        ----------
        cost
            Of coalitions given as masks, ``[coalition, player] -> [coalition]``; not asked for single players.

        Examples
        --------
        >>> pairs = Game.of(3, lambda group: 10.0 * (len(group) > 1)).less(lambda masks: masks.sum(axis=1) ** 2.0)
        >>> pairs([0]), pairs([0, 1]), pairs.grand
        (0.0, 6.0, 1.0)
        """

        def value(masks: BoolArray) -> FloatArray:
            worth, together = self.values(masks).copy(), masks.sum(axis=1) > 1
            worth[together] -= cost(masks[together])
            return worth

        return Game(self.players, value)

    def tabulated(self) -> "Game":
        """The same game with its 2^n values looked up once; for at most 20 players whose values are dear."""
        worth, bits = self.all_values(), 1 << np.arange(self.players)
        return Game(self.players, lambda masks: worth[masks @ bits], self.program)


def coalitions(players: int, first: int, last: int) -> BoolArray:
    """The coalitions at positions ``first`` to ``last`` (excluded) of `Game.all_values` as masks ``[coalition, player]``."""
    return (np.arange(first, last)[:, None] >> np.arange(players)) & 1 > 0
