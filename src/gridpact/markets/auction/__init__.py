"""Double auctions: bidding strategies, matching rules on integer books, and a continuous order book."""

from gridpact.markets.auction.bidding import STRATEGIES, Strategy
from gridpact.markets.auction.mechanism import Auction
from gridpact.markets.auction.merit import MeritOrder, efficient_welfare
from gridpact.markets.auction.order_book import Events, Fill, Fills, Kind, Meeting, OrderBook, match_events
from gridpact.markets.auction.rules import Claims, Matching, Payments, Rule
from gridpact.markets.auction.variants import VARIANTS

__all__ = [
    "STRATEGIES",
    "VARIANTS",
    "Auction",
    "Claims",
    "Events",
    "Fill",
    "Fills",
    "Kind",
    "Matching",
    "Meeting",
    "MeritOrder",
    "OrderBook",
    "Payments",
    "Rule",
    "Strategy",
    "efficient_welfare",
    "match_events",
]
