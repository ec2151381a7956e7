"""An order from listing to delivery, worked by hand; and every move that is not legal, refused."""

import itertools

import msgspec
import pytest

from exchange.village import BIDDING, END, GATE, MEMBERS, NOON, PRICES, RULES, STEP, Village, signed, verify
from gridpact.exchange import (
    Actor,
    Bounds,
    CancelOrder,
    Exchange,
    GateClosed,
    IllegalMoveError,
    IntervalAccepted,
    ItemExpired,
    ItemState,
    ListItem,
    ModifyOrder,
    OpenInterval,
    OrderCancelled,
    OrderModified,
    OrderPlaced,
    OrdersNetted,
    OrderState,
    OrderUnmatched,
    Phase,
    PlaceOrder,
    PositionState,
    ReasonCode,
    RecordAgreement,
    Reduction,
    Refused,
    Register,
    ReportReading,
    Role,
    SetBounds,
    TakeItem,
    Tick,
    TradeStruck,
    TradeTerms,
    TransferTerms,
    WithdrawItem,
    apply,
    moves,
    replay,
)
from gridpact.exchange.rules import DAY, HOUR, MINUTE
from gridpact.exchange.values import LARGEST

TABLES = {
    ItemState: moves.ITEM_MOVES,
    OrderState: moves.ORDER_MOVES,
    PositionState: moves.POSITION_MOVES,
    Phase: moves.PHASE_MOVES,
}
ILLEGAL = [
    (kind, now, then)
    for kind, table in TABLES.items()
    for now, then in itertools.product(kind, kind)
    if then not in table[now]
]


def with_book(*, continuous: bool = True, mechanism: str = "") -> Village:
    return Village(msgspec.structs.replace(RULES, continuous=continuous, mechanism=mechanism)).open()


def refusal(events: tuple) -> tuple[ReasonCode, str]:
    (refused,) = events
    assert isinstance(refused, Refused)
    return refused.reason, refused.field


def an_order(village: Village, key: str):
    return village.state.intervals[NOON].orders[key]


@pytest.mark.parametrize(("kind", "now", "then"), ILLEGAL)
def test_what_is_not_in_the_table_cannot_follow(kind: type, now: object, then: object) -> None:
    with pytest.raises(IllegalMoveError, match=f"{then} cannot follow {now}"):
        moves.move(TABLES[kind], now, then)


def test_a_book_that_clears_at_the_gate() -> None:
    # ann sells 2 kWh from 0.10, bob wants 3 kWh up to 0.25: 2 kWh trade; the partly filled bid sets the price
    village = Village().open()
    village.say("ann", PlaceOrder(NOON, False, 2_000, 100_000))
    village.say("bob", PlaceOrder(NOON, True, 3_000, 250_000))
    village.say("cat", PlaceOrder(NOON, True, 500, 50_000))
    assert village.tick(GATE - 1) == []
    trade, unmatched, closed = village.tick(GATE)
    assert trade == TradeStruck(NOON, 0, "ann", "bob", 2_000, 250_000, sell="ann/2", buy="bob/3")
    assert unmatched == OrderUnmatched(NOON, "cat/4")
    assert isinstance(closed, GateClosed)
    assert (an_order(village, "bob/3").state, an_order(village, "bob/3").open_wh) == (OrderState.MATCHED, 0)
    village.accept()
    assert an_order(village, "ann/2").state == OrderState.ACCEPTED
    village.tick(END)
    assert [order.state.value for order in village.state.intervals[NOON].orders.values()] == [
        "DELIVERED",
        "DELIVERED",
        "UNMATCHED",
    ]


def test_charges_enter_before_matching() -> None:
    # bob pays 0.02 on top of the price: of its 0.25 the seller can get 0.23
    village = Village(msgspec.structs.replace(RULES, network_charge={"": 15_000}, service_charge=5_000)).open()
    village.say("ann", PlaceOrder(NOON, False, 1_000, 230_000))
    village.say("bob", PlaceOrder(NOON, True, 1_000, 250_000))
    assert village.tick(GATE)[0].price == 230_000


