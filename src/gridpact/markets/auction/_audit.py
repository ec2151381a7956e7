"""An outcome against the book as it was placed: nothing here knows the merit order, the awards or the pairs.

Two facts carry it. Sort all Wh of an interval by price, bids and asks alike, and let the bids want D Wh. The D-th and the
(D + 1)-th cheapest Wh bound the crossing interval: the M-th and (M + 1)-st price of Wurman, Walsh and Wellman (1998, Decision
Support Systems 24(1)). And the largest welfare is the worth of all bids less the worth of the D cheapest Wh: whoever values
energy least goes without.

Symbols: rows of one interval; ``wh`` is what a member's own crossing orders leave; a member's rows are a list, from its first
row by ``after``; ``cells`` hold what came of each member. Money is in Wh times micro-units per kWh.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from gridpact.markets.auction._sorting import HALVES, draw
from gridpact.units import WH_PER_KWH

UNCHECKED, MIDPOINT, MARGINAL_PAIR, OTHER_HALF, OTHER_HALF_VICKREY, CLARKE = range(6)
FIRST, SOLD, BOUGHT, PAID, LOWEST_SALE, HIGHEST_PURCHASE = range(6)
CELL_COLUMNS = 6

_NO_FLOOR, _NO_CEILING = -(2**62), 2**62
BITS, STEPS = 8, 256


class Rows(NamedTuple):
    """The live orders of one interval, in the sequence of the book."""

    member: Any
    is_buy: Any
    price: Any
    wh: Any
    after: Any


class Ladder(NamedTuple):
    """All Wh of a market by price level: price, energy and worth up to and with each; what the bids want and are worth."""

    price: Any
    energy: Any
    worth: Any
    wanted: Any
    bid_worth: Any


@njit(cache=True)
def _by_interval(interval: Any) -> Any:
    for i in range(1, len(interval)):
        if interval[i] < interval[i - 1]:
            return np.argsort(interval, kind="mergesort")
    return np.arange(len(interval))


@njit(cache=True)
def _own(first: Any, rows: Any, scratch: Any) -> Any:
    """The rows of a member from the cheapest."""
    count, row = 0, first
    while row >= 0:
        scratch[count] = row
        count += 1
        row = rows.after[row]
    own = scratch[:count]
    if count > 1:
        own[:] = own[np.argsort(rows.price[own])]
    return own


@njit(cache=True)
def _net(own: Any, rows: Any) -> None:
    """A member's dearest bids go against its own cheapest asks while they cross."""
    ask, bid = 0, len(own) - 1
    while ask < len(own) and bid >= 0:
        cheap, dear = own[ask], own[bid]
        if rows.is_buy[cheap] or rows.wh[cheap] == 0:
            ask += 1
        elif not rows.is_buy[dear] or rows.wh[dear] == 0:
            bid -= 1
        elif rows.price[dear] < rows.price[cheap]:
            break
        else:
            both = min(rows.wh[cheap], rows.wh[dear])
            rows.wh[cheap] -= both
            rows.wh[dear] -= both


@njit(cache=True)
def _open(live: Any, is_buy: Any, member: Any, energy: Any, price: Any, cells: Any, scratch: Any) -> Any:
    """List the rows of each member and take its own crossing orders out."""
    rows = Rows(member[live], is_buy[live] == 1, price[live], energy[live], np.empty(len(live), dtype=np.int64))
    for i in range(len(live) - 1, -1, -1):
        rows.after[i] = cells[rows.member[i], FIRST] - 1
        cells[rows.member[i], FIRST] = i + 1
    for i in range(len(live)):
        if cells[rows.member[i], FIRST] == i + 1 and rows.after[i] >= 0:
            _net(_own(i, rows, scratch), rows)
    return rows


@njit(cache=True)
def _price_of(price: Any, wh: Any, rank: Any) -> Any:
    """Price of the ``rank``-th cheapest Wh: which of 256 equal steps holds it, then which of 256 steps of that."""
    low, high, shift = price.min(), price.max(), 0
    while (high - low) >> shift >= STEPS:
        shift += BITS
    held = np.empty(STEPS, dtype=np.int64)
    while True:
        held[:] = 0
        for i in range(len(price)):
            step = (price[i] - low) >> shift
            if 0 <= step < STEPS:
                held[step] += wh[i]
        step = 0
        while held[step] < rank:
            rank -= held[step]
            step += 1
        low += step << shift
        if shift == 0:
            return low
        shift -= BITS


