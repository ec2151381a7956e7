"""The names on the bus: ``gridpact/v1/<area>/…``, lower case.

What the exchange publishes for everybody is retained: whoever comes late sees the present state. Orders are never retained.
"""

from dataclasses import dataclass
from urllib.parse import quote

ROOT = "gridpact/v1"

PUBLIC = (
    "clock",
    "interval/+/phase",
    "interval/+/prices",
    "interval/+/book",
    "interval/+/limits",
    "ledger/head",
    "directory/+",
    "status",
)
"""Published by the exchange, retained, readable by all members."""
FROM_MEMBER = ("item", "order", "cancel", "status", "meter/+")
"""Published by a member, below ``member/<id>/``."""
TO_OPERATOR = ("wish",)
"""Published by a member for the operator of a market without orders, below ``member/<id>/``; sealed."""
TO_MEMBER = ("ack", "decision", "bill/+", "limit", "invitation")
"""Published by the exchange, readable by the member only, below ``member/<id>/``."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one market area.

    Examples
    --------
    >>> topics = Topics("north")
    >>> topics.of_member("ann", "ack")
    'gridpact/v1/north/member/ann/ack'
    >>> topics.inbox(of="bob", sender="ann")
    'gridpact/v1/north/member/bob/inbox/ann'
    """

    area: str

    def public(self, name: str) -> str:
        """A topic that all members read."""
        return f"{ROOT}/{self.area}/{name}"

    def of_member(self, member: str, name: str) -> str:
        """A topic between a member and the exchange."""
        return self.public(f"member/{member}/{name}")

    def inbox(self, of: str, sender: str) -> str:
        """Where a member finds what another one sent it."""
        return self.of_member(of, f"inbox/{sender}")

    def bus_price(self, bus: str) -> str:
        """The operator's price at a bus, readable by the members of that bus; "+" stands for any."""
        return self.public(f"bus/{bus if bus == '+' else quote(bus, safe=' ')}/price")
