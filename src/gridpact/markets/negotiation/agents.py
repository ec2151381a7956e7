"""Two members as separate agents that negotiate by messages and know nothing of each other's utilities.

They do what `gridpact.markets.negotiation.negotiate` works out on arrays, over any `Post`. A turn is one message: an offer,
which rejects the peer's; a rejection by who has nothing left to offer, and still listens; a walk-away by who has nothing left
and hears that the peer has neither; an acceptance. Turns are numbered. Where messages can be lost, whoever waits too long says
its last message again, and whoever hears an old turn again answers with its last message; no other state has to be kept.
What does not keep to the protocol (a turn out of line, an offer that is none, the acceptance of nothing) is not heard.
"""

from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np

from gridpact.errors import GridpactError
from gridpact.markets.mailbox import Mailbox, Post
from gridpact.markets.negotiation.contracts import ContractGrid
from gridpact.markets.negotiation.sessions import MARGIN, Rules, Session
from gridpact.markets.negotiation.spaces import Space
from gridpact.units import BoolArray, IntArray

PATIENCE = 8
"""Rounds without an answer after which a message is said again, where messages can be lost."""

SILENCE = 1_000
"""Rounds of the clock without a turn after which a session is broken off."""


class Offer(msgspec.Struct, array_like=True, frozen=True, tag=0):
    """I give so many Wh now and want them back so many intervals later; negative: I receive now. Rejects the peer's offer."""

    turn: int
    quantity_wh: int
    offset: int


