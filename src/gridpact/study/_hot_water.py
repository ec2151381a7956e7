"""The water heaters of a community on its way from gate to gate: what was drawn, and what is expected."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from gridpact.community import Community
from gridpact.energy import Forecaster, Heaters, HeaterState, make_forecaster
from gridpact.markets.outlook import Heating
from gridpact.units import FloatArray


@dataclass(slots=True)
class HotWater:
    """Tanks of a run up to `clock`, the interval until which they have been delivered."""

    heaters: Heaters
    draw_kw: FloatArray
    hours: float
    forecaster: Forecaster
    state: HeaterState
    clock: int = 0

    @classmethod
    def of(cls, community: Community, forecast: str, seed: int) -> Self | None:
        """At the start of a run; None if nobody has a water heater."""
        heaters = Heaters.of(community.members)
        if not heaters.any:
            return None
        draw_kw, horizon = _draws(community), community.horizon
        forecaster = make_forecaster(forecast, draw_kw, horizon.per_day, seed)
        return cls(heaters, draw_kw, horizon.hours, forecaster, heaters.start())

    def deliver_until(self, stop: int, schedule_kw: FloatArray | None) -> FloatArray:
        """What the heaters drew from the clock on, ``[member, interval]``; the clock moves."""
        power_kw, tank_c = self.heaters.run(self.draw_kw[:, self.clock : stop], self.state, self.hours, schedule_kw)
        self.state, self.clock = _after(self.state, power_kw, tank_c), stop
        return power_kw

    def expect(self, first: int, until: int, schedule_kw: FloatArray | None) -> tuple[FloatArray, Heating]:
        """What the heaters will draw from the clock on, ``[member, interval]``, and the outlook from ``first`` on."""
        draw_kw = np.maximum(self.forecaster.forecast(self.draw_kw, self.clock, until), 0.0)
        power_kw, tank_c = self.heaters.run(draw_kw, self.state, self.hours, schedule_kw)
        ahead = first - self.clock
        state = _after(self.state, power_kw[:, :ahead], tank_c[:, : ahead + 1])
        return power_kw, Heating(state, draw_kw[:, ahead:], power_kw[:, ahead:])


def delivered_kw(community: Community, schedule_kw: FloatArray | None) -> FloatArray | None:
    """What the heaters draw on the measured draws, ``[member, interval]``; None if nobody has one."""
    heaters = Heaters.of(community.members)
    if not heaters.any:
        return None
    return heaters.run(_draws(community), heaters.start(), community.horizon.hours, schedule_kw)[0]


def _draws(community: Community) -> FloatArray:
    given = community.profiles.hot_water_kw
    return np.zeros(community.profiles.load_kw.shape) if given is None else given


def _after(state: HeaterState, power_kw: FloatArray, tank_c: FloatArray) -> HeaterState:
    return HeaterState(tank_c[:, -1], power_kw[:, -1] > 0) if power_kw.shape[1] else state
