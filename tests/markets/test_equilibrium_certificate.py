"""What certifies a clearing: gap by weak duality, best responses, residuals; and that it notices tampering."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpact.markets.equilibrium import (
    Allocation,
    CentralSolver,
    Clearing,
    Concept,
    Instance,
    Recipe,
    best_response_regret,
    certified_gap,
    certify,
    examine,
    lower_bound,
    make_instance,
    objective,
    without_trade,
)
from markets.equilibrium_games import line_game


@pytest.fixture(scope="module")
def clearing() -> Clearing:
    return CentralSolver().solve(make_instance(Recipe(members=10, connectivity=0.6, seed=4)))


@pytest.fixture(scope="module")
def tight() -> Clearing:
    """A clearing in which voltages bind."""
    found = CentralSolver().solve(replace(make_instance(Recipe(members=10, connectivity=0.6, seed=4)), vmin=0.974))
    assert found.multipliers.bus.max() > 1e-3
    return found


def failed(clearing: Clearing) -> set[str]:
    report = examine(clearing, others=False)
    checks = certify(report, tolerance_kw=1e-5, gap=1e-6, regret=1e-5).checks
    return {check.name.removeprefix("equilibrium: ") for check in checks if not check.passed}


def moved(clearing: Clearing, **changes: np.ndarray) -> Clearing:
    return replace(clearing, allocation=replace(clearing.allocation, **changes))


def test_an_equilibrium_passes_every_check(clearing: Clearing, tight: Clearing) -> None:
    assert failed(clearing) == set()
    assert failed(tight) == set()


def test_tampering_is_noticed(clearing: Clearing) -> None:
    found = clearing.allocation
    shift = np.zeros_like(found.p_mg)
    member = int(np.flatnonzero(clearing.instance.di_max > 0)[0])
    shift[member, 12] = 5.0
    assert "balance of a member (kW)" in failed(moved(clearing, p_mg=found.p_mg + shift))
    swapped = moved(clearing, p_mg=found.p_mg + shift, p_di=found.p_di - shift)  # balanced, and dearer
    assert "certified gap of the potential (relative)" in failed(swapped)
    assert "best-response regret of the worst member (currency)" in failed(swapped)
    assert "reciprocity (kW)" in failed(moved(clearing, p_tr_rev=-found.p_tr + 0.01))
    dear = replace(clearing, multipliers=replace(clearing.multipliers, pair=clearing.multipliers.pair + 0.02))
    assert failed(dear) == {"best-response regret of the worst member (currency)"}
    wrong = moved(clearing, pi=found.pi + 0.05 * np.eye(*found.pi.shape))
    assert failed(wrong) == {"certified gap of the potential (relative)"}


def test_charging_and_discharging_at_once_is_noticed(clearing: Clearing) -> None:
    own = clearing.instance.stores[:, None] * np.eye(1, 24, 9)
    both = moved(clearing, p_ch=clearing.allocation.p_ch + own, p_ds=clearing.allocation.p_ds + own)
    assert "charging and discharging at once where prices are positive (kW)" in failed(both)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), size=st.floats(0, 0.05), concept=st.sampled_from(list(Concept)))
def test_no_prices_bound_the_objective_from_above(seed: int, size: float, concept: Concept) -> None:
    """Weak duality: whatever the prices, with or without the grid."""
    drawn, vmin = ((0, 0.971), (3, 0.967))[seed % 2]  # limits that bind
    game = replace(make_instance(Recipe(members=6, connectivity=0.8, seed=drawn)), vmin=vmin)
    best = CentralSolver(concept=concept).solve(game)
    least = objective(game, best.allocation, concept)
    noise = size * np.random.default_rng(seed).standard_normal(best.allocation.pi.shape)
    for grid in (True, False):
        assert lower_bound(game, best.allocation.pi + noise, concept, grid=grid) <= least + 1e-6 * least


def test_the_bound_is_exact_at_exact_prices_with_the_grid_only(tight: Clearing) -> None:
    value = objective(tight.instance, tight.allocation)
    with_grid, without = (lower_bound(tight.instance, tight.allocation.pi, grid=grid) for grid in (True, False))
    assert with_grid == pytest.approx(value, rel=1e-8)
    assert without < value - 1e-3
    assert certified_gap(tight).bound == pytest.approx(with_grid, rel=1e-9)


def test_a_deviation_changes_the_potential_by_what_the_member_saves() -> None:
    """The game has an exact potential: a member of no links re-optimises, and Φ falls by its saving."""
    game = line_game(
        [[8.0, 9.0], [5.0, 3.0]],
        edges=(),
        di_max=np.array([10.0, 0.0]),
        c_di=np.array([0.05, 0.0]),
        Q_di=np.array([0.002, 0.0]),
        pas_p=np.full((3, 2), 2.0),
    )
    best = CentralSolver().solve(game)
    none = np.zeros((2, 2))
    idle = Allocation(none, none, none, game.pd, np.zeros((0, 2)), none)
    free = replace(best.multipliers, bus=0 * best.multipliers.bus, head=0 * best.multipliers.head)
    regret = best_response_regret(game, idle, free)
    alone = replace(best.allocation, p_mg=np.array([best.allocation.p_mg[0], game.pd[1]]))
    assert regret == pytest.approx([objective(game, idle) - objective(game, alone), 0], abs=1e-6)


def test_regret_is_taken_in_groups_without_a_difference(clearing: Clearing, monkeypatch: pytest.MonkeyPatch) -> None:
    instance, allocation = clearing.instance, clearing.allocation
    wrong = replace(allocation, p_di=allocation.p_di * 0.9, p_mg=allocation.p_mg + 0.1 * allocation.p_di)
    whole = best_response_regret(instance, wrong, clearing.multipliers)
    monkeypatch.setattr("gridpact.markets.equilibrium.regret.LINK_HOURS_AT_ONCE", 500)
    assert best_response_regret(instance, wrong, clearing.multipliers) == pytest.approx(whole, abs=1e-6)
    assert whole.max() > 0.01


def test_members_who_ignore_their_influence_regret_it_as_players(clearing: Clearing) -> None:
    instance: Instance = clearing.instance
    wardrop = CentralSolver(concept=Concept.WARDROP).solve(instance)
    prices = wardrop.multipliers
    assert best_response_regret(instance, wardrop.allocation, prices, Concept.WARDROP) == pytest.approx(0, abs=1e-6)
    assert best_response_regret(instance, wardrop.allocation, prices).max() > 1e-3


def test_a_report_adds_up(clearing: Clearing) -> None:
    report = examine(clearing)
    instance, allocation = clearing.instance, clearing.allocation
    sigma = allocation.p_mg.sum(axis=0)
    devices = report.costs.sum() - report.tariff_revenue - instance.d_h @ (sigma * (sigma + instance.base_kw))
    symmetric = objective(instance, allocation, Concept.SOCIAL) - report.costs.sum()
    assert symmetric == pytest.approx(0, abs=1e-6)  # what members pay each other cancels
    assert devices > 0
    assert report.tariff_revenue == pytest.approx(0.02 * report.traded_kwh)
    assert report.import_peak_kw == pytest.approx((sigma + instance.base_kw).max())
    assert report.anarchy is not None
    assert report.wardrop_cost is not None
    assert report.anarchy >= 1 - 1e-9
    assert report.wardrop_cost >= 1 - 1e-9
    assert report.costs_alone is not None
    assert report.costs_alone.sum() > report.costs.sum()
    assert report.pair_price == pytest.approx(clearing.multipliers.pair + 0.07)
    assert without_trade(instance).links == 0


def test_where_nobody_moves_the_price_there_is_no_price_of_anarchy() -> None:
    game = line_game([[2.0], [-1.0]], d_h=0.0, import_only=False, price_im=np.array([0.3]), price_ex=np.array([0.1]))
    report = examine(CentralSolver().solve(game))
    assert (report.anarchy, report.wardrop_cost) == (1.0, 1.0)
