"""The fold: how each event changes the state. It decides nothing; an event that is not legal raises `IllegalMoveError`."""

from collections.abc import Callable, Iterable
from typing import Any

from gridpact.exchange import events
from gridpact.exchange.moves import (
    ITEM_MOVES,
    ORDER_MOVES,
    PHASE_MOVES,
    POSITION_MOVES,
    IllegalMoveError,
    ItemState,
    OrderState,
    Phase,
    PositionState,
    move,
)
from gridpact.exchange.roster import Roster
from gridpact.exchange.rules import DAY
from gridpact.exchange.state import ESTIMATED, HEAD, Interval, Item, Order, Record, State, Trade
from gridpact.exchange.values import FREE, Role

SELL, BUY = 0, 1


def replay(log: Iterable[events.AnyEvent]) -> State:
    """The state after a log of events.

    Raises
    ------
    IllegalMoveError
        If the log does not begin with `AreaOpened`, or an event cannot follow those before it.
    """
    iterator = iter(log)
    first = next(iterator, None)
    if not isinstance(first, events.AreaOpened):
        raise IllegalMoveError("a log begins with the opening of its area")
    state = State(first)
    for event in iterator:
        apply(state, event)
    return state


def apply(state: State, event: events.AnyEvent) -> State:
    """The state after one more event.

    The state that is given is used up: it is changed in place and returned, so that replaying n events takes n steps and no
    copies. Equal states and equal events give equal states, bit for bit.

    Raises
    ------
    IllegalMoveError
        If the event cannot follow those before it.
    """
    try:
        _APPLY[type(event)](state, event)
    except (KeyError, IndexError, ValueError) as missing:
        raise IllegalMoveError(f"{type(event).__name__} names something that does not exist: {missing}") from missing
    return state


def _area_opened(state: State, event: events.AreaOpened) -> None:
    raise IllegalMoveError("an area is opened once")


def _registered(state: State, event: events.Registered) -> None:
    state.actors[event.actor.id] = event.actor
    if event.actor.role == Role.MEMBER:
        state.roster = Roster.of(state.rules, state.actors.values())
        state.records[event.actor.id] = Record()
        state.habits[event.actor.id] = {}


def _bounds_set(state: State, event: events.BoundsSet) -> None:
    state.binding.add(event.command)
    if event.bounds == FREE:
        state.bounds.pop(event.member, None)
    else:
        state.bounds[event.member] = event.bounds


def _interval_opened(state: State, event: events.IntervalOpened) -> None:
    interval = Interval(event.interval, event.prices, state.roster)
    if state.rules.continuous:
        from gridpact.markets.auction import OrderBook  # compiles nothing, but loads numba: only where a book is kept

        interval.book = OrderBook()
    state.intervals[event.interval] = interval


def _take_note(interval: Interval, member: str, key: str) -> None:
    interval.seen[key] = None
    interval.messages[member] = interval.messages.get(member, 0) + 1


def _add_volume(interval: Interval, member: str, side: int, energy_wh: int) -> None:
    interval.volume_wh.setdefault(member, [0, 0])[side] += energy_wh


def _item_listed(state: State, event: events.ItemListed) -> None:
    interval = state.intervals[event.interval]
    interval.items[event.item] = Item(
        event.member, event.is_buy, event.energy_wh, event.price, event.use, event.energy_wh
    )
    _take_note(interval, event.member, event.item)
    _add_volume(interval, event.member, event.is_buy, event.energy_wh)


def _close_item(interval: Interval, key: str, then: ItemState) -> Item:
    item = interval.items[key]
    item.state = move(ITEM_MOVES, item.state, then)
    _add_volume(interval, item.member, item.is_buy, -item.left_wh)
    item.left_wh = 0
    return item


def _item_withdrawn(state: State, event: events.ItemWithdrawn) -> None:
    interval = state.intervals[event.interval]
    item = _close_item(interval, event.item, ItemState.WITHDRAWN)
    _take_note(interval, item.member, event.command)


def _item_expired(state: State, event: events.ItemExpired) -> None:
    _close_item(state.intervals[event.interval], event.item, ItemState.EXPIRED)


