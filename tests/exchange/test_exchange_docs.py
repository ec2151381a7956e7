"""What the page about the exchange says of codes, moves and columns is what the code has."""

import re
from pathlib import Path

import pytest

from gridpact.exchange import ReasonCode, commands, deciding, moves
from gridpact.exchange.reasons import MEANING
from gridpact.exchange.statements.page import CSV_COLUMNS


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "exchange.md").read_text("utf-8")


def test_every_reason_code_stands_on_the_page_with_its_meaning(page: str) -> None:
    assert set(MEANING) == set(ReasonCode)
    assert [
        f"| `{code}` | {meaning} |" for code, meaning in MEANING.items() if f"| `{code}` | {meaning} |" not in page
    ] == []


@pytest.mark.parametrize(
    ("head", "table"),
    [
        ("item", moves.ITEM_MOVES),
        ("order", moves.ORDER_MOVES),
        ("position of a member", moves.POSITION_MOVES),
    ],
)
def test_the_tables_of_moves_on_the_page_are_those_of_the_code(page: str, head: str, table: dict) -> None:
    rows = page.split(f"| {head} | may become |\n|---|---|\n")[1].split("\n\n")[0].splitlines()
    stated = {}
    for row in rows:
        now, then = row.strip("| ").split(" | ")
        stated[re.search(r"`(\w+)`", now)[1]] = set(re.findall(r"`(\w+)`", then))
    assert stated == {now.value: {state.value for state in then} for now, then in table.items() if then}


def test_the_table_of_roles_is_that_of_the_code(page: str) -> None:
    rows = page.split("| role | commands |\n|---|---|\n")[1].split("\n\n")[0].splitlines()
    stated = {row.strip("| ").split(" | ")[0].lower(): set(re.findall(r"`(\w+)`", row)) for row in rows}
    roles: dict[str, set[str]] = {}
    for body, handler in deciding._HANDLERS.items():
        roles.setdefault(handler.role.value, set()).add(commands.kind_of(body.__name__))
    assert stated == roles


def test_the_columns_of_the_csv_are_explained(root: Path) -> None:
    text = (root / "docs" / "settlement.md").read_text("utf-8")
    assert [column for column in CSV_COLUMNS if f"`{column}`" not in text] == []


def test_the_hours_and_days_on_the_page_are_the_defaults(page: str) -> None:
    from gridpact.exchange.rules import DAY, HOUR, Rules

    rules = Rules("x")
    assert (rules.gate_closure_ms, rules.settle_after_ms, rules.correct_within_ms) == (HOUR, DAY, 14 * DAY)
    assert all(
        words in page for words in ("one hour before delivery", "one day after the end", "fourteen days after the end")
    )
