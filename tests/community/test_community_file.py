"""What a community file becomes, by hand."""

import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import acos, sqrt, tan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridpact.community import CommunityFile, MarketSettings, Payer, WaterHeater, load_community
from gridpact.errors import InputError

EVEN, ODD = slice(0, None, 2), slice(1, None, 2)


def days_of(zone: str, start: str, days: int, write: Callable[..., Path], step: int = 30) -> CommunityFile:
    """The small community over local days in a zone, with profiles that count intervals of the file."""
    first = pd.Timestamp(start.strip('"')[:10], tz="UTC") - pd.Timedelta(days=1)
    times = pd.date_range(first, periods=(days + 2) * 48, freq="30min")
    frame = pd.DataFrame({"a": np.arange(len(times)), "b": 1.0, "south": 0.0}, index=times)
    text = str(frame.to_csv(index_label="time_utc"))
    toml = (
        ("community.toml", 'time_zone = "UTC"', f'time_zone = "{zone}"'),
        ("community.toml", "start = 2025-06-01T00:00:00Z", f"start = {start}"),
        ("community.toml", "days = 1", f"days = {days}"),
        ("community.toml", "step_minutes = 60", f"step_minutes = {step}"),
    )
    return load_community(write({"load.csv": text, "pv.csv": text}, *toml))


def test_profiles_are_columns_times_scales(write: Callable[..., Path]) -> None:
    community = load_community(write()).community
    assert community.member_ids == ("anna", "ben")
    assert [member.bus for member in community.members] == ["712", "713"]
    assert community.horizon.start == datetime(2025, 6, 1, tzinfo=UTC)
    assert (community.horizon.step, community.horizon.periods) == (timedelta(hours=1), 24)
    np.testing.assert_array_equal(community.profiles.load_kw[:, EVEN], np.full((2, 12), [[0.5], [1.0]]))
    np.testing.assert_array_equal(community.profiles.load_kw[:, ODD], np.full((2, 12), [[1.5], [1.0]]))
    np.testing.assert_array_equal(community.profiles.pv_kw[0, ODD], np.full(12, 4 * 0.25))
    np.testing.assert_array_equal(community.profiles.pv_kw[1], np.zeros(24))
    np.testing.assert_allclose(community.profiles.q_kvar, community.profiles.load_kw * tan(acos(0.95)), rtol=1e-15)


def test_members_stand_in_the_order_of_their_ids_whatever_the_order_of_lines(write: Callable[..., Path]) -> None:
    straight = load_community(write()).community
    turned = load_community(
        write({"members.csv": "load,id,bus,pv,pv_kwp\nb,ben,713,,\na,anna,712,south,4\n"})
    ).community
    assert straight.members == turned.members
    np.testing.assert_array_equal(straight.profiles.net_kw, turned.profiles.net_kw)


def test_inline_members_are_the_same_as_a_csv(write: Callable[..., Path]) -> None:
    inline = """
[[member]]
id = "anna"
bus = "712"
load = "a"
pv = "south"
pv_kwp = 4
[[member]]
id = "ben"
bus = "713"
load = ["b"]
"""
    from_csv = load_community(write()).community
    from_toml = load_community(write(None, ("community.toml", '[members]\nfile = "members.csv"\n', inline))).community
    assert from_csv.members == from_toml.members
    np.testing.assert_array_equal(from_csv.profiles.net_kw, from_toml.profiles.net_kw)


def test_several_load_columns_are_added_up_with_their_multipliers(write: Callable[..., Path]) -> None:
    members = "id,load,load_scale\nanna,a;b,2;3\nben,a;a;b,2\n"
    load = load_community(write({"members.csv": members})).community.profiles.load_kw
    np.testing.assert_allclose(load[0, :2], [2 * 0.5 + 3 * 1.0, 2 * 1.5 + 3 * 1.0])
    np.testing.assert_allclose(load[1, :2], [2 * (0.5 + 0.5 + 1.0), 2 * (1.5 + 1.5 + 1.0)])


def test_the_load_column_is_the_one_named_like_the_member_and_zero_scale_means_none(write: Callable[..., Path]) -> None:
    community = load_community(write({"members.csv": "id,load_scale\na,\npark,0\n"})).community
    np.testing.assert_array_equal(community.profiles.load_kw[0, :2], [0.5, 1.5])
    np.testing.assert_array_equal(community.profiles.load_kw[1], np.zeros(24))


