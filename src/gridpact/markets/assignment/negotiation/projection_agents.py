"""Members as separate agents that average and project, and know their own row of values only."""

import time
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from gridpact.markets.assignment.negotiation._consensus import consent, distance
from gridpact.markets.assignment.negotiation.outcome import Negotiation
from gridpact.markets.assignment.negotiation.projection import RELAXATION, Setting, no_consensus
from gridpact.markets.mailbox import Mailbox, Post
from gridpact.units import FloatArray

_NO_COALITIONS = np.empty(0)


class Proposal(msgspec.Struct, array_like=True, frozen=True):
    """A payoff for every member, as the sender would have it at the end of a round."""

    round: int
    payoffs: tuple[float, ...]


class Member:
    """A member that averages the proposals it hears and projects the mean onto what it accepts.

    Parameters
    ----------
    post
        Its face of the network.
    order
        Names of all members in the order of the proposals, buyers first.
    buyers
        How many of them are buyers.
    row
        What it and each member of the other side are worth to each other, in their order; −inf for those without a link.
    total
        What all members are worth together.
    weights
        Of each contact in its average, by name; the rest is its own.
    relaxation
        As in `negotiate_by_projection`.
    """

    def __init__(
        self,
        post: Post[Proposal],
        order: Sequence[str],
        buyers: int,
        row: FloatArray,
        total: float,
        weights: Mapping[str, float],
        relaxation: float = RELAXATION,
    ) -> None:
        self._post = post
        self._position = order.index(post.name)
        self._row = row
        self._first = buyers if self._position < buyers else 0  # of the other side
        self._total = total
        self._weights = dict(weights)
        self._relaxation = relaxation
        self.proposal: FloatArray = np.zeros(len(order))
        self.proposal[self._position] = total

    def step(self) -> None:
        """Take the newest proposal of each contact, move, and tell all contacts."""
        newest: dict[str, Proposal] = {}
        for sender, proposal in self._post.receive():
            if sender not in newest or newest[sender].round < proposal.round:
                newest[sender] = proposal
        if self._post.round > 0:
            self._move({sender: np.array(proposal.payoffs) for sender, proposal in newest.items()})
        own = Proposal(self._post.round, tuple(self.proposal.tolist()))
        for contact in self._weights:
            self._post.send(contact, own)

    def _move(self, heard: Mapping[str, FloatArray]) -> None:
        mean, kept = np.zeros_like(self.proposal), 1.0
        for contact, weight in self._weights.items():
            if contact in heard:
                mean += weight * heard[contact]
                kept -= weight
        mean += kept * self.proposal
        moved = np.empty_like(mean)
        consent(mean, self._position, self._row, self._first, _NO_COALITIONS, self._total, self._relaxation, moved)
        self.proposal = moved


def negotiate_by_projection_agents(
    value: npt.ArrayLike,
    mailbox: Mailbox[Proposal],
    *,
    relaxation: float = RELAXATION,
    tolerance: float = 1e-4,
    contacts: npt.ArrayLike | None = None,
    max_rounds: int = 100_000,
) -> Negotiation:
    """Let agents average and project over a mailbox: buyers ``b0``, ``b1``, … and sellers ``s0``, ``s1``, …

    Parameters
    ----------
    value, relaxation, tolerance, contacts, max_rounds
        As in `negotiate_by_projection`, on pairs.
    mailbox
        An empty one for `Proposal`; it has the conditions of the network.

    Raises
    ------
    InputError, NoConsensusError
        As in `negotiate_by_projection`.

    Examples
    --------
    >>> outcome = negotiate_by_projection_agents([[5, 8, 2], [7, 9, 6], [2, 3, 0]], Mailbox(Proposal))
    >>> round(outcome.total, 6)
    16.0
    """
    setting = Setting.of(value, contacts, relaxation, tolerance, max_rounds)
    market, floors, total = setting.market, setting.floors, setting.total
    names = [market.name(member) for member in range(market.size)]
    members: dict[str, Member] = {}
    for m, name in enumerate(names):
        row = floors[m] if m < market.buyers else floors[:, m - market.buyers].copy()
        links = range(market.first[m], market.first[m + 1])
        weights = {names[market.other[link]]: float(setting.weight[link]) for link in links}
        members[name] = Member(mailbox.join(name), names, market.buyers, row, total, weights, relaxation)
    seconds, steps = 0.0, 0
    while True:
        begin = time.perf_counter()
        for name in mailbox.awake:
            members[name].step()
        seconds, steps = seconds + time.perf_counter() - begin, steps + len(mailbox.awake)
        proposals = np.array([member.proposal for member in members.values()]).reshape(market.size, market.size)
        if distance(proposals, floors) <= tolerance * total:
            break
        if mailbox.round >= max_rounds:
            raise no_consensus(max_rounds, tolerance)
        mailbox.next_round()
    messages, sent_bytes = (
        np.array([sent[name] for name in names], dtype=np.int64) for sent in (mailbox.messages, mailbox.bytes)
    )
    return setting.outcome("pairs", proposals, mailbox.round, messages, sent_bytes, seconds / max(steps, 1))
