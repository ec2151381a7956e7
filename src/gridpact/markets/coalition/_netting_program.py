"""The netting game as a linear program in the membership.

A member's meter nets over a period, so it stands on one side of each period, with a surplus or a deficit. Members of a
coalition give m of a period's surplus to each other: ``m ≤ surplus`` and, of what arrives, ``(1 − loss) m ≤ deficit``. A
battery makes its owner's position a variable.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import sparse

from gridpact.community import Battery
from gridpact.markets.coalition.program import Program
from gridpact.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class NettedEnergies:
    """What the members' meters show, and what it costs.

    Attributes
    ----------
    net
        kWh before batteries, ``[member, interval]``, + = consumption.
    period, demand
        Netting and demand period of each interval, numbered from 0, ``[interval]``.
    buy, sell
        Import and export price, ``[period]``.
    gain
        What a kWh given to another member earns, loss and charge deducted, ``[period]``; nothing is given where it is not
        positive.
    kept
        Part of it that arrives.
    demand_price
        Per kWh of the interval with the largest net import.
    hours
        Length of an interval.
    """

    net: FloatArray
    period: IntArray
    demand: IntArray
    buy: FloatArray
    sell: FloatArray
    gain: FloatArray
    kept: float
    demand_price: float
    hours: float

    def positions(self) -> FloatArray:
        """Net energy of each period without batteries, ``[member, period]``."""
        total = np.zeros((len(self.net), len(self.buy)))
        np.add.at(total.T, self.period, self.net.T)
        return total

    def worth_sharing(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Surplus, deficit (of what is sent) ``[member, period]`` and gain of the periods in which giving can earn."""
        position = self.positions()
        surplus, deficit = np.maximum(-position, 0.0), np.maximum(position, 0.0) / self.kept
        live = surplus.any(axis=0) & deficit.any(axis=0) & (self.gain > 0)
        return surplus[:, live], deficit[:, live], self.gain[live]

    def peaks(self, net: FloatArray) -> FloatArray:
        """Largest net import of each demand period, kWh an interval, ``[…, interval] -> […, demand period]``."""
        if not net.shape[1]:
            return np.zeros((len(net), 0))
        order = np.argsort(self.demand, kind="stable")
        first = np.flatnonzero(np.diff(self.demand[order], prepend=-1))
        return np.maximum(np.maximum.reduceat(net[:, order], first, axis=1), 0.0)

    def peak_bills(self) -> FloatArray:
        """What each member pays for its peaks alone, ``[member]``."""
        return np.asarray(self.demand_price * self.peaks(self.net).sum(axis=1))


def netting_program(
    energies: NettedEnergies, batteries: Sequence[Battery | None], member_fee: float, coalition_fee: float
) -> Program:
    """The program of the savings of coalitions of two or more members."""
    owners = {member: battery for member, battery in enumerate(batteries) if battery}
    program = _Rows.of_bills(energies, owners).program(len(energies.net))
    alone = np.zeros(
        program.players
    )  # bills; the energy of members without battery is billed in the program's own terms
    alone += energies.peak_bills()
    for member in owners:
        alone[member] = -program.value(np.arange(program.players) == member)
    return replace(program, own=alone - member_fee, lump=coalition_fee)


