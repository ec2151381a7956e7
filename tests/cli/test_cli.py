"""The command line as a user meets it: in a process of its own."""

import json
import os
import subprocess
import sys

import pytest

ALL_FILES = {"summary.json", "trades.parquet", "bills.parquet", "grid.parquet", "report.html"}


def gridpact(*arguments: object, cwd=None, columns: int = 200) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "dumb"}
    command = [sys.executable, "-m", "gridpact", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=300, check=False)


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    done = gridpact("new", "mine", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "mine" / "community.toml"


def edited(example, tmp_path, old: str, new: str):
    """A copy of the example with one thing changed."""
    for file in example.parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = example.read_text()
    assert old in text
    (tmp_path / "community.toml").write_text(text.replace(old, new, 1))
    return tmp_path / "community.toml"


def test_a_new_example_runs_and_writes_everything(example, tmp_path):
    done = gridpact("run", example, "-m", "auction:uniform", "-m", "supplier", "-o", tmp_path / "results", "-j", 1)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "results").iterdir()} == ALL_FILES
    assert "auction:uniform" in done.stdout
    summary = json.loads((tmp_path / "results" / "summary.json").read_text())
    assert [run["mechanism"] for run in summary["runs"]] == ["auction:uniform", "supplier"]
    assert all(run["certified"] for run in summary["runs"])


def test_compare_prints_means_over_seeds(example, tmp_path):
    done = gridpact("compare", example, "-m", "pool:mmr", "-m", "auction:random", "--seeds", 2, "-o", tmp_path, "-j", 1)
    assert done.returncode == 0, done.stderr
    assert "2 seeds" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == ALL_FILES | {"seeds.parquet"}


def test_the_built_in_community_runs_without_a_file_and_prints_what_the_tutorial_shows(tmp_path, root):
    done = gridpact("run", "-o", tmp_path, columns=80)
    assert done.returncode == 0, done.stderr
    shown = (root / "docs" / "tutorial.md").read_text().split("```text\n", 1)[1].split("```", 1)[0]
    printed = "\n".join(line.rstrip() for line in done.stdout.splitlines())
    assert shown.strip() in printed
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["intervals"] == 7 * 96
    assert all(run["certified"] for run in summary["runs"])


def test_mechanisms_are_listed_with_a_line_each():
    done = gridpact("mechanisms")
    names = {line.split()[0] for line in done.stdout.splitlines()[1:]}
    expected = {"supplier", "pool:sdr", "pool:mmr", "pool:bill-sharing", "pool:nrg-x", "pool:keys"} | {
        f"auction:{rule}" for rule in ("uniform", "pay-as-bid", "mcafee", "muda", "vcg", "random", "continuous")
    }
    assert names == expected


def test_good_data_pass_the_check_and_broken_data_do_not(example, tmp_path):
    good = gridpact("data", "check", example.parent / "load.csv")
    assert good.returncode == 0, good.stdout
    assert "step" in good.stdout
    broken = tmp_path / "broken.csv"
    broken.write_text("time_utc,home\n2025-01-01T00:00Z,1.0\n2025-01-01T00:15Z,-2.0\n2025-01-01T01:15Z,oops\n")
    bad = gridpact("data", "check", broken)
    assert bad.returncode == 1
    assert "home" in bad.stdout


@pytest.mark.parametrize(
    ("old", "new", "fragments"),
    [
        ("import_price", "improt_price", ["improt_price", "did you mean 'import_price'"]),
        ("days = ", "days = -", ["days", "accepted"]),
        ("[grid]", "[gird]", ["gird", "did you mean 'grid'"]),
    ],
)
def test_a_wrong_file_ends_with_one_message_and_code_2(example, tmp_path, old, new, fragments):
    done = gridpact("run", edited(example, tmp_path, old, new), "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert all(fragment in done.stderr for fragment in (*fragments, "community.toml"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["run", "nowhere.toml"], "nowhere.toml"),
        (["run", "-m", "auction:unifrom"], "did you mean 'auction:uniform'"),
        (["run", "--forecast", "tea-leaves"], "tea-leaves"),
        (["run", "--days", "0"], "--days"),
        (["compare", "--seeds", "0"], "--seeds"),
        (["data", "check", "nowhere.csv"], "nowhere.csv"),
        (["new", "."], "accepted"),
        (["run", "--jobs", "0"], "--jobs"),
    ],
)
def test_wrong_arguments_end_with_one_message_and_code_2(arguments, fragment, tmp_path):
    (tmp_path / "something.txt").write_text("in the way of `new`")
    done = gridpact(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert fragment in done.stderr
