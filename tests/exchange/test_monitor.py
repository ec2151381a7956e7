"""The market monitor: measures by hand, alarms when something begins and not before; and arrival gives no advantage."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.village import BIDDING, END, GATE, NOON, PRICES, RULES, STEP, Village
from gridpact.exchange import (
    CancelOrder,
    ListItem,
    PlaceOrder,
    RecordAgreement,
    Step,
    TakeItem,
    TradeStruck,
    TradeTerms,
    WithdrawItem,
)
from gridpact.exchange.monitor import Alarm, AlarmKind, Ring, Thresholds, Watch, hhi, price_spread, rings
from gridpact.exchange.rules import DAY

QUICK = Thresholds(window=3, least=2)


class Watched(Village):
    """A village with a monitor that looks at every step before it happens."""

    def __init__(self, thresholds: Thresholds = QUICK, **rules: object) -> None:
        self.watch, self.alarms = Watch(thresholds), list[Alarm]()
        super().__init__(msgspec.structs.replace(RULES, **rules))

    def send(self, message, at: int):
        step = self.exchange.decide(message, at)
        self.alarms += self.watch.take(self.state, step)
        self.exchange.apply(step)
        self.steps.append(step)
        return step.events

    def agree(self, start: int, *trades: tuple[str, str, int, int]) -> None:
        """Trades of an interval, and its gate closes on them."""
        self.open(start)
        terms = tuple(TradeTerms(seller, buyer, start, wh, price) for seller, buyer, wh, price in trades)
        self.say("market", RecordAgreement(start, "by hand", terms), start - 2 * 3_600_000)
        self.tick(start - 3_600_000)

    def deliver(self, start: int, readings: dict[str, int]) -> None:
        self.accept(start)
        self.tick(start + STEP)
        self.read(readings, start)
        self.tick(start + STEP + DAY)

    def of(self, kind: AlarmKind) -> list[Alarm]:
        return [alarm for alarm in self.alarms if alarm.kind is kind]


def trade(seller: str, buyer: str, energy_wh: int, price: int = 200_000) -> TradeStruck:
    return TradeStruck(NOON, 0, seller, buyer, energy_wh, price)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=40))
def test_the_index_of_concentration_lies_between_equal_members_and_one_alone(energies: list[int]) -> None:
    assert round(10_000 / len(energies)) <= hhi(energies) <= 10_000
    assert hhi([*energies, 0]) == hhi(energies)


def test_a_price_spread_by_hand() -> None:
    """0.10 for 1 kWh and 0.25 for 2 kWh: 0.20 a kWh, 12 of the 22 hundredths between export and import."""
    spread = price_spread([trade("ann", "bob", 1_000, 100_000), trade("cat", "bob", 2_000, 250_000)], PRICES)
    assert spread is not None
    assert (spread.lowest, spread.mean, spread.highest) == (100_000, 200_000, 250_000)
    assert spread.position == pytest.approx(12 / 22)
    assert price_spread([], PRICES) is None


def test_a_ring_of_three_is_seen_and_a_middleman_is_not() -> None:
    """dan buys and sells on: 400 Wh go through him and none comes back."""
    circle = [trade("ann", "bob", 500), trade("bob", "cat", 300), trade("cat", "ann", 400)]
    through = [trade("ann", "dan", 400), trade("dan", "cat", 400)]
    assert rings(circle) == [Ring(("ann", "bob", "cat"), 400)]
    assert rings(through) == []
    assert rings([trade("ann", "ann", 70)]) == [Ring(("ann",), 70)]
    assert rings([*circle, *(trade(f"x{s}", f"x{b}", 9) for s, b in ((1, 2), (2, 1)))])[1:] == [Ring(("x1", "x2"), 9)]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(6, 11), st.integers(1, 99)), max_size=30))
def test_who_only_sells_to_who_only_buys_is_in_no_ring(pairs: list[tuple[int, int, int]]) -> None:
    assert rings([trade(f"{seller}", f"{buyer}", wh) for seller, buyer, wh in pairs]) == []


def test_concentration_is_said_once_when_it_begins_and_again_after_it_has_ended() -> None:
    """Two intervals back, the shares are 1; 0.8 and 0.2; 0.5 each, which ends it; 2 to 1; and 0.75 and 0.25."""
    village = Watched(Thresholds(window=2, least=2, hhi=6_000))
    alone, shared = [("ann", "bob", 900, 200_000)], [("ann", "bob", 300, 200_000), ("cat", "dan", 300, 200_000)]
    found, indices = [], []
    for number, trades in enumerate((alone, alone, shared, shared, [("cat", "dan", 300, 200_000)], alone)):
        village.agree(NOON + number * STEP, *trades)
        found.append([alarm.interval for alarm in village.of(AlarmKind.CONCENTRATION) if "sellers" in alarm.text])
        indices.append(village.watch.concentration()[0])
    assert indices == [10_000, 10_000, 6_800, 5_000, 5_556, 6_250]
    assert [len(so_far) for so_far in found] == [0, 1, 1, 1, 1, 2]


def test_a_price_at_which_one_side_does_worse_than_with_the_supplier_is_named() -> None:
    village = Watched()
    village.agree(NOON, ("ann", "bob", 500, 310_000), ("cat", "dan", 500, 70_000), ("ann", "dan", 500, 300_000))
    assert [alarm.member for alarm in village.of(AlarmKind.PRICE)] == ["bob", "cat"]


def test_trades_that_come_back_are_named_with_all_who_took_part() -> None:
    village = Watched()
    village.agree(NOON, ("ann", "bob", 500, 200_000), ("bob", "ann", 300, 100_000), ("cat", "dan", 100, 200_000))
    (alarm,) = village.of(AlarmKind.WASH_TRADE)
    assert alarm.text == "ann, bob sold to each other: 300 Wh came back"


def test_own_orders_that_cross_are_seen_in_the_batch_book_and_in_the_continuous_one() -> None:
    batch = Watched().open()
    batch.say("ann", PlaceOrder(NOON, False, 500, 100_000))
    batch.say("ann", PlaceOrder(NOON, True, 200, 150_000))
    batch.say("bob", PlaceOrder(NOON, False, 500, 100_000))
    batch.say("bob", PlaceOrder(NOON, True, 200, 90_000))
    batch.tick(GATE)
    assert [(alarm.member, "200 Wh" in alarm.text) for alarm in batch.of(AlarmKind.SELF_TRADE)] == [("ann", True)]
    continuous = Watched(continuous=True, mechanism="").open()
    continuous.say("ann", PlaceOrder(NOON, False, 500, 100_000))
    continuous.say("ann", PlaceOrder(NOON, True, 200, 150_000))
    (alarm,) = continuous.of(AlarmKind.SELF_TRADE)
    assert (alarm.member, alarm.interval, "200 Wh" in alarm.text) == ("ann", NOON, True)


def test_surplus_that_was_not_offered_is_withheld_if_it_is_enough_to_move_the_price() -> None:
    """ann offers 300 of 2,000 Wh and asks more than the import price for 700 more; bob offers all of his."""
    village = Watched()
    for number in range(2):
        start = NOON + number * STEP
        village.open(start)
        village.say("ann", PlaceOrder(start, False, 300, 100_000))
        village.say("ann", ListItem(start, False, 700, 301_000))
        village.say("ann", PlaceOrder(start, False, 900, 100_000))
        village.say("ann", CancelOrder(start, village.key("ann")))
        village.say("ann", ListItem(start, False, 900, 100_000))
        village.say("ann", WithdrawItem(start, village.key("ann")))
        village.say("bob", PlaceOrder(start, False, 1_000, 100_000))
        village.tick(start - 3_600_000)
        village.deliver(start, {"ann": -2_000, "bob": -1_000, "cat": 100, "dan": 100, "head": -2_800})
    (alarm,) = village.of(AlarmKind.WITHHELD)
    assert (alarm.member, alarm.interval) == ("ann", NOON + STEP)
    assert "3,400 of 4,000 Wh" in alarm.text
    assert village.watch.members()["bob"].withheld == 0


def test_an_item_that_somebody_took_counts_as_offered() -> None:
    village = Watched().open()
    village.say("ann", ListItem(NOON, False, 700, 150_000))
    village.say("bob", TakeItem(NOON, village.key("ann"), 500, 200_000))
    village.tick(GATE)
    (gate,) = village.watch.gates
    assert gate.offered["ann", False] == (700, 0)
    assert (gate.sold, gate.bought) == (Counter(ann=500), Counter(bob=500))


def test_imbalance_is_said_when_it_repeats_and_only_of_the_first_accounts() -> None:
    village = Watched()
    for number in range(2):
        start = NOON + number * STEP
        village.agree(start, ("ann", "bob", 1_000, 200_000), ("cat", "dan", 1_000, 200_000))
        village.deliver(start, {"ann": -400, "bob": 1_000, "cat": -600, "dan": 1_000, "head": 1_000})
    (alarm,) = village.of(AlarmKind.IMBALANCE)
    assert (alarm.member, "1,200 of 2,000 Wh" in alarm.text) == ("ann", True)
    before = village.watch.members()
    village.read({"ann": -1_000}, NOON, version=1, at=END + 2 * DAY)
    village.tick(END + 2 * DAY)
    assert village.watch.members() == before


def test_the_window_forgets_what_lies_behind_it() -> None:
    village = Watched()
    for number in range(5):
        start = NOON + number * STEP
        village.agree(start, ("ann", "bob", 100 + number, 200_000))
        village.deliver(start, {"ann": -100, "bob": 100, "cat": 0, "dan": 0, "head": 0})
    assert [gate.start for gate in village.watch.gates] == [NOON + number * STEP for number in (2, 3, 4)]
    seen = village.watch.members()["ann"]
    assert (seen.sold, seen.surplus, seen.traded, seen.intervals) == (102 + 103 + 104, 300, 3, 3)


def test_a_monitor_of_the_journal_finds_what_the_live_one_found() -> None:
    village = Watched()
    for number in range(3):
        start = NOON + number * STEP
        village.agree(start, ("ann", "bob", 1_000, 310_000), ("bob", "ann", 100, 200_000))
        village.deliver(start, {"ann": -100, "bob": 100, "cat": 0, "dan": 0, "head": 0})
    again, alarms = Village(village.rules), list[Alarm]()
    watch = Watch(QUICK)
    for step in village.steps[1:]:
        alarms += watch.take(again.state, step)
        again.exchange.apply(step)
    assert alarms == village.alarms
    assert watch == village.watch


MECHANISMS = ("uniform", "pay-as-bid", "mcafee", "muda", "vcg", "random")
ORDERS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.booleans(), st.integers(1, 6), st.integers(8, 30)), min_size=2, max_size=12
)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@given(orders=ORDERS, draw=st.data())
@settings(max_examples=40)
def test_in_a_batch_book_the_order_of_arrival_gives_nobody_an_advantage(
    mechanism: str, orders, draw: st.DataObject
) -> None:
    """The same orders in any order, some of them at the last moment: the same trades between the same members."""

    def outcome(arriving) -> tuple[Counter[tuple[str, str, int]], list]:
        rules = msgspec.structs.replace(RULES, mechanism=f"auction:{mechanism}", most_messages=10**6)
        village = Village(rules, members=tuple("abcdef")).open()
        for number, (member, is_buy, hundreds, cents) in enumerate(arriving):
            at = BIDDING if number % 2 == 0 else GATE - 1
            village.say(member, PlaceOrder(NOON, is_buy, 100 * hundreds, 10_000 * cents), at)
        village.tick(GATE)
        traded = Counter[tuple[str, str, int]]()
        for each in village.state.intervals[NOON].trades:
            traded[each.seller, each.buyer, each.price] += each.energy_wh
        moved = sorted((each.payer, each.payee, each.amount) for each in village.state.intervals[NOON].transfers)
        return traded, moved

    assert outcome(draw.draw(st.permutations(orders))) == outcome(orders)


def test_steps_that_are_no_ones_business_raise_nothing() -> None:
    village = Watched()
    assert village.watch.take(village.state, Step(0, None, ())) == []
