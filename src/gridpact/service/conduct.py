"""How an area comes to its trades: what its rules say of the mechanism, and what works beside its book.

One place to look at for whoever adds a way of trading: a `Conduct`, and its line in `CONDUCTS`.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from gridpact.errors import InputError
from gridpact.exchange import Rules
from gridpact.markets import make_mechanism
from gridpact.service.config import Area

if TYPE_CHECKING:
    from gridpact.service.market import LiveArea


class Conduct(Protocol):
    """A way of trading."""

    def rules(self, bare: Rules) -> Rules:
        """The rules of an area whose clock, charges and bounds are set.

        Raises
        ------
        InputError
            If area and mechanism do not fit.
        """
        ...

    def duties(self, area: "LiveArea") -> Sequence[Coroutine[Any, Any, None]]:
        """What works as long as the area runs, beside what every area does."""
        ...


@dataclass(frozen=True, slots=True)
class ByTheClock:
    """The clock of the exchange does it all: it clears orders, strikes what is signed, shares what is left."""

    area: Area

    def rules(self, bare: Rules) -> Rules:
        """With mechanism and pool named; whether they can run is found out when the area is opened."""
        area = self.area
        return msgspec.structs.replace(
            bare,
            mechanism=area.mechanism,
            options=dict(area.options),
            pool=area.pool,
            pool_options=dict(area.pool_options),
            continuous=area.continuous,
        )

    def duties(self, area: "LiveArea") -> Sequence[Coroutine[Any, Any, None]]:
        """Nothing."""
        del area
        return ()


@dataclass(frozen=True, slots=True)
class ByDays:
    """Members plan whole days ahead with their partners and an operator, whom the service plays."""

    area: Area

    def rules(self, bare: Rules) -> Rules:
        """As `ByTheClock`, if a day is a whole number of intervals and open when planning begins."""
        area = self.area
        if area.day_ms % bare.step_ms:
            found = f"a day of {area.day_ms} ms in intervals of {bare.step_ms} ms"
            raise InputError(found, place="day_minutes", accepted="a whole number of intervals")
        if area.open_ahead_ms < area.day_ms + area.day_lead_ms:
            minutes = (area.day_ms + area.day_lead_ms) // 60_000
            found = f"{area.open_ahead_ms // 60_000}: the last intervals of a day are not open when it is planned"
            raise InputError(found, place="open_ahead_minutes", accepted=f"{minutes} or more")
        return ByTheClock(area).rules(bare)

    def duties(self, area: "LiveArea") -> Sequence[Coroutine[Any, Any, None]]:
        """The operator."""
        from gridpact.markets.equilibrium import Equilibrium
        from gridpact.service.days import hold_days

        mechanism = make_mechanism(self.area.mechanism, self.area.options)
        assert isinstance(mechanism, Equilibrium), "the family has been looked at"
        return (hold_days(area, mechanism.terms),)


CONDUCTS: Mapping[str, Callable[[Area], Conduct]] = MappingProxyType({"equilibrium": ByDays})
"""By family of the mechanism; of all others the exchange takes care itself."""


def conduct_of(area: Area) -> Conduct:
    """How the trades of a configured area come about."""
    return CONDUCTS.get(area.mechanism.partition(":")[0], ByTheClock)(area)
