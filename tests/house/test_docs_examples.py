"""Examples in the documentation run: those with ``>>>`` print what the page says, the others run through."""

import doctest
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.registry import REGISTRY
from gridpact.community import load_community, write_example
from gridpact.markets import make_mechanism
from gridpact.study import Settings, compare

ROOT = Path(__file__).resolve().parents[2]
TESTED_ELSEWHERE = {"docs/extending.md"}


def _blocks(page: Path, *, prompted: bool) -> list[str]:
    blocks = re.findall(r"^```(?:python|pycon)\n(.*?)^```$", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [block for block in blocks if (">>> " in block) == prompted]


def _pages(*, prompted: bool) -> list[str]:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    names = [page.relative_to(ROOT).as_posix() for page in pages if _blocks(page, prompted=prompted)]
    return [name for name in names if name not in TESTED_ELSEWHERE]


def _a_community_file(folder: Path) -> dict[str, Any]:
    for file in write_example(folder / "example").parent.iterdir():
        file.rename(folder / file.name)
    return {}


def _a_comparison(folder: Path) -> dict[str, Any]:
    (folder / "out").mkdir()
    return {"comparison": compare(load_community(days=1).community, [make_mechanism("pool:mmr")], Settings(), jobs=1)}


PREPARATIONS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "docs/community-file.md": _a_community_file,
    "docs/report.md": _a_comparison,
}
"""What a page takes for granted: files in the working folder, names that are defined."""


@pytest.mark.parametrize("page", _pages(prompted=True))
def test_the_examples_of_a_page_print_what_it_says(page: str) -> None:
    source = "\n".join(_blocks(ROOT / page, prompted=True))
    test = doctest.DocTestParser().get_doctest(source, {}, page, page, 0)
    printed: list[str] = []
    results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=printed.append)
    assert results.attempted > 0
    assert results.failed == 0, "".join(printed)


@pytest.mark.parametrize("page", _pages(prompted=False))
def test_the_code_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(REGISTRY, "benchmarks", {})  # a page declares one
    names = {"__name__": "page"} | PREPARATIONS.get(page, lambda _: {})(tmp_path)
    for block in _blocks(ROOT / page, prompted=False):
        exec(compile(block, page, "exec"), names)


def test_every_page_that_is_prepared_has_code() -> None:
    assert PREPARATIONS.keys() <= set(_pages(prompted=False))
