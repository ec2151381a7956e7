"""Between gate closure and delivery: the DSO's check and the supplier's credit, as commands and events."""

import msgspec
import pytest

from exchange.village import END, GATE, MEMBERS, NOON, RULES, STEP, Village
from gridpact.exchange import (
    CreditRefused,
    IntervalAccepted,
    LimitSet,
    MemberLimit,
    OrderState,
    Phase,
    PlaceOrder,
    ReasonCode,
    RecordAgreement,
    Reduction,
    Refused,
    RejectTrades,
    ReportNetwork,
    TradeReduced,
    TradeTerms,
    TransferTerms,
    Violation,
)
from gridpact.exchange.rules import DAY, HOUR, MINUTE

CHECK = GATE + 10 * MINUTE


def two_trades() -> Village:
    """Trade 0: ann sells 1,000 Wh to bob; trade 1: cat sells 500 Wh to dan."""
    village = Village(msgspec.structs.replace(RULES, continuous=True, mechanism="")).open()
    for seller, buyer, energy_wh, price in (("ann", "bob", 1_000, 100_000), ("cat", "dan", 500, 150_000)):
        village.say(seller, PlaceOrder(NOON, False, energy_wh, price))
        village.say(buyer, PlaceOrder(NOON, True, energy_wh, price))
    village.tick(GATE)
    return village


def states(village: Village) -> list[str]:
    return [order.state.value for order in village.state.intervals[NOON].orders.values()]


def cut(trade: int, energy_wh: int, reason: ReasonCode = ReasonCode.OVERLOAD) -> Reduction:
    return Reduction(trade, energy_wh, reason, "line 7", 1_210, 1_000)


def test_a_reduction_curtails_both_orders_and_says_what_was_violated() -> None:
    village = two_trades()
    limit, own = MemberLimit("ann", None, 400), Violation(ReasonCode.VOLTAGE_LOW, "bus 9", 938_000)
    events = village.accept(reductions=(cut(0, 400),), limits=(limit,), own=(own,), losses_wh=30)
    assert events == (
        TradeReduced(NOON, 0, 400, ReasonCode.OVERLOAD, "line 7", 1_210, 1_000),
        LimitSet(NOON, limit),
        IntervalAccepted(NOON, village.key("grid"), "pro-rata", 30, (own,)),
    )
    assert states(village) == ["CURTAILED", "CURTAILED", "ACCEPTED", "ACCEPTED"]
    assert village.state.intervals[NOON].limits == {"ann": limit}
    assert village.state.intervals[NOON].contracted_wh("ann") == -400


def test_a_trade_cut_to_nothing_rejects_its_orders() -> None:
    village = two_trades()
    village.accept(reductions=(cut(1, 0, ReasonCode.VOLTAGE_HIGH),))
    village.tick(END)
    assert states(village) == ["DELIVERED", "DELIVERED", "REJECTED", "REJECTED"]
    assert village.state.intervals[NOON].trades[1].reason == ReasonCode.VOLTAGE_HIGH


def test_a_power_flow_without_solution_rejects_everything() -> None:
    village = two_trades()
    events = village.accept(converged=False)
    assert [event.reason for event in events[:2]] == [ReasonCode.NO_CONVERGENCE] * 2
    assert states(village) == ["REJECTED"] * 4


def test_what_nobody_has_checked_when_delivery_begins_is_rejected() -> None:
    village = two_trades()
    assert village.tick(NOON - 1) == []
    events = village.tick(NOON)
    assert [event.reason for event in events[:2]] == [ReasonCode.UNCHECKED] * 2
    assert states(village) == ["REJECTED"] * 4
    assert village.state.intervals[NOON].phase == Phase.ACCEPTED


def test_the_supplier_rejects_for_want_of_credit_before_the_check() -> None:
    village = two_trades()
    events = village.say("shop", RejectTrades(NOON, (1,)), CHECK)
    assert events == (TradeReduced(NOON, 1, 0, ReasonCode.CREDIT), CreditRefused(NOON, village.key("shop")))
    village.accept()
    assert states(village) == ["ACCEPTED", "ACCEPTED", "REJECTED", "REJECTED"]