def test_an_item_is_taken_in_parts_at_its_price() -> None:
    village = Village().open()
    village.say("ann", ListItem(NOON, False, 1_000, 150_000))
    item = village.key("ann")
    placed, struck = village.say("bob", TakeItem(NOON, item, 400, 200_000))
    assert isinstance(placed, OrderPlaced)
    assert struck == TradeStruck(NOON, 0, "ann", "bob", 400, 150_000, sell=item, buy=village.key("bob"))
    assert refusal(village.say("cat", TakeItem(NOON, item, 601, 200_000))) == (ReasonCode.LIMIT, "body.energy_wh")
    village.say("cat", TakeItem(NOON, item, 600, 150_000))
    assert village.state.intervals[NOON].items[item].state == ItemState.TAKEN
    assert refusal(village.say("dan", TakeItem(NOON, item, 1, 200_000))) == (ReasonCode.STATE, "body.item")


def test_a_wanted_item_is_taken_by_a_seller_who_asks_no_more() -> None:
    village = Village().open()
    village.say("ann", ListItem(NOON, True, 1_000, 150_000))
    item = village.key("ann")
    assert refusal(village.say("bob", TakeItem(NOON, item, 400, 150_001))) == (ReasonCode.PRICE, "body.price")
    struck = village.say("bob", TakeItem(NOON, item, 400, 150_000))[1]
    assert (struck.seller, struck.buyer, struck.buy) == ("bob", "ann", item)


def test_what_is_left_of_an_item_expires_at_the_gate_or_is_withdrawn_by_its_member_only() -> None:
    village = Village().open()
    for member in ("ann", "bob"):
        village.say(member, ListItem(NOON, False, 1_000, 150_000))
    assert refusal(village.say("cat", WithdrawItem(NOON, "ann/2"))) == (ReasonCode.FORBIDDEN, "body.item")
    village.say("ann", WithdrawItem(NOON, "ann/2"))
    assert refusal(village.say("ann", WithdrawItem(NOON, "ann/2"))) == (ReasonCode.STATE, "body.item")
    assert ItemExpired(NOON, "bob/3") in village.tick(GATE)
    states = {key: item.state.value for key, item in village.state.intervals[NOON].items.items()}
    assert states == {"ann/2": "WITHDRAWN", "bob/3": "EXPIRED"}


def test_in_a_continuous_book_price_goes_before_time_and_the_resting_order_sets_the_price() -> None:
    village = with_book()
    for member, price in (("ann", 200_000), ("bob", 150_000), ("cat", 150_000)):
        village.say(member, PlaceOrder(NOON, False, 1_000, price))
    trades = village.say("dan", PlaceOrder(NOON, True, 2_500, 180_000))[1:]
    assert [(trade.seller, trade.energy_wh, trade.price) for trade in trades] == [
        ("bob", 1_000, 150_000),
        ("cat", 1_000, 150_000),
    ]
    assert an_order(village, "dan/5").open_wh == 500
    assert village.say("ann", ModifyOrder(NOON, "ann/2", 300, 180_000))[1].price == 180_000


def test_a_modified_order_goes_to_the_end_of_its_price() -> None:
    village = with_book()
    village.say("ann", PlaceOrder(NOON, False, 100, 150_000))
    village.say("bob", PlaceOrder(NOON, False, 100, 150_000))
    village.say("ann", ModifyOrder(NOON, "ann/2", 100, 150_000))
    assert an_order(village, "ann/2").state == OrderState.MODIFIED
    assert village.say("cat", PlaceOrder(NOON, True, 100, 150_000))[1].seller == "bob"


def test_two_orders_of_one_member_do_not_trade() -> None:
    village = with_book()
    village.say("ann", PlaceOrder(NOON, False, 300, 100_000))
    assert village.say("ann", PlaceOrder(NOON, True, 200, 150_000))[1:] == (OrdersNetted(NOON, "ann/3", "ann/2", 200),)
    assert an_order(village, "ann/3").state == OrderState.CANCELLED
    assert an_order(village, "ann/2").open_wh == 100


