"""Physics of a tank with one temperature, and what of ON and OFF keeps its band. Compiled on first use."""

import numba
import numpy as np

from gridpact.units import BoolArray, FloatArray

MUST, FREE, MUST_NOT = 1, 0, -1
"""What a heater can do in an interval: only ON, both, only OFF."""


@numba.njit(cache=True, error_model="numpy")
def options(
    tank_c: float,
    draw_kw: float,
    power_kw: float,
    kwh_per_k: float,
    min_c: float,
    max_c: float,
    loss_kw_per_k: float,
    ambient_c: float,
    hours: float,
) -> tuple[float, int, float]:
    """Where OFF would end, °C; which actions keep the band; and the mean power of ON, kW.

    The standing loss is that of the temperature at the start. Where neither action keeps the band, the heater is ON until its
    thermostat cuts out at the top: cold water is worse.
    """
    cold_c = tank_c - (draw_kw + loss_kw_per_k * (tank_c - ambient_c)) * hours / kwh_per_k
    kelvin = power_kw * hours / kwh_per_k
    room = min(1.0, max(max_c - cold_c, 0.0) / kelvin) if kelvin > 0.0 else 0.0
    if cold_c < min_c:
        return cold_c, MUST, power_kw * room
    return cold_c, (MUST_NOT if room < 1.0 else FREE), power_kw * room


@numba.njit(cache=True, error_model="numpy")
def run(
    draw_kw: FloatArray,
    wanted_kw: FloatArray,
    scheduled: bool,
    power_kw: FloatArray,
    kwh_per_k: FloatArray,
    min_c: FloatArray,
    max_c: FloatArray,
    loss_kw_per_k: FloatArray,
    ambient_c: FloatArray,
    start_c: FloatArray,
    was_on: BoolArray,
    hours: float,
    power: FloatArray,
    tank_c: FloatArray,
) -> None:
    """Fill in power [member, interval] and temperature [member, interval + 1]; rows of members without heater stay zero."""
    members, intervals = draw_kw.shape
    for m in range(members):
        if power_kw[m] <= 0.0:
            continue
        on = was_on[m]
        tank_c[m, 0] = start_c[m]
        for t in range(intervals):
            cold_c, can, on_kw = options(
                tank_c[m, t],
                draw_kw[m, t],
                power_kw[m],
                kwh_per_k[m],
                min_c[m],
                max_c[m],
                loss_kw_per_k[m],
                ambient_c[m],
                hours,
            )
            wish = wanted_kw[m, t] > 0.0 if scheduled and not np.isnan(wanted_kw[m, t]) else on
            on = can == MUST or (can == FREE and wish)
            if on:
                power[m, t] = on_kw
            tank_c[m, t + 1] = cold_c + power[m, t] * hours / kwh_per_k[m]
