"""What is told to whom about a step: acknowledgements, decisions, bills, limits, and what everybody may know.

Pure: the same step gives the same messages, so that they can be written in the transaction of the step, and sent again after a
crash without saying anything else.
"""

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from gridpact.client import (
    Ack,
    AnyMessage,
    Bill,
    BookIs,
    Level,
    Limit,
    LimitsAre,
    PhaseIs,
    PricesAre,
    Reduced,
    Topics,
    Traded,
    Unmatched,
)
from gridpact.client.messages import MOST_LEVELS
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
    Refused,
    State,
    Step,
    TradeReduced,
    TradeStruck,
)
from gridpact.exchange.reasons import MEANING
from gridpact.exchange.state import Interval
from gridpact.service.store import Effect

_PHASES: dict[type, Phase] = {
    IntervalOpened: Phase.OPEN,
    GateClosed: Phase.CLEARED,
    IntervalAccepted: Phase.ACCEPTED,
    IntervalDelivered: Phase.DELIVERED,
    IntervalSettled: Phase.SETTLED,
}
_Phased: TypeAlias = IntervalOpened | GateClosed | IntervalAccepted | IntervalDelivered | IntervalSettled


def effects_of(number: int, step: Step, before: State, topics: Topics, sender: str = "") -> tuple[Effect, ...]:
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
    sender
        The member whose topic the message came by, and who is answered; without it the author is.
    """
    told = [*_acknowledgement(step, topics, sender), *_news(step, before, topics)]
    return tuple(
        Effect(number, place, topic, b"" if message is None else msgspec.json.encode(message), retained)
        for place, (topic, message, retained) in enumerate(told)
    )


_Told = Iterator[tuple[str, AnyMessage | None, bool]]


def _acknowledgement(step: Step, topics: Topics, sender: str) -> _Told:
    refused = next((event for event in step.events if isinstance(event, Refused)), None)
    if refused is not None:
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
    elif step.command is not None:
        ack = Ack(step.command.id, step.at, accepted=True)
    else:
        return
    member = sender or (step.command.author if step.command else "")
    if member:
        yield topics.of_member(member, "ack"), ack, False


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
                yield from _bills(event, before, topics)
            case IntervalClosed():
                for name in ("phase", "prices", "book", "limits"):  # an empty message takes back what was retained
                    yield topics.public(f"interval/{event.interval}/{name}"), None, True
            case IntervalOpened():
                prices = PricesAre(event.interval, event.prices)
                yield topics.public(f"interval/{event.interval}/prices"), prices, True
                yield topics.public(f"interval/{event.interval}/limits"), _bounds(before, event.interval), True
            case GateClosed():
                stood = book_of(before.intervals[event.interval])
                yield topics.public(f"interval/{event.interval}/book"), stood, True
            case IntervalAccepted():
                bound = [made.limit for made in step.events if isinstance(made, LimitSet)]
                limits = msgspec.structs.replace(
                    _bounds(before, event.interval),
                    import_bound=sum(limit.import_wh is not None for limit in bound),
                    export_bound=sum(limit.export_wh is not None for limit in bound),
                )
                yield topics.public(f"interval/{event.interval}/limits"), limits, True
        if isinstance(event, _Phased):
            phase = PhaseIs(event.interval, _PHASES[type(event)])
            yield topics.public(f"interval/{event.interval}/phase"), phase, True


def book_of(interval: Interval) -> BookIs:
    """What is open in the book, one level a price, without names; the worst prices of a long book as one."""
    levels: dict[tuple[bool, int], list[int]] = {}
    for order in interval.orders.values():
        if order.open_wh:
            levels.setdefault((order.is_buy, order.price), []).append(order.open_wh)

    def side(is_buy: bool) -> tuple[tuple[Level, ...], Level | None]:
        found = [Level(price, sum(wh), len(wh)) for (of_buy, price), wh in levels.items() if of_buy is is_buy]
        found.sort(key=lambda level: -level.price if is_buy else level.price)
        shown, rest = tuple(found[:MOST_LEVELS]), found[MOST_LEVELS:]
        if not rest:
            return shown, None
        return shown, Level(rest[-1].price, sum(each.energy_wh for each in rest), sum(each.orders for each in rest))

    (buy, buy_rest), (sell, sell_rest) = side(True), side(False)
    return BookIs(interval.start, buy, sell, buy_rest, sell_rest)


def _bounds(before: State, interval: int) -> LimitsAre:
    rules = before.rules
    return LimitsAre(interval, rules.most_wh, rules.most_price, rules.most_messages)


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


def _bills(event: IntervalSettled, before: State, topics: Topics) -> _Told:
    led: dict[str, dict[str, None]] = {}
    for trade in before.intervals[event.interval].trades:
        for member, key in ((trade.seller, trade.sell), (trade.buyer, trade.buy)):
            if key:
                led.setdefault(member, {})[key] = None
    for row, member in enumerate(event.members):
        energy, money = (
            {name: column[row] for name, column in columns.items() if column[row]}
            for columns in (event.energy, event.money)
        )
        bill = Bill(event.interval, event.round, energy, money, tuple(led.get(member, ())))
        yield topics.of_member(member, f"bill/{event.interval}"), bill, False
