"""What may be asked of the exchange. A command is a signed message; the body says what is wanted.

Nothing in a command is believed because it says so: the author is whoever's key verifies the signature, and the time at which a
command counts is that of its receipt, which the exchange stamps.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from gridpact.exchange.values import (
    Actor,
    Bounds,
    Claim,
    EnergyWh,
    Key,
    MemberLimit,
    Millis,
    Name,
    NetWh,
    Position,
    Price,
    Prices,
    Reduction,
    RetailCut,
    TradeTerms,
    TransferTerms,
    Use,
    Violation,
)

MOST_TRADES = 400
"""Of an agreement that is signed: a quarter-hourly day fits four times."""


def kind_of(name: str) -> str:
    """``ListItem`` is tagged ``list_item``."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


class Body(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag=kind_of):
    """What is wanted."""


class ListItem(Body, frozen=True):
    """A member offers energy (or asks for it, ``is_buy``) in one interval, at the price of the trade before charges."""

    interval: Millis
    is_buy: bool
    energy_wh: EnergyWh
    price: Price
    use: Use = Use.BASE


class WithdrawItem(Body, frozen=True):
    """A member takes what is left of its own item off the list."""

    interval: Millis
    item: Key


class TakeItem(Body, frozen=True):
    """A bilateral order: take some of somebody's item, at its price. ``price`` is the order's limit, all-in."""

    interval: Millis
    item: Key
    energy_wh: EnergyWh
    price: Price
    use: Use = Use.BASE


class PlaceOrder(Body, frozen=True):
    """An order to the book. ``price`` is the limit, all-in: the most a buyer pays, the least a seller keeps per kWh."""

    interval: Millis
    is_buy: bool
    energy_wh: EnergyWh
    price: Price
    use: Use = Use.BASE


class ModifyOrder(Body, frozen=True):
    """Replace what an own order still has open; it loses its place in time."""

    interval: Millis
    order: Key
    energy_wh: EnergyWh
    price: Price


class CancelOrder(Body, frozen=True):
    """Take what an own order still has open out of the book."""

    interval: Millis
    order: Key


class Register(Body, frozen=True):
    """The exchange takes up a member or a meter; it takes part in intervals that are opened afterwards."""

    actor: Actor


class SetBounds(Body, frozen=True):
    """The exchange narrows what a member may send from now on, or frees it again; what stands in a book stays."""

    member: Name
    bounds: Bounds


class OpenInterval(Body, frozen=True):
    """The exchange opens a delivery interval for bidding, at the supplier's published prices."""

    interval: Millis
    prices: Prices


class RecordAgreement(Body, frozen=True):
    """The exchange enters what a mechanism without orders (negotiation, assignment, an equilibrium) has agreed.

    Trades and transfers may lie in other intervals too, as the return of a loan does; all of them must be open. ``certificate``
    is what the mechanism claims of it.
    """

    interval: Millis
    mechanism: Annotated[str, Meta(max_length=64)]
    trades: tuple[TradeTerms, ...] = ()
    transfers: tuple[TransferTerms, ...] = ()
    certificate: tuple[Claim, ...] = ()


class SignAgreement(Body, frozen=True):
    """A member agrees with a peer on trades between the two; they are struck when both have signed the same.

    Attributes
    ----------
    interval
        That of the earliest trade. All of them must be open.
    peer
        Who else signs.
    trades
        At least one. What one signs, the other has to sign to the letter, in the same order.
    """

    interval: Millis
    peer: Name
    trades: Annotated[tuple[TradeTerms, ...], Meta(min_length=1, max_length=MOST_TRADES)]


class Tick(Body, frozen=True):
    """The exchange's clock: whatever is due by the time of receipt is done, one phase of each interval a tick."""


class RejectTrades(Body, frozen=True):
    """A supplier rejects trades for want of credit, between gate closure and the DSO's check."""

    interval: Millis
    trades: tuple[Position, ...]


class ReportNetwork(Body, frozen=True):
    """The DSO's check of an interval, made as if all orders were delivered.

    Attributes
    ----------
    policy
        Name of the policy that chose the reductions.
    converged
        False if the power flow has no solution: then every trade is rejected.
    reductions
        Trades that are cut, in sequence; one may be cut several times, as one violation follows another. All others are
        accepted in full.
    limits
        What members may draw and inject at most, as a consequence.
    losses_wh
        Losses of the accepted state, against which the head's meter is checked.
    own
        Violations that remain without any trade: the network's own.
    retail
        What members deal with the supplier and is cut as well; the limits say what follows for their meters.
    """

    interval: Millis
    policy: Annotated[str, Meta(max_length=64)]
    converged: bool
    losses_wh: NetWh = 0
    reductions: tuple[Reduction, ...] = ()
    limits: tuple[MemberLimit, ...] = ()
    own: tuple[Violation, ...] = ()
    retail: tuple[RetailCut, ...] = ()


class ReportReading(Body, frozen=True):
    """A meter's energy of an interval, + = consumption (at the head: import). A corrected reading has a higher version."""

    interval: Millis
    energy_wh: NetWh
    version: Position = 0


AnyBody: TypeAlias = (
    ListItem
    | WithdrawItem
    | TakeItem
    | PlaceOrder
    | ModifyOrder
    | CancelOrder
    | Register
    | SetBounds
    | OpenInterval
    | RecordAgreement
    | SignAgreement
    | Tick
    | RejectTrades
    | ReportNetwork
    | ReportReading
)


class Command(Struct, frozen=True, forbid_unknown_fields=True):
    """A signed message.

    Attributes
    ----------
    area
        Market area that it is meant for; it is signed, so that a command cannot be replayed in another area.
    author
        Id of the actor.
    id
        Unique among the author's commands: sending one again changes nothing.
    body
        What is wanted.
    time
        The author's own clock, RFC 3339; it decides nothing, and shows whose clock is wrong.
    seq
        Numbers the author's commands, so that it can tell which ones have not been answered.
    signature
        Over everything else, as text: `gridpact.exchange.sign`.
    """

    area: Name
    author: Name
    id: Name
    body: AnyBody
    time: Annotated[str, Meta(max_length=40)] = ""
    seq: Position = 0
    signature: Annotated[str, Meta(max_length=512)] = ""

    @property
    def key(self) -> str:
        """``author/id``: names the order or item that the command makes."""
        return f"{self.author}/{self.id}"
