"""Messages between agents in one process, driven by a clock of rounds: real bytes, and a network that may misbehave.

An agent joins under a name and gets a `Post`, with which it sends and receives. What it sends is encoded at once, so that sizes
are those of a real network and nothing is shared by reference. A message arrives in a later round than it was sent, if at all.

A round, as whoever drives the agents goes through it::

    while not all(agent.done for agent in agents.values()):
        for name in mailbox.awake:
            agents[name].step()
        mailbox.next_round()

Retransmission is the agents' own matter: only they know what has been overtaken and need not be said again.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec
import numpy as np

from gridpact.errors import InputError

M = TypeVar("M")

LinkSchedule: TypeAlias = Callable[[int, str, str], bool]
"""Whether a link works in a round, by round, sender and receiver."""

_DRAWS = 4096


class Post(Protocol[M]):
    """An agent's face of the network, and all that another transport has to offer."""

    @property
    def name(self) -> str:
        """Under which the agent joined."""
        ...

    @property
    def round(self) -> int:
        """The present round: the clock."""
        ...

    def send(self, receiver: str, message: M) -> None:
        """Send an immutable message; it is encoded now, and once if the same object goes to several receivers in a row.

        Raises
        ------
        InputError
            If nobody of this name has joined.
        """
        ...

    def receive(self) -> list[tuple[str, M]]:
        """What has arrived since the last call, in the order of arrival: sender and message, decoded anew."""
        ...


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a network does to messages. The default is a perfect one: each message arrives in the next round.

    Attributes
    ----------
    loss
        Share of messages that are lost, in [0, 1).
    delay
        Fewest and most rounds that a message is on its way, at least 1, each equally likely. A span also reorders messages.
    duplication
        Share of messages that arrive twice, in [0, 1).
    link_up
        Share of rounds in which a link works, in (0, 1]: drawn anew in every round, for both directions at once. What is sent
        over a link that is down is lost.
    activity
        Share of rounds in which an agent is awake, in (0, 1]. What arrives meanwhile waits.

    Raises
    ------
    InputError
        If a share or a delay is out of range.

    Examples
    --------
    >>> Conditions(loss=0.3).reliable, Conditions(delay=(1, 4)).reliable
    (False, True)
    """

    loss: float = 0.0
    delay: tuple[int, int] = (1, 1)
    duplication: float = 0.0
    link_up: float = 1.0
    activity: float = 1.0

    def __post_init__(self) -> None:
        for name, share in (("loss", self.loss), ("duplication", self.duplication)):
            if not 0 <= share < 1:
                raise InputError(f"{name} = {share}", place="conditions", accepted="a share from 0 to below 1")
        for name, share in (("link_up", self.link_up), ("activity", self.activity)):
            if not 0 < share <= 1:
                raise InputError(f"{name} = {share}", place="conditions", accepted="a share above 0, up to 1")
        whole = all(isinstance(rounds, Integral) for rounds in self.delay)
        if not (whole and 1 <= self.delay[0] <= self.delay[1]):
            raise InputError(
                f"delay = {self.delay}", place="conditions", accepted="fewest and most rounds, whole numbers from 1 up"
            )

    @property
    def perfect(self) -> bool:
        """Whether every message arrives once, in the next round, at somebody who is awake."""
        return self == Conditions()

    @property
    def reliable(self) -> bool:
        """Whether every message arrives in the end."""
        return self.loss == 0 and self.link_up == 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it lay in an inbox."""

    round: int
    sender: str
    receiver: str
    payload: bytes


