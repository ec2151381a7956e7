"""Ed25519 keys (RFC 8032) and who holds them."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from gridpact.errors import InputError, nearest_name
from gridpact.ledger.canonical import encode
from gridpact.ledger.encoding import sha256, to_bytes, to_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Entropy: TypeAlias = Callable[[int], bytes]
"""Gives so many unpredictable bytes: `secrets.token_bytes`, or something reproducible in a test."""

KEY_BYTES = 32
SIGNATURE_BYTES = 64


@dataclass(frozen=True)
class SigningKey:
    """A private key. Signatures are deterministic.

    Attributes
    ----------
    secret
        The 32 bytes of the private key, not shown.

    Examples
    --------
    >>> key = SigningKey(bytes(32))
    >>> Directory({"exchange": key.public}).verify("exchange", b"entry", key.sign(b"entry"))
    True
    """

    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls, entropy: Entropy = secrets.token_bytes) -> "SigningKey":
        """A new key."""
        return cls(entropy(KEY_BYTES))

    @cached_property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return self._private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature of a message, 64 bytes."""
        return self._private.sign(message)

    def __reduce__(self) -> tuple[object, ...]:
        return SigningKey, (self.secret,)  # what is loaded from it stays in its process

    @cached_property
    def _private(self) -> "Ed25519PrivateKey":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.secret)


class Directory:
    """Public keys by the name of who holds them.

    Examples
    --------
    >>> directory = Directory({"dso": SigningKey(bytes(32)).public})
    >>> directory.fingerprint
    'f5dOREnd_GS6pVsw-cd_1ZDjXzHgHbG-rRUqfIpljXk'
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self._loaded: dict[str, Ed25519PublicKey] = {}

    @classmethod
    def from_json(cls, value: Any) -> "Directory":
        """Read what `to_json` wrote.

        Raises
        ------
        InputError
            If it is no object of names and keys.
        """
        if not isinstance(value, dict):
            raise InputError(f"keys are a {type(value).__name__}", accepted="an object of names and public keys")
        return cls({name: to_bytes(text, KEY_BYTES, f"the key of {name!r}") for name, text in value.items()})

    def to_json(self) -> dict[str, str]:
        """Names and keys as text."""
        return {name: to_text(key) for name, key in self._keys.items()}

    @property
    def names(self) -> Iterable[str]:
        """Who has a key."""
        return self._keys.keys()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON of the directory: whoever knows it from elsewhere, can trust these keys."""
        return to_text(sha256(encode(self.to_json())))

    def __reduce__(self) -> tuple[object, ...]:
        return Directory, (self._keys,)

    def __contains__(self, name: object) -> bool:
        return name in self._keys

    def __getitem__(self, name: str) -> bytes:
        return self._keys[name]

    def verify(self, name: str, message: bytes, signature: bytes) -> bool:
        """Whether this is the signature of that holder; of somebody unknown it never is."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        if name not in self._keys or len(signature) != SIGNATURE_BYTES:
            return False
        if name not in self._loaded:
            self._loaded[name] = Ed25519PublicKey.from_public_bytes(self._keys[name])
        try:
            self._loaded[name].verify(signature, message)
        except InvalidSignature:
            return False
        return True


def same_keys(found: Directory, trusted: Directory) -> None:
    """Refuse a directory that names a trusted holder with another key, or somebody whom the trusted one does not know.

    Raises
    ------
    InputError
        Naming the first holder that differs.
    """
    for name in found.names:
        if name not in trusted:
            near = nearest_name(name, list(trusted.names))
            raise InputError(f"{name!r} is not among the trusted keys{near}", accepted="keys that are trusted")
        if found[name] != trusted[name]:
            raise InputError(f"the key of {name!r} is not the trusted one", accepted="keys that are trusted")