def test_what_rests_in_a_continuous_book_goes_to_the_auction_at_the_gate() -> None:
    village = with_book(mechanism="auction:uniform")
    village.say("ann", PlaceOrder(NOON, False, 300, 100_000))
    village.say("bob", PlaceOrder(NOON, True, 200, 150_000))
    village.say("cat", PlaceOrder(NOON, False, 300, 160_000))
    assert len(village.state.intervals[NOON].trades) == 1
    village.say("bob", PlaceOrder(NOON, True, 150, 90_000))
    assert all(not isinstance(event, TradeStruck) for event in village.tick(GATE))
    assert an_order(village, "ann/2").state == OrderState.MATCHED, "what it traded before stands"


def test_an_order_that_is_partly_matched_stays_matched_when_its_rest_is_cancelled() -> None:
    village = with_book()
    village.say("ann", PlaceOrder(NOON, False, 300, 100_000))
    village.say("bob", PlaceOrder(NOON, True, 200, 100_000))
    village.say("ann", CancelOrder(NOON, "ann/2"))
    assert (an_order(village, "ann/2").state, an_order(village, "ann/2").open_wh) == (OrderState.MATCHED, 0)
    assert refusal(village.say("ann", CancelOrder(NOON, "ann/2"))) == (ReasonCode.STATE, "body.order")


def test_a_members_trades_go_to_the_orders_whose_limits_allow_them() -> None:
    # two bids of ann, pay-as-bid: its dear purchase belongs to the dear bid
    village = with_book(continuous=False, mechanism="auction:pay-as-bid")
    village.say("ann", PlaceOrder(NOON, True, 100, 150_000))
    village.say("ann", PlaceOrder(NOON, True, 100, 250_000))
    village.say("bob", PlaceOrder(NOON, False, 200, 100_000))
    trades = [event for event in village.tick(GATE) if isinstance(event, TradeStruck)]
    assert sorted((trade.buy, trade.price, trade.energy_wh) for trade in trades) == [
        ("ann/2", 150_000, 100),
        ("ann/3", 250_000, 100),
    ]


def test_the_seed_of_ties_comes_from_the_signed_orders_whatever_their_order_of_arrival() -> None:
    orders = [signed(member, 7, PlaceOrder(NOON, member < "c", 100, 150_000)) for member in MEMBERS]
    seeds = []
    for sequence in (orders, orders[::-1]):
        village = Village().open()
        for order in sequence:
            village.send(order, BIDDING)
        seeds += [event.seed for event in village.tick(GATE) if isinstance(event, GateClosed)]
    assert seeds[0] == seeds[1]
    assert len(seeds[0]) == 16


def test_the_seed_of_ties_knows_what_is_ordered_and_nothing_that_a_member_can_try_for_free() -> None:
    def seed(number: int, at: int, price: int) -> str:
        village = Village().open()
        village.send(signed("ann", number, PlaceOrder(NOON, True, 100, price)), at)
        village.say("bob", PlaceOrder(NOON, False, 100, 150_000))
        (closed,) = (event for event in village.tick(GATE) if isinstance(event, GateClosed))
        return closed.seed

    assert seed(100, BIDDING, 150_000) == seed(101, BIDDING - 5, 150_000)  # another id, time and signature
    assert seed(100, BIDDING, 150_000) != seed(100, BIDDING, 150_001)


@pytest.mark.parametrize("at", [GATE, GATE + 1, NOON, END, END + 30 * DAY])
def test_an_order_after_gate_closure_is_late_whether_the_clock_has_ticked_or_not(at: int) -> None:
    village = Village().open()
    assert refusal(village.say("ann", PlaceOrder(NOON, True, 1, 0), at)) == (ReasonCode.LATE, "body.interval")
    village.tick(at)
    assert refusal(village.say("ann", PlaceOrder(NOON, True, 1, 0), at)) == (ReasonCode.LATE, "body.interval")


