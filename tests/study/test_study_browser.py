"""Pages of studies in a real browser: drawn, silent, self-contained, usable."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from browsing import DESK, DRAWN, PHONE, Watched, running, windows
from gridpact.community import load_community
from gridpact.study import coalition, elecbay, equilibrium, net_metering
from gridpact.study.pages import Page, write_page
from study.pages_gallery import charts, make_page
from study.small_studies import FEW, TERMS, TINY, TINY_ELECBAY, TINY_EQUILIBRIUM, sunny


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    with running(chromium) as browser:
        yield browser


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(make_page(), tmp_path_factory.mktemp("gallery"), {})[0].as_uri()


@pytest.fixture
def opened(browser: Any, gallery: str) -> Iterator[Callable[..., Watched]]:
    with windows(browser) as open_page:
        yield lambda viewport, scheme="light", address=gallery: open_page(viewport, scheme, address)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_every_chart_is_drawn_within_the_page_without_a_word_or_a_request(
    opened: Callable[..., Watched], gallery: str, viewport: dict[str, int], scheme: str
) -> None:
    watched = opened(viewport, scheme)
    for chart in charts():
        drawn = watched.page.evaluate(DRAWN, chart)
        assert drawn["width"] > 250
        assert drawn["height"] > 60
        assert drawn["shapes"] > 6, chart
        assert drawn["words"] > 1, chart
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert watched.complaints == []
    assert watched.requests == [gallery]


def test_a_logarithmic_axis_has_its_marks_and_equal_steps(opened: Callable[..., Watched]) -> None:
    page = opened(DESK).page
    place = """word => {
      const found = [...document.querySelectorAll("#chart-scaling svg text")].filter((text) => text.textContent === word);
      return Math.max(...found.map((text) => text.getBoundingClientRect().right + text.getBoundingClientRect().left) ) / 2;
    }"""
    five, ten, hundred = (page.evaluate(place, word) for word in ("5", "10", "100"))
    assert (hundred - ten) / (ten - five) == pytest.approx(1 / math.log10(2), rel=0.03)


def test_the_pointer_tells_the_numbers(opened: Callable[..., Watched]) -> None:
    watched = opened(DESK)
    for name, at, told in (("lines", (600, 150), "home dashed"), ("bars", (300, 150), "home 1")):
        chart = watched.page.locator(f"#chart-{name}")
        chart.scroll_into_view_if_needed()
        chart.hover(position={"x": at[0], "y": at[1]})
        assert told in chart.locator(".tip").inner_text()
    assert watched.complaints == []


def test_the_numbers_of_a_chart_open_as_a_table(opened: Callable[..., Watched]) -> None:
    page = opened(DESK).page
    details = page.locator("details.numbers").first
    details.locator("summary").click()
    assert details.locator("tbody tr").count() == 11
    assert details.locator("tbody tr").first.is_visible()


def test_charts_follow_the_window_and_the_page_prints(opened: Callable[..., Watched]) -> None:
    watched = opened(DESK)
    watched.page.set_viewport_size(PHONE)
    watched.page.wait_for_function("document.querySelector('#chart-lines svg').getBoundingClientRect().width < 390")
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    watched.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert watched.page.evaluate(DRAWN, "lines")["width"] == 1000
    watched.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert watched.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    assert watched.complaints == []


def test_names_that_look_like_markup_stay_names(opened: Callable[..., Watched], tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    address = write_page(make_page(name=evil, title=evil), tmp_path, {})[0].as_uri()
    watched = opened(DESK, address=address)
    for name in ("lines", "bars", "cells"):
        watched.page.locator(f"#chart-{name}").hover(position={"x": 300, "y": 120})
    assert watched.page.locator("img").count() == 0
    assert watched.page.locator("h1").inner_text() == evil
    assert watched.complaints == []
    assert watched.requests == [address]


def coalition_page() -> Page:
    return coalition.page(coalition.run_study(TINY, seed=3), command="gridpact study coalition")


def net_metering_page() -> Page:
    sample = net_metering.choose(sunny(16, seed=4), 4)
    found = net_metering.sweep(sample, net_metering.Settings(TERMS, FEW, FEW))
    return net_metering.page(found, command="gridpact study net-metering")


def elecbay_page() -> Page:
    peers = elecbay.choose_peers(load_community(days=1).community)
    return elecbay.page(elecbay.run_study(peers, TINY_ELECBAY), command="gridpact study elecbay")


def equilibrium_page() -> Page:
    return equilibrium.page(equilibrium.run_study(TINY_EQUILIBRIUM), command="gridpact study equilibrium")


@pytest.mark.parametrize("make", [coalition_page, elecbay_page, equilibrium_page, net_metering_page])
def test_every_figure_of_a_study_is_drawn_on_desk_and_phone(
    opened: Callable[..., Watched], make: Callable[[], Page], tmp_path: Path
) -> None:
    page = make()
    address = write_page(page, tmp_path, {})[0].as_uri()
    for viewport, scheme in ((DESK, "light"), (PHONE, "dark")):
        watched = opened(viewport, scheme, address)
        for figure in page.figures():
            drawn = watched.page.evaluate(DRAWN, figure.name)
            assert drawn["width"] > 250
            assert drawn["shapes"] > 4, figure.name
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        assert watched.complaints == []
        assert watched.requests == [address]
