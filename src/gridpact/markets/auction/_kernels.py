"""Batch matching of sorted books, interval by interval.

Symbols: orders are positions in the sorted book, one segment an interval (see ``_sorting``); ``asks`` and ``bids`` are arrays
of orders in merit order; ``award`` is what an order trades in Wh; a pair is (ask, bid, Wh, price); ``money`` is what a bid pays
and an ask receives in all, in Wh times micro-units per kWh: exact, before rounding.
"""

from typing import Any

import numpy as np
from numba import njit

from gridpact.markets._pairing import pair_one_market
from gridpact.markets.auction._sorting import HALVES, ORDER, REMAINDERS, draw, mix, sort_run

NO_FLOOR, NO_CEILING = -(2**62), 2**62
PER_MILLION = 1_000_000


@njit(cache=True)
def cross(asks: Any, bids: Any, price: Any, energy: Any) -> tuple[Any, ...]:
    """Largest volume, its welfare, last accepted ask and bid (-1: none), and the prices between which all of it clears.

    The interval is [max(last accepted ask, first rejected bid), min(last accepted bid, first rejected ask)]; an order that is
    filled in part is accepted and rejected.
    """
    a = b = used_ask = used_bid = volume = welfare = 0
    while a < len(asks) and b < len(bids) and price[bids[b]] >= price[asks[a]]:
        wh = min(energy[asks[a]] - used_ask, energy[bids[b]] - used_bid)
        volume += wh
        welfare += wh * (price[bids[b]] - price[asks[a]])
        used_ask += wh
        used_bid += wh
        if used_ask == energy[asks[a]]:
            a, used_ask = a + 1, 0
        if used_bid == energy[bids[b]]:
            b, used_bid = b + 1, 0
    last_ask = a if used_ask > 0 else a - 1
    last_bid = b if used_bid > 0 else b - 1
    lower, upper = NO_FLOOR, NO_CEILING
    if last_ask >= 0:
        lower = price[asks[last_ask]]
    if b < len(bids):
        lower = max(lower, price[bids[b]])
    if last_bid >= 0:
        upper = price[bids[last_bid]]
    if a < len(asks):
        upper = min(upper, price[asks[a]])
    return volume, welfare, last_ask, last_bid, lower, upper


@njit(cache=True)
def _middle_price(lower: Any, upper: Any) -> Any:
    """Midpoint, rounded down; the finite end where the other is open."""
    if lower == NO_FLOOR:
        return upper
    if upper == NO_CEILING:
        return lower
    return (lower + upper) >> 1


@njit(cache=True)
def _one_more(orders: Any, scores: Any, count: Any, award: Any) -> None:
    """Give one Wh more to the ``count`` orders of highest score, equal scores in order; negative scores get none."""
    if count == 0:
        return
    low, high = 0, 0
    for i in range(len(orders)):
        high = max(high, scores[i])
    while low < high:
        trial = low + (high - low + 1) // 2
        reaching = 0
        for i in range(len(orders)):
            reaching += scores[i] >= trial
        if reaching >= count:
            low = trial
        else:
            high = trial - 1
    for i in range(len(orders)):
        if scores[i] > low:
            award[orders[i]] += 1
            count -= 1
    for i in range(len(orders)):
        if count > 0 and scores[i] == low:
            award[orders[i]] += 1
            count -= 1


@njit(cache=True)
def _pro_rata(orders: Any, energy: Any, part: Any, whole: Any, award: Any) -> None:
    """Split ``part`` over orders that want ``whole``, by largest remainder, ties in order.

    The product energy x part may pass 64 bits; the remainder does not, so it is exact in wrapping arithmetic.
    """
    remainder = np.empty(len(orders), dtype=np.int64)
    given = 0
    share = part / whole
    for i in range(len(orders)):
        wanted = energy[orders[i]]
        wh = int(wanted * share)
        rest = wanted * part - wh * whole
        while rest < 0:
            wh, rest = wh - 1, rest + whole
        while rest >= whole:
            wh, rest = wh + 1, rest - whole
        award[orders[i]], remainder[i] = wh, rest
        given += wh
    _one_more(orders, remainder, part - given, award)


@njit(cache=True)
def _award_by_merit(side: Any, price: Any, energy: Any, volume: Any, award: Any) -> None:
    """Fill one side up to ``volume``, best price first; the marginal price level shares pro rata."""
    first = 0
    while first < len(side) and volume > 0:
        last, level = first, 0
        while last < len(side) and price[side[last]] == price[side[first]]:
            level += energy[side[last]]
            last += 1
        if level <= volume:
            for i in range(first, last):
                award[side[i]] = energy[side[i]]
        else:
            _pro_rata(side[first:last], energy, volume, level, award)
        volume -= min(level, volume)
        first = last