def test_pv_in_kw_is_not_multiplied_by_its_size(write: Callable[..., Path]) -> None:
    toml = write(
        {"members.csv": "id,load,pv,pv_kwp,pv_scale\nanna,a,south,4,\nben,b,south,,2\n"},
        ("community.toml", 'unit = "pu"', 'unit = "kW"'),
    )
    community = load_community(toml).community
    np.testing.assert_array_equal(community.profiles.pv_kw[:, 1], [0.25, 0.5])
    assert [member.pv_kwp for member in community.members] == [4.0, 0.0]


@pytest.mark.parametrize(("unit", "kw"), [("kW", 1.5), ("kWh", 3.0), ("W", 0.0015), ("Wh", 0.003), ("pu", 1.5)])
def test_units_are_of_the_files_interval(write: Callable[..., Path], unit: str, kw: float) -> None:
    text = "time_utc,a,b\n" + "".join(f"2025-06-01T{h:02d}:{m}:00Z,1.5,1\n" for h in range(24) for m in ("00", "30"))
    toml = write({"load.csv": text}, ("community.toml", '"load.csv"', f'{{ file = "load.csv", unit = "{unit}" }}'))
    np.testing.assert_allclose(load_community(toml).community.profiles.load_kw[0], np.full(24, kw), rtol=1e-15)


def test_a_reactive_column_replaces_the_power_factor_of_its_member_only(write: Callable[..., Path]) -> None:
    hours = range(24)
    text = "time_utc,q\n" + "".join(f"2025-06-01T{hour:02d}:00Z,-0.25\n" for hour in hours)
    toml = write(
        {"q.csv": text, "members.csv": "id,load,reactive,reactive_scale\nanna,a,q,2\nben,b,,\n"},
        ("community.toml", 'unit = "pu" }', 'unit = "pu" }\nreactive = "q.csv"'),
        ("community.toml", 'feeder = "ieee37"', 'feeder = "ieee37"\npower_factor = 0.9'),
    )
    q = load_community(toml).community.profiles.q_kvar
    np.testing.assert_array_equal(q[0], np.full(24, -0.5))
    np.testing.assert_allclose(q[1], np.full(24, tan(acos(0.9))), rtol=1e-15)


def test_csv_and_parquet_give_the_same_community(write: Callable[..., Path], tmp_path: Path) -> None:
    from_csv = load_community(write()).community
    for name in ("load", "pv"):
        frame = pd.read_csv(tmp_path / f"{name}.csv", index_col="time_utc", parse_dates=True)
        frame.to_parquet(tmp_path / f"{name}.parquet")
    swaps = [("community.toml", f"{name}.csv", f"{name}.parquet") for name in ("load", "pv")]
    from_parquet = load_community(write(None, *swaps)).community
    np.testing.assert_array_equal(from_csv.profiles.load_kw, from_parquet.profiles.load_kw)
    np.testing.assert_array_equal(from_csv.profiles.pv_kw, from_parquet.profiles.pv_kw)


def test_semicolons_decimal_commas_and_a_byte_order_mark_are_read(write: Callable[..., Path], tmp_path: Path) -> None:
    straight = load_community(write()).community
    text = (tmp_path / "load.csv").read_text().replace(",", ";").replace(".", ",")
    continental = load_community(write({"load.csv": b"\xef\xbb\xbf" + text.encode()})).community
    np.testing.assert_array_equal(straight.profiles.load_kw, continental.profiles.load_kw)


def test_a_file_with_blank_lines_at_its_end_reads_the_same(write: Callable[..., Path], tmp_path: Path) -> None:
    straight = load_community(write()).community
    text = (tmp_path / "load.csv").read_text()
    np.testing.assert_array_equal(
        straight.profiles.load_kw, load_community(write({"load.csv": text + "\n\n"})).community.profiles.load_kw
    )


def test_local_times_in_a_stated_format_are_understood_and_noted(write: Callable[..., Path]) -> None:
    first = pd.Timestamp("2025-06-01", tz="UTC")
    local = pd.date_range(first, periods=24, freq="h").tz_convert("Europe/London")
    rows = "".join(f"{time:%d/%m/%Y %H:%M},{hour},1\n" for hour, time in enumerate(local))
    toml = write(
        {"load.csv": "when,a,b\n" + rows},
        (
            "community.toml",
            '"load.csv"',
            '{ file = "load.csv", time_zone = "Europe/London", time_format = "%d/%m/%Y %H:%M" }',
        ),
    )
    loaded = load_community(toml)
    np.testing.assert_array_equal(loaded.community.profiles.load_kw[0], np.arange(24.0))
    assert any("times without a zone were read as Europe/London" in note for note in loaded.notes)


