"""The configuration of a service: broker, store, clock, web and areas, read from TOML and checked before anything runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct
from msgspec import field as key
from sqlalchemy.engine import make_url

from gridpact.client.client import broker_line, is_loopback, refuse_plain
from gridpact.community.decode import decode, located, read_text, read_toml
from gridpact.errors import InputError, nearest_name
from gridpact.exchange.acceptance import Policy
from gridpact.exchange.monitor import Thresholds
from gridpact.exchange.rules import MINUTE
from gridpact.exchange.values import EnergyWh, Name
from gridpact.service.store import check_url
from gridpact.units import MICRO

Port = Annotated[int, Meta(ge=0, le=65535)]
Minutes = Annotated[int, Meta(ge=0, le=60 * 24 * 366)]
EMBEDDED_PORT, WEB_PORT = 1883, 8000
TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""Of PostgreSQL."""
EXTERNAL_ONLY, EMBEDDED_ONLY = ("ca", "user", "password_file"), ("host", "port", "certificate", "key")


class BrokerTable(Struct, frozen=True, forbid_unknown_fields=True):
    """``[broker]``: with ``url`` a broker that runs elsewhere, without it one inside of the process.

    Attributes
    ----------
    url
        ``mqtt://HOST:PORT`` or ``mqtts://HOST:PORT``.
    ca
        Certificate of whoever signed the broker's; without it the system decides whom to trust.
    user, password_file
        With which the exchange logs in; without them as the accounts say that the service writes for Mosquitto.
    host, port, certificate, key
        Where the embedded broker listens, and its TLS certificate with private key (PEM).
    mosquitto
        Folder in which passwords and rights are kept for Mosquitto, and written anew whenever somebody joins or leaves.
    pid_file
        Of that Mosquitto, which then is told to read them again.
    plain
        Allows an unencrypted line beyond the loopback.
    """

    url: str = ""
    ca: str = ""
    user: str = ""
    password_file: str = ""
    host: str = ""
    port: Port | None = None
    certificate: str = ""
    key: str = ""
    mosquitto: str = ""
    pid_file: str = ""
    plain: bool = False


class StoreTable(Struct, frozen=True, forbid_unknown_fields=True):
    """``[store]``: where events are kept.

    Attributes
    ----------
    url
        ``sqlite:///FILE``, relative to the folder of the service, or ``postgresql://USER@HOST/DATABASE``; beyond
        the loopback with TLS, unless it ends with ``?ssl=disable`` or another mode of PostgreSQL.
    password_file
        Of the user of the database.
    """

    url: str = "sqlite:///events.db"
    password_file: str = ""


class WebTable(Struct, frozen=True, forbid_unknown_fields=True):
    """``[web]``: where the pages and REST of the areas are; the port is the area's.

    Attributes
    ----------
    host
        Address to listen on.
    names
        Under which it answers; a request for another name is refused.
    certificate, key
        TLS, PEM.
    plain
        Allows unencrypted pages beyond the loopback: behind a proxy that encrypts.
    """

    host: str = "127.0.0.1"
    names: list[str] = key(default_factory=lambda: ["127.0.0.1", "localhost"])
    certificate: str = ""
    key: str = ""
    plain: bool = False


class ClockTable(Struct, frozen=True, forbid_unknown_fields=True):
    """``[clock]``.

    Attributes
    ----------
    speed
        How many times as fast as the wall clock; 1 is the wall clock itself.
    begin
        When a fast clock begins that has no past: RFC 3339 with an offset. Without it, now.
    """

    speed: Annotated[float, Meta(ge=1, le=3600)] = 1.0
    begin: datetime | None = None


