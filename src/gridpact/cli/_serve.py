"""The command that runs a market: `serve`."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gridpact.cli._app import command
from gridpact.cli._shared import make_writable
from gridpact.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What `serve` asks for."""

    config: Annotated[
        Path | None,
        typer.Argument(metavar="CONFIG", help="TOML file of a service: see docs/live.md.", show_default=False),
    ] = None
    demo: Annotated[bool, typer.Option("--demo", help="A whole market in this process, with simulated members.")] = (
        False
    )
    speed: Annotated[
        float, typer.Option(min=1, max=3600, help="How many times faster than the wall clock it runs.")
    ] = 60.0
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the web page, on 127.0.0.1; 0 takes a free one.")] = (
        8000
    )
    mechanism: Annotated[
        str, typer.Option("--mechanism", "-m", metavar="NAME", help="Clears the book; one that matches orders.")
    ] = "auction:uniform"
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where events, keys and tokens are kept.")] = Path(
        "out/demo"
    )
    members: Annotated[int, typer.Option(min=2, help="How many members of the built-in community trade.")] = 20


@command(Serving)
def serve(serving: Serving) -> None:
    """Run a live market with a web page; Ctrl-C stops it, and started again it goes on where it was.

    With CONFIG as that file says; with --demo a demonstration, to which all options belong.
    """
    if serving.demo == (serving.config is not None):
        found = "both a demonstration and a file" if serving.demo else "nothing to serve"
        raise InputError(found, place="gridpact serve", accepted="CONFIG or --demo")
    if serving.config is not None:
        asyncio.run(_serve_config(serving.config))
        return
    make_writable(serving.folder, "--folder")
    asyncio.run(_serve(serving))


async def _serve_config(path: Path) -> None:
    from gridpact.service.config import load_config
    from gridpact.service.logs import set_up_logs
    from gridpact.service.market import run_service
    from gridpact.service.signals import until_told

    config = load_config(path)
    set_up_logs(as_json=config.json_log)
    typer.echo(f"starting {len(config.areas)} market area{'s' * (len(config.areas) > 1)} ...")
    async with until_told() as told, run_service(config) as service:
        typer.echo(f"broker: {service.broker}")
        for name, area in service.areas.items():
            typer.echo(f"area {name}: {area.config.mechanism}" + f", web page {area.address}" * bool(area.address))
        typer.echo(f"keys and registers: {config.folder}")
        typer.echo("Ctrl-C stops it")
        await told.wait()
        typer.echo("stopping ...")


async def _serve(serving: Serving) -> None:
    from gridpact.community import load_community
    from gridpact.service.demo import TOKENS_FILE, run_demo, some_members
    from gridpact.service.signals import until_told
    from gridpact.service.web import listen, make_app, run_web

    community = some_members(load_community().community, serving.members)
    listening = listen(serving.port)
    typer.echo(f"starting {len(community.members)} members ...")
    async with (
        until_told() as told,
        run_demo(community, serving.folder, speed=serving.speed, mechanism=serving.mechanism) as demo,
        run_web(make_app(demo.site), demo.site.window.feed, listening) as address,
    ):
        typer.echo(f"web page: {address}")
        typer.echo(f"tokens to sign in with: {serving.folder / TOKENS_FILE}")
        typer.echo("Ctrl-C stops it")
        await told.wait()
        typer.echo("stopping ...")
