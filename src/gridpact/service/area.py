"""The one writer of a market area: messages in, in order of arrival; steps into the store, group by group; then word to all.

What was not written has not happened: nobody is told of a step before it is durable. While a group is being written the next
one gathers, so that a database that commits slowly is asked less often. If the database is away, the writer keeps what it has
decided and tries again; if somebody else has written to the area, it stops.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gridpact.client import Topics
from gridpact.errors import GridpactError, InputError
from gridpact.exchange import (
    Actor,
    Command,
    Exchange,
    Refused,
    Rules,
    SnapshotError,
    Step,
    Tick,
    Verifier,
    decode,
    encode,
    freeze,
    open_area,
    thaw,
)
from gridpact.exchange.proof import sign_command, verify_command
from gridpact.ledger import SigningKey
from gridpact.service.effects import effects_of
from gridpact.service.store import Effect, Snapshot, Store, StoreConflictError, StoreError
from gridpact.service.waits import Waits

LOG = logging.getLogger(__name__)
MOST_AT_ONCE = 2_000
"""Messages of a group."""
MOST_WAITING = 20_000
"""Messages that have been taken in and not been decided: beyond, whoever brings more has to wait."""
SNAPSHOT_EVERY = 20_000
"""Steps between two snapshots of the state: a restart reads no more than these."""
LONGEST_WAIT_S = 5.0
"""Between two attempts to reach the database."""

Clock = Callable[[], int]
"""Milliseconds since 1970 UTC: the wall clock, or one that runs faster."""
Tell = Callable[[Sequence[Step], Sequence[Effect]], Awaitable[None]]
"""Takes what has become durable; returns when the messages have been handed on."""


class StoppedError(GridpactError):
    """The writer has stopped, and the message was not taken."""


@dataclass(frozen=True, slots=True)
class _Asked:
    message: Command | bytes
    sender: str
    done: "asyncio.Future[Step]"
    arrived: float = field(default_factory=time.perf_counter)


@dataclass(slots=True)
class AreaWriter:
    """See the module. Made by `run_area`.

    ``last``: time of the newest step, milliseconds since 1970 UTC. ``is_durable``: whether everything that the state knows has
    been written; ``when_durable`` is called as soon as it is so.
    """

    store: Store
    exchange: Exchange
    key: SigningKey
    clock: Clock
    tell: Tell
    number: int
    topics: Topics
    last: int = 0
    waits: Waits = field(default_factory=Waits)
    _waiting: "asyncio.Queue[_Asked]" = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    is_durable: bool = True
    when_durable: Callable[[], None] = lambda: None
    _ticks: int = 0
    _has_stopped: bool = False

    async def take(self, message: Command | bytes, sender: str = "") -> "asyncio.Future[Step]":
        """Take a message in; the future gives the step when it is durable. Waits while too many others do.

        Raises
        ------
        StoppedError
            By the future, if the writer stops before.
        """
        asked = _Asked(message, sender, asyncio.get_running_loop().create_future())
        if not self._has_stopped:
            await self._waiting.put(asked)
        if self._has_stopped:
            self._turn_away([asked])
        return asked.done

    async def submit(self, message: Command | bytes, sender: str = "") -> Step:
        """Take a message in, and wait until what came of it is durable."""
        return await (await self.take(message, sender))

    async def run(self) -> None:
        """Work until cancelled, or until somebody else writes to the area."""
        group: list[_Asked] = []
        try:
            while True:
                group = [await self._waiting.get()]
                while len(group) < MOST_AT_ONCE and not self._waiting.empty():
                    group.append(self._waiting.get_nowait())
                await self._work(group)
                group = []
        finally:
            self._has_stopped = True
            while not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            self._turn_away(group)

    def _turn_away(self, group: Sequence[_Asked]) -> None:
        for asked in group:
            if not asked.done.done():
                asked.done.set_exception(StoppedError(f"the writer of area {self.topics.area} has stopped"))

    async def keep_time(self, pause_s: float = 0.05) -> None:
        """Tick whenever something is due. Work until cancelled."""
        while True:
            if self.exchange.is_due(self.clock()):
                await self.submit(self.own(Tick(), f"tick-{self.clock()}-{self._ticks}"))
                self._ticks += 1
            else:
                await asyncio.sleep(pause_s)

    def own(self, body: object, identity: str) -> Command:
        """A command of the exchange itself."""
        author = next(actor.id for actor in self.exchange.state.actors.values() if actor.role == "exchange")
        return sign_command(Command(self.topics.area, author, identity, body), self.key)  # type: ignore[arg-type]

    async def _work(self, group: Sequence[_Asked]) -> None:
        steps: list[Step] = []
        effects: list[Effect] = []
        messages = await asyncio.to_thread(self._check_ahead, [asked.message for asked in group])
        self.is_durable = False
        for asked, message in zip(group, messages, strict=True):
            self.last = max(
                self.last, self.clock()
            )  # a wall clock may be set back; the journal's time does not go back
            step = self.exchange.decide(message, self.last)
            effects += effects_of(self.number + len(steps), step, self.exchange.state, self.topics, asked.sender)
            self.exchange.apply(step)
            steps.append(step)
        await self._write(steps, effects)
        self.is_durable = True
        before, self.number = self.number, self.number + len(steps)
        if before // SNAPSHOT_EVERY != self.number // SNAPSHOT_EVERY:
            await self._keep_snapshot()
        self.when_durable()
        for asked, step in zip(group, steps, strict=True):
            if not asked.done.done():
                asked.done.set_result(step)
        await self.tell(steps, effects)
        answered = time.perf_counter()
        for asked in group:
            if asked.sender:
                self.waits.add(asked.sender, answered - asked.arrived)

    def _check_ahead(self, messages: Sequence[Command | bytes]) -> list[Command | bytes]:
        """Read messages, and check signatures once before they count: the interpreter is free meanwhile, and new ones arrive.

        The verifier remembers; the state is read only, and nobody else changes it.
        """
        found: list[Command | bytes] = []
        for message in messages:
            payload = (
                message if isinstance(message, bytes) else encode(message)
            )  # the house's own are read as everybody's
            command = decode(payload)
            if isinstance(command, Refused):
                found.append(payload)
                continue
            found.append(command)
            author = self.exchange.state.actors.get(command.author)
            if author is not None:
                self.exchange.verify(command, author.key)
        return found

    async def _keep_snapshot(self) -> None:
        """Keep the state as it is now; without one a restart only takes longer."""
        try:
            await self.store.keep(self.topics.area, Snapshot(self.number, freeze(self.exchange.state)))
        except StoreError as error:
            LOG.warning("area %s: no snapshot: %s", self.topics.area, error)

    async def _write(self, steps: Sequence[Step], effects: Sequence[Effect]) -> None:
        """Write for certain: try again while the database is away, and find out what became of an attempt that broke off."""
        wait = 0.05
        in_doubt, conflict = False, None
        while True:
            try:
                if conflict is None:
                    await self.store.append(self.topics.area, self.number, steps, effects)
                    return
                if await self._is_written(steps):
                    return
                break
            except StoreError as error:
                LOG.warning("area %s: %s; again in %.2f s", self.topics.area, error, wait)
                in_doubt = True
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT_S)
            except StoreConflictError as error:
                if not in_doubt:
                    raise
                conflict = error
        raise conflict

    async def _is_written(self, steps: Sequence[Step]) -> bool:
        found = [step async for step in self.store.read(self.topics.area, self.number)]
        return found == list(steps)


@asynccontextmanager
async def run_area(
    store: Store,
    rules: Rules,
    actors: Sequence[Actor],
    key: SigningKey,
    clock: Clock,
    tell: Tell,
    verify: Verifier = verify_command,
) -> AsyncIterator[AreaWriter]:
    """Open an area or go on where it was, and run it.

    Parameters
    ----------
    store
        With or without steps of the area.
    rules, actors
        With which the area is opened if it is new.
    key
        With which the exchange signs its own commands.
    clock, tell
        See their types.
    verify
        Checks signatures.

    Raises
    ------
    InputError
        If rules or actors cannot make an area, or the area began with other rules.
    """
    topics = Topics(rules.area)
    if await store.length(rules.area) == 0:
        opening = open_area(rules, actors, clock())
        await store.append(rules.area, 0, [opening])
        await tell([opening], ())
    exchange, number = await restore(store, rules.area, verify)
    if exchange.state.rules != rules:
        began = f"what it began with: {_differences(exchange.state.rules, rules)}; or another area"
        raise InputError("other rules than before", place=f"area {rules.area}", accepted=began)
    newest = [step.at async for step in store.read(rules.area, number - 1, 1)]
    writer = AreaWriter(store, exchange, key, clock, tell, number, topics, newest[0])
    await tell((), await store.unsent(rules.area))
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(writer.run()), tasks.create_task(writer.keep_time())]
        try:
            yield writer
        finally:
            for task in running:
                task.cancel()


async def restore(store: Store, area: str, verify: Verifier) -> tuple[Exchange, int]:
    """The exchange of an area as it was, and how many steps that is: from the newest snapshot and the steps behind it.

    A snapshot that cannot be used is said so in the log, and every step is read.
    """
    kept = await store.snapshot(area)
    exchange, number = None, 0
    if kept is not None:
        try:
            exchange, number = Exchange(thaw(kept.state), verify), kept.number
        except SnapshotError as error:
            LOG.error("area %s: %s; all steps are read", area, error)
    async for step in store.read(area, number):
        if exchange is None:
            exchange = Exchange.from_steps([step], verify)
        else:
            exchange.apply(step)
        number += 1
    if exchange is None:
        raise InputError("no step", place=f"area {area}", accepted="an area that has been opened")
    return exchange, number


def _differences(before: Rules, now: Rules) -> str:
    fields = ((name, getattr(before, name), getattr(now, name)) for name in Rules.__struct_fields__)
    return ", ".join(f"{name} = {then!r}" for name, then, wanted in fields if then != wanted)
