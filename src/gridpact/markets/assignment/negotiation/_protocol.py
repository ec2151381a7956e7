"""One round of one member: read, think, send, and find out together when a stage is over. Compiled on first use.

On each link a member keeps one *word*, its present say to that contact. A later word replaces an earlier one, so loss, delay,
repetition and disorder can only delay. Words are numbered; where they can be lost they are acknowledged and repeated.

In a BID stage free buyers bid. In a SWEEP every held seller's ask rises to where its buyer could not better itself elsewhere.
FINAL does the same from both sides. A stage is over when no word is on its way. The members build a tree over their links; in
every round each reports up the tree how many words its part of the tree has sent and seen, and in which span of rounds that
has not changed. If the spans have a round in common and the sums are equal, nothing was on its way at the end of that round
(Mattern 1987, *Algorithms for distributed termination detection*, with the clock in place of a second wave). All that this asks
of the clock is that a message arrives in a later round than it was sent.
"""

from typing import Any

from numba import njit

from gridpact.markets.assignment.negotiation._fields import (
    A_VERSION,
    ACK,
    ACKED,
    AGREEING,
    ANNOUNCED,
    BID,
    C_OPEN,
    C_SEEN,
    C_SENT,
    C_SINCE,
    C_STAGE,
    C_UNTIL,
    CHANGED,
    CHILDREN,
    DIRTY,
    DONE,
    FIELDS,
    FINAL,
    FLOOR,
    H_CHILD,
    H_PUBLIC,
    H_ROOT,
    H_VERSION,
    HEARD_AT,
    HOPS,
    IS_BUYER,
    KIND,
    LEFT,
    LINK,
    MY_NUMBER,
    MY_PRIVATE,
    NONE,
    OWED,
    OWES,
    PARENT,
    PARTNER,
    PUBLIC,
    R_OPEN,
    R_SEEN,
    R_SENT,
    R_SINCE,
    R_STAGE,
    R_UNTIL,
    REPORT,
    ROOT,
    SEEN,
    SENT,
    SENT_AT,
    SINCE,
    STAGE,
    SWEEP,
    VALUE,
    VERSION,
    W_CHILD,
    W_HOPS,
    W_NUMBER,
    W_PRIVATE,
    W_PUBLIC,
    W_ROOT,
    W_STAGE,
    W_VERSION,
    WORD,
)
from gridpact.markets.assignment.negotiation._trading import begin_stage, hear, think


@njit(cache=True)
def step(now: Any, patience: Any, me: Any, links: Any, inbox: Any, arrived: Any, outbox: Any) -> Any:
    """Take ``inbox[:arrived]``, fill the outbox, and return how many messages it holds: at most 3 a link, and one.

    ``patience`` is the number of rounds after which a word that is not acknowledged is repeated, 0 where none can be lost.
    """
    newest = max(me[STAGE], 0)
    for k in range(arrived):
        if inbox[k, KIND] == WORD:
            newest = max(newest, inbox[k, W_STAGE])
    if newest > me[STAGE]:
        _enter(newest, now, me, links)
    for k in range(arrived):
        _read(inbox[k], now, patience, me, links)
    think(me, links)
    count = _send_words(now, patience, me, links, outbox, 0)
    count = _acknowledge(me, links, outbox, count)
    while me[STAGE] % 4 != DONE:
        since, until, sent, seen, undecided = _count_words(now, me, links)
        if me[PARENT] != NONE:
            outbox[count, LINK], outbox[count, KIND], outbox[count, R_STAGE] = me[PARENT], REPORT, me[STAGE]
            outbox[count, R_SINCE], outbox[count, R_UNTIL] = since, until
            outbox[count, R_SENT], outbox[count, R_SEEN], outbox[count, R_OPEN] = sent, seen, undecided
            return count + 1
        if since > until or sent != seen:
            break
        _enter(_following(me[STAGE], undecided), now, me, links)
        think(me, links)
        count = _send_words(now, patience, me, links, outbox, count)
    return count


@njit(cache=True)
def _following(stage: Any, undecided: Any) -> Any:
    """Bids are followed by a sweep while some buyer wants to go on; that, by bids; else the last sweep and the end follow."""
    kind = stage % 4
    if kind == BID:
        return stage + (SWEEP if undecided > 0 else FINAL)
    return stage - kind + (4 if kind == SWEEP else DONE)


@njit(cache=True)
def _enter(stage: Any, now: Any, me: Any, links: Any) -> None:
    """Begin a stage, and pass it on to the children; the first one begins by itself, with a word to everybody."""
    for at in range(len(links)):
        if me[STAGE] < 0 or (links[at, H_CHILD] and links[at, H_ROOT] == me[ROOT]):
            links[at, CHANGED] = 1
    me[STAGE], me[SINCE], me[DIRTY] = stage, now, 1
    begin_stage(me, links)


