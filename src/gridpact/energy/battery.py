"""The batteries of a community: self-consumption, schedules, and standing by what was traded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from gridpact.community import Member
from gridpact.energy.limits import Limits
from gridpact.units import WH_PER_KWH, FloatArray

_NOTHING = np.zeros((0, 0))


@dataclass(frozen=True, eq=False)
class Fleet:
    """Every member's battery as arrays ``[member]``; zeros where a member has none. Energies in kWh, powers in kW."""

    charge_kw: FloatArray
    discharge_kw: FloatArray
    charge_efficiency: FloatArray
    discharge_efficiency: FloatArray
    min_kwh: FloatArray
    max_kwh: FloatArray
    initial_kwh: FloatArray
    loss_kwh_per_hour: FloatArray

    @classmethod
    def of(cls, members: Sequence[Member]) -> Self:
        """Collect the members' batteries."""
        rows = [
            (
                b.charge_kw,
                b.discharge_kw,
                b.charge_efficiency,
                b.discharge_efficiency,
                b.min_soc * b.capacity_kwh,
                b.max_soc * b.capacity_kwh,
                b.initial_soc * b.capacity_kwh,
                b.standing_loss_per_hour * b.capacity_kwh,
            )
            if (b := member.battery)
            else (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0)
            for member in members
        ]
        return cls(*np.array(rows, dtype=np.float64).reshape(-1, 8).T.copy())

    def run(
        self,
        net_kw: FloatArray,
        soc_kwh: FloatArray,
        hours: float,
        contract_kw: FloatArray | None = None,
        schedule_kw: FloatArray | None = None,
        limits: Limits | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """What the batteries do, interval after interval.

        Without a schedule a battery serves its owner: it charges on surplus and discharges on deficit. With one it follows the
        schedule. In both cases it then stands by what its owner traded: if the meter would deliver less than was sold, or take
        less than was bought, it makes up the difference, unless the meter is limited: `Limits` go before a contract. All of it
        within the battery's power and state of charge. Physics:
        ``X(t) = X(t−1) + η P Δt − ε`` with η the charging efficiency for P ≥ 0 and the inverse of the discharging efficiency
        otherwise, ε the standing loss (Chakraborty et al., Applied Energy 2020).

        Parameters
        ----------
        net_kw
            Load minus PV, ``[member, interval]``, + = consumption.
        soc_kwh
            State of charge at the start, ``[member]``.
        hours
            Length of an interval.
        contract_kw
            Net traded power, ``[member, interval]``, + = bought; None: nothing traded.
        schedule_kw
            Scheduled battery power, ``[member, interval]``, + = charging; None, or NaN in a cell: self-consumption.
        limits
            Of the meters over the same intervals; None: nobody is limited.

        Returns
        -------
        battery_kw
            ``[member, interval]``, + = charging.
        soc_kwh
            State of charge, ``[member, interval + 1]``, the start included.

        Examples
        --------
        >>> from gridpact.community import Battery
        >>> fleet = Fleet.of([Member("a", "b1", battery=Battery(10, 3, 3, 1.0, 1.0, 0.0, 1.0, 0.5))])
        >>> power, soc = fleet.run(np.array([[-4.0, 1.0]]), fleet.initial_kwh, 1.0)
        >>> power.tolist(), soc.tolist()
        ([[3.0, -1.0]], [[5.0, 8.0, 7.0]])
        """
        members, intervals = net_kw.shape
        power, soc = np.zeros((members, intervals)), np.zeros((members, intervals + 1))
        if not self.max_kwh.any():
            return power, soc
        from gridpact.energy import _battery_kernels

        _battery_kernels.run(
            np.ascontiguousarray(net_kw),
            _NOTHING if contract_kw is None else np.ascontiguousarray(contract_kw),
            contract_kw is not None,
            _NOTHING if schedule_kw is None else np.ascontiguousarray(schedule_kw),
            schedule_kw is not None,
            _NOTHING if limits is None else np.ascontiguousarray(limits.lowest_kw),
            _NOTHING if limits is None else np.ascontiguousarray(limits.highest_kw),
            limits is not None,
            self.charge_kw,
            self.discharge_kw,
            self.charge_efficiency,
            self.discharge_efficiency,
            self.min_kwh,
            self.max_kwh,
            self.loss_kwh_per_hour * hours,
            soc_kwh,
            hours,
            0.5 / WH_PER_KWH / hours,  # half a Wh: the resolution of the meter
            power,
            soc,
        )
        return power, soc
