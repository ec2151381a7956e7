"""Whether the journal of an exchange follows from the commands that were signed: every command is decided again."""

from collections.abc import Callable

import msgspec

from gridpact.errors import InputError
from gridpact.exchange.events import AnyEvent, AreaOpened, MetersDisagree, Refused
from gridpact.exchange.journal import Exchange, Step, open_area
from gridpact.exchange.moves import IllegalMoveError
from gridpact.exchange.proof.area import EPOCH, MILLISECOND, to_text
from gridpact.exchange.proof.journal import STEP, StepBody, StepTable, actors_of, body_of, verify_command
from gridpact.exchange.proof.words import read_as
from gridpact.ledger import Counts, DifferenceError, Entry, Header, View, name_entry
from gridpact.ledger import to_text as bytes_to_text

SEALED = "sealed in a public export: an audit export opens it"


class StepCheck:
    """Follows the entries of one log, whose signatures and places have been checked, and decides every command again.

    Parameters
    ----------
    header
        Of the log.
    counts
        Where what is checked is counted.
    """

    def __init__(self, header: Header, counts: Counts) -> None:
        self.header, self.counts = header, counts
        self.flags: list[str] = []
        self._exchange: Exchange | None = None
        self._at = 0
        if header.view is View.PUBLIC:
            counts.not_checked["commands and what came of them"] = SEALED
        counts.not_checked["the power flow behind the DSO's reports"] = "the log of an exchange holds no feeder"

    @property
    def what(self) -> str:
        """The market, in words."""
        if self._exchange is None:
            return "an exchange"
        state = self._exchange.state
        return f"area {state.rules.area}, {state.rules.mechanism or 'no book'}, {len(state.roster.members)} members"

    def check(self, entry: Entry) -> None:
        """Check the next entry; raises `DifferenceError` if it does not follow."""
        where = name_entry(entry)
        if entry.kind != STEP or entry.author != self.header.keeper:
            claimed = f"{entry.kind} by {entry.author}"
            raise DifferenceError(where, claimed, f"only {STEP} by {self.header.keeper}", "nobody can act on it")
        body = read_as(StepBody, entry.body, _blame(where))
        if body.at < self._at:
            raise DifferenceError(where, f"received at {body.at}", f"{self._at} before", "the clock was turned back")
        self._at = body.at
        self._check_money(where, body)
        opening = entry.openings.get("step")
        if opening is None:
            if self.header.view is View.AUDIT:
                raise DifferenceError(where, "a step", "nothing sealed", "content is missing")
            return
        step = _step(where, body, read_as(StepTable, dict(opening.columns), _blame(where)))
        if body_of(step) != body:
            follows = "what everybody is told of the step is not what came of it"
            raise DifferenceError(where, f"{body}", f"{body_of(step)}", follows)
        self._check_step(where, step)

    def finish(self) -> None:
        """Nothing has to be complete: an exchange goes on. Only an opening must be there."""
        if self._exchange is None and self.header.view is View.AUDIT:
            raise DifferenceError("end of the log", "a market area", "no opening", "there is nothing to verify")

    def _check_step(self, where: str, step: Step) -> None:
        if self._exchange is None:
            self._exchange = self._opened(where, step)
        elif step.command is None:
            if len(step.events) != 1 or not isinstance(step.events[0], Refused):
                found = ", ".join(type(event).__name__ for event in step.events) or "nothing"
                raise DifferenceError(where, "what came of no command", found, "it was made up")
            self.counts.add("refusals of messages that are no commands, as they are stated")
        else:
            self._decide(where, self._exchange, step)
            self.counts.add("commands decided again", 1)
        for event in step.events:
            self._check_keys(where, event)
            if isinstance(event, MetersDisagree):
                lost = f"losses of {event.loss_wh} Wh by the meters, {event.stated_wh} Wh by the DSO"
                self.flags.append(f"{to_text(EPOCH + event.interval * MILLISECOND)}: {lost}")

    def _decide(self, where: str, exchange: Exchange, step: Step) -> None:
        assert step.command is not None
        found = exchange.decide(step.command, step.at)
        said = f"{type(step.command.body).__name__} of {step.command.key}"
        for number in range(max(len(found.events), len(step.events))):
            due, claimed = (each.events[number : number + 1] for each in (found, step))
            if due != claimed:
                follows = f"something else comes of this command, {said}, by the rules of the area and all before it"
                raise DifferenceError(f"{where}, event {number}", _words(claimed), _words(due), follows)
        try:
            exchange.apply(found)
        except IllegalMoveError as error:
            raise DifferenceError(where, said, str(error), "the state of the exchange does not allow it") from None
        self.counts.add("events that follow", len(step.events))

    def _opened(self, where: str, step: Step) -> Exchange:
        if step.command is not None or len(step.events) != 1 or not isinstance(step.events[0], AreaOpened):
            raise DifferenceError(where, "the first step", "no opening of an area", "rules and actors are unknown")
        opened = step.events[0]
        try:
            due = open_area(opened.rules, opened.actors, step.at)
        except InputError as error:
            raise DifferenceError(where, "an area", str(error), "nobody can trade in it") from None
        if due != step:
            raise DifferenceError(where, "actors in order", "another order", "ties would go to others")
        return Exchange.from_steps([step], verify_command)

    def _check_keys(self, where: str, event: AnyEvent) -> None:
        """Whom the exchange registers must have the key that everybody knows."""
        for actor in actors_of(event):
            known = bytes_to_text(self.header.keys[actor.id]) if actor.id in self.header.keys else "no key"
            if actor.key != known:
                follows = f"the exchange could sign as {actor.id}"
                raise DifferenceError(f"{where}, actor {actor.id}", f"key {actor.key}", known, follows)

    def _check_money(self, where: str, body: StepBody) -> None:
        for each in body.settled:
            left = each.members + each.supplier + each.dso + each.exchange
            if left:
                claimed, follows = "cash flows that sum to zero", "money was made or lost between the parties"
                raise DifferenceError(
                    f"{where}, interval {each.interval}", claimed, f"{left} micro-units left", follows
                )
        self.counts.add("settled intervals whose cash flows sum to zero", len(body.settled))


def _step(where: str, body: StepBody, table: StepTable) -> Step:
    if len(table.command) != 1:
        raise DifferenceError(where, "a step", f"{len(table.command)}", "nobody can act on it")
    return Step(body.at, table.command[0], tuple(table.events[0]))


def _words(events: tuple[AnyEvent, ...]) -> str:
    return msgspec.json.encode(events[0], order="sorted").decode() if events else "nothing"


def _blame(where: str) -> Callable[[str], DifferenceError]:
    return lambda found: DifferenceError(where, f"an entry of kind {STEP}", found, "nobody can act on it")
