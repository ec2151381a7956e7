"""The study of negotiated loans: whose homes, what is kept, going on where it stopped, a page that says what numbers say."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmarks.synthetic import make_community
from gridpact import cli
from gridpact.errors import InputError
from gridpact.study import negotiation
from gridpact.study.negotiation import (
    FULL,
    Result,
    Sizes,
    Strategy,
    Study,
    Way,
    against_random,
    case,
    choose_homes,
    reliefs,
)
from gridpact.study.negotiation.experiments import observe, setting_of
from gridpact.study.negotiation.figures import PLAIN
from gridpact.study.negotiation.findings import learning
from gridpact.study.negotiation.homes import PER_DAY, TAIL
from gridpact.study.negotiation.page import published
from gridpact.study.negotiation.study import ways_of
from gridpact.study.pages import Finding
from gridpact.study.pages.render import render
from gridpact.study.resume import Shelf
from gridpact.study.tasks import Task, run_tasks

TINY = Sizes(intervals=12, scenarios=3, seeds=(2, 2))


@pytest.fixture(scope="module")
def study() -> Study:
    return negotiation.run_study(2, make_community(12, 2 * PER_DAY, seed=5), TINY)


def test_homes_with_pv_come_first_and_are_taken_again_a_day_later() -> None:
    community = make_community(5, 3 * PER_DAY, seed=1)
    has_pv = community.profiles.pv_kw.any(axis=1)
    homes = choose_homes(community, 7, 2 * PER_DAY)
    suns = int(has_pv.sum())
    assert 0 < suns < 5
    assert {homes.names[at] for at in range(suns)} == {community.member_ids[at] for at in np.flatnonzero(has_pv)}
    assert homes.names[5:] == homes.names[:2]
    assert np.array_equal(homes.net_kw[5], np.roll(homes.net_kw[0], -PER_DAY))
    assert homes.net_kw.shape == (7, 2 * PER_DAY + TAIL)


def test_profiles_that_are_too_short_or_of_another_step_are_refused() -> None:
    with pytest.raises(InputError, match="288: 192 to negotiate in"):
        choose_homes(make_community(4, 2 * PER_DAY, seed=1), 2, 2 * PER_DAY)
    community = make_community(4, 2 * PER_DAY, seed=1)
    half_hourly = replace(community, horizon=replace(community.horizon, step=2 * community.horizon.step))
    with pytest.raises(InputError, match="15 minutes"):
        choose_homes(half_hourly, 2, 12)


def test_every_way_and_seed_was_run_and_the_reference_does_not_depend_on_them(study: Study) -> None:
    assert set(study.results) == set(ways_of(2))
    references = {
        tuple(result.performance[at].round(9))
        for results in study.results.values()
        for result in results
        for at in (0, 1)
    }
    assert len(references) == 2
    assert all([result.seed for result in results] == [1, 2] for results in study.results.values())


def test_what_is_kept_of_a_run_is_what_the_run_says() -> None:
    community = make_community(12, 2 * PER_DAY, seed=5)
    chosen, homes = case(2), choose_homes(community, 9, TINY.intervals)
    result = negotiation.experiment(chosen, homes, PLAIN, TINY.scenarios, 1)
    run = negotiation.run_case(setting_of(chosen, homes, PLAIN, TINY.scenarios), 1)
    by = negotiation.outcomes(run)
    assert np.array_equal(result.performance[2], by[Strategy.NEGOTIATION].performance)
    assert result.agreements.sum() == 2 * len(run.loans)
    assert np.array_equal(result.agreements, result.agreements.T)
    assert result.volume_kwh.sum() * TINY.intervals / PER_DAY == pytest.approx(run.loans[:, 3].sum() / 1000)
    assert result.peak_flow_kw[2] == pytest.approx(np.abs(run.residual_kw.sum(axis=0)).max())
    counted, ready = np.zeros((3, 2), dtype=int), set()
    for now in range(TINY.intervals):
        rows = [row for row in run.sessions.tolist() if row[0] == now]
        for _, one, other, agreed, *_ in rows if now else ():
            counted[(one in ready) + (other in ready)] += [1, int(agreed)]
        ready = {member for row in rows if row[3] for member in row[1:3]}
    assert np.array_equal(result.after, counted)
    assert 0 < counted[1:, 0].sum() < counted[:, 0].sum()


def test_members_who_weigh_a_network_price_keep_the_ratio_of_their_other_weights() -> None:
    homes = choose_homes(make_community(12, 2 * PER_DAY, seed=5), 9, TINY.intervals)
    weighed = setting_of(case(2), homes, Way(network=0.4), 3)
    for before, after in zip(case(2).negotiators, weighed.negotiators, strict=True):
        assert after.weights == pytest.approx((0.6 * before.weights[0], 0.6 * before.weights[1], 0.4))


def test_the_drawn_session_is_the_one_that_was_held(study: Study) -> None:
    shown = study.shown
    assert shown is not None
    assert 0 <= shown.outcomes.min() <= shown.outcomes.max() <= 1
    last = [offered[-1] for offered in shown.traces if len(offered)]
    assert any(np.allclose(shown.agreement, offer) for offer in last)
    front = shown.outcomes[shown.front]
    assert not any(
        ((shown.outcomes >= point).all(axis=1) & (shown.outcomes > point).any(axis=1)).any() for point in front
    )
    products = (shown.outcomes - shown.outcomes[-1]).clip(min=0).prod(axis=1)
    assert (shown.nash - shown.outcomes[-1]).prod() == pytest.approx(products.max())


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_page_names_every_picture_and_every_published_figure(number: int, study: Study) -> None:
    if number == 3:
        chosen = replace(case(3), negotiators=case(3).negotiators[:18])
        homes = choose_homes(make_community(12, 2 * PER_DAY, seed=5), 18, 4)
        results = {
            way: tuple(negotiation.experiment(chosen, homes, way, 3, seed) for seed in (1, 2)) for way in ways_of(3)
        }
        study = Study(chosen, homes, replace(TINY, intervals=4), results, observe(chosen, homes, 3, 1), None)
    elif number == 1:
        study = negotiation.run_study(1, make_community(12, 2 * PER_DAY, seed=5), TINY)
    page = negotiation.page(study, command="gridpact study negotiation")
    names = {figure.name for figure in page.figures()}
    assert {"distances", "partners", "gains", "volumes", "flow", "network-price", "inferred"} <= names
    assert ("success" in names) == (number > 1)
    assert ("outcome-space" in names) == (study.shown is not None)
    text = render(page)
    assert all(figure.title in text for figure in page.figures())
    if number == 2:
        row = next(row for row in published(study).rows() if row[0] == "peak flow s2, kW")
        assert row[1] == "6.34"


def _fails_at(number: int, marker: str) -> int:
    with Path(marker).open("a") as calls:
        calls.write(f"{number}\n")
    if number == 3 and not Path(marker + ".mended").exists():
        raise RuntimeError("power cut")
    return number**2


def test_an_interrupted_study_goes_on_where_it_stopped(tmp_path: Path) -> None:
    marker, shelf = str(tmp_path / "calls"), Shelf(tmp_path / "parts")
    tasks = [Task(f"task {number}", _fails_at, (number, marker)) for number in range(6)]
    with pytest.raises(RuntimeError, match="power cut"):
        run_tasks(tasks, shelf=shelf)
    Path(marker + ".mended").touch()
    told: list[str] = []
    assert run_tasks(tasks, shelf=shelf, progress=lambda name, _: told.append(name)) == [0, 1, 4, 9, 16, 25]
    calls = [int(line) for line in Path(marker).read_text().split()]
    assert calls == [0, 1, 2, 3, 3, 4, 5]
    assert len(told) == 6
    shelf.clear()
    assert not shelf.folder.exists()


def test_a_torn_file_is_never_taken_for_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(tmp_path / "parts")
    replace_file: Callable[..., Path] = Path.replace

    def die(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        shelf.keep(pow, (2, 3), 8)
    monkeypatch.setattr(Path, "replace", replace_file)
    assert shelf.find(pow, (2, 3)) == []


def test_the_full_study_has_ten_seeds_of_a_week_and_a_day_for_loans_to_come_back() -> None:
    assert len(FULL.seeds_of(2)) == 10
    assert (FULL.intervals, FULL.scenarios, FULL.days) == (672, 100, 8)


def agreeing(result: Result, agreed: float) -> Result:
    return replace(result, success=replace(result.success, agreed=agreed))


def test_of_several_scores_only_those_beat_random_that_still_do_when_all_are_looked_at_together(study: Study) -> None:
    one, wobble = study.results[PLAIN][0], np.linspace(-0.02, 0.02, 10)
    ways = [way for way in study.results if not way.network and way.score != "random"]
    # alone, "success" is beyond its 95 % interval: p is 0.04; of seven, and behind three smaller ones, it is not enough
    better = {Way("success"): 0.01, Way("context"): 0.1, Way("complement"): -0.1, Way(floor=False): 0.2}
    levels = {True: 0.5, False: 0.7}
    results = {Way("random", floor): tuple(agreeing(one, level) for _ in wobble) for floor, level in levels.items()}
    for way in ways:
        agreed = levels[way.floor] + better.get(way, 0.0) + wobble
        results[way] = tuple(agreeing(one, float(each)) for each in agreed)
    compared = against_random(replace(study, results=results))
    assert len(compared) == 7
    success = compared[Way("success")]
    assert success.difference > success.half_width
    assert success.p == pytest.approx(4 * stats.ttest_1samp(0.01 + wobble, 0).pvalue)
    assert {way: against.verdict for way, against in compared.items() if against.verdict} == {
        Way("context"): 1,
        Way("complement"): -1,
        Way(floor=False): 1,
    }
    told = learning(replace(study, results=results))[0]
    assert told.verdict == "holds"
    assert told.text.startswith(
        "Context beats random peers with the floor and own-gain beats random peers without the floor"
    )
    assert "Holm's correction for 7 comparisons" in told.text


def test_a_case_in_which_nobody_chooses_compares_no_scores(study: Study) -> None:
    assert against_random(replace(study, results={PLAIN: study.results[PLAIN]})) == {}


def of_flow(result: Result, peak_kw: float, gain_kwh: float) -> Result:
    """With a peak of 10 kW under s1, and a gain of s2 over s1, all of it the first member's."""
    performance = np.zeros_like(result.performance)
    performance[2, 0] = gain_kwh
    return replace(result, peak_flow_kw=np.array([12.0, 10.0, peak_kw]), performance=performance)


