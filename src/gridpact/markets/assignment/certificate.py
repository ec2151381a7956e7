"""What an outcome claims, recomputed from bids and trades alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gridpact.markets.assignment._audit import Evidence, Prices
from gridpact.markets.assignment.bids import Bids, IntervalMarket
from gridpact.markets.assignment.points import CorePoint
from gridpact.markets.certificate import Certificate, Check
from gridpact.markets.pact import Pact, Trades, Transfers
from gridpact.units import WH_PER_KWH, BoolArray, IntArray

FLOAT_CORE_TOLERANCE = 1e-9
"""Largest core violation of the nucleolus and of leximin, which are not exact in floats; the other points are."""

HALVES_OF_HIGHEST = {CorePoint.BUYER_OPTIMAL: 0, CorePoint.MIDPOINT: 1, CorePoint.SELLER_OPTIMAL: 2}
"""Where between the lowest and the highest prices of the core a point lies, in halves of the way."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What contracts are held against.

    Attributes
    ----------
    single
        Whether a member signs one contract at most.
    point
        The core point of their prices. Prices of the nucleolus and of leximin are only held to be in the core.
    limit_wh
        Most that a pair may trade; None without limit.
    """

    single: bool
    point: CorePoint
    limit_wh: int | None = None


def certify(bids: Bids, trades: Trades, transfers: Transfers, claims: Claims) -> Certificate:
    """Check trades against the bids as they were placed.

    Trades count at energy times price, before amounts are rounded to micro-units. Prices of single contracts are rounded to
    whole micro-units per kWh; so in its core constraint a pair is forgiven half of one for each kWh of both contracts, and a
    larger violation is reported as it is. Prices of multi contracts are in the core as they are, and nothing is forgiven. The
    optimality gap is 0 if and only if the trades are optimal; else it bounds what is lost.

    Parameters
    ----------
    bids
        As placed.
    trades, transfers
        As agreed; the sequence of rows decides nothing.
    claims
        What is claimed of them.

    Raises
    ------
    InputError
        If trades or transfers name members or intervals that the bids do not have.
    """
    Pact(trades, transfers).check(*bids.demand_wh.shape)
    found = [_examine(market, book, claims) for market, book in _by_market(bids, trades)]
    worst = _Findings(*map(max, zip(*found, strict=True))) if found else _Findings()
    lost = sum(each.lost for each in found) / WH_PER_KWH
    over = max(_over_bids(bids, trades), worst.over_limit)
    rounding = " beyond the rounding of prices" * claims.single
    halves = claims.point in HALVES_OF_HIGHEST
    checks = [
        Check("prices beyond the bounds of a pair (micro-units/kWh)", float(worst.beyond)),
        Check("individual rationality: loss of a member (micro-units)", worst.loss / WH_PER_KWH),
        Check("energy balance: traded beyond bids and limits (Wh)", float(over)),
        Check(f"core violation{rounding} (share of v(N))", worst.core, 0.0 if halves else FLOAT_CORE_TOLERANCE),
        Check("optimality gap: welfare lost at most (micro-units)", lost, adds_up=True),
        Check("budget: moved beside the trades (micro-units)", float(transfers.amount.sum()), adds_up=True),
    ]
    if claims.single:
        checks.append(Check("contracts of a member beyond one", float(worst.beyond_one)))
    if halves:
        checks.append(Check("price other than the core point's (micro-units/kWh)", float(worst.astray)))
    return Certificate(tuple(checks))


class _Findings(NamedTuple):
    """What is measured in a market; money in Wh times micro-units per kWh."""

    beyond: int = 0
    loss: int = 0
    over_limit: int = 0
    core: float = 0.0
    lost: int = 0
    beyond_one: int = 0
    astray: int = 0


class _Book(NamedTuple):
    """The trades of a market; positions on its two sides, Wh, price ``[trade]``."""

    buyer: IntArray
    seller: IntArray
    energy_wh: IntArray
    price: IntArray


def _by_market(bids: Bids, trades: Trades) -> Iterator[tuple[IntervalMarket, _Book]]:
    """Each market with its trades. Those between others than its buyers and sellers are beyond the bids, and left out here."""
    order = np.argsort(trades.interval, kind="stable")
    interval = trades.interval[order]
    as_buyer, as_seller = (np.empty(len(bids.demand_wh), dtype=np.int64) for _ in range(2))
    for market in bids.markets():
        as_buyer[:] = as_seller[:] = -1
        as_buyer[market.buyer], as_seller[market.seller] = np.arange(len(market.buyer)), np.arange(len(market.seller))
        first, last = np.searchsorted(interval, [market.interval, market.interval + 1])
        rows = order[first:last]
        rows = rows[(as_buyer[trades.buyer[rows]] >= 0) & (as_seller[trades.seller[rows]] >= 0)]
        ends = as_buyer[trades.buyer[rows]], as_seller[trades.seller[rows]]
        yield market, _Book(*ends, trades.energy_wh[rows], trades.price[rows])


def _over_bids(bids: Bids, trades: Trades) -> int:
    """Energy that some member buys or sells beyond what it wants or offers, Wh."""
    shape = bids.demand_wh.shape
    over = trades.bought_wh(shape) - bids.demand_wh, trades.sold_wh(shape) - bids.supply_wh
    return max(int(side.max(initial=0)) for side in over)


def _examine(market: IntervalMarket, book: _Book, claims: Claims) -> _Findings:
    """Hold the trades of a market against its bids."""
    i, j, wh, price = book
    energy, gain = market.energy_wh, np.maximum(market.gain, 0)
    limit = energy if claims.limit_wh is None else np.minimum(energy, claims.limit_wh)
    traded = np.zeros(energy.shape, dtype=np.int64)
    np.add.at(traded, (i, j), wh)
    signed = (traded > 0).astype(np.int64)
    if claims.single:
        one = np.ones_like(energy)
        evidence = Evidence(gain * energy, one, signed, one[:, 0], one[0])
        unit, forgiven = wh, traded.sum(axis=1)[:, None] + traded.sum(axis=0)
    else:
        evidence = Evidence(gain, limit, traded, market.demand_wh, market.supply_wh)
        unit, forgiven = np.ones_like(wh), np.zeros_like(energy)
    for_buyer, for_seller = market.ceiling[i, j] - price, price - market.floor[j]
    low, high = evidence.lowest(), evidence.highest()
    bound = evidence.bound(low)
    least = Prices(
        _worst_unit(unit * for_buyer, i, evidence.short[0]), _worst_unit(unit * for_seller, j, evidence.short[1])
    )
    return _Findings(
        beyond=_largest(-for_buyer, -for_seller),
        loss=_largest(-_sums(wh * for_buyer, i), -_sums(wh * for_seller, j)),
        over_limit=_largest(traded - limit),
        core=evidence.missed(least, forgiven) / max(bound, 1),
        lost=bound - int((wh * (for_buyer + for_seller)).sum()),
        beyond_one=_largest(np.bincount(i) - 1, np.bincount(j) - 1),
        astray=_largest(np.abs(price - market.floor[j] - _above_floor(low, high, market, book, claims))),
    )


def _above_floor(low: Prices, high: Prices, market: IntervalMarket, book: _Book, claims: Claims) -> IntArray:
    """What each contract pays above the seller's floor at the claimed point between the extremes, ``[trade]``."""
    i, j, wh, price = book
    if claims.point not in HALVES_OF_HIGHEST:
        return price - market.floor[j]
    halves = HALVES_OF_HIGHEST[claims.point]
    twice_w = (2 - halves) * low.seller + halves * high.seller
    if claims.single:
        return np.rint(twice_w[j] / 2 / wh).astype(np.int64)
    twice_u = (2 - halves) * low.buyer + halves * high.buyer
    w, u = twice_w // 2, -(-twice_u // 2)
    return np.asarray(w[j] + (market.gain[i, j] - u[i] - w[j]) // 2)


def _worst_unit(payoff: IntArray, member: IntArray, short: BoolArray) -> IntArray:
    """The smallest payoff of a unit of each member, from 0 up; 0 for whoever has units left."""
    least = np.full(len(short), np.iinfo(np.int64).max)
    np.minimum.at(least, member, payoff)
    return np.asarray(np.where(short, 0, np.maximum(least, 0)))


def _sums(payoff: IntArray, member: IntArray) -> IntArray:
    total = np.zeros(int(member.max(initial=-1)) + 1, dtype=np.int64)
    np.add.at(total, member, payoff)
    return total


def _largest(*values: IntArray) -> int:
    """The largest of all values, at least 0."""
    return max(int(each.max(initial=0)) for each in values)
