"""The ledger of a live area: a log that follows from the durable steps, the exchange's key and a secret for salts.

Nothing of it is stored beside the steps: whoever has these and the two secrets makes the same entries, heads and proofs again,
bit for bit. So the writer does not wait for it, and after a restart it is made again in the background.
"""

import asyncio
import io
import logging
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from gridpact.client import HeadIs
from gridpact.errors import InputError
from gridpact.exchange import Step
from gridpact.exchange.proof import append_step, brings_head, directory_of, sign_head_after
from gridpact.ledger import (
    Directory,
    Entry,
    ExportWriter,
    Header,
    Log,
    SignedHead,
    SigningKey,
    View,
    new_log,
    to_bytes,
    to_text,
)
from gridpact.ledger.export import LOG_BYTES
from gridpact.ledger.sealing import SALT_BYTES
from gridpact.service.area import AreaWriter
from gridpact.service.enrolment import read_file, write_secret
from gridpact.service.gateway import Board
from gridpact.service.store import Store, StoreError

LOG = logging.getLogger(__name__)
LOOK_EVERY_S = 0.2
STEPS_AT_ONCE = 200
SALTS = b"gridpact/v1/salt\n"


class LedgerSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Name of the log, and from what its salts are drawn. Secret."""

    log: str
    salts: str


def ledger_secret(folder: Path) -> LedgerSecret:
    """The secret of an area's folder, made at the first start.

    Raises
    ------
    InputError
        If the file holds something else.
    """
    path = folder / "ledger.json"
    if not path.exists():
        write_secret(path, LedgerSecret(new_log(secrets.token_bytes), to_text(secrets.token_bytes(32))))
    found = read_file(path, LedgerSecret)
    to_bytes(found.log, LOG_BYTES, "name of the log")
    to_bytes(found.salts, 32, "salts")
    return found


class _Salts:
    """The salt of entry n is a hash of the secret and n: each entry of a journal draws one."""

    def __init__(self, secret: LedgerSecret, drawn: int = 0) -> None:
        self._secret, self._drawn = to_bytes(secret.salts, 32, "salts"), drawn

    def __call__(self, count: int) -> bytes:
        if count != SALT_BYTES:
            raise ValueError(f"{count} bytes of salt for one entry")
        self._drawn += 1
        return sha256(SALTS + self._secret + (self._drawn - 1).to_bytes(8, "big")).digest()[:SALT_BYTES]


class _Nowhere(io.BytesIO):
    """Keeps nothing of what is written."""

    def write(self, data: Any, /) -> int:
        return len(data)


class _Kept(ExportWriter):
    """Remembers the last entry, beside writing it."""

    last: Entry | None = None

    def entry(self, entry: Entry) -> None:
        self.last = entry
        super().entry(entry)


@dataclass(frozen=True, slots=True)
class Proof:
    """That an entry is in the tree of a head: what `gridpact.ledger.verify_inclusion` takes."""

    position: int
    size: int
    leaf: bytes
    hashes: tuple[bytes, ...]


class AreaLedger:
    """The ledger of one area, in memory, and what may be asked of it.

    Parameters
    ----------
    secret
        Of the area.
    keeper, key
        The exchange, who signs.
    """

    def __init__(self, secret: LedgerSecret, keeper: str, key: SigningKey) -> None:
        self._secret, self.keeper, self._key = secret, keeper, key
        header = Header(secret.log, View.PUBLIC, keeper, Directory({keeper: key.public}))
        self._log = Log(header, {keeper: key}, (), ExportWriter(_Nowhere(), header), _Salts(secret))
        self.heads: list[SignedHead] = []

    @property
    def log(self) -> str:
        """The name of the log."""
        return self._secret.log

    @property
    def public(self) -> bytes:
        """The keeper's public key."""
        return self._key.public

    @property
    def size(self) -> int:
        """How many steps it knows; those behind the last head are not vouched for yet."""
        return len(self._log.tree)

    @property
    def head(self) -> SignedHead | None:
        """The newest head; None before the first."""
        return self.heads[-1] if self.heads else None

    def take(self, step: Step) -> None:
        """Take the next durable step; a head follows whenever an interval is cleared, accepted or settled."""
        append_step(self._log, step, self.keeper)
        if brings_head(step):
            self.heads.append(sign_head_after(self._log, step))

    def entry(self, position: int, step: Step) -> Entry:
        """The entry of a step, with what opens it."""
        header = self._log.header
        kept = _Kept(_Nowhere(), header)
        log = Log(header, {self.keeper: self._key}, (), kept, _Salts(self._secret, position), begin=position)
        append_step(log, step, self.keeper)
        assert kept.last is not None
        return kept.last

    def inclusion(self, position: int, step: Step, size: int | None = None) -> Proof:
        """That a step is in the tree of the first ``size`` entries, those of the newest head by default.

        Raises
        ------
        InputError
            If the tree is smaller, or there is no head yet.
        """
        size = self._headed(size)
        hashes = tuple(self._log.tree.inclusion_proof(position, size))
        return Proof(position, size, self.entry(position, step).leaf, hashes)

    def consistency(self, older: int, size: int | None = None) -> tuple[bytes, ...]:
        """That the first ``older`` entries are the beginning of the first ``size``, by default those of the newest head.

        Raises
        ------
        InputError
            If these are no trees of this ledger.
        """
        return tuple(self._log.tree.consistency_proof(older, self._headed(size)))

    def _headed(self, size: int | None) -> int:
        if size is not None:
            return size
        if self.head is None:
            raise InputError("no head yet", place="ledger", accepted="an interval whose gate has closed")
        return self.head.head.size


