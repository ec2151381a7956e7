"""Single contracts: the matching, its core and the extremes of it."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gridpact.errors import InputError
from gridpact.markets.assignment import CorePoint, Payoffs, clear_single, core_extremes, core_payoffs, core_violation
from gridpact.markets.assignment.single import Matching
from markets.assignment_reference import extremes, flow_value, matching_value, single_as_links, sweeps, values

HOUSES = np.array([[5.0, 8.0, 2.0], [7.0, 9.0, 6.0], [2.0, 3.0, 0.0]])
"""Three houses and three buyers: Shapley and Shubik 1971, with the extremes that the paper gives."""


def assert_same(found: Payoffs, expected: Payoffs) -> None:
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def assert_core(matching: Matching, payoffs: Payoffs, tolerance: float = 0.0) -> None:
    """Every constraint, one by one."""
    u, w = payoffs
    assert (u >= -tolerance).all()
    assert (w >= -tolerance).all()
    assert (u[:, None] + w >= matching.value - tolerance).all()
    assert u.sum() + w.sum() == pytest.approx(matching.total, abs=tolerance)


def test_the_market_of_three_houses() -> None:
    matching = clear_single(HOUSES)
    assert matching.partner.tolist() == [1, 2, 0]
    assert matching.total == 16
    buyers, sellers = core_extremes(matching)
    assert_same(buyers, Payoffs(np.array([5.0, 6, 1]), np.array([1.0, 3, 0])))
    assert_same(sellers, Payoffs(np.array([3.0, 5, 0]), np.array([2.0, 5, 1])))
    assert_same(core_payoffs(matching), Payoffs(np.array([4, 5.5, 0.5]), np.array([1.5, 4, 0.5])))


@given(value=values())
@example(value=np.full((4, 4), 7.0))
@example(value=np.full((2, 5), 7.0))
@example(value=np.zeros((3, 2)))
def test_no_matching_is_worth_more(value: np.ndarray) -> None:
    matching = clear_single(value)
    buyer, seller = matching.pairs
    assert len(set(seller.tolist())) == len(seller)
    assert (value[buyer, seller] > 0).all()
    assert matching.total == value[buyer, seller].sum() == matching_value(value)


@settings(max_examples=40)
@given(value=values())
def test_the_best_matching_is_worth_the_linear_program(value: np.ndarray) -> None:
    assert clear_single(value).total == pytest.approx(flow_value(single_as_links(value)), abs=1e-9)


@pytest.mark.parametrize("shape", [(120, 120), (60, 150), (150, 60)])
@pytest.mark.parametrize("kind", ["uniform", "tied", "energies", "product"])
def test_larger_matchings_are_optimal_and_their_payoffs_in_the_core(shape: tuple[int, int], kind: str) -> None:
    rng = np.random.default_rng(7)
    rows, columns = (rng.integers(1, 2_000, n).astype(float) for n in shape)
    value = {
        "uniform": rng.random(shape),
        "tied": rng.integers(0, 4, shape).astype(float),
        "energies": np.minimum.outer(rows, columns) * rng.integers(0, 200_000, shape),
        "product": np.outer(rows, columns),
    }[kind]
    matching = clear_single(value)
    assert matching.total == pytest.approx(matching_value(value), rel=1e-13)
    tolerance = 1e-12 * matching.total if kind == "uniform" else 0.0
    for payoffs in (matching.payoffs, *core_extremes(matching)):
        assert_core(matching, payoffs, tolerance)


@given(value=values())
def test_every_core_point_is_in_the_core(value: np.ndarray) -> None:
    matching = clear_single(value)
    for point in CorePoint:
        payoffs = core_payoffs(matching, point)
        assert_core(matching, payoffs, 0.0 if point in set(CorePoint) - {"nucleolus", "leximin"} else 1e-9)
        assert core_violation(matching, payoffs) <= 1e-12


@given(value=values())
def test_the_extremes_are_those_of_the_sweeps(value: np.ndarray) -> None:
    matching = clear_single(value)
    seller_of = matching.partner
    buyer_of = np.full(value.shape[1], -1)
    buyer_of[seller_of[seller_of >= 0]] = np.flatnonzero(seller_of >= 0)
    buyers, sellers = core_extremes(matching)
    assert_same(buyers, sweeps(value, seller_of))
    assert_same(sellers, Payoffs(*reversed(sweeps(value.T, buyer_of))))


@settings(max_examples=40)
@given(value=values(4, least=1))
def test_the_extremes_are_those_of_the_linear_programs(value: np.ndarray) -> None:
    """The programs' vertices are integers; rounded, they are the same to the last bit."""
    for mine, theirs in zip(core_extremes(clear_single(value)), extremes(single_as_links(value)), strict=True):
        for side, reference in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(reference, np.rint(reference), atol=1e-9)
            np.testing.assert_array_equal(side, np.rint(reference))