def test_a_clock_that_is_set_back_does_not_open_a_closed_gate() -> None:
    village = Village().open()
    village.tick(GATE)
    assert refusal(village.say("ann", PlaceOrder(NOON, True, 1, 0), BIDDING))[0] == ReasonCode.LATE
    village.accept()
    for at in (END, END + DAY, END + 30 * DAY):
        village.tick(at)
    assert refusal(village.say("market", OpenInterval(NOON, PRICES), 0))[0] == ReasonCode.LATE


@pytest.mark.parametrize(
    ("author", "body", "reason", "field"),
    [
        ("ann", PlaceOrder(NOON + STEP, True, 1, 0), ReasonCode.UNKNOWN_INTERVAL, "body.interval"),
        ("ann", PlaceOrder(NOON, True, 100_001, 0), ReasonCode.LIMIT, "body.energy_wh"),
        ("ann", PlaceOrder(NOON, True, 1, 2_000_001), ReasonCode.LIMIT, "body.price"),
        ("ann", PlaceOrder(NOON, True, 1, -2_000_001), ReasonCode.LIMIT, "body.price"),
        ("ann", CancelOrder(NOON, "ann/77"), ReasonCode.UNKNOWN_ORDER, "body.order"),
        ("ann", CancelOrder(NOON, "bob/2"), ReasonCode.FORBIDDEN, "body.order"),
        ("ann", TakeItem(NOON, "bob/2", 1, 0), ReasonCode.UNKNOWN_ITEM, "body.item"),
        ("bob", TakeItem(NOON, "bob/3", 1, 0), ReasonCode.FORBIDDEN, "body.item"),
        ("ann", Tick(), ReasonCode.FORBIDDEN, "body.kind"),
        ("ann", ReportReading(NOON, 5), ReasonCode.FORBIDDEN, "body.kind"),
        ("shop", PlaceOrder(NOON, True, 1, 0), ReasonCode.FORBIDDEN, "body.kind"),
        ("meter-ann", ReportReading(NOON, 5), ReasonCode.EARLY, "body.interval"),
        ("market", OpenInterval(NOON, PRICES), ReasonCode.DUPLICATE, "body.interval"),
        ("market", OpenInterval(NOON + 1, PRICES), ReasonCode.UNKNOWN_INTERVAL, "body.interval"),
        (
            "market",
            OpenInterval(NOON + STEP, msgspec.structs.replace(PRICES, export_price=300_001)),
            ReasonCode.PRICE,
            "body.prices",
        ),
        ("market", Register(Actor("ann", Role.MEMBER)), ReasonCode.CONFLICT, "body.actor.id"),
        ("market", Register(Actor("eve", Role.DSO)), ReasonCode.FORBIDDEN, "body.actor.role"),
        ("market", Register(Actor("eve", Role.MEMBER, zone="moon")), ReasonCode.CONFLICT, "body.actor.zone"),
        ("market", Register(Actor("m", Role.METER, of="ann")), ReasonCode.CONFLICT, "body.actor.of"),
        (
            "market",
            RecordAgreement(NOON, "x", (TradeTerms("ann", "eve", NOON, 1, 0),)),
            ReasonCode.UNKNOWN_MEMBER,
            "body.trades[0].buyer",
        ),
        (
            "market",
            RecordAgreement(NOON, "x", (), (TransferTerms("ann", "ann", NOON, 1),)),
            ReasonCode.FORBIDDEN,
            "body.transfers[0].payee",
        ),
        (
            "market",
            RecordAgreement(NOON, "x", (TradeTerms("ann", "bob", NOON + STEP, 1, 0),)),
            ReasonCode.UNKNOWN_INTERVAL,
            "body.trades[0].interval",
        ),
        (
            "market",
            RecordAgreement(
                NOON, "x", (TradeTerms("ann", "bob", NOON, 98_000, 0), TradeTerms("cat", "bob", NOON, 1, 0))
            ),
            ReasonCode.LIMIT,  # bob asks for 2,000 Wh already
            "body.trades[1].energy_wh",
        ),
        (
            "market",
            RecordAgreement(NOON, "x", (TradeTerms("ann", "bob", NOON, 1, -2_000_001),)),
            ReasonCode.LIMIT,
            "body.trades[0].price",
        ),
        (
            "market",
            RecordAgreement(
                NOON, "x", (), (TransferTerms("ann", "bob", NOON, LARGEST), TransferTerms("ann", "bob", NOON, 1))
            ),
            ReasonCode.LIMIT,
            "body.transfers[1].amount",
        ),
    ],
)
def test_what_may_not_be_asked_is_refused_with_reason_and_field_and_changes_nothing(
    author, body, reason, field
) -> None:
    village = Village().open()
    village.say("bob", PlaceOrder(NOON, True, 1_000, 100_000))
    village.say("bob", ListItem(NOON, True, 1_000, 100_000))
    before = village.state.digest()
    assert refusal(village.say(author, body)) == (reason, field)
    assert village.state.digest() == before


