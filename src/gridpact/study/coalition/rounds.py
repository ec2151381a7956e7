"""Negotiating without a centre: rounds, bytes and time of every method, by size and under bad conditions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np

from gridpact.markets.assignment.negotiation import Negotiation, negotiate_by_bargaining, negotiate_by_projection
from gridpact.markets.mailbox import Conditions
from gridpact.study.coalition.markets import random_market
from gridpact.units import MICRO, FloatArray

TOLERANCE = 1e-4
"""Of the projection methods, as a share of v(N)."""

BARGAINING, PAIRS, COALITIONS = "bargaining", "projection on pairs", "projection on coalitions"
METHODS: Mapping[str, Callable[..., Negotiation]] = {
    BARGAINING: negotiate_by_bargaining,
    PAIRS: lambda value, **how: negotiate_by_projection(value, constraints="pairs", tolerance=TOLERANCE, **how),
    COALITIONS: lambda value, **how: negotiate_by_projection(
        value, constraints="coalitions", tolerance=TOLERANCE, **how
    ),
}
PERFECT = "perfect"
CONDITIONS: Mapping[str, Conditions] = {
    PERFECT: Conditions(),
    "10 % of messages lost": Conditions(loss=0.1),
    "30 % of messages lost": Conditions(loss=0.3),
    "late by up to 3 rounds": Conditions(delay=(1, 4)),
    "10 % arrive twice": Conditions(duplication=0.1),
    "links down half the time": Conditions(link_up=0.5),
    "members asleep half the time": Conditions(activity=0.5),
    "all of it": Conditions(loss=0.3, delay=(1, 4), duplication=0.1, link_up=0.5, activity=0.5),
}


@dataclass(frozen=True, slots=True)
class Effort:
    """What agreeing took in several markets of one size: the median and both ends of the rounds, means of the rest.

    Attributes
    ----------
    method, conditions
        Names.
    members
        On either side.
    rounds, fewest, most
        Until everybody had settled.
    bytes_a_member
        Sent, in all rounds together.
    microseconds
        One step of one member.
    """

    method: str
    conditions: str
    members: int
    rounds: float
    fewest: int
    most: int
    bytes_a_member: float
    microseconds: float


def effort(method: str, members: int, markets: int, conditions: str, seed: int) -> Effort:
    """Let several random markets negotiate; a tiny one goes first, so that no compilation is timed."""
    rng = np.random.default_rng([seed, members])
    _negotiate(method, np.ones((1, 1)), PERFECT, rng)
    values = [_whole(random_market(rng, members, members).value) for _ in range(markets)]
    runs = [_negotiate(method, value, conditions, rng) for value in values]
    rounds = [run.rounds for run in runs]
    return Effort(
        method,
        conditions,
        members,
        float(median(rounds)),
        min(rounds),
        max(rounds),
        float(np.mean([run.bytes.mean() for run in runs])),
        float(np.mean([run.step_seconds for run in runs])) * 1e6,
    )


def _negotiate(method: str, value: FloatArray, conditions: str, rng: np.random.Generator) -> Negotiation:
    return METHODS[method](value, conditions=CONDITIONS[conditions], rng=rng)


def _whole(value: FloatArray) -> FloatArray:
    """Whole micro-units, on which bargaining is exact."""
    return np.rint(value * MICRO)
