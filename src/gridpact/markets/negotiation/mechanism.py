"""The three strategies as mechanisms: nothing (s0), own battery (s1), negotiation and battery (s2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle

import numpy as np

from gridpact.community import Member
from gridpact.markets.certificate import Certificate
from gridpact.markets.mechanism import Gate, Memory
from gridpact.markets.negotiation.certificate import certify
from gridpact.markets.negotiation.consents import Consents
from gridpact.markets.negotiation.contracts import WINDOW
from gridpact.markets.negotiation.negotiators import Negotiator
from gridpact.markets.negotiation.peers import Experience, Public
from gridpact.markets.negotiation.rounds import Situation, Terms, hold_round
from gridpact.markets.outlook import Outlook
from gridpact.markets.pact import Pact, Trades
from gridpact.units import IntArray

DAY = timedelta(days=1)

WEIGHTS = ((0.33, 0.67), (0.67, 0.33))
ASPIRATIONS = (0.70, 0.70, 0.60, 0.60, 0.75, 0.75, 0.80, 0.80, 0.85)
"""Of the nine members of Case 2 (Chakraborty, Baarslag, Kaisers, Applied Energy 2020), taken in turn."""


@dataclass(frozen=True, slots=True)
class Still:
    """s0: batteries stand still, nobody trades."""

    name: str = "negotiation:s0"

    @property
    def gate(self) -> Gate:
        """An interval; nothing is remembered."""
        return Gate()

    def clear(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> tuple[Pact, Memory]:
        """Schedule every battery at 0 kW."""
        return Pact(battery_kw=np.zeros(outlook.net_kw.shape)), None


@dataclass(frozen=True, slots=True)
class Alone:
    """s1: every battery serves its owner, nobody trades: the supplier's baseline."""

    name: str = "negotiation:s1"

    @property
    def gate(self) -> Gate:
        """An interval; nothing is remembered."""
        return Gate()

    def clear(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> tuple[Pact, Memory]:
        """The empty pact: what is not scheduled is self-consumption."""
        return Pact(), None


@dataclass(frozen=True, slots=True)
class Negotiation:
    """s2: members pair up in each interval and negotiate loans; batteries stand by what was agreed.

    A battery that serves its owner and stands by its trades does what the paper's does on net demand and loans together.

    Attributes
    ----------
    terms
        How they negotiate.
    weights
        Of flexibility loss and autarky, given to the members in turn, in the order of their ids.
    aspirations
        Quantiles, in turn.
    """

    terms: Terms
    weights: tuple[tuple[float, float], ...] = WEIGHTS
    aspirations: tuple[float, ...] = ASPIRATIONS
    name: str = "negotiation:s2"

    def __post_init__(self) -> None:
        self.negotiators([Member("of all", "")])

    @property
    def gate(self) -> Gate:
        """An interval, planned for a day ahead; what is remembered of peers is carried on."""
        return Gate(covers=1, looks_ahead=DAY, carries_memory=True)

    def negotiators(self, members: Sequence[Member]) -> list[Negotiator]:
        """The members with what they weigh."""
        turns = zip(members, cycle(self.weights), cycle(self.aspirations), strict=False)
        return [Negotiator(member.id, member.battery, weights, share) for member, weights, share in turns]

    def clear(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> tuple[Pact, Memory]:
        """Negotiate the first interval of the outlook; loans come back inside of it."""
        return self.clear_stated(outlook, memory, rng)[:2]

    def clear_stated(
        self, outlook: Outlook, memory: Memory, rng: np.random.Generator
    ) -> tuple[Pact, Memory, dict[str, IntArray]]:
        """The same, and what both sides sign of each loan.

        Forecast errors scale with the standard deviation of each member's forecast over the window: that of the whole run is
        not known at a gate. A loan is paid at the midpoint of import and export price of the interval in which it is given,
        both ways.
        """
        window = min(outlook.horizon.periods, max(WINDOW, outlook.horizon.per_day + 1))
        members = len(outlook.members)
        experience: Experience = memory or Experience.none(members)
        horizon = outlook.horizon
        demand_kw = outlook.demand_kw[:, :window]
        public = Public(demand_kw, _day_share(outlook))
        situation = Situation(
            public,
            demand_kw.std(axis=1),
            outlook.soc_kwh,
            outlook.commitments.window(0, window),
            horizon.hours,
            horizon.per_day,
            0,
        )
        held = hold_round(self.negotiators(outlook.members), situation, self.terms, experience, rng)
        price = (int(outlook.tariff.import_price[0]) + int(outlook.tariff.export_price[0])) // 2
        consents = Consents.of(held, members, price)
        trades = consents.trades()
        certificate = certify(consents, trades, outlook.commitments, self.terms, horizon.hours)
        learnt = held.experience(experience, self.terms.choice, public)
        return Pact(trades, certificate=certificate), learnt, consents.statements()

    def judge(self, statements: Mapping[str, IntArray], hours: float, pact: Pact, commitments: Trades) -> Certificate:
        """The certificate of loans that both sides have signed, whoever says so.

        Raises
        ------
        InputError
            If the statements are no consents.
        """
        return certify(Consents.stated(statements), pact.trades, commitments, self.terms, hours)


def _day_share(outlook: Outlook) -> float:
    """Time of day at which the outlook starts, UTC, in [0, 1)."""
    start = outlook.horizon.start
    return float((start - start.replace(hour=0, minute=0, second=0, microsecond=0)) / DAY)
