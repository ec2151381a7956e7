"""Between the broker and the writer of an area: members' messages in, the exchange's words out.

Whatever arrives is handed to the writer; the writer's answers go out when they are durable. A message stays in the store until
the broker has acknowledged it, so that a broken line or a crash repeats words and loses none.
"""

import asyncio
import logging
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiomqtt
import msgspec

from gridpact.client import BatteryIs, KeyIs, Topics
from gridpact.client.client import broker_line
from gridpact.client.line import Line, secret_identity
from gridpact.client.topics import FROM_MEMBER
from gridpact.errors import UNREADABLE
from gridpact.service.area import AreaWriter, StoppedError
from gridpact.service.store import Effect, Store, StoreError

LOG = logging.getLogger(__name__)
_BATTERY = msgspec.json.Decoder(BatteryIs)
AGAIN_AFTER_S = 0.5
"""Before the next attempt to reach a broker that is away."""
MOST_UNANSWERED = 200
"""Messages of one member that wait for their step; what it sends beyond is passed over, so that a flood drowns nobody else."""
FORGET_EVERY_S = 0.25
"""How often the store is told what the broker has: a transaction less for every group of messages."""
ANNOUNCE_EVERY_S = 0.5
"""Between two looks for who has joined."""
MOST_IN_FLIGHT = 100
"""Messages handed to the broker and not acknowledged yet."""


@dataclass(slots=True)
class Outbox:
    """What is waiting for the broker: filled by the writer, emptied by the gateway, and filled again from the store."""

    area: str
    store: Store
    waiting: list[Effect] = field(default_factory=list)
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    next: int = 0
    """Number of the first step whose messages have not been taken in."""

    async def take(self, _steps: Sequence[object], effects: Sequence[Effect]) -> None:
        """Take messages in: a `gridpact.service.area.Tell`."""
        new = [effect for effect in effects if effect.number >= self.next]
        if new:
            self.waiting += new
            self.next = new[-1].number + 1
            self.filled.set()

    async def refill(self) -> None:
        """Begin again with what the store knows as not sent; what is written meanwhile is neither lost nor said twice."""
        self.waiting = []
        found = await self.store.unsent(self.area)
        until = found[-1].number + 1 if found else 0
        self.waiting = found + [effect for effect in self.waiting if effect.number >= until]
        self.next = max(self.next, until)
        self.filled.set()

    async def empty(self, publish: Callable[[Effect], Coroutine[Any, Any, None]]) -> None:
        """Hand everything on, in order by topic, and forget it when the broker has it. Works until cancelled."""
        handed_on, forgot = 0, time.monotonic()
        while True:
            if handed_on and time.monotonic() - forgot >= FORGET_EVERY_S:
                await self.store.sent(self.area, handed_on)
                handed_on, forgot = 0, time.monotonic()
            try:
                async with asyncio.timeout(FORGET_EVERY_S if handed_on else None):
                    await self.filled.wait()
            except TimeoutError:
                continue
            self.filled.clear()
            taken, self.waiting = self.waiting, []
            for first in range(0, len(taken), MOST_IN_FLIGHT):
                await asyncio.gather(*(publish(effect) for effect in taken[first : first + MOST_IN_FLIGHT]))
            if taken:
                handed_on = taken[-1].number + 1


