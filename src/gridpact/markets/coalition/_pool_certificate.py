"""What a Shapley pool's outcome claims, recomputed from its trades and transfers and the meters."""

from dataclasses import dataclass

import numpy as np

from gridpact.markets._pool_certificate import REPORTED, Claims, certify
from gridpact.markets._pool_matching import Sides
from gridpact.markets.certificate import Certificate, Check
from gridpact.markets.coalition.pooled import DOMINATION
from gridpact.markets.outlook import Metering
from gridpact.markets.pact import Pact
from gridpact.units import WH_PER_KWH, FloatArray, IntArray, payment


@dataclass(frozen=True, eq=False)
class Shares:
    """Shapley shares of the matched energy as they were computed.

    Attributes
    ----------
    energy
        Wh, ``[member, interval]``.
    half_width
        How far a share may be off by its confidence interval or by the last change of the series, as a part of what is matched,
        ``[interval]``; 0 where the limit was taken.
    tolerance
        What sampled half-widths are held to; None: not sampled.
    domination
        Of intervals in which the limit was taken, else 0, ``[interval]``.
    """

    energy: FloatArray
    half_width: FloatArray
    tolerance: float | None
    domination: FloatArray


def certify_shapley(metering: Metering, pact: Pact, shares: Shares) -> Certificate:
    """Check a pact of a Shapley pool.

    Claimed beside what every pool rule at one price claims: efficiency, equal treatment, and the half-width of sampled shares.
    Reported: how much a coalition could gain by leaving in an interval, at most.
    """
    saving = savings(metering, pact)
    tariff = metering.tariff
    spread = (tariff.import_price - tariff.export_price) / WH_PER_KWH
    sides = Sides.of(metering.net_wh)
    worth = spread * np.minimum(sides.generation, sides.consumption)
    inefficiency = np.abs(saving.sum(axis=0) - worth).max(initial=0.0)
    payments = 2 * np.count_nonzero(metering.net_wh, axis=0).max(initial=0)
    return Certificate(
        (
            *certify(metering, pact, Claims()).checks,
            Check(
                "efficiency: savings against what the pool is worth (micro-units)", float(inefficiency), payments / 2
            ),
            Check(
                "equal treatment: savings of members with equal energy (micro-units)",
                _unequal(metering.net_wh, saving),
                1.0,
            ),
            Check(
                "half-width of a share (part of the interval's saving)",
                float(shares.half_width.max(initial=0.0)),
                REPORTED if shares.tolerance is None else shares.tolerance,
            ),
            Check("domination where the limit was taken", float(shares.domination.max(initial=0.0)), DOMINATION),
            Check(
                "gain of a coalition that leaves, at most (micro-units)",
                _gain(metering.net_wh, saving, spread),
                REPORTED,
            ),
        )
    )


def savings(metering: Metering, pact: Pact) -> IntArray:
    """What each member saves against the supplier, micro-units ``[member, interval]``."""
    sides, tariff, shape = Sides.of(metering.net_wh), metering.tariff, metering.net_wh.shape
    bought, sold = pact.trades.bought_wh(shape), pact.trades.sold_wh(shape)
    alone = payment(sides.demand, tariff.import_price) - payment(sides.surplus, tariff.export_price)
    rest = payment(sides.demand - bought, tariff.import_price) - payment(sides.surplus - sold, tariff.export_price)
    return alone - rest - pact.trades.bills(shape) - pact.transfers.paid_by_members(shape)


def _unequal(net_wh: IntArray, saving: IntArray) -> float:
    """The largest difference between savings of members with equal energy in an interval."""
    order = np.lexsort((saving, net_wh), axis=0)
    energy, amount = np.take_along_axis(net_wh, order, axis=0), np.take_along_axis(saving, order, axis=0)
    first = np.vstack([np.ones((min(1, len(energy)), energy.shape[1]), dtype=np.bool_), energy[1:] != energy[:-1]])
    start = np.maximum.accumulate(np.where(first, np.arange(len(energy))[:, None], 0), axis=0)
    return float((amount - np.take_along_axis(amount, start, axis=0)).max(initial=0))


def _gain(net_wh: IntArray, saving: IntArray, spread: FloatArray) -> float:
    from gridpact.markets.coalition import _pooling_kernels

    net, kept = (np.ascontiguousarray(table.T, dtype=np.float64) for table in (net_wh, saving))
    return float(_pooling_kernels.largest_gain(net, kept, spread).max(initial=0.0))
