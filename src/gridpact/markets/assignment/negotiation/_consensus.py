"""Rounds of averaging and projecting, of all members at once, with the network between them. Compiled on first use.

Links as in ``_carriage``: link e goes from ``owner[e]`` to ``owner[mate[e]]``. ``weight`` is the same for both directions, so
averages over links that work both ways are doubly stochastic; the weight of what is not heard stays with the member itself.
"""

from typing import Any

import numpy as np
from numba import njit

from gridpact.markets.assignment.negotiation._bounding_sets import project_on_coalitions, project_on_pairs
from gridpact.markets.assignment.negotiation._carriage import packed_size


@njit(cache=True)
def consent(y: Any, own: Any, row: Any, first: Any, worth: Any, total: Any, relaxation: Any, x: Any) -> None:
    """Go from ``y`` towards the nearest point of the member's bounding set, and ``relaxation`` times as far."""
    if len(worth) > 0:
        project_on_coalitions(y, own, worth, x)
    else:
        project_on_pairs(y, own, row, first, total, x)
    for k in range(len(y)):
        x[k] = y[k] + relaxation * (x[k] - y[k])


@njit(cache=True)
def proposal_size(now: Any, size: Any) -> Any:
    """Bytes of a proposal: an array of the round and an array of floats."""
    return 1 + packed_size(now) + (1 if size < 16 else 3) + 9 * size


@njit(cache=True)
def distance(proposals: Any, value: Any) -> Any:
    """Largest disagreement with the mean, plus the mean's largest violation of the core."""
    size, (buyers, sellers) = len(proposals), value.shape
    mean = np.zeros(size)
    for m in range(size):
        mean += proposals[m]
    mean /= size
    apart = lack = 0.0
    for m in range(size):
        lack = max(lack, -mean[m])
        for k in range(size):
            apart = max(apart, abs(proposals[m, k] - mean[k]))
    for i in range(buyers):
        for j in range(sellers):
            lack = max(lack, value[i, j] - mean[i] - mean[buyers + j])
    return apart + lack


@njit(cache=True)
def run(
    proposals: Any,
    value: Any,
    worth: Any,
    total: Any,
    first: Any,
    owner: Any,
    mate: Any,
    weight: Any,
    relaxation: Any,
    tolerance: Any,
    max_rounds: Any,
    loss: Any,
    fewest: Any,
    most: Any,
    duplication: Any,
    link_up: Any,
    activity: Any,
    rng: Any,
) -> Any:
    """Play rounds until the proposals agree on a point of the core up to the tolerance.

    Returns rounds, whether they do, messages and bytes by sender, steps taken.
    """
    size, links, buckets = len(proposals), len(owner), most + 1
    buyers, columns = len(value), value.T.copy()
    messages, sent_bytes = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    sent = np.empty((buckets, size, size))  # what was sent, by round modulo buckets and sender
    due = np.full((buckets, links), -1)  # when what arrives was sent, by round of arrival modulo buckets
    heard = np.full(links, -1)  # when the newest unread proposal was sent
    unread = np.empty((0 if activity == 1.0 else links, size))
    up = np.ones(links, dtype=np.bool_)
    y = np.empty(size)
    now = steps = 0
    while True:
        here = now % buckets
        for e in range(links):
            if due[here, e] > heard[e]:
                heard[e] = due[here, e]
                if activity < 1.0:
                    unread[e] = sent[heard[e] % buckets, owner[e]]
            due[here, e] = -1
        if link_up < 1.0:
            for e in range(links):
                if e < mate[e]:
                    up[e] = up[mate[e]] = rng.random() < link_up
        sent[here] = proposals
        for m in range(size):
            if now > 0 and activity < 1.0 and rng.random() >= activity:
                continue
            steps += 1
            if now > 0:
                kept = 1.0
                y[:] = 0.0
                for e in range(first[m], first[m + 1]):
                    back = mate[e]
                    if heard[back] >= 0:
                        said = unread[back] if activity < 1.0 else sent[heard[back] % buckets, owner[back]]
                        for k in range(size):
                            y[k] += weight[e] * said[k]
                        kept -= weight[e]
                        heard[back] = -1
                for k in range(size):
                    y[k] += kept * proposals[m, k]
                if m < buyers:
                    consent(y, m, value[m], buyers, worth, total, relaxation, sent[here, m])
                else:
                    consent(y, m, columns[m - buyers], 0, worth, total, relaxation, sent[here, m])
            for e in range(first[m], first[m + 1]):
                messages[m] += 1
                sent_bytes[m] += proposal_size(now, size)
                if not up[e]:
                    continue
                copies = 2 if duplication > 0.0 and rng.random() < duplication else 1
                for _ in range(copies):
                    if loss > 0.0 and rng.random() < loss:
                        continue
                    delay = fewest if fewest == most else fewest + int(rng.random() * (most - fewest + 1))
                    due[(now + delay) % buckets, e] = max(due[(now + delay) % buckets, e], now)
        proposals[:] = sent[here]
        if distance(proposals, value) <= tolerance * total:
            return now, True, messages, sent_bytes, steps
        if now >= max_rounds:
            return now, False, messages, sent_bytes, steps
        now += 1
