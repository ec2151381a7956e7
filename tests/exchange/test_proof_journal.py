"""The journal of an exchange in a ledger: every command is decided again, and an exchange that cheats is caught."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchange.proof_room import check, lines_of, save
from exchange.village import AREA, GATE, MEMBERS, NOON, RULES, STEP, Village, actors
from gridpact.exchange import (
    Actor,
    AnyBody,
    AnyEvent,
    Command,
    Exchange,
    ListItem,
    PlaceOrder,
    Step,
    TakeItem,
    open_area,
)
from gridpact.exchange.proof import Trust, append_journal, directory_of, sign_command, verify_command
from gridpact.exchange.rules import DAY, HOUR, MINUTE
from gridpact.ledger import ExportWriter, Header, Log, SigningKey, View, Witness, new_log, to_text


@dataclass
class SignedVillage(Village):
    """The village, its keys by Ed25519."""

    keys: dict[str, SigningKey] = field(default_factory=dict)

    def __post_init__(self) -> None:
        draw = random.Random(3).randbytes
        people = actors(self.members)
        self.keys = {actor.id: SigningKey.generate(draw) for actor in people}
        signed = [msgspec.structs.replace(actor, key=to_text(self.keys[actor.id].public)) for actor in people]
        self.steps.append(open_area(self.rules, signed))
        self.exchange = Exchange.from_steps(self.steps, verify_command)

    def say(self, author: str, body: AnyBody, at: int = GATE - HOUR) -> tuple[AnyEvent, ...]:
        self.numbers += 1
        return self.send(sign_command(Command(AREA, author, str(self.numbers), body), self.keys[author]), at)

    def write(self, path: Path, *, view: View = View.AUDIT, steps: list[Step] | None = None) -> Path:
        """The journal as an export, witnessed by the DSO and the supplier."""
        steps = self.steps if steps is None else steps
        draw = random.Random(4).randbytes
        header = Header(new_log(draw), view, "market", directory_of(self.steps), ("grid", "shop"), 2)
        with path.open("wb") as file:
            writer = ExportWriter(file, header)
            witnesses = [Witness(name, self.keys[name]) for name in header.witnesses]
            append_journal(Log(header, self.keys, witnesses, writer, draw), steps, "market")
            writer.end()
        return path


def day() -> SignedVillage:
    """Bids, a bilateral trade, clearing, acceptance, delivery, settlement, a correction, a refusal, nonsense."""
    village = SignedVillage()
    village.open()
    village.say("ann", ListItem(NOON, False, 800, 150_000))
    village.say("bob", TakeItem(NOON, village.key("ann"), 300, 200_000))
    village.say("cat", PlaceOrder(NOON, True, 900, 250_000))
    village.say("dan", PlaceOrder(NOON, False, 700, 120_000))
    village.send(b"not a command", GATE - MINUTE)
    village.tick(GATE)
    village.say("cat", PlaceOrder(NOON, True, 100, 250_000), GATE + MINUTE)  # too late: refused
    village.accept(losses_wh=10)
    village.tick(NOON + STEP)
    village.read({"ann": -300, "bob": 280, "cat": 900, "dan": -650, "head": 240})
    village.tick(NOON + STEP + DAY)
    village.read({"cat": 950}, at=NOON + STEP + DAY + HOUR, version=1)
    village.tick(NOON + STEP + 2 * DAY)
    return village


@pytest.fixture(scope="module")
def village() -> SignedVillage:
    return day()


def test_the_journal_of_an_exchange_holds(village: SignedVillage, tmp_path: Path) -> None:
    found = check(village.write(tmp_path / "journal.export"))
    assert found.difference is None
    commands = sum(step.command is not None for step in village.steps)
    assert found.counts.checked["commands decided again"] == commands > 10
    assert found.counts.checked["events that follow"] == len(village.events) - 2  # the opening, and nonsense
    assert found.counts.checked["settled intervals whose cash flows sum to zero"] == 2
    assert found.what == f"area {AREA}, auction:uniform, {len(MEMBERS)} members"


def test_the_public_journal_shows_totals_alone(village: SignedVillage, tmp_path: Path) -> None:
    audit, public = village.write(tmp_path / "a"), village.write(tmp_path / "p", view=View.PUBLIC)
    assert [line for line in lines_of(audit) if "head" in line] == [line for line in lines_of(public) if "head" in line]
    shown = public.read_bytes()
    assert b"place_order" not in shown
    assert b'"price_high":' in shown
    found = check(public)
    assert found.difference is None
    assert "commands and what came of them" in found.counts.not_checked


def find(steps: list[Step], kind: str) -> tuple[int, int]:
    """Step and event of the first event of a kind."""
    return next(
        (at, number)
        for at, step in enumerate(steps)
        for number, event in enumerate(step.events)
        if event.__struct_config__.tag == kind
    )


def with_event(steps: list[Step], kind: str, **changes: Any) -> list[Step]:
    at, number = find(steps, kind)
    events = list(steps[at].events)
    events[number] = msgspec.structs.replace(events[number], **changes)
    return [*steps[:at], msgspec.structs.replace(steps[at], events=tuple(events)), *steps[at + 1 :]]


def bill_wrongly(steps: list[Step]) -> list[Step]:
    at, number = find(steps, "interval_settled")
    event = steps[at].events[number]
    column = list(event.money["trades"])  # type: ignore[union-attr]
    column[0] += 7
    column[1] -= 7
    return with_event(steps, "interval_settled", money={**event.money, "trades": column})  # type: ignore[union-attr]


def refuse_an_order(steps: list[Step]) -> list[Step]:
    """The exchange pretends that a good order had been refused."""
    at, _ = find(steps, "order_placed")
    refused, number = find(steps, "refused")
    event = msgspec.structs.replace(steps[refused].events[number], author="cat")
    return [*steps[:at], msgspec.structs.replace(steps[at], events=(event,)), *steps[at + 1 :]]


def forge_an_order(steps: list[Step]) -> list[Step]:
    at, _ = find(steps, "order_placed")
    command = steps[at].command
    assert command is not None
    body = msgspec.structs.replace(command.body, energy_wh=1)
    return [
        *steps[:at],
        msgspec.structs.replace(steps[at], command=msgspec.structs.replace(command, body=body)),
        *steps[at + 1 :],
    ]


def replay_an_order(steps: list[Step]) -> list[Step]:
    at, _ = find(steps, "order_placed")
    return [*steps[: at + 1], steps[at], *steps[at + 1 :]]


def turn_back_the_clock(steps: list[Step]) -> list[Step]:
    return [*steps[:3], msgspec.structs.replace(steps[3], at=1), *steps[4:]]


def exchange_a_key(steps: list[Step]) -> list[Step]:
    opened = steps[0].events[0]
    key = to_text(SigningKey(bytes(32)).public)
    people = tuple(msgspec.structs.replace(a, key=key) if a.id == "ann" else a for a in opened.actors)  # type: ignore[union-attr]
    return with_event(steps, "area_opened", actors=people)


def open_nothing(steps: list[Step]) -> list[Step]:
    return steps[1:]


def leave_out_an_actor(steps: list[Step]) -> list[Step]:
    opened = steps[0].events[0]
    people: tuple[Actor, ...] = tuple(a for a in opened.actors if a.id != "shop")  # type: ignore[union-attr]
    return with_event(steps, "area_opened", actors=people)


@pytest.mark.parametrize(
    ("cheat", "where", "follows"),
    [
        (bill_wrongly, "event", "something else comes of this command, Tick"),
        (
            lambda steps: with_event(steps, "trade_struck", price=1),
            "event",
            "something else comes of this command, TakeItem",
        ),
        (
            lambda steps: with_event(steps, "gate_closed", seed="00"),
            "event",
            "something else comes of this command, Tick",
        ),
        (lambda steps: with_event(steps, "interval_accepted", losses_wh=0), "event", "ReportNetwork"),
        (lambda steps: with_event(steps, "reading_taken", energy_wh=0), "event", "ReportReading"),
        (refuse_an_order, "event 0", "something else comes of this command, TakeItem"),
        (forge_an_order, "event 0", "something else comes of this command, TakeItem"),
        (replay_an_order, "event 0", "something else comes of this command, TakeItem"),
        (turn_back_the_clock, "step_taken", "the clock was turned back"),
        (exchange_a_key, "actor ann", "could sign as ann"),
        (open_nothing, "entry 0", "rules and actors are unknown"),
        (leave_out_an_actor, "entry 0", "nobody can trade in it"),
    ],
)
def test_an_exchange_that_writes_what_does_not_follow_is_caught(
    village: SignedVillage, cheat: Callable[[list[Step]], list[Step]], where: str, follows: str, tmp_path: Path
) -> None:
    found = check(village.write(tmp_path / "forged.export", steps=cheat(village.steps))).difference
    assert found is not None
    assert where in found.where
    assert follows in found.follows


def test_totals_that_everybody_is_told_must_be_those_of_the_step(village: SignedVillage, tmp_path: Path) -> None:
    lines = lines_of(village.write(tmp_path / "journal.export"))
    audit = lines_of(village.write(tmp_path / "again.export"))
    assert lines == audit
    settled = next(line for line in lines if line.get("entry", {}).get("body", {}).get("settled"))
    settled["entry"]["body"]["settled"][0]["exchange"] += 1
    found = check(save(lines, tmp_path / "edited.export"), Trust()).difference
    assert found is not None
    assert "edited or made up" in found.follows


def test_meters_that_disagree_with_the_head_are_flagged(tmp_path: Path) -> None:
    village = SignedVillage()
    village.open()
    village.say("cat", PlaceOrder(NOON, True, 900, 250_000))
    village.through_delivery()
    village.read({"ann": 0, "bob": 0, "cat": 5_000, "dan": 0, "head": 60_000})
    village.tick(NOON + STEP + DAY)
    found = check(village.write(tmp_path / "journal.export"))
    assert found.difference is None
    assert [flag.partition(": ")[2] for flag in found.flags] == ["losses of 55000 Wh by the meters, 0 Wh by the DSO"]


def test_a_signature_of_a_command_binds_every_field() -> None:
    key = SigningKey(bytes(range(32)))
    public = to_text(key.public)
    command = sign_command(Command(AREA, "ann", "1", PlaceOrder(NOON, True, 900, 250_000)), key)
    assert verify_command(command, public)
    for changes in ({"area": "town"}, {"author": "bob"}, {"id": "2"}, {"body": PlaceOrder(NOON, True, 901, 250_000)}):
        assert not verify_command(msgspec.structs.replace(command, **changes), public)
    for signature in ("", "x", to_text(bytes(64))):
        assert not verify_command(msgspec.structs.replace(command, signature=signature), public)
    assert not verify_command(command, "not a key")
    assert RULES.area == AREA
