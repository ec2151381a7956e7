"""After delivery: readings missing, late, doubled or corrected; settlement, differences, flags, ratings, statements."""

import csv
import io
from collections import Counter
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.auditor import Audit
from exchange.simulation import simulate
from exchange.village import END, GATE, MEMBERS, NOON, RULES, STEP, Village
from gridpact.errors import InputError
from gridpact.exchange import (
    Basis,
    IntervalClosed,
    IntervalSettled,
    MetersDisagree,
    Phase,
    PlaceOrder,
    PositionState,
    ReadingEstimated,
    ReadingTaken,
    ReasonCode,
    ReportReading,
)
from gridpact.exchange.rules import DAY, HOUR
from gridpact.exchange.statements import Bookings, Statement, month, to_csv, to_html

SETTLE = END + DAY
READ = {"ann": -1_500, "bob": 3_000, "cat": 400, "dan": 0, "head": 1_900}


def delivered(**rules: object) -> Village:
    """Ann has sold 2,000 Wh to bob at 0.20, accepted and delivered."""
    village = Village(msgspec.structs.replace(RULES, continuous=True, mechanism="", **rules)).open()
    village.say("ann", PlaceOrder(NOON, False, 2_000, 200_000))
    village.say("bob", PlaceOrder(NOON, True, 2_000, 200_000))
    return village.through_delivery()


def bill(village: Village, member: str) -> int:
    """All that has been settled on a member."""
    total = 0
    for event in village.events:
        if isinstance(event, IntervalSettled) and member in event.members:
            total += sum(column[event.members.index(member)] for column in event.money.values())
    return total


def test_an_interval_is_settled_a_day_after_delivery() -> None:
    # ann: 500 Wh short at 0.35 off 2,000 Wh at 0.20; bob: 1,000 Wh more at 0.30; cat: 400 Wh at 0.30; nothing lost
    village = delivered()
    village.read(READ)
    assert village.tick(SETTLE - 1) == []
    (settled,) = village.tick(SETTLE)
    assert settled == IntervalSettled(
        NOON,
        0,
        MEMBERS,
        {
            "metered": [-1_500, 3_000, 400, 0],
            "bought": [0, 2_000, 0, 0],
            "sold": [2_000, 0, 0, 0],
            "astray": [500, 0, 0, 0],
        },
        {"trades": [-400_000, 400_000, 0, 0], "retail": [0, 300_000, 120_000, 0], "imbalance": [175_000, 0, 0, 0]},
        supplier=-595_000,
        dso=0,
        exchange=0,
        loss_wh=0,
    )
    Audit(village.events)


def test_the_dead_band_lets_small_deviations_go() -> None:
    # 10 % of 2,000 Wh are tolerated, ann is 500 Wh short: 300 Wh at 0.10
    village = delivered(dead_band=100_000, penalty=100_000)
    village.read(READ)
    (settled,) = village.tick(SETTLE)
    assert settled.money["penalty"] == [30_000, 0, 0, 0]
    assert settled.dso == -30_000


def test_a_missing_reading_is_estimated_marked_and_trued_up() -> None:
    village = delivered()
    village.read({name: wh for name, wh in READ.items() if name != "ann"})
    estimate, _ = village.tick(SETTLE)
    assert estimate == ReadingEstimated(NOON, "ann", -2_000, Basis.AGREED)
    assert village.state.intervals[NOON].positions["ann"] == PositionState.SETTLED
    assert bill(village, "ann") == -400_000
    village.read({"ann": -1_500}, at=SETTLE + DAY)
    (difference,) = village.tick(SETTLE + DAY)
    assert (difference.round, difference.members) == (1, ("ann",))
    assert difference.money == {"imbalance": [175_000]}
    assert difference.energy == {"metered": [500], "astray": [500]}
    assert difference.loss_wh == -500, "what was taken for losses was ann's"
    assert village.state.intervals[NOON].positions["ann"] == PositionState.RESETTLED
    assert village.state.intervals[NOON].positions["bob"] == PositionState.SETTLED
    Audit(village.events)


def test_an_estimate_is_what_the_meter_showed_at_the_same_time_of_day_before() -> None:
    village = delivered()
    village.read(READ)
    village.open(NOON + DAY, at=END)
    village.tick(GATE + DAY)
    village.accept(NOON + DAY)
    village.tick(END + DAY)
    village.read({"bob": 100, "head": 0}, NOON + DAY)
    estimates = [event for event in village.tick(END + 2 * DAY) if isinstance(event, ReadingEstimated)]
    assert [(event.of, event.energy_wh, event.basis) for event in estimates] == [
        ("ann", -1_500, Basis.SAME_TIME),
        ("cat", 400, Basis.SAME_TIME),
        ("dan", 0, Basis.SAME_TIME),
    ]


