"""The exchange: how fast a journal is replayed, commands are decided, and a month of a thousand members is settled."""

import time
from collections.abc import Callable
from itertools import count

import numpy as np

from benchmarks.registry import benchmark
from gridpact.community import TradeCharges
from gridpact.exchange import (
    Actor,
    AnyBody,
    AnyEvent,
    Command,
    Exchange,
    GateClosed,
    IntervalAccepted,
    IntervalDelivered,
    IntervalOpened,
    ModifyOrder,
    OpenInterval,
    PlaceOrder,
    Prices,
    ReadingTaken,
    ReportNetwork,
    ReportReading,
    Role,
    Rules,
    Step,
    Tick,
    TradeStruck,
    apply,
    decode,
    encode,
    open_area,
    read_steps,
    replay,
    settle,
    write_steps,
)
from gridpact.exchange.roster import tariff_of
from gridpact.exchange.rules import DAY, HOUR, MINUTE
from gridpact.markets import Pact, Trades

AREA = "benchmark"
STEP = 15 * MINUTE
FIRST = 2 * DAY
PER_DAY = DAY // STEP
PRICES = Prices(
    import_price=300_000, export_price=80_000, imbalance_buy=350_000, imbalance_sell=50_000, loss_price=100_000
)


def open_benchmark(members: int) -> Step:
    """An area of members with a meter each; nobody checks signatures."""
    ids = [f"m{number:04}" for number in range(members)]
    people = [Actor(name, Role.MEMBER) for name in ids]
    meters = [Actor(f"meter-{name}", Role.METER, of=name) for name in ids]
    others = [Actor(role.value, role) for role in (Role.METER, Role.SUPPLIER, Role.DSO, Role.EXCHANGE)]
    rules = Rules(AREA, step_ms=STEP, service_charge=1_000, penalty=10_000)
    return open_area(rules, [*people, *meters, *others])


class Day:
    """Some intervals of an area, command by command."""

    def __init__(self, members: int) -> None:
        self.steps = [open_benchmark(members)]
        self.exchange = Exchange.from_steps(self.steps, verify=lambda command, key: True)
        self.members = self.exchange.state.roster.members
        self.numbers, self.rng = count(), np.random.default_rng(0)

    def say(self, author: str, body: AnyBody, at: int) -> str:
        """Hand one command over; names what it makes."""
        command = Command(AREA, author, str(next(self.numbers)), body)
        self.steps.append(self.exchange.handle(command, at))
        return command.key

    def tick(self, at: int) -> None:
        """Do all that is due."""
        while self.exchange.is_due(at):
            self.say("exchange", Tick(), at)

    def trade(self, start: int) -> None:
        """An interval from opening to metering: an order a member, each changed once, all meters read."""
        draw = self.rng.integers
        self.say("exchange", OpenInterval(start, PRICES), start - 12 * HOUR)
        for member in self.members:
            energy_wh = int(draw(100, 2_000))
            body = PlaceOrder(start, bool(draw(2)), energy_wh, int(draw(80_000, 300_000)))
            order = self.say(member, body, start - 2 * HOUR)
            self.say(member, ModifyOrder(start, order, energy_wh, int(draw(80_000, 300_000))), start - 2 * HOUR)
        self.tick(start - HOUR)
        self.say("dso", ReportNetwork(start, "pro-rata", converged=True), start - HOUR)
        self.tick(start + STEP)
        for member in self.members:
            self.say(f"meter-{member}", ReportReading(start, int(draw(-2_000, 2_000))), start + STEP)
        self.say("meter", ReportReading(start, 0), start + STEP)

    def run(self, intervals: int) -> list[Step]:
        """Trade the intervals one after the other and settle them all."""
        for number in range(intervals):
            self.trade(FIRST + number * STEP)
        self.tick(FIRST + intervals * STEP + DAY)
        return self.steps


