"""Who trades: members, devices, preferences, tariff, profiles; their files and the validation of both.

The files' names are resolved on first use: mechanisms need the model alone, and reading tables needs pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gridpact.community.member import Battery, Member, Preferences, WaterHeater
from gridpact.community.model import Community, Profiles
from gridpact.community.premiums import PairPremiums
from gridpact.community.tariff import Payer, Tariff, TradeCharges

if TYPE_CHECKING:
    from gridpact.community.check import DataReport, check_data
    from gridpact.community.example import write_example
    from gridpact.community.file import CommunityFile, MarketSettings, load_community

_HOMES = {
    "CommunityFile": "gridpact.community.file",
    "DataReport": "gridpact.community.check",
    "MarketSettings": "gridpact.community.file",
    "check_data": "gridpact.community.check",
    "load_community": "gridpact.community.file",
    "write_example": "gridpact.community.example",
}

__all__ = [
    "Battery",
    "Community",
    "CommunityFile",
    "DataReport",
    "MarketSettings",
    "Member",
    "PairPremiums",
    "Payer",
    "Preferences",
    "Profiles",
    "Tariff",
    "TradeCharges",
    "WaterHeater",
    "check_data",
    "load_community",
    "write_example",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gridpact.community' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
