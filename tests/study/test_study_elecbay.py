"""The Elecbay study: its generators, its planner against the game, its cases, and what its page says."""

import json
from dataclasses import replace
from datetime import datetime
from functools import cache

import numpy as np
import pytest

from benchmarks.synthetic import make_community
from gridpact.community import load_community
from gridpact.errors import InputError
from gridpact.study.elecbay import Case, Peers, Study, cases, choose_peers, page, run_study
from gridpact.study.elecbay.draws import CATEGORIES, COLD_C, TAP_C, hot_water_kw
from gridpact.study.elecbay.outcomes import Way
from gridpact.study.elecbay.peers import HEATER, microgrid
from gridpact.study.elecbay.runs import look_ahead, run
from gridpact.study.elecbay.study import interval
from gridpact.study.elecbay.wind import MEAN_SPEED, power_share, wind_share
from gridpact.study.pages import write_page
from study.small_studies import TINY_ELECBAY


@cache
def peers() -> Peers:
    return choose_peers(load_community(days=2).community)


@cache
def study() -> Study:
    return run_study(peers(), TINY_ELECBAY, 1)


def test_a_household_draws_what_task_26_says_and_mostly_by_day():
    heat = hot_water_kw(np.random.default_rng(4), 40, 60, 96)
    day_kwh = heat.sum() / 4 / 40 / 60
    assert day_kwh == pytest.approx(200 * (TAP_C - COLD_C) * 4.186 / 3600, rel=0.03)
    assert sum(each.share for each in CATEGORIES) == pytest.approx(1.0)
    by_hour = heat.reshape(40, 60, 24, 4).mean(axis=(0, 1, 3))
    assert by_hour[:4].sum() < 0.02 * by_hour.sum()
    assert by_hour[19] > 2 * by_hour[14]
    assert by_hour[7] > by_hour[11]


