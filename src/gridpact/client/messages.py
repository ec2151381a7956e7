"""What the exchange says on the bus. JSON; ``kind`` tells the messages apart."""

from typing import TypeAlias

import msgspec

from gridpact.errors import InputError
from gridpact.exchange import Prices, ReasonCode, Role
from gridpact.ledger import Directory, SigningKey, encode, to_bytes, to_text
from gridpact.ledger.keys import SIGNATURE_BYTES

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
    """What the member pays for the interval, micro-units, and the energy behind it, Wh; ``round`` above 0: the difference."""

    interval: int
    round: int
    energy: dict[str, int]
    money: dict[str, int]

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


AnyMessage: TypeAlias = Ack | Traded | Unmatched | Reduced | Limit | Bill | PhaseIs | PricesAre | KeyIs
