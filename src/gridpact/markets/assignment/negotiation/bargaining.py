"""Bargaining by messages: an auction for the matching, and sweeps of asks and claims for the two ends of the core."""

import time

import numpy as np
import numpy.typing as npt

from gridpact.errors import InputError
from gridpact.markets.assignment.negotiation import _fields as f
from gridpact.markets.assignment.negotiation._carriage import run
from gridpact.markets.assignment.negotiation._market import Market
from gridpact.markets.assignment.negotiation._records import (
    check_deadline,
    new_links,
    new_member,
    payoff,
    repeat_after,
    unanswered,
)
from gridpact.markets.assignment.negotiation.outcome import Negotiation, UnreachableError
from gridpact.markets.assignment.payoffs import Payoffs
from gridpact.markets.assignment.points import CorePoint
from gridpact.markets.mailbox import Conditions

METHOD = "bargaining"
DEADLINE = 1_000


def negotiate_by_bargaining(
    value: npt.ArrayLike,
    *,
    conditions: Conditions | None = None,
    rng: np.random.Generator | None = None,
    contacts: npt.ArrayLike | None = None,
    point: CorePoint = CorePoint.MIDPOINT,
    patience: int | None = None,
    deadline: int = DEADLINE,
) -> Negotiation:
    """Let all members bargain, in an array simulation of their messages.

    Free buyers bid for their best seller what leaves them as well off as the next best would (Bertsekas 1988, *The auction
    algorithm*, Annals of Operations Research 14, without ε); where a bid would raise nothing, contracts change hands at equal
    prices along the shortest chain. When that comes to rest, every seller's ask rises as far as its buyer could not better
    itself elsewhere, and the next round of bids begins: shortest augmenting paths with potentials taken from the far end. Once
    no buyer is left who wants a contract, two monotone sweeps give the buyer- and the seller-optimal point of the core
    (Demange, Gale, Sotomayor 1986, *Multi-item auctions*, for prices from below). Everything is exact, and the number of
    rounds does not depend on the size of the values.

    Parameters
    ----------
    value
        What each pair is worth, ``[B, S]``, whole numbers below 2^53 such as Wh times micro-units per kWh. Pairs of 0 or less
        sign no contract; pairs of −inf have no link.
    conditions
        What the network does to messages; perfect by default. Where messages can be lost, words are acknowledged and repeated.
    rng
        Where the network's whims come from; needed unless the conditions are perfect.
    contacts
        Who can talk to whom, ``[B + S, B + S]``, buyers first; by default the pairs that are not −inf. Parts of the market
        that are not connected negotiate on their own.
    point
        Midpoint, buyer-optimal or seller-optimal.
    patience
        Rounds until a word that is not acknowledged is repeated; by default the longest way there and back.
    deadline
        Rounds without news to anybody after which the negotiation is given up.

    Raises
    ------
    InputError
        If values are not whole numbers, contacts do not fit, the point is another one, patience or deadline are below 1, or a
        generator is missing.
    UnreachableError
        If the negotiation comes to rest unfinished; it says who did not answer.

    Examples
    --------
    Shapley and Shubik's market of three houses, in thousands:

    >>> outcome = negotiate_by_bargaining([[5, 8, 2], [7, 9, 6], [2, 3, 0]])
    >>> outcome.partner, outcome.payoffs.buyer, outcome.payoffs.seller
    (array([1, 2, 0]), array([4. , 5.5, 0.5]), array([1.5, 4. , 0.5]))
    """
    market, network = Market.of(value, contacts), conditions or Conditions()
    if rng is None and not network.perfect:
        raise InputError("conditions without a generator", place="negotiation", accepted="rng, a numpy Generator")
    buyers = market.buyers
    check_deadline(deadline)
    waits = repeat_after(reliable=network.reliable, most=network.delay[1], patience=patience)
    blank = [new_member(m, buys=m < buyers) for m in range(market.size)]
    members = np.array(blank, dtype=np.int64).reshape(-1, f.MEMBER)
    links = new_links(market.whole_link_values())
    payoff(members, point)  # a wrong point is refused before the work
    begin = time.perf_counter()
    rounds, finished, messages, sent_bytes, steps = run(
        members,
        links,
        market.first,
        market.owner,
        market.mate,
        waits,
        deadline,
        network.loss,
        *network.delay,
        network.duplication,
        network.link_up,
        network.activity,
        rng or np.random.default_rng(0),
    )
    seconds = time.perf_counter() - begin
    if not finished:
        missing = np.flatnonzero(unanswered(members[market.owner], links, waits, rounds - deadline // 2))
        pairs = [(market.name(market.owner[link]), market.name(market.other[link])) for link in missing]
        raise UnreachableError.between(pairs, rounds)
    link = members[:buyers, f.PARTNER]
    partner = np.full(buyers, f.NONE)
    signed = np.flatnonzero(link != f.NONE)
    partner[signed] = market.other[market.first[signed] + link[signed]] - buyers
    shares = payoff(members, point)
    payoffs = Payoffs(shares[:buyers], shares[buyers:])
    return Negotiation(METHOD, partner, payoffs, rounds, messages, sent_bytes, seconds / max(steps, 1))
