"""Expected costs of every contract of a space, in closed form after the return. Compiled on first use.

A step of the battery maps its state X to ``clamp(X + s, lo, top)``: s is what it would store less the standing loss, and
``top = hi − loss``. Count the state as ``y = X − c``, c the sum of s over all steps before: then the step is the clamp of y to
``lo − c', top − c'`` with c' the sum up to and including it, and without a clamp y never changes. So, from any state at any
offset,

- the state at the end of the window is one clamp of y, composed backwards (`_END_LOW`, `_END_HIGH`);
- whether the battery is first cut short by being empty or by being full is one comparison, composed alike (`_DIVIDE`);
- nothing is cut before that step, so the cost until then is a difference of prefix sums; the step itself loses a linear part;
  after it the battery is exactly empty or exactly full, and what follows is tabulated. The step is found in a table of running
  maxima by bisection.

Tables of hits have a row for each side: 0 towards empty, in y; 1 towards full, in −y.
"""

import numpy as np
from numba import njit

from gridpact.units import FloatArray, IntArray

LANES = 16
"""Quantities worked on side by side: a constant, so that the compiler makes vectors of the inner loops."""

CHARGE, DISCHARGE, CHARGE_EFFICIENCY, DISCHARGE_EFFICIENCY, LOW, HIGH, LOSS, STATE, SHORT, SPARE = range(10)
"""A member's figures: most energy at the meter an interval, efficiencies, limits, standing loss an interval, state of charge
(kWh), and what a kWh missing at the end costs and one left over is worth."""

CHARGED, DISCHARGED, IMPORTED, EXPORTED = range(4)
"""What a kWh costs, by offset."""

_DEMAND, _PRE, _SUM, _END_LOW, _END_HIGH, _DIVIDE, _FULL_CHARGE, _FULL_DISCHARGE = range(8)
_NEVER = 1e300
_STATE, _PAID, _VALUE, _COST, _LOAN = range(0, 5 * LANES, LANES)


@njit(cache=True, nogil=True, error_model="numpy")
def expected_costs(
    demand_kwh: FloatArray,
    member: FloatArray,
    rates: FloatArray,
    loans_kwh: FloatArray,
    first_return: int,
    out: FloatArray,
) -> None:
    """Fill in the mean cost over scenarios of giving ``loans_kwh[lane]`` at offset 0 and taking it back at each later offset.

    Parameters
    ----------
    demand_kwh
        Net demand ``[scenario, offset]``, + = consumption.
    member, rates
        As the constants above name them; rates ``[4, offset]``.
    loans_kwh
        ``[lane]``, a multiple of `LANES`.
    first_return
        Earliest offset of a return, at least 1.
    out
        ``[offset, lane]``; rows before `first_return` are not touched.
    """
    scenarios, window = demand_kwh.shape
    levels = 1
    while (1 << levels) <= window:
        levels += 1
    out[first_return:] = 0.0
    path = np.empty((8, window + 1))
    hits = np.empty((levels, 2, window + 1))
    after = np.empty((2, window + 1))
    slope = np.zeros((2, window + 1))
    slope[0, :window] = (rates[DISCHARGED] - rates[IMPORTED]) * member[DISCHARGE_EFFICIENCY]
    slope[1, :window] = (rates[CHARGED] - rates[EXPORTED]) / member[CHARGE_EFFICIENCY]
    value, row, at = np.empty((2, window)), np.empty((2, window), np.int64), np.empty((2, window), np.int64)
    for s in range(scenarios):
        exchanged = _lay_out(demand_kwh[s], member, rates, path, hits)
        _tabulate(path, hits, slope, member[LOSS], value, row, at, after)
        for lane in range(0, len(loans_kwh), LANES):
            _price_loans(loans_kwh, lane, member, rates, exchanged, first_return, path, hits, slope, after, out)
    out[first_return:] /= scenarios


