"""A service as a file says: areas side by side, members who join and leave while it runs, TLS, what everybody is told."""

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import httpx
import msgspec
import pytest
from typer.testing import CliRunner

from gridpact.cli import app
from gridpact.client import Market, RefusedError, connect
from gridpact.client.line import Line
from gridpact.errors import InputError
from gridpact.exchange import Bounds, Phase, PlaceOrder
from gridpact.service import market
from gridpact.service.area import StoppedError
from gridpact.service.config import load_config
from gridpact.service.encryption import client_side, server_side
from gridpact.service.enrolment import Pass, read_file
from gridpact.service.market import Service, _tell_to_read_again, one_error, run_service
from gridpact.service.office import Office
from service.servers import free_port

WITHIN_S = 60
BUS = "LV2.101 Bus 23"
CONFIG = """
[broker]
port = 0
[clock]
speed = 60
begin = 2016-06-07T10:00:00Z
[[area]]
name = "north"
open_ahead_minutes = 120
"""


def config(folder: Path, text: str = CONFIG) -> Path:
    path = folder / "service.toml"
    path.write_text(text)
    return path


def office(folder: Path, area: str = "north") -> Office:
    return Office(area, folder / "state" / area)


def join(folder: Path, name: str, area: str = "north") -> Pass:
    return office(folder, area).add(name, BUS, "", "abc", "")


@asynccontextmanager
async def member(service: Service, given: Pass, **options: object) -> AsyncIterator[Market]:
    async with connect(
        service.broker,
        area=given.area,
        member=given.name,
        password=given.password,
        key=given.signing_key,
        **options,  # type: ignore[arg-type]
    ) as market:
        yield market


async def until(condition: object) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.05)


def test_who_joins_while_it_runs_trades_and_who_is_let_go_is_cut_off(tmp_path: Path) -> None:
    async def go() -> None:
        async with run_service(load_config(config(tmp_path))) as service:
            ann = join(tmp_path, "ann")
            await until(lambda: service.accounts.of("ann"))
            async with member(service, ann) as market, asyncio.timeout(WITHIN_S):
                interval = (await market.next_open()).interval
                while interval <= (await market.next_open()).interval:  # those opened before she came are not hers
                    state = service.areas["north"].writer.exchange.state
                    if "ann" in state.intervals[interval].roster.at:
                        break
                    interval = (await market.next_open(interval)).interval
                made = await market.send(PlaceOrder(interval, is_buy=True, energy_wh=500, price=250_000))
                assert made in state.intervals[interval].orders
                office(tmp_path).revoke("ann")
                with pytest.raises(aiomqtt.MqttError):
                    async for _ in market.news():
                        pass
            with pytest.raises(aiomqtt.MqttError):
                async with member(service, ann):
                    pass

    asyncio.run(go())


def test_areas_run_side_by_side_and_their_members_do_not_meet(tmp_path: Path) -> None:
    text = CONFIG + "\n[[area]]\nname = 'south'\nmechanism = 'auction:pay-as-bid'\nopen_ahead_minutes = 30\n"

    async def go() -> None:
        ann, bob = join(tmp_path, "ann"), join(tmp_path, "bob", "south")
        async with run_service(load_config(config(tmp_path, text))) as service:
            assert service.areas["south"].writer.exchange.state.rules.mechanism == "auction:pay-as-bid"
            async with member(service, ann) as north, member(service, bob) as south, asyncio.timeout(WITHIN_S):
                for market in (north, south):
                    interval = (await market.next_open()).interval
                    await market.send(PlaceOrder(interval, is_buy=True, energy_wh=500, price=250_000))
                assert (await north.told_time()).speed == 60
            orders = {
                name: {
                    order.member
                    for each in area.writer.exchange.state.intervals.values()
                    for order in each.orders.values()
                }
                for name, area in service.areas.items()
            }
            assert orders == {"north": {"ann"}, "south": {"bob"}}
            with pytest.raises(aiomqtt.MqttError):
                async with member(service, msgspec.structs.replace(bob, name="ann")):
                    pass

    asyncio.run(go())


