"""A certificate is only worth something if a wrong outcome fails it: each check is shown some.

Outcomes are changed behind the rule, books before it: the certificate is given the book as it was placed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gridpact.errors import InputError
from gridpact.markets import Book, Certificate, Check, Party
from gridpact.markets.auction import Auction
from gridpact.markets.auction.bidding import Truthful
from gridpact.markets.auction.merit import MeritOrder
from gridpact.markets.auction.rules import Claims, Clarke, Matching, Muda, PayAsBid, Rule, TradeReduction, Uniform
from markets.auction_books import Row, asks, bids, book_of, one_order_each, seeds

ROWS = asks((0, 1_000, 100), (1, 1_000, 200), (0, 1_000, 500)) + bids((2, 1_000, 400), (3, 1_000, 350), (0, 1_000, 90))
NEXT_INTERVAL = asks((4, 1_000, 100), interval=1) + bids((5, 1_000, 400), interval=1)
BOOK = book_of(ROWS + NEXT_INTERVAL)
"""The first interval clears between 200 and 350, the second between 100 and 400."""

IRRATIONAL, UNBALANCED, GAP, OUTSIDE = "individual rationality", "energy balance", "optimality gap", "price outside"
LEFT, PAID, ASTRAY = "budget: left with the exchange", "budget: paid by the sponsor", "payments other than the rule's"

Change = Callable[[Matching, MeritOrder], Matching]


@dataclass(frozen=True)
class Tampered:
    """A rule whose outcome is changed; its claims stay."""

    rule: Rule
    change: Change

    @property
    def claims(self) -> Claims:
        return self.rule.claims

    @property
    def sponsor(self) -> Party:
        return self.rule.sponsor

    def match(self, orders: MeritOrder, seed: np.uint64) -> Matching:
        return self.change(self.rule.match(orders, seed), orders)


def certificate(rule: Rule, change: Change, book: Book = BOOK, seed: int = 1) -> Certificate:
    return Auction("auction:tampered", Truthful(), Tampered(rule, change)).match(book, seed).certificate


def check_of(found: Certificate, name: str) -> Check:
    return next(check for check in found.checks if check.name.startswith(name))


def unchanged(matching: Matching, orders: MeritOrder) -> Matching:
    return matching


def with_pair(row: int, pair: int, value: int) -> Change:
    """Overwrite one entry of (ask, bid, Wh, price)."""

    def change(matching: Matching, orders: MeritOrder) -> Matching:
        pairs = matching.pairs.copy()
        pairs[row, pair] = value
        return replace(matching, pairs=pairs)

    return change


def with_money(change_money: Callable[[np.ndarray, Matching, MeritOrder], np.ndarray]) -> Change:
    """Change what the orders pay and receive in all; without transfers so far: what their trades come to."""

    def change(matching: Matching, orders: MeritOrder) -> Matching:
        money = matching.money
        if money is None:
            money = np.zeros(len(matching.award), dtype=np.int64)
            for side in matching.pairs[:2]:
                np.add.at(money, side, matching.pairs[2] * matching.pairs[3])
        return replace(matching, money=change_money(money.copy(), matching, orders))

    return change


def is_ask(orders: MeritOrder) -> np.ndarray:
    segment = np.searchsorted(orders.start, np.arange(len(orders.member)), side="right") - 1
    return np.arange(len(orders.member)) < orders.middle[segment]


def their_own_prices(matching: Matching, orders: MeritOrder) -> Matching:
    """Sellers get their ask, buyers pay their bid."""
    pairs = matching.pairs.copy()
    pairs[3] = orders.price[pairs[0]]
    return replace(matching, pairs=pairs, money=matching.award * orders.price)


@pytest.mark.parametrize(
    "rule", [Uniform(), PayAsBid(), TradeReduction(), Muda(), Muda(vickrey=True), Clarke()], ids=repr
)
def test_an_honest_outcome_passes(rule: Rule) -> None:
    assert certificate(rule, unchanged).passed


@pytest.mark.parametrize(
    ("change", "name", "value"),
    [
        (with_pair(3, 0, 410), IRRATIONAL, 10),
        (with_pair(3, 1, 195), IRRATIONAL, 5),
        (with_pair(3, 0, 360), OUTSIDE, 10),
        (with_pair(3, 0, 276), ASTRAY, 1),
        (with_pair(2, 0, 900), GAP, 30),
        (with_pair(2, 0, 1_100), UNBALANCED, 100),
        (with_pair(1, 2, 4), UNBALANCED, 1_000),
        (with_pair(0, 0, 6), UNBALANCED, 1_000),
        (lambda matching, orders: replace(matching, pairs=matching.pairs[:, :2]), GAP, 300),
    ],
    ids=[
        "a buyer pays more than its limit",
        "a seller gets less than its limit",
        "a price that does not clear",
        "a price that clears and is not the midpoint",
        "less traded than can be",
        "more traded than ordered",
        "a buyer without a bid in the interval",
        "a seller without an ask in the interval",
        "a pair left out",
    ],
)
def test_a_wrong_trade_is_found(change: Change, name: str, value: float) -> None:
    found = check_of(certificate(Uniform(), change), name)
    assert not found.passed
    assert found.value == pytest.approx(value)


@pytest.mark.parametrize("change", [with_pair(2, 0, 0), with_pair(1, 0, 5)], ids=["of nothing", "with oneself"])
def test_an_impossible_trade_is_no_pact_at_all(change: Change) -> None:
    with pytest.raises(InputError):
        certificate(Uniform(), change)


def test_trades_of_several_orders_must_be_worth_it_together() -> None:
    """Bids of 400 and 200 for 1 kWh each justify 600 for 2 kWh: 350 is within the better limit, twice 350 is not."""
    book = book_of(asks((0, 2_000, 100)) + bids((1, 1_000, 400), (1, 1_000, 200)))

    def both_at(price: int) -> Certificate:
        return certificate(PayAsBid(), lambda m, _: replace(m, pairs=np.vstack([m.pairs[:3], [[price] * 2]])), book)

    assert check_of(both_at(300), IRRATIONAL).value == 0
    assert check_of(both_at(350), IRRATIONAL).value == 50


@pytest.mark.parametrize(
    ("amount", "name"),
    [(lambda asks_: ~asks_, LEFT), (lambda asks_: asks_, PAID)],
    ids=["buyers pay more", "sellers get more"],
)
@pytest.mark.parametrize("rule", [Uniform(), Muda()], ids=repr)
def test_money_that_the_members_do_not_pay_each_other_breaks_the_budget(
    rule: Rule, amount: Callable[[np.ndarray], np.ndarray], name: str
) -> None:
    """50 micro-units a kWh on one side."""
    change = with_money(lambda money, matching, orders: money + 50 * matching.award * amount(is_ask(orders)))
    seed = next(seed for seed in range(100) if traded_wh(rule, seed) > 0)
    found = certificate(rule, change, seed=seed)
    assert not check_of(found, name).passed
    assert check_of(found, name).value == 50 * traded_wh(rule, seed) / 1_000
    assert check_of(found, ASTRAY).value == 50


def traded_wh(rule: Rule, seed: int) -> int:
    """Energy that a rule trades."""
    return int(Auction("auction:honest", Truthful(), rule).match(BOOK, seed).trades.energy_wh.sum())


LADDER = book_of(
    asks(*((member, 1_000, 100 + 10 * member) for member in range(8)))
    + bids(*((member, 1_000, 400 - 10 * member) for member in range(8, 20)))
)

PAYMENTS: dict[str, tuple[Rule, Change]] = {
    "vcg: sellers get a thousandfold": (
        Clarke(),
        with_money(lambda money, _, orders: money * np.where(is_ask(orders), 1_000, 1)),
    ),
    "vcg: buyers are paid": (Clarke(), with_money(lambda money, _, orders: np.where(is_ask(orders), money, -money))),
    "vcg: no transfers": (Clarke(), lambda matching, _: replace(matching, money=None)),
    "vcg: one micro-unit more": (Clarke(), with_money(lambda money, matching, _: money + (matching.award > 0) * 1_000)),
    "mcafee: all at their own price": (TradeReduction(), their_own_prices),
    "mcafee: buyers pay the sellers' price": (TradeReduction(), lambda matching, _: replace(matching, money=None)),
    "muda: all at their own price": (Muda(), their_own_prices),
    "muda: the price of one's own half": (Muda(), lambda m, _: replace(m, pairs=np.vstack([m.pairs[:3], m.pairs[3] + 5]))),
    "muda, Vickrey: no extra payment": (Muda(vickrey=True), lambda matching, _: replace(matching, money=None)),
    "pay-as-bid instead of uniform": (Uniform(), lambda m, o: replace(m, pairs=np.vstack([m.pairs[:3], o.price[m.pairs[1]]]))),
}  # fmt: skip


@pytest.mark.parametrize("case", PAYMENTS)
def test_payments_other_than_the_rules_are_found(case: str) -> None:
    rule, change = PAYMENTS[case]
    assert certificate(rule, unchanged, LADDER).passed
    found = check_of(certificate(rule, change, LADDER), ASTRAY)
    assert found.tolerance == 0
    assert not found.passed


@pytest.mark.parametrize("rule", [Uniform(), TradeReduction(), Muda(), Muda(vickrey=True), Clarke()], ids=repr)
@settings(max_examples=40)
@given(rows=one_order_each(), seed=seeds, more=st.sampled_from([-1, 1]), data=st.data())
def test_the_least_that_is_more_than_rounding_is_found(
    rule: Rule, rows: list[Row], seed: int, more: int, data: st.DataObject
) -> None:
    """One micro-unit per kWh in the price of one trade; two micro-units where they are brought about by a transfer."""
    book = book_of(rows)
    matching = rule.match(MeritOrder.of(book, seed), np.uint64(seed))
    assume(matching.pairs.shape[1] > 0)
    side, pair = data.draw(st.integers(0, 1)), data.draw(st.integers(0, matching.pairs.shape[1] - 1))

    def dearer(money: np.ndarray, matching: Matching, orders: MeritOrder) -> np.ndarray:
        money[matching.pairs[side, pair]] += more * 2_000
        return money

    change = (
        with_money(dearer) if matching.money is not None else with_pair(3, pair, int(matching.pairs[3, pair]) + more)
    )
    assert check_of(certificate(rule, unchanged, book, seed), ASTRAY).passed
    assert not check_of(certificate(rule, change, book, seed), ASTRAY).passed


def test_transfers_beyond_a_limit_are_found() -> None:
    """Charged 900 for a kWh that is worth 400 to its buyer: 500 beyond the limit."""

    def charge(money: np.ndarray, matching: Matching, orders: MeritOrder) -> np.ndarray:
        money[3] = 900 * 1_000
        return money

    assert check_of(certificate(Clarke(), with_money(charge)), IRRATIONAL).value == 500


def test_a_member_that_trades_nothing_owes_nothing() -> None:
    """The last bid of the ladder does not trade: 7 micro-units from it are beyond its limit and not what the rule says."""

    def charge(money: np.ndarray, matching: Matching, orders: MeritOrder) -> np.ndarray:
        assert matching.award[-1] == 0
        money[-1] = 7 * 1_000
        return money

    found = certificate(Clarke(), with_money(charge), LADDER)
    assert not check_of(found, IRRATIONAL).passed
    assert check_of(found, ASTRAY).value == 7


def reversed_asks(orders: MeritOrder) -> MeritOrder:
    by = np.arange(len(orders.member))
    by[: orders.middle[0]] = by[: orders.middle[0]][::-1]
    return replace(orders, member=orders.member[by], energy_wh=orders.energy_wh[by], price=orders.price[by])


BEFORE_MATCHING: dict[str, tuple[Callable[[MeritOrder], MeritOrder], str]] = {
    "the dearest ask first": (reversed_asks, GAP),
    "twice the energy": (lambda orders: replace(orders, energy_wh=orders.energy_wh * 2), UNBALANCED),
    "half the energy": (lambda orders: replace(orders, energy_wh=orders.energy_wh // 2), GAP),
    "prices off by one": (lambda orders: replace(orders, price=orders.price + 1), ASTRAY),
    "a charge forgotten": (lambda orders: replace(orders, price=orders.price + 1_000), IRRATIONAL),
    "the orders of somebody else": (lambda orders: replace(orders, member=orders.member[::-1]), UNBALANCED),
}


@pytest.mark.parametrize("case", BEFORE_MATCHING)
def test_an_error_in_the_merit_order_is_found(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change, name = BEFORE_MATCHING[case]
    right = MeritOrder.of
    monkeypatch.setattr(MeritOrder, "of", lambda book, seed: change(right(book, seed)))
    book = book_of(asks((0, 1_000, 100), (1, 1_000, 200), (2, 500, 390)) + bids((3, 1_000, 400), (4, 1_000, 350)))
    found = Auction("auction:uniform", Truthful(), Uniform()).match(book, 1).certificate
    assert not check_of(found, name).passed


def test_own_orders_that_still_meet_others_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Member 0 asks 50 and bids 600: nothing of it may trade. Without netting it sells to 2 and buys from 1."""
    book = book_of(asks((0, 1_000, 50), (1, 1_000, 100)) + bids((2, 1_000, 700), (0, 1_000, 600)))
    right = MeritOrder.of

    def without_netting(placed: Book, seed: int) -> MeritOrder:
        apart = right(Book(**{**placed.columns(), "member": np.arange(len(placed))}), seed)
        return replace(apart, member=placed.member[apart.member])

    assert Auction("auction:uniform", Truthful(), Uniform()).match(book, 1).certificate.passed
    monkeypatch.setattr(MeritOrder, "of", without_netting)
    found = Auction("auction:uniform", Truthful(), Uniform()).match(book, 1).certificate
    assert check_of(found, UNBALANCED).value == 1_000