def test_draws_scale_with_the_volume_and_follow_the_seed():
    first, again, other = (hot_water_kw(np.random.default_rng(seed), 30, 60, 24) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    half = hot_water_kw(np.random.default_rng(1), 30, 60, 24, litres=100.0)
    assert half.mean() == pytest.approx(first.mean() / 2, rel=0.05)


def test_wind_has_the_mean_power_of_its_speeds_and_remembers():
    share = wind_share(np.random.default_rng(2), 400_000, 0.25)
    scale = MEAN_SPEED / (np.sqrt(np.pi) / 2)  # of a Rayleigh distribution
    speed = np.linspace(0, 60, 200_001)
    density = 2 * speed / scale**2 * np.exp(-((speed / scale) ** 2))
    expected = float((density * power_share(speed)).sum() * (speed[1] - speed[0]))
    assert share.mean() == pytest.approx(expected, rel=0.05)
    assert np.corrcoef(share[:-4], share[4:])[0, 1] > 0.8
    assert abs(np.corrcoef(share[:-400], share[400:])[0, 1]) < 0.05


def test_ten_peers_are_chosen_who_consume_as_homes_do():
    chosen = peers().community
    daily = chosen.profiles.load_kw.mean(axis=1) * 24
    assert len(chosen.members) == 10
    assert daily.min() >= 4
    assert daily.max() <= 15
    assert all(member.heater == HEATER and member.battery is None for member in chosen.members)
    assert not chosen.profiles.pv_kw.any()


def test_a_community_without_ten_homes_or_without_pv_is_refused():
    with pytest.raises(
        InputError, match=r"of 5 members .* consume 4 to 15 kWh a day and at most 12 kW; accepted: .* 10 such"
    ):
        choose_peers(make_community(5, 96, seed=1))
    sunny = load_community(days=1).community
    dark = replace(sunny, members=tuple(replace(each, pv_kwp=0.0) for each in sunny.members))
    with pytest.raises(InputError, match="has PV with its size"):
        choose_peers(dark)


@pytest.mark.parametrize("case", list(Case))
def test_every_generator_yields_the_same_and_as_much_as_asked_for(case):
    grid = microgrid(peers(), case, 3, 0.7)
    generated = (peers().community.profiles.load_kw - grid.base_kw).sum(axis=1) * 0.25
    assert generated == pytest.approx(np.full(10, 0.7 * peers().need_kwh))
    everywhere = microgrid(peers(), Case.PV, 3, 0.7)
    assert np.array_equal(everywhere.base_kw, grid.base_kw) == (case is Case.PV)
    assert np.array_equal(everywhere.draw_kw, grid.draw_kw)  # the same water in both cases


@pytest.mark.parametrize("case", list(Case))
def test_nobody_who_plays_does_better_than_who_knows_the_future(case):
    found = look_ahead(peers(), case, 1, 1.0, 0.5)
    assert found.bound_kwh <= found.game_kwh + 1e-6
    assert found.bound_kwh > 0


def test_the_game_lowers_the_exchange_and_the_runs_are_complete():
    for case in Case:
        runs = study().runs[case]
        assert [each.seed for each in runs] == [1, 2]
        for each in runs:
            assert set(each.outcomes) == set(each.checks) == set(Way)
            assert each.statistics.regret <= 1e-9
            assert each.statistics.of_games.sum() == each.statistics.chosen
            assert 1.0 <= each.statistics.anarchy[1] <= each.statistics.anarchy[0]
            for outcome in each.outcomes.values():
                assert outcome.exchange_kwh == pytest.approx(outcome.import_kwh + outcome.export_kwh)
            assert each.outcomes[Way.GAME].exchange_kwh < each.outcomes[Way.THERMOSTAT].exchange_kwh
        assert runs[0].day is not None
        assert runs[1].day is None
        assert all((np.diff(path) > 0).all() for path in runs[0].potentials)


def test_the_day_to_look_at_is_not_the_one_on_which_the_clock_changes():
    autumn = choose_peers(load_community(start=datetime(2016, 10, 29), days=3).community)  # noqa: DTZ001 (local time)
    day = run(autumn, Case.PV, 1, 1.0, closely=True).day
    assert day is not None
    assert (len(day.hour), day.hour[-1]) == (96, 23.75)
    assert day.first in (0, 196)  # the 30th has 100 intervals


def test_the_sweeps_meet_the_study_where_they_take_its_values():
    for case in Case:
        exact = [each.exchange for each in study().changes(case)]
        for sweep, value in (("by_level", 20.0), ("by_floor", 0.01), ("by_generation", 1.0)):
            assert [each.exchange for each in getattr(study(), sweep)[case][value]] == pytest.approx(exact)


def test_the_same_seed_gives_the_same_study_whoever_runs_it():
    again = run_study(peers(), replace(TINY_ELECBAY, levels=(), floors=(), generations=()), 1, jobs=2)
    for case in Case:
        assert [run.outcomes for run in again.runs[case]] == [run.outcomes for run in study().runs[case]]


def test_the_page_tells_each_direction_by_its_own_interval():
    made = page(study(), command="gridpact study elecbay")
    verdicts = {each.name: each for each in made.findings()}
    for case in Case:
        for name, of in (("exchange", "exchange"), ("highest-peak", "peak")):
            mean, half = interval([getattr(each, of) for each in study().changes(case)])
            found = verdicts[f"{case.name.lower()}-{name}"]
            assert found.numbers["change"] == mean
            assert found.verdict == ("holds" if mean + half < 0 else "fails" if mean - half > 0 else "undecided")
    assert verdicts["equilibrium"].verdict == verdicts["potential"].verdict == "holds"
    assert cases(study()).to_csv() in [table.to_csv() for table in made.tables()]


def test_page_tables_and_summary_are_written(tmp_path):
    made = page(study(), command="gridpact study elecbay")
    written = write_page(made, tmp_path, {"seed": 1})
    names = {path.name for path in written}
    assert {"report.html", "summary.json", "cases.csv", "published.csv", "foresight.csv", "level.csv"} <= names
    assert json.loads((tmp_path / "summary.json").read_text())["study"] == "elecbay"


def test_an_impossible_generation_is_refused():
    with pytest.raises(InputError, match=r"a generation of -1\.0 times the need"):
        run_study(peers(), TINY_ELECBAY, 1, generation=-1.0)
