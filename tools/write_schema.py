"""Write what the documentation holds of the code's types: ``summary.schema.json`` and ``openapi.json``."""

from pathlib import Path

import msgspec

from gridpact.service.web import openapi_text
from gridpact.study.output import Summary

DOCS = Path(__file__).parents[1] / "docs"
WRITTEN = {
    "summary.schema.json": msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Summary)), indent=2).decode()
    + "\n",
    "openapi.json": openapi_text(),
}
for name, text in WRITTEN.items():
    (DOCS / name).write_text(text, "utf-8")
    print(f"wrote {name}")