def test_a_forged_command_is_refused() -> None:
    village = Village().open()
    order = signed("ann", 1, PlaceOrder(NOON, True, 1, 0))
    for forged, reason in (
        (msgspec.structs.replace(order, author="bob"), ReasonCode.BAD_SIGNATURE),
        (msgspec.structs.replace(order, body=PlaceOrder(NOON, True, 2, 0)), ReasonCode.BAD_SIGNATURE),
        (msgspec.structs.replace(order, signature=""), ReasonCode.BAD_SIGNATURE),
        (msgspec.structs.replace(order, author="eve"), ReasonCode.UNKNOWN_MEMBER),
        (msgspec.structs.replace(order, area="town"), ReasonCode.WRONG_AREA),
    ):
        assert refusal(village.send(forged, BIDDING))[0] == reason


def test_a_command_sent_again_is_a_duplicate_even_when_it_comes_late() -> None:
    village = Village().open()
    order = signed("ann", 1, PlaceOrder(NOON, True, 1, 0))
    village.send(order, BIDDING)
    assert refusal(village.send(order, BIDDING)) == (ReasonCode.DUPLICATE, "id")
    assert refusal(village.send(order, END)) == (ReasonCode.DUPLICATE, "id")


def test_two_members_may_use_the_same_number() -> None:
    village = Village().open()
    for member in ("ann", "bob"):
        village.send(signed(member, 1, PlaceOrder(NOON, True, 1, 0)), BIDDING)
    assert set(village.state.intervals[NOON].orders) == {"ann/1", "bob/1"}


def test_a_member_who_floods_an_interval_is_stopped_there_and_nowhere_else() -> None:
    village = Village(msgspec.structs.replace(RULES, most_messages=3)).open().open(NOON + STEP)
    village.say("ann", PlaceOrder(NOON, True, 10, 0))
    order = village.key("ann")
    for energy_wh in (11, 12):
        village.say("ann", ModifyOrder(NOON, order, energy_wh, 0))
    assert refusal(village.say("ann", CancelOrder(NOON, order))) == (ReasonCode.LIMIT, "author")
    assert isinstance(village.say("ann", PlaceOrder(NOON + STEP, True, 1, 0))[0], OrderPlaced)
    assert isinstance(village.say("bob", PlaceOrder(NOON, True, 1, 0))[0], OrderPlaced)


def test_the_limit_of_energy_counts_items_and_orders_of_a_side_together() -> None:
    village = Village(msgspec.structs.replace(RULES, most_wh=1_000)).open()
    village.say("ann", ListItem(NOON, False, 600, 0))
    village.say("ann", PlaceOrder(NOON, False, 300, 0))
    assert refusal(village.say("ann", PlaceOrder(NOON, False, 101, 0))) == (ReasonCode.LIMIT, "body.energy_wh")
    assert isinstance(village.say("ann", PlaceOrder(NOON, True, 1_000, 0))[0], OrderPlaced), "the other side is free"
    village.say("ann", WithdrawItem(NOON, "ann/2"))
    assert isinstance(village.say("ann", PlaceOrder(NOON, False, 700, 0))[0], OrderPlaced)