def test_one_broker_cannot_tell_two_members_of_one_name_apart(tmp_path: Path) -> None:
    join(tmp_path, "ann")
    join(tmp_path, "ann", "south")
    with pytest.raises(InputError, match="'ann' takes part in two areas"):
        asyncio.run(start(config(tmp_path, CONFIG + "\n[[area]]\nname = 'south'\n")))


def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the service says in its log, whatever other tests have made of logging."""
    said: list[str] = []
    for level in ("warning", "error"):
        monkeypatch.setattr(market.LOG, level, lambda text, *of: said.append(text % of))
    return said


def test_a_name_of_another_area_is_refused_by_the_command_and_ends_no_service_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = heard(monkeypatch)
    path = config(tmp_path, CONFIG + "\n[[area]]\nname = 'south'\n")

    async def go() -> None:
        async with run_service(load_config(path)) as service:
            join(tmp_path, "ann")
            await until(lambda: service.accounts.of("ann"))
            command = [
                "member",
                "add",
                str(path),
                "ann",
                "--area",
                "south",
                "--bus",
                BUS,
                "--passes",
                str(tmp_path / "p"),
            ]
            done = await asyncio.to_thread(CliRunner().invoke, app, command)
            assert "'ann' takes part in area north" in str(done.exception)
            assert not (tmp_path / "p" / "ann.json").exists()
            join(tmp_path, "ann", "south")  # by other means
            await until(lambda: any("the accounts stay" in text for text in said))
            assert service.accounts.of("ann") is not None

    asyncio.run(go())


def test_a_pass_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "passes").mkdir()
    (tmp_path / "passes" / "ann.json").write_text("somebody's")
    command = ["member", "add", str(config(tmp_path)), "ann", "--bus", BUS, "--passes", str(tmp_path / "passes")]
    done = CliRunner().invoke(app, command)
    assert "ann.json is there already" in str(done.exception)
    assert (tmp_path / "passes" / "ann.json").read_text() == "somebody's"
    assert office(tmp_path).register().members() == ()


def test_a_second_service_is_kept_out_of_the_folder_of_the_first(tmp_path: Path) -> None:
    async def go() -> None:
        path = config(tmp_path)
        async with run_service(load_config(path)):
            with pytest.raises(InputError, match="another service runs in this folder"):
                await start(path)
        await start(path)

    asyncio.run(go())


@pytest.mark.parametrize("text", ["", "x", str(2**22 + 1), pytest.param(str(os.getpid()), id="of this process")])
def test_a_number_that_is_not_mosquittos_is_told_nothing(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = heard(monkeypatch)
    (tmp_path / "mosquitto.pid").write_text(text)
    _tell_to_read_again(tmp_path / "mosquitto.pid")
    assert "was not told" in said[0]


def test_an_area_that_nobody_has_joined_yet_goes_from_gate_to_gate(tmp_path: Path) -> None:
    path = config(tmp_path, CONFIG.replace("speed = 60", "speed = 3600"))

    async def go() -> None:
        async with run_service(load_config(path)) as service:
            state = service.areas["north"].writer.exchange.state
            await until(
                lambda: any(each.phase == Phase.SETTLED for each in state.intervals.values()) or state.final > 0
            )

    asyncio.run(go())


def test_an_error_leaves_as_itself_without_what_follows_from_it() -> None:
    async def fails(error: Exception) -> None:
        raise error

    async def go() -> None:
        async with one_error(), asyncio.TaskGroup() as tasks:
            for error in (StoppedError("one"), InputError("the cause"), StoppedError("two")):
                tasks.create_task(fails(error))

    with pytest.raises(InputError, match="the cause"):
        asyncio.run(go())


async def start(path: Path) -> None:
    async with run_service(load_config(path)):
        pass


def test_an_area_keeps_the_rules_that_it_began_with(tmp_path: Path) -> None:
    asyncio.run(start(config(tmp_path)))
    with pytest.raises(InputError, match="gate_closure_ms = 3600000"):
        asyncio.run(start(config(tmp_path, CONFIG + "gate_closure_minutes = 30")))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("mechanism = 'auction:english'", "north.*auction:english"),
        ("mechanism = 'pool:sdr'", "north.*pool:sdr"),
    ],
)
def test_rules_that_make_no_area_are_refused(line: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        asyncio.run(start(config(tmp_path, CONFIG + line)))


def test_time_books_and_bounds_are_retained_for_who_comes_late(tmp_path: Path) -> None:
    async def go() -> dict[str, Any]:
        ann, bob = join(tmp_path, "ann"), join(tmp_path, "bob")
        found: dict[str, Any] = {}
        async with run_service(load_config(config(tmp_path))) as service, member(service, ann) as market:
            async with asyncio.timeout(WITHIN_S):
                interval = (await market.next_open()).interval
                await market.send(PlaceOrder(interval, is_buy=True, energy_wh=500, price=250_000))
                await market.send(PlaceOrder(interval, is_buy=True, energy_wh=300, price=250_000))
            book = f"gridpact/v1/north/interval/{interval}/book"
            shown = service.areas["north"].board.shown
            await until(lambda: b"800" in shown.get(book, b""))
            port = int(service.broker.rpartition(":")[2])
            async with (
                Line("127.0.0.1", port, username="bob", password=bob.password, identifier="bob") as line,
                asyncio.timeout(WITHIN_S),
            ):
                for topic in ("gridpact/v1/north/clock", book, book.replace("book", "limits")):
                    await line.subscribe(topic, qos=1)
                async for message in line.messages:
                    said = json.loads(bytes(message.payload))
                    found[said["kind"]] = said
                    if {"clockis", "bookis", "limitsare"} <= found.keys():
                        break
        return found

    said = asyncio.run(go())
    assert said["bookis"]["buy"] == [{"price": 250_000, "energy_wh": 800, "orders": 2}]
    assert said["limitsare"]["most_wh"] == 100_000
    assert said["clockis"]["gate_closure_ms"] == 3_600_000


def certificate(folder: Path) -> None:
    """Self-signed, for the loopback, with its key."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )


