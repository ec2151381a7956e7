"""What a member weighs: criteria that add up over the intervals of a window, each a cost in kWh or in something like it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import numpy as np

from gridpact.errors import InputError
from gridpact.units import FloatArray


@dataclass(frozen=True, eq=False)
class Rates:
    """What each kWh of a member costs in a window; arrays ``[offset]``.

    Attributes
    ----------
    charged, discharged
        Into and out of the battery, at the meter's side.
    imported, exported
        Exchanged with the outside: the residual of net demand, loans and battery.
    short, spare
        What a kWh costs by which the battery ends below its start, and is worth by which it ends above.
    """

    charged: FloatArray
    discharged: FloatArray
    imported: FloatArray
    exported: FloatArray
    short: float = 0.0
    spare: float = 0.0

    def table(self) -> FloatArray:
        """Charged, discharged, imported, exported: ``[4, offset]``."""
        return np.stack([self.charged, self.discharged, self.imported, self.exported])

    def __add__(self, other: "Rates") -> "Rates":
        return Rates(
            self.charged + other.charged,
            self.discharged + other.discharged,
            self.imported + other.imported,
            self.exported + other.exported,
            self.short + other.short,
            self.spare + other.spare,
        )

    def __mul__(self, weight: float) -> "Rates":
        return Rates(
            self.charged * weight,
            self.discharged * weight,
            self.imported * weight,
            self.exported * weight,
            self.short * weight,
            self.spare * weight,
        )


class Criterion(Protocol):
    """One thing a member may weigh. Anything that can be said in `Rates` can be stacked with the others."""

    @property
    def name(self) -> str:
        """Short, for tables and messages."""
        ...

    def rates(self, charge_efficiency: float, discharge_efficiency: float, first: int, window: int) -> Rates:
        """What each kWh costs in the window that starts at interval `first` of the run."""
        ...


@dataclass(frozen=True, slots=True)
class FlexibilityLoss:
    """Net energy that goes into the battery, the difference in its content valued at what it takes or gives.

    ``Σ P Δt + Θ``: with g the content at the start less that at the end, ``Θ = g/η_c`` if g ≥ 0, else ``g·η_d`` (Chakraborty,
    Baarslag, Kaisers, Applied Energy 2020).
    """

    name: str = "flexibility loss"

    def rates(self, charge_efficiency: float, discharge_efficiency: float, first: int, window: int) -> Rates:
        """See `Criterion.rates`."""
        one, none = np.ones(window), np.zeros(window)
        return Rates(one, -one, none, none, 1.0 / charge_efficiency, discharge_efficiency)


@dataclass(frozen=True, slots=True)
class Autarky:
    """Energy exchanged with the outside, ``Σ |r| Δt`` (same source)."""

    name: str = "autarky"

    def rates(self, charge_efficiency: float, discharge_efficiency: float, first: int, window: int) -> Rates:
        """See `Criterion.rates`."""
        one, none = np.ones(window), np.zeros(window)
        return Rates(none, none, one, one)


@dataclass(frozen=True, eq=False)
class NetworkPrice:
    """What the network asks for a kWh in each interval and direction. Ours.

    Prices are relative: 1 weighs a kWh as much as autarky does.

    Attributes
    ----------
    imported, exported
        Prices of the whole run, ``[interval]``.
    """

    imported: FloatArray
    exported: FloatArray
    name: str = "network price"

    def __post_init__(self) -> None:
        for field in ("imported", "exported"):
            values = np.asarray(getattr(self, field), dtype=np.float64)
            if values.shape != np.shape(self.imported) or not np.isfinite(values).all():
                raise InputError(
                    f"{field} of shape {values.shape}, or not finite",
                    place=self.name,
                    accepted="finite prices, one an interval, as many for import as for export",
                )
            object.__setattr__(self, field, values)

    def rates(self, charge_efficiency: float, discharge_efficiency: float, first: int, window: int) -> Rates:
        """See `Criterion.rates`; the prices must reach to the end of the window."""
        stop = first + window
        if stop > len(self.imported):
            raise InputError(
                f"a window up to interval {stop}", place=self.name, accepted=f"windows within {len(self.imported)}"
            )
        none = np.zeros(window)
        return Rates(none, none, self.imported[first:stop], self.exported[first:stop])


def combine(parts: Sequence[Rates], weights: Sequence[float]) -> Rates:
    """The weighted sum of what several criteria cost."""
    return reduce(Rates.__add__, [part * weight for part, weight in zip(parts, weights, strict=True)])
