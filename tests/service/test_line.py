"""The line to a broker: whoever uses it can be stopped at any moment, also while an answer arrives."""

import asyncio
import random

import pytest

from gridpact.client.line import Line
from gridpact.service.broker.embedded import embedded_broker
from service.live import AREA, accounts

TOPIC = f"gridpact/v1/{AREA}/public/status"


def test_a_cancellation_that_meets_an_answer_is_not_forgotten() -> None:
    moments = random.Random(0)

    async def publish_on(line: Line) -> None:
        while True:
            await line.publish(TOPIC, b"online", qos=1)

    async def go() -> None:
        async with (
            embedded_broker(AREA, accounts()) as port,
            Line("127.0.0.1", port, username="exchange", password="secret", identifier="exchange") as line,
        ):
            for _ in range(60):
                task = asyncio.create_task(publish_on(line))
                await asyncio.sleep(0.004 * moments.random())
                task.cancel()
                async with asyncio.timeout(5):
                    with pytest.raises(asyncio.CancelledError):
                        await task

    asyncio.run(go())
