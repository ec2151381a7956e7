"""Wrong input: one message with file, place, what was found and what is accepted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gridpact.community import load_community
from gridpact.errors import InputError

Swap = tuple[str, str, str]

TOML_CASES: dict[str, tuple[str, str, list[str]]] = {
    "broken TOML": ("days = 1", "days = = 1", ["community.toml: not valid TOML", "at line 6"]),
    "an unknown key": ("days = 1", "days = 1\ncurency = 'EUR'", ["unknown key 'curency'", "did you mean 'currency'?"]),
    "an unknown key of a table": (
        "import_price = 0.30",
        "improt_price = 0.30",
        ["[tariff]: unknown key 'improt_price'", "did you mean 'import_price'?"],
    ),
    "an unknown key of a profile": (
        'unit = "pu"',
        'units = "pu"',
        ["[profiles] pv", "'units'", "did you mean 'unit'?"],
    ),
    "a missing key": ("days = 1", "", ["'days' is missing", "a whole number from 1 to"]),
    "a missing table": ('[grid]\nfeeder = "ieee37"', "", ["'grid' is missing", "a table"]),
    "a wrong type": (
        "import_price = 0.30",
        'import_price = "cheap"',
        ["[tariff] import_price: 'cheap'", "a number or a table"],
    ),
    "true for a number": ("import_price = 0.30", "import_price = true", ["[tariff] import_price: True", "a number"]),
    "a table for a name": ('feeder = "ieee37"', "feeder = { a = 1 }", ["[grid] feeder", "is a table", "text"]),
    "half a day": ("days = 1", "days = 0.5", ["community.toml: days: 0.5", "a whole number from 1 to"]),
    "no day": ("days = 1", "days = 0", ["days: 0", "a whole number from 1 to"]),
    "a step that does not divide a day": (
        "step_minutes = 60",
        "step_minutes = 50",
        ["step_minutes: 50 min", "divisor of 1440"],
    ),
    "not a number": ("export_price = 0.08", "export_price = nan", ["[tariff] export_price: nan", "finite"]),
    "an infinite number": ("export_price = 0.08", "export_price = inf", ["[tariff] export_price: inf", "finite"]),
    "an unknown zone": (
        'time_zone = "UTC"',
        'time_zone = "Europe/Londn"',
        ["time_zone: 'Europe/Londn'", "did you mean 'Europe/London'?"],
    ),
    "a start that is no time": ("start = 2025-06-01T00:00:00Z", 'start = "June"', ["start: 'June' is not a time"]),
    "a start that is a number": ("start = 2025-06-01T00:00:00Z", "start = 2025", ["start: 2025 is not a time"]),
    "a start within a minute": (
        "start = 2025-06-01T00:00:00Z",
        "start = 2025-06-01T00:00:30Z",
        ["is not a whole minute"],
    ),
    "a start that the clock jumps over": (
        'time_zone = "UTC"\nstart = 2025-06-01T00:00:00Z',
        'time_zone = "Europe/London"\nstart = 2025-03-30T01:30:00',
        ["start: 2025-03-30 01:30:00 does not exist in Europe/London"],
    ),
    "a day of 23 hours in steps of two": (
        'time_zone = "UTC"\nstart = 2025-06-01T00:00:00Z\ndays = 1\nstep_minutes = 60',
        'time_zone = "Europe/London"\nstart = 2025-03-30\ndays = 1\nstep_minutes = 120',
        ["1 days from 2025-03-30 00:00:00 last 23 hours", "a step that divides an hour"],
    ),
    "import below export": (
        "import_price = 0.30",
        "import_price = 0.05",
        ["[tariff]: export_price 0.08 is above import_price 0.05 at 2025-06-01 00:00 UTC"],
    ),
    "a cheap imbalance": (
        "export_price = 0.08",
        "export_price = 0.08\nimbalance_buy = 0.2",
        ["import_price 0.3 is above imbalance_buy 0.2"],
    ),
    "a generous imbalance": (
        "export_price = 0.08",
        "export_price = 0.08\nimbalance_sell = 0.2",
        ["imbalance_sell 0.2 is above export_price 0.08"],
    ),
    "two imbalance prices": (
        "export_price = 0.08",
        "export_price = 0.08\nimbalance_buy = 0.4\nimbalance_buy_premium = 0.1",
        ["imbalance_buy and imbalance_buy_premium are both given", "one of the two"],
    ),
    "a negative charge": (
        "export_price = 0.08",
        "export_price = 0.08\npenalty = -1",
        ["[tariff] penalty: -1", "from 0 up"],
    ),
    "a wide dead band": ("export_price = 0.08", "export_price = 0.08\ndead_band = 2", ["dead_band: 2", "from 0 to 1"]),
    "an unknown payer": ("export_price = 0.08", 'export_price = 0.08\npayer = "dso"', ["payer: 'dso'", '"buyer"']),
    "a wrong charge of a zone": (
        "export_price = 0.08",
        'export_price = 0.08\nnetwork_charge = { default = 0.1, north = "x" }',
        ["[tariff] network_charge.north: 'x'", "a number from 0 up"],
    ),
    "members without a charge": (
        "export_price = 0.08",
        "export_price = 0.08\nnetwork_charge = { north = 0.1 }",
        ["members.csv line 2, zone: zone 'default' has no network charge", "north"],
    ),
    "an unknown price column": (
        "import_price = 0.30",
        'import_price = { file = "load.csv", column = "c" }',
        ["load.csv: there is no column 'c'", "a, b"],
    ),
    "an unknown feeder": ('feeder = "ieee37"', 'feeder = "ieee73"', ["[grid] feeder", "ieee73", "ieee37"]),
    "an absent feeder file": ('feeder = "ieee37"', 'feeder = "net.json"', ["[grid] feeder", "net.json"]),
    "a power factor above one": (
        'feeder = "ieee37"',
        'feeder = "ieee37"\npower_factor = 1.1',
        ["power_factor: 1.1", "up to 1"],
    ),
    "an unknown rule": ('feeder = "ieee37"', 'feeder = "ieee37"\nassign = "best"', ["assign: 'best'", '"round-robin"']),
    "both ways of members": (
        "[members]",
        '[[member]]\nid = "x"\n[members]',
        ["both [members] and [[member]]", "one of the two"],
    ),
    "no members": ('[members]\nfile = "members.csv"', "", ["community.toml: there are no members"]),
    "an inline member with a wrong key": (
        '[members]\nfile = "members.csv"',
        '[[member]]\nid = "x"\n[[member]]\nid = "y"\nloda = "a"',
        ["[[member]] number 2: unknown key 'loda'", "did you mean 'load'?"],
    ),
    "an inline member with a negative PV": (
        '[members]\nfile = "members.csv"',
        '[[member]]\nid = "x"\npv_kwp = -1',
        ["[[member]] number 1, pv_kwp: -1", "a number from 0 up"],
    ),
    "inline members with one id": (
        '[members]\nfile = "members.csv"',
        '[[member]]\nid = "x"\n[[member]]\nid = "x"',
        ["[[member]] number 2, id: 'x' stands at", "[[member]] number 1 already"],
    ),
    "an absent members file": (
        '"members.csv"',
        '"member.csv"',
        ["member.csv: there is no such file", "did you mean 'members.csv'?"],
    ),
    "an absent profile": (
        '"load.csv"',
        '"loads.csv"',
        ["loads.csv: there is no such file", "did you mean 'load.csv'?"],
    ),
    "an unknown unit": ('unit = "pu"', 'unit = "MW"', ["[profiles] pv.unit: 'MW'", '"kWh"']),
    "an unknown time column": (
        'unit = "pu"',
        'unit = "pu", time_column = "time"',
        ["pv.csv: there is no time column 'time'", "did you mean 'time_utc'?"],
    ),
    "an unknown zone of a profile": (
        'unit = "pu"',
        'unit = "pu", time_zone = "CETT"',
        ["[profiles] pv.time_zone: 'CETT'"],
    ),
    "profiles that end too soon": (
        "days = 1",
        "days = 2",
        [
            "load.csv: the file covers 2025-06-01 00:00 UTC to 2025-06-02 00:00 UTC",
            "needs 2025-06-01 00:00 UTC to 2025-06-03",
        ],
    ),
    "a column in two files": (
        'load = "load.csv"',
        'load = [{ file = "load.csv" }, { file = "load.csv" }]',
        ["[profiles] load: column 'a' stands in two of the files"],
    ),
    "a forecast that nobody makes": (
        "[members]",
        '[market]\nforecast = "crystal"\n[members]',
        ["[market] forecast: 'crystal'"],
    ),
    "a negative seed": ("[members]", "[market]\nseed = -1\n[members]", ["[market] seed: -1", "from 0 up"]),
    "mechanisms as text": (
        "[members]",
        '[market]\nmechanisms = "pool:sdr"\n[members]',
        ["mechanisms", "a list of texts"],
    ),
    "options that are no table": (
        "[members]",
        '[mechanism]\n"pool:sdr" = 3\n[members]',
        ["[mechanism] pool:sdr: 3", "a table"],
    ),
    "a share above one": (
        "[members]",
        "[preferences]\nwanted_share = 1.5\n[members]",
        ["wanted_share: 1.5", "from 0 to 1"],
    ),
    "an unknown distribution": (
        "[members]",
        '[preferences]\nwanted_share = { distribution = "normal", low = 0, high = 1 }\n[members]',
        ["[preferences] wanted_share.distribution: 'normal'", '"uniform"'],
    ),
    "a distribution upside down": (
        "[members]",
        '[preferences]\nwanted_share = { distribution = "uniform", low = 0.5, high = 0.1 }\n[members]',
        ["[preferences] wanted_share: low 0.5 is above high 0.1"],
    ),
}

MEMBER_CASES: dict[str, tuple[str, list[str]]] = {
    "an unknown column": ("id,laod\nx,a\n", ["members.csv line 1: unknown column 'laod'", "did you mean 'load'?"]),
    "a column twice": ("id,load,load\nx,a,a\n", ["line 1: column 'load' stands twice"]),
    "no id": ("load\na\n", ["line 1: there is no column 'id'"]),
    "semicolons": ("id;load\nx;a\n", ["line 1: columns are separated by ';'", "commas"]),
    "a short line": ("id,load\nx,a\ny\n", ["members.csv line 3: 1 cells", "2 cells, as in the header"]),
    "an open quote": ('id,load\nx,"a\n', ["members.csv line 2", "CSV"]),
    "an empty id": ("id,load\n,a\n", ["line 2: 'id' is missing"]),
    "an id twice": (
        "id,load\nx,a\ny,a\nx,b\n",
        ["members.csv line 4, id: 'x' stands at", "members.csv line 2 already"],
    ),
    "no lines": ("id,load\n", ["members.csv: there are no members"]),
    "an empty file": ("  \n", ["members.csv: the file is empty"]),
    "words for numbers": ("id,load,pv_kwp\nx,a,big\n", ["members.csv line 2, pv_kwp: 'big'", "a number from 0 up"]),
    "a negative number": (
        "id,load,pv_kwp\nx,a,1\ny,a,-3\n",
        ["members.csv line 3, pv_kwp: '-3'", "a number from 0 up"],
    ),
    "not a number": ("id,load,pv_kwp\nx,a,nan\n", ["members.csv line 2, pv_kwp: 'nan'"]),
    "infinite": ("id,load,pv_kwp\nx,a,inf\n", ["members.csv line 2, pv_kwp: inf is not a finite number"]),
    "an unknown phase": ("id,load,phase\nx,a,d\n", ["line 2, phase: 'd'", '"abc"']),
    "an unknown bus": (
        "id,load,bus\nx,a,7121\n",
        ["line 2, bus: feeder 'ieee37' has no bus '7121'", "did you mean '712'?"],
    ),
    "an unknown load": ("id,load\nx,c\n", ["line 2, load: there is no load column 'c'", "a, b"]),
    "no load column of that name": ("id\nx\n", ["line 2, load: there is no load column 'x'"]),
    "an unknown PV": (
        "id,load,pv,pv_kwp\nx,a,soutg,1\n",
        ["line 2, pv: there is no pv column 'soutg'", "did you mean 'south'?"],
    ),
    "PV without column": ("id,load,pv_kwp\nx,a,4\n", ["line 2, pv_kwp: 4 kWp without a pv column"]),
    "PV without size": (
        "id,load,pv\nx,a,south\n",
        ["line 2, pv_kwp: pv column 'south' is per kWp and pv_kwp is missing"],
    ),
    "reactive without file": (
        "id,load,reactive\nx,a,q\n",
        ["line 2, reactive: column 'q'", "[profiles] has no reactive"],
    ),
    "too many multipliers": ("id,load,load_scale\nx,a,1;2\n", ["line 2, load_scale: 2 multipliers for 1 columns"]),
    "multipliers of nothing": ("id,load_scale\nx,1;2\n", ["line 2, load_scale: 2 multipliers without load columns"]),
    "a negative multiplier": (
        "id,load,load_scale\nx,a;b,1;-2\n",
        ["line 2, load_scale[2]: '-2'", "a number from 0 up"],
    ),
    "a battery without power": (
        "id,load,battery_kwh\nx,a,5\n",
        ["line 2, battery_kwh: a battery without battery_charge_kw"],
    ),
    "power without a battery": (
        "id,load,battery_kw\nx,a,5\n",
        ["line 2, battery_kw: a battery's power without battery_kwh"],
    ),
    "power twice": (
        "id,load,battery_kwh,battery_kw,battery_charge_kw\nx,a,5,2,3\n",
        ["line 2, battery_charge_kw: battery_kw and battery_charge_kw are both given"],
    ),
    "efficiency twice": (
        "id,load,battery_kwh,battery_kw,battery_efficiency,charge_efficiency\nx,a,5,2,0.9,0.9\n",
        ["line 2, charge_efficiency: battery_efficiency and charge_efficiency are both given"],
    ),
    "an efficiency in percent": (
        "id,load,battery_kwh,battery_kw,battery_efficiency\nx,a,5,2,90\n",
        ["line 2, battery_efficiency: '90'", "from 0.01 to 1"],
    ),
    "states of charge out of order": (
        "id,load,battery_kwh,battery_kw,min_soc,initial_soc\nx,a,5,2,0.6,0.2\n",
        ["line 2, initial_soc: min_soc 0.6, initial_soc 0.2, max_soc 0.9 are out of order"],
    ),
    "a water heater without a tank": (
        "id,load,heater_kw,hot_water\nx,a,3,a\n",
        ["line 2, heater_litres: a water heater without heater_litres"],
    ),
    "a tank without a water heater": (
        "id,load,heater_litres\nx,a,300\n",
        ["line 2, heater_kw: a tank or hot water without heater_kw", "heater_kw above 0"],
    ),
    "a band of comfort upside down": (
        "id,load,heater_kw,heater_litres,heater_min_c,heater_max_c\nx,a,3,300,65,50\n",
        ["line 2, heater_min_c: heater_min_c 65 is not below heater_max_c 50"],
    ),
    "a temperature beyond boiling": (
        "id,load,heater_kw,heater_litres,heater_max_c\nx,a,3,300,120\n",
        ["line 2, heater_max_c: '120'", "from 0 to 100"],
    ),
    "hot water without a file": (
        "id,load,heater_kw,heater_litres,hot_water\nx,a,3,300,showers\n",
        ["line 2, hot_water: column 'showers' is named, but [profiles] has no hot_water"],
    ),
    "a share above one": ("id,load,wanted_share\nx,a,1.2\n", ["line 2, wanted_share: '1.2'", "from 0 to 1"]),
}

LOAD_CASES: dict[str, tuple[str | bytes, list[str]]] = {
    "an empty file": ("", ["load.csv: the file is empty"]),
    "not UTF-8": (b"time_utc,a,b\n2025-06-01T00:00:00Z,1,\xff\n", ["load.csv line 2: byte 0xff is not UTF-8"]),
    "one column": ("time_utc\n2025-06-01T00:00:00Z\n", ["load.csv line 1", "one column", "a time column and others"]),
    "a column without name": ("time_utc,a,,b\n", ["load.csv line 1: column 3 has no name"]),
    "a column twice": ("time_utc,a,b,a\n", ["load.csv: column 'a' stands twice"]),
    "a header alone": ("time_utc,a,b\n", ["load.csv: the file has no rows"]),
    "one row": ("time_utc,a,b\n2025-06-01T00:00:00Z,1,1\n", ["load.csv: one row does not show the length"]),
    "cells too many": (
        "time_utc,a,b\n2025-06-01T00:00:00Z,1,1\n2025-06-01T01:00:00Z,1,1,5\n",
        ["load.csv", "line 3", "as many cells"],
    ),
    "a word": (
        "time_utc,a,b\n2025-06-01T00:00:00Z,1,1\n2025-06-01T01:00:00Z,1,broken\n",
        ["load.csv line 3, b: 'broken' is not a number"],
    ),
    "an infinite value": (
        "time_utc,a,b\n2025-06-01T00:00:00Z,1,1\n2025-06-01T01:00:00Z,1,inf\n",
        ["load.csv line 3, b: the value is infinite"],
    ),
    "a bad time": (
        "time_utc,a,b\n2025-06-01T00:00:00Z,1,1\nnoon,1,1\n",
        ["load.csv line 3, time_utc: 'noon' is not a time"],
    ),
    "a time left out": (
        "time_utc,a,b\n2025-06-01T00:00:00Z,1,1\n,1,1\n",
        ["load.csv line 3, time_utc: the time is missing"],
    ),
    "numbers for times": ("n,a,b\n0,1,1\n1,1,1\n", ["load.csv line 2, n: '0' is not a time"]),
    "offsets here and there": (
        "time,a,b\n2025-06-01T00:00:00Z,1,1\n2025-06-01T01:00:00,1,1\n",
        ["load.csv line 3, time", "one has an offset, the other not"],
    ),
    "a time twice": (
        "time_utc,a,b\n2025-06-01T00:00Z,1,1\n2025-06-01T01:00Z,1,1\n2025-06-01T01:00Z,1,1\n",
        ["load.csv: the time 2025-06-01 01:00 UTC stands twice"],
    ),
    "a time off the step": (
        "time_utc,a,b\n2025-06-01T00:00Z,1,1\n2025-06-01T01:00Z,1,1\n2025-06-01T02:00Z,1,1\n2025-06-01T02:50Z,1,1\n",
        ["load.csv: the time 2025-06-01 02:50 UTC does not fit the step of 60 min"],
    ),
    "a lone row far away": (
        "time_utc,a,b\n2024-06-01T00:00Z,1,1\n2024-06-01T01:00Z,1,1\n2025-06-01T00:00Z,1,1\n",
        ["load.csv: 3 readings lie 60 min apart over 8761 steps"],
    ),
}


def message(toml: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_community(toml)
    return str(caught.value)


@pytest.mark.parametrize(("old", "new", "fragments"), TOML_CASES.values(), ids=TOML_CASES.keys())
def test_a_wrong_community_file_is_refused_with_its_place(
    write: Callable[..., Path], old: str, new: str, fragments: list[str]
) -> None:
    said = message(write(None, ("community.toml", old, new)))
    assert all(fragment in said for fragment in fragments), said


@pytest.mark.parametrize(("members", "fragments"), MEMBER_CASES.values(), ids=MEMBER_CASES.keys())
def test_a_wrong_members_file_is_refused_with_its_line(
    write: Callable[..., Path], members: str, fragments: list[str]
) -> None:
    said = message(write({"members.csv": members}))
    assert all(fragment in said for fragment in fragments), said


@pytest.mark.parametrize(("load", "fragments"), LOAD_CASES.values(), ids=LOAD_CASES.keys())
def test_a_wrong_profile_file_is_refused_with_its_place(
    write: Callable[..., Path], load: str | bytes, fragments: list[str]
) -> None:
    said = message(write({"load.csv": load}))
    assert all(fragment in said for fragment in fragments), said


def test_an_absent_file_and_an_absent_folder_are_told_apart(tmp_path: Path) -> None:
    assert "there is no such file" in message(tmp_path / "community.toml")
    assert "there is no folder" in message(tmp_path / "nowhere" / "community.toml")


def test_a_folder_is_not_a_community_file(tmp_path: Path) -> None:
    assert "Is a directory" in message(tmp_path)


def test_an_empty_and_a_binary_community_file_are_refused(write: Callable[..., Path]) -> None:
    assert "community.toml: the file is empty" in message(write({"community.toml": "\n"}))
    assert "byte 0x80 is not UTF-8" in message(write({"community.toml": b'name = "\x80"'}))


def test_a_file_that_only_ends_in_parquet_is_refused(write: Callable[..., Path]) -> None:
    toml = write({"load.parquet": "time,a\n"}, ("community.toml", '"load.csv"', '"load.parquet"'))
    assert "load.parquet: not a Parquet file" in message(toml)


def test_an_absent_parquet_file_is_refused(write: Callable[..., Path]) -> None:
    assert "there is no such file" in message(write(None, ("community.toml", '"load.csv"', '"load.parquet"')))


def test_negative_load_is_refused_with_column_and_time_unless_clipped(write: Callable[..., Path]) -> None:
    swap = ("load.csv", "2025-06-01T03:00:00Z,1.5", "2025-06-01T03:00:00Z,-0.2")
    assert "column 'a' is negative (-0.2) at 2025-06-01 03:00 UTC" in message(write(None, swap))
    clipped = write(None, swap, ("community.toml", '"load.csv"', '{ file = "load.csv", negative = "clip" }'))
    loaded = load_community(clipped)
    assert loaded.community.profiles.load_kw[0, 3] == 0.0
    assert any("1 negative values were set to zero" in note for note in loaded.notes)


def test_a_missing_bus_is_refused_where_buses_are_to_be_given(write: Callable[..., Path]) -> None:
    toml = write(None, ("members.csv", "ben,713", "ben,"), ("community.toml", '"ieee37"', '"ieee37"\nassign = "given"'))
    assert 'members.csv line 3, bus: the bus is missing, and assign = "given"' in message(toml)


def test_a_gap_is_refused_with_its_place_and_how_to_fill_it(write: Callable[..., Path]) -> None:
    said = message(write(None, ("load.csv", "2025-06-01T03:00:00Z,1.5,1", "2025-06-01T03:00:00Z,1.5,")))
    assert "column 'b' has no reading at 2025-06-01 03:00 UTC (1 of 24 readings are missing" in said
    assert 'fill = "interpolate" or "previous-day" in' in said
    assert "[profiles] load" in said


def test_a_gap_that_fill_cannot_close_is_refused(write: Callable[..., Path]) -> None:
    toml = write(
        None,
        ("load.csv", "2025-06-01T00:00:00Z,0.5,1", "2025-06-01T00:00:00Z,,1"),
        ("community.toml", '"load.csv"', '{ file = "load.csv", fill = "interpolate" }'),
    )
    assert "at 2025-06-01 00:00 UTC, and fill = 'interpolate' has nothing to fill it from" in message(toml)


def test_local_times_that_do_not_exist_are_refused(write: Callable[..., Path]) -> None:
    load = "time,a,b\n" + "".join(f"2025-03-30T{hour:02d}:00,1,1\n" for hour in range(24))
    toml = write({"load.csv": load}, ("community.toml", '"UTC"', '"Europe/London"'))
    said = message(toml)
    assert "load.csv line 3, time: 2025-03-30 01:00:00 does not exist in Europe/London" in said
    assert 'time_zone = "UTC"' in said
