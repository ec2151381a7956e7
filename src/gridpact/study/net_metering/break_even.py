"""From which spread between import and export price on it pays to stay."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from gridpact.community import Community
from gridpact.markets.coalition import NettingRules, netting_game
from gridpact.study.net_metering.cases import Case, Fee, Netting, Terms, fee_of, netting_rules
from gridpact.units import FloatArray


@dataclass(frozen=True, slots=True)
class BreakEven:
    """From which spread on all members together save more than a fee takes.

    Attributes
    ----------
    netting, fee
        Of the case; no storage, no demand charge.
    matched_kwh
        What surpluses and deficits of all members match over the horizon.
    predicted
        Spread by the formula ``network charge + fees / matched kWh``, currency/kWh; NaN if nothing is matched, or if at this
        spread sharing does not pay in the cheapest netting period, so that not all of it is shared.
    found
        Spread at which v(N) changes its sign, the mean over the energy that is matched; NaN if it does not do so below the
        import price.
    """

    netting: Netting
    fee: Fee
    matched_kwh: float
    predicted: float
    found: float


def break_even(community: Community, terms: Terms) -> tuple[BreakEven, ...]:
    """One for each netting period and kind of fee."""
    return tuple(_of(community, terms, netting, fee) for netting in Netting for fee in (Fee.LUMP, Fee.MEMBER, Fee.FULL))


def _of(community: Community, terms: Terms, netting: Netting, fee: Fee) -> BreakEven:
    everybody = np.ones((1, len(community.members)), dtype=np.bool_)
    net_kwh = community.profiles.net_kw * community.horizon.hours
    taken = float(fee_of(fee, community, terms)(everybody)[0])
    network = terms.network_charge if fee is Fee.FULL else 0.0

    def saved(ratio: float) -> float:
        case = Case(netting, storage=False, demand=False, ratio=ratio, network=fee is Fee.FULL)
        return netting_game(net_kwh, netting_rules(community, terms, case)).grand - taken

    free = netting_rules(community, terms, Case(netting, storage=False, demand=False, ratio=0.0))
    matched = netting_game(net_kwh, replace(free, import_price=1.0, export_price=0.0)).grand
    if matched <= 0:
        return BreakEven(netting, fee, 0.0, np.nan, np.nan)
    price = netting_game(net_kwh, free).grand / matched
    predicted = network + taken / matched
    if predicted / price * _cheapest(net_kwh, free) < network:
        predicted = np.nan
    return BreakEven(netting, fee, matched, predicted, (1 - _root(saved)) * price)


def _cheapest(net_kwh: FloatArray, rules: NettingRules) -> float:
    """The lowest import price of a netting period in which members have something to share."""
    period, price = np.asarray(rules.period), np.asarray(rules.import_price)
    position = np.zeros((period.max() + 1, len(net_kwh)))
    np.add.at(position, period, net_kwh.T)
    shared = np.logical_and((position < 0).any(axis=1), (position > 0).any(axis=1))
    return float(price[shared[period]].min())


def _root(saved: Callable[[float], float]) -> float:
    """The largest ratio from 0 to 1 at which something is saved; NaN if there is none."""
    if saved(0.0) < 0:
        return np.nan
    return 1.0 if saved(1.0) >= 0 else float(brentq(saved, 0.0, 1.0, xtol=1e-12))
