"""The documentation names every command of the command line, and every target of the Makefile that it names exists."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from gridpact.cli import app

ROOT = Path(__file__).resolve().parents[2]


def _paths(command: Any, path: str) -> Iterator[str]:
    children = getattr(command, "commands", {})
    if not children:
        yield path
    for name, child in children.items():
        yield from _paths(child, f"{path} {name}")


@pytest.mark.parametrize("command", sorted(_paths(get_command(app), "gridpact")))
def test_a_command_stands_in_the_documentation(command: str) -> None:
    pages = [page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.md")]
    assert any(re.search(rf"\b{command}\b", page) for page in pages)


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {
        name for page in pages for name in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text("utf-8"), flags=re.M)
    }
    assert named
    assert named <= targets
