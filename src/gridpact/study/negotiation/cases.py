"""The cases of Chakraborty, Baarslag, Kaisers, *Automated peer-to-peer negotiation for energy contract settlements in
residential cooperatives*, Applied Energy 2020: who takes part."""

from dataclasses import dataclass, replace

import numpy as np

from gridpact.community import Battery
from gridpact.errors import InputError
from gridpact.markets.negotiation import Negotiator

INTERVALS = 672
"""A week of 15 minutes."""

LOWEST, HIGHEST = 0.2, 0.9
VARIATION = 0.05


@dataclass(frozen=True, slots=True)
class Case:
    """A case by its number.

    Attributes
    ----------
    number
        1 to 3.
    negotiators
        Its members.
    published
        Figures that the paper gives for it, by name.
    """

    number: int
    negotiators: tuple[Negotiator, ...]
    published: dict[str, float]


def battery(
    capacity_kwh: float = 6.8, efficiency: float = 0.9, loss_percent: float = 0.04, hours: float = 0.25
) -> Battery:
    """A battery of the paper: between 20 and 90 % of its capacity, half way at the start, 1.3 kW in and 3.3 kW out.

    Parameters
    ----------
    capacity_kwh
        In Case 2 not published: that of Case 1 is taken.
    efficiency
        Of charging, and of discharging.
    loss_percent
        Standing loss, per cent of the capacity an interval.
    hours
        Length of an interval.
    """
    return Battery(
        capacity_kwh,
        charge_kw=1.3,
        discharge_kw=3.3,
        charge_efficiency=efficiency,
        discharge_efficiency=efficiency,
        min_soc=LOWEST,
        max_soc=HIGHEST,
        initial_soc=(LOWEST + HIGHEST) / 2,
        standing_loss_per_hour=loss_percent / 100 / hours,
    )


_CASE_1 = (
    Negotiator("A", battery(6.8, 0.9), (0.33, 0.67), 0.52),
    Negotiator("B", battery(7.0, 0.8), (0.71, 0.29), 0.50),
)
_ASPIRATION = (0.70, 0.70, 0.60, 0.60, 0.75, 0.75, 0.80, 0.80, 0.85)
_EFFICIENCY = (0.90, 0.90, 0.85, 0.80, 0.90, 0.90, 0.85, 0.80, 0.75)
_LOSS = (0.04, 0.04, 0.02, 0.02, 0.02, 0.04, 0.04, 0.02, 0.02)
_CASE_2 = tuple(
    Negotiator(
        f"m{at + 1}",
        battery(efficiency=_EFFICIENCY[at], loss_percent=_LOSS[at]),
        (0.33, 0.67) if at % 2 == 0 else (0.67, 0.33),
        _ASPIRATION[at],
    )
    for at in range(9)
)


def case(number: int, members: int | None = None) -> Case:
    """A case of the paper.

    Parameters
    ----------
    number
        1: two members. 2: nine. 3: a hundred, those of Case 2 again and again, capacity and weights varied by up to 5 %
        (the size of the "small variations" is not published).
    members
        Of Case 3, if not a hundred.

    Raises
    ------
    InputError
        If there is no such case.

    Examples
    --------
    >>> [len(case(number).negotiators) for number in (1, 2, 3)]
    [2, 9, 100]
    """
    match number:
        case 1:
            return Case(1, _CASE_1, {})
        case 2:
            published = {
                "success, random peers": 0.80,
                "success, learnt peers": 0.85,
                "mean flow s1, kW": 0.39,
                "mean flow s2, kW": 0.36,
                "peak flow s1, kW": 2.40,
                "peak flow s2, kW": 6.34,
            }
            return Case(2, _CASE_2, published)
        case 3:
            return Case(3, tuple(_varied(at) for at in range(members or 100)), {})
        case _:
            raise InputError(f"case {number}", accepted="1, 2 or 3")


def _varied(at: int) -> Negotiator:
    """A member of Case 2 with a name of its own, a little different."""
    rng = np.random.default_rng([3, at])
    kind = _CASE_2[at % len(_CASE_2)]
    capacity, weight = 1 + VARIATION * rng.uniform(-1, 1, 2)
    assert kind.battery is not None
    first = kind.weights[0] * weight
    return replace(
        kind,
        id=f"m{at + 1:03}",
        battery=replace(kind.battery, capacity_kwh=kind.battery.capacity_kwh * float(capacity)),
        weights=(float(first), float(1 - first)),
    )
