"""A market area of many members for the live benchmarks: keys, accounts, a Mosquitto of its own."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from gridpact.errors import InputError
from gridpact.exchange import Actor, AnyBody, Command, Prices, Role, Rules, encode
from gridpact.exchange.proof import sign_command
from gridpact.exchange.rules import DAY, HOUR, MINUTE
from gridpact.ledger import SigningKey, to_text
from gridpact.service.broker import Account, Grant, area_grants, hash_password, mosquitto_files

AREA, STEP, NOON = "bench", 15 * MINUTE, 20_000 * DAY + 12 * HOUR
PRICES = Prices(300_000, 80_000, 350_000, 50_000, 100_000)
RULES = Rules(AREA, step_ms=STEP, settle_after_ms=HOUR, correct_within_ms=DAY)


def key_of(name: str) -> SigningKey:
    """Of an actor."""
    return SigningKey(sha256(name.encode()).digest())


def member_ids(members: int) -> list[str]:
    """Names of members."""
    return [f"m{number:04}" for number in range(members)]


def people(members: int) -> list[Actor]:
    """Members with a meter each, and the parties."""

    def actor(name: str, role: Role, of: str = "") -> Actor:
        return Actor(name, role, key=to_text(key_of(name).public), of=of)

    return [
        *(actor(name, Role.MEMBER) for name in member_ids(members)),
        *(actor(f"meter-{name}", Role.METER, name) for name in member_ids(members)),
        *(actor(role.value, role) for role in (Role.METER, Role.SUPPLIER, Role.DSO, Role.EXCHANGE)),
    ]


def command_of(author: str, identity: str, body: AnyBody) -> Command:
    """A signed command."""
    return sign_command(Command(AREA, author, identity, body), key_of(author))


def encode_command(author: str, key: SigningKey, identity: str, body: AnyBody) -> bytes:
    """A signed command as it is sent."""
    return encode(sign_command(Command(AREA, author, identity, body), key))


def accounts() -> list[Account]:
    """The exchange, and a generator of load that speaks for all members: it may write what the exchange reads, and so on."""
    grants = area_grants(AREA)
    mirrored = tuple(Grant("read" if grant.right == "write" else "write", grant.topics) for grant in grants)
    secret = hash_password("secret")
    return [
        Account("exchange", secret, grants, is_member=False),
        Account("load", secret, mirrored, is_member=False),
    ]


@contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """A Mosquitto with these accounts; gives its port."""
    program = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
    if program is None:
        raise InputError("no Mosquitto on this machine", accepted="mosquitto")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    for name, text in mosquitto_files(AREA, accounts(), folder, port).items():
        (folder / name).write_text(text.replace("max_queued_messages 10000", "max_queued_messages 100000"))
        (folder / name).chmod(0o644)
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o777)  # it gives up being root
    with subprocess.Popen([program, "-c", folder / "mosquitto.conf"], stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(500):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.02)
            yield port
        finally:
            process.terminate()
