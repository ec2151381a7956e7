"""The rules of the bus: what may be published and read by whom. Everything that is not granted is refused."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gridpact.client.topics import FROM_MEMBER, PUBLIC, TO_MEMBER, TO_OPERATOR, Topics

USER = "%u"
"""Stands in a grant for the name of whoever is logged in, as in Mosquitto's files."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A right to publish to (``write``) or receive from (``read``) the topics that match a filter."""

    right: Literal["read", "write"]
    topics: str

    def of(self, user: str) -> "Grant":
        """The grant as it stands for one user."""
        return Grant(self.right, self.topics.replace(USER, user))


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in.

    Attributes
    ----------
    user
        The id of the member; of the exchange, its name.
    password_hash
        Made by `hash_password`.
    grants
        What this account may do beyond what all members may.
    is_member
        Whether it has the rights of a member.
    """

    user: str
    password_hash: str
    grants: tuple[Grant, ...] = ()
    is_member: bool = True


@dataclass(slots=True)
class Accounts:
    """Everybody who may log in, while that changes.

    Attributes
    ----------
    known
        At present.
    changed
        Are called when it has changed.
    """

    known: tuple[Account, ...]
    changed: list[Callable[[], None]] = field(default_factory=list)

    def replace(self, accounts: Sequence[Account]) -> None:
        """Let in these from now on, and nobody else."""
        self.known = tuple(accounts)
        for call in self.changed:
            call()

    def of(self, user: str | None) -> Account | None:
        """The account of a user, if there is one."""
        return next((account for account in self.known if account.user == user), None)


def member_grants(area: str) -> tuple[Grant, ...]:
    """What every member of an area may do: speak as itself, read what is public and what is meant for it."""
    topics = Topics(area)
    return (
        *(Grant("read", topics.public(name)) for name in PUBLIC),
        *(Grant("write", topics.of_member(USER, name)) for name in FROM_MEMBER + TO_OPERATOR),
        *(Grant("read", topics.of_member(USER, name)) for name in TO_MEMBER),
        Grant("write", topics.inbox(of="+", sender=USER)),
        Grant("read", topics.inbox(of=USER, sender="+")),
    )


def meter_grants(area: str) -> tuple[Grant, ...]:
    """What a meter may do that belongs to no member, as the one at the feeder's head: report, and hear that it was heard."""
    topics = Topics(area)
    return Grant("write", topics.of_member(USER, "meter/+")), Grant("read", topics.of_member(USER, "ack"))


def area_grants(area: str) -> tuple[Grant, ...]:
    """What the exchange of an area may do: publish all that is not the members' own, and read what they send to it."""
    topics = Topics(area)
    return (
        *(Grant("write", topics.public(name)) for name in PUBLIC),
        *(Grant("write", topics.of_member("+", name)) for name in TO_MEMBER),
        Grant("write", topics.bus_price("+")),
        *(Grant("read", topics.of_member("+", name)) for name in FROM_MEMBER + TO_OPERATOR),
    )


def bus_grant(area: str, bus: str) -> Grant:
    """What a member may do beyond what all may: read the operator's price at its own bus."""
    return Grant("read", Topics(area).bus_price(bus))


def may(grants: Iterable[Grant], user: str, right: Literal["read", "write"], topics: str) -> bool:
    """Whether a user may publish to a topic, or receive everything that matches a filter.

    Examples
    --------
    >>> may(member_grants("north"), "ann", "read", "gridpact/v1/north/member/+/bill/+")
    False
    """
    return any(grant.right == right and covers(grant.of(user).topics, topics) for grant in grants)


def covers(granted: str, asked: str) -> bool:
    """Whether every topic that matches one filter matches another.

    Examples
    --------
    >>> covers("a/+/c", "a/b/c"), covers("a/b/c", "a/+/c"), covers("a/#", "a/+/c"), covers("a/+", "a/#")
    (True, False, True, False)
    """
    ours, theirs = granted.split("/"), asked.split("/")
    if theirs[0].startswith("$") and ours[0] != theirs[0]:
        return False  # wildcards at the front leave out the broker's own topics
    for at, level in enumerate(ours):
        if level == "#":
            return True
        if at >= len(theirs) or theirs[at] == "#" or (level not in ("+", theirs[at])):
            return False
    return len(ours) == len(theirs)
