"""What is shown of a market area: pure functions from the writer's state to small structs, one for each thing that is asked.

A function that shows more to some than to others takes the `Viewer`. Times are milliseconds since 1970 UTC, energies Wh, money
micro-units, prices micro-units per kWh, as everywhere in the exchange.
"""

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from gridpact.client import Level
from gridpact.exchange import MemberLimit, OrderState, Phase, Prices, ReasonCode, State, Violation
from gridpact.exchange.acceptance import Checked
from gridpact.exchange.monitor import Alarm
from gridpact.exchange.reasons import MEANING
from gridpact.exchange.state import ESTIMATED, Interval, Trade
from gridpact.exchange.statements import Line
from gridpact.grid import Feeder
from gridpact.service.effects import book_of
from gridpact.service.web.access import SEES_NAMES, SEES_NETWORK, Viewer
from gridpact.service.web.history import History, Totals, at_retail


class View(msgspec.Struct, frozen=True):
    """What is shown. JSON."""


class Clock(View, frozen=True):
    """The exchange's time, and the lengths that give an interval its course."""

    area: str
    now: int
    step_ms: int
    gate_closure_ms: int
    settle_after_ms: int
    correct_within_ms: int
    mechanism: str


class IntervalRow(View, frozen=True):
    """An interval in a list."""

    start: int
    phase: Phase
    gate_closes: int
    orders: int
    trades: int
    traded_wh: int
    accepted_wh: int
    round: int


class Book(View, frozen=True):
    """Orders by price, the best first: what is open while bidding lasts, and then as it stood when the gate closed."""

    buy: tuple[Level, ...]
    sell: tuple[Level, ...]


class Clearing(View, frozen=True):
    """What was traded: ``mean`` is weighted by energy and rounded down; prices are None without a trade."""

    trades: int
    traded_wh: int
    accepted_wh: int
    value: int
    lowest: int | None
    highest: int | None
    mean: int | None


class IntervalDetail(View, frozen=True):
    """Everything of an interval that everybody may know. ``own``: where limits do not hold with no trade at all."""

    start: int
    end: int
    phase: Phase
    gate_closes: int
    prices: Prices
    book: Book
    clearing: Clearing
    policy: str
    reduced: int
    limited: int
    own: tuple[Violation, ...]
    round: int


class TradeRow(View, frozen=True):
    """A trade. Names are empty where the viewer may not know them."""

    number: int
    energy_wh: int
    accepted_wh: int
    price: int
    reason: ReasonCode | None
    seller: str = ""
    buyer: str = ""


class OrderRow(View, frozen=True):
    """A member's own order."""

    interval: int
    order: str
    is_buy: bool
    state: OrderState
    price: int
    open_wh: int
    matched_wh: int
    accepted_wh: int
    use: str
    at: int


class BillRow(View, frozen=True):
    """A member's accounts of one interval as they stand; ``alone`` is what the supplier alone would have cost."""

    interval: int
    round: int
    is_estimated: bool
    metered: int
    bought: int
    sold: int
    astray: int
    money: dict[str, int]
    amount: int
    alone: int


class TotalsView(View, frozen=True):
    """Over all settled intervals: see `gridpact.service.web.history.Totals`."""

    metered: int
    bought: int
    sold: int
    astray: int
    paid: int
    alone: int
    saved: int
    imbalance: int


class MemberSummary(View, frozen=True):
    """A member's own: reliability in parts per million, and totals."""

    member: str
    rating: int
    totals: TotalsView


class StatementLine(View, frozen=True):
    """A booking: see `gridpact.exchange.statements.Line`."""

    step: int
    at: int
    interval: int
    round: int
    estimated: bool
    metered: int
    bought: int
    sold: int
    imported: int
    exported: int
    astray: int
    amount: int


class StatementView(View, frozen=True):
    """A member's bookings from ``begin`` to before ``end``."""

    member: str
    begin: int
    end: int
    amount: int
    lines: tuple[StatementLine, ...]


class BusRow(View, frozen=True):
    """A bus in the last checked interval: worst phase, p.u."""

    name: str
    v_pu: float


class BranchRow(View, frozen=True):
    """A branch in the last checked interval, relative to its rating."""

    name: str
    loading: float


