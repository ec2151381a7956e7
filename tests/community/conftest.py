"""A small community on disk that tests change one thing of."""

from collections.abc import Callable
from pathlib import Path

import pytest

TOML = """
name = "Two homes"
currency = "EUR"
time_zone = "UTC"
start = 2025-06-01T00:00:00Z
days = 1
step_minutes = 60

[profiles]
load = "load.csv"
pv = { file = "pv.csv", unit = "pu" }

[tariff]
import_price = 0.30
export_price = 0.08

[grid]
feeder = "ieee37"

[members]
file = "members.csv"
"""
MEMBERS = """id,bus,load,pv,pv_kwp
anna,712,a,south,4
ben,713,b,,
"""


def hourly(columns: dict[str, list[float]]) -> str:
    """CSV of the hours of 1 June 2025 (UTC)."""
    lines = [",".join(["time_utc", *columns])]
    for hour in range(24):
        cells = (f"{values[hour % len(values)]:g}" for values in columns.values())
        lines.append(",".join([f"2025-06-01T{hour:02d}:00:00Z", *cells]))
    return "\n".join(lines) + "\n"


FILES = {
    "community.toml": TOML,
    "members.csv": MEMBERS,
    "load.csv": hourly({"a": [0.5, 1.5], "b": [1.0]}),
    "pv.csv": hourly({"south": [0.0, 0.25]}),
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write the small community, with some files replaced or one text replaced by another, and return the path of the TOML."""

    def writer(files: dict[str, str | bytes | None] | None = None, *swaps: tuple[str, str, str]) -> Path:
        contents: dict[str, str | bytes | None] = {**FILES, **(files or {})}
        for name, old, new in swaps:
            text = contents[name]
            assert isinstance(text, str)
            assert old in text
            contents[name] = text.replace(old, new)
        for name, content in contents.items():
            if content is not None:
                raw = content if isinstance(content, bytes) else content.encode()
                (tmp_path / name).write_bytes(raw)
        return tmp_path / "community.toml"

    return writer
