"""What everybody may hear as it happens: the public part of each durable step, handed to whoever listens.

Nobody waits for a listener. One that falls behind is let go, and so is one that comes when there are too many; a browser that
comes back says what it heard last, and hears what it missed, or is told that it has missed too much.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from gridpact.exchange import (
    GateClosed,
    IntervalAccepted,
    IntervalClosed,
    IntervalDelivered,
    IntervalOpened,
    IntervalSettled,
    OrderCancelled,
    OrderModified,
    OrderPlaced,
    Phase,
    Step,
    TradeStruck,
)

MOST_LISTENERS = 200
MOST_KEPT = 2_000
MOST_BEHIND = 1_000
"""Words that a listener may be behind."""
_CLOSED = "CLOSED"
_PHASES: dict[type, str] = {
    IntervalOpened: Phase.OPEN,
    GateClosed: Phase.CLEARED,
    IntervalAccepted: Phase.ACCEPTED,
    IntervalDelivered: Phase.DELIVERED,
    IntervalSettled: Phase.SETTLED,
    IntervalClosed: _CLOSED,
}


class PhaseChanged(msgspec.Struct, frozen=True, tag_field="kind", tag="phase"):
    """An interval has come to a phase, ``CLOSED`` when its accounts are final; at ``SETTLED``, the round of the settlement."""

    interval: int
    phase: str
    round: int = 0


class BookChanged(msgspec.Struct, frozen=True, tag_field="kind", tag="book"):
    """An order was placed, modified or cancelled."""

    interval: int


class Struck(msgspec.Struct, frozen=True, tag_field="kind", tag="trade"):
    """Energy was sold: who to whom is not said."""

    interval: int
    trade: int
    energy_wh: int
    price: int


Word = PhaseChanged | BookChanged | Struck


class Heard(msgspec.Struct, frozen=True):
    """The public part of a step: its number, its time, and what is said; more than nothing."""

    step: int
    at: int
    words: tuple[Word, ...]


def public_part(step: Step) -> tuple[Word, ...]:
    """What everybody may hear of a step. No name, no price of an order, no reading, no refusal."""
    return tuple(dict.fromkeys(_words(step)))


def _words(step: Step) -> Iterator[Word]:
    for event in step.events:
        match event:
            case OrderPlaced() | OrderModified() | OrderCancelled():
                yield BookChanged(event.interval)
            case TradeStruck():
                yield Struck(event.interval, event.trade, event.energy_wh, event.price)
            case IntervalSettled():
                yield PhaseChanged(event.interval, Phase.SETTLED, event.round)
            case IntervalOpened() | GateClosed() | IntervalAccepted() | IntervalDelivered() | IntervalClosed():
                yield PhaseChanged(event.interval, _PHASES[type(event)])


@dataclass(eq=False, slots=True)
class _Listener:
    waiting: "asyncio.Queue[Heard | None]" = field(default_factory=lambda: asyncio.Queue(MOST_BEHIND))


@dataclass(slots=True)
class Feed:
    """Hands on what is durable, once it has begun. ``next_step`` is the number of the step that comes next."""

    next_step: int = 0
    _kept: "deque[Heard]" = field(default_factory=lambda: deque(maxlen=MOST_KEPT))
    _listeners: set[_Listener] = field(default_factory=set)
    _closed: bool = False
    _complete_from: int = 0

    def begin(self, next_step: int) -> None:
        """Begin with a step; nothing before it is kept."""
        self.next_step = self._complete_from = next_step

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    @property
    def is_full(self) -> bool:
        """Whether nobody more may listen."""
        return self._closed or len(self._listeners) >= MOST_LISTENERS

    def take(self, steps: Sequence[Step]) -> None:
        """Hand on the public part of durable steps."""
        for number, step in enumerate(steps, self.next_step):
            if words := public_part(step):
                heard = Heard(number, step.at, words)
                if len(self._kept) == MOST_KEPT:
                    self._complete_from = self._kept[0].step + 1
                self._kept.append(heard)
                for listener in list(self._listeners):
                    self._give(listener, heard)
        self.next_step += len(steps)

    def close(self) -> None:
        """Let everybody go."""
        self._closed = True
        for listener in list(self._listeners):
            self._let_go(listener)

    async def listen(self, after: int | None = None) -> AsyncIterator[Heard]:
        """What is heard from now on; with the number of a step, what came after it too, as far as it is kept."""
        listener = _Listener()
        missed = [] if after is None else [heard for heard in self._kept if heard.step > after][-MOST_BEHIND:]
        self._listeners.add(listener)
        try:
            for heard in missed:
                yield heard
            while (heard_now := await listener.waiting.get()) is not None:
                yield heard_now
        finally:
            self._listeners.discard(listener)

    def remembers(self, after: int) -> bool:
        """Whether everything after a step is kept."""
        return self._complete_from <= after + 1 <= self.next_step

    def _give(self, listener: _Listener, heard: Heard) -> None:
        if listener.waiting.full():
            self._let_go(listener)
        else:
            listener.waiting.put_nowait(heard)

    def _let_go(self, listener: _Listener) -> None:
        self._listeners.discard(listener)
        while not listener.waiting.empty():
            listener.waiting.get_nowait()
        listener.waiting.put_nowait(None)
