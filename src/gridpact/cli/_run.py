"""The commands that run a community: `run` and `compare`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from gridpact.cli._app import command
from gridpact.cli._shared import make_writable, progress_bar
from gridpact.errors import InputError, nearest_name

if TYPE_CHECKING:
    from gridpact.community import CommunityFile
    from gridpact.markets import Market
    from gridpact.study import Comparison, Replication, Settings
    from gridpact.study.ledger import Recorder


CHECKS = (
    "none, last-on-first-off, pro-rata, sensitivity, merit, envelopes-equal, envelopes-proportional, "
    "charges-distance, charges-losses"
)
"""`gridpact.study.NETWORK_CHECKS`, which a test holds it to: help should load no study."""


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
class LedgerStudy(Study):
    """A study that may write a ledger."""

    ledger: Annotated[
        bool, typer.Option("--ledger", help="Write ledger.export, which `gridpact verify` takes, and its public keys.")
    ] = False
    ledger_of: Annotated[
        list[str] | None,
        typer.Option("--ledger-of", metavar="NAME", help="Write the ledger of this mechanism alone; or of several."),
    ] = None
    public: Annotated[
        bool, typer.Option("--public", help="Write the ledger's public view: commitments, totals, prices, heads.")
    ] = False
    network: Annotated[str, typer.Option(metavar="CHECK", help=f"Keep the network in this way: {CHECKS}.")] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicatedStudy(Study):
    """A study over several seeds."""

    seeds: Annotated[
        int, typer.Option(min=1, help="How many seeds; means and 95 % confidence intervals over them.")
    ] = 5
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHECK",
            help=f"Keep the network in this way, beside not at all; may be given several times. {CHECKS}; "
            "all: each of them.",
        ),
    ] = None


@command(LedgerStudy)
def run(study: LedgerStudy) -> None:
    """Run a community under one or more mechanisms and bill everybody."""
    from gridpact.study import compare as compare_mechanisms
    from gridpact.study import simulate
    from gridpact.study.tables import headline, show

    logged = study.ledger or bool(study.ledger_of)
    if study.public and not logged:
        raise InputError("--public without --ledger", accepted="--ledger --public")
    file, markets, settings, cases = _prepare(study, study.network, logged=study.ledger_of or [])
    recorder = _recorder(study, file) if logged else None
    with progress_bar() as progress:
        task = progress.add_task("running", total=cases)
        comparison = compare_mechanisms(
            file.community,
            markets,
            settings,
            jobs=study.jobs or -1,
            progress=lambda done: progress.update(task, advance=1, description=done.mechanism),
            run=recorder or simulate,
        )
    show(headline(comparison))
    if recorder is None:
        _write(comparison, settings, study.output, file)
        return
    ledger = recorder.join([run.mechanism for run in recorder.recorded(comparison.runs)])
    command = f"gridpact verify {{}} --fingerprint {recorder.directory.fingerprint}"
    _write(comparison, settings, study.output, file, ledger=(ledger, command.format(ledger[0].name)))
    typer.echo(f"verify: {command.format(ledger[0])}")


@command(ReplicatedStudy)
def compare(study: ReplicatedStudy) -> None:
    """Compare mechanisms on the same community, seeds and grid, with confidence intervals over seeds."""
    from gridpact.study import replicate
    from gridpact.study.tables import kept_network, show, side_by_side

    networks = _networks(study.network or [])
    file, markets, settings, cases = _prepare(study, networks=networks)
    with progress_bar() as progress:
        task = progress.add_task("running", total=cases * study.seeds)
        comparison, replication = replicate(
            file.community,
            markets,
            settings,
            study.seeds,
            networks=networks,
            jobs=study.jobs or -1,
            progress=lambda: progress.advance(task),
        )
    show(side_by_side(replication, file.community.currency))
    if networks:
        show(kept_network(replication, comparison))
    _write(comparison, settings, study.output, file, replication)


def _recorder(study: LedgerStudy, file: "CommunityFile") -> "Recorder":
    from gridpact.ledger import View
    from gridpact.study.ledger import Recorder, draw_keys

    view = View.PUBLIC if study.public else View.AUDIT
    only = frozenset(study.ledger_of or [])
    return Recorder(study.output, view, draw_keys(file.community), file.market.options, only=only)


def _prepare(
    study: Study, network: str = "none", *, networks: Sequence[str] = (), logged: Sequence[str] = ()
) -> "tuple[CommunityFile, list[Market], Settings, int]":
    """Load and validate everything before anything runs; how many runs it is."""
    from gridpact.community import load_community
    from gridpact.markets import mechanism_names
    from gridpact.study import DEFAULT_MECHANISMS, Settings
    from gridpact.study.compare import cases_of

    file = load_community(study.community, start=study.start, days=study.days)
    market = file.market
    chosen = list(mechanism_names()) if study.every else study.mechanism or market.mechanisms or DEFAULT_MECHANISMS
    markets = _markets(list(dict.fromkeys(chosen)), file)
    settings = Settings(
        forecast=study.forecast or market.forecast,
        seed=market.seed if study.seed is None else study.seed,
        gate_closure=timedelta(minutes=market.gate_closure_minutes),
        network=network,
    )
    running = cases_of(markets, settings, networks)
    known = list(dict.fromkeys(market.name for market, _ in running))
    for name in logged:
        if name not in known:
            raise InputError(
                f"--ledger-of {name}, which does not run{nearest_name(name, known)}", accepted=", ".join(known)
            )
    make_writable(study.output)
    for note in (*file.notes, *_left_out(markets, networks or [network])):
        Console(stderr=True, soft_wrap=True).print(f"note: {note}", markup=False, highlight=False)
    return file, markets, settings, len(running)


def _left_out(markets: "list[Market]", networks: Sequence[str]) -> list[str]:
    """Which network checks a market is not run with, in words."""
    from gridpact.study.network_check import NO_ORDERS, applies

    left = [(market.name, [name for name in networks if not applies(name, market)]) for market in markets]
    return [f"{name} is not run with {', '.join(checks)}: {NO_ORDERS}" for name, checks in left if checks]


def _networks(names: list[str]) -> list[str]:
    """The network checks named, none before them, so that there is something to hold them against."""
    from gridpact.study.network_check import NETWORK_CHECKS, NO_CHECK, check_name

    if names == ["all"]:
        return list(NETWORK_CHECKS)
    return list(dict.fromkeys([NO_CHECK, *map(check_name, names)])) if names else []


def _markets(names: list[str], file: "CommunityFile") -> "list[Market]":
    """The mechanisms named; the options that the file states are checked for all mechanisms, named or not."""
    from gridpact.community.decode import located
    from gridpact.markets import make_mechanism

    stated: dict[str, Market] = {}
    for name, options in file.market.options.items():
        with located(f'{file.path}: [mechanism."{name}"]'):
            stated[name] = make_mechanism(name, options)
    return [stated[name] if name in stated else make_mechanism(name) for name in names]


def _write(
    comparison: "Comparison",
    settings: "Settings",
    folder: Path,
    file: "CommunityFile",
    replication: "Replication | None" = None,
    ledger: tuple[list[Path], str] | None = None,
) -> None:
    from gridpact.study import write_replication, write_report, write_results
    from gridpact.study.report import LedgerLink

    files, command = ledger or ([], "")
    written = [*write_results(comparison, settings, folder), *files]
    link = LedgerLink(files[0].name, command) if files else None
    if replication:
        written.append(write_replication(replication, folder))
    of_seeds = f", the first of {len(replication.seeds)}; the terminal shows the means" if replication else ""
    notes = [f"Forecast: {settings.forecast}, seed {settings.seed}{of_seeds}.", *file.notes]
    report = write_report(comparison, folder / "report.html", notes=notes, ledger=link)
    typer.echo(f"wrote {', '.join(path.name for path in written)} to {folder}/")
    typer.echo(f"report: {report}")
