"""Examples with ``>>>`` in the documentation print what the page says."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    page for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if ">>> " in page.read_text("utf-8")
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_examples_of_a_page_print_what_it_says(page: Path) -> None:
    blocks = re.findall(r"^```(?:python|pycon)\n(.*?)^```$", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    source = "\n".join(block for block in blocks if ">>> " in block)
    test = doctest.DocTestParser().get_doctest(source, {}, page.name, str(page), 0)
    printed: list[str] = []
    results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=printed.append)
    assert results.attempted > 0
    assert results.failed == 0, "".join(printed)
