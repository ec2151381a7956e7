"""Which coalitions form: merge and split, and what a union gains."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.coalition.game import Game, coalitions
from gridpact.units import BoolArray, FloatArray

MOST_PARTITIONED = 14
"""Up to how many players, or coalitions, all partitions are looked at."""

Group: TypeAlias = tuple[int, ...]

_ROUNDING = 1e-9
_STARTS = 8


@dataclass(frozen=True, slots=True)
class Step:
    """One merge or split: which coalitions went in, which came out, and what all of them gain."""

    kind: Literal["merge", "split"]
    before: tuple[Group, ...]
    after: tuple[Group, ...]
    gain: float


@dataclass(frozen=True, slots=True)
class Formation:
    """Where merging and splitting ended.

    Attributes
    ----------
    partition
        The coalitions, each sorted, in the order of their first members.
    value
        What they are worth together.
    history
        The steps, in order.
    stable
        Whether it is proven that no set of these coalitions gains by merging and none gains by splitting in any way:
        D_hp-stable (Apt, Witzel, International Game Theory Review 11, 2009). Proven if there are at most 14 coalitions of at
        most 14 players.
    """

    partition: tuple[Group, ...]
    value: float
    history: tuple[Step, ...]
    stable: bool


def merge_and_split(game: Game, start: Iterable[Iterable[int]] | None = None) -> Formation:
    """Let coalitions merge and split as long as those concerned are worth more afterwards (Apt, Witzel 2009).

    The best merge is made as long as there is one, then the best split. Each step raises what the partition is worth by more
    than rounding, 10⁻⁹ of the worths concerned, and there are finitely many partitions, so it ends. Among at most 14 coalitions
    any set may merge, among more any two; a coalition of at most 14 players may split in any way, a larger one in two parts
    that local search finds.

    Parameters
    ----------
    game
        Where joining costs nothing, the coalitions end up worth as much as all players together; see `Game.less`.
        `Game.tabulated` saves time where values are dear.
    start
        A partition of the players; None: each by itself.

    Raises
    ------
    InputError
        If the start is not a partition of the players.

    Examples
    --------
    >>> pairs = Game.of(4, lambda group: float(len(group) // 2) - 0.1 * len(group) ** 2 * (len(group) > 1))
    >>> merge_and_split(pairs).partition
    ((0, 1), (2, 3))
    """
    parts = _checked(game.players, start)
    history: list[Step] = []
    while step := _best_merge(game, parts) or _best_split(game, parts):
        history.append(step)
        parts = sorted([part for part in parts if part not in step.before] + list(step.after))
    proven = len(parts) <= MOST_PARTITIONED and max(map(len, parts)) <= MOST_PARTITIONED
    return Formation(tuple(parts), float(_worth(game, parts).sum()), tuple(history), proven)


def superadditivity_margin(game: Game) -> float:
    """The least gain of a union, ``min v(S ∪ T) − v(S) − v(T)`` over disjoint coalitions that are not empty; ``inf`` for one
    player.

    The game is superadditive if it is not negative.

    Raises
    ------
    InputError
        If there are more than 14 players.

    Examples
    --------
    >>> superadditivity_margin(Game.of(3, lambda group: len(group) ** 2.0))
    2.0
    """
    if game.players > MOST_PARTITIONED:
        found = f"{game.players} players have 3^{game.players} pairs of coalitions"
        raise InputError(found, place="superadditivity", accepted=f"at most {MOST_PARTITIONED} players")
    from gridpact.markets.coalition import _kernels

    return float(_kernels.smallest_gain_of_union(game.all_values()))


def _checked(players: int, start: Iterable[Iterable[int]] | None) -> list[Group]:
    """A partition of the players."""
    parts = sorted(tuple(sorted(part)) for part in (([i] for i in range(players)) if start is None else start))
    if sorted(player for part in parts for player in part) != list(range(players)) or () in parts:
        raise InputError(
            f"{parts} is not a partition",
            place="merge and split",
            accepted=f"each of 0 to {players - 1} in one coalition",
        )
    return parts


def _best_merge(game: Game, parts: Sequence[Group]) -> Step | None:
    """The union of coalitions that gains most, if one gains."""
    count = len(parts)
    if count < 2:
        return None
    if count <= MOST_PARTITIONED:
        chosen = coalitions(count, 0, 1 << count)
        chosen = chosen[chosen.sum(axis=1) > 1]
    else:
        one, other = np.triu_indices(count, 1)
        chosen = np.zeros((len(one), count), dtype=np.bool_)
        chosen[np.arange(len(one)), one] = chosen[np.arange(len(one)), other] = True
    union, worth = game.values(chosen @ _masks(game.players, parts)), _worth(game, parts)
    gain = union - chosen @ worth
    gain[gain <= _ROUNDING * (np.abs(union) + chosen @ np.abs(worth))] = 0.0
    best = int(gain.argmax())
    if gain[best] <= 0:
        return None
    before = tuple(parts[at] for at in np.flatnonzero(chosen[best]).tolist())
    return Step("merge", before, (tuple(sorted(sum(before, ()))),), float(gain[best]))


def _best_split(game: Game, parts: Sequence[Group]) -> Step | None:
    """The split of one coalition that gains most, if one gains."""
    steps = [_split(game, part) for part in parts if len(part) > 1]
    best = max(steps, key=lambda step: step.gain, default=None)
    return best if best and best.gain > 0 else None


def _split(game: Game, part: Group) -> Step:
    """The best way found to split a coalition; itself, at no gain, if there is none."""
    whole = float(_worth(game, [part])[0])
    inside = Game(len(part), lambda masks: game.values(_embedded(game.players, part, masks)))
    after = _partition_of(inside) if len(part) <= MOST_PARTITIONED else _two_parts(inside)
    groups = tuple(sorted(tuple(part[i] for i in np.flatnonzero(mask)) for mask in after))
    worth = inside.values(after)
    gain = float(worth.sum()) - whole
    return Step("split", (part,), groups, gain if gain > _ROUNDING * (abs(whole) + np.abs(worth).sum()) else 0.0)


def _partition_of(game: Game) -> BoolArray:
    """The best partition of all players."""
    from gridpact.markets.coalition import _kernels

    _, parts = _kernels.best_partition(game.all_values(), (1 << game.players) - 1)
    return np.asarray(parts[:, None] >> np.arange(game.players) & 1 > 0)


def _two_parts(game: Game) -> BoolArray:
    """Two parts by local search: players change sides one by one as long as that gains."""

    def together(sides: BoolArray) -> FloatArray:
        return game.values(sides) + game.values(~sides)

    flip = np.eye(game.players, dtype=np.bool_)
    alone = flip[np.argsort(-together(flip))[:_STARTS]]
    here = np.concatenate([alone, np.random.default_rng(0).random((_STARTS, game.players)) < 0.5])
    best = together(here)
    while True:
        beside = here[:, None] ^ flip
        worth = together(beside.reshape(-1, game.players)).reshape(here.shape)
        better = np.flatnonzero(worth.max(axis=1) > best + _ROUNDING * np.abs(best))
        if not len(better):
            side = here[best.argmax()]
            return (
                np.array([side, ~side]) if side.any() and not side.all() else np.ones((1, game.players), dtype=np.bool_)
            )
        here[better] = beside[better, worth[better].argmax(axis=1)]
        best[better] = worth[better].max(axis=1)


def _worth(game: Game, parts: Sequence[Group]) -> FloatArray:
    return game.values(_masks(game.players, parts))


def _masks(players: int, parts: Sequence[Group]) -> BoolArray:
    """The coalitions as masks ``[coalition, player]``."""
    return np.array([np.isin(np.arange(players), part) for part in parts])


def _embedded(players: int, part: Group, masks: BoolArray) -> BoolArray:
    """Masks of a coalition's members as masks of all players."""
    whole = np.zeros((len(masks), players), dtype=np.bool_)
    whole[:, list(part)] = masks
    return whole
