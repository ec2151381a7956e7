"""The command that writes the ledger of a live area: `export`."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gridpact.cli._app import command
from gridpact.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporting:
    """Which ledger is written, and where."""

    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="TOML file of a service.", show_default=False)
    ] = None
    demo: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of a demonstration, instead.")] = None
    area: Annotated[str, typer.Option(metavar="NAME", help="Market area; may be left out if there is one.")] = ""
    public: Annotated[bool, typer.Option("--public", help="Commitments and totals only, for everybody.")] = False
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Is written anew.")] = Path(
        "ledger.export"
    )


@command(Exporting)
def export(exporting: Exporting) -> None:
    """Write the ledger of a market that runs or has run, up to its newest head; `gridpact verify` checks it."""
    from gridpact.ledger import SigningKey, View
    from gridpact.service.config import load_config
    from gridpact.service.demo import Passes
    from gridpact.service.enrolment import read_file
    from gridpact.service.ledger import export_ledger, ledger_secret
    from gridpact.service.office import Office
    from gridpact.service.store import open_store

    if (exporting.config is None) == (exporting.demo is None):
        raise InputError("no ledger, or two", place="gridpact export", accepted="CONFIG or --demo DIR")
    if exporting.config is not None:
        config = load_config(exporting.config)
        area = config.area(exporting.area).name
        folder, url = config.area_folder(area), config.store
        key: SigningKey = Office(area, folder).parties().of("market").signing_key
    else:
        assert exporting.demo is not None
        area, folder = "demo", exporting.demo
        url = f"sqlite:///{folder / 'events.db'}"
        key = read_file(folder / "passes.json", Passes).of("market").signing_key
    view = View.PUBLIC if exporting.public else View.AUDIT

    async def write() -> None:
        async with open_store(url) as store:
            head = await export_ledger(store, area, ledger_secret(folder), "market", key, exporting.output, view)
            typer.echo(f"{exporting.output}: {head.head.size} entries, head of {head.head.time}, {view} view")

    asyncio.run(write())
