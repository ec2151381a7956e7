"""A day ahead without a centre: a member plans its day with its partners, by sealed letters, and with the operator.

The agents are those of `gridpact.markets.equilibrium.distributed`. A member says to each partner what it would buy from it, one
letter a round with all intervals of the day; to the operator, by a topic of its own and sealed likewise, what it would import
and draw; the operator answers with signed prices at the member's bus, retained. Devices, loads and costs stay at home. When all
is done, each pair signs its trades at the exchange.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np

from gridpact.client.client import Market
from gridpact.client.mail import Mail
from gridpact.client.posts import LetterPost, Talk, talking
from gridpact.errors import UNREADABLE, GridpactError, InputError
from gridpact.exchange import SignAgreement, TradeTerms
from gridpact.ledger import Directory, SigningKey
from gridpact.ledger.keys import SIGNATURE_BYTES
from gridpact.markets.equilibrium.distributed import (
    OPERATOR,
    BusPrice,
    GridPrice,
    Links,
    MemberAgent,
    Members,
    Message,
    Tuning,
    Units,
)
from gridpact.units import MICRO, WH_PER_KWH

LOG = logging.getLogger(__name__)
TICK_S = 2.0
"""A round of the clock where nothing arrives: after `PATIENCE` of them an agent goes on without whom it has not heard."""
SILENCE_S = 60.0
"""Without a word of anybody for so long a day is given up."""
MOST_PARTNERS = 100
PRICE = b"gridpact/v1/bus-price\n"
"""What comes before the bytes that the operator signs."""
OFF_WH, OFF_PRICE = 2, 10_000
"""By how much a partner's terms may differ from one's own beyond the tolerance of the day: Wh, micro-units per kWh."""

Hours = tuple[float, ...]


class LinkTerms(msgspec.Struct, array_like=True, frozen=True):
    """A link as its member sees it; prices and powers in units of the game.

    Attributes
    ----------
    partner
        At the other end.
    lean, tariff, cap
        As of `Links`.
    buying, selling
        Added to the mean of what a kWh is worth to both ends, this is the price at which the member buys, and sells.
    """

    partner: str
    lean: float
    tariff: float
    cap: float
    buying: float
    selling: float


class Invitation(msgspec.Struct, array_like=True, frozen=True):
    """The operator to a member: the day, the units, and with whom it may trade.

    Attributes
    ----------
    start, step_ms, intervals
        Of the day, milliseconds.
    bus
        Of the member: where the operator's prices are.
    kw, price
        What 1 means: kW, money per kWh.
    curvature
        Of the member's own imports' price, in units, ``[interval]``.
    import_price, export_price
        Money per kWh, ``[interval]``.
    links
        Whom it may trade with.
    tuning
        Weights and their schedule.
    tolerance
        Of the stopping rule, kW.
    """

    start: int
    step_ms: int
    intervals: int
    bus: str
    kw: float
    price: float
    curvature: Hours
    import_price: Hours
    export_price: Hours
    links: tuple[LinkTerms, ...]
    tuning: Tuning
    tolerance: float

    @property
    def subject(self) -> str:
        """What letters of this day are about."""
        return f"day/{self.start}"

    @property
    def units(self) -> Units:
        """What 1 means."""
        return Units(self.kw, self.price)

    @property
    def partners(self) -> list[str]:
        """At the other ends of the links."""
        return [link.partner for link in self.links]

    def own_links(self) -> Links:
        """The member's ends; one that leads nowhere if there is none."""
        column = {name: [getattr(link, name) for link in self.links] or [0.0] for name in ("lean", "tariff", "cap")}
        ends = np.arange(max(len(self.links), 1))
        alone = not self.links
        return Links(
            owner=np.zeros_like(ends),
            partner=ends + 1 - alone,
            twin=ends + len(ends) * (not alone),
            first=np.array([0, len(ends)]),
            forward=ends[: len(self.links)],
            **{name: np.array(values) for name, values in column.items()},
        )


class Terms(msgspec.Struct, array_like=True, frozen=True):
    """What a pair signs: proposed by the one of the smaller name."""

    trades: tuple[TradeTerms, ...]


class UnfinishedDayError(GridpactError):
    """A day ahead has come to no end; nothing is agreed."""


