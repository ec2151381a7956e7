"""After every schedule in which everything goes wrong the ledger verifies, and a tampered export of it does not."""

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchange import simulation, village
from exchange.proof_room import check, lines_of, save
from gridpact.exchange import Actor, Command, IntervalSettled, Step, TradeStruck
from gridpact.exchange.proof import Trust, append_journal, directory_of, sign_command, verify_command
from gridpact.ledger import ExportWriter, Header, Log, SigningKey, View, Witness, new_log, to_text

Lines = list[dict[str, Any]]


def private(secret: str) -> SigningKey:
    """The key pair that stands for a shared secret of the simulation."""
    return SigningKey(hashlib.sha256(secret.encode()).digest())


def with_key(actor: Actor) -> Actor:
    return msgspec.structs.replace(actor, key=to_text(private(actor.key).public)) if actor.key else actor


def sign(command: Command, secret: str) -> str:
    return sign_command(command, private(secret)).signature


@pytest.fixture(scope="module")
def simulate() -> Iterator[Callable[[int], list[Step]]]:
    """Journals of the simulation, everybody signing by Ed25519."""
    actors = village.actors
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(village, "sign", sign)
        patch.setattr(simulation, "sign", sign)
        patch.setattr(simulation, "verify", verify_command)
        patch.setattr(simulation, "actors", lambda: [with_key(actor) for actor in actors()])
        patch.setattr(simulation, "Actor", lambda *given, **named: with_key(Actor(*given, **named)))
        yield lambda seed: simulation.simulate(seed).steps


def write(steps: list[Step], path: Path, *, seed: int = 0) -> Path:
    draw = random.Random(seed).randbytes
    keys = {name: private(f"key of {name}") for name in ("market", "grid", "shop")}
    header = Header(new_log(draw), View.AUDIT, "market", directory_of(steps), ("grid", "shop"), 2)
    with path.open("wb") as file:
        writer = ExportWriter(file, header)
        witnesses = [Witness(name, keys[name]) for name in header.witnesses]
        append_journal(Log(header, keys, witnesses, writer, draw), steps, "market")
        writer.end()
    return path


def holds(steps: list[Step], folder: Path) -> None:
    found = check(write(steps, folder / "journal.export"))
    assert found.difference is None
    assert found.counts.checked["commands decided again"] > 20


@pytest.mark.parametrize("seed", range(6))
def test_the_ledger_of_a_schedule_verifies(simulate: Callable[[int], list[Step]], seed: int, tmp_path: Path) -> None:
    holds(simulate(seed), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100, 2_100, 100))
def test_the_ledgers_of_many_more_schedules_verify(
    simulate: Callable[[int], list[Step]], first: int, tmp_path: Path
) -> None:
    for seed in range(first, first + 100):
        holds(simulate(seed), tmp_path)


def edit(lines: Lines) -> None:
    lines[5]["openings"]["step"]["columns"]["events"][0].append({"kind": "order_cancelled"})


def delete(lines: Lines) -> None:
    del lines[5]


def reorder(lines: Lines) -> None:
    lines[5], lines[6] = lines[6], lines[5]


def replay(lines: Lines) -> None:
    lines.insert(-2, lines[5])


@pytest.mark.parametrize("tamper", [edit, delete, reorder, replay])
def test_who_tampers_with_the_file_is_caught(
    simulate: Callable[[int], list[Step]], tamper: Callable[[Lines], None], tmp_path: Path
) -> None:
    lines = lines_of(write(simulate(1), tmp_path / "journal.export"))
    tamper(lines)
    assert check(save(lines, tmp_path / "tampered.export")).difference is not None


def with_changed(steps: list[Step], kind: type, **changes: Any) -> list[Step]:
    """The journal with the last event of a kind changed."""
    at = max(at for at, step in enumerate(steps) if any(isinstance(event, kind) for event in step.events))
    events = list(steps[at].events)
    number = max(number for number, event in enumerate(events) if isinstance(event, kind))
    events[number] = msgspec.structs.replace(events[number], **changes)
    return [*steps[:at], msgspec.structs.replace(steps[at], events=tuple(events)), *steps[at + 1 :]]


def test_a_wrong_clearing_a_wrong_bill_and_a_fork_are_caught_whoever_signs_them(
    simulate: Callable[[int], list[Step]], tmp_path: Path
) -> None:
    steps = simulate(next(seed for seed in range(50) if _trades(simulate(seed))))
    honest = write(steps, tmp_path / "honest.export")
    for forged in (
        with_changed(steps, TradeStruck, price=123_456),
        with_changed(steps, IntervalSettled, supplier=1, dso=-1),
    ):
        found = check(write(forged, tmp_path / "forged.export")).difference
        assert found is not None
        assert "something else comes of this command" in found.follows or "money was made or lost" in found.follows
    fork = write(steps[:-1], tmp_path / "fork.export")
    assert check(fork).difference is None
    assert check(fork, Trust(heads=honest)).difference is not None


def _trades(steps: list[Step]) -> bool:
    return any(isinstance(event, TradeStruck) for step in steps for event in step.events)