@njit(cache=True, nogil=True, error_model="numpy")
def _lay_out(demand: FloatArray, member: FloatArray, rates: FloatArray, path: FloatArray, hits: FloatArray) -> float:
    """Prefix sums, keys of hits, and the composed clamps of one scenario; returns what the bare demand costs."""
    window, levels = len(demand), len(hits)
    most_c, most_d, low, loss = member[CHARGE], member[DISCHARGE], member[LOW], member[LOSS]
    eff_c, inv_d, top = member[CHARGE_EFFICIENCY], 1.0 / member[DISCHARGE_EFFICIENCY], member[HIGH] - member[LOSS]
    pre = total = exchanged = 0.0
    path[_PRE, 0] = path[_SUM, 0] = 0.0
    for o in range(window):
        x = demand[o]
        surplus, deficit = -x if x < 0.0 else 0.0, x if x > 0.0 else 0.0
        c, d = surplus if surplus < most_c else most_c, deficit if deficit < most_d else most_d
        exchanged += rates[IMPORTED, o] * deficit + rates[EXPORTED, o] * surplus
        pre += (rates[CHARGED, o] - rates[EXPORTED, o]) * c + (rates[DISCHARGED, o] - rates[IMPORTED, o]) * d
        total += c * eff_c - d * inv_d - loss
        path[_DEMAND, o], path[_FULL_CHARGE, o], path[_FULL_DISCHARGE, o] = x, c, d
        path[_PRE, o + 1], path[_SUM, o + 1] = pre, total
        hits[0, 0, o], hits[0, 1, o] = low - total, total - top
    for row in range(2):
        hits[0, row, window] = _NEVER
        for level in range(1, levels):
            half = 1 << (level - 1)
            for o in range(window + 1 - half):
                one, other = hits[level - 1, row, o], hits[level - 1, row, o + half]
                hits[level, row, o] = one if one > other else other
            for o in range(window + 1 - half, window + 1):
                hits[level, row, o] = _NEVER
    end_low, end_high, divide = -_NEVER, _NEVER, _NEVER
    path[_END_LOW, window], path[_END_HIGH, window], path[_DIVIDE, window] = end_low, end_high, divide
    for o in range(window - 1, -1, -1):
        empty, full = hits[0, 0, o], -hits[0, 1, o]
        lower, upper = empty if empty > end_low else end_low, full if full > end_low else end_low
        end_low, end_high = lower if lower < end_high else end_high, upper if upper < end_high else end_high
        divide = divide if divide > empty else empty
        divide = divide if divide < full else full
        path[_END_LOW, o], path[_END_HIGH, o], path[_DIVIDE, o] = end_low, end_high, divide
    return exchanged


