"""From bytes to typed tables. What is wrong is said with file, place, what was found and what is accepted."""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from msgspec import inspect

from gridpact.errors import InputError, nearest_name

T = TypeVar("T", bound=msgspec.Struct)

_MESSAGE = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_STEPS = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<index>\d+)\]|(?P<any>\[\.\.\.\])")
_UNKNOWN = re.compile(r"unknown field `(?P<name>.*)`", re.DOTALL)
_MISSING = re.compile(r"missing required field `(?P<name>.*)`")


def read_text(path: Path) -> str:
    """The text of a file; refused if it is absent, empty or not UTF-8."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError("there is no such file", place=str(path), accepted=_siblings(path)) from None
    except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise InputError(error.strerror or "cannot be read", place=str(path), accepted="a readable file") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise InputError(found, place=f"{path} line {line}", accepted="a text file in UTF-8") from None
    if not text.strip():
        raise InputError("the file is empty", place=str(path))
    return text


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file."""
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        found = re.sub(r" \(at (.*?)\)$", r" at \1", str(error))
        raise InputError(f"not valid TOML: {found}", place=str(path), accepted="TOML 1.0") from None


def decode(raw: Mapping[str, Any], kind: type[T], *, place: str, table: str = "", strict: bool = True) -> T:
    """Raw tables as a struct.

    Parameters
    ----------
    raw
        What was read.
    kind
        The struct, which forbids unknown keys.
    place
        Where it was read: file, or file and line.
    table
        Name of the table in the file, for the message.
    strict
        False for CSV, where numbers are text.

    Raises
    ------
    InputError
        For the first thing wrong: an unknown key (with the nearest known one), a missing key, a wrong type or range, a
        number that is not finite.
    """
    try:
        decoded = msgspec.convert(raw, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise _explain(str(error), raw, kind, place, table) from None
    for steps, value in _numbers(decoded, ()):
        if not math.isfinite(value):
            raise InputError(
                f"{value} is not a finite number", place=_at(place, table, steps), accepted="a finite number"
            )
    return decoded


def zone_of(name: str, *, place: str) -> ZoneInfo:
    """An IANA time zone; raises `InputError` with the nearest known one."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        found = f"{name!r} is not a time zone{nearest_name(name, sorted(available_timezones()))}"
        raise InputError(found, place=place, accepted="an IANA name such as Europe/London") from None


@contextmanager
def located(place: str) -> Iterator[None]:
    """Name the file and field in the message of an `InputError` from below."""
    try:
        yield
    except InputError as error:
        raise InputError(error.found, place=place, accepted=error.accepted) from None


def accepted_type(kind: inspect.Type) -> str:
    """A type in plain words, as in messages and in the docs."""
    match kind:
        case inspect.Metadata():
            return accepted_type(kind.type)
        case inspect.FloatType() | inspect.IntType():
            return _accepted_number(kind)
        case inspect.StrType():
            return "text"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType():
            return " or ".join(f'"{value}"' for value in kind.values)
        case inspect.ListType():
            return "a list of " + _plural(accepted_type(kind.item_type))
        case inspect.UnionType():
            inner = sorted((t for t in kind.types if not isinstance(t, inspect.NoneType)), key=_order)
            return " or ".join(dict.fromkeys(accepted_type(t) for t in inner))
        case inspect.AnyType():
            return "a date or time"
        case _:
            return "a table"


def _explain(message: str, raw: Any, kind: type[msgspec.Struct], place: str, table: str) -> InputError:
    parts = _MESSAGE.match(message)
    assert parts is not None
    steps = _resolve(parts["path"] or "", raw, kind)
    unknown, missing = _UNKNOWN.search(parts["what"]), _MISSING.search(parts["what"])
    known = _keys(_type_at(inspect.type_info(kind), steps))
    if unknown:
        name = unknown["name"]
        found = f"unknown key {name!r}{nearest_name(name, known)}"
        return InputError(found, place=_at(place, table, steps), accepted=", ".join(known))
    if missing:
        found = f"{missing['name']!r} is missing"
        whole = _type_at(inspect.type_info(kind), (*steps, missing["name"]))
        return InputError(found, place=_at(place, table, steps), accepted=accepted_type(whole))
    value = raw
    for step in steps:
        value = value[step]
    found = f"{value!r} is {_kind_of(value)}" if isinstance(value, (dict, list)) else f"{value!r} cannot be used"
    return InputError(
        found, place=_at(place, table, steps), accepted=accepted_type(_type_at(inspect.type_info(kind), steps))
    )


def _resolve(path: str, raw: Any, kind: type[msgspec.Struct]) -> tuple[str | int, ...]:
    """Steps of a msgspec path; a key that msgspec writes as ``[...]`` is the first whose value does not fit."""
    steps: list[str | int] = []
    value = raw
    for match in _STEPS.finditer(path):
        if match["any"]:
            inner = _type_at(inspect.type_info(kind), (*steps, next(iter(value))))
            wanted = _is_number if isinstance(inner, inspect.FloatType) else _is_table
            step: str | int = next(key for key, item in value.items() if not wanted(item))
        else:
            step = match["key"] if match["key"] is not None else int(match["index"])
        steps.append(step)
        value = value[step]
    return tuple(steps)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _type_at(kind: inspect.Type, steps: tuple[str | int, ...]) -> inspect.Type:
    """The type that the schema has at a path, entering unions where they can be entered."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType) and steps:
        enter = inspect.ListType if isinstance(steps[0], int) else (inspect.StructType, inspect.DictType)
        kind = next(t for t in map(_bare, kind.types) if isinstance(t, enter))
    if not steps:
        return kind
    match kind:
        case inspect.StructType():
            inner = next(field.type for field in kind.fields if field.encode_name == steps[0])
        case inspect.ListType():
            inner = kind.item_type
        case inspect.DictType():
            inner = kind.value_type
        case _:
            raise TypeError(f"{kind} has nothing inside")
    return _type_at(inner, steps[1:])


def _bare(kind: inspect.Type) -> inspect.Type:
    return _bare(kind.type) if isinstance(kind, inspect.Metadata) else kind


def _keys(kind: inspect.Type) -> list[str]:
    if isinstance(kind, inspect.UnionType):
        kind = next((t for t in map(_bare, kind.types) if isinstance(t, inspect.StructType)), kind)
    return [field.encode_name for field in kind.fields] if isinstance(kind, inspect.StructType) else []


def _accepted_number(kind: inspect.FloatType | inspect.IntType) -> str:
    word = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
    if kind.ge is not None and kind.le == 2**63 - 1:
        return f"{word} from {kind.ge} up, below 2^63"
    if kind.gt is not None and kind.le is not None:
        return f"{word} above {kind.gt:g}, up to {kind.le:g}"
    if kind.ge is not None and kind.le is not None:
        return f"{word} from {kind.ge:g} to {kind.le:g}"
    if kind.gt is not None:
        return f"{word} above {kind.gt:g}"
    return f"{word} from {kind.ge:g} up" if kind.ge is not None else word


def _plural(words: str) -> str:
    return {"text": "texts", "a table": "tables"}.get(words, words.removeprefix("a ").replace("number", "numbers", 1))


def _order(kind: inspect.Type) -> int:
    order = (
        inspect.FloatType,
        inspect.IntType,
        inspect.StrType,
        inspect.StructType,
        inspect.DictType,
        inspect.ListType,
    )
    return next((at for at, each in enumerate(order) if isinstance(_bare(kind), each)), len(order))


def _kind_of(value: Any) -> str:
    return "a table" if isinstance(value, dict) else "a list"


def _at(place: str, table: str, steps: tuple[str | int, ...]) -> str:
    """``file: [tariff] import_price``, ``file: [[member]] number 3, pv_kwp`` or ``file line 4, pv_kwp``."""
    if table:
        return f"{place}: [{table}] {_dotted(steps)}".rstrip()
    if " line " in place:
        return f"{place}, {_dotted(steps)}" if steps else place
    if len(steps) >= 2 and steps[0] in ("member", "area") and isinstance(steps[1], int):
        return f"{place}: [[{steps[0]}]] number {steps[1] + 1}" + (f", {_dotted(steps[2:])}" if steps[2:] else "")
    tables = {"profiles", "tariff", "grid", "members", "preferences", "market", "mechanism"}
    tables |= {"broker", "store", "web", "clock"}
    if steps and steps[0] in tables:
        return f"{place}: [{steps[0]}] {_dotted(steps[1:])}".rstrip()
    return f"{place}: {_dotted(steps)}" if steps else place


def _dotted(steps: tuple[str | int, ...]) -> str:
    return "".join(f"[{s + 1}]" if isinstance(s, int) else f".{s}" for s in steps).removeprefix(".")


def _numbers(value: Any, steps: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], float]]:
    if isinstance(value, float):
        yield steps, value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _numbers(getattr(value, name), (*steps, name))
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _numbers(inner, (*steps, name))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _numbers(inner, (*steps, at))


def _siblings(path: Path) -> str:
    if not path.parent.is_dir():
        return f"a file in an existing folder; there is no folder {path.parent}"
    names = sorted(p.name for p in path.parent.iterdir() if p.is_file() and p.suffix == path.suffix)
    close = nearest_name(path.name, names)
    return "the name of an existing file" + close
