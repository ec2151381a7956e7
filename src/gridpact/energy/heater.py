"""The water heaters of a community: thermostats, schedules, and comfort before both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from gridpact.community import Member
from gridpact.units import BoolArray, FloatArray

WATER_KWH_PER_LITRE_K = 4.186 / 3600
"""Heat capacity of water, 4.186 kJ/(kg K), at 1 kg a litre."""

_NOTHING = np.zeros((0, 0))


@dataclass(frozen=True, eq=False)
class HeaterState:
    """Where the heaters of a community stand: temperature of each tank, °C, and whether it was ON last; ``[member]``."""

    tank_c: FloatArray
    on: BoolArray


@dataclass(frozen=True, eq=False)
class Heaters:
    """Every member's water heater as arrays ``[member]``; a power of zero where a member has none."""

    power_kw: FloatArray
    kwh_per_k: FloatArray
    min_c: FloatArray
    max_c: FloatArray
    initial_c: FloatArray
    loss_kw_per_k: FloatArray
    ambient_c: FloatArray

    @classmethod
    def of(cls, members: Sequence[Member]) -> Self:
        """Collect the members' water heaters."""
        rows = [
            (
                h.power_kw,
                h.litres * WATER_KWH_PER_LITRE_K,
                h.min_c,
                h.max_c,
                h.initial_c,
                h.loss_w_per_k / 1000,
                h.ambient_c,
            )
            if (h := member.heater)
            else (0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
            for member in members
        ]
        return cls(*np.array(rows, dtype=np.float64).reshape(-1, 7).T.copy())

    @property
    def any(self) -> bool:
        """Whether anybody has one."""
        return bool((self.power_kw > 0).any())

    def start(self) -> HeaterState:
        """All tanks as they begin, OFF."""
        return HeaterState(self.initial_c, np.zeros(len(self.initial_c), dtype=np.bool_))

    def run(
        self, draw_kw: FloatArray, state: HeaterState, hours: float, schedule_kw: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """What the heaters do, interval after interval.

        A heater without a schedule follows its thermostat: it stays as it is, ON or OFF, until that would leave the band of
        comfort. With one it follows the schedule. In both cases comfort comes first: it is ON where OFF would end too cold, and
        OFF where ON for the whole interval would end too hot; where both would, it is ON until the top of the band.

        Physics: one temperature, ``C (T' − T) = (P − D − UA (T − T_a)) Δt`` with *P* the heater's power, *D* the heat drawn,
        *UA* the standing loss, *C* the heat capacity of the water.

        Parameters
        ----------
        draw_kw
            Heat drawn with the water, above the cold inlet, ``[member, interval]``.
        state
            At the start.
        hours
            Length of an interval.
        schedule_kw
            Scheduled power ``[member, interval]``, above 0: ON; None, or NaN in a cell: by thermostat.

        Returns
        -------
        heater_kw
            Mean power of each interval, ``[member, interval]``.
        tank_c
            Temperatures ``[member, interval + 1]``, the start included.

        Examples
        --------
        A tank of 100 l gains 2.15 K in a quarter of an hour at 1 kW; ON would end too hot in the third.

        >>> from gridpact.community import WaterHeater
        >>> heaters = Heaters.of([Member("a", "b1", heater=WaterHeater(1.0, 100, 50, 55, 50, loss_w_per_k=0))])
        >>> power, tank = heaters.run(np.zeros((1, 3)), heaters.start(), 0.25, np.ones((1, 3)))
        >>> power.tolist(), tank.round(2).tolist()
        ([[1.0, 1.0, 0.0]], [[50.0, 52.15, 54.3, 54.3]])
        """
        from gridpact.energy import tank

        members, intervals = draw_kw.shape
        power, tank_c = np.zeros((members, intervals)), np.zeros((members, intervals + 1))
        tank.run(
            np.ascontiguousarray(draw_kw),
            _NOTHING if schedule_kw is None else np.ascontiguousarray(schedule_kw),
            schedule_kw is not None,
            self.power_kw,
            self.kwh_per_k,
            self.min_c,
            self.max_c,
            self.loss_kw_per_k,
            self.ambient_c,
            state.tank_c,
            state.on,
            hours,
            power,
            tank_c,
        )
        return power, tank_c