async def keep_ledger(ledger: AreaLedger, writer: AreaWriter, board: Board) -> None:
    """Let a ledger follow the writer's durable steps, and show its newest head. Works until cancelled."""
    area = writer.topics.area
    while True:
        most = min(writer.number - ledger.size, STEPS_AT_ONCE)
        try:
            batch = [step async for step in writer.store.read(area, ledger.size, most)]
        except StoreError as error:
            LOG.warning("ledger of area %s: %s; again in %g s", area, error, LOOK_EVERY_S)
            batch = []
        await asyncio.to_thread(_take_all, ledger, batch)
        if ledger.head is not None and ledger.size == writer.number:
            board.show(writer.topics.public("ledger/head"), msgspec.json.encode(head_message(ledger.head)))
        if len(batch) < STEPS_AT_ONCE:
            await asyncio.sleep(LOOK_EVERY_S)


def _take_all(ledger: AreaLedger, steps: list[Step]) -> None:
    for step in steps:
        ledger.take(step)


def head_message(signed: SignedHead) -> HeadIs:
    """A head as it is said on the bus."""
    said = signed.to_json()
    return HeadIs(signature=said["signature"], witnesses=said["witnesses"], **said["head"])


async def export_ledger(
    store: Store, area: str, secret: LedgerSecret, keeper: str, key: SigningKey, path: Path, view: View
) -> SignedHead:
    """Write the ledger of an area up to its newest head, as `gridpact verify` takes it.

    Raises
    ------
    InputError
        If there is no head yet.
    """
    covered, registering = 0, []
    number = 0
    async for step in store.read(area):
        number += 1
        if any(hasattr(event, "actors") or hasattr(event, "actor") for event in step.events):
            registering.append(step)
        if brings_head(step):
            covered = number
    if not covered:
        raise InputError("no head yet", place=f"area {area}", accepted="an interval whose gate has closed")
    header = Header(secret.log, view, keeper, directory_of(registering))
    with path.open("wb") as file:
        writer = ExportWriter(file, header)
        log = Log(header, {keeper: key}, (), writer, _Salts(secret))
        async for step in store.read(area, 0, covered):
            append_step(log, step, keeper)
            if brings_head(step):
                newest = sign_head_after(log, step)
        writer.end()
    return newest
