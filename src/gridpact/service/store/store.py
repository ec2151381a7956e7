"""Append, read, snapshot: the few things that are done with the events of an area."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, delete, event, func, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gridpact.errors import InputError
from gridpact.exchange import Step
from gridpact.service.store.errors import StoreConflictError, StoreError
from gridpact.service.store.tables import JOURNAL, OUTBOX, SNAPSHOT

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
REACHED_WITHIN_S, ANSWERED_WITHIN_S = 10.0, 60.0
"""For a database on a server: a network that swallows packets holds up nobody longer."""
ROWS_AT_ONCE = 10_000
"""Steps that are read in one go, so that the memory of a restart does not grow with the history."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A message that follows from a step, to be handed to the broker after the step is durable.

    Attributes
    ----------
    number
        Of the step.
    place
        Its place among the messages of the step.
    topic, payload, retained
        What is published.
    """

    number: int
    place: int
    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of an area after all steps before ``number``, in the exchange's own encoding."""

    number: int
    state: bytes


@asynccontextmanager
async def open_store(url: str) -> AsyncIterator["Store"]:
    """Open a database and bring it to this version.

    Parameters
    ----------
    url
        ``sqlite:///FILE``, or ``postgresql://USER:PASSWORD@HOST/DATABASE``.

    Raises
    ------
    InputError
        If the URL cannot be read, names another kind of database, or the database is of a newer version than this program.
    StoreError
        If the database cannot be reached.
    """
    address = _async_url(url)
    _check_folder(address)
    bounded = {"timeout": REACHED_WITHIN_S, "command_timeout": ANSWERED_WITHIN_S}
    is_server = make_url(address).get_backend_name() == "postgresql"
    engine = create_async_engine(address, pool_pre_ping=True, connect_args=bounded if is_server else {})
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    try:
        async with _transaction(engine) as connection:
            await connection.run_sync(_migrate)
        yield Store(engine)
    finally:
        await engine.dispose()


def check_url(url: str, folder: Path, password: str = "") -> str:
    """The address of a database, with the path of a file relative to a folder, and a password kept elsewhere.

    Raises
    ------
    InputError
        If it is none of the two kinds, or says a password itself and one is kept elsewhere.

    Examples
    --------
    >>> check_url("sqlite:///events.db", Path("/srv/market"))
    'sqlite:////srv/market/events.db'
    """
    parsed = make_url(_async_url(url))
    kind = parsed.get_backend_name()
    if password and (kind == "sqlite" or parsed.password):
        raise InputError("a password beside the URL", accepted="postgresql://USER@HOST/DATABASE")
    if kind == "sqlite" and not parsed.database:
        raise InputError("a database in memory", accepted="sqlite:///FILE")
    if kind == "sqlite":
        parsed = parsed.set(database=str(folder / str(parsed.database)))
    return parsed.set(drivername=kind, password=password or parsed.password).render_as_string(hide_password=False)


