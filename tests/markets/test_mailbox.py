"""The mailbox: when messages arrive, what a bad network does to them, what is counted and kept."""

from collections import Counter

import msgspec
import numpy as np
import pytest

from gridpact.errors import InputError
from gridpact.markets.mailbox import Conditions, Mailbox


class Note(msgspec.Struct, tag=True):
    text: str
    numbers: list[int] = []


class Tick(msgspec.Struct, array_like=True, frozen=True, tag=0):
    round: int


class Tock(msgspec.Struct, array_like=True, frozen=True, tag=1):
    round: int


def stream(conditions, *, rounds=400, seed=1, **options):
    """One message a round from ann to bob; what bob found, by the round in which he found it."""
    mailbox = Mailbox(Tick, conditions, np.random.default_rng(seed), **options)
    ann, bob = mailbox.join("ann"), mailbox.join("bob")
    found = []
    for _ in range(rounds):
        ann.send("bob", Tick(mailbox.round))
        if "bob" in mailbox.awake:
            found += [(mailbox.round, message.round) for _, message in bob.receive()]
        mailbox.next_round()
    return mailbox, found


def test_a_message_arrives_in_the_next_round_once_in_the_order_of_sending():
    mailbox = Mailbox(Note)
    ann, bob, cleo = (mailbox.join(name) for name in ("ann", "bob", "cleo"))
    ann.send("bob", Note("first"))
    cleo.send("bob", Note("second"))
    ann.send("bob", Note("third"))
    assert bob.receive() == []
    mailbox.next_round()
    assert [(sender, note.text) for sender, note in bob.receive()] == [
        ("ann", "first"),
        ("cleo", "second"),
        ("ann", "third"),
    ]
    mailbox.next_round()
    assert bob.receive() == cleo.receive() == []
    assert (mailbox.round, bob.round, bob.name) == (2, 2, "bob")


def test_nothing_is_shared_by_reference():
    mailbox = Mailbox(Note)
    ann, bob, cleo = (mailbox.join(name) for name in ("ann", "bob", "cleo"))
    note = Note("sum", [1, 2])
    ann.send("bob", note)
    ann.send("cleo", note)
    note.numbers.append(3)
    mailbox.next_round()
    ((_, at_bob),) = bob.receive()
    at_bob.numbers.append(4)
    ((_, at_cleo),) = cleo.receive()
    assert at_cleo.numbers == [1, 2]


def test_messages_keep_their_types():
    mailbox = Mailbox(Tick | Tock)
    ann, bob = mailbox.join("ann"), mailbox.join("bob")
    ann.send("bob", Tock(3))
    ann.send("bob", Tick(3))
    mailbox.next_round()
    assert [message for _, message in bob.receive()] == [Tock(3), Tick(3)]


def test_messages_and_encoded_bytes_are_counted_by_sender_lost_ones_included():
    mailbox, found = stream(Conditions(loss=0.5), rounds=100)
    assert mailbox.messages == {"ann": 100, "bob": 0}
    assert mailbox.bytes["ann"] == sum(len(msgspec.msgpack.encode(Tick(t))) for t in range(100))
    assert len(found) < 80


def test_the_shares_of_lost_and_repeated_messages_are_those_of_the_conditions():
    lost = 1 - len(stream(Conditions(loss=0.3), rounds=4000)[1]) / 4000
    assert abs(lost - 0.3) < 0.03
    times = Counter(sent for _, sent in stream(Conditions(duplication=0.2), rounds=4000)[1])
    assert set(times.values()) == {1, 2}
    assert abs(sum(count == 2 for count in times.values()) / 4000 - 0.2) < 0.03


def test_delays_take_every_number_of_rounds_of_the_span_and_reorder():
    found = stream(Conditions(delay=(2, 5)), rounds=600)[1]
    assert Counter(now - sent for now, sent in found).keys() == {2, 3, 4, 5}
    order = [sent for _, sent in found]
    assert order != sorted(order)
    assert sorted(order)[:500] == list(range(500))
    constant = [sent for _, sent in stream(Conditions(delay=(3, 3)))[1]]
    assert constant == sorted(constant)