@njit(cache=True)
def _clearing(is_buy: Any, price: Any, wh: Any) -> tuple[Any, Any, Any]:
    """Ends of the crossing interval (without a side: open) and the largest welfare."""
    wanted, welfare = 0, 0
    for i in range(len(price)):
        wanted += wh[i] * is_buy[i]
        welfare += wh[i] * price[i] * is_buy[i]
    lower = _price_of(price, wh, wanted) if wanted > 0 else _NO_FLOOR
    reached, upper = 0, _NO_CEILING
    for i in range(len(price)):
        if price[i] <= lower:
            reached += wh[i]
            welfare -= wh[i] * price[i]
        elif wh[i] > 0:
            upper = min(upper, price[i])
    if reached > wanted:
        welfare += (reached - wanted) * lower
        upper = lower
    return lower, upper, welfare


@njit(cache=True)
def _midpoint(lower: Any, upper: Any) -> Any:
    if lower == _NO_FLOOR:
        return upper
    if upper == _NO_CEILING:
        return lower
    return (lower + upper) >> 1


@njit(cache=True)
def _marginal_prices(rows: Any, lower: Any, upper: Any) -> tuple[Any, Any]:
    """Prices of the last ask and of the last bid that the largest volume needs; nothing where it is nothing."""
    asks, bids = np.flatnonzero(~rows.is_buy), np.flatnonzero(rows.is_buy)
    volume = min(rows.wh[asks[rows.price[asks] <= lower]].sum(), rows.wh[bids[rows.price[bids] >= lower]].sum())
    if volume == 0:
        return 0, 0
    return (
        _price_of(rows.price[asks], rows.wh[asks], volume),
        -_price_of(-rows.price[bids], rows.wh[bids], volume),
    )


@njit(cache=True)
def _ladder(rows: Any, inside: Any, price: Any, wh: Any, is_buy: Any) -> Any:
    """The market of some rows and one order more."""
    chosen = np.flatnonzero(inside)
    prices, energy = np.append(rows.price[chosen], price), np.append(rows.wh[chosen], wh)
    bids = np.append(rows.is_buy[chosen], is_buy)
    by_price = np.argsort(prices)
    ordered = prices[by_price]
    level_ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    return Ladder(
        ordered[level_ends],
        np.cumsum(energy[by_price])[level_ends],
        np.cumsum((energy * prices)[by_price])[level_ends],
        (energy * bids).sum(),
        (energy * prices * bids).sum(),
    )


@njit(cache=True)
def _welfare_without(own: Any, rows: Any, inside: Any, ladder: Any) -> Any:
    """Largest welfare of a market without a member: bids less the cheapest Wh, its own rows taken off both."""
    wanted, bid_worth = ladder.wanted, ladder.bid_worth
    for row in own:
        if inside[row] and rows.is_buy[row]:
            wanted -= rows.wh[row]
            bid_worth -= rows.wh[row] * rows.price[row]
    low, high = 0, len(ladder.price) - 1
    while low < high:
        trial = (low + high) // 2
        reached = ladder.energy[trial]
        for row in own:
            if inside[row] and rows.price[row] <= ladder.price[trial]:
                reached -= rows.wh[row]
        if reached >= wanted:
            high = trial
        else:
            low = trial + 1
    reached, worth = ladder.energy[low], ladder.worth[low]
    for row in own:
        if inside[row] and rows.price[row] <= ladder.price[low]:
            reached -= rows.wh[row]
            worth -= rows.wh[row] * rows.price[row]
    return bid_worth - worth + (reached - wanted) * ladder.price[low]


@njit(cache=True)
def _worth(own: Any, rows: Any, sold: Any, bought: Any) -> tuple[Any, Any, Any, Any]:
    """Worth of the best Wh bought less the cost of the cheapest sold; Wh that no order covers; cheapest ask, dearest bid."""
    worth, ask, bid = 0, _NO_FLOOR, _NO_CEILING
    at = 0
    while sold > 0 and at < len(own):
        row = own[at]
        if not rows.is_buy[row] and rows.wh[row] > 0:
            used = min(rows.wh[row], sold)
            ask = rows.price[row] if ask == _NO_FLOOR else ask
            worth -= used * rows.price[row]
            sold -= used
        at += 1
    at = len(own) - 1
    while bought > 0 and at >= 0:
        row = own[at]
        if rows.is_buy[row] and rows.wh[row] > 0:
            used = min(rows.wh[row], bought)
            bid = rows.price[row] if bid == _NO_CEILING else bid
            worth += used * rows.price[row]
            bought -= used
        at -= 1
    return worth, max(sold, bought), ask, bid


@njit(cache=True)
def _owe_prices(rows: Any, cells: Any, get: Any, pay: Any, half: Any, owed: Any) -> None:
    """Each member owes a price for what it bought less a price for what it sold; the prices are those of its half."""
    for i in range(len(owed)):
        cell = cells[rows.member[i]]
        owed[i] = cell[BOUGHT] * pay[half[i]] - cell[SOLD] * get[half[i]]


