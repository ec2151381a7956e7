"""Every kind of mechanism in an area: what clears the book, what shares after delivery, and what is left to the members."""

import msgspec
import pytest
from msgspec.structs import replace

from exchange.village import END, GATE, MEMBERS, NOON, PRICES, RULES, Village, actors
from gridpact.errors import InputError
from gridpact.exchange import (
    IntervalSettled,
    OpenInterval,
    OrderUnmatched,
    PlaceOrder,
    Prices,
    ReasonCode,
    Refused,
    Rules,
    SignAgreement,
    TradeStruck,
    TradeTerms,
    open_area,
)
from gridpact.exchange.rules import DAY
from gridpact.exchange.statements import Bookings
from gridpact.exchange.values import MOST_PRICE


def area(**rules: object) -> Village:
    return Village(msgspec.structs.replace(RULES, **rules)).open()


def orders(village: Village, *placed: tuple[str, bool, int, int]) -> list[TradeStruck]:
    for member, is_buy, energy_wh, price in placed:
        village.say(member, PlaceOrder(NOON, is_buy, energy_wh, price))
    return [event for event in village.tick(GATE) if isinstance(event, TradeStruck)]


THREE = (("bob", True, 1_500, 300_000), ("ann", False, 1_000, 100_000), ("cat", False, 3_000, 200_000))


@pytest.mark.parametrize(
    ("mechanism", "expected"),
    [
        ("assignment:multi", [("ann", 1_000, 200_000), ("cat", 500, 200_000)]),
        ("assignment:single", [("ann", 1_000, 125_000)]),
    ],
)
def test_an_assignment_clears_the_orders_of_a_book(mechanism: str, expected: list[tuple[str, int, int]]) -> None:
    """The example of `Assignment.contract`."""
    village = area(mechanism=mechanism)
    struck = orders(village, *THREE)
    assert [(trade.seller, trade.energy_wh, trade.price) for trade in struck] == expected
    assert all(trade.buyer == "bob" and trade.buy == "bob/2" for trade in struck)


def test_orders_of_one_member_do_not_meet_in_an_assignment() -> None:
    village = area(mechanism="assignment:multi")
    struck = orders(
        village, ("ann", True, 1_000, 300_000), ("ann", False, 1_000, 100_000), ("bob", False, 400, 250_000)
    )
    assert [(trade.seller, trade.buyer, trade.energy_wh) for trade in struck] == [("bob", "ann", 400)]


def test_several_orders_of_a_member_each_bid_for_themselves() -> None:
    village = area(mechanism="assignment:multi")
    struck = orders(village, ("bob", True, 500, 300_000), ("bob", True, 500, 90_000), ("ann", False, 1_000, 100_000))
    assert [(trade.energy_wh, trade.buy) for trade in struck] == [(500, "bob/2")]
    assert 100_000 <= struck[0].price <= 300_000


@pytest.mark.parametrize("mechanism", ["negotiation:s2", "equilibrium:central", ""])
def test_where_members_agree_among_themselves_orders_lapse_and_signatures_stand(mechanism: str) -> None:
    village = area(mechanism=mechanism)
    terms = (TradeTerms("ann", "bob", NOON, 700, 150_000),)
    village.say("ann", SignAgreement(NOON, "bob", terms))
    village.say("bob", SignAgreement(NOON, "ann", terms))
    village.say("cat", PlaceOrder(NOON, True, 500, 300_000))
    village.say("dan", PlaceOrder(NOON, False, 500, 100_000))
    events = village.tick(GATE)
    assert not any(isinstance(event, TradeStruck) for event in events)
    assert sum(isinstance(event, OrderUnmatched) for event in events) == 2
    assert [trade.energy_wh for trade in village.state.intervals[NOON].trades] == [700]


def settled(village: Village, **readings: int) -> IntervalSettled:
    village.through_delivery()
    village.read({**dict.fromkeys((*MEMBERS, "head"), 0), **readings})
    (event,) = [event for event in village.tick(END + DAY) if isinstance(event, IntervalSettled)]
    return event


def test_a_pool_rule_shares_what_the_meters_show() -> None:
    # ann brings 2,000 Wh, bob and cat need 1,500 each: 2,000 are shared at mid price 0.19, 1,000 bought at 0.30
    event = settled(area(mechanism="", pool="pool:mmr"), ann=-2_000, bob=1_500, cat=1_500, head=1_000)
    assert event.energy["pooled"] == [-2_000, 1_000, 1_000, 0]
    assert "bought" not in event.energy
    assert event.money["trades"] == [-380_000, 190_000, 190_000, 0]
    assert event.money["retail"] == [0, 150_000, 150_000, 0]
    assert sum(map(sum, event.money.values())) + event.supplier + event.dso + event.exchange == 0


