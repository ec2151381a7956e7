"""The nucleolus: the payoff that makes the largest excess as small as possible, then the next largest, and so on."""

import numpy as np
from scipy.linalg import null_space

from gridpact.markets.coalition._enumerated import AllCoalitions, Fixed
from gridpact.markets.coalition.game import Game
from gridpact.units import FloatArray

_DIRECTIONS = 3


def nucleolus(game: Game) -> FloatArray:
    """The prenucleolus of a game, which is the nucleolus wherever single players get at least their own worth in it
    (Schmeidler, SIAM Journal on Applied Mathematics 17, 1969), ``[player]``.

    By successive linear programs (Maschler, Peleg, Shapley, Mathematics of Operations Research 4, 1979), each over generated
    rows. After each, the coalitions with a positive dual price are settled: these have the same excess in *every* optimum,
    which need not hold of all that are tight in the optimum found. Coalitions in the span of settled ones are settled with
    them, so that there are at most n − 1 programs.

    Raises
    ------
    InputError
        If there are more than 20 players.

    Examples
    --------
    >>> def estate(group):  # 200 to be divided among claims of 100, 200 and 300: the Talmud's 50, 75, 75
    ...     return max(0, 200 - sum((100, 200, 300)[i] for i in range(3) if i not in group))
    >>> nucleolus(Game.of(3, estate)).round(6).tolist()
    [50.0, 75.0, 75.0]
    """
    everything = AllCoalitions.of(game)
    fixed = Fixed(np.ones((1, game.players), dtype=np.bool_), np.array([game.grand]))
    rng = np.random.default_rng(0)  # directions only tell the span of settled coalitions apart from the rest
    while len(free := null_space(fixed.masks.astype(np.float64)).T):
        directions = rng.uniform(1, 2, (_DIRECTIONS, len(free))) @ free
        stage = everything.minimise_excess(fixed, everything.spanned(directions))
        settled = np.concatenate([fixed.masks, stage.tight])
        keep = _independent(settled)
        fixed = Fixed(settled[keep], settled[keep] @ stage.payoff)
    return np.asarray(np.linalg.solve(fixed.masks.astype(np.float64), fixed.payoff))


def _independent(rows: np.ndarray) -> list[int]:
    """The first rows that are linearly independent, as many as the rank."""
    kept: list[int] = []
    for at in range(len(rows)):
        if np.linalg.matrix_rank(rows[[*kept, at]].astype(np.float64)) > len(kept):
            kept.append(at)
    return kept