@njit(cache=True)
def _owe_externality(
    rows: Any, cells: Any, inside: Any, price: Any, wh: Any, is_buy: Any, scratch: Any, owed: Any
) -> None:
    """Each member that trades owes the others' welfare without it, less theirs with it.

    The market is that of the rows ``inside`` and of one order more.
    """
    ladder = _ladder(rows, inside, price, wh, is_buy)
    best = _welfare_without(scratch[:0], rows, inside, ladder)
    for i in range(len(owed)):
        cell = cells[rows.member[i]]
        if cell[FIRST] != i + 1 or cell[SOLD] + cell[BOUGHT] == 0:
            continue
        own, takes_part = _own(i, rows, scratch), False
        for row in own:
            takes_part |= inside[row]
        if takes_part:
            worth = _worth(own, rows, cell[SOLD], cell[BOUGHT])[0]
            owed[i] = _welfare_without(own, rows, inside, ladder) - (best - worth)


@njit(cache=True)
def _owe_in_halves(
    rows: Any, cells: Any, now: Any, seed: Any, vickrey: Any, half: Any, scratch: Any, owed: Any
) -> None:
    """The price of the other half; with Vickrey payments, the externality on one's own side against the half's volume at it."""
    for i in range(len(half)):
        half[i] = draw(seed, 2 * HALVES, now, rows.member[i]) & 1
    at = np.zeros(2, dtype=np.int64)
    for here in range(2):
        there = half != here
        if rows.wh[there].sum() > 0:
            lower, upper, _ = _clearing(rows.is_buy[there], rows.price[there], rows.wh[there])
            at[here] = _midpoint(lower, upper)
    if not vickrey:
        _owe_prices(rows, cells, at, at, half, owed)
        return
    for here in range(2):
        live = (half == here) & (rows.wh > 0)
        asks = live & ~rows.is_buy & (rows.price <= at[here])
        bids = live & rows.is_buy & (rows.price >= at[here])
        volume = min(rows.wh[asks].sum(), rows.wh[bids].sum())
        _owe_externality(rows, cells, asks, at[here], volume, True, scratch, owed)
        _owe_externality(rows, cells, bids, at[here], volume, False, scratch, owed)


@njit(cache=True)
def _owe(rows: Any, cells: Any, payments: Any, now: Any, seed: Any, lower: Any, upper: Any, scratch: Any) -> Any:
    """What each member should pay in all, less what it should receive, at its first row."""
    owed, half = np.zeros(len(rows.wh), dtype=np.int64), np.zeros(len(rows.wh), dtype=np.int64)
    if payments == MIDPOINT:
        price = np.full(1, _midpoint(lower, upper))
        _owe_prices(rows, cells, price, price, half, owed)
    elif payments == MARGINAL_PAIR:
        get, pay = _marginal_prices(rows, lower, upper)
        _owe_prices(rows, cells, np.full(1, get), np.full(1, pay), half, owed)
    elif payments == CLARKE:
        _owe_externality(rows, cells, rows.wh > 0, lower, 0, False, scratch, owed)
    elif payments != UNCHECKED:
        _owe_in_halves(rows, cells, now, seed, payments == OTHER_HALF_VICKREY, half, scratch, owed)
    return owed


@njit(cache=True)
def _has_orders(member: Any, cells: Any) -> Any:
    return 0 <= member < len(cells) and cells[member, FIRST] > 0


@njit(cache=True)
def _enter_trades(now: Any, trades: Any, order: Any, cells: Any, lower: Any, upper: Any) -> tuple[Any, Any, Any]:
    """Enter the trades up to an interval; return how many, the worst energy without orders, the worst price."""
    seller, buyer, interval, wh, price = trades
    imbalance = outside = count = 0
    for row in order:
        if interval[row] > now:
            break
        count += 1
        if interval[row] < now or not _has_orders(seller[row], cells) or not _has_orders(buyer[row], cells):
            imbalance = max(imbalance, wh[row])
            continue
        sale, purchase = cells[seller[row]], cells[buyer[row]]
        if sale[SOLD] == 0 or price[row] < sale[LOWEST_SALE]:
            sale[LOWEST_SALE] = price[row]
        if purchase[BOUGHT] == 0 or price[row] > purchase[HIGHEST_PURCHASE]:
            purchase[HIGHEST_PURCHASE] = price[row]
        sale[SOLD] += wh[row]
        sale[PAID] -= wh[row] * price[row]
        purchase[BOUGHT] += wh[row]
        purchase[PAID] += wh[row] * price[row]
        outside = max(outside, price[row] - upper, lower - price[row])
    return count, imbalance, outside


