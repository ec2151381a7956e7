"""Which point of the core: the two extremes, their midpoint, the nucleolus, leximin; and how far a point is from the core."""

from enum import StrEnum

import numpy as np

from gridpact.markets.assignment.multi import Flow
from gridpact.markets.assignment.payoffs import Payoffs
from gridpact.markets.assignment.potentials import Potentials
from gridpact.markets.assignment.single import Matching


class CorePoint(StrEnum):
    """Rules that choose one point of the core."""

    MIDPOINT = "midpoint"
    BUYER_OPTIMAL = "buyer-optimal"
    SELLER_OPTIMAL = "seller-optimal"
    NUCLEOLUS = "nucleolus"
    LEXIMIN = "leximin"


def core_extremes(outcome: Matching | Flow) -> tuple[Payoffs, Payoffs]:
    """The points of the core that all buyers, and that all sellers, like best.

    The core is not empty, and all members of a side agree on its best point: Shapley and Shubik 1971. For single contracts a
    buyer's best payoff is v(N) − v(N∖i): Leonard 1983, *Elicitation of honest preferences for the assignment of individuals to
    positions*, and Demange 1982, *Strategyproofness in the assignment market game*.

    Parameters
    ----------
    outcome
        A cleared market. For multi contracts the points are the extreme dual prices.

    Examples
    --------
    >>> from gridpact.markets.assignment import clear_single
    >>> buyers, sellers = core_extremes(clear_single([[5, 8, 2], [7, 9, 6], [2, 3, 0]]))
    >>> buyers.buyer, buyers.seller
    (array([5., 6., 1.]), array([1., 3., 0.]))
    >>> sellers.buyer, sellers.seller
    (array([3., 5., 0.]), array([2., 5., 1.]))
    """
    system = Potentials.of(outcome)
    return system.lowest(), system.highest()


def core_payoffs(outcome: Matching | Flow, point: CorePoint = CorePoint.MIDPOINT) -> Payoffs:
    """The payoffs at a chosen point of the core; for multi contracts, dual prices per kWh.

    Parameters
    ----------
    outcome
        A cleared market.
    point
        ``midpoint``: half-way between the extremes; for single contracts Thompson's fair division point, which is the τ-value
        (Núñez and Rafels 2002, *The assignment game: the τ-value*). ``nucleolus``: lexicographically the largest slacks of all
        constraints; for single contracts the nucleolus of the game (Solymosi and Raghavan 1994, *An algorithm for finding the
        nucleolus of assignment games*). ``leximin``: lexicographically the largest payoffs of the members, in money.

    Examples
    --------
    >>> from gridpact.markets.assignment import clear_single
    >>> core_payoffs(clear_single([[5, 8, 2], [7, 9, 6], [2, 3, 0]])).seller
    array([1.5, 4. , 0.5])
    """
    system = Potentials.of(outcome)
    match point:
        case CorePoint.BUYER_OPTIMAL:
            return system.lowest()
        case CorePoint.SELLER_OPTIMAL:
            return system.highest()
        case CorePoint.NUCLEOLUS:
            return system.nucleolus()
        case CorePoint.LEXIMIN:
            return system.leximin()
        case CorePoint.MIDPOINT:
            low, high = system.lowest(), system.highest()
            return Payoffs((low.buyer + high.buyer) / 2, (low.seller + high.seller) / 2)


def core_violation(outcome: Matching | Flow, payoffs: Payoffs) -> float:
    """How far payoffs are from the core, as a share of v(N): 0 is inside.

    The worst of: what a pair could gain by dealing with each other instead, what a member could gain by staying alone, and the
    distance between what is shared out and v(N). Since every coalition is worth the sum of some of its pairs and members,
    these are all constraints of the core.

    Parameters
    ----------
    outcome
        A cleared market.
    payoffs
        Any payoffs, in money for single and per kWh for multi contracts. Rents of full links are added to what is shared out.

    Examples
    --------
    >>> from gridpact.markets.assignment import clear_single
    >>> core_violation(clear_single([[4.0]]), Payoffs(np.array([1.0]), np.array([2.0])))
    0.25
    """
    if isinstance(outcome, Matching):
        gain = outcome.value - payoffs.buyer[:, None] - payoffs.seller
        shared, alone = payoffs.buyer.sum() + payoffs.seller.sum(), payoffs
    else:
        links = outcome.links
        left = links.gain - payoffs.buyer[links.buyer] - payoffs.seller[links.seller]
        gain = np.where(links.capacity > 0, left * (links.capacity - outcome.energy), 0.0)
        alone = Payoffs(payoffs.buyer * links.demand, payoffs.seller * links.supply)
        shared = alone.buyer.sum() + alone.seller.sum() + outcome.rents(payoffs) @ outcome.energy
    worst = max(gain.max(initial=0.0), -alone.buyer.min(initial=0.0), -alone.seller.min(initial=0.0))
    return float(max(worst, abs(shared - outcome.total)) / (outcome.total or 1.0))
