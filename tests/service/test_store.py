"""The store: whole batches or nothing, one writer an area, the same on SQLite and PostgreSQL."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest

from gridpact.errors import InputError
from gridpact.exchange import Command, Refused, Step, Tick
from gridpact.exchange.reasons import ReasonCode
from gridpact.service.store import Effect, Snapshot, Store, StoreConflictError, StoreError, open_store
from gridpact.service.store import store as store_module

T = TypeVar("T")


def steps(count: int, start: int = 0) -> list[Step]:
    return [
        Step(at, Command("a", "exchange", f"c{at}", Tick()), (Refused(ReasonCode.STATE, found=f"step {at} ü"),))
        for at in range(start, start + count)
    ]


def on(url: str, act: Callable[[Store], Awaitable[T]]) -> T:
    """Open the store, do something, close it."""

    async def go() -> T:
        async with open_store(url) as store:
            return await act(store)

    return asyncio.run(go())


async def read(store: Store, area: str, since: int = 0) -> list[Step]:
    return [step async for step in store.read(area, since)]


@pytest.fixture
def area() -> str:
    return f"area-{uuid4()}"


def test_what_was_appended_is_read_back_by_the_next_process(database: str, area: str) -> None:
    on(database, lambda store: store.append(area, 0, steps(3)))
    on(database, lambda store: store.append(area, 3, steps(2, 3)))
    assert on(database, lambda store: read(store, area)) == steps(5)
    assert on(database, lambda store: read(store, area, 4)) == steps(1, 4)
    assert on(database, lambda store: store.length(area)) == 5
    assert area in on(database, lambda store: store.areas())


def test_areas_do_not_see_each_other(database: str, area: str) -> None:
    async def act(store: Store) -> tuple[list[Step], int]:
        await store.append(area, 0, steps(2))
        await store.append(area + "-b", 0, steps(1))
        return await read(store, area + "-b"), await store.length(area + "-c")

    assert on(database, act) == (steps(1), 0)


@pytest.mark.parametrize("first", [0, 1, 3, 7])
def test_steps_that_are_not_the_next_ones_are_refused_and_nothing_is_written(
    database: str, area: str, first: int
) -> None:
    on(database, lambda store: store.append(area, 0, steps(2)))
    with pytest.raises(StoreConflictError):
        on(database, lambda store: store.append(area, first, steps(2, first), [Effect(first, 0, "t", b"")]))
    assert on(database, lambda store: read(store, area)) == steps(2)
    assert on(database, lambda store: store.unsent(area)) == []


def test_of_two_writers_one_wins_and_the_other_is_told(database: str, area: str) -> None:
    async def race(store: Store) -> list[BaseException | None]:
        async with open_store(database) as other:
            return await asyncio.gather(
                *(each.append(area, 0, steps(50)) for each in (store, other, store, other)), return_exceptions=True
            )

    outcomes = on(database, race)
    assert outcomes.count(None) == 1
    assert all(isinstance(outcome, StoreConflictError) for outcome in outcomes if outcome is not None), outcomes
    assert on(database, lambda store: read(store, area)) == steps(50)


def test_steps_and_their_messages_are_written_together_or_not_at_all(database: str, area: str) -> None:
    twice = [Effect(0, 0, "topic", b"x"), Effect(0, 0, "topic", b"y")]
    with pytest.raises(StoreError):
        on(database, lambda store: store.append(area, 0, steps(1), twice))
    assert on(database, lambda store: store.length(area)) == 0
    assert on(database, lambda store: store.unsent(area)) == []


def test_messages_stay_until_they_are_known_to_be_sent(database: str, area: str) -> None:
    effects = [Effect(1, 1, "b", b"2", retained=True), Effect(1, 0, "a", b"1"), Effect(0, 0, "a", b"\x00\xff")]
    on(database, lambda store: store.append(area, 0, steps(2), effects))
    assert on(database, lambda store: store.unsent(area)) == [effects[2], effects[1], effects[0]]
    on(database, lambda store: store.sent(area, 1))
    assert on(database, lambda store: store.unsent(area)) == [effects[1], effects[0]]


def test_a_snapshot_replaces_the_one_before(database: str, area: str) -> None:
    assert on(database, lambda store: store.snapshot(area)) is None
    for newest in (Snapshot(3, b"one"), Snapshot(9, b"\x00two")):
        on(database, lambda store, newest=newest: store.keep(area, newest))
        assert on(database, lambda store: store.snapshot(area)) == newest


def test_a_long_history_is_read_in_pieces(database: str, area: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "ROWS_AT_ONCE", 4)
    for count in (7, 8, 9):
        name = f"{area}-{count}"
        on(database, lambda store, name=name, count=count: store.append(name, 0, steps(count)))
        assert on(database, lambda store, name=name: read(store, name)) == steps(count)


def test_what_was_acknowledged_survives_a_killed_process(database: str, area: str) -> None:
    """A process appends as fast as it can and says what is durable; it is killed in the middle."""
    script = textwrap.dedent("""
        import asyncio, sys
        from service.test_store import steps
        from gridpact.service.store import open_store

        async def main(url, area):
            async with open_store(url) as store:
                number = 0
                while True:
                    await store.append(area, number, steps(5, number))
                    number += 5
                    print(number, flush=True)

        asyncio.run(main(*sys.argv[1:]))
    """)
    tests = Path(__file__).resolve().parents[1]
    environment = os.environ | {"PYTHONPATH": str(tests)}
    command = [sys.executable, "-c", script, database, area]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        durable = [int(process.stdout.readline()) for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        durable += [int(line) for line in process.stdout.read().split()]
    kept = on(database, lambda store: read(store, area))
    assert len(kept) >= durable[-1]
    assert len(kept) % 5 == 0
    assert kept == steps(len(kept))


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    import sqlite3

    file = tmp_path / "events.db"
    on(f"sqlite:///{file}", lambda store: store.append("a", 0, steps(1)))
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(InputError, match="version 9999"):
        on(f"sqlite:///{file}", lambda store: store.areas())


@pytest.mark.parametrize("url", ["", "events.db", "mysql://localhost/x", "sqlite", "oracle://u:secret@h/x"])
def test_an_address_that_is_not_of_a_known_database_is_refused_and_no_password_is_shown(url: str) -> None:
    with pytest.raises(InputError, match="sqlite:///FILE") as refused:
        on(url, lambda store: store.areas())
    assert "secret" not in str(refused.value)


def test_a_database_that_cannot_be_reached_is_named_as_such(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/no/folder/events.db", "postgresql://nobody:secret@127.0.0.1:1/none"):
        with pytest.raises(StoreError, match="cannot be used") as refused:
            on(url, lambda store: store.areas())
        assert "secret" not in str(refused.value)


def test_a_restart_reads_the_snapshot_and_what_came_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gridpact.exchange import Exchange
    from gridpact.service import area
    from service.live import AREA
    from service.web import web_live

    said: list[str] = []
    monkeypatch.setattr(area, "SNAPSHOT_EVERY", 10)
    monkeypatch.setattr(area.LOG, "error", lambda text, *of: said.append(text % of))

    async def go() -> None:
        async with web_live(tmp_path) as web:
            await web.trade()
            store = web.area.writer.store
            kept = await store.snapshot(AREA)
            assert kept is not None
            whole = Exchange.from_steps([step async for step in store.read(AREA)], lambda command, key: True)
            assert 10 <= kept.number < web.area.writer.number
            again, number = await area.restore(store, AREA, lambda command, key: True)
            assert (again.state.digest(), number) == (whole.state.digest(), web.area.writer.number)
            await store.keep(AREA, Snapshot(kept.number, b"{}"))
            again, number = await area.restore(store, AREA, lambda command, key: True)
            assert (again.state.digest(), number) == (whole.state.digest(), web.area.writer.number)
            assert said[-1].endswith("all steps are read")

    asyncio.run(go())
