"""What ships with the package: feeders, and the community's files, are whole and plausible."""

from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from gridpact.grid import builtin_feeders, find_violations, load_feeder, power_flow, spot_loads

FOLDER = files("gridpact").joinpath("data", "simbench-rural2")
MILE_KFT = 5.28
# conductor codes of the IEEE 37-bus feeder: positive sequence, Ω per mile
CODES = {"721": 0.2272 + 0.2333j, "722": 0.3166 + 0.3294j, "723": 0.8189 + 0.4670j, "724": 1.5879 + 0.5105j}
AMPACITY = {"721": 698.0, "722": 483.0, "723": 230.0, "724": 156.0}


@pytest.fixture(scope="module")
def members() -> pd.DataFrame:
    with FOLDER.joinpath("members.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def profiles() -> pd.DataFrame:
    with FOLDER.joinpath("profiles.parquet").open("rb") as file:
        return pd.read_parquet(file)


def scaled(profiles: pd.DataFrame, names: str, scales: str):
    total = np.zeros(len(profiles))
    for name, scale in zip(names.split(";"), scales.split(";"), strict=True):
        if name:
            total += float(scale) * profiles[name].to_numpy()
    return total


def test_the_ieee_37_bus_feeder_has_the_published_size_and_load():
    feeder, (p_kw, q_kvar) = load_feeder("ieee37"), spot_loads("ieee37")
    assert (len(feeder.bus_names), len(feeder.lines.name), len(feeder.transformers.name)) == (37, 35, 1)
    assert (p_kw.sum(), q_kvar.sum()) == (2457, 1201)
    assert feeder.bus_names[feeder.source_bus] == "799"


def test_lines_of_the_ieee_37_bus_feeder_are_multiples_of_their_conductor_codes():
    lines = load_feeder("ieee37").lines
    for r, x, rating in zip(lines.r_ohm, lines.x_ohm, lines.rating_a, strict=True):
        code = next(code for code, ampacity in AMPACITY.items() if ampacity == rating)
        length_kft = r / CODES[code].real * MILE_KFT
        assert x == pytest.approx(CODES[code].imag * length_kft / MILE_KFT, rel=5e-4)
        assert length_kft == pytest.approx(round(length_kft, 2), rel=5e-4)


def test_the_tap_of_the_simbench_transformer_is_kept():
    feeder = load_feeder("simbench-rural2")
    assert feeder.transformers.ratio == pytest.approx([0.975])
    empty = power_flow(feeder, np.zeros((1, 97)), np.zeros((1, 97)))
    assert empty.v_pu[0, feeder.transformers.lv_bus[0]] == pytest.approx(feeder.slack_pu / 0.975, abs=1e-3)


def test_members_are_at_buses_of_the_feeder_and_use_columns_that_exist(members, profiles):
    assert members.id.is_monotonic_increasing
    assert members.id.is_unique
    assert set(members.bus) <= set(load_feeder("simbench-rural2").bus_names)
    used = {
        name for column in ("load", "reactive", "pv") for cell in members[column] for name in cell.split(";") if name
    }
    assert used == set(profiles.columns)


def test_profiles_cover_the_year_2016_of_german_time_in_per_unit(profiles):
    assert profiles.index.name == "time_utc"
    local = profiles.index.tz_convert("Europe/Berlin")
    assert (str(local[0]), str(local[-1])) == ("2016-01-01 00:00:00+01:00", "2016-12-31 23:45:00+01:00")
    assert (np.diff(profiles.index.asi8) == np.diff(profiles.index.asi8)[0]).all()
    active = profiles[[name for name in profiles if not name.endswith(":q")]]
    assert float(active.min().min()) >= 0
    assert float(active.max().max()) <= 1
    noon = profiles.index.indexer_between_time("10:00", "12:00")
    assert profiles.filter(like="PV").iloc[noon].mean().min() > 0.2


def test_the_community_is_a_village_with_plausible_energies(members, profiles):
    load = sum(scaled(profiles, row.load, row.load_scale).sum() for row in members.itertuples()) / 4
    pv = sum(scaled(profiles, row.pv, row.pv_kwp).sum() for row in members.itertuples()) / 4
    kwp = pd.to_numeric(members.pv_kwp).sum()
    assert len(members) == 99
    assert ((members.pv != "").sum(), (members.battery_kwh != "").sum()) == (19, 8)
    assert load == pytest.approx(293_490, rel=1e-3)
    assert pv / load == pytest.approx(0.74, abs=0.01)
    assert 570 < pv / kwp < 700


def test_every_battery_stands_behind_a_meter_with_pv(members):
    assert (members[members.battery_kwh != ""].pv != "").all()


def test_the_village_without_batteries_stays_within_its_limits_through_the_year(members, profiles):
    profiles = profiles.iloc[::7]
    feeder = load_feeder("simbench-rural2")
    net, reactive = (np.zeros((len(profiles), len(feeder.bus_names))) for _ in range(2))
    for row in members.itertuples():
        bus = feeder.bus_position(row.bus)
        net[:, bus] += scaled(profiles, row.load, row.load_scale) - scaled(profiles, row.pv, row.pv_kwp)
        reactive[:, bus] += scaled(profiles, row.reactive, row.reactive_scale)
    flow = power_flow(feeder, net, reactive)
    assert len(find_violations(feeder, flow)) == 0
    assert (flow.losses_kw > 0.88).all()
    assert flow.head_kw == pytest.approx(net.sum(axis=1) + flow.losses_kw, abs=1e-6)


def test_every_builtin_feeder_says_where_it_comes_from():
    for name in builtin_feeders():
        assert b'"source": "' in files("gridpact").joinpath("data", name, "feeder.json").read_bytes()
    text = files("gridpact").joinpath("data", "simbench-rural2.LICENSE.txt").read_text(encoding="utf-8")
    assert "opendatacommons.org/licenses/odbl/1.0" in text
    assert "10.3390/en13123290" in text
