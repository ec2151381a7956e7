"""What the DSO decides on, one interval at a time, and what it decides."""

from collections import Counter
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Self

import numpy as np

from gridpact.errors import InputError
from gridpact.exchange.acceptance.network import Cause, Violation
from gridpact.markets.pact import Columns
from gridpact.units import FloatArray, IntArray

UNLIMITED = 2**62
"""Stands in an integer limit where there is none."""


class Policy(StrEnum):
    """Which orders give way while a limit is passed; see ``docs/acceptance.md``."""

    LAST_ON_FIRST_OFF = "last-on-first-off"
    PRO_RATA = "pro-rata"
    SENSITIVITY = "sensitivity"
    MERIT = "merit"


@dataclass(frozen=True, eq=False)
class Orders(Columns):
    """Matched orders of one interval; one row an order.

    Attributes
    ----------
    seller, buyer
        Positions of members.
    energy_wh
        Positive.
    placed
        When it was placed, in any unit; the later gives way first under `Policy.LAST_ON_FIRST_OFF`, equal times share pro rata.
    worth
        What a kWh is worth to the buyer: the limit of its bid, micro-units per kWh.
    cost
        What it costs the seller: the limit of its ask.
    """

    seller: IntArray
    buyer: IntArray
    energy_wh: IntArray
    placed: IntArray
    worth: IntArray
    cost: IntArray

    def __post_init__(self) -> None:
        Columns.__post_init__(self)
        self._refuse(self.energy_wh < 0, "a negative energy", "energies from 0 up")
        self._refuse((self.seller < 0) | (self.buyer < 0), "a seller or buyer below 0", "positions of members")
        self._refuse(self.seller == self.buyer, "a member that trades with itself", "two members")


@dataclass(frozen=True, eq=False)
class Uses:
    """The physical use behind the orders of one interval, integer Wh ``[member]``; net demand + = consumption.

    Attributes
    ----------
    reference_wh
        Forecast net demand without any trade, own battery on self-consumption.
    planned_wh
        Forecast net demand if every order is delivered.
    spare_injection_wh
        Injection that could be forgone beyond what trade moves: PV that can be curtailed.
    spare_withdrawal_wh
        Withdrawal that could be forgone beyond what trade moves: an EV or a heater that runs in any case. Never base load.

    Raises
    ------
    InputError
        If shapes differ, numbers are no integers, or more could be forgone than there is.
    """

    reference_wh: IntArray
    planned_wh: IntArray
    spare_injection_wh: IntArray
    spare_withdrawal_wh: IntArray

    def __post_init__(self) -> None:
        for column in fields(self):
            values = np.asarray(getattr(self, column.name))
            if values.shape != np.shape(self.reference_wh) or values.ndim != 1 or values.dtype.kind not in "iu":
                found = f"{column.name} is {values.dtype} of shape {values.shape}"
                raise InputError(found, place="uses", accepted=f"integer Wh, {np.shape(self.reference_wh)}")
            object.__setattr__(self, column.name, values.astype(np.int64))
        for name, most in (
            ("spare_injection_wh", -np.maximum(self.reference_wh, self.planned_wh)),
            ("spare_withdrawal_wh", np.minimum(self.reference_wh, self.planned_wh)),
        ):
            spare = getattr(self, name)
            for at in np.flatnonzero((spare < 0) | (spare > np.maximum(most, 0)))[:1]:
                found = f"{name} = {spare[at]} of member {at}"
                accepted = f"0 to {max(int(most[at]), 0)}: what is there with trade and without"
                raise InputError(found, place="uses", accepted=accepted)

    @classmethod
    def of_meters(cls, reference_wh: IntArray, planned_wh: IntArray) -> Self:
        """Where only PV and batteries can be held back: what is injected with trade and without it is PV, since a battery on
        self-consumption never injects; nothing that is withdrawn in both can be forgone.
        """
        spare = np.maximum(-np.maximum(reference_wh, planned_wh), 0)
        return cls(reference_wh, planned_wh, spare, np.zeros_like(spare))

    @property
    def moved_up_wh(self) -> IntArray:
        """By how much trade lowers net demand (a battery discharges for it): what rises when the orders are cut."""
        return np.asarray(np.maximum(self.reference_wh - self.planned_wh, 0))

    @property
    def moved_down_wh(self) -> IntArray:
        """By how much trade raises net demand (a battery charges for it): what falls when the orders are cut."""
        return np.asarray(np.maximum(self.planned_wh - self.reference_wh, 0))


