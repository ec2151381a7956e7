"""A day ahead over MQTT: the equilibrium of agents in one process, from sealed letters, signed by every pair."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest

from gridpact.client import Market, Topics, open_mail
from gridpact.client.dayahead import Invitation, LinkTerms, Planned, alike, plan_day, price_reader, sign_price
from gridpact.client.mail import Mail
from gridpact.errors import InputError
from gridpact.exchange import AgreementRecorded, Rules, TradeTerms
from gridpact.exchange.rules import DAY, HOUR
from gridpact.markets.equilibrium import Clearing, Instance, Recipe, clear_by_agents, make_instance
from gridpact.markets.equilibrium.distributed import BusPrice, GridPrice, Members, Message
from gridpact.markets.mailbox import Mailbox
from gridpact.service.broker import Account, area_grants, bus_grant, hash_password
from gridpact.service.broker.embedded import embedded_broker
from gridpact.service.dayahead import Day, Held, cost_shifts, enter, open_day_desk
from service.conftest import Brokers
from service.live import AREA, NOON, Clock, key_of, live, member

TOPICS = Topics(AREA)
START = NOON - 12 * HOUR + DAY
RULES = Rules(AREA, step_ms=HOUR, settle_after_ms=HOUR, correct_within_ms=DAY, most_wh=10**7, most_price=10**7)
GAME = make_instance(Recipe(members=5, partners=2, seed=3, diversity=0.02))
TOLERANCE = 0.1
PATIENCE_S = 120.0


def row_of(members: Members, position: int) -> Members:
    """What one member knows of itself."""
    fields = Members.__dataclass_fields__
    return Members(**{name: np.ascontiguousarray(getattr(members, name)[position : position + 1]) for name in fields})


def people(game: Instance) -> list[Account]:
    return [
        Account("exchange", hash_password("secret"), area_grants(AREA), is_member=False),
        *(
            Account(name, hash_password(f"password of {name}"), (bus_grant(AREA, game.bus_name[game.pro_bus[at]]),))
            for at, name in enumerate(game.pro_name)
        ),
    ]


async def invited(market: Market, mail: Mail) -> Invitation:
    topic = TOPICS.of_member(market.member, "invitation")
    await market.take_from(topic, lambda at, payload: mail.take_from(at, mail.exchange, payload))
    tray = mail.tray("invitation")
    await tray.arrived.wait()
    ((_, body),) = tray.take()
    return msgspec.msgpack.decode(body, type=Invitation)


@dataclass
class Played:
    held: Held
    planned: dict[str, Planned]
    struck: dict[int, list]
    recorded: AgreementRecorded
    refused: int


def play(game: Instance, broker=embedded_broker, **changes) -> Played:
    """Everybody on one broker: exchange, operator, members."""

    async def go() -> Played:
        async with asyncio.timeout(PATIENCE_S), AsyncExitStack() as stack:
            port = await stack.enter_async_context(broker(AREA, people(game)))
            area = await stack.enter_async_context(live("sqlite://", port, Clock(), RULES, members=game.pro_name))
            for hour in range(game.H):
                await area.open(START + hour * HOUR)
            writer = area.writer
            day = Day(game, START, HOUR, cost_shifts(game), TOLERANCE, **changes)
            desk = await stack.enter_async_context(
                open_day_desk(TOPICS, "market", key_of("market"), f"mqtt://127.0.0.1:{port}", "exchange", "secret")
            )
            desk.know(writer.exchange.state.actors.values())
            own = Members.of(game, day.units)

            async def one(position: int) -> tuple[Planned, Mail]:
                market = await stack.enter_async_context(member(port, game.pro_name[position]))
                mail = await open_mail(market, key_of("market").public)
                waiting = asyncio.create_task(invited(market, mail))
                ready.append(position)
                return await plan_day(market, mail, await waiting, row_of(own, position), tick_s=10), mail

            ready: list[int] = []
            tasks = [asyncio.create_task(one(position)) for position in range(game.members)]
            while len(ready) < game.members:
                await asyncio.sleep(0.01)
            held = await desk.hold(day, tick_s=10)
            found = await asyncio.gather(*tasks)
            await enter(writer, held)
            steps = [step async for step in writer.store.read(AREA)]
            recorded = next(event for step in steps for event in step.events if isinstance(event, AgreementRecorded))
            struck = {start: interval.trades for start, interval in writer.exchange.state.intervals.items()}
            refused = sum(mail.refused.total() for _, mail in found) + desk.mail.refused.total()
            return Played(held, {mail.owner: planned for planned, mail in found}, struck, recorded, refused)

    return asyncio.run(go())


@pytest.fixture(scope="module")
def here() -> Clearing:
    return clear_by_agents(GAME, Mailbox(Message), tolerance=TOLERANCE)


def test_a_day_over_the_bus_is_the_day_of_agents_in_one_process(brokers: Brokers, here: Clearing) -> None:
    played = play(GAME, brokers)
    assert played.refused == 0
    assert played.held.agent.rounds == here.rounds
    kw = played.held.units.kw
    names = GAME.pro_name
    for at, name in enumerate(names):
        agent = played.planned[name].agent
        assert agent.m[0] * kw == pytest.approx(here.allocation.p_mg[at], abs=1e-6)
    bought = np.zeros((GAME.links, GAME.H))
    prices = np.full((GAME.links, GAME.H), np.nan)
    for link, (i, j) in enumerate(GAME.edges):
        for start, trades in played.struck.items():
            for trade in trades:
                if {trade.seller, trade.buyer} == {names[i], names[j]}:
                    hour = (start - START) // HOUR
                    bought[link, hour] = trade.energy_wh if trade.buyer == names[i] else -trade.energy_wh
                    prices[link, hour] = trade.price
    assert bought == pytest.approx(here.allocation.p_tr * 1_000, abs=1)
    traded = np.abs(bought) > 100
    assert traded.any()
    assert prices[traded] == pytest.approx(here.multipliers.pair[traded] * 1e6, abs=10_000)
    assert sum(map(len, played.struck.values())) == np.count_nonzero(bought)
    assert played.recorded.mechanism == "equilibrium"
    assert all(claim.holds for claim in played.recorded.certificate)
    assert played.recorded.certificate[-1].value == here.rounds * 1_000_000


def test_partners_that_cannot_be_are_refused() -> None:
    told = Day(GAME, START, HOUR, cost_shifts(GAME)).invitations()
    name, invitation = next(iter(told.items()))
    wrong = [
        replace_links(invitation, (*invitation.links, invitation.links[0])),
        replace_links(invitation, (msgspec.structs.replace(invitation.links[0], partner=name),)),
        replace_links(invitation, (msgspec.structs.replace(invitation.links[0], partner="operator"),)),
        msgspec.structs.replace(invitation, curvature=(0.0,)),
    ]

    async def nowhere(_topic: str, _payload: bytes, _qos: int) -> None:
        raise AssertionError

    for each in wrong:
        mail = Mail(name, key_of(name), TOPICS, nowhere, key_of("market").public)
        with pytest.raises(InputError, match="invitation"):
            asyncio.run(plan_day(None, mail, each, None))  # type: ignore[arg-type]


def replace_links(invitation: Invitation, links: tuple[LinkTerms, ...]) -> Invitation:
    return msgspec.structs.replace(invitation, links=links)


def test_a_price_counts_if_the_operator_has_signed_it_for_this_bus_and_this_day() -> None:
    heard = []

    class Post:
        def price(self, grid: GridPrice, bus: BusPrice) -> None:
            heard.append((grid, bus))

    async def nowhere(_topic: str, _payload: bytes, _qos: int) -> None:
        raise AssertionError

    mail = Mail("ann", key_of("ann"), TOPICS, nowhere, key_of("market").public)
    post, topic = Post(), TOPICS.bus_price("bus 7")
    said = GridPrice(1, (0.5,), 1.0, False), BusPrice(1, (0.25,))
    read = price_reader(mail, post, "day/1")  # type: ignore[arg-type]
    read(topic, sign_price(key_of("ann"), topic, "day/1", *said))
    read(TOPICS.bus_price("bus 8"), sign_price(key_of("market"), topic, "day/1", *said))
    read(topic, sign_price(key_of("market"), topic, "day/1", *said)[:-1])
    read(topic, b"")
    assert mail.refused.total() == 4
    read(topic, sign_price(key_of("market"), topic, "day/2", *said))
    assert heard == []
    read(topic, sign_price(key_of("market"), topic, "day/1", *said))
    assert heard == [said]


def test_terms_are_signed_if_they_are_what_was_agreed_on() -> None:
    invitation = next(iter(Day(GAME, START, HOUR, cost_shifts(GAME), 0.1).invitations().values()))
    ours = (TradeTerms("ann", "bob", START, 1_000, 200_000), TradeTerms("bob", "ann", START + HOUR, 90, 100_000))

    def theirs(**changes) -> tuple[TradeTerms, ...]:
        return (msgspec.structs.replace(ours[0], **changes), *ours[1:])

    assert alike(ours, ours, invitation)
    assert alike(theirs(energy_wh=1_100, price=209_999), ours, invitation)
    assert alike(ours[:1], ours, invitation)  # 90 Wh are within the tolerance of 0.1 kW
    assert not alike((), ours, invitation)
    assert not alike(theirs(energy_wh=1_103), ours, invitation)
    assert not alike(theirs(price=210_001), ours, invitation)
    assert not alike(theirs(interval=START + 2 * HOUR), ours, invitation)
    assert not alike(theirs(seller="bob", buyer="ann"), ours, invitation)
