"""The studies with a page of their own: `gridpact study …`."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridpact.cli._app import command, study_app
from gridpact.cli._shared import make_writable, progress_bar
from gridpact.errors import InputError

if TYPE_CHECKING:
    from gridpact.study.pages import Page, Table
    from gridpact.study.tasks import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class PagedStudy:
    """What all studies with a page of their own ask for."""

    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where results go; out/<study> if not given.")
    ] = None
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: to see that it works.")] = False
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Processes; as many as cores if not given.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoalitionStudy(PagedStudy):
    """The study of coalitional games."""

    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of all markets, communities and draws.")] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NetMeteringStudy(PagedStudy):
    """The study of net metering. Fees and charges in units of the currency; they and the demand charge are for 30 days."""

    community: Annotated[
        Path | None, typer.Argument(metavar="[COMMUNITY.toml]", help="Without a file: the built-in community.")
    ] = None
    start: Annotated[datetime | None, typer.Option(help="Start at this local time instead of the file's.")] = None
    days: Annotated[int, typer.Option(min=1, help="Run this many days.")] = 3
    members: Annotated[
        int | None, typer.Option(help="How many, 2 to 12, chosen by a stated rule; 8 if not given.", show_default=False)
    ] = None
    fee_per_coalition: Annotated[float, typer.Option(help="Of each coalition of two or more, for 30 days.")] = 20.0
    fee_per_member: Annotated[float, typer.Option(help="Of each of its members, for 30 days.")] = 2.0
    network_charge: Annotated[
        float | None, typer.Option(help="For each kWh that members share, instead of the file's charges.")
    ] = None
    demand_charge: Annotated[float, typer.Option(help="For each kW of the highest import, for 30 days.")] = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ElecbayStudy(PagedStudy):
    """The study of the Elecbay game. Ten members of a community with PV play."""

    community: Annotated[
        Path | None, typer.Argument(metavar="[COMMUNITY.toml]", help="Without a file: the built-in community.")
    ] = None
    start: Annotated[
        datetime | None, typer.Option(help="Start at this local time; the built-in community: 1 January 2016.")
    ] = None
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Run this many days; built-in: 366, a file: its own, with --quick at most 14."),
    ] = None
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the first draw of hot water and wind.")] = 1
    generation: Annotated[float, typer.Option(min=0.01, help="What is generated, as a multiple of what is needed.")] = (
        1.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NegotiationStudy(PagedStudy):
    """The study of negotiated loans."""

    case: Annotated[int, typer.Option(min=1, max=3, help="Of the paper: 2, 9 or 100 members.")] = 2
    data: Annotated[
        Path | None, typer.Option(metavar="COMMUNITY.toml", help="Whose homes; the built-in community if not given.")
    ] = None
    start: Annotated[datetime | None, typer.Option(help="Start at this local time instead of the file's.")] = None
    seeds: Annotated[int | None, typer.Option(min=2, help="How many; 10 if not given, 3 of case 3.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EquilibriumStudy(PagedStudy):
    """The study of the equilibrium, or one instance from a file."""

    seed: Annotated[int, typer.Option(min=0, max=2**31, help="The first of all instances.")] = 1

    instance: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="Clear this instance, and nothing else.")
    ] = None
    solution: Annotated[
        Path | None, typer.Option(metavar="OUT.npz", help="Where the solution of the instance is written.")
    ] = None
    solver: Annotated[str, typer.Option(metavar="NAME", help="What clears the instance.")] = "central"
    tolerance: Annotated[
        float | None,
        typer.Option(min=0.0, help="Of the stopping rule; the solver's own if not given.", show_default=False),
    ] = None
    ac_safe: Annotated[
        bool, typer.Option("--ac-safe", help="Tighten the limits of the instance until AC power flow is clean.")
    ] = False


@command(CoalitionStudy, study_app)
def coalition(study: CoalitionStudy) -> None:
    """Core points, agreeing without a centre, Shapley values, price against scarcity."""
    from gridpact.study.coalition import FULL, QUICK, methods, page, run_study

    folder = _folder(study, "coalition")
    with _progress() as progress:
        found = run_study(QUICK if study.quick else FULL, study.seed, jobs=study.jobs or -1, progress=progress)
    settings = {"seed": study.seed, "sizes": asdict(found.sizes)}
    _write(page(found, command=_typed()), methods(found), folder, settings)


@command(ElecbayStudy, study_app)
def elecbay(study: ElecbayStudy) -> None:
    """Water heaters that bid ON or OFF in a microgrid: do the published directions hold with PV, and with PV and wind?"""
    from gridpact.community import load_community
    from gridpact.study.elecbay import FULL, QUICK, cases, choose_peers, page, run_study

    built_in = study.community is None
    days = study.days or (14 if study.quick else 366 if built_in else None)
    start = study.start or (datetime(2016, 1, 1) if built_in and not study.quick else None)  # noqa: DTZ001 (local time)
    file = load_community(study.community, start=start, days=days)
    peers = choose_peers(file.community)
    folder = _folder(study, "elecbay")
    sizes = QUICK if study.quick else FULL
    with _progress() as progress:
        found = run_study(
            peers, sizes, study.seed, generation=study.generation, jobs=study.jobs or -1, progress=progress
        )
    settings = {
        "seed": study.seed,
        "generation": study.generation,
        "members": list(peers.community.member_ids),
        "sizes": asdict(sizes),
    }
    _write(page(found, command=_typed(), notes=file.notes), cases(found), folder, settings)


@command(NetMeteringStudy, study_app)
def net_metering(study: NetMeteringStudy) -> None:
    """Is there a reason to stay in a community under net metering? On real profiles, with fees, storage, demand charge."""
    from gridpact.community import load_community
    from gridpact.study.net_metering import QUICK_RATIOS, Settings, Terms, cases, charge_of, choose, page, sweep

    file = load_community(study.community, start=study.start, days=study.days)
    network = charge_of(file.community) if study.network_charge is None else study.network_charge
    terms = Terms(study.fee_per_coalition, study.fee_per_member, network, study.demand_charge)
    settings = Settings(terms, QUICK_RATIOS, QUICK_RATIOS) if study.quick else Settings(terms)
    sample = choose(file.community, study.members)
    folder = _folder(study, "net-metering")
    with _progress() as progress:
        found = sweep(sample, settings, jobs=study.jobs or -1, progress=progress)
    stated = {"days": study.days, "members": list(sample.community.member_ids), **asdict(settings)}
    _write(page(found, command=_typed(), notes=file.notes), cases(found), folder, stated)


@command(NegotiationStudy, study_app)
def negotiation(study: NegotiationStudy) -> None:
    """Energy loans negotiated between prosumers, the paper's cases on real profiles. Interrupted, it goes on when run again."""
    from gridpact.community import load_community
    from gridpact.study.negotiation import FULL, QUICK, page, published, run_study, ways
    from gridpact.study.pages import in_terminal
    from gridpact.study.resume import Shelf
    from gridpact.study.tables import show

    sizes = QUICK if study.quick else FULL
    if study.seeds is not None:
        sizes = replace(sizes, seeds=(study.seeds, study.seeds))
    file = load_community(study.data, start=study.start, days=sizes.days, step_minutes=15)
    folder = _folder(study, f"negotiation-{study.case}")
    shelf = Shelf(folder / "parts")
    with _progress() as progress:
        found = run_study(study.case, file.community, sizes, jobs=study.jobs or -1, progress=progress, shelf=shelf)
    settings = {"case": study.case, "community": file.community.name, "sizes": asdict(sizes)}
    show(in_terminal(published(found)))
    _write(page(found, command=_typed(), notes=file.notes), ways(found), folder, settings)
    shelf.clear()


