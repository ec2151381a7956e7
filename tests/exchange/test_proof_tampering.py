"""Whoever tampers with a real export is caught: without keys by signatures and tree, with the exchange's keys by the re-run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exchange.proof_room import (
    DECIDED,
    LOANS,
    LOANS_DECIDED,
    MECHANISMS,
    Recorded,
    Told,
    check,
    first,
    lines_of,
    record,
    save,
)
from gridpact.exchange.proof import Trust

AUCTION, POOL, CONTRACTS = MECHANISMS
Lines = list[dict[str, Any]]
Story = list[Told | str]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return record(tmp_path_factory.mktemp("recorded"))


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_real_export_holds(recorded: Recorded, mechanism: str) -> None:
    found = check(recorded.export(mechanism))
    assert found.difference is None
    assert found.flags == []
    assert found.counts.checked["bills worked out again"] == 8 * 6
    assert found.counts.checked["intervals with the power flow computed again"] == 6
    own = {
        AUCTION: ("books matched again", "orders with the signature of their member"),
        POOL: ("intervals shared again by the pool rule",),
        CONTRACTS: ("claims of agreements judged from statements", "statements with the signature of their member"),
    }
    assert found.counts.checked["trades"] > 0
    assert all(found.counts.checked[name] > 0 for name in own[mechanism])


def test_decisions_of_the_dso_are_made_again(recorded: Recorded) -> None:
    found = check(recorded.export(DECIDED))
    assert found.difference is None
    assert found.counts.checked["decisions of the DSO made again"] == 2
    assert found.counts.checked["intervals in which what stands is a part of what was struck"] == 6
    assert "whether something had to give way where the DSO took nothing" in found.counts.not_checked


def test_loans_are_judged_by_what_both_sides_signed_and_cut_as_a_whole(recorded: Recorded) -> None:
    for name in (LOANS, LOANS_DECIDED):
        found = check(recorded.export(name))
        assert found.difference is None
        assert found.counts.checked["trades"] == 12
        assert found.counts.checked["claims of agreements judged from statements"] == 5 * 24
        assert not any("claims of" in what for what in found.counts.not_checked)
    assert found.counts.checked["decisions of the DSO made again"] == 4


# without any key


def of_kind(lines: Lines, kind: str) -> int:
    return next(at for at, line in enumerate(lines) if "entry" in line and line["entry"]["kind"] == kind)


def edit_a_bill(lines: Lines) -> None:
    lines[of_kind(lines, "interval_settled")]["entry"]["body"]["members"] += 1


def edit_a_trade(lines: Lines) -> None:
    lines[of_kind(lines, "gate_closed")]["openings"]["trades"]["columns"]["price"][0] += 1


def delete_a_clearing(lines: Lines) -> None:
    del lines[of_kind(lines, "gate_closed")]


def swap_two_entries(lines: Lines) -> None:
    at = of_kind(lines, "readings_taken")
    lines[at], lines[at + 1] = lines[at + 1], lines[at]


def replay_orders(lines: Lines) -> None:
    lines.insert(-2, lines[of_kind(lines, "orders_placed")])


def drop_an_interval(lines: Lines) -> None:
    del lines[-3:-1]


def drop_the_history_after_a_head(lines: Lines) -> None:
    at = next(at for at, line in enumerate(lines) if "head" in line)
    del lines[at + 1 : -1]


@pytest.mark.parametrize(
    ("tamper", "where", "follows"),
    [
        (edit_a_bill, "(interval_settled, interval ", "exchange did not state this"),
        (edit_a_trade, "trades, row 0", "not what was logged"),
        (delete_a_clearing, "entry 3 (readings_taken", "deleted"),
        (swap_two_entries, "entry 4 (network_reported", "reordered"),
        (replay_orders, "entry 1 (orders_placed", "replayed"),
        (drop_an_interval, "end of the log", "is missing"),
        (drop_the_history_after_a_head, "end of the log", "is missing"),
    ],
)
def test_who_has_no_key_is_caught_by_signatures_and_tree(
    recorded: Recorded, tamper: Callable[[Lines], None], where: str, follows: str, tmp_path: Path
) -> None:
    lines = lines_of(recorded.export(AUCTION))
    tamper(lines)
    found = check(save(lines, tmp_path / "tampered.export"))
    assert found.difference is not None
    assert where in found.difference.where
    assert follows in found.difference.follows


# with the keys of exchange, DSO and witnesses, and none of members and meters


def bill_more(told: Story) -> None:
    """One member pays a cent more, another one less."""
    bills = first(told, "interval_settled").tables["bills"]
    bills["retail"][0] += 10_000
    bills["total"][0] += 10_000
    bills["retail"][1] -= 10_000
    bills["total"][1] -= 10_000


def skim(told: Story) -> None:
    """The exchange takes from the supplier."""
    body = first(told, "interval_settled", 2).body
    body["supplier"] += 500
    body["exchange"] -= 500


def make_money(told: Story) -> None:
    first(told, "interval_settled").body["members"] += 1


def pay_for_no_losses(told: Story) -> None:
    first(told, "interval_settled").body["loss_wh"] += 1


def clear_dearer(told: Story) -> None:
    clearing = first(told, "gate_closed", 1)
    trades, totals = clearing.tables["trades"], clearing.body["totals"]
    moved = [price + 1_000 for price in trades["price"]]
    paid = [energy * price for energy, price in zip(trades["energy_wh"], moved, strict=True)]
    trades["price"] = moved
    totals["price_low"], totals["price_high"] = [min(moved)], [max(moved)]
    totals["paid"] = [sum((each + 500) // 1000 for each in paid)]


def favour_a_friend(told: Story) -> None:
    """The same energy at the same price, sold by somebody else."""
    trades = first(told, "gate_closed", 1).tables["trades"]
    seller = trades["seller"][0]
    trades["seller"][0] = next(m for m in range(8) if m not in (seller, trades["buyer"][0]))


def leave_out_a_clearing(told: Story) -> None:
    told.remove(first(told, "gate_closed", 1))


def postpone_a_clearing(told: Story, until: str) -> None:
    """The gate before covers its interval, too, and makes nothing of it; what is struck comes later."""
    body = first(told, "gate_closed").body
    body["intervals"] = 2
    for name, nothing in (("energy_wh", 0), ("paid", 0), ("price_low", None), ("price_high", None)):
        body["totals"][name].append(nothing)
    clearing = first(told, "gate_closed", 1)
    told.remove(clearing)
    told.insert(told.index(first(told, until, 1)) + 1, clearing)


def clear_after_delivery(told: Story) -> None:
    postpone_a_clearing(told, "readings_taken")


def clear_after_acceptance(told: Story) -> None:
    first(told, "interval_accepted", 1).tables.clear()
    first(told, "interval_accepted", 1).body["cut_wh"] = 0
    postpone_a_clearing(told, "interval_accepted")


def leave_orders_uncleared(told: Story) -> None:
    postpone_a_clearing(told, "readings_taken")
    told.remove(first(told, "gate_closed", 1))
    told[:] = [each for each in told if not (isinstance(each, Told) and each.kind == "interval_settled")]


def share_after_settlement(told: Story) -> None:
    shared = first(told, "pool_shared")
    told.remove(shared)
    told.insert(told.index(first(told, "interval_settled")) + 1, shared)


def choose_the_seed(told: Story) -> None:
    first(told, "gate_closed", 1).body["seed"] = "0123456789abcdef"


def tell_another_price(told: Story) -> None:
    first(told, "gate_closed", 1).body["totals"]["price_high"][0] += 1


def raise_a_limit(told: Story) -> None:
    first(told, "orders_placed", 1).tables["orders"]["price"][0][0] += 1


def drop_an_order(told: Story) -> None:
    """Its member can show the order; the log shows that the clearing does not follow from the rest."""
    for column in first(told, "orders_placed", 1).tables["orders"].values():
        column.pop(0)


def invent_an_order(told: Story) -> None:
    orders = first(told, "orders_placed", 1).tables["orders"]
    orders["energy_wh"][0] = [orders["energy_wh"][0][0] * 2]


def replay_an_order(told: Story) -> None:
    """Yesterday's order, with its signature, in another gate."""
    old, new = (first(told, "orders_placed", number).tables["orders"] for number in (0, 1))
    for name, column in new.items():
        column[0] = old[name][0]