@njit(cache=True, nogil=True, error_model="numpy")
def _tabulate(
    path: FloatArray,
    hits: FloatArray,
    slope: FloatArray,
    loss: float,
    value: FloatArray,
    row: IntArray,
    at: IntArray,
    after: FloatArray,
) -> None:
    """What the window costs in all, counted as prefix sums are, if a step leaves the battery empty or full."""
    window, levels = path.shape[1] - 1, len(hits)
    for side in range(2):
        for o in range(window):
            y = hits[0, side, o] if side == 0 else -hits[0, side, o]
            is_full = y > path[_DIVIDE, o + 1]
            r, v, k = (1 if is_full else 0), (-y if is_full else y), o + 1
            for level in range(levels - 1, -1, -1):
                k += (1 << level) if hits[level, r, k] < v else 0
            value[side, o], row[side, o], at[side, o] = v, r, k
    after[0, window] = after[1, window] = path[_PRE, window]
    for o in range(window - 1, -1, -1):
        for side in range(2):
            r, k = row[side, o], at[side, o]
            cut = hits[0, r, k] - (loss if r == 0 else 0.0) - value[side, o]
            after[side, o] = after[r, k] - (slope[r, k] * cut if cut > 0.0 else 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _price_loans(
    loans: FloatArray,
    first_lane: int,
    member: FloatArray,
    rates: FloatArray,
    exchanged: float,
    first_return: int,
    path: FloatArray,
    hits: FloatArray,
    slope: FloatArray,
    after: FloatArray,
    out: FloatArray,
) -> None:
    """Add one scenario's costs of a few loans: one path up to each return, then the tables."""
    width, levels = path.shape[1], len(hits)
    most_c, most_d, low, high = member[CHARGE], member[DISCHARGE], member[LOW], member[HIGH]
    eff_c, eff_d, loss, start = member[CHARGE_EFFICIENCY], member[DISCHARGE_EFFICIENCY], member[LOSS], member[STATE]
    inv_c, inv_d = 1.0 / eff_c, 1.0 / eff_d
    short, spare, gap = member[SHORT], member[SPARE], start - path[_SUM, width - 1]
    keys, after_hit, slopes = hits.reshape(-1), after.reshape(-1), slope.reshape(-1)
    w = np.empty(5 * LANES)
    at = np.empty(LANES, np.int64)
    for lane in range(LANES):
        w[_LOAN + lane] = -loans[first_lane + lane]
        w[_STATE + lane] = start
        w[_PAID + lane] = exchanged
    for o in range(width - 1):
        while (1 << (levels - 1)) > width - 2 - o and levels > 1:
            levels -= 1  # what is left of the window is shorter than the longest stride
        x_here, total, divide = path[_DEMAND, o], path[_SUM, o + 1], path[_DIVIDE, o + 1]
        end_low, end_high = path[_END_LOW, o + 1], path[_END_HIGH, o + 1]
        imported, exported = rates[IMPORTED, o], rates[EXPORTED, o]
        charged, discharged = rates[CHARGED, o] - exported, rates[DISCHARGED, o] - imported
        bare = imported * x_here if x_here > 0.0 else -exported * x_here
        full_c, full_d = path[_FULL_CHARGE, o], path[_FULL_DISCHARGE, o]
        passed = bare + path[_PRE, o + 1]
        if o == 0:
            for lane in range(LANES):
                x, state = x_here - w[_LOAN + lane], start
                surplus, deficit = -x if x < 0.0 else 0.0, x if x > 0.0 else 0.0
                room, stock = (high - state) * inv_c, (state - low) * eff_d
                c = surplus if surplus < most_c else most_c
                d = deficit if deficit < most_d else most_d
                c, d = c if c < room else room, d if d < stock else stock
                state += c * eff_c - d * inv_d - loss
                state = state if state > low else low
                w[_STATE + lane] = state if state < high else high
                w[_PAID + lane] += charged * c + discharged * d + imported * deficit + exported * surplus - bare
            continue
        for lane in range(LANES):
            x, state = x_here + w[_LOAN + lane], w[_STATE + lane]
            room, stock = (high - state) * inv_c, (state - low) * eff_d
            surplus, deficit = -x if x < 0.0 else 0.0, x if x > 0.0 else 0.0
            c = surplus if surplus < most_c else most_c
            d = deficit if deficit < most_d else most_d
            c, d = c if c < room else room, d if d < stock else stock
            paid = charged * c + discharged * d + imported * deficit + exported * surplus - passed
            y = state + c * eff_c - d * inv_d - loss
            y = y if y > low else low
            y = (y if y < high else high) - total
            end = y if y > end_low else end_low
            missing = gap - (end if end < end_high else end_high)
            w[_COST + lane] = w[_PAID + lane] + paid + missing * (short if missing > 0.0 else spare)
            w[_VALUE + lane] = y
            c, d = full_c if full_c < room else room, full_d if full_d < stock else stock
            w[_PAID + lane] += charged * c + discharged * d
            state += c * eff_c - d * inv_d - loss
            state = state if state > low else low
            w[_STATE + lane] = state if state < high else high
        if o < first_return:
            continue
        for lane in range(LANES):
            y = w[_VALUE + lane]
            at[lane] = o + 1 + (width if y > divide else 0)
            w[_VALUE + lane] = -y if y > divide else y
        for level in range(levels - 1, -1, -1):
            for lane in range(LANES):
                k = at[lane]
                at[lane] = k + (np.int64(keys[2 * level * width + k] < w[_VALUE + lane]) << level)
        for lane in range(LANES):
            k = at[lane]
            cut = keys[k] - (loss if k < width else 0.0) - w[_VALUE + lane]
            out[o, first_lane + lane] += w[_COST + lane] + after_hit[k] - (slopes[k] * cut if cut > 0.0 else 0.0)
