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
    adds_up
        Whether several outcomes have the sum of it (money, counts) and not the worst.
    """

    name: str
    value: float
    tolerance: float = 0.0
    adds_up: bool = False

    @property
    def claimed(self) -> bool:
        """Whether the mechanism claims this at all."""
        return not math.isinf(self.tolerance)

    @property
    def passed(self) -> bool:
        """Whether the value is within the tolerance; NaN never is."""
        return bool(self.value <= self.tolerance)


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
        """Each named check over several outcomes, their sum or the worst of them, in order of first appearance."""
        merged: dict[str, Check] = {}
        for certificate in certificates:
            for check in certificate.checks:
                known = merged.get(check.name)
                if known is None:
                    merged[check.name] = check
                elif check.adds_up:
                    value, tolerance = known.value + check.value, known.tolerance + check.tolerance
                    merged[check.name] = Check(check.name, value, tolerance, adds_up=True)
                elif _excess(check) > _excess(known):
                    merged[check.name] = check
        return Certificate(tuple(merged.values()))


def _excess(check: Check) -> float:
    """How far the value is beyond its tolerance (NaN is worst); the bare value for numbers that are only reported."""
    if math.isnan(check.value):
        return math.inf
    return check.value - check.tolerance if check.claimed else check.value
