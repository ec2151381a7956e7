"""The report in a real browser: drawn, silent, self-contained, usable."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from browsing import DESK, DRAWN, PHONE, Watched, running, windows
from gridpact.study.report import write_report
from gridpact.study.result import Comparison

CHARTS = ("day", "partners", "savings", "duration", "feeder", "voltage")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    with running(chromium) as browser:
        yield browser


@pytest.fixture(scope="module")
def report(synthetic: Callable[..., Comparison], tmp_path_factory: pytest.TempPathFactory) -> str:
    comparison = synthetic(members=12, buses=24, with_map=True, mechanisms=("supplier", "pool:sdr", "auction:uniform"))
    return write_report(comparison, tmp_path_factory.mktemp("report") / "report.html").as_uri()


@pytest.fixture
def opened(browser: Any, report: str) -> Iterator[Callable[..., Watched]]:
    with windows(browser) as open_page:
        yield lambda viewport, scheme="light", address=report: open_page(viewport, scheme, address)


def choose(page: Any, name: str) -> None:
    page.get_by_role("radio", name=name).check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_every_chart_is_drawn_within_the_page_without_a_word_or_a_request(
    opened: Callable[..., Watched], report: str, viewport: dict[str, int], scheme: str
) -> None:
    watched = opened(viewport, scheme)
    for chart in CHARTS:
        drawn = watched.page.evaluate(DRAWN, chart)
        assert drawn["width"] > 250
        assert drawn["height"] > 100
        assert drawn["shapes"] > 10, chart
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert watched.complaints == []
    assert watched.requests == [report]


@pytest.mark.parametrize("name", ["supplier", "auction:uniform"])
def test_every_mechanism_can_be_shown_without_a_complaint(opened: Callable[..., Watched], name: str) -> None:
    watched = opened(DESK)
    choose(watched.page, name)
    for chart in CHARTS:
        assert watched.page.evaluate(DRAWN, chart)["width"] > 250
        assert name in watched.page.locator(f"#{chart}-caption").inner_text()
    assert watched.complaints == []


def test_the_mechanism_is_switched_by_keyboard(opened: Callable[..., Watched]) -> None:
    page = opened(DESK).page
    for _ in range(3):  # past the link that skips and the table that scrolls
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "mechanism"
    before = page.locator("#savings-caption").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator("#savings-caption").inner_text() != before
    chosen = page.locator(".switch label:has(:checked)").inner_text()
    assert chosen in page.locator("#announcement").inner_text()
    assert page.locator("tr.chosen th").inner_text() == chosen
    assert page.locator("#members-table caption").text_content().endswith(chosen)


def test_nobody_trading_is_said_in_place_of_the_matrix(opened: Callable[..., Watched]) -> None:
    page = opened(DESK).page
    choose(page, "supplier")
    assert page.locator("#chart-partners .empty").inner_text() == "Nobody trades under supplier."
    choose(page, "pool:sdr")
    assert page.locator("#chart-partners .empty").count() == 0


def test_the_feeder_can_be_seen_on_the_map(opened: Callable[..., Watched]) -> None:
    watched = opened(DESK)
    watched.page.get_by_role("button", name="Show on the map").click()
    assert watched.page.evaluate(DRAWN, "feeder")["shapes"] > 24
    watched.page.get_by_role("button", name="Show as a tree").click()
    assert watched.page.evaluate(DRAWN, "feeder")["shapes"] > 24
    assert watched.complaints == []


def test_a_tooltip_tells_the_numbers_under_the_pointer(opened: Callable[..., Watched]) -> None:
    watched = opened(DESK)
    chart = watched.page.locator("#chart-duration")
    chart.scroll_into_view_if_needed()
    chart.hover(position={"x": 500, "y": 150})
    told = chart.locator(".tip").inner_text()
    assert "before any trade" in told
    assert "auction:uniform" in told
    assert watched.complaints == []


def test_charts_follow_the_width_of_the_window(opened: Callable[..., Watched]) -> None:
    page = opened(DESK).page
    page.set_viewport_size(PHONE)
    page.wait_for_function("document.querySelector('#chart-day svg').getBoundingClientRect().width < 390")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_it_prints_with_every_certificate_open(opened: Callable[..., Watched]) -> None:
    watched = opened(DESK)
    watched.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert watched.page.locator(".proofs details:not([open])").count() == 0
    assert watched.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    assert watched.complaints == []


def test_names_that_look_like_markup_stay_names(
    synthetic: Callable[..., Comparison], opened: Callable[..., Watched], tmp_path: Path
) -> None:
    evil = "<img src=x onerror=alert(1)>"
    comparison = synthetic(name=evil, first_id=evil, mechanisms=("supplier", evil))
    address = write_report(comparison, tmp_path / "evil.html").as_uri()
    watched = opened(DESK, address=address)
    watched.page.get_by_text("All members as a table").click()
    watched.page.locator("#chart-savings").hover(position={"x": 300, "y": 150})
    assert watched.page.locator("img").count() == 0
    assert watched.page.locator("h1").inner_text() == evil
    assert watched.complaints == []
    assert watched.requests == [address]


def test_a_large_community_and_feeder_are_drawn(
    synthetic: Callable[..., Comparison], opened: Callable[..., Watched], tmp_path: Path
) -> None:
    comparison = synthetic(members=200, buses=300, periods=96, mechanisms=("pool:sdr", "auction:uniform"))
    watched = opened(PHONE, address=write_report(comparison, tmp_path / "large.html").as_uri())
    for chart in CHARTS:
        assert watched.page.evaluate(DRAWN, chart)["shapes"] > 10
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert watched.complaints == []
