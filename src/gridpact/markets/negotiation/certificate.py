"""What a round of negotiation claims: loans are what both sides signed and come back, links hold, nobody agreed to a loss."""

import numpy as np

from gridpact.markets.certificate import Certificate, Check
from gridpact.markets.negotiation.consents import PER_KWH, Consents
from gridpact.markets.negotiation.rounds import Terms
from gridpact.markets.pact import Trades
from gridpact.units import IntArray


def certify(consents: Consents, trades: Trades, committed: Trades, terms: Terms, hours: float) -> Certificate:
    """Check trades against what both sides signed; all in whole numbers.

    Parameters
    ----------
    consents
        What the members signed.
    trades
        What is claimed to be agreed.
    committed
        What had been agreed before, intervals counted alike.
    terms, hours
        As the round was held.
    """
    both = Trades.concat([trades, committed])
    overload = max(0, _largest_load(both) - terms.limit_wh(hours))
    agreed = consents.peer >= 0
    loss = int(consents.loss[agreed].max(initial=0)) / PER_KWH
    return Certificate(
        (
            Check("loans: sides and trades that are not alike", float(_unlike(consents, trades))),
            Check("loans: energy not returned (Wh)", float(_owed(trades, trades.energy_wh))),
            Check("loans: money that does not come back (micro-units)", float(_owed(trades, trades.payments()))),
            Check("links: most beyond the limit (Wh)", float(overload)),
            Check(
                "expected utility: largest loss by an agreement (kWh)", loss, 0.0 if terms.rules.floor else float("inf")
            ),
        )
    )


def _unlike(consents: Consents, trades: Trades) -> int:
    """Members whose peer has not signed the same, and rows that are on one side only of trades signed and trades claimed."""
    rows, sign = [], []
    for table, each in ((consents.trades(), 1), (trades, -1)):
        rows.append(np.stack(list(table.columns().values()), axis=1))
        sign.append(np.full(len(table), each))
    _, which = np.unique(np.concatenate(rows), axis=0, return_inverse=True)
    left = np.bincount(which.ravel(), np.concatenate(sign))
    return int(np.abs(left).sum()) + int(((consents.peer >= 0) & ~consents.mutual).sum())


def _owed(trades: Trades, amount: IntArray) -> int:
    """Largest imbalance between the trades of a leg; a trade without one owes all of it."""
    if not len(trades):
        return 0
    alone = trades.leg.max() + 1 + np.arange(len(trades))
    _, loan = np.unique(np.where(trades.leg < 0, alone, trades.leg), return_inverse=True)
    total = np.zeros(len(trades), dtype=np.int64)
    np.add.at(total, loan, np.where(trades.seller < trades.buyer, 1, -1) * amount)
    return int(np.abs(total).max())


def _largest_load(trades: Trades) -> int:
    """Most that all loans together ask of a link in an interval, Wh."""
    if not len(trades):
        return 0
    low, high = np.minimum(trades.seller, trades.buyer), np.maximum(trades.seller, trades.buyer)
    links, at = np.unique(np.stack([low, high, trades.interval]), axis=1, return_inverse=True)
    load = np.zeros(links.shape[1], dtype=np.int64)
    np.add.at(load, at, np.where(trades.seller < trades.buyer, 1, -1) * trades.energy_wh)
    return int(np.abs(load).max())
