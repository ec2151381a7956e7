"""The cases of the study: over how long meters are netted, with which devices, prices and fees."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gridpact.community import Community
from gridpact.markets.coalition import Game, NettingRules, netting_game
from gridpact.units import BoolArray, FloatArray, IntArray, from_micro

BILLING_DAYS = 30
"""Fees and demand charge are stated for so many days and charged for the share of them that the horizon lasts."""


class Netting(StrEnum):
    """Over how long a meter is netted before it is billed."""

    INTERVAL = "interval"
    DAY = "day"
    HORIZON = "horizon"

    def periods(self, community: Community) -> IntArray:
        """The netting period of each interval, ``[interval]``; days are local ones."""
        intervals = community.horizon.periods
        match self:
            case Netting.INTERVAL:
                return np.arange(intervals)
            case Netting.HORIZON:
                return np.zeros(intervals, dtype=np.int64)
            case Netting.DAY:
                days = community.horizon.index().tz_convert(community.time_zone).normalize()
                return np.asarray(days.factorize()[0], dtype=np.int64)


class Fee(StrEnum):
    """What staying costs."""

    NONE = "no fee"
    LUMP = "fee per coalition"
    MEMBER = "fee per member"
    FULL = "fee per member and network charge"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a community of two or more is charged, in units of the currency.

    Attributes
    ----------
    fee_per_coalition, fee_per_member
        For `BILLING_DAYS` days, for the coalition and for each of its members.
    network_charge
        Per kWh that members share.
    demand_charge
        Per kW of the highest import, for `BILLING_DAYS` days; members alone pay it too.
    """

    fee_per_coalition: float
    fee_per_member: float
    network_charge: float
    demand_charge: float


@dataclass(frozen=True, slots=True)
class Case:
    """What the value of every coalition depends on.

    Attributes
    ----------
    netting, storage, demand
        Netting period; whether batteries run; whether there is a demand charge.
    ratio
        Export price over import price: what a kWh left over at the end of a netting period earns.
    network
        Whether shared energy bears the network charge.
    """

    netting: Netting
    storage: bool
    demand: bool
    ratio: float
    network: bool = False


def coalition_values(community: Community, terms: Terms, case: Case) -> FloatArray:
    """What every coalition saves against its members each alone, before fees: currency, ``[coalition]``.

    Bit *i* of a coalition's position is member *i*. With storage there is a linear program for each.
    """
    batteries = [member.battery for member in community.members] if case.storage else None
    rules = netting_rules(community, terms, case)
    net_kwh = community.profiles.net_kw * community.horizon.hours
    return netting_game(net_kwh, rules, hours=community.horizon.hours, batteries=batteries).all_values()


def netting_rules(community: Community, terms: Terms, case: Case) -> NettingRules:
    """How a case bills; the import price of a netting period is the mean of its intervals."""
    period = case.netting.periods(community)
    hourly = from_micro(community.tariff.import_price)
    mean = np.bincount(period, hourly) / np.bincount(period)
    return NettingRules(
        import_price=mean[period],
        export_price=case.ratio * mean[period],
        period=period,
        demand_price=terms.demand_charge * billing_share(community) if case.demand else 0.0,
        charge=terms.network_charge if case.network else 0.0,
    )


def charge_of(community: Community) -> float:
    """What a kWh that members share is charged by the community's tariff, the dearest zone: currency/kWh."""
    charges = community.charges
    return float(from_micro(charges.buy.max() + charges.sell.max()))


def billing_share(community: Community) -> float:
    """The part of `BILLING_DAYS` that the horizon lasts."""
    return community.horizon.periods * community.horizon.hours / (24 * BILLING_DAYS)


def fee_of(fee: Fee, community: Community, terms: Terms) -> Callable[[BoolArray], FloatArray]:
    """What a fee takes from coalitions of two or more over the horizon; the network charge is in their values
    already."""
    share = billing_share(community)
    lump = terms.fee_per_coalition * share if fee is Fee.LUMP else 0.0
    each = terms.fee_per_member * share if fee in (Fee.MEMBER, Fee.FULL) else 0.0
    return lambda masks: lump + each * masks.sum(axis=1)


def tabled(values: FloatArray) -> Game:
    """The game whose values are known."""
    players = len(values).bit_length() - 1
    place = 1 << np.arange(players)
    return Game(players, lambda masks: values[masks @ place])
