"""From rows in any order to merit order: sort, draw ties, take a member's own crossing orders out.

Symbols: rows are positions in the book; ``seed`` is 64 bits; a *segment* is the sorted orders of one interval, asks from the
cheapest, then bids from the highest. The finaliser is that of SplitMix64 (Steele, Lea, Flood 2014, OOPSLA, "Fast splittable
pseudorandom number generators").
"""

from typing import Any

import numpy as np
from numba import njit

OK, BAD_SIDE, BAD_MEMBER, TOO_WIDE, TOO_LARGE = range(5)
TIES, HALVES, ORDER, REMAINDERS = range(1, 5)

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_ONE = np.uint64(1)
_S27, _S30, _S31 = np.uint64(27), np.uint64(30), np.uint64(31)

_RADIX_BITS = 11
_SHORT_RUN = 32
_EXACT = 2.0**62


@njit(cache=True)
def mix(word: Any) -> Any:
    """Scramble 64 bits, one to one."""
    word = (word ^ (word >> _S30)) * _MIX_1
    word = (word ^ (word >> _S27)) * _MIX_2
    return word ^ (word >> _S31)


@njit(cache=True)
def draw(seed: Any, purpose: Any, interval: Any, member: Any) -> Any:
    """A number from 0 to 2^63 - 1 that follows from its arguments alone: the seeded draw of a member in an interval."""
    word = mix(seed + np.uint64(purpose) * _GOLDEN)
    word = mix(word + (np.uint64(interval) + _ONE) * _GOLDEN)
    word = mix(word + (np.uint64(member) + _ONE) * _GOLDEN)
    return np.int64(word >> _ONE)


@njit(cache=True)
def sort_run(items: Any, keys: Any) -> None:
    """Sort ``items`` and ``keys`` in place by ``keys``; stable."""
    n = len(items)
    if n > _SHORT_RUN:
        by_key = np.argsort(keys, kind="mergesort")
        items[:] = items[by_key]
        keys[:] = keys[by_key]
        return
    for i in range(1, n):
        item, key = items[i], keys[i]
        j = i
        while j > 0 and keys[j - 1] > key:
            items[j], keys[j] = items[j - 1], keys[j - 1]
            j -= 1
        items[j], keys[j] = item, key


@njit(cache=True)
def _radix_sort(keys: Any, items: Any, largest: Any) -> tuple[Any, Any]:
    """Sort by non-negative keys, least significant digit first; stable."""
    n = len(keys)
    other_keys, other_items = np.empty_like(keys), np.empty_like(items)
    mask = (1 << _RADIX_BITS) - 1
    start = np.empty(mask + 2, dtype=np.int64)
    shift = 0
    while shift < 63 and (largest >> shift) > 0:
        start[:] = 0
        for i in range(n):
            start[((keys[i] >> shift) & mask) + 1] += 1
        for digit in range(mask):
            start[digit + 1] += start[digit]
        for i in range(n):
            digit = (keys[i] >> shift) & mask
            to = start[digit]
            other_keys[to], other_items[to] = keys[i], items[i]
            start[digit] = to + 1
        keys, other_keys = other_keys, keys
        items, other_items = other_items, items
        shift += _RADIX_BITS
    return keys, items


@njit(cache=True)
def _survey(interval: Any, is_buy: Any, member: Any, energy: Any, price: Any) -> tuple[Any, ...]:
    """Status, number of live orders, first interval, lowest and highest price, largest sort key, members."""
    live = 0
    t_min = t_max = p_min = p_max = members = 0
    total = 0.0
    for i in range(len(energy)):
        if is_buy[i] != 0 and is_buy[i] != 1:
            return BAD_SIDE, 0, 0, 0, 0, 0, 0
        if member[i] < 0:
            return BAD_MEMBER, 0, 0, 0, 0, 0, 0
        if energy[i] < 1:
            continue
        if live == 0:
            t_min = t_max = interval[i]
            p_min = p_max = price[i]
        live += 1
        t_min, t_max = min(t_min, interval[i]), max(t_max, interval[i])
        p_min, p_max = min(p_min, price[i]), max(p_max, price[i])
        members = max(members, member[i] + 1)
        total += energy[i]
    span = np.float64(p_max) - np.float64(p_min) + 1.0
    width = (np.float64(t_max) - np.float64(t_min) + 1.0) * 2.0 * span
    if width >= _EXACT:
        return TOO_WIDE, 0, 0, 0, 0, 0, 0
    if total * max(1.0, abs(np.float64(p_min)), abs(np.float64(p_max)), span) >= _EXACT:
        return TOO_LARGE, 0, 0, 0, 0, 0, 0
    return OK, live, t_min, p_min, p_max, np.int64(width) - 1, members


