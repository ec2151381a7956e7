"""Wh, micro-money and prices per kWh: the only place that converts and rounds.

Kernels compute in kW and kWh as floats. Where somebody is paid, energy is an integer number of Wh, money an integer number of
micro-units of the currency (10⁻⁶), and a price an integer number of micro-units per kWh. One rounding rule: to the nearest
integer, halves to even; a sum is split by largest remainder, ties by position (members stand in the order of their ids).
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gridpact.errors import InputError

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

W_PER_KW = 1_000
WH_PER_KWH = 1_000
MICRO = 1_000_000

EXACT_FLOAT = 2.0**53
"""Whole numbers below it are exact as floats, and so are sums and differences that stay below."""
_LARGEST_PRODUCT = 2**62


def to_wh(kwh: npt.ArrayLike) -> IntArray:
    """Energy in kWh as integer Wh.

    Examples
    --------
    >>> to_wh([0.0125, 0.0004, -1.5])
    array([   12,     0, -1500])
    """
    return _to_integer(np.asarray(kwh, dtype=np.float64) * WH_PER_KWH, "energy")


def to_kwh(wh: npt.ArrayLike) -> FloatArray:
    """Energy in Wh as kWh."""
    return np.asarray(wh, dtype=np.float64) / WH_PER_KWH


def to_micro(money: npt.ArrayLike) -> IntArray:
    """Money, or a price per kWh, in units of the currency as integer micro-units.

    Examples
    --------
    >>> to_micro(0.2735)
    array(273500)
    """
    return _to_integer(np.asarray(money, dtype=np.float64) * MICRO, "money")


def from_micro(micro: npt.ArrayLike) -> FloatArray:
    """Micro-units as units of the currency."""
    return np.asarray(micro, dtype=np.float64) / MICRO


def payment(energy_wh: npt.ArrayLike, price: npt.ArrayLike) -> IntArray:
    """What an energy costs at a price: Wh times micro-units per kWh, as integer micro-units, halves to even.

    Raises
    ------
    ValueError
        If the largest energy times the largest price could pass 2^62, beyond which int64 would wrap around.

    Examples
    --------
    >>> payment([1500, 1, 3], [273_500, 500, 500])
    array([410250,      0,      2])
    """
    energy, each = np.asarray(energy_wh, dtype=np.int64), np.asarray(price, dtype=np.int64)
    if _magnitude(energy) * _magnitude(each) > _LARGEST_PRODUCT:
        found = "energy times price passes 2^62 in Wh times micro-units per kWh"
        raise InputError(found, accepted="smaller energies or prices")
    exact = energy * each
    quotient = exact // WH_PER_KWH  # by a constant: several times faster than divmod
    rest = exact - quotient * WH_PER_KWH
    half = WH_PER_KWH // 2
    return np.asarray(quotient + ((rest > half) | ((rest == half) & (quotient & 1 == 1))), dtype=np.int64)


def kw_factor(unit: str, step_hours: float) -> float:
    """What turns a meter's readings into mean kW of its intervals.

    Parameters
    ----------
    unit
        ``"kW"``, ``"W"``, ``"kWh"`` or ``"Wh"`` an interval, or ``"pu"``, which stays per unit of whatever it scales.
    step_hours
        Length of an interval in hours.

    Examples
    --------
    >>> kw_factor("kWh", 0.5), kw_factor("W", 0.5)
    (2.0, 0.001)
    """
    return {"kW": 1.0, "pu": 1.0, "W": 1 / W_PER_KW, "kWh": 1 / step_hours, "Wh": 1 / (WH_PER_KWH * step_hours)}[unit]


def split(total: npt.ArrayLike, weights: npt.ArrayLike) -> IntArray:
    """Split integers in proportion to weights by largest remainder; nothing is lost.

    Parameters
    ----------
    total
        Integers of shape ``[...]``, one a batch; may be negative.
    weights
        Non-negative numbers of shape ``[n, ...]``: the shares along the first axis. Where all are zero the total must be zero.

    Returns
    -------
    Integers of shape ``[n, ...]`` that sum to ``total`` along the first axis.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or a non-zero total has nobody to take it.

    Examples
    --------
    >>> split(10, [1, 1, 1])
    array([4, 3, 3])
    """
    whole = np.asarray(total, dtype=np.int64)
    share = np.asarray(weights, dtype=np.float64)
    if not np.isfinite(share).all() or (share < 0).any():
        raise ValueError("weights must be finite and not negative")
    weight_sum = share.sum(axis=0)
    if ((weight_sum == 0) & (whole != 0)).any():
        raise ValueError("a total that is not zero cannot be split over weights that are all zero")
    sign = np.where(whole < 0, -1, 1)
    exact = np.abs(whole) * (share / np.where(weight_sum == 0, 1.0, weight_sum))
    floor = np.floor(exact).astype(np.int64)
    missing = np.abs(whole) - floor.sum(axis=0)
    order = np.argsort(-(exact - floor), axis=0, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(share.shape[0]).reshape((-1,) + (1,) * (share.ndim - 1)), axis=0)
    return np.asarray(sign * (floor + (rank < missing)), dtype=np.int64)


def _magnitude(values: IntArray) -> int:
    return max(int(values.max(initial=0)), -int(values.min(initial=0)))


def _to_integer(values: FloatArray, what: str) -> IntArray:
    if not np.isfinite(values).all() or (np.abs(values) >= EXACT_FLOAT).any():
        raise InputError(
            f"{what} is not finite, or beyond 2^53 in integer units", accepted="Wh and micro-units below 2^53"
        )
    return np.asarray(np.rint(values), dtype=np.int64)
