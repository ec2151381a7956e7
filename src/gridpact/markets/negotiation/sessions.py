"""Two members negotiate: alternating offers, on arrays, and what an observer of both utilities would say of the outcome."""

from dataclasses import dataclass

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.negotiation.spaces import Space
from gridpact.units import BoolArray, FloatArray, IntArray

MARGIN = 1e-9
"""By how much a utility must pass no deal to count as a gain."""

DEADLINE = 5_000


@dataclass(frozen=True, slots=True)
class Rules:
    """How a session is held.

    Attributes
    ----------
    floor
        Whether nobody offers or accepts what is not better than no deal. The paper has no such floor.
    deadline
        Rounds after which a session fails.
    """

    floor: bool = True
    deadline: int = DEADLINE

    def __post_init__(self) -> None:
        if not self.deadline >= 1:
            raise InputError(
                f"deadline = {self.deadline}", place="negotiation", accepted="a number of rounds from 1 up"
            )


@dataclass(frozen=True, eq=False)
class Table:
    """Two members at a table: each knows its own space, both know what the link has room for.

    Attributes
    ----------
    first, second
        The spaces, each in its owner's terms; the first proposes first.
    aspirations
        The quantiles of both.
    feasible
        Which contracts the link has room for, in terms of the first, ``[contract]``.
    """

    first: Space
    second: Space
    aspirations: tuple[float, float]
    feasible: BoolArray

    def wishes(self) -> FloatArray:
        """The utility that each aspires to: its quantile over the feasible contracts."""
        from gridpact.markets.negotiation import _session_kernels as kernels

        return np.array(
            [
                kernels.quantile(space.utility, self.feasible, flip, share)
                for flip, (space, share) in enumerate(zip((self.first, self.second), self.aspirations, strict=True))
            ]
        )

    def floors(self, rules: Rules) -> FloatArray:
        """What each must pass: no deal and the margin; −inf without a floor."""
        if not rules.floor:
            return np.full(2, -np.inf)
        return np.array([self.first.no_deal + MARGIN, self.second.no_deal + MARGIN])

    def outcomes(self) -> FloatArray:
        """Utilities of both for every feasible contract, ``[contract, member]``, with that of no deal as the last row."""
        second = self.second.utility.reshape(-1, 2)[:, ::-1].ravel()
        pairs = np.stack([self.first.utility, second], axis=1)[self.feasible]
        return np.concatenate([pairs, [[self.first.no_deal, self.second.no_deal]]])


@dataclass(frozen=True, slots=True)
class Session:
    """How a session ended.

    Attributes
    ----------
    agreement
        The contract in terms of the first member, its position in the grid; None if there is none.
    proposer
        Who proposed it, 0 or 1; None without agreement.
    rounds
        Turns taken, passes included.
    """

    agreement: int | None
    proposer: int | None
    rounds: int


@dataclass(frozen=True, slots=True)
class Appraisal:
    """A session as seen by who knows both utilities; utilities are normalised per member to [0, 1] over all contracts.

    Attributes
    ----------
    nash
        The Nash point, a contract in terms of the first member; None without joint gain.
    distance
        Of the agreement to the Nash point; NaN without either.
    no_deal_distance
        Of no deal to it; NaN without joint gain.
    gains
        Normalised gain of both by the agreement over no deal; zeros without one.
    """

    nash: int | None
    distance: float
    no_deal_distance: float
    gains: tuple[float, float]

    @property
    def has_joint_gain(self) -> bool:
        """Whether some contract is better than no deal for both."""
        return self.nash is not None


