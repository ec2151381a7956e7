"""What a member with storage does over all hours: an interior point method with steps in O(hours).

Variables by row and hour: generation, curtailment, charge, discharge, import, export, and the state of charge at the end of the
hour. Costs of one hour are a diagonal plus a 2×2 form in the draw n and the import m; hours are linked by the state of charge
alone, so a Newton step is a scalar Riccati recursion backwards and a pass forwards. Unlike a factorisation of the hours' Schur
complement it adds positive numbers only, and stays accurate where a state of charge is far from its limits. Predictor and
corrector after Mehrotra, "On the implementation of a primal-dual interior point method", SIAM J. Optimization 2(4), 1992.
"""

import numba
import numpy as np

from gridpact.markets.equilibrium.distributed._rows import (
    CHARGE,
    CHARGED,
    CURTAIL,
    DISCHARGE,
    EXPORT,
    GENERATE,
    IMPORT,
    ROWS,
)

jit = numba.njit(cache=True, error_model="numpy")

_LOW, _HIGH, _DIAGONAL, _SLOPE, _STEP, _LOW_STEP, _HIGH_STEP, _NEW, _ANSWER, _PUSH, _HOURS = range(11)
_GAIN, _DRIFT, _CURVE, _TILT, _MISS = range(5)  # rows of _HOURS

_SIGN = np.array([-1.0, 1.0, 1.0, -1.0, 1.0, -1.0])
_TINY = 1e-17
_FLAT = 1e-13
_MOST = 80
_BOLD = 30


@jit
def best_day(  # type: ignore[no-untyped-def]
    net, low, high, curve, slope, kappa, rt, rb, A, a, e, keep, lost, fill, drain, start, kept, warm, patience, u, work
):
    """Fill in the powers u ``[row, hour]``; return the iterations.

    Parameters
    ----------
    net, kappa, rt, A, a, e
        Load less PV, curvature and target of imports, weight and target of trades, target of the draw, ``[hour]``: `_hours`.
    low, high, slope
        Limits and linear costs, ``[row, hour]``; where both limits are the same a variable is fixed.
    curve
        Quadratic costs ½ curve u², ``[row]``.
    rb
        Weight of the draw's target.
    keep, lost, fill, drain, start
        ``x⁺ = keep x − lost + fill p_ch − drain p_ds``, from x = start.
    kept
        ``[3, row, hour]``: where the last solution was still inside, and is started from if `warm`; written.
    patience
        Iterations after which a warm start is given up for a cold one.
    """
    rows = _moving(low, high)
    pairs = _begin(rows, low, high, kept, warm, u, work)
    apart, saved, far_before = 1.0, False, 1.0
    for iteration in range(_MOST):
        if warm and iteration == patience:
            _begin(rows, low, high, kept, False, u, work)
            apart, saved, far_before = 1.0, False, 1.0
        mean, worst = _complementarity(rows, low, high, u, work, pairs)
        if not saved and mean < 1e-4:
            saved = True
            _copy(u, kept[0])
            _copy(work[_LOW], kept[1])
            _copy(work[_HIGH], kept[2])
        if (worst <= 1e-12 or mean <= 1e-13) and apart <= 1e-10:
            return iteration
        _linearise(rows, net, low, high, curve, slope, kappa, rt, rb, A, a, e, keep, lost, fill, drain, start, u, work)
        reach = max(0.99, min(1.0 - mean, 0.9999))
        _solve(rows, low, high, kappa, rt, rb, keep, fill, drain, u, 0.0, False, work)
        far = min(1.0, _advance(rows, low, high, u, 0.0, False, reach, work))
        after = _predicted(rows, low, high, u, far, work, pairs)
        # after a short step products have drifted apart, and a second-order correction would keep them so: centre instead, and
        # stay away from the limits, or two that are about to change places take turns for ever
        corrects = far_before > 0.5 and iteration < _BOLD
        aim = mean * ((after / mean) ** 3 if corrects else 0.5)
        if not corrects:
            reach = 0.9
        _solve(rows, low, high, kappa, rt, rb, keep, fill, drain, u, aim, corrects, work)
        far = reach * _advance(rows, low, high, u, aim, corrects, reach, work)
        far_before = far
        _move(rows, u, far, work)
        apart *= 1.0 - far
    return -1


