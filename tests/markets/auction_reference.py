"""Slow references in plain Python: each rule from its definition, one interval at a time.

Definitions differ from the kernels' on purpose: volumes from supply and demand curves, Clarke payments from the welfare of the
market without a member, the continuous book by heaps. Only the seeded draw is the same function, written a second time.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from markets.auction_books import Row

WORD = 2**64
GOLDEN = 0x9E3779B97F4A7C15
TIES, HALVES, ORDER, REMAINDERS = 1, 2, 3, 4


@dataclass
class Order:
    """One order of one interval."""

    interval: int
    buys: bool
    member: int
    wh: int
    price: int
    award: int = 0

    @property
    def merit(self) -> int:
        """Lower is better."""
        return -self.price if self.buys else self.price


Pair = tuple[int, int, int, int, int]
"""Interval, seller, buyer, Wh, price."""


def mix(word: int) -> int:
    """The finaliser of SplitMix64."""
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB % WORD
    return word ^ (word >> 31)


def draw(seed: int, purpose: int, interval: int, member: int) -> int:
    """The seeded draw."""
    word = mix((seed + purpose * GOLDEN) % WORD)
    word = mix((word + (interval + 1) * GOLDEN) % WORD)
    return mix((word + (member + 1) * GOLDEN) % WORD) >> 1


def sides(rows: Sequence[Row], seed: int) -> dict[int, tuple[list[Order], list[Order]]]:
    """Asks and bids of each interval in merit order, a member's own crossing orders taken out."""
    found: dict[int, tuple[list[Order], list[Order]]] = {}
    for interval in sorted({row[0] for row in rows}):
        orders = [Order(*row) for row in rows if row[0] == interval and row[3] >= 1]
        orders.sort(key=lambda o: (o.merit, draw(seed, 2 * TIES + o.buys, interval, o.member), o.wh))
        for bid in (order for order in orders if order.buys):
            for ask in (order for order in orders if not order.buys):
                if ask.member == bid.member and bid.price >= ask.price:
                    own = min(ask.wh, bid.wh)
                    ask.wh, bid.wh = ask.wh - own, bid.wh - own
        live = [order for order in orders if order.wh > 0]
        found[interval] = [o for o in live if not o.buys], [o for o in live if o.buys]
    return found


def volume_of(asks: list[Order], bids: list[Order]) -> int:
    """The most that supply and demand curves have in common at one price."""
    prices = [order.price for order in asks + bids]
    return max(
        (min(sum(a.wh for a in asks if a.price <= p), sum(b.wh for b in bids if b.price >= p)) for p in prices),
        default=0,
    )


def clearing_prices(asks: list[Order], bids: list[Order]) -> tuple[int, int] | None:
    """Lowest and highest order price at which what is strictly wanted on each side can be served by the other."""
    clears = [
        p
        for p in (order.price for order in asks + bids)
        if sum(a.wh for a in asks if a.price < p) <= sum(b.wh for b in bids if b.price >= p)
        and sum(b.wh for b in bids if b.price > p) <= sum(a.wh for a in asks if a.price <= p)
    ]
    return (min(clears), max(clears)) if clears else None


def welfare_of(asks: list[Order], bids: list[Order]) -> int:
    """Largest welfare: the Wh of highest value against the Wh of lowest cost."""
    values = sorted((b.price for b in bids for _ in range(b.wh)), reverse=True)
    costs = sorted(a.price for a in asks for _ in range(a.wh))
    return sum(max(value - cost, 0) for value, cost in zip(values, costs, strict=False))


def award_by_merit(side: list[Order], volume: int) -> None:
    """Better prices in full; the marginal price pro rata by largest remainder, ties in merit order."""
    for price in dict.fromkeys(order.price for order in side):
        level = [order for order in side if order.price == price]
        wanted = sum(order.wh for order in level)
        part = min(wanted, volume)
        exact = [Fraction(order.wh * part, wanted) for order in level]
        for order, share in zip(level, exact, strict=True):
            order.award = int(share)
        order_of_remainders = sorted(range(len(level)), key=lambda i: int(exact[i]) - exact[i])
        for i in order_of_remainders[: part - sum(order.award for order in level)]:
            level[i].award += 1
        volume -= part


def award_in_order(side: list[Order], volume: int) -> None:
    """First come, first served."""
    for order in side:
        order.award = min(order.wh, volume)
        volume -= order.award


