"""The docs page and the structs say the same."""

import re
from pathlib import Path

import msgspec

from gridpact.community import schema
from gridpact.community.reference import with_tables


def test_the_tables_of_the_docs_are_those_of_the_code(root: Path) -> None:
    page = (root / "docs" / "community-file.md").read_text("utf-8")
    assert page == with_tables(page), "run: python -m gridpact.community.reference docs/community-file.md"


def test_every_table_of_the_file_is_on_the_page(root: Path) -> None:
    page = (root / "docs" / "community-file.md").read_text("utf-8")
    shown = set(re.findall(r"<!-- keys of (\w+) -->", page))
    structs = {
        name for name, kind in vars(schema).items() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    }
    assert shown == structs - {"Struct", "TimeTable"}


def test_a_changed_table_is_made_anew() -> None:
    page = "a\n<!-- keys of Spread -->\nold\n<!-- end of keys -->\nb"
    made = with_tables(page)
    assert "old" not in made
    assert "| `low` | a number from 0 to 1 |  | **required** | Lowest. |" in made
    assert made.startswith("a\n")
    assert made.endswith("\nb")
