"""The examples of market structures run live: homes of the built-in community, each a client of the broker."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gridpact.client import connect, open_mail
from gridpact.client.agent import Agent
from gridpact.client.home import Home
from gridpact.client.ways import Setting, run_home
from gridpact.community import Community, Profiles, load_community
from gridpact.errors import InputError
from gridpact.exchange import Phase
from gridpact.exchange.rules import HOUR, MINUTE
from gridpact.exchange.state import Interval
from gridpact.service.config import ServiceConfig, load_config
from gridpact.service.enrolment import Pass
from gridpact.service.market import LiveArea, run_service
from gridpact.service.office import Office
from gridpact.service.setting import start_ms, step_ms

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "structures"
SPEED = 450
PATIENCE_S = 240.0
Seen = Callable[[Interval], bool]


def configured(name: str, folder: Path, **changes: str) -> ServiceConfig:
    """An example, on free ports and a fast clock."""
    text = re.sub(r"^port = 8000\n", "", (EXAMPLES / f"{name}.toml").read_text(), flags=re.MULTILINE)
    begin = np.datetime64(start_ms(load_community().community) + 10 * HOUR, "ms")
    changes = {"port": "0", **changes}
    speed = changes.pop("speed", f"{SPEED}")
    for key, value in changes.items():
        text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
    text += "settle_after_minutes = 15\n" + f"[clock]\nspeed = {speed}\nbegin = {begin}Z\n"
    path = folder / f"{name}.toml"
    path.write_text(text)
    return load_config(path)


def some_homes(whole: Community, batteries: int, roofs: int, plain: int) -> Community:
    """Homes that can lend and take back, homes that can only sell or buy as the sun says, and homes that can only buy."""
    kinds: dict[str, list[int]] = {"batteries": [], "roofs": [], "plain": []}
    for at, member in enumerate(whole.members):
        kinds["batteries" if member.battery else "roofs" if member.pv_kwp else "plain"].append(at)
    kept = sorted(kinds["batteries"][:batteries] + kinds["roofs"][:roofs] + kinds["plain"][:plain])
    profiles = whole.profiles
    return replace(
        whole,
        members=tuple(whole.members[at] for at in kept),
        profiles=Profiles(profiles.load_kw[kept], profiles.pv_kw[kept], profiles.q_kvar[kept]),
    )


@asynccontextmanager
async def homes(config: ServiceConfig, kinds: tuple[int, int, int]) -> AsyncIterator[LiveArea]:
    """The area of a service with homes that trade by themselves."""
    members = some_homes(load_community().community, *kinds)
    (table,) = config.areas
    office = Office(table.name, config.area_folder(table.name))
    passes = [office.add(member.id, member.bus, member.zone, member.phase, "") for member in members.members]
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(run_service(config))
        area = service.areas[table.name]
        await area.connected.wait()
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        running = [
            tasks.create_task(_home(area, members, at, given, service.broker)) for at, given in enumerate(passes)
        ]
        yield area
        for task in running:
            task.cancel()


async def _home(area: LiveArea, members: Community, at: int, given: Pass, url: str) -> None:
    profiles = members.profiles
    home = Home(
        members.members[at],
        np.asarray(profiles.load_kw[at]),
        np.asarray(profiles.pv_kw[at]),
        start_ms(members),
        step_ms(members),
    )
    config, rules = area.config, area.writer.exchange.state.rules
    async with connect(
        url, area=given.area, member=given.name, password=given.password, key=given.signing_key
    ) as market:
        mail = await open_mail(market, given.exchange_key)
        agent = Agent(
            market,
            home,
            given.meter,
            given.meter_signing_key,
            area.clock,
            rules.gate_closure_ms,
            MINUTE,
            area.clock.speed,
        )
        await run_home(
            agent, mail, Setting(config.mechanism, config.options, window=config.open_ahead_ms // rules.step_ms - 8)
        )


async def settled(area: LiveArea, *seen: Seen) -> list[Interval]:
    """Wait for settled intervals that look as wanted; money closes in all that are settled by then."""
    state = area.writer.exchange.state
    async with asyncio.timeout(PATIENCE_S):
        while True:
            done = [each for each in state.intervals.values() if each.phase == Phase.SETTLED]
            for interval in done:
                money = [interval.settled.get(name, [0]) for name in ("trades", "retail", "imbalance", "transfers")]
                parties = sum(interval.settled_parties[name] for name in ("supplier", "dso", "exchange"))
                charges = [interval.settled.get(name, [0]) for name in ("network", "service", "penalty")]
                assert sum(map(sum, money + charges)) + parties == 0
            found = [next((interval for interval in done if is_seen(interval)), None) for is_seen in seen]
            if None not in found:
                return [interval for interval in found if interval is not None]
            await asyncio.sleep(0.05)


def run(name: str, folder: Path, kinds: tuple[int, int, int], *seen: Seen, **changes: str) -> list[Interval]:
    async def go() -> list[Interval]:
        async with homes(configured(name, folder, **changes), kinds) as area:
            return await settled(area, *seen)

    return asyncio.run(go())


def has_pooled(interval: Interval) -> bool:
    return any(interval.settled.get("pooled", ()))


def has_traded(interval: Interval) -> bool:
    return any(trade.accepted_wh for trade in interval.trades)


def test_a_community_market_shares_after_delivery_and_trades_the_remainder_outside(tmp_path: Path) -> None:
    (interval,) = run("community", tmp_path, (0, 2, 2), has_pooled)
    assert interval.trades == []
    pooled = np.array(interval.settled["pooled"])
    assert pooled.sum() == 0
    assert np.abs(pooled).max() > 0
    assert any(interval.settled["retail"]), "the supplier takes or brings what is left"


@pytest.mark.slow
def test_a_fully_decentralised_market_is_what_pairs_have_signed(tmp_path: Path) -> None:
    (interval,) = run("decentralised", tmp_path, (4, 0, 0), has_traded)
    assert interval.orders == {}
    assert all(trade.leg for trade in interval.trades)
    assert "pooled" not in interval.settled
    energy = np.array(interval.settled["bought"]) - np.array(interval.settled["sold"])
    assert energy.sum() == 0


@pytest.mark.slow
def test_a_composite_market_does_both(tmp_path: Path) -> None:
    traded, pooled = run("composite", tmp_path, (4, 1, 1), has_traded, has_pooled)
    assert all(trade.leg for trade in traded.trades)
    assert sum(pooled.settled["pooled"]) == 0


@pytest.mark.slow
def test_a_day_is_planned_ahead_and_delivered(tmp_path: Path) -> None:
    """A day of one hour, planned half an hour before its first gate, on a clock that leaves time for it."""
    changes = {
        "gate_closure_minutes": "15\nday_minutes = 60\nday_lead_minutes = 30",
        "open_ahead_minutes": "90",
        "speed": "90",
    }
    (interval,) = run("day-ahead", tmp_path, (0, 2, 2), has_traded, **changes)
    assert interval.orders == {}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"open_ahead_minutes": "90"}, "accepted: 1500 or more"),
        ({"gate_closure_minutes": "15\nday_minutes = 50\nday_lead_minutes = 10"}, "a whole number of intervals"),
    ],
)
def test_days_that_do_not_fit_the_area_are_refused(tmp_path: Path, changes: dict[str, str], found: str) -> None:
    async def go() -> None:
        async with run_service(configured("day-ahead", tmp_path, **changes)):
            pass

    with pytest.raises(InputError, match=found):
        asyncio.run(go())