@jit
def _moving(low, high):  # type: ignore[no-untyped-def]
    """Rows in which not all is fixed, and that of the state of charge, which ties hours together even if it is."""
    rows = np.empty(ROWS, dtype=np.int64)
    count = 0
    for k in range(ROWS):
        for t in range(low.shape[1]):
            if high[k, t] > low[k, t] or k == CHARGED:
                rows[count] = k
                count += 1
                break
    return rows[:count]


@jit
def _copy(source, target):  # type: ignore[no-untyped-def]
    """Element by element: ``target[:] = source`` takes six seconds longer to compile, for the text of an error."""
    for k in range(source.shape[0]):
        for t in range(source.shape[1]):
            target[k, t] = source[k, t]


@jit
def _begin(rows, low, high, kept, warm, u, work):  # type: ignore[no-untyped-def]
    """Somewhere inside, or where the last solution was; return the number of limits."""
    pairs = 0
    _copy(low, u)
    work[_LOW] = 0.0
    work[_HIGH] = 0.0
    for k in rows:
        for t in range(low.shape[1]):
            least, most = low[k, t], high[k, t]
            if most <= least:
                continue
            below, above = least > -np.inf, most < np.inf
            pairs += int(below) + int(above)
            if warm:
                u[k, t] = kept[0, k, t]
            elif below and above:
                u[k, t] = 0.5 * (least + most)
            else:
                u[k, t] = least + 1.0 if below else (most - 1.0 if above else 0.0)
            if below:
                work[_LOW, k, t] = kept[1, k, t] if warm else 0.1
            if above:
                work[_HIGH, k, t] = kept[2, k, t] if warm else 0.1
    return max(pairs, 1)


@jit
def _complementarity(rows, low, high, u, work, pairs):  # type: ignore[no-untyped-def]
    """Mean and largest product of a distance and its multiplier."""
    below, above = work[_LOW], work[_HIGH]
    total, worst = 0.0, 0.0
    for k in rows:
        for t in range(low.shape[1]):
            if below[k, t] > 0.0:
                product = below[k, t] * (u[k, t] - low[k, t])
                total += product
                worst = max(worst, product)
            if above[k, t] > 0.0:
                product = above[k, t] * (high[k, t] - u[k, t])
                total += product
                worst = max(worst, product)
    return total / pairs, worst


@jit
def _linearise(  # type: ignore[no-untyped-def]
    rows, net, low, high, curve, slope, kappa, rt, rb, A, a, e, keep, lost, fill, drain, start, u, work
):
    """Slopes, the diagonal with its barriers, and by how much each hour's state of charge misses."""
    below, above, diagonal, slope_of = work[_LOW], work[_HIGH], work[_DIAGONAL], work[_SLOPE]
    for t in range(net.size):
        n = net[t] - u[GENERATE, t] + u[CURTAIL, t] + u[CHARGE, t] - u[DISCHARGE, t]
        m = u[IMPORT, t] - u[EXPORT, t]
        of_trade = rt[t] * (n - m - A[t])
        of_draw = of_trade + rb * (n - e[t])
        of_import = -of_trade + kappa[t] * m - a[t]
        for k in rows:
            if k < CHARGED:
                shared = of_draw if k < IMPORT else of_import
                slope_of[k, t] = curve[k] * u[k, t] + slope[k, t] + _SIGN[k] * shared
            else:
                slope_of[k, t] = 0.0
            if high[k, t] <= low[k, t]:
                diagonal[k, t] = -1.0
                continue
            d = curve[k]
            if below[k, t] > 0.0:
                d += below[k, t] / max(u[k, t] - low[k, t], _TINY)
            if above[k, t] > 0.0:
                d += above[k, t] / max(high[k, t] - u[k, t], _TINY)
            diagonal[k, t] = max(d, _FLAT) if k < CHARGED else d
        before = start if t == 0 else u[CHARGED, t - 1]
        work[_HOURS, _MISS, t] = keep * before - lost + fill * u[CHARGE, t] - drain * u[DISCHARGE, t] - u[CHARGED, t]


