"""The exchange: how fast a log is replayed, commands are decided, and a month of a thousand members is settled."""

from collections.abc import Callable
from itertools import count

import numpy as np

from benchmarks.registry import benchmark
from gridpact.exchange import (
    Actor,
    AnyBody,
    AnyEvent,
    Command,
    Exchange,
    ModifyOrder,
    OpenInterval,
    PlaceOrder,
    Prices,
    ReportNetwork,
    ReportReading,
    Role,
    Rules,
    Step,
    Tick,
    Use,
    open_area,
    replay,
)
from gridpact.exchange.rules import DAY, HOUR, MINUTE

AREA = "benchmark"
STEP = 15 * MINUTE
PRICES = Prices(
    import_price=300_000, export_price=80_000, imbalance_buy=350_000, imbalance_sell=50_000, loss_price=100_000
)
MEMBERS = 1_000
EVENTS_BAR, SETTLEMENT_BAR = 50_000.0, 2.0


def open_benchmark(members: int, **rules: int | str | bool) -> Step:
    """An area of members with a meter each; nobody checks signatures."""
    ids = [f"m{number:04}" for number in range(members)]
    people = [Actor(name, Role.MEMBER) for name in ids]
    meters = [Actor(f"meter-{name}", Role.METER, of=name) for name in ids]
    others = [Actor(role.value, role) for role in (Role.METER, Role.SUPPLIER, Role.DSO, Role.EXCHANGE)]
    return open_area(
        Rules(AREA, step_ms=STEP, service_charge=1_000, penalty=10_000, **rules), [*people, *meters, *others]
    )  # type: ignore[arg-type]


class Day:
    """A day of an area, command by command."""

    def __init__(self, members: int, **rules: int | str | bool) -> None:
        self.steps = [open_benchmark(members, **rules)]
        self.exchange = Exchange.from_steps(self.steps, verify=lambda command, key: True)
        self.members = [actor.id for actor in self.exchange.state.actors.values() if actor.role == Role.MEMBER]
        self.numbers, self.rng = count(), np.random.default_rng(0)

    def say(self, author: str, body: AnyBody, at: int) -> None:
        """Hand one command over."""
        self.steps.append(self.exchange.handle(Command(AREA, author, str(next(self.numbers)), body), at))

    def tick(self, at: int) -> None:
        """Do all that is due."""
        while self.exchange.is_due(at):
            self.say("exchange", Tick(), at)

    def trade(self, start: int, modifications: int = 1) -> None:
        """An interval from its opening to its settlement: an order a member, some changed, all read."""
        draw = self.rng.integers
        self.say("exchange", OpenInterval(start, PRICES), start - 12 * HOUR)
        for member in self.members:
            buys, energy_wh, price = bool(draw(2)), int(draw(100, 2_000)), int(draw(80_000, 300_000))
            self.say(member, PlaceOrder(start, buys, energy_wh, price, Use.BASE), start - 2 * HOUR)
            order = f"{member}/{next(self.numbers) - 1}"
            for _ in range(modifications):
                self.say(member, ModifyOrder(start, order, energy_wh, int(draw(80_000, 300_000))), start - 2 * HOUR)
        self.tick(start - HOUR)
        self.say("dso", ReportNetwork(start, "pro-rata", converged=True), start - HOUR)
        self.tick(start + STEP)
        for member in self.members:
            self.say(f"meter-{member}", ReportReading(start, int(draw(-2_000, 2_000))), start + STEP)
        self.say("meter", ReportReading(start, 0), start + STEP)

    def run(self, intervals: int, **options: int) -> list[Step]:
        """Trade the intervals one after the other and settle them all."""
        first = 2 * DAY
        for number in range(intervals):
            self.trade(first + number * STEP, **options)
        self.tick(first + intervals * STEP + DAY)
        return self.steps


def events_of(steps: list[Step]) -> list[AnyEvent]:
    """All events of a journal."""
    return [event for step in steps for event in step.events]


@benchmark("exchange", sizes=(100_000,), unit="events/s", bars={100_000: EVENTS_BAR}, better="higher")
def replay_of_events(size: int) -> Callable[[], float]:
    """A day's log of 200 members, from opening to settlement, folded into the state; a lower bound of `size` events."""
    import time

    day = Day(200)
    events = events_of(day.run(-(-size // 950)))
    assert len(events) >= size

    def run() -> float:
        begun = time.perf_counter()
        replay(events)
        return len(events) / (time.perf_counter() - begun)

    return run
