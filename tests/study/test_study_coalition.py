"""The study of coalitional games: the polygon of the core, widths, scarcity, and a page that says what the numbers say."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from gridpact.markets.assignment import Payoffs, clear_single, core_violation
from gridpact.study.coalition import Study, methods, page, run_study
from gridpact.study.coalition.core import SHAPLEY, core_polygon, share, single_shares, widths
from gridpact.study.coalition.markets import EXPORT_PRICE, IMPORT_PRICE, random_market, small_market
from gridpact.study.coalition.rounds import BARGAINING, PAIRS
from gridpact.study.coalition.sampling import converge, gain_of_reversal
from gridpact.study.coalition.scarcity import core_income, incomes, mmr_income, scaled_community, sdr_income
from gridpact.study.pages.formats import percent
from gridpact.study.pages.render import render
from study.small_studies import TINY


@pytest.fixture(scope="module")
def study() -> Study:
    return run_study(TINY, seed=3)


def furthest(value: np.ndarray, direction: np.ndarray) -> float:
    """The most of ``direction · (u_1, u_2)`` over the core, as a linear program over all payoffs."""
    buyers, sellers = value.shape
    pairs = [(i, j) for i in range(buyers) for j in range(sellers)]
    at_least = np.zeros((len(pairs), buyers + sellers))
    for row, (i, j) in enumerate(pairs):
        at_least[row, [i, buyers + j]] = -1
    found = linprog(
        -np.concatenate([direction, np.zeros(sellers)]),
        A_ub=at_least,
        b_ub=[-value[pair] for pair in pairs],
        A_eq=np.ones((1, buyers + sellers)),
        b_eq=[clear_single(value).total],
    )
    assert found.status == 0
    return -found.fun


@given(st.integers(0, 10_000), st.integers(2, 4), st.floats(0, 2 * np.pi))
def test_the_polygon_is_the_core_as_far_as_a_linear_program_sees_it(seed, sellers, angle):
    value = random_market(np.random.default_rng(seed), 2, sellers).value
    matching = clear_single(value)
    if (matching.partner < 0).any():
        return
    direction = np.array([np.cos(angle), np.sin(angle)])
    assert (core_polygon(matching) @ direction).max() == pytest.approx(furthest(value, direction), abs=1e-7)


def test_the_corners_of_the_small_market_are_core_points_in_order():
    matching = clear_single(small_market().value)
    corners = core_polygon(matching)
    assert len(corners) == 6
    for corner in corners:
        seller = np.zeros(3)
        seller[matching.partner] = matching.value[[0, 1], matching.partner] - corner
        assert core_violation(matching, Payoffs(corner, seller)) < 1e-12
    side = np.roll(corners, -1, axis=0) - corners
    turns = np.cross(np.column_stack([side, np.zeros(6)]), np.column_stack([np.roll(side, -1, axis=0), np.zeros(6)]))[
        :, 2
    ]
    assert (turns > 0).all()


def test_all_points_share_all_that_is_gained_and_only_the_shapley_value_may_leave_the_core():
    points = share(random_market(np.random.default_rng(5), 3, 4))
    assert list(points.payoffs)[-1] == SHAPLEY
    for name, payoffs in points.payoffs.items():
        assert payoffs.buyer.sum() + payoffs.seller.sum() == pytest.approx(points.matching.total)
        if name != SHAPLEY:
            assert core_violation(points.matching, payoffs) < 1e-9


def test_the_width_is_what_the_buyers_can_lose_between_the_ends():
    value = random_market(np.random.default_rng([8, 2]), 2, 2).value
    (width,) = widths(2, 1, 8)
    both = np.ones(2)
    assert width == pytest.approx((furthest(value, both) + furthest(value, -both)) / clear_single(value).total)


def test_one_contract_never_gains_more_than_many_and_as_much_where_sizes_match():
    shares = single_shares(6, 30, 3)
    assert len(shares) == 30
    assert (shares <= 1 + 1e-12).all()
    assert shares.min() < 0.95
    alone = single_shares(1, 5, 3)
    assert alone == pytest.approx(np.ones(len(alone)))


def test_scarcity_scales_demand_and_leaves_supply():
    for ratio in (0.25, 1.0, 4.0):
        net = scaled_community(11, ratio, np.random.default_rng(1))
        assert net[net > 0].sum() == pytest.approx(-ratio * net[net < 0].sum())
        assert net[net < 0].sum() == scaled_community(11, 1.0, np.random.default_rng(1))[::2].sum()


def test_published_rules_at_the_ends_and_in_the_middle():
    ratio = np.array([0.5, 1.0, 1e9])
    middle = (IMPORT_PRICE + EXPORT_PRICE) / 2
    assert sdr_income(ratio) == pytest.approx([EXPORT_PRICE, EXPORT_PRICE, IMPORT_PRICE])
    assert mmr_income(ratio) == pytest.approx([(middle + EXPORT_PRICE) / 2, middle, middle])
    assert core_income(ratio) == pytest.approx([EXPORT_PRICE, np.nan, IMPORT_PRICE], nan_ok=True)


def test_the_shapley_income_lies_between_the_prices_and_grows_with_scarcity():
    found = incomes(30, (0.25, 0.5, 1.0, 2.0, 4.0), seed=1)
    assert (np.diff(found.shapley) > 0).all()
    assert EXPORT_PRICE < found.shapley[0] < found.shapley[-1] < IMPORT_PRICE
    assert found.asymptotic == pytest.approx(found.shapley, abs=0.01)


def test_samples_converge_and_antithetic_ones_faster_where_the_sides_are_nearly_even():
    plain, antithetic = (converge(40, 1.02, 1024, 5, 2, pairs) for pairs in (False, True))
    assert (plain.orders == antithetic.orders).all()
    for found in (plain, antithetic):
        assert found.error[:, -1].mean() < found.error[:, 0].mean()
    assert (antithetic.error[:, -1] ** 2).mean() < (plain.error[:, -1] ** 2).mean() / 4
    assert gain_of_reversal(40, 1.02, 256, 5, 2) > 4 > 2 > gain_of_reversal(40, 2.0, 256, 5, 2) > 0.5


def test_the_same_seed_gives_the_same_study_however_it_is_run(study):
    again = run_study(TINY, seed=3, jobs=2)
    assert [replace(each, microseconds=0.0) for each in again.efforts] == [
        replace(each, microseconds=0.0) for each in study.efforts
    ]
    assert (again.side.market.value == study.side.market.value).all()
    assert (again.convergence[0].error == study.convergence[0].error).all()
    assert (again.limit_errors[10] == study.limit_errors[10]).all()


def test_another_seed_gives_another_study(study):
    assert (run_study(TINY, seed=4).side.market.value != study.side.market.value).any()


def test_the_page_shows_every_part_and_its_numbers_are_those_of_the_study(study):
    made = page(study, command="gridpact study coalition")
    names = {figure.name for figure in made.figures()}
    shown = (
        "contracts core side-by-side widths single rounds bytes step troubled convergence gains scarcity limit-error"
    )
    assert names == set(shown.split())
    text = render(made)
    assert "gridpact study coalition" in text
    findings = {finding.name: finding for finding in made.findings()}
    ours, theirs = ({e.members: e for e in study.efforts if e.method == method}[5] for method in (BARGAINING, PAIRS))
    assert findings["rounds"].numbers["ratio"] == theirs.rounds / ours.rounds
    assert findings["rounds"].verdict == ("holds" if theirs.rounds >= 10 * ours.rounds else "fails")
    assert len(methods(study).columns[0].values) == len(study.efforts)


def test_the_page_says_that_the_shapley_value_of_the_small_market_is_not_in_the_core(study):
    # seller 3 has no contract, so it gets nothing in the core; the Shapley value gives it its part of what it adds to pairs
    assert study.small.payoffs[SHAPLEY].seller[2] > 0
    worst = core_violation(study.small.matching, study.small.payoffs[SHAPLEY])
    (seen,) = [figure.seen for figure in page(study, command="x").figures() if figure.name == "core"]
    assert (
        f"outside of the core, which takes all payoffs to see: a group could do better by {percent(worst, 1)}" in seen
    )


def test_a_slow_bargaining_is_not_claimed_to_be_fast(study):
    slow = tuple(replace(each, rounds=1e6) if each.method == BARGAINING else each for each in study.efforts)
    findings = {finding.name: finding for finding in page(replace(study, efforts=slow), command="x").findings()}
    assert findings["rounds"].verdict == "fails"