class FeederView(View, frozen=True):
    """The network as if all that stands were delivered. Single buses and branches are the DSO's and the operator's to see."""

    feeder: str
    interval: int
    converged: bool
    v_min_pu: float
    v_max_pu: float
    loading_limit: float
    lowest_pu: float | None = None
    highest_pu: float | None = None
    most_loading: float | None = None
    losses_wh: int = 0
    buses: tuple[BusRow, ...] = ()
    branches: tuple[BranchRow, ...] = ()


class DecisionRow(View, frozen=True):
    """A trade that was cut, and why: ``before`` and ``after`` as in `gridpact.exchange.TradeReduced`."""

    interval: int
    trade: int
    from_wh: int
    to_wh: int
    reason: ReasonCode
    means: str
    place: str
    before: int
    after: int
    seller: str
    buyer: str


class RefusalRow(View, frozen=True):
    """Refused messages of one reason."""

    reason: ReasonCode
    means: str
    count: int


class Operations(View, frozen=True):
    """What the operator looks at."""

    steps: int
    members: int
    totals: TotalsView
    refusals: tuple[RefusalRow, ...]
    alarms: tuple[Alarm, ...]


def clock(state: State, now: int) -> Clock:
    """The time and the course of an interval."""
    rules = state.rules
    return Clock(
        rules.area,
        now,
        rules.step_ms,
        rules.gate_closure_ms,
        rules.settle_after_ms,
        rules.correct_within_ms,
        rules.mechanism,
    )


def intervals(state: State) -> tuple[IntervalRow, ...]:
    """All intervals whose accounts are not final, in order."""
    return tuple(
        IntervalRow(
            interval.start,
            interval.phase,
            interval.start - state.rules.gate_closure_ms,
            sum(order.state != OrderState.CANCELLED for order in interval.orders.values()),
            len(interval.trades),
            sum(trade.energy_wh for trade in interval.trades),
            sum(trade.accepted_wh for trade in interval.trades),
            interval.round,
        )
        for _, interval in sorted(state.intervals.items())
    )


def book(interval: Interval) -> Book:
    """The orders that are open, as the bus says them."""
    said = book_of(interval)
    return Book(said.buy, said.sell)


def clearing(trades: Iterable[Trade]) -> Clearing:
    """What was traded, in figures that name nobody."""
    found = list(trades)
    traded_wh = sum(trade.energy_wh for trade in found)
    value = sum(trade.energy_wh * trade.price for trade in found)
    prices = [trade.price for trade in found]
    return Clearing(
        len(found),
        traded_wh,
        sum(trade.accepted_wh for trade in found),
        value // 1_000,
        min(prices, default=None),
        max(prices, default=None),
        value // traded_wh if traded_wh else None,
    )


def interval_detail(state: State, history: History, books: Mapping[int, Book], start: int) -> IntervalDetail | None:
    """An interval; None if it has not been opened, or its accounts are final. ``books``: as they stood when gates closed."""
    interval = state.intervals.get(start)
    if interval is None:
        return None
    accepted = history.accepted.get(start)
    return IntervalDetail(
        start,
        start + state.rules.step_ms,
        interval.phase,
        start - state.rules.gate_closure_ms,
        interval.prices,
        books[start] if start in books else book(interval),
        clearing(interval.trades),
        accepted.policy if accepted else "",
        sum(trade.accepted_wh < trade.energy_wh for trade in interval.trades),
        len(interval.limits),
        accepted.own if accepted else (),
        interval.round,
    )


def trades(interval: Interval, viewer: Viewer) -> tuple[TradeRow, ...]:
    """The trades of an interval: with all names, with those of the viewer's own trades, or with none."""

    def names(trade: Trade) -> tuple[str, str]:
        own = viewer.member and viewer.member in (trade.seller, trade.buyer)
        return (trade.seller, trade.buyer) if own or viewer.role in SEES_NAMES else ("", "")

    return tuple(
        TradeRow(number, trade.energy_wh, trade.accepted_wh, trade.price, trade.reason, *names(trade))
        for number, trade in enumerate(interval.trades)
    )


def limits(interval: Interval, viewer: Viewer) -> tuple[MemberLimit, ...]:
    """Limits of members' meters: all of them for the DSO and the operator, its own for a member."""
    seen = viewer.role in SEES_NETWORK
    return tuple(limit for name, limit in sorted(interval.limits.items()) if seen or name == viewer.member)


