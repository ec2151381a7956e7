"""The distributed solver: the same equilibrium as the central program, in rounds that are counted; and the paper's method."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpact.errors import InputError
from gridpact.markets.equilibrium import (
    CentralSolver,
    Clearing,
    Concept,
    DistributedSolver,
    InfeasibleError,
    Instance,
    ProximalSolver,
    Recipe,
    Solver,
    Terminal,
    Tuning,
    WarmStart,
    certified_gap,
    clear_again,
    make_instance,
    objective,
    read_instance,
    residuals,
)
from markets.equilibrium_games import line_game

SMALL = Recipe(members=12, partners=4, seed=3)
PUBLISHED = {"ieee37_n50": 1310.506025, "ieee37_n50_voltage": 1441.07680}


def same_pact(instance: Instance, found: Clearing, tolerance_kw: float) -> None:
    """What is unique is the same as the central program's: Φ, and what each member does with devices and the main grid."""
    central = CentralSolver("clarabel").solve(instance)
    least = objective(instance, central.allocation)
    assert objective(instance, found.allocation) == pytest.approx(least, rel=1e-6, abs=1e-6)
    for name in ("p_mg", "p_di", "p_ch", "p_ds"):
        ours, theirs = getattr(found.allocation, name), getattr(central.allocation, name)
        assert ours == pytest.approx(theirs, abs=tolerance_kw), name


@pytest.mark.parametrize(
    ("hours", "terminal", "wide"), [(1, Terminal.EQUAL, 0.4), (3, Terminal.FREE, 0.0)], ids=["one hour", "no room"]
)
def test_a_state_of_charge_that_is_fixed_in_every_hour_stays_where_it_is(
    hours: int, terminal: Terminal, wide: float
) -> None:
    """A battery that loses charge by itself has to be held up, and nothing else may be done with it."""
    load = np.array([[3.0, 1.0, 4.0], [-2.0, -1.0, 1.0]])[:, :hours]
    half, one = np.full(2, 0.5), np.array([10.0, 0.0])
    game = line_game(
        load, E=one, ch_max=one / 2, ds_max=one / 2, x_0=half, x_min=half - wide, x_max=half + wide, terminal=terminal,
        eta_ch=np.full(2, 0.9), x_loss=np.full(2, 0.05), d_h=np.full(hours, 0.01), c_ta=np.full(1, 0.01),
    )  # fmt: skip
    found = DistributedSolver().solve(game, tolerance=1e-5)
    assert found.converged
    assert found.allocation.state_of_charge(game)[0] == pytest.approx([0.5] * (hours + 1), abs=1e-6)
    assert found.allocation.p_ch[0] - found.allocation.p_ds[0] == pytest.approx([0.5 / 0.9] * hours, abs=1e-4)
    least = objective(game, CentralSolver().solve(game).allocation)
    assert objective(game, found.allocation) == pytest.approx(least, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "most_rounds"), [("ieee37_n50", (150, 300, 600)), ("ieee37_n50_voltage", (450, 900, 1800))]
)
def test_published_optima_are_met_within_the_rounds_and_gaps_asked_for(
    shared_data: Path, name: str, most_rounds: tuple[int, ...]
) -> None:
    instance = read_instance(shared_data / "equilibrium" / f"{name}.npz")
    for tolerance, most in zip((0.1, 0.01, 1e-3), most_rounds, strict=True):
        clearing = DistributedSolver().solve(instance, tolerance=tolerance)
        assert clearing.converged
        assert clearing.rounds <= most
        assert clearing.history.worst[-1] <= tolerance
        assert abs(certified_gap(clearing).relative) <= tolerance / 10
        assert objective(instance, clearing.allocation) == pytest.approx(PUBLISHED[name], rel=tolerance / 10)


def test_high_accuracy_is_reached(shared_data: Path) -> None:
    instance = read_instance(shared_data / "equilibrium" / "ieee37_n50.npz")
    clearing = DistributedSolver().solve(instance, tolerance=1e-6)
    assert abs(certified_gap(clearing).relative) <= 1e-7
    assert objective(instance, clearing.allocation) == pytest.approx(PUBLISHED["ieee37_n50"], rel=1e-8)


def test_limits_that_cannot_be_kept_are_named_as_by_the_central_program(shared_data: Path) -> None:
    instance = read_instance(shared_data / "equilibrium" / "ieee37_n50_infeasible.npz")
    with pytest.raises(InfeasibleError) as ours:
        DistributedSolver().solve(instance, tolerance=1e-3)
    with pytest.raises(InfeasibleError) as central:
        CentralSolver().solve(instance)
    assert ours.value.shortfalls == central.value.shortfalls


