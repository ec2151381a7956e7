"""Correlated forecast errors, one lane a member or scenario. Compiled on first use."""

import numba
import numpy as np

from gridpact.units import FloatArray


@numba.njit(cache=True, error_model="numpy")
def correlated_errors(
    shocks: FloatArray, std_kw: FloatArray, phi: float, start: float, end: float, per_day: int
) -> FloatArray:
    """Errors [lane, lag] in kW from independent unit shocks [lag, lane] and a standard deviation [lane].

    ``ξ(0) = s(0)``, ``ξ(k) = φ ξ(k−1) + √(1−φ²) s(k)``: AR(1) with unit variance at every lag. The error is
    ``std · g(k) · ξ(k)`` with g from `start` at lag 0 linearly to `end` after one day, constant beyond.
    """
    lags, lanes = shocks.shape
    errors = np.empty((lanes, lags))
    fresh = np.sqrt(1.0 - phi * phi)
    state = np.empty(lanes)
    for lag in range(lags):
        growth = start + (end - start) * min(lag / per_day, 1.0)
        for lane in range(lanes):
            shock = shocks[lag, lane]
            state[lane] = shock if lag == 0 else phi * state[lane] + fresh * shock
            errors[lane, lag] = std_kw[lane] * growth * state[lane]
    return errors
