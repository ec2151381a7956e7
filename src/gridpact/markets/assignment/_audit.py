"""What bids and trades of one market prove: optimality by duality, distance from the core, prices of a core point.

All in integers, and by sweeps that share nothing with the solvers. Single contracts are flows of one unit a member: what a unit
is, a contract or a Wh, is the only difference.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from gridpact.units import BoolArray, IntArray

_NO_BOUND = 2**62


class Prices(NamedTuple):
    """Dual prices per unit: u ``[B]`` and w ``[S]``."""

    buyer: IntArray
    seller: IntArray


@dataclass(frozen=True, eq=False)
class Evidence:
    """A market in units and what was traded.

    Attributes
    ----------
    worth
        What a unit is worth to each pair, ``[B, S]``, not negative.
    most, traded
        Units that each pair may trade and does, ``[B, S]``.
    wanted, offered
        Units of each member, ``[B]`` and ``[S]``.
    """

    worth: IntArray
    most: IntArray
    traded: IntArray
    wanted: IntArray
    offered: IntArray

    @property
    def short(self) -> tuple[BoolArray, BoolArray]:
        """Buyers and sellers with units left."""
        return self.traded.sum(axis=1) < self.wanted, self.traded.sum(axis=0) < self.offered

    @property
    def full(self) -> BoolArray:
        """Pairs that trade all that a limit lets them."""
        return (self.most < np.minimum(self.wanted[:, None], self.offered)) & (self.traded >= self.most)

    def lowest(self) -> Prices:
        """The lowest w, and the highest u, of the core; if the trades are not optimal, prices that prove nothing."""
        w = _lowest_prices(self.worth, self.traded > 0, self.full, self.short[0])
        left = np.where(self.traded > 0, self.worth - w, _NO_BOUND).min(axis=1, initial=_NO_BOUND)
        return Prices(np.maximum(np.where(self.short[0], np.minimum(left, 0), left), 0), w)

    def highest(self) -> Prices:
        """The highest w, and the lowest u."""
        turned = Evidence(self.worth.T, self.most.T, self.traded.T, self.offered, self.wanted).lowest()
        return Prices(turned.seller, turned.buyer)

    def bound(self, prices: Prices) -> int:
        """No trades are worth more than this, whatever the prices: weak duality."""
        rent = np.maximum(self.worth - prices.buyer[:, None] - prices.seller, 0)
        return int(self.wanted @ prices.buyer + self.offered @ prices.seller + (self.most * rent).sum())

    def missed(self, payoffs: Prices, forgiven: IntArray) -> int:
        """The most that a pair could gain by trading more with each other, each giving up its worst units.

        Parameters
        ----------
        payoffs
            What each member gets for its worst unit.
        forgiven
            Twice the amount per unit that counts as none, ``[B, S]``.
        """
        gain = self.worth - payoffs.buyer[:, None] - payoffs.seller
        return int(np.where(2 * gain > forgiven, gain * (self.most - self.traded), 0).max(initial=0))


@njit(cache=True)
def _lowest_prices(worth: IntArray, used: BoolArray, full: BoolArray, short: BoolArray) -> IntArray:
    """The lowest dual prices w that agree with given trades, if there are any, ``[S]``.

    Bellman-Ford sweeps of the difference constraints: ``u_i ← min over used pairs of worth_ij − w_j``, at most 0 if the buyer
    is short, and ``w_j ← max(w_j, max_i worth_ij − u_i)`` over pairs that are not full. If the trades are optimal, a fixed
    point is reached within as many sweeps as there are sellers, and no u falls below 0; else sweeps end there.
    """
    buyers, sellers = worth.shape
    w = np.zeros(sellers, np.int64)
    for _ in range(sellers + 1):
        moved = False
        for i in range(buyers):
            u = 0 if short[i] else _NO_BOUND
            for j in range(sellers):
                if used[i, j]:
                    u = min(u, worth[i, j] - w[j])
            if u < 0:
                return w
            for j in range(sellers):
                if not full[i, j] and worth[i, j] - u > w[j]:
                    w[j] = worth[i, j] - u
                    moved = True
        if not moved:
            break
    return w