def test_a_doubled_hour_in_local_time_is_read_in_the_order_of_rows(write: Callable[..., Path]) -> None:
    local = pd.date_range("2025-10-25 23:00", periods=48, freq="30min", tz="UTC").tz_convert("Europe/London")
    rows = "".join(f"{time:%Y-%m-%d %H:%M},{at},1\n" for at, time in enumerate(local))
    swaps = (
        ("community.toml", 'time_zone = "UTC"', 'time_zone = "Europe/London"'),
        ("community.toml", "2025-06-01T00:00:00Z", "2025-10-26"),
        ("community.toml", "step_minutes = 60", "step_minutes = 30"),
        ("community.toml", 'pv = { file = "pv.csv", unit = "pu" }', ""),
    )
    # the local day of the change lasts 25 hours: one more hour is appended to the 48 readings above
    tail = "".join(f"2025-10-26 23:{minute},{at},1\n" for at, minute in ((48, "00"), (49, "30")))
    loaded = load_community(write({"load.csv": "time,a,b\n" + rows + tail, "members.csv": "id\na\nb\n"}, *swaps))
    assert loaded.community.horizon.periods == 50
    np.testing.assert_array_equal(loaded.community.profiles.load_kw[0], np.arange(50.0))


@pytest.mark.parametrize(
    ("zone", "start", "days", "hours"),
    [
        ("Europe/London", "2025-03-30", 1, 23),
        ("Europe/London", "2025-10-26", 1, 25),
        ("Europe/Berlin", "2025-10-20", 7, 169),
        ("Europe/Berlin", "2025-03-24", 7, 167),
        ("America/New_York", "2025-11-02", 1, 25),
        ("UTC", "2025-03-30", 1, 24),
    ],
)
def test_days_are_calendar_days_of_the_zone(
    write: Callable[..., Path], zone: str, start: str, days: int, hours: int
) -> None:
    community = days_of(zone, start, days, write).community
    assert community.horizon.periods == 2 * hours
    assert community.horizon.start == pd.Timestamp(start, tz=zone)
    assert community.horizon.stop == pd.Timestamp(start, tz=zone) + pd.DateOffset(days=days)
    # the readings of anna count up, whatever the clock does
    assert (np.diff(community.profiles.load_kw[0]) == 1).all()


def test_a_start_may_be_local_or_have_an_offset(write: Callable[..., Path]) -> None:
    local = days_of("Europe/Berlin", "2025-06-01T00:00:00", 1, write).community
    offset = days_of("Europe/Berlin", "2025-06-01T00:00:00+02:00", 1, write).community
    text = days_of("Europe/Berlin", '"2025-06-01 00:00"', 1, write).community
    assert local.horizon == offset.horizon == text.horizon


def test_another_start_and_number_of_days_may_be_asked_for() -> None:
    local = load_community(start=datetime(2016, 3, 27), days=1).community.horizon  # noqa: DTZ001 local time of the file
    aware = load_community(start=datetime(2016, 3, 26, 23, tzinfo=UTC), days=1).community.horizon
    assert local == aware
    assert local.periods == 23 * 4
    with pytest.raises(InputError, match="days: 0 days; accepted: a whole number from 1 up"):
        load_community(days=0)


def test_gaps_are_filled_as_stated_and_reported(write: Callable[..., Path]) -> None:
    values = np.arange(48.0)
    times = pd.date_range("2025-05-31", periods=48, freq="h", tz="UTC")
    lines = [f"{time:%Y-%m-%dT%H:%MZ},{value:g},1" for time, value in zip(times, values, strict=True)]
    del lines[30:32]  # two rows, 06:00 and 07:00
    lines[28] = lines[28].replace(",28,", ",,")  # one reading, 04:00
    text = "time_utc,a,b\n" + "\n".join(lines) + "\n"
    for fill, expected in (("interpolate", [28.0, 30.0, 31.0]), ("previous-day", [4.0, 6.0, 7.0])):
        toml = write({"load.csv": text}, ("community.toml", '"load.csv"', f'{{ file = "load.csv", fill = "{fill}" }}'))
        loaded = load_community(toml)
        np.testing.assert_allclose(loaded.community.profiles.load_kw[0, [4, 6, 7]], expected)
        assert any(f"5 missing readings in 2 columns were filled by fill = '{fill}'" in note for note in loaded.notes)


