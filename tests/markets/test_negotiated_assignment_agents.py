"""Bargaining and projecting by separate agents over a mailbox: the same as in arrays, whatever the network does."""

import pickle
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpact.errors import InputError
from gridpact.markets.assignment.negotiation import (
    Buyer,
    Message,
    NoConsensusError,
    Proposal,
    Seller,
    UnreachableError,
    Word,
    negotiate_by_bargaining,
    negotiate_by_bargaining_agents,
    negotiate_by_projection,
    negotiate_by_projection_agents,
)
from gridpact.markets.mailbox import Conditions, Mailbox
from markets.negotiated_assignment_markets import NO_LINK, assert_same_as_centralised, distinct, plain, small_markets

ROUGH = Conditions(loss=0.3, delay=(1, 4), duplication=0.2, link_up=0.7, activity=0.6)


def rough_mailbox(seed=1, **options):
    return Mailbox(Message, ROUGH, np.random.default_rng(seed), **options)


def cut(*names, since=0):
    """Links of these members that are down from a round on."""
    return lambda now, sender, receiver: now < since or ((sender in names) == (receiver in names))


@pytest.mark.parametrize(
    "value",
    [
        distinct(1, 1),
        distinct(6, 9, 1),
        distinct(9, 6, 2),
        distinct(12, 12, 3, partners=3),
        plain(10),
        np.zeros((2, 3)),
    ],
    ids=lambda value: f"{value.shape[0]}x{value.shape[1]}",
)
def test_agents_do_in_every_round_what_the_arrays_do(value):
    agents, arrays = negotiate_by_bargaining_agents(value, Mailbox(Message)), negotiate_by_bargaining(value)
    assert agents.rounds == arrays.rounds
    assert agents.partner.tolist() == arrays.partner.tolist()
    assert agents.messages.tolist() == arrays.messages.tolist()
    assert agents.bytes.tolist() == arrays.bytes.tolist()
    assert_same_as_centralised(agents, value)


@settings(max_examples=40, deadline=None)
@given(value=small_markets(4), seed=st.integers(0, 99))
def test_agents_on_a_bad_network_pay_what_clearing_centrally_pays(value, seed):
    assert_same_as_centralised(negotiate_by_bargaining_agents(value, rough_mailbox(seed)), value)


@pytest.mark.parametrize("seed", range(3))
def test_agents_on_a_bad_network_sign_the_same_contracts(seed):
    value = distinct(8, 7, seed)
    assert_same_as_centralised(negotiate_by_bargaining_agents(value, rough_mailbox(seed)), value, unique=True)


def test_agents_on_links_that_come_and_go_sign_the_same_contracts():
    value = distinct(5, 5, 4)

    def in_turn(now, sender, receiver):
        """In every round one buyer's links only are up."""
        return f"b{now % 5}" in {sender, receiver}

    outcome = negotiate_by_bargaining_agents(value, Mailbox(Message, links=in_turn), patience=1)
    assert_same_as_centralised(outcome, value, unique=True)
    assert outcome.rounds > negotiate_by_bargaining(value).rounds


def test_both_ends_of_a_contract_hold_the_same_contract():
    value = distinct(6, 6)
    mailbox = rough_mailbox()
    agents = {f"b{i}": {f"s{j}": int(value[i, j]) for j in range(6)} for i in range(6)}
    agents |= {f"s{j}": {f"b{i}": int(value[i, j]) for i in range(6)} for j in range(6)}
    agents = {
        name: (Buyer if name[0] == "b" else Seller)(mailbox.join(name), at, row, patience=3)
        for at, (name, row) in enumerate(agents.items())
    }
    assert all(agent.contract is None for agent in agents.values())
    while not all(agent.done for agent in agents.values()):
        for name in mailbox.awake:
            agents[name].step()
        mailbox.next_round()
    for i in range(6):
        mine = agents[f"b{i}"].contract
        theirs = agents[mine.partner].contract
        assert theirs.partner == f"b{i}"
        assert mine.least + theirs.most == mine.most + theirs.least == value[i, int(mine.partner[1:])]
        assert mine.least <= agents[f"b{i}"].payoff() <= mine.most