class Mailbox(Generic[M]):
    """Carries messages between agents.

    Parameters
    ----------
    message
        The type of the messages, or the union of them: msgspec structs.
    conditions
        What the network does to messages.
    rng
        Where its whims come from; needed unless the conditions are perfect.
    links
        Further says of a link whether it works in a round; for partitions and given time-varying graphs.
    keep_transcript
        Whether to keep every delivery, so that one can look up what an inbox held.

    Attributes
    ----------
    round
        The present round, from 0 up.
    awake
        Who is awake in this round, in the order of joining.
    messages, bytes
        What each agent has sent so far, by name, lost messages included.
    transcript
        Every delivery, if kept.

    Examples
    --------
    >>> class Offer(msgspec.Struct, frozen=True, tag=True):
    ...     price: int
    >>> mailbox: Mailbox[Offer] = Mailbox(Offer)
    >>> ann, bob = mailbox.join("ann"), mailbox.join("bob")
    >>> ann.send("bob", Offer(7))
    >>> bob.receive()
    []
    >>> mailbox.next_round()
    >>> bob.receive()
    [('ann', Offer(price=7))]
    >>> mailbox.messages["ann"], mailbox.bytes["ann"]
    (1, 19)
    """

    def __init__(
        self,
        message: Any,
        conditions: Conditions | None = None,
        rng: np.random.Generator | None = None,
        *,
        links: LinkSchedule | None = None,
        keep_transcript: bool = False,
    ) -> None:
        self.conditions = conditions or Conditions()
        if rng is None and not self.conditions.perfect:
            raise InputError("conditions without a generator", place="mailbox", accepted="rng, a numpy Generator")
        self.round = 0
        self.awake: list[str] = []
        self.messages: dict[str, int] = {}
        self.bytes: dict[str, int] = {}
        self.transcript: list[Delivery] = []
        self._encode = msgspec.msgpack.Encoder().encode
        self.decode: Callable[[bytes], M] = msgspec.msgpack.Decoder(message).decode
        self._links = links
        self._keeps = keep_transcript
        self._plain = self.conditions.perfect and links is None
        self._draw = _uniforms(rng).__next__ if rng is not None else None
        self._activity: dict[str, float] = {}
        self._inbox: dict[str, list[tuple[str, bytes]]] = {}
        self._due: deque[list[tuple[str, str, bytes]]] = deque([] for _ in range(self.conditions.delay[1] + 1))
        self._up: dict[tuple[str, str], bool] = {}

    @property
    def reliable(self) -> bool:
        """Whether every message arrives in the end."""
        return self.conditions.reliable and self._links is None

    def join(self, name: str, *, activity: float | None = None) -> Post[M]:
        """Take up an agent; its own share of rounds awake may differ from that of the conditions."""
        if name in self._inbox:
            raise InputError(f"{name!r} has joined already", place="mailbox", accepted="names of their own")
        if activity is not None and self._draw is None:
            raise InputError("an activity without a generator", place="mailbox", accepted="rng, a numpy Generator")
        self._inbox[name] = []
        self._activity[name] = self.conditions.activity if activity is None else activity
        self.messages[name] = self.bytes[name] = 0
        self.awake.append(name)
        return _Post(self, name)

    def next_round(self) -> None:
        """Let a round pass: deliver what is due, and see who is awake."""
        self.round += 1
        self._due.popleft()
        self._due.append([])
        self._up.clear()
        for sender, receiver, payload in self._due[0]:
            self._inbox[receiver].append((sender, payload))
            if self._keeps:
                self.transcript.append(Delivery(self.round, sender, receiver, payload))
        if self._draw is not None:
            draw = self._draw
            self.awake = [name for name, share in self._activity.items() if share >= 1 or draw() < share]

    def _carry(self, sender: str, receiver: str, payload: bytes) -> None:
        if receiver not in self._inbox:
            known = ", ".join(self._inbox)
            raise InputError(
                f"a message for {receiver!r}", place="mailbox", accepted=f"one of those who joined: {known}"
            )
        self.messages[sender] += 1
        self.bytes[sender] += len(payload)
        if self._plain:
            self._due[1].append((sender, receiver, payload))
        elif self._works(sender, receiver):
            for _ in range(1 + self._happens(self.conditions.duplication)):
                if not self._happens(self.conditions.loss):
                    self._due[self._delay()].append((sender, receiver, payload))

    def _works(self, sender: str, receiver: str) -> bool:
        """Whether the link between two agents is up in this round."""
        if self._links is not None and not self._links(self.round, sender, receiver):
            return False
        if self.conditions.link_up == 1:
            return True
        pair = (sender, receiver) if sender < receiver else (receiver, sender)
        if pair not in self._up:
            self._up[pair] = self._happens(self.conditions.link_up)
        return self._up[pair]

    def _happens(self, share: float) -> bool:
        return share > 0 and self._draw is not None and self._draw() < share

    def _delay(self) -> int:
        fewest, most = self.conditions.delay
        return fewest if fewest == most or self._draw is None else fewest + int(self._draw() * (most - fewest + 1))


class _Post(Generic[M]):
    """A `Post` of this mailbox."""

    __slots__ = ("_last", "_mailbox", "_payload", "name")

    def __init__(self, mailbox: Mailbox[M], name: str) -> None:
        self.name = name
        self._mailbox = mailbox
        self._last: M | None = None
        self._payload = b""

    @property
    def round(self) -> int:
        return self._mailbox.round

    def send(self, receiver: str, message: M) -> None:
        if message is not self._last:
            self._payload = self._mailbox._encode(message)
            self._last = message
        self._mailbox._carry(self.name, receiver, self._payload)

    def receive(self) -> list[tuple[str, M]]:
        waiting = self._mailbox._inbox[self.name]
        if not waiting:
            return []
        self._mailbox._inbox[self.name] = []
        decode = self._mailbox.decode
        return [(sender, decode(payload)) for sender, payload in waiting]


def _uniforms(rng: np.random.Generator) -> Iterator[float]:
    """Numbers uniform in [0, 1), drawn in blocks: one by one they would cost more than the messages."""
    while True:
        yield from rng.random(_DRAWS).tolist()
