"""What a round of negotiation claims: loans come back, links hold, nobody agreed to a loss."""

import numpy as np

from gridpact.markets.certificate import Certificate, Check
from gridpact.markets.negotiation.rounds import Round, Terms
from gridpact.markets.pact import Trades
from gridpact.units import IntArray


def certify(held: Round, trades: Trades, committed: Trades, terms: Terms, hours: float) -> Certificate:
    """Check a round from its trades.

    Parameters
    ----------
    held
        The sessions.
    trades
        What was agreed, as trades.
    committed
        What had been agreed before, intervals counted alike.
    terms, hours
        As the round was held.
    """
    both = Trades.concat([trades, committed])
    overload = max(0, _largest_load(both) - terms.limit_wh(hours))
    gains = np.array(
        [
            (
                m.table.first.utility[m.session.agreement] - m.table.first.no_deal,
                m.table.second.utility[m.session.agreement ^ 1] - m.table.second.no_deal,
            )
            for m in held.meetings
            if m.session.agreement is not None
        ]
    ).reshape(-1, 2)
    loss = max(0.0, float(-gains.min(initial=0.0)))
    return Certificate(
        (
            Check("loans: energy not returned (Wh)", float(_owed(trades, trades.energy_wh))),
            Check("loans: money that does not come back (micro-units)", float(_owed(trades, trades.payments()))),
            Check("links: most beyond the limit (Wh)", float(overload)),
            Check(
                "expected utility: largest loss by an agreement (kWh)", loss, 0.0 if terms.rules.floor else float("inf")
            ),
        )
    )


def _owed(trades: Trades, amount: IntArray) -> int:
    """Largest imbalance of a loan between its two legs."""
    if not len(trades):
        return 0
    sign = np.where(trades.seller < trades.buyer, 1, -1)
    total = np.zeros(int(trades.leg.max()) + 1, dtype=np.int64)
    np.add.at(total, trades.leg, sign * amount)
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
