"""How a price comes about: what a mechanism reads and returns, and one folder a mechanism."""

from gridpact.markets.book import Book
from gridpact.markets.certificate import Certificate, Check
from gridpact.markets.mechanism import (
    BidMechanism,
    Gate,
    Market,
    Mechanism,
    Memory,
    OrderMechanism,
    PoolRule,
    StatedMechanism,
    make_mechanism,
    mechanism_names,
)
from gridpact.markets.outlook import Metering, Outlook
from gridpact.markets.pact import Pact, Party, Reason, Trades, Transfers

__all__ = [
    "BidMechanism",
    "Book",
    "Certificate",
    "Check",
    "Gate",
    "Market",
    "Mechanism",
    "Memory",
    "Metering",
    "OrderMechanism",
    "Outlook",
    "Pact",
    "Party",
    "PoolRule",
    "Reason",
    "StatedMechanism",
    "Trades",
    "Transfers",
    "make_mechanism",
    "mechanism_names",
]
