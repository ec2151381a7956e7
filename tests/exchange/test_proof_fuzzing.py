"""Whatever stands in an export, verifying it ends with a verdict and not with an exception of some library."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.proof_room import DECIDED, MECHANISMS, Recorded, Told, check, lines_of, record
from gridpact.errors import InputError
from gridpact.ledger import encode

ODD = (
    None,
    True,
    -1,
    0,
    1,
    2**53 - 1,
    -(2**53 - 1),
    10**9,
    0.5,
    -1e300,
    "",
    "x",
    "ä" * 70,
    [],
    {},
    [1],
    [[]],
    {"a": 1},
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return record(tmp_path_factory.mktemp("recorded"))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with a key of it."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


def spoil(value: Any, rng: random.Random) -> None:
    """Replace, remove or double one thing somewhere inside."""
    container, key = rng.choice(list(places(value)))
    action = rng.randrange(4)
    if action == 0:
        del container[key]
    elif action == 1 and isinstance(container, list):
        container.insert(key, container[key])
    else:
        container[key] = rng.choice(ODD)


@pytest.mark.parametrize("mechanism", [*MECHANISMS, DECIDED])
def test_an_exchange_may_sign_any_nonsense(recorded: Recorded, mechanism: str, tmp_path: Path) -> None:
    for seed in range(12):
        rng = random.Random(seed)

        def change(told: list[Told | str], rng: random.Random = rng) -> None:
            entry = rng.choice([each for each in told if isinstance(each, Told)])
            spoil(
                {"body": entry.body, "tables": entry.tables} if rng.random() < 0.3 else (entry.tables or entry.body),
                rng,
            )
            for name, columns in list(entry.tables.items()):
                usable = isinstance(columns, dict) and columns and all(isinstance(c, list) for c in columns.values())
                if not usable or len({len(column) for column in columns.values()}) != 1:
                    del entry.tables[name]  # what cannot be sealed cannot be signed

        found = check(recorded.forged(mechanism, change, tmp_path))
        assert found.difference is None or found.difference.follows


def ending(path: Path) -> str:
    """The difference, the complaint, or nothing."""
    try:
        return str(check(path).difference or "")
    except InputError as error:
        return f"damaged: {error}"


def test_a_file_may_hold_any_json(recorded: Recorded, tmp_path: Path) -> None:
    path, ends = tmp_path / "spoilt.export", []
    for seed in range(60):
        rng, lines = random.Random(seed), lines_of(recorded.export(MECHANISMS[0]))
        spoil(lines, rng)
        path.write_bytes(b"".join(encode(line) + b"\n" for line in lines))
        ends.append(ending(path))
    damaged = [end for end in ends if end.startswith("damaged: ")]
    assert 5 < len(damaged) < 55
    assert all(end.startswith(f"damaged: {path}") for end in damaged)
    assert any(end and end not in damaged for end in ends)


@pytest.mark.parametrize("digits", [400, 5_000])  # Python reads and writes 4,300 by default
def test_a_file_with_a_huge_integer_is_refused_in_a_short_message(
    recorded: Recorded, digits: int, tmp_path: Path
) -> None:
    path = tmp_path / "huge.export"
    first, *rest = recorded.export(MECHANISMS[0]).read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first, b'{"entry":1' + b"0" * digits + b"}\n", *rest]))
    with pytest.raises(InputError, match="line 2") as caught:
        check(path)
    assert len(str(caught.value)) < 200 + len(str(path))
