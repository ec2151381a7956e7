"""How sure a mean over seeds is."""

import numpy as np

from gridpact.units import FloatArray

LEVEL = 0.95


def half_width(values: FloatArray) -> FloatArray:
    """Half the width of the 95 % confidence interval of the mean (Student's t) along the last axis; NaN for one value.

    Examples
    --------
    >>> half_width(np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 2.0]])).round(3)
    array([2.484, 0.   ])
    """
    from scipy.special import stdtrit

    n = values.shape[-1]
    if n < 2:
        return np.full(values.shape[:-1], np.nan)
    return np.asarray(stdtrit(n - 1, (1 + LEVEL) / 2) * values.std(axis=-1, ddof=1) / np.sqrt(n))
