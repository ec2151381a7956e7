"""Peer-to-peer energy markets on real distribution grids.

Importing the package loads nothing heavy: the names below are resolved on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gridpact.community import Community, load_community
    from gridpact.errors import GridpactError
    from gridpact.grid import Feeder, load_feeder, power_flow
    from gridpact.markets import make_mechanism, mechanism_names
    from gridpact.study.compare import compare
    from gridpact.study.simulate import simulate

__version__ = "0.1.0"

_HOMES = {
    "Community": "gridpact.community",
    "Feeder": "gridpact.grid",
    "GridpactError": "gridpact.errors",
    "compare": "gridpact.study",
    "load_community": "gridpact.community",
    "load_feeder": "gridpact.grid",
    "make_mechanism": "gridpact.markets",
    "mechanism_names": "gridpact.markets",
    "power_flow": "gridpact.grid",
    "simulate": "gridpact.study",
}

__all__ = [
    "Community",
    "Feeder",
    "GridpactError",
    "__version__",
    "compare",
    "load_community",
    "load_feeder",
    "make_mechanism",
    "mechanism_names",
    "power_flow",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gridpact' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
