"""The command line. Heavy modules are imported by the command that needs them."""

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gridpact.errors import GridpactError

if TYPE_CHECKING:
    from gridpact.community import CommunityFile
    from gridpact.markets import Market
    from gridpact.study import Comparison, Replication, Settings

app = typer.Typer(
    help="Peer-to-peer energy markets on real distribution grids.", no_args_is_help=True, pretty_exceptions_enable=False
)
data_app = typer.Typer(help="Look at meter data before it is used.", no_args_is_help=True)
app.add_typer(data_app, name="data")

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="[COMMUNITY.toml]", help="Without a file: the built-in community.")
]
MechanismOption = Annotated[
    list[str] | None, typer.Option("--mechanism", "-m", metavar="NAME", help="May be given several times.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Take every registered mechanism.")]
OutputOption = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where results are written.")]
JobsOption = Annotated[int, typer.Option("--jobs", "-j", help="Processes; -1 takes every core.")]
StartOption = Annotated[datetime | None, typer.Option(help="Start at this local time instead of the file's.")]
DaysOption = Annotated[int | None, typer.Option(help="Run this many days instead of the file's.")]
ForecastOption = Annotated[str | None, typer.Option(help="perfect, persistence or noise, instead of the file's.")]
SeedOption = Annotated[int | None, typer.Option(help="Seed of forecasts, bidding and ties, instead of the file's.")]


def main() -> None:
    """Run the command line; wrong input ends with one message and exit code 2."""
    try:
        app()
    except GridpactError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"error: {error}", markup=False)
        sys.exit(2)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from gridpact import __version__

        typer.echo(f"gridpact {__version__}")
        raise typer.Exit


@app.command()
def run(
    community: FileArgument = None,
    mechanism: MechanismOption = None,
    every: AllOption = False,
    output: OutputOption = Path("out"),
    start: StartOption = None,
    days: DaysOption = None,
    forecast: ForecastOption = None,
    seed: SeedOption = None,
    jobs: JobsOption = -1,
) -> None:
    """Run a community under one or more mechanisms and bill everybody."""
    from gridpact.study import compare as compare_mechanisms

    file, markets, settings = _prepare(community, mechanism, every, start, days, forecast, seed)
    with _progress() as progress:
        task = progress.add_task("running", total=len(markets))
        comparison = compare_mechanisms(
            file.community,
            markets,
            settings,
            jobs=min(jobs, len(markets)),
            progress=lambda done: progress.update(task, advance=1, description=done.mechanism),
        )
    Console().print(_headline(comparison))
    _write(comparison, settings, output)


@app.command()
def compare(
    community: FileArgument = None,
    mechanism: MechanismOption = None,
    every: AllOption = False,
    seeds: Annotated[int, typer.Option(help="How many seeds; means and 95 % confidence intervals over them.")] = 5,
    output: OutputOption = Path("out"),
    start: StartOption = None,
    days: DaysOption = None,
    forecast: ForecastOption = None,
    seed: SeedOption = None,
    jobs: JobsOption = -1,
) -> None:
    """Compare mechanisms on the same community, seeds and grid, with confidence intervals over seeds."""
    from gridpact.study import replicate

    file, markets, settings = _prepare(community, mechanism, every, start, days, forecast, seed)
    with _progress() as progress:
        task = progress.add_task("running", total=len(markets) * max(seeds, 0))
        comparison, replication = replicate(
            file.community, markets, settings, seeds, jobs=jobs, progress=lambda: progress.advance(task)
        )
    Console().print(_side_by_side(replication, file.community.currency))
    _write(comparison, settings, output, replication)


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
def new(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist or is empty.")]) -> None:
    """Write a small, commented example community to start from."""
    from gridpact.community import write_example

    path = write_example(folder)
    typer.echo(f"wrote {path}\nnext: gridpact run {path}")


@data_app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="CSV or Parquet, one column a meter.")],
    unit: Annotated[str | None, typer.Option(help="kW, kWh, W or Wh, if it is known.")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of times that state none.")] = None,
) -> None:
    """Say what is wrong with meter data and what was understood. Exit code 1 if there are errors in it."""
    from gridpact.community import check_data

    reports = check_data(files, unit=unit, zone=zone)
    for report in reports:
        typer.echo(report.render())
    if any(problem.severity == "error" for report in reports for problem in report.problems):
        raise typer.Exit(1)


