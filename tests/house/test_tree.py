"""What stands in the files: versions, locks, pages, and nothing that belongs to one machine."""

import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import gridpact

TEXTS = {".py", ".md", ".toml", ".yml", ".yaml", ".txt", ".sh", ".csv", ".cfg", ".json", ".j2"}
NOT_OURS = {"site", "build", "dist", "out", "vendor", "node_modules", "__pycache__"}
FORBIDDEN = {
    "an absolute path of somebody's machine": r"(?<![\w.<>\"'}])/(?:home|root|work|opt|Users|mnt)/\w|[A-Z]:\\Users",
    "the address of a package index or of a network of copies": "|".join(
        (
            r"py" r"pi\.org",
            r"python" r"hosted",
            r"conda" r"\.org",
            r"np" r"mjs",
            r"jsde" r"livr",
            r"unp" r"kg",
            r"cdn" r"js",
        )
    ),
    "work left over": r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b",
    "a tab": r"\t",
}


@pytest.fixture(scope="module")
def config(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_contains(what: str, root: Path) -> None:
    found = [
        f"{path.relative_to(root)}:{number}: {line.strip()}"
        for path in _texts(root)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if re.search(FORBIDDEN[what], line)
    ]
    assert found == []


def test_the_version_is_stated_alike_everywhere(root: Path, config: dict[str, Any]) -> None:
    assert gridpact.__version__ == config["project"]["version"]
    assert re.search(rf"^## {re.escape(gridpact.__version__)}\b", (root / "CHANGELOG.md").read_text("utf-8"), re.M)


@pytest.mark.parametrize("lock", ["bootstrap", "dev", "run"])
def test_a_lock_pins_everything_with_hashes_and_names_no_index(lock: str, root: Path) -> None:
    text = (root / "requirements" / f"{lock}.txt").read_text("utf-8")
    entries = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert entries
    assert [entry for entry in entries if not re.match(r"^[a-z0-9-]+==[\w.!+]+( ; .*)? \\$", entry)] == []
    assert text.count("--hash=sha256:") >= len(entries)
    assert re.findall(r"--(?:index|extra|find|trusted)\S*|https?:|file:|\S+@\S+", text) == []


@pytest.mark.parametrize(("lock", "group"), [("dev", "dev"), ("run", "build"), ("bootstrap", "bootstrap")])
def test_a_lock_holds_what_the_project_asks_for(lock: str, group: str, root: Path, config: dict[str, Any]) -> None:
    pinned = _pinned(root / "requirements" / f"{lock}.txt")
    asked = [Requirement(entry) for entry in _group(config, group)]
    if lock != "bootstrap":
        asked += [Requirement(entry) for entry in config["project"]["dependencies"]]
    assert [str(r) for r in asked if not r.specifier.contains(pinned.get(canonicalize_name(r.name), "0"))] == []


def test_the_run_lock_is_a_part_of_the_dev_lock(root: Path) -> None:
    run, dev = (_pinned(root / "requirements" / f"{lock}.txt") for lock in ("run", "dev"))
    only_on_windows = {"colorama"}
    assert {name: v for name, v in run.items() if name not in only_on_windows and dev.get(name) != v} == {}


def test_every_family_of_mechanisms_has_its_page(root: Path) -> None:
    families = {entry.name for entry in entry_points(group="gridpact.mechanisms") if entry.dist.name == "gridpact"}
    assert families
    assert families - {page.stem for page in (root / "docs" / "mechanisms").glob("*.md")} == set()


def test_every_decision_is_listed(root: Path) -> None:
    folder = root / "docs" / "decisions"
    decisions = {page.name for page in folder.glob("[0-9]*.md")}
    assert decisions
    assert decisions == set(re.findall(r"\]\((\d[^)]+\.md)\)", (folder / "index.md").read_text("utf-8")))


def _texts(root: Path) -> list[Path]:
    found = [
        path
        for path in root.rglob("*")
        if path.is_file()
        and (path.suffix in TEXTS or path.name in {"run", "Dockerfile"})
        and not {part for part in path.relative_to(root).parts[:-1] if part in NOT_OURS or _is_cache(part)}
    ]
    assert len(found) > 20
    return found


def _is_cache(part: str) -> bool:
    return part.startswith(".") and part != ".ci"


def _group(config: dict[str, Any], name: str) -> list[str]:
    entries: list[str] = []
    for entry in config["dependency-groups"][name]:
        entries += _group(config, entry["include-group"]) if isinstance(entry, dict) else [entry]
    return entries


def _pinned(lock: Path) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9-]+)==([\w.!+]+)", lock.read_text("utf-8"), flags=re.MULTILINE)
    assert all(Version(version) for _, version in found)
    return dict(found)
