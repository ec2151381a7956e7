"""The strategies by name. The first line of each factory is what users are shown."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gridpact.errors import InputError
from gridpact.markets.mechanism import Mechanism
from gridpact.markets.negotiation.mechanism import ASPIRATIONS, WEIGHTS, Alone, Negotiation, Still
from gridpact.markets.negotiation.peers import SCORES, PeerChoice
from gridpact.markets.negotiation.rounds import SCENARIOS, Terms
from gridpact.markets.negotiation.sessions import Rules


def s0() -> Still:
    """No battery, no trade: batteries stand still, everybody deals with the supplier."""
    return Still()


def s1() -> Alone:
    """Own battery, no trade: what the supplier's baseline is."""
    return Alone()


def s2(
    *,
    score: str = "own-gain",
    epsilon: float = 0.1,
    floor: bool = True,
    scenarios: int = SCENARIOS,
    flexibility: float | None = None,
    aspiration: float | None = None,
) -> Negotiation:
    """Energy loans negotiated in pairs, with own batteries (Chakraborty, Baarslag, Kaisers 2020).

    Parameters
    ----------
    score
        How members judge their peers: ``"random"``, ``"success"``, ``"own-gain"``, ``"context"``,
        ``"recent"`` or ``"complement"``.
    epsilon
        Share of peers chosen at random.
    floor
        Whether nobody agrees to less than no deal is worth; the paper has no such floor.
    scenarios
        Of net demand, for expected utilities.
    flexibility
        Weight of the loss in flexibility for all members, the rest goes to autarky; None: 0.33 and 0.67 in turn, as in the
        paper.
    aspiration
        Quantile for all members; None: those of the paper's Case 2 in turn.
    """
    choice = PeerChoice(score, epsilon)
    if choice.how.oracle:
        known = ", ".join(each for each, how in SCORES.items() if not how.oracle)
        raise InputError(f"score {score!r} needs the utilities of both sides", place="negotiation:s2", accepted=known)
    weights = WEIGHTS if flexibility is None else ((flexibility, 1.0 - flexibility),)
    aspirations = ASPIRATIONS if aspiration is None else (aspiration,)
    return Negotiation(Terms(choice, Rules(floor), scenarios), weights, aspirations)


VARIANTS: Mapping[str, Callable[..., Mechanism]] = MappingProxyType({"s0": s0, "s1": s1, "s2": s2})
"""Variants of the family ``negotiation`` by name: the entry point."""
