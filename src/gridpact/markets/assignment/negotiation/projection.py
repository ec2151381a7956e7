"""Negotiation by averaging and projecting: the kind that the literature proposes, and its benchmark with all coalitions."""

import time
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from gridpact.errors import InputError
from gridpact.markets.assignment.negotiation._bounding_sets import coalition_worths
from gridpact.markets.assignment.negotiation._consensus import run
from gridpact.markets.assignment.negotiation._market import Market
from gridpact.markets.assignment.negotiation.outcome import Negotiation, NoConsensusError
from gridpact.markets.assignment.payoffs import Payoffs
from gridpact.markets.assignment.single import Matching, clear_single
from gridpact.markets.mailbox import Conditions
from gridpact.units import FloatArray, IntArray

LARGEST_WITH_COALITIONS = 20
RELAXATION = 1.8
_PLACE = "negotiation by projection"


def negotiate_by_projection(
    value: npt.ArrayLike,
    *,
    constraints: Literal["pairs", "coalitions"] = "pairs",
    relaxation: float = RELAXATION,
    tolerance: float = 1e-4,
    conditions: Conditions | None = None,
    rng: np.random.Generator | None = None,
    contacts: npt.ArrayLike | None = None,
    max_rounds: int = 100_000,
) -> Negotiation:
    """Let every member average the proposals it hears, and project the mean onto what it accepts, until all agree.

    A member's proposal is a payoff for everybody. With ``pairs`` it accepts what gives every pair with it at least its value,
    and itself at least nothing: Raja and Grammatico, *Bilateral peer-to-peer energy trading via coalitional games*, arXiv
    2301.12271. With ``coalitions`` it accepts what gives every coalition with it at least its worth, 2^(n − 1) constraints:
    Nedić and Bauso 2013, *Dynamic coalitional TU games: distributed bargaining among players' neighbors*, IEEE Transactions on
    Automatic Control 58(6). Both reach a point of the core; which one depends on the start, here: everybody claims everything.

    What all of them are worth together, and who signs with whom, is taken as known: it is cleared centrally. An observer who
    sees all proposals stops the rounds, so the end costs no message.

    Parameters
    ----------
    value
        What each pair is worth, ``[B, S]``; −inf for a pair without a link.
    constraints
        ``pairs``, or ``coalitions`` for up to 20 members.
    relaxation
        How far to go, as a multiple of the way to the projection: 1 is the projection, up to below 2 is faster.
    tolerance
        Largest disagreement plus largest violation of the core at which the rounds end, as a share of v(N).
    conditions, rng, contacts
        As in `negotiate_by_bargaining`. Weights of averages are Metropolis weights by the number of contacts; the weight of a
        contact that is not heard in a round stays with the member.
    max_rounds
        After which it is given up.

    Raises
    ------
    InputError
        If values or parameters are out of range, members are too many for ``coalitions``, or some cannot
        reach each other though there is something to share.
    NoConsensusError
        If the rounds do not suffice.

    Examples
    --------
    >>> outcome = negotiate_by_projection([[5, 8, 2], [7, 9, 6], [2, 3, 0]])
    >>> outcome.partner, round(outcome.total, 6)
    (array([1, 2, 0]), 16.0)
    """
    network = conditions or Conditions()
    if rng is None and not network.perfect:
        raise InputError("conditions without a generator", place=_PLACE, accepted="rng, a numpy Generator")
    setting = Setting.of(value, contacts, relaxation, tolerance, max_rounds)
    market = setting.market
    if constraints not in ("pairs", "coalitions"):
        raise InputError(f"constraints = {constraints!r}", place=_PLACE, accepted="'pairs' or 'coalitions'")
    if constraints == "coalitions" and market.size > LARGEST_WITH_COALITIONS:
        found, accepted = f"{market.size} members", f"up to {LARGEST_WITH_COALITIONS}, or constraints='pairs'"
        raise InputError(found, place="negotiation over all coalitions", accepted=accepted)
    worths = coalition_worths(setting.worth) if constraints == "coalitions" else np.empty(0)
    proposals = setting.total * np.eye(market.size)
    begin = time.perf_counter()
    rounds, agreed, messages, sent_bytes, steps = run(
        proposals,
        setting.floors,
        worths,
        setting.total,
        market.first,
        market.owner,
        market.mate,
        setting.weight,
        relaxation,
        tolerance,
        max_rounds,
        network.loss,
        *network.delay,
        network.duplication,
        network.link_up,
        network.activity,
        rng or np.random.default_rng(0),
    )
    step_seconds = (time.perf_counter() - begin) / max(steps, 1)
    if not agreed:
        raise no_consensus(rounds, tolerance)
    return setting.outcome(constraints, proposals, rounds, messages, sent_bytes, step_seconds)


