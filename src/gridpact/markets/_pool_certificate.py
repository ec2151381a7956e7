"""What a pool rule's outcome claims, recomputed from the pact and the meters alone."""

from dataclasses import dataclass

import numpy as np

from gridpact.community import Tariff, TradeCharges
from gridpact.markets._pool_matching import Sides
from gridpact.markets.certificate import Certificate, Check
from gridpact.markets.outlook import Metering
from gridpact.markets.pact import Pact, Trades, sum_cells
from gridpact.units import IntArray, payment

REPORTED = float("inf")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a rule claims of every outcome; the rest is reported.

    Attributes
    ----------
    balanced
        Transfers among members sum to zero in every interval.
    matches_all
        The smaller side of every interval is traded in full.
    within_retail
        Prices lie within [export, import], so nobody does worse than with the supplier, network and service charges apart.
    """

    balanced: bool = True
    matches_all: bool = True
    within_retail: bool = True


def certify(metering: Metering, pact: Pact, claims: Claims) -> Certificate:
    """Check a pact of a pool rule against what the meters showed.

    Amounts are those that settlement will book, so rounding to integers is part of them: the bill of a member with k trades
    differs from its exact value by at most (k + 1)/2 micro-units, the supplier's bill by 1/2. The tolerance of individual
    rationality is the sum of the two for the member and interval with the most trades.
    """
    sides, trades, tariff = Sides.of(metering.net_wh), pact.trades, metering.tariff
    shape = metering.net_wh.shape
    sold = trades.sold_wh(shape)
    bought = trades.bought_wh(shape)
    transfers = pact.transfers.paid_by_members(shape)
    untraded = np.minimum(sides.generation, sides.consumption) - sold.sum(axis=0)

    loss = trades.bills(shape) + transfers
    loss += payment(sides.demand - bought, tariff.import_price) - payment(sides.demand, tariff.import_price)
    loss -= payment(sides.surplus - sold, tariff.export_price) - payment(sides.surplus, tariff.export_price)
    charges = TradeCharges.of(metering.members, tariff)
    charged = loss + charges.network(bought, sold) + charges.service(bought, sold)

    def claim(name: str, value: float, claimed: bool, tolerance: float = 0.0) -> Check:
        return Check(name, value, tolerance if claimed else REPORTED)

    return Certificate(
        (
            claim("budget balance (micro-units)", _largest(np.abs(transfers.sum(axis=0))), claims.balanced),
            Check(
                "energy balance: traded beyond the meter (Wh)",
                max(_largest(sold - sides.surplus), _largest(bought - sides.demand)),
            ),
            claim("smaller side left untraded (Wh)", _largest(untraded), claims.matches_all),
            claim(
                "price outside of [export, import] (micro-units per kWh)",
                _outside(trades, tariff),
                claims.within_retail,
            ),
            claim(
                "individual rationality (micro-units)", _largest(loss), claims.within_retail, _rounding(trades, shape)
            ),
            Check("loss against the supplier, charges included (micro-units)", _largest(charged), REPORTED),
            Check("loss against the supplier over the horizon (micro-units)", _largest(charged.sum(axis=1)), REPORTED),
        )
    )


def _outside(trades: Trades, tariff: Tariff) -> float:
    low, high = tariff.export_price[trades.interval], tariff.import_price[trades.interval]
    return max(_largest(low - trades.price), _largest(trades.price - high))


def _rounding(trades: Trades, shape: tuple[int, ...]) -> float:
    one = np.ones(len(trades), dtype=np.int64)
    most = max(_largest(sum_cells(party, trades.interval, one, shape)) for party in (trades.seller, trades.buyer))
    return (most + 2) / 2


def _largest(values: IntArray) -> float:
    """The largest value, at least 0."""
    return float(values.max(initial=0))
