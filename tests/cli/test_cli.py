"""The command line as a user meets it: whole runs in a process of their own, refusals within this one."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest

from gridpact import cli
from gridpact.cli._run import CHECKS
from gridpact.cli._shared import make_writable
from gridpact.markets.equilibrium import Recipe, make_instance, read_solution, residuals, write_instance
from gridpact.study import NETWORK_CHECKS

ALL_FILES = {
    *("summary.json", "report.html"),
    *(f"{table}.parquet" for table in ("trades", "bills", "parties", "grid", "violations", "reductions")),
}


def gridpact(*arguments: object, cwd=None, columns: int = 200) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "dumb"}
    command = [sys.executable, "-m", "gridpact", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=300, check=False)


@pytest.fixture
def call(monkeypatch, capsys):
    """Call the command line in this process: exit code, what it prints, what it complains of."""

    def called(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gridpact", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capsys.readouterr()
        return end.value.code, said.out, said.err

    return called


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


def test_compare_holds_each_way_of_keeping_the_network_against_none(tmp_path, root):
    stressed = root / "examples" / "stressed" / "community.toml"
    options = ("-m", "auction:uniform", "--network", "merit", "--network", "envelopes-proportional")
    done = gridpact("compare", stressed, *options, "--seeds", 1, "-o", tmp_path, "-j", 1)
    assert done.returncode == 0, done.stderr
    assert "violations without any trade" in done.stdout
    table = done.stdout[done.stdout.index("violations without any trade") :]
    rows = {" ".join(cells[:-6]): cells[-6:] for line in table.splitlines() if len(cells := line.split()) > 6}
    assert int(rows["auction:uniform"][0]) > 0
    assert rows["auction:uniform + merit"][0] == rows["auction:uniform + envelopes-proportional"][0] == "0"
    assert 0 < float(rows["auction:uniform + merit"][-1]) < float(rows["auction:uniform + envelopes-proportional"][-1])
    reductions = pd.read_parquet(tmp_path / "reductions.parquet")
    assert set(reductions.mechanism) == {"auction:uniform + merit"}
    assert set(reductions.cause) <= {"VOLTAGE_HIGH", "OVERLOAD"}
    assert "Curtailed PV" in (tmp_path / "report.html").read_text()


def test_preferences_over_sellers_are_read_measured_and_shown(example, tmp_path):
    own = edited(example, tmp_path, "seed = 1 }\n", 'seed = 1 }\ndistance_aversion = 0.02\npremiums = "premiums.csv"\n')
    (tmp_path / "premiums.csv").write_text("buyer,seller,premium\nhome-2,home-1,0.05\nbakery,home-5,-0.04\n")
    done = gridpact(
        "compare", own, "-m", "auction:uniform", "-m", "pool:mmr", "--seeds", 2, "-o", tmp_path / "out", "-j", 1
    )
    assert done.returncode == 0, done.stderr
    assert "preferences" in done.stdout
    for run in json.loads((tmp_path / "out" / "summary.json").read_text())["runs"]:
        assert run["metrics"]["preference_value"] != 0
        assert 0 < run["metrics"]["welfare"] < run["metrics"]["welfare_optimum"]
    assert (pd.read_parquet(tmp_path / "out" / "seeds.parquet").preference_value != 0).all()
    assert "Preferences met" in (tmp_path / "out" / "report.html").read_text()


def test_the_built_in_community_runs_without_a_file_and_prints_what_the_tutorial_shows(tmp_path, root):
    done = gridpact("run", "-o", tmp_path, columns=80)
    assert done.returncode == 0, done.stderr
    shown = (root / "docs" / "tutorial.md").read_text().split("```text\n", 1)[1].split("```", 1)[0]
    printed = "\n".join(line.rstrip() for line in done.stdout.splitlines())
    assert shown.strip() in printed
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["intervals"] == 7 * 96
    assert all(run["certified"] for run in summary["runs"])


def test_mechanisms_are_listed_with_a_line_each(call):
    code, printed, _ = call("mechanisms")
    names = {line.split()[0] for line in printed.splitlines()[1:]}
    assert code == 0
    expected = {
        "assignment:single",
        "assignment:multi",
        "elecbay",
        "equilibrium:central",
        "equilibrium:distributed",
        "shapley-pool",
    }
    expected |= {f"negotiation:s{strategy}" for strategy in range(3)}
    expected |= {"supplier", "pool:sdr", "pool:mmr", "pool:bill-sharing", "pool:nrg-x", "pool:keys"} | {
        f"auction:{rule}" for rule in ("uniform", "pay-as-bid", "mcafee", "muda", "vcg", "random", "continuous")
    }
    assert names == expected


def test_good_data_pass_the_check_and_broken_data_do_not(call, example, tmp_path):
    code, printed, _ = call("data", "check", example.parent / "load.csv")
    assert (code, "step" in printed) == (0, True), printed
    broken = tmp_path / "broken.csv"
    broken.write_text("time_utc,home\n2025-01-01T00:00Z,1.0\n2025-01-01T00:15Z,-2.0\n2025-01-01T01:15Z,oops\n")
    code, printed, _ = call("data", "check", broken)
    assert (code, "home" in printed) == (1, True), printed


def test_an_error_in_a_process_of_its_own_is_one_line_and_code_2(tmp_path):
    done = gridpact("run", "nowhere.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: nowhere.toml: there is no such file")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "fragments"),
    [
        ("import_price", "improt_price", ["improt_price", "did you mean 'import_price'"]),
        ("days = ", "days = -", ["days", "accepted"]),
        ("[grid]", "[gird]", ["gird", "did you mean 'grid'"]),
        ("[grid]", '[mechanism."auction:unifrm"]\n[grid]', ["did you mean 'auction:uniform'"]),
        ("[grid]", '[mechanism."pool:keys"]\nkind = "statik"\n[grid]', ['[mechanism."pool:keys"]', "'static'"]),
        ("[grid]", '[mechanism."pool:nrg-x"]\nscale_kwh2 = "x"\n[grid]', ["scale_kwh2 = 'x'", "a number"]),
        ("seed = 1     ", "seed = 9223372036854775808", ["[market] seed", "from 0 up, below 2^63"]),
    ],
)
def test_a_wrong_file_ends_with_one_message_and_code_2(call, example, tmp_path, old, new, fragments):
    code, printed, said = call("run", edited(example, tmp_path, old, new), "-m", "supplier", "-o", tmp_path / "out")
    assert (code, printed) == (2, "")
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert [fragment for fragment in (*fragments, "community.toml") if fragment not in said] == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["run", "nowhere.toml"], "nowhere.toml"),
        (["run", "-m", "auction:unifrom"], "did you mean 'auction:uniform'"),
        (["run", "--forecast", "tea-leaves"], "tea-leaves"),
        (["run", "-m", "supplier", "--forecast", "tea-leaves"], "tea-leaves"),
        (["run", "--days", "0"], "--days"),
        (["run", "--seed", "-3"], "--seed"),
        (["run", "--seed", str(2**63)], "--seed"),
        (["run", "-o", "something.txt"], "--output: something.txt cannot be written to"),
        (["compare", "-o", "something.txt/deeper"], "--output: something.txt/deeper cannot be written to"),
        (["compare", "--seeds", "0"], "--seeds"),
        (["run", "--network", "merrit"], "network check 'merrit' is unknown; did you mean 'merit'"),
        (["run", "-m", "supplier", "--ledger-of", "auction:uniform"], "auction:uniform, which does not run"),
        (["compare", "--network", "merrit"], "network check 'merrit' is unknown; did you mean 'merit'"),
        (["data", "check", "nowhere.csv"], "nowhere.csv"),
        (["data", "check", "."], "this is a folder"),
        (["new", "."], "accepted"),
        (["run", "--jobs", "0"], "--jobs"),
    ],
)
def test_wrong_arguments_end_with_one_message_and_code_2(call, arguments, fragment, tmp_path, monkeypatch):
    (tmp_path / "something.txt").write_text("in the way of `new` and of results")
    monkeypatch.chdir(tmp_path)
    code, printed, said = call(*arguments)
    assert (code, printed) == (2, "")
    assert fragment in said
    assert [path.name for path in tmp_path.iterdir()] == ["something.txt"]


def test_the_folder_of_results_is_made_with_its_parents_before_anything_runs(tmp_path):
    make_writable(tmp_path / "deep" / "er")
    assert list((tmp_path / "deep" / "er").iterdir()) == []


def test_the_study_of_net_metering_ends_with_a_page_tables_and_a_summary(call, tmp_path):
    arguments = ("--quick", "--days", 1, "--members", 3, "-o", tmp_path, "-j", 1)
    code, printed, said = call("study", "net-metering", *arguments)
    assert code == 0, said
    assert "report.html" in printed
    assert "largest coalition" in printed
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["study"] == "net-metering"
    assert summary["settings"]["terms"]["network_charge"] == 0.02
    assert summary["command"].startswith("gridpact study net-metering --quick --days 1 --members 3")
    assert {finding["verdict"] for finding in summary["findings"]} <= {"holds", "fails", "partly"}
    expected = {"report.html", "summary.json", *(f"{name}.csv" for name in summary["tables"])}
    assert {path.name for path in tmp_path.iterdir()} == expected
    assert "cases" in summary["tables"]


def test_the_study_of_negotiation_ends_with_a_page_and_leaves_no_parts(call, tmp_path):
    code, printed, said = call("study", "negotiation", "--case", 1, "--quick", "--seeds", 2, "-o", tmp_path, "-j", 1)
    assert code == 0, said
    assert "Every way of negotiating" in printed
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["settings"]["case"] == 1
    assert summary["settings"]["sizes"]["seeds"] == [2, 2]
    assert {"published", "outcome-space", "gains", "flow"} <= set(summary["tables"])
    assert not (tmp_path / "parts").exists()


def test_the_study_of_coalitions_ends_with_a_page_and_the_same_numbers_for_the_same_seed(call, tmp_path):
    for folder in ("one", "two"):
        code, printed, said = call("study", "coalition", "--quick", "--seed", 5, "-o", tmp_path / folder, "-j", 1)
        assert code == 0, said
        assert "projection on pairs" in printed
    for name in ("rounds", "bytes", "widths", "convergence", "scarcity", "side-by-side"):
        one, two = ((tmp_path / folder / f"{name}.csv").read_text() for folder in ("one", "two"))
        assert one == two
    assert json.loads((tmp_path / "one" / "summary.json").read_text())["settings"]["seed"] == 5


def test_the_study_of_elecbay_ends_with_a_page_tables_and_a_summary(call, tmp_path):
    code, printed, said = call("study", "elecbay", "--quick", "--days", 1, "--seed", 4, "-o", tmp_path, "-j", 1)
    assert code == 0, said
    assert "report.html" in printed
    assert "published" in printed
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["study"] == "elecbay"
    assert (summary["settings"]["seed"], summary["settings"]["generation"]) == (4, 1.0)
    assert len(summary["settings"]["members"]) == 10
    assert {path.name for path in tmp_path.iterdir()} == {
        *("report.html", "summary.json"),
        *(f"{name}.csv" for name in summary["tables"]),
    }


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["elecbay", "nowhere.toml"], "nowhere.toml: there is no such file"),
        (["elecbay", "--quick", "--generation", "0"], "--generation"),
        (["elecbay", "--days", "0"], "--days"),
        (["elecbay", "-o", "something.txt"], "--output: something.txt cannot be written to"),
        (["net-metering", "nowhere.toml"], "nowhere.toml: there is no such file"),
        (
            ["net-metering", "--members", "13"],
            "2 to 12; for more, gridpact.markets.coalition has sampled Shapley values",
        ),
        (["net-metering", "--members", "1"], "--members: 1 members"),
        (["net-metering", "--fee-per-member", "-1"], "fee per member of -1"),
        (["net-metering", "--demand-charge", "nan"], "demand charge of nan"),
        (["net-metering", "--days", "0"], "--days"),
        (["net-metering", "-o", "something.txt"], "--output: something.txt cannot be written to"),
        (["coalition", "--seed", "-1"], "--seed"),
        (["coalition", "-o", "something.txt"], "--output: something.txt cannot be written to"),
        (["coaliton"], "coaliton"),
    ],
)
def test_wrong_arguments_of_a_study_end_with_one_message_and_code_2(call, arguments, fragment, tmp_path, monkeypatch):
    (tmp_path / "something.txt").write_text("in the way of results")
    monkeypatch.chdir(tmp_path)
    code, printed, said = call("study", *arguments)
    assert (code, printed) == (2, "")
    assert fragment in said
    assert [path.name for path in tmp_path.iterdir()] == ["something.txt"]


def test_a_community_without_pv_is_refused_by_the_study_of_net_metering(call, example, tmp_path):
    folder = tmp_path / "dark"
    shutil.copytree(example.parent, folder)
    members = folder / "members.csv"
    rows = [line.split(",") for line in members.read_text().splitlines()]
    kept = [at for at, head in enumerate(rows[0]) if not head.startswith("pv")]
    members.write_text("\n".join(",".join(row[at] for at in kept) for row in rows) + "\n")
    code, printed, said = call("study", "net-metering", folder / "community.toml", "-o", tmp_path / "out")
    assert (code, printed) == (2, "")
    assert "a community with PV" in said
    assert not (tmp_path / "out").exists()


def test_a_run_writes_its_ledger_which_verifies_and_the_report_links_it(example, tmp_path):
    done = gridpact("run", example, "-m", "auction:uniform", "-m", "pool:keys", "--ledger", "-o", tmp_path, "-j", 2)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == ALL_FILES | {"ledger.export", "ledger.keys"}
    assert '<a href="ledger.export">' in (tmp_path / "report.html").read_text("utf-8")
    fingerprint = done.stdout.rpartition(" ")[2].strip()
    for trusted in (("--fingerprint", fingerprint), ("--keys", tmp_path / "ledger.keys")):
        checked = gridpact("verify", tmp_path / "ledger.export", *trusted)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert checked.stdout.count("bills worked out again") == 2
        assert "trusted by nobody" not in checked.stdout


def test_a_ledger_of_one_mechanism_under_acceptance_holds_that_run_alone(example, tmp_path):
    run = ("run", example, "-m", "auction:uniform", "-m", "auction:mcafee", "-m", "pool:keys")
    options = ("--network", "merit", "--days", 1, "-o", tmp_path, "--ledger-of", "auction:uniform", "--ledger-of")
    refused = gridpact(*run, *options, "pool:keys")
    assert refused.returncode == 2
    assert "--ledger-of pool:keys, which does not run" in refused.stderr
    done = gridpact(*run, *options, "auction:mcafee")
    assert done.returncode == 0, done.stderr
    assert "note: pool:keys is not run with merit: nothing is agreed before delivery" in done.stderr
    checked = gridpact("verify", tmp_path / "ledger.export", "--keys", tmp_path / "ledger.keys")
    assert checked.returncode == 0, checked.stdout
    assert "log 1: auction:uniform + merit, " in checked.stdout
    assert "log 2: auction:mcafee + merit, " in checked.stdout
    assert "log 3" not in checked.stdout
    assert "intervals in which what stands is a part of what was struck" in checked.stdout


def test_help_names_every_way_of_keeping_the_network():
    assert CHECKS.split(", ") == list(NETWORK_CHECKS)


def test_a_run_writes_the_public_view_of_its_ledger(example, tmp_path):
    done = gridpact("run", example, "-m", "pool:mmr", "--ledger", "--public", "-o", tmp_path, "-j", 1)
    assert done.returncode == 0, done.stderr
    assert b'"openings"' not in (tmp_path / "ledger.export").read_bytes()
    checked = gridpact("verify", tmp_path / "ledger.export")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "not checked: orders, trades and bills" in checked.stdout


def test_a_public_ledger_without_a_ledger_is_refused(call):
    code, _, complaint = call("run", "--public")
    assert code == 2
    assert "--public without --ledger" in complaint


def test_an_instance_from_a_file_is_cleared_and_its_solution_written(call, tmp_path):
    game, found = tmp_path / "game.npz", tmp_path / "found.npz"
    instance = make_instance(Recipe(members=6, connectivity=0.8, seed=3))
    write_instance(game, instance)
    code, said, complained = call("study", "equilibrium", "--instance", game, "--solution", found, "--ac-safe")
    assert (code, complained) == (0, "")
    assert "certified gap, relative" in said
    assert "AC limits passed" in said
    assert f"wrote {found}" in said
    assert residuals(instance, read_solution(found, instance)).worst < 1e-6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--instance", "nothing.npz"), "nothing.npz: there is no such file"),
        (("--instance", "game.npz", "--solver", "centrl"), "did you mean 'central'"),
        (("--instance", "dark.npz", "--solution", "game.npz/found.npz"), "--solution: game.npz cannot be written to"),
        (("--instance", "game.npz", "--solution", "."), "it cannot be written"),
        (("--instance", "dark.npz"), "cannot stay in its band"),
    ],
)
def test_instances_that_cannot_be_cleared_end_with_one_message(call, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    instance = make_instance(Recipe(members=4, connectivity=1.0, seed=3))
    write_instance("game.npz", instance)
    write_instance("dark.npz", replace(instance, vmin=0.98))
    code, said, complained = call("study", "equilibrium", *arguments)
    assert (code, said) == (2, "")
    assert message in complained
