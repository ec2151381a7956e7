"""The live platform: signed orders through Mosquitto to durable acknowledgement, a whole interval, and a restart."""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from benchmarks.bench_exchange import Day
from benchmarks.live_area import NOON, PRICES, RULES, STEP, command_of, key_of, mosquitto, people
from benchmarks.registry import benchmark
from gridpact.exchange import AnyBody, Exchange, OpenInterval, Phase, ReportNetwork, ReportReading, Role, Step, freeze
from gridpact.exchange.rules import HOUR
from gridpact.service.area import SNAPSHOT_EVERY, AreaWriter, restore, run_area
from gridpact.service.gateway import Outbox, run_gateway
from gridpact.service.store import Snapshot, Store, open_store
from gridpact.service.web import Window


class Clock:
    """Stands where it is put."""

    now = NOON - 3 * HOUR

    def __call__(self) -> int:
        """The time."""
        return self.now


@asynccontextmanager
async def area(folder: Path, members: int) -> AsyncIterator[tuple[AreaWriter, Clock, int]]:
    """An exchange on SQLite and Mosquitto, with one interval open."""
    (folder / "broker").mkdir()
    clock = Clock()
    async with AsyncExitStack() as stack:
        port = stack.enter_context(mosquitto(folder / "broker"))
        store = await stack.enter_async_context(open_store(f"sqlite:///{folder / 'events.db'}"))
        outbox = Outbox(RULES.area, store)
        writer = await stack.enter_async_context(
            run_area(store, RULES, people(members), key_of(Role.EXCHANGE), clock, outbox.take)
        )
        gateway = run_gateway(writer, outbox, f"mqtt://127.0.0.1:{port}", "exchange", "secret")
        await (await stack.enter_async_context(gateway)).wait()
        await say(writer, Role.EXCHANGE, OpenInterval(NOON, PRICES))
        yield writer, clock, port


async def say(writer: AreaWriter, author: str, body: AnyBody) -> Step:
    """Of the exchange, the DSO or the head's meter."""
    return await writer.submit(command_of(author, f"{author}-{writer.number}", body))


async def load(port: int, what: str, members: int, count: int) -> tuple[float, int]:
    """Seconds from the first message to the last answer, and how many were accepted."""
    words = ("-m", "benchmarks.live_load", port, what, NOON, members, count)
    process = await asyncio.create_subprocess_exec(sys.executable, *map(str, words), stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    seconds, accepted = said.split()
    return float(seconds), int(accepted)


@benchmark("live", sizes=(10_000,), unit="orders/s", bars={10_000: 1_000.0}, better="higher", repeat=3, warm_up=False)
def orders_acknowledged(size: int) -> Callable[[], float]:
    """Signed orders of 500 members through Mosquitto, each answered when it is durable; the generator signs meanwhile."""

    async def go(folder: Path) -> float:
        async with area(folder, 500) as (_, _, port):
            seconds, accepted = await load(port, "orders", 500, size)
            assert accepted == size
            return size / seconds

    def run() -> float:
        with tempfile.TemporaryDirectory() as folder:
            return asyncio.run(go(Path(folder)))

    return run


@benchmark("live", sizes=(1_000,), unit="s", bars={1_000: 15.0}, repeat=1, warm_up=False)
def interval_of_members(size: int) -> Callable[[], None]:
    """An interval from the first bid to the last bill over Mosquitto; at 60 times real time it may take 15 s."""

    async def until(writer: AreaWriter, clock: Clock, now: int) -> None:
        clock.now = now
        while writer.exchange.is_due(now):
            await asyncio.sleep(0.01)

    async def go(folder: Path) -> None:
        async with area(folder, size) as (writer, clock, port):
            assert (await load(port, "orders", size, size))[1] == size
            await until(writer, clock, NOON - RULES.gate_closure_ms)
            await say(writer, Role.DSO, ReportNetwork(NOON, "pro-rata", converged=True))
            await until(writer, clock, NOON + STEP)
            assert (await load(port, "readings", size, size))[1] == size
            await say(writer, Role.METER, ReportReading(NOON, 0))
            await until(writer, clock, NOON + STEP + HOUR)
            interval = writer.exchange.state.intervals[NOON]
            assert interval.phase == Phase.SETTLED
            assert min(interval.versions) == 0
            assert interval.trades

    def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(go(Path(folder)))

    return run


@benchmark("live", sizes=(1_000_000,), unit="s", bars={1_000_000: 20.0}, repeat=1, warm_up=False)
def restart(size: int) -> Callable[[], None]:
    """From a store of so many events to an exchange that goes on, with pages: the newest snapshot and the steps behind it."""

    async def start(store: Store, length: int) -> None:
        await Window.begin(store, RULES.area)
        _, number = await restore(store, RULES.area, lambda command, key: True)
        assert number == length

    return _on_history(size, start)


@benchmark("live", sizes=(1_000_000,), unit="s", repeat=1, warm_up=False)
def history_of_the_pages(size: int) -> Callable[[], None]:
    """After a restart, beside an exchange that goes on: until the pages know all of so many events."""

    async def read(store: Store, length: int) -> None:
        window = await Window.open(store, RULES.area)
        assert window.history.steps == length

    return _on_history(size, read)


def _on_history(size: int, work: Callable[[Store, int], Awaitable[None]]) -> Callable[[], None]:
    steps = Day(200).run(-(-size // 700))
    assert sum(len(step.events) for step in steps) >= size
    folder, length = tempfile.TemporaryDirectory(), len(steps)
    url = f"sqlite:///{Path(folder.name) / 'events.db'}"

    async def fill() -> None:
        async with open_store(url) as store:
            for first in range(0, length, 10_000):
                await store.append(RULES.area, first, steps[first : first + 10_000])
            kept = length // SNAPSHOT_EVERY * SNAPSHOT_EVERY
            state = Exchange.from_steps(steps[:kept], lambda command, key: True).state
            await store.keep(RULES.area, Snapshot(kept, freeze(state)))

    async def go() -> None:
        async with open_store(url) as store:
            await work(store, length)

    asyncio.run(fill())
    steps.clear()

    def run() -> None:
        asyncio.run(go())
        assert folder.name

    return run
