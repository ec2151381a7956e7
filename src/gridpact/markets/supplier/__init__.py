"""Nobody trades: every member deals with its supplier at retail. The baseline of every saving."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gridpact.markets.mechanism import PoolRule
from gridpact.markets.outlook import Metering
from gridpact.markets.pact import Pact


@dataclass(frozen=True, slots=True)
class Supplier:
    """The rule that shares nothing: its pact is empty, so settlement bills every metered Wh at retail."""

    name: str = "supplier"

    def share(self, metering: Metering) -> Pact:
        """The empty pact, whatever the meters showed."""
        return Pact()


def supplier() -> Supplier:
    """Nobody trades; everybody deals with the supplier at retail: the baseline of every saving."""
    return Supplier()


VARIANTS: Mapping[str, Callable[..., PoolRule]] = MappingProxyType({"": supplier})

__all__ = ["VARIANTS", "Supplier", "supplier"]
