"""Live pages in a browser: how soon something is seen, and how soon after an event that is durable."""

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.registry import benchmark
from gridpact.exchange import Actor, OpenInterval, PlaceOrder, Prices, Role, Rules, Step
from gridpact.exchange.commands import Command
from gridpact.exchange.proof import sign_command
from gridpact.exchange.rules import DAY, HOUR, MINUTE
from gridpact.grid import load_feeder
from gridpact.ledger import SigningKey, to_text
from gridpact.service.area import AreaWriter, run_area
from gridpact.service.store import Effect, open_store
from gridpact.service.web import Site, Tokens, Window, listen, make_app, run_web

NOON = 20_000 * DAY + 12 * HOUR
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
SEEN = """rows => new Promise(resolve => {
  const look = () => document.querySelectorAll("#book tbody tr").length >= rows && resolve(Date.now());
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  look();
})"""
PAINTED = """() => new Promise(resolve => new PerformanceObserver(list => {
  const first = list.getEntriesByName("first-contentful-paint")[0];
  if (first) resolve(first.startTime);
}).observe({ type: "paint", buffered: true }))"""
T = TypeVar("T")


class Market:
    """A market area in a thread of its own, with so many members and an open interval; and a browser in this one."""

    def __init__(self, members: int) -> None:
        from playwright.sync_api import sync_playwright

        self.names = [f"m{number:04}" for number in range(members)]
        self.loop, self._ready = asyncio.new_event_loop(), threading.Event()
        threading.Thread(target=self.loop.run_until_complete, args=(self._serve(),), daemon=True).start()
        self._ready.wait()
        self.browser = sync_playwright().start().chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the market's thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    async def say(self, author: str, identity: str, body: Any) -> Step:
        """A signed command; returns when it is durable."""
        return await self.writer.submit(sign_command(Command("bench", author, identity, body), _key(author)))

    def page(self, path: str = "") -> Any:
        """A window of its own, loaded."""
        page = self.browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.goto(self.address + path)
        return page

    async def _serve(self) -> None:
        roles = {"shop": Role.SUPPLIER, "grid": Role.DSO, "market": Role.EXCHANGE} | dict.fromkeys(
            self.names, Role.MEMBER
        )
        actors = [Actor(name, role, key=to_text(_key(name).public)) for name, role in roles.items()]
        connected = asyncio.Event()
        connected.set()
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            store = await stack.enter_async_context(open_store(f"sqlite:///{folder / 'events.db'}"))
            window = await Window.open(store, "bench")

            async def tell(steps: Sequence[Step], _: Sequence[Effect]) -> None:
                window.take(steps)

            rules = Rules("bench", step_ms=30 * MINUTE)
            self.writer: AreaWriter = await stack.enter_async_context(
                run_area(store, rules, actors, _key("market"), _clock, tell)
            )
            site = Site(
                _clock,
                window,
                Tokens(),
                connected,
                "EUR",
                "UTC",
                load_feeder("ieee37"),
                lambda: None,
                {},
            )
            prices = Prices(300_000, 80_000, 350_000, 50_000, 100_000)
            await self.say("market", "open", OpenInterval(NOON, prices))
            for number, name in enumerate(self.names):
                await self.say(name, "0", PlaceOrder(NOON, number % 2 == 0, 500, 100_000 + 10_000 * (number % 5)))
            app = make_app(site, most_a_minute=10**6)
            self.address = await stack.enter_async_context(run_web(app, window.feed, listen(0)))
            self._ready.set()
            await asyncio.Event().wait()


def _clock() -> int:
    return NOON - 3 * HOUR


def _key(name: str) -> SigningKey:
    return SigningKey(sha256(name.encode()).digest())


@benchmark("live", sizes=(20,), bars={20: 1.0})
def first_paint_of_the_market(size: int) -> Callable[[], float]:
    """From the request to the first content that is seen, by the browser's own measure, on the loopback."""
    market = Market(size)

    def paint() -> float:
        page = market.page()
        painted: float = page.evaluate(PAINTED)
        page.context.close()
        return painted / 1_000

    return paint


@benchmark("live", sizes=(20,), bars={20: 1.0})
def page_after_an_event(size: int) -> Callable[[], float]:
    """From an order's being durable until the page shows it; another one just before has made the page ask already."""
    market = Market(size)
    placed = iter(range(1, 1_000_000))

    def update() -> float:
        page = market.page(f"?interval={NOON}")
        page.get_by_role("status").get_by_text("live", exact=True).wait_for()
        rows = page.locator("#book tbody tr").count()
        for _ in range(2):
            number = next(placed)
            order = PlaceOrder(NOON, is_buy=True, energy_wh=100, price=150_000 + number)
            market.run(market.say(market.names[0], str(number), order))
            durable = time.time()
        seen: float = page.evaluate(SEEN, rows + 2)
        page.context.close()
        return seen / 1_000 - durable

    return update
