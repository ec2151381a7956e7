"""The pages in a real browser: every one of them on a desk and a phone, light and dark; live without being loaded again."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from browsing import DESK, PHONE, running, windows
from gridpact.exchange import PlaceOrder
from gridpact.service.web import listen, run_web
from gridpact.service.web.access import COOKIE
from service.web import LATER, Web, web_live

PAGES = {"/": "", "/feeder": "grid", "/ledger": "ann", "/home": "ann", "/operator": "market", "/sign-in": ""}
WAIT_MS = 30_000


@contextmanager
def served(folder: Path) -> Iterator[tuple[Web, str, asyncio.AbstractEventLoop]]:
    """A market in a thread of its own, as the browser's driver wants this one."""
    started: list[Any] = []
    ready, stop = threading.Event(), asyncio.Event()

    async def go() -> None:
        async with web_live(folder) as web:
            await web.trade()
            async with run_web(web.app(), web.site.window.feed, listen(0)) as address:
                started.extend((web, address, asyncio.get_running_loop()))
                ready.set()
                await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(go()))
    thread.start()
    try:
        assert ready.wait(60)
        yield started[0], started[1], started[2]
    finally:
        started[2].call_soon_threadsafe(stop.set)
        thread.join(60)
    assert not thread.is_alive()


def test_every_page_opens_on_a_desk_and_a_phone_in_light_and_dark_and_stays_live(tmp_path: Path, chromium: str) -> None:
    pictures: dict[tuple[str, str, int], bytes] = {}
    with served(tmp_path) as (web, address, loop), running(chromium) as browser, windows(browser) as open_page:
        for viewport in (DESK, PHONE):
            for scheme in ("light", "dark"):
                seen = open_page(viewport, scheme, f"{address}sign-in")
                page = seen.page
                page.set_default_timeout(WAIT_MS)
                for path, name in PAGES.items():
                    page.context.clear_cookies()
                    if name:
                        page.context.add_cookies([{"name": COOKIE, "value": web.tokens[name], "url": address}])
                    page.goto(address.rstrip("/") + path)
                    assert page.get_by_role("heading", level=1).count() == 1
                    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
                    if path != "/sign-in":
                        page.get_by_role("status").get_by_text("live", exact=True).wait_for()
                    pictures[path, scheme, viewport["width"]] = page.screenshot(full_page=True)
                assert seen.complaints == []
                assert [url for url in seen.requests if not url.startswith(address)] == []
        assert len(set(pictures.values())) == len(pictures), "two pages, sizes or schemes look the same"
        watched = open_page(DESK, "light", f"{address}?interval={LATER}").page
        watched.set_default_timeout(WAIT_MS)
        watched.get_by_role("status").get_by_text("live", exact=True).wait_for()
        watched.keyboard.press("Tab")
        assert watched.evaluate("document.activeElement.textContent") == "Skip to the content"
        watched.locator("#book-table summary").focus()
        watched.keyboard.press("Enter")
        assert watched.locator("#book tbody tr").count() == 1
        order = PlaceOrder(LATER, is_buy=True, energy_wh=300, price=210_000)
        asyncio.run_coroutine_threadsafe(web.area.say("ann", order), loop).result(60)
        watched.locator("#book tbody tr").nth(1).wait_for()
        assert watched.locator("#book-table").get_attribute("open") is not None
        assert watched.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_a_member_signs_in_and_reads_without_any_script(tmp_path: Path, chromium: str) -> None:
    with served(tmp_path) as (web, address, _), running(chromium) as browser:
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(address, timeout=WAIT_MS)
        assert "kWh" in page.inner_text("#phases", timeout=WAIT_MS)
        assert page.locator("svg.picture").count() == 2
        page.get_by_role("link", name="Sign in").click()
        page.get_by_label("Your token").fill(web.tokens["ann"])
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        assert page.get_by_role("heading", level=1).inner_text(timeout=WAIT_MS) == "ann"
        assert "saved against the supplier alone" in page.inner_text("#summary")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("link", name="Sign in").wait_for(timeout=WAIT_MS)
        context.close()
