"""Logs as a file: lines of canonical JSON, read strictly.

A log is a header, then entries and heads in the order in which they came about, then an end that counts them. A file holds
one log or several, one after the other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from gridpact.errors import InputError
from gridpact.ledger.canonical import Json, decode, encode
from gridpact.ledger.encoding import to_bytes, to_text
from gridpact.ledger.entry import Entry
from gridpact.ledger.heads import SignedHead
from gridpact.ledger.keys import Directory, Entropy

FORMAT = "gridpact-ledger/1"
LOG_BYTES = 16


class View(StrEnum):
    """How much of a log an export shows."""

    PUBLIC = "public"
    """Entries with their commitments, heads."""
    AUDIT = "audit"
    """And what opens the commitments."""


@dataclass(frozen=True, eq=False)
class Header:
    """What an export says of itself.

    Attributes
    ----------
    log
        Name of the log: random, so that no two logs share one.
    view
        What it shows.
    keeper
        Who signs the heads.
    keys
        Everybody's public keys. They prove nothing by standing here: who they belong to has to be known from elsewhere.
    witnesses, quorum
        Who may co-sign heads, and how many of them have to.
    """

    log: str
    view: View
    keeper: str
    keys: Directory
    witnesses: tuple[str, ...] = ()
    quorum: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.quorum <= len(self.witnesses):
            found = f"{self.quorum} of {len(self.witnesses)} witnesses"
            raise InputError(found, place="header", accepted="no more signatures than there are witnesses")
        if len({self.keeper, *self.witnesses}) <= len(self.witnesses):
            found = f"keeper {self.keeper!r} and witnesses {', '.join(map(repr, self.witnesses))}"
            raise InputError(found, place="header", accepted="witnesses that are neither the keeper nor each other")
        for name in (self.keeper, *self.witnesses):
            if name not in self.keys:
                raise InputError(f"{name!r} has no key", place="header", accepted="a key for keeper and witnesses")

    def to_json(self) -> dict[str, Json]:
        """As it stands in an export."""
        return {
            "format": FORMAT,
            "log": self.log,
            "view": str(self.view),
            "keeper": self.keeper,
            "keys": self.keys.to_json(),
            "witnesses": list(self.witnesses),
            "quorum": self.quorum,
        }

    @classmethod
    def from_json(cls, value: Any) -> "Header":
        """Read what `to_json` wrote; raises `InputError`."""
        match value:
            case {
                "format": str(found),
                "log": log,
                "view": view,
                "keeper": str(keeper),
                "keys": keys,
                "witnesses": list(witnesses),
                "quorum": int(quorum),
            } if len(value) == 7:
                if found != FORMAT:
                    raise InputError(f"format {found!r}", place="header", accepted=FORMAT)
                if view not in set(View):
                    raise InputError(f"view {view!r}", place="header", accepted=", ".join(View))
                to_bytes(log, LOG_BYTES, "name of the log")
                return cls(log, View(view), keeper, Directory.from_json(keys), tuple(map(str, witnesses)), quorum)
        raise InputError("no header of an export", accepted=f"a file of {FORMAT}")


@dataclass(frozen=True, slots=True)
class End:
    """The last line of a log: how many entries and heads went before."""

    entries: int
    heads: int


Line: TypeAlias = Header | Entry | SignedHead | End


def new_log(entropy: Entropy) -> str:
    """The name of a new log."""
    return to_text(entropy(LOG_BYTES))


class ExportWriter:
    """Writes a log line by line.

    Parameters
    ----------
    file
        Open for writing bytes.
    header
        Its view decides whether openings are written.
    """

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._file, self._view = file, header.view
        self._entries = self._heads = 0
        self._write(header.to_json())

    def entry(self, entry: Entry) -> None:
        """Write an entry."""
        self._entries += 1
        self._file.write(entry.line(openings=self._view is View.AUDIT) + b"\n")

    def head(self, head: SignedHead) -> None:
        """Write a head."""
        self._heads += 1
        self._write(head.to_json())

    def end(self) -> None:
        """Write the end."""
        self._write({"end": {"entries": self._entries, "heads": self._heads}})

    def _write(self, value: Mapping[str, Json]) -> None:
        self._file.write(encode(value) + b"\n")


def read_export(path: Path) -> Iterator[tuple[int, Line]]:
    """The lines of an export with their numbers, from 1.

    What is read here is well formed and complete; whether it is true is for `gridpact.ledger.check`.

    Raises
    ------
    InputError
        If the file cannot be read, a line is not canonical JSON or none of the four kinds, or a log has no header or no end,
        or not as many entries as its end says. The message names file and line.
    """
    try:
        with path.open("rb") as file:
            yield from _read_lines(file, path)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=str(path), accepted="an export") from None


def _read_lines(file: BinaryIO, path: Path) -> Iterator[tuple[int, Line]]:
    number, counts, inside = 0, End(0, 0), False
    for number, data in enumerate(file, start=1):
        try:
            line = _read_line(data)
            _check_order(line, counts, inside)
        except InputError as error:
            place = f"{path} line {number}" + f", {error.place}" * bool(error.place)
            raise InputError(error.found, place=place, accepted=error.accepted) from None
        counts = _counted(line, counts)
        inside = not isinstance(line, End)
        yield number, line
    if inside or number == 0:
        found = f"ends after line {number} without the end of a log"
        raise InputError(found, place=str(path), accepted="a complete export")


def _read_line(data: bytes) -> Line:
    if not data.endswith(b"\n"):
        raise InputError("the line is cut off", accepted="lines that end")
    value = decode(data[:-1])
    match value:
        case {"format": _}:
            return Header.from_json(value)
        case {"entry": _}:
            return Entry.from_json(value)
        case {"head": _}:
            return SignedHead.from_json(value)
        case {"end": {"entries": int(entries), "heads": int(heads)} as end} if len(end) == 2 and len(value) == 1:
            return End(entries, heads)
    raise InputError("a line of no known kind", accepted="a header, an entry, a head, or an end")


def _check_order(line: Line, counts: End, inside: bool) -> None:
    if isinstance(line, Header) == inside:
        found = "a second header" if inside else "no header"
        raise InputError(found, accepted="a header, then entries and heads, then an end")
    if isinstance(line, End) and line != counts:
        found = f"the end counts {line.entries} entries and {line.heads} heads, there are {counts.entries} and {counts.heads}"
        raise InputError(found, accepted="a complete export")


def _counted(line: Line, counts: End) -> End:
    match line:
        case Header():
            return End(0, 0)
        case Entry():
            return End(counts.entries + 1, counts.heads)
        case SignedHead():
            return End(counts.entries, counts.heads + 1)
    return counts