@njit(cache=True)
def _merit_order(interval: Any, is_buy: Any, member: Any, energy: Any, price: Any, seed: Any, survey: Any) -> Any:
    """Rows by interval, side, merit; equal prices by the seeded draw of the member, then by energy."""
    _, live, t_min, p_min, p_max, largest, _ = survey
    span = p_max - p_min + 1
    rows, keys = np.empty(live, dtype=np.int64), np.empty(live, dtype=np.int64)
    at = 0
    for i in range(len(energy)):
        if energy[i] >= 1:
            rank = p_max - price[i] if is_buy[i] == 1 else price[i] - p_min
            rows[at], keys[at] = i, ((interval[i] - t_min) * 2 + is_buy[i]) * span + rank
            at += 1
    keys, rows = _radix_sort(keys, rows, largest)
    first = 0
    draws = np.empty(live, dtype=np.int64)
    while first < live:
        last = first + 1
        while last < live and keys[last] == keys[first]:
            last += 1
        if last > first + 1:
            for i in range(first, last):
                row = rows[i]
                draws[i] = draw(seed, TIES * 2 + is_buy[row], interval[row], member[row])
            sort_run(rows[first:last], draws[first:last])
            _sort_equal_draws(rows[first:last], draws[first:last], energy)
        first = last
    return rows


@njit(cache=True)
def _sort_equal_draws(rows: Any, draws: Any, energy: Any) -> None:
    first = 0
    while first < len(rows):
        last = first + 1
        while last < len(rows) and draws[last] == draws[first]:
            last += 1
        if last > first + 1:
            sort_run(rows[first:last], energy[rows[first:last]])
        first = last


@njit(cache=True)
def _segments(rows: Any, interval: Any, is_buy: Any) -> tuple[Any, Any]:
    """First order and first bid of each interval; the first array ends with the number of orders."""
    n = len(rows)
    count = 0
    for i in range(n):
        if i == 0 or interval[rows[i]] != interval[rows[i - 1]]:
            count += 1
    start, middle = np.empty(count + 1, dtype=np.int64), np.empty(count, dtype=np.int64)
    start[count] = n
    segment = -1
    for i in range(n):
        if i == 0 or interval[rows[i]] != interval[rows[i - 1]]:
            segment += 1
            start[segment], middle[segment] = i, i
        if is_buy[rows[i]] == 0:
            middle[segment] = i + 1
    return start, middle


@njit(cache=True)
def _net_own_orders(start: Any, middle: Any, member: Any, price: Any, energy: Any, members: Any) -> Any:
    """Take a member's best bids against its own cheapest asks out of the book while they cross; return whether any was."""
    head = np.full(members, -1, dtype=np.int64)
    following = np.full(len(member), -1, dtype=np.int64)
    netted = False
    for segment in range(len(middle)):
        first, bids, last = start[segment], middle[segment], start[segment + 1]
        if first == bids or bids == last or price[bids] < price[first]:
            continue
        for ask in range(bids - 1, first - 1, -1):
            following[ask] = head[member[ask]]
            head[member[ask]] = ask
        for bid in range(bids, last):
            ask = head[member[bid]]
            while ask >= 0 and energy[bid] > 0 and price[bid] >= price[ask]:
                own = min(energy[bid], energy[ask])
                energy[bid] -= own
                energy[ask] -= own
                netted = True
                if energy[ask] == 0:
                    ask = following[ask]
            head[member[bid]] = ask
        for order in range(first, last):
            head[member[order]] = -1
    return netted


@njit(cache=True)
def sort_book(interval: Any, is_buy: Any, member: Any, energy: Any, price: Any, seed: Any) -> tuple[Any, ...]:
    """Merit order of every interval.

    Returns
    -------
    Status, number of members; columns interval, member, energy and price of the sorted orders; first order and first bid of
    each segment.
    """
    survey = _survey(interval, is_buy, member, energy, price)
    if survey[0] == OK:
        rows = _merit_order(interval, is_buy, member, energy, price, seed, survey)
    else:
        rows = np.empty(0, dtype=np.int64)
    left = energy[rows]
    start, middle = _segments(rows, interval, is_buy)
    if _net_own_orders(start, middle, member[rows], price[rows], left, survey[6]):
        keep = left > 0
        rows, left = rows[keep], left[keep]
        start, middle = _segments(rows, interval, is_buy)
    return survey[0], survey[6], interval[rows], member[rows], left, price[rows], start, middle
