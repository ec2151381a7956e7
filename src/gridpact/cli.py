"""The command line. Heavy modules are imported by the command that needs them."""

import math
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
JobsOption = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Processes; as many as cores if not given.")
]
StartOption = Annotated[datetime | None, typer.Option(help="Start at this local time instead of the file's.")]
DaysOption = Annotated[int | None, typer.Option(min=1, help="Run this many days instead of the file's.")]
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
    jobs: JobsOption = None,
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
            jobs=jobs or -1,
            progress=lambda done: progress.update(task, advance=1, description=done.mechanism),
        )
    Console().print(_headline(comparison))
    _write(comparison, settings, output, file)


@app.command()
def compare(
    community: FileArgument = None,
    mechanism: MechanismOption = None,
    every: AllOption = False,
    seeds: Annotated[
        int, typer.Option(min=1, help="How many seeds; means and 95 % confidence intervals over them.")
    ] = 5,
    output: OutputOption = Path("out"),
    start: StartOption = None,
    days: DaysOption = None,
    forecast: ForecastOption = None,
    seed: SeedOption = None,
    jobs: JobsOption = None,
) -> None:
    """Compare mechanisms on the same community, seeds and grid, with confidence intervals over seeds."""
    from gridpact.study import replicate

    file, markets, settings = _prepare(community, mechanism, every, start, days, forecast, seed)
    with _progress() as progress:
        task = progress.add_task("running", total=len(markets) * seeds)
        comparison, replication = replicate(
            file.community, markets, settings, seeds, jobs=jobs or -1, progress=lambda: progress.advance(task)
        )
    Console().print(_side_by_side(replication, file.community.currency))
    _write(comparison, settings, output, file, replication)


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
        Console(stderr=True, soft_wrap=True).print(f"note: {note}", markup=False, highlight=False)
    return file, markets, settings


def _write(
    comparison: "Comparison",
    settings: "Settings",
    folder: Path,
    file: "CommunityFile",
    replication: "Replication | None" = None,
) -> None:
    from gridpact.study import write_replication, write_report, write_results

    written = write_results(comparison, settings, folder)
    if replication:
        written.append(write_replication(replication, folder))
    notes = [f"Forecast: {settings.forecast}, seed {settings.seed}.", *file.notes]
    report = write_report(comparison, folder / "report.html", notes=notes)
    typer.echo(f"wrote {', '.join(path.name for path in written)} to {folder}/")
    typer.echo(f"report: {report}")


def _headline(comparison: "Comparison") -> Table:
    community = comparison.community
    horizon = community.horizon
    first, last = horizon.index()[[0, -1]].tz_convert(community.time_zone)
    table = Table(
        title=f"{community.name}: {len(community.members)} members, {first:%Y-%m-%d} to {last:%Y-%m-%d}",
        title_justify="left",
        caption=_grid_line(comparison),
        caption_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )
    table.add_column("mechanism", no_wrap=True)
    for name in (f"bill {community.currency}", "saving", "%", "traded kWh", "price", "equality", "imbal. kWh"):
        table.add_column(name, justify="right")
    table.add_column("claims")
    for run in comparison.runs:
        c = run.community
        before = c.total_bill + c.total_saving
        table.add_row(
            run.mechanism,
            f"{c.total_bill:,.2f}",
            f"{c.total_saving:,.2f}",
            _or_dash(100 * c.total_saving / abs(before) if before else math.nan, ".0f"),
            f"{c.traded_kwh:,.1f}",
            _or_dash(c.mean_price, ".4f"),
            _or_dash(c.equality, ".2f"),
            f"{c.imbalance_kwh:,.1f}",
            "holds" if run.certificate.passed else "[red]broken[/red]",
        )
    return table


def _grid_line(comparison: "Comparison") -> str:
    """What the power flow says of all runs, in one line."""
    runs = [run.community for run in comparison.runs]
    violations = [run.voltage_violations + run.overloads for run in runs]
    low, high = min(run.v_min_pu for run in runs), max(run.v_max_pu for run in runs)
    return (
        f"{comparison.community.feeder.name}: peak import {max(run.peak_import_kw for run in runs):.1f} kW, "
        f"peak export {max(run.peak_export_kw for run in runs):.1f} kW, voltages {low:.3f} to {high:.3f} p.u., "
        f"loading up to {max(run.loading_max for run in runs):.0%}, violations {max(violations)}"
    )


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
