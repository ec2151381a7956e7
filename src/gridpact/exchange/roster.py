"""Who takes part in an interval: the members in the order of their ids, and what each pays on traded energy."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gridpact.community import Member, Tariff, TradeCharges
from gridpact.exchange.rules import Rules
from gridpact.exchange.values import Actor, Prices, Role
from gridpact.units import MICRO


@dataclass(frozen=True, slots=True, eq=False)
class Roster:
    """The members of an interval.

    Attributes
    ----------
    members
        Ids in order; the member axis of every array.
    at
        Position of each.
    charges
        What each pays per traded kWh.
    buy_charge, sell_charge
        Both charges together, plain integers by position.
    """

    members: tuple[str, ...]
    at: dict[str, int]
    charges: TradeCharges
    buy_charge: tuple[int, ...]
    sell_charge: tuple[int, ...]

    @classmethod
    def of(cls, rules: Rules, actors: Iterable[Actor]) -> "Roster":
        """The members among these actors."""
        members = sorted((actor for actor in actors if actor.role == Role.MEMBER), key=lambda actor: actor.id)
        ids = tuple(actor.id for actor in members)
        zoned = [Member(id=actor.id, bus="", zone=actor.zone) for actor in members]
        charges = TradeCharges.of(zoned, tariff_of(rules, ()))
        buy, sell = (tuple(charge.tolist()) for charge in (charges.buy, charges.sell))
        return cls(ids, {member: at for at, member in enumerate(ids)}, charges, buy, sell)

    def before_charges(self, member: str, is_buy: bool, limit: int) -> int:
        """An all-in limit as the price between the two sides: `gridpact.markets.Book.price`."""
        at = self.at[member]
        return limit - self.buy_charge[at] if is_buy else limit + self.sell_charge[at]


def tariff_of(rules: Rules, prices: Iterable[Prices]) -> Tariff:
    """The tariff of these intervals under the rules of the area."""
    rows = tuple(prices)
    return Tariff(
        import_price=np.array([row.import_price for row in rows], dtype=np.int64),
        export_price=np.array([row.export_price for row in rows], dtype=np.int64),
        imbalance_buy=np.array([row.imbalance_buy for row in rows], dtype=np.int64),
        imbalance_sell=np.array([row.imbalance_sell for row in rows], dtype=np.int64),
        loss_price=np.array([row.loss_price for row in rows], dtype=np.int64),
        network_charge=rules.network_charge,
        service_charge=rules.service_charge,
        payer=rules.payer,
        dead_band=rules.dead_band / MICRO,
        penalty=rules.penalty,
    )
