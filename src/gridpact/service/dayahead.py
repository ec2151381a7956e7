"""The operator of a day ahead: who invites, answers what members wish with prices, and enters what came of it.

It knows the feeder, who is where, what everybody has drawn before and the published prices; of a day it hears what each member
would import and draw, and nothing of what members say to each other.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiomqtt
import msgspec
import numpy as np

from gridpact.client import Mail, Topics
from gridpact.client.client import broker_line
from gridpact.client.dayahead import Invitation, LinkTerms, UnfinishedDayError, sign_price
from gridpact.client.line import Line, secret_identity
from gridpact.client.posts import LetterPost, Talk, talking
from gridpact.exchange import Actor, Claim, RecordAgreement, Role, TransferTerms
from gridpact.ledger import SigningKey, to_bytes
from gridpact.ledger.keys import KEY_BYTES
from gridpact.markets import Reason
from gridpact.markets.equilibrium import Concept, Instance, Tuning
from gridpact.markets.equilibrium.distributed import (
    OPERATOR,
    BusPrice,
    Grid,
    GridPrice,
    Links,
    Message,
    Operator,
    OperatorAgent,
    Units,
)
from gridpact.service.area import AreaWriter
from gridpact.service.gateway import member_of
from gridpact.units import MICRO, FloatArray, to_micro

LOG = logging.getLogger(__name__)
INVITATION = "invitation"
CHECKS = (
    "two ends of a trade differ by (kW)",
    "imports and draws differ from what the operator found by (kW)",
    "last step of a member (kW)",
    "last step of all prices (hundredths of the currency per kWh)",
)


@dataclass(frozen=True, eq=False)
class Day:
    """A game that is to be played on the bus.

    Attributes
    ----------
    instance
        What the operator knows of it: the feeder, the links and the prices count; loads only make the units.
    start, step_ms
        Of its intervals, milliseconds.
    shifts
        Money per kWh that is added to the mean of what a kWh is worth to both ends where i buys, and where j does,
        ``[link, 2]``.
    tolerance
        Of the stopping rule, kW.
    concept, tuning
        As everybody's.
    """

    instance: Instance
    start: int
    step_ms: int
    shifts: FloatArray
    tolerance: float = 0.1
    concept: Concept = Concept.NASH
    tuning: Tuning = field(default_factory=Tuning)

    @property
    def subject(self) -> str:
        """What letters of it are about."""
        return f"day/{self.start}"

    @property
    def units(self) -> Units:
        """What 1 means."""
        return Units.of(self.instance)

    def invitations(self) -> dict[str, Invitation]:
        """What each member is told, by name."""
        game = self.instance
        units = self.units
        links, hours = Links.of(game, units), game.H
        when_buying = np.zeros((2, len(links.owner)))
        backward = links.twin[links.forward]
        shifts = self.shifts.T / units.price
        when_buying[:, links.forward], when_buying[:, backward] = shifts, shifts[::-1]
        curvature = np.broadcast_to(2 * self.concept.weights[1] * game.d_h * units.kw / units.price, hours)
        imports, exports = (tuple(np.broadcast_to(price, hours).tolist()) for price in (game.price_im, game.price_ex))
        told = {}
        for position, name in enumerate(game.pro_name):
            ends = range(links.first[position], links.first[position + 1])
            terms = tuple(
                LinkTerms(
                    game.pro_name[links.partner[end]],
                    float(links.lean[end]),
                    float(links.tariff[end]),
                    float(links.cap[end]),
                    float(when_buying[0, end]),
                    float(when_buying[1, end]),
                )
                for end in ends
                if links.twin[end] != end
            )
            bus = game.bus_name[game.pro_bus[position]]
            told[name] = Invitation(
                self.start,
                self.step_ms,
                hours,
                bus,
                units.kw,
                units.price,
                tuple(curvature.tolist()),
                imports,
                exports,
                terms,
                self.tuning,
                self.tolerance,
            )
        return told


def cost_shifts(instance: Instance) -> FloatArray:
    """The shifts of a game whose ends pay the costs that it names: the price is that of `pair_multipliers`."""
    return -np.repeat(instance.c_tr.sum(axis=1)[:, None] / 2, 2, axis=1)


@dataclass(frozen=True, eq=False)
class Held:
    """What the operator knows of a day when all is done."""

    day: Day
    agent: OperatorAgent
    operator: Operator
    units: Units

    def certificate(self) -> tuple[Claim, ...]:
        """The stopping rule as it was met. What needs to be known of all members, regret or a gap, nobody here knows."""
        tolerance = round(self.day.tolerance * MICRO)
        met = [
            Claim(name, round(value * MICRO), tolerance)
            for name, value in zip(CHECKS, self.agent.history[-1], strict=True)
        ]
        return (*met, Claim("rounds", self.agent.rounds * MICRO))

    def transfers(self, supplier: str, dso: str) -> tuple[TransferTerms, ...]:
        """What a price by the kW and the limits of the grid make members pay or earn: to the supplier, and to the DSO."""
        game, units, operator = self.day.instance, self.units, self.operator
        imports, draws = (wish * units.kw for wish in self.agent.wishes)
        sigma = operator.sigma * units.kw
        slope = 2 * self.day.concept.weights[0] * game.d_h * sigma + game.d_h * game.base_kw
        head = operator.grid_price * units.price - slope
        limits = operator.bus_price.T[game.pro_bus] * units.price * draws + head * imports
        shared = game.d_h * (sigma + game.base_kw) * imports
        rows = []
        for party, amounts in ((supplier, shared), (dso, limits)):
            micro = to_micro(amounts * game.dt)
            for member, at in np.argwhere(micro).tolist():
                owed, name = int(micro[member, at]), game.pro_name[member]
                payer, payee = (name, party) if owed > 0 else (party, name)
                start = self.day.start + at * self.day.step_ms
                rows.append(TransferTerms(payer, payee, start, abs(owed), int(Reason.GRID)))
        return tuple(rows)


class OperatorPost(LetterPost[Message]):
    """The operator's face of the bus: wishes come in, and one signed message a bus and round goes out."""

    def __init__(self, mail: Mail, day: Day, line: aiomqtt.Client, buses: Mapping[str, str], tick_s: float) -> None:
        super().__init__(mail, day.subject, Message, day.instance.pro_name, tick_s=tick_s)
        self._line, self._buses = line, buses
        self._grid: GridPrice | None = None
        self._at: dict[str, BusPrice] = {}

    @property
    def name(self) -> str:
        """Of the operator's agent."""
        return OPERATOR

    def send(self, receiver: str, message: Message) -> None:
        """Keep what is to be said: the price of imports once, a multiplier for each bus."""
        if isinstance(message, GridPrice):
            self._grid = message
        elif isinstance(message, BusPrice):
            self._at[self._buses[receiver]] = message

    async def flush(self) -> None:
        """Say it at every bus."""
        at, self._at = self._at, {}
        for bus, price in at.items():
            assert self._grid is not None, "an agent says the price of imports first"
            topic = self._mail.topics.bus_price(bus)
            payload = sign_price(self._mail.key, topic, self._subject, self._grid, price)
            self.sent, self.bytes = self.sent + 1, self.bytes + len(payload)
            try:
                await self._line.publish(topic, payload, retain=True)
            except aiomqtt.MqttError as error:
                LOG.warning("bus %s: %s", bus, error)


