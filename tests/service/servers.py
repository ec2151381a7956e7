"""Real servers of the tests' own: on the loopback, in a folder of theirs, ended when they end."""

import os
import pwd
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gridpact.service.broker import Account, mosquitto_files


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's programs, the newest version first; None if there is none."""
    if found := shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: -float(folder.parent.name))
    return versions[0] if versions else None


@contextmanager
def postgres(programs: Path, folder: Path) -> Iterator[str]:
    """Start a server with an empty database; gives its URL."""
    with postgres_to_restart(programs, folder) as (url, _):
        yield url


@contextmanager
def postgres_to_restart(programs: Path, folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Likewise; gives its URL, and a call that lets it crash and starts it again."""
    owner = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    if owner:
        account = pwd.getpwnam(owner)
        os.chown(folder, account.pw_uid, account.pw_gid)
        for parent in folder.parents[:2]:
            parent.chmod(0o755)
    port, data = free_port(), folder / "data"

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [programs / program, *arguments], user=owner, cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run("initdb", "-D", str(data), "-U", "gridpact", "--auth=trust", "--no-sync", "-E", "UTF8")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"

    def start() -> None:
        run("pg_ctl", "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")

    def restart() -> None:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
        start()

    start()
    try:
        yield f"postgresql://gridpact@127.0.0.1:{port}/postgres", restart
    finally:
        run("pg_ctl", "-D", str(data), "-m", "fast", "-w", "stop")


@contextmanager
def mosquitto(program: str, folder: Path, area: str, accounts: list[Account]) -> Iterator[int]:
    """Start Mosquitto with the accounts and rights of an area; gives its port."""
    port = free_port()
    for name, text in mosquitto_files(area, accounts, folder, port).items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
    folder.chmod(0o777)
    for parent in folder.parents[:3]:
        parent.chmod(0o755)  # it gives up being root
    with _serving(program, folder / "mosquitto.conf", port):
        yield port


@contextmanager
def plain_mosquitto(program: str, folder: Path) -> Iterator[int]:
    """Start a Mosquitto as somebody's home may have it, open to everybody on the loopback; gives its port."""
    port, config = free_port(), folder / "home.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    with _serving(program, config, port):
        yield port


@contextmanager
def _serving(program: str, config: Path, port: int) -> Iterator[None]:
    with config.with_suffix(".log").open("ab") as log, subprocess.Popen([program, "-c", config], stderr=log) as process:
        try:
            _wait_for(port)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        threading.Event().wait(0.02)
    raise TimeoutError(f"nobody listens on port {port}")
