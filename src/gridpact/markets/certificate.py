"""Named checks with value, tolerance and verdict: what an outcome claims and whether it holds."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One named number that should be small.

    Attributes
    ----------
    name
        What is measured, with its unit.
    value
        The measured size of the violation; 0 is perfect.
    tolerance
        Largest value at which the check passes; ``inf`` for a number that is reported and not claimed.
    """

    name: str
    value: float
    tolerance: float = 0.0

    @property
    def claimed(self) -> bool:
        """Whether the mechanism claims this at all."""
        return not math.isinf(self.tolerance)

    @property
    def passed(self) -> bool:
        """Whether the value is within the tolerance; NaN never is."""
        return self.value <= self.tolerance


@dataclass(frozen=True, slots=True)
class Certificate:
    """The checks of one outcome.

    Examples
    --------
    >>> both = Certificate.merge([Certificate((Check("budget", 0.0),)), Certificate((Check("budget", 2.0, 1.0),))])
    >>> both.passed, both.checks[0].value
    (False, 2.0)
    """

    checks: tuple[Check, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every check passes."""
        return all(check.passed for check in self.checks)

    @staticmethod
    def merge(certificates: Iterable["Certificate"]) -> "Certificate":
        """The worst of each named check over several outcomes, in order of first appearance."""
        worst: dict[str, Check] = {}
        for certificate in certificates:
            for check in certificate.checks:
                known = worst.get(check.name)
                if known is None or _excess(check) > _excess(known):
                    worst[check.name] = check
        return Certificate(tuple(worst.values()))


def _excess(check: Check) -> float:
    """How far the value is beyond its tolerance (NaN is worst); the bare value for numbers that are only reported."""
    if math.isnan(check.value):
        return math.inf
    return check.value - check.tolerance if check.claimed else check.value
