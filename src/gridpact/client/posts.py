"""Agents of mechanisms on the bus: what they say to each other in one process, they say here in sealed letters.

An agent keeps to `gridpact.markets.mailbox.Post` and does not know the difference. Its clock of rounds is one of ticks: it is
stepped whenever it has heard what it waits for, and once a tick if nothing comes, so that it can say again what was lost.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import aiomqtt
import msgspec

from gridpact.client.mail import Mail
from gridpact.errors import UNREADABLE

LOG = logging.getLogger(__name__)
TICK_S = 0.5
"""A round of the clock, where nothing arrives."""

M = TypeVar("M")


class LetterPost(Generic[M]):
    """A `Post` about one subject: everything that is sent waits for `flush`, and goes out sealed.

    Parameters
    ----------
    mail
        Of the agent's owner.
    subject
        What the conversation is about.
    message
        The type of the messages, or the union of them.
    partners
        Who is listened to; others may write about the subject in vain.
    qos
        At least 1 where nothing may be lost; 0 where agents say again what is.
    tick_s
        Length of a round, s.

    Attributes
    ----------
    tray
        What has arrived.
    heard, sent, bytes
        Messages so far, and bytes of those that were sent, before sealing.
    """

    def __init__(
        self, mail: Mail, subject: str, message: Any, partners: Collection[str], *, qos: int = 1, tick_s: float = TICK_S
    ) -> None:
        self._mail, self._subject, self._qos = mail, subject, qos
        self._partners = frozenset(partners)
        self._decode = msgspec.msgpack.Decoder(message).decode
        self._encode = msgspec.msgpack.Encoder().encode
        self._outgoing: list[tuple[str, bytes]] = []
        self._begun, self.tick_s = time.monotonic(), tick_s
        self.tray = mail.tray(subject)
        self.heard = self.sent = self.bytes = 0

    @property
    def name(self) -> str:
        """Of the owner."""
        return self._mail.owner

    @property
    def round(self) -> int:
        """Ticks since it was made."""
        return int((time.monotonic() - self._begun) / self.tick_s)

    def send(self, receiver: str, message: M) -> None:
        """Send at the next `flush`."""
        self._outgoing.append((receiver, self._encode(message)))

    def receive(self) -> list[tuple[str, M]]:
        """What partners have sent; what is no message is left out, and counted by the mail."""
        found = []
        for sender, body in self.tray.take():
            if sender not in self._partners:
                self._mail.refused["somebody who was not asked"] += 1
                continue
            try:
                found.append((sender, self._decode(body)))
                self.heard += 1
            except UNREADABLE:
                self._mail.refused["a letter that is no message of its subject"] += 1
        return found

    async def flush(self) -> None:
        """Let out what is waiting. What a broken line does not take is lost, as it may be underway."""
        outgoing, self._outgoing = self._outgoing, []
        for receiver, body in outgoing:
            self.sent, self.bytes = self.sent + 1, self.bytes + len(body)
            try:
                await self.carry(receiver, body)
            except aiomqtt.MqttError as error:
                LOG.info("%s to %s: %s", self.name, receiver, error)

    async def carry(self, receiver: str, body: bytes) -> None:
        """Let out one message."""
        await self._mail.send(receiver, self._subject, body, qos=self._qos)

    async def pause(self, seconds: float) -> bool:
        """Wait until something has arrived; False if nothing has for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self.tray.arrived.wait()
        except TimeoutError:
            return False
        return True


class Steps(Protocol):
    """An agent."""

    def step(self) -> None:
        """Hear and answer."""
        ...


@dataclass(slots=True)
class Talk:
    """An agent at its post, until cancelled: whoever is done still answers who has not heard so.

    Attributes
    ----------
    agent, post
        Who talks.
    ready
        Whether it has heard what it waits for; if not, it is stepped when a tick has passed.
    """

    agent: Steps
    post: LetterPost[Any]
    ready: Callable[[], bool] = lambda: True
    _stepped: asyncio.Event = field(default_factory=asyncio.Event)
    _task: "asyncio.Task[None] | None" = None

    async def run(self) -> None:
        """Talk until cancelled."""
        while True:
            self.agent.step()
            self._stepped.set()
            await self.post.flush()
            await self._until_due()

    async def until(self, reached: Callable[[], bool], alive: Callable[[], int], silence_s: float) -> bool:
        """Wait until something is reached; False if for so long nothing was heard, by which something would be alive."""
        last = alive()
        while not reached():
            try:
                async with asyncio.timeout(silence_s):
                    while not reached() and alive() == last:
                        self._stepped.clear()
                        await self._stepped.wait()
                        if self._task is not None and self._task.done():
                            self._task.result()
            except TimeoutError:
                return False
            last = alive()
        return True

    async def _until_due(self) -> None:
        due = asyncio.get_running_loop().time() + self.post.tick_s
        while True:
            try:
                async with asyncio.timeout_at(due):
                    await self.post.tray.arrived.wait()
            except TimeoutError:
                return
            if self.ready():
                return
            self.post.tray.arrived.clear()


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[Talk]:
    """Let an agent talk as long as the context lasts; if it fails, so does whoever waits for it."""
    talk._task = task = asyncio.create_task(talk.run())
    task.add_done_callback(lambda _: talk._stepped.set())
    try:
        yield talk
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
