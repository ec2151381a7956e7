"""Bytes as text: base64 for URLs without padding (RFC 4648, section 5; as in RFC 7515), read strictly."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

from gridpact.errors import InputError

HASH_BYTES = 32


def to_text(data: bytes) -> str:
    """Bytes as text.

    Examples
    --------
    >>> to_text(bytes([255, 254, 0]))
    '__4A'
    """
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def to_bytes(text: object, length: int, what: str) -> bytes:
    """Text as so many bytes.

    Raises
    ------
    InputError
        If it is no text, or not the one way to write that many bytes.

    Examples
    --------
    >>> to_bytes("__4A", 3, "salt")
    b'\\xff\\xfe\\x00'
    """
    if isinstance(text, str) and text.isascii():
        try:
            data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            data = b""
        if len(data) == length and to_text(data) == text:
            return data
    shown = text if isinstance(text, str) and len(text) < 60 else type(text).__name__
    raise InputError(f"{what} {shown!r}", accepted=f"{length} bytes as base64url without padding")


def sha256(data: bytes) -> bytes:
    """The hash that everything here rests on."""
    return hashlib.sha256(data).digest()
