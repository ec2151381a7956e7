"""Chaos: a market among real processes that are killed, restarted and cut off, while members send good and bad messages.

``make chaos`` runs all of it and prints a summary; a test runs a shorter one. What must hold at the end: every order that was
acknowledged stands in the journal, once; every command that is decided again has the same outcome, so that no bill has changed;
and every bill that a member was told is the one of the journal.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiomqtt
import msgspec

from gridpact.client import Bill, Market, NoAnswerError, PhaseIs, RefusedError, connect
from gridpact.client.line import Line
from gridpact.exchange import Command, Exchange, IntervalSettled, OrderPlaced, Phase, PlaceOrder, Step, encode
from gridpact.exchange.proof import sign_command, verify_command
from gridpact.ledger import SigningKey
from gridpact.service.broker import mosquitto_files
from gridpact.service.store import open_store
from service.chaos_area import MEMBERS, PASSWORD, accounts
from service.live import AREA, key_of
from service.servers import free_port, postgres_programs, postgres_to_restart

SPEED = 900.0
QUIET, SILENT = "eve", "fay"
WITHIN_S = 120.0
ROOT = Path(__file__).parents[2]


@dataclass
class Summary:
    """What came of it."""

    sent: int = 0
    acknowledged: int = 0
    bad: int = 0
    lost: int = 0
    duplicated: int = 0
    bills: int = 0
    bills_changed: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    recovery_s: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        slowest = max(self.recovery_s, default=0.0)
        rows = {
            "messages sent": self.sent,
            "acknowledged": self.acknowledged,
            "malformed, forged, replayed, flooding": self.bad,
            "lost": self.lost,
            "duplicated effects": self.duplicated,
            "bills": self.bills,
            "bills changed": self.bills_changed,
            "faults": ", ".join(f"{count} {name}" for name, count in self.faults.items()),
            "slowest recovery": f"{slowest:.1f} s",
        }
        return "\n".join(f"{name:40} {value}" for name, value in rows.items())


class World:
    """The processes, and what the members have seen."""

    def __init__(self, folder: Path, database: str, mosquitto: str, seed: int) -> None:
        self.folder, self.database, self.program = folder, database, mosquitto
        self.port, self.begun = free_port(), time.time()
        self.draw, self.summary = random.Random(seed), Summary()
        self.acked: set[str] = set()
        self.bills: dict[tuple[str, int, int], Bill] = {}
        self.last_ack = time.monotonic()
        self.heard: list[bytes] = []
        self.stopping = False
        self._broker: subprocess.Popen[bytes] | None = None
        self._exchange: subprocess.Popen[bytes] | None = None

    def start_broker(self) -> None:
        for name, text in mosquitto_files(AREA, accounts(), self.folder, self.port).items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o644)
        self._broker = subprocess.Popen(
            [self.program, "-c", self.folder / "mosquitto.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def start_exchange(self) -> None:
        command = [sys.executable, "-m", "service.chaos_exchange", self.database, self.port, self.begun, SPEED]
        with (self.folder / "exchange.log").open("ab") as log:
            self._exchange = subprocess.Popen(
                [str(word) for word in command],
                env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
                stdout=log,
                stderr=log,
            )

    def kill_exchange(self) -> None:
        assert self._exchange is not None
        self._exchange.send_signal(signal.SIGKILL)
        self._exchange.wait()
        self.start_exchange()

    def restart_broker(self) -> None:
        assert self._broker is not None
        self._broker.terminate()
        self._broker.wait()
        self.start_broker()

    def stop(self) -> None:
        for process in (self._exchange, self._broker):
            if process is not None:
                process.kill()
                process.wait()

    async def cut_off(self) -> None:
        """Take the exchange's session over, which closes its socket."""
        with suppress(aiomqtt.MqttError):
            async with Line(
                "127.0.0.1",
                self.port,
                username="exchange",
                password=PASSWORD,
                identifier="exchange",
                clean_session=False,
            ):
                await asyncio.sleep(0.2)

    async def recovered(self) -> None:
        """Until somebody is answered who was not before."""
        begun = time.monotonic()
        async with asyncio.timeout(WITHIN_S):
            while self.last_ack < begun:
                await asyncio.sleep(0.02)
        self.summary.recovery_s.append(time.monotonic() - begun)


async def stay(world: World, name: str, work: Callable[[Market], Coroutine[Any, Any, None]]) -> None:
    """Work as a member, and connect again whenever the line breaks."""
    while True:
        try:
            async with connect(
                f"mqtt://127.0.0.1:{world.port}", area=AREA, member=name, password=PASSWORD, key=key_of(name)
            ) as market:
                await work(market)
        except* (aiomqtt.MqttError, OSError):
            await asyncio.sleep(0.1)


async def trade(world: World, name: str, market: Market) -> None:
    """Bid again and again, report every interval that is over, remember every bill."""

    async def bid() -> None:
        number = 0
        while not world.stopping:
            interval = (await market.next_open()).interval
            number += 1
            order = PlaceOrder(interval, name < "c", world.draw.randint(100, 900), 250_000 if name < "c" else 150_000)
            world.summary.sent += 1
            identity = f"{interval}-{number}-{time.time_ns()}"
            with suppress(RefusedError, NoAnswerError):
                world.acked.add(await market.send(order, identity=identity))
                world.summary.acknowledged += 1
                world.last_ack = time.monotonic()
                if world.draw.random() < 0.2:  # once more: a duplicate
                    await market.send(order, identity=identity)
            await asyncio.sleep(0.05)

    async def report(interval: int) -> None:
        with suppress(RefusedError, NoAnswerError):
            await market.report(interval, 300, meter=f"meter-{name}", key=key_of(f"meter-{name}"))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bid())
        async for message in market.news():
            match message:
                case PhaseIs(phase=Phase.DELIVERED) if name != SILENT:
                    tasks.create_task(report(message.interval))
                case Bill():
                    before = world.bills.setdefault((name, message.interval, message.round), message)
                    world.summary.bills_changed += before != message


