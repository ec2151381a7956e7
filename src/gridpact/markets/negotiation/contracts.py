"""Energy loans: what two members may agree on."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from gridpact.errors import InputError
from gridpact.units import BoolArray, FloatArray, IntArray, to_kwh

LINK_LIMIT_KW = 2.5
LINK_EFFICIENCY = 0.96
"""Chakraborty, Baarslag, Kaisers, Applied Energy 2020. It lowers the limit of a link; it is not a loss."""

QUANTITIES = 15
FIRST_RETURN = 2
WINDOW = 97
"""Offsets 0 to 96: a return a day later is inside."""


@dataclass(frozen=True, eq=False)
class ContractGrid:
    """The loans of a negotiation in the order in which ties are broken: smaller |q|, then earlier return, then q > 0.

    A loan ``(q, τ)`` is named by the member that gives q Wh now and gets the same energy back τ intervals later; a negative q
    is received now. The same loan seen by the peer is ``(−q, τ)``: positions ``i`` and ``i ^ 1``.

    Attributes
    ----------
    quantities_wh
        Integer Wh in increasing order, symmetric around 0; 0 stands for no deal and is no contract.
    returns
        Offsets at which a loan may be returned, increasing, from 1 up.
    window
        Offsets of the planning window, the present one included; every return is inside.

    Raises
    ------
    InputError
        If the grid is not symmetric around 0, or a return is outside of the window.

    Examples
    --------
    >>> grid = ContractGrid(np.array([-200, -100, 0, 100, 200]), np.array([2, 3]), window=4)
    >>> [(int(q), int(tau)) for q, tau in zip(grid.quantity_wh, grid.offset)]
    [(100, 2), (-100, 2), (100, 3), (-100, 3), (200, 2), (-200, 2), (200, 3), (-200, 3)]
    """

    quantities_wh: IntArray
    returns: IntArray
    window: int = WINDOW
    quantity_wh: IntArray = field(init=False, repr=False)
    """Of each contract, ``[contract]``."""
    offset: IntArray = field(init=False, repr=False)
    """At which each contract is returned, ``[contract]``."""

    def __post_init__(self) -> None:
        quantities = np.asarray(self.quantities_wh)
        if quantities.dtype.kind not in "iu" or (np.diff(quantities) <= 0).any():
            raise InputError(
                f"quantities {quantities.tolist()}", place="contract grid", accepted="whole Wh in increasing order"
            )
        if len(quantities) < 3 or not np.array_equal(quantities, -quantities[::-1]) or 0 not in quantities:
            raise InputError(
                f"quantities {quantities.tolist()} are not symmetric around 0",
                place="contract grid",
                accepted="0, and with every quantity its opposite",
            )
        returns = np.asarray(self.returns)
        if returns.size and (returns.dtype.kind not in "iu" or (np.diff(returns) <= 0).any() or (returns < 1).any()):
            raise InputError(
                f"return times {returns.tolist()}",
                place="contract grid",
                accepted="whole, from 1 up, in increasing order",
            )
        for late in returns[returns >= self.window][:1]:
            raise InputError(
                f"a return time of {late} is beyond the window",
                place="contract grid",
                accepted=f"1 to {self.window - 1}: the window has {self.window} intervals, the present one included",
            )
        positive = quantities[quantities > 0].astype(np.int64)
        q, tau, sign = np.meshgrid(positive, returns.astype(np.int64), np.array([1, -1]), indexing="ij")
        own = quantities.astype(np.int64), returns.astype(np.int64)
        contracts = (q * sign).ravel(), tau.ravel()
        for name, values in zip(("quantities_wh", "returns", "quantity_wh", "offset"), (*own, *contracts), strict=True):
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    @classmethod
    def standard(cls, hours: float, limit_kw: float | None = None, window: int = WINDOW) -> Self:
        """The paper's grid: 15 quantities up to what a link can carry, returns from two intervals on.

        Parameters
        ----------
        hours
            Length of an interval.
        limit_kw
            What a link can carry; None for ``0.96 · 2.5 kW``.
        window
            Offsets that can be planned, the present one included; fewer than three leave no contract.

        Raises
        ------
        InputError
            If a link carries so little that the quantities are not different whole Wh.
        """
        most = (LINK_EFFICIENCY * LINK_LIMIT_KW if limit_kw is None else limit_kw) * hours * 1_000
        half = QUANTITIES // 2
        if not (np.isfinite(most) and most >= half):
            raise InputError(
                f"a link that carries {most:g} Wh an interval",
                place="contract grid",
                accepted=f"{half} Wh or more: a whole Wh between any two of the {QUANTITIES} quantities",
            )
        quantities = np.rint(np.arange(-half, half + 1) * most / half).astype(np.int64)
        return cls(quantities, np.arange(FIRST_RETURN, max(window, FIRST_RETURN)), window)

    def __len__(self) -> int:
        """How many contracts, no deal not counted."""
        return len(self.quantity_wh)

    @property
    def loans_kwh(self) -> FloatArray:
        """The quantities in kWh."""
        return to_kwh(self.quantities_wh)

    @property
    def cell(self) -> tuple[IntArray, IntArray]:
        """Where each contract stands in a table ``[offset, quantity]``."""
        return self.offset, np.searchsorted(self.quantities_wh, self.quantity_wh)

    def feasible(self, loaned_wh: IntArray, limit_wh: int) -> BoolArray:
        """Which contracts a link has room for, ``[contract]``.

        Parameters
        ----------
        loaned_wh
            What the first member already gives the second over the window, net, ``[offset]``.
        limit_wh
            What the link carries in an interval, in either direction.
        """
        now, back = loaned_wh[0] + self.quantity_wh, loaned_wh[self.offset] - self.quantity_wh
        return np.asarray((np.abs(now) <= limit_wh) & (np.abs(back) <= limit_wh))


def link_limit_wh(hours: float, limit_kw: float = LINK_LIMIT_KW, efficiency: float = LINK_EFFICIENCY) -> int:
    """What a link carries in an interval, ``z · L · Δt``, whole Wh rounded down.

    Examples
    --------
    >>> link_limit_wh(0.25)
    600
    """
    return int(np.floor(limit_kw * efficiency * hours * 1_000 + 1e-9))
