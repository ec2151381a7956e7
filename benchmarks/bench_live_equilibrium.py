"""A day ahead over MQTT: Mosquitto, the exchange on SQLite, the operator, and every member a client with keys of its own.

Measured is the time from the operator's invitations until the last pair has signed and the exchange has struck its trades; all
of it on one machine, the members in this process. Connecting is not part of it.
"""

import asyncio
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import fields
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.registry import benchmark
from gridpact.client import Mail, Market, Topics, connect, open_mail
from gridpact.client.dayahead import Invitation, plan_day
from gridpact.exchange import Actor, OpenInterval, Prices, Role, Rules
from gridpact.exchange.rules import DAY, HOUR
from gridpact.ledger import SigningKey, to_text
from gridpact.markets.equilibrium import Instance, Recipe, clear_by_agents, make_instance
from gridpact.markets.equilibrium.distributed import Members, Message
from gridpact.markets.mailbox import Mailbox
from gridpact.service.area import AreaWriter, run_area
from gridpact.service.broker import Account, area_grants, bus_grant, hash_password, mosquitto_files
from gridpact.service.dayahead import Day, cost_shifts, enter, open_day_desk
from gridpact.service.gateway import Outbox, run_gateway
from gridpact.service.store import open_store

AREA, TOPICS = "north", Topics("north")
START, NOW = 20_000 * DAY, 19_999 * DAY
RULES = Rules(AREA, step_ms=HOUR, most_wh=2 * 10**6, most_price=5 * 10**6)
PRICES = Prices(300_000, 80_000, 350_000, 50_000, 100_000)
TOLERANCE = 0.1
TICK_S = 20.0
"""Nobody goes on without somebody only because the machine is slow."""


@benchmark("live", sizes=(50,), bars={50: 60.0}, repeat=1, warm_up=False)
def equilibrium_over_mqtt(size: int) -> Callable[[], float]:
    """Ten partners each, 24 hours in a message, tolerance 0.1."""
    game = make_instance(Recipe(size, seed=1, partners=10))
    clear_by_agents(game, Mailbox(Message), tolerance=10.0)  # compiles
    return lambda: asyncio.run(_day(game))


async def _day(game: Instance) -> float:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = await _mosquitto(stack, folder, game)
        writer = await _exchange(stack, folder, url, game)
        desk = await stack.enter_async_context(
            open_day_desk(TOPICS, "market", _key("market"), url, "exchange", "secret")
        )
        desk.know(writer.exchange.state.actors.values())
        day = Day(game, START, HOUR, cost_shifts(game), TOLERANCE)
        own = Members.of(game, day.units)
        lines = [await _member(stack, url, name) for name in game.pro_name]
        begun = time.perf_counter()
        planning = [asyncio.create_task(_plan(*line, _row(own, at))) for at, line in enumerate(lines)]
        held = await desk.hold(day, tick_s=TICK_S)
        await asyncio.gather(*planning)
        await enter(writer, held)
        seconds = time.perf_counter() - begun
        _compare(game, writer)
        return seconds


def _compare(game: Instance, writer: AreaWriter) -> None:
    """What was struck is what agents in one process come to."""
    expected = clear_by_agents(game, Mailbox(Message), tolerance=TOLERANCE).allocation.p_tr * 1_000
    struck = np.zeros_like(expected)
    link = {frozenset((game.pro_name[i], game.pro_name[j])): at for at, (i, j) in enumerate(game.edges)}
    for start, interval in writer.exchange.state.intervals.items():
        for trade in interval.trades:
            at = link[frozenset((trade.seller, trade.buyer))]
            buys = trade.buyer == game.pro_name[game.edges[at, 0]]
            struck[at, (start - START) // HOUR] = trade.energy_wh if buys else -trade.energy_wh
    if np.abs(struck - expected).max() > 1_000 * TOLERANCE:
        raise ValueError("another outcome than in one process: nothing is measured")


async def _mosquitto(stack: AsyncExitStack, folder: Path, game: Instance) -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    accounts = [Account("exchange", hash_password("secret"), area_grants(AREA), is_member=False)]
    for at, name in enumerate(game.pro_name):
        accounts.append(Account(name, hash_password(name), (bus_grant(AREA, game.bus_name[game.pro_bus[at]]),)))
    folder.chmod(0o777)
    for name, text in mosquitto_files(AREA, accounts, folder, port).items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    process = stack.enter_context(subprocess.Popen([program, "-c", folder / "mosquitto.conf"]))
    stack.callback(process.terminate)
    while process.poll() is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return f"mqtt://127.0.0.1:{port}"
    raise RuntimeError("Mosquitto has not started")


async def _exchange(stack: AsyncExitStack, folder: Path, url: str, game: Instance) -> AreaWriter:
    actors = [Actor(name, Role.MEMBER, to_text(_key(name).public)) for name in game.pro_name]
    for name, role in (("shop", Role.SUPPLIER), ("grid", Role.DSO), ("market", Role.EXCHANGE)):
        actors.append(Actor(name, role, to_text(_key(name).public)))
    store = await stack.enter_async_context(open_store(f"sqlite:///{folder / 'events.db'}"))
    outbox = Outbox(AREA, store)
    writer = await stack.enter_async_context(run_area(store, RULES, actors, _key("market"), lambda: NOW, outbox.take))
    connected = await stack.enter_async_context(run_gateway(writer, outbox, url, "exchange", "secret"))
    await connected.wait()
    for hour in range(game.H):
        start = START + hour * HOUR
        await writer.submit(writer.own(OpenInterval(start, PRICES), f"open-{start}"))
    return writer


async def _member(stack: AsyncExitStack, url: str, name: str) -> tuple[Market, Mail]:
    market = await stack.enter_async_context(connect(url, area=AREA, member=name, password=name, key=_key(name)))
    mail = await open_mail(market, _key("market").public)
    await market.take_from(
        TOPICS.of_member(name, "invitation"), lambda topic, payload: mail.take_from(topic, mail.exchange, payload)
    )
    return market, mail


async def _plan(market: Market, mail: Mail, own: Members) -> None:
    tray = mail.tray("invitation")
    await tray.arrived.wait()
    ((_, body),) = tray.take()
    await plan_day(market, mail, msgspec.msgpack.decode(body, type=Invitation), own, tick_s=TICK_S)


def _row(members: Members, at: int) -> Members:
    rows = {each.name: np.ascontiguousarray(getattr(members, each.name)[at : at + 1]) for each in fields(members)}
    return Members(**rows)


def _key(name: str) -> SigningKey:
    return SigningKey(sha256(name.encode()).digest())
