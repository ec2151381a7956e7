"""Write what the documentation holds of the code's types: ``summary.schema.json``, ``openapi.json``, ``asyncapi.json``."""

from pathlib import Path

import msgspec

from gridpact.service.asyncapi import asyncapi_text
from gridpact.service.web import openapi_text
from gridpact.study.output import Summary

DOCS = Path(__file__).parents[1] / "docs"
WRITTEN = {
    "summary.schema.json": msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Summary)), indent=2).decode()
    + "\n",
    "openapi.json": openapi_text(),
    "asyncapi.json": asyncapi_text(),
}
for name, text in WRITTEN.items():
    (DOCS / name).write_text(text, "utf-8")
    print(f"wrote {name}")