def test_broker_and_pages_are_encrypted_and_a_stranger_is_not_believed(tmp_path: Path) -> None:
    import httpx

    certificate(tmp_path)
    files = "certificate = 'cert.pem'\nkey = 'key.pem'\n"
    text = f"[broker]\nport = 0\nhost = '0.0.0.0'\n{files}[web]\n{files}[[area]]\nname = 'north'\nport = 0\n"

    async def go() -> None:
        ann = join(tmp_path, "ann")
        async with run_service(load_config(config(tmp_path, text))) as service:
            assert service.broker.startswith("mqtts://")
            async with member(service, ann, tls=client_side(tmp_path / "cert.pem")) as market:
                await asyncio.wait_for(market.told_time(), WITHIN_S)
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection(
                    "127.0.0.1",
                    int(service.broker.rpartition(":")[2]),
                    ssl=client_side(None),
                    server_hostname="localhost",
                )
            address = service.areas["north"].address
            async with httpx.AsyncClient(verify=client_side(tmp_path / "cert.pem")) as client:
                assert (await client.get(f"{address}api/v1/clock")).status_code == 200
                assert (
                    await client.get(f"{address}home", headers={"authorization": f"Bearer {ann.token}"})
                ).status_code == 200

    asyncio.run(go())


def test_files_that_are_no_certificates_are_named(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    with pytest.raises(InputError, match=r"cert\.pem"):
        server_side(tmp_path / "cert.pem", tmp_path / "cert.pem")
    with pytest.raises(InputError, match=r"cert\.pem"):
        client_side(tmp_path / "cert.pem")


def test_a_member_is_enrolled_run_and_let_go_by_commands(tmp_path: Path) -> None:
    path = config(tmp_path)
    profile = tmp_path / "profile.csv"
    profile.write_text("start,load_kw,pv_kw\n2016-06-07T00:00:00Z,1.0,0\n2016-06-07T00:15:00Z,1.2,0\n")

    def gridpact(*arguments: object) -> str:
        done = CliRunner().invoke(app, ["member", *map(str, arguments)])
        assert done.exception is None
        return done.output

    async def go() -> None:
        assert "ann" in gridpact("add", path, "ann", "--bus", BUS, "--passes", tmp_path / "passes")
        assert read_file(tmp_path / "passes" / "ann.json", Pass).token
        async with run_service(load_config(path)) as service:
            command = [sys.executable, "-m", "gridpact", "member", "run", str(tmp_path / "passes" / "ann.json")]
            command += ["--profile", str(profile), "--broker", service.broker]
            process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            state = service.areas["north"].writer.exchange.state
            await until(lambda: any(each.orders for each in state.intervals.values()))
            process.send_signal(signal.SIGINT)
            said, errors = await asyncio.wait_for(process.communicate(), WITHIN_S)
            assert (said, errors, process.returncode) == (b"ann: trading in north\n", b"", 0)
        gridpact("revoke", path, "ann")
        assert "revoked" in gridpact("list", path)

    asyncio.run(go())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add"], "nobody"),
        (["add", "ann"], "member ann, --bus: bus ''"),
        (["add", "ann", "--bus", "nowhere"], "bus 'nowhere'"),
        (["add", "ann", "--bus", BUS, "--zone", "far"], "zone 'far'"),
        (["add", "ann", "--bus", BUS, "--phase", "d"], "phase 'd'"),
        (["add", "ann", "--everybody"], "both a name and everybody"),
        (["add", "a+b", "--bus", BUS], "member 'a+b'; accepted: up to 58 characters"),
        (["add", "x/y", "--bus", BUS], "member 'x/y'"),
        (["add", " ann", "--bus", BUS], "member ' ann'"),
        (["add", "n" * 59, "--bus", BUS], "member 'nnn"),
        (["add", "exchange", "--bus", BUS], "member 'exchange'"),
        (["add", "head-south", "--bus", BUS], "member 'head-south'"),
        (["revoke", "ann"], "no member 'ann'"),
        (["list", "--area", "nroth"], "did you mean 'north'"),
    ],
)
def test_a_mistake_in_a_command_is_named(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["member", arguments[0], str(config(tmp_path)), *arguments[1:]])
    assert isinstance(done.exception, InputError)
    assert says in str(done.exception)


