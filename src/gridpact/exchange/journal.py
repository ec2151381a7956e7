"""An exchange that runs: it decides, its keeper writes down, it applies. And how it comes back from what was written down."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import msgspec

from gridpact.errors import InputError
from gridpact.exchange._clock import is_due
from gridpact.exchange._mechanisms import clearing_of, pool_of
from gridpact.exchange.codec import decode
from gridpact.exchange.commands import Command
from gridpact.exchange.deciding import Verifier, decide
from gridpact.exchange.events import AnyEvent, AreaOpened, Refused
from gridpact.exchange.fold import apply, replay
from gridpact.exchange.rules import Rules, check_area
from gridpact.exchange.state import State
from gridpact.exchange.values import LARGEST, Actor, Millis


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One command and what came of it, kept together or not at all.

    Attributes
    ----------
    at
        Time of receipt, stamped by the exchange.
    command
        None for the opening of the area, and for a message that is not a command.
    events
        In order.
    """

    at: Millis
    command: Command | None
    events: tuple[AnyEvent, ...]


def open_area(rules: Rules, actors: Iterable[Actor], at: int = 0) -> Step:
    """The first step of an area.

    Raises
    ------
    InputError
        If time, rules or actors cannot make one: see `gridpact.exchange.rules.check_area`; or if mechanism or pool rule are
        unknown, or none that can run here.
    """
    _check_time(at)
    ordered = tuple(sorted(actors, key=lambda actor: actor.id))
    check_area(rules, ordered)
    clearing_of(rules)
    pool_of(rules)
    return Step(at, None, (AreaOpened(rules, ordered),))


@dataclass(slots=True)
class Exchange:
    """A market area that runs, in memory.

    The keeper of an exchange asks it to `decide`, writes the step down, and only then lets it `apply` the step: what was not
    written has not happened. After a crash `from_steps` gives back the exchange of the last step that was written, and whatever
    is sent again is refused as a duplicate or decided as if for the first time.

    The keeper also ticks: whenever `is_due`, before it hands on a command that came later.

    Attributes
    ----------
    state
        Of the area.
    verify
        Checks signatures.

    Examples
    --------
    >>> from gridpact.exchange import Role, Tick
    >>> actors = [Actor("grid", Role.DSO), Actor("shop", Role.SUPPLIER), Actor("market", Role.EXCHANGE)]
    >>> opening = open_area(Rules("village"), actors)
    >>> exchange = Exchange.from_steps([opening], verify=lambda command, key: True)
    >>> exchange.handle(Command("village", "eve", "1", Tick()), at=0).events[0].reason
    <ReasonCode.UNKNOWN_MEMBER: 'UNKNOWN_MEMBER'>
    """

    state: State
    verify: Verifier

    @classmethod
    def from_steps(cls, steps: Iterable[Step], verify: Verifier) -> Self:
        """The exchange after these steps."""
        return cls(replay(event for step in steps for event in step.events), verify)

    def decide(self, message: Command | bytes, at: int) -> Step:
        """What comes of a message; nothing changes.

        Raises
        ------
        InputError
            If the time is none that a step can carry: the keeper's own mistake, and no step.
        """
        _check_time(at)
        command = decode(message) if isinstance(message, bytes) else message
        if isinstance(command, Refused):
            return Step(at, None, (command,))
        return Step(at, command, decide(self.state, command, at, self.verify))

    def apply(self, step: Step) -> None:
        """Let a step that was written down happen."""
        for event in step.events:
            apply(self.state, event)

    def handle(self, message: Command | bytes, at: int) -> Step:
        """Decide and apply, where nothing needs to outlive the process; raises what `decide` does."""
        step = self.decide(message, at)
        self.apply(step)
        return step

    def is_due(self, at: int) -> bool:
        """Whether a tick at this time would do anything."""
        return is_due(self.state, at)


def _check_time(at: int) -> None:
    if not 0 <= at <= LARGEST:
        raise InputError(f"time {at}", place="the exchange's clock", accepted="milliseconds since 1970 UTC, from 0 up")


def write_steps(steps: Iterable[Step]) -> bytes:
    """Steps as lines of JSON."""
    return b"".join(msgspec.json.encode(step) + b"\n" for step in steps)


def read_steps(lines: bytes) -> Iterator[Step]:
    """The steps that were written as a whole; what follows the last line's end was torn by a crash, and has not happened.

    Raises
    ------
    msgspec.DecodeError
        If a whole line is not a step.
    """
    decoder = msgspec.json.Decoder(Step)
    for line in lines.split(b"\n")[:-1]:
        yield decoder.decode(line)
