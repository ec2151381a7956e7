"""Signed tree heads: what the log's keeper states, time by time, and witnesses sign with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gridpact.errors import InputError
from gridpact.ledger.canonical import encode
from gridpact.ledger.encoding import HASH_BYTES, sha256, to_bytes, to_text
from gridpact.ledger.keys import SIGNATURE_BYTES, Directory, SigningKey

HEAD = b"gridpact/v1/head\n"
WITNESS = b"gridpact/v1/witness\n"
"""What comes before the bytes that are signed, so that no signature can be taken for one of another purpose."""


@dataclass(frozen=True, slots=True)
class TreeHead:
    """The state of a log at a time.

    Attributes
    ----------
    log
        Which log.
    size, root
        How many entries, and the root over them.
    time
        When, RFC 3339 in UTC.
    previous
        Hash of the head before, None for the first.
    """

    log: str
    size: int
    root: bytes
    time: str
    previous: bytes | None

    @property
    def content(self) -> bytes:
        """Its canonical JSON: what is signed after a prefix, and hashed into the next head."""
        return encode(self.to_json())

    @property
    def hash(self) -> bytes:
        """What the next head calls its previous one."""
        return sha256(self.content)

    def to_json(self) -> dict[str, Any]:
        """As it stands in an export."""
        previous = None if self.previous is None else to_text(self.previous)
        return {"log": self.log, "size": self.size, "root": to_text(self.root), "time": self.time, "previous": previous}

    @classmethod
    def from_json(cls, value: Any) -> "TreeHead":
        """Read what `to_json` wrote; raises `InputError`."""
        match value:
            case {"log": str(log), "size": int(size), "root": root, "time": str(time), "previous": previous} if (
                len(value) == 5 and size >= 0
            ):
                before = None if previous is None else to_bytes(previous, HASH_BYTES, "previous head")
                return cls(log, size, to_bytes(root, HASH_BYTES, "root"), time, before)
        raise InputError("a tree head that is none", accepted="log, size, root, time, previous")


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head with the signature of the log's keeper, and those of witnesses by name."""

    head: TreeHead
    signature: bytes
    witnesses: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def sign(cls, head: TreeHead, key: SigningKey) -> "SignedHead":
        """Sign as the keeper."""
        return cls(head, key.sign(HEAD + head.content))

    def signed_by(self, keeper: str, keys: Directory) -> bool:
        """Whether the keeper's signature holds."""
        return keys.verify(keeper, HEAD + self.head.content, self.signature)

    def witnessed_by(self, keys: Directory) -> list[str]:
        """Those among its witnesses whose signature holds."""
        message = WITNESS + self.head.content
        return [name for name, signature in self.witnesses.items() if keys.verify(name, message, signature)]

    def to_json(self) -> dict[str, Any]:
        """As it stands in an export."""
        witnesses = {name: to_text(signature) for name, signature in self.witnesses.items()}
        return {"head": self.head.to_json(), "signature": to_text(self.signature), "witnesses": witnesses}

    @classmethod
    def from_json(cls, value: Any) -> "SignedHead":
        """Read what `to_json` wrote; raises `InputError`."""
        match value:
            case {"head": head, "signature": signature, "witnesses": dict(witnesses)} if len(value) == 3:
                return cls(
                    TreeHead.from_json(head),
                    to_bytes(signature, SIGNATURE_BYTES, "signature of a head"),
                    {name: to_bytes(text, SIGNATURE_BYTES, f"signature of {name}") for name, text in witnesses.items()},
                )
        raise InputError("a signed head that is none", accepted="head, signature, witnesses")