@dataclass(frozen=True, eq=False)
class Planned:
    """What a member knows of its day when all is done.

    Attributes
    ----------
    agent
        With trades, draws, imports and devices.
    signed
        The trades that it has signed, by partner.
    """

    agent: MemberAgent
    signed: dict[str, tuple[TradeTerms, ...]]


class DayPost(LetterPost[Message]):
    """A member's face of the bus for a day: letters of partners, prices of the operator."""

    def __init__(self, mail: Mail, invitation: Invitation, tick_s: float) -> None:
        super().__init__(mail, invitation.subject, Message, invitation.partners, qos=0, tick_s=tick_s)
        self._steps = 0
        self._prices: list[tuple[str, Message]] = []
        self._wish = mail.topics.of_member(mail.owner, "wish")

    @property
    def round(self) -> int:
        """How often it has let out what was waiting: an agent speaks first in round 0."""
        return self._steps

    def receive(self) -> list[tuple[str, Message]]:
        """Prices, then letters."""
        prices, self._prices = self._prices, []
        return prices + super().receive()

    def price(self, grid: GridPrice, bus: BusPrice) -> None:
        """The operator has spoken."""
        self._prices += [(OPERATOR, grid), (OPERATOR, bus)]
        self.tray.arrived.set()

    async def flush(self) -> None:
        """Let out letters and wishes."""
        self._steps += 1
        await super().flush()

    async def carry(self, receiver: str, body: bytes) -> None:
        """Wishes go by a topic of their own."""
        if receiver == OPERATOR:
            await self._mail.send_by(self._wish, self._mail.exchange, self._subject, body, qos=self._qos)
        else:
            await super().carry(receiver, body)


def sign_price(key: SigningKey, topic: str, subject: str, grid: GridPrice, bus: BusPrice) -> bytes:
    """What the operator publishes at a bus."""
    body = msgspec.msgpack.encode((subject, grid, bus))
    return key.sign(PRICE + topic.encode() + body) + body


_PRICES = msgspec.msgpack.Decoder(tuple[str, GridPrice, BusPrice])


def price_reader(mail: Mail, post: DayPost, subject: str) -> Callable[[str, bytes], None]:
    """Reads what arrives at the topic of a bus; what the operator has not signed, or is of another day, is left out."""
    known = Directory({OPERATOR: mail.exchange_key})

    def read(topic: str, payload: bytes) -> None:
        signature, body = payload[:SIGNATURE_BYTES], payload[SIGNATURE_BYTES:]
        if not known.verify(OPERATOR, PRICE + topic.encode() + body, signature):
            mail.refused["a price that the operator has not signed"] += 1
            return
        try:
            of, grid, bus = _PRICES.decode(body)
        except UNREADABLE:
            mail.refused["a signed message that is no price"] += 1
            return
        if of == subject:
            post.price(grid, bus)

    return read


async def plan_day(
    market: Market,
    mail: Mail,
    invitation: Invitation,
    own: Members,
    *,
    tick_s: float = TICK_S,
    silence_s: float = SILENCE_S,
) -> Planned:
    """Plan a day with partners and operator, and sign its trades.

    Parameters
    ----------
    market, mail
        The member's.
    invitation
        Of the operator.
    own
        The member's devices and net demand, one row, in the units of the invitation; private.
    tick_s, silence_s
        See `TICK_S` and `SILENCE_S`.

    Raises
    ------
    InputError
        If the invitation names partners that cannot be.
    UnfinishedDayError
        If nothing is heard for too long.
    RefusedError, NoAnswerError
        As `Market.send`.
    """
    _check(invitation, mail.owner)
    post = DayPost(mail, invitation, tick_s)
    agent = MemberAgent(
        post,
        invitation.partners,
        own,
        invitation.own_links(),
        0,
        np.array(invitation.curvature),
        invitation.tuning,
    )
    await mail.until_known(*invitation.partners)
    topic = market.topics.bus_price(invitation.bus)
    await market.take_from(topic, price_reader(mail, post, invitation.subject))
    try:
        async with talking(Talk(agent, post, lambda: agent.ready)) as talk:
            ended = await talk.until(lambda: agent.done, lambda: post.heard + post.round, silence_s)
            signed = await _sign(market, mail, invitation, agent, silence_s) if ended else {}
    finally:
        mail.forget(invitation.subject)
    if not ended:
        raise UnfinishedDayError(f"{mail.owner}: {invitation.subject}: nothing was heard for {silence_s:g} s")
    return Planned(agent, signed)


