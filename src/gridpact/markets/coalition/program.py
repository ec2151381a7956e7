"""A characteristic function as a linear program in the membership: one description for values, core prices and separation."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from gridpact.errors import GridpactError
from gridpact.markets.coalition._linear import minimise
from gridpact.units import BoolArray, FloatArray

_COSTS = 1e3
"""What costs of the integer program are scaled to, well above HiGHS's tolerances: 10⁻⁷ on reduced costs, 10⁻⁶ on the gap."""


@dataclass(frozen=True, eq=False)
class Program:
    """Worth of coalitions of two or more: ``v(z) = own·z − lump + max {gain·y : A y ≤ B z, y ≥ 0}``, z the membership in {0,
    1}ⁿ.

    Without lump this is a linear production game (Owen, Mathematical Programming 9, 1975): what a coalition may do is limited
    by what its members bring.

    Attributes
    ----------
    gain
        Worth of a unit of each variable, ``[variable]``.
    own
        What each member adds whatever the coalition does, ``[player]``.
    rows
        A, sparse ``[row, variable]``.
    membership
        B, sparse ``[row, player]``: what each member brings to each row.
    equal
        Rows that hold with equality, ``[row]``.
    lump
        What a coalition pays once.
    """

    gain: FloatArray
    own: FloatArray
    rows: Any
    membership: Any
    equal: BoolArray
    lump: float = 0.0

    @property
    def players(self) -> int:
        """n."""
        return len(self.own)

    def value(self, mask: BoolArray) -> float:
        """Worth of one coalition by the program, ``[player] -> number``.

        Raises
        ------
        GridpactError
            If what the members must do cannot be done.
        """
        z = mask.astype(np.float64)
        brought = self.membership @ z
        optimum = minimise(
            -self.gain,
            (self.rows[~self.equal], brought[~self.equal]),
            (self.rows[self.equal], brought[self.equal]),
            what="worth of a coalition",
        )
        return float(self.own @ z - self.lump - optimum.value)

    def prices_of_membership(self) -> FloatArray:
        """What the grand coalition's dual prices pay each member for what it brings, ``[player]``; sums to v(N) + lump.

        By linear programming duality no coalition gets more from the program without its lump (Owen 1975).
        """
        brought = self.membership @ np.ones(self.players)
        optimum = minimise(
            -self.gain,
            (self.rows[~self.equal], brought[~self.equal]),
            (self.rows[self.equal], brought[self.equal]),
            what="worth of the grand coalition",
        )
        price = np.empty(len(self.equal))
        price[~self.equal], price[self.equal] = -optimum.dual_most, -optimum.dual_equal
        return np.asarray(self.own + self.membership.T @ price)

    def most_dissatisfied(self, payoff: FloatArray, tolerance: float) -> tuple[BoolArray, float]:
        """The coalition of 2 to n − 1 members with the largest excess ``v(S) − x(S)``, as a mixed-integer program.

        Parameters
        ----------
        payoff
            x, ``[player]``.
        tolerance
            How far from the largest the answer may be, in units of v.

        Returns
        -------
        Its mask ``[player]``, and an upper bound of every coalition's excess.
        """
        players, variables = self.players, len(self.gain)
        whole = max(float(np.abs(payoff).sum()), tolerance)
        scale = _COSTS / whole
        # a constant in the objective, carried by a variable that is 1, turns HiGHS's relative gap into the tolerance
        cost = scale * np.concatenate([payoff - self.own, -self.gain, [-whole]])
        rows = sparse.hstack([-self.membership, self.rows, sparse.csr_array((len(self.equal), 1))], format="csr")
        size = sparse.csr_array(np.concatenate([np.ones(players), np.zeros(variables + 1)])[None])
        parts = [players, variables, 1]
        answer = milp(
            cost,
            integrality=np.repeat([1, 0, 0], parts),
            bounds=Bounds(np.repeat([0.0, 0.0, 1.0], parts), np.repeat([1.0, np.inf, 1.0], parts)),
            constraints=[
                LinearConstraint(rows, np.where(self.equal, 0.0, -np.inf), 0.0),
                LinearConstraint(size, 2, players - 1),
            ],
            options={"mip_rel_gap": tolerance / whole},
        )
        if answer.status != 0:
            raise GridpactError(f"largest excess of a coalition: {answer.message}")
        return np.asarray(answer.x[:players] > 0.5), float(-answer.mip_dual_bound / scale) - whole - self.lump
