"""A service as it is configured: a broker, a store, a clock, and one or many market areas, each with a writer of its own."""

import asyncio
import logging
import os
import secrets
import signal
import ssl
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from gridpact.community import Community, load_community
from gridpact.errors import InputError
from gridpact.exchange import Register, Rules, SetBounds, Step, open_area
from gridpact.exchange.values import FREE
from gridpact.service.area import AreaWriter, Clock, StoppedError, run_area
from gridpact.service.broker import Account, Accounts, area_grants, hash_password, mosquitto_files
from gridpact.service.broker.embedded import embedded_broker
from gridpact.service.clock import FastClock, wall_clock
from gridpact.service.conduct import Conduct, conduct_of
from gridpact.service.config import Area, Embedded, External, ServiceConfig
from gridpact.service.duties import Desk, keep_board, open_intervals
from gridpact.service.encryption import client_side, server_side
from gridpact.service.enrolment import EXCHANGE_USER, PASSWORD_BYTES, read_file, write_secret
from gridpact.service.gateway import Board, Outbox, run_gateway
from gridpact.service.ledger import AreaLedger, keep_ledger, ledger_secret
from gridpact.service.logs import log_steps
from gridpact.service.office import Office, Parties, accounts_of, alone_in
from gridpact.service.setting import Places, compile_ahead, day_before, prices_of, rules_of
from gridpact.service.store import Effect, Store, open_store
from gridpact.service.web import Front, Records, Site, Window, listen, make_app, run_web

LOG = logging.getLogger(__name__)
LOOK_EVERY_S = 0.5
"""How often the folder of an area is looked at for members who have joined or left."""


@dataclass(frozen=True, slots=True)
class Line:
    """The way to the broker, for the exchange."""

    url: str
    user: str
    password: str = field(repr=False)
    tls: ssl.SSLContext | None


@dataclass(slots=True)
class LiveArea:
    """A market area that runs.

    Attributes
    ----------
    config
        As configured.
    office, parties
        Its folder, and with what the parties sign.
    community
        Of its file.
    clock, writer, window, desk
        Its parts; there is a window if there is a web page.
    connected
        Set while the line to the broker stands.
    places
        The network with whoever takes part.
    board, ledger
        What is shown to everybody; the ledger of the durable steps.
    line
        The way to the broker.
    address
        Of its web page; empty if it has none.
    """

    config: Area
    office: Office
    parties: Parties
    community: Community
    clock: Clock
    writer: AreaWriter
    window: Window | None
    desk: Desk
    connected: asyncio.Event
    places: Places
    board: Board
    ledger: AreaLedger
    line: Line
    address: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that runs: its areas by name, where the broker is, who may log in there."""

    areas: dict[str, LiveArea]
    broker: str
    accounts: Accounts
    clock: Clock


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With which the exchange logs in at the broker. Secret."""

    user: str
    password: str


@dataclass(slots=True)
class Door:
    """Who may log in, kept equal to the registers of all areas: at the embedded broker, or in Mosquitto's files."""

    config: ServiceConfig
    offices: Sequence[Office]
    login: Login
    accounts: Accounts = field(default_factory=lambda: Accounts(()))
    _hash: str = ""

    def update(self) -> None:
        """Read all registers again.

        Raises
        ------
        InputError
            If two areas have a member of the same name: one broker cannot tell them apart.
        """
        self._hash = self._hash or hash_password(self.login.password)
        names = [office.area for office in self.offices]
        grants = tuple(grant for name in names for grant in area_grants(name))
        found = [Account(self.login.user, self._hash, grants, is_member=False)]
        for office in self.offices:
            found += accounts_of(office.register())
        self._refuse_doubles(found)
        self.accounts.replace(found)
        if self.config.mosquitto is not None:
            self._tell_mosquitto(found)

    def _refuse_doubles(self, found: Sequence[Account]) -> None:
        users = [account.user for account in found]
        twice = next((user for user in users if users.count(user) > 1), None)
        if twice is not None:
            raise InputError(
                f"{twice!r} takes part in two areas",
                place=str(self.config.folder),
                accepted="a name of its own in each",
            )

    def _tell_mosquitto(self, found: Sequence[Account]) -> None:
        assert self.config.mosquitto is not None
        folder, pid_file = self.config.mosquitto.folder, self.config.mosquitto.pid_file
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in mosquitto_files("", found, folder, 0).items():
            if name != "mosquitto.conf":
                beside = folder / f"{name}.new"
                beside.write_text(text)
                beside.chmod(0o640)
                beside.replace(folder / name)
        if pid_file is not None and pid_file.exists():
            _tell_to_read_again(pid_file)


