"""What the web application looks at: durable steps, and what stands beside them. It changes none of it."""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec
from litestar.di import NamedDependency

from gridpact.client import BatteryIs
from gridpact.exchange import AreaOpened, GateClosed, IntervalClosed, Role, State, Step, apply
from gridpact.exchange.acceptance import Checked
from gridpact.exchange.monitor import Thresholds, Watch
from gridpact.grid import Feeder
from gridpact.service.area import Clock
from gridpact.service.ledger import LOOK_EVERY_S, STEPS_AT_ONCE, AreaLedger
from gridpact.service.store import Store, StoreError
from gridpact.service.waits import Waits
from gridpact.service.web.access import Tokens
from gridpact.service.web.feed import Feed
from gridpact.service.web.history import History
from gridpact.service.web.views import Book, book

LOG = logging.getLogger(__name__)
MOST_OWN = 200
"""Own steps of a member that are remembered."""


class Charge(msgspec.Struct, frozen=True):
    """What is in a member's battery, and what it holds, kWh."""

    soc_kwh: float
    capacity_kwh: float


@dataclass(frozen=True, slots=True)
class Records:
    """The ledger of an area, with the store of the steps that it is made of."""

    store: Store
    area: str
    ledger: AreaLedger

    async def step(self, position: int) -> Step:
        """The step behind an entry of the ledger."""
        (found,) = [step async for step in self.store.read(self.area, position, 1)]
        return found


@dataclass(slots=True)
class Window:
    """What the web sees of an area: a fold of its own over the durable steps, from the store and then from the writer.

    The writer's own state is ahead of the store by what is being written; nobody is shown that.

    Attributes
    ----------
    history, feed
        Of the durable steps.
    books
        As each stood when its gate closed, until the accounts of its interval are final.
    watch
        The market monitor.
    own
        Numbers of the steps that a member's or its meter's command has made, by member, the newest last.
    """

    history: History
    feed: Feed
    books: dict[int, Book] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)
    own: dict[str, deque[int]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=MOST_OWN)))
    _state: State | None = None
    _until: int = 0
    _meanwhile: list[Step] = field(default_factory=list)

    @classmethod
    async def begin(cls, store: Store, area: str, thresholds: Thresholds | None = None) -> "Window":
        """With the beginning of what has happened so far; `catch_up` reads the rest, beside a writer that goes on."""
        window = cls(History(), Feed(), watch=Watch(thresholds or Thresholds()))
        window._until = await store.length(area)
        await window._read(store, area)
        return window

    @classmethod
    async def open(cls, store: Store, area: str) -> "Window":
        """With everything that has happened so far."""
        window = await cls.begin(store, area)
        await window.catch_up(store, area)
        return window

    async def catch_up(self, store: Store, area: str) -> None:
        """Read on until nothing is missing."""
        while not self.is_current:
            try:
                await self._read(store, area)
                await asyncio.sleep(0)
            except StoreError as error:
                LOG.warning("pages of area %s: %s; again in %g s", area, error, LOOK_EVERY_S)
                await asyncio.sleep(LOOK_EVERY_S)

    async def _read(self, store: Store, area: str) -> None:
        most = min(self._until - self.history.steps, STEPS_AT_ONCE)
        for step in [step async for step in store.read(area, self.history.steps, most)]:
            self._fold(step)
        if self.is_current:
            self.feed.begin(self.history.steps)
            meanwhile, self._meanwhile = self._meanwhile, []
            self.take(meanwhile)

    @property
    def is_current(self) -> bool:
        """Whether it knows every durable step."""
        return self.history.steps >= self._until

    @property
    def length(self) -> int:
        """How many steps there were when it began to read."""
        return self._until

    @property
    def has_begun(self) -> bool:
        """Whether the area has been opened."""
        return self._state is not None

    @property
    def state(self) -> State:
        """After the durable steps."""
        assert self._state is not None, "an area begins with its opening"
        return self._state

    def take(self, steps: Sequence[Step]) -> None:
        """Take durable steps in; while older ones are still read they wait."""
        if not self.is_current:
            self._meanwhile += steps
            return
        for step in steps:
            self._fold(step)
        self.feed.take(steps)

    def _fold(self, step: Step) -> None:
        closing = [event.interval for event in step.events if isinstance(event, GateClosed)]
        if self._state is not None:
            self.history.alarms.extend(self.watch.take(self._state, step))
            self._note_own(self._state, step)
        self.books |= {start: book(self.state.intervals[start]) for start in closing}
        for event in step.events:
            if isinstance(event, AreaOpened):
                self._state = State(event)
                continue
            apply(self.state, event)
            if isinstance(event, IntervalClosed):
                self.books.pop(event.interval, None)
        self.history.take((step,))

    def _note_own(self, before: State, step: Step) -> None:
        author = before.actors.get(step.command.author) if step.command is not None else None
        if author is not None and author.role in (Role.MEMBER, Role.METER):
            self.own[author.of or author.id].append(self.history.steps)


@dataclass(frozen=True, slots=True)
class Site:
    """One market area as the web application sees it.

    Attributes
    ----------
    clock, window
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
    batteries
        What members have said of theirs.
    waits
        How long each member waits for answers.
    records
        The ledger of the durable steps; None if none is kept.
    """

    clock: Clock
    window: Window
    tokens: Tokens
    connected: asyncio.Event
    currency: str
    zone: str
    feeder: Feeder
    checked: Callable[[], Checked | None]
    batteries: Mapping[str, BatteryIs]
    waits: Waits = field(default_factory=Waits)
    records: Records | None = None

    def charge(self, member: str) -> Charge | None:
        """What is in a member's battery, if it has said so."""
        said = self.batteries.get(member)
        return None if said is None else Charge(said.soc_wh / 1000, said.capacity_wh / 1000)

    @property
    def state(self) -> State:
        """After the durable steps."""
        return self.window.state

    @property
    def history(self) -> History:
        """Of the durable steps."""
        return self.window.history


Here: TypeAlias = NamedDependency[Site]
"""The site, as a handler of Litestar asks for it."""