class AreaTable(Struct, frozen=True, forbid_unknown_fields=True):
    """``[[area]]``: one market area.

    Attributes
    ----------
    name
        Unique; stands in the topics.
    community
        Its community file, relative to this one; without it the built-in community.
    mechanism, options
        Registered name of the mechanism that brings about its trades, and its options; empty for none.
    pool, pool_options
        Registered name of the rule by which members share what nobody has traded, after delivery; empty for none.
    continuous
        Whether orders also trade as they come.
    policy
        Of the DSO: which orders give way.
    port
        Of its web page; None for none, 0 for a free one. Areas of one port share it, each below ``/areas/<name>/``.
    gate_closure_minutes, settle_after_minutes, correct_within_minutes
        See `gridpact.exchange.Rules`.
    open_ahead_minutes
        How long before its gate closes an interval is open for bidding.
    day_minutes, day_lead_minutes
        Of an equilibrium: how long a day is that is planned as one, and how long before the first gate of it planning begins.
    most_wh, most_price, most_messages
        Bounds of each member, likewise; the price in currency per kWh.
    monitor
        ``[area.monitor]``: from when on the market monitor speaks, see `gridpact.exchange.monitor.Thresholds`.
    """

    name: Name
    community: str = ""
    mechanism: Annotated[str, Meta(max_length=64)] = "auction:uniform"
    options: dict[str, str | int] = key(default_factory=dict)
    pool: Annotated[str, Meta(max_length=64)] = ""
    pool_options: dict[str, str | int] = key(default_factory=dict)
    continuous: bool = False
    policy: str = Policy.PRO_RATA.value
    port: Port | None = None
    gate_closure_minutes: Minutes = 60
    settle_after_minutes: Minutes = 24 * 60
    correct_within_minutes: Minutes = 14 * 24 * 60
    open_ahead_minutes: Annotated[int, Meta(ge=1, le=60 * 24 * 7)] = 24 * 60
    day_minutes: Annotated[int, Meta(ge=1, le=60 * 24 * 7)] = 24 * 60
    day_lead_minutes: Annotated[int, Meta(ge=1, le=60 * 24)] = 60
    most_wh: EnergyWh = 100_000
    most_price: Annotated[float, Meta(gt=0, le=1_000)] = 2.0
    most_messages: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    monitor: Thresholds = Thresholds()


class ConfigTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file.

    Attributes
    ----------
    folder
        Where the service keeps keys, registers and, if it is SQLite, its store; relative to this file.
    log
        How the service writes down what it does: ``text`` or ``json``, one object a line.
    """

    area: list[AreaTable]
    folder: str = "state"
    log: str = "text"
    broker: BrokerTable = BrokerTable()
    store: StoreTable = StoreTable()
    web: WebTable = WebTable()
    clock: ClockTable = ClockTable()


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate with its private key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Embedded:
    """A broker inside of the process."""

    host: str
    port: int
    tls: Tls | None


@dataclass(frozen=True, slots=True)
class External:
    """A broker that runs elsewhere; an empty user logs in as the service's own accounts say."""

    url: str
    ca: Path | None
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mosquitto:
    """Files that are written for Mosquitto, and how it is told."""

    folder: Path
    pid_file: Path | None


@dataclass(frozen=True, slots=True)
class Web:
    """Where pages are served."""

    host: str
    names: tuple[str, ...]
    tls: Tls | None


@dataclass(frozen=True, slots=True)
class Area:
    """A market area as it is configured; `gridpact.service.conduct` says what comes of the mechanism.

    Attributes
    ----------
    name, mechanism, options, pool, pool_options, continuous, policy, port
        As in `AreaTable`.
    community
        Its community file; None for the built-in one.
    open_ahead_ms
        How long before its gate closes an interval is open for bidding.
    day_ms, day_lead_ms
        Of an equilibrium, as in `AreaTable`.
    bounds
        Fields of `gridpact.exchange.Rules`.
    monitor
        From when on the market monitor speaks.
    """

    name: str
    community: Path | None
    mechanism: str
    options: Mapping[str, str | int]
    pool: str
    pool_options: Mapping[str, str | int]
    continuous: bool
    policy: Policy
    port: int | None
    open_ahead_ms: int
    day_ms: int
    day_lead_ms: int
    bounds: Mapping[str, int]
    monitor: Thresholds


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """A service as it is configured: everything that can be checked without starting it has been.

    Attributes
    ----------
    path
        The file.
    folder
        Of the service.
    store
        URL of the database.
    speed
        Of the clock; 1 is the wall clock.
    begin_ms
        When a fast clock without a past begins; None for now.
    """

    path: Path
    folder: Path
    broker: Embedded | External
    mosquitto: Mosquitto | None
    store: str = field(repr=False)
    web: Web
    speed: float
    begin_ms: int | None
    areas: tuple[Area, ...]
    json_log: bool

    def area(self, name: str = "") -> Area:
        """An area by its name; without one the only area.

        Raises
        ------
        InputError
            If there is no such area, or several and none is named.
        """
        names = [area.name for area in self.areas]
        if not name and len(names) == 1:
            return self.areas[0]
        if name not in names:
            found = f"no area {name!r}{nearest_name(name, names)}" if name else f"{len(names)} areas and none is named"
            raise InputError(found, place=f"{self.path}, --area", accepted=", ".join(names))
        return self.areas[names.index(name)]

    def area_folder(self, name: str) -> Path:
        """Where the keys and the register of an area are kept."""
        return self.folder / name