def _order_placed(state: State, event: events.OrderPlaced) -> None:
    interval = state.intervals[event.interval]
    interval.orders[event.order] = order = Order(
        event.member,
        event.is_buy,
        event.price,
        event.use,
        event.at,
        event.rating,
        event.item,
        len(interval.arrivals),
        event.energy_wh,
    )
    _take_note(interval, event.member, event.order)
    _add_volume(interval, event.member, event.is_buy, event.energy_wh)
    _rest(interval, event.order, order)


def _rest(interval: Interval, key: str, order: Order) -> None:
    """Give an order the next place in time, and in the continuous book."""
    order.arrival = len(interval.arrivals)
    interval.arrivals.append(key)
    if interval.book is not None and not order.item:
        roster = interval.roster
        interval.book.rest(
            order.arrival,
            owner=roster.at[order.member],
            is_buy=order.is_buy,
            price=roster.before_charges(order.member, order.is_buy, order.price),
            energy_wh=order.open_wh,
        )


def _order_modified(state: State, event: events.OrderModified) -> None:
    interval = state.intervals[event.interval]
    order = interval.orders[event.order]
    then = OrderState.MATCHED if order.state == OrderState.MATCHED else OrderState.MODIFIED
    order.state = move(ORDER_MOVES, order.state, then)
    if interval.book is not None:
        interval.book.cancel(order.arrival)
    _add_volume(interval, order.member, order.is_buy, event.energy_wh - order.open_wh)
    order.open_wh, order.price = event.energy_wh, event.price
    _take_note(interval, order.member, event.command)
    _rest(interval, event.order, order)


def _order_cancelled(state: State, event: events.OrderCancelled) -> None:
    interval = state.intervals[event.interval]
    order = interval.orders[event.order]
    _close_order(interval, order, OrderState.CANCELLED)
    _take_note(interval, order.member, event.command)


def _close_order(interval: Interval, order: Order, then: OrderState) -> None:
    """Drop what is open; an order that has matched stays matched."""
    order.state = move(ORDER_MOVES, order.state, then if order.matched_wh == 0 else OrderState.MATCHED)
    if interval.book is not None:
        interval.book.cancel(order.arrival)
    _add_volume(interval, order.member, order.is_buy, -order.open_wh)
    order.open_wh = 0


def _orders_netted(state: State, event: events.OrdersNetted) -> None:
    interval = state.intervals[event.interval]
    for key in (event.buy, event.sell):
        order = interval.orders[key]
        _use_up(interval, order, event.energy_wh)
        _add_volume(interval, order.member, order.is_buy, -event.energy_wh)
        if order.open_wh == 0:
            _close_order(interval, order, OrderState.CANCELLED)


def _use_up(interval: Interval, order: Order, energy_wh: int) -> None:
    if energy_wh > order.open_wh:
        raise IllegalMoveError(f"{energy_wh} Wh of an order that has {order.open_wh} Wh open")
    order.open_wh -= energy_wh
    if interval.book is not None and interval.book.left(order.arrival):
        interval.book.reduce(order.arrival, energy_wh)


def _trade_struck(state: State, event: events.TradeStruck) -> None:
    interval = state.intervals[event.interval]
    if event.trade != len(interval.trades):
        raise IllegalMoveError(f"trade {event.trade} follows {len(interval.trades)} trades")
    interval.trades.append(
        Trade(
            event.seller,
            event.buyer,
            event.energy_wh,
            event.energy_wh,
            event.price,
            event.sell,
            event.buy,
            event.leg,
        )
    )
    if event.leg:
        interval.legs.setdefault(event.leg, []).append(event.trade)
    for key, member, side in ((event.sell, event.seller, SELL), (event.buy, event.buyer, BUY)):
        if key in interval.orders:
            order = interval.orders[key]
            _use_up(interval, order, event.energy_wh)
            order.matched_wh += event.energy_wh
            order.state = move(ORDER_MOVES, order.state, OrderState.MATCHED)
        elif key:
            _take(interval.items[key], event.energy_wh)
        else:
            _add_volume(interval, member, side, event.energy_wh)