def test_areas_of_one_port_share_an_address_and_a_bound_member_is_held_to_it(tmp_path: Path) -> None:
    """The operator binds ann by a command beside the service: her order is refused before it enters the book."""
    port = free_port()
    text = CONFIG + f"port = {port}\n[[area]]\nname = 'south'\nport = {port}\nopen_ahead_minutes = 30\n"

    async def go() -> None:
        ann, _ = join(tmp_path, "ann"), join(tmp_path, "bob", "south")
        path = config(tmp_path, text)
        async with run_service(load_config(path)) as service, asyncio.timeout(WITHIN_S):
            addresses = {name: area.address for name, area in service.areas.items()}
            assert addresses == {name: f"http://127.0.0.1:{port}/areas/{name}/" for name in ("north", "south")}
            async with httpx.AsyncClient() as browser:
                listed = (await browser.get(f"http://127.0.0.1:{port}/api/v1/areas")).json()
                assert [area["name"] for area in listed] == ["north", "south"]
                seen = await browser.get(f"{addresses['north']}home", headers={"authorization": f"Bearer {ann.token}"})
                assert seen.status_code == 200
            bound = await asyncio.to_thread(
                CliRunner().invoke, app, ["member", "bind", str(path), "ann", "--area", "north", "--most-wh", "400"]
            )
            assert (bound.exit_code, bound.output) == (0, "ann: bound\n")
            await until(lambda: service.areas["north"].writer.exchange.state.bounds)
            async with member(service, ann) as market:
                interval = (await market.next_open()).interval
                with pytest.raises(RefusedError, match="LIMIT"):
                    await market.send(PlaceOrder(interval, is_buy=True, energy_wh=500, price=250_000))
                await market.send(PlaceOrder(interval, is_buy=True, energy_wh=400, price=250_000))
            office(tmp_path).bind("ann", Bounds())
            await until(lambda: not service.areas["north"].writer.exchange.state.bounds)

    asyncio.run(go())


def test_only_who_is_enrolled_can_be_bound(tmp_path: Path) -> None:
    join(tmp_path, "ann")
    with pytest.raises(InputError, match="no member 'anna'"):
        office(tmp_path).bind("anna", Bounds(most_wh=1))
