"""What the web application looks at: the writer and what stands beside it. It changes none of it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from gridpact.exchange import State, Step
from gridpact.exchange.dso import Checked
from gridpact.grid import Feeder
from gridpact.service.area import AreaWriter, Clock
from gridpact.service.store import Store
from gridpact.service.web.access import Tokens
from gridpact.service.web.feed import Feed
from gridpact.service.web.history import History


class Charge(msgspec.Struct, frozen=True):
    """What is in a member's battery, and what it holds, kWh."""

    soc_kwh: float
    capacity_kwh: float


@dataclass(slots=True)
class Window:
    """What the web sees of the steps: filled by the writer when they are durable, and before that from the store."""

    history: History
    feed: Feed

    @classmethod
    async def open(cls, store: Store, area: str) -> "Window":
        """With everything that has happened so far."""
        history = History()
        async for step in store.read(area):
            history.take((step,))
        return cls(history, Feed(history.steps))

    def take(self, steps: Sequence[Step]) -> None:
        """Take durable steps in."""
        self.history.take(steps)
        self.feed.take(steps)


@dataclass(frozen=True, slots=True)
class Site:
    """One market area as the web application sees it.

    Attributes
    ----------
    writer, clock, window
        Of the area.
    tokens
        Who may see more than everybody.
    connected
        Set while the line to the broker stands.
    currency, zone
        How money and times are shown.
    feeder
        The network.
    checked
        Gives the DSO's last check since the service began.
    charge
        Gives what is in a member's battery, where the service knows; None of one without.
    """

    writer: AreaWriter
    clock: Clock
    window: Window
    tokens: Tokens
    connected: asyncio.Event
    currency: str
    zone: str
    feeder: Feeder
    checked: Callable[[], Checked | None]
    charge: Callable[[str], Charge | None]

    @property
    def state(self) -> State:
        """The writer's, as decided so far."""
        return self.writer.exchange.state

    @property
    def history(self) -> History:
        """Of the durable steps."""
        return self.window.history