def _take(item: Item, energy_wh: int) -> None:
    if energy_wh > item.left_wh:
        raise IllegalMoveError(f"{energy_wh} Wh of an item that has {item.left_wh} Wh left")
    item.left_wh -= energy_wh
    item.state = move(ITEM_MOVES, item.state, ItemState.LISTED if item.left_wh else ItemState.TAKEN)


def _transfer_made(state: State, event: events.TransferMade) -> None:
    state.intervals[event.interval].transfers.append(event)


def _agreement_recorded(state: State, event: events.AgreementRecorded) -> None:
    state.intervals[event.interval].seen[event.command] = None


def _agreement_signed(state: State, event: events.AgreementSigned) -> None:
    """The first signature waits for the second; what neither has countersigned lapses with the gate."""
    interval = state.intervals[event.interval]
    if interval.agreements.pop(event.agreement, event.member) == event.member:
        interval.agreements[event.agreement] = event.member
    _take_note(interval, event.member, event.command)


def _order_unmatched(state: State, event: events.OrderUnmatched) -> None:
    interval = state.intervals[event.interval]
    _close_order(interval, interval.orders[event.order], OrderState.UNMATCHED)


def _gate_closed(state: State, event: events.GateClosed) -> None:
    interval = state.intervals[event.interval]
    interval.phase = move(PHASE_MOVES, interval.phase, Phase.CLEARED)
    interval.seed = event.seed
    for order in interval.orders.values():
        if order.open_wh:
            _close_order(interval, order, OrderState.UNMATCHED)
    interval.agreements.clear()
    interval.book = None


def _trade_reduced(state: State, event: events.TradeReduced) -> None:
    interval = state.intervals[event.interval]
    if interval.phase not in (Phase.OPEN, Phase.CLEARED):
        raise IllegalMoveError(f"a trade reduced while its interval is {interval.phase}")
    trade = interval.trades[event.trade]
    if event.energy_wh > trade.accepted_wh:
        raise IllegalMoveError(f"a trade of {trade.accepted_wh} Wh reduced to {event.energy_wh} Wh")
    trade.accepted_wh, trade.reason = event.energy_wh, event.reason


def _credit_refused(state: State, event: events.CreditRefused) -> None:
    state.intervals[event.interval].seen[event.command] = None


def _retail_reduced(state: State, event: events.RetailReduced) -> None:
    """What follows for the meter stands in the limit."""


def _limit_set(state: State, event: events.LimitSet) -> None:
    state.intervals[event.interval].limits[event.limit.member] = event.limit


def _interval_accepted(state: State, event: events.IntervalAccepted) -> None:
    interval = state.intervals[event.interval]
    interval.phase = move(PHASE_MOVES, interval.phase, Phase.ACCEPTED)
    interval.stated_losses_wh = event.losses_wh
    if event.command:
        interval.seen[event.command] = None
    for trade in interval.trades:
        for key in (trade.sell, trade.buy):
            if key in interval.orders:
                interval.orders[key].accepted_wh += trade.accepted_wh
    for order in interval.orders.values():
        if order.state == OrderState.MATCHED:
            whole = order.accepted_wh == order.matched_wh
            kept = OrderState.CURTAILED if order.accepted_wh else OrderState.REJECTED
            order.state = move(ORDER_MOVES, order.state, OrderState.ACCEPTED if whole else kept)
    for member in interval.positions:
        _move_position(interval, member, PositionState.CONTRACTED)


def _move_position(interval: Interval, member: str, then: PositionState) -> None:
    interval.positions[member] = move(POSITION_MOVES, interval.positions[member], then)


def _interval_delivered(state: State, event: events.IntervalDelivered) -> None:
    interval = state.intervals[event.interval]
    interval.phase = move(PHASE_MOVES, interval.phase, Phase.DELIVERED)
    for order in interval.orders.values():
        if order.state in (OrderState.ACCEPTED, OrderState.CURTAILED):
            order.state = move(ORDER_MOVES, order.state, OrderState.DELIVERED)