@benchmark("exchange", sizes=(100_000,), unit="events/s", bars={100_000: 50_000.0}, better="higher")
def replay_of_a_journal(size: int) -> Callable[[], float]:
    """From the bytes of a journal of 200 members to the state, from opening to settlement; at least `size` events."""
    steps = Day(200).run(-(-size // 700))
    written, events = write_steps(steps), sum(len(step.events) for step in steps)
    assert events >= size

    def run() -> float:
        begun = time.perf_counter()
        replay(event for step in read_steps(written) for event in step.events)
        return events / (time.perf_counter() - begun)

    return run


@benchmark("exchange", sizes=(10_000,), unit="commands/s", better="higher")
def orders_decided(size: int) -> Callable[[], float]:
    """Orders from their bytes to the changed state, one after the other; signatures are not checked here."""
    opening = open_benchmark(1_000)
    members = [actor.id for actor in Exchange.from_steps([opening], lambda command, key: True).state.actors.values()]
    people = [name for name in members if name.startswith("m0")]
    orders = [
        encode(
            Command(AREA, people[number % len(people)], str(number), PlaceOrder(FIRST, number % 2 == 0, 100, 200_000))
        )
        for number in range(size)
    ]

    def run() -> float:
        exchange = Exchange.from_steps([opening], verify=lambda command, key: True)
        exchange.handle(Command(AREA, "exchange", "open", OpenInterval(FIRST, PRICES)), 0)
        begun = time.perf_counter()
        for order in orders:
            exchange.handle(order, HOUR)
        return size / (time.perf_counter() - begun)

    return run


def metered_day(members: int) -> Exchange:
    """A day whose every interval was traded in pairs, delivered and read, and is about to be settled."""
    exchange = Exchange.from_steps([open_benchmark(members)], verify=lambda command, key: True)
    ids, draw = exchange.state.roster.members, np.random.default_rng(0)

    def happen(event: AnyEvent) -> None:
        apply(exchange.state, event)

    for start in range(FIRST, FIRST + DAY, STEP):
        happen(IntervalOpened(start, PRICES))
        pairs = draw.permutation(members).reshape(-1, 2).tolist()
        energies, prices = draw.integers(100, 1_500, len(pairs)), draw.integers(80_000, 300_000, len(pairs))
        terms = zip(pairs, energies.tolist(), prices.tolist(), strict=True)
        for number, ((seller, buyer), energy_wh, price) in enumerate(terms):
            happen(TradeStruck(start, number, ids[seller], ids[buyer], energy_wh, price))
        happen(GateClosed(start, seed=""))
        happen(IntervalAccepted(start, command="", policy="", losses_wh=0))
        happen(IntervalDelivered(start))
        readings = draw.integers(-2_000, 2_000, members).tolist()
        for member, energy_wh in zip(ids, readings, strict=True):
            happen(ReadingTaken(start, member, f"meter-{member}", energy_wh, 0))
        happen(ReadingTaken(start, "", "meter", sum(readings), 0))
    return exchange


@benchmark("exchange", sizes=(2_880,), unit="s", bars={2_880: 2.0}, repeat=3)
def settlement_of_a_month(size: int) -> Callable[[], None]:
    """1,000 members, `size` intervals of 500 trades, from readings to the events of the accounts: one day, thirty times."""
    exchange = metered_day(1_000)
    tick = Command(AREA, "exchange", "tick", Tick())

    def run() -> None:
        for _ in range(size // PER_DAY):
            step = exchange.decide(tick, FIRST + 2 * DAY)
            assert len(step.events) == PER_DAY

    return run


@benchmark("exchange", sizes=(2_880,), unit="s", bars={2_880: 2.0}, repeat=3)
def accounts_of_a_month(size: int) -> Callable[[], None]:
    """The arithmetic alone, on arrays: 1,000 members, `size` intervals of 500 trades, every cause of every bill."""
    members, draw = 1_000, np.random.default_rng(0)
    tariff = tariff_of(Rules(AREA, step_ms=STEP, service_charge=1_000, penalty=10_000), [PRICES] * size)
    nothing = np.zeros(members, dtype=np.int64)
    charges = TradeCharges(nothing, nothing, nothing + 1_000, nothing)
    pairs = np.concatenate([draw.permutation(members).reshape(-1, 2) for _ in range(size)])
    intervals = np.repeat(np.arange(size), members // 2)
    energies, offers = draw.integers(100, 1_500, len(pairs)), draw.integers(80_000, 300_000, len(pairs))
    trades = Trades(pairs[:, 0], pairs[:, 1], intervals, energies, offers)
    metered = draw.integers(-2_000, 2_000, (members, size))

    def run() -> None:
        accounts = settle(Pact(trades), metered, metered.sum(axis=0), tariff, charges)
        for part in accounts.windows():
            assert part.money_residual() == 0

    return run


@benchmark("exchange", sizes=(100_000,), unit="s")
def commands_decoded(size: int) -> Callable[[], None]:
    """Orders from their bytes."""
    message = encode(Command(AREA, "m0001", "7", PlaceOrder(FIRST, True, 100, 200_000), signature="0" * 128))

    def run() -> None:
        for _ in range(size):
            decode(message)

    return run
