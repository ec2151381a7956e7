"""What a service is configured with, and what each mistake is answered with."""

from pathlib import Path

import pytest

from gridpact.errors import InputError
from gridpact.service.config import Embedded, External, load_config

AREA = '[[area]]\nname = "north"\n'


def config(folder: Path, text: str) -> Path:
    (folder / "secret").write_text("hush\n")
    for name in ("cert.pem", "key.pem", "ca.pem"):
        (folder / name).write_text("PEM")
    path = folder / "service.toml"
    path.write_text(text)
    return path


def test_the_least_that_is_said_is_a_name(tmp_path: Path) -> None:
    found = load_config(config(tmp_path, AREA))
    assert found.broker == Embedded("127.0.0.1", 1883, None)
    assert found.store == f"sqlite:///{tmp_path / 'state' / 'events.db'}"
    assert (found.speed, found.area().mechanism, found.area().community) == (1.0, "auction:uniform", None)
    assert found.area_folder("north") == tmp_path / "state" / "north"


def test_broker_store_and_areas_are_read(tmp_path: Path) -> None:
    text = """
    folder = "kept"
    log = "json"
    [broker]
    url = "mqtts://broker.example:8884"
    ca = "ca.pem"
    user = "exchange"
    password_file = "secret"
    [store]
    url = "postgresql://gridpact@db.example/market"
    password_file = "secret"
    [web]
    host = "0.0.0.0"
    names = ["market.example"]
    certificate = "cert.pem"
    key = "key.pem"
    [clock]
    speed = 60
    begin = 2025-06-01T10:00:00Z
    [[area]]
    name = "north"
    port = 8001
    gate_closure_minutes = 30
    [[area]]
    name = "south"
    mechanism = "auction:pay-as-bid"
    most_price = 0.5
    [area.monitor]
    window = 192
    """
    found = load_config(config(tmp_path, text))
    assert found.broker == External("mqtts://broker.example:8884", tmp_path / "ca.pem", "exchange", "hush")
    assert found.store == "postgresql://gridpact:hush@db.example/market?ssl=require"
    assert "hush" not in repr(found)
    assert (found.area("north").bounds["gate_closure_ms"], found.area("south").bounds["most_price"]) == (
        1_800_000,
        500_000,
    )
    assert (found.area("south").monitor.window, found.area("north").monitor.window) == (192, 96)
    assert found.begin_ms == 1_748_772_000_000
    assert found.web.tls is not None
    assert found.json_log


