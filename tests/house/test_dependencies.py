"""What the package imports is what it asks to be installed."""

import ast
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gridpact.service.store.store import DRIVERS


def test_every_import_of_the_package_is_a_declared_dependency(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    always = _names(project["dependencies"])
    extras = _names([entry for group in project["optional-dependencies"].values() for entry in group])
    undeclared = {
        f"{path.relative_to(root)}: {module}"
        for path in (root / "src").rglob("*.py")
        for module, at_top in _third_party(path)
        if not _distributions(module) & (always if at_top else always | extras)
    }
    assert undeclared == set()


def test_every_dependency_at_run_time_is_imported_somewhere(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    used = {name for path in (root / "src").rglob("*.py") for m, _ in _third_party(path) for name in _distributions(m)}
    used |= {canonicalize_name(driver.partition("+")[2]) for driver in DRIVERS.values()}  # named in the address only
    assert _names(project["dependencies"]) - used == set()


def _names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(entry).name) for entry in requirements}


def _third_party(path: Path) -> list[tuple[str, bool]]:
    """Top-level modules that a file imports from elsewhere, and whether it does so outside of every function."""
    tree = ast.parse(path.read_text("utf-8"))
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        found += [(name.partition(".")[0], id(node) not in inside) for name in names]
    return [
        (name, at_top) for name, at_top in found if name not in sys.stdlib_module_names | {"gridpact", "__future__"}
    ]


def _distributions(module: str) -> set[str]:
    return {canonicalize_name(name) for name in _installed().get(module, [module])}


@cache
def _installed() -> Mapping[str, list[str]]:
    return packages_distributions()
