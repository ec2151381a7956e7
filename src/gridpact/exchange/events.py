"""What has happened. State is a fold over events; nothing else changes it, and an event is never taken back."""

from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from gridpact.exchange.commands import kind_of
from gridpact.exchange.reasons import ReasonCode
from gridpact.exchange.rules import Rules
from gridpact.exchange.values import Actor, Bounds, Claim, MemberLimit, Prices, RetailCut, Use, Violation

# ``command``, where an event has it, is ``author/id`` of the command that it came of: what is sent again is known by it.


class Event(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag=kind_of):
    """What has happened."""


class AreaOpened(Event, frozen=True):
    """The first event of every log."""

    rules: Rules
    actors: tuple[Actor, ...]


class Registered(Event, frozen=True):
    """A member or meter was taken up."""

    actor: Actor


class BoundsSet(Event, frozen=True):
    """From now on a member may send no more than this."""

    member: str
    bounds: Bounds
    command: str


class IntervalOpened(Event, frozen=True):
    """Bidding began."""

    interval: int
    prices: Prices


class ItemListed(Event, frozen=True):
    """An item was listed."""

    interval: int
    item: str
    member: str
    is_buy: bool
    energy_wh: int
    price: int
    use: Use


class ItemWithdrawn(Event, frozen=True):
    """The rest of an item was withdrawn by its member."""

    interval: int
    item: str
    command: str


class ItemExpired(Event, frozen=True):
    """The gate closed on what was left of an item."""

    interval: int
    item: str


class OrderPlaced(Event, frozen=True):
    """An order was placed: on an item, or to the book.

    Attributes
    ----------
    price
        Its limit, all-in.
    at
        Time of receipt.
    rating
        Reliability of its member when it was placed, parts per million.
    signature
        Of the command; the seed of ties is made of the signatures of all orders.
    item
        The item that it takes; empty for the book.
    """

    interval: int
    order: str
    member: str
    is_buy: bool
    energy_wh: int
    price: int
    use: Use
    at: int
    rating: int
    signature: str
    item: str = ""


class OrderModified(Event, frozen=True):
    """What an order had open was replaced; it went to the end of its price."""

    interval: int
    order: str
    command: str
    energy_wh: int
    price: int
    signature: str


class OrderCancelled(Event, frozen=True):
    """What an order had open was taken out of the book."""

    interval: int
    order: str
    command: str


class OrdersNetted(Event, frozen=True):
    """Two orders of one member met in the book: both have less open, and nothing was traded."""

    interval: int
    buy: str
    sell: str
    energy_wh: int


class TradeStruck(Event, frozen=True):
    """Energy was sold. ``trade`` numbers the trades of the interval from 0 up.

    ``sell`` and ``buy`` name the order or item of each side, empty where there is none. Trades with the same ``leg`` belong
    together, across intervals, unless it is empty.
    """

    interval: int
    trade: int
    seller: str
    buyer: str
    energy_wh: int
    price: int
    sell: str = ""
    buy: str = ""
    leg: str = ""


class TransferMade(Event, frozen=True):
    """A mechanism moves money besides its trades. It follows the accepted share of its member's trades."""

    interval: int
    payer: str
    payee: str
    amount: int
    reason: int


class AgreementRecorded(Event, frozen=True):
    """The trades and transfers before it are what a mechanism without orders has agreed."""

    interval: int
    mechanism: str
    command: str
    certificate: tuple[Claim, ...] = ()


class AgreementSigned(Event, frozen=True):
    """A member has signed what it and a peer agree on. With the second signature the trades before it are struck.

    ``agreement`` is the SHA-256 of both names and all terms, hexadecimal.
    """

    interval: int
    agreement: str
    member: str
    peer: str
    command: str


class OrderUnmatched(Event, frozen=True):
    """The gate closed on an order that nobody had matched; its energy is the supplier's business at retail."""

    interval: int
    order: str


class GateClosed(Event, frozen=True):
    """Nothing of the members changes any more. ``seed`` broke the ties of the book: 64 bits of a hash, hexadecimal."""

    interval: int
    seed: str


class TradeReduced(Event, frozen=True):
    """A trade was cut to ``energy_wh``; 0 rejects it. ``before`` and ``after``: the violation, as in `values.Reduction`."""

    interval: int
    trade: int
    energy_wh: int
    reason: ReasonCode
    place: str = ""
    before: int = 0
    after: int = 0