@njit(cache=True)
def _enter_transfers(now: Any, transfers: Any, order: Any, cells: Any) -> tuple[Any, Any]:
    """Enter the transfers up to an interval; return how many, and the worst that concerns a member without orders."""
    payer, payee, interval, amount = transfers
    astray = count = 0
    for row in order:
        if interval[row] > now:
            break
        count += 1
        for party, sign in ((payer[row], 1), (payee[row], -1)):
            if interval[row] == now and _has_orders(party, cells):
                cells[party, PAID] += sign * amount[row] * WH_PER_KWH
            elif party >= 0:
                astray = max(astray, amount[row] * WH_PER_KWH)
    return count, astray


@njit(cache=True)
def _judge(rows: Any, cells: Any, owed: Any, rounding: Any, scratch: Any) -> tuple[Any, Any, Any, Any]:
    """Close the interval: worst price beyond a limit, energy that no order covers, welfare, worst payment other than owed."""
    beyond, imbalance, welfare, astray = 0.0, 0, 0, 0
    for i in range(len(rows.wh)):
        cell = cells[rows.member[i]]
        if cell[FIRST] != i + 1:
            continue
        own = _own(i, rows, scratch)
        worth, uncovered, ask, bid = _worth(own, rows, cell[SOLD], cell[BOUGHT])
        welfare += worth
        imbalance = max(imbalance, uncovered)
        if cell[SOLD] > 0:
            beyond = max(beyond, ask - cell[LOWEST_SALE])
        if cell[BOUGHT] > 0:
            beyond = max(beyond, cell[HIGHEST_PURCHASE] - bid)
        if cell[PAID] - worth > rounding * len(own):
            beyond = max(beyond, (cell[PAID] - worth) / max(cell[SOLD] + cell[BOUGHT], 1))
        if abs(cell[PAID] - owed[i]) > rounding * len(own):
            astray = max(astray, abs(cell[PAID] - owed[i]))
        cell[FIRST:] = 0
    return beyond, imbalance, welfare, astray


@njit(cache=True)
def audit(book: Any, trades: Any, transfers: Any, payments: Any, rounding: Any, seed: Any) -> tuple[Any, ...]:
    """Measure trades and transfers against a book.

    Parameters
    ----------
    book, trades, transfers
        Columns interval, side, member, Wh, price; seller, buyer, interval, Wh, price; payer, payee, interval, amount. The
        sequence of their rows decides nothing.
    payments
        What a member should pay in all: one of the codes above.
    rounding
        What is forgiven for each order of a member because transfers are rounded.
    seed
        Of the draw of the halves.

    Returns
    -------
    Worst price beyond a limit; worst energy that no order covers; worst price outside of the crossing interval; welfare short
    of the optimum; worst distance of a member's payments from the rule's.
    """
    interval, is_buy, member, energy, price = book
    placed = _by_interval(interval)
    placed = placed[energy[placed] >= 1]
    trade_order, transfer_order = _by_interval(trades[2]), _by_interval(transfers[2])
    cells = np.zeros((member[placed].max() + 1 if len(placed) > 0 else 0, CELL_COLUMNS), dtype=np.int64)
    scratch = np.empty(len(placed), dtype=np.int64)
    beyond, imbalance, outside, gap, astray = 0.0, 0, 0, 0, 0
    first = 0
    while first < len(placed):
        now, last = interval[placed[first]], first
        while last < len(placed) and interval[placed[last]] == now:
            last += 1
        rows = _open(placed[first:last], is_buy, member, energy, price, cells, scratch)
        lower, upper, best = _clearing(rows.is_buy, rows.price, rows.wh)
        count, impossible, worst = _enter_trades(now, trades, trade_order, cells, lower, upper)
        trade_order, outside = trade_order[count:], max(outside, worst)
        count, lost = _enter_transfers(now, transfers, transfer_order, cells)
        transfer_order = transfer_order[count:]
        owed = _owe(rows, cells, payments, now, seed, lower, upper, scratch)
        worst_price, uncovered, welfare, wrong = _judge(rows, cells, owed, rounding, scratch)
        beyond, imbalance = max(beyond, worst_price), max(imbalance, impossible, uncovered)
        gap, astray = gap + best - welfare, max(astray, lost, wrong)
        first = last
    _, impossible, _ = _enter_trades(_NO_CEILING, trades, trade_order, cells, 0, 0)
    _, lost = _enter_transfers(_NO_CEILING, transfers, transfer_order, cells)
    return beyond, max(imbalance, impossible), outside, gap, max(astray, lost)