def test_a_member_may_be_bound_more_narrowly_than_its_area_and_nobody_else_is() -> None:
    village = Village().open()
    village.say("ann", PlaceOrder(NOON, False, 900, 100_000))
    village.say("market", SetBounds("ann", Bounds(1_000, 50_000, 200_000, most_messages=4)))
    for order, field in (
        (PlaceOrder(NOON, False, 101, 100_000), "body.energy_wh"),
        (PlaceOrder(NOON, False, 100, 200_001), "body.price"),
        (PlaceOrder(NOON, True, 100, 49_999), "body.price"),
        (ListItem(NOON, False, 101, 100_000), "body.energy_wh"),
        (ModifyOrder(NOON, "ann/2", 1_001, 100_000), "body.energy_wh"),
    ):
        assert refusal(village.say("ann", order)) == (ReasonCode.LIMIT, field)
        assert len(village.state.intervals[NOON].orders) == 1, "it has entered the book"
    assert isinstance(village.say("bob", PlaceOrder(NOON, True, 50_000, 1_000_000))[0], OrderPlaced)
    assert isinstance(village.say("ann", PlaceOrder(NOON, False, 100, 200_000))[0], OrderPlaced)
    for _ in range(2):
        village.say("ann", PlaceOrder(NOON, True, 10, 50_000))
    assert refusal(village.say("ann", PlaceOrder(NOON, True, 10, 50_000))) == (ReasonCode.LIMIT, "author")
    village.say("market", SetBounds("ann", Bounds()))
    assert village.state.bounds == {}
    assert isinstance(village.say("ann", PlaceOrder(NOON, True, 10, 1))[0], OrderPlaced)
    assert Exchange.from_steps(village.steps, verify).state.digest() == village.state.digest()


def test_a_bound_member_may_ask_for_less_than_it_has_in_the_book() -> None:
    village = Village().open()
    village.say("ann", PlaceOrder(NOON, False, 900, 100_000))
    village.say("market", SetBounds("ann", Bounds(most_wh=0)))
    assert refusal(village.say("ann", PlaceOrder(NOON, False, 1, 100_000))) == (ReasonCode.LIMIT, "body.energy_wh")
    village.say("ann", ModifyOrder(NOON, "ann/2", 400, 100_000))
    assert village.state.intervals[NOON].orders["ann/2"].open_wh == 400


def test_an_agreement_keeps_the_bounds_of_its_members() -> None:
    village = Village().open()
    village.say("market", SetBounds("bob", Bounds(most_wh=100, highest_price=150_000)))
    for terms, field in (
        (TradeTerms("ann", "bob", NOON, 101, 100_000), "body.trades[0].energy_wh"),
        (TradeTerms("ann", "bob", NOON, 100, 150_001), "body.trades[0].price"),
    ):
        assert refusal(village.say("market", RecordAgreement(NOON, "x", (terms,)))) == (ReasonCode.LIMIT, field)
    assert not village.state.intervals[NOON].trades


@pytest.mark.parametrize(
    ("author", "body", "reason", "field"),
    [
        ("ann", SetBounds("ann", Bounds(most_wh=5)), ReasonCode.FORBIDDEN, "body.kind"),
        ("market", SetBounds("eve", Bounds(most_wh=5)), ReasonCode.UNKNOWN_MEMBER, "body.member"),
        ("market", SetBounds("ann", Bounds(lowest_price=2, highest_price=1)), ReasonCode.PRICE, "body.bounds"),
    ],
)
def test_bounds_are_the_exchanges_to_set(author: str, body: SetBounds, reason: ReasonCode, field: str) -> None:
    assert refusal(Village().say(author, body)) == (reason, field)


def test_who_joins_takes_part_in_what_is_opened_afterwards() -> None:
    village = Village().open()
    village.say("market", Register(Actor("eve", Role.MEMBER, key="key of eve")))
    village.open(NOON + STEP)
    assert refusal(village.say("eve", PlaceOrder(NOON, True, 1, 0))) == (ReasonCode.UNKNOWN_MEMBER, "author")
    assert isinstance(village.say("eve", PlaceOrder(NOON + STEP, True, 1, 0))[0], OrderPlaced)


