"""What trade is worth to the members at their true values: the most it could be, and preferences over sellers that are met."""

import numpy as np

from gridpact.community import Community
from gridpact.exchange import Settlement
from gridpact.markets import Trades
from gridpact.markets.assignment import Links, clear_multi
from gridpact.markets.auction import efficient_welfare
from gridpact.markets.book import Book
from gridpact.units import WH_PER_KWH, FloatArray, IntArray, from_micro, to_kwh


def best_welfare(community: Community, part: Settlement) -> float:
    """Largest gain over dealing with the supplier alone, at the members' true values, in units of the currency.

    Matches the demands and surpluses that the meters of a window show, interval by interval and efficiently. Where members
    have preferences over sellers, who is matched with whom counts, and an interval is a transportation problem.
    """
    value, cost = part.tariff.true_values(community.wanted_share)
    if community.premium is None:
        return _best_without_premiums(part.energies.metered, value, cost)
    return _best_with_premiums(part.energies.metered, value, cost, community.premium)


def preference_value(community: Community, trades: Trades, settlement: Settlement) -> float:
    """What sellers being who they are is worth to their buyers: the premiums of the trades, in units of the currency.

    Energy counts that was delivered and taken. A member that misses part of its net traded position misses the same share of
    each of its trades on that side; of a trade counts the smaller share of its two ends.

    Parameters
    ----------
    trades
        What was agreed, intervals counted from the start of the horizon.
    settlement
        The accounts of that horizon.
    """
    premium = community.premium
    if premium is None:
        return 0.0
    order = np.argsort(trades.interval, kind="stable")
    total, first = 0.0, 0
    for part in settlement.windows():
        energies = part.energies
        last = first + energies.metered.shape[1]
        rows = order[np.searchsorted(trades.interval[order], first) : np.searchsorted(trades.interval[order], last)]
        seller, buyer, at = trades.seller[rows], trades.buyer[rows], trades.interval[rows] - first
        taken = _share(np.maximum(energies.position, 0) - energies.unused, energies.bought)
        delivered = _share(np.maximum(-energies.position, 0) - energies.short, energies.sold)
        kwh = to_kwh(trades.energy_wh[rows]) * np.minimum(taken[buyer, at], delivered[seller, at])
        total += float((kwh * from_micro(premium[buyer, seller])).sum())
        first = last
    return total


def _best_without_premiums(metered_wh: IntArray, value: IntArray, cost: IntArray) -> float:
    member, interval = np.nonzero(metered_wh)
    wh = metered_wh[member, interval]
    limits = np.where(wh > 0, value[member, interval], cost[member, interval])
    book = Book(interval, (wh > 0).astype(np.int64), member, np.abs(wh), limits, np.zeros_like(wh))
    return float(from_micro(efficient_welfare(book).sum()))


def _best_with_premiums(metered_wh: IntArray, value: IntArray, cost: IntArray, premium: IntArray) -> float:
    total = 0.0
    for wh, worth, floor in zip(metered_wh.T, value.T, cost.T, strict=True):
        buyers, sellers = np.flatnonzero(wh > 0), np.flatnonzero(wh < 0)
        gain = worth[buyers, None] + premium[np.ix_(buyers, sellers)] - floor[sellers]
        if gain.max(initial=0) > 0:
            total += clear_multi(Links.dense(gain, wh[buyers], -wh[sellers])).total
    return float(from_micro(total / WH_PER_KWH))


def _share(part_wh: IntArray, whole_wh: IntArray) -> FloatArray:
    """``part / whole``; 0 where the whole is zero."""
    return np.asarray(part_wh / np.maximum(whole_wh, 1), dtype=np.float64)
