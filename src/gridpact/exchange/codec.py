"""Commands from bytes. Whatever the bytes are, the answer is a command or a refusal: no exception leaves this door."""

import hashlib
import re

import msgspec

from gridpact.errors import UNREADABLE
from gridpact.exchange.commands import Command
from gridpact.exchange.events import Refused
from gridpact.exchange.reasons import ReasonCode

MOST_BYTES = 1 << 20
MOST_FOUND = 300

_PATH = re.compile(r"(?s)^(?P<found>.*?)(?: - at `\$\.?(?P<field>.*)`)?$")
_UNKNOWN = re.compile(r"(?:unknown|required) field `(?P<name>[^`]*)`")


def decode(message: bytes, most_bytes: int = MOST_BYTES) -> Command | Refused:
    """Read a command from JSON.

    Parameters
    ----------
    message
        Any bytes.
    most_bytes
        Longer messages are refused unread.

    Returns
    -------
    The command; or the refusal, which names the field by its path and carries author and id as far as they can be read, and the
    SHA-256 of the message.

    Examples
    --------
    >>> command = decode(b'{"area":"a","author":"ann","id":"1","body":{"kind":"withdraw_item","interval":0,"item":"ann/0"}}')
    >>> command.body
    WithdrawItem(interval=0, item='ann/0')
    >>> refused = decode(b'{"area":"a","author":"ann","id":"1","body":{"kind":"withdraw_item","interval":-5,"item":"ann/0"}}')
    >>> refused.reason, refused.field, refused.found
    (<ReasonCode.MALFORMED: 'MALFORMED'>, 'body.interval', 'Expected `int` >= 0')
    """
    if len(message) > most_bytes:
        found = f"{len(message)} bytes, up to {most_bytes} are read"
        return Refused(reason=ReasonCode.LIMIT, found=found, digest=_digest(message))
    try:
        return _DECODER.decode(message)
    except msgspec.ValidationError as wrong:
        return _malformed(message, *_blame(str(wrong)))
    except UNREADABLE as wrong:
        return _malformed(message, "", str(wrong))


def encode(command: Command) -> bytes:
    """A command as JSON, which `decode` reads."""
    return msgspec.json.encode(command)


class _Sender(msgspec.Struct):
    """Who seems to have sent a message that is not a command."""

    author: str = ""
    id: str = ""


_DECODER = msgspec.json.Decoder(Command)
_SENDER = msgspec.json.Decoder(_Sender)


def _malformed(message: bytes, field: str, found: str) -> Refused:
    try:
        sender = _SENDER.decode(message)
    except UNREADABLE:
        sender = _Sender()
    return Refused(
        reason=ReasonCode.MALFORMED,
        field=field,
        author=sender.author[:64],
        id=sender.id[:64],
        found=found[:MOST_FOUND],
        digest=_digest(message),
    )


def _blame(error: str) -> tuple[str, str]:
    """The field that is to blame, and what was found."""
    parts = _PATH.match(error)
    found, field = (parts["found"], parts["field"] or "") if parts else (error, "")
    missing = _UNKNOWN.search(found)
    if missing:
        field = f"{field}.{missing['name']}" if field else missing["name"]
    return field[:MOST_FOUND], found


def _digest(message: bytes) -> str:
    return hashlib.sha256(message).hexdigest()
