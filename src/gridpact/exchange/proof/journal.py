"""The journal of an exchange in a ledger: one entry a step, a signed command and all that came of it.

The command and its events are sealed; public are the time of receipt, the kinds of the events, and the totals of what was
cleared and settled. Commands are signed by Ed25519 over their canonical JSON, so `Exchange` takes `verify_command` as its
verifier and whoever holds an audit export can decide every command again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from gridpact.errors import InputError
from gridpact.exchange.commands import Command
from gridpact.exchange.events import AnyEvent, GateClosed, IntervalAccepted, IntervalSettled, TradeStruck
from gridpact.exchange.journal import Step
from gridpact.exchange.proof.area import EPOCH, MILLISECOND, to_text
from gridpact.exchange.proof.words import Body, Count, Moment, Table, Whole
from gridpact.ledger import Directory, Log, SignedHead, SigningKey, encode, to_bytes
from gridpact.ledger import to_text as bytes_to_text
from gridpact.ledger.keys import KEY_BYTES, SIGNATURE_BYTES

STEP = "step_taken"
COMMAND = b"gridpact/v1/command\n"
"""What comes before the bytes that the author of a command signs."""


def sign_command(command: Command, key: SigningKey) -> Command:
    """The command with its author's signature.

    Examples
    --------
    >>> from gridpact.exchange import Tick
    >>> key = SigningKey(bytes(32))
    >>> command = sign_command(Command("village", "market", "1", Tick()), key)
    >>> verify_command(command, bytes_to_text(key.public)), verify_command(command, bytes_to_text(bytes(32)))
    (True, False)
    """
    return msgspec.structs.replace(command, signature=bytes_to_text(key.sign(_content(command))))


def verify_command(command: Command, key: str) -> bool:
    """Whether a command carries the signature of the holder of a public key: a `gridpact.exchange.deciding.Verifier`."""
    try:
        public, signature = to_bytes(key, KEY_BYTES, "key"), to_bytes(command.signature, SIGNATURE_BYTES, "signature")
        content = _content(command)
    except InputError:
        return False
    return _is_signed(public, content, signature)


@lru_cache(maxsize=1 << 13)
def _is_signed(public: bytes, content: bytes, signature: bytes) -> bool:
    """Remembered, so that somebody may check a signature ahead, in a thread of its own."""
    return _directory(public).verify("author", content, signature)


@lru_cache(maxsize=1 << 16)
def _directory(public: bytes) -> Directory:
    """The key, loaded: that takes as long as half a verification."""
    return Directory({"author": public})


def _content(command: Command) -> bytes:
    unsigned = msgspec.to_builtins(msgspec.structs.replace(command, signature=""))
    del unsigned["signature"]
    return COMMAND + encode(unsigned)


class ClearingTotals(Body, frozen=True):
    """Of a gate that closed: its seed, and what its book traded, as in `words.Totals`."""

    interval: Moment
    seed: str
    trades: Count
    energy_wh: Count
    price_low: Whole | None
    price_high: Whole | None


class SettlementTotals(Body, frozen=True):
    """Of an interval that was settled: what members, supplier, DSO and exchange pay, in this round."""

    interval: Moment
    round: Count
    members: Whole
    supplier: Whole
    dso: Whole
    exchange: Whole
    loss_wh: Whole


class StepBody(Body, frozen=True):
    """``step_taken``: what everybody may know of a step.

    Attributes
    ----------
    at
        Time of receipt, ms.
    events
        How many of each kind.
    cleared, settled
        Totals.
    """

    at: Moment
    events: dict[str, Count]
    cleared: list[ClearingTotals]
    settled: list[SettlementTotals]


class StepTable(Table, frozen=True):
    """One row: the command, None for the opening and for messages that are none, and its events."""

    command: list[Command | None]
    events: list[list[AnyEvent]]


def body_of(step: Step) -> StepBody:
    """What everybody may know of a step."""
    kinds = Counter(str(type(event).__struct_config__.tag) for event in step.events)
    cleared = [_cleared(event, step.events) for event in step.events if isinstance(event, GateClosed)]
    settled = [_settled(event) for event in step.events if isinstance(event, IntervalSettled)]
    return StepBody(step.at, dict(sorted(kinds.items())), cleared, settled)


def append_step(log: Log, step: Step, keeper: str) -> int:
    """Append a step to a log; return the entry's position.

    Parameters
    ----------
    log
        The area's.
    step
        What the exchange decided.
    keeper
        Who signs the entry: the id of the exchange.
    """
    command = None if step.command is None else msgspec.to_builtins(step.command)
    table: dict[str, list[Any]] = {
        "command": [command],
        "events": [[msgspec.to_builtins(event) for event in step.events]],
    }
    return log.append(keeper, STEP, msgspec.to_builtins(body_of(step)), {"step": table})


def append_journal(log: Log, steps: Iterable[Step], keeper: str) -> None:
    """Append the steps of an exchange, and sign a head whenever an interval is cleared, accepted or settled, and at the end."""
    covered = True
    at = 0
    for step in steps:
        append_step(log, step, keeper)
        covered, at = False, step.at
        if brings_head(step):
            sign_head_after(log, step)
            covered = True
    if not covered:
        log.sign_head(_time(at))


def brings_head(step: Step) -> bool:
    """Whether a head follows: an interval was cleared, accepted or settled."""
    return any(isinstance(event, GateClosed | IntervalAccepted | IntervalSettled) for event in step.events)


def sign_head_after(log: Log, step: Step) -> SignedHead:
    """Sign a head at the time of the step."""
    return log.sign_head(_time(step.at))


def directory_of(steps: Iterable[Step], others: Mapping[str, bytes] | None = None) -> Directory:
    """The public keys of everybody whom the steps register, and of others, witnesses for instance.

    Raises
    ------
    InputError
        If a key is none.
    """
    keys = dict(others or {})
    for actor in (actor for step in steps for event in step.events for actor in actors_of(event)):
        keys[actor.id] = to_bytes(actor.key, KEY_BYTES, f"the key of {actor.id!r}")
    return Directory(keys)


def actors_of(event: AnyEvent) -> tuple[Any, ...]:
    """Whom an event registers."""
    return getattr(event, "actors", ()) or ((event.actor,) if hasattr(event, "actor") else ())


def _time(at: int) -> str:
    return to_text(EPOCH + at * MILLISECOND)


def _cleared(gate: GateClosed, events: tuple[AnyEvent, ...]) -> ClearingTotals:
    trades = [each for each in events if isinstance(each, TradeStruck) and each.interval == gate.interval]
    prices = [trade.price for trade in trades]
    return ClearingTotals(
        interval=gate.interval,
        seed=gate.seed,
        trades=len(trades),
        energy_wh=sum(trade.energy_wh for trade in trades),
        price_low=min(prices, default=None),
        price_high=max(prices, default=None),
    )


def _settled(event: IntervalSettled) -> SettlementTotals:
    return SettlementTotals(
        interval=event.interval,
        round=event.round,
        members=sum(sum(column) for column in event.money.values()),
        supplier=event.supplier,
        dso=event.dso,
        exchange=event.exchange,
        loss_wh=event.loss_wh,
    )
