"""Readings: what counts, what comes too late, and what stands in for one that is missing."""

from collections.abc import Iterator

from gridpact.exchange._asking import Asked, Refusal
from gridpact.exchange.commands import ReportReading
from gridpact.exchange.events import AnyEvent, Basis, MetersDisagree, ReadingEstimated, ReadingTaken
from gridpact.exchange.moves import Phase
from gridpact.exchange.reasons import ReasonCode
from gridpact.exchange.rules import DAY
from gridpact.exchange.state import ESTIMATED, HEAD, MISSING, Interval, State
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
    _check_version(interval, interval.meter(of), body)
    yield ReadingTaken(body.interval, of, asked.author, body.energy_wh, body.version)


def _check_version(interval: Interval, meter: int, body: ReportReading) -> None:
    counted, energy_wh = interval.versions[meter], interval.metered_wh[meter]
    if body.version > counted:
        return
    if body.version < counted:
        raise Refusal(ReasonCode.OUTDATED, "body.version", f"version {counted} counts")
    if body.energy_wh == energy_wh:
        raise Refusal(ReasonCode.DUPLICATE, "body.version", f"version {counted} has come before")
    found = f"version {counted} has come before, with {energy_wh} Wh"
    raise Refusal(ReasonCode.CONFLICT, "body.energy_wh", found)


def estimates(state: State, interval: Interval) -> Iterator[ReadingEstimated]:
    """What stands in for the readings that have not come: see `Basis`."""
    if MISSING not in interval.versions:
        return
    *metered_wh, _ = interval.metered_wh
    for at, member in enumerate(interval.roster.members):
        if interval.versions[at] == MISSING:
            estimate = _estimate(state, interval, member)
            metered_wh[at] = estimate.energy_wh
            yield estimate
    if interval.versions[-1] == MISSING:
        yield ReadingEstimated(interval.start, HEAD, sum(metered_wh), Basis.SUM)


def _estimate(state: State, interval: Interval, member: str) -> ReadingEstimated:
    usual = state.habits[member].get(interval.start % DAY)
    if usual is not None:
        return ReadingEstimated(interval.start, member, usual[1], Basis.SAME_TIME)
    return ReadingEstimated(interval.start, member, interval.contracted_wh(member), Basis.AGREED)


def disagreement(state: State, interval: Interval, loss_wh: int) -> Iterator[MetersDisagree]:
    """A flag if the meters lose more, or less, than the DSO states; silent while a reading is estimated."""
    if ESTIMATED in interval.versions:
        return
    rules, head_wh = state.rules, interval.metered_wh[-1]
    tolerance_wh = rules.loss_tolerance_wh + abs(head_wh) * rules.loss_tolerance // MICRO
    if abs(loss_wh - interval.stated_losses_wh) > tolerance_wh:
        yield MetersDisagree(interval.start, loss_wh, interval.stated_losses_wh, tolerance_wh)
