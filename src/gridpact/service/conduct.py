"""How an area comes to its trades: what its rules say of the mechanism, and what works beside its book.

One place to look at for whoever adds a way of trading: a `Conduct`, and its line in `conduct_of`.
"""

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from gridpact.exchange import Rules
from gridpact.service.config import Area

if TYPE_CHECKING:
    from gridpact.service.market import LiveArea


class Conduct(Protocol):
    """A way of trading."""

    def rules(self, bare: Rules) -> Rules:
        """The rules of an area whose clock, charges and bounds are set."""
        ...

    def duties(self, area: "LiveArea") -> Sequence[Coroutine[Any, Any, None]]:
        """What works as long as the area runs, beside what every area does."""
        ...


@dataclass(frozen=True, slots=True)
class ByBook:
    """Members send orders, and a mechanism that matches them clears the book when the gate closes."""

    mechanism: str
    options: Mapping[str, str | int]
    continuous: bool

    def rules(self, bare: Rules) -> Rules:
        """With the mechanism named; whether it is one that matches orders, is found out when the area is opened."""
        return msgspec.structs.replace(
            bare, mechanism=self.mechanism, options=dict(self.options), continuous=self.continuous
        )

    def duties(self, area: "LiveArea") -> Sequence[Coroutine[Any, Any, None]]:
        """The exchange's clock does it all."""
        del area
        return ()


def conduct_of(area: Area) -> Conduct:
    """How the trades of a configured area come about."""
    return ByBook(area.mechanism, area.options, area.continuous)
