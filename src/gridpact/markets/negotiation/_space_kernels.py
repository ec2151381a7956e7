"""Expected costs of every contract of a space, in closed form after the return. Compiled on first use.

A step of the battery maps its state X to ``clamp(X + s, lo, top)``: s is what it would store less the standing loss, and
``top = hi − loss``. Count the state as ``y = X − c``, c the sum of s over all steps before: then the step is the clamp of y to
``lo − c', top − c'`` with c' the sum up to and including it, and without a clamp y never changes. So, from any state at any
offset,

- the state at the end of the window is one clamp of y, composed backwards (`_END_LOW`, `_END_HIGH`);
- whether the battery is first cut short by being empty or by being full is one comparison, composed alike (`_DIVIDE`);
- nothing is cut before that step, so the cost until then is a difference of prefix sums; the step itself loses a linear part;
  after it the battery is exactly empty or exactly full, and what follows is tabulated. The step is the first whose hit is high
  enough: it stands on the chain of ever higher hits, which all lanes climb together.

Tables of hits have a row for each side: 0 towards empty, in y; 1 towards full, in −y.
"""

from typing import TypeAlias

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

Figures: TypeAlias = tuple[float, float, float, float, float, float, float]
"""The first seven of them, for inner loops."""

_DEMAND, _PRE, _SUM, _END_LOW, _END_HIGH, _DIVIDE, _FULL_CHARGE, _FULL_DISCHARGE = range(8)
_NEVER = 1e300
_LOAN, _STATE, _PAID, _NEXT, _COST, _HIT, _LEAST, _REST = range(0, 8 * LANES, LANES)
"""Where the lanes' figures stand: in one array, so that the compiler knows that they do not overlap."""


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
    out[first_return:] = 0.0
    path = np.empty((8, window + 1))
    hits, higher, after = np.empty((2, window + 1)), np.empty((2, window + 1), np.int64), np.empty((2, window + 1))
    slope = np.zeros((2, window + 1))
    slope[0, :window] = (rates[DISCHARGED] - rates[IMPORTED]) * member[DISCHARGE_EFFICIENCY]
    slope[1, :window] = (rates[CHARGED] - rates[EXPORTED]) / member[CHARGE_EFFICIENCY]
    for s in range(scenarios):
        exchanged = _lay_out(demand_kwh[s], member, rates, path, hits)
        _tabulate(path, hits, slope, member[LOSS], higher, after)
        for lane in range(0, len(loans_kwh), LANES):
            _price_loans(
                loans_kwh[lane : lane + LANES],
                member,
                rates,
                exchanged,
                first_return,
                path,
                hits,
                higher,
                slope,
                after,
                out[:, lane : lane + LANES],
            )
    out[first_return:] /= scenarios


@njit(cache=True, nogil=True, error_model="numpy")
def _lay_out(demand: FloatArray, member: FloatArray, rates: FloatArray, path: FloatArray, hits: FloatArray) -> float:
    """Prefix sums, hits, and the composed clamps of one scenario; returns what the bare demand costs."""
    window = len(demand)
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
        hits[0, o], hits[1, o] = low - total, total - top
    hits[:, window] = _NEVER
    end_low, end_high, divide = -_NEVER, _NEVER, _NEVER
    path[_END_LOW, window], path[_END_HIGH, window], path[_DIVIDE, window] = end_low, end_high, divide
    for o in range(window - 1, -1, -1):
        empty, full = hits[0, o], -hits[1, o]
        lower, upper = empty if empty > end_low else end_low, full if full > end_low else end_low
        end_low, end_high = lower if lower < end_high else end_high, upper if upper < end_high else end_high
        divide = divide if divide > empty else empty
        divide = divide if divide < full else full
        path[_END_LOW, o], path[_END_HIGH, o], path[_DIVIDE, o] = end_low, end_high, divide
    return exchanged