def load_config(path: Path) -> ServiceConfig:
    """Read and check the configuration of a service.

    Raises
    ------
    InputError
        For the first thing that cannot be used, with file, table, key, what was found and what is accepted.
    """
    table = decode(read_toml(path), ConfigTable, place=str(path))
    base = path.parent
    folder = base / table.folder
    if table.log not in ("text", "json"):
        raise InputError(f"log {table.log!r}", place=str(path), accepted="text or json")
    broker, mosquitto = _broker(table.broker, base, f"{path}: [broker]")
    web = _web(table.web, base, f"{path}: [web]")
    begin_ms = _begin(table.clock, f"{path}: [clock] begin")
    return ServiceConfig(
        path,
        folder,
        broker,
        mosquitto,
        _store(table.store, base, folder, f"{path}: [store]"),
        web,
        table.clock.speed,
        begin_ms,
        _areas(table.area, base, str(path)),
        table.log == "json",
    )


def _broker(table: BrokerTable, base: Path, place: str) -> tuple[Embedded | External, Mosquitto | None]:
    if table.pid_file and not table.mosquitto:
        raise InputError(
            "pid_file without mosquitto", place=place, accepted="the folder of Mosquitto's files beside it"
        )
    mosquitto = None
    if table.mosquitto:
        mosquitto = Mosquitto(base / table.mosquitto, base / table.pid_file if table.pid_file else None)
    for name in EMBEDDED_ONLY if table.url else EXTERNAL_ONLY:
        if getattr(table, name) not in ("", None):
            other = "with url, of a broker elsewhere," if table.url else "without url, of the embedded broker,"
            fits = EXTERNAL_ONLY if table.url else EMBEDDED_ONLY
            raise InputError(f"{name} {other} has no meaning", place=place, accepted=", ".join(fits))
    if not table.url:
        if mosquitto is not None:
            raise InputError("mosquitto without url", place=place, accepted="url of the broker that reads these files")
        host = table.host or "127.0.0.1"
        tls = _tls(table.certificate, table.key, base, place)
        refuse_plain(host, tls is not None, table.plain, "certificate and key, or plain = true", place)
        return Embedded(host, EMBEDDED_PORT if table.port is None else table.port, tls), None
    return _external(table, base, place), mosquitto


def _external(table: BrokerTable, base: Path, place: str) -> External:
    with located(f"{place} url"):
        line = broker_line(table.url, None)
    if "@" in urlsplit(table.url).netloc:
        raise InputError("credentials in the URL", place=f"{place} url", accepted="user and password_file")
    encrypted = line["tls_context"] is not None
    refuse_plain(line["hostname"], encrypted, table.plain, "mqtts://, or plain = true", place)
    if table.ca and not encrypted:
        raise InputError("ca on an unencrypted line", place=f"{place} ca", accepted="mqtts://")
    if bool(table.user) != bool(table.password_file):
        raise InputError("one of user and password_file", place=place, accepted="both or none")
    if not table.user and not table.mosquitto:
        found = "nothing says how the exchange logs in"
        raise InputError(found, place=place, accepted="user and password_file, or mosquitto")
    password = _secret(base / table.password_file, f"{place} password_file") if table.password_file else ""
    ca = _file(table.ca, base, f"{place} ca") if table.ca else None
    return External(table.url, ca, table.user, password)


def _tls(certificate: str, private: str, base: Path, place: str) -> Tls | None:
    if not certificate and not private:
        return None
    if not certificate or not private:
        raise InputError("one of certificate and key", place=place, accepted="both or none")
    return Tls(_file(certificate, base, f"{place} certificate"), _file(private, base, f"{place} key"))


