"""The statement in a real browser: it loads nothing, says nothing, fits a phone and prints."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browsing import DESK, PHONE, running, windows
from exchange.simulation import simulate
from exchange.village import NOON
from gridpact.exchange.rules import DAY
from gridpact.exchange.statements import Bookings, to_html


@pytest.fixture(scope="module")
def statement(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Ann's statement of the first schedule in which it holds a correction."""
    shown = (Bookings.of(simulate(seed).steps).statement("ann", 0, NOON + 30 * DAY) for seed in range(100))
    corrected = next(found for found in shown if any(line.round for line in found.lines))
    page = tmp_path_factory.mktemp("statement") / "ann.html"
    page.write_text(to_html(corrected, currency="EUR"), encoding="utf-8")
    return page.as_uri()


@pytest.fixture(scope="module")
def opened(chromium: str) -> Iterator[Any]:
    with running(chromium) as browser, windows(browser) as open_page:
        yield open_page


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_without_a_word_and_fits(opened: Any, statement: str, viewport: dict, scheme: str) -> None:
    watched = opened(viewport, scheme, statement)
    assert watched.complaints == []
    assert watched.requests == [statement]
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert watched.page.locator("h2").all_inner_texts() == ["What it is made of", "Day by day", "Corrections"]


def test_it_prints_on_one_sheet_width(opened: Any, statement: str, tmp_path: Path) -> None:
    watched = opened(DESK, "light", statement)
    watched.page.emulate_media(media="print")
    watched.page.set_viewport_size({"width": 680, "height": 960})  # A4 less its margins, in CSS pixels
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 680
