"""The command line. Heavy modules are imported by the command that needs them."""

import inspect
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gridpact.errors import GridpactError, InputError

if TYPE_CHECKING:
    from gridpact.community import CommunityFile
    from gridpact.markets import Market
    from gridpact.study import Comparison, Replication, Settings

app = typer.Typer(
    help="Peer-to-peer energy markets on real distribution grids.", no_args_is_help=True, pretty_exceptions_enable=False
)
data_app = typer.Typer(help="Look at meter data before it is used.", no_args_is_help=True)
app.add_typer(data_app, name="data")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What all studies ask for."""

    community: Annotated[
        Path | None, typer.Argument(metavar="[COMMUNITY.toml]", help="Without a file: the built-in community.")
    ] = None
    mechanism: Annotated[
        list[str] | None, typer.Option("--mechanism", "-m", metavar="NAME", help="May be given several times.")
    ] = None
    every: Annotated[bool, typer.Option("--all", help="Take every registered mechanism.")] = False
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where results are written.")] = Path(
        "out"
    )
    start: Annotated[datetime | None, typer.Option(help="Start at this local time instead of the file's.")] = None
    days: Annotated[int | None, typer.Option(min=1, help="Run this many days instead of the file's.")] = None
    forecast: Annotated[str | None, typer.Option(help="perfect, persistence or noise, instead of the file's.")] = None
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**63 - 1, help="Seed of forecasts, bidding and ties, instead of the file's."),
    ] = None
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Processes; as many as cores if not given.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicatedStudy(Study):
    """A study over several seeds."""

    seeds: Annotated[
        int, typer.Option(min=1, help="How many seeds; means and 95 % confidence intervals over them.")
    ] = 5


def _command(options: Callable[..., T]) -> Callable[[Callable[[T], None]], Callable[[T], None]]:
    """Register a command under the name of its function; its options are the fields of a dataclass."""

    def register(command: Callable[[T], None]) -> Callable[[T], None]:
        def call(**values: Any) -> None:
            command(options(**values))

        call.__signature__ = inspect.signature(options)  # type: ignore[attr-defined]  # what Typer reads
        app.command(command.__name__, help=command.__doc__)(call)
        return command

    return register


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


@_command(Study)
def run(study: Study) -> None:
    """Run a community under one or more mechanisms and bill everybody."""
    from gridpact.study import compare as compare_mechanisms
    from gridpact.study.tables import headline, show

    file, markets, settings = _prepare(study)
    with _progress() as progress:
        task = progress.add_task("running", total=len(markets))
        comparison = compare_mechanisms(
            file.community,
            markets,
            settings,
            jobs=study.jobs or -1,
            progress=lambda done: progress.update(task, advance=1, description=done.mechanism),
        )
    show(headline(comparison))
    _write(comparison, settings, study.output, file)


@_command(ReplicatedStudy)
def compare(study: ReplicatedStudy) -> None:
    """Compare mechanisms on the same community, seeds and grid, with confidence intervals over seeds."""
    from gridpact.study import replicate
    from gridpact.study.tables import show, side_by_side

    file, markets, settings = _prepare(study)
    with _progress() as progress:
        task = progress.add_task("running", total=len(markets) * study.seeds)
        comparison, replication = replicate(
            file.community,
            markets,
            settings,
            study.seeds,
            jobs=study.jobs or -1,
            progress=lambda: progress.advance(task),
        )
    show(side_by_side(replication, file.community.currency))
    _write(comparison, settings, study.output, file, replication)


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


def _prepare(study: Study) -> "tuple[CommunityFile, list[Market], Settings]":
    """Load and validate everything before anything runs."""
    from gridpact.community import load_community
    from gridpact.markets import mechanism_names
    from gridpact.study import DEFAULT_MECHANISMS, Settings

    file = load_community(study.community, start=study.start, days=study.days)
    market = file.market
    chosen = list(mechanism_names()) if study.every else study.mechanism or market.mechanisms or DEFAULT_MECHANISMS
    markets = _markets(list(dict.fromkeys(chosen)), file)
    settings = Settings(
        forecast=study.forecast or market.forecast,
        seed=market.seed if study.seed is None else study.seed,
        gate_closure=timedelta(minutes=market.gate_closure_minutes),
    )
    _make_writable(study.output)
    for note in file.notes:
        Console(stderr=True, soft_wrap=True).print(f"note: {note}", markup=False, highlight=False)
    return file, markets, settings


def _markets(names: list[str], file: "CommunityFile") -> "list[Market]":
    """The mechanisms named; the options that the file states are checked for all mechanisms, named or not."""
    from gridpact.community.decode import located
    from gridpact.markets import make_mechanism

    stated: dict[str, Market] = {}
    for name, options in file.market.options.items():
        with located(f'{file.path}: [mechanism."{name}"]'):
            stated[name] = make_mechanism(name, options)
    return [stated[name] if name in stated else make_mechanism(name) for name in names]


def _make_writable(folder: Path) -> None:
    """Make the folder of the results, and find out now whether a file can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        found = f"{folder} cannot be written to: {error.strerror}"
        raise InputError(found, place="--output", accepted="a folder for the results") from None


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
    of_seeds = f", the first of {len(replication.seeds)}; the terminal shows the means" if replication else ""
    notes = [f"Forecast: {settings.forecast}, seed {settings.seed}{of_seeds}.", *file.notes]
    report = write_report(comparison, folder / "report.html", notes=notes)
    typer.echo(f"wrote {', '.join(path.name for path in written)} to {folder}/")
    typer.echo(f"report: {report}")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
