"""Commands of members: `member add`, `list` and `revoke` beside a service; `member run` wherever the member is."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridpact.cli._app import app, command
from gridpact.cli._shared import make_writable
from gridpact.errors import InputError

if TYPE_CHECKING:
    from gridpact.client.home import Home
    from gridpact.service.config import Area, ServiceConfig
    from gridpact.service.enrolment import Pass
    from gridpact.service.office import Office

member_app = typer.Typer(help="Members of a market area: enrol them, run one.", no_args_is_help=True)
app.add_typer(member_app, name="member")

CONFIG = typer.Argument(metavar="CONFIG", help="TOML file of the service.")
AREA = typer.Option("--area", metavar="NAME", help="Market area; may be left out if there is one.")
AGAIN_AFTER_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Adding:
    """Who is enrolled."""

    config: Annotated[Path, CONFIG]
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the member.", show_default=False)] = ""
    everybody: Annotated[bool, typer.Option("--everybody", help="All members of the area's community file.")] = False
    area: Annotated[str, AREA] = ""
    bus: Annotated[str, typer.Option(help="Where it is connected. By default as the community file says.")] = ""
    zone: Annotated[str, typer.Option(help="Of its network charge, likewise.")] = ""
    phase: Annotated[str, typer.Option(help="a, b, c or abc, likewise.")] = ""
    broker: Annotated[str, typer.Option(metavar="URL", help="Where members reach the broker, for the pass.")] = ""
    passes: Annotated[Path, typer.Option("--passes", metavar="DIR", help="Where the pass is written.")] = Path("passes")


@command(Adding, member_app)
def add(adding: Adding) -> None:
    """Enrol a member: keys, broker credentials and a web token, in a pass to be handed to it. A running service takes it up."""
    from gridpact.community import load_community
    from gridpact.service.config import load_config
    from gridpact.service.enrolment import write_secret
    from gridpact.service.market import refuse_place

    if adding.everybody == bool(adding.name):
        raise InputError("both a name and everybody" if adding.name else "nobody", accepted="NAME or --everybody")
    config = load_config(adding.config)
    area, office = _office(config, adding.area)
    community = load_community(area.community).community
    known = {member.id: member for member in community.members}
    taken = {each.actor.id for each in office.register().enrolled}
    others = [_office(config, other.name)[1] for other in config.areas if other.name != area.name]
    elsewhere = {member.actor.id: other.area for other in others for member in other.register().members()}
    make_writable(adding.passes, "--passes")
    for name in [each for each in known if each not in taken] if adding.everybody else [adding.name]:
        planned = known.get(name)
        bus = adding.bus or (planned.bus if planned else "")
        zone = adding.zone or (planned.zone if planned else "")
        refuse_place(community, bus, zone, f"member {name}")
        if name in elsewhere:
            found = f"{name!r} takes part in area {elsewhere[name]}"
            raise InputError(found, place=f"area {area.name}", accepted="a name of its own in each area")
        if (adding.passes / f"{name}.json").exists():
            found = f"{adding.passes / name}.json is there already, and a pass is kept nowhere else"
            raise InputError(found, place="--passes", accepted="another folder")
        phase = adding.phase or (planned.phase if planned else "abc")
        if phase not in ("a", "b", "c", "abc"):
            raise InputError(f"phase {phase!r}", place=f"member {name}, --phase", accepted="a, b, c or abc")
        given = office.add(name, bus, zone, phase, adding.broker or _broker(config))
        write_secret(adding.passes / f"{name}.json", given)
        typer.echo(f"{name}: {adding.passes / name}.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Whose members are listed."""

    config: Annotated[Path, CONFIG]
    area: Annotated[str, AREA] = ""


