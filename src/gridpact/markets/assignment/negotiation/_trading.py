"""What a member makes of the words it has heard: bids, verdicts, asks and claims. Compiled on first use.

``me`` is the record of the member, ``links`` those of its links; see ``_fields``. Amounts are parts of pair values.
"""

from typing import Any

from numba import njit

from gridpact.markets.assignment.negotiation._fields import (
    ANNOUNCED,
    BID,
    BIDS,
    CHANGED,
    DIRTY,
    FINAL,
    FLOOR,
    H_HOPS,
    H_NUMBER,
    H_PRIVATE,
    H_PUBLIC,
    HOPS,
    IS_BUYER,
    LEFT,
    MY_NUMBER,
    MY_PRIVATE,
    NAME,
    NEWS,
    NONE,
    NUMBER,
    PARTNER,
    PENDING,
    PUBLIC,
    REST,
    STAGE,
    SWEEP,
    VALUE,
)

OPENING_BIDS = 5  # bids that a buyer may raise prices with in the first stage; in later ones it is 1
_MANY = 2**62


@njit(cache=True)
def begin_stage(me: Any, links: Any) -> None:
    """Forget what the last stage was about. In a sweep asks and claims come down from above, so all are unknown at first."""
    me[NEWS], me[BIDS], me[PENDING] = 1, 0, NONE
    kind, partner = me[STAGE] % 4, me[PARTNER]
    if kind != SWEEP and kind != FINAL:
        return
    if partner != NONE:
        me[PUBLIC], me[REST] = NONE, 0
        me[HOPS] = 1 if me[IS_BUYER] else me[HOPS]
        links[partner, H_PRIVATE], links[partner, MY_PRIVATE], links[partner, CHANGED] = NONE, 0, 1
    elif kind == FINAL and me[IS_BUYER]:
        _announce(0, me[HOPS], me)
    for at in range(len(links)):
        if not me[IS_BUYER] or links[at, H_HOPS] != 0:
            links[at, H_PUBLIC] = NONE
        else:
            weigh(at, me, links)  # a seller who is free asks for nothing


@njit(cache=True)
def hear(at: Any, me: Any, links: Any) -> None:
    """Take up a new word of this stage, heard on link ``at``."""
    kind, me[NEWS] = me[STAGE] % 4, 1
    if kind == FINAL or (kind == SWEEP and me[IS_BUYER]):
        weigh(at, me, links)


@njit(cache=True)
def weigh(at: Any, me: Any, links: Any) -> None:
    """See whether a contact leaves me more than the best so far, and if so tell my partner what I could get elsewhere."""
    partner, gain = me[PARTNER], links[at, VALUE] - links[at, H_PUBLIC]
    if partner == NONE or at == partner or links[at, H_PUBLIC] == NONE or gain < me[REST]:
        return
    if gain > me[REST] or (me[IS_BUYER] and links[at, H_HOPS] + 1 < me[HOPS]):
        me[REST], me[DIRTY] = gain, max(me[DIRTY], 1)
        links[partner, MY_PRIVATE], links[partner, CHANGED] = gain, 1
        if me[IS_BUYER]:
            me[HOPS] = links[at, H_HOPS] + 1


@njit(cache=True)
def think(me: Any, links: Any) -> None:
    """Act on what has been heard since the last time."""
    if not me[NEWS]:
        return
    me[NEWS] = 0
    kind = me[STAGE] % 4
    if kind == BID and me[IS_BUYER]:
        _hear_verdict(me, links)
        if me[PARTNER] == NONE and me[PENDING] == NONE and not me[LEFT]:
            _bid(me, links)
    elif kind == BID:
        _choose_bid(me, links)
    elif me[PARTNER] != NONE and (kind == FINAL or (kind == SWEEP and not me[IS_BUYER])):
        _ask(me, links)


@njit(cache=True)
def _hear_verdict(me: Any, links: Any) -> None:
    """A seller's number is that of my bid: positive while the bid holds, negative if it was refused or is outbid."""
    if me[PENDING] != NONE:
        said = links[me[PENDING], H_NUMBER]
        if abs(said) == me[NUMBER]:
            me[PARTNER] = me[PENDING] if said > 0 else NONE
            me[PENDING] = NONE
    elif me[PARTNER] != NONE and links[me[PARTNER], H_NUMBER] == -me[NUMBER]:
        me[PARTNER] = NONE


@njit(cache=True)
def _bid(me: Any, links: Any) -> None:
    """Bid for the best seller what leaves me as well off as the next best would, or as having none would.

    Where the two best are equally good nothing is raised, and I go where the fewest contracts have to move. A seller who has
    changed hands in this stage, whose HOPS are NONE, would refuse that.
    """
    size = len(links)
    best, second, chosen, fewest = 0, 0, NONE, _MANY
    for k in range(size):
        at = (k + me[NAME]) % size  # so that not all begin with the same seller
        gain, hops = links[at, VALUE] - links[at, H_PUBLIC], links[at, H_HOPS]
        if links[at, H_PUBLIC] == NONE or gain <= 0 or gain < second:
            continue
        if gain > best:
            best, second, chosen, fewest = gain, best, at, _MANY
        else:
            second = gain
        if gain == best and hops != NONE and hops < fewest:
            chosen, fewest = at, hops
    if best == 0:
        me[LEFT] = 1
        return
    if best == second:
        if fewest == _MANY:
            return
    elif me[BIDS] == (OPENING_BIDS if me[STAGE] == 0 else 1):
        return
    else:
        me[BIDS] += 1
    me[NUMBER] += 1
    me[PENDING], me[DIRTY] = chosen, 1
    links[chosen, MY_NUMBER], links[chosen, MY_PRIVATE] = me[NUMBER], links[chosen, H_PUBLIC] + best - second
    links[chosen, CHANGED] = 1


@njit(cache=True)
def _choose_bid(me: Any, links: Any) -> None:
    """Take the highest new bid if it is above my ask, or equal to it and I have not changed hands in this stage."""
    best, price = NONE, NONE
    for at in range(len(links)):
        if links[at, H_NUMBER] > abs(links[at, MY_NUMBER]):
            links[at, MY_NUMBER], links[at, CHANGED] = -links[at, H_NUMBER], 1
            me[DIRTY] = 1
            if links[at, H_PRIVATE] > price:
                best, price = at, links[at, H_PRIVATE]
    if best == NONE or price < me[PUBLIC] or (price == me[PUBLIC] and me[HOPS] == NONE):
        return
    if me[PARTNER] != NONE:
        links[me[PARTNER], MY_NUMBER] *= -1
        links[me[PARTNER], CHANGED] = 1
    links[best, MY_NUMBER] *= -1
    me[PARTNER] = best
    _announce(price, NONE, me)


@njit(cache=True)
def _ask(me: Any, links: Any) -> None:
    """Ask, or claim, for myself what my partner leaves of our value if it gets what it could get elsewhere."""
    at = me[PARTNER]
    if links[at, H_PRIVATE] == NONE:
        return
    left, hops = links[at, VALUE] - links[at, H_PRIVATE], me[HOPS] if me[IS_BUYER] else links[at, H_HOPS]
    if left != me[PUBLIC] or hops != me[HOPS]:
        _announce(left, hops, me)


@njit(cache=True)
def _announce(amount: Any, hops: Any, me: Any) -> None:
    """Ask, or claim, an amount; tell those for whom it matters: whose value with me exceeds it now, or did so before."""
    me[FLOOR] = amount if me[PUBLIC] == NONE else min(amount, me[PUBLIC])
    me[PUBLIC], me[HOPS], me[DIRTY] = amount, hops, ANNOUNCED