def test_a_network_price_relieves_if_the_peak_is_below_that_of_batteries_alone_beyond_chance(study: Study) -> None:
    one, seeds = study.results[PLAIN][0], np.linspace(-1.0, 1.0, 10)
    results = {PLAIN: tuple(of_flow(one, 11.0, 40.0 + each) for each in seeds)}
    for weight, peak, gain in ((0.1, 9.6, 38.0), (0.2, 8.0, 30.0), (0.3, 10.5, 20.0)):
        results[Way(network=weight)] = tuple(of_flow(one, peak + each, gain + each) for each in seeds)
    few, much, none = reliefs(replace(study, results=results))
    assert (few.change, much.change, none.change) == pytest.approx((-4.0, -20.0, 5.0))
    alone = [stats.ttest_1samp(mean + 10 * seeds, 0).pvalue for mean in (5.0, -4.0)]
    assert alone[0] < 0.05 < alone[1]
    assert none.p == pytest.approx(2 * alone[0])
    assert few.p == pytest.approx(max(2 * alone[0], alone[1]))
    assert [each.relieves for each in (few, much, none)] == [False, True, False]
    assert (much.cost_kwh, much.cost_half_width, much.kept) == pytest.approx((10.0, 0.0, 0.75))
    assert reliefs(replace(study, results={PLAIN: results[PLAIN]})) == ()