@jit
def _push(rows, low, high, u, aim, corrects, work):  # type: ignore[no-untyped-def]
    """Right-hand sides: how barriers push each variable up, less the slope of the costs."""
    slope, below, above, push = work[_SLOPE], work[_LOW], work[_HIGH], work[_PUSH]
    step, of_low, of_high = work[_STEP], work[_LOW_STEP], work[_HIGH_STEP]
    for k in rows:
        for t in range(low.shape[1]):
            total = -slope[k, t]
            if below[k, t] > 0.0:
                second = step[k, t] * of_low[k, t] if corrects else 0.0
                total += (aim - second) / max(u[k, t] - low[k, t], _TINY)
            if above[k, t] > 0.0:
                second = step[k, t] * of_high[k, t] if corrects else 0.0
                total -= (aim + second) / max(high[k, t] - u[k, t], _TINY)
            push[k, t] = total


@jit
def _hour(d, b, m11, m12, m22, out):  # type: ignore[no-untyped-def]
    """Solve (diag d + G M Gᵀ) out = b, where G adds up draw and import and d < 0 marks what is fixed.

    By n and m first. The flattest variable of each sum takes what the others leave, or its step would drown in rounding.
    """
    sum_n, sum_m, b_n, b_m = 0.0, 0.0, 0.0, 0.0
    flat_n, flat_m = -1, -1
    for k in range(CHARGED):
        out[k] = 0.0
        if d[k] > 0.0:
            inverse = 1.0 / d[k]
            if k < IMPORT:
                sum_n += inverse
                b_n += _SIGN[k] * b[k] * inverse
                if flat_n < 0 or d[k] < d[flat_n]:
                    flat_n = k
            else:
                sum_m += inverse
                b_m += _SIGN[k] * b[k] * inverse
                if flat_m < 0 or d[k] < d[flat_m]:
                    flat_m = k
    n, m = 0.0, 0.0
    c_n, c_m = 1.0 / sum_n, 1.0 / sum_m
    if flat_n >= 0 and flat_m >= 0:
        k11, k22 = m11 + c_n, m22 + c_m
        r_n, r_m = c_n * b_n, c_m * b_m
        determinant = k11 * k22 - m12 * m12
        n, m = (k22 * r_n - m12 * r_m) / determinant, (k11 * r_m - m12 * r_n) / determinant
    elif flat_n >= 0:
        n = c_n * b_n / (m11 + c_n)
    elif flat_m >= 0:
        m = c_m * b_m / (m22 + c_m)
    _split(0, IMPORT, flat_n, n, m11 * n + m12 * m, d, b, out)
    _split(IMPORT, CHARGED, flat_m, m, m12 * n + m22 * m, d, b, out)


@jit
def _split(first, end, flattest, total, shared, d, b, out):  # type: ignore[no-untyped-def]
    if flattest < 0:
        return
    for k in range(first, end):
        if d[k] > 0.0 and k != flattest:
            out[k] = (b[k] - _SIGN[k] * shared) / d[k]
            total -= _SIGN[k] * out[k]
    out[flattest] = _SIGN[flattest] * total


@jit
def _solve(rows, low, high, kappa, rt, rb, keep, fill, drain, u, aim, corrects, work):  # type: ignore[no-untyped-def]
    """The Newton step into _NEW: cost to go ½ p Δx² + v Δx backwards, states of charge forwards."""
    hours = kappa.size
    d, b, out = np.full(CHARGED, -1.0), np.zeros(CHARGED), np.empty(CHARGED)
    gain, drift, tilt = work[_HOURS, _GAIN], work[_HOURS, _DRIFT], work[_HOURS, _TILT]
    curve, miss = work[_HOURS, _CURVE], work[_HOURS, _MISS]
    diagonal, push, new, answer = work[_DIAGONAL], work[_PUSH], work[_NEW], work[_ANSWER]
    _push(rows, low, high, u, aim, corrects, work)
    p, v = 0.0, 0.0
    for t in range(hours - 1, -1, -1):
        m11, m12, m22 = rt[t] + rb, -rt[t], rt[t] + kappa[t]
        for k in rows:
            if k < CHARGED:
                d[k] = diagonal[k, t]
                b[k] = push[k, t]
        _hour(d, b, m11, m12, m22, out)
        for k in range(CHARGED):
            new[k, t] = out[k]
        drift[t] = miss[t] + fill * out[CHARGE] - drain * out[DISCHARGE]
        if not corrects:
            b[:] = 0.0
            b[CHARGE], b[DISCHARGE] = fill, -drain
            _hour(d, b, m11, m12, m22, out)
            for k in range(CHARGED):
                answer[k, t] = out[k]
            gain[t] = fill * out[CHARGE] - drain * out[DISCHARGE]
        if diagonal[CHARGED, t] >= 0.0:
            p += diagonal[CHARGED, t]
            v -= push[CHARGED, t]
            curve[t], tilt[t] = p, v
            v = keep * (p * drift[t] + v) / (1.0 + gain[t] * p)
            p = keep * keep * p / (1.0 + gain[t] * p)
        else:
            curve[t] = -1.0
            v = keep * drift[t] / gain[t]
            p = keep * keep / gain[t]
    x = 0.0
    for t in range(hours):
        x = keep * x + drift[t]
        if curve[t] >= 0.0:
            y = -(curve[t] * x + tilt[t]) / (1.0 + gain[t] * curve[t])
            x += gain[t] * y
        else:
            y = -x / gain[t]
            x = 0.0
        for k in range(CHARGED):
            new[k, t] += answer[k, t] * y
        new[CHARGED, t] = x


