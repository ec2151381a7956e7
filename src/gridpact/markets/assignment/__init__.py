"""Bilateral trading as an assignment game: contracts that no group of members would leave, priced at a point of the core.

As a library, on any arrays of floats:

- `clear_single` matches ``value[B, S]``, one contract a member; `clear_multi` finds the best flow of `Links`. Both return the
  contracts with some core payoffs (`Matching`, `Flow`).
- `core_payoffs` chooses a `CorePoint`: midpoint of the extremes, either extreme, nucleolus, leximin. `core_extremes` gives
  both extremes.
- `core_violation` says how far any payoffs are from the core.

As a mechanism: `Bids` from an outlook, `Assignment` from bids to a pact with a certificate.
"""

from gridpact.markets.assignment.bids import Bids, IntervalMarket
from gridpact.markets.assignment.certificate import Claims, certify
from gridpact.markets.assignment.contracts import Contracts, MultiContract, Rule, SingleContract
from gridpact.markets.assignment.mechanism import Assignment
from gridpact.markets.assignment.multi import Flow, Links, clear_multi
from gridpact.markets.assignment.payoffs import Payoffs
from gridpact.markets.assignment.points import CorePoint, core_extremes, core_payoffs, core_violation
from gridpact.markets.assignment.potentials import Potentials
from gridpact.markets.assignment.single import Matching, clear_single
from gridpact.markets.assignment.variants import VARIANTS

__all__ = [
    "VARIANTS",
    "Assignment",
    "Bids",
    "Claims",
    "Contracts",
    "CorePoint",
    "Flow",
    "IntervalMarket",
    "Links",
    "Matching",
    "MultiContract",
    "Payoffs",
    "Potentials",
    "Rule",
    "SingleContract",
    "certify",
    "clear_multi",
    "clear_single",
    "core_extremes",
    "core_payoffs",
    "core_violation",
]
