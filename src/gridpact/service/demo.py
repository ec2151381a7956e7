"""A whole market in one process: broker, exchange, DSO, and a community of simulated homes, on a clock that runs fast."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from gridpact.client import connect
from gridpact.client.agent import Agent
from gridpact.client.home import Home
from gridpact.community import Community, Profiles
from gridpact.errors import InputError
from gridpact.exchange import (
    Command,
    Phase,
    ReportReading,
    Role,
    Step,
)
from gridpact.exchange.acceptance import Network, Policy
from gridpact.exchange.proof import sign_command
from gridpact.exchange.rules import DAY, HOUR
from gridpact.exchange.state import MISSING
from gridpact.ledger import SigningKey
from gridpact.service.area import AreaWriter, run_area
from gridpact.service.broker.embedded import embedded_broker
from gridpact.service.clock import FastClock
from gridpact.service.duties import PAUSE_S, Desk, keep_board, open_intervals
from gridpact.service.enrolment import EXCHANGE_USER, Pass, Register, read_file, write_secret
from gridpact.service.gateway import Board, Outbox, run_gateway
from gridpact.service.ledger import AreaLedger, keep_ledger, ledger_secret
from gridpact.service.office import alone_in
from gridpact.service.setting import compile_ahead, day_before, prices_of, rules_of, start_ms, step_ms
from gridpact.service.store import Effect, open_store
from gridpact.service.web import Records, Site, Tokens, Window
from gridpact.service.web import Role as WebRole
from gridpact.units import to_wh

BEGIN_MS = 10 * HOUR
"""Into the profiles, when a demonstration begins: there is sun to sell."""
AHEAD_MS = 2 * HOUR
"""How long before its gate closes an interval is open for bidding."""
TOKENS_FILE = "tokens.json"
PARTIES = {"market": Role.EXCHANGE, "grid": Role.DSO, "shop": Role.SUPPLIER, "head": Role.METER}


class Passes(msgspec.Struct, frozen=True):
    """All passes of a demonstration: it plays everybody."""

    passes: tuple[Pass, ...]

    def of(self, name: str) -> Pass:
        """The pass of somebody."""
        return next(each for each in self.passes if each.name == name)


class Given(msgspec.Struct, frozen=True):
    """Tokens of the web application by name. Secret."""

    tokens: dict[str, str]


@dataclass(frozen=True, slots=True)
class Demo:
    """A demonstration that runs."""

    writer: AreaWriter
    clock: FastClock
    network: Network
    community: Community
    agents: tuple[Agent, ...]
    broker: str
    site: Site
    ledger: AreaLedger


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

    Raises
    ------
    InputError
        If the mechanism is none that matches orders, or the folder holds a demonstration with other members or rules.
    """
    register, passes = _enrol(community, folder)
    rules = rules_of(community, register.area, settle_after_ms=HOUR, correct_within_ms=DAY, mechanism=mechanism)
    network = Network.of(community)
    q_kvar = community.profiles.q_kvar.mean(axis=1)
    await asyncio.to_thread(compile_ahead, rules, network, q_kvar)
    async with AsyncExitStack() as stack:
        stack.enter_context(alone_in(folder))
        port = await stack.enter_async_context(embedded_broker(register.area, register.accounts(), port=port))
        url = f"mqtt://127.0.0.1:{port}"
        store = await stack.enter_async_context(open_store(f"sqlite:///{folder / 'events.db'}"))
        last = [step.at async for step in store.read(rules.area, max(await store.length(rules.area) - 1, 0))]
        clock = FastClock(max([*last, start_ms(community) + BEGIN_MS]), speed)
        outbox, window = Outbox(rules.area, store), await Window.open(store, rules.area)
        board = Board()

        if window.has_begun and window.state.rules != rules:
            raise InputError(
                f"mechanism {mechanism!r}, or other rules than before",
                place=f"the demonstration in {folder}",
                accepted=f"what it began with ({window.state.rules.mechanism}), or another folder",
            )

        async def tell(steps: Sequence[Step], effects: Sequence[Effect]) -> None:
            window.take(steps)
            await outbox.take(steps, effects)

        market, grid, head = (passes.of(name) for name in ("market", "grid", "head"))
        writer = await stack.enter_async_context(
            run_area(store, rules, register.actors(), market.signing_key, clock, tell)
        )
        connected = await stack.enter_async_context(
            run_gateway(writer, outbox, url, EXCHANGE_USER, market.password, board=board)
        )
        await connected.wait()
        desk = Desk(writer, lambda _: (network, q_kvar), policy, "grid", grid.signing_key, day_before(community))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        ledger = AreaLedger(ledger_secret(folder), "market", market.signing_key)
        showing = tasks.create_task(keep_board(writer, board, clock, speed))
        agents = [
            await stack.enter_async_context(_agent(community, at, passes, url)) for at in range(len(community.members))
        ]
        running = [
            showing,
            tasks.create_task(keep_ledger(ledger, writer, board)),
            tasks.create_task(open_intervals(writer, prices_of(community), AHEAD_MS, clock)),
            tasks.create_task(desk.run()),
            tasks.create_task(_read_head(writer, head.signing_key, network, q_kvar)),
            *(tasks.create_task(agent.run()) for agent in agents),
        ]
        site = Site(
            clock,
            window,
            _tokens(community, folder),
            connected,
            community.currency,
            community.time_zone,
            community.feeder,
            lambda: desk.latest,
            board.batteries,
            writer.waits,
            Records(store, rules.area, ledger),
        )
        clock.go()
        yield Demo(writer, clock, network, community, tuple(agents), url, site, ledger)
        for task in running:
            task.cancel()