def _reading_taken(state: State, event: events.ReadingTaken) -> None:
    interval = state.intervals[event.interval]
    meter = interval.meter(event.of)
    interval.metered_wh[meter], interval.versions[meter] = event.energy_wh, event.version
    if interval.phase == Phase.SETTLED:
        interval.outdated = True
    elif event.of != HEAD:
        _move_position(interval, event.of, PositionState.METERED)
    if event.of != HEAD:
        habits, slot = state.habits[event.of], event.interval % DAY
        if slot not in habits or habits[slot][0] <= event.interval:
            habits[slot] = event.interval, event.energy_wh


def _reading_estimated(state: State, event: events.ReadingEstimated) -> None:
    interval = state.intervals[event.interval]
    meter = interval.meter(event.of)
    interval.metered_wh[meter], interval.versions[meter] = event.energy_wh, ESTIMATED
    if event.of != HEAD:
        _move_position(interval, event.of, PositionState.ESTIMATED)


def _interval_settled(state: State, event: events.IntervalSettled) -> None:
    interval = state.intervals[event.interval]
    if event.round != interval.round + 1:
        raise IllegalMoveError(f"settlement {event.round} follows settlement {interval.round}")
    first = event.round == 0
    if first:
        interval.phase = move(PHASE_MOVES, interval.phase, Phase.SETTLED)
    interval.round, interval.outdated = event.round, False
    at = interval.roster.at
    rows = [at[member] for member in event.members]
    for name, values in (*event.energy.items(), *event.money.items()):
        whole = interval.settled.setdefault(name, [0] * len(at))
        for row, value in zip(rows, values, strict=True):
            whole[row] += value
    for name in ("supplier", "dso", "exchange", "loss_wh"):
        interval.settled_parties[name] = interval.settled_parties.get(name, 0) + getattr(event, name)
    for member in event.members:
        _move_position(interval, member, PositionState.SETTLED if first else PositionState.RESETTLED)
    _keep_records(state, event)


def _keep_records(state: State, event: events.IntervalSettled) -> None:
    energy, none = event.energy, [0] * len(event.members)
    agreed = zip(event.members, energy.get("bought", none), energy.get("sold", none), strict=True)
    for member, bought, sold in agreed:
        state.records[member].agreed_wh += abs(bought - sold)
    for member, astray in zip(event.members, energy.get("astray", none), strict=True):
        state.records[member].astray_wh += astray


def _meters_disagree(state: State, event: events.MetersDisagree) -> None:
    """A flag for people; nothing follows from it by itself."""


def _interval_closed(state: State, event: events.IntervalClosed) -> None:
    del state.intervals[event.interval]
    state.final = max(state.final, event.interval)


def _refused(state: State, event: events.Refused) -> None:
    """A refusal changes nothing."""


_APPLY: dict[type, Callable[[State, Any], None]] = {
    events.AreaOpened: _area_opened,
    events.Registered: _registered,
    events.BoundsSet: _bounds_set,
    events.IntervalOpened: _interval_opened,
    events.ItemListed: _item_listed,
    events.ItemWithdrawn: _item_withdrawn,
    events.ItemExpired: _item_expired,
    events.OrderPlaced: _order_placed,
    events.OrderModified: _order_modified,
    events.OrderCancelled: _order_cancelled,
    events.OrdersNetted: _orders_netted,
    events.TradeStruck: _trade_struck,
    events.TransferMade: _transfer_made,
    events.AgreementRecorded: _agreement_recorded,
    events.AgreementSigned: _agreement_signed,
    events.OrderUnmatched: _order_unmatched,
    events.GateClosed: _gate_closed,
    events.CreditRefused: _credit_refused,
    events.TradeReduced: _trade_reduced,
    events.RetailReduced: _retail_reduced,
    events.LimitSet: _limit_set,
    events.IntervalAccepted: _interval_accepted,
    events.IntervalDelivered: _interval_delivered,
    events.ReadingTaken: _reading_taken,
    events.ReadingEstimated: _reading_estimated,
    events.IntervalSettled: _interval_settled,
    events.MetersDisagree: _meters_disagree,
    events.IntervalClosed: _interval_closed,
    events.Refused: _refused,
}
