"""The market monitor: what whoever is responsible for fair play looks at, from the steps of an area alone.

`measures` are pure functions of what was offered, traded and metered; a `Watch` folds them over the steps, keeps a window of
intervals, and says when something needs a person's eye. It decides nothing and changes nothing.
"""

from gridpact.exchange.monitor.alarms import Alarm, AlarmKind, Thresholds
from gridpact.exchange.monitor.measures import (
    PriceSpread,
    Ring,
    crossing_wh,
    hhi,
    offers,
    outside_references,
    price_spread,
    rings,
    withheld_wh,
)
from gridpact.exchange.monitor.watch import Delivered, Gate, MemberWindow, Watch

__all__ = [
    "Alarm",
    "AlarmKind",
    "Delivered",
    "Gate",
    "MemberWindow",
    "PriceSpread",
    "Ring",
    "Thresholds",
    "Watch",
    "crossing_wh",
    "hhi",
    "offers",
    "outside_references",
    "price_spread",
    "rings",
    "withheld_wh",
]
