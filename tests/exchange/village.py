"""A small market area for tests: four members, their meters, and keys with which everybody signs."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gridpact.exchange import (
    Actor,
    AnyBody,
    AnyEvent,
    Command,
    Exchange,
    OpenInterval,
    Prices,
    ReportNetwork,
    ReportReading,
    Role,
    Rules,
    Step,
    Tick,
    open_area,
)
from gridpact.exchange.rules import DAY, HOUR, MINUTE

AREA = "village"
MEMBERS = ("ann", "bob", "cat", "dan")
STEP = 30 * MINUTE
NOON = 10 * DAY + 12 * HOUR
"""Start of the interval that most tests trade."""
GATE = NOON - HOUR
BIDDING = GATE - HOUR
END = NOON + STEP
PRICES = Prices(
    import_price=300_000, export_price=80_000, imbalance_buy=350_000, imbalance_sell=50_000, loss_price=100_000
)
RULES = Rules(AREA, step_ms=STEP)


def actors(members: Iterable[str] = MEMBERS) -> list[Actor]:
    """The members, a meter each and one at the head, supplier, DSO and exchange; keys are secrets shared with the verifier."""
    people = [Actor(name, Role.MEMBER, key=f"key of {name}") for name in members]
    meters = [Actor(f"meter-{name}", Role.METER, key=f"key of meter-{name}", of=name) for name in members]
    others = [("head", Role.METER), ("shop", Role.SUPPLIER), ("grid", Role.DSO), ("market", Role.EXCHANGE)]
    return [*people, *meters, *(Actor(name, role, key=f"key of {name}") for name, role in others)]


def sign(command: Command, key: str) -> str:
    """A keyed hash of all but the signature: quick, and as deterministic as Ed25519."""
    unsigned = msgspec.structs.replace(command, signature="")
    return hmac.new(key.encode(), msgspec.json.encode(unsigned), hashlib.sha256).hexdigest()


def verify(command: Command, key: str) -> bool:
    """Whether `sign` made the signature with this key."""
    return hmac.compare_digest(sign(command, key).encode(), command.signature.encode())


def signed(author: str, number: object, body: AnyBody, area: str = AREA) -> Command:
    """A command of an author who signs with its own key."""
    command = Command(area, author, str(number), body)
    return msgspec.structs.replace(command, signature=sign(command, f"key of {author}"))


@dataclass
class Village:
    """An exchange with its journal, driven by hand."""

    rules: Rules = RULES
    members: tuple[str, ...] = MEMBERS
    steps: list[Step] = field(default_factory=list)
    numbers: int = 0

    def __post_init__(self) -> None:
        self.steps.append(open_area(self.rules, actors(self.members)))
        self.exchange = Exchange.from_steps(self.steps, verify)

    @property
    def state(self) -> Any:
        return self.exchange.state

    @property
    def events(self) -> list[AnyEvent]:
        return [event for step in self.steps for event in step.events]

    def send(self, message: Command | bytes, at: int) -> tuple[AnyEvent, ...]:
        step = self.exchange.handle(message, at)
        self.steps.append(step)
        return step.events

    def say(self, author: str, body: AnyBody, at: int = BIDDING) -> tuple[AnyEvent, ...]:
        """Send a new command of this author; returns what came of it."""
        self.numbers += 1
        return self.send(signed(author, self.numbers, body), at)

    def key(self, author: str) -> str:
        """Names what the last command made."""
        return f"{author}/{self.numbers}"

    def open(self, start: int = NOON, prices: Prices = PRICES, at: int = 0) -> "Village":
        self.say("market", OpenInterval(start, prices), at)
        return self

    def tick(self, at: int) -> list[AnyEvent]:
        """Tick until nothing more is due."""
        done: list[AnyEvent] = []
        while self.exchange.is_due(at):
            done += self.say("market", Tick(), at)
        return done

    def accept(self, start: int = NOON, **report: Any) -> tuple[AnyEvent, ...]:
        """The DSO's check, ten minutes after gate closure."""
        body = ReportNetwork(start, "pro-rata", **({"converged": True} | report))
        return self.say("grid", body, start - HOUR + 10 * MINUTE)

    def read(self, readings: dict[str, int], start: int = NOON, at: int | None = None, version: int = 0) -> None:
        """Readings by member, a minute after delivery; the head's under ``"head"``."""
        for name, energy_wh in readings.items():
            meter = name if name == "head" else f"meter-{name}"
            self.say(meter, ReportReading(start, energy_wh, version), start + STEP + MINUTE if at is None else at)

    def through_delivery(self, start: int = NOON) -> "Village":
        """Close the gate, accept everything, deliver."""
        self.tick(start - HOUR)
        self.accept(start)
        self.tick(start + STEP)
        return self