def test_a_statement_says_what_the_pool_has_shared() -> None:
    village = area(mechanism="", pool="pool:mmr")
    settled(village, ann=-2_000, bob=1_500, cat=1_500, head=1_000)
    bookings = Bookings.of(village.steps)
    flows = ("bought", "sold", "imported", "exported")
    [ann], [bob] = (bookings.statement(name, 0, END + 2 * DAY).lines for name in ("ann", "bob"))
    assert [getattr(ann, name) for name in flows] == [0, 2_000, 0, 0]
    assert [getattr(bob, name) for name in flows] == [1_000, 0, 500, 0]


@pytest.mark.parametrize(
    ("pool", "prices", "says"),
    [
        ({"pool": "pool:sdr"}, replace(PRICES, export_price=-10_000, imbalance_sell=-20_000), "cannot share: pool:sdr"),
        ({"pool": ""}, replace(PRICES, import_price=MOST_PRICE + 1, imbalance_buy=MOST_PRICE + 1), "beyond 1000000000"),
    ],
)
def test_prices_at_which_accounts_could_not_be_made_open_no_interval(
    pool: dict[str, str], prices: Prices, says: str
) -> None:
    village = Village(replace(RULES, mechanism="", **pool))
    (refused,) = village.say("market", OpenInterval(NOON, prices), 0)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.field) == (ReasonCode.PRICE, "body.prices")
    assert says in refused.found


def test_the_pool_shares_what_is_left_of_what_was_agreed_and_nothing_that_went_astray() -> None:
    # ann sold bob 1,000 Wh and brings 1,600; cat sold dan 500 and brings nothing: 500 Wh of imbalance, not the pool's
    village = area(mechanism="", pool="pool:mmr")
    for seller, buyer, energy_wh in (("ann", "bob", 1_000), ("cat", "dan", 500)):
        terms = (TradeTerms(seller, buyer, NOON, energy_wh, 150_000),)
        village.say(seller, SignAgreement(NOON, buyer, terms))
        village.say(buyer, SignAgreement(NOON, seller, terms))
    event = settled(village, ann=-1_600, bob=1_200, dan=900, head=500)
    assert event.energy["pooled"] == [-600, 200, 0, 400]
    assert (event.energy["bought"], event.energy["sold"]) == ([0, 1_000, 0, 500], [1_000, 0, 500, 0])
    assert event.energy["astray"] == [0, 0, 500, 0]
    assert event.money["imbalance"] == [0, 0, 500 * 350, 0]
    assert "retail" not in event.money
    assert village.state.records["cat"].rating == 0
    assert sum(map(sum, event.money.values())) + event.supplier + event.dso + event.exchange == 0


def test_a_corrected_reading_shares_the_pool_anew_by_difference() -> None:
    village = area(mechanism="", pool="pool:sdr")
    first = settled(village, ann=-2_000, bob=1_500, cat=1_500, head=1_000)
    village.read({"ann": -1_000}, at=END + DAY + 1, version=1)
    (second,) = [event for event in village.tick(END + DAY + 2) if isinstance(event, IntervalSettled)]
    whole = area(mechanism="", pool="pool:sdr")
    expected = settled(whole, ann=-1_000, bob=1_500, cat=1_500, head=1_000)
    accounts = village.state.intervals[NOON].settled
    for name, values in {**expected.energy, **expected.money}.items():
        assert accounts[name] == values, name
    assert (first.round, second.round) == (0, 1)


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ({"mechanism": "pool:mmr"}, "accepted: pool = 'pool:mmr'"),
        ({"mechanism": "elecbay"}, "does not match orders"),
        ({"pool": "auction:uniform"}, "is no pool rule"),
        ({"pool": "pool:mrm"}, "did you mean 'pool:mmr'"),
        ({"pool": "pool:keys", "pool_options": {"prise": 1}}, "has no option 'prise'"),
        ({"pool": "pool:bill-sharing", "pool_options": {"period": "month"}}, "over a month"),
    ],
)
def test_what_cannot_run_in_an_area_is_refused_when_it_is_opened(rules: dict[str, object], found: str) -> None:
    with pytest.raises(InputError, match=found):
        open_area(Rules("village", **rules), actors())  # type: ignore[arg-type]
