"""DSO acceptance: orders checked against the network, operating envelopes, and network charges a pair."""

from gridpact.exchange.acceptance.accept import accept, accept_each, accept_together
from gridpact.exchange.acceptance.case import UNLIMITED, Acceptance, Case, Orders, Policy, Reduction, Uses
from gridpact.exchange.acceptance.charges import (
    Basis,
    PairCharges,
    charges_by_distance,
    charges_by_losses,
    losses_of_trades,
)
from gridpact.exchange.acceptance.desk import Checked, Forecast, check_interval, examine_interval
from gridpact.exchange.acceptance.envelopes import Allocation, Envelopes, publish_envelopes
from gridpact.exchange.acceptance.legs import kept_of_legs, scale_legs, with_energy
from gridpact.exchange.acceptance.network import Cause, Network, Violation

__all__ = [
    "UNLIMITED",
    "Acceptance",
    "Allocation",
    "Basis",
    "Case",
    "Cause",
    "Checked",
    "Envelopes",
    "Forecast",
    "Network",
    "Orders",
    "PairCharges",
    "Policy",
    "Reduction",
    "Uses",
    "Violation",
    "accept",
    "accept_each",
    "accept_together",
    "charges_by_distance",
    "charges_by_losses",
    "check_interval",
    "examine_interval",
    "kept_of_legs",
    "losses_of_trades",
    "publish_envelopes",
    "scale_legs",
    "with_energy",
]
