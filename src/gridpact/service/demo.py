"""A whole market in one process: broker, exchange, DSO, and a community of simulated homes, on a clock that runs fast."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from gridpact.client import connect
from gridpact.client.agent import Agent
from gridpact.client.home import Home
from gridpact.community import Community
from gridpact.exchange import Command, Phase, Prices, ReportReading, Role, Rules, sign
from gridpact.exchange.acceptance import Network, Policy
from gridpact.exchange.rules import DAY, HOUR
from gridpact.exchange.state import MISSING
from gridpact.ledger import SigningKey
from gridpact.service.area import AreaWriter, run_area
from gridpact.service.broker.embedded import embedded_broker
from gridpact.service.clock import FastClock
from gridpact.service.duties import PAUSE_S, Desk, open_intervals
from gridpact.service.enrolment import EXCHANGE_USER, Pass, Register, read_file, write_secret
from gridpact.service.gateway import Outbox, run_gateway
from gridpact.service.store import open_store
from gridpact.units import MICRO, to_wh

AHEAD_MS = 2 * HOUR
"""How long before its gate closes an interval is open for bidding."""
PARTIES = {"market": Role.EXCHANGE, "grid": Role.DSO, "shop": Role.SUPPLIER, "head": Role.METER}


class Passes(msgspec.Struct, frozen=True):
    """All passes of a demonstration: it plays everybody."""

    passes: tuple[Pass, ...]

    def of(self, name: str) -> Pass:
        """The pass of somebody."""
        return next(each for each in self.passes if each.name == name)


@dataclass(frozen=True, slots=True)
class Demo:
    """A demonstration that runs."""

    writer: AreaWriter
    clock: FastClock
    network: Network
    community: Community
    agents: tuple[Agent, ...]
    broker: str


@asynccontextmanager
async def run_demo(
    community: Community, folder: Path, *, speed: float, mechanism: str, policy: Policy = Policy.PRO_RATA, port: int = 0
) -> AsyncIterator[Demo]:
    """Run a demonstration, or go on with the one of a folder.

    Parameters
    ----------
    community
        Whose homes trade; their profiles repeat.
    folder
        Where events and keys are kept.
    speed
        How many times faster than the wall clock.
    mechanism
        Registered name of the order mechanism.
    policy
        Of the DSO.
    port
        Of the broker; 0 takes a free one.
    """
    register, passes = _enrol(community, folder)
    rules = _rules(community, mechanism, register.area)
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(embedded_broker(register.area, register.accounts(), port=port))
        url = f"mqtt://127.0.0.1:{port}"
        store = await stack.enter_async_context(open_store(f"sqlite:///{folder / 'events.db'}"))
        last = [step.at async for step in store.read(rules.area, max(await store.length(rules.area) - 1, 0))]
        clock = FastClock(max([*last, _start(community)]), speed)
        outbox = Outbox(rules.area, store)
        market, grid, head = (passes.of(name) for name in ("market", "grid", "head"))
        writer = await stack.enter_async_context(
            run_area(store, rules, register.actors(), market.signing_key, clock, outbox.take)
        )
        connected = await stack.enter_async_context(run_gateway(writer, outbox, url, EXCHANGE_USER, market.password))
        await connected.wait()
        network = Network.of(community)
        q_kvar = community.profiles.q_kvar.mean(axis=1)
        desk = Desk(writer, network, q_kvar, policy, "grid", grid.signing_key)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        agents = [
            await stack.enter_async_context(_agent(community, at, passes, url, clock))
            for at in range(len(community.members))
        ]
        running = [
            tasks.create_task(open_intervals(writer, _prices(community, rules), AHEAD_MS, clock)),
            tasks.create_task(desk.run()),
            tasks.create_task(_read_head(writer, head.signing_key, network, q_kvar)),
            *(tasks.create_task(agent.run()) for agent in agents),
        ]
        yield Demo(writer, clock, network, community, tuple(agents), url)
        for task in running:
            task.cancel()


def _enrol(community: Community, folder: Path) -> tuple[Register, Passes]:
    """The register and all passes, made at the first start."""
    known, secret = folder / "register.json", folder / "passes.json"
    if known.exists():
        return read_file(known, Register), read_file(secret, Passes)
    register, passes = Register("demo"), []
    for name, role in PARTIES.items():
        register, given = register.add_party(name, role)
        passes.append(given)
    for member in community.members:
        register, given = register.add_member(member.id, member.bus, member.zone)
        passes.append(given)
    write_secret(secret, Passes(tuple(passes)))
    write_secret(known, register)
    return register, Passes(tuple(passes))


def _rules(community: Community, mechanism: str, area: str) -> Rules:
    tariff = community.tariff
    return Rules(
        area,
        step_ms=_step_ms(community),
        settle_after_ms=HOUR,
        correct_within_ms=DAY,
        mechanism=mechanism,
        network_charge=dict(tariff.network_charge),
        service_charge=tariff.service_charge,
        payer=tariff.payer,
        dead_band=round(tariff.dead_band * MICRO),
        penalty=tariff.penalty,
    )


def _step_ms(community: Community) -> int:
    return round(community.horizon.step.total_seconds() * 1000)


def _start(community: Community) -> int:
    """The demonstration begins at the time of the profiles."""
    return round((community.horizon.start - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)


def _prices(community: Community, rules: Rules) -> Any:
    tariff, origin, periods = community.tariff, _start(community), community.horizon.periods

    def of(start: int) -> Prices:
        at = (start - origin) // rules.step_ms % periods
        columns = (
            tariff.import_price,
            tariff.export_price,
            tariff.imbalance_buy,
            tariff.imbalance_sell,
            tariff.loss_price,
        )
        return Prices(*(int(column[at]) for column in columns))

    return of


@asynccontextmanager
async def _agent(community: Community, at: int, passes: Passes, url: str, clock: FastClock) -> AsyncIterator[Agent]:
    member, own = community.members[at], passes.of(community.members[at].id)
    home = Home(
        member,
        np.asarray(community.profiles.load_kw[at]),
        np.asarray(community.profiles.pv_kw[at]),
        _start(community),
        _step_ms(community),
    )
    async with connect(url, area=own.area, member=own.name, password=own.password, key=own.signing_key) as market:
        yield Agent(market, home, own.meter, own.meter_signing_key, clock)


async def _read_head(writer: AreaWriter, key: SigningKey, network: Network, q_kvar: Any) -> None:
    """The meter at the feeder's head: what AC power flow makes of the members' readings, once all of them are in."""
    hours = writer.exchange.state.rules.step_ms / HOUR
    done: set[int] = set()
    while True:
        for interval in list(writer.exchange.state.intervals.values()):
            members = len(interval.roster.members)
            complete = interval.phase == Phase.DELIVERED and MISSING not in interval.versions[:members]
            if complete and interval.start not in done:
                done.add(interval.start)
                net_kw = np.array(interval.metered_wh[:members]) / 1000 / hours
                flow = await asyncio.to_thread(network.solve, net_kw[None], q_kvar[None])
                reading = ReportReading(interval.start, int(to_wh(flow.head_kw * hours)[0]))
                command = Command(writer.topics.area, "head", f"head-{interval.start}", reading)
                await writer.submit(sign(command, key))
        await asyncio.sleep(PAUSE_S)
