"""What is told to whom about a step: acknowledgements, decisions, bills, limits, and what everybody may know.

Pure: the same step gives the same messages, so that they can be written in the transaction of the step, and sent again after a
crash without saying anything else.
"""

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from gridpact.exchange import (
    GateClosed,
    IntervalAccepted,
    IntervalClosed,
    IntervalDelivered,
    IntervalOpened,
    IntervalSettled,
    LimitSet,
    OrderUnmatched,
    Phase,
    Prices,
    ReasonCode,
    Refused,
    State,
    Step,
    TradeReduced,
    TradeStruck,
)
from gridpact.exchange.reasons import MEANING
from gridpact.service.store import Effect
from gridpact.service.topics import Topics


class Message(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag=str.lower):
    """What the exchange says."""


class Ack(Message, frozen=True):
    """The answer to a member's message.

    Attributes
    ----------
    id
        Of the message; empty where it could not be read.
    at
        The exchange's clock at receipt, milliseconds since 1970 UTC.
    accepted
        Whether it changed something.
    reason, field, found
        If not: a code, the field that is to blame, and what was found there.
    means
        What the code says to a person.
    digest
        SHA-256 of a message that could not be read.
    """

    id: str
    at: int
    accepted: bool
    reason: ReasonCode | None = None
    field: str = ""
    found: str = ""
    means: str = ""
    digest: str = ""


class Traded(Message, frozen=True):
    """A trade of the member. ``order`` is its own order or item; ``peer`` is on the other side."""

    interval: int
    trade: int
    is_buy: bool
    energy_wh: int
    price: int
    peer: str
    order: str = ""


class Unmatched(Message, frozen=True):
    """The gate closed and nobody had matched the order, or the rest of it."""

    interval: int
    order: str


class Reduced(Message, frozen=True):
    """A trade of the member was cut to ``energy_wh``, and why."""

    interval: int
    trade: int
    energy_wh: int
    reason: ReasonCode
    place: str
    means: str


class Limit(Message, frozen=True):
    """What the member's meter may show at most in the interval, Wh; None leaves that direction free."""

    interval: int
    import_wh: int | None = None
    export_wh: int | None = None


class Bill(Message, frozen=True):
    """What the member pays for the interval, micro-units, and the energy behind it, Wh; ``round`` above 0: the difference."""

    interval: int
    round: int
    energy: dict[str, int]
    money: dict[str, int]

    @property
    def total(self) -> int:
        """What is paid in all."""
        return sum(self.money.values())


class PhaseIs(Message, frozen=True):
    """An interval has come to a phase; ``CLOSED`` when its accounts are final."""

    interval: int
    phase: str


class PricesAre(Message, frozen=True):
    """The supplier's prices of an interval, micro-units per kWh."""

    interval: int
    prices: Prices


AnyMessage = Ack | Traded | Unmatched | Reduced | Limit | Bill | PhaseIs | PricesAre

_PHASES: dict[type, Phase] = {
    IntervalOpened: Phase.OPEN,
    GateClosed: Phase.CLEARED,
    IntervalAccepted: Phase.ACCEPTED,
    IntervalDelivered: Phase.DELIVERED,
    IntervalSettled: Phase.SETTLED,
}
_Phased: TypeAlias = IntervalOpened | GateClosed | IntervalAccepted | IntervalDelivered | IntervalSettled


def effects_of(number: int, step: Step, before: State, topics: Topics) -> tuple[Effect, ...]:
    """The messages that follow from a step.

    Parameters
    ----------
    number
        Of the step.
    step
        As decided.
    before
        The state in which it was decided: it knows who has the orders and trades that the step speaks of.
    topics
        Of the area.
    """
    told = [*_acknowledgement(step, topics), *_news(step, before, topics)]
    return tuple(
        Effect(number, place, topic, b"" if message is None else msgspec.json.encode(message), retained)
        for place, (topic, message, retained) in enumerate(told)
    )


_Told = Iterator[tuple[str, AnyMessage | None, bool]]


def _acknowledgement(step: Step, topics: Topics) -> _Told:
    refused = next((event for event in step.events if isinstance(event, Refused)), None)
    if refused is not None:
        if refused.author:
            ack = Ack(
                refused.id,
                step.at,
                accepted=False,
                reason=refused.reason,
                field=refused.field,
                found=refused.found,
                means=MEANING[refused.reason],
                digest=refused.digest,
            )
            yield topics.of_member(refused.author, "ack"), ack, False
    elif step.command is not None:
        yield topics.of_member(step.command.author, "ack"), Ack(step.command.id, step.at, accepted=True), False


def _news(step: Step, before: State, topics: Topics) -> _Told:
    struck: dict[tuple[int, int], tuple[str, str]] = {}
    for event in step.events:
        match event:
            case TradeStruck():
                struck[event.interval, event.trade] = event.seller, event.buyer
                yield from _traded(event, topics)
            case OrderUnmatched():
                member = before.intervals[event.interval].orders[event.order].member
                yield topics.of_member(member, "decision"), Unmatched(event.interval, event.order), False
            case TradeReduced():
                ends = struck.get((event.interval, event.trade)) or _ends(before, event)
                reduced = Reduced(
                    event.interval, event.trade, event.energy_wh, event.reason, event.place, MEANING[event.reason]
                )
                yield from ((topics.of_member(member, "decision"), reduced, False) for member in ends)
            case LimitSet():
                limit = Limit(event.interval, event.limit.import_wh, event.limit.export_wh)
                yield topics.of_member(event.limit.member, "limit"), limit, False
            case IntervalSettled():
                yield from _bills(event, topics)
            case IntervalClosed():
                for name in ("phase", "prices", "book"):  # an empty message takes back what was retained
                    yield topics.public(f"interval/{event.interval}/{name}"), None, True
            case IntervalOpened():
                prices = PricesAre(event.interval, event.prices)
                yield topics.public(f"interval/{event.interval}/prices"), prices, True
        if isinstance(event, _Phased):
            phase = PhaseIs(event.interval, _PHASES[type(event)])
            yield topics.public(f"interval/{event.interval}/phase"), phase, True


def _ends(before: State, event: TradeReduced) -> tuple[str, str]:
    trade = before.intervals[event.interval].trades[event.trade]
    return trade.seller, trade.buyer


def _traded(event: TradeStruck, topics: Topics) -> _Told:
    for is_buy, member, peer, order in (
        (False, event.seller, event.buyer, event.sell),
        (True, event.buyer, event.seller, event.buy),
    ):
        told = Traded(event.interval, event.trade, is_buy, event.energy_wh, event.price, peer, order)
        yield topics.of_member(member, "decision"), told, False


def _bills(event: IntervalSettled, topics: Topics) -> _Told:
    for row, member in enumerate(event.members):
        energy, money = (
            {name: column[row] for name, column in columns.items() if column[row]}
            for columns in (event.energy, event.money)
        )
        bill = Bill(event.interval, event.round, energy, money)
        yield topics.of_member(member, f"bill/{event.interval}"), bill, False
