"""Buyers and sellers as separate agents that bargain by messages and know their own row of values only.

They do what `negotiate_by_bargaining` simulates in arrays: the same step with the same words, over any `Post`.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from gridpact.markets.assignment.negotiation import _fields as f
from gridpact.markets.assignment.negotiation._market import Market, whole_values
from gridpact.markets.assignment.negotiation._protocol import step
from gridpact.markets.assignment.negotiation._records import (
    check_deadline,
    new_links,
    new_member,
    payoff,
    repeat_after,
    unanswered,
)
from gridpact.markets.assignment.negotiation.bargaining import DEADLINE, METHOD
from gridpact.markets.assignment.negotiation.outcome import Negotiation, UnreachableError
from gridpact.markets.assignment.payoffs import Payoffs
from gridpact.markets.assignment.points import CorePoint
from gridpact.markets.mailbox import Mailbox, Post


class Word(msgspec.Struct, array_like=True, frozen=True, tag=f.WORD):
    """What a member has to say to a contact; a later version replaces an earlier one.

    Attributes
    ----------
    stage, version
        Stage of the negotiation, and number of the word on this link.
    root, child
        The smallest number of a member that the sender has heard of, and whether it heard of it from the receiver first.
    public
        What a seller asks, or a buyer claims, for itself of any contract; −1 if not known yet.
    hops
        How many contracts would move if the sender lost its partner; −1 if the seller has just changed hands.
    number
        Of a buyer: the number of its last bid to the receiver. Of a seller: that of the receiver's bid, negative if it does not
        hold.
    private
        Of a buyer: its last bid. In a sweep, to a partner: what the sender could get elsewhere.
    """

    stage: int
    version: int
    root: int
    child: int
    public: int
    hops: int
    number: int
    private: int


class Ack(msgspec.Struct, array_like=True, frozen=True, tag=f.ACK):
    """The word of this version has arrived."""

    version: int


class Report(msgspec.Struct, array_like=True, frozen=True, tag=f.REPORT):
    """Of a part of the tree: words sent and seen, unchanged in a span of rounds; and how many buyers want to go on."""

    stage: int
    since: int
    until: int
    sent: int
    seen: int
    undecided: int


Message: TypeAlias = Word | Ack | Report
_KINDS: tuple[type[Word] | type[Ack] | type[Report], ...] = (Word, Ack, Report)


@dataclass(frozen=True, slots=True)
class Contract:
    """What an agent has signed: with whom, and what it gets at the worst and at the best point of the core for it."""

    partner: str
    least: float
    most: float


class _Trader:
    """A member that bargains.

    Parameters
    ----------
    post
        Its face of the network.
    number
        A number of its own. The member with the smallest one sets the pace.
    values
        What it and each contact are worth to each other, by the contact's name, whole numbers; 0 or less for a contact to talk
        to only. Nothing else is known to it.
    patience
        Rounds until a word that is not acknowledged is repeated; 0 if the network loses none.

    Raises
    ------
    InputError
        If a value is not a whole number below 2^53.
    """

    _buys: bool

    def __init__(self, post: Post[Message], number: int, values: Mapping[str, int], *, patience: int = 0) -> None:
        self._post = post
        self._patience = patience
        self._contacts = list(values)
        self._link = {name: at for at, name in enumerate(self._contacts)}
        self._me = new_member(number, buys=self._buys)
        worth = np.maximum(np.array(list(values.values()), dtype=np.float64), 0.0)
        self._links = new_links(whole_values(worth, lambda link: f"{post.name}, {self._contacts[link]}"))
        self._inbox = np.zeros((2 * len(values) + 1, f.WIDTH), dtype=np.int64)
        self._outbox = np.zeros((3 * len(values) + 1, f.WIDTH), dtype=np.int64)

    @property
    def done(self) -> bool:
        """Whether it knows its result. It must still be stepped until all are done, to answer others."""
        return bool(self._me[f.STAGE] >= 0 and self._me[f.STAGE] % 4 == f.DONE)

    @property
    def news(self) -> int:
        """How many words it has seen."""
        return int(self._me[f.SEEN])

    def silent(self, since: int) -> list[str]:
        """Contacts that owe it an answer, or owed it a report from the round ``since`` on."""
        late = unanswered(self._me, self._links, self._patience, since)
        return [self._contacts[at] for at in np.flatnonzero(late)]

    @property
    def contract(self) -> Contract | None:
        """What it has signed; None without a contract, or before it is done."""
        if not self.done or self._me[f.PARTNER] == f.NONE:
            return None
        partner = self._contacts[self._me[f.PARTNER]]
        return Contract(partner, float(self._me[f.REST]), float(self._me[f.PUBLIC]))

    def payoff(self, point: CorePoint = CorePoint.MIDPOINT) -> float:
        """What it gets at a point of the core, once it is done."""
        return float(payoff(self._me, point))

    def step(self) -> None:
        """Take what has arrived, think, and send."""
        arrived = self._post.receive()
        if len(arrived) > len(self._inbox):
            self._inbox = np.zeros((2 * len(arrived), f.WIDTH), dtype=np.int64)
        for at, (sender, message) in enumerate(arrived):
            fields = msgspec.structs.astuple(message)
            self._inbox[at, : len(fields) + 2] = (self._link[sender], _KINDS.index(type(message)), *fields)
        count = step(self._post.round, self._patience, self._me, self._links, self._inbox, len(arrived), self._outbox)
        for link, kind, *fields in self._outbox[:count].tolist():
            self._post.send(self._contacts[link], _KINDS[kind](*fields[: f.FIELDS[kind]]))


class Buyer(_Trader):
    """A member that looks for a seller."""

    _buys = True


class Seller(_Trader):
    """A member that looks for a buyer."""

    _buys = False


def negotiate_by_bargaining_agents(
    value: npt.ArrayLike,
    mailbox: Mailbox[Message],
    *,
    contacts: npt.ArrayLike | None = None,
    point: CorePoint = CorePoint.MIDPOINT,
    patience: int | None = None,
    deadline: int = DEADLINE,
) -> Negotiation:
    """Let agents bargain over a mailbox: buyers ``b0``, ``b1``, … and sellers ``s0``, ``s1``, …

    Parameters
    ----------
    value, contacts, point, patience, deadline
        As in `negotiate_by_bargaining`.
    mailbox
        An empty one for `Message`; it has the conditions of the network.

    Raises
    ------
    InputError, UnreachableError
        As in `negotiate_by_bargaining`.

    Examples
    --------
    >>> outcome = negotiate_by_bargaining_agents([[5, 8, 2], [7, 9, 6], [2, 3, 0]], Mailbox(Message))
    >>> outcome.partner, outcome.payoffs.seller
    (array([1, 2, 0]), array([1.5, 4. , 0.5]))
    """
    market = Market.of(value, contacts)
    worth, names = market.whole_link_values(), [market.name(member) for member in range(market.size)]
    check_deadline(deadline)
    waits = repeat_after(reliable=mailbox.reliable, most=mailbox.conditions.delay[1], patience=patience)
    agents: dict[str, _Trader] = {}
    for member, name in enumerate(names):
        links = range(market.first[member], market.first[member + 1])
        row = {names[market.other[link]]: int(worth[link]) for link in links}
        side = Buyer if member < market.buyers else Seller
        agents[name] = side(mailbox.join(name), member, row, patience=waits)
    seconds, steps, news, last_news = 0.0, 0, 0, 0
    while True:
        begin = time.perf_counter()
        for name in mailbox.awake:
            agents[name].step()
        seconds, steps = seconds + time.perf_counter() - begin, steps + len(mailbox.awake)
        if all(agent.done for agent in agents.values()):
            break
        heard = sum(agent.news for agent in agents.values())
        if heard > news:
            news, last_news = heard, mailbox.round
        if mailbox.round - last_news > deadline:
            since = mailbox.round - deadline // 2
            missing = ((name, other) for name, agent in agents.items() for other in agent.silent(since))
            raise UnreachableError.between(missing, mailbox.round)
        mailbox.next_round()
    contracts = [agents[name].contract for name in names[: market.buyers]]
    partner = np.array(
        [f.NONE if c is None else names.index(c.partner) - market.buyers for c in contracts], dtype=np.int64
    )
    shares = np.array([agents[name].payoff(point) for name in names])
    return Negotiation(
        METHOD,
        partner,
        Payoffs(shares[: market.buyers], shares[market.buyers :]),
        mailbox.round,
        np.array([mailbox.messages[name] for name in names], dtype=np.int64),
        np.array([mailbox.bytes[name] for name in names], dtype=np.int64),
        seconds / max(steps, 1),
    )