@dataclass(frozen=True, eq=False)
class Setting:
    """What is known before the first round. Amounts are parts of v(N).

    Attributes
    ----------
    market
        Who can talk to whom.
    matching
        Cleared centrally.
    weight
        Of each link in its receiver's average, ``[link]``.
    """

    market: Market
    matching: Matching
    weight: FloatArray

    @classmethod
    def of(
        cls,
        value: npt.ArrayLike,
        contacts: npt.ArrayLike | None,
        relaxation: float,
        tolerance: float,
        max_rounds: int,
    ) -> Self:
        """Check what a caller gives, and clear the market."""
        if not 0 < relaxation < 2:
            raise InputError(f"relaxation = {relaxation}", place=_PLACE, accepted="above 0, below 2")
        if not tolerance > 0:
            raise InputError(f"tolerance = {tolerance}", place=_PLACE, accepted="a share of v(N) above 0")
        if not max_rounds >= 0:
            raise InputError(f"max_rounds = {max_rounds}", place=_PLACE, accepted="a whole number from 0 up")
        market = Market.of(value, contacts)
        matching = clear_single(market.value)
        if matching.total > 0:  # else nobody has to agree on anything
            refuse_parts(market)
        return cls(market, matching, metropolis_weights(market))

    @property
    def total(self) -> float:
        """What all share out: 1, or 0 where nothing is gained."""
        return float(self.matching.total > 0)

    @property
    def worth(self) -> FloatArray:
        """What pairs are worth, ``[B, S]``, not negative."""
        return self.matching.value / (self.matching.total or 1.0)

    @property
    def floors(self) -> FloatArray:
        """What pairs insist on, ``[B, S]``; −inf without a link."""
        return np.where(np.isneginf(self.market.value), -np.inf, self.worth)

    def outcome(
        self,
        constraints: str,
        proposals: FloatArray,
        rounds: int,
        messages: IntArray,
        sent_bytes: IntArray,
        step_seconds: float,
    ) -> Negotiation:
        """The mean of the proposals ``[member, member]``, in money."""
        mean = self.matching.total * proposals.sum(axis=0) / max(self.market.size, 1)
        payoffs = Payoffs(mean[: self.market.buyers], mean[self.market.buyers :])
        method = f"projection on {constraints}"
        return Negotiation(method, self.matching.partner, payoffs, rounds, messages, sent_bytes, step_seconds)


def no_consensus(rounds: int, tolerance: float) -> NoConsensusError:
    """The error of rounds that did not suffice."""
    return NoConsensusError(f"no consensus within {rounds} rounds at a tolerance of {tolerance:g} of v(N)")


def refuse_parts(market: Market) -> None:
    """Refuse members who cannot reach each other."""
    links = (np.ones(len(market.owner)), (market.owner, market.other))
    parts, part = connected_components(csr_array(links, shape=(market.size, market.size)), directed=False)
    if parts > 1:
        names = [market.name(int(np.argmax(part == k))) for k in (0, 1)]
        raise InputError(
            f"{names[0]} cannot reach {names[1]}",
            place=_PLACE,
            accepted="contacts that connect all members: they have to agree on one proposal",
        )


def metropolis_weights(market: Market) -> FloatArray:
    """Weight of each link in its receiver's average, ``[link]``."""
    degree = np.diff(market.first)
    return np.asarray(1.0 / (1.0 + np.maximum(degree[market.owner], degree[market.other])))
