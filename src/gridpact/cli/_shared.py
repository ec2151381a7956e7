"""What several commands need: a folder that can be written to, and a bar that shows how far they are."""

import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gridpact.errors import InputError


def make_writable(folder: Path, option: str = "--output") -> None:
    """Make the folder of the results, and find out now whether a file can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        found = f"{folder} cannot be written to: {error.strerror}"
        raise InputError(found, place=option, accepted="a folder for the results") from None


def progress_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
