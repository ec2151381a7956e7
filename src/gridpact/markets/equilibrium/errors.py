"""An instance that no schedule satisfies, named."""

from dataclasses import dataclass

from gridpact.errors import GridpactError


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One limit that cannot be kept.

    Attributes
    ----------
    kind
        ``"balance"``, ``"voltage"``, ``"line"``, ``"head"`` or ``"charge"``.
    where
        The member, bus, or line (by the bus it leads to).
    hour
        Position of the interval.
    amount
        By how much at least, in `unit`.
    unit
        ``"kW"``, ``"p.u."``, or ``"kWh"``.
    """

    kind: str
    where: str
    hour: int
    amount: float
    unit: str

    def __str__(self) -> str:
        what = {
            "balance": "member {} cannot balance its load and surplus",
            "voltage": "the voltage at bus {} cannot stay in its band",
            "line": "the line to bus {} is overloaded",
            "head": "the power drawn from the main grid at {} is out of its bounds",
            "charge": "the storage of member {} cannot keep its state of charge",
        }[self.kind]
        return f"hour {self.hour}: {what.format(self.where)}, by {self.amount:.4g} {self.unit}"


class InfeasibleError(GridpactError):
    """No schedule meets every limit.

    Parameters
    ----------
    shortfalls
        What has to give, worst first.
    tightened
        Whether the limits are those tightened for AC safety: the linear limits themselves could be met.
    """

    def __init__(self, shortfalls: tuple[Shortfall, ...], *, tightened: bool = False) -> None:
        self.shortfalls, self.tightened = shortfalls, tightened
        reason = "no schedule keeps every limit" + " once they are tightened until AC power flow is clean" * tightened
        rest = f" (and {len(shortfalls) - 1} more)" if len(shortfalls) > 1 else ""
        super().__init__(f"{reason}: {shortfalls[0]}{rest}")

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.shortfalls, self.tightened)


class SolverError(GridpactError):
    """A solver ended without a solution."""


def _rebuild(shortfalls: tuple[Shortfall, ...], tightened: bool) -> InfeasibleError:
    return InfeasibleError(shortfalls, tightened=tightened)
