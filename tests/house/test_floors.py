"""The direction of the arrows: floors, private modules, public names, a light import."""

import ast
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import gridpact

SOURCE = Path(gridpact.__file__).parent
ROOMS = sorted(".".join(("gridpact", *init.parent.relative_to(SOURCE).parts)) for init in SOURCE.rglob("__init__.py"))
HEAVY = {"joblib", "numba", "pandapower", "pandas", "power_grid_model", "pyarrow", "rich", "scipy", "typer"}


def test_a_room_imports_only_from_the_floors_below_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    exit_code = lint_imports(config_filename=str(root / "pyproject.toml"), no_cache=True)
    assert exit_code == 0, capsys.readouterr().out


def test_a_private_module_is_imported_only_inside_of_its_package() -> None:
    trespasses = [
        f"{importer} imports {imported}"
        for importer, imported in _imports()
        if (home := _private_home(imported)) and not f"{importer}.".startswith(f"{home}.")
    ]
    assert trespasses == []


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_are_listed_once_and_exist(room: str) -> None:
    module = importlib.import_module(room)
    names = getattr(module, "__all__", [])
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(module, name)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_room_takes_from_its_own_modules_is_public(room: str) -> None:
    init = SOURCE.joinpath(*room.split(".")[1:], "__init__.py")
    taken = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(init.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{room}.")
        for alias in node.names
    }
    listed = set(getattr(importlib.import_module(room), "__all__", []))
    assert {name for name in taken - listed if not name.startswith("_")} == set()


def test_the_front_door_offers_exactly_what_it_resolves() -> None:
    assert set(gridpact._HOMES) | {"__version__"} == set(gridpact.__all__)


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = "import sys, json, gridpact; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout)
    assert "gridpact" in loaded
    assert HEAVY & set(loaded) == set()


def _imports() -> Iterator[tuple[str, str]]:
    """Every (importing module, imported name) of the package, names of ``from`` imports included."""
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        importer = ".".join(("gridpact", *(part for part in parts if part != "__init__")))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((importer, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{importer} has a relative import"
                yield from ((importer, f"{node.module}.{alias.name}") for alias in node.names)


def _private_home(imported: str) -> str | None:
    """The package that a private module of ours belongs to; None for what is public or not ours."""
    parts = imported.split(".")
    if parts[0] != "gridpact":
        return None
    private = [at for at, part in enumerate(parts) if part.startswith("_") and not part.startswith("__")]
    return ".".join(parts[: private[0]]) if private else None
