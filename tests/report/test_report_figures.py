"""What the charts draw follows from the arrays."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpact.grid import branch_impedance
from gridpact.study.report import _figures as figures
from gridpact.study.report._tree import lay_out
from gridpact.study.result import Comparison


def test_a_duration_curve_falls_from_the_peak_import_to_the_peak_export(comparison: Comparison) -> None:
    drawn = figures.duration(comparison)
    for curve, run in zip(drawn.runs, comparison.runs, strict=True):
        assert np.all(np.diff(curve) <= 0)
        assert curve[0] == pytest.approx(run.flow.head_kw.max(), abs=0.01)
        assert curve[-1] == pytest.approx(run.flow.head_kw.min(), abs=0.01)
    assert drawn.share[0] == 0
    assert drawn.share[-1] == 100


def test_a_long_horizon_is_thinned_without_losing_its_ends(synthetic) -> None:
    long = synthetic(members=2, buses=4, periods=5000, mechanisms=("pool:sdr",))
    drawn = figures.duration(long)
    assert len(drawn.share) == len(drawn.reference) == figures.CURVE_POINTS
    assert drawn.reference[0] == pytest.approx(long.baseline.flow.head_kw.max(), abs=0.01)


def test_the_day_is_local_and_its_energy_is_the_traded_energy(comparison: Comparison) -> None:
    drawn = figures.day(comparison)
    assert drawn.width == 0.25
    assert len(drawn.hour) == 96
    days = comparison.community.horizon.periods / 96
    for power, run in zip(drawn.power, comparison.runs, strict=True):
        assert np.sum(power) * drawn.width * days == pytest.approx(run.community.traded_kwh, abs=0.2)
    dear = np.flatnonzero(np.array(drawn.import_price) > 0.3)
    assert (drawn.hour[dear[0]], drawn.hour[dear[-1]]) == (17.0, 20.75)


def test_hours_without_trade_have_no_price(comparison: Comparison) -> None:
    drawn = figures.day(comparison)
    assert np.isnan(drawn.price[0]).all()
    for price, power in zip(drawn.price, drawn.power, strict=True):
        assert np.array_equal(np.isnan(price), np.array(power) == 0)


@pytest.mark.parametrize(("minutes", "width", "bins"), [(1, 0.25, 96), (5, 0.25, 96), (30, 0.5, 48), (60, 1.0, 24)])
def test_bins_of_the_day_are_as_long_as_a_step_and_at_least_a_quarter_of_an_hour(
    synthetic, minutes: int, width: float, bins: int
) -> None:
    made = synthetic(periods=24 * 60 // minutes, step=timedelta(minutes=minutes), mechanisms=("pool:sdr",))
    drawn = figures.day(made)
    assert (drawn.width, len(drawn.hour)) == (width, bins)
    assert not np.isnan(drawn.import_price).any()


def test_cells_hold_all_traded_energy(comparison: Comparison) -> None:
    drawn = figures.partners(comparison)
    for cells, run in zip(drawn.cells, comparison.runs, strict=True):
        assert sum(kwh for _, _, kwh in cells) == pytest.approx(run.community.traded_kwh, abs=0.01)


def test_a_cell_is_the_energy_from_its_seller_to_its_buyer(comparison: Comparison) -> None:
    drawn = figures.partners(comparison)
    trades, ids = comparison.runs[1].pact.trades, comparison.community.member_ids
    row, column, kwh = drawn.cells[1][0]
    of_pair = (trades.seller == ids.index(drawn.sellers[row])) & (trades.buyer == ids.index(drawn.buyers[column]))
    assert kwh == pytest.approx(trades.energy_wh[of_pair].sum() / 1000, abs=0.001)


def test_many_traders_are_shown_as_the_largest_and_the_others(synthetic) -> None:
    crowd = synthetic(members=300, buses=20, periods=96, mechanisms=("auction:uniform",))
    drawn = figures.partners(crowd)
    assert len(drawn.sellers) == figures.LARGEST_TRADERS
    sellers = np.unique(crowd.runs[0].pact.trades.seller)
    assert drawn.sellers[-1] == f"{len(sellers) - figures.LARGEST_TRADERS + 1} others"
    assert sum(kwh for _, _, kwh in drawn.cells[0]) == pytest.approx(crowd.runs[0].community.traded_kwh, abs=0.5)
    assert drawn.strongest < max(kwh for _, _, kwh in drawn.cells[0])


def test_grid_states_are_the_extremes_over_time_and_phases(synthetic) -> None:
    made = synthetic(three_phase=True)
    drawn = figures.grid(made)
    flow = made.runs[1].flow
    assert drawn.runs[1].low == pytest.approx(flow.v_low.min(axis=0), abs=1e-5)
    assert drawn.runs[1].high == pytest.approx(flow.v_high.max(axis=0), abs=1e-5)
    assert drawn.runs[1].loading == pytest.approx(flow.loading.max(axis=0), abs=1e-4)


def test_coordinates_are_kept_only_when_all_are_known(synthetic, comparison: Comparison) -> None:
    assert figures.grid(comparison).xy is None
    x, y = figures.grid(synthetic(with_map=True)).xy
    assert len(x) == len(y) == 10


def test_every_bus_lies_beyond_the_one_that_feeds_it(comparison: Comparison) -> None:
    feeder = comparison.community.feeder
    layout = lay_out(feeder)
    from_bus, to_bus = feeder.branch_ends
    step = branch_impedance(feeder) * 100 * layout.base_kva / 1000
    assert layout.distance[to_bus] == pytest.approx(layout.distance[from_bus] + step)
    assert layout.distance[feeder.source_bus] == 0


def test_a_transformer_lies_as_far_as_its_short_circuit_voltage_says(comparison: Comparison) -> None:
    """4 % at 250 kVA is 1.6 % at 100 kVA."""
    layout = lay_out(comparison.community.feeder)
    assert (layout.base_kva, layout.distance[1]) == (100.0, pytest.approx(1.6))


@given(seed=st.integers(0, 10_000), buses=st.integers(3, 40))
def test_a_tree_never_crosses_itself(synthetic, seed: int, buses: int) -> None:
    """The rows of everything behind a bus are its own: whole, without a gap, and its end stations one row apart."""
    feeder = synthetic(members=1, buses=buses, periods=2, mechanisms=("supplier",), seed=seed).community.feeder
    rows = lay_out(feeder).row
    parent = {int(b): int(a) for a, b in zip(*feeder.branch_ends, strict=True)}
    behind: dict[int, list[int]] = {bus: [bus] for bus in range(buses)}
    for bus in range(buses - 1, 0, -1):
        behind[parent[bus]] += behind[bus]
    ends = set(range(buses)) - set(parent.values())
    assert sorted(rows[list(ends)]) == list(range(len(ends)))
    for bus, all_behind in behind.items():
        taken = sorted({rows[other] for other in all_behind})
        assert taken == list(np.arange(taken[0], taken[0] + len(taken)))
        assert rows[bus] in taken


def test_a_comparison_without_trade_has_an_empty_matrix(synthetic) -> None:
    drawn = figures.partners(synthetic(mechanisms=("supplier",)))
    assert (drawn.sellers, drawn.buyers, drawn.cells, drawn.strongest) == ([], [], [[]], 0.0)
