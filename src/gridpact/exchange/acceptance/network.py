"""What the DSO looks at: AC power flows of members' net demands, how far each limit is passed, and what a member adds to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gridpact.community import Community
from gridpact.errors import InputError, PowerFlowError
from gridpact.grid import Feeder, Flow, PowerFlow
from gridpact.grid.violations import TOLERANCE
from gridpact.units import BoolArray, FloatArray, IntArray, to_kwh

STEP_KW = 1.0
"""Step of the numerical sensitivities: small against a feeder's load, large against the tolerance of the power flow."""


class Cause(StrEnum):
    """Why the DSO acts: a limit of the network, a power flow without solution, or the other leg of a loan."""

    VOLTAGE_LOW = "VOLTAGE_LOW"
    VOLTAGE_HIGH = "VOLTAGE_HIGH"
    OVERLOAD = "OVERLOAD"
    NO_POWER_FLOW = "NO_POWER_FLOW"
    LEG = "LEG"


@dataclass(frozen=True, slots=True)
class Violation:
    """A limit that is passed.

    Attributes
    ----------
    cause
        Which kind.
    element
        Name of the bus or branch; empty where the power flow has no solution.
    value, limit
        Voltage of the worst phase in p.u., or loading relative to the rating; NaN where there is no solution.

    Examples
    --------
    >>> print(Violation(Cause.VOLTAGE_HIGH, "bus 12", 1.1034, 1.1))
    VOLTAGE_HIGH(bus 12, 1.1034 pu)
    >>> print(Violation(Cause.OVERLOAD, "line 3", 1.182, 1.0))
    OVERLOAD(line 3, 118.2 %)
    """

    cause: Cause
    element: str
    value: float
    limit: float

    def __str__(self) -> str:
        if self.cause is Cause.NO_POWER_FLOW:
            return str(self.cause)
        amount = f"{self.value:.1%}".replace("%", " %") if self.cause is Cause.OVERLOAD else f"{self.value:.4f} pu"
        return f"{self.cause}({self.element}, {amount})"


