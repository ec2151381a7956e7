"""Sessions: on arrays, turn by turn, and by messages; Nash points and fronts by enumeration."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpact.errors import InputError
from gridpact.markets.mailbox import Conditions, Mailbox
from gridpact.markets.negotiation import (
    MARGIN,
    ContractGrid,
    Intent,
    Message,
    Offer,
    Rules,
    Session,
    SilentPeerError,
    Space,
    Table,
    appraise,
    negotiate,
    negotiate_by_agents,
    offers,
    pareto_front,
    trace,
)
from markets.negotiation_reference import play


def table_of(seed: int) -> tuple[Table, ContractGrid]:
    """Random utilities, rounded so that many are tied, and a link without room for some contracts."""
    rng = np.random.default_rng(seed)
    half = int(rng.integers(1, 5))
    grid = ContractGrid(np.arange(-half, half + 1) * 100, np.arange(2, 2 + rng.integers(1, 9)), 20)
    digits = int(rng.integers(0, 4))
    common = rng.normal(0, 1, len(grid))
    spaces = [
        Space(
            np.round(common[np.arange(len(grid)) ^ side] + rng.normal(0, 1.5, len(grid)), digits), float(rng.normal())
        )
        for side in (0, 1)
    ]
    feasible = rng.random(len(grid)) < 0.8
    feasible[0] = True
    return Table(*spaces, tuple(rng.uniform(0.1, 0.95, 2)), feasible), grid


def intents_of(table: Table) -> tuple[Intent, Intent]:
    mirrored = table.feasible[np.arange(len(table.feasible)) ^ 1]
    return Intent(table.first, table.aspirations[0], table.feasible), Intent(
        table.second, table.aspirations[1], mirrored
    )


rules = st.builds(Rules, st.booleans(), st.sampled_from([1, 2, 3, 10, 5000]))


@given(st.integers(0, 2**32 - 1), rules)
def test_the_session_on_arrays_ends_as_the_one_played_turn_by_turn(seed, rules):
    table, grid = table_of(seed)
    assert negotiate(table, rules) == play(table, grid, rules)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), rules)
def test_two_agents_agree_on_what_the_arrays_say(seed, rules):
    table, grid = table_of(seed)
    assert negotiate_by_agents(*intents_of(table), grid, Mailbox(Message), rules) == negotiate(table, rules)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), rules)
def test_lost_late_and_doubled_messages_change_nothing(seed, rules):
    table, grid = table_of(seed)
    bad = Conditions(loss=0.3, delay=(1, 4), duplication=0.3, link_up=0.8, activity=0.7)
    mailbox = Mailbox(Message, bad, np.random.default_rng(seed))
    assert negotiate_by_agents(*intents_of(table), grid, mailbox, rules) == negotiate(table, rules)


def test_agents_that_hear_nothing_break_off():
    table, grid = table_of(1)
    mailbox = Mailbox(Message, links=lambda *_: False)
    with pytest.raises(SilentPeerError, match="nothing is agreed"):
        negotiate_by_agents(*intents_of(table), grid, mailbox)


def test_an_agent_shows_its_offers_and_nothing_else():
    table, grid = table_of(2)
    mailbox = Mailbox(Message, keep_transcript=True)
    session = negotiate_by_agents(*intents_of(table), grid, mailbox)
    heard = [mailbox.decode(delivery.payload) for delivery in mailbox.transcript if delivery.receiver == "second"]
    shown = [(m.quantity_wh, m.offset) for m in heard if isinstance(m, Offer)]
    made = trace(table, session).first
    assert shown == list(zip(grid.quantity_wh[made].tolist(), grid.offset[made].tolist(), strict=True))
    assert len(shown) > 1
    for message in heard:  # whole numbers only: turns, Wh, offsets
        assert all(isinstance(value, int) for value in msgspec.structs.astuple(message))


@given(st.integers(0, 2**32 - 1))
def test_with_the_floor_no_agreement_is_below_no_deal(seed):
    table, _ = table_of(seed)
    agreed = negotiate(table, Rules(floor=True)).agreement
    if agreed is not None:
        assert table.first.utility[agreed] > table.first.no_deal + MARGIN
        assert table.second.utility[agreed ^ 1] > table.second.no_deal + MARGIN


def test_without_the_floor_both_may_agree_to_a_loss():
    space = Space(np.array([-1.0, -2.0]), 0.0)
    table = Table(space, Space(np.array([-2.0, -1.0]), 0.0), (0.5, 0.5), np.ones(2, dtype=np.bool_))
    assert negotiate(table, Rules(floor=True)) == Session(None, None, 2)
    assert negotiate(table, Rules(floor=False)) == Session(0, 0, 1)


@given(st.integers(0, 2**32 - 1), rules)
def test_seen_from_the_other_side_a_loan_is_the_same_loan(seed, rules):
    # with the roles of the members exchanged, each contract is its mirror image; only who begins differs
    table, _ = table_of(seed)
    swapped = Table(
        table.second, table.first, table.aspirations[::-1], table.feasible[np.arange(len(table.feasible)) ^ 1]
    )
    for side in (0, 1):
        assert offers(table, side, rules).tolist() == (offers(swapped, 1 - side, rules) ^ 1).tolist()
    assert (negotiate(table, rules).agreement is None) == (negotiate(swapped, rules).agreement is None) or (
        rules.deadline < 5000
    )
    nash, mirrored = (appraise(t, Session(None, None, 1)) for t in (table, swapped))
    assert nash.no_deal_distance == pytest.approx(mirrored.no_deal_distance, nan_ok=True)


@given(st.integers(0, 2**32 - 1))
def test_the_nash_point_is_the_best_product_of_gains_by_enumeration(seed):
    table, _ = table_of(seed)
    products = {
        at: (table.first.utility[at] - table.first.no_deal) * (table.second.utility[at ^ 1] - table.second.no_deal)
        for at in np.flatnonzero(table.feasible).tolist()
        if table.first.utility[at] > table.first.no_deal + MARGIN
        and table.second.utility[at ^ 1] > table.second.no_deal + MARGIN
    }
    appraisal = appraise(table, negotiate(table))
    assert appraisal.has_joint_gain == bool(products)
    if products:
        assert products[appraisal.nash] == max(products.values())


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_the_front_holds_exactly_what_nothing_dominates(seed, rows):
    outcomes = np.random.default_rng(seed).integers(0, 6, (rows, 2)).astype(float)
    front = pareto_front(outcomes)
    for at in range(rows):
        dominated = ((outcomes >= outcomes[at]).all(axis=1) & (outcomes > outcomes[at]).any(axis=1)).any()
        first = not (outcomes[:at] == outcomes[at]).all(axis=1).any()
        assert (at in front) == (not dominated and first)
    assert (np.diff(outcomes[front, 0]) > 0).all()


def test_distances_are_measured_between_normalised_utilities():
    # utilities of both from 0 to 4 and 0 to 2; the Nash point (3, 2) is (0.75, 1), the agreement (4, 1) is (1, 0.5)
    first = Space(np.array([3.0, 4.0, 0.0, 1.0]), 0.0)
    second = Space(np.array([1.0, 2.0, 0.0, 0.0]), 0.0)
    table = Table(first, second, (0.1, 0.1), np.ones(4, dtype=np.bool_))
    appraisal = appraise(table, Session(1, 0, 1))
    assert appraisal.nash == 0
    assert appraisal.distance == pytest.approx(np.hypot(0.25, 0.5))
    assert appraisal.no_deal_distance == pytest.approx(np.hypot(0.75, 1.0))
    assert appraisal.gains == (1.0, 0.5)


def test_offers_go_from_best_to_worst_and_ties_by_size_return_and_sign():
    grid = ContractGrid(np.array([-200, -100, 0, 100, 200]), np.array([2, 3]), 4)
    level = Space(np.array([1.0, 1, 1, 1, 1, 1, 1, 2]), 0.0)
    table = Table(level, level, (0.01, 0.01), np.ones(8, dtype=np.bool_))
    named = [(int(grid.quantity_wh[at]), int(grid.offset[at])) for at in offers(table, 0)]
    assert named == [(-200, 3), (100, 2), (-100, 2), (100, 3), (-100, 3), (200, 2), (-200, 2), (200, 3)]


def test_a_session_at_80_percent_quantiles_lasts_at_most_532_rounds():
    # two orders without anything in common: each side offers its best fifth in vain
    grid = ContractGrid.standard(0.25)
    order = np.arange(len(grid), dtype=float)
    table = Table(Space(order, -1.0), Space(-order, -1e6), (0.8, 0.8), np.ones(len(grid), dtype=np.bool_))
    session = negotiate(table)
    assert session.agreement is None
    assert 530 <= session.rounds <= 534


def test_a_link_without_room_ends_the_session_before_it_begins():
    table, grid = table_of(3)
    full = Table(table.first, table.second, table.aspirations, np.zeros(len(grid), dtype=np.bool_))
    assert negotiate(full) == Session(None, None, 0) == negotiate_by_agents(*intents_of(full), grid, Mailbox(Message))


def test_a_deadline_below_one_is_refused():
    with pytest.raises(InputError, match="deadline = 0"):
        Rules(deadline=0)
