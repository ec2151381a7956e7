"""Two members negotiate a loan by sealed letters, and sign what they agree on.

The agents are those of `gridpact.markets.negotiation`: neither learns more of the other than its offers. Whoever says the last
word cannot know whether it was heard; it signs at the exchange, where one signature alone stands for nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeAlias

from gridpact.client.client import Market
from gridpact.client.mail import Mail
from gridpact.client.posts import TICK_S, LetterPost, Talk, talking
from gridpact.exchange import SignAgreement, TradeTerms
from gridpact.markets.negotiation import Agent, ContractGrid, Intent, Message, Rules, SilentPeerError
from gridpact.markets.negotiation.agents import PATIENCE

SILENCE_S = 60.0
"""Without a turn for so long a session is broken off."""
Conclude: TypeAlias = Callable[[int], Awaitable[None]]
LINGER_S = 2 * PATIENCE * TICK_S
"""For so long after its acceptance a member answers a peer that has not heard it."""


@dataclass(frozen=True, eq=False)
class Session:
    """What a member brings to a session.

    Attributes
    ----------
    peer
        The other side.
    start, step_ms
        Interval in which a loan is given, and length of an interval, milliseconds.
    grid
        The contracts that both know.
    intent
        What this member wants; private.
    begins
        Whether it makes the first turn; the peer must not.
    price
        Of both legs, micro-units per kWh; both know it.
    rules
        Floor and deadline; both know them.
    """

    peer: str
    start: int
    step_ms: int
    grid: ContractGrid
    intent: Intent
    begins: bool
    price: int
    rules: Rules = field(default_factory=Rules)

    @property
    def subject(self) -> str:
        """What its letters are about."""
        return f"loan/{self.start}"

    def terms(self, own: str, contract: int) -> tuple[TradeTerms, TradeTerms]:
        """A contract as both sign it: given now, returned later, tied by a leg."""
        wh, back = int(self.grid.quantity_wh[contract]), int(self.grid.offset[contract])
        giver, taker = (own, self.peer) if wh > 0 else (self.peer, own)
        return (
            TradeTerms(giver, taker, self.start, abs(wh), self.price, leg=0),
            TradeTerms(taker, giver, self.start + back * self.step_ms, abs(wh), self.price, leg=0),
        )


async def negotiate_by_letters(
    mail: Mail,
    session: Session,
    conclude: Conclude | None = None,
    *,
    silence_s: float = SILENCE_S,
    linger_s: float = LINGER_S,
) -> int | None:
    """Hold a session; gives the contract in this member's terms, or None.

    Parameters
    ----------
    mail, session
        Of the member, and what it brings.
    conclude
        What is done with a contract at once, while the peer may still ask.
    silence_s, linger_s
        See `SILENCE_S` and `LINGER_S`.

    Raises
    ------
    SilentPeerError
        If no turn arrives for so long; nothing is agreed then.
    """
    if not session.intent.feasible.any():
        return None
    post: LetterPost[Message] = LetterPost(mail, session.subject, Message, (session.peer,))
    agent = Agent(
        session.intent,
        session.grid,
        post,
        session.peer,
        begins=session.begins,
        rules=session.rules,
        patience=PATIENCE,
    )
    try:
        async with talking(Talk(agent, post)) as talk:
            ended = await talk.until(lambda: agent.done, lambda: agent.turn, silence_s)
            if agent.agreement is not None and conclude is not None:
                await conclude(agent.agreement)
            if agent.agreement is not None and not agent.proposed:
                await talk.until(lambda: False, lambda: post.heard, linger_s)
    finally:
        mail.forget(session.subject)
    if not ended:
        raise SilentPeerError(f"no answer to turn {agent.turn} in {silence_s:g} s; nothing is agreed")
    return agent.agreement


async def agree_on_loan(market: Market, mail: Mail, session: Session, **patience: float) -> tuple[TradeTerms, ...]:
    """Negotiate, and sign what is agreed; the trades, which the exchange strikes once the peer has signed, or none.

    Raises
    ------
    SilentPeerError
        As `negotiate_by_letters`.
    RefusedError, NoAnswerError
        As `Market.send`.
    """

    async def sign(contract: int) -> None:
        body = SignAgreement(session.start, session.peer, session.terms(market.member, contract))
        await market.send(body, identity=f"loan-{session.start}")

    contract = await negotiate_by_letters(mail, session, sign, **patience)
    return () if contract is None else session.terms(market.member, contract)


def pairs_by_lot(members: Sequence[str], area: str, start: int) -> list[tuple[str, str]]:
    """Who negotiates with whom about an interval, the first begins: a draw that everybody can repeat, and nobody can choose.

    Examples
    --------
    >>> pairs_by_lot(["ann", "bob", "cat"], "north", 0)
    [('cat', 'bob')]
    """
    drawn = sorted(members, key=lambda member: sha256(f"{area}\n{start}\n{member}".encode()).digest())
    return list(zip(drawn[::2], drawn[1::2], strict=False))