@dataclass(slots=True)
class DayDesk:
    """Where days ahead are held. Made by `open_day_desk`."""

    line: aiomqtt.Client
    mail: Mail

    def know(self, actors: Iterable[Actor]) -> None:
        """Take up the keys of everybody who may be invited."""
        for actor in actors:
            self.mail.keys[actor.id] = to_bytes(actor.key, KEY_BYTES, f"the key of {actor.id!r}")

    async def hold(self, day: Day, *, tick_s: float = 2.0, silence_s: float = 60.0) -> Held:
        """Invite, and answer until the stopping rule is met and all know it.

        Raises
        ------
        UnfinishedDayError
            If nothing is heard for too long before it is met.
        """
        told, units = day.invitations(), day.units
        buses = {name: invitation.bus for name, invitation in told.items()}
        operator = Operator.of(Grid.of(day.instance, units, day.concept), day.tuning.grid, day.tuning.bus)
        post = OperatorPost(self.mail, day, self.line, buses, tick_s)
        agent = OperatorAgent(post, list(told), operator, units, day.tuning, day.tolerance)
        try:
            for name, invitation in told.items():
                topic = self.mail.topics.of_member(name, INVITATION)
                await self.mail.send_by(topic, name, INVITATION, msgspec.msgpack.encode(invitation))
            async with talking(Talk(agent, post, lambda: agent.ready)) as talk:
                await talk.until(lambda: agent.done, lambda: post.heard, silence_s)
        finally:
            self.mail.forget(day.subject)
        if not agent.stopped:
            raise UnfinishedDayError(f"{day.subject}: nothing was heard for {silence_s:g} s, in round {agent.rounds}")
        return Held(day, agent, operator, units)


@asynccontextmanager
async def open_day_desk(
    topics: Topics,
    exchange: str,
    key: SigningKey,
    url: str,
    user: str,
    password: str,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[DayDesk]:
    """Open a line of the exchange's own for days ahead.

    Parameters
    ----------
    topics
        Of the area.
    exchange, key
        In whose name, and with which key.
    url, user, password, tls
        As of `gridpact.service.gateway.run_gateway`.
    """
    identity = secret_identity(f"{user}/days/{topics.area}", password)
    async with Line(username=user, password=password, identifier=identity, **broker_line(url, tls)) as line:

        async def publish(topic: str, payload: bytes, qos: int) -> None:
            await line.publish(topic, payload, qos=qos)

        mail = Mail(exchange, key, topics, publish, key.public)
        await line.subscribe(topics.of_member("+", "wish"), qos=1)

        async def listen() -> None:
            async for message in line.messages:
                topic = str(message.topic)
                mail.take_from(topic, member_of(topic, topics), bytes(message.payload))

        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(listen())
            try:
                yield DayDesk(line, mail)
            finally:
                listening.cancel()


async def enter(writer: AreaWriter, held: Held) -> None:
    """Enter transfers and certificate of a day; its trades are signed by those who trade."""
    state = writer.exchange.state
    transfers = held.transfers(state.holder(Role.SUPPLIER), state.holder(Role.DSO))
    body = RecordAgreement(held.day.start, "equilibrium", (), transfers, held.certificate())
    await writer.submit(writer.own(body, f"day-{held.day.start}"))