def sign_for_another(told: Story) -> None:
    orders = first(told, "orders_placed", 1).tables["orders"]
    orders["signature"][0] = orders["signature"][1]


def name_a_member_twice(told: Story) -> None:
    for column in first(told, "orders_placed", 1).tables["orders"].values():
        column.insert(0, column[0])


def edit_a_reading(told: Story) -> None:
    readings = first(told, "readings_taken")
    readings.tables["readings"]["energy_wh"][3] -= 100
    readings.body["sum_wh"] -= 100


def edit_the_head(told: Story) -> None:
    first(told, "readings_taken").body["head_wh"] += 100


def tell_another_sum(told: Story) -> None:
    first(told, "readings_taken").body["sum_wh"] += 100


def hide_a_voltage(told: Story) -> None:
    first(told, "network_reported").body["v_max"] -= 5_000


def hide_losses(told: Story) -> None:
    first(told, "network_reported").body["losses_wh"] += 500


def let_the_exchange_speak_for_the_dso(told: Story) -> None:
    at = told.index(first(told, "network_reported"))
    told[at] = replace(told[at], author="exchange")  # type: ignore[type-var]


def clear_twice(told: Story) -> None:
    at = told.index(first(told, "gate_closed"))
    told.insert(at + 1, told[at])


def settle_twice(told: Story) -> None:
    at = told.index(first(told, "interval_settled"))
    told.insert(at + 1, told[at])


