"""What parties beside the members do to trades: the supplier's credit, the DSO's check."""

from collections.abc import Iterable, Iterator

from gridpact.exchange._asking import Asked, Refusal
from gridpact.exchange.commands import RejectTrades, ReportNetwork
from gridpact.exchange.events import (
    AnyEvent,
    CreditRefused,
    IntervalAccepted,
    LimitSet,
    RetailReduced,
    TradeReduced,
)
from gridpact.exchange.moves import Phase
from gridpact.exchange.reasons import GRID_REASONS, ReasonCode
from gridpact.exchange.state import Interval, State
from gridpact.exchange.values import Reduction, RetailCut


def reject_trades(asked: Asked[RejectTrades]) -> Iterator[AnyEvent]:
    """The supplier gives no credit."""
    body = asked.body
    asked.refuse_duplicate(asked.state.intervals.get(body.interval))
    interval = asked.between_gate_and_delivery(body.interval)
    seen = set()
    for row, trade in enumerate(body.trades):
        _check_trade(interval, f"body.trades[{row}]", trade, 0 if trade in seen else None)
        seen.add(trade)
    yield from _reduce(
        asked.state, interval, [TradeReduced(interval.start, trade, 0, ReasonCode.CREDIT) for trade in body.trades]
    )
    yield CreditRefused(interval.start, asked.command.key)


def report_network(asked: Asked[ReportNetwork]) -> Iterator[AnyEvent]:
    """The DSO's check: cut, bind, and let the rest stand."""
    body = asked.body
    asked.refuse_duplicate(asked.state.intervals.get(body.interval))
    interval = asked.between_gate_and_delivery(body.interval)
    _check_reductions(interval, body.reductions)
    _check_retail(interval, body.retail)
    for row, limit in enumerate(body.limits):
        _check_member(interval, f"body.limits[{row}].member", limit.member)
    if body.converged:
        cuts = [
            TradeReduced(interval.start, cut.trade, cut.energy_wh, cut.reason, cut.place, cut.before, cut.after)
            for cut in body.reductions
        ]
        yield from _reduce(asked.state, interval, cuts)
    elif body.reductions:
        raise Refusal(ReasonCode.CONFLICT, "body.reductions", "reductions of a power flow that has no solution")
    else:
        yield from reject_all(asked.state, interval, ReasonCode.NO_CONVERGENCE)
    for part in body.retail:
        yield RetailReduced(interval.start, part)
    for limit in body.limits:
        yield LimitSet(interval.start, limit)
    yield IntervalAccepted(interval.start, asked.command.key, body.policy, body.losses_wh, body.own)


def _check_retail(interval: Interval, parts: Iterable[RetailCut]) -> None:
    for row, part in enumerate(parts):
        field = f"body.retail[{row}]"
        _check_member(interval, f"{field}.member", part.member)
        if part.reason not in GRID_REASONS:
            raise Refusal(ReasonCode.FORBIDDEN, f"{field}.reason", f"{part.reason} is not a reason of the grid")
        if part.after_wh > part.before_wh:
            raise Refusal(ReasonCode.LIMIT, f"{field}.after_wh", f"{part.after_wh} Wh of {part.before_wh} Wh")


def _check_member(interval: Interval, field: str, member: str) -> None:
    if member not in interval.roster.at:
        raise Refusal(ReasonCode.UNKNOWN_MEMBER, field, f"{member} is not a member")


def _check_trade(interval: Interval, field: str, trade: int, left_wh: int | None = None) -> int:
    """What stands of a trade, after the reductions of this report so far; refused if that is nothing."""
    if trade >= len(interval.trades):
        raise Refusal(ReasonCode.UNKNOWN_TRADE, field, f"trade {trade} of {len(interval.trades)}")
    standing = interval.trades[trade].accepted_wh if left_wh is None else left_wh
    if standing == 0:
        raise Refusal(ReasonCode.STATE, field, f"trade {trade} is rejected already")
    return standing


def _check_reductions(interval: Interval, cuts: Iterable[Reduction]) -> None:
    """A trade may be cut several times, one violation after the other, and its energy only falls."""
    left_wh: dict[int, int] = {}
    for row, cut in enumerate(cuts):
        field = f"body.reductions[{row}]"
        standing = _check_trade(interval, f"{field}.trade", cut.trade, left_wh.get(cut.trade))
        if cut.reason not in GRID_REASONS:
            raise Refusal(ReasonCode.FORBIDDEN, f"{field}.reason", f"{cut.reason} is not a reason of the grid")
        if cut.energy_wh > standing:
            raise Refusal(ReasonCode.LIMIT, f"{field}.energy_wh", f"{cut.energy_wh} Wh of {standing} Wh")
        left_wh[cut.trade] = cut.energy_wh


def reject_all(state: State, interval: Interval, reason: ReasonCode) -> Iterator[AnyEvent]:
    """Nothing that was agreed stands."""
    standing = [number for number, trade in enumerate(interval.trades) if trade.accepted_wh]
    yield from _reduce(state, interval, [TradeReduced(interval.start, number, 0, reason) for number in standing])


def _reduce(state: State, interval: Interval, cuts: list[TradeReduced]) -> Iterator[AnyEvent]:
    """The cuts, and those of other legs that follow from them: a leg keeps no larger share than any other that is open."""
    standing = {(interval.start, cut.trade): cut.energy_wh for cut in cuts}
    yield from cuts
    for cut in cuts:
        trade = interval.trades[cut.trade]
        if not trade.leg:
            continue
        for other, number in _legs(state, trade.leg):
            leg, place = other.trades[number], (other.start, number)
            share_wh = leg.energy_wh * cut.energy_wh // trade.energy_wh
            if share_wh < standing.get(place, leg.accepted_wh):
                standing[place] = share_wh
                yield TradeReduced(
                    other.start, number, share_wh, ReasonCode.LEG, f"trade {cut.trade} of {cut.interval}"
                )


def _legs(state: State, leg: str) -> Iterator[tuple[Interval, int]]:
    """Trades of a leg that can still be cut."""
    for interval in state.intervals.values():
        if interval.phase in (Phase.OPEN, Phase.CLEARED):
            yield from ((interval, number) for number in interval.legs.get(leg, ()))
