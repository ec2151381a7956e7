"""A certificate is only worth something if a wrong outcome fails it: each check is shown one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from gridpact.markets import Certificate, Party
from gridpact.markets.auction import Auction
from gridpact.markets.auction.bidding import Truthful
from gridpact.markets.auction.merit import MeritOrder
from gridpact.markets.auction.rules import Claims, Clarke, Matching, Rule, Uniform
from markets.auction_books import asks, bids, book_of

ROWS = asks((0, 1_000, 100), (1, 1_000, 200), (0, 1_000, 500)) + bids((2, 1_000, 400), (3, 1_000, 350), (0, 1_000, 90))
NEXT_INTERVAL = asks((4, 1_000, 100), interval=1) + bids((5, 1_000, 400), interval=1)
IRRATIONAL, UNBALANCED, GAP, OUTSIDE = "individual rationality", "energy balance", "optimality gap", "price outside"

Change = Callable[[Matching], Matching]


@dataclass(frozen=True)
class Tampered:
    """A rule whose outcome is changed."""

    rule: Rule
    change: Change
    claims: ClassVar[Claims] = Claims(efficient=True, clearing_price=True, no_deficit=False, no_surplus=False)
    sponsor: ClassVar[Party] = Party.EXCHANGE

    def match(self, orders: MeritOrder, seed: np.uint64) -> Matching:
        return self.change(self.rule.match(orders, seed))


def certificate(rule: Rule, change: Change) -> Certificate:
    return (
        Auction("auction:tampered", Truthful(), Tampered(rule, change))
        .match(book_of(ROWS + NEXT_INTERVAL), 1)
        .certificate
    )


def with_pair(row: int, pair: int, value: int) -> Change:
    """Overwrite one entry of (ask, bid, Wh, price)."""

    def change(matching: Matching) -> Matching:
        pairs = matching.pairs.copy()
        pairs[row, pair] = value
        return replace(matching, pairs=pairs)

    return change


def test_an_honest_outcome_passes() -> None:
    assert certificate(Uniform(), lambda matching: matching).passed


@pytest.mark.parametrize(
    ("change", "name", "value"),
    [
        (with_pair(3, 0, 410), IRRATIONAL, 10),
        (with_pair(3, 1, 195), IRRATIONAL, 5),
        (with_pair(3, 0, 360), OUTSIDE, 10),
        (with_pair(2, 0, 900), UNBALANCED, 100),
        (with_pair(2, 0, 0), UNBALANCED, 1_000),
        (with_pair(2, 0, 1_100), UNBALANCED, 100),
        (with_pair(1, 0, 5), UNBALANCED, 1_000),
        (lambda matching: replace(matching, pairs=matching.pairs[:, :2]), GAP, 300),
        (lambda matching: replace(matching, award=matching.award // 2), UNBALANCED, 500),
    ],
    ids=[
        "a buyer pays more than its limit",
        "a seller gets less than its limit",
        "a price that does not clear",
        "less traded than awarded",
        "a trade of nothing",
        "more traded than ordered",
        "a member trades with itself",
        "a pair left out",
        "awards that no trade covers",
    ],
)
def test_a_wrong_outcome_is_found(change: Change, name: str, value: float) -> None:
    found = certificate(Uniform(), change)
    assert not found.passed
    check = next(check for check in found.checks if check.name.startswith(name))
    assert check.value == pytest.approx(value)


def test_a_trade_across_intervals_is_found() -> None:
    found = certificate(Uniform(), with_pair(1, 2, 4))
    assert next(check for check in found.checks if check.name.startswith(UNBALANCED)).value == 1_000


def test_transfers_beyond_a_limit_are_found() -> None:
    """Charged 900 for a kWh that is worth 400 to its buyer: 500 beyond the limit."""

    def charge(matching: Matching) -> Matching:
        assert matching.money is not None
        money = matching.money.copy()
        money[3] = 900 * 1_000
        return replace(matching, money=money)

    found = certificate(Clarke(), charge)
    assert next(check for check in found.checks if check.name.startswith(IRRATIONAL)).value == 500