def forget_an_interval(told: Story) -> None:
    told.remove(first(told, "interval_settled", 5))


def change_the_terms(told: Story) -> None:
    told.insert(-1, first(told, "area_opened"))


def say_nonsense(told: Story) -> None:
    told.insert(1, Told("weather_told", "exchange", {}, {}))


def leave_out_a_column(told: Story) -> None:
    del first(told, "gate_closed", 1).tables["trades"]["price"]


def trade_with_nobody(told: Story) -> None:
    first(told, "gate_closed", 1).tables["trades"]["buyer"][0] = 99


def run_another_market(told: Story) -> None:
    first(told, "area_opened").body["mechanism"] = "auction:pay-as-bid"


def run_no_market(told: Story) -> None:
    first(told, "area_opened").body["mechanism"] = "auction:uniforn"


def lower_the_tariff(told: Story) -> None:
    """Bills were made by another tariff than the one that was opened."""
    first(told, "area_opened").body["tariff"]["import_price"] -= 1_000


def move_a_member(told: Story) -> None:
    first(told, "area_opened").tables["members"]["bus"][0] = "nowhere"


def agree_on_dearer(told: Story) -> None:
    """A contract beyond the core, with honest totals."""
    agreed = next(
        each
        for each in told
        if isinstance(each, Told) and each.kind == "agreement_recorded" and "trades" in each.tables
    )
    trades, totals = agreed.tables["trades"], agreed.body["totals"]
    trades["price"][0] += 50_000
    paid = [energy * price for energy, price in zip(trades["energy_wh"], trades["price"], strict=True)]
    totals["price_low"], totals["price_high"] = [min(trades["price"])], [max(trades["price"])]
    totals["paid"] = [sum(round(each / 1000) for each in paid)]


def embellish_the_certificate(told: Story) -> None:
    first(told, "agreement_recorded", 1).body["certificate"][0]["value"] = 7.0


def edit_a_statement(told: Story) -> None:
    first(told, "statements_made", 1).tables["statements"]["ceiling"][0][0] += 1


