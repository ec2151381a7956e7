"""Bad input: refused with its reason and field, the state stays as it is, the refusal is an event. Nothing escapes."""

import random
from copy import deepcopy

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.village import BIDDING, NOON, Village, signed
from gridpact.errors import InputError
from gridpact.exchange import (
    CancelOrder,
    Command,
    ListItem,
    ModifyOrder,
    OpenInterval,
    PlaceOrder,
    Prices,
    ReasonCode,
    RecordAgreement,
    Reduction,
    Refused,
    Register,
    RejectTrades,
    ReportNetwork,
    ReportReading,
    RetailCut,
    SetBounds,
    SignAgreement,
    TakeItem,
    Tick,
    TradeTerms,
    WithdrawItem,
    decode,
    open_area,
    read_steps,
    write_steps,
)
from gridpact.exchange.codec import MOST_BYTES, encode
from gridpact.exchange.values import Actor, Bounds, Claim, MemberLimit, Role, TransferTerms, Violation

PRICES = Prices(300_000, 80_000, 350_000, 50_000, 100_000)
BODIES = (
    ListItem(NOON, False, 500, 120_000),
    WithdrawItem(NOON, "ann/1"),
    TakeItem(NOON, "ann/1", 100, 200_000),
    PlaceOrder(NOON, True, 500, 200_000),
    ModifyOrder(NOON, "ann/1", 100, 200_000),
    CancelOrder(NOON, "ann/1"),
    Register(Actor("eve", Role.MEMBER, "key of eve")),
    OpenInterval(NOON, PRICES),
    RecordAgreement(
        NOON,
        "negotiation",
        (TradeTerms("ann", "bob", NOON, 5, 0, 0),),
        (TransferTerms("ann", "shop", NOON, 7),),
        (Claim("gap (kW)", 5, 100), Claim("rounds", 7)),
    ),
    Tick(),
    RejectTrades(NOON, (0, 1)),
    ReportNetwork(
        NOON,
        "merit",
        True,
        5,
        (Reduction(0, 100, ReasonCode.OVERLOAD, "line 1", 1_100, 990),),
        (MemberLimit("ann", 5, None),),
        (Violation(ReasonCode.VOLTAGE_LOW, "bus 2", 939_000),),
        (RetailCut("bob", True, 800, 0, ReasonCode.VOLTAGE_HIGH, "bus 2", 1_104_000, 1_099_000),),
    ),
    ReportReading(NOON, -1_500, 2),
    SetBounds("ann", Bounds(most_wh=500, lowest_price=-5, highest_price=200_000, most_messages=3)),
    SignAgreement(NOON, "bob", (TradeTerms("ann", "bob", NOON, 5, 0, 0),)),
)
VALID = [encode(signed("ann", number, body)) for number, body in enumerate(BODIES)]
AN_ORDER = msgspec.json.decode(VALID[3])


def with_field(path: str, value: object) -> bytes:
    """A valid order with one field replaced, or left out (``...``)."""
    message = msgspec.json.decode(VALID[3])
    *parents, name = path.split(".")
    inside = message
    for parent in parents:
        inside = inside[parent]
    if value is ...:
        del inside[name]
    else:
        inside[name] = value
    return msgspec.json.encode(message)


@pytest.mark.parametrize(("body", "message"), list(zip(BODIES, VALID, strict=True)))
def test_every_kind_of_command_comes_back_from_its_bytes(body: object, message: bytes) -> None:
    assert decode(message).body == body


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("area", ...),
        ("area", 5),
        ("author", ""),
        ("author", "a/b"),
        ("author", "a+"),
        ("author", "#"),
        ("author", "x" * 65),
        ("author", "line\nbreak"),
        ("id", None),
        ("id", "a/b"),
        ("signature", "s" * 513),
        ("body", ...),
        ("body", []),
        ("body.kind", "bribe"),
        ("body.kind", ...),
        ("body.interval", -1),
        ("body.interval", 2**53),
        ("body.interval", "noon"),
        ("body.is_buy", 1),
        ("body.energy_wh", 0),
        ("body.energy_wh", -5),
        ("body.energy_wh", 1.5),
        ("body.energy_wh", 10**9 + 1),
        ("body.energy_wh", 10**30),
        ("body.energy_wh", True),
        ("body.price", 10**9 + 1),
        ("body.price", -(10**9) - 1),
        ("body.price", ...),
        ("body.use", "yacht"),
        ("body.tip", 5),
        ("tip", 5),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(path: str, value: object) -> None:
    village = Village().open()
    before = village.state.digest()
    (refused,) = village.send(with_field(path, value), BIDDING)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.field) == (ReasonCode.MALFORMED, path)
    assert refused.found
    assert len(refused.digest) == 64
    assert village.state.digest() == before
    assert village.steps[-1].events == (refused,)


def test_the_place_inside_of_a_list_is_named() -> None:
    message = VALID[11].replace(b'"trade":0', b'"trade":-1')
    assert decode(message).field == "body.reductions[0].trade"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe\x00",
        b"NaN",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        VALID[3] + b" x",
        VALID[3][:-1],
        b"\xef\xbb\xbf" + VALID[3],
        VALID[3].replace(b"ann", b"\xc3\x28"),
        VALID[3].replace(b'"body":{', b'"body":{"x":' + b"[" * 5_000 + b"]" * 5_000 + b","),
    ],
)
def test_what_is_no_json_or_no_object_is_refused_as_a_whole_or_by_its_first_wrong_field(message: bytes) -> None:
    refused = decode(message)
    assert isinstance(refused, Refused)
    assert refused.reason == ReasonCode.MALFORMED
    assert refused.field in ("", "a", "author", "body.x")


