"""The continuous order book as a price ladder: price, then time.

Symbols: prices are ranked into *levels*; a level is a first-in-first-out list of resting orders; which levels hold orders is
kept in a tree of 64-bit words, so that the best one is found in a few steps however sparse the ladder is. Bids are kept at
mirrored levels: on both sides the best level is the lowest. What is known of a resting order is one row of ``book``: one cache
line.
"""

from typing import Any

import numpy as np
from numba import njit

from gridpact.markets.auction._kernels import NO_CEILING, NO_FLOOR, shuffle
from gridpact.markets.auction._sorting import mix

BUY, SELL, CANCEL = range(3)
LEFT, OWNER, PRICE, SIDE, LEVEL, BEFORE, AFTER = range(7)
BOOK_COLUMNS = 8

_DENSE_SPAN = 1 << 22
_ONE = np.uint64(1)
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_TOP_SIX = np.uint64(58)
_BIT_OF = np.array([((0x03F79D71B4CB0A89 << bit) & (2**64 - 1)) >> 58 for bit in range(64)]).argsort()


@njit(cache=True)
def _tree(levels: Any) -> tuple[Any, Any]:
    """An empty tree over ``levels`` bits: its words, and where each of its layers begins."""
    layers, words, width = 0, 0, levels
    while True:
        width = (width + 63) >> 6
        layers, words = layers + 1, words + width
        if width <= 1:
            break
    begin, at, width = np.empty(layers, dtype=np.int64), 0, levels
    for layer in range(layers):
        width = (width + 63) >> 6
        begin[layer] = at
        at += width
    return np.zeros(words, dtype=np.uint64), begin


@njit(cache=True)
def _mark(words: Any, begin: Any, level: Any) -> None:
    for layer in range(len(begin)):
        words[begin[layer] + (level >> 6)] |= _ONE << np.uint64(level & 63)
        level >>= 6


@njit(cache=True)
def _unmark(words: Any, begin: Any, level: Any) -> None:
    for layer in range(len(begin)):
        at = begin[layer] + (level >> 6)
        words[at] &= ~(_ONE << np.uint64(level & 63))
        if words[at] != 0:
            return
        level >>= 6


@njit(cache=True)
def _lowest(words: Any, begin: Any) -> Any:
    """The lowest marked level, -1 if there is none. A lone bit is found by a de Bruijn sequence."""
    if words[begin[-1]] == 0:
        return -1
    level = 0
    for layer in range(len(begin) - 1, -1, -1):
        word = words[begin[layer] + level]
        lone = word & (~word + _ONE)
        level = (level << 6) + _BIT_OF[np.int64((lone * _DE_BRUIJN) >> _TOP_SIX)]
    return level


@njit(cache=True)
def _unlink(number: Any, book: Any, ends: Any, words: Any, begin: Any) -> None:
    """Take an order out of its level."""
    level, before, after = book[number, LEVEL], book[number, BEFORE], book[number, AFTER]
    if before >= 0:
        book[before, AFTER] = after
    else:
        ends[level, 0] = after
    if after >= 0:
        book[after, BEFORE] = before
    else:
        ends[level, 1] = before
    if ends[level, 0] < 0:
        _unmark(words, begin, level)


@njit(cache=True)
def _append(number: Any, book: Any, ends: Any, words: Any, begin: Any) -> None:
    """Put an order at the end of its level."""
    level = book[number, LEVEL]
    last = ends[level, 1]
    book[number, BEFORE], book[number, AFTER] = last, -1
    if last >= 0:
        book[last, AFTER] = number
    else:
        ends[level, 0] = number
        _mark(words, begin, level)
    ends[level, 1] = number