def test_a_missing_head_is_taken_as_the_sum_of_the_meters() -> None:
    village = delivered()
    village.read({name: READ[name] for name in MEMBERS})
    estimate, settled = village.tick(SETTLE)
    assert estimate == ReadingEstimated(NOON, "", 1_900, Basis.SUM)
    assert settled.loss_wh == 0


def test_a_reading_sent_again_changes_nothing() -> None:
    village = delivered()
    village.read(READ)
    before = village.state.digest()
    (refused,) = village.say("meter-bob", ReportReading(NOON, 3_000), END + HOUR)
    assert (refused.reason, refused.field) == (ReasonCode.DUPLICATE, "body.version")
    assert village.state.digest() == before


def test_versions_of_a_reading() -> None:
    village = delivered()
    for energy_wh, version, reason, field in (
        (3_000, 1, None, ""),
        (2_900, 1, ReasonCode.CONFLICT, "body.energy_wh"),
        (2_900, 0, ReasonCode.OUTDATED, "body.version"),
        (2_900, 2, None, ""),
    ):
        (event,) = village.say("meter-bob", ReportReading(NOON, energy_wh, version), END)
        if reason is None:
            assert event == ReadingTaken(NOON, "bob", "meter-bob", energy_wh, version)
        else:
            assert (event.reason, event.field) == (reason, field)


@pytest.mark.parametrize(("at", "reason"), [(END - 1, ReasonCode.EARLY), (END + 14 * DAY, ReasonCode.LATE)])
def test_readings_are_taken_from_the_end_of_delivery_to_the_end_of_the_window(at: int, reason: ReasonCode) -> None:
    village = Village().open()
    village.tick(GATE)
    village.accept()
    if at >= END:
        village.tick(END)
    assert village.say("meter-bob", ReportReading(NOON, 1), at)[0].reason == reason


def test_after_the_window_the_accounts_are_final() -> None:
    village = delivered()
    village.read(READ)
    village.tick(SETTLE)
    village.read({"bob": 3_100}, at=END + 14 * DAY - 1, version=1)
    events = village.tick(END + 14 * DAY)
    assert [type(event) for event in events] == [IntervalSettled, IntervalClosed], "what came in time is settled first"
    assert village.state.intervals == {}
    assert village.say("meter-bob", ReportReading(NOON, 1, 2), END + 14 * DAY)[0].reason == ReasonCode.LATE


@given(st.permutations([("ann", 0, -100), ("ann", 1, -1_700), ("bob", 0, 2_100), ("bob", 1, 500), ("head", 1, 700)]))
@settings(max_examples=30)
def test_the_order_and_time_of_readings_decide_nothing_in_the_end(order: list[tuple[str, int, int]]) -> None:
    village = delivered()
    village.read({**READ, "head": 1_000})
    for day, (name, version, energy_wh) in enumerate(order):
        at = END + day * DAY // 2
        village.read({name: energy_wh}, at=at, version=version + 1)
        village.tick(at)
    village.tick(SETTLE + 3 * DAY)
    direct = delivered()
    direct.read({**READ, "ann": -1_700, "bob": 500, "head": 700}, version=2)
    direct.tick(SETTLE)
    assert [bill(village, member) for member in MEMBERS] == [bill(direct, member) for member in MEMBERS]
    Audit(village.events)


def test_meters_that_do_not_add_up_to_the_head_are_flagged_once_all_are_read() -> None:
    village = delivered(loss_tolerance_wh=50, loss_tolerance=10_000)
    village.read({**READ, "head": 2_500})
    _, flag = village.tick(SETTLE)
    assert flag == MetersDisagree(NOON, loss_wh=600, stated_wh=0, tolerance_wh=75)


def test_losses_that_the_dso_has_stated_raise_no_flag() -> None:
    village = Village(msgspec.structs.replace(RULES, loss_tolerance_wh=50, loss_tolerance=0)).open()
    village.tick(GATE)
    village.accept(losses_wh=600)
    village.tick(END)
    village.read({**READ, "head": 2_500})
    assert [type(event) for event in village.tick(SETTLE)] == [IntervalSettled]


def test_a_rating_follows_the_deviations_and_their_corrections() -> None:
    village = delivered()
    village.read(READ)
    village.tick(SETTLE)
    assert village.state.records["ann"].rating == 750_000, "500 of 2,000 Wh were not delivered"
    assert village.state.records["bob"].rating == village.state.records["dan"].rating == 1_000_000
    village.read({"ann": -1_900}, at=SETTLE + HOUR, version=1)
    village.tick(SETTLE + HOUR)
    assert village.state.records["ann"].rating == 950_000
    village.open(NOON + 3 * DAY, at=SETTLE)
    (placed,) = village.say("ann", PlaceOrder(NOON + 3 * DAY, True, 1, 0), SETTLE + 2 * HOUR)
    assert placed.rating == 950_000


