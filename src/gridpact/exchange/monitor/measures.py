"""Measures of a market: pure functions of what was offered, what was traded and what was metered. Energies in Wh."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from gridpact.exchange.moves import ItemState
from gridpact.exchange.state import Interval
from gridpact.exchange.values import Prices

POINTS = 10_000
"""An index of concentration with one member alone."""


class Sold(Protocol):
    """A trade, as `gridpact.exchange.state.Trade` and `gridpact.exchange.TradeStruck` have it."""

    @property
    def seller(self) -> str: ...
    @property
    def buyer(self) -> str: ...
    @property
    def energy_wh(self) -> int: ...
    @property
    def price(self) -> int: ...


class PriceSpread(NamedTuple):
    """Prices of an interval beside the supplier's; ``position`` of the mean: 0 at the export price, 1 at the import price."""

    lowest: int
    mean: int
    highest: int
    export_price: int
    import_price: int
    position: float


class Ring(NamedTuple):
    """Members among whom energy went round in one interval; ``energy_wh``: the most that came back to one of them."""

    members: tuple[str, ...]
    energy_wh: int


class Offer(NamedTuple):
    """What a member had on one side of an interval when its gate closed, Wh; ``dear_wh`` of it where nobody would take it."""

    energy_wh: int = 0
    dear_wh: int = 0


def hhi(energies: Iterable[int]) -> int:
    """Herfindahl–Hirschman index: the sum of the squares of the shares, in points of 10,000; 0 without energy.

    Source: O. C. Herfindahl, *Concentration in the steel industry*, 1950; A. O. Hirschman, *National power and the structure of
    foreign trade*, 1945. The inverse of the share is the number of equal members that would be as concentrated.

    Examples
    --------
    >>> hhi([500, 500]), hhi([700, 200, 100]), hhi([])
    (5000, 5400, 0)
    """
    kept = list(energies)
    total = sum(kept)
    return round(POINTS * sum(energy * energy for energy in kept) / total**2) if total else 0


def price_spread(trades: Sequence[Sold], prices: Prices) -> PriceSpread | None:
    """Lowest, mean (by energy, rounded down) and highest price beside the references; None without a trade."""
    traded_wh = sum(trade.energy_wh for trade in trades)
    if not traded_wh:
        return None
    mean = sum(trade.energy_wh * trade.price for trade in trades) // traded_wh
    band = prices.import_price - prices.export_price
    return PriceSpread(
        min(trade.price for trade in trades),
        mean,
        max(trade.price for trade in trades),
        prices.export_price,
        prices.import_price,
        (mean - prices.export_price) / band if band else 0.0,
    )


def outside_references(trades: Sequence[Sold], prices: Prices) -> list[Sold]:
    """Trades in which one side would have done better with the supplier, charges aside."""
    return [trade for trade in trades if not prices.export_price <= trade.price <= prices.import_price]


def rings(trades: Sequence[Sold]) -> list[Ring]:
    """Members who sold to each other in a ring within the interval: what they trade in it moves money, and no energy.

    A ring is a strongly connected part of the graph of who sold to whom, a member that traded with itself included.

    Examples
    --------
    >>> from gridpact.exchange import TradeStruck
    >>> rings([TradeStruck(0, 0, "ann", "bob", 500, 1), TradeStruck(0, 1, "bob", "ann", 300, 1)])
    [Ring(members=('ann', 'bob'), energy_wh=300)]
    """
    sold, bought = Counter[str](), Counter[str]()
    for trade in trades:
        sold[trade.seller] += trade.energy_wh
        bought[trade.buyer] += trade.energy_wh
    both = sorted(sold.keys() & bought.keys())
    if not both:
        return []  # nobody is on both sides: that is how it should be, and it costs nothing to see
    part = _parts(both, [(trade.seller, trade.buyer) for trade in trades])
    inside: dict[int, tuple[Counter[str], Counter[str]]] = {}
    for trade in trades:
        number = part.get(trade.seller)
        if number is not None and number == part.get(trade.buyer):
            out, into = inside.setdefault(number, (Counter(), Counter()))
            out[trade.seller] += trade.energy_wh
            into[trade.buyer] += trade.energy_wh
    return [
        Ring(tuple(sorted(out)), max(min(out[member], into[member]) for member in out)) for out, into in inside.values()
    ]


def _parts(members: Sequence[str], pairs: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The strongly connected part of each member."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    at = {member: number for number, member in enumerate(members)}
    ends = np.array([(at[seller], at[buyer]) for seller, buyer in pairs if seller in at and buyer in at]).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(members), len(members)))
    _, labels = connected_components(graph, directed=True, connection="strong")
    return dict(zip(members, labels.tolist(), strict=True))


def offers(interval: Interval) -> dict[tuple[str, bool], Offer]:
    """What each member has offered and asked for, by member and side: open, listed and matched; before the gate closes.

    Offers above the import price and bids below the export price are dear: with the supplier everybody does better.
    """
    found: dict[tuple[str, bool], Offer] = {}

    def add(member: str, is_buy: bool, energy_wh: int, price: int) -> None:
        is_dear = price < interval.prices.export_price if is_buy else price > interval.prices.import_price
        before = found.get((member, is_buy), Offer())
        found[member, is_buy] = Offer(before.energy_wh + energy_wh, before.dear_wh + energy_wh * is_dear)

    for order in interval.orders.values():
        price = interval.roster.before_charges(order.member, order.is_buy, order.price)
        add(order.member, order.is_buy, order.open_wh + order.matched_wh, price)
    for item in interval.items.values():
        if item.state != ItemState.WITHDRAWN:
            add(item.member, item.is_buy, item.energy_wh, item.price)
    return found


def crossing_wh(interval: Interval) -> dict[str, int]:
    """Energy of members' own open orders that could trade with each other, by member: bids at or above own offers."""
    sides: dict[str, tuple[list[tuple[int, int]], list[tuple[int, int]]]] = {}
    for order in interval.orders.values():
        if order.open_wh:
            price = interval.roster.before_charges(order.member, order.is_buy, order.price)
            sides.setdefault(order.member, ([], []))[order.is_buy].append((price, order.open_wh))
    found = {}
    for member, (sells, buys) in sides.items():
        if sells and buys:
            lowest, highest = min(sells)[0], max(buys)[0]
            bid_wh = sum(energy_wh for price, energy_wh in buys if price >= lowest)
            asked_wh = sum(energy_wh for price, energy_wh in sells if price <= highest)
            if crossing := min(bid_wh, asked_wh):
                found[member] = crossing
    return found


def withheld_wh(metered_wh: int, offer: Offer) -> int:
    """Surplus that was delivered and had not been offered, or only above what the supplier asks.

    Examples
    --------
    >>> withheld_wh(-1_000, Offer(700, dear_wh=200)), withheld_wh(400, Offer())
    (500, 0)
    """
    return max(-metered_wh - (offer.energy_wh - offer.dear_wh), 0)