def test_the_page_says_what_the_floor_and_the_network_price_do(study: Study) -> None:
    found = {
        block.name: block
        for section in negotiation.page(study, command="x").sections
        for block in section.blocks
        if isinstance(block, Finding)
    }
    bare, plain = (study.results[Way(floor=floor)] for floor in (False, True))
    agreed = [100 * np.mean([result.success.agreed for result in results]) for results in (bare, plain)]
    assert f"{agreed[0]:.0f}" in found["no-floor"].text
    assert found["no-floor"].numbers["agreed"] > np.mean([result.success.agreed for result in plain])
    assert found["third-criterion"].numbers["percent"] == min(each.change for each in reliefs(study))


def test_the_command_prints_published_figures_beside_ours_and_leaves_a_page_and_no_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(negotiation, "QUICK", TINY)
    typed = [
        "gridpact",
        "study",
        "negotiation",
        "--case",
        "1",
        "--quick",
        "--seeds",
        "3",
        "-j",
        "1",
        "-o",
        str(tmp_path),
    ]
    monkeypatch.setattr(sys, "argv", typed)
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr().out
    assert not end.value.code
    assert said.index("Published figures and ours") < said.index("Every way of negotiating")
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert "third-criterion" in json.dumps(summary)
    assert (tmp_path / "report.html").stat().st_size > 100_000
    assert not (tmp_path / "parts").exists()