def _tell_to_read_again(pid_file: Path) -> None:
    """Tell Mosquitto, if that is who has the number: a file may be older than the last start of the machine."""
    try:
        number = int(pid_file.read_text())
        command = Path(f"/proc/{number}/comm")
        if command.exists() and command.read_text().strip() != "mosquitto":
            raise ProcessLookupError(f"process {number} is not Mosquitto")
        os.kill(number, signal.SIGHUP)
    except (OSError, ValueError) as error:
        LOG.warning("Mosquitto was not told to read its accounts again: %s: %s", pid_file, error)


@asynccontextmanager
async def run_service(config: ServiceConfig) -> AsyncIterator[Service]:
    """Run a service, or go on with the one of a folder.

    Raises
    ------
    InputError
        If an area cannot be opened as configured, or began with other rules; if a port is taken.
    StoreError
        If the database cannot be reached.
    """
    config.folder.mkdir(parents=True, exist_ok=True)
    with alone_in(config.folder):
        async with _running(config) as service:
            yield service


@asynccontextmanager
async def _running(config: ServiceConfig) -> AsyncIterator[Service]:
    offices = {area.name: Office(area.name, config.area_folder(area.name)) for area in config.areas}
    prepared = [await asyncio.to_thread(_prepare, config, area, offices[area.name]) for area in config.areas]
    door = Door(config, tuple(offices.values()), _login(config))
    door.update()
    async with one_error(), AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(config.store))
        line = await _reach_broker(config, door, stack)
        clock = await _clock(config, store)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        areas, running = {}, []
        for each in prepared:
            area = await _open(each, store, line, clock, stack)
            areas[area.config.name] = area
            running += [tasks.create_task(duty) for duty in _duties(area, each.conduct)]
        apps = await _show(list(areas.values()), config, stack)
        running += [tasks.create_task(_follow_folder(area, door, apps.get(name))) for name, area in areas.items()]
        if isinstance(clock, FastClock):
            clock.go()
        try:
            yield Service(areas, line.url, door.accounts, clock)
        finally:
            for task in running:
                task.cancel()


@asynccontextmanager
async def one_error() -> AsyncIterator[None]:
    """Let an error that groups of tasks have wrapped leave as itself, if it is the only one and not its consequence."""
    try:
        yield
    except BaseExceptionGroup as group:
        _, causes = group.split(StoppedError)
        error: BaseException = causes or group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None


@dataclass(frozen=True, slots=True)
class _Prepared:
    config: Area
    office: Office
    community: Community
    conduct: Conduct
    rules: Rules
    places: Places


def _prepare(config: ServiceConfig, area: Area, office: Office) -> _Prepared:
    """Read the community, find out whether the rules make an area, and compile what will be needed."""
    community = load_community(area.community).community
    conduct = conduct_of(area)
    rules = conduct.rules(rules_of(community, area.name, **area.bounds))
    register = office.register()
    try:
        open_area(rules, register.actors())
    except InputError as error:
        place = f"{config.path}: [[area]] {area.name}" + f", {error.place}" * bool(error.place)
        raise InputError(error.found, place=place, accepted=error.accepted) from None
    joined = {known.actor.id: (known.bus, known.phase) for known in register.members()}
    places = Places(community, joined)
    compile_ahead(rules, *places(community.member_ids))
    return _Prepared(area, office, community, conduct, rules, places)


