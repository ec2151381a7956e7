"""Settlements as bookings: each is booked once, in the month in which it was made, and no statement is ever rewritten.

What a late or corrected reading changes is booked as a difference when it is settled, with the number of the step in the
journal from which anybody can check it. So the statements of a member, one after the other, add up to all its bookings.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from gridpact.community.decode import zone_of
from gridpact.errors import InputError
from gridpact.exchange.events import AreaOpened, IntervalClosed, IntervalSettled, ReadingEstimated, ReadingTaken
from gridpact.exchange.journal import Step
from gridpact.exchange.settlement import Energies

MS = 1_000


def month(year: int, number: int, zone: str = "UTC") -> tuple[int, int]:
    """Begin and end of a month in local time, milliseconds since 1970 UTC.

    Examples
    --------
    >>> begin, end = month(2026, 3, "Europe/London")
    >>> (end - begin) / 3_600_000  # 31 days less the hour of daylight saving
    743.0
    """
    if not 1 <= number <= 12:
        raise InputError(f"month {number} does not exist", accepted="from 1 to 12")
    at = zone_of(zone, place="month")
    begin = datetime(year, number, 1, tzinfo=at)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=at)
    return round(begin.timestamp() * MS), round(end.timestamp() * MS)


class Booking(NamedTuple):
    """A settlement of an interval: its event, the step and the time at which it was booked, who had been estimated."""

    step: int
    at: int
    event: IntervalSettled
    estimated: frozenset[str]


class Line(NamedTuple):
    """What a booking says of one member; energies in Wh, amounts in micro-units, + = the member pays.

    ``metered = bought − sold + imported − exported`` except for what went ``astray``: sold and not delivered, or bought and not
    taken. A line with a round above 0 holds differences.
    """

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
    trades: int
    retail: int
    imbalance: int
    network: int
    service: int
    penalty: int
    transfers: int

    @property
    def amount(self) -> int:
        """What the member pays in all."""
        return sum(getattr(self, cause) for cause in CAUSES)


ENERGIES = ("metered", "bought", "sold", "imported", "exported", "astray")
CAUSES = ("trades", "retail", "imbalance", "network", "service", "penalty", "transfers")


@dataclass(frozen=True, slots=True)
class Statement:
    """The bookings of a member in a period.

    Attributes
    ----------
    area, member
        Whose.
    begin, end
        Of the period, milliseconds since 1970 UTC, the end excluded; by the time of booking.
    lines
        In the order of booking.
    """

    area: str
    member: str
    begin: int
    end: int
    lines: tuple[Line, ...]

    def total(self, column: str) -> int:
        """The sum of a column of the lines, ``"amount"`` included."""
        return sum(getattr(line, column) for line in self.lines)


@dataclass(slots=True)
class Bookkeeper:
    """Books the settlements of a journal as it grows."""

    _area: str = ""
    _entries: list[Booking] = field(default_factory=list)
    _estimated: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    def take(self, number: int, step: Step) -> None:
        """Take the next step of the journal, whose number it is."""
        for event in step.events:
            match event:
                case AreaOpened():
                    self._area = event.rules.area
                case ReadingEstimated():
                    self._estimated[event.interval].add(event.of)
                case ReadingTaken():
                    self._estimated[event.interval].discard(event.of)
                case IntervalSettled():
                    estimated = frozenset(self._estimated[event.interval])
                    self._entries.append(Booking(number, step.at, event, estimated))
                case IntervalClosed():
                    self._estimated.pop(event.interval, None)

    def bookings(self) -> "Bookings":
        """Everything booked so far."""
        return Bookings(self._area, tuple(self._entries))


@dataclass(frozen=True, slots=True)
class Bookings:
    """All settlements of a journal, in order."""

    area: str
    entries: tuple[Booking, ...]

    @classmethod
    def of(cls, steps: Iterable[Step]) -> "Bookings":
        """Read a journal from its first step."""
        keeper = Bookkeeper()
        for number, step in enumerate(steps):
            keeper.take(number, step)
        return keeper.bookings()

    def statement(self, member: str, begin: int, end: int) -> Statement:
        """What was booked on a member from ``begin`` (included) to ``end`` (excluded)."""
        so_far: dict[int, Counter[str]] = defaultdict(Counter)
        lines = []
        for booking in self.entries:
            if booking.at >= end or member not in booking.event.members:
                continue
            line = _line(booking, member, so_far[booking.event.interval])
            if booking.at >= begin:
                lines.append(line)
        return Statement(self.area, member, begin, end, tuple(lines))


def _line(booking: Booking, member: str, so_far: "Counter[str]") -> Line:
    """A line, as the difference to what was booked of the interval so far, which it brings up to date."""
    event = booking.event
    row = event.members.index(member)
    booked = {name: values[row] for name, values in (*event.energy.items(), *event.money.items())}
    before = _flows(so_far)
    so_far.update(booked)
    flows = {name: now - before[name] for name, now in _flows(so_far).items()}
    return Line(
        booking.step,
        booking.at,
        event.interval,
        event.round,
        member in booking.estimated,
        **{name: flows[name] if name in flows else booked.get(name, 0) for name in (*ENERGIES, *CAUSES)},
    )


def _flows(energies: "Counter[str]") -> dict[str, int]:
    """Energy bought and sold, by trades and afterwards in the pool, imported and exported: what goes with these sums."""
    pooled = energies["pooled"]
    bought, sold = energies["bought"] + max(pooled, 0), energies["sold"] + max(-pooled, 0)
    settled = Energies(*(np.array([[value]]) for value in (energies["metered"], bought, sold)))
    return {
        "bought": bought,
        "sold": sold,
        "imported": int(settled.imported[0, 0]),
        "exported": int(settled.exported[0, 0]),
    }


def local(at: int, zone: ZoneInfo) -> datetime:
    """A time in milliseconds since 1970 UTC as local time."""
    return datetime.fromtimestamp(at / MS, tz=UTC).astimezone(zone)
