"""A whole market in one process: it trades and bills, stops cleanly, and goes on where it was."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gridpact.community import load_community
from gridpact.errors import InputError
from gridpact.service.demo import Demo, run_demo, some_members
from gridpact.service.web.feed import PhaseChanged
from gridpact.service.web.history import Totals

FAST = 1_800.0


async def settled(demo: Demo, intervals: int = 1) -> None:
    """Wait until so many intervals have been settled."""
    found = 0
    async for heard in demo.site.window.feed.listen(after=-1):
        found += sum(isinstance(word, PhaseChanged) and word.phase == "SETTLED" for word in heard.words)
        if found >= intervals:
            return


def test_a_demonstration_trades_and_bills_and_goes_on_where_it_was(tmp_path: Path) -> None:
    community = some_members(load_community().community, 4)

    async def go() -> tuple[int, int, dict[str, Totals]]:
        async with asyncio.timeout(120):
            async with run_demo(community, tmp_path, speed=FAST, mechanism="auction:uniform") as demo:
                await settled(demo)
                site = demo.site
                return site.history.steps, site.clock(), dict(site.history.totals)

    steps, now, totals = asyncio.run(go())
    assert set(totals) == set(community.member_ids)
    assert any(of.metered for of in totals.values())
    more, later, _ = asyncio.run(go())
    assert more > steps
    assert later > now


@pytest.mark.parametrize(("members", "mechanism"), [(5, "auction:uniform"), (4, "auction:pay-as-bid")])
def test_a_folder_holds_one_demonstration(tmp_path: Path, members: int, mechanism: str) -> None:
    whole = load_community().community

    async def start(count: int, name: str) -> None:
        async with run_demo(some_members(whole, count), tmp_path, speed=60, mechanism=name):
            pass

    asyncio.run(start(4, "auction:uniform"))
    with pytest.raises(InputError, match="the demonstration in"):
        asyncio.run(start(members, mechanism))


@pytest.mark.parametrize("count", [1, 100])
def test_there_are_only_so_many_members(count: int) -> None:
    with pytest.raises(InputError, match="from 2 to 99"):
        some_members(load_community(days=1).community, count)


@pytest.mark.parametrize("count", [2, 20, 99])
def test_half_of_the_members_have_something_to_sell_as_far_as_there_are_so_many(count: int) -> None:
    whole = load_community(days=1).community
    some = some_members(whole, count)
    assert len(some.members) == count
    sellers = sum(member.pv_kwp > 0 for member in some.members)
    assert sellers == min(count // 2, sum(member.pv_kwp > 0 for member in whole.members))
    at = whole.member_ids.index(some.member_ids[-1])
    assert (some.profiles.load_kw[-1] == whole.profiles.load_kw[at]).all()


def test_the_command_says_where_its_page_is_and_stops_when_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gridpact", "serve", "--demo", "--members", "2", "--port", "0"]
    command += ["--folder", str(tmp_path)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
    assert "web page: http://127.0.0.1:" in said
    assert (process.returncode, errors) == (0, "")
    assert (tmp_path / "tokens.json").stat().st_mode & 0o777 == 0o600


def test_without_a_demonstration_there_is_nothing_to_serve() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gridpact", "serve"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 2
    assert done.stderr == "error: gridpact serve: nothing to serve; accepted: CONFIG or --demo\n"
