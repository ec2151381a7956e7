"""A member's end of the line: signed commands out, answers and news in."""

import asyncio
import logging
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import msgspec

from gridpact.client.messages import Ack, AnyMessage, BatteryIs, ClockIs, PhaseIs, PricesAre
from gridpact.client.topics import Topics
from gridpact.errors import UNREADABLE, GridpactError, InputError
from gridpact.exchange import (
    AnyBody,
    CancelOrder,
    Command,
    ListItem,
    Phase,
    ReasonCode,
    ReportReading,
    WithdrawItem,
    encode,
)
from gridpact.exchange.proof import sign_command
from gridpact.ledger import SigningKey

if TYPE_CHECKING:
    import aiomqtt

T = TypeVar("T")
LOG = logging.getLogger(__name__)
ANSWER_WITHIN_S = 5.0
ATTEMPTS = 6
_TOPIC_OF: dict[type, str] = {ListItem: "item", WithdrawItem: "cancel", CancelOrder: "cancel"}
_MESSAGE = msgspec.json.Decoder(AnyMessage)

Taker: TypeAlias = Callable[[str, bytes], None]
"""Gets the topic and the payload of a message."""


class RefusedError(GridpactError):
    """The exchange has refused a command; ``ack`` says why."""

    def __init__(self, ack: Ack) -> None:
        self.ack = ack
        super().__init__(f"{ack.reason}: {ack.means}" + f" ({ack.field}: {ack.found})" * bool(ack.found))


class NoAnswerError(GridpactError):
    """The exchange has not answered, however often it was asked; whether it has heard is not known."""


