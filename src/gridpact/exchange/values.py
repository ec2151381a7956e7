"""The words that commands and events share: bounded integers, names, and what stands inside of both.

Everything is a frozen msgspec struct, refuses fields it does not know, and holds integers and strings only. Times are
milliseconds since 1970 UTC; an interval is named by its start. All integers stay below 2^53, so that any JSON reader gets them
right.
"""

from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from gridpact.exchange.reasons import ReasonCode

LARGEST = 2**53 - 1
MOST_WH = 10**9
MOST_PRICE = 10**9

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^/+#\x00-\x1f\x7f]+$")]
"""Of an actor, or a command's own number: anything that may stand in one level of an MQTT topic."""
Key: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=160, pattern=r"^[^/+#\x00-\x1f\x7f]+/[^/+#\x00-\x1f\x7f]+$")
]
"""Of an order or an item: ``author/id`` of the command that made it."""
Millis: TypeAlias = Annotated[int, Meta(ge=0, le=LARGEST)]
EnergyWh: TypeAlias = Annotated[int, Meta(ge=1, le=MOST_WH)]
RestWh: TypeAlias = Annotated[int, Meta(ge=0, le=MOST_WH)]
NetWh: TypeAlias = Annotated[int, Meta(ge=-MOST_WH, le=MOST_WH)]
Price: TypeAlias = Annotated[int, Meta(ge=-MOST_PRICE, le=MOST_PRICE)]
Amount: TypeAlias = Annotated[int, Meta(ge=0, le=LARGEST)]
Position: TypeAlias = Annotated[int, Meta(ge=0, le=LARGEST)]


class Value(Struct, frozen=True, forbid_unknown_fields=True):
    """A value inside of a command or an event."""


class Role(StrEnum):
    """What an actor may do."""

    MEMBER = "member"
    METER = "meter"
    SUPPLIER = "supplier"
    DSO = "dso"
    EXCHANGE = "exchange"


class Use(StrEnum):
    """The physical use behind an order or item: what a curtailment would hold back."""

    BASE = "base"
    PV = "pv"
    BATTERY = "battery"
    EV = "ev"
    HEATER = "heater"

    @property
    def flexible(self) -> bool:
        """Whether the member can forgo it; of base load only the peer is changed to the supplier."""
        return self is not Use.BASE


class Actor(Value, frozen=True, forbid_unknown_fields=True):
    """Somebody who signs commands.

    Attributes
    ----------
    id
        Unique in the area; the order of ids breaks ties.
    role
        What it may do.
    key
        Public key, as text; only whoever verifies signatures reads it.
    zone
        Network-charge zone of a member.
    of
        The member that a meter measures; empty for the meter at the feeder's head.
    """

    id: Name
    role: Role
    key: Annotated[str, Meta(max_length=256)] = ""
    zone: Annotated[str, Meta(max_length=64)] = ""
    of: Annotated[str, Meta(max_length=64)] = ""


class Bounds(Value, frozen=True, forbid_unknown_fields=True):
    """What one member may send at most, narrower than the rules of its area; None leaves what they say.

    Attributes
    ----------
    most_wh
        Energy that it may have open and agreed in one interval, each side.
    lowest_price, highest_price
        Of its orders and items, micro-units per kWh.
    most_messages
        Commands that count for one interval.
    """

    most_wh: RestWh | None = None
    lowest_price: Price | None = None
    highest_price: Price | None = None
    most_messages: Position | None = None


FREE = Bounds()


class Prices(Value, frozen=True, forbid_unknown_fields=True):
    """The supplier's prices of an interval, micro-units per kWh: see `gridpact.community.Tariff`."""

    import_price: Price
    export_price: Price
    imbalance_buy: Price
    imbalance_sell: Price
    loss_price: Price

    @property
    def in_order(self) -> bool:
        """``imbalance_sell ≤ export ≤ import ≤ imbalance_buy``."""
        return self.imbalance_sell <= self.export_price <= self.import_price <= self.imbalance_buy


class TradeTerms(Value, frozen=True, forbid_unknown_fields=True):
    """A trade of an agreement that did not come from orders.

    Attributes
    ----------
    seller, buyer
        Members.
    interval
        Start of delivery.
    energy_wh, price
        As in `gridpact.markets.Trades`.
    leg
        Trades of one agreement with the same number from 0 up belong together: what cuts one scales the others. −1 for none.
    """

    seller: Name
    buyer: Name
    interval: Millis
    energy_wh: EnergyWh
    price: Price
    leg: Annotated[int, Meta(ge=-1, le=LARGEST)] = -1


class TransferTerms(Value, frozen=True, forbid_unknown_fields=True):
    """Money that an agreement moves besides its trades, between any two of members, supplier, DSO and exchange.

    ``reason`` is a `gridpact.markets.Reason`.
    """

    payer: Name
    payee: Name
    interval: Millis
    amount: Amount
    reason: Annotated[int, Meta(ge=0, le=LARGEST)] = 0


class Claim(Value, frozen=True, forbid_unknown_fields=True):
    """A number of a mechanism's certificate, and how large it may be, in millionths; None: it is reported, not claimed.

    ``name`` says what it is and its unit.
    """

    name: Annotated[str, Meta(min_length=1, max_length=120)]
    value: Annotated[int, Meta(ge=-LARGEST, le=LARGEST)]
    tolerance: Amount | None = None

    @property
    def holds(self) -> bool:
        """Whether it is within its tolerance."""
        return self.tolerance is None or self.value <= self.tolerance


class Violation(Value, frozen=True, forbid_unknown_fields=True):
    """A limit that does not hold: ``value`` in micro-p.u. of voltage, or per mille of a branch's rating."""

    reason: ReasonCode
    place: Annotated[str, Meta(max_length=64)]
    value: Annotated[int, Meta(ge=0, le=LARGEST)]


class Reduction(Value, frozen=True, forbid_unknown_fields=True):
    """One trade cut by the DSO, once.

    Attributes
    ----------
    trade
        Number of the trade in its interval.
    energy_wh
        What is left of it; 0 rejects it.
    reason, place
        Which kind of limit, and the bus or branch where it did not hold.
    before, after
        The violated quantity with and without the cut energy: micro-p.u. of voltage, per mille of a rating.
    """

    trade: Position
    energy_wh: RestWh
    reason: ReasonCode
    place: Annotated[str, Meta(max_length=64)]
    before: Annotated[int, Meta(ge=0, le=LARGEST)]
    after: Annotated[int, Meta(ge=0, le=LARGEST)]


class RetailCut(Value, frozen=True, forbid_unknown_fields=True):
    """What a member sells to its supplier, or buys from it, cut by the DSO.

    Attributes
    ----------
    member
        Whose.
    is_sale
        Whether it sells.
    before_wh, after_wh
        Energy before and after the cut.
    reason, place, before, after
        As of a `Reduction`.
    """

    member: Name
    is_sale: bool
    before_wh: RestWh
    after_wh: RestWh
    reason: ReasonCode
    place: Annotated[str, Meta(max_length=64)]
    before: Annotated[int, Meta(ge=0, le=LARGEST)]
    after: Annotated[int, Meta(ge=0, le=LARGEST)]


class MemberLimit(Value, frozen=True, forbid_unknown_fields=True):
    """What a member's meter may show at most in an interval, Wh in each direction; None leaves that direction free."""

    member: Name
    import_wh: RestWh | None = None
    export_wh: RestWh | None = None
