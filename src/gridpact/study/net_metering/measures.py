"""Is there a reason to stay? The numbers that answer it."""

from dataclasses import dataclass

import numpy as np

from gridpact.markets.coalition import Game, least_core, merge_and_split, shapley_exact, superadditivity_margin
from gridpact.units import FloatArray

NOTHING = 1e-7
"""Money below this is rounding, in units of the currency."""


@dataclass(frozen=True, eq=False)
class Measures:
    """What holds a community together, money in units of the currency over the horizon.

    Attributes
    ----------
    total
        v(N).
    margin
        What two disjoint coalitions gain by joining, the least over all pairs of them: superadditive from 0 up.
    epsilon
        Least core: the smallest ε such that v(N) can be shared so that no coalition gains more than ε by leaving. Above 0 the
        core is empty.
    shares
        Shapley value, ``[member]``.
    partition
        Coalitions after merging and splitting from everybody alone, each by the positions of its members.
    formed
        What these coalitions save in all.
    """

    total: float
    margin: float
    epsilon: float
    shares: FloatArray
    partition: tuple[tuple[int, ...], ...]
    formed: float

    @property
    def gaining(self) -> int:
        """Members that gain by the Shapley value of the grand coalition."""
        return int(np.count_nonzero(self.shares > NOTHING))

    @property
    def together(self) -> int:
        """Members of the largest coalition of the partition; 1 if everybody stays alone."""
        return max(len(coalition) for coalition in self.partition)

    @property
    def holds_all(self) -> bool:
        """Whether there is a reason for all to stay: something to share, and a way to share it that nobody leaves."""
        return self.total > NOTHING and self.epsilon <= NOTHING

    @property
    def holds_some(self) -> bool:
        """Whether there is a reason for some of them to stay together."""
        return self.formed > NOTHING


def measure(game: Game) -> Measures:
    """All measures of a game of few players."""
    formation = merge_and_split(game)
    return Measures(
        total=game.grand,
        margin=superadditivity_margin(game),
        epsilon=least_core(game).epsilon,
        shares=shapley_exact(game),
        partition=formation.partition,
        formed=formation.value,
    )
