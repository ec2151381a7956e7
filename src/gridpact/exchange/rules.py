"""The rules of a market area: its clock, how its book clears, its charges, and the bounds of what members may send."""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta, Struct, field

from gridpact.community import Payer
from gridpact.errors import InputError
from gridpact.exchange.values import LARGEST, MOST_WH, Actor, EnergyWh, Millis, Name, Position, RestWh, Role
from gridpact.units import MICRO

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of a market area; integers only.

    Attributes
    ----------
    area
        Its name.
    step_ms
        Length of a delivery interval.
    gate_closure_ms
        How long before delivery the gate closes.
    settle_after_ms
        How long after the end of delivery the interval is settled; readings that have not come by then are estimated.
    correct_within_ms
        How long after the end of delivery readings are taken; then the accounts are final.
    mechanism, options
        Registered name of what brings trades about until the gate closes, and its options: a mechanism that clears the book
        then, or one whose members agree among themselves and sign. Empty: what they list, take and sign is all there is.
    pool, pool_options
        Registered name of the pool rule by which members share, after delivery, what nobody has traded, and its options. Empty:
        that is the supplier's business.
    continuous
        Whether orders to the book also trade as they come; what rests at gate closure goes to the mechanism.
    network_charge, service_charge, payer
        Charges on traded energy, as in `gridpact.community.Tariff`.
    dead_band
        Share of the net position by which a member may deviate before the penalty, parts per million.
    penalty
        Per kWh of deviation beyond it, micro-units.
    most_wh
        Energy that a member may have open and agreed in one interval, items and orders together, each side.
    most_price
        Largest price of an order or item, either sign, micro-units per kWh.
    most_reading_wh
        Largest reading of a member's meter in one interval, either sign.
    most_messages
        Commands of a member that count for one interval.
    loss_tolerance_wh, loss_tolerance
        By how much the losses seen by the meters may differ from those that the DSO states: Wh, plus parts per million of the
        energy through the head.
    """

    area: Name
    step_ms: Annotated[int, Meta(ge=1, le=DAY)] = 30 * MINUTE
    gate_closure_ms: Millis = HOUR
    settle_after_ms: Millis = DAY
    correct_within_ms: Millis = 14 * DAY
    mechanism: Annotated[str, Meta(max_length=64)] = "auction:uniform"
    options: dict[str, str | int] = field(default_factory=dict)
    pool: Annotated[str, Meta(max_length=64)] = ""
    pool_options: dict[str, str | int] = field(default_factory=dict)
    continuous: bool = False
    network_charge: dict[str, Position] = field(default_factory=lambda: {"": 0})
    service_charge: Position = 0
    payer: Payer = Payer.BUYER
    dead_band: Annotated[int, Meta(ge=0, le=MICRO)] = 0
    penalty: Position = 0
    most_wh: EnergyWh = 100_000
    most_price: Annotated[int, Meta(ge=0, le=10**9)] = 2 * MICRO
    most_reading_wh: EnergyWh = 10_000_000
    most_messages: Annotated[int, Meta(ge=1, le=LARGEST)] = 100
    loss_tolerance_wh: RestWh = 1_000
    loss_tolerance: Annotated[int, Meta(ge=0, le=MICRO)] = 20_000


def check_area(rules: Rules, actors: Iterable[Actor]) -> None:
    """Refuse rules and actors that cannot make a market area.

    Raises
    ------
    InputError
        If the clock runs backwards, an id occurs twice, a role beside members and meters is not held by exactly one actor, or
        a book of all members could pass 2^53 in Wh times micro-units.
    """
    place = f"area {rules.area}"
    if rules.correct_within_ms < rules.settle_after_ms:
        raise InputError(
            "the window for corrections ends before settlement",
            place=f"{place}, correct_within_ms",
            accepted=f"at least settle_after_ms = {rules.settle_after_ms}",
        )
    seen: dict[str, Actor] = {}
    for actor in actors:
        if actor.id in seen:
            raise InputError(f"actor {actor.id!r} occurs twice", place=place, accepted="unique ids")
        seen[actor.id] = actor
    for role in (Role.SUPPLIER, Role.DSO, Role.EXCHANGE):
        held = [actor.id for actor in seen.values() if actor.role == role]
        if len(held) != 1:
            raise InputError(f"role {role} is held by {held}", place=place, accepted="exactly one actor")
    for actor in sorted(seen.values(), key=lambda actor: actor.role):  # members go before meters
        if problem := actor_problem(rules, seen, actor):
            raise InputError(problem[1], place=f"{place}, actor {actor.id}, {problem[0]}")
    members = sum(actor.role == Role.MEMBER for actor in seen.values())
    if members > most_members(rules):
        raise InputError(
            f"{members} members with up to {rules.most_wh} Wh at up to {rules.most_price} micro-units per kWh",
            place=f"{place}, most_wh, most_price, most_reading_wh, charges and penalty",
            accepted=f"energies and prices that can be cleared and settled exactly: {max(most_members(rules), 0)} members",
        )


def most_members(rules: Rules) -> int:
    """How many members, each as large and dear as the rules allow, can be cleared and settled exactly.

    A book keeps energy times price below 2^53; accounts as in `members_at`.
    """
    dearest = rules.most_price + max(rules.network_charge.values(), default=0) + rules.service_charge
    book = LARGEST // (2 * rules.most_wh * (2 * dearest + 1))
    return min(book, members_at(rules, max(dearest, rules.penalty)))


def members_at(rules: Rules, price: int) -> int:
    """How many members' accounts of an interval are exact at prices up to this: all energy times price stays below 2^62."""
    each_wh = rules.most_reading_wh + 2 * rules.most_wh
    return (2**62 // max(price, 1) - MOST_WH) // each_wh


def actor_problem(rules: Rules, known: dict[str, Actor], actor: Actor) -> tuple[str, str] | None:
    """The field of a member or meter that is to blame, and what was found; None if it fits the area."""
    if actor.role == Role.MEMBER and actor.zone not in rules.network_charge:
        return "zone", f"zone {actor.zone!r} has no network charge"
    if actor.role != Role.METER:
        return ("of", "only a meter is of somebody") if actor.of else None
    if actor.of and (actor.of not in known or known[actor.of].role != Role.MEMBER):
        return "of", f"{actor.of!r} is not a member"
    if any(other.role == Role.METER and other.of == actor.of and other.id != actor.id for other in known.values()):
        return "of", f"{actor.of or 'the head'} has another meter"
    return None
