"""Who negotiates: a member's battery, what it weighs, and what it hopes for. Private to the member."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridpact.community import Battery
from gridpact.errors import InputError
from gridpact.markets.negotiation.criteria import Autarky, Criterion, FlexibilityLoss, Rates, combine
from gridpact.units import FloatArray

PAPERS_CRITERIA: tuple[Criterion, ...] = (FlexibilityLoss(), Autarky())
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Negotiator:
    """A member as it negotiates.

    Attributes
    ----------
    id
        Its name, for messages.
    battery
        The battery, or None.
    weights
        How much each criterion counts, from 0 up; they sum to 1.
    aspiration
        The quantile of its utilities over all contracts below which it offers and accepts nothing, between 0 and 1.
    criteria
        What it weighs: by default flexibility loss and autarky.

    Raises
    ------
    InputError
        If the weights do not fit, or the quantile is not between 0 and 1; member and field are named.

    Examples
    --------
    >>> Negotiator("ann", None, (0.33, 0.67), 0.7).weights
    (0.33, 0.67)
    >>> Negotiator("ann", None, (0.5, 0.6), 0.7)
    Traceback (most recent call last):
    gridpact.errors.InputError: member ann, weights: (0.5, 0.6) sum to 1.1; accepted: one a criterion, from 0 up, that sum to 1
    """

    id: str
    battery: Battery | None
    weights: tuple[float, ...]
    aspiration: float
    criteria: tuple[Criterion, ...] = PAPERS_CRITERIA

    def __post_init__(self) -> None:
        accepted = "one a criterion, from 0 up, that sum to 1"
        place = f"member {self.id}, weights"
        if len(self.weights) != len(self.criteria):
            found = f"{len(self.weights)} weights of {len(self.criteria)} criteria"
            raise InputError(found, place=place, accepted=accepted)
        if not all(np.isfinite(weight) and weight >= 0 for weight in self.weights):
            raise InputError(f"{self.weights}", place=place, accepted=accepted)
        if abs(sum(self.weights) - 1.0) > _TOLERANCE:
            raise InputError(f"{self.weights} sum to {sum(self.weights):g}", place=place, accepted=accepted)
        if not 0.0 < self.aspiration < 1.0:
            raise InputError(
                f"{self.aspiration!r}", place=f"member {self.id}, aspiration", accepted="a quantile between 0 and 1"
            )

    def rates(self, first: int, window: int) -> Rates:
        """What each kWh costs it in a window, all criteria together; −utility is the sum."""
        charge, discharge = efficiencies(self.battery)
        return combine([each.rates(charge, discharge, first, window) for each in self.criteria], self.weights)

    def figures(self, hours: float, soc_kwh: float, rates: Rates) -> FloatArray:
        """What the kernel of contract spaces takes of the member, in its order."""
        charge, discharge = efficiencies(self.battery)
        if self.battery is None:
            return np.array([0.0, 0.0, charge, discharge, 0.0, 0.0, 0.0, 0.0, rates.short, rates.spare])
        b = self.battery
        low, high = b.min_soc * b.capacity_kwh, b.max_soc * b.capacity_kwh
        loss = min(b.standing_loss_per_hour * b.capacity_kwh * hours, high - low)
        return np.array(
            [
                b.charge_kw * hours,
                b.discharge_kw * hours,
                charge,
                discharge,
                low,
                high,
                loss,
                min(max(soc_kwh, low), high),
                rates.short,
                rates.spare,
            ]
        )


def efficiencies(battery: Battery | None) -> tuple[float, float]:
    """Of charging and discharging; 1 without a battery."""
    return (1.0, 1.0) if battery is None else (battery.charge_efficiency, battery.discharge_efficiency)


def check_negotiators(negotiators: Sequence[Negotiator]) -> None:
    """Refuse two members of one name, or fewer than two."""
    ids = [each.id for each in negotiators]
    if len(ids) < 2 or len(set(ids)) < len(ids):
        raise InputError(f"members {ids}", place="negotiation", accepted="two or more, each with a name of its own")
