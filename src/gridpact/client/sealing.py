"""Letters that only their receiver can read: sealed to its public key, signed by the sender, padded to a few sizes.

A sender draws an X25519 key for each receiver and signs it; what it then writes is encrypted, letter by letter, by
ChaCha20-Poly1305 (RFC 8439) under a key that HKDF-SHA256 (RFC 5869) makes of the secret that this key has in common with the
receiver's, and of topic, names and keys of both. It is built as HPKE's base mode (RFC 9180) is, with a signature over the
encapsulated key. A receiver's X25519 key is that of its Ed25519 key (RFC 7748, section 4.1: the two curves are one), so that
nobody can put another key under a member's letters without putting one under its orders.

On the wire: version, 1 byte; drawn key, 32; signature, 64; number of the letter, 8; ciphertext, 16 more than its size class.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gridpact.errors import GridpactError, InputError
from gridpact.ledger import SigningKey, encode, to_text
from gridpact.ledger.keys import KEY_BYTES, SIGNATURE_BYTES, Directory

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

SEAL = b"gridpact/v1/seal\n"
VERSION = b"\x01"
SIZES = (256, 1_024, 4_096, 16_384)
"""Size classes of what is encrypted, bytes: all that a broker learns of a letter's length."""
FRAME = 12
"""Bytes of the time and the length of a letter, which are encrypted with it."""
LONGEST = SIZES[-1] - FRAME
"""Bytes of the longest letter."""
WINDOW = 1_024
"""How far behind the highest number a letter may arrive: a sliding window, as in RFC 6347, section 4.1.2.6."""
MOST_AHEAD_MS = 120_000
"""How far ahead of the receiver's clock the sender's may be."""

_P = 2**255 - 19
_HEADER = len(VERSION) + KEY_BYTES + SIGNATURE_BYTES + 8

WallClock = Callable[[], int]


def wall_clock() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


class SealError(GridpactError):
    """A letter that is not taken; the message says why."""


def sealing_key(public: bytes) -> bytes:
    """The X25519 key of whoever holds an Ed25519 key: ``u = (1 + y) / (1 − y)``, RFC 7748, section 4.1.

    Raises
    ------
    InputError
        If it is no key, or that of the neutral point.

    Examples
    --------
    >>> sealing_key(SigningKey(bytes(32)).public).hex()[:16]
    '5bf55c73b82ebe22'
    """
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    if len(public) != KEY_BYTES or y >= _P or y == 1:
        raise InputError(f"a public key {public.hex()!r}", accepted="an Ed25519 key of 32 bytes")
    return ((1 + y) * pow(1 - y, -1, _P) % _P).to_bytes(KEY_BYTES, "little")


def opening_secret(key: SigningKey) -> bytes:
    """The X25519 secret of an Ed25519 key: the first half of the SHA-512 of its seed, as RFC 8032 makes its scalar."""
    return hashlib.sha512(key.secret).digest()[:KEY_BYTES]


@dataclass(frozen=True, slots=True)
class Route:
    """From whom to whom, and by which topic: all of it is bound into every letter.

    Attributes
    ----------
    topic
        By which letters go.
    sender, receiver
        Names.
    sender_key, receiver_key
        Ed25519 public keys.
    """

    topic: str
    sender: str
    receiver: str
    sender_key: bytes
    receiver_key: bytes

    @property
    def context(self) -> bytes:
        """What keys and signatures are bound to."""
        keys = to_text(self.sender_key), to_text(self.receiver_key)
        return SEAL + encode([self.topic, self.sender, self.receiver, *keys])


class Sealer:
    """Writes letters of one sender to one receiver.

    Parameters
    ----------
    key
        Of the sender.
    route
        Where the letters go.
    clock
        The sender's time, milliseconds since 1970 UTC.

    Examples
    --------
    >>> ann, bob = SigningKey(bytes(32)), SigningKey(bytes([1]) * 32)
    >>> route = Route("bob/inbox/ann", "ann", "bob", ann.public, bob.public)
    >>> letter = Sealer(ann, route).seal(b"half a kWh")
    >>> len(letter), Opener(bob, route).open(letter)
    (377, b'half a kWh')
    """

    def __init__(self, key: SigningKey, route: Route, clock: WallClock = wall_clock) -> None:
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        drawn = X25519PrivateKey.from_private_bytes(secrets.token_bytes(KEY_BYTES))
        public = drawn.public_key().public_bytes_raw()
        self._cipher = _cipher(drawn, sealing_key(route.receiver_key), route, public)
        self._head = VERSION + public + key.sign(route.context + public)
        self._clock, self._number = clock, 0

    def seal(self, letter: bytes) -> bytes:
        """A letter for the wire.

        Raises
        ------
        InputError
            If it is longer than `LONGEST`.
        """
        if len(letter) > LONGEST:
            raise InputError(f"a letter of {len(letter)} bytes", accepted=f"up to {LONGEST}")
        size = next(size for size in SIZES if len(letter) + FRAME <= size)
        framed = self._clock().to_bytes(8, "big") + len(letter).to_bytes(4, "big") + letter
        number, self._number = self._number.to_bytes(8, "big"), self._number + 1
        return self._head + number + self._cipher.encrypt(bytes(4) + number, framed.ljust(size, b"\0"), self._head)