def test_agents_need_no_more_of_a_network_than_a_post():
    class Wire:
        """Two ends, a queue each way, and a clock."""

        now = 0

        def __init__(self, name, there, back):
            self.name, self.there, self.back = name, there, back

        @property
        def round(self):
            return Wire.now

        def send(self, receiver, message):
            assert receiver != self.name
            self.there.append((self.name, message))

        def receive(self):
            found = list(self.back)
            self.back.clear()
            return found

    left, right = deque(), deque()
    buyer = Buyer(Wire("ann", right, left), 1, {"bob": 10})
    seller = Seller(Wire("bob", left, right), 2, {"ann": 10})
    while not (buyer.done and seller.done):
        buyer.step()
        seller.step()
        Wire.now += 1
    assert (buyer.contract.partner, seller.contract.partner) == ("bob", "ann")
    assert buyer.payoff() == seller.payoff() == 5.0


@pytest.mark.parametrize("value", [1.5, float("nan"), float("inf"), 2.0**53])
def test_an_agent_refuses_a_value_that_is_no_whole_number(value):
    with pytest.raises(InputError, match=f"negotiation: ann, bob: a value of {value}; accepted: whole numbers"):
        Buyer(Mailbox(Message).join("ann"), 1, {"joe": 3, "bob": value})


def test_a_member_that_nobody_can_reach_is_named_and_nobody_signs():
    value = distinct(4, 4)
    with pytest.raises(UnreachableError, match="no contracts: s2 did not answer") as refused:
        negotiate_by_bargaining_agents(value, Mailbox(Message, links=cut("s2")), deadline=60)
    assert refused.value.silent == ("s2",)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)


def test_whenever_a_network_falls_apart_the_outcome_is_the_right_one_or_an_error():
    value, ended = distinct(3, 3), {}
    for since in range(40):
        mailbox = Mailbox(Message, links=cut("b1", "s0", since=since))
        try:
            outcome = negotiate_by_bargaining_agents(value, mailbox, deadline=60)
        except UnreachableError as error:
            ended[since] = set(error.silent)
        else:
            ended[since] = {"well"}
            assert_same_as_centralised(outcome, value, unique=True)
            assert outcome.rounds <= since
    assert {"well"} in ended.values()
    assert all(ended.values())
    assert ended[0] == {"b1", "s0"}
    assert sorted(ended, key=lambda since: ended[since] == {"well"}) == list(range(40))


def test_a_member_that_sleeps_for_good_is_named():
    value, mailbox = distinct(3, 3), Mailbox(Message, rng=np.random.default_rng(1))
    join = mailbox.join
    mailbox.join = lambda name: join(name, activity=1e-9 if name == "b1" else None)
    with pytest.raises(UnreachableError, match="b1 did not answer"):
        negotiate_by_bargaining_agents(value, mailbox, deadline=60)


def test_no_stage_ends_before_the_last_word_of_it_has_arrived():
    """Whoever enters a stage has nothing more to hear of the one before: on a network with long and uneven delays."""
    mailbox = Mailbox(Message, Conditions(delay=(1, 9)), np.random.default_rng(2), keep_transcript=True)
    value = distinct(5, 5)
    assert_same_as_centralised(negotiate_by_bargaining_agents(value, mailbox), value, unique=True)
    newest: dict[str, int] = {}
    versions: dict[tuple[str, str], int] = {}
    for delivery in mailbox.transcript:
        word = mailbox.decode(delivery.payload)
        if not isinstance(word, Word):
            continue
        link = delivery.sender, delivery.receiver
        fresh = word.version > versions.get(link, 0)
        versions[link] = max(versions.get(link, 0), word.version)
        assert not fresh or word.stage >= newest.get(delivery.receiver, 0)
        newest[delivery.receiver] = max(newest.get(delivery.receiver, 0), word.stage)


