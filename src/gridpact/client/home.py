"""A home that trades: its meter, its battery, and what it expects of the next hours."""

from dataclasses import dataclass, field

import numpy as np

from gridpact.client.foresight import Foresight
from gridpact.community import Member
from gridpact.energy import Fleet
from gridpact.units import FloatArray, to_kwh, to_wh

MS_PER_HOUR = 3_600_000


@dataclass(slots=True)
class Home:
    """A member's home on measured profiles that repeat.

    Attributes
    ----------
    member
        With its battery, if there is one.
    load_kw, pv_kw
        Measured, ``[interval]``; after the last interval the first follows again.
    origin
        Start of the first interval, milliseconds since 1970 UTC.
    step_ms
        Length of an interval.
    """

    member: Member
    load_kw: FloatArray
    pv_kw: FloatArray
    origin: int
    step_ms: int
    _soc_kwh: FloatArray = field(init=False)
    _fleet: Fleet = field(init=False)

    def __post_init__(self) -> None:
        self._fleet = Fleet.of([self.member])
        self._soc_kwh = self._fleet.initial_kwh

    @property
    def hours(self) -> float:
        """Length of an interval."""
        return self.step_ms / MS_PER_HOUR

    @property
    def soc_kwh(self) -> float:
        """Energy in the battery now."""
        return float(self._soc_kwh[0])

    def at(self, start: int) -> int:
        """Position of an interval in the profiles."""
        return (start - self.origin) // self.step_ms % len(self.load_kw)

    def expected_wh(self, now: int, start: int) -> int:
        """What the meter will show in an interval without trade, as foreseen now: the battery serves its home until then."""
        return self._metered_wh(self._foreseen_kw(now, start)[None])

    def foreseen(self, now: int, start: int, periods: int) -> tuple[FloatArray, float]:
        """Load minus PV in intervals to come, kW ``[interval]``, and what will be in the battery when the first begins, kWh."""
        net_kw = self._foreseen_kw(now, start + (periods - 1) * self.step_ms)
        before = len(net_kw) - periods
        if before <= 0:
            return net_kw, self.soc_kwh
        _, soc_kwh = self._fleet.run(net_kw[None, :before], self._soc_kwh, self.hours)
        return net_kw[before:], float(soc_kwh[0, -1])

    def _foreseen_kw(self, now: int, until: int) -> FloatArray:
        foresight = Foresight(lambda at: self.load_kw[self.at(at)], lambda at: self.pv_kw[self.at(at)], self.step_ms)
        return foresight.net_kw(now, until)

    def undisturbed_wh(self, start: int) -> int:
        """What the meter would show in the next interval if nothing had been traded; the battery stays as it is."""
        at = self.at(start)
        return self._metered_wh(np.array([[self.load_kw[at] - self.pv_kw[at]]]))

    def _metered_wh(self, net_kw: FloatArray) -> int:
        battery_kw, _ = self._fleet.run(net_kw, self._soc_kwh, self.hours)
        return int(to_wh((net_kw + battery_kw)[0, -1] * self.hours))

    def deliver(self, start: int, contract_wh: int, most_wh: tuple[int | None, int | None] = (None, None)) -> int:
        """Run the interval and give what the meter then shows, Wh, + = consumption.

        Parameters
        ----------
        start
            Of the interval.
        contract_wh
            Net traded energy, + = bought: the battery stands by it.
        most_wh
            What the DSO allows the meter to show at most, import and export: PV is curtailed for it.
        """
        at = self.at(start)
        net_kw = np.array([[self.load_kw[at] - self.pv_kw[at]]])
        contract_kw = np.array([[to_kwh(np.array(contract_wh)) / self.hours]])
        battery_kw, soc_kwh = self._fleet.run(net_kw, self._soc_kwh, self.hours, contract_kw)
        self._soc_kwh = soc_kwh[:, -1]
        metered = int(to_wh((net_kw + battery_kw)[0, 0] * self.hours))
        export_wh = most_wh[1]
        if export_wh is None or metered >= -export_wh:
            return metered
        spill = min(-export_wh - metered, int(to_wh(np.array(self.pv_kw[at] * self.hours))))
        return metered + spill
