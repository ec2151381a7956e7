"""Double auctions: bidding strategies, matching rules on integer books, and a continuous order book."""

from gridpact.markets.auction.mechanism import Auction
from gridpact.markets.auction.merit import efficient_welfare
from gridpact.markets.auction.order_book import Events, Fill, Fills, Kind, OrderBook, match_events
from gridpact.markets.auction.variants import VARIANTS

__all__ = ["VARIANTS", "Auction", "Events", "Fill", "Fills", "Kind", "OrderBook", "efficient_welfare", "match_events"]
