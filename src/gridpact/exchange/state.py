"""What is known after the events so far. Only `gridpact.exchange.apply` changes it."""

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from gridpact.exchange.events import AreaOpened, TransferMade
from gridpact.exchange.moves import ItemState, OrderState, Phase, PositionState
from gridpact.exchange.reasons import ReasonCode
from gridpact.exchange.roster import Roster
from gridpact.exchange.rules import Rules
from gridpact.exchange.values import Actor, Bounds, MemberLimit, Prices, Role, Use
from gridpact.units import MICRO

if TYPE_CHECKING:
    from gridpact.markets.auction import OrderBook

HEAD = ""
"""Stands for the head of the feeder where a reading names a member."""
ESTIMATED, MISSING = -1, -2
"""In place of the version of a reading: an estimate stands in for it; there is none."""


@dataclass(slots=True)
class Item:
    """A listing. ``left_wh`` is what nobody has taken yet."""

    member: str
    is_buy: bool
    energy_wh: int
    price: int
    use: Use
    left_wh: int
    state: ItemState = ItemState.LISTED


@dataclass(slots=True)
class Order:
    """An order; ``price`` is its limit, all-in.

    ``open_wh`` waits in the book, ``matched_wh`` is sold or bought, ``accepted_wh`` is what stands of that after acceptance.
    ``arrival`` numbers the orders of the interval by the time at which they took their place.
    """

    member: str
    is_buy: bool
    price: int
    use: Use
    at: int
    rating: int
    item: str
    arrival: int
    open_wh: int
    matched_wh: int = 0
    accepted_wh: int = 0
    state: OrderState = OrderState.PLACED


@dataclass(slots=True)
class Trade:
    """A trade; ``accepted_wh`` is what stands of its ``energy_wh``, and ``reason`` why it is less."""

    seller: str
    buyer: str
    energy_wh: int
    accepted_wh: int
    price: int
    sell: str
    buy: str
    leg: str
    reason: ReasonCode | None = None


@dataclass(slots=True)
class Interval:
    """A delivery interval and everything in it.

    Attributes
    ----------
    seen
        Keys of the commands that have been accepted: what is sent again changes nothing.
    messages
        How many commands of each member count.
    volume_wh
        What each member has open, listed or agreed: as a seller, as a buyer.
    trades
        By number.
    legs
        Numbers of the trades of each leg.
    metered_wh, versions
        What counts as the readings, ``[member]``, the head's behind them; the version of each, or `ESTIMATED`, or `MISSING`.
    settled
        Accounts so far by column, each ``[member]``: the columns of `events.IntervalSettled` added up.
    settled_parties
        The same of supplier, DSO and exchange, and of ``loss_wh``.
    round
        Of the last settlement, −1 before the first.
    outdated
        Whether a reading has come that the accounts do not know yet.
    arrivals
        Keys of the orders as they took their places in time; one that is modified takes another place.
    agreements
        Who has signed what waits for the other signature, by hash of the terms.
    book
        The continuous book, its orders numbered by arrival; only with `Rules.continuous`, until the gate closes.
    """

    start: int
    prices: Prices
    roster: Roster
    phase: Phase = Phase.OPEN
    items: dict[str, Item] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    transfers: list[TransferMade] = field(default_factory=list)
    seed: str = ""
    seen: dict[str, None] = field(default_factory=dict)
    messages: dict[str, int] = field(default_factory=dict)
    volume_wh: dict[str, list[int]] = field(default_factory=dict)
    legs: dict[str, list[int]] = field(default_factory=dict)
    limits: dict[str, MemberLimit] = field(default_factory=dict)
    stated_losses_wh: int = 0
    positions: dict[str, PositionState] = field(default_factory=dict)
    metered_wh: list[int] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    settled: dict[str, list[int]] = field(default_factory=dict)
    settled_parties: dict[str, int] = field(default_factory=dict)
    round: int = -1
    outdated: bool = False
    arrivals: list[str] = field(default_factory=list)
    agreements: dict[str, str] = field(default_factory=dict)
    book: "OrderBook | None" = None

    def __post_init__(self) -> None:
        meters = len(self.roster.members) + 1
        self.positions = self.positions or dict.fromkeys(self.roster.members, PositionState.OPEN)
        self.metered_wh = self.metered_wh or [0] * meters
        self.versions = self.versions or [MISSING] * meters

    def meter(self, of: str) -> int:
        """Where the readings of a member, or of the head, stand."""
        return len(self.roster.members) if of == HEAD else self.roster.at[of]

    def contracted_wh(self, member: str) -> int:
        """Net accepted energy of a member, + = bought."""
        bought = sum(trade.accepted_wh for trade in self.trades if trade.buyer == member)
        return bought - sum(trade.accepted_wh for trade in self.trades if trade.seller == member)


@dataclass(slots=True)
class Record:
    """How reliable a member has been: net energy agreed, and the part of it that was not delivered or not taken, Wh."""

    agreed_wh: int = 0
    astray_wh: int = 0

    @property
    def rating(self) -> int:
        """``1 − astray / agreed`` in parts per million; full for somebody who has agreed nothing yet."""
        return MICRO - self.astray_wh * MICRO // self.agreed_wh if self.agreed_wh else MICRO


class State:
    """A market area. Built from its first event; every further one goes through `gridpact.exchange.apply`.

    Attributes
    ----------
    rules
        Of the area.
    actors
        By id.
    roster
        Members of the intervals that are opened from now on.
    bounds
        Of the members who may send less than the rules allow.
    binding
        Keys of the commands that set bounds: an old one that comes again does not bring old bounds back.
    intervals
        By start, from opening until the accounts are final.
    final
        Start of the latest interval whose accounts are final, −1 before the first.
    records
        Reliability by member.
    habits
        Last reading of each member by time of day, for estimates: ``(start of the interval, Wh)`` by milliseconds into the day.
    """

    __slots__ = ("actors", "binding", "bounds", "final", "habits", "intervals", "records", "roster", "rules")

    def __init__(self, opened: AreaOpened) -> None:
        self.rules: Rules = opened.rules
        self.actors: dict[str, Actor] = {actor.id: actor for actor in opened.actors}
        self.roster = Roster.of(self.rules, self.actors.values())
        self.bounds: dict[str, Bounds] = {}
        self.binding: set[str] = set()
        self.intervals: dict[int, Interval] = {}
        self.final = -1
        self.records: dict[str, Record] = {member: Record() for member in self.roster.members}
        self.habits: dict[str, dict[int, tuple[int, int]]] = {member: {} for member in self.roster.members}

    def holder(self, role: Role) -> str:
        """The id of the one actor that holds a role beside members and meters."""
        return next(actor.id for actor in self.actors.values() if actor.role == role)

    def contents(self) -> dict[str, Any]:
        """All of it as JSON can say it; what only serves to look things up is left out."""
        derived = {"roster", "book"}
        return {
            "rules": self.rules,
            "actors": self.actors,
            "bounds": self.bounds,
            "binding": self.binding,
            "intervals": [
                {name: getattr(interval, name) for name in Interval.__slots__ if name not in derived}
                | {"members": interval.roster.members}
                for interval in self.intervals.values()
            ],
            "final": self.final,
            "records": self.records,
            "habits": {member: sorted(habit.items()) for member, habit in self.habits.items()},
        }

    def digest(self) -> str:
        """SHA-256 of the contents, hexadecimal: equal for equal states, in any process."""
        return hashlib.sha256(msgspec.json.encode(self.contents(), order="deterministic")).hexdigest()
