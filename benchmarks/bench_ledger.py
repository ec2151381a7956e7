"""The ledger: appending, and verifying a day from the file alone. Signing and writing are part of the set-up."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.registry import benchmark
from benchmarks.synthetic import make_community
from gridpact.exchange.proof import Trust, verify
from gridpact.ledger import Directory, Json, MerkleLog, SigningKey, View, encode
from gridpact.markets import make_mechanism
from gridpact.study import Settings, run_baseline
from gridpact.study.ledger import Recorder, draw_keys

APPENDS = 100_000
DAY = 96_000


@benchmark("ledger", sizes=(APPENDS,), bars={APPENDS: 2.0}, repeat=3)
def appends_without_signatures(size: int) -> Callable[[], None]:
    """Entries as canonical JSON, appended to the Merkle log; a root at the end."""
    entries: list[Json] = [
        {"seq": n, "kind": "orders_placed", "body": {"interval": n, "energy_wh": [1_000, n]}} for n in range(size)
    ]

    def append() -> None:
        log = MerkleLog()
        for entry in entries:
            log.append(encode(entry))
        log.root()

    return append


@benchmark("ledger", sizes=(10_000,), repeat=3)
def signatures_made_and_checked(size: int) -> Callable[[], None]:
    """Ed25519 over 200 bytes, so many times each."""
    key, message = SigningKey(bytes(32)), bytes(200)
    directory = Directory({"exchange": key.public})

    def sign_and_check() -> None:
        for _ in range(size):
            assert directory.verify("exchange", message, key.sign(message))

    return sign_and_check


@benchmark("ledger", sizes=(DAY,), bars={DAY: 60.0}, repeat=1, warm_up=False)
def verify_a_day(size: int) -> Callable[[], None]:
    """1,000 members × 96 intervals under `auction:uniform`: every signature, commitment, book, power flow and bill."""
    export = _day(size)

    def check() -> None:
        (log,) = verify(export, Trust())
        assert log.difference is None

    return check


@cache
def _folder() -> "TemporaryDirectory[str]":
    return TemporaryDirectory()


def _day(size: int) -> Path:
    """The export of a day."""
    community = make_community(1_000, size // 1_000)
    recorder = Recorder(Path(_folder().name), View.AUDIT, draw_keys(community))
    recorder(community, make_mechanism("auction:uniform"), Settings(forecast="noise"), run_baseline(community))
    return recorder.join(["auction:uniform"])[0]