@njit(cache=True)
def _award_in_order(side: Any, energy: Any, volume: Any, award: Any) -> None:
    """Fill one side up to ``volume``, first come first served."""
    for order in side:
        award[order] = min(energy[order], volume)
        volume -= award[order]


@njit(cache=True)
def match_efficient(start: Any, middle: Any, price: Any, energy: Any, bid_share: Any) -> tuple[Any, Any]:
    """Largest volume at the best prices.

    ``bid_share`` places the price of a pair between its ask (0) and its bid (1 000 000); negative: one price, the middle of the
    crossing interval.
    """
    n = start[-1]
    orders = np.arange(n)
    award, pairs, at = np.zeros(n, dtype=np.int64), np.empty((4, n), dtype=np.int64), 0
    for segment in range(len(middle)):
        asks, bids = orders[start[segment] : middle[segment]], orders[middle[segment] : start[segment + 1]]
        volume, _, _, _, lower, upper = cross(asks, bids, price, energy)
        if volume == 0:
            continue
        _award_by_merit(asks, price, energy, volume, award)
        _award_by_merit(bids, price, energy, volume, award)
        first, at = at, pair_one_market(asks, bids, award, pairs, at)
        for pair in range(first, at):
            if bid_share < 0:
                pairs[3, pair] = _middle_price(lower, upper)
            else:
                ask, bid = price[pairs[0, pair]], price[pairs[1, pair]]
                whole, rest = divmod(bid - ask, PER_MILLION)
                pairs[3, pair] = ask + whole * bid_share + rest * bid_share // PER_MILLION
    return award, pairs[:, :at]


@njit(cache=True)
def _equal_losses(orders: Any, energy: Any, part: Any, scores: Any, award: Any) -> None:
    """Every order loses the same energy, or all it has, so that ``part`` is left; the odd Wh go to the highest scores."""
    low, high = 0, 0
    for order in orders:
        high = max(high, energy[order])
    while low < high:
        loss = (low + high) // 2
        left = 0
        for order in orders:
            left += max(energy[order] - loss, 0)
        if left <= part:
            high = loss
        else:
            low = loss + 1
    given = 0
    for i in range(len(orders)):
        award[orders[i]] = max(energy[orders[i]] - low, 0)
        given += award[orders[i]]
        if low == 0 or energy[orders[i]] < low:
            scores[i] = -1
    _one_more(orders, scores, part - given, award)


@njit(cache=True)
def _draws(orders: Any, seed: Any, purpose: Any, interval: Any, member: Any) -> Any:
    found = np.empty(len(orders), dtype=np.int64)
    for i in range(len(orders)):
        found[i] = draw(seed, purpose, interval, member[orders[i]])
    return found


@njit(cache=True)
def match_reduced(
    start: Any, middle: Any, interval: Any, member: Any, price: Any, energy: Any, seed: Any
) -> tuple[Any, Any, Any]:
    """Trade reduction of Huang, Scheller-Wolf, Sycara (2002): the last trading ask and bid set the prices and do not trade."""
    n = start[-1]
    orders = np.arange(n)
    award, money = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    pairs, at = np.empty((4, n), dtype=np.int64), 0
    for segment in range(len(middle)):
        asks, bids = orders[start[segment] : middle[segment]], orders[middle[segment] : start[segment + 1]]
        _, _, last_ask, last_bid, _, _ = cross(asks, bids, price, energy)
        if last_ask < 1 or last_bid < 1:
            continue
        pay, get = price[bids[last_bid]], price[asks[last_ask]]
        asks, bids = asks[:last_ask], bids[:last_bid]
        volume = min(energy[asks].sum(), energy[bids].sum())
        for side, purpose in ((asks, 2 * REMAINDERS), (bids, 2 * REMAINDERS + 1)):
            scores = _draws(side, seed, purpose, interval[side[0]], member)
            _equal_losses(side, energy, volume, scores, award)
        first, at = at, pair_one_market(asks, bids, award, pairs, at)
        pairs[3, first:at] = get
        money[asks] = award[asks] * get
        money[bids] = award[bids] * pay
    return award, pairs[:, :at], money


