"""What a flow violates: bus by bus, branch by branch, scenario by scenario."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from gridpact.grid.feeder import Feeder
from gridpact.grid.flow import Flow
from gridpact.units import FloatArray, IntArray

TOLERANCE = 1e-9
"""How far a limit may be passed, in p.u., before it counts: a bus held exactly at its limit violates nothing."""


class ViolationKind(IntEnum):
    """Which limit is violated."""

    UNDER_VOLTAGE = 0
    OVER_VOLTAGE = 1
    OVERLOAD = 2


@dataclass(frozen=True, eq=False)
class Violations:
    """One row a violation, in the order of kinds, then scenarios, then elements; every array has shape ``[violation]``.

    Attributes
    ----------
    scenario
        Position of the scenario.
    kind
        A `ViolationKind`.
    element
        Position of the bus, or of the branch for an overload.
    value
        Voltage of the worst phase in p.u., or loading relative to the rating.
    limit
        The limit it passes, in the same unit.
    """

    scenario: IntArray
    kind: IntArray
    element: IntArray
    value: FloatArray
    limit: FloatArray

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def counts(self) -> dict[ViolationKind, int]:
        """How many violations of each kind."""
        return {kind: int((self.kind == kind).sum()) for kind in ViolationKind}

    def by_scenario(self, scenarios: int) -> IntArray:
        """Number of violations in each of so many scenarios."""
        return np.bincount(self.scenario, minlength=scenarios).astype(np.int64)

    def by_element(self, kind: ViolationKind, elements: int) -> IntArray:
        """Number of scenarios in which each of so many buses (branches for an overload) violates a limit of this kind."""
        return np.bincount(self.element[self.kind == kind], minlength=elements).astype(np.int64)


def find_violations(feeder: Feeder, flow: Flow) -> Violations:
    """Every limit that a flow violates.

    Parameters
    ----------
    feeder
        The feeder with its voltage band and loading limit.
    flow
        A flow on this feeder; of a per-phase flow the worst phase counts.

    Examples
    --------
    >>> from gridpact.grid import load_feeder, power_flow, spot_loads
    >>> feeder = load_feeder("ieee37", v_min_pu=0.97)
    >>> p_kw, q_kvar = spot_loads("ieee37")
    >>> found = find_violations(feeder, power_flow(feeder, p_kw[None], q_kvar[None]))
    >>> found.counts[ViolationKind.UNDER_VOLTAGE], feeder.bus_names[found.element[found.value.argmin()]]
    (16, '740')
    """
    checks = (
        (ViolationKind.UNDER_VOLTAGE, flow.v_low, feeder.v_min_pu, -1),
        (ViolationKind.OVER_VOLTAGE, flow.v_high, feeder.v_max_pu, 1),
        (ViolationKind.OVERLOAD, flow.loading, feeder.loading_limit, 1),
    )
    columns: list[tuple[IntArray, ...]] = []
    values, limits = [], []
    for kind, found, limit, sign in checks:
        scenario, element = np.nonzero(sign * (found - limit) > TOLERANCE)
        columns.append(
            (scenario.astype(np.int64), np.full(len(scenario), kind, dtype=np.int64), element.astype(np.int64))
        )
        values.append(found[scenario, element])
        limits.append(np.full(len(scenario), limit))
    scenario, kinds, element = (np.concatenate(column) for column in zip(*columns, strict=True))
    return Violations(scenario, kinds, element, np.concatenate(values), np.concatenate(limits))


def added_violation(feeder: Feeder, before: Flow, after: Flow) -> tuple[float, float]:
    """How much further limits are passed in one flow than in another, by the bus or branch and scenario where it is most.

    Parameters
    ----------
    feeder
        The feeder with its voltage band and loading limit.
    before, after
        Two flows of the same scenarios. What passes its limit in both counts with the difference.

    Returns
    -------
    Of voltages in p.u., and of loadings as a share of the rating; 0 where nothing is worse.
    """
    found = find_violations(feeder, after)
    worst = [0.0, 0.0]
    for kind, earlier in (
        (ViolationKind.UNDER_VOLTAGE, before.v_low),
        (ViolationKind.OVER_VOLTAGE, before.v_high),
        (ViolationKind.OVERLOAD, before.loading),
    ):
        of_kind = found.kind == kind
        limit, value = found.limit[of_kind], found.value[of_kind]
        was = earlier[found.scenario[of_kind], found.element[of_kind]]
        sign = -1 if kind == ViolationKind.UNDER_VOLTAGE else 1
        added = sign * (value - limit) - np.maximum(sign * (was - limit), 0)
        unit = int(kind == ViolationKind.OVERLOAD)
        worst[unit] = max(worst[unit], float(added.max(initial=0)))
    return worst[0], worst[1]
