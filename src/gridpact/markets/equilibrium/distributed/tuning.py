"""Weights and their schedule, which all members, pairs and the operator know."""

from dataclasses import dataclass

import numpy as np

from gridpact.errors import InputError
from gridpact.units import FloatArray

CENTS = 100.0
"""Hundredths of the currency, in which the step of prices is measured."""
PATIENCE_OF_STORAGE = 8
"""Iterations after which a warm start inside a member is given up."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """Weights and their schedule, in `Units`: the same for every instance.

    Attributes
    ----------
    relaxation
        Of every step, in (0, 2).
    active, idle
        Weight of a link in an hour in which it carries something, and in which it does not.
    grid, bus
        Weights of imports and of draws.
    reweigh_every, reweigh_until
        Links are told apart anew every so many rounds, up to this one.
    raise_every, raise_at, raise_by
        Every so many rounds all weights are multiplied by `raise_by` if the primal step alone is above the tolerance, and
        `raise_at` times the other residuals.
    """

    relaxation: float = 1.8
    active: float = 0.1
    idle: float = 4.0
    grid: float = 0.2
    bus: float = 0.2
    reweigh_every: int = 10
    reweigh_until: int = 150
    raise_every: int = 20
    raise_at: float = 3.0
    raise_by: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.relaxation < 2:
            raise InputError(f"relaxation = {self.relaxation}", accepted="above 0 and below 2")
        for name in ("active", "idle", "grid", "bus", "raise_at", "raise_by"):
            if not 0 < getattr(self, name) < np.inf:
                raise InputError(f"{name} = {getattr(self, name)}", accepted="a finite number above 0")
        for name in ("reweigh_every", "reweigh_until", "raise_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} = {getattr(self, name)}", accepted="1 or more")

    def weights(self, trades: FloatArray) -> FloatArray:
        """Of links, by what they carry; before all weights are raised."""
        return np.where(trades != 0, self.active, self.idle)

    def reweighs(self, rounds: int) -> bool:
        """Whether links are told apart anew after so many rounds."""
        return 0 < rounds <= self.reweigh_until and rounds % self.reweigh_every == 0

    def raises(self, rounds: int, step: float, others: float, tolerance: float) -> bool:
        """Whether all weights are raised after so many rounds, by the primal step and the largest of the other residuals."""
        due = rounds > self.raise_every and rounds % self.raise_every == 0
        return due and others <= tolerance < step and step > self.raise_at * others
