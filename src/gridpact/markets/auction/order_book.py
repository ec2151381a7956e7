"""Continuous trading: a book to be used event by event, and the same book run over an array of events.

Price, then time: an incoming order trades with the best resting orders that it crosses, the oldest of a price first, at the
resting order's price; what is left of it rests. A cancelled order leaves the book; cancelling one that does not rest does
nothing. An order is modified by cancelling it and placing a new one: it loses its place. Two orders of one owner do not trade:
where they meet, both are reduced by what they would have traded.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from gridpact.errors import InputError
from gridpact.markets.auction import _ladder
from gridpact.markets.pact import Columns
from gridpact.units import IntArray


class Kind(IntEnum):
    """What an event does."""

    BUY = _ladder.BUY
    SELL = _ladder.SELL
    CANCEL = _ladder.CANCEL


@dataclass(frozen=True, eq=False)
class Events(Columns):
    """What happens to a continuous book; one row an event, in time.

    Attributes
    ----------
    kind
        A `Kind`.
    order
        Number of the order, from 0 up; memory grows with the largest.
    owner
        Who placed it.
    price
        Micro-units per kWh; not read of a cancellation.
    energy_wh
        Placements below 1 Wh do nothing; not read of a cancellation.
    """

    kind: IntArray
    order: IntArray
    owner: IntArray
    price: IntArray
    energy_wh: IntArray


@dataclass(frozen=True, eq=False)
class Fills(Columns):
    """Trades in time; one row a fill: numbers of the orders, Wh, and the resting order's price."""

    buy: IntArray
    sell: IntArray
    energy_wh: IntArray
    price: IntArray


def match_events(events: Events) -> Fills:
    """Run a continuous book over an array of events.

    Raises
    ------
    InputError
        If a kind or an order number is not one, or an order is placed while it rests in the book.

    Examples
    --------
    >>> fills = match_events(Events(kind=[1, 1, 0], order=[0, 1, 2], owner=[0, 1, 2], price=[20, 10, 15], energy_wh=[5, 5, 9]))
    >>> {name: column.tolist() for name, column in fills.columns().items()}
    {'buy': [2], 'sell': [1], 'energy_wh': [5], 'price': [10]}
    """
    if len(events) == 0:
        return Fills.empty()
    if events.kind.min() < Kind.BUY or events.kind.max() > Kind.CANCEL:
        raise InputError("an event is of no known kind", place="events", accepted="0 buy, 1 sell, 2 cancel")
    if events.order.min() < 0:
        raise InputError("an order number is negative", place="events", accepted="numbers from 0 up")
    fills, twice = _ladder.match_events(
        events.kind, events.order, events.owner, events.price, events.energy_wh, int(events.order.max()) + 1
    )
    if twice >= 0:
        raise _resting_already(int(events.order[twice]))
    return Fills(*fills)


class Fill(NamedTuple):
    """One trade of a continuous book."""

    buy: int
    sell: int
    energy_wh: int
    price: int


class Meeting(NamedTuple):
    """A resting order that an incoming one would meet: with which energy, at the resting order's price."""

    order: int
    owner: int
    energy_wh: int
    price: int


@dataclass(slots=True)
class _Resting:
    is_buy: bool
    owner: int
    price: int
    energy_wh: int


@dataclass(slots=True)
class _Side:
    """One side: at each price the resting orders in time, and a heap of prices in which emptied ones are left until met."""

    sign: int
    levels: dict[int, dict[int, _Resting]] = field(default_factory=dict)
    heap: list[int] = field(default_factory=list)

    def best(self) -> int | None:
        while self.heap and self.sign * self.heap[0] not in self.levels:
            heapq.heappop(self.heap)
        return self.sign * self.heap[0] if self.heap else None

    def prices(self) -> list[int]:
        return sorted(self.levels, key=lambda price: self.sign * price)

    def add(self, order: int, resting: _Resting) -> None:
        if resting.price not in self.levels:
            self.levels[resting.price] = {}
            heapq.heappush(self.heap, self.sign * resting.price)
        self.levels[resting.price][order] = resting

    def remove(self, order: int, price: int) -> None:
        level = self.levels[price]
        del level[order]
        if not level:
            del self.levels[price]

    def depth(self, levels: int) -> list[tuple[int, int]]:
        prices = heapq.nsmallest(levels, self.levels, key=lambda price: self.sign * price)
        return [(price, sum(resting.energy_wh for resting in self.levels[price].values())) for price in prices]