def orders(state: State, member: str) -> tuple[OrderRow, ...]:
    """A member's orders in intervals that are not final, the newest interval first."""
    return tuple(
        OrderRow(
            start,
            key,
            order.is_buy,
            order.state,
            order.price,
            order.open_wh,
            order.matched_wh,
            order.accepted_wh,
            str(order.use),
            order.at,
        )
        for start, interval in sorted(state.intervals.items(), reverse=True)
        for key, order in interval.orders.items()
        if order.member == member
    )


def bills(state: State, member: str) -> tuple[BillRow, ...]:
    """A member's accounts of the intervals that are settled and not final yet, the newest first."""
    return tuple(
        _bill(interval, member)
        for _, interval in sorted(state.intervals.items(), reverse=True)
        if interval.round >= 0 and member in interval.roster.at
    )


def _bill(interval: Interval, member: str) -> BillRow:
    at = interval.roster.at[member]
    energy = {name: _cell(interval, name, at) for name in ("metered", "bought", "sold", "astray")}
    money = {name: column[at] for name, column in interval.settled.items() if name not in energy and column[at]}
    return BillRow(
        interval.start,
        interval.round,
        is_estimated=interval.versions[at] == ESTIMATED,
        **energy,
        money=money,
        amount=sum(money.values()),
        alone=int(at_retail(np.array([energy["metered"]]), interval.prices)[0]),
    )


def _cell(interval: Interval, name: str, at: int) -> int:
    column = interval.settled.get(name)
    return column[at] if column else 0


def totals(of: Totals) -> TotalsView:
    """Totals as they are shown."""
    return TotalsView(of.metered, of.bought, of.sold, of.astray, of.paid, of.alone, of.saved, of.imbalance)


def member_summary(state: State, history: History, member: str) -> MemberSummary:
    """A member's reliability and totals."""
    return MemberSummary(member, state.records[member].rating, totals(history.totals.get(member, Totals())))


def statement(history: History, member: str, begin: int, end: int) -> StatementView:
    """A member's bookings in a period."""
    found = history.bookkeeper.bookings().statement(member, begin, end)
    return StatementView(
        member, begin, end, found.total("amount"), tuple(_statement_line(line) for line in found.lines)
    )


def _statement_line(line: Line) -> StatementLine:
    return StatementLine(**{name: getattr(line, name) for name in StatementLine.__struct_fields__})


def feeder_view(feeder: Feeder, checked: Checked | None, viewer: Viewer) -> FeederView | None:
    """The network in the last checked interval; None if none has been checked since the service began."""
    if checked is None:
        return None
    report, flow = checked.report, checked.flow
    band = (feeder.v_min_pu, feeder.v_max_pu, feeder.loading_limit)
    if flow is None:
        return FeederView(feeder.name, report.interval, False, *band)
    lowest, highest = flow.v_low[0].tolist(), flow.v_high[0].tolist()
    worst = [
        low if feeder.slack_pu - low > high - feeder.slack_pu else high
        for low, high in zip(lowest, highest, strict=True)
    ]
    loading, single = flow.loading[0].tolist(), viewer.role in SEES_NETWORK
    return FeederView(
        feeder.name,
        report.interval,
        True,
        *band,
        lowest_pu=min(lowest),
        highest_pu=max(highest),
        most_loading=max(loading),
        losses_wh=report.losses_wh,
        buses=tuple(map(BusRow, feeder.bus_names, worst)) if single else (),
        branches=tuple(map(BranchRow, feeder.branch_names, loading)) if single else (),
    )


def decisions(state: State, history: History, latest: int = 100) -> tuple[DecisionRow, ...]:
    """What was cut in intervals that are not final, the newest first."""
    rows = [
        DecisionRow(
            start,
            cut.trade,
            state.intervals[start].trades[cut.trade].energy_wh,
            cut.energy_wh,
            cut.reason,
            MEANING[cut.reason],
            cut.place,
            cut.before,
            cut.after,
            state.intervals[start].trades[cut.trade].seller,
            state.intervals[start].trades[cut.trade].buyer,
        )
        for start, cuts in sorted(history.reduced.items(), reverse=True)
        for cut in cuts
    ]
    return tuple(rows[:latest])


def operations(state: State, history: History) -> Operations:
    """The operator's figures; alarms with the newest first."""
    counted = sorted(history.refusals.items(), key=lambda item: (-item[1], item[0]))
    return Operations(
        history.steps,
        len(state.roster.members),
        totals(history.everybody),
        tuple(RefusalRow(reason, MEANING[reason], count) for reason, count in counted),
        tuple(reversed(history.alarms)),
    )
