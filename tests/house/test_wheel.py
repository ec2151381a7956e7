"""What `pip install` brings to somebody else's machine."""

import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import gridpact


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    (built,) = WheelBuilder(str(root)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    return zipfile.ZipFile(built)


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: zipfile.ZipFile, root: Path) -> None:
    source = root / "src"
    files = {path.relative_to(source).as_posix() for path in (source / "gridpact").rglob("*") if path.is_file()}
    expected = {name for name in files if "__pycache__" not in name}
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == expected


def test_the_wheel_carries_licences_and_the_command(wheel: zipfile.ZipFile, root: Path) -> None:
    info = f"gridpact-{gridpact.__version__}.dist-info"
    assert "gridpact = gridpact.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()
    licences = ["LICENSE", *(path.relative_to(root).as_posix() for path in (root / "src").rglob("*LICENSE*"))]
    assert {f"{info}/licenses/{name}" for name in licences} <= set(wheel.namelist())


def test_the_wheel_stays_below_ten_megabytes(wheel: zipfile.ZipFile) -> None:
    assert sum(entry.compress_size for entry in wheel.infolist()) < 10_000_000
