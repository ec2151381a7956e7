"""`gridpact member run` where nobody answers, or everybody could listen."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridpact.cli import app
from gridpact.cli._member import Running, _trade
from gridpact.client import Market, connect
from gridpact.client.home import Home
from gridpact.client.profile import read_profile
from gridpact.community import Member
from gridpact.errors import InputError
from gridpact.exchange import Role
from gridpact.service.broker.embedded import embedded_broker
from gridpact.service.enrolment import Pass, Register, write_secret

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


def test_a_password_takes_no_open_line_beyond_the_loopback_unless_that_is_said() -> None:
    """0.0.0.0 is not a loopback address, and yet reaches this machine."""
    register, given = enrol()

    async def join(port: int, *, plain: bool) -> str:
        url, key = f"mqtt://0.0.0.0:{port}", given.signing_key
        async with connect(url, area=AREA, member="ann", password=given.password, key=key, plain=plain) as market:
            return market.member

    async def go() -> None:
        async with embedded_broker(AREA, register.accounts()) as port, asyncio.timeout(WITHIN_S):
            assert await join(port, plain=True) == "ann"
            with pytest.raises(InputError, match=r"an unencrypted line to 0\.0\.0\.0"):
                await join(port, plain=False)

    asyncio.run(go())


def test_the_command_says_how_an_open_line_is_allowed(tmp_path: Path) -> None:
    _, given = enrol()
    _, profile = home_of(tmp_path)
    write_secret(tmp_path / "ann.json", given)
    command = ["member", "run", str(tmp_path / "ann.json"), "--profile", str(profile), "--broker", "mqtt://0.0.0.0:1"]
    assert "accepted: mqtts://, plain=True or --plain" in str(CliRunner().invoke(app, command).exception)
