"""The monitor's fold over the steps of an area: facts of each interval, a window of them, and alarms."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from gridpact.exchange.events import GateClosed, IntervalClosed, IntervalSettled, OrdersNetted, TradeStruck
from gridpact.exchange.journal import Step
from gridpact.exchange.monitor.alarms import Alarm, AlarmKind, Thresholds
from gridpact.exchange.monitor.measures import (
    Offer,
    PriceSpread,
    Sold,
    crossing_wh,
    hhi,
    offers,
    outside_references,
    price_spread,
    rings,
    withheld_wh,
)
from gridpact.exchange.state import Interval, State


@dataclass(frozen=True, slots=True)
class Gate:
    """An interval when its gate has closed: what was traded, Wh by member, at which prices; and what had been offered."""

    start: int
    sold: Counter[str]
    bought: Counter[str]
    spread: PriceSpread | None
    offered: dict[tuple[str, bool], Offer]


@dataclass(frozen=True, slots=True)
class Delivered:
    """A member in an interval that has been settled for the first time, Wh."""

    surplus: int
    withheld: int
    agreed: int
    astray: int


@dataclass(frozen=True, slots=True)
class MemberWindow:
    """A member over the window, Wh: ``intervals`` counts those with a surplus, ``traded`` those with something agreed."""

    sold: int = 0
    bought: int = 0
    surplus: int = 0
    withheld: int = 0
    agreed: int = 0
    astray: int = 0
    intervals: int = 0
    traded: int = 0


@dataclass(slots=True)
class Watch:
    """See the module. An alarm is raised when its cause begins, and again only after the cause had ended.

    Attributes
    ----------
    thresholds
        From when on it speaks.
    gates, settled
        The intervals of the window, in the order in which gates closed and accounts were made; what is asked of them is summed
        as they come and go.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    gates: deque[Gate] = field(default_factory=deque)
    settled: deque[dict[str, Delivered]] = field(default_factory=deque)
    _offered: dict[int, dict[tuple[str, bool], Offer]] = field(default_factory=dict)
    _sums: dict[str, Counter[str]] = field(default_factory=dict)
    _standing: set[tuple[AlarmKind, str]] = field(default_factory=set)

    def take(self, before: State, step: Step) -> list[Alarm]:
        """Take the next step; ``before`` is the state in which it was decided."""
        alarms: list[Alarm] = []
        for event in step.events:
            match event:
                case GateClosed():
                    struck = [
                        each
                        for each in step.events
                        if isinstance(each, TradeStruck) and each.interval == event.interval
                    ]
                    alarms += self._close(step.at, before.intervals[event.interval], struck)
                case OrdersNetted():
                    member = before.intervals[event.interval].orders[_known(before, event)].member
                    text = f"{member}: {event.energy_wh} Wh of its own orders met in the book"
                    alarms.append(Alarm(step.at, event.interval, AlarmKind.SELF_TRADE, text, member))
                case IntervalSettled() if event.round == 0:
                    alarms += self._settle(step.at, event)
                case IntervalClosed():
                    self._offered.pop(event.interval, None)
        return alarms

    def members(self) -> dict[str, MemberWindow]:
        """Everybody over the window."""
        return {member: MemberWindow(**sums) for member, sums in sorted(self._sums.items())}

    def concentration(self) -> tuple[int, int]:
        """The index of sellers and that of buyers over the window."""
        return hhi(sums["sold"] for sums in self._sums.values()), hhi(sums["bought"] for sums in self._sums.values())

    def _close(self, at: int, interval: Interval, struck: list[TradeStruck]) -> Iterator[Alarm]:
        trades: list[Sold] = [*interval.trades, *struck]
        sold, bought = Counter[str](), Counter[str]()
        for trade in trades:
            sold[trade.seller] += trade.energy_wh
            bought[trade.buyer] += trade.energy_wh
        self._offered[interval.start] = offered = offers(interval)
        self.gates.append(Gate(interval.start, sold, bought, price_spread(trades, interval.prices), offered))
        self._count_gate(self.gates[-1], 1)
        if len(self.gates) > self.thresholds.window:
            self._count_gate(self.gates.popleft(), -1)
        for kind, member, text in (*_of_trades(interval, trades, self.thresholds), *_crossing(interval)):
            yield Alarm(at, interval.start, kind, text, member)
        yield from self._begun(at, interval.start, AlarmKind.CONCENTRATION, self._concentrated())

    def _concentrated(self) -> dict[str, str]:
        if sum(bool(gate.sold) for gate in self.gates) < self.thresholds.least:
            return {}
        sides = zip(("sellers", "buyers"), self.concentration(), strict=True)
        return {
            side: f"index of {side} {index:,} over {len(self.gates)} intervals, from {self.thresholds.hhi:,} on it is high"
            for side, index in sides
            if index >= self.thresholds.hhi
        }

    def _settle(self, at: int, event: IntervalSettled) -> Iterator[Alarm]:
        offered, none = self._offered.pop(event.interval, {}), [0] * len(event.members)
        metered, bought, sold, astray = (
            event.energy.get(name, none) for name in ("metered", "bought", "sold", "astray")
        )
        self.settled.append(
            {
                member: Delivered(
                    max(-metered[row], 0),
                    withheld_wh(metered[row], offered.get((member, False), Offer())),
                    abs(bought[row] - sold[row]),
                    astray[row],
                )
                for row, member in enumerate(event.members)
            }
        )
        self._count_settled(self.settled[-1], 1)
        if len(self.settled) > self.thresholds.window:
            self._count_settled(self.settled.popleft(), -1)
        members = self.members()
        yield from self._begun(at, event.interval, AlarmKind.WITHHELD, self._withheld(members))
        yield from self._begun(at, event.interval, AlarmKind.IMBALANCE, self._astray(members))

    def _count_gate(self, gate: Gate, sign: int) -> None:
        for name, traded in (("sold", gate.sold), ("bought", gate.bought)):
            for member, energy_wh in traded.items():
                self._sums.setdefault(member, Counter())[name] += sign * energy_wh

    def _count_settled(self, rows: dict[str, Delivered], sign: int) -> None:
        for member, row in rows.items():
            sums = self._sums.setdefault(member, Counter())
            for name in Delivered.__slots__:
                sums[name] += sign * getattr(row, name)
            sums["intervals"] += sign * (row.surplus > 0)
            sums["traded"] += sign * (row.agreed > 0)

    def _withheld(self, members: dict[str, MemberWindow]) -> dict[str, str]:
        limits, everybody = self.thresholds, sum(seen.surplus for seen in members.values())
        return {
            member: f"{member}: {seen.withheld:,} of {seen.surplus:,} Wh of its surplus not offered, or above the import "
            f"price; it has {seen.surplus / everybody:.0%} of all surplus"
            for member, seen in members.items()
            if seen.intervals >= limits.least
            and seen.withheld >= limits.withheld * seen.surplus
            and seen.surplus >= limits.pivotal * everybody
        }

    def _astray(self, members: dict[str, MemberWindow]) -> dict[str, str]:
        limits = self.thresholds
        return {
            member: f"{member}: {seen.astray:,} of {seen.agreed:,} Wh agreed in {seen.traded} intervals was not delivered "
            "or not taken"
            for member, seen in members.items()
            if seen.traded >= limits.least and seen.astray >= limits.astray * seen.agreed
        }

    def _begun(self, at: int, interval: int, kind: AlarmKind, causes: dict[str, str]) -> Iterator[Alarm]:
        """Alarms of the causes that were not there before."""
        for who, text in causes.items():
            if (kind, who) not in self._standing:
                yield Alarm(at, interval, kind, text, who if kind is not AlarmKind.CONCENTRATION else "")
        self._standing = {each for each in self._standing if each[0] is not kind} | {(kind, who) for who in causes}


