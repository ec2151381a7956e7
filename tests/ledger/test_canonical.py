"""Canonical JSON against the examples of RFC 8785, and its bounds."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpact.errors import InputError
from gridpact.ledger import decode, encode, encode_rows
from gridpact.ledger.canonical import LARGEST_INTEGER, number

# RFC 8785, appendix B: IEEE 754 bits and what ECMAScript writes
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}

floats = st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not LARGEST_INTEGER < abs(x) < 1e21)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER) | floats | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("bits", NUMBERS)
def test_a_number_is_written_as_the_rfc_does(bits: str) -> None:
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    assert number(value) == NUMBERS[bits]


def test_the_example_of_the_rfc_comes_out_as_there() -> None:
    given_text = (
        r'{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],'
        r'"string": "\u20ac$\u000F\u000aA\u0027\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}'
    )
    expected = (
        r'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        r'"string":"€$\u000f\nA' + r"'B\"\\\\\"/" + '"}'
    )
    assert encode(json.loads(given_text)) == expected.encode()


def test_keys_stand_in_the_order_of_their_utf_16_code_units() -> None:
    names = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    order = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]  # RFC 8785, 3.2.3
    assert list(json.loads(encode(names))) == order


def test_strings_are_escaped_as_little_as_json_allows() -> None:
    assert encode("\b\t\n\f\r\x00\x1f\x7f/\u2028") == '"\\b\\t\\n\\f\\r\\u0000\\u001f\x7f/\u2028"'.encode()


@given(values)
def test_what_is_encoded_decodes_to_the_same_value_and_encodes_to_the_same_bytes(value: object) -> None:
    data = encode(value)
    assert decode(data) == value
    assert json.loads(data) == value
    assert encode(decode(data)) == data


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_keeps_its_value(value: float) -> None:
    assert float(number(value)) == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "not finite"),
        (float("inf"), "not finite"),
        (2**53, "54 bits, beyond 2"),
        (10**400, "1329 bits, beyond 2"),
        pytest.param(-(10**5_000), "16610 bits, beyond 2", id="beyond what Python prints"),
        (1e20, "beyond 2"),
        ([1, -(2**53)], "beyond 2"),
        ("\ud83d", "surrogate"),
        ({1: 2}, "a key that is int"),
        ({"a": {1, 2}}, "a set"),
    ],
)
def test_what_json_cannot_carry_exactly_is_refused(value: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        encode(value)


@pytest.mark.parametrize("digits", [400, 5_000])  # Python reads and writes 4,300 by default
@pytest.mark.parametrize("sign", [1, -1])
def test_a_huge_integer_is_refused_in_a_short_message_whoever_reads_it(digits: int, sign: int) -> None:
    for value in (sign * 10**digits, [1, sign * 10**digits]):
        with pytest.raises(InputError, match=f"an integer of {(10**digits).bit_length()} bits") as caught:
            encode(value)
        assert len(str(caught.value)) < 120
    with pytest.raises(InputError, match="canonical JSON") as caught:
        decode(b"-" * (sign < 0) + b"1" + b"0" * digits)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b"1.0",
        b"1e2",
        b'"\\u0041"',
        b"-0",
        b"",
        b"{",
        b"\xff",
        b"9" * 400,
        b"9" * 5_000,
        b"[" * 700 + b"]" * 700,
    ],
)
def test_what_is_not_canonical_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="canonical"):
        decode(data)


@given(st.lists(st.tuples(st.integers(-9, 9), st.text(), floats), max_size=5))
def test_rows_are_the_objects_of_their_items(rows: list[tuple[int, str, float]]) -> None:
    columns = {name: [row[at] for row in rows] for at, name in enumerate(("b{}", "a", "ö"))}
    expected = [encode({"b{}": row[0], "a": row[1], "ö": row[2], "t": None}) for row in rows]
    assert encode_rows(columns, {"t": None}) == expected