@dataclass(slots=True)
class _Session:
    """What was drawn for some letters, and which of them have arrived."""

    head: bytes
    cipher: "ChaCha20Poly1305"
    highest: int = -1
    seen: int = 0

    def is_new(self, number: int) -> bool:
        behind = self.highest - number
        return behind < 0 or (behind < WINDOW and not self.seen >> behind & 1)

    def note(self, number: int) -> None:
        ahead = number - self.highest
        if ahead > 0:
            self.seen, self.highest = ((self.seen << min(ahead, WINDOW)) | 1) & ((1 << WINDOW) - 1), number
        else:
            self.seen |= 1 << -ahead


@dataclass(slots=True)
class Opener:
    """Reads letters of one sender, each of them once.

    A letter that was written before the receiver listened is not taken: what was heard before a restart is not heard again. A
    sender that begins anew must do so later than the last letter it was heard with.

    Attributes
    ----------
    key
        Of the receiver.
    route
        Where the letters come from.
    since
        From when on letters count, by the sender's clock, milliseconds since 1970 UTC.
    clock
        The receiver's.
    """

    key: SigningKey
    route: Route
    since: int = 0
    clock: WallClock = wall_clock
    _session: _Session | None = None
    _latest: int = -1
    _known: Directory = field(init=False)

    def __post_init__(self) -> None:
        self._known = Directory({"sender": self.route.sender_key})

    def open(self, sealed: bytes) -> bytes:
        """The letter.

        Raises
        ------
        SealError
            If it is not for this receiver by this route, not of this sender, changed on its way, or not new.
        """
        from cryptography.exceptions import InvalidTag

        if len(sealed) < _HEADER or sealed[:1] != VERSION:
            raise SealError("no sealed letter")
        head, number = sealed[: _HEADER - 8], sealed[_HEADER - 8 : _HEADER]
        known = self._session is not None and self._session.head == head
        session = self._session if known and self._session is not None else self._begin(head)
        at = int.from_bytes(number, "big")
        if not session.is_new(at):
            raise SealError("a letter that has arrived before")
        try:
            framed = session.cipher.decrypt(bytes(4) + number, sealed[_HEADER:], head)
        except InvalidTag:
            raise SealError("a letter that was changed, or is for somebody else") from None
        written, length = int.from_bytes(framed[:8], "big"), int.from_bytes(framed[8:FRAME], "big")
        if length > len(framed) - FRAME:
            raise SealError("a letter shorter than it says")
        if written < self.since or (not known and written <= self._latest):
            raise SealError("a letter of before")
        if written > self.clock() + MOST_AHEAD_MS:
            raise SealError("a letter of tomorrow: the sender's clock is ahead")
        session.note(at)
        self._session, self._latest = session, max(self._latest, written)
        return framed[FRAME : FRAME + length]

    def _begin(self, head: bytes) -> _Session:
        """What a sender has drawn, if it has signed it."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        drawn, signature = head[1 : 1 + KEY_BYTES], head[1 + KEY_BYTES :]
        if not self._known.verify("sender", self.route.context + drawn, signature):
            raise SealError("not signed by its sender")
        own = X25519PrivateKey.from_private_bytes(opening_secret(self.key))
        try:
            return _Session(head, _cipher(own, drawn, self.route, drawn))
        except ValueError:
            raise SealError("a drawn key of small order") from None


def _cipher(own: Any, other: bytes, route: Route, drawn: bytes) -> "ChaCha20Poly1305":
    """The cipher that both ends come to."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    shared = own.exchange(X25519PublicKey.from_public_bytes(other))
    return ChaCha20Poly1305(HKDF(SHA256(), KEY_BYTES, None, route.context + drawn).derive(shared))