def _login(config: ServiceConfig) -> Login:
    """As configured; else made once, and kept."""
    if isinstance(config.broker, External) and config.broker.user:
        return Login(config.broker.user, config.broker.password)
    kept = config.folder / "broker.json"
    if not kept.exists():
        write_secret(kept, Login(EXCHANGE_USER, secrets.token_urlsafe(PASSWORD_BYTES)))
    return read_file(kept, Login)


async def _reach_broker(config: ServiceConfig, door: Door, stack: AsyncExitStack) -> Line:
    broker, login = config.broker, door.login
    if isinstance(broker, External):
        tls = client_side(broker.ca) if broker.url.startswith("mqtts:") else None
        return Line(broker.url, login.user, login.password, tls)
    tls = None if broker.tls is None else server_side(broker.tls.certificate, broker.tls.key)
    port = await _embedded(broker, door, tls, stack)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(broker.host, broker.host)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if tls is None:
        return Line(f"mqtt://{address}", login.user, login.password, None)
    own = client_side(broker.tls.certificate if broker.tls else None)
    own.check_hostname = False  # its own certificate, whatever name it is for
    own.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # whoever has signed it
    return Line(f"mqtts://{address}", login.user, login.password, own)


async def _embedded(broker: Embedded, door: Door, tls: ssl.SSLContext | None, stack: AsyncExitStack) -> int:
    try:
        return await stack.enter_async_context(
            embedded_broker("", door.accounts, host=broker.host, port=broker.port, tls=tls, plain=tls is None)
        )
    except OSError as error:
        found = f"port {broker.port} of {broker.host}: {error.strerror}"
        raise InputError(found, place="[broker] port", accepted="a free port") from None


async def _clock(config: ServiceConfig, store: Store) -> Clock:
    if config.speed == 1:
        return wall_clock
    newest = [
        step.at
        for area in config.areas
        async for step in store.read(area.name, max(await store.length(area.name) - 1, 0))
    ]
    if config.begin_ms is not None:
        newest.append(config.begin_ms)
    return FastClock(max(newest, default=wall_clock()), config.speed)


async def _open(each: _Prepared, store: Store, line: Line, clock: Clock, stack: AsyncExitStack) -> LiveArea:
    rules, parties = each.rules, each.office.parties()
    outbox, board = Outbox(rules.area, store), Board()
    window = None if each.config.port is None else await Window.begin(store, rules.area, each.config.monitor)

    number = await store.length(rules.area)

    async def tell(steps: Sequence[Step], effects: Sequence[Effect]) -> None:
        nonlocal number
        log_steps(rules.area, number, steps, effects)
        number += len(steps)
        if window is not None:
            window.take(steps)
        await outbox.take(steps, effects)

    actors = each.office.register().actors()
    writer = await stack.enter_async_context(
        run_area(store, rules, actors, parties.of("market").signing_key, clock, tell)
    )
    connected = await stack.enter_async_context(
        run_gateway(
            writer,
            outbox,
            line.url,
            line.user,
            line.password,
            line.tls,
            identity=f"{line.user}/{rules.area}",
            board=board,
        )
    )
    desk = Desk(
        writer,
        each.places,
        each.config.policy,
        "grid",
        parties.of("grid").signing_key,
        day_before(each.community),
    )
    ledger = AreaLedger(ledger_secret(each.office.folder), "market", parties.of("market").signing_key)
    return LiveArea(
        each.config,
        each.office,
        parties,
        each.community,
        clock,
        writer,
        window,
        desk,
        connected,
        each.places,
        board,
        ledger,
        line,
    )


def _duties(area: LiveArea, conduct: Conduct) -> list[Coroutine[Any, Any, None]]:
    return [
        open_intervals(area.writer, prices_of(area.community), area.config.open_ahead_ms, area.clock),
        area.desk.run(),
        keep_ledger(area.ledger, area.writer, area.board),
        keep_board(area.writer, area.board, area.clock, area.clock.speed if isinstance(area.clock, FastClock) else 1.0),
        *([area.window.catch_up(area.writer.store, area.config.name)] if area.window else []),
        *conduct.duties(area),
    ]