def some_members(community: Community, count: int) -> Community:
    """A smaller community: half of it with PV, as far as there is so much, and both halves drawn evenly from the whole.

    Raises
    ------
    InputError
        If there are fewer members, or fewer than two are wanted.
    """
    if not 2 <= count <= len(community.members):
        raise InputError(
            f"{count} members", place="--members", accepted=f"from 2 to {len(community.members)}, who have profiles"
        )
    with_pv = [at for at, member in enumerate(community.members) if member.pv_kwp > 0]
    without = [at for at, member in enumerate(community.members) if member.pv_kwp == 0]
    sellers = min(max(count // 2, count - len(without)), len(with_pv))
    kept = sorted(_evenly(with_pv, sellers) + _evenly(without, count - sellers))
    profiles = community.profiles
    return replace(
        community,
        members=tuple(community.members[at] for at in kept),
        profiles=Profiles(profiles.load_kw[kept], profiles.pv_kw[kept], profiles.q_kvar[kept]),
    )


def _evenly(from_them: Sequence[int], count: int) -> list[int]:
    return [from_them[at * len(from_them) // count] for at in range(count)]


def _tokens(community: Community, folder: Path) -> Tokens:
    """What the web application knows of tokens, made at the first start; the tokens themselves lie beside."""
    known, secret = folder / "access.json", folder / TOKENS_FILE
    if known.exists():
        return read_file(known, Tokens)
    holders = {"market": WebRole.OPERATOR, "grid": WebRole.DSO, "shop": WebRole.SUPPLIER}
    holders |= dict.fromkeys(community.member_ids, WebRole.MEMBER)
    tokens, given = Tokens(), {}
    for name, role in holders.items():
        tokens, given[name] = tokens.issue(name, role)
    write_secret(secret, Given(given))
    write_secret(known, tokens)
    return tokens


def _enrol(community: Community, folder: Path) -> tuple[Register, Passes]:
    """The register and all passes, made at the first start."""
    known, secret = folder / "register.json", folder / "passes.json"
    if known.exists():
        register = read_file(known, Register)
        began_with = [enrolled.actor.id for enrolled in register.members()]
        if began_with != list(community.member_ids):
            raise InputError(
                f"{len(community.members)} members, where the demonstration began with {len(began_with)}",
                place=f"the demonstration in {folder}",
                accepted="the same members, or another folder",
            )
        return register, read_file(secret, Passes)
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


@asynccontextmanager
async def _agent(community: Community, at: int, passes: Passes, url: str) -> AsyncIterator[Agent]:
    member, own = community.members[at], passes.of(community.members[at].id)
    home = Home(
        member,
        np.asarray(community.profiles.load_kw[at]),
        np.asarray(community.profiles.pv_kw[at]),
        start_ms(community),
        step_ms(community),
    )
    async with connect(url, area=own.area, member=own.name, password=own.password, key=own.signing_key) as market:
        await market.told_time()
        yield Agent.joined(market, home, own.meter, own.meter_signing_key)


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
                await writer.submit(sign_command(command, key))
        await asyncio.sleep(PAUSE_S)
