"""How a command is signed: Ed25519 over the canonical JSON of everything in it but the signature."""

from functools import lru_cache

import msgspec

from gridpact.errors import InputError
from gridpact.exchange.commands import Command
from gridpact.ledger import Directory, SigningKey, encode, to_bytes, to_text
from gridpact.ledger.keys import KEY_BYTES, SIGNATURE_BYTES


def sign(command: Command, key: SigningKey) -> Command:
    """The command with its author's signature.

    Examples
    --------
    >>> from gridpact.exchange import Tick
    >>> key = SigningKey(bytes(32))
    >>> command = sign(Command("village", "market", "1", Tick()), key)
    >>> is_signed(command, to_text(key.public)), is_signed(command, to_text(SigningKey(bytes(31) + b"1").public))
    (True, False)
    """
    return msgspec.structs.replace(command, signature=to_text(key.sign(_message(command))))


def is_signed(command: Command, key: str) -> bool:
    """Whether a command carries the signature of whoever holds a public key, base64url: a `gridpact.exchange.Verifier`."""
    try:
        signature = to_bytes(command.signature, SIGNATURE_BYTES, "signature")
        public = to_bytes(key, KEY_BYTES, "key")
    except InputError:
        return False  # text that is no signature, or an actor without a key, signs nothing
    return _directory(public).verify("author", _message(command), signature)


def _message(command: Command) -> bytes:
    content = msgspec.to_builtins(command)
    del content["signature"]
    return encode(content)


@lru_cache(maxsize=1 << 16)
def _directory(public: bytes) -> Directory:
    """The key, loaded: that takes as long as half a verification."""
    return Directory({"author": public})
