"""`gridpact member run` where nobody answers."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from gridpact.cli._member import Running, _trade
from gridpact.client import Market
from gridpact.client.home import Home
from gridpact.client.profile import read_profile
from gridpact.community import Member
from gridpact.exchange import Role
from gridpact.service.broker.embedded import embedded_broker
from gridpact.service.enrolment import Pass, Register

WITHIN_S = 60
AREA = "north"


def enrol() -> tuple[Register, Pass]:
    register, _ = Register(AREA).add_party("market", Role.EXCHANGE)
    return register.add_member("ann", "")


def home_of(folder: Path) -> tuple[Home, Path]:
    path = folder / "profile.csv"
    path.write_text("start,load_kw,pv_kw\n2016-06-07T00:00:00Z,1.0,0\n2016-06-07T00:15:00Z,1.2,0\n")
    profile = read_profile(path)
    return Home(Member(id="ann", bus=""), profile.load_kw, profile.pv_kw, profile.start_ms, profile.step_ms), path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_waits_for_a_market_that_says_nothing_stops_when_told(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register, given = enrol()
    home, profile = home_of(tmp_path)

    async def go() -> None:
        waits = asyncio.Event()
        told_time = Market.told_time

        async def noted(market: Market) -> object:
            waits.set()
            return await told_time(market)

        monkeypatch.setattr(Market, "told_time", noted)
        async with embedded_broker(AREA, register.accounts()) as port, asyncio.timeout(WITHIN_S):
            running = Running(pass_file=tmp_path, profile=profile, broker=f"mqtt://127.0.0.1:{port}")
            trading = asyncio.create_task(_trade(given, home, running))
            await waits.wait()
            os.kill(os.getpid(), number)
            await trading

    asyncio.run(go())