def _of_trades(interval: Interval, trades: list[Sold], limits: Thresholds) -> Iterator[tuple[AlarmKind, str, str]]:
    """Of single trades and rings."""
    for trade in outside_references(trades, interval.prices):
        loser = trade.buyer if trade.price > interval.prices.import_price else trade.seller
        text = f"{trade.seller} to {trade.buyer}, {trade.energy_wh:,} Wh at {trade.price:,} micro-units per kWh: {loser} would "
        band = (
            f"have done better with the supplier ({interval.prices.export_price:,} to {interval.prices.import_price:,})"
        )
        yield AlarmKind.PRICE, loser, text + band
    for ring in rings(trades):
        if ring.energy_wh < limits.ring_wh:
            continue
        if len(ring.members) == 1:
            yield AlarmKind.SELF_TRADE, ring.members[0], f"{ring.members[0]} sold {ring.energy_wh:,} Wh to itself"
        else:
            names = ", ".join(ring.members)
            text = f"{names} sold to each other: {ring.energy_wh:,} Wh came back"
            yield AlarmKind.WASH_TRADE, ring.members[0], text


def _crossing(interval: Interval) -> Iterator[tuple[AlarmKind, str, str]]:
    """Members whose own orders could have traded with each other."""
    for member, energy_wh in crossing_wh(interval).items():
        text = f"{member}: {energy_wh:,} Wh of its own orders cross each other"
        yield AlarmKind.SELF_TRADE, member, text


def _known(before: State, event: OrdersNetted) -> str:
    """The one of the two orders that was in the book before; the other has just come."""
    return event.buy if event.buy in before.intervals[event.interval].orders else event.sell
