"""The example to start from."""

import re
from pathlib import Path

import numpy as np
import pytest

from gridpact.community import check_data, load_community, schema, write_example
from gridpact.errors import InputError


def test_the_example_loads_and_is_the_same_every_time(tmp_path: Path) -> None:
    first = load_community(write_example(tmp_path / "a"))
    second = load_community(write_example(tmp_path / "b"))
    community = first.community
    assert community.member_ids == ("bakery", "home-1", "home-2", "home-3", "home-4", "home-5")
    assert community.horizon.periods == 7 * 96
    assert [member.battery is not None for member in community.members] == [False, True, False, False, False, False]
    assert (community.profiles.load_kw.sum(axis=1) > 0).all()
    np.testing.assert_array_equal(community.profiles.pv_kw.max(axis=1) > 0, [False, True, False, True, False, True])
    np.testing.assert_array_equal(community.profiles.net_kw, second.community.profiles.net_kw)
    for name in ("community.toml", "members.csv", "load.csv", "pv.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_example_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("mine")
    with pytest.raises(InputError, match=r"the folder is not empty: mine\.csv; accepted: a new or empty folder"):
        write_example(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.csv"]
    toml = write_example(tmp_path / "new")
    with pytest.raises(InputError, match=r"community\.toml, load\.csv, members\.csv, …"):
        write_example(toml.parent)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="accepted: a folder that can be written"):
        write_example(tmp_path / "file" / "folder")


def test_the_examples_profiles_are_clean_and_plausible(tmp_path: Path) -> None:
    toml = write_example(tmp_path)
    load, pv = check_data([toml.parent / "load.csv", toml.parent / "pv.csv"])
    assert load.ok
    assert pv.problems == ()


def test_the_example_shows_every_key_of_the_file(tmp_path: Path) -> None:
    text = write_example(tmp_path).read_text("utf-8")
    tables = (
        schema.CommunityTable,
        schema.ProfilesTable,
        schema.ProfileTable,
        schema.TariffTable,
        schema.GridTable,
        schema.MembersTable,
        schema.PreferencesTable,
        schema.MarketTable,
    )
    names = {name for table in tables for name in table.__struct_fields__}
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", text)] == []


def test_lines_that_are_commented_out_are_valid_where_they_stand(tmp_path: Path) -> None:
    toml = write_example(tmp_path)
    text = toml.read_text("utf-8")
    for line in (
        "# slack_pu = 1.0",
        "# loss_price = 0.20",
        "# imbalance_buy = 0.32",
        '# align = "exact"',
        "# assign_seed = 0",
    ):
        assert line in text
        text = text.replace(line, line.removeprefix("# "))
    text = text.replace("imbalance_buy_premium = 0.0 ", "")
    toml.write_text(text, "utf-8")
    tariff = load_community(toml).community.tariff
    assert (int(tariff.loss_price[0]), int(tariff.imbalance_buy[0])) == (200_000, 320_000)
