"""Who learns what, held against transcripts: what lay in the inboxes of members while they bargained."""

from collections import defaultdict
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from gridpact.markets.assignment.negotiation import (
    Ack,
    Message,
    Proposal,
    Report,
    Word,
    negotiate_by_bargaining_agents,
    negotiate_by_projection_agents,
)
from gridpact.markets.mailbox import Conditions, Mailbox
from markets.negotiated_assignment_markets import NO_LINK, distinct, plain

BID, SWEEP, FINAL = 0, 1, 2


def transcript(value, conditions=None):
    mailbox = Mailbox(Message, conditions, np.random.default_rng(1), keep_transcript=True)
    negotiate_by_bargaining_agents(value, mailbox)
    return [(d.round, d.sender, d.receiver, mailbox.decode(d.payload)) for d in mailbox.transcript]


def pair(one, other):
    """Buyer and seller as positions."""
    buyer, seller = sorted((one, other))
    return int(buyer[1:]), int(seller[1:])


def held_pairs(deliveries):
    """Pairs whose bid was accepted at some time."""
    words = (d for d in deliveries if isinstance(d[3], Word))
    return {pair(s, r) for _, s, r, word in words if s[0] == "s" and word.number > 0}


def amounts(message):
    return {message.public, message.private} if isinstance(message, Word) else set()


MARKETS = [distinct(6, 6, 1), distinct(5, 8, 2), distinct(12, 12, 3, partners=3)]


@pytest.mark.parametrize("value", MARKETS, ids=["square", "wide", "sparse"])
def test_members_hear_of_contacts_only_and_one_number_at_a_time(value):
    for _, sender, receiver, message in transcript(value):
        assert value[pair(sender, receiver)] > NO_LINK
        assert type(message) in {Word, Ack, Report}
        assert all(type(field) is int for field in msgspec.structs.astuple(message))


@pytest.mark.parametrize("value", MARKETS, ids=["square", "wide", "sparse"])
def test_of_others_a_member_learns_only_values_at_the_end_of_a_chain_next_to_it(value):
    """An amount is a value where a chain is one long.

    What a contact asks or claims is all that its contract is worth, if its partner has nothing else. What my own partner could
    get elsewhere is all that it is worth to somebody who is free.
    """
    deliveries = transcript(value)
    held, owners = held_pairs(deliveries), {value[at]: at for at in np.ndindex(value.shape) if value[at] > 0}
    learnt = set()
    for _, sender, receiver, message in deliveries:
        for amount in amounts(message) & owners.keys():
            buyer, seller = owners[amount]
            if receiver in {f"b{buyer}", f"s{seller}"}:
                continue
            learnt.add((receiver, buyer, seller))
            assert sender in {f"b{buyer}", f"s{seller}"}
            assert (buyer, seller) in held if amount == message.public else pair(sender, receiver) in held
    assert learnt


@pytest.mark.parametrize("value", MARKETS, ids=["square", "wide", "sparse"])
def test_no_inbox_and_not_all_inboxes_together_hold_the_row_of_anybody(value):
    inboxes = defaultdict(set)
    for _, _, receiver, message in transcript(value):
        own = value[int(receiver[1:])] if receiver[0] == "b" else value[:, int(receiver[1:])]
        inboxes[receiver] |= amounts(message) - set(own.tolist())
    inboxes["an observer of all links"] = set().union(*inboxes.values())
    for seen in inboxes.values():
        for row in [*value, *value.T]:
            values = {amount for amount in row.tolist() if amount > 0}
            assert len(values & seen) < len(values) or len(values) < 3


def test_what_a_member_could_get_elsewhere_is_said_to_its_partner_only():
    deliveries = transcript(distinct(6, 6, 1))
    partner = {}
    for _, sender, receiver, message in deliveries:
        if not isinstance(message, Word):
            continue
        if message.stage % 4 == BID and sender[0] == "s" and message.number != 0:
            partner[pair(sender, receiver)] = message.number > 0
    final = [(s, r, w) for _, s, r, w in deliveries if isinstance(w, Word) and w.stage % 4 == FINAL]
    said = {pair(s, r) for s, r, w in final if s[0] == "s" and w.private != 0}
    assert said <= {at for at, holds in partner.items() if holds}


@pytest.mark.parametrize("conditions", [None, Conditions(loss=0.3, delay=(1, 4), duplication=0.2)], ids=["good", "bad"])
@pytest.mark.parametrize("value", [distinct(8, 8, 6), plain(8)], ids=["distinct", "tied"])
def test_asks_rise_in_bids_and_fall_in_sweeps_and_claims_fall(value, conditions):
    said = defaultdict(dict)
    for _, sender, receiver, message in transcript(value, conditions):
        if isinstance(message, Word) and message.public >= 0 and message.stage % 4 in {BID, SWEEP, FINAL}:
            if sender[0] == "b" and message.stage % 4 != FINAL:
                continue
            said[sender, receiver, message.stage][message.version] = message.public
    assert any(len(words) > 1 for words in said.values())
    for (_, _, stage), words in said.items():
        for earlier, later in pairwise(words[version] for version in sorted(words)):
            assert earlier <= later if stage % 4 == BID else earlier >= later


def test_asks_are_never_lower_from_one_stage_of_bids_to_the_next():
    lowest = defaultdict(dict)
    for _, sender, _, message in transcript(distinct(12, 12, 2)):
        if sender[0] == "s" and isinstance(message, Word) and message.stage % 4 == BID:
            stages = lowest[sender]
            stages[message.stage] = min(message.public, stages.get(message.stage, message.public))
    assert max(len(stages) for stages in lowest.values()) > 1
    for stages in lowest.values():
        assert [stages[at] for at in sorted(stages)] == sorted(stages.values())


def test_projecting_members_learn_the_payoff_of_everybody():
    value = distinct(3, 3)
    mailbox = Mailbox(Proposal, keep_transcript=True)
    outcome = negotiate_by_projection_agents(value, mailbox, tolerance=1e-6)
    last = {d.receiver: np.array(mailbox.decode(d.payload).payoffs) for d in mailbox.transcript}
    assert len(last) == 6
    for proposal in last.values():
        learnt = proposal * outcome.total
        assert learnt == pytest.approx([*outcome.payoffs.buyer, *outcome.payoffs.seller], abs=1e-5 * outcome.total)


def test_a_projecting_member_shows_its_values_to_its_contacts():
    """Pairs that bind after an exact projection add up to their value: whoever reads the proposal can take it from there."""
    value = distinct(3, 3)
    mailbox = Mailbox(Proposal, keep_transcript=True)
    outcome = negotiate_by_projection_agents(value, mailbox, relaxation=1.0)
    total, shown = outcome.total, set()
    for delivery in mailbox.transcript:
        if delivery.sender[0] == "b":
            buyer, payoffs = int(delivery.sender[1:]), mailbox.decode(delivery.payload).payoffs
            sums = {seller: (payoffs[buyer] + payoffs[3 + seller]) * total for seller in range(3)}
            shown |= {(buyer, seller) for seller in sums if abs(sums[seller] - value[buyer, seller]) < 1e-6 * total}
    assert len(shown) > 3  # more than the contracts
