"""How a service is told to stop."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

STOP = (signal.SIGINT, signal.SIGTERM)


@asynccontextmanager
async def until_told() -> AsyncIterator[asyncio.Event]:
    """An event that is set by SIGINT or SIGTERM; a second one ends the process at once."""
    told, loop = asyncio.Event(), asyncio.get_running_loop()

    def tell() -> None:
        told.set()
        for number in STOP:
            loop.remove_signal_handler(number)

    for number in STOP:
        loop.add_signal_handler(number, tell)
    try:
        yield told
    finally:
        for number in STOP:
            loop.remove_signal_handler(number)