class Accept(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """Your last offer is agreed."""

    turn: int


class Reject(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """I do not want your last offer, and have none of my own; go on."""

    turn: int


class WalkAway(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """Nothing is agreed, and I do not go on."""

    turn: int


Message: TypeAlias = Offer | Accept | Reject | WalkAway


class SilentPeerError(GridpactError):
    """A peer was not heard for too long: nothing is agreed."""


@dataclass(frozen=True, eq=False)
class Intent:
    """What an agent brings to a session, all of it private.

    Attributes
    ----------
    space
        Its own utilities.
    aspiration
        Its quantile.
    feasible
        Which contracts the link has room for, in its own terms.
    """

    space: Space
    aspiration: float
    feasible: BoolArray


class Agent:
    """One side of a session.

    Parameters
    ----------
    intent
        What it wants.
    grid
        The contracts that both know.
    post, peer
        Its mail, and the name of the other side.
    begins
        Whether it makes the first turn; the peer must not.
    rules
        Floor and deadline.
    patience
        Rounds after which it repeats itself, 0 where nothing can be lost.

    Attributes
    ----------
    agreement
        The contract in the agent's own terms, once there is one.
    proposed
        Whether the agreement is its own offer.
    turn
        The last turn taken or heard.
    done
        Whether the session is over for it.
    heard
        The peer's offers so far in the agent's own terms: all that it learns.
    """

    def __init__(
        self,
        intent: Intent,
        grid: ContractGrid,
        post: Post[Message],
        peer: str,
        *,
        begins: bool,
        rules: Rules | None = None,
        patience: int = 0,
    ) -> None:
        self.agreement: int | None = None
        self.proposed = False
        self.turn = 0
        self.done = False
        self.heard: list[int] = []
        self._intent, self._grid, self._post, self._peer = intent, grid, post, peer
        self._rules = rules or Rules()
        self._patience = patience
        self._begins = begins
        self._position = {(q, tau): at for at, (q, tau) in enumerate(_pairs(grid))}
        self._wish = float(np.quantile(intent.space.utility[intent.feasible], intent.aspiration))
        self._least = intent.space.no_deal + MARGIN if self._rules.floor else -np.inf
        self._offers = self._plan()
        self._made = 0
        self._last: Message | None = None
        self._said_at = 0

    def step(self) -> None:
        """One round: read the mail, answer a new turn, repeat oneself if nothing is heard."""
        if self._begins and self._last is None:
            self._answer(None)
            return
        repeat = False
        for _, message in self._post.receive():
            if message.turn == self.turn + 1 and not self.done and self._makes_sense(message):
                self.turn = message.turn
                self._hear(message)
            elif message.turn <= self.turn and self._last is not None:
                repeat = True
        waits = self._patience > 0 and not self.done and self._post.round >= self._said_at + self._patience
        if self._last is not None and self._said_at < self._post.round and (repeat or waits):
            self._say(self._last)

    def _plan(self) -> IntArray:
        """What it would offer, best first."""
        utility = self._intent.space.utility
        willing = np.flatnonzero(self._intent.feasible & (utility >= self._wish) & (utility > self._least))
        return np.asarray(willing[np.argsort(-utility[willing], kind="stable")])

    def _makes_sense(self, message: Message) -> bool:
        """Whether the peer keeps to the protocol: it offers what is on the grid, and accepts what is on offer."""
        match message:
            case Offer():
                return (-message.quantity_wh, message.offset) in self._position
            case Accept():
                return isinstance(self._last, Offer)
            case _:
                return True

    def _hear(self, message: Message) -> None:
        match message:
            case Accept():
                self.agreement, self.proposed, self.done = int(self._offers[self._made - 1]), True, True
            case WalkAway():
                self.done = True
            case _:
                self._answer(message)

    def _answer(self, message: Message | None) -> None:
        """Take the next turn."""
        turn = self.turn + 1
        offered = None
        if isinstance(message, Offer):
            offered = self._position[-message.quantity_wh, message.offset]
            self.heard.append(offered)
        if turn - 1 > self._rules.deadline or (turn > self._rules.deadline and offered is None):
            self.done = True
            self._say(WalkAway(turn))
        elif offered is not None and self._accepts(offered):
            self.agreement, self.done = offered, True
            self._say(Accept(turn))
        elif turn > self._rules.deadline:
            self.done = True
            self._say(WalkAway(turn))
        elif self._made < len(self._offers):
            chosen = self._offers[self._made]
            self._made += 1
            self._say(Offer(turn, int(self._grid.quantity_wh[chosen]), int(self._grid.offset[chosen])))
        elif isinstance(message, Reject):
            self.done = True
            self._say(WalkAway(turn))
        else:
            self._say(Reject(turn))

    def _accepts(self, contract: int) -> bool:
        utility = self._intent.space.utility[contract]
        return bool(self._intent.feasible[contract] and utility > self._wish and utility > self._least)

    def _say(self, message: Message) -> None:
        self.turn, self._last, self._said_at = message.turn, message, self._post.round
        self._post.send(self._peer, message)


def negotiate_by_agents(
    first: Intent, second: Intent, grid: ContractGrid, mailbox: Mailbox[Message], rules: Rules | None = None
) -> Session:
    """Hold a session between two agents over a mailbox; the first proposes first.

    Raises
    ------
    SilentPeerError
        If no turn arrives for `SILENCE` rounds; neither side has a contract then.

    Examples
    --------
    >>> grid = ContractGrid(np.array([-100, 0, 100]), np.array([2]), window=3)
    >>> anything = np.ones(2, dtype=np.bool_)
    >>> first = Intent(Space(np.array([3.0, 1.0]), 0.0), 0.5, anything)
    >>> second = Intent(Space(np.array([1.0, 2.0]), 0.0), 0.5, anything)
    >>> negotiate_by_agents(first, second, grid, Mailbox(Message))
    Session(agreement=0, proposer=0, rounds=1)
    """
    rules = rules or Rules()
    if not first.feasible.any():
        return Session(None, None, 0)
    patience = 0 if mailbox.reliable else PATIENCE
    posts = {name: mailbox.join(name) for name in ("first", "second")}
    agents = {
        "first": Agent(first, grid, posts["first"], "second", begins=True, rules=rules, patience=patience),
        "second": Agent(second, grid, posts["second"], "first", begins=False, rules=rules, patience=patience),
    }
    turn, since = 0, mailbox.round
    while not all(agent.done for agent in agents.values()):
        for name in mailbox.awake:
            agents[name].step()
        mailbox.next_round()
        latest = max(agent.turn for agent in agents.values())
        if latest > turn:
            turn, since = latest, mailbox.round
        elif mailbox.round > since + SILENCE:
            raise SilentPeerError(f"no answer to turn {turn} in {SILENCE} rounds; nothing is agreed")
    proposed = [agent.proposed for agent in agents.values()]
    if agents["first"].agreement is None:
        return Session(None, None, min(turn, rules.deadline))
    return Session(agents["first"].agreement, proposed.index(True), turn - 1)


def _pairs(grid: ContractGrid) -> list[tuple[int, int]]:
    return list(zip(grid.quantity_wh.tolist(), grid.offset.tolist(), strict=True))