def test_a_link_is_up_or_down_in_both_directions_and_drawn_anew_each_round():
    mailbox = Mailbox(Tick, Conditions(link_up=0.4), np.random.default_rng(3), keep_transcript=True)
    posts = [mailbox.join(name) for name in ("ann", "bob", "cleo")]
    for _ in range(500):
        for post in posts:
            for other in {"ann", "bob", "cleo"} - {post.name}:
                post.send(other, Tick(mailbox.round))
        mailbox.next_round()
    there = {pair: set() for pair in ("ann bob", "bob ann", "ann cleo")}
    for delivery in mailbox.transcript:
        there.setdefault(f"{delivery.sender} {delivery.receiver}", set()).add(delivery.round)
    assert there["ann bob"] == there["bob ann"] != there["ann cleo"]
    assert abs(len(there["ann bob"]) / 500 - 0.4) < 0.07


def test_a_given_schedule_cuts_links():
    _, found = stream(Conditions(), rounds=20, links=lambda now, sender, receiver: now % 3 == 0)
    assert [sent for _, sent in found] == [0, 3, 6, 9, 12, 15, 18]


def test_what_arrives_for_a_sleeper_waits():
    mailbox, found = stream(Conditions(activity=0.2), rounds=300)
    assert [sent for _, sent in found] == list(range(len(found)))
    assert len(found) > 250
    assert len({now for now, _ in found}) < 120
    assert mailbox.reliable


def test_an_agent_may_have_an_activity_of_its_own():
    mailbox = Mailbox(Tick, rng=np.random.default_rng(1))
    mailbox.join("ann")
    mailbox.join("bob", activity=0.1)
    awake = Counter()
    for _ in range(300):
        mailbox.next_round()
        awake.update(mailbox.awake)
    assert awake["ann"] == 300
    assert 10 < awake["bob"] < 60


def test_the_transcript_holds_what_the_inboxes_held():
    mailbox, found = stream(Conditions(loss=0.3, delay=(1, 3), duplication=0.3), rounds=100, keep_transcript=True)
    kept = [(d.round, mailbox.decode(d.payload).round) for d in mailbox.transcript if d.round < 100]
    assert kept == found
    assert {(d.sender, d.receiver) for d in mailbox.transcript} == {("ann", "bob")}
    assert stream(Conditions(), rounds=5)[0].transcript == []


def test_the_same_seed_gives_the_same_network_and_another_seed_another():
    rough = Conditions(loss=0.3, delay=(1, 4), duplication=0.1, link_up=0.8, activity=0.7)
    assert stream(rough)[1] == stream(rough)[1] != stream(rough, seed=2)[1]


def test_only_loss_and_links_that_go_make_a_network_unreliable():
    assert Mailbox(Tick, Conditions(delay=(1, 9), duplication=0.5), np.random.default_rng(1)).reliable
    assert not Mailbox(Tick, Conditions(loss=0.1), np.random.default_rng(1)).reliable
    assert not Mailbox(Tick, Conditions(link_up=0.9), np.random.default_rng(1)).reliable
    assert not Mailbox(Tick, links=lambda *_: True).reliable


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ({"loss": 1.0}, "loss = 1.0"),
        ({"loss": float("nan")}, "loss = nan"),
        ({"duplication": -0.1}, "duplication = -0.1"),
        ({"link_up": 0.0}, "link_up = 0.0"),
        ({"activity": 1.5}, "activity = 1.5"),
        ({"delay": (0, 1)}, r"delay = \(0, 1\)"),
        ({"delay": (3, 2)}, r"delay = \(3, 2\)"),
        ({"delay": (1, 2.5)}, r"delay = \(1, 2.5\)"),
    ],
)
def test_conditions_out_of_range_are_refused(wrong, found):
    with pytest.raises(InputError, match=found):
        Conditions(**wrong)


def test_mistakes_are_refused_with_what_would_be_right():
    with pytest.raises(InputError, match="rng"):
        Mailbox(Tick, Conditions(loss=0.1))
    mailbox = Mailbox(Tick)
    ann = mailbox.join("ann")
    with pytest.raises(InputError, match="'ann' has joined already"):
        mailbox.join("ann")
    with pytest.raises(InputError, match="for 'bob'; accepted: one of those who joined: ann"):
        ann.send("bob", Tick(0))
    with pytest.raises(InputError, match="activity without a generator"):
        mailbox.join("bob", activity=0.5)
