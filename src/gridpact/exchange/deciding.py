"""The answer to a command: events, or one event that says why it is refused."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import msgspec

from gridpact.exchange import _agreements, _bidding, _clock, _metering, _network, commands
from gridpact.exchange._accounts import pool_problem
from gridpact.exchange._asking import Asked, Refusal
from gridpact.exchange.commands import Command
from gridpact.exchange.events import AnyEvent, BoundsSet, IntervalOpened, Refused, Registered
from gridpact.exchange.reasons import ReasonCode
from gridpact.exchange.rules import actor_problem, members_at, most_members
from gridpact.exchange.state import State
from gridpact.exchange.values import MOST_PRICE, Role

Verifier: TypeAlias = Callable[[Command, str], bool]
"""Whether a command carries the signature of whoever holds a public key: command and key. Raises nothing."""

MOST_FOUND = 400


def decide(state: State, command: Command, at: int, verify: Verifier) -> tuple[AnyEvent, ...]:
    """What comes of a command. Pure: the state is read only, and the same arguments give the same events.

    Parameters
    ----------
    state
        Of the area.
    command
        What is asked.
    at
        Time of receipt, milliseconds since 1970 UTC: the injected clock.
    verify
        Checks signatures.

    Returns
    -------
    The events; none if a tick finds nothing due, one `Refused` if the command is refused.
    """
    try:
        handler = _authorised(state, command, verify)
        return tuple(handler.answer(Asked(state, command, command.body, at)))
    except Refusal as refusal:
        return (
            Refused(
                reason=refusal.reason,
                field=refusal.field,
                author=command.author,
                id=command.id,
                found=refusal.found[:MOST_FOUND],
            ),
        )


class _Handler(NamedTuple):
    role: Role
    answer: Callable[[Asked[Any]], Iterator[AnyEvent]]


def _authorised(state: State, command: Command, verify: Verifier) -> _Handler:
    """Who answers it, if the author may ask."""
    if command.area != state.rules.area:
        raise Refusal(ReasonCode.WRONG_AREA, "area", f"area {command.area!r}")
    author = state.actors.get(command.author)
    if author is None:
        raise Refusal(ReasonCode.UNKNOWN_MEMBER, "author", f"{command.author!r} is not registered")
    if not verify(command, author.key):
        raise Refusal(ReasonCode.BAD_SIGNATURE, "signature", f"not a signature of {author.id}")
    handler = _HANDLERS[type(command.body)]
    if author.role != handler.role:
        raise Refusal(ReasonCode.FORBIDDEN, "body.kind", f"a {author.role} asks for what only the {handler.role} may")
    return handler


def _register(asked: Asked[commands.Register]) -> Iterator[AnyEvent]:
    """Take up a member or a meter."""
    state, actor = asked.state, asked.body.actor
    if actor.id in state.actors:
        same = state.actors[actor.id] == actor
        reason = ReasonCode.DUPLICATE if same else ReasonCode.CONFLICT
        raise Refusal(reason, "body.actor.id", f"{actor.id} is registered")
    if actor.role not in (Role.MEMBER, Role.METER):
        raise Refusal(ReasonCode.FORBIDDEN, "body.actor.role", f"a second {actor.role}")
    if problem := actor_problem(state.rules, state.actors, actor):
        raise Refusal(ReasonCode.CONFLICT, f"body.actor.{problem[0]}", problem[1])
    if actor.role == Role.MEMBER and len(state.roster.members) >= most_members(state.rules):
        raise Refusal(
            ReasonCode.LIMIT, "body.actor", f"the rules of the area allow {most_members(state.rules)} members"
        )
    yield Registered(actor)


def _set_bounds(asked: Asked[commands.SetBounds]) -> Iterator[AnyEvent]:
    """Narrow what a member may send, or free it."""
    body, state = asked.body, asked.state
    if body.member not in state.records:
        raise Refusal(ReasonCode.UNKNOWN_MEMBER, "body.member", f"{body.member!r} is not a member")
    if asked.command.key in state.binding:
        raise Refusal(ReasonCode.DUPLICATE, "id", "said before")
    lowest, highest = body.bounds.lowest_price, body.bounds.highest_price
    if lowest is not None and highest is not None and lowest > highest:
        raise Refusal(ReasonCode.PRICE, "body.bounds", f"no price from {lowest} to {highest}")
    yield BoundsSet(body.member, body.bounds, asked.command.key)


def _open_interval(asked: Asked[commands.OpenInterval]) -> Iterator[AnyEvent]:
    """Open an interval for bidding."""
    body, state = asked.body, asked.state
    known = state.intervals.get(body.interval)
    if known is not None:
        reason = ReasonCode.DUPLICATE if known.prices == body.prices else ReasonCode.CONFLICT
        raise Refusal(reason, "body.interval", "the interval was opened before")
    if body.interval % state.rules.step_ms:
        found = f"{body.interval} is not a multiple of {state.rules.step_ms}"
        raise Refusal(ReasonCode.UNKNOWN_INTERVAL, "body.interval", found)
    closes = body.interval - state.rules.gate_closure_ms
    if asked.at >= closes or body.interval <= state.final:
        raise Refusal(ReasonCode.LATE, "body.interval", f"received at {asked.at}, the gate closes at {closes}")
    if not body.prices.in_order:
        raise Refusal(ReasonCode.PRICE, "body.prices", "not imbalance_sell ≤ export ≤ import ≤ imbalance_buy")
    dearest = max(map(abs, msgspec.structs.astuple(body.prices)))
    if dearest > MOST_PRICE:
        raise Refusal(ReasonCode.PRICE, "body.prices", f"{dearest}, beyond {MOST_PRICE} micro-units per kWh")
    if len(state.roster.members) > members_at(state.rules, dearest):
        found = f"up to {dearest}, accounts of {len(state.roster.members)} members would not be exact"
        raise Refusal(ReasonCode.LIMIT, "body.prices", found)
    if problem := pool_problem(state, body.prices):
        raise Refusal(ReasonCode.PRICE, "body.prices", problem)
    yield IntervalOpened(body.interval, body.prices)


_HANDLERS: dict[type, _Handler] = {
    commands.ListItem: _Handler(Role.MEMBER, _bidding.list_item),
    commands.WithdrawItem: _Handler(Role.MEMBER, _bidding.withdraw_item),
    commands.TakeItem: _Handler(Role.MEMBER, _bidding.take_item),
    commands.PlaceOrder: _Handler(Role.MEMBER, _bidding.place_order),
    commands.ModifyOrder: _Handler(Role.MEMBER, _bidding.modify_order),
    commands.CancelOrder: _Handler(Role.MEMBER, _bidding.cancel_order),
    commands.SignAgreement: _Handler(Role.MEMBER, _agreements.sign_agreement),
    commands.Register: _Handler(Role.EXCHANGE, _register),
    commands.SetBounds: _Handler(Role.EXCHANGE, _set_bounds),
    commands.OpenInterval: _Handler(Role.EXCHANGE, _open_interval),
    commands.RecordAgreement: _Handler(Role.EXCHANGE, _agreements.record_agreement),
    commands.Tick: _Handler(Role.EXCHANGE, _clock.tick),
    commands.RejectTrades: _Handler(Role.SUPPLIER, _network.reject_trades),
    commands.ReportNetwork: _Handler(Role.DSO, _network.report_network),
    commands.ReportReading: _Handler(Role.METER, _metering.report_reading),
}