@dataclass(slots=True)
class Board:
    """What is shown to everybody and follows from the state alone: retained, only the latest of a topic counts.

    It is kept nowhere: after a break everything is shown again, after a restart whoever filled it fills it again.
    """

    shown: dict[str, bytes] = field(default_factory=dict)
    batteries: dict[str, BatteryIs] = field(default_factory=dict)
    """What members have said of theirs since the service began: for their own pages."""
    _changed: dict[str, None] = field(default_factory=dict)
    _filled: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, topic: str, payload: bytes) -> None:
        """Show something in place of what was shown of this topic."""
        if self.shown.get(topic) != payload:
            self.shown[topic] = payload
            self._changed[topic] = None
            self._filled.set()

    def leave(self, topic: str) -> None:
        """Show this topic no more; what was said of it last, stands."""
        self.shown.pop(topic, None)
        self._changed.pop(topic, None)

    def again(self) -> None:
        """Show everything anew."""
        self._changed = dict.fromkeys(self.shown)
        self._filled.set()

    async def keep(self, publish: Callable[[Effect], Coroutine[Any, Any, None]]) -> None:
        """Publish whatever changes. Works until cancelled."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._changed:
                topic = next(iter(self._changed))
                del self._changed[topic]
                await publish(Effect(0, 0, topic, self.shown[topic], retained=True))


@asynccontextmanager
async def run_gateway(
    writer: AreaWriter,
    outbox: Outbox,
    url: str,
    user: str,
    password: str,
    tls: ssl.SSLContext | None = None,
    *,
    identity: str = "",
    board: Board | None = None,
) -> AsyncIterator[asyncio.Event]:
    """Keep an area on the bus: connect, connect again whenever the line breaks.

    Parameters
    ----------
    writer, outbox
        Of the area.
    url
        ``mqtt://HOST:PORT`` or ``mqtts://HOST:PORT``.
    user, password
        Of the exchange.
    tls
        How the line is encrypted.
    identity
        Tells the lines of several areas apart that log in as one user.
    board
        What is shown beside the messages that follow from steps.

    Returns
    -------
    An event that is set while the line stands.
    """
    login = {
        "username": user,
        "password": password,
        "identifier": secret_identity(identity or user, password),
        **broker_line(url, tls),
    }
    connected = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_stay_connected(writer, outbox, board or Board(), login, connected))
        try:
            yield connected
        finally:
            task.cancel()


async def _stay_connected(
    writer: AreaWriter, outbox: Outbox, board: Board, login: dict[str, Any], connected: asyncio.Event
) -> None:
    topics = writer.topics
    status = topics.public("status")
    will = aiomqtt.Will(status, b'"offline"', qos=1, retain=True)
    while True:
        try:
            async with Line(clean_session=False, will=will, **login) as line:
                line.pending_calls_threshold = MOST_IN_FLIGHT
                for name in FROM_MEMBER:
                    await line.subscribe(topics.of_member("+", name), qos=1)
                await line.publish(status, b'"online"', qos=1, retain=True)
                await outbox.refill()
                board.again()
                connected.set()
                await _serve(writer, outbox, board, line)
        except (aiomqtt.MqttError, StoreError) as error:
            LOG.warning("area %s: %s; again in %.1f s", topics.area, error, AGAIN_AFTER_S)
        except StoppedError:
            return
        finally:
            connected.clear()
        await asyncio.sleep(AGAIN_AFTER_S)


async def _serve(writer: AreaWriter, outbox: Outbox, board: Board, line: aiomqtt.Client) -> None:
    """Carry messages both ways until the line breaks."""

    async def publish(effect: Effect) -> None:
        await line.publish(effect.topic, effect.payload, qos=1, retain=effect.retained)

    works = (outbox.empty(publish), board.keep(publish), _listen(writer, board, line), _announce(writer, line))
    tasks = {asyncio.create_task(work) for work in works}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _announce(writer: AreaWriter, line: aiomqtt.Client) -> None:
    """Keep the directory: an entry for everybody who signs, retained; all of them on every new line. Works until cancelled."""
    said = 0
    while True:
        actors = list(writer.exchange.state.actors.values())[said:]
        for actor in actors:
            entry = KeyIs(writer.topics.area, actor.id, actor.role, actor.key).signed(writer.key)
            topic = writer.topics.public(f"directory/{actor.id}")
            await line.publish(topic, msgspec.json.encode(entry), qos=1, retain=True)
        said += len(actors)
        await asyncio.sleep(ANNOUNCE_EVERY_S)


async def _listen(writer: AreaWriter, board: Board, line: aiomqtt.Client) -> None:
    unanswered: Counter[str] = Counter()
    async for message in line.messages:
        topic = str(message.topic)
        sender = member_of(topic, writer.topics)
        if topic == writer.topics.of_member(sender, "status"):
            _hear_battery(board, sender, bytes(message.payload))
            continue
        if unanswered[sender] >= MOST_UNANSWERED:
            continue
        unanswered[sender] += 1
        done = await writer.take(bytes(message.payload), sender)
        done.add_done_callback(_note_failure)
        done.add_done_callback(lambda _, sender=sender: unanswered.subtract((sender,)))  # type: ignore[misc]


def _hear_battery(board: Board, member: str, payload: bytes) -> None:
    try:
        board.batteries[member] = _BATTERY.decode(payload)
    except UNREADABLE as error:
        LOG.info("%s: no word of a battery: %s", member, error)


def _note_failure(done: "asyncio.Future[Any]") -> None:
    """A message whose step was not written is not answered, and its member sends it again; at the end that is how it goes."""
    if not done.cancelled() and (error := done.exception()) is not None:
        level = logging.INFO if isinstance(error, StoppedError) else logging.WARNING
        LOG.log(level, "a message was not answered: %s", error)


def member_of(topic: str, topics: Topics) -> str:
    """The member whose topic it is.

    Examples
    --------
    >>> member_of("gridpact/v1/north/member/ann/order", Topics("north"))
    'ann'
    """
    return topic.removeprefix(topics.of_member("", "").rstrip("/")).lstrip("/").partition("/")[0]
