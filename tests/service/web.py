"""A market area with its web application: a real writer on SQLite, no broker, a clock that the test turns."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from gridpact.client import BatteryIs
from gridpact.exchange import PlaceOrder, ReportNetwork, ReportReading, Rules, Step, Tick, Violation
from gridpact.exchange.acceptance import Checked
from gridpact.exchange.reasons import ReasonCode
from gridpact.exchange.rules import HOUR
from gridpact.exchange.values import Reduction
from gridpact.grid import PowerFlow, load_feeder
from gridpact.ledger import to_text
from gridpact.service.area import run_area
from gridpact.service.ledger import AreaLedger, LedgerSecret
from gridpact.service.store import Effect, open_store
from gridpact.service.web import Records, Role, Site, Tokens, Window, make_app
from service.live import NOON, RULES, Clock, Live, actors, key_of

END = NOON + RULES.step_ms
HOLDERS = {"market": Role.OPERATOR, "grid": Role.DSO, "shop": Role.SUPPLIER, "ann": Role.MEMBER, "bob": Role.MEMBER}
LATER = NOON + 10 * HOUR
SECRET = LedgerSecret(to_text(bytes(16)), to_text(bytes(32)))


@dataclass
class Web:
    """What a test holds in its hands."""

    area: Live
    site: Site
    tokens: dict[str, str]

    def app(self, **options: Any) -> Any:
        return make_app(self.site, **options)

    @asynccontextmanager
    async def client(self, name: str = "", **options: Any) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"authorization": f"Bearer {self.tokens[name]}"} if name else {}
        transport = httpx.ASGITransport(app=self.app(**options), client=("127.0.0.1", 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
            yield client

    async def trade(self) -> None:
        """One interval from orders to bills, one trade cut by the DSO; and the next one, which is open."""
        area = self.area
        await area.open()
        await area.open(LATER)
        await area.say("ann", PlaceOrder(NOON, is_buy=True, energy_wh=1000, price=250_000))
        await area.say("ann", PlaceOrder(NOON, is_buy=True, energy_wh=700, price=90_000))
        await area.say("bob", PlaceOrder(NOON, is_buy=False, energy_wh=1000, price=150_000))
        await area.say("bob", PlaceOrder(NOON, is_buy=False, energy_wh=10**8, price=150_000))
        await area.say("bob", PlaceOrder(LATER, is_buy=False, energy_wh=400, price=120_000))
        await area.until(NOON - HOUR)
        cut = Reduction(0, 800, ReasonCode.OVERLOAD, "line 3", 1_182, 990)
        own = Violation(ReasonCode.VOLTAGE_LOW, "bus 9", 890_000)
        report = ReportNetwork(NOON, "pro-rata", converged=True, reductions=(cut,), own=(own,))
        await area.say("grid", report)
        await area.until(END)
        await area.say("meter-ann", ReportReading(NOON, 1200))
        await area.say("meter-bob", ReportReading(NOON, -700))
        await area.say("head", ReportReading(NOON, 2_510))
        await area.until(END + HOUR)
        await area.say("market", Tick())  # what comes before it is durable then
        await self.enter()

    async def enter(self) -> None:
        """Let the ledger follow what is durable."""
        assert self.site.records is not None
        records = self.site.records
        async for step in records.store.read(records.area, records.ledger.size):
            records.ledger.take(step)


def checked(interval: int) -> Checked:
    """The IEEE feeder with 30 kW at each of its buses."""
    feeder = load_feeder("ieee37")
    p_kw = np.full((1, len(feeder.bus_names)), 30.0)
    return Checked(
        ReportNetwork(interval, "pro-rata", converged=True, losses_wh=12), PowerFlow(feeder).run(p_kw, p_kw / 3)
    )


@asynccontextmanager
async def web_live(folder: Path, rules: Rules = RULES) -> AsyncIterator[Web]:
    """A writer, a window on it, and tokens for everybody."""
    clock, tokens, given = Clock(), Tokens(), dict[str, str]()
    for name, role in HOLDERS.items():
        tokens, given[name] = tokens.issue(name, role)
    connected = asyncio.Event()
    connected.set()
    async with open_store(f"sqlite:///{folder / 'events.db'}") as store:
        window = await Window.open(store, rules.area)

        async def tell(steps: Sequence[Step], _effects: Sequence[Effect]) -> None:
            window.take(steps)

        async with run_area(store, rules, actors(), key_of("market"), clock, tell) as writer:
            site = Site(
                clock,
                window,
                tokens,
                connected,
                "EUR",
                "Europe/Berlin",
                load_feeder("ieee37"),
                lambda: checked(NOON),
                {"ann": BatteryIs(3_200, 8_000)},
                records=Records(store, rules.area, AreaLedger(SECRET, "market", key_of("market"))),
            )
            yield Web(Live(0, writer, clock, connected), site, given)