@dataclass(slots=True)
class _Rows:
    """A program as it grows: triplets of its two matrices, the gain of each variable, and which rows are equalities."""

    gain: list[float] = field(default_factory=list)
    equal: list[bool] = field(default_factory=list)
    of_variables: list[tuple[int, int, float]] = field(default_factory=list)
    of_members: list[tuple[int, int, float]] = field(default_factory=list)

    @classmethod
    def of_bills(cls, energies: NettedEnergies, owners: dict[int, Battery]) -> "_Rows":
        """Minus the bill of a coalition, apart from the energy of members without battery at their own prices."""
        rows = cls()
        flows = {member: rows.battery(member, battery, energies) for member, battery in owners.items()}
        sides = {member: rows.sides(member, flow, energies) for member, flow in flows.items()}
        position = energies.positions()
        position[list(owners)] = 0.0
        for period in np.flatnonzero(energies.gain > 0).tolist():
            giving = [(take_in, give_out) for take_in, give_out in (s[period] for s in sides.values())]
            column = position[:, period]
            if not owners and not ((column < 0).any() and (column > 0).any()):
                continue
            shared = rows.variable(energies.gain[period])
            rows.row([(shared, 1.0), *((out, -1.0) for _, out in giving)], np.maximum(-column, 0.0))
            rows.row([(shared, energies.kept), *((into, -1.0) for into, _ in giving)], np.maximum(column, 0.0))
        if energies.demand_price:
            peaks = [rows.variable(-energies.demand_price) for _ in range(energies.demand.max(initial=-1) + 1)]
            for interval, period in enumerate(energies.demand.tolist()):
                charging = [(flow[interval][0], 1.0) for flow in flows.values()]
                discharging = [(flow[interval][1], -1.0) for flow in flows.values()]
                rows.row([(peaks[period], -1.0), *charging, *discharging], -energies.net[:, interval])
        return rows

    def battery(self, member: int, battery: Battery, energies: NettedEnergies) -> list[tuple[int, int]]:
        """A battery's charge and discharge in each interval, kWh at the meter."""
        of = np.arange(len(energies.net)) == member
        lost = battery.standing_loss_per_hour * energies.hours * battery.capacity_kwh
        start = battery.initial_soc * battery.capacity_kwh
        flows: list[tuple[int, int]] = []
        before = -1
        for interval in range(energies.net.shape[1]):
            charge, discharge, level = self.variable(), self.variable(), self.variable()
            step = [(level, 1.0), (charge, -battery.charge_efficiency), (discharge, 1 / battery.discharge_efficiency)]
            carried = [(before, -1.0)] if interval else []
            self.row([*step, *carried], of * ((0.0 if interval else start) - lost), equal=True)
            self.row([(charge, 1.0)], of * battery.charge_kw * energies.hours)
            self.row([(discharge, 1.0)], of * battery.discharge_kw * energies.hours)
            self.row([(level, 1.0)], of * battery.max_soc * battery.capacity_kwh)
            last = interval == energies.net.shape[1] - 1
            self.row([(level, -1.0)], of * -(start if last else battery.min_soc * battery.capacity_kwh))
            flows.append((charge, discharge))
            before = level
        return flows

    def sides(self, member: int, flows: list[tuple[int, int]], energies: NettedEnergies) -> list[tuple[int, int]]:
        """What an owner takes and gives in each period, priced by its own bill."""
        of = np.arange(len(energies.net)) == member
        position = energies.positions()[member]
        found: list[tuple[int, int]] = []
        for period in range(len(energies.buy)):
            take, give = self.variable(-energies.buy[period]), self.variable(energies.sell[period])
            stored = [
                term
                for interval in np.flatnonzero(energies.period == period).tolist()
                for term in ((flows[interval][0], -1.0), (flows[interval][1], 1.0))
            ]
            self.row([(take, 1.0), (give, -1.0), *stored], of * position[period], equal=True)
            found.append((take, give))
        return found

    def variable(self, gain: float = 0.0) -> int:
        """A further variable; returns its position."""
        self.gain.append(float(gain))
        return len(self.gain) - 1

    def row(self, terms: list[tuple[int, float]], brought: FloatArray, *, equal: bool = False) -> None:
        """A further row: terms of variables, at most (or equal to) what each member brings."""
        at = len(self.equal)
        self.equal.append(equal)
        self.of_variables += [(at, variable, factor) for variable, factor in terms]
        self.of_members += [(at, int(member), float(brought[member])) for member in np.flatnonzero(brought)]

    def program(self, players: int) -> Program:
        """What has been written down."""
        rows = len(self.equal)
        equal: BoolArray = np.array(self.equal, dtype=np.bool_)
        return Program(
            gain=np.array(self.gain),
            own=np.zeros(players),
            rows=_sparse(self.of_variables, (rows, len(self.gain))),
            membership=_sparse(self.of_members, (rows, players)),
            equal=equal,
        )


def _sparse(triplets: list[tuple[int, int, float]], shape: tuple[int, int]) -> Any:
    row, column, value = np.array(triplets, dtype=np.float64).reshape(-1, 3).T
    return sparse.csr_array((value, (row.astype(np.int64), column.astype(np.int64))), shape=shape)