def test_gaps_outside_of_the_needed_time_do_not_matter(write: Callable[..., Path], tmp_path: Path) -> None:
    write()
    text = (tmp_path / "load.csv").read_text() + "2025-06-02T00:00:00Z,,\n2025-06-02T03:00:00Z,1,1\n"
    assert load_community(write({"load.csv": text})).community.horizon.periods == 24


def test_a_typical_year_serves_another_year_and_its_leap_day(write: Callable[..., Path]) -> None:
    times = pd.date_range("2012-12-31T23:00Z", periods=8760, freq="h")
    frame = pd.DataFrame({"south": np.arange(8760) / 8760}, index=times)
    swaps = (
        ("community.toml", 'unit = "pu"', 'unit = "pu", align = "calendar"'),
        ("community.toml", "2025-06-01T00:00:00Z", "2024-02-28T00:00:00Z"),
        ("community.toml", "days = 1", "days = 3"),
        ("community.toml", '"load.csv"', '{ file = "load.csv", align = "calendar" }'),
    )
    load_times = pd.date_range("2013-01-01", periods=8760, freq="h", tz="UTC")
    load = pd.DataFrame({"a": 1.0, "b": 1.0}, index=load_times)
    files = {
        "pv.csv": str(frame.to_csv(index_label="time_utc")),
        "load.csv": str(load.to_csv(index_label="time_utc")),
    }
    pv = load_community(write(files, *swaps)).community.profiles.pv_kw[0] / 4 * 8760
    february_28 = 1 + (31 + 27) * 24
    expected = february_28 + np.arange(24)
    np.testing.assert_allclose(pv, np.concatenate([expected, expected, expected + 24]))


def test_the_tariff_is_in_micro_units_with_stated_defaults(write: Callable[..., Path]) -> None:
    tariff = load_community(write()).community.tariff
    assert (tariff.import_price == 300_000).all()
    assert (tariff.export_price == 80_000).all()
    assert (tariff.imbalance_buy == 300_000).all()
    assert (tariff.imbalance_sell == 80_000).all()
    assert (tariff.loss_price == 190_000).all()
    assert dict(tariff.network_charge) == {"": 0}
    assert (tariff.service_charge, tariff.penalty, tariff.dead_band, tariff.payer) == (0, 0, 0.0, Payer.BUYER)


def test_prices_vary_with_time_by_factor_and_addition(write: Callable[..., Path]) -> None:
    rows = "".join(f"2025-06-01T{hour:02d}:{minute}Z,{80 + hour}\n" for hour in range(24) for minute in ("00", "30"))
    price = '{ file = "p.csv", column = "spot", factor = 0.001, add = 0.2 }'
    toml = write(
        {"p.csv": "time_utc,spot\n" + rows},
        ("community.toml", "import_price = 0.30", f"import_price = {price}\nloss_price = 0.07"),
        (
            "community.toml",
            "export_price = 0.08",
            "export_price = 0.08\nimbalance_buy_premium = 0.05\nimbalance_sell_discount = 0.02",
        ),
    )
    tariff = load_community(toml).community.tariff
    np.testing.assert_array_equal(tariff.import_price, 280_000 + 1_000 * np.arange(24))
    np.testing.assert_array_equal(tariff.imbalance_buy, tariff.import_price + 50_000)
    np.testing.assert_array_equal(tariff.imbalance_sell, np.full(24, 60_000))
    np.testing.assert_array_equal(tariff.loss_price, np.full(24, 70_000))


def test_charges_hold_by_zone(write: Callable[..., Path]) -> None:
    members = "id,load,zone\nanna,a,north\nben,b,\n"
    by_zone = (
        "export_price = 0.08\nnetwork_charge = { default = 0.03, north = 0.01 }\npayer = 'both'\nservice_charge = 0.002"
    )
    community = load_community(
        write({"members.csv": members}, ("community.toml", "export_price = 0.08", by_zone))
    ).community
    np.testing.assert_array_equal(community.charges.network_buy + community.charges.network_sell, [10_000, 30_000])
    np.testing.assert_array_equal(community.charges.service_sell, [1_000, 1_000])
    one = "export_price = 0.08\nnetwork_charge = 0.02"
    flat = load_community(write({"members.csv": members}, ("community.toml", "export_price = 0.08", one))).community
    np.testing.assert_array_equal(flat.charges.network_buy, [20_000, 20_000])


