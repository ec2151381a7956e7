"""A world of members, meters, supplier and DSO around one exchange, with everything that goes wrong: from a seed, bit for bit.

`simulate` runs one schedule: commands wait in a queue by time of arrival; a network duplicates, delays, reorders and replays
them; forgers, flooders and meters out of order add theirs; and the exchange crashes, losing what it had not written down. The
journal that comes out is what anybody else may test on.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from exchange.village import MEMBERS, NOON, PRICES, STEP, actors, sign, signed, verify
from gridpact.exchange import (
    Actor,
    AnyBody,
    Bounds,
    CancelOrder,
    Command,
    Exchange,
    ListItem,
    MemberLimit,
    ModifyOrder,
    OpenInterval,
    Phase,
    PlaceOrder,
    ReasonCode,
    RecordAgreement,
    Reduction,
    Register,
    RejectTrades,
    ReportNetwork,
    ReportReading,
    Role,
    Rules,
    SetBounds,
    SignAgreement,
    Step,
    TakeItem,
    Tick,
    TradeTerms,
    TransferTerms,
    Use,
    Violation,
    WithdrawItem,
    open_area,
    read_steps,
    write_steps,
)
from gridpact.exchange.codec import encode
from gridpact.exchange.rules import DAY, HOUR, MINUTE

STARTS = (NOON, NOON + STEP, NOON + DAY)
MECHANISMS = ("", *(f"auction:{rule}" for rule in ("uniform", "pay-as-bid", "mcafee", "muda", "vcg", "random")))
GRID = (ReasonCode.VOLTAGE_HIGH, ReasonCode.VOLTAGE_LOW, ReasonCode.OVERLOAD)


@dataclass
class World:
    """One schedule while it runs.

    Attributes
    ----------
    queue
        What is on its way: time of arrival, number, message; None makes the keeper look at the clock.
    steps
        The journal.
    crashes
        How often the exchange came back from what it had written.
    digests
        Of the state, by number of steps, now and then.
    """

    seed: int
    draw: random.Random
    exchange: Exchange
    steps: list[Step]
    queue: list[tuple[int, int, Command | bytes | None]] = field(default_factory=list)
    sent: list[Command] = field(default_factory=list)
    numbers: int = 0
    checked: set[int] = field(default_factory=set)
    crashes: int = 0
    digests: dict[int, str] = field(default_factory=dict)

    def arrive(self, at: int, message: Command | bytes | None) -> None:
        self.numbers += 1
        heapq.heappush(self.queue, (at, self.numbers, message))

    def post(self, author: str, body: AnyBody, at: int) -> str:
        """Send a signed command over the network; returns the key of what it makes."""
        self.numbers += 1
        command = signed(author, self.numbers, body)
        self.sent.append(command)
        delay = int(self.draw.expovariate(1 / MINUTE)) if self.draw.random() < 0.9 else self.draw.randrange(2 * HOUR)
        self.arrive(at + delay, encode(command) if self.draw.random() < 0.5 else command)
        if self.draw.random() < 0.15:
            self.arrive(at + delay + self.draw.randrange(DAY), command)
        return command.key

    def run(self) -> "World":
        """Until nothing is on its way."""
        while self.queue:
            at, _, message = heapq.heappop(self.queue)
            if message is not None:
                self.crash_or_handle(message, at)
                continue
            while self.exchange.is_due(at):
                self.crash_or_handle(signed("market", f"tick-{len(self.steps)}", Tick()), at)
            self.check_networks(at)
        return self

    def crash_or_handle(self, message: Command | bytes, at: int) -> None:
        step = self.exchange.decide(message, at)
        if self.draw.random() < 0.01:
            self.crash(step)
            step = self.exchange.decide(message, at)  # it was never acknowledged, so it is sent again
        self.exchange.apply(step)
        self.steps.append(step)
        if self.draw.random() < 0.02:
            self.digests[len(self.steps)] = self.exchange.state.digest()

    def crash(self, step: Step) -> None:
        """The process dies while the step is being written, at any byte of it."""
        self.crashes += 1
        written = write_steps(self.steps)
        torn = write_steps([step])[: self.draw.randrange(len(write_steps([step])))]
        self.exchange = Exchange.from_steps(read_steps(written + torn), verify)

    def check_networks(self, at: int) -> None:
        """Supplier and DSO look at the intervals whose gate has closed."""
        for interval in list(self.exchange.state.intervals.values()):
            if interval.phase == Phase.CLEARED and interval.start not in self.checked:
                self.checked.add(interval.start)
                standing = [number for number, trade in enumerate(interval.trades) if trade.accepted_wh]
                if standing and self.draw.random() < 0.3:
                    rejected = tuple(self.draw.sample(standing, self.draw.randint(1, min(2, len(standing)))))
                    self.post("shop", RejectTrades(interval.start, rejected), at + MINUTE)
                if self.draw.random() < 0.9:
                    self.post("grid", _network_report(self.draw, interval, standing), at + 10 * MINUTE)


def _network_report(draw: random.Random, interval: Any, standing: list[int]) -> ReportNetwork:
    if draw.random() < 0.1:
        return ReportNetwork(interval.start, "pro-rata", converged=False)
    cut = [number for number in standing if draw.random() < 0.4]
    wrong = draw.random()
    reductions = tuple(
        Reduction(
            number + (1000 if wrong < 0.02 else 0),
            draw.randrange(interval.trades[number].accepted_wh + (1_000_000 if wrong > 0.98 else 1)),
            ReasonCode.CREDIT if 0.02 < wrong < 0.04 else draw.choice(GRID),
            "bus 3",
            1_060_000,
            1_049_000,
        )
        for number in cut
    )
    limits = tuple(MemberLimit(member, None, draw.randrange(2_000)) for member in MEMBERS if draw.random() < 0.2)
    own = (Violation(ReasonCode.OVERLOAD, "line 1", 1_100),) if draw.random() < 0.2 else ()
    return ReportNetwork(interval.start, "pro-rata", True, draw.randrange(200), reductions, limits=limits, own=own)


def rules_of(draw: random.Random) -> Rules:
    """Rules of an area, drawn."""
    return Rules(
        "village",
        step_ms=STEP,
        settle_after_ms=DAY // 2,
        correct_within_ms=3 * DAY,
        mechanism=draw.choice(MECHANISMS),
        continuous=draw.random() < 0.5,
        network_charge={"": draw.choice((0, 12_345))},
        service_charge=draw.choice((0, 1_001)),
        dead_band=draw.choice((0, 100_000)),
        penalty=draw.choice((0, 77_777)),
        most_wh=4_000,
        most_price=400_000,
        most_messages=12,
    )


def simulate(seed: int) -> World:
    """Run one schedule from beginning to end."""
    draw = random.Random(seed)
    steps = [open_area(rules_of(draw), actors())]
    world = World(seed, draw, Exchange.from_steps(steps, verify), steps)
    _clock(world)
    for start in STARTS:
        _interval(world, start)
    _registrations(world)
    _forgeries(world)
    return world.run()


def _clock(world: World) -> None:
    """The keeper looks at the clock at every boundary, sometimes late, and now and then between."""
    boundaries = {
        start + offset
        for start in STARTS
        for offset in (-HOUR, 0, STEP, STEP + DAY // 2, STEP + DAY, STEP + 2 * DAY, STEP + 3 * DAY + HOUR)
    }
    for at in sorted(boundaries | {world.draw.randrange(NOON - HOUR, NOON + 2 * DAY) for _ in range(3)}):
        late = world.draw.randrange(MINUTE) if world.draw.random() < 0.8 else world.draw.randrange(HOUR)
        world.arrive(at + late, None)
    world.arrive(NOON, signed("market", "idle", Tick()))


def _interval(world: World, start: int) -> None:
    """All that anybody sends about one interval."""
    draw = world.draw
    world.post("market", OpenInterval(start, PRICES), draw.randrange(start - 8 * HOUR, start - 4 * HOUR))
    if draw.random() < 0.1:
        world.post("market", OpenInterval(start, msgspec.structs.replace(PRICES, loss_price=1)), start - 2 * HOUR)
    if draw.random() < 0.3:
        world.post("market", _agreement(draw, start), start - 2 * HOUR)
    if draw.random() < 0.3:
        _signatures(world, start)
    _bids(world, start)
    for of in (*MEMBERS, "head"):
        _meter(world, of, start)


def _bids(world: World, start: int) -> None:
    """What the members send, in the order of time; some of it about what is not theirs, or does not exist."""
    draw = world.draw
    counts = {member: 20 if draw.random() < 0.03 else draw.randint(0, 4) for member in MEMBERS}
    times = sorted(
        (draw.randrange(start - 4 * HOUR, start - 55 * MINUTE), member)
        for member, count in counts.items()
        for _ in range(count)
    )
    items, orders = dict[str, int](), ["nobody/0"]
    for at, member in times:
        energy_wh, price, use = draw.randint(1, 2_500), draw.randrange(60_000, 420_000), draw.choice(list(Use))
        item = draw.choice(list(items) or ["nobody/0"])
        own = [key for key in orders if key.startswith(f"{member}/")]
        order = draw.choice(own) if own and draw.random() < 0.8 else draw.choice(orders)
        wishes = (
            "order",
            "order",
            "order",
            "item",
            "modify",
            "cancel",
            *(("take", "take", "withdraw") if items else ()),
        )
        match draw.choice(wishes):
            case "order":
                orders.append(world.post(member, PlaceOrder(start, draw.random() < 0.5, energy_wh, price, use), at))
            case "item":
                listed = world.post(member, ListItem(start, draw.random() < 0.5, energy_wh, price, use), at)
                items[listed] = energy_wh
            case "take":
                taken_wh = draw.choice((energy_wh, energy_wh // 8 + 1, items.get(item, energy_wh)))
                world.post(member, TakeItem(start, item, taken_wh, price, use), at)
            case "modify":
                world.post(member, ModifyOrder(start, order, energy_wh, price), at)
            case "cancel":
                world.post(member, CancelOrder(start, order), at)
            case "withdraw":
                world.post(member, WithdrawItem(start, item), at)


def _agreement(draw: random.Random, start: int) -> RecordAgreement:
    """A loan with its return leg a day later, and a transfer."""
    lender, borrower = draw.sample(MEMBERS, 2)
    back = draw.choice(STARTS)
    energy_wh = draw.randint(1, 900)
    trades = (
        TradeTerms(lender, borrower, start, energy_wh, 0, leg=0),
        TradeTerms(borrower, lender, back, energy_wh + 50, 0, leg=0),
    )
    transfers = (
        TransferTerms(lender, draw.choice(("market", "grid", "shop", borrower)), start, draw.randrange(10_000)),
    )
    return RecordAgreement(start, "negotiation", trades, transfers)


def _signatures(world: World, start: int) -> None:
    """Two sign a loan: sometimes only one of them, one twice, one too late, or not the same."""
    draw = world.draw
    one, other = draw.sample(MEMBERS, 2)
    trades = (
        TradeTerms(one, other, start, draw.randint(1, 900), draw.randrange(400_000), leg=0),
        TradeTerms(other, one, draw.choice([back for back in STARTS if back >= start]), draw.randint(1, 900), 0, leg=0),
    )
    for member, peer in draw.choice((((one, other), (other, one)), ((one, other),), ((one, other), (one, other)))):
        signed_wh = trades if draw.random() < 0.9 else trades[:1]
        world.post(member, SignAgreement(start, peer, signed_wh), start - draw.choice((2 * HOUR, 90 * MINUTE, HOUR)))


def _meter(world: World, of: str, start: int) -> None:
    """Readings: on time, late, never, corrected, contradicted, too early."""
    draw, meter, end = world.draw, of if of == "head" else f"meter-{of}", start + STEP
    fate = draw.random()
    if fate < 0.1:
        return
    at = end + (draw.randrange(4 * DAY) if fate < 0.25 else draw.randrange(2 * HOUR))
    if fate > 0.97:
        at = start
    energy_wh = draw.randint(-2_500, 2_500)
    world.post(meter, ReportReading(start, energy_wh), at)
    if draw.random() < 0.2:
        world.post(meter, ReportReading(start, draw.randint(-2_500, 2_500), version=draw.randint(0, 2)), at + HOUR)
    if draw.random() < 0.1:
        world.post(meter, ReportReading(start, energy_wh), at + 2 * HOUR)


def _registrations(world: World) -> None:
    """Somebody joins with a meter, too late for some intervals; and some who cannot."""
    draw = world.draw
    if draw.random() < 0.3:
        at = draw.randrange(NOON - 8 * HOUR, NOON)
        world.post("market", Register(Actor("eve", Role.MEMBER, key="key of eve")), at)
        world.post("market", Register(Actor("meter-eve", Role.METER, key="key of meter-eve", of="eve")), at + HOUR)
        for start in STARTS:
            world.post("eve", PlaceOrder(start, True, 500, 300_000), start - 2 * HOUR)
            world.post("meter-eve", ReportReading(start, 700), start + STEP + HOUR)
    if draw.random() < 0.1:
        wrong = draw.choice((Actor("ann", Role.MEMBER), Actor("second", Role.DSO), Actor("m", Role.METER, of="nobody")))
        world.post("market", Register(wrong), NOON)
    for _ in range(draw.randint(0, 2)):
        bounds = Bounds(draw.choice((None, 300)), highest_price=draw.choice((None, 200_000)))
        world.post("market", SetBounds(draw.choice(("ann", "eve")), bounds), draw.randrange(NOON - 8 * HOUR, NOON))


def _forgeries(world: World) -> None:
    """What was never signed by whom it names, and what is no command at all."""
    draw = world.draw
    for _ in range(3):
        victim = draw.choice(world.sent)
        at = draw.randrange(NOON - 6 * HOUR, NOON + 2 * DAY)
        world.arrive(at, draw.choice(FORGERIES)(draw, victim))


def _flip_a_bit(draw: random.Random, victim: Command) -> bytes:
    message = bytearray(encode(victim))
    message[draw.randrange(len(message))] ^= 1 << draw.randrange(8)
    return bytes(message)


_replace = msgspec.structs.replace
FORGERIES: tuple[Callable[[random.Random, Command], Command | bytes], ...] = (
    lambda draw, victim: victim,  # replayed as it was
    lambda draw, victim: _replace(victim, id="stolen"),
    lambda draw, victim: _replace(victim, author=draw.choice(MEMBERS)),
    lambda draw, victim: _replace(victim, signature=sign(victim, "key of mallory")),
    lambda draw, victim: signed("mallory", 1, Tick()),
    lambda draw, victim: signed("ann", "x", Tick()),
    lambda draw, victim: signed(victim.author, victim.id, victim.body, area="town"),
    _flip_a_bit,
    lambda draw, victim: encode(victim)[: draw.randrange(len(encode(victim)))],
    lambda draw, victim: b" " * (1 << 20) + b"{}",
)
