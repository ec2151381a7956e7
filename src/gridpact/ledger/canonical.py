"""Canonical JSON (RFC 8785): one value, one sequence of bytes, so that hashes and signatures mean the value.

Numbers are written as ECMAScript writes them (integers up to 2^53 − 1, floats by their shortest digits), keys stand in the
order of their UTF-16 code units, strings are escaped as little as JSON allows, and there is no white space.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring  # the C function behind json.dumps
from typing import Any, TypeAlias

import msgspec

from gridpact.errors import UNREADABLE, InputError

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
"""What can be encoded; tuples count as arrays."""

LARGEST_INTEGER = 2**53 - 1
"""The largest integer that every reader of JSON takes exactly (RFC 8785, appendix D)."""


def encode(value: Json) -> bytes:
    r"""The canonical bytes of a value.

    Raises
    ------
    InputError
        For an integer beyond 2^53 − 1 (or a float that would be written as one), a number that is not finite, half of a
        surrogate pair in a text, a key that is no text, or a type that JSON does not know.

    Examples
    --------
    >>> encode({"b": 1e21, "a": [0.1, -0.0, None], "é": "\n"}).decode()
    '{"a":[0.1,0,null],"b":1e+21,"é":"\\n"}'
    """
    try:
        return _text(value).encode("utf-8")
    except UnicodeEncodeError:
        raise InputError("a text holds half of a surrogate pair", place="canonical JSON", accepted="Unicode") from None


def encode_rows(columns: Mapping[str, Sequence[Json]], constant: Mapping[str, Json] | None = None) -> list[bytes]:
    """The canonical bytes of every row of a table: an object with the row's item of each column, and some constant members.

    Examples
    --------
    >>> encode_rows({"b": [1, 2], "a": ["x", "y"]}, {"t": 7})
    [b'{"a":"x","b":1,"t":7}', b'{"a":"y","b":2,"t":7}']
    """
    constant = constant or {}
    names = sorted([*columns, *constant], key=_utf16)
    rows = len(next(iter(columns.values()), ()))
    parts = [_items(columns[name]) if name in columns else [_text(constant[name])] * rows for name in names]
    template = "{{" + ",".join(f"{_key(name).replace('{', '{{').replace('}', '}}')}:{{}}" for name in names) + "}}"
    return [template.format(*row).encode("utf-8") for row in zip(*parts, strict=True)]


def decode(data: bytes) -> Any:
    """The value of canonical bytes; anything that is JSON but not canonical is refused.

    Raises
    ------
    InputError
        If the bytes are no JSON, or not those that `encode` makes of their value: white space, keys doubled or out of order,
        ``1.0`` for ``1``.

    Examples
    --------
    >>> decode(b'{"a":1}')
    {'a': 1}
    """
    try:
        value = msgspec.json.decode(data)
        again = encode(value)
    except UNREADABLE as error:
        raise InputError(f"no JSON ({error})", accepted="canonical JSON (RFC 8785)") from None
    if again != data:
        raise InputError("JSON that is not canonical", accepted="canonical JSON (RFC 8785)")
    return value


def number(value: float) -> str:
    """A finite float as ECMAScript writes it (ECMA-262, Number::toString).

    Examples
    --------
    >>> number(333333333.33333329), number(1e21), number(2e-7), number(4.50)
    ('333333333.3333333', '1e+21', '2e-7', '4.5')
    """
    if not math.isfinite(value):
        raise InputError(f"{value} is not finite", place="canonical JSON", accepted="finite numbers")
    if value == 0:
        return "0"  # minus zero, too
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    point -= len(digits) - len(digits.lstrip("0"))
    digits = digits.strip("0")
    return "-" * (value < 0) + _place_point(digits, point)


def _place_point(digits: str, point: int) -> str:
    """Significant digits with the decimal point after so many of them."""
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    return digits[0] + f".{digits[1:]}" * (len(digits) > 1) + f"e{point - 1:+d}"


def _text(value: Any) -> str:
    write = _WRITERS.get(type(value))
    if write is not None:
        return write(value)
    for kind, write in _WRITERS.items():  # a subclass of what JSON knows: an enumeration of texts, for instance
        if isinstance(value, kind):
            return write(value)
    raise InputError(f"a {type(value).__name__}", place="canonical JSON", accepted="what JSON knows")


def _object(value: Mapping[Any, Any]) -> str:
    return "{" + ",".join([f"{_key(key)}:{_text(value[key])}" for key in sorted(value, key=_utf16)]) + "}"


def _array(value: Sequence[Any]) -> str:
    return "[" + ",".join(_items(value)) + "]"


def _items(values: Sequence[Any]) -> Any:
    """The items of an array; long columns are of one type, which is faster."""
    kinds = set(map(type, values))
    if kinds == {int}:
        if max(values) <= LARGEST_INTEGER and min(values) >= -LARGEST_INTEGER:
            return map(str, values)
    elif kinds == {str}:
        return map(encode_basestring, values)
    return map(_text, values)


def _integer(value: int) -> str:
    if abs(value) > LARGEST_INTEGER:
        found = f"an integer of {value.bit_length()} bits, beyond 2^53 − 1"
        raise InputError(found, place="canonical JSON", accepted="smaller integers")
    return str(value)


def _float(value: float) -> str:
    """What ECMAScript writes without a point would come back as an integer, which must then be exact."""
    return _integer(int(value)) if LARGEST_INTEGER < abs(value) < 1e21 else number(value)


def _constant(value: bool | None) -> str:
    return "null" if value is None else "true" if value else "false"


def _key(key: Any) -> str:
    return encode_basestring(key)


def _utf16(key: Any) -> bytes:
    if not isinstance(key, str):
        raise InputError(f"a key that is {type(key).__name__}", place="canonical JSON", accepted="texts as keys")
    return key.encode("utf-16-be")


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    bool: _constant,
    type(None): _constant,
    int: _integer,
    float: _float,
    dict: _object,
    list: _array,
    tuple: _array,
    Mapping: _object,
}