def test_an_oversized_message_is_refused_unread() -> None:
    refused = decode(b"{" + b" " * MOST_BYTES)
    assert refused.reason == ReasonCode.LIMIT
    assert refused.found == f"{MOST_BYTES + 1} bytes, up to {MOST_BYTES} are read"


def test_a_refusal_says_who_seems_to_have_sent_it_as_far_as_that_can_be_read() -> None:
    assert (decode(with_field("body.price", "free")).author, decode(with_field("body.price", "free")).id) == (
        "ann",
        "3",
    )
    assert decode(with_field("author", 7)).author == ""


WORDS = (0, -1, 1, 2**53, 2**63, -(2**64), 1.5, 1e300, True, None, "", "x" * 200, "ann", [], {}, [[]], {"kind": "tick"})


def mutations(draw: random.Random, message: bytes) -> bytes:
    """A valid message after a few changes to its structure, or to its bytes."""
    if draw.random() < 0.5:
        tree = msgspec.json.decode(message)
        for _ in range(draw.randint(1, 3)):
            _change_somewhere(draw, tree)
        return msgspec.json.encode(tree)
    changed = bytearray(message)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(changed) + 1)
        match draw.randrange(4):
            case 0:
                changed[at : at + draw.randint(1, 8)] = b""
            case 1:
                changed[at:at] = draw.randbytes(draw.randint(1, 4))
            case 2:
                changed[at:at] = changed[at // 2 : at // 2 + draw.randint(1, 20)]
            case _ if at < len(changed):
                changed[at] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _change_somewhere(draw: random.Random, tree: object) -> None:
    """Replace, remove or add one entry, at any depth."""
    inside, keys = tree, []
    while True:
        keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        key = draw.choice(keys) if keys else None
        if key is None or not isinstance(inside[key], dict | list) or draw.random() < 0.3:
            break
        inside = inside[key]
    kind = draw.randrange(4)
    if isinstance(inside, list):
        if key is not None and kind == 0:
            del inside[key]
        else:
            inside.append(deepcopy(draw.choice(WORDS)))
    elif key is None or kind == 1:
        inside[draw.choice(("kind", "price", "extra", ""))] = deepcopy(draw.choice(WORDS))
    elif kind == 0:
        del inside[key]
    else:
        inside[key] = deepcopy(draw.choice(WORDS))


def judge(message: bytes) -> bool:
    """Whatever the bytes, a command that says itself again, or a refusal that can be written down; which of the two."""
    answer = decode(message)
    if isinstance(answer, Command):
        assert decode(encode(answer)) == answer
        return True
    assert answer.reason in (ReasonCode.MALFORMED, ReasonCode.LIMIT)
    assert msgspec.json.decode(msgspec.json.encode(answer), type=Refused) == answer
    return False


@pytest.mark.parametrize("batch", range(4))
def test_no_exception_escapes_the_decoder_over_a_hundred_thousand_mutated_commands(batch: int) -> None:
    draw = random.Random(batch)
    commands = sum(judge(mutations(draw, draw.choice(VALID))) for _ in range(25_000))
    assert 0 < commands < 25_000


@given(st.binary(max_size=300))
def test_no_exception_escapes_the_decoder_on_any_bytes(message: bytes) -> None:
    judge(message)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.sampled_from(list(AN_ORDER["body"])), inside),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(AN_ORDER)), _JSON))
def test_no_exception_escapes_the_decoder_on_any_object(tree: dict[str, object]) -> None:
    judge(msgspec.json.encode(tree))


@given(st.data())
def test_no_exception_escapes_the_exchange_and_a_refusal_changes_nothing(data: st.DataObject) -> None:
    village = Village().open()
    village.say("ann", PlaceOrder(NOON, False, 500, 100_000))
    draw = random.Random(data.draw(st.integers(0, 2**32)))
    for _ in range(20):
        before, message = village.state.digest(), mutations(draw, draw.choice(VALID))
        events = village.send(message, draw.choice((0, BIDDING, NOON, NOON * 2)))
        assert (village.state.digest() == before) == (not events or isinstance(events[0], Refused))


@pytest.mark.slow
def test_no_exception_escapes_the_decoder_over_two_million_mutated_commands() -> None:
    draw = random.Random("more")
    for _ in range(2_000_000):
        judge(mutations(draw, draw.choice(VALID)))


@pytest.mark.parametrize("at", [-1, 2**53, -(10**400), 10**400])
def test_a_time_that_no_journal_could_read_back_is_refused_before_there_is_a_step(at: int) -> None:
    village = Village()
    before = village.exchange.state.digest()
    for message in (b"{", signed("ann", "1", Tick())):
        for take in (village.exchange.decide, village.exchange.handle):
            with pytest.raises(InputError, match=r"time of a step: (before 1970|beyond 2)"):
                take(message, at)
    with pytest.raises(InputError, match="time of a step"):
        open_area(village.rules, village.exchange.state.actors.values(), at)
    assert village.exchange.state.digest() == before


def test_the_last_time_there_is_can_be_read_back() -> None:
    step = Village().exchange.decide(b"{", 2**53 - 1)
    assert list(read_steps(write_steps([step]))) == [step]