async def _show(areas: Sequence[LiveArea], config: ServiceConfig, stack: AsyncExitStack) -> dict[str, Any]:
    """Serve the pages of the areas that have a port; those of one port share it. Gives the application of each by name."""
    tls = None if config.web.tls is None else (config.web.tls.certificate, config.web.tls.key)
    if tls is not None:
        server_side(*tls)  # says what is wrong with the files
    sharing: dict[object, list[LiveArea]] = {}
    for area in areas:
        if area.config.port is not None:
            sharing.setdefault(area.config.port or area.config.name, []).append(area)
    apps: dict[str, Any] = {}
    for together in sharing.values():
        sites = {area.config.name: _site(area) for area in together}
        port, hosts = together[0].config.port or 0, config.web.names
        listening = listen(port, config.web.host)
        if len(together) == 1:
            ((name, site),) = sites.items()
            apps[name] = make_app(site, hosts=hosts)
            together[0].address = await stack.enter_async_context(run_web(apps[name], site.window.feed, listening, tls))
            continue
        front = Front(sites, hosts=hosts)
        address = await stack.enter_async_context(run_web(front, front, listening, tls))
        apps |= front.areas
        for area in together:
            area.address = f"{address}areas/{area.config.name}/"
    return apps


def _site(area: LiveArea) -> Site:
    assert area.window is not None, "an area with a port has a window"
    community, desk = area.community, area.desk
    return Site(
        clock=area.clock,
        window=area.window,
        tokens=area.office.tokens(),
        connected=area.connected,
        currency=community.currency,
        zone=community.time_zone,
        feeder=community.feeder,
        checked=lambda: desk.latest,
        batteries=area.board.batteries,
        waits=area.writer.waits,
        records=Records(area.writer.store, area.config.name, area.ledger),
    )


async def _follow_folder(area: LiveArea, door: Door, app: Any) -> None:
    """Take up who has joined, let go who has left: whenever the folder of the area has changed. Works until cancelled."""
    stamp: tuple[object, ...] = ()
    while True:
        if area.office.stamp() != stamp:
            stamp = area.office.stamp()
            try:
                await _take_up(area)
                door.update()
                if app is not None:
                    app.state.site = replace(app.state.site, tokens=area.office.tokens())
            except (InputError, OSError) as error:
                LOG.error("area %s: its folder cannot be taken up, and the accounts stay: %s", area.config.name, error)
        await asyncio.sleep(LOOK_EVERY_S)


async def _take_up(area: LiveArea) -> None:
    """Register with the exchange who has joined, members before their meters; and bind whom the operator has bound."""
    register, known = area.office.register(), area.writer.exchange.state.actors
    area.places.joined.update({each.actor.id: (each.bus, each.phase) for each in register.members()})
    for each in register.enrolled:
        if each.actor.id not in known:
            await area.writer.submit(area.writer.own(Register(each.actor), f"register-{each.actor.id}"))
    for each in register.members():
        if area.writer.exchange.state.bounds.get(each.actor.id, FREE) != each.bounds:
            bound = SetBounds(each.actor.id, each.bounds)
            await area.writer.submit(area.writer.own(bound, f"bound-{each.actor.id}-{area.writer.number}"))


def refuse_place(community: Community, bus: str, zone: str, place: str) -> None:
    """Refuse a member who could not be connected or charged.

    Raises
    ------
    InputError
        If the feeder has no such bus, or the tariff no such zone.
    """
    for what, value, known in (
        ("bus", bus, community.feeder.bus_names),
        ("zone", zone, tuple(community.tariff.network_charge)),
    ):
        if value not in known:
            raise InputError(f"{what} {value!r}", place=f"{place}, --{what}", accepted=", ".join(map(repr, known[:20])))
