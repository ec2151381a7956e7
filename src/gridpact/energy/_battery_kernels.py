"""Battery physics, one lane a member. Compiled on first use."""

import numba
import numpy as np

from gridpact.units import FloatArray


@numba.njit(cache=True, error_model="numpy")
def run(
    net_kw: FloatArray,
    contract_kw: FloatArray,
    traded: bool,
    schedule_kw: FloatArray,
    scheduled: bool,
    lowest_kw: FloatArray,
    highest_kw: FloatArray,
    limited: bool,
    charge_kw: FloatArray,
    discharge_kw: FloatArray,
    charge_efficiency: FloatArray,
    discharge_efficiency: FloatArray,
    min_kwh: FloatArray,
    max_kwh: FloatArray,
    loss_kwh: FloatArray,
    soc_start_kwh: FloatArray,
    hours: float,
    slack_kw: float,
    power: FloatArray,
    soc: FloatArray,
) -> None:
    """Fill in power [member, interval] (+ = charging) and state of charge [member, interval + 1] of every battery.

    Rows of members without battery are left as they are: zeros that were never touched take no memory.
    """
    members, intervals = net_kw.shape
    for m in range(members):
        if max_kwh[m] <= 0.0:
            continue
        level = soc_start_kwh[m]
        soc[m, 0] = level
        for t in range(intervals):
            most = min(charge_kw[m], (max_kwh[m] - level) / (charge_efficiency[m] * hours))
            least = -min(discharge_kw[m], (level - min_kwh[m]) * discharge_efficiency[m] / hours)
            planned = scheduled and not np.isnan(schedule_kw[m, t])
            wish = schedule_kw[m, t] if planned else -net_kw[m, t]
            p = min(max(wish, least), most)
            contract = contract_kw[m, t] if traded else 0.0
            meter = net_kw[m, t] + p
            falls_short = contract < 0.0 and meter > contract + slack_kw
            takes_less = contract > 0.0 and meter < contract - slack_kw
            if falls_short or takes_less:
                p = min(max(contract - net_kw[m, t], least), most)
            if limited:
                p = _hold_back(p, net_kw[m, t], lowest_kw[m, t], highest_kw[m, t], most)
            gain = p * charge_efficiency[m] if p >= 0.0 else p / discharge_efficiency[m]
            level = min(max(level + gain * hours - loss_kwh[m], min_kwh[m]), max_kwh[m])
            power[m, t] = p
            soc[m, t + 1] = level


@numba.njit(cache=True, inline="always", error_model="numpy")
def _hold_back(p: float, net_kw: float, lowest_kw: float, highest_kw: float, most: float) -> float:
    """Power of a battery whose meter is limited: it holds back, and charges surplus that would be lost."""
    if net_kw + p > highest_kw:
        p = max(min(p, 0.0), highest_kw - net_kw)
    if net_kw + p < lowest_kw:
        p = min(max(p, 0.0), lowest_kw - net_kw)
        if net_kw + p < min(lowest_kw, 0.0):
            p = min(min(lowest_kw, 0.0) - net_kw, most)
    return p
