"""Who asks: visitors, members, the DSO, the supplier, the operator; told apart by a bearer token.

Tokens are 256 random bits. The service keeps their SHA-256 only, which is enough for something that nobody can guess; the token
itself is handed out once.
"""

import secrets
from enum import StrEnum
from hashlib import sha256

import msgspec

from gridpact.errors import InputError

TOKEN_BYTES = 32
COOKIE = "gridpact"
"""Where a browser keeps the token once somebody has signed in: sent to this origin only, out of reach of scripts."""


class Role(StrEnum):
    """What somebody may see."""

    VISITOR = "visitor"
    MEMBER = "member"
    DSO = "dso"
    SUPPLIER = "supplier"
    OPERATOR = "operator"


SEES_NAMES = frozenset({Role.DSO, Role.SUPPLIER, Role.OPERATOR})
"""Who sees which members trade with each other: whoever has to check the network, or a party's credit, or runs the market."""
SEES_NETWORK = frozenset({Role.DSO, Role.OPERATOR})
"""Who sees the voltage of every bus, and every member's limit."""


class Viewer(msgspec.Struct, frozen=True):
    """Somebody who asks. ``name`` is the id of the actor, empty for a visitor."""

    role: Role = Role.VISITOR
    name: str = ""

    @property
    def member(self) -> str:
        """The member who asks; empty if it is somebody else."""
        return self.name if self.role is Role.MEMBER else ""


VISITOR = Viewer()


class Keyholder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token that is known, by its hash."""

    name: str
    role: Role
    token_hash: str


class Tokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All tokens that are known.

    Examples
    --------
    >>> tokens, secret = Tokens().issue("ann", Role.MEMBER)
    >>> tokens.viewer(secret)
    Viewer(role=<Role.MEMBER: 'member'>, name='ann')
    >>> tokens.viewer("guessed") is None
    True
    """

    holders: tuple[Keyholder, ...] = ()

    def issue(self, name: str, role: Role) -> tuple["Tokens", str]:
        """A new token; gives the tokens with it, and itself.

        Raises
        ------
        InputError
            If the role is that of a visitor, who needs none.
        """
        if role is Role.VISITOR:
            raise InputError("a visitor needs no token", accepted=", ".join(role for role in Role if role != "visitor"))
        secret = secrets.token_urlsafe(TOKEN_BYTES)
        return Tokens((*self.holders, Keyholder(name, role, hash_of(secret)))), secret

    def viewer(self, token: str) -> Viewer | None:
        """Whose token it is."""
        found = hash_of(token)
        for holder in self.holders:
            if secrets.compare_digest(holder.token_hash, found):
                return Viewer(holder.role, holder.name)
        return None


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return sha256(token.encode()).hexdigest()
