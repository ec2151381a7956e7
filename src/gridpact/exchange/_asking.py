"""A command that is being decided: what is asked, of which state, at what time; and how it is refused."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from gridpact.exchange.commands import Body, Command
from gridpact.exchange.moves import Phase
from gridpact.exchange.reasons import ReasonCode
from gridpact.exchange.state import Interval, State

B_co = TypeVar("B_co", bound=Body, covariant=True)


class Refusal(Exception):  # noqa: N818 it is an answer, not a failure: `decide` turns it into an event
    """A command is refused; ``field`` is a path from the command."""

    def __init__(self, reason: ReasonCode, field: str, found: str = "") -> None:
        super().__init__(reason, field, found)
        self.reason, self.field, self.found = reason, field, found


@dataclass(frozen=True, slots=True)
class Asked(Generic[B_co]):
    """A command of a known author with a valid signature and the right role."""

    state: State
    command: Command
    body: B_co
    at: int

    @property
    def author(self) -> str:
        """Who asks."""
        return self.command.author

    def refuse_duplicate(self, interval: Interval | None) -> None:
        """Refuse what was accepted before."""
        if interval is not None and self.command.key in interval.seen:
            raise Refusal(ReasonCode.DUPLICATE, "id", f"{self.command.key} was accepted before")

    def known(self, start: int) -> Interval:
        """An interval that was opened and is not final yet."""
        interval = self.state.intervals.get(start)
        if interval is None:
            if start <= self.state.final:
                raise Refusal(ReasonCode.LATE, "body.interval", f"interval {start} is final")
            raise Refusal(ReasonCode.UNKNOWN_INTERVAL, "body.interval", f"interval {start} has not been opened")
        return interval

    def before_gate(self, start: int, field: str = "body.interval") -> Interval:
        """An interval whose gate is open at the time of receipt."""
        interval = self.state.intervals.get(start)
        closes = start - self.state.rules.gate_closure_ms
        if self.at >= closes or (interval is not None and interval.phase != Phase.OPEN):
            raise Refusal(ReasonCode.LATE, field, f"received at {self.at}, the gate closes at {closes}")
        if interval is None:
            raise Refusal(ReasonCode.UNKNOWN_INTERVAL, field, f"interval {start} has not been opened")
        return interval

    def between_gate_and_delivery(self, start: int) -> Interval:
        """An interval whose gate has closed, and whose network has not been checked yet."""
        interval = self.known(start)
        if interval.phase == Phase.OPEN:
            raise Refusal(ReasonCode.EARLY, "body.interval", "the gate has not closed yet")
        if interval.phase != Phase.CLEARED or self.at >= start:
            raise Refusal(ReasonCode.LATE, "body.interval", "the trades of the interval stand already")
        return interval
