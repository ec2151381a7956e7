"""Prices around the market, and what a member pays per traded kWh on top of the price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

import numpy as np

from gridpact.community.member import Member, check_range
from gridpact.errors import InputError
from gridpact.units import FloatArray, IntArray, payment


class Payer(StrEnum):
    """Who pays the network and service charge of a trade."""

    BUYER = "buyer"
    SELLER = "seller"
    BOTH = "both"


@dataclass(frozen=True, eq=False)
class Tariff:
    """Prices around the market, integer micro-units per kWh; arrays ``[interval]``.

    Attributes
    ----------
    import_price, export_price
        What the supplier takes and pays; import ≥ export in every interval.
    imbalance_buy, imbalance_sell
        What a member pays for energy it sold and did not deliver (≥ import) and gets for energy it bought and did not take
        (≤ export).
    loss_price
        What the DSO pays the supplier for losses.
    network_charge
        Per traded kWh, by zone of the member; the key ``""`` holds for members without a zone.
    service_charge
        Per traded kWh, to the exchange.
    payer
        Who pays the two charges: the buyer, the seller, or each half (the seller's half rounded down).
    dead_band
        Share of the contracted energy by which a member may deviate before the penalty.
    penalty
        Per kWh of deviation beyond the dead band, to the DSO.
    carbon_kg_per_kwh
        Carbon content of the supplier's energy, kg of CO2 equivalents over the life cycle; None where it is not known.
    """

    import_price: IntArray
    export_price: IntArray
    imbalance_buy: IntArray
    imbalance_sell: IntArray
    loss_price: IntArray
    network_charge: Mapping[str, int] = field(default_factory=lambda: {"": 0})
    service_charge: int = 0
    payer: Payer = Payer.BUYER
    dead_band: float = 0.0
    penalty: int = 0
    carbon_kg_per_kwh: float | None = None

    def __post_init__(self) -> None:
        for low, high in (
            ("export_price", "import_price"),
            ("import_price", "imbalance_buy"),
            ("imbalance_sell", "export_price"),
        ):
            wrong = np.flatnonzero(getattr(self, low) > getattr(self, high))
            if len(wrong):
                raise InputError(
                    f"{low} is above {high} in interval {wrong[0]}",
                    place="tariff",
                    accepted="imbalance_sell <= export_price <= import_price <= imbalance_buy",
                )
        if self.service_charge < 0 or self.penalty < 0 or min(self.network_charge.values(), default=0) < 0:
            raise InputError("a charge is negative", place="tariff", accepted="charges from 0 up")
        check_range(self.dead_band, "tariff: dead_band", 0.0, 1.0)
        if self.carbon_kg_per_kwh is not None:
            check_range(self.carbon_kg_per_kwh, "tariff: carbon_kg_per_kwh", 0.0, np.inf)

    def true_values(self, wanted_share: FloatArray) -> tuple[IntArray, IntArray]:
        """What a kWh from a neighbour is worth to each buyer and costs each seller.

        Parameters
        ----------
        wanted_share
            `Preferences.wanted_share` of each member, ``[member]``.

        Returns
        -------
        Micro-units per kWh, ``[member, interval]``, twice: ``import − share·spread`` and ``export + share·spread``, the wanted
        share rounded up.
        """
        wanted = np.ceil((self.import_price - self.export_price) * wanted_share[:, None]).astype(np.int64)
        return self.import_price - wanted, self.export_price + wanted

    def window(self, first: int, last: int) -> "Tariff":
        """The tariff of intervals ``first`` (included) to ``last`` (excluded)."""
        return replace(
            self,
            import_price=self.import_price[first:last],
            export_price=self.export_price[first:last],
            imbalance_buy=self.imbalance_buy[first:last],
            imbalance_sell=self.imbalance_sell[first:last],
            loss_price=self.loss_price[first:last],
        )


@dataclass(frozen=True, eq=False)
class TradeCharges:
    """What a member pays per traded kWh on top of the price, micro-units per kWh, arrays ``[member]``.

    Attributes
    ----------
    network_buy, network_sell
        To the DSO, when it buys and when it sells.
    service_buy, service_sell
        To the exchange, when it buys and when it sells.
    """

    network_buy: IntArray
    network_sell: IntArray
    service_buy: IntArray
    service_sell: IntArray

    @classmethod
    def of(cls, members: Sequence[Member], tariff: Tariff) -> Self:
        """The charges of these members under a tariff."""
        network = np.array([tariff.network_charge[member.zone] for member in members], dtype=np.int64)
        service = np.full(len(members), tariff.service_charge, dtype=np.int64)
        network_sell, service_sell = (_sellers_part(charge, tariff.payer) for charge in (network, service))
        return cls(network - network_sell, network_sell, service - service_sell, service_sell)

    def network(self, bought_wh: IntArray, sold_wh: IntArray) -> IntArray:
        """Network charge of traded energy, micro-units ``[member, interval]``; free trade takes no memory."""
        return _charge((bought_wh, self.network_buy), (sold_wh, self.network_sell))

    def service(self, bought_wh: IntArray, sold_wh: IntArray) -> IntArray:
        """Service charge of traded energy, micro-units ``[member, interval]``."""
        return _charge((bought_wh, self.service_buy), (sold_wh, self.service_sell))

    @property
    def buy(self) -> IntArray:
        """Network and service charge together, when buying."""
        return self.network_buy + self.service_buy

    @property
    def sell(self) -> IntArray:
        """Network and service charge together, when selling."""
        return self.network_sell + self.service_sell


def _charge(*parts: tuple[IntArray, IntArray]) -> IntArray:
    total = np.zeros(parts[0][0].shape, dtype=np.int64)
    for energy_wh, rate in parts:
        if rate.any():
            total += payment(energy_wh, rate[:, None])
    return total


def _sellers_part(charge: IntArray, payer: Payer) -> IntArray:
    match payer:
        case Payer.BUYER:
            return np.zeros_like(charge)
        case Payer.SELLER:
            return charge
        case Payer.BOTH:
            return charge // 2