@njit(cache=True)
def _read(message: Any, now: Any, patience: Any, me: Any, links: Any) -> None:
    at = message[LINK]
    links[at, HEARD_AT] = now
    if message[KIND] == ACK:
        links[at, ACKED] = max(links[at, ACKED], message[A_VERSION])
        return
    if message[KIND] == REPORT:
        if message[R_STAGE] == me[STAGE] and (links[at, C_STAGE] < me[STAGE] or links[at, C_UNTIL] < message[R_UNTIL]):
            for k in range(FIELDS[REPORT]):
                links[at, C_STAGE + k] = message[R_STAGE + k]
        return
    if patience > 0:
        links[at, OWED] = me[OWES] = 1
    if message[W_VERSION] <= links[at, H_VERSION]:
        return
    me[SEEN] += message[W_VERSION] - links[at, H_VERSION]
    me[SINCE], links[at, H_VERSION] = now, message[W_VERSION]
    if links[at, H_ROOT] != message[W_ROOT]:
        links[at, H_ROOT], links[at, H_CHILD] = message[W_ROOT], message[W_CHILD]
        _join_tree(at, me, links)
    if message[W_STAGE] == me[STAGE]:
        for k in range(4):
            links[at, H_PUBLIC + k] = message[W_PUBLIC + k]
        hear(at, me, links)


@njit(cache=True)
def _join_tree(at: Any, me: Any, links: Any) -> None:
    """A contact names a root: the smallest name it has heard of, in the end the same for all.

    My parent is whoever named my root first, for good. So a contact that names my root has said whether it is my child.
    """
    if links[at, H_ROOT] == me[ROOT]:
        me[AGREEING] += 1
        me[CHILDREN] += links[at, H_CHILD]
    elif links[at, H_ROOT] < me[ROOT]:
        me[ROOT], me[PARENT], me[DIRTY] = links[at, H_ROOT], at, max(me[DIRTY], 1)
        me[AGREEING] = me[CHILDREN] = 0
        for k in range(len(links)):
            links[k, CHANGED] = 1
            if links[k, H_ROOT] == me[ROOT]:
                me[AGREEING] += 1
                me[CHILDREN] += links[k, H_CHILD]


@njit(cache=True)
def _send_words(now: Any, patience: Any, me: Any, links: Any, outbox: Any, count: Any) -> Any:
    if not me[DIRTY] and patience == 0:
        return count
    announced, me[DIRTY] = me[DIRTY] == ANNOUNCED, 0
    for at in range(len(links)):
        if links[at, CHANGED] or (announced and links[at, VALUE] > me[FLOOR]):
            links[at, CHANGED] = 0
            links[at, VERSION] += 1
            me[SENT] += 1
            me[SINCE] = now
        elif patience == 0 or links[at, ACKED] >= links[at, VERSION] or now < links[at, SENT_AT] + patience:
            continue
        links[at, SENT_AT] = now
        outbox[count, LINK], outbox[count, KIND] = at, WORD
        outbox[count, W_STAGE], outbox[count, W_VERSION] = me[STAGE], links[at, VERSION]
        outbox[count, W_ROOT], outbox[count, W_CHILD] = me[ROOT], 1 if at == me[PARENT] else 0
        outbox[count, W_PUBLIC], outbox[count, W_HOPS] = me[PUBLIC], me[HOPS]
        outbox[count, W_NUMBER], outbox[count, W_PRIVATE] = links[at, MY_NUMBER], links[at, MY_PRIVATE]
        count += 1
    return count


@njit(cache=True)
def _acknowledge(me: Any, links: Any, outbox: Any, count: Any) -> Any:
    if not me[OWES]:
        return count
    me[OWES] = 0
    for at in range(len(links)):
        if links[at, OWED]:
            links[at, OWED] = 0
            outbox[count, LINK], outbox[count, KIND], outbox[count, A_VERSION] = at, ACK, links[at, H_VERSION]
            count += 1
    return count


@njit(cache=True)
def _count_words(now: Any, me: Any, links: Any) -> Any:
    """Of my part of the tree: since and until when nothing has changed, words sent and seen, buyers who want to go on.

    Until NONE as long as the tree is not settled, or some part of it has not reported.
    """
    since, until, sent, seen = me[SINCE], now, me[SENT], me[SEEN]
    undecided = 1 if me[IS_BUYER] and me[PARTNER] == NONE and not me[LEFT] else 0
    missing = me[CHILDREN]
    if missing > 0:
        for at in range(len(links)):
            if links[at, H_CHILD] and links[at, H_ROOT] == me[ROOT] and links[at, C_STAGE] == me[STAGE]:
                missing -= 1
                since, until = max(since, links[at, C_SINCE]), min(until, links[at, C_UNTIL])
                sent, seen = sent + links[at, C_SENT], seen + links[at, C_SEEN]
                undecided += links[at, C_OPEN]
    if missing > 0 or me[AGREEING] < len(links):
        until = NONE
    return since, until, sent, seen, undecided