class CreditRefused(Event, frozen=True):
    """The supplier rejected the trades before it."""

    interval: int
    command: str


class RetailReduced(Event, frozen=True):
    """What a member deals with its supplier was cut; `LimitSet` binds its meter."""

    interval: int
    cut: RetailCut


class LimitSet(Event, frozen=True):
    """A member's meter is bound in the interval."""

    interval: int
    limit: MemberLimit


class IntervalAccepted(Event, frozen=True):
    """What is left of the trades stands: every order is accepted, curtailed or rejected.

    ``command`` is the DSO's; empty, as the policy is, if delivery began without a check.
    """

    interval: int
    command: str
    policy: str
    losses_wh: int
    own: tuple[Violation, ...] = ()


class IntervalDelivered(Event, frozen=True):
    """The interval has ended; its meters may report."""

    interval: int


class ReadingTaken(Event, frozen=True):
    """A meter's reading counts from now on, in place of an earlier version or an estimate.

    ``of`` is the member, empty for the head of the feeder.
    """

    interval: int
    of: str
    meter: str
    energy_wh: int
    version: int


class Basis(StrEnum):
    """What an estimate rests on, the first that is there.

    For a member its last reading at the same time of day (UTC), or what it had agreed; for the head the sum of the members.
    """

    SAME_TIME = "same_time"
    AGREED = "agreed"
    SUM = "sum"


class ReadingEstimated(Event, frozen=True):
    """No reading came in time: an estimate takes its place until one comes. ``of`` as in `ReadingTaken`."""

    interval: int
    of: str
    energy_wh: int
    basis: Basis


class IntervalSettled(Event, frozen=True):
    """Accounts of an interval: at the first settlement the whole, at each later one the difference.

    Attributes
    ----------
    round
        0 for the first settlement.
    members
        Whose rows the columns hold.
    energy
        Wh of each of the members, by name: ``metered``; ``bought`` and ``sold`` as agreed; ``pooled`` after delivery, + =
        bought; ``astray``, which was sold and not delivered, or bought and not taken. A column of zeros is left out.
    money
        By cause, as `gridpact.exchange.Settlement.causes`: what each of the members pays, micro-units. Likewise.
    supplier, dso, exchange
        What these pay, micro-units.
    loss_wh
        Head minus sum of meters.
    """

    interval: int
    round: int
    members: tuple[str, ...]
    energy: dict[str, list[int]]
    money: dict[str, list[int]]
    supplier: int
    dso: int
    exchange: int
    loss_wh: int


class MetersDisagree(Event, frozen=True):
    """The head's meter and the sum of the others differ from the losses that the DSO stated by more than the tolerance."""

    interval: int
    loss_wh: int
    stated_wh: int
    tolerance_wh: int


class IntervalClosed(Event, frozen=True):
    """The window for corrections is over: the accounts are final."""

    interval: int


class Refused(Event, frozen=True):
    """A command was refused, and changed nothing.

    Attributes
    ----------
    reason
        Why.
    field
        The field that is to blame, as a path from the command (``body.energy_wh``); empty if it is the whole.
    author, id
        As the message has them; empty where it cannot be read.
    found
        What was found, in plain words.
    digest
        SHA-256 of a message that is not a command, hexadecimal; else empty.
    """

    reason: ReasonCode
    field: str = ""
    author: str = ""
    id: str = ""
    found: Annotated[str, Meta(max_length=400)] = ""
    digest: str = ""


AnyEvent: TypeAlias = (
    AreaOpened
    | Registered
    | BoundsSet
    | IntervalOpened
    | ItemListed
    | ItemWithdrawn
    | ItemExpired
    | OrderPlaced
    | OrderModified
    | OrderCancelled
    | OrdersNetted
    | TradeStruck
    | TransferMade
    | AgreementRecorded
    | AgreementSigned
    | OrderUnmatched
    | GateClosed
    | TradeReduced
    | CreditRefused
    | RetailReduced
    | LimitSet
    | IntervalAccepted
    | IntervalDelivered
    | ReadingTaken
    | ReadingEstimated
    | IntervalSettled
    | MetersDisagree
    | IntervalClosed
    | Refused
)