@dataclass(frozen=True, eq=False)
class Case:
    """One interval as it lies before the DSO.

    Attributes
    ----------
    orders, uses
        Who sells to whom, and the physical use behind it.
    q_kvar
        Forecast reactive power, ``[member]``.
    hours
        Length of the interval.
    import_price, export_price
        The supplier's prices, micro-units per kWh: what a lost kWh of PV would have earned, and what a use moved without a
        trade is worth at most.

    Raises
    ------
    InputError
        If shapes do not fit, or an order names a member that does not exist.
    """

    orders: Orders
    uses: Uses
    q_kvar: FloatArray
    hours: float
    import_price: int
    export_price: int

    def __post_init__(self) -> None:
        members = len(self.uses.reference_wh)
        if self.q_kvar.shape != (members,):
            raise InputError(f"q_kvar of shape {self.q_kvar.shape}", accepted=f"{(members,)}, one a member")
        if not self.hours > 0:
            raise InputError(f"an interval of {self.hours} hours", accepted="a positive length")
        orders = self.orders
        orders._refuse(np.maximum(orders.seller, orders.buyer) >= members, "an unknown member", f"below {members}")

    def scaled(self, energy_wh: IntArray) -> "Case":
        """The same interval with less of each order, ``[order]``: what trade moved goes back, no PV is curtailed."""
        cut, uses = self.orders.energy_wh - energy_wh, self.uses
        members = len(uses.reference_wh)
        sold = np.bincount(self.orders.seller, cut, minlength=members).astype(np.int64)
        bought = np.bincount(self.orders.buyer, cut, minlength=members).astype(np.int64)
        planned = uses.planned_wh + np.minimum(sold, uses.moved_up_wh) - np.minimum(bought, uses.moved_down_wh)
        return replace(self, orders=replace(self.orders, energy_wh=energy_wh), uses=replace(uses, planned_wh=planned))


@dataclass(frozen=True, slots=True)
class Reduction:
    """One order, or what a member deals with its supplier, that gives way.

    Attributes
    ----------
    order
        Position of the order; −1 for energy that a member sells to its supplier or buys from it.
    seller, buyer
        Positions of members, −1 the supplier.
    from_wh, to_wh
        Energy before and after.
    reason
        The worst violation as it is before this reduction.
    before, after
        The value that is violated, before and after this reduction: p.u., share of the rating, NaN without a solution.
    """

    order: int
    seller: int
    buyer: int
    from_wh: int
    to_wh: int
    reason: Violation
    before: float
    after: float


@dataclass(frozen=True, eq=False)
class Acceptance:
    """The DSO's decision on one interval.

    Attributes
    ----------
    energy_wh
        Accepted energy, integer Wh ``[order]``.
    net_wh
        Net demand then expected, ``[member]``.
    lowest_wh, highest_wh
        Binding limits of each meter, net demand in Wh ``[member]``; ``∓UNLIMITED`` where there is none.
    reductions
        In sequence.
    before, after, own
        What is violated with every order, with the accepted ones, and without any trade: the network's own.
    forgone_wh
        Physical energy forgone against the plan, ``[member]``: PV curtailed, battery, EV or heater held back.
    curtailed_wh
        Energy of the orders cut, and of what members deal with their suppliers.
    welfare_lost
        At the limits of the orders, micro-units: see ``docs/acceptance.md``.
    """

    energy_wh: IntArray
    net_wh: IntArray
    lowest_wh: IntArray
    highest_wh: IntArray
    reductions: tuple[Reduction, ...] = ()
    before: tuple[Violation, ...] = ()
    after: tuple[Violation, ...] = ()
    own: tuple[Violation, ...] = ()
    forgone_wh: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    curtailed_wh: int = 0
    welfare_lost: int = 0

    def reasons(self) -> dict[Cause, int]:
        """How many reductions each cause made."""
        return dict(Counter(reduction.reason.cause for reduction in self.reductions))