@command(EquilibriumStudy, study_app)
def equilibrium(study: EquilibriumStudy) -> None:
    """Day-ahead clearing as an equilibrium with the grid inside: the paper's study, or an instance from a file."""
    from gridpact.study.equilibrium import clear_file, findings, of_members
    from gridpact.study.pages import in_terminal
    from gridpact.study.tables import show

    if study.instance is None:
        _run_equilibrium(study)
        return
    if study.solution is not None:
        make_writable(study.solution.parent, "--solution")
    cleared = clear_file(
        study.instance, study.solution, solver=study.solver, tolerance=study.tolerance, ac_safe=study.ac_safe
    )
    for table in (findings(cleared), of_members(cleared)):
        show(in_terminal(table))
    if study.solution:
        typer.echo(f"wrote {study.solution}")


def _run_equilibrium(study: EquilibriumStudy) -> None:
    from gridpact.study.equilibrium import FULL, QUICK, page, rounds, run_study
    from gridpact.study.resume import Shelf

    if study.solution or study.ac_safe or study.tolerance is not None:
        raise InputError("options of an instance, and no instance", place="--instance", accepted="a .npz file")
    folder = _folder(study, "equilibrium")
    shelf = Shelf(folder / "parts")
    with _progress() as progress:
        found = run_study(
            QUICK if study.quick else FULL, study.seed, jobs=study.jobs or -1, progress=progress, shelf=shelf
        )
    _write(page(found, command=_typed()), rounds(found), folder, {"seed": study.seed, "sizes": asdict(found.sizes)})
    shelf.clear()


def _folder(study: PagedStudy, name: str) -> Path:
    folder = study.output or Path("out") / name
    make_writable(folder)
    return folder


@contextmanager
def _progress() -> "Iterator[Progress]":
    with progress_bar() as bar:
        task = bar.add_task("running", total=None)

        def told(name: str, total: int) -> None:
            bar.update(task, advance=1, total=total, description=name)

        yield told


def _typed() -> str:
    """The command as it was typed."""
    return shlex.join(["gridpact", *sys.argv[1:]])


def _write(page: "Page", table: "Table", folder: Path, settings: dict[str, Any]) -> None:
    from gridpact.study.pages import in_terminal, write_page
    from gridpact.study.tables import show

    report, *written = write_page(page, folder, settings)
    show(in_terminal(table))
    for sentence in page.reading:
        typer.echo(sentence)
    typer.echo(f"wrote {', '.join(path.name for path in written)} to {folder}/")
    typer.echo(f"report: {report}")
