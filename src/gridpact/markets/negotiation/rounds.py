"""One interval of a negotiating community: who meets whom, what they agree on, and what becomes of it as trades."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gridpact.energy import scenarios
from gridpact.errors import InputError
from gridpact.markets.negotiation.contracts import LINK_EFFICIENCY, LINK_LIMIT_KW, ContractGrid, link_limit_wh
from gridpact.markets.negotiation.negotiators import Negotiator
from gridpact.markets.negotiation.peers import Experience, PeerChoice, Public
from gridpact.markets.negotiation.sessions import Appraisal, Rules, Session, Table, appraise, negotiate
from gridpact.markets.negotiation.spaces import contract_spaces
from gridpact.markets.pact import Trades
from gridpact.units import FloatArray, IntArray, to_kwh

SCENARIOS = 100


@dataclass(frozen=True, slots=True)
class Terms:
    """How a community negotiates, the same for all its members.

    Attributes
    ----------
    choice
        How peers are chosen.
    rules
        How sessions are held.
    scenarios
        Of net demand, for expected utilities.
    limit_kw, efficiency
        Of every link: all loans over it together stay within their product in every interval.
    threads
        Over which contract spaces are shared out; no result depends on it.
    """

    choice: PeerChoice = field(default_factory=PeerChoice)
    rules: Rules = field(default_factory=Rules)
    scenarios: int = SCENARIOS
    limit_kw: float = LINK_LIMIT_KW
    efficiency: float = LINK_EFFICIENCY
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("scenarios", "threads"):
            number = getattr(self, name)
            if not isinstance(number, int) or number < 1:
                raise InputError(f"{name} = {number}", place="negotiation", accepted="a whole number from 1 up")
        if not (np.isfinite(self.limit_kw) and self.limit_kw > 0 and 0 < self.efficiency <= 1):
            raise InputError(
                f"limit_kw = {self.limit_kw}, efficiency = {self.efficiency}",
                place="negotiation",
                accepted="a positive limit of links, and an efficiency above 0, up to 1",
            )

    def grid(self, hours: float, window: int) -> ContractGrid:
        """The contracts of a window."""
        return ContractGrid.standard(hours, self.limit_kw * self.efficiency, window)

    def limit_wh(self, hours: float) -> int:
        """What a link carries in an interval."""
        return link_limit_wh(hours, self.limit_kw, self.efficiency)


@dataclass(frozen=True, eq=False)
class Situation:
    """What is known when an interval's negotiations begin.

    Attributes
    ----------
    public
        Point forecasts and time of day.
    std_kw
        Standard deviation of each member's net demand, ``[member]``: forecast errors scale with it.
    soc_kwh
        State of charge, ``[member]``; private.
    committed
        Loans already agreed, as trades whose intervals count from now.
    hours
        Length of an interval.
    per_day
        Intervals in 24 hours.
    first
        Interval of the run.
    """

    public: Public
    std_kw: FloatArray
    soc_kwh: FloatArray
    committed: Trades
    hours: float
    per_day: int
    first: int


@dataclass(frozen=True, eq=False)
class Meeting:
    """One session with all that an observer could know of it.

    Attributes
    ----------
    pair
        Positions of both members; the first has chosen.
    table, session, appraisal
        What they brought, how it ended, how it is judged.
    """

    pair: tuple[int, int]
    table: Table
    session: Session
    appraisal: Appraisal


@dataclass(frozen=True, eq=False)
class Round:
    """What an interval brought.

    Attributes
    ----------
    grid
        The contracts that were on offer.
    meetings
        All sessions.
    """

    grid: ContractGrid
    meetings: tuple[Meeting, ...]

    def loans(self) -> IntArray:
        """What was agreed: giver, taker, Wh, offset of the return; ``[loan, 4]``."""
        rows = []
        for meeting in self.meetings:
            if (agreed := meeting.session.agreement) is not None:
                wh, tau = int(self.grid.quantity_wh[agreed]), int(self.grid.offset[agreed])
                giver, taker = meeting.pair if wh > 0 else meeting.pair[::-1]
                rows.append((giver, taker, abs(wh), tau))
        return np.array(rows, dtype=np.int64).reshape(-1, 4)

    def experience(self, before: Experience, choice: PeerChoice, public: Public) -> Experience:
        """What members remember after this interval."""
        if not self.meetings:
            return before
        worth = [choice.how.worth(m.appraisal, m.session.agreement is not None) for m in self.meetings]
        return before.after(np.array([m.pair for m in self.meetings]), public.contexts(), np.array(worth))


def hold_round(
    negotiators: Sequence[Negotiator],
    situation: Situation,
    terms: Terms,
    experience: Experience,
    rng: np.random.Generator,
) -> Round:
    """Pair the members up and let each pair negotiate once.

    Loans already agreed are part of the net demand that everybody starts from. The same scenarios serve every contract of a
    member.

    Parameters
    ----------
    negotiators
        The members.
    situation
        What is known; the window is that of its forecasts.
    terms, experience
        How to negotiate, and what is remembered of peers.
    rng
        Of the choice of peers and of the scenarios.
    """
    window = situation.public.demand_kw.shape[1]
    grid = terms.grid(situation.hours, window)
    if len(grid) == 0 or len(negotiators) < 2:
        return Round(grid, ())
    pairs = terms.choice.pairs(experience, situation.public, rng)
    at_table = np.sort(pairs.ravel())
    loaned_kw = -to_kwh(situation.committed.position_wh(situation.public.demand_kw.shape)) / situation.hours
    drawn = scenarios(
        (situation.public.demand_kw + loaned_kw)[at_table],
        situation.std_kw[at_table],
        terms.scenarios,
        rng,
        per_day=situation.per_day,
    )
    found = contract_spaces(
        [negotiators[at] for at in at_table],
        drawn,
        situation.soc_kwh[at_table],
        grid,
        situation.hours,
        situation.first,
        terms.threads,
    )
    space = dict(zip(at_table.tolist(), found, strict=True))
    limit = terms.limit_wh(situation.hours)
    meetings = []
    for first, second in pairs.tolist():
        table = Table(
            space[first],
            space[second],
            (negotiators[first].aspiration, negotiators[second].aspiration),
            grid.feasible(loaned_between(situation.committed, first, second, window), limit),
        )
        session = negotiate(table, terms.rules)
        meetings.append(Meeting((first, second), table, session, appraise(table, session)))
    return Round(grid, tuple(meetings))


def loaned_between(committed: Trades, first: int, second: int, window: int) -> IntArray:
    """What loans already agreed make the first give the second, net, Wh ``[offset]``."""
    loaned = np.zeros(window, dtype=np.int64)
    for seller, buyer, sign in ((first, second, 1), (second, first, -1)):
        rows = (committed.seller == seller) & (committed.buyer == buyer) & (committed.interval < window)
        np.add.at(loaned, committed.interval[rows], sign * committed.energy_wh[rows])
    return loaned


def loans_as_trades(loans: IntArray, price: IntArray | int = 0) -> Trades:
    """Two trades a loan, tied by a leg, at one price for both: energy for energy, so that the money comes back.

    Parameters
    ----------
    loans
        Giver, taker, Wh, offset of the return, ``[loan, 4]``; given at interval 0.
    price
        Micro-units per kWh.
    """
    giver, taker, wh, back = loans.T
    none, leg = np.zeros_like(back), np.arange(len(loans))
    each = np.broadcast_to(np.asarray(price, dtype=np.int64), len(loans))
    return Trades(
        np.concatenate([giver, taker]),
        np.concatenate([taker, giver]),
        np.concatenate([none, back]),
        np.tile(wh, 2),
        np.tile(each, 2),
        np.tile(leg, 2),
    )
