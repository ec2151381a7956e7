"""The example on measured homes runs as its docstring says."""

import json
import shutil
import subprocess
import sys

import pytest


@pytest.fixture
def project(root, tmp_path, shared_data):
    """A place with the example in it and the measured data beside it."""
    shutil.copytree(root / "examples", tmp_path / "project" / "examples")
    (tmp_path / "shared").symlink_to(shared_data.parent)
    return tmp_path / "project"


def run(project, *arguments):
    script = project / "examples" / "london" / "run.py"
    return subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, timeout=300, check=False
    )


def test_the_homes_of_london_trade_in_summer_and_winter(project):
    done = run(project, "--days", "1")
    assert done.returncode == 0, done.stderr
    assert "assigned, not measured" in done.stdout
    summer, winter = (
        json.loads((project / "out" / "london" / week / "summary.json").read_text()) for week in ("summer", "winter")
    )
    for week in (summer, winter):
        assert week["members"] == 88
        assert all(run["certified"] for run in week["runs"])
    traded = [{r["mechanism"]: r["metrics"]["traded_kwh"] for r in week["runs"]} for week in (summer, winter)]
    assert traded[0]["auction:uniform"] > traded[1]["auction:uniform"] > 0


def test_without_the_data_it_says_so_and_does_nothing(root, tmp_path):
    shutil.copytree(root / "examples", tmp_path / "examples")
    done = run(tmp_path)
    assert done.returncode == 0
    assert "skipped" in done.stdout
    assert not (tmp_path / "out").exists()