class OrderBook:
    """A continuous book of one delivery interval, event by event. Same fills as `match_events`.

    Examples
    --------
    >>> book = OrderBook()
    >>> book.place(1, owner=0, is_buy=False, price=200_000, energy_wh=1_000)
    ()
    >>> book.place(2, owner=1, is_buy=True, price=250_000, energy_wh=1_500)
    (Fill(buy=2, sell=1, energy_wh=1000, price=200000),)
    >>> book.best_bid, book.best_ask, book.cancel(2), book.best_bid
    (250000, None, 500, None)
    """

    def __init__(self) -> None:
        self._bids, self._asks = _Side(-1), _Side(1)
        self._resting: dict[int, _Resting] = {}

    @property
    def best_bid(self) -> int | None:
        """Highest resting bid, micro-units per kWh."""
        return self._bids.best()

    @property
    def best_ask(self) -> int | None:
        """Lowest resting ask, micro-units per kWh."""
        return self._asks.best()

    def depth(self, levels: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The best price levels of bids and of asks: (price, Wh), best first."""
        return self._bids.depth(levels), self._asks.depth(levels)

    def left(self, order: int) -> int:
        """Energy of an order that rests in the book, Wh; 0 if it does not."""
        resting = self._resting.get(order)
        return resting.energy_wh if resting else 0

    def meetings(self, *, is_buy: bool, price: int, energy_wh: int) -> Iterator[Meeting]:
        """What an incoming order would meet, best price first, then the oldest; nothing changes."""
        other = self._asks if is_buy else self._bids
        best = other.best()
        if best is None or (best > price if is_buy else best < price):
            return
        for level in other.prices():
            if energy_wh <= 0 or (level > price if is_buy else level < price):
                return
            for number, resting in other.levels[level].items():
                if energy_wh <= 0:
                    return
                met = min(energy_wh, resting.energy_wh)
                yield Meeting(number, resting.owner, met, level)
                energy_wh -= met

    def place(self, order: int, *, owner: int, is_buy: bool, price: int, energy_wh: int) -> tuple[Fill, ...]:
        """Place an order; what cannot trade at once rests. Below 1 Wh nothing happens.

        Raises
        ------
        InputError
            If an order of this number rests in the book.
        """
        met = tuple(self.meetings(is_buy=is_buy, price=price, energy_wh=energy_wh))
        self.rest(order, owner=owner, is_buy=is_buy, price=price, energy_wh=energy_wh)
        for other in met:
            self.reduce(order, other.energy_wh)
            self.reduce(other.order, other.energy_wh)
        return tuple(
            Fill(*((order, other.order) if is_buy else (other.order, order)), other.energy_wh, other.price)
            for other in met
            if other.owner != owner
        )

    def rest(self, order: int, *, owner: int, is_buy: bool, price: int, energy_wh: int) -> None:
        """Let an order rest at the end of its price, whatever it crosses. Below 1 Wh nothing happens.

        Raises
        ------
        InputError
            If an order of this number rests in the book.
        """
        if order in self._resting:
            raise _resting_already(order)
        if energy_wh > 0:
            self._resting[order] = _Resting(is_buy, owner, price, energy_wh)
            self._side(is_buy).add(order, self._resting[order])

    def reduce(self, order: int, energy_wh: int) -> None:
        """Take energy out of a resting order; it leaves the book with its last Wh."""
        resting = self._resting[order]
        resting.energy_wh -= energy_wh
        if resting.energy_wh <= 0:
            self.cancel(order)

    def cancel(self, order: int) -> int:
        """Take an order out of the book; return the energy that rested, 0 if there was none."""
        resting = self._resting.pop(order, None)
        if resting is None:
            return 0
        self._side(resting.is_buy).remove(order, resting.price)
        return resting.energy_wh

    def modify(self, order: int, *, price: int, energy_wh: int) -> tuple[Fill, ...]:
        """Cancel a resting order and place it anew, at the end of its price.

        Raises
        ------
        InputError
            If no such order rests in the book.
        """
        resting = self._resting.get(order)
        if resting is None:
            raise InputError(f"order {order} is not in the book", accepted="an order that rests")
        self.cancel(order)
        return self.place(order, owner=resting.owner, is_buy=resting.is_buy, price=price, energy_wh=energy_wh)

    def _side(self, is_buy: bool) -> "_Side":
        return self._bids if is_buy else self._asks


def _resting_already(order: int) -> InputError:
    return InputError(
        f"order {order} is placed while it rests in the book", accepted="cancel it first, or a new number"
    )
