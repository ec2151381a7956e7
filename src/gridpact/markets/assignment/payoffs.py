"""Payoffs: what the members of a market get."""

from typing import NamedTuple

from gridpact.units import FloatArray


class Payoffs(NamedTuple):
    """A payoff of every member, in money for single contracts, per kWh for multi contracts.

    Attributes
    ----------
    buyer
        u, shape ``[B]``.
    seller
        w, shape ``[S]``.
    """

    buyer: FloatArray
    seller: FloatArray
