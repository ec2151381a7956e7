"""The bargaining of all members at once, and the network between them, in arrays. Compiled on first use.

Each member runs the same `step` as it does as a separate agent; what is simulated here is the carriage of its messages. A link
belongs to its sender: those of member m are the rows ``first[m] : first[m + 1]``, and ``mate`` is the same link the other way.
"""

from typing import Any

import numpy as np
from numba import njit

from gridpact.markets.assignment.negotiation._fields import DONE, FIELDS, KIND, LINK, SEEN, STAGE, WIDTH
from gridpact.markets.assignment.negotiation._protocol import step

NOBODY = -1


@njit(cache=True)
def packed_size(value: Any) -> Any:
    """Bytes of an integer in MessagePack."""
    if -32 <= value < 128:
        return 1
    if -128 <= value < 256:
        return 2
    if -(2**15) <= value < 2**16:
        return 3
    return 5 if -(2**31) <= value < 2**32 else 9


@njit(cache=True)
def message_size(message: Any) -> Any:
    """Bytes of a message: an array of its kind and fields."""
    size = 2
    for k in range(FIELDS[message[KIND]]):
        size += packed_size(message[KIND + 1 + k])
    return size


@njit(cache=True)
def _grown(array: Any) -> Any:
    larger = np.empty((2 * len(array), array.shape[1]), dtype=array.dtype)
    larger[: len(array)] = array
    return larger


@njit(cache=True)
def run(
    members: Any,
    links: Any,
    first: Any,
    owner: Any,
    mate: Any,
    patience: Any,
    deadline: Any,
    loss: Any,
    fewest: Any,
    most: Any,
    duplication: Any,
    link_up: Any,
    activity: Any,
    rng: Any,
) -> Any:
    """Play rounds until every member is done, or nobody has seen a new word for ``deadline`` rounds.

    Returns rounds, whether all are done, messages and bytes by sender, steps taken.
    """
    size, buckets = len(members), most + 1
    messages, sent_bytes = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    # messages on their way: a chain by (round of arrival modulo buckets, receiver); `chain` also links what is unused
    head, tail = np.full((buckets, size), NOBODY), np.full((buckets, size), NOBODY)
    pool, chain, unused = np.empty((1024, WIDTH), dtype=np.int64), np.empty((1024, 1), dtype=np.int64), NOBODY
    used = 0
    inbox = np.empty((64, WIDTH), dtype=np.int64)
    widest = 0
    for m in range(size):
        widest = max(widest, first[m + 1] - first[m])
    outbox = np.empty((3 * widest + 1, WIDTH), dtype=np.int64)
    up = np.ones(len(links), dtype=np.bool_)
    now = steps = last_news = 0
    while True:
        if link_up < 1.0:
            for e in range(len(links)):
                if e < mate[e]:
                    up[e] = up[mate[e]] = rng.random() < link_up
        here, done = now % buckets, 0
        for m in range(size):
            at, arrived = head[here, m], 0
            head[here, m] = NOBODY
            if now > 0 and activity < 1.0 and rng.random() >= activity:
                if at != NOBODY:  # what has arrived waits: it goes before whatever arrives in the next round
                    later = (now + 1) % buckets
                    if head[later, m] == NOBODY:
                        tail[later, m] = tail[here, m]
                    chain[tail[here, m], 0] = head[later, m]
                    head[later, m] = at
                done += members[m, STAGE] % 4 == DONE
                continue
            while at != NOBODY:
                if arrived == len(inbox):
                    inbox = _grown(inbox)
                inbox[arrived] = pool[at]
                arrived += 1
                following = chain[at, 0]
                chain[at, 0] = unused
                unused, at = at, following
            seen = members[m, SEEN]
            own = links[first[m] : first[m + 1]]
            count = step(now, patience, members[m], own, inbox, arrived, outbox)
            steps += 1
            done += members[m, STAGE] % 4 == DONE
            if members[m, SEEN] != seen:
                last_news = now
            for k in range(count):
                e = first[m] + outbox[k, LINK]
                messages[m] += 1
                sent_bytes[m] += message_size(outbox[k])
                if not up[e]:
                    continue
                copies = 2 if duplication > 0.0 and rng.random() < duplication else 1
                for _ in range(copies):
                    if loss > 0.0 and rng.random() < loss:
                        continue
                    delay = fewest if fewest == most else fewest + int(rng.random() * (most - fewest + 1))
                    if unused != NOBODY:
                        at, unused = unused, chain[unused, 0]
                    else:
                        if used == len(pool):
                            pool, chain = _grown(pool), _grown(chain)
                        at, used = used, used + 1
                    receiver, bucket = owner[mate[e]], (now + delay) % buckets
                    pool[at] = outbox[k]
                    pool[at, LINK] = mate[e] - first[receiver]
                    chain[at, 0] = NOBODY
                    if head[bucket, receiver] == NOBODY:
                        head[bucket, receiver] = at
                    else:
                        chain[tail[bucket, receiver], 0] = at
                    tail[bucket, receiver] = at
        if done == size:
            return now, True, messages, sent_bytes, steps
        if now - last_news > deadline:
            return now, False, messages, sent_bytes, steps
        now += 1
