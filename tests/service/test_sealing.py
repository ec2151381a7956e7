"""Sealed letters: who can read them, who can have written them, and what their bytes tell."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpact.client.sealing import (
    FRAME,
    LONGEST,
    MOST_AHEAD_MS,
    SIZES,
    WINDOW,
    Opener,
    Route,
    Sealer,
    SealError,
    opening_secret,
    sealing_key,
)
from gridpact.errors import InputError
from gridpact.ledger import SigningKey
from service.live import key_of

ANN, BOB, EVE = (key_of(name) for name in ("ann", "bob", "eve"))
ROUTE = Route("north/bob/inbox/ann", "ann", "bob", ANN.public, BOB.public)


def sealer(now: int = 1_000) -> Sealer:
    return Sealer(ANN, ROUTE, lambda: now)


def opener(since: int = 0, now: int = 1_000) -> Opener:
    return Opener(BOB, ROUTE, since, lambda: now)


@pytest.mark.parametrize("key", [ANN, BOB, SigningKey(bytes(32)), SigningKey(b"\xff" * 32)])
def test_the_key_that_letters_are_sealed_to_is_that_of_the_secret_that_opens_them(key: SigningKey) -> None:
    own = X25519PrivateKey.from_private_bytes(opening_secret(key))
    assert own.public_key().public_bytes_raw() == sealing_key(key.public)


@pytest.mark.parametrize("public", [b"", bytes(31), b"\x01" + bytes(31), b"\xff" * 32])
def test_what_is_no_key_is_refused(public: bytes) -> None:
    with pytest.raises(InputError, match="public key"):
        sealing_key(public)


@given(st.lists(st.binary(max_size=2_000), max_size=5))
@settings(max_examples=25, deadline=None)
def test_what_is_sealed_is_what_is_opened(letters: list[bytes]) -> None:
    writes, reads = sealer(), opener()
    assert [reads.open(writes.seal(letter)) for letter in letters] == letters


def test_letters_have_one_of_a_few_lengths_and_start_anew_every_time() -> None:
    lengths = {len(sealer().seal(bytes(length))) for length in (0, 1, 10, 200, SIZES[0] - FRAME)}
    assert len(lengths) == 1
    assert {len(sealer().seal(bytes(length))) for length in (SIZES[0] - FRAME + 1, SIZES[1] - FRAME)}.isdisjoint(
        lengths
    )
    assert sealer().seal(b"yes") != sealer().seal(b"yes")
    writes = sealer()
    assert writes.seal(b"yes")[105:] != writes.seal(b"yes")[105:]
    with pytest.raises(InputError, match="up to"):
        sealer().seal(bytes(LONGEST + 1))


@pytest.mark.parametrize(
    "other",
    [
        Opener(EVE, ROUTE),
        Opener(BOB, replace(ROUTE, topic="north/bob/inbox/eve")),
        Opener(BOB, replace(ROUTE, receiver="eve")),
        Opener(BOB, replace(ROUTE, sender="eve")),
        Opener(BOB, replace(ROUTE, sender_key=EVE.public)),
        Opener(EVE, replace(ROUTE, receiver="eve", receiver_key=EVE.public)),
    ],
    ids=["secret", "topic", "receiver", "sender", "sender's key", "receiver's key"],
)
def test_a_letter_opens_by_its_route_only(other: Opener) -> None:
    with pytest.raises(SealError):
        other.open(sealer().seal(b"for bob"))


def test_nobody_writes_as_somebody_else() -> None:
    """Eve knows all that is public, and sends her own drawn key under Ann's name; or Ann's under hers."""
    with pytest.raises(SealError, match="not signed"):
        opener().open(Sealer(EVE, ROUTE, lambda: 1_000).seal(b"I am ann"))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_letter_that_was_changed_anywhere_is_not_taken_and_spoils_nothing(data: st.DataObject) -> None:
    writes, reads = sealer(), opener()
    letter = bytearray(writes.seal(b"two kWh"))
    at = data.draw(st.integers(0, len(letter) - 1))
    whole = bytes(letter)
    letter[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealError):
        reads.open(bytes(letter))
    with pytest.raises(SealError):
        reads.open(whole[:at])
    assert reads.open(whole) == b"two kWh"


def test_a_letter_is_read_once_in_whatever_order_letters_come() -> None:
    writes, reads = sealer(), opener()
    letters = [writes.seal(bytes([number])) for number in range(6)]
    for number in (0, 3, 1, 5, 2, 4):
        assert reads.open(letters[number]) == bytes([number])
    for letter in letters:
        with pytest.raises(SealError, match="arrived before"):
            reads.open(letter)


def test_a_letter_that_is_late_by_more_than_the_window_is_not_taken() -> None:
    writes, reads = sealer(), opener()
    letters = [writes.seal(b"") for _ in range(WINDOW + 2)]
    reads.open(letters[-1])
    reads.open(letters[2])
    with pytest.raises(SealError, match="arrived before"):
        reads.open(letters[1])


def test_what_was_heard_before_a_restart_is_not_heard_again() -> None:
    """Of the receiver, and of the sender."""
    old = sealer(now=1_000).seal(b"before")
    with pytest.raises(SealError, match="of before"):
        opener(since=1_001).open(old)
    reads = opener(now=3_000)
    assert reads.open(old) == b"before"
    assert reads.open(sealer(now=2_000).seal(b"anew")) == b"anew"
    with pytest.raises(SealError, match="of before"):
        reads.open(old)
    with pytest.raises(SealError, match="of before"):
        reads.open(sealer(now=2_000).seal(b"not later"))


def test_a_sender_whose_clock_is_far_ahead_is_not_taken() -> None:
    with pytest.raises(SealError, match="tomorrow"):
        opener(now=1_000).open(sealer(now=1_001 + MOST_AHEAD_MS).seal(b""))


@pytest.mark.parametrize("rubbish", [b"", b"\x01", bytes(400), b"\x01" * 400, b"\x02" + bytes(400)])
def test_rubbish_is_not_taken(rubbish: bytes) -> None:
    with pytest.raises(SealError):
        opener().open(rubbish)


def test_a_drawn_key_of_small_order_is_not_taken() -> None:
    """Ann herself signs one, so that everybody would know the secret in common."""
    drawn = bytes(32)
    forged = b"\x01" + drawn + ANN.sign(ROUTE.context + drawn) + bytes(8) + bytes(272)
    with pytest.raises(SealError, match="small order"):
        opener().open(forged)