def test_batteries_by_hand(write: Callable[..., Path]) -> None:
    both = "id,load,battery_kwh,battery_kw,battery_efficiency,battery_charge_kw,battery_discharge_kw,charge_efficiency,max_soc"
    members = f"{both}\na,a,8,4,0.81,,,,\nb,b,5,,,2,3,0.9,0.5\nc,a,0,,0.9,,,,\n"
    anna, ben, none = (member.battery for member in load_community(write({"members.csv": members})).community.members)
    assert anna is not None
    assert ben is not None
    assert none is None
    assert (anna.capacity_kwh, anna.charge_kw, anna.discharge_kw) == (8, 4, 4)
    assert anna.charge_efficiency == anna.discharge_efficiency == sqrt(0.81)
    assert (anna.min_soc, anna.max_soc, anna.initial_soc) == (0.1, 0.9, 0.5)
    assert (ben.charge_kw, ben.discharge_kw, ben.charge_efficiency, ben.discharge_efficiency) == (2, 3, 0.9, 0.95)
    assert ben.initial_soc == pytest.approx(0.3)


def test_water_heaters_by_hand(write: Callable[..., Path]) -> None:
    head = "id,load,heater_kw,heater_litres,heater_min_c,hot_water,hot_water_scale"
    members = f"{head}\na,a,3,200,45,x;y,1;2\nb,b,,,,,\nc,a,2,150,,,0\n"
    hours = "".join(f"2025-06-01T{hour:02d}:00:00Z,{hour % 2},0.5\n" for hour in range(24))
    water = f"time_utc,x,y\n{hours}"
    files = {"members.csv": members, "water.csv": water}
    swap = ("community.toml", 'load = "load.csv"', 'load = "load.csv"\nhot_water = "water.csv"')
    community = load_community(write(files, swap)).community
    first, none, last = (member.heater for member in community.members)
    assert first == WaterHeater(3.0, 200.0, 45.0, 65.0, 55.0)
    assert none is None
    assert last == WaterHeater(2.0, 150.0)
    assert community.profiles.hot_water_kw is not None
    np.testing.assert_array_equal(community.profiles.hot_water_kw[:, :2], [[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]])
    assert community.window(0, 5).profiles.hot_water_kw.shape == (3, 5)


def test_members_without_a_bus_go_round_the_load_buses(write: Callable[..., Path]) -> None:
    members = "id,load,bus\n" + "".join(f"m{at:02d},a,{'799' if at == 3 else ''}\n" for at in range(30))
    loaded = load_community(write({"members.csv": members}))
    community = loaded.community
    load_buses = [community.feeder.bus_names[at] for at in community.feeder.load_buses]
    others = [member.bus for member in community.members if member.id != "m03"]
    assert community.members[3].bus == "799"
    assert others == [load_buses[at % len(load_buses)] for at in range(29)]
    assert any("29 members without a bus were assigned round-robin" in note for note in loaded.notes)


def test_random_assignment_is_seeded_and_uses_every_load_bus_before_one_twice(write: Callable[..., Path]) -> None:
    members = "id,load\n" + "".join(f"m{at:02d},a\n" for at in range(30))

    def buses(seed: int) -> list[str]:
        rule = f'feeder = "ieee37"\nassign = "random"\nassign_seed = {seed}'
        toml = write({"members.csv": members}, ("community.toml", 'feeder = "ieee37"', rule))
        community = load_community(toml).community
        count = len(community.feeder.load_buses)
        chosen = [member.bus for member in community.members]
        assert len(set(chosen[:count])) == count
        return chosen

    assert buses(1) == buses(1) != buses(2)


def test_wanted_shares_are_drawn_for_all_so_that_ones_own_changes_nobody_elses(write: Callable[..., Path]) -> None:
    spread = '[preferences]\nwanted_share = { distribution = "uniform", low = 0.1, high = 0.3, seed = 4 }\n[members]'
    swap = ("community.toml", "[members]", spread)
    drawn = load_community(write({"members.csv": "id,load,wanted_share\na,a,\nb,b,\nc,a,\n"}, swap)).community
    own = load_community(write({"members.csv": "id,load,wanted_share\na,a,0.9\nb,b,\nc,a,\n"}, swap)).community
    assert ((drawn.wanted_share >= 0.1) & (drawn.wanted_share <= 0.3)).all()
    assert own.wanted_share[0] == 0.9
    np.testing.assert_array_equal(own.wanted_share[1:], drawn.wanted_share[1:])
    fixed = load_community(write(None, ("community.toml", "[members]", "[preferences]\nwanted_share = 0.2\n[members]")))
    np.testing.assert_array_equal(fixed.community.wanted_share, [0.2, 0.2])


