"""An entry of a log: what somebody states, signed by its author, with commitments to what only some may read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gridpact.errors import InputError
from gridpact.ledger.canonical import Json, encode
from gridpact.ledger.encoding import to_bytes, to_text
from gridpact.ledger.keys import SIGNATURE_BYTES, Directory, SigningKey
from gridpact.ledger.sealing import Opening

ENTRY = b"gridpact/v1/entry\n"
"""What comes before the bytes that an author signs."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One entry.

    Attributes
    ----------
    log, seq
        Which log, and where it stands in it, from 0.
    author
        Who states it; a name of the directory.
    kind
        What is stated.
    body
        What everybody may read.
    sealed
        Commitments to the rows of tables, as text, by the name of the table.
    signature
        The author's.
    openings
        The tables behind the commitments, where they are disclosed; no part of what is signed and logged.
    """

    log: str
    seq: int
    author: str
    kind: str
    body: Mapping[str, Json]
    sealed: Mapping[str, list[str]]
    signature: bytes = b""
    openings: Mapping[str, Opening] = field(default_factory=dict)

    @classmethod
    def sign(
        cls,
        log: str,
        seq: int,
        author: str,
        key: SigningKey,
        kind: str,
        body: Mapping[str, Json],
        sealed: Mapping[str, tuple[list[str], Opening]],
    ) -> "Entry":
        """Make and sign an entry; `sealed` holds what `seal` gave, by table."""
        commitments = {name: made for name, (made, _) in sealed.items()}
        openings = {name: opening for name, (_, opening) in sealed.items()}
        entry = cls(log, seq, author, kind, body, commitments, b"", openings)
        return cls(log, seq, author, kind, body, commitments, key.sign(ENTRY + entry.content), openings)

    @property
    def content(self) -> bytes:
        """The canonical JSON that the author signs, after a prefix."""
        return encode(self._content())

    @property
    def leaf(self) -> bytes:
        """The canonical JSON that is the leaf of the tree: the content with the signature."""
        return encode(self._leaf())

    def signed_by_author(self, keys: Directory) -> bool:
        """Whether the author's signature holds."""
        return keys.verify(self.author, ENTRY + self.content, self.signature)

    def to_json(self, *, openings: bool) -> dict[str, Any]:
        """As it stands in an export, with what is sealed or without."""
        line: dict[str, Any] = {"entry": self._leaf()}
        if openings and self.openings:
            line["openings"] = {name: opening.to_json() for name, opening in self.openings.items()}
        return line

    @classmethod
    def from_json(cls, value: Any) -> "Entry":
        """Read what `to_json` wrote; raises `InputError`."""
        match value:
            case {
                "entry": {
                    "log": str(log),
                    "seq": int(seq),
                    "author": str(author),
                    "kind": str(kind),
                    "body": dict(body),
                    "sealed": dict(sealed),
                    "signature": signature,
                } as leaf,
                **rest,
            } if len(leaf) == 7 and rest.keys() <= {"openings"} and _are_texts(sealed):
                openings = _openings(rest.get("openings", {}))
                held = to_bytes(signature, SIGNATURE_BYTES, "signature of an entry")
                return cls(log, seq, author, kind, body, sealed, held, openings)
        raise InputError("an entry that is none", accepted="log, seq, author, kind, body, sealed, signature")

    def _content(self) -> dict[str, Any]:
        return {
            "log": self.log,
            "seq": self.seq,
            "author": self.author,
            "kind": self.kind,
            "body": self.body,
            "sealed": self.sealed,
        }

    def _leaf(self) -> dict[str, Any]:
        return {**self._content(), "signature": to_text(self.signature)}


def _openings(value: Any) -> dict[str, Opening]:
    if not isinstance(value, dict):
        raise InputError("openings that are none", accepted="tables by name")
    return {name: Opening.from_json(each) for name, each in value.items()}


def _are_texts(sealed: Mapping[str, Any]) -> bool:
    return all(isinstance(made, list) and set(map(type, made)) <= {str} for made in sealed.values())
