"""How sure a mean over seeds is, and what may be said of several of them together."""

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


def mean_is_zero(values: FloatArray) -> FloatArray:
    """The two-sided p-value of a mean of 0 (Student's t) along the last axis; NaN for one value.

    Of paired differences this is the paired t-test. Values that are all the same leave no doubt: 0, or 1 if they are 0.

    Examples
    --------
    >>> mean_is_zero(np.array([[1.0, 2.0, 3.0], [-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])).round(4)
    array([0.0742, 1.    , 1.    ])
    """
    from scipy.special import stdtr

    n = values.shape[-1]
    if n < 2:
        return np.full(values.shape[:-1], np.nan)
    mean, error = values.mean(axis=-1), values.std(axis=-1, ddof=1) / np.sqrt(n)
    t = np.divide(mean, error, out=np.where(mean == 0, 0.0, np.inf), where=error > 0)
    return np.asarray(2 * stdtr(n - 1, -np.abs(t)))


def holm(p: FloatArray) -> FloatArray:
    """p-values adjusted for being looked at together, ``[claim]``.

    To claim whatever is adjusted to at most α is to claim anything that is not so with probability α at most, whatever the
    claims have to do with each other (Holm, "A simple sequentially rejective multiple test procedure", 1979). A claim that
    cannot be tested, NaN, counts as one of them and is never made.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(4)
    array([0.03, 0.06, 0.06])
    """
    order = np.argsort(p)
    stepped = np.maximum.accumulate(np.arange(len(p), 0, -1) * p[order])
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
