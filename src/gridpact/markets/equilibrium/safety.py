"""AC safety: the schedule is checked by AC power flow, and cleared again under tighter linear limits until it is clean.

The linear model leaves out losses, and with them part of the voltage drop, of the loading and of the power at the head. What it
leaves out is observed at the schedule just cleared, and taken off its limits.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gridpact.errors import InputError
from gridpact.grid import Feeder, PowerFlow
from gridpact.markets.equilibrium.errors import InfeasibleError, SolverError
from gridpact.markets.equilibrium.instance import Allocation, GridLimits, Instance
from gridpact.markets.equilibrium.network import feeder_of
from gridpact.markets.equilibrium.solver import Clearing, Solver
from gridpact.units import FloatArray

TOLERANCE = 1e-9
"""What counts as a violation, p.u. or share of a rating: as for the grid."""

_PAD_PU, _PAD_SHARE = 2e-6, 1e-5
"""Taken off beyond the error observed, p.u. of voltage and share of the rating, where a limit is violated."""


@dataclass(frozen=True, eq=False)
class AcState:
    """What AC power flow says of a schedule, in the order of an instance.

    Attributes
    ----------
    v_low, v_high
        Lowest and highest phase voltage, p.u. ``[bus, hour]``.
    loading
        Of the line to the parent, relative to `Instance.s_max`, ``[bus, hour]``; 0 at the root and without a rating.
    head_kw, losses_kw
        Drawn from the main grid, and lost, ``[hour]``.
    """

    v_low: FloatArray
    v_high: FloatArray
    loading: FloatArray
    head_kw: FloatArray
    losses_kw: FloatArray

    def excess(self, instance: Instance) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Beyond the limits: voltage below and above, loading, each ``[bus, hour]``; the head as a share, ``[hour]``."""
        head = np.maximum(instance.pmin - self.head_kw, self.head_kw - instance.pmax)
        scale = max(abs(instance.pmax), 1.0) if np.isfinite(instance.pmax) else 1.0
        over = self.loading - 1.0
        return instance.vmin - self.v_low, self.v_high - instance.vmax, over, head / scale

    def violations(self, instance: Instance) -> int:
        """How many bus-hours, line-hours and hours of the head are beyond a limit."""
        low, high, over, head = self.excess(instance)
        return sum(int((part > TOLERANCE).sum()) for part in (low[1:], high[1:], over[1:], head))


class AcModel:
    """AC power flow of the schedules of an instance.

    Parameters
    ----------
    instance
        Whose schedules.
    feeder
        The feeder it was made from; None: what the instance says of it (`feeder_of`).
    phases
        Share of each member's power on each phase, ``[member, 3]``; None: all is balanced. Passive consumers are.
    """

    def __init__(self, instance: Instance, feeder: Feeder | None = None, phases: FloatArray | None = None) -> None:
        self.phases = phases
        self.feeder = feeder_of(instance) if feeder is None else feeder
        known = {name: at for at, name in enumerate(self.feeder.bus_names)}
        if missing := [name for name in instance.bus_name if name not in known]:
            raise InputError(f"feeder {self.feeder.name!r} has no bus {missing[0]!r}", accepted="the instance's feeder")
        self._bus = np.array([known[name] for name in instance.bus_name])
        a, b = self.feeder.branch_ends
        branch = {frozenset(ends): at for at, ends in enumerate(zip(a.tolist(), b.tolist(), strict=True))}
        ends = zip(self._bus[1:].tolist(), self._bus[instance.parent[1:]].tolist(), strict=True)
        self._branch = np.array([branch[frozenset(pair)] for pair in ends], dtype=np.int64)
        self._flow = PowerFlow(self.feeder)

    def run(self, instance: Instance, allocation: Allocation) -> AcState:
        """AC power flow of what the members and the passive consumers draw, hour by hour."""
        if self.phases is None:
            flow = self._flow.run(*self._ordered(allocation.bus_kw(instance), instance.bus_kvar))
        else:
            active = self._per_phase(instance, instance.pas_p, allocation.draw(instance))
            flow = self._flow.run_per_phase(
                *self._ordered(active, self._per_phase(instance, instance.pas_q, instance.qd))
            )
        loading = np.zeros((instance.buses, instance.H))
        loading[1:] = flow.loading[:, self._branch].T / self.feeder.loading_limit
        return AcState(flow.v_low.T[self._bus], flow.v_high.T[self._bus], loading, flow.head_kw, flow.losses_kw)

    def _per_phase(self, instance: Instance, passive: FloatArray, own: FloatArray) -> FloatArray:
        """Power drawn at buses by phases, ``[bus, hour, phase]``."""
        assert self.phases is not None
        total = np.repeat(passive[:, :, None] / 3, 3, axis=2)
        np.add.at(total, instance.pro_bus, own[:, :, None] * self.phases[:, None, :])
        return total

    def _ordered(self, *powers: FloatArray) -> list[FloatArray]:
        """Powers of buses, hours first, in the order of the feeder."""
        at_feeder = np.argsort(self._bus)
        return [np.swapaxes(power[at_feeder], 0, 1) for power in powers]


