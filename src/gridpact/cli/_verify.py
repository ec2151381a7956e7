"""The command that verifies a ledger: `verify`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridpact.cli._app import command
from gridpact.errors import InputError

if TYPE_CHECKING:
    from gridpact.exchange.proof import Trust, Verified
    from gridpact.ledger import Directory

DIFFERS, FLAGGED = 1, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What is verified, and what is known from elsewhere."""

    export: Annotated[
        Path, typer.Argument(metavar="EXPORT", help="What `gridpact run --ledger` wrote, or an exchange.")
    ]
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="Public keys that are trusted: JSON, names and keys.")
    ] = None
    fingerprint: Annotated[
        str | None, typer.Option("--fingerprint", metavar="TEXT", help="Of the keys that the export brings.")
    ] = None
    heads: Annotated[
        Path | None,
        typer.Option(
            "--heads", metavar="EXPORT", help="An older export, or somebody else's: its heads must be in this one."
        ),
    ] = None
    witnesses: Annotated[
        int, typer.Option("--witnesses", min=0, metavar="K", help="How many must have co-signed every head.")
    ] = 0


@command(Verification)
def verify(options: Verification) -> None:
    """Check a ledger offline: signatures, tree, heads, witnesses, and that every result follows from what was signed.

    Exit code 0: all of it holds. 1: something differs, which is printed. 2: the file is damaged or its keys are not the
    trusted ones. 3: it holds, but something looks wrong.
    """
    from gridpact.exchange.proof import Trust
    from gridpact.exchange.proof import verify as verify_export

    trust = Trust(
        None if options.keys is None else _read_keys(options.keys),
        options.fingerprint,
        options.heads,
        options.witnesses,
    )
    logs = verify_export(options.export, trust)
    for at, log in enumerate(logs):
        _show(log, at, options.export)
    _conclude(logs, trust)


def _show(log: "Verified", at: int, export: Path) -> None:
    typer.echo(f"{export.name}, log {at + 1}: {log.what or 'no market'}; {log.header.view} view")
    for what, number in log.counts.checked.items():
        typer.echo(f"  checked {number:>10,} {what}")
    for what, why in log.counts.not_checked.items():
        typer.echo(f"  not checked: {what}; {why}")
    for flag in log.flags:
        typer.echo(f"  flag: {flag}")
    if log.difference is not None:
        for name in ("where", "claimed", "found", "follows"):
            typer.echo(f"  {name + ':':9} {getattr(log.difference, name)}")


def _conclude(logs: "list[Verified]", trust: "Trust") -> None:
    if not trust.anything:
        fingerprint = logs[0].header.keys.fingerprint
        typer.echo(f"keys: taken from the export, trusted by nobody; fingerprint {fingerprint}")
    if any(log.difference for log in logs):
        typer.echo("DIFFERS: stopped at the first difference")
        raise typer.Exit(DIFFERS)
    if any(log.flags for log in logs):
        typer.echo("HOLDS, with flags: what was logged follows from what was signed, and something looks wrong")
        raise typer.Exit(FLAGGED)
    typer.echo("HOLDS: what was logged follows from what was signed")


def _read_keys(path: Path) -> "Directory":
    from gridpact.ledger import Directory, decode

    try:
        return Directory.from_json(decode(path.read_bytes().rstrip(b"\n")))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=str(path), accepted="a file of keys") from None
    except InputError as error:
        raise InputError(error.found, place=str(path), accepted=error.accepted) from None