class Network:
    """A feeder with the members that are connected to it; its power flow is built once and used for every interval.

    What may be passed is counted as *limits*: the upper voltage limit of every bus (and phase), the lower one likewise, then
    the loading of every branch. An *excess* is how far one is passed: p.u. for voltages, share of the rating for loadings,
    negative within the limit, infinite where the power flow has no solution.

    Parameters
    ----------
    feeder
        The feeder; meshed is fine.
    share
        What share of each member's power is drawn where, ``[member, bus]``, or ``[member, bus, phase]`` for a flow per phase.

    Raises
    ------
    InputError
        If the shares do not fit the feeder.
    PowerFlowError
        If a bus is not connected with the source.
    """

    def __init__(self, feeder: Feeder, share: FloatArray) -> None:
        if share.shape[1:] not in ((len(feeder.bus_names),), (len(feeder.bus_names), 3)):
            found = f"shares of shape {share.shape}"
            raise InputError(found, place=f"feeder {feeder.name}", accepted="[member, bus] or [member, bus, phase]")
        self.feeder, self.share = feeder, share
        self._flow = PowerFlow(feeder)
        _, first, place = np.unique(share.reshape(len(share), -1), axis=0, return_index=True, return_inverse=True)
        self._places: FloatArray = share[first]
        self._place_of_member: IntArray = place.reshape(-1)

    @classmethod
    def of(cls, community: Community) -> "Network":
        """The network of a community."""
        return cls(community.feeder, community.at_buses(np.eye(len(community.members)))[0])

    @property
    def members(self) -> int:
        """How many members are connected."""
        return len(self.share)

    def at_buses(self, power: FloatArray) -> FloatArray:
        """Sum up members' powers, ``[scenario, member]``, at the buses."""
        return np.tensordot(power, self.share, axes=1)

    def solve(self, net_kw: FloatArray, q_kvar: FloatArray) -> Flow:
        """AC power flow; both ``[scenario, member]``, reactive power of one scenario holding for all.

        Raises
        ------
        PowerFlowError
            If a scenario has no solution.
        """
        drawn = self.at_buses(net_kw)
        reactive = np.ascontiguousarray(np.broadcast_to(self.at_buses(q_kvar), drawn.shape))
        return self._flow.run(drawn, reactive) if drawn.ndim == 2 else self._flow.run_per_phase(drawn, reactive)

    def excess(self, net_kw: FloatArray, q_kvar: FloatArray) -> FloatArray:
        """How far every limit is passed, ``[scenario, limit]``; a scenario without solution passes all of them infinitely."""
        try:
            return self.excess_of(self.solve(net_kw, q_kvar))
        except PowerFlowError:
            if len(net_kw) == 1:
                return np.full((1, self.limits), np.inf)
        half, common = len(net_kw) // 2, len(q_kvar) == 1
        return np.concatenate(
            [
                self.excess(net_kw[part], q_kvar if common else q_kvar[part])
                for part in (slice(None, half), slice(half, None))
            ]
        )

    def excess_wh(self, net_wh: IntArray, q_kvar: FloatArray, hours: float) -> FloatArray:
        """The same for energies of an interval, integer Wh ``[scenario, member]``; ``q_kvar`` is ``[member]``."""
        return self.excess(to_kwh(net_wh) / hours, q_kvar[None])

    def excess_of(self, flow: Flow) -> FloatArray:
        """How far a flow passes every limit, ``[scenario, limit]``."""
        feeder, v_pu = self.feeder, flow.v_pu.reshape(len(flow.v_pu), -1)
        return np.concatenate(
            [v_pu - feeder.v_max_pu, feeder.v_min_pu - v_pu, flow.loading - feeder.loading_limit], axis=1
        )

    @property
    def limits(self) -> int:
        """How many limits there are."""
        return 2 * self._voltages + len(self.feeder.branch_names)

    def sensitivity(self, net_kw: FloatArray, q_kvar: FloatArray) -> FloatArray:
        """What 1 kW more of net demand adds to every excess, ``[member, limit]``, by difference of AC power flows.

        Numerical, so that meshed feeders, losses, phases and the loading of lines need no model of their own. One flow a place
        where somebody is connected.

        Parameters
        ----------
        net_kw, q_kvar
            The operating point, ``[member]``; it must have a solution.

        Raises
        ------
        PowerFlowError
            If a flow has no solution.
        """
        point = self.at_buses(net_kw[None])
        drawn = np.concatenate([point, point + STEP_KW * self._places])
        reactive = np.ascontiguousarray(np.broadcast_to(self.at_buses(q_kvar[None]), drawn.shape))
        flow = self._flow.run(drawn, reactive) if drawn.ndim == 2 else self._flow.run_per_phase(drawn, reactive)
        excess = self.excess_of(flow)
        return np.asarray(((excess[1:] - excess[0]) / STEP_KW)[self._place_of_member])

    def marginal_losses(self, net_kw: FloatArray, q_kvar: FloatArray) -> FloatArray:
        """What 1 kW more of net demand of each member adds to the losses, kW ``[scenario, member]``.

        Parameters
        ----------
        net_kw, q_kvar
            Operating points, ``[scenario, member]``.

        Raises
        ------
        PowerFlowError
            If a flow has no solution.
        """
        points = self.at_buses(net_kw)
        half = STEP_KW / 2
        moved = np.stack([points + half * place for place in self._places] + [points - half * p for p in self._places])
        reactive = np.ascontiguousarray(np.broadcast_to(self.at_buses(q_kvar), moved.shape))
        flat, flat_q = (values.reshape(-1, *points.shape[1:]) for values in (moved, reactive))
        run = self._flow.run if points.ndim == 2 else self._flow.run_per_phase
        up, down = run(flat, flat_q).losses_kw.reshape(2, len(self._places), len(points))
        return np.asarray(((up - down) / STEP_KW).T[:, self._place_of_member])

    def scale(self) -> FloatArray:
        """What makes excesses of voltages and loadings comparable, ``[limit]``: half the voltage band, or the loading limit."""
        feeder = self.feeder
        half = (feeder.v_max_pu - feeder.v_min_pu) / 2
        return np.concatenate(
            [np.full(2 * self._voltages, half), np.full(len(feeder.branch_names), feeder.loading_limit)]
        )

    def violations(self, excess: FloatArray, beyond: FloatArray | float = 0.0) -> tuple[Violation, ...]:
        """Name what an excess ``[limit]`` passes further than ``beyond``; of a bus the worst phase."""
        if not np.isfinite(excess).all():
            return (NO_SOLUTION,)
        named: dict[tuple[Cause, str], Violation] = {}
        for at in np.flatnonzero(excess > np.maximum(beyond, 0.0) + TOLERANCE).tolist():
            found = self.describe(at, float(excess[at]))
            known = named.get((found.cause, found.element))
            if known is None or abs(found.value - found.limit) > abs(known.value - known.limit):
                named[found.cause, found.element] = found
        return tuple(named.values())

    def describe(self, limit: int, excess: float) -> Violation:
        """One limit by its position, passed by so much."""
        if not np.isfinite(excess):
            return NO_SOLUTION
        feeder, voltages = self.feeder, self._voltages
        phases = voltages // len(feeder.bus_names)
        if limit >= 2 * voltages:
            name = feeder.branch_names[limit - 2 * voltages]
            return Violation(Cause.OVERLOAD, name, feeder.loading_limit + excess, feeder.loading_limit)
        name = feeder.bus_names[limit % voltages // phases]
        if limit < voltages:
            return Violation(Cause.VOLTAGE_HIGH, name, feeder.v_max_pu + excess, feeder.v_max_pu)
        return Violation(Cause.VOLTAGE_LOW, name, feeder.v_min_pu - excess, feeder.v_min_pu)

    @property
    def _voltages(self) -> int:
        return int(np.prod(self.share.shape[1:]))


NO_SOLUTION = Violation(Cause.NO_POWER_FLOW, "", float("nan"), float("nan"))
"""Stands for every violation of a power flow that has no solution."""


def is_clean(excess: FloatArray, allowed: FloatArray) -> BoolArray:
    """Which scenarios pass no limit further than allowed, ``[scenario]``."""
    return np.asarray((excess <= allowed + TOLERANCE).all(axis=-1))


def worst(excess: FloatArray, scale: FloatArray, among: Sequence[int] | IntArray) -> int:
    """Position of the limit that is passed furthest on the common scale."""
    positions = np.asarray(among)
    return int(positions[np.argmax((excess / scale)[positions])])