@njit(cache=True, nogil=True, error_model="numpy")
def _tabulate(
    path: FloatArray, hits: FloatArray, slope: FloatArray, loss: float, higher: IntArray, after: FloatArray
) -> None:
    """Where the next hit as high as each is; what the window costs in all if a step leaves the battery empty or full.

    Costs count from the start of the window, as prefix sums do.
    """
    window = path.shape[1] - 1
    after[:, window] = path[_PRE, window]
    for o in range(window - 1, -1, -1):
        for side in range(2):
            k = o + 1
            while hits[side, k] < hits[side, o]:
                k = higher[side, k]
            higher[side, o] = k
        for side in range(2):
            value = hits[side, o]
            crosses = (value > path[_DIVIDE, o + 1]) if side == 0 else (-value <= path[_DIVIDE, o + 1])
            row, k = side, higher[side, o]
            if crosses:
                row, value, k = 1 - side, -value, o + 1
                while hits[row, k] < value:
                    k = higher[row, k]
            cut = hits[row, k] - (loss if row == 0 else 0.0) - value
            after[side, o] = after[row, k] - (slope[row, k] * cut if cut > 0.0 else 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _price_loans(
    loans: FloatArray,
    member: FloatArray,
    rates: FloatArray,
    exchanged: float,
    first_return: int,
    path: FloatArray,
    hits: FloatArray,
    higher: IntArray,
    slope: FloatArray,
    after: FloatArray,
    out: FloatArray,
) -> None:
    """Add one scenario's costs of a few loans: one path up to each return, then the tables."""
    power = member[CHARGE], member[DISCHARGE]
    efficiency = member[CHARGE_EFFICIENCY], member[DISCHARGE_EFFICIENCY]
    battery = (*power, *efficiency, member[LOW], member[HIGH], member[LOSS])
    window, loss = path.shape[1] - 1, member[LOSS]
    w = np.empty(8 * LANES)
    for lane in range(LANES):
        w[_LOAN + lane], w[_STATE + lane], w[_PAID + lane] = loans[lane], member[STATE], exchanged
    _exchange(0, path, rates, battery, w)
    for lane in range(LANES):
        w[_LOAN + lane] = -w[_LOAN + lane]
        w[_PAID + lane], w[_STATE + lane] = w[_COST + lane], w[_NEXT + lane]
    for o in range(1, window):
        if o >= first_return:
            _exchange(o, path, rates, battery, w)
            _value_end(o + 1, path, member, w)
            for side in (1, 0):  # who stands on the divide is cut short by being empty: that has the last word
                _climb(o + 1, side, path, hits, higher, slope, after, loss if side == 0 else 0.0, w, len(loans))
            for lane in range(LANES):
                out[o, lane] += w[_COST + lane] + w[_REST + lane]
        _go_on(o, path, rates, battery, w)


@njit(inline="always")
def _step(surplus: float, deficit: float, state: float, battery: Figures) -> tuple[float, float, float]:
    """Energy charged, energy discharged, state after one interval of self-consumption."""
    most_c, most_d, eff_c, eff_d, low, high, loss = battery
    room, stock = (high - state) * (1.0 / eff_c), (state - low) * eff_d
    c, d = surplus if surplus < most_c else most_c, deficit if deficit < most_d else most_d
    c, d = c if c < room else room, d if d < stock else stock
    state += c * eff_c - d * (1.0 / eff_d) - loss
    state = state if state > low else low
    return c, d, state if state < high else high


@njit(cache=True, nogil=True, error_model="numpy")
def _exchange(o: int, path: FloatArray, rates: FloatArray, battery: Figures, w: FloatArray) -> None:
    """The interval in which a loan is given or returned: what has been paid after it, and the state."""
    x_here, imported, exported = path[_DEMAND, o], rates[IMPORTED, o], rates[EXPORTED, o]
    charged, discharged = rates[CHARGED, o] - exported, rates[DISCHARGED, o] - imported
    bare = imported * x_here if x_here > 0.0 else -exported * x_here
    for lane in range(LANES):
        x = x_here + w[_LOAN + lane]
        surplus, deficit = -x if x < 0.0 else 0.0, x if x > 0.0 else 0.0
        c, d, w[_NEXT + lane] = _step(surplus, deficit, w[_STATE + lane], battery)
        paid = charged * c + discharged * d + imported * deficit + exported * surplus - bare
        w[_COST + lane] = w[_PAID + lane] + paid


@njit(cache=True, nogil=True, error_model="numpy")
def _go_on(o: int, path: FloatArray, rates: FloatArray, battery: Figures, w: FloatArray) -> None:
    """An interval without a loan: the shared path."""
    surplus, deficit = path[_FULL_CHARGE, o], path[_FULL_DISCHARGE, o]
    charged, discharged = rates[CHARGED, o] - rates[EXPORTED, o], rates[DISCHARGED, o] - rates[IMPORTED, o]
    for lane in range(LANES):
        c, d, w[_STATE + lane] = _step(surplus, deficit, w[_STATE + lane], battery)
        w[_PAID + lane] += charged * c + discharged * d


@njit(cache=True, nogil=True, error_model="numpy")
def _value_end(o: int, path: FloatArray, member: FloatArray, w: FloatArray) -> None:
    """Charge for the end of the window from the states before offset `o`; the states become y."""
    window = path.shape[1] - 1
    total, before = path[_SUM, o], path[_PRE, o]
    end_low, end_high, gap = path[_END_LOW, o], path[_END_HIGH, o], member[STATE] - path[_SUM, window]
    short, spare = member[SHORT], member[SPARE]
    for lane in range(LANES):
        y = w[_NEXT + lane] - total
        end = y if y > end_low else end_low
        missing = gap - (end if end < end_high else end_high)
        w[_COST + lane] += missing * (short if missing > 0.0 else spare) - before
        w[_NEXT + lane] = y


@njit(cache=True, nogil=True, error_model="numpy")
def _climb(
    k: int,
    side: int,
    path: FloatArray,
    hits: FloatArray,
    higher: IntArray,
    slope: FloatArray,
    after: FloatArray,
    loss: float,
    w: FloatArray,
    lanes: int,
) -> None:
    """Price what follows from offset `k` on for the lanes that are first cut short on this side.

    ``lanes`` is `LANES`, as a variable: loops as short as these are made vectors only if their length is not known.
    """
    sign = 1.0 - 2.0 * side
    divide = sign * path[_DIVIDE, k]
    for lane in range(lanes):
        value = sign * w[_NEXT + lane]
        w[_HIT + lane] = value if value <= divide else -_NEVER
        w[_LEAST + lane] = value if value <= divide else _NEVER
    least, most = _NEVER, -_NEVER
    for lane in range(lanes):
        least, most = min(least, w[_LEAST + lane]), max(most, w[_HIT + lane])
    if most == -_NEVER:
        return
    while hits[side, k] < least:
        k = higher[side, k]
    below = -_NEVER
    while below < most:
        hit = hits[side, k]
        uncut, steep, rest = hit - loss, slope[side, k], after[side, k]
        for lane in range(lanes):
            value, known = w[_HIT + lane], w[_REST + lane]
            cut = uncut - value
            total = rest - steep * (cut if cut > 0.0 else 0.0)
            w[_REST + lane] = total if value > below else known
        below, k = hit, higher[side, k]
