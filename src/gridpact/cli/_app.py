"""The application: what its commands hang on, and how it ends."""

import inspect
import sys
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from gridpact.errors import GridpactError

app = typer.Typer(
    help="Peer-to-peer energy markets on real distribution grids.", no_args_is_help=True, pretty_exceptions_enable=False
)
data_app = typer.Typer(help="Look at meter data before it is used.", no_args_is_help=True)
study_app = typer.Typer(help="Studies with a page of their own.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(study_app, name="study")

T = TypeVar("T")


def command(options: Callable[..., T], of: typer.Typer = app) -> Callable[[Callable[[T], None]], Callable[[T], None]]:
    """Register a command under the name of its function; its options are the fields of a dataclass."""

    def register(command: Callable[[T], None]) -> Callable[[T], None]:
        def call(**values: Any) -> None:
            command(options(**values))

        call.__signature__ = inspect.signature(options)  # type: ignore[attr-defined]  # what Typer reads
        of.command(command.__name__.strip("_").replace("_", "-"), help=command.__doc__)(call)
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