@dataclass(frozen=True, eq=False)
class SafeClearing:
    """A clearing whose schedule violates nothing under AC power flow.

    Attributes
    ----------
    clearing
        Of the instance with its limits as tightened.
    ac
        The AC power flow of its schedule.
    violations
        How many there were after each clearing, the last 0: one more than the times that limits were tightened.
    """

    clearing: Clearing
    ac: AcState
    violations: tuple[int, ...]


def clear_safely(
    instance: Instance,
    solver: Solver,
    *,
    tolerance: float,
    model: AcModel | None = None,
    warm_start: Any = None,
    max_rounds: int | None = None,
    max_clearings: int = 20,
) -> SafeClearing:
    """Clear until AC power flow finds no violation.

    Parameters
    ----------
    instance
        The game.
    solver, tolerance, warm_start, max_rounds
        How it is cleared.
    model
        AC power flow of the instance; None: by what it says itself of its feeder.
    max_clearings
        At most.

    Raises
    ------
    InfeasibleError
        If the limits cannot be met: the linear ones, or, as it then says, those tightened.
    SolverError
        If the last clearing allowed still violates a limit.
    """
    model = model or AcModel(instance)
    taken = _Margins.none(instance)
    counts: list[int] = []
    state, current = warm_start, instance
    while len(counts) < max_clearings:
        try:
            clearing = solver.solve(current, tolerance=tolerance, warm_start=state, max_rounds=max_rounds)
        except InfeasibleError as error:
            raise InfeasibleError(error.shortfalls, tightened=bool(counts)) from None
        ac = model.run(instance, clearing.allocation)
        counts.append(ac.violations(instance))
        if not counts[-1]:
            return SafeClearing(clearing, ac, tuple(counts))
        taken = taken.grown(instance, clearing.allocation, ac)
        current, state = instance.with_limits(taken.limits(instance)), clearing.state
    raise SolverError(f"AC power flow still finds violations after {max_clearings} clearings: {counts}")


@dataclass(frozen=True, eq=False)
class _Margins:
    """What is taken off the limits: of voltages in p.u., of apparent powers in kVA, of the head in kW."""

    low: FloatArray
    high: FloatArray
    flow: FloatArray
    head: FloatArray

    @classmethod
    def none(cls, instance: Instance) -> "_Margins":
        low, high, flow = (np.zeros((instance.buses, instance.H)) for _ in range(3))
        return cls(low, high, flow, np.zeros(instance.H))

    def grown(self, instance: Instance, allocation: Allocation, ac: AcState) -> "_Margins":
        """What the linear model was too hopeful by at this schedule, and a little more where that passed a limit."""
        flow = instance.flow(allocation.bus_kw(instance))
        v = np.sqrt(np.maximum(instance.squared_voltage(flow), 0))
        rating = np.where(np.isfinite(instance.s_max), instance.s_max, 0.0)[:, None]
        low, high, over, head = ac.excess(instance)
        return _Margins(
            np.maximum(self.low, v - ac.v_low + _PAD_PU * (low > TOLERANCE)),
            np.maximum(self.high, ac.v_high - v + _PAD_PU * (high > TOLERANCE)),
            np.maximum(
                self.flow, rating * (ac.loading + _PAD_SHARE * (over > TOLERANCE)) - np.hypot(flow, instance.flow_kvar)
            ),
            np.maximum(self.head, ac.head_kw - flow[0] + _PAD_SHARE * ac.head_kw * (head > TOLERANCE)),
        )

    def limits(self, instance: Instance) -> GridLimits:
        """The limits that remain."""
        base = instance.grid_limits
        with np.errstate(invalid="ignore"):
            room = np.maximum(instance.s_max[:, None] - self.flow, 0.0) ** 2 - instance.flow_kvar**2
        return replace(
            base,
            v_low=np.maximum(base.v_low, np.square(instance.vmin + self.low)),
            v_high=np.minimum(base.v_high, np.square(instance.vmax - self.high)),
            flow=np.minimum(base.flow, np.sign(room) * np.sqrt(np.abs(room))),
            head_max=base.head_max - self.head,
        )
