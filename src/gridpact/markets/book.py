"""Orders as columns. Energies and prices are integers: floating point never decides who trades."""

from dataclasses import dataclass

import numpy as np

from gridpact.markets.pact import Columns
from gridpact.units import BoolArray, IntArray


@dataclass(frozen=True, eq=False)
class Book(Columns):
    """Orders of one or many gates; one row an order.

    An order's *limit* is all-in: the most a buyer pays and the least a seller keeps per kWh, charges included. The exchange
    matches on the price before charges, so that charges enter before matching.

    Attributes
    ----------
    interval
        Position in the horizon; every interval is a market of its own.
    is_buy
        1 for a buyer's order (bid), 0 for a seller's (ask).
    member
        Position of the member who placed it.
    energy_wh
        Offered or wanted energy; orders below 1 Wh are left out of every market.
    limit
        Micro-units per kWh, all-in.
    charge
        Network and service charge that the member would pay on a trade, micro-units per kWh.
    """

    interval: IntArray
    is_buy: IntArray
    member: IntArray
    energy_wh: IntArray
    limit: IntArray
    charge: IntArray

    @property
    def buys(self) -> BoolArray:
        """Which rows are bids."""
        return np.asarray(self.is_buy == 1)

    @property
    def price(self) -> IntArray:
        """Limit before charges: what a bid can pay the seller at most, what an ask must get from the buyer at least."""
        return np.where(self.buys, self.limit - self.charge, self.limit + self.charge)
