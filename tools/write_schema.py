"""Write ``docs/summary.schema.json`` from the types of `gridpact.study.output`."""

from pathlib import Path

import msgspec

from gridpact.study.output import Summary

target = Path(__file__).parents[1] / "docs" / "summary.schema.json"
target.write_bytes(msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Summary)), indent=2) + b"\n")
print(f"wrote {target.name}")
