"""Supply–demand ratio and mid-market rate: the smaller side of an interval trades in full at one price, the rest at retail.

The published rules give one rate for sellers and one for buyers. Per interval that equals proportional matching of the smaller
side at one internal price, with the supplier at retail beyond it; the price is all they differ in. The internal price is
rounded to integer micro-units per kWh, the matched energy to integer Wh: a member's bill differs from the formula by at most
one Wh at the spread between internal and retail price, half a micro-unit per traded kWh and the rounding of its payments.
"""

from dataclasses import dataclass, replace

import numpy as np

from gridpact.errors import InputError
from gridpact.markets._pool_certificate import REPORTED, Claims, certify
from gridpact.markets._pool_matching import Sides, match_proportionally, mid_price, trades_of
from gridpact.markets.certificate import Certificate, Check
from gridpact.markets.outlook import Metering
from gridpact.markets.pact import Pact
from gridpact.units import IntArray, from_micro


def sdr() -> "SupplyDemandRatio":
    """Supply–demand ratio: the internal price falls from import to export price as supply approaches demand.

    Examples
    --------
    >>> sdr().name
    'pool:sdr'
    """
    return SupplyDemandRatio()


def mmr() -> "MidMarketRate":
    """Mid-market rate: what the community shares costs the middle of import and export price."""
    return MidMarketRate()


@dataclass(frozen=True, slots=True)
class SupplyDemandRatio:
    """SDR pricing (Liu, Yu, Wang, Li, Ma, Lei, IEEE Transactions on Power Systems 2017). Made for export prices above zero."""

    name: str = "pool:sdr"

    def share(self, metering: Metering) -> Pact:
        """Trades at the internal selling price, export price where supply exceeds demand.

        Raises
        ------
        InputError
            If an export price is negative: the formula then has a pole and pays sellers for nothing.
        """
        export = metering.tariff.export_price
        negative = np.flatnonzero(export < 0)
        if len(negative):
            first = int(negative[0])
            raise InputError(
                f"export price {from_micro(export[first]):g} per kWh in interval {first}"
                f" ({metering.horizon.window(first, first).start.isoformat()}) is negative",
                place=self.name,
                accepted="export prices from 0 up (pool:mmr takes any)",
            )
        sides = Sides.of(metering.net_wh)
        pact = Pact(trades_of(*match_proportionally(sides), sdr_price(sides, metering.tariff.import_price, export)))
        free = (export == 0) & (metering.tariff.import_price > 0) & (sides.generation > 0) & (sides.consumption > 0)
        note = Check("SDR pays sellers nothing: export price 0 (intervals)", float(free.sum()), REPORTED)
        return replace(pact, certificate=Certificate((*certify(metering, pact, Claims()).checks, note)))


def sdr_price(sides: Sides, import_price: IntArray, export_price: IntArray) -> IntArray:
    """The internal selling price of SDR, micro-units per kWh, ``[interval]``.

    With SDR = G/D: ``λ_s λ_b / ((λ_b − λ_s) SDR + λ_s)`` for SDR ≤ 1, λ_s beyond it or without demand. The buying price of the
    paper, ``p_sell SDR + λ_b (1 − SDR)``, is what a buyer pays on average for its shared and its retail energy.

    Examples
    --------
    >>> half_supplied = Sides.of(np.array([[-1000], [2000]]))
    >>> sdr_price(half_supplied, np.array([300_000]), np.array([100_000]))
    array([150000])
    """
    supply, demand = sides.generation.astype(np.float64), sides.consumption.astype(np.float64)
    retail, feed_in = import_price.astype(np.float64), export_price.astype(np.float64)
    short = (supply <= demand) & (demand > 0)
    ratio = np.divide(supply, demand, out=np.ones_like(supply), where=short)
    denominator = (retail - feed_in) * ratio + feed_in
    price = np.divide(feed_in * retail, denominator, out=feed_in.copy(), where=short & (denominator > 0))
    return np.asarray(np.rint(price), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class MidMarketRate:
    """Mid-market rate (Long, Wu, Zhang, Thomas, Cheng, Jenkins, IEEE PES General Meeting 2017)."""

    name: str = "pool:mmr"

    def share(self, metering: Metering) -> Pact:
        """Trades at the middle of import and export price."""
        amounts = match_proportionally(Sides.of(metering.net_wh))
        pact = Pact(trades_of(*amounts, mid_price(metering.tariff)))
        return replace(pact, certificate=certify(metering, pact, Claims()))