@dataclass(slots=True)
class Market:
    """A market area as one member sees it. Made by `connect`.

    Attributes
    ----------
    member
        Who trades.
    phases, prices
        Of the intervals that the exchange has spoken of, by start in milliseconds since 1970 UTC.
    clock
        What the exchange has last said of its time.
    """

    member: str
    topics: Topics
    key: SigningKey
    phases: dict[int, str] = field(default_factory=dict)
    prices: dict[int, PricesAre] = field(default_factory=dict)
    clock: ClockIs | None = None
    _heard: float = 0.0
    _line: "aiomqtt.Client | None" = None
    _asked: dict[str, "asyncio.Future[Ack]"] = field(default_factory=dict)
    _news: "asyncio.Queue[AnyMessage | None]" = field(default_factory=asyncio.Queue)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _takers: "dict[str, Taker]" = field(default_factory=dict)
    _routes: "dict[str, Taker]" = field(default_factory=dict)
    _seq: int = 0
    _listening: "asyncio.Task[None] | None" = None

    async def send(self, body: AnyBody, *, identity: str | None = None) -> str:
        """Send a command, again and again until it is answered; gives its key, which names the order or item it has made.

        Sending again is safe: the exchange knows a command by its author and id.

        Raises
        ------
        RefusedError
            If the exchange refuses it. A duplicate is no refusal: it has been heard before.
        NoAnswerError
            If there is no answer after all attempts.
        """
        command = self._signed(self.member, self.key, body, identity)
        await self._ask(command, self.topics.of_member(self.member, _TOPIC_OF.get(type(body), "order")))
        return command.key

    async def report(
        self, interval: int, energy_wh: int, *, meter: str, key: SigningKey, channel: str = "main", version: int = 0
    ) -> None:
        """Report what a meter has measured, + = consumption, signed by the meter.

        Raises
        ------
        RefusedError, NoAnswerError
            As `send`.
        """
        command = self._signed(meter, key, ReportReading(interval, energy_wh, version), f"{interval}-{version}")
        await self._ask(command, self.topics.of_member(self.member, f"meter/{channel}"))

    async def say_battery(self, soc_kwh: float, capacity_kwh: float) -> None:
        """Say what is in the member's battery, and what it holds, kWh: for its own page."""
        said = BatteryIs(round(soc_kwh * 1000), round(capacity_kwh * 1000))
        await self.publish(self.topics.of_member(self.member, "status"), msgspec.json.encode(said))

    async def next_open(self, after: int = -1) -> PricesAre:
        """The earliest interval after a time that is open for bidding; waits until there is one."""
        while True:
            found = [
                start
                for start, phase in self.phases.items()
                if phase == Phase.OPEN and start > after and start in self.prices
            ]
            if found:
                return self.prices[min(found)]
            await self._change()

    async def take_from(self, topics: str, taker: "Taker") -> None:
        """Listen to further topics; what arrives there goes to a taker, not into the news."""
        assert self._line is not None, "connect() has put it there"
        self._takers[topics] = taker
        self._routes.clear()
        await self._line.subscribe(topics, qos=1)

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """Publish what is no command."""
        assert self._line is not None, "connect() has put it there"
        await self._line.publish(topic, payload, qos=qos)

    async def while_it_stands(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for what only this line can bring; if it breaks before, raise as `news` does."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, *([self._listening] if self._listening else ())}, return_when="FIRST_COMPLETED")
            if not task.done():
                self._raise_if_broken()
            return await task
        finally:
            task.cancel()

    async def told_time(self) -> ClockIs:
        """What the exchange says of its time; waits until it has."""
        while self.clock is None:
            await self._change()
        return self.clock

    def now(self) -> int:
        """The exchange's time, milliseconds since 1970 UTC: as it was last told, and gone on since.

        Raises
        ------
        NoAnswerError
            If the exchange has not said it yet.
        """
        if self.clock is None:
            raise NoAnswerError("the exchange has not said what time it is: await told_time() first")
        return self.clock.at + round((time.monotonic() - self._heard) * 1000 * self.clock.speed)

    async def news(self) -> AsyncIterator[AnyMessage]:
        """What the exchange says to this member or to everybody, acknowledgements and the time aside.

        Raises
        ------
        aiomqtt.MqttError
            When the line breaks.
        """
        while True:
            message = await self._news.get()
            if message is None:
                self._raise_if_broken()
                return
            yield message

    async def _change(self) -> None:
        """Wait until the exchange says something new of its intervals or its time."""
        self._changed.clear()
        self._raise_if_broken()
        await self._changed.wait()

    def _raise_if_broken(self) -> None:
        if self._listening is not None and self._listening.done() and not self._listening.cancelled():
            self._listening.result()

    def _listen(self) -> "asyncio.Task[None]":
        """Begin to listen; when that ends, everybody who waits is told."""
        self._listening = asyncio.create_task(self._take())
        self._listening.add_done_callback(self._wake)
        return self._listening

    def _wake(self, _ended: object) -> None:
        self._news.put_nowait(None)
        self._changed.set()

    def _signed(self, author: str, key: SigningKey, body: AnyBody, identity: str | None) -> Command:
        self._seq += 1
        command = Command(
            self.topics.area,
            author,
            identity or new_id(),
            body,
            time=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            seq=self._seq,
        )
        return sign_command(command, key)

    async def _ask(self, command: Command, topic: str) -> Ack:
        assert self._line is not None, "connect() has put it there"
        import aiomqtt

        payload = encode(command)
        answer = self._asked.setdefault(command.id, asyncio.get_running_loop().create_future())
        try:
            for _ in range(ATTEMPTS):
                try:
                    await self._line.publish(topic, payload, qos=1)
                    async with asyncio.timeout(ANSWER_WITHIN_S):
                        ack = await asyncio.shield(answer)
                except (TimeoutError, aiomqtt.MqttError):
                    continue
                if not ack.accepted and ack.reason != ReasonCode.DUPLICATE:
                    raise RefusedError(ack)
                return ack
        finally:
            self._asked.pop(command.id, None)  # who has sent it twice at once has been answered once
        raise NoAnswerError(f"no answer to command {command.key} after {ATTEMPTS} attempts")

    async def _take(self) -> None:
        assert self._line is not None
        async for message in self._line.messages:
            topic = str(message.topic)
            taker = self._routes.get(topic)
            if taker is None:
                matching = (taker for topics, taker in self._takers.items() if message.topic.matches(topics))
                taker = next(matching, None)
            if taker is not None:
                self._routes[topic] = taker
                taker(topic, bytes(message.payload))
                continue
            if not message.payload:
                self._forget(topic)
                continue
            try:
                said = _MESSAGE.decode(bytes(message.payload))
            except UNREADABLE as error:
                LOG.warning("%s: passed over what cannot be read: %s", topic, error)
                continue
            match said:
                case Ack():
                    answer = self._asked.get(said.id)
                    if answer is not None and not answer.done():
                        answer.set_result(said)
                    continue
                case ClockIs():
                    self.clock, self._heard = said, time.monotonic()
                    self._changed.set()
                    continue
                case PhaseIs():
                    self.phases[said.interval] = said.phase
                    self._changed.set()
                case PricesAre():
                    self.prices[said.interval] = said
                    self._changed.set()
            self._news.put_nowait(said)

    def _forget(self, topic: str) -> None:
        """The exchange has taken back what it said of an interval: it is over."""
        interval = topic.removeprefix(self.topics.public("interval/"))
        if interval == topic:
            return
        start = int(interval.partition("/")[0])
        self.phases.pop(start, None)
        self.prices.pop(start, None)


@asynccontextmanager
async def connect(
    url: str,
    *,
    area: str,
    member: str,
    password: str,
    key: SigningKey,
    tls: ssl.SSLContext | None = None,
    device: str = "",
    plain: bool = False,
) -> AsyncIterator[Market]:
    """Join a market area.

    Parameters
    ----------
    url
        ``mqtt://HOST:PORT``, or ``mqtts://HOST:PORT`` for an encrypted line.
    area, member, password
        As enrolled.
    key
        With which the member signs.
    tls
        How the line is encrypted; with ``mqtts`` and None, as the system's certificates say.
    device
        Tells several connections of one member apart.
    plain
        Allows an unencrypted line beyond the loopback, on which everybody can read the password.

    Raises
    ------
    InputError
        If the URL is none of the two kinds, or the line would be unencrypted beyond the loopback.
    aiomqtt.MqttError
        If the broker cannot be reached, or lets nobody in by these credentials.
    """
    from gridpact.client.line import Line, secret_identity

    line_of = broker_line(url, tls)
    refuse_plain(line_of["hostname"], line_of["tls_context"] is not None, plain, "mqtts://, plain=True or --plain")
    topics = Topics(area)
    identity = secret_identity(f"{member}/{device}" if device else member, password)
    async with Line(username=member, password=password, identifier=identity, **line_of) as line:
        market = Market(member, topics, key, _line=line)
        for name in ("ack", "decision", "bill/+", "limit"):
            await line.subscribe(topics.of_member(member, name), qos=1)
        for name in ("clock", "interval/+/phase", "interval/+/prices"):
            await line.subscribe(topics.public(name), qos=1)
        listening = market._listen()
        try:
            yield market
        finally:
            listening.cancel()


def broker_line(url: str, tls: ssl.SSLContext | None) -> dict[str, Any]:
    """Where a broker is and how the line to it is encrypted, as aiomqtt takes it.

    Raises
    ------
    InputError
        If the URL is neither ``mqtt://HOST:PORT`` nor ``mqtts://HOST:PORT``.

    Examples
    --------
    >>> broker_line("mqtt://localhost:1883", None)
    {'hostname': 'localhost', 'port': 1883, 'tls_context': None}
    """
    parts = urlsplit(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise InputError(f"broker {url!r}", accepted="mqtt://HOST:PORT or mqtts://HOST:PORT")
    encrypted = parts.scheme == "mqtts"
    return {
        "hostname": parts.hostname,
        "port": parts.port or (8883 if encrypted else 1883),
        "tls_context": (tls or ssl.create_default_context()) if encrypted else None,
    }


def refuse_plain(host: str, encrypted: bool, allowed: bool, accepted: str, place: str = "") -> None:
    """Refuse an unencrypted line beyond the loopback, unless it is allowed.

    Raises
    ------
    InputError
        If it is refused.
    """
    if not encrypted and not allowed and not is_loopback(host):
        raise InputError(f"an unencrypted line to {host}, beyond the loopback", place=place, accepted=accepted)


def is_loopback(host: str) -> bool:
    """Whether an address is only reached from this machine.

    Examples
    --------
    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "broker")]
    [True, True, True, False, False]
    """
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def new_id() -> str:
    """A UUID of version 7 (RFC 9562): it sorts by time, and no two are the same."""
    millis = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = millis << 80 | 0x7 << 76 | (random >> 68) << 64 | 0x2 << 62 | random & ((1 << 62) - 1)
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
