"""What `check_data` finds in meter data as it comes from meters."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridpact.community import DataReport, check_data
from gridpact.community.check_problem import Problem
from gridpact.errors import InputError


def year(zone: str = "UTC", freq: str = "30min", homes: int = 2) -> pd.DataFrame:
    """A year of plausible homes, index in the zone."""
    times = pd.date_range("2013-01-01", "2014-01-01", freq=freq, tz=zone, inclusive="left")
    rng = np.random.default_rng(1)
    values = np.round(rng.gamma(2.0, 0.2, (len(times), homes)), 3)
    return pd.DataFrame(values, index=times, columns=[f"home{at + 1}" for at in range(homes)])


def report(
    frame: pd.DataFrame, path: Path, *, form: str = "%Y-%m-%dT%H:%M:%SZ", label: str = "time", **how: str
) -> DataReport:
    """Write a frame and check it."""
    assert isinstance(frame.index, pd.DatetimeIndex)
    frame.set_axis(frame.index.strftime(form)).to_csv(path, index_label=label)
    return check_data([path], **how)[0]


def one(found: DataReport, fragment: str) -> Problem:
    """The one problem whose message has the fragment."""
    problems = [problem for problem in found.problems if fragment in problem.message]
    assert len(problems) == 1, found.lines()
    return problems[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "meters.csv"


def test_clean_data_has_no_problem_and_says_what_was_understood(path: Path) -> None:
    frame = year()
    found = report(frame, path)
    assert found.problems == ()
    assert found.ok
    summary = found.summary
    assert summary is not None
    assert (summary.shape, summary.time_column, summary.zone, summary.step_minutes) == ("wide", "time", "UTC", 30)
    assert (summary.rows, summary.columns, summary.unit) == (17_520, ("home1", "home2"), "kW")
    np.testing.assert_allclose(summary.kwh_per_year, frame.sum() / 2)
    text = found.render()
    assert "wide, 2 columns, 17520 intervals at a step of 30 min" in text
    assert "nothing wrong was found" in text


def test_a_doubled_hour_in_october_and_a_missing_one_in_march_are_those_of_london(path: Path) -> None:
    found = report(year("Europe/London"), path, form="%Y-%m-%d %H:%M")
    assert found.summary is not None
    assert (found.summary.zone, found.summary.rows) == ("Europe/London", 17_520)
    assert one(found, "stands twice at the clock change of Europe/London").place == "2013-10-27 01:00"
    assert one(found, "the hour is missing, as it is at the clock change").place == "2013-03-31 01:00"
    assert one(found, "state no zone").advice == 'time_zone = "Europe/London"'
    assert found.ok


def test_the_clock_changes_of_berlin_and_new_york_are_told_apart(tmp_path: Path) -> None:
    for zone in ("Europe/Berlin", "America/New_York"):
        found = report(year(zone), tmp_path / "m.csv", form="%Y-%m-%d %H:%M")
        assert found.summary is not None
        assert found.summary.zone == zone


def test_a_stated_zone_is_used_and_questioned_where_another_fits_better(path: Path) -> None:
    local = year("Europe/London")
    good = report(local, path, form="%Y-%m-%d %H:%M", zone="Europe/London")
    assert good.ok
    wrong = report(local, path, form="%Y-%m-%d %H:%M", zone="UTC")
    assert not wrong.ok
    assert one(wrong, "are those of Europe/London").severity == "warning"
    assert one(wrong, "times stand twice").place == "2013-10-27 01:00 UTC"
    assert one(wrong, "rows are missing").place == "2013-03-31 01:00 UTC"


def test_utc_times_without_zone_cannot_be_told_and_do_not_exist_in_a_local_zone(path: Path) -> None:
    frame = year()
    found = report(frame, path, form="%Y-%m-%d %H:%M")
    assert found.summary is not None
    assert found.summary.zone == ""
    assert "state time_zone" in one(found, "state no zone").advice
    local = report(frame, path, form="%Y-%m-%d %H:%M", zone="Europe/London")
    assert one(local, "2 times do not exist in Europe/London").place == "2013-03-31 01:00"


def test_a_doubled_hour_that_was_dropped_is_a_gap_at_the_clock_change(path: Path) -> None:
    frame = year("Europe/London")
    assert isinstance(frame.index, pd.DatetimeIndex)
    dropped = frame[~frame.index.tz_localize(None).duplicated()]
    found = report(dropped, path, form="%Y-%m-%d %H:%M", zone="Europe/London")
    gap = one(found, "the doubled hour of the clock change stands once")
    assert gap.place == "2013-10-27 01:00 GMT"


def test_utc_in_the_name_of_the_time_column_is_believed(path: Path) -> None:
    found = report(year(), path, form="%Y-%m-%d %H:%M", label="time_utc")
    assert found.summary is not None
    assert found.summary.zone == "UTC"
    assert found.problems == ()


def test_gaps_are_placed_and_many_are_counted(path: Path) -> None:
    frame = year()
    one_gap = report(frame.drop(frame.index[100:104]), path)
    problem = one(one_gap, "4 rows are missing")
    assert (problem.severity, problem.place) == ("error", "2013-01-03 02:00 UTC")
    many = report(frame.drop(frame.index[10:1000:40]), path)
    assert one(many, "15 more gaps of 15 rows").severity == "error"


def test_missing_readings_negative_values_and_words_are_found_by_column(path: Path) -> None:
    frame = year().astype(object)
    frame.iloc[5:8, 0] = np.nan
    frame.iloc[7, 1] = -0.5
    frame.iloc[9, 1] = "n.a.!"
    found = report(frame, path)
    assert one(found, "3 of 17520 readings are missing").column == "home1"
    negative = one(found, "1 values are negative, down to -0.5 kW")
    assert (negative.column, negative.place) == ("home2", "2013-01-01 03:30 UTC")
    assert one(found, "'n.a.!' is not a number (1 such cells)").place == "line 11"


def test_generation_with_the_other_sign_is_recognised(path: Path) -> None:
    frame = year()
    frame["home2"] *= -1
    assert "factor = -1" in one(report(frame, path), "values are negative").advice


def test_constant_stuck_idle_and_empty_columns_are_named(path: Path) -> None:
    frame = year(homes=4)
    frame["home1"] = 0.5
    frame.iloc[1000:1100, 1] = 0.7
    frame.loc[frame.index[: len(frame) * 2 // 3], "home3"] = 0.0
    frame["home4"] = np.nan
    found = report(frame, path)
    assert one(found, "is constant at 0.5 kW").column == "home1"
    stuck = one(found, "stands still at 0.7 kW for 50 h")
    assert (stuck.column, stuck.place) == ("home2", "2013-01-21 20:00 UTC")
    assert one(found, "67% of the readings are zero").column == "home3"
    assert one(found, "has no reading at all").column == "home4"


def test_generation_is_dark_at_night_in_any_zone_and_may_be_zero_half_of_the_time(path: Path) -> None:
    frame = year()
    assert isinstance(frame.index, pd.DatetimeIndex)
    for shift in (0, 8, 13):
        hour = (np.asarray(frame.index.hour) - shift) % 24
        frame["home2"] = np.where((hour >= 6) & (hour < 18), frame["home1"], 0.0)
        assert report(frame, path).problems == ()


def test_units_that_do_not_fit_a_home_are_suspected(path: Path) -> None:
    frame = year()
    watts = report(frame * 1000, path)
    assert "the values look like W" in one(watts, "the values look like").message
    energies = report(frame / 4, path)
    assert one(energies, "may be kWh per interval").advice == "unit = 'kWh', if they are"
    stated = report(frame / 4, path, unit="kWh")
    assert stated.problems == ()
    assert stated.summary is not None
    np.testing.assert_allclose(stated.summary.kwh_per_year, frame.sum() / 4, rtol=2e-2)


def test_the_unit_is_read_from_names_and_peaks(path: Path, tmp_path: Path) -> None:
    named = report(year().add_suffix(" (kWh)"), path)
    assert named.summary is not None
    assert (named.summary.unit, named.summary.unit_from) == ("kWh", "from the columns' names")
    peaking = report(year() / year().max(), tmp_path / "profiles.csv")
    assert peaking.summary is not None
    assert (peaking.summary.unit, peaking.summary.unit_from) == ("pu", "as most columns peak at 1")
    file = report(year(), tmp_path / "profiles_pu.csv")
    assert file.summary is not None
    assert (file.summary.unit, file.summary.unit_from) == ("pu", "from the file's name")


def test_implausible_years_are_questioned(path: Path) -> None:
    frame = year()
    frame["home1"] /= 100
    frame["home2"] *= 30
    found = report(frame, path, unit="kW")
    assert one(found, "is little for a home").column == "home1"
    assert one(found, "is much for a home").column == "home2"


def test_other_formats_of_time_are_recognised_and_named(path: Path) -> None:
    found = report(year(), path, form="%d/%m/%Y %H:%M")
    assert found.summary is not None
    assert found.summary.time_format == "%d/%m/%Y %H:%M"
    assert one(found, "times are not ISO 8601").advice == 'time_format = "%d/%m/%Y %H:%M" in the community file'
    american = report(year(), path, form="%m/%d/%Y %H:%M")
    assert american.summary is not None
    assert american.summary.time_format == "%m/%d/%Y %H:%M"


def test_irregular_steps_doubled_rows_and_disorder_are_found(path: Path) -> None:
    frame = year()
    assert isinstance(frame.index, pd.DatetimeIndex)
    times = frame.index.to_series()
    times.iloc[20] += pd.Timedelta(minutes=7)
    off = report(frame.set_axis(pd.DatetimeIndex(times)), path)
    assert one(off, "1 times do not fit the step of 30 min").place == "2013-01-01 10:07 UTC"
    doubled = report(pd.concat([frame, frame.iloc[[3]]]), path)
    assert one(doubled, "1 times stand twice").place == "2013-01-01 01:30 UTC"
    assert one(doubled, "rows are not in the order of time").severity == "note"


def test_long_files_are_understood(path: Path) -> None:
    frame = year("Europe/London")
    assert isinstance(frame.index, pd.DatetimeIndex)
    frame.index = frame.index.strftime("%Y-%m-%d %H:%M")
    long = frame.reset_index(names="DateTime").melt("DateTime", var_name="LCLid", value_name="KWH/hh (per half hour)")
    long["stdorToU"] = "Std"
    long[["LCLid", "stdorToU", "DateTime", "KWH/hh (per half hour)"]].to_csv(path, index=False)
    found = check_data([path])[0]
    assert found.summary is not None
    assert (found.summary.shape, found.summary.columns) == ("long", ("home1", "home2"))
    assert (found.summary.zone, found.summary.rows) == ("Europe/London", 17_520)
    assert (found.summary.unit, found.summary.unit_from) == ("kWh", "from the columns' names")
    np.testing.assert_allclose(found.summary.kwh_per_year, year("Europe/London").sum(), rtol=1e-9)
    assert "turn it into one column a meter" in one(found, "the file is long").advice


def test_text_columns_are_left_out_and_said(path: Path) -> None:
    frame = year()
    frame["quality"] = "A"
    assert one(report(frame, path), "holds no number").column == "quality"


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("", "the file is empty"),
        ("time,a\nyesterday,1\ntoday,2\n", "'yesterday' is not a time"),
        ("time,a\n2013-01-01,x\n2013-01-02,y\n", "no column holds numbers"),
        ("time,a\n2013-01-01,1\n2013-01-02,2\n", "the file has 2 rows"),
        ("time,a\n" + 3 * "2013-01-01,1\n", "all times are the same"),
        ("time,a\n" + 3 * "2013-01-01T00:00Z,1\n", "all times are the same"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_error(path: Path, text: str, fragment: str) -> None:
    path.write_text(text)
    found = check_data([path])[0]
    assert not found.ok
    assert found.summary is None
    assert fragment in one(found, fragment).message


def test_absent_files_unknown_zones_and_units_are_refused(path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        check_data([path])
    with pytest.raises(InputError, match="this is a folder"):
        check_data([path.parent])
    with pytest.raises(InputError, match="did you mean 'Europe/London'"):
        check_data([], zone="Europe/Londn")
    with pytest.raises(InputError, match="'GWh' is not a unit"):
        check_data([], unit="GWh")


def test_long_reports_are_cut(path: Path) -> None:
    found = report(year(homes=6) * 0, path)
    assert found.lines(most=2)[-1] == f"  … and {len(found.problems) - 2} more"


@pytest.mark.data
def test_the_measured_data_is_understood(shared_data: Path) -> None:
    london, fontana, simbench, european = check_data(
        [
            shared_data / "london_lcl_2013_30min_load_kw.parquet",
            shared_data / "us_fontana_2016_60min_load_pv_kw.parquet",
            shared_data / "de_simbench_2016_15min_profiles_pu.parquet",
            shared_data / "european_lv_1day_1min_100loads_pu.parquet",
        ]
    )
    assert london.problems == ()
    assert london.summary is not None
    kwh = np.percentile(london.summary.kwh_per_year, [0, 50, 100])
    np.testing.assert_allclose(kwh, [808, 3478, 12793], atol=0.6)  # as its README says
    assert [problem.column for problem in fontana.problems] == ["US_F15__pv_kw"]  # "mostly off"
    assert simbench.ok
    assert simbench.summary is not None
    assert simbench.summary.unit == "pu"
    assert "0 is not a time" in european.problems[0].message