@command(Listing, member_app)
def list_(listing: Listing) -> None:
    """List the members of an area: name, bus, zone, public key."""
    from gridpact.service.config import load_config

    _, office = _office(load_config(listing.config), listing.area)
    for member in office.register().members():
        actor = member.actor
        state = "revoked" if member.revoked else actor.key
        typer.echo(f"{actor.id:20} {member.bus:12} {member.phase:4} {actor.zone or '-':10} {state}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoking:
    """Who is let go."""

    config: Annotated[Path, CONFIG]
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the member.")]
    area: Annotated[str, AREA] = ""


@command(Revoking, member_app)
def revoke(revoking: Revoking) -> None:
    """Take away a member's access to broker and page. What it has agreed stands, and is billed."""
    from gridpact.service.config import load_config

    _, office = _office(load_config(revoking.config), revoking.area)
    office.revoke(revoking.name)
    typer.echo(f"{revoking.name}: revoked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Who is bound, to what; without any bound it is free again."""

    config: Annotated[Path, CONFIG]
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the member.")]
    area: Annotated[str, AREA] = ""
    most_wh: Annotated[int | None, typer.Option(min=0, help="Energy in one interval, each side; 0 keeps it out.")] = (
        None
    )
    lowest_price: Annotated[float | None, typer.Option(help="Of its orders, currency per kWh.")] = None
    highest_price: Annotated[float | None, typer.Option(help="Likewise.")] = None
    most_messages: Annotated[int | None, typer.Option(min=0, help="That count for one interval.")] = None


@command(Binding, member_app)
def bind(binding: Binding) -> None:
    """Bind a member more narrowly than its area, or free it again. A running service takes it up."""
    from gridpact.exchange import Bounds
    from gridpact.service.config import load_config
    from gridpact.units import MICRO

    asked = binding.lowest_price, binding.highest_price
    lowest, highest = (None if price is None else round(price * MICRO) for price in asked)
    bounds = Bounds(binding.most_wh, lowest, highest, binding.most_messages)
    _, office = _office(load_config(binding.config), binding.area)
    office.bind(binding.name, bounds)
    typer.echo(f"{binding.name}: {'free' if bounds == Bounds() else 'bound'}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Which member runs, on what."""

    pass_file: Annotated[Path, typer.Argument(metavar="PASS", help="What `gridpact member add` wrote.")]
    profile: Annotated[Path, typer.Option(metavar="FILE", help="CSV of its meter: start, load_kw, pv_kw; it repeats.")]
    broker: Annotated[str, typer.Option(metavar="URL", help="Instead of the one in the pass.")] = ""
    ca: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate of who signed the broker's, PEM.")] = None
    plain: Annotated[bool, typer.Option("--plain", help="Allow an unencrypted line beyond the loopback.")] = False
    battery_kwh: Annotated[float, typer.Option(min=0, help="Capacity of its battery.")] = 0.0
    battery_kw: Annotated[float, typer.Option(min=0, help="Its power, either way.")] = 0.0
    mechanism: Annotated[
        str, typer.Option("--mechanism", "-m", metavar="NAME", help="Of the area; empty where nothing is traded ahead.")
    ] = "auction:uniform"
    window: Annotated[int, typer.Option(min=3, help="Of a negotiation: intervals within which a loan comes back.")] = 8


@command(Running, member_app)
def run(running: Running) -> None:
    """Run an agent for a member: it forecasts, bids, runs its battery and reports its meter, until Ctrl-C."""
    from gridpact.client.home import Home
    from gridpact.client.profile import read_profile
    from gridpact.community import Battery, Member
    from gridpact.service.enrolment import Pass, read_file

    given = read_file(running.pass_file, Pass)
    profile = read_profile(running.profile)
    has_battery = running.battery_kwh > 0 and running.battery_kw > 0
    if has_battery != (running.battery_kwh > 0 or running.battery_kw > 0):
        raise InputError("half a battery", accepted="--battery-kwh and --battery-kw")
    battery = Battery(running.battery_kwh, running.battery_kw, running.battery_kw) if has_battery else None
    member = Member(id=given.name, bus="", battery=battery)
    home = Home(member, profile.load_kw, profile.pv_kw, profile.start_ms, profile.step_ms)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    asyncio.run(_trade(given, home, running))


async def _trade(given: "Pass", home: "Home", running: Running) -> None:
    """Trade, and connect again whenever the line breaks; what the battery holds is kept."""
    import aiomqtt

    from gridpact.client import connect, open_mail
    from gridpact.client.agent import Agent
    from gridpact.client.ways import Setting, run_home
    from gridpact.service.encryption import client_side
    from gridpact.service.signals import until_told

    url = running.broker or given.broker
    tls = client_side(running.ca) if url.startswith("mqtts:") else None

    async def trade() -> None:
        async with connect(
            url,
            area=given.area,
            member=given.name,
            password=given.password,
            key=given.signing_key,
            tls=tls,
            plain=running.plain,
        ) as market:
            clock = await market.told_time()
            if clock.step_ms != home.step_ms:
                found = f"steps of {home.step_ms // 1000} s, the market's are {clock.step_ms // 1000} s"
                raise InputError(found, place=str(running.profile))
            typer.echo(f"{given.name}: trading in {given.area}")
            agent = Agent.joined(market, home, given.meter, given.meter_signing_key)
            mail = await open_mail(market, given.exchange_key)
            await run_home(agent, mail, Setting(running.mechanism, {}, running.window))

    async with until_told() as told:
        while not told.is_set():
            try:
                await _until(told, trade())
            except* aiomqtt.MqttError as errors:
                typer.echo(f"{given.name}: {errors.exceptions[0]}; again in {AGAIN_AFTER_S:g} s", err=True)
                await _until(told, asyncio.sleep(AGAIN_AFTER_S))


async def _until(told: asyncio.Event, work: Coroutine[object, object, None]) -> None:
    """Work, until told to stop."""
    stopping, working = asyncio.create_task(told.wait()), asyncio.ensure_future(work)
    done, _ = await asyncio.wait({stopping, working}, return_when=asyncio.FIRST_COMPLETED)
    for task in (stopping, working):
        task.cancel()
    await asyncio.gather(stopping, working, return_exceptions=True)
    if working in done:
        working.result()


def _office(config: "ServiceConfig", name: str) -> "tuple[Area, Office]":
    from gridpact.service.office import Office

    area = config.area(name)
    return area, Office(area.name, config.area_folder(area.name))


def _broker(config: "ServiceConfig") -> str:
    """Where members reach the broker, as far as the service knows."""
    from gridpact.service.config import External

    broker = config.broker
    if isinstance(broker, External):
        return broker.url
    return f"mqtt{'s' if broker.tls else ''}://{broker.host}:{broker.port}"