@pytest.mark.parametrize("solver", [DistributedSolver(), ProximalSolver()], ids=lambda each: each.name)
def test_rounds_that_end_before_an_infeasible_game_shows_are_no_clearing(shared_data: Path, solver: Solver) -> None:
    instance = read_instance(shared_data / "equilibrium" / "ieee37_n50_infeasible.npz")
    with pytest.raises(InfeasibleError):
        solver.solve(instance, tolerance=1e-3, max_rounds=5)


def test_rounds_that_end_too_early_are_said_so() -> None:
    clearing = DistributedSolver().solve(make_instance(SMALL), tolerance=1e-6, max_rounds=5)
    assert clearing.rounds == 5
    assert not clearing.converged


def test_a_line_that_reactive_power_alone_fills_is_infeasible() -> None:
    game = line_game([[1.0], [1.0]], s_max=np.array([np.inf, 1.0, 1.0]), qd=np.array([[2.0], [0.0]]))
    with pytest.raises(InfeasibleError):
        DistributedSolver().solve(game, tolerance=1e-3)


@pytest.mark.parametrize("concept", Concept)
def test_each_concept_has_its_own_optimum(concept: Concept) -> None:
    instance = make_instance(SMALL)
    clearing = DistributedSolver(concept).solve(instance, tolerance=1e-5)
    central = CentralSolver("clarabel", concept).solve(instance)
    least = objective(instance, central.allocation, concept)
    assert objective(instance, clearing.allocation, concept) == pytest.approx(least, rel=1e-7)


def variant(name: str) -> Instance:
    """A small game in one of the forms that a community takes."""
    base = make_instance(SMALL)
    surplus = np.maximum(-base.pd, 0)
    changes = {
        "curtailment": {"cur_max": surplus},
        "export": {"import_only": False, "price_im": np.full(base.H, 0.05), "price_ex": np.full(base.H, 0.02)},
        "export at the import price": {"import_only": False},
        "terminal at least": {"terminal": Terminal.AT_LEAST},
        "terminal free": {"terminal": Terminal.FREE},
        "standing loss": {"x_loss": np.full(base.members, 0.002)},
        "preferences": {"c_tr": np.random.default_rng(1).uniform(0.0, 0.1, (base.links, 2))},
        "short intervals": {"dt": 0.25},
        "few links": {"edges": base.edges[:3], "cap": base.cap[:3], "c_tr": base.c_tr[:3], "c_ta": base.c_ta[:3]},
    }[name]
    if name == "few links":  # members without partners have to hold back what they cannot sell
        changes["cur_max"] = surplus
    return replace(base, **changes)


@pytest.mark.parametrize(
    "name",
    [
        "curtailment",
        "export",
        "export at the import price",
        "terminal at least",
        "terminal free",
        "standing loss",
        "preferences",
        "short intervals",
        "few links",
    ],
)
def test_every_form_of_the_game_has_the_equilibrium_of_the_central_program(name: str) -> None:
    instance = variant(name)
    clearing = DistributedSolver().solve(instance, tolerance=1e-4)
    assert clearing.converged
    assert residuals(instance, clearing.allocation).worst < 1e-2
    same_pact(instance, clearing, 0.05)


def test_a_game_at_retail_prices_alone_has_the_objective_of_the_central_program() -> None:
    """Nearly a linear program: slow, and only the objective is unique."""
    base = make_instance(SMALL)
    prices = {"d_h": np.zeros(base.H), "price_im": np.linspace(0.2, 0.4, base.H), "price_ex": np.full(base.H, 0.05)}
    instance = replace(base, import_only=False, **prices)
    clearing = DistributedSolver().solve(instance, tolerance=0.1)
    assert clearing.converged
    assert clearing.rounds > 500
    least = objective(instance, CentralSolver("clarabel").solve(instance).allocation)
    assert objective(instance, clearing.allocation) == pytest.approx(least, rel=1e-3)


def test_units_change_nothing_but_the_figures() -> None:
    """A game in watts and cents takes the rounds that it takes in kW and EUR: weights follow the game."""
    instance = make_instance(SMALL)
    kw, price = 1e3, 100.0
    limits = instance.grid_limits
    scaled = replace(
        instance,
        **{name: getattr(instance, name) * kw for name in ("pas_p", "pas_q", "pd", "qd", "di_max", "cap")},
        **{name: getattr(instance, name) * kw for name in ("E", "ch_max", "ds_max", "cur_max")},
        **{name: getattr(instance, name) / kw for name in ("r", "x")},
        **{name: getattr(instance, name) * price for name in ("c_di", "c_tr", "c_ta")},
        **{name: getattr(instance, name) * price / kw for name in ("Q_di", "Q_st", "d_h")},
        s_max=instance.s_max * kw,
        pmin=instance.pmin * kw,
        pmax=instance.pmax * kw,
        limits=replace(limits, flow=limits.flow * kw, head_min=limits.head_min * kw, head_max=limits.head_max * kw),
    )  # fmt: skip
    tuning = Tuning(raise_every=10_000)  # the only rule that looks at a tolerance
    ours, theirs = (
        DistributedSolver(tuning=tuning).solve(each, tolerance=1e-9, max_rounds=60) for each in (instance, scaled)
    )
    assert theirs.history.step == pytest.approx(ours.history.step * kw, rel=1e-5)
    assert theirs.history.dual_step == pytest.approx(ours.history.dual_step * price, rel=1e-5)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), members=st.integers(3, 8), connectivity=st.sampled_from([0.5, 1.0]))
