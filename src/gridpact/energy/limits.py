"""What a member may inject and withdraw: limits at its meter that its battery, its flexible loads and its PV obey."""

from dataclasses import dataclass

import numpy as np

from gridpact.errors import InputError
from gridpact.units import FloatArray


@dataclass(frozen=True, eq=False)
class Limits:
    """A band for the net demand at each meter, kW, + = consumption, ``[member, interval]``; infinite where nothing is limited.

    A limit binds what can be held back, never base load: charging stops at `highest_kw`; discharging stops at `lowest_kw`,
    surplus beyond it is charged if there is room, and PV beyond that is curtailed. Nobody is made to discharge, or to draw from
    the grid, for the sake of a limit.

    Attributes
    ----------
    lowest_kw
        Minus the largest injection; above zero where a battery that would serve its owner's load is held back.
    highest_kw
        The largest withdrawal.

    Raises
    ------
    InputError
        If the shapes differ, or a lowest is above its highest or not a number.
    """

    lowest_kw: FloatArray
    highest_kw: FloatArray

    def __post_init__(self) -> None:
        if self.lowest_kw.shape != self.highest_kw.shape:
            found = f"limits of shapes {self.lowest_kw.shape} and {self.highest_kw.shape}"
            raise InputError(found, accepted="one shape, [member, interval]")
        if not (self.lowest_kw <= self.highest_kw).all():
            raise InputError("a limit whose lowest is not below its highest", accepted="lowest_kw <= highest_kw")

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> "Limits":
        """Nobody is limited; ``shape`` is (members, intervals)."""
        return cls(np.full(shape, -np.inf), np.full(shape, np.inf))

    @property
    def export_kw(self) -> FloatArray:
        """The largest injection, ``[member, interval]``."""
        return np.maximum(-self.lowest_kw, 0.0)

    @property
    def import_kw(self) -> FloatArray:
        """The largest withdrawal, ``[member, interval]``."""
        return np.maximum(self.highest_kw, 0.0)

    def window(self, first: int, last: int) -> "Limits":
        """The limits of intervals ``first`` (included) to ``last`` (excluded)."""
        return Limits(self.lowest_kw[:, first:last], self.highest_kw[:, first:last])

    def curtailed_kw(self, meter_kw: FloatArray) -> FloatArray:
        """PV to be curtailed where the battery alone does not keep the meter above its limit, ``[member, interval]``.

        Parameters
        ----------
        meter_kw
            What the meter would show after the battery. What is below an injection limit is PV: no battery is discharged
            beyond it.

        Examples
        --------
        >>> Limits(np.array([[-2.0]]), np.array([[5.0]])).curtailed_kw(np.array([[-3.0]]))
        array([[1.]])
        """
        return np.maximum(np.minimum(self.lowest_kw, 0.0) - meter_kw, 0.0)
