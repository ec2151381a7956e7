"""The bilateral markets by name. The first line of each factory is what users are shown."""

from collections.abc import Callable

from gridpact.errors import InputError, nearest_name
from gridpact.markets.assignment.contracts import MultiContract, Rule, SingleContract
from gridpact.markets.assignment.mechanism import Assignment
from gridpact.markets.assignment.points import CorePoint


def single(*, point: str = "midpoint") -> Assignment:
    """One contract a member: the best matching at prices of the core.

    Parameters
    ----------
    point
        Which core point: ``"midpoint"``, ``"buyer-optimal"``, ``"seller-optimal"``, ``"nucleolus"`` or ``"leximin"``.
    """
    return _assignment("single", SingleContract(), point)


def multi(*, point: str = "midpoint", link_limit_kw: float | None = None) -> Assignment:
    """Contracts with many at once: the best flow at prices of the core, preferences by pair.

    Parameters
    ----------
    point
        As for single contracts.
    link_limit_kw
        Most that a pair may trade, as mean power of an interval.
    """
    return _assignment("multi", MultiContract(link_limit_kw), point)


VARIANTS: dict[str, Callable[..., Assignment]] = {"single": single, "multi": multi}
"""Variants of the family ``assignment`` by name: the entry point."""


def _assignment(variant: str, rule: Rule, point: str) -> Assignment:
    known = [str(each) for each in CorePoint]
    if point not in known:
        raise InputError(f"core point {point!r} is unknown{nearest_name(point, known)}", accepted=", ".join(known))
    return Assignment(f"assignment:{variant}", rule, CorePoint(point))
