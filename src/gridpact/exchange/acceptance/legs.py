"""Trades that belong together, as the two legs of a loan do: what cuts one scales the others."""

from dataclasses import replace

import numpy as np

from gridpact.markets import Trades
from gridpact.units import FloatArray, IntArray

FLOAT = 1e-12
"""What a share of an energy may be off by in floating point: it is not rounded down to one Wh less for that."""


def kept_of_legs(trades: Trades, left_wh: IntArray, legs: int) -> FloatArray:
    """What each leg keeps after its trades of an interval were decided on, ``[leg]``: the smallest share of them.

    Parameters
    ----------
    trades
        As they were struck.
    left_wh
        What is left of each, ``[trade]``.
    legs
        How many there are; those without a trade here keep everything.

    Examples
    --------
    >>> lent = Trades([0, 2], [1, 1], [0, 0], [2_000, 500], [0, 0], [0, 1])
    >>> kept_of_legs(lent, np.array([500, 500]), legs=3)
    array([0.25, 1.  , 1.  ])
    """
    kept = np.ones(legs)
    cut = (trades.leg >= 0) & (left_wh < trades.energy_wh)
    np.minimum.at(kept, trades.leg[cut], left_wh[cut] / trades.energy_wh[cut])
    return kept


def scale_legs(trades: Trades, kept: FloatArray) -> Trades:
    """The trades with the share that each leg keeps, rounded down to the Wh; those of which nothing is left are gone.

    Examples
    --------
    >>> back = Trades([1, 1, 1], [0, 2, 2], [8, 8, 8], [1_900, 500, 70], [0, 0, 0], [0, 1, -1])
    >>> scale_legs(back, np.array([0.25, 1.0])).energy_wh
    array([475, 500,  70])
    """
    if not (trades.leg >= 0).any():
        return trades
    share = np.where(trades.leg >= 0, kept[trades.leg], 1.0)
    return with_energy(trades, np.floor(trades.energy_wh * share * (1 + FLOAT)).astype(np.int64))


def with_energy(trades: Trades, energy_wh: IntArray) -> Trades:
    """The same trades with other energies; those without any are gone."""
    left = energy_wh > 0
    return replace(trades.where(left), energy_wh=energy_wh[left])