def _prepare(
    path: Path | None,
    names: list[str] | None,
    every: bool,
    start: datetime | None,
    days: int | None,
    forecast: str | None,
    seed: int | None,
) -> "tuple[CommunityFile, list[Market], Settings]":
    """Load and validate everything before anything runs."""
    from gridpact.community import load_community
    from gridpact.markets import make_mechanism, mechanism_names
    from gridpact.study import DEFAULT_MECHANISMS, Settings

    file = load_community(path, start=start, days=days)
    market = file.market
    chosen = list(mechanism_names()) if every else names or market.mechanisms or DEFAULT_MECHANISMS
    markets = [make_mechanism(name, market.options.get(name)) for name in dict.fromkeys(chosen)]
    settings = Settings(
        forecast=forecast or market.forecast,
        seed=market.seed if seed is None else seed,
        gate_closure=timedelta(minutes=market.gate_closure_minutes),
    )
    for note in file.notes:
        Console(stderr=True).print(f"note: {note}", markup=False, highlight=False)
    return file, markets, settings


def _write(
    comparison: "Comparison", settings: "Settings", folder: Path, replication: "Replication | None" = None
) -> None:
    from gridpact.study import write_replication, write_report, write_results

    written = write_results(comparison, settings, folder)
    if replication:
        written.append(write_replication(replication, folder))
    report = write_report(comparison, folder / "report.html")
    typer.echo(f"wrote {', '.join(path.name for path in written)} to {folder}/")
    typer.echo(f"report: {report}")


def _headline(comparison: "Comparison") -> Table:
    community = comparison.community
    horizon = community.horizon
    table = Table(
        title=f"{community.name}: {len(community.members)} members on {community.feeder.name}, "
        f"{horizon.start:%Y-%m-%d} to {horizon.stop:%Y-%m-%d}, {horizon.periods} intervals, {community.currency}",
        title_justify="left",
        box=None,
        header_style="bold",
    )
    table.add_column("mechanism", no_wrap=True)
    for name in ("bill", "saving", "saved %", "traded kWh", "price", "equality", "peak kW", "losses kWh", "imbal. kWh"):
        table.add_column(name, justify="right")
    table.add_column("violations", justify="right")
    table.add_column("certificate")
    table.add_column("CPU s", justify="right")
    for run in comparison.runs:
        c = run.community
        table.add_row(
            run.mechanism,
            f"{c.total_bill:,.2f}",
            f"{c.total_saving:,.2f}",
            f"{100 * c.total_saving / (c.total_bill + c.total_saving):.1f}",
            f"{c.traded_kwh:,.1f}",
            _or_dash(c.mean_price, ".4f"),
            _or_dash(c.equality, ".2f"),
            f"{c.peak_import_kw:.1f}",
            f"{c.losses_kwh:.1f}",
            f"{c.imbalance_kwh:.1f}",
            f"{c.voltage_violations + c.overloads}",
            "holds" if run.certificate.passed else "[red]broken[/red]",
            f"{run.cpu_seconds:.2f}",
        )
    return table


def _side_by_side(replication: "Replication", currency: str) -> Table:
    table = Table(
        title=f"means over {len(replication.seeds)} seeds ± half a 95 % confidence interval; money in {currency}",
        title_justify="left",
        box=None,
        header_style="bold",
    )
    table.add_column("mechanism", no_wrap=True)
    metrics = ("total_bill", "total_saving", "traded_kwh", "equality", "welfare", "imbalance_kwh", "peak_import_kw")
    for name in metrics:
        table.add_column(name.replace("_", " "), justify="right")
    columns = [(replication.mean(name), replication.half_width(name)) for name in metrics]
    for row, mechanism in enumerate(replication.mechanisms):
        cells = [_or_dash(mean[row], ",.2f") + f" ± {_or_dash(width[row], '.2f')}" for mean, width in columns]
        table.add_row(mechanism, *cells)
    return table


def _or_dash(value: float, form: str) -> str:
    return format(value, form) if value == value else "–"


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