@pytest.mark.parametrize(
    ("author", "body", "reason", "field"),
    [
        ("grid", ReportNetwork(NOON, "p", True, 0, (cut(2, 0),)), ReasonCode.UNKNOWN_TRADE, "body.reductions[0].trade"),
        ("grid", ReportNetwork(NOON, "p", True, 0, (cut(0, 1_001),)), ReasonCode.LIMIT, "body.reductions[0].energy_wh"),
        (
            "grid",
            ReportNetwork(NOON, "p", True, 0, (cut(0, 1), cut(0, 2))),
            ReasonCode.CONFLICT,
            "body.reductions[1].trade",
        ),
        (
            "grid",
            ReportNetwork(NOON, "p", True, 0, (cut(0, 1, ReasonCode.CREDIT),)),
            ReasonCode.FORBIDDEN,
            "body.reductions[0].reason",
        ),
        (
            "grid",
            ReportNetwork(NOON, "p", True, 0, (), (MemberLimit("eve", 0, 0),)),
            ReasonCode.UNKNOWN_MEMBER,
            "body.limits[0].member",
        ),
        ("grid", ReportNetwork(NOON, "p", False, 0, (cut(0, 1),)), ReasonCode.CONFLICT, "body.reductions"),
        ("grid", ReportNetwork(NOON + STEP, "p", True), ReasonCode.UNKNOWN_INTERVAL, "body.interval"),
        ("shop", RejectTrades(NOON, (0, 0)), ReasonCode.CONFLICT, "body.trades[1]"),
        ("shop", RejectTrades(NOON, (9,)), ReasonCode.UNKNOWN_TRADE, "body.trades[0]"),
        ("shop", ReportNetwork(NOON, "p", True), ReasonCode.FORBIDDEN, "body.kind"),
        ("ann", RejectTrades(NOON, (0,)), ReasonCode.FORBIDDEN, "body.kind"),
    ],
)
def test_a_report_that_does_not_fit_the_trades_is_refused_by_its_field(author, body, reason, field) -> None:
    village = two_trades()
    before = village.state.digest()
    (refused,) = village.say(author, body, CHECK)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.field) == (reason, field)
    assert village.state.digest() == before


def test_what_the_supplier_has_rejected_cannot_be_cut_again() -> None:
    village = two_trades()
    village.say("shop", RejectTrades(NOON, (0,)), CHECK)
    (refused,) = village.accept(reductions=(cut(0, 0),))
    assert (refused.reason, refused.field) == (ReasonCode.STATE, "body.reductions[0].trade")


@pytest.mark.parametrize(("at", "reason"), [(GATE - HOUR, ReasonCode.EARLY), (NOON, ReasonCode.LATE)])
def test_a_check_comes_between_gate_closure_and_delivery(at: int, reason: ReasonCode) -> None:
    village = Village().open()
    if reason == ReasonCode.LATE:
        village.tick(GATE)
    (refused,) = village.say("grid", ReportNetwork(NOON, "p", True), at)
    assert refused.reason == reason


def test_what_cuts_one_leg_of_a_loan_scales_the_other() -> None:
    # 1,000 Wh lent at noon and 1,100 Wh returned a day later; 400 Wh of the loan stand, so 440 Wh of the return
    village = Village().open().open(NOON + DAY)
    legs = (TradeTerms("ann", "bob", NOON, 1_000, 0, leg=0), TradeTerms("bob", "ann", NOON + DAY, 1_100, 0, leg=0))
    village.say("market", RecordAgreement(NOON, "negotiation", legs))
    village.tick(GATE)
    events = village.accept(reductions=(cut(0, 400),))
    assert events[1] == TradeReduced(NOON + DAY, 0, 440, ReasonCode.LEG, f"trade 0 of {NOON}")
    assert village.state.intervals[NOON + DAY].contracted_wh("bob") == -440


def test_a_leg_that_is_delivered_stays_as_it_is_when_the_other_is_cut() -> None:
    village = Village().open().open(NOON + DAY)
    legs = (TradeTerms("ann", "bob", NOON, 1_000, 0, leg=0), TradeTerms("bob", "ann", NOON + DAY, 1_000, 0, leg=0))
    village.say("market", RecordAgreement(NOON, "negotiation", legs))
    village.through_delivery()
    village.tick(GATE + DAY)
    village.accept(NOON + DAY, reductions=(cut(0, 0),))
    assert village.state.intervals[NOON].trades[0].accepted_wh == 1_000
    assert village.state.intervals[NOON + DAY].trades[0].accepted_wh == 0


def test_a_transfer_follows_the_trades_that_stand() -> None:
    village = Village().open()
    trades = (TradeTerms("ann", "bob", NOON, 1_000, 100_000),)
    transfers = (TransferTerms("bob", "market", NOON, 90_001), TransferTerms("cat", "ann", NOON, 7))
    village.say("market", RecordAgreement(NOON, "vcg", trades, transfers))
    village.tick(GATE)
    village.accept(reductions=(cut(0, 500),))
    village.tick(END)
    village.read({**dict.fromkeys(MEMBERS, 0), "ann": -500, "bob": 500, "head": 0})
    (settled,) = village.tick(END + DAY)
    assert settled.money["transfers"] == [-3, 45_000, 3, 0], "half of it, rounded down"
    assert settled.exchange == -45_000


def test_an_order_accepted_in_full_needs_no_event_of_its_own() -> None:
    village = two_trades()
    assert [type(event) for event in village.accept()] == [IntervalAccepted]
    assert states(village) == [OrderState.ACCEPTED] * 4
