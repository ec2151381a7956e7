"""The Shapley value of pooling games of any size: by a series, and by the central limit theorem."""

from dataclasses import dataclass

import numpy as np
from scipy.special import erfcx

from gridpact.errors import InputError
from gridpact.markets.coalition.pooling import check_energies
from gridpact.units import FloatArray

PRECISION = 1e-7
DOMINATION = 0.4

_FEW = 15
_NODES, _NODES_OF_MANY, _MANY = 24, 48, 200
_MOST_TERMS = 4096
_ROUNDING = 1e-12


def shapley_pooling(
    net_kwh: FloatArray, spread: float | FloatArray = 1.0, *, precision: float = PRECISION
) -> FloatArray:
    """Each member's Shapley value of the pooling game, ``[member]``, for any number of members.

    The value is additive, so that of a horizon is the sum of those of its intervals.

    Up to 15 members with energy in an interval: from all coalitions. Beyond: the multilinear extension (Owen, Management
    Science 18, 1972) with the Fourier series of the absolute value, which needs no sampling (`docs/mechanisms/coalition.md`).

    Parameters
    ----------
    net_kwh
        Net energy at each meter, ``[member, interval]``, + = consumption.
    spread
        Import less export price per kWh, one number or ``[interval]``; with 1 the shares are energies.
    precision
        The series ends when a doubling of its terms moves no share by more than this part of the larger side of the interval.

    Raises
    ------
    InputError
        If something is not finite or of another shape.

    Examples
    --------
    >>> shapley_pooling(np.array([[1.0], [1.0], [-1.0]])).round(4).tolist()
    [0.1667, 0.1667, 0.6667]
    """
    net, prices = check_energies(net_kwh, spread)
    return np.asarray(series_shares(net, precision)[0] @ prices)


def series_shares(net: FloatArray, precision: float = PRECISION) -> tuple[FloatArray, FloatArray]:
    """The Shapley value of each interval's game ``min(E, D)``.

    Returns
    -------
    Shares ``[member, interval]``: those of an interval sum to min(E, D), those of members with equal energy are equal; and how
    exact they are, by how much the last doubling of the series moved one of them, ``[interval]``.
    """
    if not 0 < precision < 1:
        raise InputError(f"precision = {precision!r}", accepted="a number between 0 and 1")
    from gridpact.markets.coalition import _pooling_kernels

    nodes, weights = np.polynomial.legendre.leggauss(_NODES if len(net) <= _MANY else _NODES_OF_MANY)
    half = len(nodes) // 2
    share, moved = _pooling_kernels.shares(
        np.ascontiguousarray(net.T), (nodes[:half] + 1) / 2, weights[:half] / 2, _FEW, precision, _MOST_TERMS
    )
    return share.T, moved


@dataclass(frozen=True, eq=False)
class AsymptoticShapley:
    """The Shapley value of a large pool.

    Attributes
    ----------
    payoff
        Each member's, ``[member]``; they sum to the worth of all.
    seller_share
        λ, ``[interval]``: the part of the spread that goes to sellers per kWh; ``export price + spread · λ`` is the internal
        price. NaN where one side is missing.
    scarcity
        ``a = (D − E)/√Σx²``, ``[interval]``; NaN where one side is missing.
    domination
        ``max |x| / √Σx²``, ``[interval]``: how far one member makes the interval its own; 0 where one side is missing, ``inf``
        where a member's share is below 0, which no contribution can be.
    """

    payoff: FloatArray
    seller_share: FloatArray
    scarcity: FloatArray
    domination: FloatArray


def shapley_asymptotic(
    net_kwh: FloatArray, spread: float | FloatArray = 1.0, *, limit: float = DOMINATION
) -> AsymptoticShapley:
    """The Shapley value of a pool so large that the net energy of a random coalition is normally distributed.

    With ``s = √Σx²``, ``a = (D − E)/s`` and λ of `seller_share`, a seller of e gets ``spread (e λ − e² |a| (1 − λ(|a|))/s)``
    and a buyer of d ``spread (d (1 − λ) − d² |a| (1 − λ(|a|))/s)`` (`docs/mechanisms/coalition.md`). It fails where one member
    dominates; `domination` measures that.

    Parameters
    ----------
    net_kwh
        Net energy at each meter, ``[member, interval]``, + = consumption.
    spread
        Import less export price per kWh, one number or ``[interval]``.
    limit
        Largest domination that is accepted. Up to 0.4 no share was found to be wrong by more than 5 % of the largest one;
        ``inf`` accepts every interval.

    Raises
    ------
    InputError
        If a member dominates an interval, or something is not finite or of another shape.

    Examples
    --------
    >>> net = np.repeat([[-0.5], [1.0]], 500, axis=0)
    >>> found = shapley_asymptotic(net)
    >>> round(float(found.payoff.sum()), 6), round(float(found.seller_share[0]), 4)
    (250.0, 0.9951)
    """
    net, prices = check_energies(net_kwh, spread)
    shares, domination = asymptotic_shares(net)
    for interval in np.flatnonzero(~(domination <= limit))[:1]:
        raise InputError(
            f"member {int(np.abs(net[:, interval]).argmax())} dominates interval {interval}:"
            f" its domination is {domination[interval]:.2f}",
            place="asymptotic Shapley value",
            accepted=f"at most {limit:g}; shapley_pooling and shapley_sampled take any community",
        )
    scarcity, _ = _scarcity(net)
    return AsymptoticShapley(shares @ prices, seller_share(scarcity), scarcity, domination)


def asymptotic_shares(net: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The limit of `series_shares` for large pools, ``[member, interval]``, and the domination of each interval."""
    scarcity, width = _scarcity(net)
    size = np.abs(net)
    missing = np.isnan(scarcity)
    domination = np.where(missing, 0.0, size.max(axis=0, initial=0.0) / width)
    share = seller_share(scarcity)
    second_order = np.abs(scarcity) * (1 - seller_share(np.abs(scarcity))) / width
    shares = size * np.where(net < 0, share, 1 - share) - size**2 * second_order
    shares[:, missing] = 0.0
    domination[shares.min(axis=0, initial=0.0) < -_ROUNDING * width] = np.inf
    return shares, domination


def _scarcity(net: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``a = (D − E)/√Σx²``, NaN where one side is missing, and the root, 1 where there is nothing, ``[interval]``."""
    width = np.sqrt((net**2).sum(axis=0))
    both = (net.min(axis=0, initial=0.0) < 0) & (net.max(axis=0, initial=0.0) > 0)
    width[width == 0] = 1.0
    return np.where(both, net.sum(axis=0) / width, np.nan), width


def seller_share(scarcity: FloatArray) -> FloatArray:
    """λ(a), the part of the spread that a large pool's sellers get per kWh.

    ``λ(a) = ½ + (a/2) √(π/2) exp(a²/2) erfc(a/√2)`` for a ≥ 0, ``1 − λ(−a)`` below: from 0 in plenty over ½ in balance to 1 in
    scarcity.

    Parameters
    ----------
    scarcity
        a, deficit less surplus over the root of the summed squares, any shape.

    Examples
    --------
    >>> seller_share(np.array([-1e9, 0.0, 1.0, 1e9])).round(4).tolist()
    [0.0, 0.5, 0.8278, 1.0]
    """
    size = np.abs(np.asarray(scarcity, dtype=np.float64))
    beyond_half = size / 2 * np.sqrt(np.pi / 2) * erfcx(size / np.sqrt(2))
    return np.asarray(0.5 + np.copysign(beyond_half, scarcity))