@settings(max_examples=60)
@given(value=values(5))
def test_the_best_payoff_of_a_member_is_what_it_adds(value: np.ndarray) -> None:
    """v(N) − v(N∖i): Demange 1982, Leonard 1983."""
    buyers, sellers = core_extremes(clear_single(value))
    whole = matching_value(value)
    assert buyers.buyer.tolist() == [whole - matching_value(np.delete(value, i, 0)) for i in range(value.shape[0])]
    assert sellers.seller.tolist() == [whole - matching_value(np.delete(value, j, 1)) for j in range(value.shape[1])]


@settings(max_examples=60)
@given(value=values(5), data=st.data())
def test_equal_members_get_equal_payoffs(value: np.ndarray, data: st.DataObject) -> None:
    for axis in (0, 1):
        if value.shape[axis] == 0:
            continue
        twin = data.draw(st.integers(0, value.shape[axis] - 1))
        matching = clear_single(np.insert(value, 0, value.take(twin, axis), axis))
        for point in CorePoint:
            payoffs = core_payoffs(matching, point)[axis]
            assert payoffs[0] == pytest.approx(payoffs[twin + 1], abs=1e-9)


@settings(max_examples=60)
@given(value=values(5), seed=st.integers(0, 2**32))
def test_the_order_of_members_decides_no_payoff(value: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = (rng.permutation(n) for n in value.shape)
    here, there = clear_single(value), clear_single(value[np.ix_(rows, columns)])
    assert here.total == there.total
    for point in CorePoint:
        mine, theirs = core_payoffs(here, point), core_payoffs(there, point)
        np.testing.assert_allclose(mine.buyer[rows], theirs.buyer, atol=1e-9)
        np.testing.assert_allclose(mine.seller[columns], theirs.seller, atol=1e-9)


@settings(max_examples=30)
@given(value=values())
def test_sides_are_treated_alike(value: np.ndarray) -> None:
    here, there = core_extremes(clear_single(value)), core_extremes(clear_single(value.T))
    assert_same(here[0], Payoffs(*reversed(there[1])))


def test_pairs_that_cannot_trade_are_worth_nothing() -> None:
    matching = clear_single([[-np.inf, 2.0], [-3.0, 1.0]])
    assert matching.partner.tolist() == [1, -1]
    assert matching.value.tolist() == [[0, 2], [0, 1]]
    buyers, sellers = core_extremes(matching)
    assert_same(buyers, Payoffs(np.array([1.0, 0]), np.array([0.0, 1])))
    assert_same(sellers, Payoffs(np.array([0.0, 0]), np.array([0.0, 2])))


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_a_market_with_an_empty_side_has_no_contracts(shape: tuple[int, int]) -> None:
    matching = clear_single(np.zeros(shape))
    assert (matching.total, matching.partner.tolist()) == (0.0, [-1] * shape[0])
    for point in CorePoint:
        assert [len(side) for side in core_payoffs(matching, point)] == list(shape)
        assert core_violation(matching, core_payoffs(matching, point)) == 0


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1.0, np.nan]], "buyer 0, seller 1: a value of nan"),
        ([[1.0], [np.inf]], "buyer 1, seller 0: a value of inf"),
        ([1.0, 2.0], r"values of shape \(2,\)"),
    ],
)
def test_what_is_no_value_is_refused_by_its_place(value: list[object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        clear_single(value)


@pytest.mark.parametrize(
    ("buyer", "seller", "expected"),
    [
        ([4.0, 5.5, 0.5], [1.5, 4.0, 0.5], 0.0),
        ([4.0, 5.5, 0.5], [1.5, 4.0, 1.5], 1 / 16),  # one more than there is
        ([2.0, 5.5, 0.5], [1.5, 4.0, 0.5], 2 / 16),  # buyer 0 and seller 1 would gain 2, and 2 are left over
        ([6.0, 6.0, -1.0], [2.0, 3.0, 0.0], 1 / 16),  # buyer 2 would rather stay alone; pairs 2-0 and 2-2 gain 1
        ([4.0, 9.5, 0.5], [-1.5, 3.0, 0.5], 3 / 16),  # pair 2-0 has −1 of its 2
    ],
)
def test_the_distance_from_the_core_is_the_worst_constraint(
    buyer: list[float], seller: list[float], expected: float
) -> None:
    assert core_violation(clear_single(HOUSES), Payoffs(np.array(buyer), np.array(seller))) == expected
