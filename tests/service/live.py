"""A market area that runs for a test: broker, store, writer, gateway, all real, on a clock that the test turns."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from gridpact.client import Market, connect
from gridpact.exchange import Actor, OpenInterval, Prices, ReportNetwork, Role, Rules, Step
from gridpact.exchange.commands import Command
from gridpact.exchange.proof import sign_command
from gridpact.exchange.rules import DAY, HOUR, MINUTE
from gridpact.ledger import SigningKey, to_text
from gridpact.service.area import AreaWriter, run_area
from gridpact.service.broker import Account, area_grants, hash_password
from gridpact.service.gateway import Board, Outbox, run_gateway
from gridpact.service.store import open_store

AREA = "north"
MEMBERS = ("ann", "bob")
NOON = 20_000 * DAY + 12 * HOUR
PRICES = Prices(
    import_price=300_000, export_price=80_000, imbalance_buy=350_000, imbalance_sell=50_000, loss_price=100_000
)
RULES = Rules(AREA, step_ms=30 * MINUTE, settle_after_ms=HOUR, correct_within_ms=DAY)


def key_of(name: str) -> SigningKey:
    return SigningKey(sha256(f"key of {name}".encode()).digest())


def actors(members: Sequence[str] = MEMBERS) -> list[Actor]:
    def actor(name: str, role: Role, of: str = "") -> Actor:
        return Actor(name, role, key=to_text(key_of(name).public), of=of)

    return [
        *(actor(name, Role.MEMBER) for name in members),
        *(actor(f"meter-{name}", Role.METER, name) for name in members),
        actor("head", Role.METER),
        actor("shop", Role.SUPPLIER),
        actor("grid", Role.DSO),
        actor("market", Role.EXCHANGE),
    ]


def accounts(members: Sequence[str] = MEMBERS) -> list[Account]:
    return [
        Account("exchange", hash_password("secret"), area_grants(AREA), is_member=False),
        *(Account(name, hash_password(f"password of {name}")) for name in members),
    ]


@dataclass
class Clock:
    """Stands still until it is turned."""

    now: int = NOON - 3 * HOUR

    def __call__(self) -> int:
        return self.now


@dataclass
class Live:
    """What a test holds in its hands."""

    port: int
    writer: AreaWriter
    clock: Clock
    connected: asyncio.Event
    board: Board = field(default_factory=Board)
    numbers: int = 0
    steps: list[Step] = field(default_factory=list)

    async def say(self, author: str, body: object) -> Step:
        """A command of the exchange, the DSO or a meter, past the bus."""
        self.numbers += 1
        command = Command(AREA, author, f"{author}-{self.writer.number}-{self.numbers}", body)  # type: ignore[arg-type]
        return await self.writer.submit(sign_command(command, key_of(author)))

    async def open(self, start: int = NOON) -> None:
        await self.say("market", OpenInterval(start, PRICES))

    async def until(self, now: int) -> None:
        """Turn the clock, and wait until everything that is due is done."""
        self.clock.now = now
        while self.writer.exchange.is_due(now):
            await asyncio.sleep(0.02)

    async def accept(self, start: int = NOON) -> None:
        await self.say("grid", ReportNetwork(start, "pro-rata", converged=True))


@asynccontextmanager
async def live(
    database: str, port: int, clock: Clock, rules: Rules = RULES, members: Sequence[str] = MEMBERS
) -> AsyncIterator[Live]:
    """An exchange on a broker that runs already."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(database))
        outbox, board = Outbox(rules.area, store), Board()
        writer = await stack.enter_async_context(
            run_area(store, rules, actors(members), key_of("market"), clock, outbox.take)
        )
        connected = await stack.enter_async_context(
            run_gateway(writer, outbox, f"mqtt://127.0.0.1:{port}", "exchange", "secret", board=board)
        )
        await connected.wait()
        yield Live(port, writer, clock, connected, board)


@asynccontextmanager
async def member(port: int, name: str, device: str = "") -> AsyncIterator[Market]:
    url = f"mqtt://127.0.0.1:{port}"
    async with connect(
        url, area=AREA, member=name, password=f"password of {name}", key=key_of(name), device=device
    ) as market:
        yield market