def test_a_log_that_breaks_the_rules_is_not_replayed() -> None:
    village = Village().open()
    village.say("ann", PlaceOrder(NOON, False, 100, 0))
    good = village.events
    for wrong in (
        good[1:],
        [*good, good[0]],
        [*good, TradeStruck(NOON, 0, "ann", "bob", 101, 0, sell="ann/2")],
        [*good, TradeStruck(NOON, 1, "ann", "bob", 100, 0, sell="ann/2")],
        [*good, OrderUnmatched(NOON, "ann/2"), OrderUnmatched(NOON, "ann/2")],
        [*good, OrderUnmatched(NOON, "ann/3")],
        [*good, IntervalAccepted(NOON, "", "", 0)],
    ):
        with pytest.raises(IllegalMoveError):
            replay(wrong)


def in_state(state: OrderState) -> Village:
    """A village with an order ``ann/2`` in a state."""
    village = Village().open()
    village.say("ann", PlaceOrder(NOON, False, 1_000, 100_000))
    if state == OrderState.PLACED:
        return village
    if state == OrderState.MODIFIED:
        village.say("ann", ModifyOrder(NOON, "ann/2", 900, 100_000))
        return village
    if state == OrderState.CANCELLED:
        village.say("ann", CancelOrder(NOON, "ann/2"))
        return village
    if state != OrderState.UNMATCHED:
        village.say("bob", PlaceOrder(NOON, True, 1_000, 200_000))
    village.tick(GATE)
    left = {OrderState.CURTAILED: 400, OrderState.REJECTED: 0}
    cut = (Reduction(0, left[state], ReasonCode.OVERLOAD, "line 1", 1_100, 990),) if state in left else ()
    if state in (OrderState.ACCEPTED, OrderState.DELIVERED, *left):
        village.accept(reductions=cut)
    if state == OrderState.DELIVERED:
        village.tick(END)
    return village


HAPPENINGS = {
    OrderState.MODIFIED: OrderModified(NOON, "ann/2", "ann/9", 5, 5, ""),
    OrderState.CANCELLED: OrderCancelled(NOON, "ann/2", "ann/9"),
    OrderState.UNMATCHED: OrderUnmatched(NOON, "ann/2"),
}


@pytest.mark.parametrize("state", OrderState)
@pytest.mark.parametrize("then", HAPPENINGS)
def test_an_event_moves_an_order_only_where_the_table_lets_it(state: OrderState, then: OrderState) -> None:
    village = in_state(state)
    assert an_order(village, "ann/2").state == state
    legal = moves.ORDER_MOVES[state]
    if then in legal or OrderState.MATCHED in legal:  # what has matched stays matched
        apply(village.state, HAPPENINGS[then])
        assert an_order(village, "ann/2").state in legal
    else:
        with pytest.raises(IllegalMoveError):
            apply(village.state, HAPPENINGS[then])


def test_a_refusal_leaves_the_very_same_state() -> None:
    village = Village().open()
    state = village.state
    assert apply(state, Refused(ReasonCode.LATE)) is state


def test_positions_are_contracted_with_or_without_trades() -> None:
    village = Village().open()
    assert set(village.state.intervals[NOON].positions.values()) == {PositionState.OPEN}
    village.tick(GATE)
    village.accept()
    assert set(village.state.intervals[NOON].positions.values()) == {PositionState.CONTRACTED}


def test_many_areas_live_side_by_side() -> None:
    one, other = Village().open(), Village().open()
    before = other.state.digest()
    one.say("ann", PlaceOrder(NOON, True, 1, 0))
    assert other.state.digest() == before != one.state.digest()


def test_an_interval_opened_at_the_last_moment_before_its_gate() -> None:
    village = Village()
    assert refusal(village.say("market", OpenInterval(NOON, PRICES), NOON - HOUR))[0] == ReasonCode.LATE
    village.say("market", OpenInterval(NOON, PRICES), NOON - HOUR - MINUTE)
    assert village.state.intervals[NOON].phase == Phase.OPEN