def test_limits_of_the_grid_replace_those_of_the_feeder(write: Callable[..., Path]) -> None:
    limits = 'feeder = "ieee37"\nslack_pu = 1.02\nv_min_pu = 0.9\nv_max_pu = 1.1\nloading_limit = 0.8'
    feeder = load_community(write(None, ("community.toml", 'feeder = "ieee37"', limits))).community.feeder
    assert (feeder.slack_pu, feeder.v_min_pu, feeder.v_max_pu, feeder.loading_limit) == (1.02, 0.9, 1.1, 0.8)


def test_the_market_is_handed_on_as_written(write: Callable[..., Path]) -> None:
    market = """[market]
mechanisms = ["supplier", "auction:uniform"]
forecast = "noise"
seed = 7
gate_closure_minutes = 30
[mechanism."auction:uniform"]
strategy = "zero-intelligence"
[members]"""
    settings = load_community(write(None, ("community.toml", "[members]", market))).market
    options = {"auction:uniform": {"strategy": "zero-intelligence"}}
    assert settings == MarketSettings(("supplier", "auction:uniform"), "noise", 7, 30, options)
    assert load_community(write()).market == MarketSettings((), "persistence", 0, 60, {})


def test_the_builtin_community_is_the_one_without_a_path() -> None:
    loaded = load_community()
    assert loaded.path.name == "community.toml"
    assert (loaded.community.profiles.load_kw >= 0).all()
    assert (loaded.community.profiles.pv_kw.sum(axis=1) > 0).any()
    assert loaded.notes == ()


def test_a_loaded_community_can_be_sent_to_another_process(write: Callable[..., Path]) -> None:
    loaded = load_community(write())
    copy = pickle.loads(pickle.dumps(loaded))
    assert copy.community.members == loaded.community.members
    assert copy.market == loaded.market


@pytest.mark.data
def test_the_london_homes_load_for_a_week_of_winter(shared_data: Path, tmp_path: Path) -> None:
    pairing = pd.read_csv(shared_data / "london_pairing_pv_battery.csv")
    pairing = pairing[pairing.load_file == "london_lcl_2013_30min_load_kw"]
    members = pd.DataFrame(
        {
            "id": pairing.household,
            "pv": pairing.pv_profile,
            "pv_kwp": pairing.pv_kwp,
            "battery_kwh": pairing.battery_kwh,
            "battery_kw": pairing.battery_kwh / 2,
        }
    )
    members.to_csv(tmp_path / "members.csv", index=False)
    (tmp_path / "london.toml").write_text(f"""
name = "London"
currency = "GBP"
time_zone = "Europe/London"
start = 2013-03-25
days = 7
step_minutes = 30
[profiles]
load = "{shared_data}/london_lcl_2013_30min_load_kw.parquet"
[profiles.pv]
file = "{shared_data}/nl_amsterdam_typicalyear_15min_pv_pu.parquet"
unit = "pu"
align = "calendar"
[tariff]
import_price = 0.14228
export_price = 0.05
[grid]
feeder = "ieee37"
[members]
file = "members.csv"
""")
    community = load_community(tmp_path / "london.toml").community
    load = pd.read_parquet(shared_data / "london_lcl_2013_30min_load_kw.parquet")
    week = load.loc["2013-03-25 00:00+00:00":"2013-03-31 22:59+00:00"]  # type: ignore[misc]
    assert community.horizon.periods == 167 * 2 == len(week)
    np.testing.assert_allclose(community.profiles.load_kw, week[list(community.member_ids)].to_numpy().T, rtol=1e-6)
    pv = pd.read_parquet(shared_data / "nl_amsterdam_typicalyear_15min_pv_pu.parquet").resample("30min").mean()
    owner = next(at for at, member in enumerate(community.members) if member.pv_kwp)
    row = pairing.set_index("household").loc[community.members[owner].id]
    expected = pv.loc[week.index, row.pv_profile] * row.pv_kwp
    np.testing.assert_allclose(community.profiles.pv_kw[owner], expected, rtol=1e-6, atol=1e-9)
