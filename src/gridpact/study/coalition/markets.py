"""The markets that the study looks at: a small one to draw, and random ones of any size."""

from dataclasses import dataclass

import numpy as np

from gridpact.units import FloatArray

IMPORT_PRICE, EXPORT_PRICE = 0.30, 0.10
"""Of the supplier, EUR/kWh, in every market of the study."""


@dataclass(frozen=True, eq=False)
class Market:
    """Buyers and sellers of one interval.

    Attributes
    ----------
    demand, supply
        kWh, ``[buyer]`` and ``[seller]``.
    top_price
        What a kWh of a seller is worth to a buyer, network charge taken off, EUR/kWh ``[buyer, seller]``.
    floor_price
        What a kWh costs a seller, EUR/kWh ``[seller]``.
    """

    demand: FloatArray
    supply: FloatArray
    top_price: FloatArray
    floor_price: FloatArray

    @property
    def gain(self) -> FloatArray:
        """What a kWh between two members gains, EUR/kWh ``[buyer, seller]``; negative where they should not trade."""
        return self.top_price - self.floor_price

    @property
    def energy(self) -> FloatArray:
        """What a pair can exchange under a single contract, kWh ``[buyer, seller]``."""
        return np.minimum(self.demand[:, None], self.supply)

    @property
    def value(self) -> FloatArray:
        """What a contract of a pair gains, EUR ``[buyer, seller]`` (Shapley and Shubik 1971)."""
        return np.maximum(self.energy * self.gain, 0.0)


def small_market() -> Market:
    """Two buyers and three sellers; each buyer is near to one seller, the third seller is dear.

    Examples
    --------
    >>> small_market().value.round(3).tolist()
    [[0.5, 0.3, 0.06], [0.26, 0.34, 0.05]]
    """
    premium = np.array([[0.02, 0.03, 0.00], [-0.01, 0.02, -0.01]])
    charge = np.array([[0.02, 0.04, 0.01], [0.06, 0.01, 0.01]])
    return Market(
        demand=np.array([3.0, 2.0]),
        supply=np.array([2.5, 2.0, 1.0]),
        top_price=IMPORT_PRICE + premium - charge,
        floor_price=np.array([0.10, 0.14, 0.23]),
    )


def random_market(rng: np.random.Generator, buyers: int, sellers: int) -> Market:
    """Energies from 0.5 to 3 kWh, premiums from −0.02 to 0.05, charges from 0 to 0.04, sellers' floors in the lower third of
    the spread."""
    spread = IMPORT_PRICE - EXPORT_PRICE
    premium = rng.uniform(-0.02, 0.05, (buyers, sellers))
    charge = rng.uniform(0.0, 0.04, (buyers, sellers))
    return Market(
        demand=rng.uniform(0.5, 3.0, buyers),
        supply=rng.uniform(0.5, 3.0, sellers),
        top_price=IMPORT_PRICE + premium - charge,
        floor_price=EXPORT_PRICE + rng.uniform(0.0, spread / 3, sellers),
    )
