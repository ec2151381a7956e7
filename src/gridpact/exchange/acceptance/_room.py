"""What can be cut in an interval, and what a cut does to the meters.

Rows are the orders, then what members sell to and buy from their suppliers. A cut of X Wh of what a member sells raises its net
demand by min(X, F): what can be forgone. First goes what trade moved (the battery is held back), then PV. Likewise for what it
buys, downwards.
"""

from dataclasses import dataclass, replace

import numpy as np

from gridpact.exchange.acceptance.case import UNLIMITED, Case
from gridpact.markets.pact import Party
from gridpact.units import BoolArray, FloatArray, IntArray

IDLE = 1e-3
"""A member that relieves less than this share of what the most effective one does is left alone."""


@dataclass(frozen=True, eq=False)
class Room:
    """What can be cut.

    Attributes
    ----------
    order
        Position of the order, −1 for energy with a supplier, ``[row]``.
    seller, buyer
        Positions of members, −1 for the supplier.
    energy_wh
        The most that can be cut.
    placed
        As in `Orders`; what is left for the supplier comes last of all.
    planned_wh
        Net demand with nothing cut, ``[member]``.
    moved_up_wh, moved_down_wh
        What goes back by itself when orders are cut, ``[member]``.
    spare_up_wh, spare_down_wh
        What a binding limit can hold back beyond that.
    """

    order: IntArray
    seller: IntArray
    buyer: IntArray
    energy_wh: IntArray
    placed: IntArray
    planned_wh: IntArray
    moved_up_wh: IntArray
    moved_down_wh: IntArray
    spare_up_wh: IntArray
    spare_down_wh: IntArray

    @classmethod
    def of(cls, case: Case, raises: BoolArray, lowers: BoolArray, *, retail: bool) -> "Room":
        """The rows of a case.

        Parameters
        ----------
        case
            The interval.
        raises, lowers
            Of which members a higher (lower) net demand relieves the network, ``[member]``: only they are limited beyond what
            goes back by itself.
        retail
            Whether a limit may hold back what is sold to or bought from the supplier without any trade.
        """
        orders, uses = case.orders, case.uses
        members = len(uses.reference_wh)
        sold = np.bincount(orders.seller, orders.energy_wh, minlength=members).astype(np.int64)
        bought = np.bincount(orders.buyer, orders.energy_wh, minlength=members).astype(np.int64)
        moved_up, moved_down = uses.moved_up_wh, uses.moved_down_wh
        spare_up = np.where(raises, uses.spare_injection_wh, 0)
        spare_down = np.where(lowers, uses.spare_withdrawal_wh, 0)
        if not retail:
            spare_up = np.minimum(spare_up, np.maximum(sold - moved_up, 0))
            spare_down = np.minimum(spare_down, np.maximum(bought - moved_down, 0))
        to_supplier = np.maximum(moved_up + spare_up - sold, 0)
        from_supplier = np.maximum(moved_down + spare_down - bought, 0)
        sells, buys = np.flatnonzero(to_supplier), np.flatnonzero(from_supplier)
        nobody = np.full(len(sells) + len(buys), Party.SUPPLIER, dtype=np.int64)
        return cls(
            order=np.concatenate([np.arange(len(orders)), np.full(len(nobody), -1)]),
            seller=np.concatenate([orders.seller, sells, nobody[: len(buys)]]),
            buyer=np.concatenate([orders.buyer, nobody[: len(sells)], buys]),
            energy_wh=np.concatenate([orders.energy_wh, to_supplier[sells], from_supplier[buys]]),
            placed=np.concatenate([orders.placed, np.full(len(nobody), UNLIMITED)]),
            planned_wh=uses.planned_wh,
            moved_up_wh=moved_up,
            moved_down_wh=moved_down,
            spare_up_wh=spare_up,
            spare_down_wh=spare_down,
        )

    @property
    def up_wh(self) -> IntArray:
        """How far each net demand can be raised in all, ``[member]``."""
        return self.moved_up_wh + self.spare_up_wh

    @property
    def down_wh(self) -> IntArray:
        """How far it can be lowered."""
        return self.moved_down_wh + self.spare_down_wh

    def without_spare(self, share: float) -> "Room":
        """The same, limits holding back only a share of what is spare."""
        spare_up, spare_down = (
            np.floor(share * spare).astype(np.int64) for spare in (self.spare_up_wh, self.spare_down_wh)
        )
        return replace(self, spare_up_wh=spare_up, spare_down_wh=spare_down)

    def per_member(self, cuts: IntArray) -> tuple[IntArray, IntArray]:
        """What is cut of each member's sales and purchases, each ``[…, member]``, from cuts ``[…, row]``."""
        return self._sum(cuts, self.seller), self._sum(cuts, self.buyer)

    def net_wh(self, cuts: IntArray) -> IntArray:
        """Net demands, ``[…, member]``, after cuts ``[…, row]``."""
        return self.net_of(*self.per_member(cuts))

    def net_of(self, sold_less: IntArray, bought_less: IntArray) -> IntArray:
        """The same from what is cut of each member's sales and purchases, ``[…, member]``."""
        raised, lowered = np.minimum(sold_less, self.up_wh), np.minimum(bought_less, self.down_wh)
        return np.asarray(self.planned_wh + raised - lowered)

    def effect(self, sensitivity: FloatArray) -> FloatArray:
        """What a Wh cut of each row adds to every excess, ``[row, limit]``, from `Network.sensitivity` times kW per Wh."""
        return _at(self.seller, np.where(self.up_wh[:, None] > 0, sensitivity, 0.0)) - _at(
            self.buyer, np.where(self.down_wh[:, None] > 0, sensitivity, 0.0)
        )

    def welfare(self, case: Case) -> FloatArray:
        """What a Wh cut of each row costs in welfare, micro-units per kWh, not negative ``[row]``: the mean of its member."""
        orders = self.order >= 0
        gain = np.zeros(len(self.order))
        gain[orders] = case.orders.worth - case.orders.cost
        spare = _at(self.seller, (self.spare_up_wh / np.maximum(self.up_wh, 1))[:, None])[:, 0]
        moved = np.where(orders, 0.0, 1.0 - spare)
        cost = gain + spare * case.export_price + moved * (case.import_price - case.export_price)
        return np.asarray(np.maximum(cost, 0.0))

    def _sum(self, cuts: IntArray, member: IntArray) -> IntArray:
        from scipy.sparse import csr_array

        rows = np.flatnonzero(member >= 0)
        shape = len(self.planned_wh), len(member)
        to_member = csr_array((np.ones(len(rows), dtype=np.int64), (member[rows], rows)), shape=shape)
        return np.asarray((to_member @ np.atleast_2d(cuts).T).T.reshape(*cuts.shape[:-1], shape[0]))


def who_relieves(sensitivity: FloatArray, weight: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Of which members a higher, and of which a lower net demand relieves what is violated, each ``[member]``.

    Parameters
    ----------
    sensitivity
        What 1 kW more of net demand adds to every excess, ``[member, limit]``.
    weight
        How much each limit is violated, not negative, ``[limit]``.
    """
    adds = sensitivity @ weight
    enough = IDLE * np.abs(adds).max(initial=0.0)
    return adds < -enough, adds > enough


def _at(member: IntArray, values: FloatArray) -> FloatArray:
    """Rows of members; zeros for the supplier."""
    return np.where(member[:, None] >= 0, values[np.maximum(member, 0)], 0.0)
