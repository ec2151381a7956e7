"""Two members agree between themselves: what both have signed is struck, and nothing else is."""

import pytest

from exchange.village import BIDDING, GATE, NOON, STEP, Village
from gridpact.exchange import AgreementSigned, Claim, RecordAgreement, SignAgreement, TradeStruck, TradeTerms
from gridpact.exchange.reasons import ReasonCode
from gridpact.exchange.rules import DAY

LOAN = (
    TradeTerms("ann", "bob", NOON, 1_000, 190_000, leg=0),
    TradeTerms("bob", "ann", NOON + STEP, 1_000, 190_000, leg=0),
)


def trade(buyer="bob", seller="ann", at=NOON, energy_wh=1, price=0) -> tuple[TradeTerms]:
    return (TradeTerms(seller, buyer, at, energy_wh, price),)


def village() -> Village:
    return Village().open().open(NOON + STEP)


def refused(events) -> tuple[ReasonCode, str]:
    (event,) = events
    return event.reason, event.field


def test_trades_stand_when_both_have_signed_the_same() -> None:
    area = village()
    (first,) = area.say("ann", SignAgreement(NOON, "bob", LOAN))
    assert isinstance(first, AgreementSigned)
    assert not area.state.intervals[NOON].trades
    *struck, second = area.say("bob", SignAgreement(NOON, "ann", LOAN))
    assert [(event.interval, event.seller, event.buyer, event.energy_wh, event.price) for event in struck] == [
        (NOON, "ann", "bob", 1_000, 190_000),
        (NOON + STEP, "bob", "ann", 1_000, 190_000),
    ]
    assert len({event.leg for event in struck if event.leg}) == 1
    assert (second.agreement, second.member, second.peer) == (first.agreement, "bob", "ann")
    assert not area.state.intervals[NOON].agreements
    assert area.state.intervals[NOON].contracted_wh("bob") == 1_000


def test_what_the_other_has_not_signed_to_the_letter_waits_and_lapses_with_the_gate() -> None:
    area = village()
    area.say("ann", SignAgreement(NOON, "bob", LOAN))
    area.say("bob", SignAgreement(NOON, "ann", LOAN[:1]))
    assert len(area.state.intervals[NOON].agreements) == 2
    area.tick(GATE)
    assert area.state.intervals[NOON].trades == []
    assert not area.state.intervals[NOON].agreements
    assert refused(area.say("bob", SignAgreement(NOON, "ann", LOAN), GATE)) == (ReasonCode.LATE, "body.interval")


def test_the_same_loan_may_be_agreed_twice_and_its_legs_stay_apart() -> None:
    area = village()
    for _ in range(2):
        area.say("ann", SignAgreement(NOON, "bob", LOAN))
        area.say("bob", SignAgreement(NOON, "ann", LOAN))
    trades = area.state.intervals[NOON].trades
    assert len(trades) == 2
    assert trades[0].leg != trades[1].leg


def test_a_signature_sent_again_changes_nothing() -> None:
    area = village()
    area.say("ann", SignAgreement(NOON, "bob", LOAN))
    before = area.state.digest()
    assert refused(area.say("ann", SignAgreement(NOON, "bob", LOAN))) == (ReasonCode.DUPLICATE, "body")
    assert area.state.digest() == before


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        (SignAgreement(NOON, "ann", LOAN), ReasonCode.FORBIDDEN, "body.peer"),
        (SignAgreement(NOON, "cat", LOAN), ReasonCode.FORBIDDEN, "body.trades[0]"),
        (
            SignAgreement(NOON, "eve", (TradeTerms("ann", "eve", NOON, 1, 0),)),
            ReasonCode.UNKNOWN_MEMBER,
            "body.trades[0].buyer",
        ),
        (
            SignAgreement(NOON, "bob", (TradeTerms("bob", "bob", NOON, 1, 0),)),
            ReasonCode.FORBIDDEN,
            "body.trades[0].buyer",
        ),
        (SignAgreement(NOON, "bob", LOAN[1:]), ReasonCode.CONFLICT, "body.interval"),
        (SignAgreement(NOON + DAY, "bob", LOAN), ReasonCode.UNKNOWN_INTERVAL, "body.interval"),
        (
            SignAgreement(NOON, "bob", (LOAN[0], TradeTerms("ann", "bob", NOON + DAY, 1, 0))),
            ReasonCode.UNKNOWN_INTERVAL,
            "body.trades[1].interval",
        ),
        (
            SignAgreement(NOON, "bob", (TradeTerms("ann", "bob", NOON, 100_001, 0),)),
            ReasonCode.LIMIT,
            "body.trades[0].energy_wh",
        ),
        (
            SignAgreement(NOON, "bob", (TradeTerms("ann", "bob", NOON, 1, 2_000_001),)),
            ReasonCode.LIMIT,
            "body.trades[0].price",
        ),
    ],
)
def test_what_two_may_not_agree_on_is_refused_at_the_first_signature(body, reason, field) -> None:
    area = village()
    before = area.state.digest()
    assert refused(area.say("ann", body)) == (reason, field)
    assert area.state.digest() == before


def test_volumes_are_checked_again_at_the_second_signature() -> None:
    area = village()
    much = (TradeTerms("ann", "bob", NOON, 60_000, 0),)
    more = (TradeTerms("ann", "bob", NOON, 50_000, 0),)
    area.say("ann", SignAgreement(NOON, "bob", much))
    area.say("ann", SignAgreement(NOON, "bob", more))
    assert isinstance(area.say("bob", SignAgreement(NOON, "ann", much))[0], TradeStruck)
    assert refused(area.say("bob", SignAgreement(NOON, "ann", more))) == (ReasonCode.LIMIT, "body.trades[0].energy_wh")


def test_signatures_count_as_messages_of_the_interval() -> None:
    area = village()
    for number in range(area.rules.most_messages):
        area.say("ann", SignAgreement(NOON, "bob", (TradeTerms("ann", "bob", NOON, 1, number),)))
    assert refused(area.say("ann", SignAgreement(NOON, "bob", LOAN))) == (ReasonCode.LIMIT, "author")


def test_a_mechanism_enters_its_certificate_with_what_it_has_agreed() -> None:
    area = village()
    claims = (Claim("balance (kW)", 40_000, 100_000), Claim("rounds", 82_000_000))
    recorded = area.say("market", RecordAgreement(NOON, "equilibrium", (), (), claims), BIDDING)[-1]
    assert recorded.certificate == claims
    assert [claim.holds for claim in claims] == [True, True]
    assert not Claim("balance (kW)", 100_001, 100_000).holds