async def misbehave(world: World, count: int) -> None:
    """Eve: everything that nobody should send, as fast as she can."""
    topic = f"gridpact/v1/{AREA}/member/{QUIET}/order"
    sent = 0
    while sent < count:
        try:
            async with Line("127.0.0.1", world.port, username=QUIET, password=PASSWORD, identifier=QUIET) as line:
                while sent < count:
                    await line.publish(topic, _bad(world.draw, sent), qos=1)
                    sent += 1
                    world.summary.bad += 1
        except aiomqtt.MqttError:
            await asyncio.sleep(0.1)


def _bad(draw: random.Random, number: int) -> bytes:
    now = round(time.time() * 1000)
    order = PlaceOrder(now, is_buy=True, energy_wh=100, price=100)
    good = sign_command(Command(AREA, QUIET, f"eve-{number}", order), key_of(QUIET))
    match draw.randrange(8):
        case 0:
            return draw.randbytes(draw.randint(0, 200))
        case 1:
            return b"[" * draw.randint(1, 5_000)
        case 2:
            return b"x" * 100_000  # beyond the broker's limit
        case 3:
            return encode(msgspec.structs.replace(good, signature=""))
        case 4:
            return encode(sign_command(msgspec.structs.replace(good, author="ann"), SigningKey(bytes(32))))
        case 5:
            return encode(sign_command(msgspec.structs.replace(good, area="south", id="replayed"), key_of(QUIET)))
        case 6:
            return encode(sign_command(msgspec.structs.replace(good, time="2020-01-01T00:00:00Z"), key_of(QUIET)))
        case _:
            spoilt = bytearray(encode(good))
            spoilt[draw.randrange(len(spoilt))] ^= 1 << draw.randrange(8)
            return bytes(spoilt)


async def run(world: World, faults: list[str], bad: int, restart_database: Callable[[], None] | None = None) -> Summary:
    """Let it all happen, and check."""
    world.start_broker()
    world.start_exchange()
    honest = [name for name in MEMBERS if name != QUIET]
    tasks = [
        asyncio.create_task(stay(world, name, lambda market, name=name: trade(world, name, market)))  # type: ignore[misc]
        for name in honest
    ]
    evil = asyncio.create_task(misbehave(world, bad))
    try:
        await world.recovered()
        for fault in faults:
            await asyncio.sleep(world.draw.uniform(0.3, 1.5))
            world.summary.faults[fault] += 1
            match fault:
                case "kill -9":
                    await asyncio.to_thread(world.kill_exchange)
                case "broker restart":
                    await asyncio.to_thread(world.restart_broker)
                case "partition":
                    await world.cut_off()
                case "database restart" if restart_database is not None:
                    await asyncio.to_thread(restart_database)
            await world.recovered()
        await asyncio.wait_for(evil, WITHIN_S)
        world.stopping = True
        await settled(world)
    finally:
        for task in (*tasks, evil):
            task.cancel()
        await asyncio.gather(*tasks, evil, return_exceptions=True)
        world.stop()
    await check(world)
    return world.summary


async def settled(world: World) -> None:
    """Until every acknowledged order has been billed."""
    wanted = {int(key.split("/")[1].split("-")[0]) for key in world.acked}
    async with asyncio.timeout(WITHIN_S):
        while wanted - {interval for _, interval, _ in world.bills}:
            await asyncio.sleep(0.1)


async def check(world: World) -> None:
    """See the module."""
    async with open_store(world.database) as store:
        steps = [step async for step in store.read(AREA)]
    placed = Counter(event.order for step in steps for event in step.events if isinstance(event, OrderPlaced))
    world.summary.lost = len(world.acked - placed.keys())
    world.summary.duplicated = sum(count - 1 for count in placed.values())
    world.summary.bills = len(world.bills)
    world.summary.bills_changed += _differences(world, steps)


def _differences(world: World, steps: list[Step]) -> int:
    exchange = Exchange.from_steps(steps[:1], verify_command)
    changed = 0
    for step in steps[1:]:
        if step.command is not None and exchange.decide(step.command, step.at).events != step.events:
            changed += 1
        exchange.apply(step)
        for event in step.events:
            if isinstance(event, IntervalSettled):
                for row, member in enumerate(event.members):
                    told = world.bills.get((member, event.interval, event.round))
                    money = {name: column[row] for name, column in event.money.items() if column[row]}
                    changed += told is not None and told.money != money
    return changed


def main() -> None:
    mosquitto = "/usr/sbin/mosquitto"
    programs = postgres_programs()
    assert programs is not None, "chaos needs PostgreSQL"
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        for part in ("broker", "database"):
            (folder / part).mkdir()
        for opened in (folder, folder / "broker"):
            opened.chmod(0o777)
        url, restart = stack.enter_context(postgres_to_restart(programs, folder / "database"))
        faults = ["kill -9", "broker restart", "partition", "database restart"] * 3 + ["kill -9"] * 3
        world = World(folder / "broker", url, mosquitto, seed=1)
        world.draw.shuffle(faults)
        begun = time.monotonic()
        summary = asyncio.run(run(world, faults, 100_000, restart))
        sys.stdout.write(f"{summary}\n{'took':40} {time.monotonic() - begun:.0f} s\n")
        sys.exit(bool(summary.lost or summary.duplicated or summary.bills_changed))


if __name__ == "__main__":
    main()
