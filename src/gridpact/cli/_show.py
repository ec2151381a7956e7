"""The commands that look around: `mechanisms`, `new` and `data check`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gridpact.cli._app import app, data_app


@app.command()
def mechanisms() -> None:
    """List the registered mechanisms."""
    from gridpact.markets import mechanism_names

    table = Table(box=None, header_style="bold")
    table.add_column("mechanism", no_wrap=True)
    table.add_column("what it does")
    for name, line in mechanism_names().items():
        table.add_row(name, line)
    Console().print(table)


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist or is empty.")],
) -> None:
    """Write a small, commented example community to start from."""
    from gridpact.community import write_example

    path = write_example(folder)
    typer.echo(f"wrote {path}\nnext: gridpact run {path}")


@data_app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="CSV or Parquet, one column a meter.")],
    unit: Annotated[str | None, typer.Option(help="kW, kWh, W, Wh or pu, if it is known.")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of times that state none.")] = None,
) -> None:
    """Say what is wrong with meter data and what was understood. Exit code 1 if there are errors in it."""
    from gridpact.community import check_data

    reports = check_data(files, unit=unit, zone=zone)
    for report in reports:
        typer.echo(report.render())
    if any(problem.severity == "error" for report in reports for problem in report.problems):
        raise typer.Exit(1)