def pair_up(asks: list[Order], bids: list[Order]) -> list[tuple[Order, Order, int]]:
    """North-west corner, Wh by Wh."""
    sold = [ask for ask in asks for _ in range(ask.award)]
    bought = [bid for bid in bids for _ in range(bid.award)]
    pairs: list[tuple[Order, Order, int]] = []
    for ask, bid in zip(sold, bought, strict=True):
        if pairs and pairs[-1][0] is ask and pairs[-1][1] is bid:
            pairs[-1] = ask, bid, pairs[-1][2] + 1
        else:
            pairs.append((ask, bid, 1))
    return pairs


def uniform(rows: Sequence[Row], seed: int) -> list[Pair]:
    """One price."""
    found = []
    for interval, (asks, bids) in sides(rows, seed).items():
        volume = volume_of(asks, bids)
        award_by_merit(asks, volume)
        award_by_merit(bids, volume)
        prices = clearing_prices(asks, bids)
        assert prices is not None or volume == 0
        price = (prices[0] + prices[1]) // 2 if prices else 0
        found += [(interval, ask.member, bid.member, wh, price) for ask, bid, wh in pair_up(asks, bids)]
    return found


def pay_as_bid(rows: Sequence[Row], seed: int, k: Fraction) -> list[Pair]:
    """Each pair at its own price."""
    found = []
    for interval, (asks, bids) in sides(rows, seed).items():
        volume = volume_of(asks, bids)
        award_by_merit(asks, volume)
        award_by_merit(bids, volume)
        for ask, bid, wh in pair_up(asks, bids):
            price = ask.price + int(k * (bid.price - ask.price))
            found.append((interval, ask.member, bid.member, wh, price))
    return found


def mcafee(rows: Sequence[Row], seed: int) -> list[tuple[int, int, int, int, int, int]]:
    """Interval, seller, buyer, Wh, what the seller gets per kWh, what the buyer pays."""
    found = []
    for interval, (asks, bids) in sides(rows, seed).items():
        volume = volume_of(asks, bids)
        trading_asks, trading_bids = _needed(asks, volume), _needed(bids, volume)
        if len(trading_asks) < 2 or len(trading_bids) < 2:
            continue
        get, pay = trading_asks.pop().price, trading_bids.pop().price
        volume = min(sum(a.wh for a in trading_asks), sum(b.wh for b in trading_bids))
        for side in (trading_asks, trading_bids):
            _equal_losses(side, volume, seed)
        pairs = pair_up(trading_asks, trading_bids)
        found += [(interval, ask.member, bid.member, wh, get, pay) for ask, bid, wh in pairs]
    return found


def _needed(side: list[Order], volume: int) -> list[Order]:
    needed = []
    for order in side:
        if volume > 0:
            needed.append(order)
        volume -= order.wh
    return needed


def _equal_losses(side: list[Order], volume: int, seed: int) -> None:
    loss = 0
    while sum(max(order.wh - loss, 0) for order in side) > volume:
        loss += 1
    for order in side:
        order.award = max(order.wh - loss, 0)
    lucky = [order for order in side if loss > 0 and order.wh >= loss]
    lucky.sort(key=lambda o: -draw(seed, 2 * REMAINDERS + o.buys, o.interval, o.member))
    for order in lucky[: volume - sum(order.award for order in side)]:
        order.award += 1


def clarke(rows: Sequence[Row], seed: int) -> dict[tuple[int, int], int]:
    """What each member pays (+) or receives (-), by interval and member: welfare of the others without it, less with it."""
    found = {}
    for interval, (asks, bids) in sides(rows, seed).items():
        volume = volume_of(asks, bids)
        award_by_merit(asks, volume)
        award_by_merit(bids, volume)
        best = welfare_of(asks, bids)
        for member in {order.member for order in asks + bids}:
            others = [a for a in asks if a.member != member], [b for b in bids if b.member != member]
            own = sum(o.award * (o.price if o.buys else -o.price) for o in asks + bids if o.member == member)
            found[interval, member] = welfare_of(*others) - (best - own)
    return found


