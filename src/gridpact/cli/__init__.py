"""The command line. Heavy modules are imported by the command that needs them."""

from gridpact.cli import _export, _member, _run, _serve, _show, _studies, _verify  # noqa: F401  # each registers its commands
from gridpact.cli._app import app, main

__all__ = ["app", "main"]