def loan(told: Story) -> Told:
    """The first gate in which somebody lends."""
    return next(each for each in told if isinstance(each, Told) and "trades" in each.tables)


def tell_totals(agreed: Told) -> None:
    """Totals that are those of the trades, one an interval."""
    totals, trades = agreed.body["totals"], agreed.tables["trades"]
    for name in totals:
        totals[name] = [None if name.startswith("price") else 0] * agreed.body["intervals"]
    for at, wh, price in zip(trades["interval"], trades["energy_wh"], trades["price"], strict=True):
        totals["energy_wh"][at] += wh
        totals["paid"][at] += round(wh * price / 1000)
        totals["price_low"][at] = totals["price_high"][at] = price


def lend_less(told: Story) -> None:
    trades = loan(told).tables["trades"]
    trades["energy_wh"] = [wh - 1 for wh in trades["energy_wh"]]
    tell_totals(loan(told))


def keep_the_loan(told: Story) -> None:
    """Energy that does not come back."""
    agreed = loan(told)
    for name, column in agreed.tables["trades"].items():
        agreed.tables["trades"][name] = column[: len(column) // 2]
    tell_totals(agreed)


def drop_the_loan(told: Story) -> None:
    agreed = loan(told)
    for name in agreed.tables["trades"]:
        agreed.tables["trades"][name] = []
    tell_totals(agreed)
    del agreed.tables["trades"]


def untie_the_legs(told: Story) -> None:
    """What cuts one would leave the other."""
    trades = loan(told).tables["trades"]
    trades["leg"] = [-1] * len(trades["leg"])


def sign_for_a_borrower(told: Story) -> None:
    consents = first(told, "statements_made").tables["statements"]
    consents["loss"][0] = [1]


def have_it_back_in_full(told: Story) -> None:
    """The DSO cut the loan, and lets its return stand as it was agreed."""
    energy = {}
    for each in told:
        if isinstance(each, Told) and each.kind == "agreement_recorded" and "trades" in each.tables:
            columns = each.tables["trades"]
            rows = zip(columns["seller"], columns["buyer"], columns["interval"], columns["energy_wh"], strict=True)
            start = each.body["interval"]
            energy.update({(s, b, start + at * 900_000): wh for s, b, at, wh in rows})
    for each in told:
        if (
            isinstance(each, Told)
            and each.kind == "interval_accepted"
            and "trades" in each.tables
            and not each.body["cut_wh"]
        ):
            trades = each.tables["trades"]
            for row, (seller, buyer) in enumerate(zip(trades["seller"], trades["buyer"], strict=True)):
                whole = energy[seller, buyer, each.interval]
                if trades["energy_wh"][row] < whole:
                    trades["energy_wh"][row] = whole
                    return
    raise AssertionError("no return was scaled")


def share_unfairly(told: Story) -> None:
    shared = next(
        each for each in told if isinstance(each, Told) and each.kind == "pool_shared" and "trades" in each.tables
    )
    trades, totals = shared.tables["trades"], shared.body["totals"]
    trades["price"] = [price - 5_000 for price in trades["price"]]
    totals["price_low"], totals["price_high"] = [trades["price"][0]], [trades["price"][0]]
    totals["paid"] = [sum(round(e * p / 1000) for e, p in zip(trades["energy_wh"], trades["price"], strict=True))]


def decision(told: Story) -> Told:
    """The first in which something gave way."""
    return next(each for each in told if isinstance(each, Told) and "uses" in each.tables)


def let_more_stand(told: Story) -> None:
    trades = decision(told).tables["trades"]
    trades["energy_wh"][0] += 1


def cut_somebody_else(told: Story) -> None:
    """One trade keeps what another one gives, in the decision and in what stands."""
    made = decision(told)
    orders, trades = made.tables["orders"], made.tables["trades"]
    cut = next(row for row, left in enumerate(orders["left_wh"]) if left < orders["energy_wh"][row])
    orders["left_wh"][cut] += 1
    trades["energy_wh"][cut] += 1


def cut_for_nothing(told: Story) -> None:
    plain = next(
        each
        for each in told
        if isinstance(each, Told)
        and each.kind == "interval_accepted"
        and "uses" not in each.tables
        and "trades" in each.tables
    )
    plain.tables["trades"]["energy_wh"][0] -= 1


def accept_what_was_not_struck(told: Story) -> None:
    trades = decision(told).tables["trades"]
    trades["price"] = [price + 1 for price in trades["price"]]


def hide_the_case(told: Story) -> None:
    made = decision(told)
    del made.tables["uses"], made.tables["orders"]


def pretend_another_forecast(told: Story) -> None:
    """Less injection than was planned: nothing would have had to give way."""
    uses = decision(told).tables["uses"]
    uses["planned_wh"] = [max(wh, 0) for wh in uses["planned_wh"]]
    uses["spare_injection_wh"] = [0] * len(uses["planned_wh"])


def decide_on_other_orders(told: Story) -> None:
    decision(told).tables["orders"]["energy_wh"][0] += 1


def deliver_unchecked(told: Story) -> None:
    told.remove(first(told, "interval_accepted"))


def hide_what_was_metered(told: Story) -> None:
    told.remove(first(told, "network_reported", 3))


def hide_statements(told: Story) -> None:
    told[:] = [entry for entry in told if not (isinstance(entry, Told) and entry.kind == "statements_made")]


def decide_twice(told: Story) -> None:
    told.insert(told.index(first(told, "interval_accepted")), first(told, "interval_accepted"))


@pytest.mark.parametrize(
    ("mechanism", "forge", "where", "follows"),
    [
        (AUCTION, bill_more, "bill of m00000", "not what its bill says"),
        (AUCTION, skim, "interval_settled", "supplier paid what it did not owe"),
        (AUCTION, make_money, "interval_settled", "money was made or lost"),
        (AUCTION, pay_for_no_losses, "interval_settled", "other losses than were metered"),
        (AUCTION, clear_dearer, "gate_closed", "makes something else of these orders"),
        (AUCTION, favour_a_friend, "trades, row 0", "makes something else of these orders"),
        (AUCTION, choose_the_seed, "gate_closed", "another draw"),
        (AUCTION, leave_out_a_clearing, "readings_taken", "was left out"),
        (AUCTION, clear_after_delivery, "gate_closed", "nobody checks it"),
        (AUCTION, leave_orders_uncleared, "end of the log", "they were left out"),
        (DECIDED, clear_after_acceptance, "gate_closed", "nobody checks it"),
        (POOL, share_after_settlement, "interval_settled", "was left out"),
        (AUCTION, tell_another_price, "gate_closed", "not what was traded"),
        (AUCTION, raise_a_limit, "orders of member/m0000", "edited, made up, or replayed"),
        (AUCTION, drop_an_order, "gate_closed", "another draw"),
        (AUCTION, invent_an_order, "orders of member/m0000", "edited, made up, or replayed"),
        (AUCTION, replay_an_order, "orders of member/m0000", "edited, made up, or replayed"),
        (AUCTION, sign_for_another, "orders of member/m0000", "edited, made up, or replayed"),
        (AUCTION, name_a_member_twice, "orders_placed", "nobody can act on it"),
        (AUCTION, edit_a_reading, "readings of meter/m00003", "edited, made up, or replayed"),
        (AUCTION, edit_the_head, "the head's reading of meter", "edited, made up, or replayed"),
        (AUCTION, tell_another_sum, "readings_taken", "not that of the meters"),
        (AUCTION, hide_a_voltage, "network_reported", "not what the DSO reports"),
        (AUCTION, hide_losses, "network_reported", "not what the DSO reports"),
        (AUCTION, let_the_exchange_speak_for_the_dso, "network_reported", "counts for nothing"),
        (AUCTION, clear_twice, "gate_closed", "traded twice"),
        (AUCTION, settle_twice, "interval_settled", "settled twice"),
        (AUCTION, forget_an_interval, "end of the log", "settlement is missing"),
        (AUCTION, hide_what_was_metered, "end of the log", "power flow of what was metered is missing"),
        (CONTRACTS, hide_statements, "agreement_recorded", "they were left out"),
        (LOANS, hide_statements, "agreement_recorded", "they were left out"),
        (AUCTION, change_the_terms, "area_opened", "changed midway"),
        (AUCTION, say_nonsense, "weather_told", "nobody can act on it"),
        (AUCTION, leave_out_a_column, "gate_closed", "nobody can act on it"),
        (AUCTION, trade_with_nobody, "gate_closed", "nobody can act on it"),
        (AUCTION, run_another_market, "gate_closed", "auction:pay-as-bid makes something else"),
        (AUCTION, run_no_market, "area_opened", "nobody can act on it"),
        (AUCTION, lower_the_tariff, "bill of m0000", "not what its bill says"),
        (AUCTION, move_a_member, "area_opened", "nobody can act on it"),
        (CONTRACTS, agree_on_dearer, "agreement_recorded", "not what the mechanism promises"),
        (CONTRACTS, embellish_the_certificate, "agreement_recorded", "was not made for this agreement"),
        (CONTRACTS, edit_a_statement, "statements of member/m00000", "edited, made up, or replayed"),
        (LOANS, lend_less, "agreement_recorded", "not what the mechanism promises"),
        (LOANS, keep_the_loan, "agreement_recorded", "not what the mechanism promises"),
        (LOANS, drop_the_loan, "agreement_recorded", "not what the mechanism promises"),
        (LOANS, untie_the_legs, "agreement_recorded", "not what the mechanism promises"),
        (LOANS, sign_for_a_borrower, "statements of member/m00000", "edited, made up, or replayed"),
        (LOANS, embellish_the_certificate, "agreement_recorded", "was not made for this agreement"),
        (LOANS_DECIDED, have_it_back_in_full, "trades, row 0", "no part of what the market made"),
        (DECIDED, let_more_stand, "trades, row 0", "not what the decision left"),
        (DECIDED, cut_somebody_else, "interval_accepted", "pro-rata takes something else"),
        (DECIDED, cut_for_nothing, "interval_accepted", "no part of what the market made"),
        (DECIDED, accept_what_was_not_struck, "trades, row 0", "no part of what the market made"),
        (DECIDED, hide_the_case, "interval_accepted", "nobody knows on what was decided"),
        (DECIDED, pretend_another_forecast, "interval_accepted", "pro-rata takes something else"),
        (DECIDED, decide_on_other_orders, "interval_accepted", "the DSO saw another market"),
        (DECIDED, deliver_unchecked, "readings_taken", "delivered unchecked"),
        (DECIDED, decide_twice, "interval_accepted", "decided twice"),
        (POOL, share_unfairly, "pool_shared", "makes something else of these readings"),
        (POOL, bill_more, "bill of m00000", "not what its bill says"),
    ],
)
def test_an_exchange_that_signs_what_does_not_follow_is_caught_by_the_re_run(
    recorded: Recorded, mechanism: str, forge: Callable[[Story], None], where: str, follows: str, tmp_path: Path
) -> None:
    found = check(recorded.forged(mechanism, forge, tmp_path))
    assert found.difference is not None
    assert where in found.difference.where
    assert follows in found.difference.follows


def test_signing_anew_without_changing_anything_makes_a_fork_that_only_a_known_head_shows(
    recorded: Recorded, tmp_path: Path
) -> None:
    """Other salts, so other commitments: all parties conspire to tell a second story."""
    fork = recorded.forged(AUCTION, lambda told: None, tmp_path)
    assert check(fork).difference is None
    found = check(fork, Trust(heads=recorded.export(AUCTION))).difference
    assert found is not None
    assert "forked" in found.follows
    assert check(recorded.export(AUCTION), Trust(heads=recorded.export(AUCTION))).difference is None