@njit(cache=True)
def _alternatives(side: Any, award: Any, rest_price: Any, rest_wh: Any, sign: Any, price: Any, energy: Any) -> Any:
    """What else could be done with freed energy, most valuable first: serve the unserved of this side, or the given rest.

    Returns values (sign x price), and energy and worth added up, both with a leading zero.
    """
    size = len(side) + len(rest_price)
    value, units, worth = np.empty(size, np.int64), np.zeros(size + 1, np.int64), np.zeros(size + 1, np.int64)
    i = j = at = 0
    while i < len(side) or j < len(rest_price):
        if j == len(rest_price) or (i < len(side) and sign * price[side[i]] >= sign * rest_price[j]):
            value[at], wh = sign * price[side[i]], energy[side[i]] - award[side[i]]
            i += 1
        else:
            value[at], wh = sign * rest_price[j], rest_wh[j]
            j += 1
        units[at + 1] = units[at] + wh
        worth[at + 1] = worth[at] + wh * value[at]
        at += 1
    return value, units, worth


@njit(cache=True)
def _better_units(value: Any, units: Any, than: Any) -> Any:
    low, high = 0, len(value)
    while low < high:
        trial = (low + high) // 2
        if value[trial] > than:
            low = trial + 1
        else:
            high = trial
    return units[low]


@njit(cache=True)
def _best_worth(value: Any, units: Any, worth: Any, wh: Any) -> Any:
    """Worth of the ``wh`` most valuable Wh."""
    at = np.searchsorted(units, wh) - 1
    return 0 if at < 0 else worth[at] + (wh - units[at]) * value[at]


@njit(cache=True)
def _charge_externalities(
    side: Any,
    award: Any,
    rest_price: Any,
    rest_wh: Any,
    sign: Any,
    price: Any,
    energy: Any,
    member: Any,
    head: Any,
    money: Any,
) -> None:
    """Clarke payments of one side: a member pays what the others could have done with the energy it takes.

    That is the worth of the best alternatives, its own unserved orders left out. ``sign`` is 1 for bids, -1 for asks, whose
    receipts are the mirror image. Orders of a member are charged one after the other in merit order. ``head`` is scratch,
    all -1.
    """
    value, units, worth = _alternatives(side, award, rest_price, rest_wh, sign, price, energy)
    following = np.full(len(side), -1, dtype=np.int64)
    for i in range(len(side) - 1, -1, -1):
        following[i] = head[member[side[i]]]
        head[member[side[i]]] = i
    for i in range(len(side)):
        if head[member[side[i]]] != i:
            continue
        own, unserved = i, i
        taken = charged = own_units = own_worth = own_better = 0
        own_value = NO_CEILING
        while own >= 0:
            if award[side[own]] > 0:
                taken += award[side[own]]
                while unserved >= 0:
                    order = side[unserved]
                    if sign * price[order] != own_value:
                        own_value, own_better = sign * price[order], own_units
                    if taken <= _better_units(value, units, own_value) - own_better:
                        break
                    own_units += energy[order] - award[order]
                    own_worth += (energy[order] - award[order]) * own_value
                    unserved = following[unserved]
                total = _best_worth(value, units, worth, taken + own_units) - own_worth
                money[side[own]] = sign * (total - charged)
                charged = total
            own = following[own]
    for order in side:
        head[member[order]] = -1


@njit(cache=True)
def clarke_money(start: Any, middle: Any, member: Any, price: Any, energy: Any, award: Any, members: Any) -> Any:
    """Clarke payments of the efficient awards of every interval."""
    orders = np.arange(start[-1])
    money, head = np.zeros(start[-1], dtype=np.int64), np.full(members, -1, dtype=np.int64)
    for segment in range(len(middle)):
        asks, bids = orders[start[segment] : middle[segment]], orders[middle[segment] : start[segment + 1]]
        if len(asks) == 0 or len(bids) == 0 or price[bids[0]] < price[asks[0]]:
            continue
        back_asks, back_bids = asks[::-1].copy(), bids[::-1].copy()
        _charge_externalities(bids, award, price[back_asks], award[back_asks], 1, price, energy, member, head, money)
        _charge_externalities(asks, award, price[back_bids], award[back_bids], -1, price, energy, member, head, money)
    return money


