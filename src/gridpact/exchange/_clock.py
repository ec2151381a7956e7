"""What is due at a time: one phase of each interval a tick."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from gridpact.exchange._accounts import settled
from gridpact.exchange._asking import Asked
from gridpact.exchange._clearing import close_gate
from gridpact.exchange._metering import disagreement, estimates
from gridpact.exchange._network import reject_all
from gridpact.exchange.commands import Tick
from gridpact.exchange.events import AnyEvent, IntervalAccepted, IntervalClosed, IntervalDelivered, ReadingEstimated
from gridpact.exchange.moves import Phase
from gridpact.exchange.reasons import ReasonCode
from gridpact.exchange.state import ESTIMATED, Interval, State


def tick(asked: Asked[Tick]) -> Iterator[AnyEvent]:
    """Do what is due. Each interval moves on by one phase at most: tick until nothing more is due."""
    state = asked.state
    due: dict[Phase, list[Interval]] = defaultdict(list)
    for interval in state.intervals.values():
        if _is_due(state, interval, asked.at):
            due[interval.phase].append(interval)
    for interval in due[Phase.OPEN]:
        yield from close_gate(state, interval)
    for interval in due[Phase.CLEARED]:
        yield from reject_all(state, interval, ReasonCode.UNCHECKED)
    for interval in due[Phase.CLEARED]:
        yield IntervalAccepted(interval.start, command="", policy="", losses_wh=0)
    for interval in due[Phase.ACCEPTED]:
        yield IntervalDelivered(interval.start)
    outdated = [interval for interval in due[Phase.SETTLED] if interval.outdated]
    yield from _settle(state, due[Phase.DELIVERED] + outdated)
    for interval in due[Phase.SETTLED]:
        if not interval.outdated:
            yield IntervalClosed(interval.start)


def is_due(state: State, at: int) -> bool:
    """Whether a tick at this time would do anything."""
    return any(_is_due(state, interval, at) for interval in state.intervals.values())


def _is_due(state: State, interval: Interval, at: int) -> bool:
    rules, start = state.rules, interval.start
    match interval.phase:
        case Phase.OPEN:
            return at >= start - rules.gate_closure_ms
        case Phase.CLEARED:
            return at >= start
        case Phase.ACCEPTED:
            return at >= start + rules.step_ms
        case Phase.DELIVERED:
            return at >= start + rules.step_ms + rules.settle_after_ms
        case Phase.SETTLED:
            return interval.outdated or at >= start + rules.step_ms + rules.correct_within_ms


def _with_estimates(interval: Interval, missing: tuple[ReadingEstimated, ...]) -> Interval:
    """The interval as it will be with these estimates."""
    metered_wh, versions = interval.metered_wh.copy(), interval.versions.copy()
    for estimate in missing:
        meter = interval.meter(estimate.of)
        metered_wh[meter], versions[meter] = estimate.energy_wh, ESTIMATED
    return replace(interval, metered_wh=metered_wh, versions=versions)


def _settle(state: State, intervals: list[Interval]) -> Iterator[AnyEvent]:
    ready = []
    for interval in intervals:
        missing = tuple(estimates(state, interval))
        yield from missing
        ready.append(_with_estimates(interval, missing) if missing else interval)
    by_start = {interval.start: interval for interval in ready}
    for event in settled(state, ready):
        yield event
        interval = by_start[event.interval]
        loss_wh = event.loss_wh + interval.settled_parties.get("loss_wh", 0)
        yield from disagreement(state, interval, loss_wh)
