"""An exchange in a process of its own, to be killed: ``python -m service.chaos_exchange DATABASE PORT BEGUN SPEED``.

Its clock is the wall's, sped up since ``BEGUN``, so that it goes on while the process is dead. It plays the DSO,
who accepts all.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

from gridpact.exchange import OpenInterval, Phase, ReportNetwork
from gridpact.exchange.commands import Command
from gridpact.exchange.proof import sign_command
from gridpact.service.area import AreaWriter, run_area
from gridpact.service.gateway import Outbox, run_gateway
from gridpact.service.store import StoreError, open_store
from service.chaos_area import PASSWORD, RULES, people
from service.live import NOON, PRICES, key_of


async def accept(writer: AreaWriter) -> None:
    """Accept whatever was cleared."""
    done: set[int] = set()
    while True:
        for interval in list(writer.exchange.state.intervals.values()):
            if interval.phase == Phase.CLEARED and interval.start not in done:
                done.add(interval.start)
                body = ReportNetwork(interval.start, "pro-rata", converged=True)
                await writer.submit(
                    sign_command(Command(RULES.area, "grid", f"check-{interval.start}", body), key_of("grid"))
                )
        await asyncio.sleep(0.02)


async def open_ahead(writer: AreaWriter, clock: Callable[[], int]) -> None:
    """Keep the next two intervals open whose gate has not closed."""
    while True:
        first = (clock() + RULES.gate_closure_ms) // RULES.step_ms * RULES.step_ms + RULES.step_ms
        for start in (first, first + RULES.step_ms):
            if start not in writer.exchange.state.intervals:
                await writer.submit(writer.own(OpenInterval(start, PRICES), f"open-{start}"))
        await asyncio.sleep(0.02)


async def main(database: str, port: int, begun: float, speed: float) -> None:
    def clock() -> int:
        return NOON + round((time.time() - begun) * 1000 * speed)

    async with AsyncExitStack() as stack:
        while True:
            try:
                store = await stack.enter_async_context(open_store(database))
                break
            except StoreError:  # the database is away as well
                await asyncio.sleep(0.1)
        outbox = Outbox(RULES.area, store)
        writer = await stack.enter_async_context(run_area(store, RULES, people(), key_of("market"), clock, outbox.take))
        await stack.enter_async_context(run_gateway(writer, outbox, f"mqtt://127.0.0.1:{port}", "exchange", PASSWORD))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(open_ahead(writer, clock))
        tasks.create_task(accept(writer))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])))