MISTAKES = {
    "nothing": ("", "'area' is missing|the file is empty"),
    "no area": ("area = []", "no area"),
    "no such key": (AREA + "mechanisms = 'x'", "unknown key 'mechanisms'; did you mean 'mechanism'"),
    "no such table": (AREA + "[stores]\nurl='x'", "unknown key 'stores'; did you mean 'store'"),
    "a name with a slash": ("[[area]]\nname = 'a/b'", r"\[\[area\]\] number 1, name: 'a/b'"),
    "two of one name": (AREA + AREA, "name north of two areas"),
    "no such policy": (AREA + "policy = 'prorata'", "policy 'prorata'; did you mean 'pro-rata'"),
    "no such community": (AREA + "community = 'gone.toml'", "there is no file .*gone.toml"),
    "corrections before settlement": (AREA + "correct_within_minutes = 5", "before settlement"),
    "kind of log": ("log = 'xml'\n" + AREA, "accepted: text or json"),
    "a slow clock": ("[clock]\nspeed = 0.5\n" + AREA, r"\[clock\] speed: 0.5"),
    "the wall clock begins": ("[clock]\nbegin = 2025-06-01T10:00:00Z\n" + AREA, "begin of the wall clock"),
    "a begin without offset": ("[clock]\nspeed=2\nbegin = 2025-06-01T10:00:00\n" + AREA, "has no offset"),
    "a share beyond all": (AREA + "[area.monitor]\nwithheld = 1.5", "withheld: 1.5"),
    "no such threshold": (AREA + "[area.monitor]\nhih = 1", "unknown key 'hih'; did you mean 'hhi'"),
    "a window too short": (AREA + "[area.monitor]\nwindow = 4", "8, more intervals than the window has"),
    "another database": ("[store]\nurl = 'mysql://a/b'\n" + AREA, r"\[store\] url: the address of the database"),
    "a database in memory": ("[store]\nurl = 'sqlite://'\n" + AREA, "in memory"),
    "no mode of TLS": (
        "[store]\nurl = 'postgresql://a@b/c?ssl=of'\n" + AREA,
        r"\[store\] url: ssl 'of'.*disable, allow",
    ),
    "a password of a file": ("[store]\npassword_file = 'secret'\n" + AREA, "a password beside the URL"),
    "an open broker": ("[broker]\nhost = '0.0.0.0'\n" + AREA, "unencrypted line to 0.0.0.0.*plain = true"),
    "an open line": ("[broker]\nurl='mqtt://b.example'\nmosquitto='m'\n" + AREA, "unencrypted line to b.example"),
    "open pages": ("[web]\nhost = '::'\n" + AREA, r"\[web\]: an unencrypted line"),
    "no names": ("[web]\nnames = []\n" + AREA, "no names"),
    "half a certificate": ("[broker]\ncertificate = 'cert.pem'\n" + AREA, "one of certificate and key"),
    "no certificate": ("[web]\ncertificate = 'gone.pem'\nkey='key.pem'\n" + AREA, "there is no file .*gone.pem"),
    "both brokers": ("[broker]\nurl='mqtt://localhost'\nport=1\n" + AREA, "port with url.*has no meaning"),
    "user of the embedded": ("[broker]\nuser='a'\n" + AREA, "user without url.*has no meaning"),
    "another protocol": ("[broker]\nurl='http://localhost'\nmosquitto='m'\n" + AREA, r"\[broker\] url: broker 'http"),
    "credentials in the URL": (
        "[broker]\nurl='mqtt://a:b@localhost'\nmosquitto='m'\n" + AREA,
        "credentials in the URL",
    ),
    "half of them": ("[broker]\nurl='mqtt://localhost'\nuser='a'\n" + AREA, "one of user and password_file"),
    "none of them": ("[broker]\nurl='mqtt://localhost'\n" + AREA, "nothing says how the exchange logs in"),
    "no such password": ("[broker]\nurl='mqtt://localhost'\nuser='a'\npassword_file='gone'\n" + AREA, "no such file"),
    "an authority in the open": ("[broker]\nurl='mqtt://localhost'\nca='ca.pem'\nmosquitto='m'\n" + AREA, "ca on an"),
    "files for nobody": ("[broker]\nmosquitto='m'\n" + AREA, "mosquitto without url"),
    "whom to tell of nothing": ("[broker]\npid_file='m'\n" + AREA, "pid_file without mosquitto"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_what_is_accepted(mistake: str, tmp_path: Path) -> None:
    text, says = MISTAKES[mistake]
    with pytest.raises(InputError, match=says) as refused:
        load_config(config(tmp_path, text))
    assert str(tmp_path / "service.toml") in str(refused.value)


@pytest.mark.parametrize(
    ("url", "ends"),
    [
        ("a@db.example/m", "m?ssl=require"),
        ("a@10.0.0.1/m?host=127.0.0.1", "m?host=127.0.0.1&ssl=require"),
        ("a@127.0.0.1/m?host=db.example", "m?host=db.example&ssl=require"),
        ("a@db.example/m?ssl=disable", "m?ssl=disable"),
        ("a@db.example/m?sslmode=verify-full", "m?ssl=verify-full"),
        ("a@localhost/m", "m"),
        ("a@127.0.0.1:5432/m", "m"),
        ("a@/m?host=/run/postgresql", "m?host=%2Frun%2Fpostgresql&ssl=require"),
    ],
)
def test_a_database_beyond_the_loopback_is_reached_over_tls_unless_its_address_says_otherwise(
    url: str, ends: str, tmp_path: Path
) -> None:
    found = load_config(config(tmp_path, f"[store]\nurl = 'postgresql://{url}'\n{AREA}")).store
    assert found.rpartition("/")[2] == ends


def test_a_line_may_be_left_open_if_it_is_said(tmp_path: Path) -> None:
    text = "[broker]\nhost = '0.0.0.0'\nplain = true\n[web]\nhost = '0.0.0.0'\nplain = true\n" + AREA
    assert load_config(config(tmp_path, text)).broker == Embedded("0.0.0.0", 1883, None)


def test_of_several_areas_one_is_named(tmp_path: Path) -> None:
    found = load_config(config(tmp_path, AREA + "[[area]]\nname = 'south'"))
    assert found.area("south").name == "south"
    for name, says in (("", "2 areas and none is named"), ("sout", "did you mean 'south'")):
        with pytest.raises(InputError, match=says):
            found.area(name)
