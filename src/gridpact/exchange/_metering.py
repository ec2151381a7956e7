"""Readings: what counts, what comes too late, and what stands in for one that is missing."""

from collections.abc import Iterator

from gridpact.exchange._asking import Asked, Refusal
from gridpact.exchange.commands import ReportReading
from gridpact.exchange.events import AnyEvent, Basis, MetersDisagree, ReadingEstimated, ReadingTaken
from gridpact.exchange.moves import Phase
from gridpact.exchange.reasons import ReasonCode
from gridpact.exchange.rules import DAY
from gridpact.exchange.state import HEAD, Interval, Reading, State
from gridpact.units import MICRO


def report_reading(asked: Asked[ReportReading]) -> Iterator[AnyEvent]:
    """Take a reading, or a later version of one."""
    body, state = asked.body, asked.state
    interval = asked.known(body.interval)
    of = state.actors[asked.author].of
    if of != HEAD and of not in interval.roster.at:
        raise Refusal(ReasonCode.UNKNOWN_MEMBER, "author", f"{of} does not take part in the interval")
    if interval.phase not in (Phase.DELIVERED, Phase.SETTLED):
        raise Refusal(ReasonCode.EARLY, "body.interval", f"the interval is {interval.phase}")
    closes = body.interval + state.rules.step_ms + state.rules.correct_within_ms
    if asked.at >= closes:
        raise Refusal(ReasonCode.LATE, "body.interval", f"received at {asked.at}, readings were taken until {closes}")
    _check_version(interval.readings.get(of), body)
    yield ReadingTaken(body.interval, of, asked.author, body.energy_wh, body.version)


def _check_version(counted: Reading | None, body: ReportReading) -> None:
    if counted is None or body.version > counted.version:
        return
    if body.version < counted.version:
        raise Refusal(ReasonCode.OUTDATED, "body.version", f"version {counted.version} counts")
    if body.energy_wh == counted.energy_wh:
        raise Refusal(ReasonCode.DUPLICATE, "body.version", f"version {body.version} has come before")
    found = f"version {body.version} has come before, with {counted.energy_wh} Wh"
    raise Refusal(ReasonCode.CONFLICT, "body.energy_wh", found)


def estimates(state: State, interval: Interval) -> Iterator[ReadingEstimated]:
    """What stands in for the readings that have not come: see `Basis`."""
    net_wh = {}
    for member in interval.roster.members:
        reading = interval.readings.get(member)
        if reading is None:
            estimate = _estimate(state, interval, member)
            net_wh[member] = estimate.energy_wh
            yield estimate
        else:
            net_wh[member] = reading.energy_wh
    if HEAD not in interval.readings:
        yield ReadingEstimated(interval.start, HEAD, sum(net_wh.values()), Basis.SUM)


def _estimate(state: State, interval: Interval, member: str) -> ReadingEstimated:
    usual = state.habits[member].get(interval.start % DAY)
    if usual is not None:
        return ReadingEstimated(interval.start, member, usual[1], Basis.SAME_TIME)
    return ReadingEstimated(interval.start, member, interval.contracted_wh(member), Basis.AGREED)


def disagreement(state: State, interval: Interval, loss_wh: int) -> Iterator[MetersDisagree]:
    """A flag if the meters lose more, or less, than the DSO states; silent while a reading is estimated."""
    if any(reading.estimated for reading in interval.readings.values()):
        return
    rules, head_wh = state.rules, interval.readings[HEAD].energy_wh
    tolerance_wh = rules.loss_tolerance_wh + abs(head_wh) * rules.loss_tolerance // MICRO
    if abs(loss_wh - interval.stated_losses_wh) > tolerance_wh:
        yield MetersDisagree(interval.start, loss_wh, interval.stated_losses_wh, tolerance_wh)