def _file(name: str, base: Path, place: str) -> Path:
    path = base / name
    if not path.is_file():
        raise InputError(f"there is no file {path}", place=place, accepted="a file, relative to the configuration")
    return path


def _secret(path: Path, place: str) -> str:
    with located(place):
        return read_text(path).strip()


def _store(table: StoreTable, base: Path, folder: Path, place: str) -> str:
    password = _secret(base / table.password_file, f"{place} password_file") if table.password_file else ""
    with located(f"{place} url"):
        return _over_tls(check_url(table.url, folder, password))


def _over_tls(url: str) -> str:
    """The address of a database, with TLS unless it is on the loopback, or says itself how it is to be encrypted.

    asyncpg takes as ``ssl`` what others call ``sslmode``, and encrypts no Unix socket whatever it says.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        return url
    query = dict(parsed.query)
    if "sslmode" in query:
        query.setdefault("ssl", query.pop("sslmode"))
    if "ssl" not in query and ("host" in query or not is_loopback(parsed.host or "")):
        query["ssl"] = "require"
    if query.get("ssl", "prefer") not in TLS_MODES:
        raise InputError(f"ssl {query['ssl']!r}", accepted=", ".join(TLS_MODES))
    return parsed.set(query=query).render_as_string(hide_password=False)


def _web(table: WebTable, base: Path, place: str) -> Web:
    tls = _tls(table.certificate, table.key, base, place)
    refuse_plain(table.host, tls is not None, table.plain, "certificate and key, or plain = true", place)
    if not table.names:
        raise InputError("no names", place=f"{place} names", accepted="names under which the pages are reached")
    return Web(table.host, tuple(table.names), tls)


def _begin(table: ClockTable, place: str) -> int | None:
    if table.begin is None:
        return None
    if table.speed == 1:
        raise InputError("begin of the wall clock", place=place, accepted="begin with a speed above 1")
    if table.begin.tzinfo is None:
        raise InputError(f"{table.begin} has no offset", place=place, accepted="a time such as 2025-06-01T10:00:00Z")
    return round(table.begin.astimezone(UTC).timestamp() * 1000)


def _areas(tables: list[AreaTable], base: Path, place: str) -> tuple[Area, ...]:
    if not tables:
        raise InputError("no area", place=place, accepted="one [[area]] or several")
    names = [table.name for table in tables]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"name {twice} of two areas", place=f"{place}: [[area]]", accepted="one of its own each")
    return tuple(_area(table, base, f"{place}: [[area]] {table.name},") for table in tables)


def _area(table: AreaTable, base: Path, place: str) -> Area:
    policies = [str(policy) for policy in Policy]
    if table.policy not in policies:
        close = nearest_name(table.policy, policies)
        raise InputError(f"policy {table.policy!r}{close}", place=f"{place} policy", accepted=", ".join(policies))
    if table.correct_within_minutes < table.settle_after_minutes:
        found = f"{table.correct_within_minutes}, before settlement"
        accepted = f"at least settle_after_minutes = {table.settle_after_minutes}"
        raise InputError(found, place=f"{place} correct_within_minutes", accepted=accepted)
    if table.monitor.least > table.monitor.window:
        found = f"{table.monitor.least}, more intervals than the window has"
        raise InputError(found, place=f"{place} monitor, least", accepted=f"at most window = {table.monitor.window}")
    return Area(
        table.name,
        _file(table.community, base, f"{place} community") if table.community else None,
        table.mechanism,
        dict(table.options),
        table.pool,
        dict(table.pool_options),
        table.continuous,
        Policy(table.policy),
        table.port,
        table.open_ahead_minutes * MINUTE,
        table.day_minutes * MINUTE,
        table.day_lead_minutes * MINUTE,
        {
            "gate_closure_ms": table.gate_closure_minutes * MINUTE,
            "settle_after_ms": table.settle_after_minutes * MINUTE,
            "correct_within_ms": table.correct_within_minutes * MINUTE,
            "most_wh": table.most_wh,
            "most_price": round(table.most_price * MICRO),
            "most_messages": table.most_messages,
        },
        table.monitor,
    )
