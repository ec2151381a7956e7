"""Bargaining by messages, in arrays: the same as clearing centrally, on perfect and on bad networks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from gridpact.errors import InputError
from gridpact.markets.assignment import CorePoint, clear_single, core_extremes
from gridpact.markets.assignment.negotiation import UnreachableError, negotiate_by_bargaining
from gridpact.markets.mailbox import Conditions
from markets.negotiated_assignment_markets import NO_LINK, assert_same_as_centralised, distinct, plain, small_markets

ROUGH = Conditions(loss=0.3, delay=(1, 4), duplication=0.2, link_up=0.7, activity=0.6)

conditions = st.builds(
    Conditions,
    loss=st.sampled_from([0.0, 0.1, 0.3]),
    delay=st.sampled_from([(1, 1), (2, 2), (1, 3)]),
    duplication=st.sampled_from([0.0, 0.3]),
    link_up=st.sampled_from([0.5, 1.0]),
    activity=st.sampled_from([0.4, 1.0]),
)


def test_two_buyers_outbid_each_other_for_one_seller():
    # only b0 and s0 sign; s0 gets at least the 7 that b1 would give, at most the 10 that b0 would: midpoint 8.5
    outcome = negotiate_by_bargaining([[10], [7]])
    assert outcome.partner.tolist() == [0, -1]
    assert outcome.payoffs.seller.tolist() == [8.5]
    assert outcome.payoffs.buyer.tolist() == [1.5, 0.0]


def test_a_pair_alone_takes_seven_rounds():
    # round 0: b0 bids. 1: s0 accepts. 2: b0 knows. 3: a report of s0 on round 2 is in, so b0 ends the bids; FINAL goes out and
    # arrives in 4 with what b0 could get elsewhere, 0; s0's say on that is with b0 in 5, and its report on round 5 in 6: b0 is
    # done, and s0 in 7. Nobody else has to be told
    outcome = negotiate_by_bargaining([[10]])
    assert outcome.payoffs.buyer.tolist() == outcome.payoffs.seller.tolist() == [5.0]
    assert outcome.rounds == 7


@settings(max_examples=150, deadline=None)
@given(value=small_markets())
def test_payoffs_and_worth_of_contracts_are_those_of_clearing_centrally(value):
    assert_same_as_centralised(negotiate_by_bargaining(value), value)


@settings(max_examples=100, deadline=None)
@given(value=small_markets(4), conditions=conditions, seed=st.integers(0, 99))
def test_a_bad_network_changes_nothing_but_the_time_it_takes(value, conditions, seed):
    outcome = negotiate_by_bargaining(value, conditions=conditions, rng=np.random.default_rng(seed))
    assert_same_as_centralised(outcome, value)


@pytest.mark.parametrize(("buyers", "sellers"), [(10, 10), (40, 40), (25, 60), (60, 25), (1, 30), (30, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_contracts_are_those_of_an_independent_solver(buyers, sellers, seed):
    value = distinct(buyers, sellers, seed)
    outcome = negotiate_by_bargaining(value)
    best = np.full(buyers, -1)
    rows, columns = linear_sum_assignment(-value)
    best[rows] = columns
    assert outcome.partner.tolist() == best.tolist()
    assert_same_as_centralised(outcome, value, unique=True)


@pytest.mark.parametrize("seed", range(3))
def test_contracts_on_a_bad_network_are_the_same_and_take_longer(seed):
    value = distinct(12, 9, seed)
    perfect = negotiate_by_bargaining(value)
    rough = negotiate_by_bargaining(value, conditions=ROUGH, rng=np.random.default_rng(seed))
    assert rough.partner.tolist() == perfect.partner.tolist()
    assert_same_as_centralised(rough, value, unique=True)
    assert rough.rounds > 4 * perfect.rounds


@pytest.mark.parametrize(
    "worse",
    [Conditions(loss=0.3), Conditions(delay=(2, 2)), Conditions(link_up=0.5), Conditions(activity=0.5)],
    ids=lambda c: str(c),
)
def test_each_defect_alone_costs_rounds(worse):
    values = [distinct(8, 8, seed) for seed in range(8)]
    perfect = sum(negotiate_by_bargaining(value).rounds for value in values)
    bad = [negotiate_by_bargaining(value, conditions=worse, rng=np.random.default_rng(1)) for value in values]
    for value, outcome in zip(values, bad, strict=True):
        assert_same_as_centralised(outcome, value, unique=True)
    assert sum(outcome.rounds for outcome in bad) > 1.5 * perfect


def test_messages_that_arrive_twice_change_nothing_at_all():
    value = distinct(8, 8)
    once = negotiate_by_bargaining(value)
    twice = negotiate_by_bargaining(value, conditions=Conditions(duplication=0.5), rng=np.random.default_rng(1))
    assert (twice.rounds, twice.messages.tolist()) == (once.rounds, once.messages.tolist())


@pytest.mark.parametrize("seed", range(3))
def test_tied_markets_end(seed):
    value = plain(40, seed)
    assert_same_as_centralised(negotiate_by_bargaining(value), value)


@pytest.mark.parametrize("value", [np.full((30, 29), 7.0), np.full((29, 30), 7.0), np.full((30, 30), 7.0)])
def test_markets_where_all_are_alike_end_soon(value):
    outcome = negotiate_by_bargaining(value)
    assert_same_as_centralised(outcome, value)
    assert outcome.rounds < 60


def test_the_size_of_the_values_does_not_matter():
    value = distinct(20, 20)
    small, large = negotiate_by_bargaining(value), negotiate_by_bargaining(value * 2.0**20)
    assert (large.rounds, large.messages.tolist()) == (small.rounds, small.messages.tolist())
    assert (large.payoffs.buyer == small.payoffs.buyer * 2.0**20).all()


@pytest.mark.parametrize("seed", range(3))
def test_members_with_few_partners_each_reach_what_clearing_their_links_reaches(seed):
    value = distinct(60, 50, seed, partners=4)
    assert_same_as_centralised(negotiate_by_bargaining(value), value, unique=True)


def test_parts_of_a_market_without_a_link_between_them_do_not_touch_each_other():
    left, right = distinct(5, 4, 1), distinct(7, 8, 2)
    value = np.full((12, 12), NO_LINK)
    value[:5, :4], value[5:, 4:] = left, right
    outcome = negotiate_by_bargaining(value)
    assert_same_as_centralised(outcome, value, unique=True)
    assert outcome.rounds == max(negotiate_by_bargaining(part).rounds for part in (left, right))


def test_contacts_beyond_the_partners_shorten_the_way_of_reports():
    value = distinct(12, 12, partners=2)
    alone, together = negotiate_by_bargaining(value), negotiate_by_bargaining(value, contacts=np.ones((24, 24)))
    assert together.rounds < alone.rounds
    assert_same_as_centralised(together, value, unique=True)


@pytest.mark.parametrize("point", [CorePoint.BUYER_OPTIMAL, CorePoint.SELLER_OPTIMAL])
def test_the_extremes_are_to_be_had_as_well(point):
    value = distinct(9, 7)
    outcome = negotiate_by_bargaining(value, point=point)
    extreme = core_extremes(clear_single(value))[point == CorePoint.SELLER_OPTIMAL]
    assert (outcome.payoffs.buyer == extreme.buyer).all()
    assert (outcome.payoffs.seller == extreme.seller).all()


def test_replicas_of_members_reach_the_multi_contract_extremes():
    # b0 wants 2 kWh, b1 1 kWh; s0 offers 1 kWh, s1 3 kWh: a replica a kWh, each worth its gain per kWh
    gain, demand, supply = np.array([[9.0, 4.0], [7.0, 6.0]]), [2, 1], [1, 3]
    value = np.repeat(np.repeat(gain, demand, axis=0), supply, axis=1)
    outcome = negotiate_by_bargaining(value, point=CorePoint.BUYER_OPTIMAL)
    # s1 has energy left: its price is 0, so b0 gets 4 and b1 6 there; s0 must give neither more than elsewhere: 9 − 4 = 5
    assert outcome.payoffs.seller.tolist() == [5, 0, 0, 0]
    assert outcome.payoffs.buyer.tolist() == [4, 4, 6]


def test_who_never_answers_is_named_and_nobody_signs():
    with pytest.raises(UnreachableError, match=r"no contracts: .* did not answer; .* rest after") as refused:
        negotiate_by_bargaining(
            distinct(3, 3), conditions=Conditions(delay=(50, 50)), rng=np.random.default_rng(1), deadline=20
        )
    assert refused.value.silent


def test_a_deadline_shorter_than_the_way_of_a_message_is_named_where_nobody_is_to_blame():
    with pytest.raises(UnreachableError, match="nobody owes an answer, so the deadline is too short") as refused:
        negotiate_by_bargaining(
            distinct(4, 4), conditions=Conditions(delay=(5, 5)), rng=np.random.default_rng(1), deadline=5
        )
    assert refused.value.silent == ()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([[1.5]], "buyer 0, seller 0: a value of 1.5; accepted: whole numbers"),
        ([[1.0, 2.0**53]], "buyer 0, seller 1: a value of 9007199254740992.0"),
        ([[np.nan]], "a value of nan"),
        ([[1.0], [np.inf]], "buyer 1, seller 0: a value of inf"),
        ([1.0], r"values of shape \(1,\)"),
    ],
)
def test_values_that_cannot_be_negotiated_are_refused(value, found):
    with pytest.raises(InputError, match=found):
        negotiate_by_bargaining(value)


def test_other_mistakes_are_refused():
    one_way = np.zeros((2, 2))
    one_way[0, 1] = 1
    with pytest.raises(InputError, match="one direction"):
        negotiate_by_bargaining([[1]], contacts=one_way)
    with pytest.raises(InputError, match=r"shape \(3, 3\)"):
        negotiate_by_bargaining([[1]], contacts=np.ones((3, 3)))
    with pytest.raises(InputError, match="0 and 1 have a value and no contact"):
        negotiate_by_bargaining([[1]], contacts=np.zeros((2, 2)))
    with pytest.raises(InputError, match="rng"):
        negotiate_by_bargaining([[1]], conditions=ROUGH)
    with pytest.raises(InputError, match="nucleolus; accepted: midpoint, buyer-optimal, seller-optimal"):
        negotiate_by_bargaining([[1]], point=CorePoint.NUCLEOLUS)
    with pytest.raises(InputError, match="patience = 0"):
        negotiate_by_bargaining([[1]], patience=0)
    with pytest.raises(InputError, match="deadline = 0"):
        negotiate_by_bargaining([[1]], deadline=0)
