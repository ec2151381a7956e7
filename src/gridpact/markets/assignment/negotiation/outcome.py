"""What a negotiation leads to, the same for every method; and what happens if somebody does not answer."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gridpact.errors import GridpactError
from gridpact.markets.assignment.payoffs import Payoffs
from gridpact.units import IntArray

_NAMED = 6


@dataclass(frozen=True, eq=False)
class Negotiation:
    """Contracts and payoffs, and what it took to agree on them.

    Attributes
    ----------
    method
        Which one.
    partner
        Position of each buyer's seller, ``[B]``, −1 without a contract.
    payoffs
        Of buyers ``[B]`` and sellers ``[S]``, in the unit of the values.
    rounds
        Rounds until every member knew its result; of a method without detection of the end, until an observer saw it.
    messages, bytes
        What each member has sent, ``[B + S]``, buyers first.
    step_seconds
        Mean wall time of one step of one member. In array simulations that includes the carriage of its messages.
    """

    method: str
    partner: IntArray
    payoffs: Payoffs
    rounds: int
    messages: IntArray
    bytes: IntArray
    step_seconds: float

    @property
    def total(self) -> float:
        """What is shared out in all."""
        return float(self.payoffs.buyer.sum() + self.payoffs.seller.sum())


class NoConsensusError(GridpactError):
    """The proposals of the members did not agree within the rounds that were allowed."""


class UnreachableError(GridpactError):
    """A negotiation came to rest unfinished, since somebody did not answer.

    Parameters
    ----------
    silent
        Who did not answer, in as few names as explain it; nobody where messages were on their way for longer than the deadline.
    rounds
        After which it came to rest.

    Examples
    --------
    >>> print(UnreachableError.between([("b0", "s1"), ("s1", "b0"), ("b1", "s1")], rounds=60))
    no contracts: s1 did not answer; the negotiation came to rest after 60 rounds
    """

    def __init__(self, silent: Sequence[str], rounds: int) -> None:
        self.silent, self.rounds = tuple(silent), rounds
        named = ", ".join(self.silent[:_NAMED]) + f" and {len(self.silent) - _NAMED} more" * (len(self.silent) > _NAMED)
        cause = f"{named} did not answer" if named else "nobody owes an answer, so the deadline is too short"
        super().__init__(f"no contracts: {cause}; the negotiation came to rest after {rounds} rounds")

    @classmethod
    def between(cls, missing: Iterable[tuple[str, str]], rounds: int) -> "UnreachableError":
        """From pairs of somebody who waits and somebody who does not answer."""
        return cls(_fewest_names(missing), rounds)

    def __reduce__(self) -> tuple[object, ...]:
        return UnreachableError, (self.silent, self.rounds)


def _fewest_names(missing: Iterable[tuple[str, str]]) -> list[str]:
    """Names without which nobody waits for anybody, the most involved first: two without a link miss each other."""
    left, silent = set(missing), []
    while left:
        missed = Counter(name for _, name in sorted(left))
        involved = missed + Counter(name for name, _ in sorted(left))
        worst = max(involved, key=lambda name: (involved[name], missed[name]))
        silent.append(worst)
        left = {pair for pair in left if worst not in pair}
    return silent
