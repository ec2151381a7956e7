"""A small log of plain texts with three witnesses, kept in memory."""

import io
import random
from dataclasses import dataclass, field
from pathlib import Path

from gridpact.ledger import (
    Directory,
    ExportWriter,
    Header,
    Log,
    SigningKey,
    View,
    Witness,
    new_log,
)

NAMES = ("exchange", "dso", "w1", "w2", "w3")


def entropy(seed: int = 0):  # type: ignore[no-untyped-def]
    """Reproducible bytes."""
    return random.Random(seed).randbytes


@dataclass
class Room:
    """Keys, witnesses and a log whose export stands in `file`."""

    seed: int = 0
    quorum: int = 2
    view: View = View.AUDIT
    file: io.BytesIO = field(default_factory=io.BytesIO)

    def __post_init__(self) -> None:
        draw = entropy(self.seed)
        self.keys = {name: SigningKey.generate(draw) for name in NAMES}
        directory = Directory({name: key.public for name, key in self.keys.items()})
        self.header = Header(new_log(draw), self.view, "exchange", directory, NAMES[2:], self.quorum)
        self.witnesses = [Witness(name, self.keys[name]) for name in NAMES[2:]]
        self.writer = ExportWriter(self.file, self.header)
        self.log = Log(self.header, self.keys, self.witnesses, self.writer, draw)

    def fill(self, intervals: int = 3) -> bytes:
        """Two entries and a head an interval, then the end."""
        for t in range(intervals):
            rows = {"member": [f"m{k}" for k in range(t)], "energy_wh": [100 * k for k in range(t)]}
            self.log.append("exchange", "orders", {"interval": t}, {"orders": rows})
            self.log.append("dso", "network", {"interval": t, "v_min": 0.97 + t / 100})
            self.log.sign_head(f"2025-06-01T{t:02}:00:00Z")
        self.writer.end()
        return self.file.getvalue()


def save(data: bytes, folder: Path) -> Path:
    """Bytes as an export file."""
    path = folder / "ledger.export"
    path.write_bytes(data)
    return path