@njit(cache=True)
def _match_half(
    asks: Any, bids: Any, at_price: Any, vickrey: Any, seed: Any, interval: Any, member: Any, price: Any, energy: Any,
    award: Any, money: Any, head: Any,
) -> None:  # fmt: skip
    """Trade at a given price; the long side is served by lot, or by merit with Vickrey payments on top."""
    supply, demand = energy[asks].sum(), energy[bids].sum()
    volume = min(supply, demand)
    for side, sign, wanted in ((asks, -1, supply), (bids, 1, demand)):
        if vickrey and wanted > volume:
            _award_in_order(side, energy, volume, award)
        else:
            served = side.copy()
            sort_run(served, _draws(served, seed, 2 * ORDER + (sign > 0), interval, member))
            _award_in_order(served, energy, volume, award)
        money[side] = award[side] * at_price
        if vickrey and wanted > volume > 0:
            rest_price, rest_wh = np.full(1, at_price), np.full(1, volume)
            _charge_externalities(side, award, rest_price, rest_wh, sign, price, energy, member, head, money)


@njit(cache=True)
def match_muda(
    start: Any, middle: Any, interval: Any, member: Any, price: Any, energy: Any, members: Any, vickrey: Any, seed: Any
) -> tuple[Any, Any, Any]:
    """MUDA (Segal-Halevi, Hassidim, Aumann 2018): members fall into two halves by lot; each trades at the other's price."""
    n = start[-1]
    award, money = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    pairs, at = np.empty((4, n), dtype=np.int64), 0
    head = np.full(members, -1, dtype=np.int64)
    for segment in range(len(middle)):
        orders = np.arange(start[segment], start[segment + 1])
        is_ask = orders < middle[segment]
        now = interval[start[segment]]
        second = (_draws(orders, seed, 2 * HALVES, now, member) & 1) == 1
        for here in (False, True):
            there = second != here
            _, _, _, _, lower, upper = cross(orders[there & is_ask], orders[there & ~is_ask], price, energy)
            at_price = _middle_price(lower, upper)
            if at_price == NO_CEILING:
                continue
            asks = orders[(second == here) & is_ask]
            bids = orders[(second == here) & ~is_ask]
            asks, bids = asks[price[asks] <= at_price], bids[price[bids] >= at_price]
            _match_half(asks, bids, at_price, vickrey, seed, now, member, price, energy, award, money, head)
            first, at = at, pair_one_market(asks, bids, award, pairs, at)
            pairs[3, first:at] = at_price
    return award, pairs[:, :at], money


@njit(cache=True)
def shuffle(orders: Any, word: Any) -> Any:
    """Fisher-Yates, driven by the mixed word; return where the word stands."""
    for i in range(len(orders) - 1, 0, -1):
        word = mix(word + np.uint64(i))
        j = np.int64(word % np.uint64(i + 1))
        orders[i], orders[j] = orders[j], orders[i]
    return word


@njit(cache=True)
def match_random(
    start: Any, middle: Any, interval: Any, price: Any, energy: Any, rounds: Any, seed: Any
) -> tuple[Any, Any]:
    """Each round pairs the remaining asks and bids by lot; who can agree trades at the midpoint."""
    n = start[-1]
    award, pairs, at = np.zeros(n, dtype=np.int64), np.empty((4, n), dtype=np.int64), 0
    for segment in range(len(middle)):
        asks = np.arange(start[segment], middle[segment])
        bids = np.arange(middle[segment], start[segment + 1])
        word = mix(seed + mix(np.uint64(interval[start[segment]])))
        for _ in range(rounds):
            word = shuffle(bids, shuffle(asks, word))
            for i in range(min(len(asks), len(bids))):
                ask, bid = asks[i], bids[i]
                if price[bid] >= price[ask]:
                    wh = min(energy[ask] - award[ask], energy[bid] - award[bid])
                    pairs[0, at], pairs[1, at], pairs[2, at] = ask, bid, wh
                    pairs[3, at] = (price[ask] + price[bid]) >> 1
                    award[ask] += wh
                    award[bid] += wh
                    at += 1
            asks, bids = asks[award[asks] < energy[asks]], bids[award[bids] < energy[bids]]
            if len(asks) == 0 or len(bids) == 0:
                break
    return award, pairs[:, :at]


@njit(cache=True)
def welfare(start: Any, middle: Any, price: Any, energy: Any) -> Any:
    """Largest welfare of each segment, Wh times micro-units per kWh."""
    orders = np.arange(start[-1])
    best = np.zeros(len(middle), dtype=np.int64)
    for segment in range(len(middle)):
        asks, bids = orders[start[segment] : middle[segment]], orders[middle[segment] : start[segment + 1]]
        best[segment] = cross(asks, bids, price, energy)[1]
    return best
