"""Books for the auction tests: by hand, by hypothesis, and what came of them."""

from collections.abc import Iterable

import numpy as np
from hypothesis import strategies as st

from gridpact.markets import Book, Pact, Party
from gridpact.markets.auction.merit import MeritOrder, word
from gridpact.markets.auction.rules import Rule
from gridpact.units import WH_PER_KWH

Row = tuple[int, bool, int, int, int]
"""Interval, is a bid, member, Wh, price."""

seeds = st.integers(0, 2**64 - 1)


def book_of(rows: Iterable[Row]) -> Book:
    """A book without charges."""
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 5
    return Book(*columns, [0] * len(columns[0]))


def rows_of(book: Book) -> list[Row]:
    """The rows of a book, priced before charges."""
    return list(
        zip(
            book.interval.tolist(),
            book.buys.tolist(),
            book.member.tolist(),
            book.energy_wh.tolist(),
            book.price.tolist(),
            strict=True,
        )
    )


def bids(*orders: tuple[int, int, int], interval: int = 0) -> list[Row]:
    """Bids as (member, Wh, price)."""
    return [(interval, True, *order) for order in orders]


def asks(*orders: tuple[int, int, int], interval: int = 0) -> list[Row]:
    """Asks as (member, Wh, price)."""
    return [(interval, False, *order) for order in orders]


def any_rows(
    *, prices: st.SearchStrategy[int] | None = None, members: int = 8, most: int = 24, intervals: int = 2
) -> st.SearchStrategy[list[Row]]:
    """Rows with many ties, several orders of a member, orders without energy, negative prices."""
    row = st.tuples(
        st.integers(0, intervals - 1),
        st.booleans(),
        st.integers(0, members - 1),
        st.integers(-1, 30),
        prices if prices is not None else st.integers(-3, 9),
    )
    return st.lists(row, max_size=most)


def one_order_each(most: int = 12) -> st.SearchStrategy[list[Row]]:
    """Members with a single order in a single interval, prices with ties."""
    order = st.tuples(st.booleans(), st.integers(1, 20), st.integers(0, 12))
    return st.lists(order, min_size=2, max_size=most).map(
        lambda orders: [(0, buys, member, wh, price) for member, (buys, wh, price) in enumerate(orders)]
    )


def sorted_trades(pact: Pact) -> list[tuple[int, ...]]:
    """Trades as a set that can be compared: interval, seller, buyer, Wh, price."""
    trades = pact.trades
    columns = trades.interval, trades.seller, trades.buyer, trades.energy_wh, trades.price
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def sorted_transfers(pact: Pact) -> list[tuple[int, ...]]:
    """Transfers as a set that can be compared."""
    return sorted(zip(*(column.tolist() for column in pact.transfers.columns().values()), strict=True))


def awards_and_money(rule: Rule, rows: list[Row], seed: int) -> dict[int, tuple[int, int]]:
    """What each member trades (Wh) and pays (+) or receives (-), in Wh times micro-units per kWh: exact, one interval."""
    orders = MeritOrder.of(book_of(rows), seed)
    matching = rule.match(orders, word(seed))
    first_bid = orders.middle[0] if len(orders.middle) else 0
    money = matching.money
    if money is None:
        ask, bid, wh, price = matching.pairs
        money = np.zeros(len(orders.member), dtype=np.int64)
        np.add.at(money, ask, wh * price)
        np.add.at(money, bid, wh * price)
    found: dict[int, tuple[int, int]] = {}
    for order, (member, wh, amount) in enumerate(
        zip(orders.member.tolist(), matching.award.tolist(), money.tolist(), strict=True)
    ):
        before = found.get(member, (0, 0))
        found[member] = before[0] + wh, before[1] + (amount if order >= first_bid else -amount)
    return found


def cash(pact: Pact, members: int) -> tuple[list[int], dict[Party, int]]:
    """What each member and each other party pays (+) or receives (-) in all, micro-units."""
    own, others = [0] * members, dict.fromkeys(Party, 0)
    trades, transfers = pact.trades, pact.transfers

    def book_amount(party: int, amount: int) -> None:
        if party >= 0:
            own[party] += amount
        else:
            others[Party(party)] += amount

    flows = [
        *zip(trades.buyer.tolist(), trades.seller.tolist(), trades.payments().tolist(), strict=True),
        *zip(transfers.payer.tolist(), transfers.payee.tolist(), transfers.amount.tolist(), strict=True),
    ]
    for payer, payee, amount in flows:
        book_amount(payer, amount)
        book_amount(payee, -amount)
    return own, others


def welfare(rows: Iterable[Row], pact: Pact) -> float:
    """Realised welfare of single-order members, micro-units."""
    value = {(interval, member): price for interval, _, member, _, price in rows}
    trades = sorted_trades(pact)
    return sum(wh * (value[t, buyer] - value[t, seller]) for t, seller, buyer, wh, _ in trades) / WH_PER_KWH
