"""A line to a broker that can be let go at any moment."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from types import TracebackType
from typing import Any, Self

import aiomqtt

IDENTITY = b"gridpact/v1/identity\n"
ANSWER_WITHIN_S = 10.0
"""For the broker, to a call of its client."""


def secret_identity(name: str, password: str) -> str:
    """The identity of a client: the same after every start, and nobody's to guess, since who shows it takes the session over.

    Examples
    --------
    >>> secret_identity("ann/meter", "hush")
    'ann/meter/e9da03a14fa6a390'
    """
    return f"{name}/{sha256(IDENTITY + name.encode() + password.encode()).hexdigest()[:16]}"


class Line(aiomqtt.Client):
    """A client of aiomqtt whose calls are bounded by `asyncio.timeout`.

    aiomqtt itself bounds them by `asyncio.wait_for`, which before Python 3.12 forgets a cancellation that meets the answer:
    who has cancelled a task that publishes would then wait for it for ever.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, timeout=math.inf, **more)

    async def __aenter__(self) -> Self:
        async with _bounded("connect"):
            return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            async with _bounded("disconnect"):
                await super().__aexit__(kind, error, trace)
        except aiomqtt.MqttError:
            if kind is None:  # else why the line is left counts, a cancellation above all, and not how
                raise

    async def publish(self, *args: Any, **more: Any) -> None:
        async with _bounded("publish"):
            await super().publish(*args, **more)

    async def subscribe(self, *args: Any, **more: Any) -> Any:
        async with _bounded("subscribe"):
            return await super().subscribe(*args, **more)


@asynccontextmanager
async def _bounded(call: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            yield
    except TimeoutError:
        raise aiomqtt.MqttError(f"no answer from the broker to {call} within {ANSWER_WITHIN_S:g} s") from None
