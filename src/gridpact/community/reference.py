"""The tables of keys in ``docs/community-file.md``, made from the structs: ``python -m gridpact.community.reference PAGE``."""

import re
import sys
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from gridpact.community import schema
from gridpact.community.decode import accepted_type

_BLOCK = re.compile(r"(<!-- keys of (?P<name>\w+) -->\n).*?(<!-- end of keys -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """A page with its tables of keys made anew.

    A block begins with ``<!-- keys of STRUCT -->`` and ends with ``<!-- end of keys -->``.
    """
    return _BLOCK.sub(lambda block: block[1] + key_table(getattr(schema, block["name"])) + block[3], page)


def key_table(struct: type[msgspec.Struct]) -> str:
    """A struct as a Markdown table: key, accepted values, unit, default, meaning; required keys first."""
    shape = inspect.type_info(struct)
    assert isinstance(shape, inspect.StructType)
    rows = ["| key | accepted | unit | default | meaning |", "|---|---|---|---|---|"]
    for field in sorted(shape.fields, key=lambda field: not field.required):
        about = field.type
        assert isinstance(about, inspect.Metadata)
        extra: dict[str, Any] = about.extra or {}
        meaning = (about.extra_json_schema or {})["description"]
        cells = (
            f"`{field.name}`",
            accepted_type(field.type),
            extra["unit"],
            _default(field, extra["default"]),
            meaning,
        )
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _default(field: inspect.Field, stated: str) -> str:
    if stated:
        return stated
    if field.required:
        return "**required**"
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return "empty" if value == "" else f"`{value}`"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(with_tables(target.read_text("utf-8")), encoding="utf-8")
