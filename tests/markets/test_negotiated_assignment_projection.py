"""Averaging and projecting: exact projections, consensus on a core point, with constraints of pairs and of all coalitions."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from gridpact.errors import InputError
from gridpact.markets.assignment import clear_single, core_violation
from gridpact.markets.assignment.negotiation import (
    NoConsensusError,
    Proposal,
    negotiate_by_projection,
    negotiate_by_projection_agents,
)
from gridpact.markets.assignment.negotiation._bounding_sets import (
    coalition_worths,
    project_on_coalitions,
    project_on_pairs,
)
from gridpact.markets.mailbox import Conditions, Mailbox
from markets.negotiated_assignment_markets import NO_LINK, distinct, plain, small_markets


def assert_nearest(x, y, rows, floors, total):
    """x is the nearest point to y of {rows x >= floors, sum x = total}: no point of the set is further along y - x (HiGHS)."""
    scale = max(1.0, np.abs(y).max(), abs(total))
    assert x.sum() == pytest.approx(total, abs=1e-9 * scale)
    assert (rows @ x - floors).min() >= -1e-9 * scale
    away = y - x
    if np.abs(away).max() <= 1e-9 * scale:
        return
    away /= np.abs(away).max()
    best = linprog(-away, A_ub=-rows, b_ub=-floors, A_eq=np.ones((1, len(y))), b_eq=[total], bounds=(None, None))
    assert best.status == 0, best.message
    assert -best.fun == pytest.approx(away @ x, abs=1e-7 * scale)


def pair_constraints(row, first, own, size):
    """Rows and floors of what one member accepts: its own part, and every pair with it."""
    linked = np.flatnonzero(row > NO_LINK)
    rows = np.zeros((1 + len(linked), size))
    rows[:, own] = 1.0
    rows[np.arange(1, len(rows)), first + linked] = 1.0
    return rows, np.concatenate([[0.0], row[linked]])


@st.composite
def projections(draw):
    """A proposal, and what a member accepts, in a market of up to 6 + 6."""
    buyers, sellers = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    seed = draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    value = rng.choice([0.0, 1.0, 2.0, 5.0, NO_LINK], (buyers, sellers)) + draw(st.sampled_from([0, 1])) * rng.random()
    own = draw(st.integers(0, buyers + sellers - 1))
    proposal = rng.normal(0, draw(st.sampled_from([0.1, 1.0, 10.0])), buyers + sellers)
    return value, own, np.round(proposal, draw(st.sampled_from([0, 12])))


@settings(max_examples=200, deadline=None)
@given(case=projections())
def test_the_projection_on_pairs_is_the_nearest_point(case):
    value, own, proposal = case
    buyers, size = len(value), sum(value.shape)
    total = clear_single(value).total
    row, first = (value[own], buyers) if own < buyers else (value[:, own - buyers].copy(), 0)
    found = np.empty(size)
    project_on_pairs(proposal, own, row, first, total, found)
    assert_nearest(found, proposal, *pair_constraints(row, first, own, size), total)


@settings(max_examples=100, deadline=None)
@given(case=projections())
def test_the_projection_on_coalitions_is_the_nearest_point(case):
    value, own, proposal = case
    value = np.maximum(value, 0.0)[:4, :4]
    size = sum(value.shape)
    assume(own < size)
    worth, found = coalition_worths(value), np.empty(size)
    project_on_coalitions(proposal[:size], own, worth, found)
    with_own = [coalition for coalition in range(2**size) if coalition >> own & 1]
    rows = np.array([[coalition >> member & 1 for member in range(size)] for coalition in with_own], dtype=float)
    assert_nearest(found, proposal[:size], rows, worth[with_own], worth[-1])


def test_a_projection_by_hand():
    # b0 with s0, s1 worth 4 and 1; v = 5; proposal (1, 1, 1). Shift by -2/3 to meet the budget: (5/3, 5/3, 5/3); b0 + s0 lacks
    # 2/3: both rise by 1/6 + ..., least squares with b0 + s0 = 4, s1 = 1: (2, 2, 1)
    found = np.empty(3)
    project_on_pairs(np.ones(3), 0, np.array([4.0, 1.0]), 1, 5.0, found)
    assert found == pytest.approx([2, 2, 1])
    # as s1 sees it: s1 + b0 >= 1 holds at the shifted point already
    project_on_pairs(np.ones(3), 2, np.array([1.0]), 0, 5.0, found)
    assert found == pytest.approx([5 / 3, 5 / 3, 5 / 3])


def test_what_is_accepted_already_is_left_alone():
    value = distinct(4, 3)
    matching = clear_single(value)
    inside = np.concatenate(matching.payoffs)
    found = np.empty(7)
    for own in range(7):
        row, first = (value[own], 4) if own < 4 else (value[:, own - 4].copy(), 0)
        project_on_pairs(inside, own, row, first, matching.total, found)
        assert found == pytest.approx(inside, rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(value=small_markets(3))
def test_worths_of_coalitions_are_those_of_clearing_their_members_alone(value):
    buyers, size = len(value), sum(value.shape)
    worth = coalition_worths(value)
    for count in range(size + 1):
        for members in combinations(range(size), count):
            part = value[np.ix_([m for m in members if m < buyers], [m - buyers for m in members if m >= buyers])]
            assert worth[sum(1 << m for m in members)] == clear_single(part).total


def assert_in_the_core(outcome, value, tolerance):
    matching = clear_single(value)
    assert core_violation(matching, outcome.payoffs) <= tolerance
    assert outcome.partner.tolist() == matching.partner.tolist()


@pytest.mark.parametrize(
    "value", [distinct(2, 2), distinct(3, 5, 1), distinct(5, 3, 2), distinct(5, 5, 3), plain(4, 1)]
)
@pytest.mark.parametrize("constraints", ["pairs", "coalitions"])
def test_proposals_agree_on_a_point_of_the_core(value, constraints):
    for tolerance in (1e-2, 1e-4, 1e-6):
        outcome = negotiate_by_projection(value, constraints=constraints, tolerance=tolerance)
        assert_in_the_core(outcome, value, tolerance)


@pytest.mark.parametrize(
    "conditions",
    [Conditions(loss=0.3), Conditions(delay=(1, 4)), Conditions(activity=0.4), Conditions(link_up=0.3)],
    ids=lambda c: str(c),
)
def test_proposals_agree_on_bad_networks_too(conditions):
    value = distinct(4, 4)
    outcome = negotiate_by_projection(value, conditions=conditions, rng=np.random.default_rng(1))
    assert_in_the_core(outcome, value, 1e-4)
    assert outcome.rounds > negotiate_by_projection(value).rounds


def test_going_further_than_the_projection_is_faster_and_a_finer_tolerance_slower():
    value = distinct(8, 8)
    rounds = [negotiate_by_projection(value, relaxation=relaxation).rounds for relaxation in (1.0, 1.5, 1.9)]
    assert rounds == sorted(rounds, reverse=True)
    assert rounds[0] > 1.4 * rounds[-1]
    assert negotiate_by_projection(value, tolerance=1e-5).rounds > negotiate_by_projection(value).rounds


def test_every_member_tells_every_contact_in_every_round():
    outcome = negotiate_by_projection(distinct(3, 4))
    assert outcome.messages.tolist() == [(outcome.rounds + 1) * 4] * 3 + [(outcome.rounds + 1) * 3] * 4


def test_contacts_among_all_need_fewer_rounds_than_among_partners():
    value = distinct(6, 6)
    everybody = negotiate_by_projection(value, contacts=np.ones((12, 12)))
    assert_in_the_core(everybody, value, 1e-4)
    assert everybody.rounds < negotiate_by_projection(value).rounds


@pytest.mark.parametrize("value", [np.zeros((2, 2)), np.empty((0, 0)), [[-1.0]]])
def test_where_nothing_is_to_be_gained_everybody_agrees_at_once(value):
    outcome = negotiate_by_projection(value)
    assert outcome.rounds == 0
    assert outcome.total == 0


@pytest.mark.parametrize("value", [np.empty((3, 0)), np.empty((0, 2)), np.full((2, 2), NO_LINK)])
@pytest.mark.parametrize("constraints", ["pairs", "coalitions"])
def test_members_of_one_side_need_no_contacts_to_agree_on_nothing(value, constraints):
    outcome = negotiate_by_projection(value, constraints=constraints)
    assert (outcome.rounds, outcome.total, outcome.partner.tolist()) == (0, 0, [-1] * len(value))


def test_members_who_cannot_reach_each_other_are_refused():
    with pytest.raises(InputError, match="b0 cannot reach b1"):
        negotiate_by_projection([[1, NO_LINK], [NO_LINK, 1]])
    assert negotiate_by_projection([[1, NO_LINK], [NO_LINK, 1]], contacts=np.ones((4, 4))).total == pytest.approx(2)


def test_too_many_members_for_all_coalitions_are_told_what_works():
    with pytest.raises(InputError, match="21 members; accepted: up to 20, or constraints='pairs'"):
        negotiate_by_projection(np.ones((1, 20)), constraints="coalitions")


def test_rounds_that_do_not_suffice_are_an_error():
    with pytest.raises(NoConsensusError, match=r"within 3 rounds at a tolerance of 0\.0001 of v\(N\)"):
        negotiate_by_projection(distinct(4, 4), max_rounds=3)


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ({"relaxation": 2.0}, "relaxation = 2.0"),
        ({"tolerance": 0.0}, "tolerance = 0.0"),
        ({"tolerance": np.nan}, "tolerance = nan"),
        ({"max_rounds": -1}, "max_rounds = -1"),
    ],
)
def test_parameters_out_of_range_are_refused(wrong, found):
    for refuse in (
        negotiate_by_projection,
        lambda value, **how: negotiate_by_projection_agents(value, Mailbox(Proposal), **how),
    ):
        with pytest.raises(InputError, match=found):
            refuse([[1]], **wrong)


def test_other_constraints_are_refused():
    with pytest.raises(InputError, match="constraints = 'pair'; accepted: 'pairs' or 'coalitions'"):
        negotiate_by_projection([[1]], constraints="pair")