class Store:
    """The events of all areas. Made by `open_store`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def areas(self) -> tuple[str, ...]:
        """The names of all areas that have a step, in order."""
        async with _transaction(self._engine) as connection:
            rows = await connection.execute(
                select(JOURNAL.c.area).where(JOURNAL.c.number == 0).order_by(JOURNAL.c.area)
            )
            return tuple(rows.scalars())

    async def length(self, area: str) -> int:
        """How many steps an area has: the number of the next one."""
        async with _transaction(self._engine) as connection:
            newest = await connection.scalar(select(func.max(JOURNAL.c.number)).where(JOURNAL.c.area == area))
            return 0 if newest is None else int(newest) + 1

    async def append(self, area: str, first: int, steps: Sequence[Step], effects: Sequence[Effect] = ()) -> None:
        """Write steps and what follows from them: all of it or nothing.

        Parameters
        ----------
        area
            Name of the area.
        first
            Number of the first step: how many the area has.
        steps
            In order.
        effects
            Messages, each of one of these steps.

        Raises
        ------
        StoreConflictError
            If the area has another number of steps.
        StoreError
            If the database cannot be used at the moment.
        """
        rows = [{"area": area, "number": at, "step": msgspec.json.encode(step)} for at, step in enumerate(steps, first)]
        messages = [{"area": area, **_columns(effect)} for effect in effects]
        if not rows:
            return
        async with _transaction(self._engine) as connection:
            before = await connection.scalar(
                select(func.max(JOURNAL.c.number)).where(JOURNAL.c.area == area, JOURNAL.c.number >= first - 1)
            )
            if (-1 if before is None else before) != first - 1:
                raise StoreConflictError(f"area {area}: step {first} is not the next one")
            try:
                await connection.execute(insert(JOURNAL), rows)
            except IntegrityError as error:
                raise StoreConflictError(
                    f"area {area}: somebody else has written step {first} or a later one"
                ) from error
            if messages:
                await connection.execute(insert(OUTBOX), messages)

    async def read(self, area: str, since: int = 0, most: int | None = None) -> AsyncIterator[Step]:
        """The steps of an area from a number on, in order; no more than ``most``."""
        decode = msgspec.json.Decoder(Step).decode
        left = ROWS_AT_ONCE if most is None else most
        while left > 0:
            count = min(left, ROWS_AT_ONCE)
            wanted = (
                select(JOURNAL.c.step)
                .where(JOURNAL.c.area == area, JOURNAL.c.number >= since)
                .order_by(JOURNAL.c.number)
                .limit(count)
            )
            async with _transaction(self._engine) as connection:
                rows = (await connection.execute(wanted)).scalars().all()
            for row in rows:
                yield decode(row)
            if len(rows) < count:
                return
            since += len(rows)
            left = ROWS_AT_ONCE if most is None else left - count

    async def unsent(self, area: str) -> list[Effect]:
        """Messages that have not been handed to the broker for certain, in the order in which they arose."""
        wanted = select(OUTBOX).where(OUTBOX.c.area == area).order_by(OUTBOX.c.number, OUTBOX.c.place)
        async with _transaction(self._engine) as connection:
            rows = await connection.execute(wanted)
            return [Effect(row.number, row.place, row.topic, row.payload, row.retained) for row in rows]

    async def sent(self, area: str, until: int) -> None:
        """Forget the messages of all steps before ``until``: the broker has them."""
        async with _transaction(self._engine) as connection:
            await connection.execute(delete(OUTBOX).where(OUTBOX.c.area == area, OUTBOX.c.number < until))

    async def snapshot(self, area: str) -> Snapshot | None:
        """The newest snapshot of an area, if there is one."""
        wanted = select(SNAPSHOT.c.number, SNAPSHOT.c.state).where(SNAPSHOT.c.area == area)
        async with _transaction(self._engine) as connection:
            row = (await connection.execute(wanted)).one_or_none()
            return None if row is None else Snapshot(row.number, row.state)

    async def keep(self, area: str, snapshot: Snapshot) -> None:
        """Keep a snapshot in place of an earlier one."""
        async with _transaction(self._engine) as connection:
            changed = await connection.execute(
                update(SNAPSHOT).where(SNAPSHOT.c.area == area).values(number=snapshot.number, state=snapshot.state)
            )
            if not changed.rowcount:
                await connection.execute(
                    insert(SNAPSHOT).values(area=area, number=snapshot.number, state=snapshot.state)
                )


@asynccontextmanager
async def _transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction; what the database or the way to it does wrong is one kind of error."""
    try:
        async with engine.begin() as connection:
            yield connection
    except (DBAPIError, OSError) as error:
        raise StoreError(f"the database cannot be used: {str(error).splitlines()[0]}") from error


def _columns(effect: Effect) -> dict[str, Any]:
    return {
        "number": effect.number,
        "place": effect.place,
        "topic": effect.topic,
        "payload": effect.payload,
        "retained": effect.retained,
    }


def _async_url(url: str) -> str:
    try:
        parsed = make_url(url)
        kind = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError):
        kind = ""
    if kind not in DRIVERS:
        raise InputError(
            "the address of the database cannot be used",
            place="database",
            accepted="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE",
        )
    return parsed.set(drivername=DRIVERS[kind]).render_as_string(hide_password=False)


def _check_folder(address: str) -> None:
    """A file needs its folder: found out here, before a connection with a thread of its own is half made."""
    parsed = make_url(address)
    if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).parent.is_dir():
        raise StoreError(f"the database cannot be used: there is no folder {Path(parsed.database).parent}")


def _set_up_sqlite(connection: Any, _record: object) -> None:
    """A write-ahead log that is on disk when a transaction ends; wait for another process instead of failing at once."""
    cursor = connection.cursor()
    for setting in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 10000"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in known:
        raise InputError(
            f"the database is of version {found}, which this program does not know",
            place="database",
            accepted=f"a version up to {max(known)}",
        )
    command.upgrade(config, "head")