@njit(cache=True)
def _run(
    kind: Any,
    order: Any,
    owner: Any,
    level: Any,
    price: Any,
    energy: Any,
    levels: Any,
    numbers: Any,
    fills: Any,
    at: Any,
) -> Any:
    """Work through events; write (buy order, sell order, Wh, price) from column ``at`` on; return where they end.

    Returns -1 - e if event e places an order number that rests in the book already.
    """
    book = np.zeros((numbers, BOOK_COLUMNS), dtype=np.int64)
    bid_ends, ask_ends = np.full((levels, 2), -1), np.full((levels, 2), -1)
    bid_words, bid_begin = _tree(levels)
    ask_words, ask_begin = _tree(levels)
    for event in range(len(kind)):
        number = order[event]
        if kind[event] == CANCEL:
            if book[number, LEFT] > 0:
                book[number, LEFT] = 0
                if book[number, SIDE] == BUY:
                    _unlink(number, book, bid_ends, bid_words, bid_begin)
                else:
                    _unlink(number, book, ask_ends, ask_words, ask_begin)
            continue
        if book[number, LEFT] > 0:
            return -1 - event
        own, mine, wanted = kind[event], level[event], energy[event]
        mirrored = levels - 1 - mine
        if own == BUY:
            reach, mine, ends, words, begin = mine, mirrored, ask_ends, ask_words, ask_begin
        else:
            reach, ends, words, begin = mirrored, bid_ends, bid_words, bid_begin
        while wanted > 0:
            best = _lowest(words, begin)
            if best < 0 or best > reach:
                break
            resting = ends[best, 0]
            wh = min(wanted, book[resting, LEFT])
            if book[resting, OWNER] != owner[event]:
                fills[own, at], fills[1 - own, at] = number, resting
                fills[2, at], fills[3, at] = wh, book[resting, PRICE]
                at += 1
            wanted -= wh
            book[resting, LEFT] -= wh
            if book[resting, LEFT] == 0:
                _unlink(resting, book, ends, words, begin)
        if wanted > 0:
            book[number, LEFT], book[number, OWNER], book[number, PRICE] = wanted, owner[event], price[event]
            book[number, SIDE], book[number, LEVEL] = own, mine
            if own == BUY:
                _append(number, book, bid_ends, bid_words, bid_begin)
            else:
                _append(number, book, ask_ends, ask_words, ask_begin)
    return at


@njit(cache=True)
def _rank_prices(kind: Any, price: Any) -> tuple[Any, Any]:
    """Level of each price, and how many levels there are; cancellations carry none."""
    level = np.zeros(len(price), dtype=np.int64)
    lowest, highest = NO_CEILING, NO_FLOOR
    for i in range(len(price)):
        if kind[i] != CANCEL:
            lowest, highest = min(lowest, price[i]), max(highest, price[i])
    if lowest > highest:
        return level, 0
    if np.float64(highest) - np.float64(lowest) >= _DENSE_SPAN:
        by_price = np.argsort(price)
        count = 0
        for i in range(len(price)):
            if i > 0 and price[by_price[i]] != price[by_price[i - 1]]:
                count += 1
            level[by_price[i]] = count
        return level, count + 1
    rank = np.zeros(highest - lowest + 1, dtype=np.int32)
    for i in range(len(price)):
        if kind[i] != CANCEL:
            rank[price[i] - lowest] = 1
    count = 0
    for at in range(len(rank)):
        seen = rank[at]
        rank[at] = count
        count += seen
    for i in range(len(price)):
        if kind[i] != CANCEL:
            level[i] = rank[price[i] - lowest]
    return level, count


@njit(cache=True)
def match_events(kind: Any, order: Any, owner: Any, price: Any, energy: Any, numbers: Any) -> tuple[Any, Any]:
    """Fills of an event array, ``[4, fill]``, and -1 or the event that places an order number twice."""
    fills = np.empty((4, len(kind)), dtype=np.int64)
    level, levels = _rank_prices(kind, price)
    at = _run(kind, order, owner, level, price, energy, levels, numbers, fills, 0)
    return (fills[:, :at], -1) if at >= 0 else (fills[:, :0], -1 - at)


@njit(cache=True)
def match_in_random_order(
    start: Any, middle: Any, interval: Any, member: Any, price: Any, energy: Any, seed: Any
) -> tuple[Any, Any]:
    """Continuous trading in each segment of a sorted book, its orders arriving in a drawn order; awards and pairs."""
    n = start[-1]
    award, fills, at = np.zeros(n, dtype=np.int64), np.empty((4, n), dtype=np.int64), 0
    for segment in range(len(middle)):
        first, last = start[segment], start[segment + 1]
        arriving = np.arange(first, last)
        shuffle(arriving, mix(seed + mix(np.uint64(interval[first]))))
        kind = np.where(arriving < middle[segment], SELL, BUY)
        prices = price[arriving]
        level, levels = _rank_prices(kind, prices)
        begin, at = (
            at,
            _run(
                kind,
                arriving - first,
                member[arriving],
                level,
                prices,
                energy[arriving],
                levels,
                last - first,
                fills,
                at,
            ),
        )
        for fill in range(begin, at):
            bid, ask = fills[0, fill] + first, fills[1, fill] + first
            fills[0, fill], fills[1, fill] = ask, bid
            award[ask] += fills[2, fill]
            award[bid] += fills[2, fill]
    return award, fills[:, :at]
