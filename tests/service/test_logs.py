"""A trace leads from a member's message to its bill."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from gridpact.client import Topics
from gridpact.exchange import AreaOpened, State
from gridpact.exchange.fold import apply
from gridpact.service.effects import effects_of
from gridpact.service.logs import LOG, JsonLines, log_steps
from service.live import AREA
from service.web import web_live


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is written down, as JSON, whatever other tests have made of logging."""
    monkeypatch.setattr(LOG, "disabled", False)
    monkeypatch.setattr(LOG.manager, "disable", 0)
    written, level = io.StringIO(), LOG.level
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    yield written
    LOG.removeHandler(handler)
    LOG.setLevel(level)


def test_a_trace_leads_from_a_message_to_its_bill(lines: io.StringIO, tmp_path: Path) -> None:
    async def go() -> None:
        async with web_live(tmp_path) as web:
            await web.trade()
            steps = [step async for step in web.area.writer.store.read(AREA)]
        [opening] = steps[0].events
        assert isinstance(opening, AreaOpened)
        state = State(opening)
        for number, step in enumerate(steps[1:], start=1):
            log_steps(AREA, number, [step], effects_of(number, step, state, Topics(AREA)))
            for event in step.events:
                apply(state, event)

    asyncio.run(go())
    said = [json.loads(line) for line in lines.getvalue().splitlines()]
    ann = next(line["trace"] for line in said if line["event"] == "OrderPlaced" and line["trace"].startswith("ann/"))
    assert [line["event"] for line in said if line["trace"] == ann] == ["OrderPlaced", "TradeStruck", "Bill"]
    refused = next(line for line in said if line["event"] == "Refused")
    assert (refused["reason"], refused["trace"].split("/")[0], refused["area"]) == ("LIMIT", "bob", AREA)
    assert all({"time", "level", "logger", "message", "number"} <= line.keys() for line in said)


def test_an_error_is_one_line_too(lines: io.StringIO) -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        LOG.exception("it went wrong")
    [line] = lines.getvalue().splitlines()
    assert "two\nlines" in json.loads(line)["exception"]
