"""A member's post: sealed letters to other members and from them, sorted by what they are about.

Nobody has to be asked first: whoever is in the directory of the area can be written to. Letters about something that nobody has
asked for yet wait, so that a conversation may begin before the other end is ready for it.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from gridpact.client.client import Market
from gridpact.client.messages import KeyIs
from gridpact.client.sealing import Opener, Route, Sealer, SealError, WallClock, wall_clock
from gridpact.client.topics import Topics
from gridpact.errors import UNREADABLE, InputError, nearest_name
from gridpact.exchange import Role
from gridpact.ledger import SigningKey, to_bytes
from gridpact.ledger.keys import KEY_BYTES

MOST_SUBJECTS = 1_000
"""Subjects that letters may wait for; of more, the oldest are forgotten."""
MOST_WAITING = 1_000
"""Letters that wait about one subject; of more, the oldest are dropped."""

Publish: TypeAlias = Callable[[str, bytes, int], Coroutine[Any, Any, None]]
"""Topic, payload, quality of service."""


class Letter(msgspec.Struct, array_like=True, frozen=True):
    """What is sealed: something about a subject."""

    subject: str
    body: bytes


_LETTER = msgspec.msgpack.Decoder(Letter)
_ENTRY = msgspec.json.Decoder(KeyIs)


@dataclass(slots=True)
class Tray:
    """What has arrived about a subject and has not been read."""

    letters: deque[tuple[str, bytes]] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, sender: str, body: bytes) -> None:
        """Put a letter in."""
        self.letters.append((sender, body))
        self.arrived.set()

    def take(self) -> list[tuple[str, bytes]]:
        """Take all letters out: sender and body, in the order of arrival."""
        taken = list(self.letters)
        self.letters.clear()
        self.arrived.clear()
        return taken


@dataclass(slots=True)
class Mail:
    """Writes and reads sealed letters. Made by `open_mail`, or by who has another line.

    Attributes
    ----------
    owner, key
        Who writes, and signs.
    topics
        Of the area.
    keys
        Public keys of everybody whom the directory has named so far, by name; `roles` likewise.
    refused
        How many letters were not taken, by reason.
    """

    owner: str
    key: SigningKey
    topics: Topics
    publish: Publish
    exchange_key: bytes
    clock: WallClock = wall_clock
    keys: dict[str, bytes] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    _since: int = field(init=False)
    _sealers: dict[str, Sealer] = field(default_factory=dict)
    _openers: dict[str, Opener] = field(default_factory=dict)
    _trays: dict[str, Tray] = field(default_factory=dict)
    _wanted: set[str] = field(default_factory=set)
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._since = self.clock()

    async def send(self, to: str, subject: str, body: bytes, *, qos: int = 1) -> None:
        """Write to a member.

        Raises
        ------
        InputError
            If the directory does not know the member, or the letter is too long.
        """
        await self.send_by(self.topics.inbox(of=to, sender=self.owner), to, subject, body, qos=qos)

    async def send_by(self, topic: str, to: str, subject: str, body: bytes, *, qos: int = 1) -> None:
        """Write to somebody by another topic than its inbox."""
        if topic not in self._sealers:
            self._sealers[topic] = Sealer(
                self.key, Route(topic, self.owner, to, self.key.public, self._key(to)), self.clock
            )
        await self.publish(topic, self._sealers[topic].seal(msgspec.msgpack.encode(Letter(subject, body))), qos)

    def tray(self, subject: str) -> Tray:
        """Where letters about a subject are found; they are kept from now on until `forget`."""
        self._wanted.add(subject)
        return self._trays.setdefault(subject, Tray())

    def forget(self, subject: str) -> None:
        """Nothing more is wanted about a subject."""
        self._wanted.discard(subject)
        self._trays.pop(subject, None)

    async def until_known(self, *names: str) -> None:
        """Wait until the directory has named these."""
        while any(name not in self.keys for name in names):
            self._grown.clear()
            await self._grown.wait()

    def take(self, topic: str, payload: bytes) -> None:
        """Read what has arrived by an inbox of the owner: its last level names the sender."""
        self.take_from(topic, topic.rsplit("/", 1)[1], payload)

    def take_from(self, topic: str, sender: str, payload: bytes) -> None:
        """Read what has arrived of a sender. What cannot be read is counted, and changes nothing."""
        if sender not in self.keys:
            self.refused["a sender that the directory does not know"] += 1
            return
        if topic not in self._openers:
            route = Route(topic, sender, self.owner, self.keys[sender], self.key.public)
            self._openers[topic] = Opener(self.key, route, self._since, self.clock)
        try:
            letter = _LETTER.decode(self._openers[topic].open(payload))
        except SealError as error:
            self.refused[str(error)] += 1
        except UNREADABLE:
            self.refused["what is sealed is no letter"] += 1
        else:
            self._tray(letter.subject).put(sender, letter.body)

    def learn(self, _topic: str, payload: bytes) -> None:
        """Read an entry of the directory. A key that is known does not change."""
        try:
            entry = _ENTRY.decode(payload)
            key = to_bytes(entry.key, KEY_BYTES, "key")
        except (*UNREADABLE, InputError):
            self.refused["no entry of a directory"] += 1
            return
        if entry.area != self.topics.area or not entry.is_signed_by(self.exchange_key):
            self.refused["an entry that the exchange has not signed"] += 1
        elif self.keys.setdefault(entry.name, key) != key:
            self.refused["another key of somebody known"] += 1
        else:
            self.roles[entry.name] = entry.role
            self._grown.set()

    def members(self) -> list[str]:
        """The members whom the directory has named so far, in the order of their ids."""
        return sorted(name for name, role in self.roles.items() if role == Role.MEMBER)

    @property
    def exchange(self) -> str:
        """The exchange, by the directory."""
        return next(name for name, role in self.roles.items() if role == Role.EXCHANGE)

    def _tray(self, subject: str) -> Tray:
        if subject not in self._trays:
            waiting = [known for known in self._trays if known not in self._wanted]
            if len(waiting) >= MOST_SUBJECTS:
                del self._trays[waiting[0]]
                self.refused["nobody has asked for it, and others waited"] += 1
            self._trays[subject] = Tray()
        return self._trays[subject]

    def _key(self, name: str) -> bytes:
        if name not in self.keys:
            found = f"the directory does not know {name!r}{nearest_name(name, list(self.keys))}"
            raise InputError(found, place="mail", accepted="somebody in the directory of the area")
        return self.keys[name]


async def open_mail(market: Market, exchange_key: bytes, clock: WallClock = wall_clock) -> Mail:
    """Open the post of a member who is connected.

    Parameters
    ----------
    market
        The member's line.
    exchange_key
        The exchange's public key, known from elsewhere: entries of the directory count if it has signed them.
    clock
        Wall clock, milliseconds since 1970 UTC.
    """

    async def publish(topic: str, payload: bytes, qos: int) -> None:
        await market.publish(topic, payload, qos=qos)

    mail = Mail(market.member, market.key, market.topics, publish, exchange_key, clock)
    await market.take_from(market.topics.public("directory/+"), mail.learn)
    await market.while_it_stands(mail.until_known(market.member))
    await market.take_from(market.topics.inbox(of=market.member, sender="+"), mail.take)
    return mail
