"""An entry of a log: what somebody states, signed by its author, with commitments to what only some may read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
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
        unsigned = cls(log, seq, author, kind, body, commitments, b"", openings)
        return replace(unsigned, signature=key.sign(ENTRY + unsigned.content))

    @cached_property
    def content(self) -> bytes:
        """The canonical JSON that the author signs, after a prefix."""
        return encode(
            {
                "log": self.log,
                "seq": self.seq,
                "author": self.author,
                "kind": self.kind,
                "body": self.body,
                "sealed": self.sealed,
            }
        )

    @property
    def leaf(self) -> bytes:
        """The canonical JSON that is the leaf of the tree: the content with the signature, whose key is the last in order."""
        return self.content[:-1] + b',"signature":' + encode(to_text(self.signature)) + b"}"

    def signed_by_author(self, keys: Directory) -> bool:
        """Whether the author's signature holds."""
        return keys.verify(self.author, ENTRY + self.content, self.signature)

    def line(self, *, openings: bool) -> bytes:
        """Its canonical JSON in an export, with what is sealed or without."""
        if not openings or not self.openings:
            return b'{"entry":' + self.leaf + b"}"
        opened = encode({name: opening.to_json() for name, opening in self.openings.items()})
        return b'{"entry":' + self.leaf + b',"openings":' + opened + b"}"

    @classmethod
    def from_json(cls, value: Any) -> "Entry":
        """Read what stands in a line; raises `InputError`."""
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


def _openings(value: Any) -> dict[str, Opening]:
    if not isinstance(value, dict):
        raise InputError("openings that are none", accepted="tables by name")
    return {name: Opening.from_json(each) for name, each in value.items()}


def _are_texts(sealed: Mapping[str, Any]) -> bool:
    return all(isinstance(made, list) and set(map(type, made)) <= {str} for made in sealed.values())