def muda(rows: Sequence[Row], seed: int, *, vickrey: bool) -> tuple[list[Pair], dict[tuple[int, int], int]]:
    """Pairs, and what each member pays (+) or receives (-) in all."""
    found: list[Pair] = []
    money: dict[tuple[int, int], int] = {}
    for interval, (asks, bids) in sides(rows, seed).items():
        half = {o.member: draw(seed, 2 * HALVES, interval, o.member) & 1 for o in asks + bids}
        for here in (0, 1):
            there = [[o for o in side if half[o.member] != here] for side in (asks, bids)]
            prices = _price_range(*there)
            if prices is None:
                continue
            at = (prices[0] + prices[1]) // 2
            own_asks = [a for a in asks if half[a.member] == here and a.price <= at]
            own_bids = [b for b in bids if half[b.member] == here and b.price >= at]
            pairs = _trade_half(own_asks, own_bids, vickrey, seed, interval)
            found += [(interval, ask.member, bid.member, wh, at) for ask, bid, wh in pairs]
            for side in (own_asks, own_bids):
                for member in {order.member for order in side}:
                    paid = (
                        _paid_in_half(side, member, at)
                        if vickrey
                        else sum(o.award for o in side if o.member == member) * at
                    )
                    sign = 1 if side is own_bids else -1
                    money[interval, member] = money.get((interval, member), 0) + sign * paid
    return found, money


def _price_range(asks: list[Order], bids: list[Order]) -> tuple[int, int] | None:
    if volume_of(asks, bids) > 0:
        return clearing_prices(asks, bids)
    ends = [max(b.price for b in bids)] if bids else []
    ends += [min(a.price for a in asks)] if asks else []
    return (min(ends), max(ends)) if ends else None


def _trade_half(
    asks: list[Order], bids: list[Order], vickrey: bool, seed: int, interval: int
) -> list[tuple[Order, Order, int]]:
    volume = min(sum(a.wh for a in asks), sum(b.wh for b in bids))
    for side in (asks, bids):
        long = sum(o.wh for o in side) > volume
        by_lot = sorted(side, key=lambda o: draw(seed, 2 * ORDER + o.buys, interval, o.member))
        award_in_order(side if long and vickrey else by_lot, volume)
    return pair_up(asks, bids)


def _paid_in_half(side: list[Order], member: int, at: int) -> int:
    """Price times award, and what the others of the long side lose by the member's presence (gains in a seller's receipts)."""
    sign = 1 if side[0].buys else -1
    volume = sum(o.award for o in side)
    others = sorted((sign * (o.price - at) for o in side if o.member != member for _ in range(o.wh)), reverse=True)
    served = sum(sign * (o.price - at) * o.award for o in side if o.member != member)
    own = sum(o.award for o in side if o.member == member)
    return own * at + sign * (sum(others[:volume]) - served)


def continuous_fills(
    kind: Sequence[int], order: Sequence[int], owner: Sequence[int], price: Sequence[int], energy: Sequence[int]
) -> list[tuple[int, int, int, int]]:
    """Fills (buy, sell, Wh, price) of a continuous book kept as two heaps of (price, time)."""
    heaps: tuple[list[tuple[int, int, int, int, int]], ...] = ([], [])
    resting: dict[int, list[int]] = {}
    fills = []
    for time, (what, number, own, at, wh) in enumerate(zip(kind, order, owner, price, energy, strict=True)):
        if what == 2:
            resting.pop(number, None)
            continue
        other = heaps[1 - what]
        while wh > 0 and other:
            _, placed, best, best_owner, best_price = other[0]
            if best not in resting or resting[best][1] != placed:
                heapq.heappop(other)
                continue
            if (best_price > at) if what == 0 else (best_price < at):
                break
            traded = min(wh, resting[best][0])
            if best_owner != own:
                fills.append((number, best, traded, best_price) if what == 0 else (best, number, traded, best_price))
            wh -= traded
            resting[best][0] -= traded
            if resting[best][0] == 0:
                del resting[best]
        if wh > 0:
            resting[number] = [wh, time]
            heapq.heappush(heaps[what], (-at if what == 0 else at, time, number, own, at))
    return fills


def shuffled(items: list[Order], word: int) -> list[Order]:
    """Fisher-Yates, driven by the mixed word."""
    items = list(items)
    for i in range(len(items) - 1, 0, -1):
        word = mix((word + i) % WORD)
        j = word % (i + 1)
        items[i], items[j] = items[j], items[i]
    return items


def continuous(rows: Sequence[Row], seed: int) -> list[Pair]:
    """Orders of each interval in a drawn order at a continuous book."""
    found = []
    for interval, (asks, bids) in sides(rows, seed).items():
        arriving = shuffled(asks + bids, mix((seed + mix(interval)) % WORD))
        fills = continuous_fills(
            [0 if o.buys else 1 for o in arriving],
            range(len(arriving)),
            [o.member for o in arriving],
            [o.price for o in arriving],
            [o.wh for o in arriving],
        )
        found += [(interval, arriving[sell].member, arriving[buy].member, wh, at) for buy, sell, wh, at in fills]
    return found
