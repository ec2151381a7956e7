"""The study of net metering: is there a reason to stay in a community when the supplier pays for a kWh what it
takes?"""

from gridpact.study.net_metering.cases import Fee, Netting, Terms, charge_of
from gridpact.study.net_metering.page import cases, page
from gridpact.study.net_metering.sample import Sample, choose
from gridpact.study.net_metering.sweep import QUICK_RATIOS, Scenario, Settings, Sweep, sweep

__all__ = [
    "QUICK_RATIOS",
    "Fee",
    "Netting",
    "Sample",
    "Scenario",
    "Settings",
    "Sweep",
    "Terms",
    "cases",
    "charge_of",
    "choose",
    "page",
    "sweep",
]