def negotiate(table: Table, rules: Rules | None = None) -> Session:
    """Hold a session on arrays.

    The proposer offers its best contract not yet offered as long as it is worth at least its aspiration, else it passes; the
    responder accepts what is worth more than its own. Both in turn until somebody accepts, both have passed, or the deadline.
    Ties of utility go to smaller |q|, then earlier return, then larger q, in the proposer's terms.

    Examples
    --------
    >>> first, second = Space(np.array([3.0, 1.0]), 0.0), Space(np.array([1.0, 2.0]), 0.0)
    >>> negotiate(Table(first, second, (0.5, 0.5), np.ones(2, dtype=np.bool_)))
    Session(agreement=0, proposer=0, rounds=1)
    """
    from gridpact.markets.negotiation import _session_kernels as kernels

    rules = rules or Rules()
    if not table.feasible.any():
        return Session(None, None, 0)
    found, side, rounds = kernels.negotiate(
        table.first.utility, table.second.utility, table.wishes(), table.floors(rules), table.feasible, rules.deadline
    )
    return Session(None, None, rounds) if found < 0 else Session(found, side, rounds)


def appraise(table: Table, session: Session) -> Appraisal:
    """Judge a session by both utilities: an oracle, for studies."""
    from gridpact.markets.negotiation import _session_kernels as kernels

    no_deal = np.array([table.first.no_deal, table.second.no_deal])
    nash = kernels.nash_point(table.first.utility, table.second.utility, no_deal, table.feasible, MARGIN)
    spaces = (table.first, table.second)
    low, span = np.array([_range(space) for space in spaces]).T

    def place(contract: int | None) -> FloatArray:
        if contract is None:
            return np.asarray((no_deal - low) / span)
        utilities = np.array([table.first.utility[contract], table.second.utility[contract ^ 1]])
        return np.asarray((utilities - low) / span)

    outcome, nothing = place(session.agreement), place(None)
    gains = outcome - nothing
    goal = place(nash) if nash >= 0 else np.full(2, np.nan)
    return Appraisal(
        None if nash < 0 else int(nash),
        float(np.hypot(*(outcome - goal))) if session.agreement is not None else float("nan"),
        float(np.hypot(*(nothing - goal))),
        (float(gains[0]), float(gains[1])),
    )


def _range(space: Space) -> tuple[float, float]:
    """Lowest utility of a space, no deal included, and the distance to the highest; 1 where they are equal."""
    low, high = min(space.utility.min(), space.no_deal), max(space.utility.max(), space.no_deal)
    return low, (high - low) or 1.0


def offers(table: Table, side: int, rules: Rules | None = None) -> IntArray:
    """All that a side would offer, in its order; contracts in terms of the first member."""
    rules = rules or Rules()
    space = (table.first, table.second)[side]
    feasible = table.feasible if side == 0 else table.feasible.reshape(-1, 2)[:, ::-1].ravel()
    willing = feasible & (space.utility >= table.wishes()[side]) & (space.utility > table.floors(rules)[side])
    chosen = np.flatnonzero(willing)
    ordered = chosen[np.argsort(-space.utility[chosen], kind="stable")]
    return np.asarray(ordered ^ side)


@dataclass(frozen=True, eq=False)
class Trace:
    """The offers of a session, contracts in terms of the first member.

    Attributes
    ----------
    first, second
        What each offered, in order; the agreement is the last offer of its proposer.
    """

    first: IntArray
    second: IntArray


def trace(table: Table, session: Session, rules: Rules | None = None) -> Trace:
    """The offers that were made up to the end of a session."""
    turns = (session.rounds + 1) // 2, session.rounds // 2
    return Trace(*(offers(table, side, rules)[: turns[side]] for side in (0, 1)))


def pareto_front(outcomes: FloatArray) -> IntArray:
    """Rows that no other row betters for one without worsening the other, by rising utility of the first.

    Parameters
    ----------
    outcomes
        Utilities ``[row, 2]``; of equal rows the first counts.

    Examples
    --------
    >>> pareto_front(np.array([[1.0, 1.0], [0.0, 3.0], [2.0, 0.5], [0.0, 2.0]]))
    array([1, 0, 2])
    """
    order = np.lexsort((np.arange(len(outcomes)), -outcomes[:, 1], -outcomes[:, 0]))
    best = np.maximum.accumulate(outcomes[order, 1])
    leads = np.concatenate([[True], outcomes[order[1:], 1] > best[:-1]])
    return np.asarray(order[leads][::-1])
