"""The study of the equilibrium: its directions on small games, what the page says of them, and that it goes on where it was."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from gridpact.study.equilibrium import Study, page, rounds, run_study
from gridpact.study.equilibrium.study import OURS, PAPERS
from gridpact.study.pages import Finding
from gridpact.study.resume import Shelf
from study.small_studies import TINY_EQUILIBRIUM


@cache
def study() -> Study:
    return run_study(TINY_EQUILIBRIUM)


def findings(of: Study) -> dict[str, Finding]:
    return {each.name: each for each in page(of, command="gridpact study equilibrium").findings()}


def test_both_methods_are_followed_to_the_tolerance_with_a_certified_gap() -> None:
    assert [each.solver for each in study().convergence] == [PAPERS, OURS]
    for each in study().convergence:
        assert each.converged
        assert each.worst[-1] <= TINY_EQUILIBRIUM.tolerance < each.worst[-2]
        assert abs(each.gap) < 1e-2


def test_everybody_gains_and_storage_cuts_the_peak() -> None:
    day = study().day
    assert (day.costs < day.costs_alone).all()
    assert day.import_kw.max() < day.import_without_storage_kw.max()
    assert day.regret < 1e-5
    assert 1 <= day.anarchy < 1.1


def test_a_tariff_stops_trade_and_a_price_that_is_the_same_both_ways_does_nothing() -> None:
    low, high = (float(study().traded_at(tariff=tariff).mean()) for tariff in TINY_EQUILIBRIUM.tariffs)
    assert high < low
    base = TINY_EQUILIBRIUM.tariffs[0]
    scaled = [float(study().traded_at(tariff=base, scale=scale).mean()) for scale in TINY_EQUILIBRIUM.scales]
    assert scaled == pytest.approx([scaled[0]] * len(scaled), abs=0.1)


def test_the_overload_is_there_without_ratings_and_gone_with_them() -> None:
    assert study().loading.free.max() > 1.0
    assert study().loading.limited.max() <= 1 + 1e-9


def test_the_safe_schedule_is_clean_where_the_linear_grid_alone_was_not() -> None:
    day = study().day
    assert day.violations[-1] == 0 < day.violations[0]
    assert day.v_linear.min() < day.v_limit <= day.v_safe.min() + 1e-9


def test_verdicts_follow_the_numbers() -> None:
    said = findings(study())
    assert {name for name, each in said.items() if each.verdict == "fails"} <= {"fewer-rounds"}
    assert said["everybody-gains"].verdict == "holds"
    day = study().day
    worse = replace(study(), day=replace(day, costs=np.r_[day.costs_alone[:1] + 1, day.costs[1:]], violations=(3, 1)))
    assert findings(worse)["everybody-gains"].verdict == "partly"
    assert findings(worse)["ac-safe"].verdict == "fails"


def test_rounds_that_were_not_enough_are_no_number() -> None:
    hasty = run_study(replace(TINY_EQUILIBRIUM, most_rounds=5))
    assert not any(each.converged for each in hasty.convergence)
    assert all(np.isnan(each.rounds) for each in hasty.rounds)
    assert "does not reach" in str(page(hasty, command="x"))
    [column] = [column for column in rounds(hasty).columns if column.head == "rounds, median"]
    assert np.isnan(np.asarray(column.values, dtype=float)).all()


def test_an_interrupted_study_goes_on_where_it_was(tmp_path: Path) -> None:
    def stop(name: str, total: int) -> None:
        if name == "a day":
            raise KeyboardInterrupt

    shelf = Shelf(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run_study(TINY_EQUILIBRIUM, shelf=shelf, progress=stop)
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(kept) >= 4
    again = run_study(TINY_EQUILIBRIUM, shelf=Shelf(tmp_path))
    assert again.rounds[0].rounds == study().rounds[0].rounds
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in kept} == kept