@jit
def _advance(rows, low, high, u, aim, corrects, reach, work):  # type: ignore[no-untyped-def]
    """Steps of the multipliers for the step in _NEW, which becomes the step; return how far all may go, over `reach`."""
    below, above, diagonal, step_of, below_step, above_step, new = (
        work[_LOW],
        work[_HIGH],
        work[_DIAGONAL],
        work[_STEP],
        work[_LOW_STEP],
        work[_HIGH_STEP],
        work[_NEW],
    )
    far = 1.0 / reach
    for k in rows:
        for t in range(low.shape[1]):
            if diagonal[k, t] < 0.0:
                step_of[k, t] = 0.0
                continue
            step, of_low, of_high = new[k, t], 0.0, 0.0
            if below[k, t] > 0.0:
                multiplier, distance = below[k, t], max(u[k, t] - low[k, t], _TINY)
                second = step_of[k, t] * below_step[k, t] if corrects else 0.0
                of_low = (aim - second - multiplier * step) / distance - multiplier
                if step < 0.0:
                    far = min(far, -distance / step)
                if of_low < 0.0:
                    far = min(far, -multiplier / of_low)
            if above[k, t] > 0.0:
                multiplier, distance = above[k, t], max(high[k, t] - u[k, t], _TINY)
                second = step_of[k, t] * above_step[k, t] if corrects else 0.0
                of_high = (aim + second + multiplier * step) / distance - multiplier
                if step > 0.0:
                    far = min(far, distance / step)
                if of_high < 0.0:
                    far = min(far, -multiplier / of_high)
            step_of[k, t], below_step[k, t], above_step[k, t] = step, of_low, of_high
    return far


@jit
def _move(rows, u, far, work):  # type: ignore[no-untyped-def]
    """Take so much of the step."""
    below, above, step = work[_LOW], work[_HIGH], work[_STEP]
    of_low, of_high = work[_LOW_STEP], work[_HIGH_STEP]
    for k in rows:
        for t in range(u.shape[1]):
            u[k, t] += far * step[k, t]
            if below[k, t] > 0.0:
                below[k, t] = max(below[k, t] + far * of_low[k, t], _TINY)
            if above[k, t] > 0.0:
                above[k, t] = max(above[k, t] + far * of_high[k, t], _TINY)


@jit
def _predicted(rows, low, high, u, far, work, pairs):  # type: ignore[no-untyped-def]
    """Mean product after so much of the step."""
    below, above, step_of, below_step, above_step = (
        work[_LOW],
        work[_HIGH],
        work[_STEP],
        work[_LOW_STEP],
        work[_HIGH_STEP],
    )
    total = 0.0
    for k in rows:
        for t in range(low.shape[1]):
            moved = u[k, t] + far * step_of[k, t]
            if below[k, t] > 0.0:
                total += (below[k, t] + far * below_step[k, t]) * (moved - low[k, t])
            if above[k, t] > 0.0:
                total += (above[k, t] + far * above_step[k, t]) * (high[k, t] - moved)
    return total / pairs
