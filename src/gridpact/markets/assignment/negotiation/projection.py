"""Negotiation by averaging and projecting: the kind that the literature proposes, and its benchmark with all coalitions."""

import time
from typing import Literal

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
from gridpact.markets.assignment.single import clear_single
from gridpact.markets.mailbox import Conditions
from gridpact.units import FloatArray

LARGEST_WITH_COALITIONS = 20
RELAXATION = 1.8


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
        If values or parameters are out of range, members are too many for ``coalitions``, or some cannot reach each other.
    NoConsensusError
        If the rounds do not suffice.

    Examples
    --------
    >>> outcome = negotiate_by_projection([[5, 8, 2], [7, 9, 6], [2, 3, 0]])
    >>> outcome.partner, round(outcome.total, 6)
    (array([1, 2, 0]), 16.0)
    """
    market, network = Market.of(value, contacts), conditions or Conditions()
    _check(relaxation, tolerance, network, rng)
    matching = clear_single(market.value)
    weight = metropolis_weights(market)
    if constraints == "coalitions" and market.size > LARGEST_WITH_COALITIONS:
        found, accepted = f"{market.size} members", f"up to {LARGEST_WITH_COALITIONS}, or constraints='pairs'"
        raise InputError(found, place="negotiation over all coalitions", accepted=accepted)
    whole = matching.total or 1.0
    floors = np.where(np.isneginf(market.value), -np.inf, matching.value / whole)
    worths = coalition_worths(matching.value / whole) if constraints == "coalitions" else np.empty(0)
    total = 1.0 if matching.total else 0.0
    proposals = total * np.eye(market.size)
    begin = time.perf_counter()
    rounds, agreed, messages, sent_bytes, steps = run(
        proposals,
        floors,
        worths,
        total,
        market.first,
        market.owner,
        market.mate,
        weight,
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
    seconds = time.perf_counter() - begin
    if not agreed:
        raise NoConsensusError(f"no consensus within {rounds} rounds at a tolerance of {tolerance:g} of v(N)")
    mean = whole * proposals.mean(axis=0) if market.size else np.empty(0)
    payoffs = Payoffs(mean[: market.buyers], mean[market.buyers :])
    method = f"projection on {constraints}"
    return Negotiation(method, matching.partner, payoffs, rounds, messages, sent_bytes, seconds / max(steps, 1))


def metropolis_weights(market: Market) -> FloatArray:
    """Weight of each link in its receiver's average, ``[link]``; refuses members who cannot reach each other."""
    links = (np.ones(len(market.owner)), (market.owner, market.other))
    parts, part = connected_components(csr_array(links, shape=(market.size, market.size)), directed=False)
    if parts > 1:
        names = [market.name(int(np.argmax(part == k))) for k in (0, 1)]
        raise InputError(
            f"{names[0]} cannot reach {names[1]}",
            place="negotiation by projection",
            accepted="contacts that connect all members: they have to agree on one proposal",
        )
    degree = np.diff(market.first)
    return np.asarray(1.0 / (1.0 + np.maximum(degree[market.owner], degree[market.other])))


def _check(relaxation: float, tolerance: float, network: Conditions, rng: np.random.Generator | None) -> None:
    place = "negotiation by projection"
    if not 0 < relaxation < 2:
        raise InputError(f"relaxation = {relaxation}", place=place, accepted="above 0, below 2")
    if not tolerance > 0:
        raise InputError(f"tolerance = {tolerance}", place=place, accepted="a share of v(N) above 0")
    if rng is None and not network.perfect:
        raise InputError("conditions without a generator", place=place, accepted="rng, a numpy Generator")
