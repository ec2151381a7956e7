"""One thing that is wrong with a file of meter data."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or worth knowing.

    Attributes
    ----------
    severity
        ``"error"``: a community file cannot use the data as it is. ``"warning"``: probably not what was meant. ``"note"``: to
        be known.
    column
        The column, empty if it concerns all.
    place
        Line or time.
    message
        What was found.
    advice
        What to do about it.
    """

    severity: Severity
    column: str
    place: str
    message: str
    advice: str = ""

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.column, self.place) if part)
        return f"{self.severity}: {where}{': ' * bool(where)}{self.message}{f'; {self.advice}' * bool(self.advice)}"