def test_random_games_agree_with_the_central_program(seed: int, members: int, connectivity: float) -> None:
    base = make_instance(Recipe(members, seed=seed, connectivity=connectivity, diversity=0.02))
    instance = replace(base, cur_max=np.maximum(-base.pd, 0), vmin=0.5, vmax=1.5)  # so few draw too much for the feeder
    clearing = DistributedSolver().solve(instance, tolerance=1e-3)
    least = objective(instance, CentralSolver().solve(instance).allocation)
    assert clearing.converged
    assert objective(instance, clearing.allocation) == pytest.approx(least, rel=1e-4)


def test_prices_are_those_of_the_central_program_where_voltage_binds(shared_data: Path) -> None:
    instance = read_instance(shared_data / "equilibrium" / "ieee37_n50_voltage.npz")
    ours = DistributedSolver().solve(instance, tolerance=1e-4)
    central = CentralSolver("clarabel").solve(instance)
    at = instance.pro_bus
    assert np.abs(central.multipliers.bus).max() > 0.01
    assert ours.multipliers.bus[at] == pytest.approx(central.multipliers.bus[at], abs=2e-4)
    assert ours.multipliers.head == pytest.approx(central.multipliers.head, abs=2e-4)
    assert ours.allocation.pi == pytest.approx(central.allocation.pi, abs=2e-3)


def test_the_papers_method_ends_at_the_same_equilibrium() -> None:
    instance = make_instance(SMALL)
    clearing = ProximalSolver().solve(instance, tolerance=0.01)
    assert clearing.converged
    assert clearing.history.worst[-1] <= 0.01
    assert abs(certified_gap(clearing).relative) < 1e-4
    least = objective(instance, CentralSolver().solve(instance).allocation)
    assert objective(instance, clearing.allocation) == pytest.approx(least, rel=1e-4)


def test_a_warm_start_from_the_last_hour_saves_rounds() -> None:
    """A day of 24 h is looked at from one hour later, with forecasts that are 2 % off what they were."""
    instance = make_instance(SMALL)
    _, memory = clear_again(instance, None, tolerance=0.01)
    noise = 1 + 0.02 * np.random.default_rng(0).standard_normal(instance.pd.shape)
    moved = {name: np.roll(getattr(instance, name), -1, axis=1) for name in ("qd", "pas_p", "pas_q")}
    later = replace(instance, pd=np.roll(instance.pd, -1, axis=1) * noise, **moved)
    warm, _ = clear_again(later, memory, tolerance=0.01)
    cold, _ = clear_again(later, None, tolerance=0.01)
    assert warm.rounds < cold.rounds
    assert objective(later, warm.allocation) == pytest.approx(objective(later, cold.allocation), rel=1e-4)


def test_a_warm_start_fits_itself_to_other_pairs_and_fewer_hours() -> None:
    instance = make_instance(SMALL)
    memory = DistributedSolver().solve(instance, tolerance=0.1).state
    fewer = replace(
        instance, edges=instance.edges[5:], cap=instance.cap[5:], c_tr=instance.c_tr[5:], c_ta=instance.c_ta[5:]
    )
    fitted = memory.fitted(fewer)
    assert fitted.trades.tolist() == memory.trades[5:].tolist()
    assert memory.later(3).pi[:, 0].tolist() == memory.pi[:, 3].tolist()
    back = fitted.fitted(instance)
    assert not back.trades[:5].any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda game: DistributedSolver().solve(game, tolerance=0.0), "tolerance = 0.0"),
        (lambda game: ProximalSolver().solve(game, tolerance=np.nan), "tolerance = nan"),
        (lambda game: ProximalSolver(primal_weight=0.0), "primal_weight = 0.0"),
        (lambda game: ProximalSolver().solve(game, warm_start=WarmStart.cold(game)), "a warm start"),
        (lambda game: Tuning(relaxation=2.0), "relaxation = 2.0"),
        (lambda game: Tuning(idle=0.0), "idle = 0.0"),
        (lambda game: Tuning(raise_every=0), "raise_every = 0"),
        (lambda game: WarmStart.cold(game).later(2), "2 intervals later"),
        (lambda game: WarmStart.cold(game).fitted(line_game([[1.0], [2.0], [3.0]])), "it is of 2 members"),
    ],
)
def test_bad_input_is_named(call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(line_game([[1.0], [2.0]]))  # type: ignore[operator]
