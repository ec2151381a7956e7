"""Continuous trading: by hand, event by event, as an array, and against two heaps in plain Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpact.errors import InputError
from gridpact.markets.auction import Events, Fill, Kind, OrderBook, match_events
from markets.auction_reference import continuous_fills

Event = tuple[int, int, int, int, int]
"""Kind, order, owner, price, Wh."""


def events_of(rows: list[Event]) -> Events:
    return Events(*([list(column) for column in zip(*rows, strict=True)] or [[]] * 5))


def fills_of(rows: list[Event]) -> list[tuple[int, ...]]:
    fills = match_events(events_of(rows))
    return list(zip(*(column.tolist() for column in fills.columns().values()), strict=True))


def test_the_better_price_trades_first_and_then_the_older_order() -> None:
    """Asks: #0 at 20, then #1 at 10, then #2 at 10. A bid of 12 Wh at 20 takes 5 of #1, 5 of #2, 2 of #0 at their prices."""
    rows = [(1, 0, 0, 20, 5), (1, 1, 1, 10, 5), (1, 2, 2, 10, 5), (0, 3, 3, 20, 12)]
    assert fills_of(rows) == [(3, 1, 5, 10), (3, 2, 5, 10), (3, 0, 2, 20)]


def test_what_cannot_trade_rests_and_trades_later_at_its_own_price() -> None:
    rows = [(1, 0, 0, 10, 5), (0, 1, 1, 30, 8), (1, 2, 2, 25, 9), (0, 3, 3, 25, 1)]
    assert fills_of(rows) == [(1, 0, 5, 10), (1, 2, 3, 30), (3, 2, 1, 25)]


def test_a_cancelled_order_does_not_trade_and_a_late_cancellation_changes_nothing() -> None:
    rows = [(1, 0, 0, 10, 5), (1, 1, 1, 12, 5), (2, 0, 0, 0, 0), (0, 2, 2, 12, 5), (2, 1, 1, 0, 0), (2, 7, 0, 0, 0)]
    assert fills_of(rows) == [(2, 1, 5, 12)]


def test_a_number_can_be_placed_again_after_its_cancellation() -> None:
    rows = [(1, 0, 0, 10, 5), (2, 0, 0, 0, 0), (1, 0, 0, 11, 4), (0, 1, 1, 20, 9)]
    assert fills_of(rows) == [(1, 0, 4, 11)]


def test_orders_of_one_owner_reduce_each_other_without_a_trade() -> None:
    """Owner 0 has 5 Wh on offer and bids for 8: 5 Wh cancel out, 3 go on to the next ask."""
    assert fills_of([(1, 0, 0, 10, 5), (1, 1, 1, 12, 5), (0, 2, 0, 12, 8)]) == [(2, 1, 3, 12)]


def test_the_book_shows_its_best_prices_and_depth() -> None:
    book = OrderBook()
    for order, (is_buy, price, energy_wh) in enumerate([(True, 10, 5), (True, 12, 1), (True, 10, 2), (False, 15, 4)]):
        assert book.place(order, owner=order, is_buy=is_buy, price=price, energy_wh=energy_wh) == ()
    assert (book.best_bid, book.best_ask) == (12, 15)
    assert book.depth(2) == ([(12, 1), (10, 7)], [(15, 4)])
    assert book.depth(1) == ([(12, 1)], [(15, 4)])
    assert (book.cancel(1), book.cancel(1), book.best_bid) == (1, 0, 10)
    assert (book.left(0), book.left(1)) == (5, 0)


def test_a_modified_order_loses_its_place() -> None:
    book = OrderBook()
    for order in (1, 2):
        book.place(order, owner=order, is_buy=False, price=10, energy_wh=5)
    assert book.modify(1, price=10, energy_wh=4) == ()
    assert book.place(3, owner=3, is_buy=True, price=10, energy_wh=6) == (Fill(3, 2, 5, 10), Fill(3, 1, 1, 10))
    with pytest.raises(InputError, match="order 2 is not in the book"):
        book.modify(2, price=11, energy_wh=1)