def test_energy_that_was_cut_is_nobodys_imbalance() -> None:
    village = Village(msgspec.structs.replace(RULES, continuous=True, mechanism="")).open()
    village.say("ann", PlaceOrder(NOON, False, 2_000, 200_000))
    village.say("bob", PlaceOrder(NOON, True, 2_000, 200_000))
    village.tick(GATE)
    village.accept(converged=False)
    village.tick(END)
    village.read(READ)
    (settled,) = village.tick(SETTLE)
    assert "astray" not in settled.energy
    assert settled.money == {"retail": [-120_000, 900_000, 120_000, 0]}


def test_a_meter_silent_for_days_that_sends_everything_at_once() -> None:
    village = Village()
    starts = [NOON + number * STEP for number in range(6)]
    for start in starts:
        village.open(start)
    for start in starts:
        village.through_delivery(start)
        village.read({name: wh for name, wh in READ.items() if name != "cat"}, start)
    village.tick(SETTLE + 3 * HOUR)
    for start in starts:
        village.read({"cat": 400}, start, at=SETTLE + DAY)
    events = village.tick(SETTLE + DAY)
    assert [(event.round, event.members) for event in events] == [(1, ("cat",))] * 6
    assert bill(village, "cat") == 6 * 120_000
    Audit(village.events)


def test_statements_one_after_the_other_add_up_to_all_that_was_settled() -> None:
    for seed in range(40):
        world = simulate(seed)
        bookings = Bookings.of(world.steps)
        cuts = [0, NOON + DAY, NOON + 2 * DAY, NOON + 3 * DAY, NOON + 30 * DAY]
        audit = Audit(event for step in world.steps for event in step.events)
        for member in MEMBERS:
            parts = [bookings.statement(member, begin, end) for begin, end in pairwise(cuts)]
            owed = Counter(
                {
                    cause: sum(audit.settled[interval][cause][member] for interval in audit.settled)
                    for cause in ("trades", "retail", "imbalance", "network", "service", "penalty", "transfers")
                }
            )
            assert {cause: sum(part.total(cause) for part in parts) for cause in owed} == dict(owed)
            assert sum(part.total("amount") for part in parts) == owed.total()
            check_energies(parts)


def check_energies(parts: list[Statement]) -> None:
    """Every line explains its meter, and names a step that holds its event."""
    metered: Counter[int] = Counter()
    for line in (line for part in parts for line in part.lines):
        metered[line.interval] += line.metered - line.bought + line.sold - line.imported + line.exported
        assert line.amount == sum(line[-7:])
    astray = Counter()
    for line in (line for part in parts for line in part.lines):
        astray[line.interval] += line.astray
    assert all(abs(gap) == astray[interval] for interval, gap in metered.items())


def a_statement() -> Statement:
    village = delivered()
    village.read({name: wh for name, wh in READ.items() if name != "ann"})
    village.tick(SETTLE)
    village.read({"ann": -1_500}, at=SETTLE + DAY)
    village.tick(SETTLE + DAY)
    return Bookings.of(village.steps).statement("ann", 0, SETTLE + 2 * DAY)


def test_the_csv_of_a_statement_adds_up_to_its_page() -> None:
    statement = a_statement()
    rows = list(csv.DictReader(io.StringIO(to_csv(statement))))
    assert [row["amount_micro"] for row in rows] == ["-400000", "175000"]
    assert [row["reading"] for row in rows] == ["estimated", "metered"]
    assert [row["interval"] for row in rows] == ["1970-01-11T12:00:00Z"] * 2
    assert sum(int(row["amount_micro"]) for row in rows) == statement.total("amount") == -225_000
    page = to_html(statement, currency="GBP")
    assert "You receive" in page
    assert "0.225000" in page
    assert "−0.400000 settled and 0.175000 corrected" in page
    assert "1 interval rests on an estimate" in page


def test_a_name_with_markup_is_shown_as_it_is() -> None:
    statement = a_statement()
    hostile = Statement(statement.area, "<script>alert(1)</script>", statement.begin, statement.end, statement.lines)
    assert "<script>" not in to_html(hostile)


def test_a_statement_without_bookings_says_so() -> None:
    page = to_html(Statement("village", "ann", *month(2026, 2), ()))
    assert "Nothing was settled in this period." in page
    assert "1 February 2026 to 28 February 2026" in page


@pytest.mark.parametrize(
    ("year", "number", "hours"), [(2026, 3, 743), (2026, 10, 745), (2026, 12, 744), (2028, 2, 696)]
)
def test_a_month_is_as_long_as_it_is_in_local_time(year: int, number: int, hours: int) -> None:
    begin, end = month(year, number, "Europe/London")
    assert end - begin == hours * HOUR


def test_a_month_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="month 13 does not exist"):
        month(2026, 13)


def test_the_phases_of_an_interval_follow_the_clock() -> None:
    village = delivered()
    assert village.state.intervals[NOON].phase == Phase.DELIVERED
    village.tick(SETTLE)
    assert village.state.intervals[NOON].phase == Phase.SETTLED
