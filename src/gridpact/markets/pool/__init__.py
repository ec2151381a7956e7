"""Pool rules: costs and income of a community shared after delivery, on metered energy."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gridpact.markets.mechanism import PoolRule
from gridpact.markets.pool.bill_sharing import BillSharing, bill_sharing
from gridpact.markets.pool.keys import Keys, keys
from gridpact.markets.pool.nrg_x import NrgXChange, nrg_x
from gridpact.markets.pool.one_price import MidMarketRate, SupplyDemandRatio, mmr, sdr

VARIANTS: Mapping[str, Callable[..., PoolRule]] = MappingProxyType(
    {"sdr": sdr, "mmr": mmr, "bill-sharing": bill_sharing, "nrg-x": nrg_x, "keys": keys}
)

__all__ = [
    "VARIANTS",
    "BillSharing",
    "Keys",
    "MidMarketRate",
    "NrgXChange",
    "SupplyDemandRatio",
    "bill_sharing",
    "keys",
    "mmr",
    "nrg_x",
    "sdr",
]
