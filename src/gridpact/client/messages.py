"""What the exchange says on the bus. JSON; ``kind`` tells the messages apart."""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from gridpact.errors import InputError
from gridpact.exchange import Prices, ReasonCode, Role
from gridpact.ledger import Directory, SigningKey, encode, to_bytes, to_text
from gridpact.ledger.keys import SIGNATURE_BYTES

MOST_BATTERY_WH = 10**9
ENTRY = b"gridpact/v1/directory\n"
"""What comes before the bytes of an entry of the directory that the exchange signs."""


class Message(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag=str.lower):
    """What the exchange says."""


class Ack(Message, frozen=True):
    """The answer to a member's message.

    Attributes
    ----------
    id
        Of the message; empty where it could not be read.
    at
        The exchange's clock at receipt, milliseconds since 1970 UTC.
    accepted
        Whether it changed something.
    reason, field, found
        If not: a code, the field that is to blame, and what was found there.
    means
        What the code says to a person.
    digest
        SHA-256 of a message that could not be read.
    """

    id: str
    at: int
    accepted: bool
    reason: ReasonCode | None = None
    field: str = ""
    found: str = ""
    means: str = ""
    digest: str = ""


class Traded(Message, frozen=True):
    """A trade of the member. ``order`` is its own order or item; ``peer`` is on the other side."""

    interval: int
    trade: int
    is_buy: bool
    energy_wh: int
    price: int
    peer: str
    order: str = ""


class Unmatched(Message, frozen=True):
    """The gate closed and nobody had matched the order, or the rest of it."""

    interval: int
    order: str


class Reduced(Message, frozen=True):
    """A trade of the member was cut to ``energy_wh``, and why."""

    interval: int
    trade: int
    energy_wh: int
    reason: ReasonCode
    place: str
    means: str


class Limit(Message, frozen=True):
    """What the member's meter may show at most in the interval, Wh; None leaves that direction free."""

    interval: int
    import_wh: int | None = None
    export_wh: int | None = None


class Bill(Message, frozen=True):
    """What the member pays for the interval, micro-units, and the energy behind it, Wh; ``round`` above 0: the difference.

    ``orders`` are the member's orders and items that have traded: the commands that led to it.
    """

    interval: int
    round: int
    energy: dict[str, int]
    money: dict[str, int]
    orders: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """What is paid in all."""
        return sum(self.money.values())


class PhaseIs(Message, frozen=True):
    """An interval has come to a phase; ``CLOSED`` when its accounts are final."""

    interval: int
    phase: str


class PricesAre(Message, frozen=True):
    """The supplier's prices of an interval, micro-units per kWh."""

    interval: int
    prices: Prices


class KeyIs(Message, frozen=True):
    """An entry of the directory: the public key of a member or a party, signed by the exchange."""

    area: str
    name: str
    role: Role
    key: str
    signature: str = ""

    def signed(self, key: SigningKey) -> "KeyIs":
        """The entry with a signature of the exchange."""
        return msgspec.structs.replace(self, signature=to_text(key.sign(self._content)))

    def is_signed_by(self, exchange: bytes) -> bool:
        """Whether the holder of a public key has signed it."""
        try:
            signature = to_bytes(self.signature, SIGNATURE_BYTES, "signature")
        except InputError:
            return False
        return Directory({"exchange": exchange}).verify("exchange", self._content, signature)

    @property
    def _content(self) -> bytes:
        return ENTRY + encode([self.area, self.name, self.role, self.key])


class ClockIs(Message, frozen=True):
    """The exchange's time, said again and again.

    Attributes
    ----------
    at
        Milliseconds since 1970 UTC.
    speed
        How many times as fast as the wall clock it runs.
    step_ms, gate_closure_ms
        Length of an interval, and how long before delivery its gate closes.
    interval, phase
        The interval whose gate closes next; 0 and empty if none is open.
    """

    at: int
    speed: float
    step_ms: int
    gate_closure_ms: int
    interval: int = 0
    phase: str = ""


MOST_LEVELS = 300
"""Of a side of a book that is told: a message must stay below what a broker takes, however many prices there are."""


class Level(msgspec.Struct, frozen=True):
    """All orders of one side at one price limit, without names."""

    price: int
    energy_wh: int
    orders: int


class BookIs(Message, frozen=True):
    """What is open in the book of an interval, the best price first; as it stood when the gate closed, from then on.

    Attributes
    ----------
    interval
        Its start.
    buy, sell
        The best levels, `MOST_LEVELS` of a side at most.
    buy_rest, sell_rest
        What lies beyond them, as one level at the worst price of all; None if all are shown.
    """

    interval: int
    buy: tuple[Level, ...] = ()
    sell: tuple[Level, ...] = ()
    buy_rest: Level | None = None
    sell_rest: Level | None = None


class BatteryIs(Message, frozen=True):
    """What a member says of its battery on its own ``status`` topic, unsigned: it is shown on the member's own page, and counts
    for nothing else.

    Attributes
    ----------
    soc_wh, capacity_wh
        What is in it, and what it holds, Wh.
    """

    soc_wh: Annotated[int, Meta(ge=0, le=MOST_BATTERY_WH)]
    capacity_wh: Annotated[int, Meta(ge=1, le=MOST_BATTERY_WH)]


class LimitsAre(Message, frozen=True):
    """What the orders of a member may come to in an interval; and after acceptance, how many meters are bound.

    Attributes
    ----------
    most_wh, most_price, most_messages
        As in `gridpact.exchange.Rules`.
    import_bound, export_bound
        How many members' meters may not import, or export, as much as they like: each of them is told its `Limit`.
    """

    interval: int
    most_wh: int
    most_price: int
    most_messages: int
    import_bound: int = 0
    export_bound: int = 0


class HeadIs(Message, frozen=True):
    """The newest signed head of the ledger: see `gridpact.ledger.SignedHead`, whose words these are."""

    log: str
    size: int
    root: str
    time: str
    signature: str
    previous: str | None = None
    witnesses: dict[str, str] = {}


AnyMessage: TypeAlias = (
    Ack
    | Traded
    | Unmatched
    | Reduced
    | Limit
    | Bill
    | PhaseIs
    | PricesAre
    | ClockIs
    | BookIs
    | LimitsAre
    | HeadIs
    | KeyIs
)
