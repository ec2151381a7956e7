"""What lands in the output folder: complete, documented, and adding up."""

import json
import re
from dataclasses import replace

import msgspec
import numpy as np
import pandas as pd
import pytest

from benchmarks.synthetic import make_community
from gridpact.exchange import settlement
from gridpact.markets import make_mechanism
from gridpact.study import Settings, compare, replicate, write_replication, write_results
from gridpact.study.output import TABLES, Summary
from gridpact.study.result import CommunityMetrics, MemberMetrics

SETTINGS = Settings(forecast="noise", seed=1)


@pytest.fixture(scope="module")
def comparison():
    community = make_community(8, 64, seed=2)
    return compare(community, [make_mechanism(n) for n in ("supplier", "auction:uniform", "pool:sdr")], SETTINGS)


@pytest.fixture(scope="module")
def folder(comparison, tmp_path_factory):
    path = tmp_path_factory.mktemp("out") / "made" / "for me"
    write_results(comparison, SETTINGS, path)
    return path


def test_the_summary_holds_strict_json_in_its_published_schema(folder, root):
    text = (folder / "summary.json").read_text()
    assert "NaN" not in text
    summary = msgspec.json.decode(text, type=Summary, strict=True)
    assert [run.mechanism for run in summary.runs] == ["supplier", "auction:uniform", "pool:sdr"]
    published = json.loads((root / "docs" / "summary.schema.json").read_text())
    assert published == msgspec.json.schema(Summary), "make docs/summary.schema.json anew: python tools/write_schema.py"


def test_bills_add_up_to_the_summary(folder, comparison):
    bills = pd.read_parquet(folder / "bills.parquet")
    summary = json.loads((folder / "summary.json").read_text())
    for run in summary["runs"]:
        of_members = bills[bills.mechanism == run["mechanism"]].groupby("member", observed=True).bill_micro.sum() / 1e6
        for member in run["members"]:
            assert of_members[member["id"]] == pytest.approx(member["bill"])
        assert run["metrics"]["total_bill"] == pytest.approx(of_members.sum())


def test_every_bill_adds_up_from_its_causes_and_every_meter_from_its_energies(folder):
    b = pd.read_parquet(folder / "bills.parquet")
    causes = ("trades", "retail", "imbalance", "network", "service", "penalty", "transfers")
    assert (b.bill_micro == sum(b[f"{cause}_micro"] for cause in causes)).all()
    explained = b.bought_wh - b.sold_wh + b.imported_wh - b.exported_wh + b.short_wh - b.unused_wh
    assert (b.metered_wh == explained).all()
    assert len(b) == 3 * 8 * 64


def test_trades_are_named_and_timed(folder, comparison):
    trades = pd.read_parquet(folder / "trades.parquet")
    assert set(trades.mechanism) == {"auction:uniform", "pool:sdr"}
    mine = trades[trades.mechanism == "auction:uniform"].reset_index(drop=True)
    pact = comparison.runs[1].pact.trades
    assert mine.energy_wh.tolist() == pact.energy_wh.tolist()
    ids = comparison.community.member_ids
    assert mine.seller.tolist() == [ids[s] for s in pact.seller]
    assert (mine.time_utc == comparison.community.horizon.index()[pact.interval]).all()


def test_the_grid_table_names_the_worst_bus_of_each_interval(folder, comparison):
    grid = pd.read_parquet(folder / "grid.parquet")
    flow = comparison.runs[0].flow
    mine = grid[grid.mechanism == "supplier"]
    assert mine.v_min_pu.to_numpy() == pytest.approx(flow.v_low[:, 1:].min(axis=1))  # the source is bus 0
    names = np.array(comparison.community.feeder.bus_names)
    assert mine.v_min_bus.tolist() == names[1:][flow.v_low[:, 1:].argmin(axis=1)].tolist()


def test_the_parties_sum_to_zero_and_to_the_bills(folder):
    parties, bills = (pd.read_parquet(folder / f"{name}.parquet") for name in ("parties", "bills"))
    cash = parties.members_micro + parties.supplier_micro + parties.dso_micro + parties.exchange_micro
    assert (cash == 0).all()
    paid = bills.groupby(["mechanism", "time_utc"], observed=True).bill_micro.sum()
    assert (parties.set_index(["mechanism", "time_utc"]).members_micro.sort_index() == paid.sort_index()).all()


def test_every_violation_is_written_with_its_place_and_limit(comparison, tmp_path):
    tight = replace(
        comparison.community, feeder=replace(comparison.community.feeder, v_max_pu=0.9999, loading_limit=1e-3)
    )
    found = compare(tight.window(0, 8), [make_mechanism("supplier")], SETTINGS)
    write_results(found, SETTINGS, tmp_path)
    table = pd.read_parquet(tmp_path / "violations.parquet")
    assert len(table) == found.runs[0].community.violations > 0
    over = table[table.kind == "over_voltage"]
    assert (over.value > over.limit).all()
    assert set(over.element) <= set(tight.feeder.bus_names)
    assert set(table[table.kind == "overload"].element) <= set(tight.feeder.branch_names)


def test_tables_written_window_by_window_are_the_same(comparison, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(settlement, "CELLS_AT_ONCE", 100)
    write_results(comparison, SETTINGS, tmp_path)
    keys = ["mechanism", "member", "time_utc"]
    whole, cut = (
        pd.read_parquet(f / "bills.parquet").sort_values(keys).reset_index(drop=True) for f in (folder, tmp_path)
    )
    pd.testing.assert_frame_equal(whole, cut)


def test_seeds_of_an_earlier_comparison_do_not_stay_beside_new_results(comparison, tmp_path):
    (tmp_path / "seeds.parquet").write_bytes(b"old")
    write_results(comparison, SETTINGS, tmp_path)
    assert not (tmp_path / "seeds.parquet").exists()


def test_seeds_are_written_one_row_each(comparison, tmp_path):
    markets = [make_mechanism("supplier"), make_mechanism("auction:uniform")]
    _, replication = replicate(comparison.community.window(0, 16), markets, SETTINGS, 2)
    table = pd.read_parquet(write_replication(replication, tmp_path))
    assert table[["mechanism", "seed"]].to_numpy().tolist() == [
        [name, seed] for name in ("supplier", "auction:uniform") for seed in (1, 2)
    ]
    assert table.total_bill.to_numpy() == pytest.approx(replication.values["total_bill"].ravel())


@pytest.mark.parametrize("name", list(TABLES))
def test_every_column_is_documented(folder, root, name):
    documented = _table_of(root / "docs" / "output.md", f"## `{name}.parquet`")
    assert documented == pd.read_parquet(folder / f"{name}.parquet").columns.tolist()


def test_every_metric_is_documented(root):
    text = (root / "docs" / "metrics.md").read_text()
    names = [*CommunityMetrics.__dataclass_fields__, *MemberMetrics.__dataclass_fields__]
    assert not [name for name in names if f"`{name}`" not in text]


def _table_of(page, heading):
    """First cells of the table below a heading."""
    section = page.read_text().split(heading, 1)[1].split("\n## ", 1)[0]
    return re.findall(r"`(\w+)`", "\n".join(row.split("|")[1] for row in section.splitlines() if row.startswith("| `")))
