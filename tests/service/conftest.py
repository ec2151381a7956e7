"""Databases and brokers of both kinds."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from gridpact.service.broker import Account
from gridpact.service.broker.embedded import embedded_broker
from service.servers import mosquitto, postgres, postgres_programs

Brokers: TypeAlias = Callable[[str, list[Account]], AbstractAsyncContextManager[int]]
"""Starts a broker for an area with these accounts; gives its port."""


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory, absent: Any) -> Iterator[str]:
    """A PostgreSQL server with an empty database."""
    programs = postgres_programs()
    if programs is None:
        absent("no PostgreSQL on this machine: no pg_ctl")
    with postgres(programs, tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def mosquitto_program(absent: Any) -> str:
    """Mosquitto, if it is on this machine."""
    found = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
    if found is None:
        absent("no Mosquitto on this machine")
    return str(found)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that works; of PostgreSQL, one that earlier tests may have used for other areas."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'events.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(params=["embedded", "mosquitto"])
def brokers(request: pytest.FixtureRequest, tmp_path: Path) -> Brokers:
    """A broker of each kind."""
    if request.param == "embedded":
        return embedded_broker
    program = request.getfixturevalue("mosquitto_program")

    @asynccontextmanager
    async def start(area: str, accounts: list[Account]) -> AsyncIterator[int]:
        with mosquitto(program, tmp_path, area, accounts) as port:
            yield port

    return start
