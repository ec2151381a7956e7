"""The nucleolus, leximin and the midpoint against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpact.markets.assignment import (
    CorePoint,
    Links,
    Payoffs,
    clear_multi,
    clear_single,
    core_extremes,
    core_payoffs,
    core_violation,
)
from markets.assignment_reference import leximin, markets, nucleolus, price_nucleolus, single_as_links, values


def assert_close(found: Payoffs, expected: Payoffs, tolerance: float = 1e-6) -> None:
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=tolerance)


@pytest.mark.parametrize(
    ("value", "buyer", "seller"),
    [
        ([[1.0]], [1 / 2], [1 / 2]),  # two members share equally
        ([[1.0], [1.0]], [0, 0], [1]),  # two left gloves and a right one: the core is a point
        ([[1.0, 1.0], [1.0, 1.0]], [1 / 2, 1 / 2], [1 / 2, 1 / 2]),
        ([[4.0, 3.0]], [3.5], [0.5, 0]),  # the second seller warrants 3 to the buyer; the rest is shared
        # The houses of Shapley and Shubik: u1 = 8 − w2, u2 = 6 − w3, u3 = 2 − w1. Three slacks add up to 1, so each is 1/3:
        # w3, u2 + w1 − 7 = w1 − w3 − 1, u3 = 2 − w1. Then u1 + w1 − 5 = 14/3 − w2 equals u2 + w2 − 9 = w2 − 10/3: w2 = 4.
        ([[5.0, 8, 2], [7, 9, 6], [2, 3, 0]], [4, 17 / 3, 1 / 3], [5 / 3, 4, 1 / 3]),
    ],
)
def test_nucleoli_of_known_games(value: list[list[float]], buyer: list[float], seller: list[float]) -> None:
    matching = clear_single(value)
    assert_close(core_payoffs(matching, CorePoint.NUCLEOLUS), Payoffs(np.array(buyer), np.array(seller)), 1e-12)
    assert_close(nucleolus(np.array(value)), Payoffs(np.array(buyer), np.array(seller)))


@settings(max_examples=12)
@given(value=values(3, least=1))
def test_the_nucleolus_of_single_contracts_is_that_of_the_game_over_all_coalitions(value: np.ndarray) -> None:
    assert_close(core_payoffs(clear_single(value), CorePoint.NUCLEOLUS), nucleolus(value))


@settings(max_examples=12)
@given(value=values(5, dearest=30, least=1))
def test_single_contracts_agree_with_the_linear_programs(value: np.ndarray) -> None:
    matching, links = clear_single(value), single_as_links(value)
    assert_close(core_payoffs(matching, CorePoint.NUCLEOLUS), price_nucleolus(links))
    assert_close(core_payoffs(matching, CorePoint.LEXIMIN), leximin(links))


@pytest.mark.parametrize("limited", [False, True])
@settings(max_examples=12)
@given(data=st.data())
def test_multi_contracts_agree_with_the_linear_programs(limited: bool, data: st.DataObject) -> None:
    links = data.draw(markets(4, limited=limited))
    flow = clear_multi(links)
    assert_close(core_payoffs(flow, CorePoint.NUCLEOLUS), price_nucleolus(links))
    assert_close(core_payoffs(flow, CorePoint.LEXIMIN), leximin(links))


@pytest.mark.parametrize("kind", ["uniform", "tied", "energies"])
def test_larger_nucleoli_are_balanced(kind: str) -> None:
    """Whatever slack leaves a set of contracts, one as small leads back into it: this singles out the nucleolus.

    A slack of arc k → l is what grows with the payoffs of the sellers in l and shrinks with those in k.
    """
    rng, n = np.random.default_rng(11), 60
    value = {
        "uniform": rng.random((n, n)),
        "tied": rng.integers(0, 6, (n, n)).astype(float),
        "energies": np.minimum.outer(rng.integers(1, 9, n), rng.integers(1, 9, n)) * rng.random((n, n)),
    }[kind]
    matching = clear_single(value)
    slack = contract_slacks(matching.value, matching.partner, core_payoffs(matching, CorePoint.NUCLEOLUS))
    assert imbalance(slack) < 1e-9
    if kind != "tied":
        assert imbalance(contract_slacks(matching.value, matching.partner, core_payoffs(matching))) > 1e-3


def contract_slacks(value: np.ndarray, partner: np.ndarray, payoffs: Payoffs) -> np.ndarray:
    """The smallest slack between any two contracts; contract 0 is being alone."""
    u, w = payoffs
    contract_b = np.zeros(len(u), dtype=int)
    contract_b[partner >= 0] = np.arange(1, (partner >= 0).sum() + 1)
    contract_s = np.zeros(len(w), dtype=int)
    contract_s[partner[partner >= 0]] = contract_b[partner >= 0]
    slack = np.full((contract_b.max() + 1,) * 2, np.inf)
    np.minimum.at(slack, (contract_b[:, None], contract_s), u[:, None] + w - value)
    np.minimum.at(slack, (contract_b, 0), u)
    np.minimum.at(slack, (0, contract_s), w)
    np.fill_diagonal(slack, np.inf)
    return slack


def imbalance(slack: np.ndarray) -> float:
    """How much smaller a slack is than the largest one on the best way back."""
    back = slack.copy()
    for k in range(len(back)):
        back = np.minimum(back, np.maximum(back[:, k, None], back[k]))
    return float((back.T - slack)[np.isfinite(slack)].max())


@pytest.mark.parametrize("kind", ["uniform", "tied"])
def test_larger_leximin_points_leave_nobody_room(kind: str) -> None:
    """At 40 × 40: a member can gain only if somebody who has no more loses."""
    rng, n = np.random.default_rng(13), 40
    value = rng.random((n, n)) if kind == "uniform" else rng.integers(0, 6, (n, n)).astype(float)
    matching = clear_single(value)
    u, w = core_payoffs(matching, CorePoint.LEXIMIN)
    assert core_violation(matching, Payoffs(u, w)) < 1e-12
    slack = u[:, None] + w - value
    buyer_of = np.full(n, -1)
    buyer_of[matching.partner[matching.partner >= 0]] = np.flatnonzero(matching.partner >= 0)
    for gains, loses, tight, partner in ((u, w, slack < 1e-9, matching.partner), (w, u, slack.T < 1e-9, buyer_of)):
        for member in np.flatnonzero(partner >= 0):
            losers = who_loses(partner[member], tight, partner)
            assert losers is None or loses[losers].min() <= gains[member] + 1e-9


def who_loses(first: int, tight: np.ndarray, partner: np.ndarray) -> list[int] | None:
    """Who of one side loses if ``first`` does: members of the other side whose pairs with a loser have no slack must gain.

    None if one of these is alone, so that it cannot gain.
    """
    losers, todo = {first}, [first]
    while todo:
        for winner in np.flatnonzero(tight[:, todo.pop()]):
            if partner[winner] < 0:
                return None
            if partner[winner] not in losers:
                losers.add(partner[winner])
                todo.append(partner[winner])
    return sorted(losers)


def test_leximin_of_many_contracts_counts_money_and_not_prices() -> None:
    """2 kWh against 1 + 1 kWh at a gain of 6: 4 in money each is 2 per kWh to the buyer and 4 to the sellers."""
    flow = clear_multi(Links.dense([[6, 6]], demand=[2], supply=[1, 1]))
    payoffs = core_payoffs(flow, CorePoint.LEXIMIN)
    assert_close(payoffs, Payoffs(np.array([2.0]), np.array([4.0, 4])), 1e-12)
    assert_close(core_payoffs(flow, CorePoint.NUCLEOLUS), Payoffs(np.array([3.0]), np.array([3.0, 3])), 1e-12)


@given(links=markets(4, limited=True))
def test_the_midpoint_lies_half_way_between_the_extremes(links: Links) -> None:
    flow = clear_multi(links)
    low, high = core_extremes(flow)
    mid = core_payoffs(flow)
    for k in (0, 1):
        np.testing.assert_array_equal(mid[k], (low[k] + high[k]) / 2)
    assert (low.buyer >= high.buyer).all()
    assert (low.seller <= high.seller).all()
