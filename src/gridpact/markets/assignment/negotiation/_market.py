"""Who can talk to whom about what: the market as a graph.

Members are numbered: buyers from 0 up, then sellers. Every contact is two links, one a direction; links stand by sender, then
by receiver.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gridpact.errors import InputError
from gridpact.units import BoolArray, FloatArray, IntArray

_PLACE = "negotiation"
_EXACT = 2.0**53


@dataclass(frozen=True, eq=False)
class Market:
    """A market to be negotiated.

    Attributes
    ----------
    value
        What each pair is worth, ``[B, S]``; −inf for two that have nothing to do with each other.
    first
        First link of each member and one past the last, ``[member + 1]``.
    owner, other
        Sender and receiver of each link, ``[link]``.
    mate
        The same contact in the other direction, ``[link]``.
    """

    value: FloatArray
    first: IntArray
    owner: IntArray
    other: IntArray
    mate: IntArray

    @property
    def buyers(self) -> int:
        """How many buyers."""
        return len(self.value)

    @property
    def size(self) -> int:
        """How many members."""
        return len(self.first) - 1

    @classmethod
    def of(cls, value: npt.ArrayLike, contacts: npt.ArrayLike | None = None) -> "Market":
        """Read values ``[B, S]`` and contacts ``[B + S, B + S]``; without contacts every pair that is not −inf is one."""
        given = np.asarray(value, dtype=np.float64)
        if given.ndim != 2:
            raise InputError(f"values of shape {given.shape}", place=_PLACE, accepted="a matrix [buyer, seller]")
        for buyer, seller in np.argwhere(np.isnan(given) | (given == np.inf))[:1]:
            found, accepted = f"a value of {given[buyer, seller]}", "finite numbers, or -inf for a pair without a link"
            raise InputError(found, place=f"{_PLACE}: buyer {buyer}, seller {seller}", accepted=accepted)
        buyers, size = len(given), sum(given.shape)
        linked = np.zeros((size, size), dtype=np.bool_)
        linked[:buyers, buyers:] = given > -np.inf
        linked |= linked.T
        talks = linked if contacts is None else _contacts(contacts, linked)
        owner, other = (np.ascontiguousarray(ends) for ends in np.nonzero(talks))
        first = np.concatenate([[0], np.cumsum(talks.sum(axis=1))])
        return cls(given, first, owner, other, np.lexsort((owner, other)))

    def link_values(self) -> FloatArray:
        """What the two ends of each link are worth to each other, 0 if nothing, ``[link]``."""
        both = np.zeros((self.size, self.size))
        both[: self.buyers, self.buyers :] = np.maximum(self.value, 0.0)
        return np.asarray((both + both.T)[self.owner, self.other])

    def whole_link_values(self) -> IntArray:
        """The same in whole numbers, which the bargaining needs to be exact."""

        def between(link: int) -> str:
            buyer, seller = sorted((int(self.owner[link]), int(self.other[link])))
            return f"buyer {buyer}, seller {seller - self.buyers}"

        return whole_values(self.link_values(), between)

    def name(self, member: int) -> str:
        """``b0``, ``b1``, … for buyers, ``s0``, ``s1``, … for sellers."""
        return f"b{member}" if member < self.buyers else f"s{member - self.buyers}"


def whole_values(values: FloatArray, between: Callable[[int], str]) -> IntArray:
    """Values of links as whole numbers, ``[link]``; refuses others, and says between whom."""
    for link in np.flatnonzero(~((values == np.rint(values)) & (values < _EXACT)))[:1].tolist():
        raise InputError(
            f"a value of {values[link]}",
            place=f"{_PLACE}: {between(link)}",
            accepted="whole numbers below 2^53, such as Wh times micro-units per kWh",
        )
    return values.astype(np.int64)


def _contacts(given: npt.ArrayLike, linked: BoolArray) -> BoolArray:
    talks = np.asarray(given, dtype=np.bool_)
    if talks.shape != linked.shape:
        found = f"contacts of shape {talks.shape}"
        raise InputError(found, place=_PLACE, accepted=f"{linked.shape}, buyers first, then sellers")
    if (talks != talks.T).any():
        raise InputError("contacts of one direction only", place=_PLACE, accepted="a symmetric matrix")
    for member, other in np.argwhere(linked & ~talks)[:1]:
        found = f"members {member} and {other} have a value and no contact"
        raise InputError(found, place=_PLACE, accepted="contacts of every pair with a value, -inf for pairs without")
    return talks & ~np.eye(len(talks), dtype=np.bool_)