def own_terms(invitation: Invitation, agent: MemberAgent, own: str, row: int) -> tuple[TradeTerms, ...]:
    """The trades of a link in whole Wh and micro-units, as one of its ends knows them: in the middle of what both ends gain."""
    link, units = invitation.links[row], invitation.units
    bought, middle = agent.trade[row], (agent.price[row] + agent.others_price[row]) / 2
    shift = np.where(bought > 0, link.buying, link.selling)
    price = np.rint((middle + shift) * units.price * MICRO).astype(np.int64)
    energy_wh = np.rint(bought * units.kw * invitation.step_ms / 3_600_000 * WH_PER_KWH).astype(np.int64)
    terms = []
    for at in np.flatnonzero(energy_wh).tolist():
        seller, buyer = (link.partner, own) if energy_wh[at] > 0 else (own, link.partner)
        start = invitation.start + at * invitation.step_ms
        terms.append(TradeTerms(seller, buyer, start, abs(int(energy_wh[at])), int(price[at])))
    return tuple(terms)


def _check(invitation: Invitation, owner: str) -> None:
    partners = invitation.partners
    if owner in partners or OPERATOR in partners or len(set(partners)) < len(partners) or len(partners) > MOST_PARTNERS:
        found = f"{len(partners)} partners, some of them twice, too many, or nobody to trade with"
        raise InputError(found, place=f"invitation to {invitation.subject}", accepted=f"up to {MOST_PARTNERS} others")
    hours = {len(column) for column in (invitation.curvature, invitation.import_price, invitation.export_price)}
    if hours != {invitation.intervals}:
        raise InputError("columns of unequal length", place=f"invitation to {invitation.subject}")


async def _sign(
    market: Market, mail: Mail, invitation: Invitation, agent: MemberAgent, silence_s: float
) -> dict[str, tuple[TradeTerms, ...]]:
    """Propose terms to partners of larger names, agree to those of others if they are what was agreed on, and sign."""
    subject, owner = f"{invitation.subject}/terms", mail.owner
    post: LetterPost[Terms] = LetterPost(mail, subject, Terms, invitation.partners)
    ours = {link.partner: own_terms(invitation, agent, owner, row) for row, link in enumerate(invitation.links)}
    signed: dict[str, tuple[TradeTerms, ...]] = {}
    try:
        for partner, terms in ours.items():
            if owner < partner:
                post.send(partner, Terms(terms))
                signed[partner] = terms
        await post.flush()
        waiting = {partner for partner in ours if partner < owner}
        while waiting and await post.pause(silence_s):
            for partner, said in post.receive():
                if partner in waiting:
                    waiting.discard(partner)
                    if alike(said.trades, ours[partner], invitation):
                        signed[partner] = said.trades
                    else:
                        LOG.warning("%s: terms of %s are not what was agreed on", owner, partner)
    finally:
        mail.forget(subject)
    for partner, terms in signed.items():
        if terms:
            body = SignAgreement(min(trade.interval for trade in terms), partner, terms)
            await market.send(body, identity=f"day-{invitation.start}-{partner}")
    return {partner: terms for partner, terms in signed.items() if terms}


def alike(theirs: tuple[TradeTerms, ...], ours: tuple[TradeTerms, ...], invitation: Invitation) -> bool:
    """Whether terms are one's own but for rounding and what the last round may have moved."""
    most_wh = OFF_WH + invitation.tolerance * invitation.step_ms / 3_600_000 * WH_PER_KWH
    known = {(trade.interval, trade.buyer): trade for trade in ours}
    for trade in theirs:
        own = known.pop((trade.interval, trade.buyer), None)
        if own is None or trade.seller != own.seller:
            if trade.energy_wh > most_wh or own is not None:
                return False
        elif abs(trade.energy_wh - own.energy_wh) > most_wh or abs(trade.price - own.price) > OFF_PRICE:
            return False
    return all(trade.energy_wh <= most_wh for trade in known.values())
