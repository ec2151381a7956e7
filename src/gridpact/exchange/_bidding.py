"""What members ask for while the gate is open: items, orders, and their changes."""

from collections.abc import Iterator
from typing import TypeAlias

from gridpact.exchange._asking import Asked, Refusal
from gridpact.exchange._bounds import allowed
from gridpact.exchange._clearing import meet
from gridpact.exchange.commands import (
    CancelOrder,
    ListItem,
    ModifyOrder,
    PlaceOrder,
    SignAgreement,
    TakeItem,
    WithdrawItem,
)
from gridpact.exchange.events import (
    AnyEvent,
    ItemListed,
    ItemWithdrawn,
    OrderCancelled,
    OrderModified,
    OrderPlaced,
    TradeStruck,
)
from gridpact.exchange.moves import ItemState
from gridpact.exchange.reasons import ReasonCode
from gridpact.exchange.state import Interval, Item, Order

_Priced: TypeAlias = ListItem | TakeItem | PlaceOrder | ModifyOrder
_Bid: TypeAlias = _Priced | WithdrawItem | CancelOrder | SignAgreement


def list_item(asked: Asked[ListItem]) -> Iterator[AnyEvent]:
    """Offer energy, or ask for it."""
    body, interval = asked.body, bidding(asked)
    _check_price(asked, body.price)
    _check_volume(asked, interval, body.is_buy, body.energy_wh)
    yield ItemListed(body.interval, asked.command.key, asked.author, body.is_buy, body.energy_wh, body.price, body.use)


def withdraw_item(asked: Asked[WithdrawItem]) -> Iterator[AnyEvent]:
    """Take the rest of an own item off the list."""
    interval = bidding(asked)
    item = _item(interval, asked.body.item)
    if item.member != asked.author:
        raise Refusal(ReasonCode.FORBIDDEN, "body.item", f"an item of {item.member}")
    _check_listed(item)
    yield ItemWithdrawn(asked.body.interval, asked.body.item, asked.command.key)


def take_item(asked: Asked[TakeItem]) -> Iterator[AnyEvent]:
    """A bilateral order: it trades at once, at the item's price."""
    body, interval = asked.body, bidding(asked)
    item = _item(interval, body.item)
    if item.member == asked.author:
        raise Refusal(ReasonCode.FORBIDDEN, "body.item", "an own item")
    _check_listed(item)
    if body.energy_wh > item.left_wh:
        raise Refusal(ReasonCode.LIMIT, "body.energy_wh", f"{body.energy_wh} Wh, {item.left_wh} Wh are left")
    _check_price(asked, body.price)
    buys = not item.is_buy
    bound = interval.roster.before_charges(asked.author, buys, body.price)
    if (bound < item.price) if buys else (bound > item.price):
        raise Refusal(ReasonCode.PRICE, "body.price", f"{bound} before charges, the item's price is {item.price}")
    _check_volume(asked, interval, buys, body.energy_wh)
    key, traders = asked.command.key, (item.member, asked.author)
    yield _placed(asked, buys, body.item)
    seller, buyer = traders if buys else traders[::-1]
    sell, buy = (body.item, key) if buys else (key, body.item)
    yield TradeStruck(
        body.interval, len(interval.trades), seller, buyer, body.energy_wh, item.price, sell=sell, buy=buy
    )


def place_order(asked: Asked[PlaceOrder]) -> Iterator[AnyEvent]:
    """An order to the book; where the book is continuous it trades with whom it crosses."""
    body, interval = asked.body, bidding(asked)
    _check_price(asked, body.price)
    _check_volume(asked, interval, body.is_buy, body.energy_wh)
    yield _placed(asked, body.is_buy)
    yield from meet(interval, asked.command.key, asked.author, body.is_buy, body.price, body.energy_wh)


def modify_order(asked: Asked[ModifyOrder]) -> Iterator[AnyEvent]:
    """Replace what an own order has open."""
    body, interval = asked.body, bidding(asked)
    order = _open_order(asked, interval, body.order)
    _check_price(asked, body.price)
    _check_volume(asked, interval, order.is_buy, body.energy_wh - order.open_wh)
    command = asked.command
    yield OrderModified(body.interval, body.order, command.key, body.energy_wh, body.price, signature=command.signature)
    yield from meet(interval, body.order, asked.author, order.is_buy, body.price, body.energy_wh)


def cancel_order(asked: Asked[CancelOrder]) -> Iterator[AnyEvent]:
    """Take what an own order has open out of the book."""
    interval = bidding(asked)
    _open_order(asked, interval, asked.body.order)
    yield OrderCancelled(asked.body.interval, asked.body.order, asked.command.key)


def _placed(asked: Asked[TakeItem | PlaceOrder], is_buy: bool, item: str = "") -> OrderPlaced:
    body, command = asked.body, asked.command
    return OrderPlaced(
        interval=body.interval,
        order=command.key,
        member=asked.author,
        is_buy=is_buy,
        energy_wh=body.energy_wh,
        price=body.price,
        use=body.use,
        at=asked.at,
        rating=asked.state.records[asked.author].rating,
        signature=command.signature,
        item=item,
    )


def bidding(
    asked: Asked[_Bid],
) -> Interval:
    """The interval, if its gate is open to this member and it has not said too much yet."""
    start = asked.body.interval
    asked.refuse_duplicate(asked.state.intervals.get(start))
    interval = asked.before_gate(start)
    if asked.author not in interval.roster.at:
        raise Refusal(ReasonCode.UNKNOWN_MEMBER, "author", f"{asked.author} joined after the interval was opened")
    most = allowed(asked.state, asked.author).most_messages
    if interval.messages.get(asked.author, 0) >= most:
        raise Refusal(ReasonCode.LIMIT, "author", f"more than {most} messages")
    return interval


def _item(interval: Interval, key: str) -> Item:
    if key not in interval.items:
        raise Refusal(ReasonCode.UNKNOWN_ITEM, "body.item", f"no item {key}")
    return interval.items[key]


def _check_listed(item: Item) -> None:
    if item.state != ItemState.LISTED:
        raise Refusal(ReasonCode.STATE, "body.item", f"the item is {item.state}")


def _open_order(asked: Asked[ModifyOrder | CancelOrder], interval: Interval, key: str) -> Order:
    order = interval.orders.get(key)
    if order is None:
        raise Refusal(ReasonCode.UNKNOWN_ORDER, "body.order", f"no order {key}")
    if order.member != asked.author:
        raise Refusal(ReasonCode.FORBIDDEN, "body.order", f"an order of {order.member}")
    if order.open_wh == 0:
        raise Refusal(ReasonCode.STATE, "body.order", f"the order is {order.state} and has nothing open")
    return order


def _check_price(asked: Asked[_Priced], price: int) -> None:
    own = allowed(asked.state, asked.author)
    if not own.lowest_price <= price <= own.highest_price:
        found = f"{price}, from {own.lowest_price} to {own.highest_price} is accepted"
        raise Refusal(ReasonCode.LIMIT, "body.price", found)


def _check_volume(asked: Asked[_Priced], interval: Interval, is_buy: bool, more_wh: int) -> None:
    most = allowed(asked.state, asked.author).most_wh
    volume = interval.volume_wh.get(asked.author, (0, 0))[is_buy] + more_wh
    if more_wh > 0 and volume > most:
        raise Refusal(ReasonCode.LIMIT, "body.energy_wh", f"{volume} Wh in all, up to {most} Wh are accepted")
