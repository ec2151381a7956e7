"""The line to a broker: whoever uses it can be stopped at any moment, also while an answer arrives."""

import asyncio
import random

import aiomqtt
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


def test_a_goodbye_that_fails_hides_neither_a_cancellation_nor_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise aiomqtt.MqttError("no answer")

    async def use(line: Line, error: BaseException | None) -> None:
        async with line:
            if error is not None:
                raise error

    async def go() -> None:
        async with embedded_broker(AREA, accounts()) as port:
            for error, seen in (
                (asyncio.CancelledError(), asyncio.CancelledError),
                (KeyError(), KeyError),
                (None, aiomqtt.MqttError),
            ):
                line = Line("127.0.0.1", port, username="exchange", password="secret", identifier="exchange")
                goodbye = aiomqtt.Client.__aexit__
                monkeypatch.setattr(aiomqtt.Client, "__aexit__", fails)
                with pytest.raises(seen):
                    await use(line, error)
                monkeypatch.setattr(aiomqtt.Client, "__aexit__", goodbye)
                await aiomqtt.Client.__aexit__(line, None, None, None)

    asyncio.run(go())
