"""Passwords, kept as Mosquitto keeps them: salted PBKDF2 with SHA-512, so that one list of accounts serves both brokers."""

import base64
import hashlib
import hmac
import secrets

ITERATIONS = 2_000
"""Passwords are long random strings made at enrolment: the work per guess matters little, the time per connection does."""
SALT_BYTES = 12


def hash_password(password: str, salt: bytes | None = None) -> str:
    """The hash of a password, ``$7$iterations$salt$hash``.

    Examples
    --------
    >>> password_matches("correct horse", hash_password("correct horse"))
    True
    """
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def password_matches(password: str, kept: str) -> bool:
    """Whether a password is the one of a hash, in a time that tells nothing.

    Raises
    ------
    ValueError
        If the hash is none of `hash_password`.
    """
    _, kind, iterations, salt, digest = kept.split("$")
    if kind != "7":
        raise ValueError("not a PBKDF2 hash")
    found = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt), int(iterations))
    return hmac.compare_digest(found, base64.b64decode(digest))
