"""Wind, generated: a Weibull speed that remembers, and the power curve of a small turbine."""

import numpy as np

from gridpact.units import FloatArray

SHAPE = 2.0
"""Of the Weibull distribution: 2 is the Rayleigh distribution that IEC 61400-2 takes for small turbines."""
MEAN_SPEED = 6.0
"""Mean speed at hub height, m/s: class IV of IEC 61400-2."""
CORRELATION = 0.9
"""Of the speed of an hour with the next; assumed, as measured hourly speeds have it (Brett, Tuller, Journal of Applied
Meteorology 1991)."""
CUT_IN, RATED, CUT_OUT = 3.0, 12.0, 25.0
"""Speeds, m/s, between which the power rises with the cube of the speed, stays at its rating, and ends."""


def wind_share(rng: np.random.Generator, intervals: int, hours: float) -> FloatArray:
    """Power of a turbine as a share of its rating, ``[interval]``.

    A Gaussian AR(1) process is turned into Weibull speeds by their quantiles (a Gaussian copula), and these into power by the
    standard curve ``(v³ − v_in³) / (v_rated³ − v_in³)``.

    Examples
    --------
    >>> share = wind_share(np.random.default_rng(1), 35_040, 0.25)
    >>> bool(0.15 < share.mean() < 0.3), float(share.min()), float(share.max())
    (True, 0.0, 1.0)
    """
    from scipy.signal import lfilter
    from scipy.special import log_ndtr

    phi = CORRELATION**hours
    noise = rng.standard_normal(intervals) * np.sqrt(1 - phi**2)
    noise[:1] /= np.sqrt(1 - phi**2)  # the first value has the spread of all
    normal = lfilter([1.0], [1.0, -phi], noise)
    speed = _scale() * (-log_ndtr(-normal)) ** (1 / SHAPE)
    return power_share(speed)


def power_share(speed: FloatArray) -> FloatArray:
    """The power curve.

    Examples
    --------
    >>> power_share(np.array([2.0, 3.0, 12.0, 20.0, 26.0])).tolist()
    [0.0, 0.0, 1.0, 1.0, 0.0]
    """
    rising = (np.clip(speed, CUT_IN, RATED) ** 3 - CUT_IN**3) / (RATED**3 - CUT_IN**3)
    return np.asarray(np.where(speed > CUT_OUT, 0.0, rising))


def _scale() -> float:
    """Scale of the Weibull distribution with the mean speed."""
    from scipy.special import gamma

    return float(MEAN_SPEED / gamma(1 + 1 / SHAPE))
