"""What the pages show and the writer's state does not keep: a fold over the steps, as the state is one."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from gridpact.exchange import (
    IntervalAccepted,
    IntervalClosed,
    IntervalOpened,
    IntervalSettled,
    MetersDisagree,
    Prices,
    Refused,
    Step,
    TradeReduced,
)
from gridpact.exchange.monitor import Alarm, AlarmKind
from gridpact.exchange.reasons import MEANING, ReasonCode
from gridpact.exchange.statements import Bookkeeper
from gridpact.units import IntArray, payment

MOST_ALARMS = 200
"""The newest that are kept."""


@dataclass(slots=True)
class Totals:
    """Of a member, or of everybody, over all settled intervals: energies in Wh, money in micro-units, + = the member pays.

    ``alone`` is what the metered energy would have cost with the supplier alone, at retail and without charges on trades.
    """

    metered: int = 0
    bought: int = 0
    sold: int = 0
    astray: int = 0
    paid: int = 0
    alone: int = 0
    imbalance: int = 0

    @property
    def saved(self) -> int:
        """Against the supplier alone."""
        return self.alone - self.paid

    def add(self, other: "Totals") -> None:
        """Add up."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class History:
    """See the module.

    Attributes
    ----------
    steps
        How many have been taken.
    events
        How many of each kind.
    refusals
        Refused messages by reason, and commands of each member that were refused.
    reduced
        What the DSO or the supplier cut, by interval, until its accounts are final.
    accepted
        The outcome of acceptance by interval, likewise.
    totals
        By member.
    everybody
        The sum of them.
    alarms
        The newest last.
    bookkeeper
        Everything booked, for statements.
    """

    steps: int = 0
    events: Counter[str] = field(default_factory=Counter)
    refusals: Counter[ReasonCode] = field(default_factory=Counter)
    reduced: dict[int, list[TradeReduced]] = field(default_factory=dict)
    accepted: dict[int, IntervalAccepted] = field(default_factory=dict)
    totals: dict[str, Totals] = field(default_factory=dict)
    everybody: Totals = field(default_factory=Totals)
    alarms: deque[Alarm] = field(default_factory=lambda: deque(maxlen=MOST_ALARMS))
    bookkeeper: Bookkeeper = field(default_factory=Bookkeeper)
    _prices: dict[int, Prices] = field(default_factory=dict)
    _metered: dict[int, Counter[str]] = field(default_factory=dict)

    def take(self, steps: Iterable[Step]) -> None:
        """Take the next steps of the area, beginning with its first."""
        for step in steps:
            self.bookkeeper.take(self.steps, step)
            self.steps += 1
            for event in step.events:
                self.events[type(event).__name__] += 1
                match event:
                    case Refused():
                        self.refusals[event.reason] += 1
                    case IntervalOpened():
                        self._prices[event.interval] = event.prices
                    case TradeReduced():
                        self.reduced.setdefault(event.interval, []).append(event)
                    case IntervalAccepted():
                        self._accept(step.at, event)
                    case IntervalSettled():
                        self._settle(event)
                    case MetersDisagree():
                        self._alarm(
                            step.at,
                            event.interval,
                            AlarmKind.METERS,
                            f"losses by the meters {event.loss_wh} Wh, stated {event.stated_wh} Wh, "
                            f"tolerance {event.tolerance_wh} Wh",
                        )
                    case IntervalClosed():
                        for kept in (self.reduced, self.accepted, self._prices, self._metered):
                            kept.pop(event.interval, None)

    def _accept(self, at: int, event: IntervalAccepted) -> None:
        self.accepted[event.interval] = event
        cut = {reduction.reason for reduction in self.reduced.get(event.interval, ())}
        if not event.command:
            self._alarm(at, event.interval, AlarmKind.UNCHECKED, "delivery began without a check of the network")
        if ReasonCode.NO_CONVERGENCE in cut:
            self._alarm(at, event.interval, AlarmKind.NO_POWER_FLOW, MEANING[ReasonCode.NO_CONVERGENCE])
        for own in event.own:
            self._alarm(at, event.interval, AlarmKind.NETWORK, f"{own.reason} at {own.place}, with no trade at all")

    def _alarm(self, at: int, interval: int, kind: AlarmKind, text: str) -> None:
        self.alarms.append(Alarm(at, interval, kind, text))

    def _settle(self, event: IntervalSettled) -> None:
        """Add the differences of a settlement; of what retail alone would cost too, by the reading before."""
        prices, so_far = self._prices[event.interval], self._metered.setdefault(event.interval, Counter())
        none = [0] * len(event.members)
        metered = event.energy.get("metered", none)
        before = np.array([so_far[member] for member in event.members], dtype=np.int64)
        after = before + np.array(metered, dtype=np.int64)
        alone = (at_retail(after, prices) - at_retail(before, prices)).tolist()
        for row, member in enumerate(event.members):
            so_far[member] += metered[row]
            added = Totals(
                **{name: event.energy.get(name, none)[row] for name in ("metered", "bought", "sold", "astray")},
                paid=sum(column[row] for column in event.money.values()),
                alone=alone[row],
                imbalance=event.money.get("imbalance", none)[row],
            )
            self.totals.setdefault(member, Totals()).add(added)
            self.everybody.add(added)


def at_retail(net_wh: IntArray, prices: Prices) -> IntArray:
    """What metered energy costs with the supplier alone, micro-units, + = the member pays.

    Examples
    --------
    >>> at_retail(np.array([1_000, -500]), Prices(300_000, 80_000, 350_000, 50_000, 100_000))
    array([300000, -40000])
    """
    imported = payment(np.maximum(net_wh, 0), prices.import_price)
    return np.asarray(imported - payment(np.maximum(-net_wh, 0), prices.export_price), dtype=np.int64)