def fewest_moves(value, partner, ask):
    """Contracts that move if a seller loses its buyer: along equally good sellers to one who is free, or a buyer who leaves."""
    moves = dict.fromkeys(set(range(value.shape[1])) - partner.keys(), 0)
    while len(moves) < value.shape[1]:
        ends = {}
        for seller in partner.keys() - moves.keys():
            row = value[partner[seller]]
            left = row[seller] - ask[seller]
            if left == 0 or any(row[k] > 0 and row[k] - ask.get(k, 0) == left for k in moves):
                ends[seller] = 1 + min((moves[k] for k in moves if row[k] - ask.get(k, 0) == left > 0), default=0)
        assert ends
        nearest = min(ends.values())
        moves |= {seller: far for seller, far in ends.items() if far == nearest}
    return moves


@pytest.mark.parametrize("seed", range(6))
def test_after_a_sweep_every_seller_knows_how_many_contracts_would_have_to_move(seed):
    rng = np.random.default_rng(seed)
    value = np.minimum(rng.integers(1, 9, 14)[:, None], rng.integers(1, 9, 14)) * 10.0
    mailbox = Mailbox(Message, Conditions(delay=(1, 6)), rng, keep_transcript=True)
    negotiate_by_bargaining_agents(value, mailbox)
    verdicts, sweeps = (
        {},
        {},
    )  # the last word on each link from a seller; of each sweep who was held in it, by whom, and
    for delivery in mailbox.transcript:  # the last word of each of these buyers to its seller: what else it could get
        word, link = mailbox.decode(delivery.payload), (delivery.sender, delivery.receiver)
        if not isinstance(word, Word):
            continue
        if word.stage % 4 == 0 and delivery.sender[0] == "s":
            verdicts[link] = max(word, verdicts.get(link, word), key=lambda word: word.version)
        if word.stage % 4 == 1:
            held = {int(seller[1:]): int(buyer[1:]) for (seller, buyer), bid in verdicts.items() if bid.number > 0}
            newest = sweeps.setdefault(word.stage, (held, {}))[1]
            if delivery.sender[0] == "b" and held.get(int(delivery.receiver[1:])) == int(delivery.sender[1:]):
                seller = int(delivery.receiver[1:])
                newest[seller] = max(word, newest.get(seller, word), key=lambda word: word.version)
    assert sweeps
    for held, newest in sweeps.values():
        ask = {seller: value[buyer, seller] - newest[seller].private for seller, buyer in held.items()}
        moves = fewest_moves(value, held, ask)
        assert {seller: newest[seller].hops for seller in held} == {seller: moves[seller] for seller in held}


@pytest.mark.parametrize("value", [distinct(2, 5), distinct(5, 2), distinct(3, 3), distinct(6, 4, partners=3)])
def test_projecting_agents_do_in_every_round_what_the_arrays_do(value):
    agents, arrays = negotiate_by_projection_agents(value, Mailbox(Proposal)), negotiate_by_projection(value)
    assert agents.rounds == arrays.rounds
    assert agents.messages.tolist() == arrays.messages.tolist()
    assert agents.bytes.tolist() == arrays.bytes.tolist()
    assert agents.payoffs.buyer == pytest.approx(arrays.payoffs.buyer, rel=1e-12)
    assert agents.payoffs.seller == pytest.approx(arrays.payoffs.seller, rel=1e-12)


def test_projecting_agents_that_cannot_agree_say_so():
    mailbox = Mailbox(Proposal, links=cut("s1"))
    with pytest.raises(NoConsensusError, match="within 200 rounds"):
        negotiate_by_projection_agents(distinct(2, 2), mailbox, max_rounds=200)
    with pytest.raises(InputError, match="b0 cannot reach b1"):
        negotiate_by_projection_agents([[1, NO_LINK], [NO_LINK, 1]], Mailbox(Proposal))