def test_a_modified_order_that_crosses_trades_at_once() -> None:
    book = OrderBook()
    book.place(1, owner=1, is_buy=False, price=10, energy_wh=5)
    book.place(2, owner=2, is_buy=True, price=8, energy_wh=3)
    assert book.modify(2, price=10, energy_wh=2) == (Fill(2, 1, 2, 10),)


def test_an_order_number_that_rests_is_refused() -> None:
    book = OrderBook()
    book.place(1, owner=1, is_buy=False, price=10, energy_wh=5)
    with pytest.raises(InputError, match="order 1 is placed while it rests"):
        book.place(1, owner=1, is_buy=False, price=11, energy_wh=5)
    with pytest.raises(InputError, match="order 4 is placed while it rests"):
        match_events(events_of([(1, 4, 0, 10, 5), (0, 4, 0, 5, 5)]))


@pytest.mark.parametrize("event", [(3, 0, 0, 1, 1), (-1, 0, 0, 1, 1), (0, -1, 0, 1, 1)])
def test_an_event_that_cannot_be_one_is_refused(event: Event) -> None:
    with pytest.raises(InputError, match="events"):
        match_events(events_of([event]))


def test_no_events_give_no_fills() -> None:
    assert len(match_events(Events.empty())) == 0
    assert fills_of([(2, 0, 0, 0, 0)]) == []
    assert fills_of([(0, 0, 0, 5, 0), (1, 1, 1, 5, -3)]) == []


@st.composite
def streams(draw: st.DrawFn, prices: st.SearchStrategy[int]) -> list[Event]:
    """Placements of fresh numbers and cancellations of earlier ones."""
    placements = draw(
        st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.integers(0, 3), prices, st.integers(0, 9)), max_size=40)
    )
    return [
        (kind, number if kind != Kind.CANCEL else draw(st.integers(0, number)), owner, price, wh)
        for number, (kind, owner, price, wh) in enumerate(placements)
    ]


@given(streams(st.integers(-4, 4)))
def test_kernel_object_and_reference_agree(rows: list[Event]) -> None:
    expected = continuous_fills(*zip(*rows, strict=True)) if rows else []
    assert fills_of(rows) == expected
    assert _event_by_event(rows) == expected


@given(streams(st.integers(-(2**50), 2**50)))
def test_prices_far_apart_are_ranked_too(rows: list[Event]) -> None:
    assert fills_of(rows) == (continuous_fills(*zip(*rows, strict=True)) if rows else [])


@pytest.mark.parametrize("spread", [20, 200_000])
def test_long_streams_agree_with_the_reference(spread: int) -> None:
    """30,000 events; the wide spread puts more levels into play than one layer of the tree holds."""
    rng = np.random.default_rng(spread)
    n = 30_000
    kind, order = rng.choice([0, 1, 2], n, p=[0.4, 0.4, 0.2]), np.arange(n)
    order[kind == 2] = (order[kind == 2] * rng.random((kind == 2).sum())).astype(int)
    price = rng.integers(-spread, spread, n) + np.where(kind == 0, -spread // 4, spread // 4)
    columns = [column.tolist() for column in (kind, order, rng.integers(0, 500, n), price, rng.integers(1, 50, n))]
    rows = list(zip(*columns, strict=True))
    expected = continuous_fills(*columns)
    assert len(expected) > 5_000
    assert fills_of(rows) == expected
    assert _event_by_event(rows) == expected


def _event_by_event(rows: list[Event]) -> list[tuple[int, ...]]:
    book, fills = OrderBook(), []
    for kind, order, owner, price, energy_wh in rows:
        if kind == Kind.CANCEL:
            book.cancel(order)
        else:
            fills += book.place(order, owner=owner, is_buy=kind == Kind.BUY, price=price, energy_wh=energy_wh)
    return [tuple(fill) for fill in fills]
