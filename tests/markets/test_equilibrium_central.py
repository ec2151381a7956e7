"""The central program: worked examples, published values, two methods that agree, and what no schedule can keep."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpact.errors import InputError
from gridpact.markets.equilibrium import (
    CentralSolver,
    Concept,
    InfeasibleError,
    Instance,
    Recipe,
    Terminal,
    certified_gap,
    make_instance,
    make_solver,
    objective,
    read_instance,
    residuals,
)
from markets.equilibrium_games import line_game

PUBLISHED = {
    ("ieee37_n50", Concept.NASH): 1310.506025,
    ("ieee37_n50", Concept.WARDROP): 1308.013616,
    ("ieee37_n50", Concept.SOCIAL): 1361.862831,
    ("ieee37_n50_voltage", Concept.NASH): 1441.07680,
}


@pytest.mark.parametrize(("name", "concept"), PUBLISHED)
def test_published_optima_are_met_by_both_methods(shared_data: Path, name: str, concept: Concept) -> None:
    instance = read_instance(shared_data / "equilibrium" / f"{name}.npz")
    for method in ("piqp", "clarabel"):
        clearing = CentralSolver(method, concept).solve(instance)
        found = objective(instance, clearing.allocation, concept)
        assert found == pytest.approx(PUBLISHED[name, concept], rel=5e-9)
        assert residuals(instance, clearing.allocation).worst < 1e-7


def test_two_members_by_hand() -> None:
    """A needs 10 kW, B generates at 0.05 + 2 · 0.001 p; the main grid costs 0.01 σ; b = 0; a trade costs each end 0.01.

    A imports a, B imports b and generates g; a + b + g = 10. Stationary: π_A = 0.01 (a + b) + 0.01 a,
    π_B = 0.01 (a + b) + 0.01 b = 0.05 + 0.002 g, and π_A = π_B + 0.02, so a = b + 2, g = 8 − 2 b, and
    0.03 b + 0.02 = 0.066 − 0.004 b: b = 0.046 / 0.034.
    That B imports to sell is how members share the price's slope.
    """
    game = line_game(
        [[10.0], [0.0]],
        di_max=np.array([0.0, 50.0]),
        Q_di=np.array([0.0, 0.001]),
        c_di=np.array([0.0, 0.05]),
        c_ta=np.array([0.01]),
    )
    clearing = CentralSolver().solve(game)
    found, b = clearing.allocation, 0.046 / 0.034
    a, g = b + 2, 8 - 2 * b
    pi_b = 0.05 + 0.002 * g
    assert found.p_mg[:, 0] == pytest.approx([a, b], abs=1e-6)
    assert found.p_di[1, 0] == pytest.approx(g, abs=1e-6)
    assert found.p_tr[0, 0] == pytest.approx(10 - a, abs=1e-6)
    assert found.pi[:, 0] == pytest.approx([pi_b + 0.02, pi_b], abs=1e-7)
    assert clearing.multipliers.pair[0, 0] == pytest.approx(pi_b + 0.01, abs=1e-7)
    assert clearing.multipliers.bus == pytest.approx(0, abs=1e-8)
    assert clearing.multipliers.head == pytest.approx(0, abs=1e-8)
    by_hand = 0.01 * ((a + b) ** 2 + a**2 + b**2) / 2 + 0.05 * g + 0.001 * g**2 + 0.02 * (10 - a)
    assert objective(game, found) == pytest.approx(by_hand, rel=1e-8)


def test_members_who_ignore_their_influence_import_more_and_society_less() -> None:
    """Beside generation at 0.1 flat: Nash 0.02 a = 0.1, Wardrop 0.01 a = 0.1, society 2 · 0.01 a = 0.1."""
    game = line_game([[50.0]], edges=(), di_max=np.array([100.0]), c_di=np.array([0.1]))
    imports = {c: CentralSolver(concept=c).solve(game).allocation.p_mg.sum() for c in Concept}
    assert imports[Concept.NASH] == pytest.approx(5.0, abs=1e-5)
    assert imports[Concept.WARDROP] == pytest.approx(10.0, abs=1e-5)
    assert imports[Concept.SOCIAL] == pytest.approx(5.0, abs=1e-5)


def test_a_binding_voltage_is_paid_at_the_bus() -> None:
    """B at the end of the line may draw until 1 − 2e-4 (P_1 + P_2) reaches 0.999: with A's 2 kW, 2 P_B + 2 = 5, P_B = 1.5.

    B needs 4 kW and generates the rest at 0.5. A kW drawn at bus 2 moves the voltage twice as much as one at bus 1.
    """
    game = line_game([[2.0], [4.0]], edges=(), di_max=np.array([0.0, 9.0]), c_di=np.array([0.0, 0.5]), vmin=0.999**0.5)
    clearing = CentralSolver().solve(game)
    assert clearing.allocation.p_di[1, 0] == pytest.approx(2.5, abs=1e-5)
    bus = clearing.multipliers.bus[:, 0]
    assert bus[2] == pytest.approx(0.5 - clearing.allocation.pi[1, 0], abs=1e-6)
    assert bus[1] == pytest.approx(bus[2] / 2, abs=1e-6)
    assert bus[0] == 0


def test_a_bound_of_the_head_is_a_price_of_imports() -> None:
    """Both need 10 kW of which 12 may come; A generates at 0.4: π = 0.4 = 0.01 (12 + a) + head with a = 2 and B's 10."""
    game = line_game([[10.0], [10.0]], edges=(), di_max=np.array([20.0, 0.0]), c_di=np.array([0.4, 0.0]), pmax=12.0)
    clearing = CentralSolver().solve(game)
    assert clearing.allocation.p_mg[:, 0] == pytest.approx([2.0, 10.0], abs=1e-5)
    assert clearing.multipliers.head[0] == pytest.approx(0.4 - 0.14, abs=1e-6)
    assert clearing.multipliers.bus == pytest.approx(0, abs=1e-7)


def test_the_cap_of_a_pair_splits_the_two_prices_in_the_middle() -> None:
    game = line_game(
        [[10.0], [0.0]], di_max=np.array([0.0, 50.0]), c_di=np.array([0.0, 0.02]), cap=np.array([3.0]), d_h=0.05
    )
    clearing = CentralSolver().solve(game)
    pi = clearing.allocation.pi[:, 0]
    assert clearing.allocation.p_tr[0, 0] == pytest.approx(3.0, abs=1e-6)
    assert pi == pytest.approx([0.05 * 14, 0.02], abs=1e-6)
    assert clearing.multipliers.pair[0, 0] == pytest.approx(pi.mean())


def test_symmetric_contract_prices_move_money_and_nothing_else() -> None:
    game = make_instance(Recipe(members=10, connectivity=0.6, seed=1))
    dear = replace(game, c_tr=game.c_tr + 0.5)
    one, other = (CentralSolver().solve(each) for each in (game, dear))
    assert other.allocation.p_mg == pytest.approx(one.allocation.p_mg, abs=1e-4)
    assert other.multipliers.pair + 0.5 == pytest.approx(one.multipliers.pair, abs=1e-6)


def test_two_prices_of_the_main_grid_are_kept_apart() -> None:
    """A has 4 kW of surplus, B needs 1: the pair trades 1 at 0.08, and 0.01 of each end, and A delivers 3."""
    retail = {"d_h": 0.0, "import_only": False, "price_im": np.array([0.3]), "price_ex": np.array([0.08])}
    game = line_game([[-4.0], [1.0]], c_ta=np.array([0.01]), **retail)
    clearing = CentralSolver().solve(game)
    assert clearing.allocation.p_mg[:, 0] == pytest.approx([-3.0, 0.0], abs=1e-5)
    assert clearing.allocation.pi[:, 0] == pytest.approx([0.08, 0.10], abs=1e-6)
    assert objective(game, clearing.allocation) == pytest.approx(-0.24 + 0.02, abs=1e-6)
    one_price = replace(game, price_im=np.array([0.08]))
    assert CentralSolver().solve(one_price).allocation.p_mg.sum() == pytest.approx(-3.0, abs=1e-5)


def storing(pd: Any = ((2.0, 2.0),), **changes: Any) -> Instance:
    """A needs 2 kW in each of two hours and may store; the second hour is dear."""
    owned = {"E": [8.0], "ch_max": [5.0], "ds_max": [5.0], "x_max": [1.0], "x_0": [0.5]}
    return line_game(pd, edges=(), d_h=np.array([0.01, 0.1]), **{k: np.array(v) for k, v in owned.items()} | changes)


def test_the_end_of_the_day_owes_what_the_rule_says() -> None:
    by_rule = {rule: CentralSolver().solve(storing(terminal=rule)).allocation for rule in Terminal}
    last = {rule: found.state_of_charge(storing())[0, -1] for rule, found in by_rule.items()}
    assert last[Terminal.EQUAL] == pytest.approx(0.5, abs=1e-6)
    assert last[Terminal.AT_LEAST] == pytest.approx(0.5, abs=1e-6)
    assert last[Terminal.FREE] == pytest.approx(0.0, abs=1e-4)
    paid = storing(terminal=Terminal.AT_LEAST, import_only=True, pd=[[-4.0, 0.0]])
    assert CentralSolver().solve(paid).allocation.state_of_charge(paid)[0, -1] == pytest.approx(1.0, abs=1e-5)
    with pytest.raises(InfeasibleError):
        CentralSolver().solve(replace(paid, terminal=Terminal.EQUAL, eta_ch=np.array([1.0])))


def test_what_is_lost_in_storage_counts() -> None:
    kept = storing(terminal=Terminal.FREE, eta_st=np.array([0.9]), x_loss=np.array([0.05]), eta_ds=np.array([0.8]))
    found = CentralSolver().solve(kept).allocation
    first = 0.9 * 0.5 - 0.05 + (found.p_ch[0, 0] - found.p_ds[0, 0] / 0.8) / 8
    assert found.state_of_charge(kept)[0, 1] == pytest.approx(first)
    assert residuals(kept, found).worst < 1e-8


def test_surplus_is_held_back_where_that_is_allowed_and_only_there() -> None:
    allowed = line_game([[-5.0], [2.0]], cap=np.array([2.0]), cur_max=np.array([[9.0], [0.0]]))
    assert CentralSolver().solve(allowed).allocation.curtailed[0, 0] == pytest.approx(3.0, abs=1e-3)
    with pytest.raises(
        InfeasibleError, match=r"hour 0: member 0 cannot balance its load and surplus, by 3 kW"
    ) as caught:
        CentralSolver().solve(replace(allowed, cur_max=np.array(0.0)))
    assert caught.value.shortfalls[0].amount == pytest.approx(3.0)


def test_line_limits_that_no_schedule_meets_are_named(shared_data: Path) -> None:
    instance = read_instance(shared_data / "equilibrium" / "ieee37_n50_infeasible.npz")
    with pytest.raises(InfeasibleError) as caught:
        CentralSolver().solve(instance)
    assert "hour 12: the line to bus 702 is overloaded, by 249.6 kW (and 3 more)" in str(caught.value)
    limits, line = instance.grid_limits, instance.bus_name.index("702")
    relaxed = limits.flow.copy()
    for each in caught.value.shortfalls:
        assert (each.kind, each.where, each.unit) == ("line", "702", "kW")
        relaxed[line, each.hour] += each.amount + 1e-3
    CentralSolver().solve(instance.with_limits(replace(limits, flow=relaxed)))  # so much, and no more, had to give
    assert not caught.value.tightened
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vmin": 0.9999}, r"hour 0: the voltage at bus bus2 cannot stay in its band, by 0.0007003 p.u."),
        ({"pmax": 3.0}, r"hour 0: the power drawn from the main grid at bus0 is out of its bounds, by 2 kW"),
        ({"s_max": np.array([np.inf, 4.0, np.inf])}, r"hour 0: the line to bus bus1 is overloaded, by 1 kW"),
        (
            {"s_max": np.array([np.inf, 4.0, np.inf]), "x": np.zeros(3), "qd": np.array([[5.0], [0.0]])},
            r"hour 0: the line to bus bus1 is overloaded, by 8 kW",
        ),
    ],
)
def test_each_limit_of_the_grid_is_named_in_its_unit(changes: dict[str, Any], message: str) -> None:
    """5 kW through the first line, 3 through the second; √(4² − 5²) leaves 3 kW too little, beside the 5 that flow."""
    with pytest.raises(InfeasibleError, match=message):
        CentralSolver().solve(line_game([[2.0], [3.0]], **changes))


@settings(max_examples=8)
@given(
    seed=st.integers(0, 10_000),
    members=st.integers(2, 9),
    diversity=st.sampled_from([0.0, 0.03]),
    vmin=st.sampled_from([0.95, 0.975]),
    exports=st.booleans(),
)
def test_both_methods_agree_and_no_gap_is_left(
    seed: int, members: int, diversity: float, vmin: float, exports: bool
) -> None:
    game = make_instance(Recipe(members=members, connectivity=0.7, seed=seed, diversity=diversity))
    prices = {"import_only": False, "price_im": np.full(24, 0.1), "price_ex": np.full(24, 0.02)} if exports else {}
    game = replace(game, vmin=vmin, **prices)
    try:
        one = CentralSolver("piqp").solve(game)
    except InfeasibleError:
        with pytest.raises(InfeasibleError):
            CentralSolver("clarabel").solve(game)
        return
    other = CentralSolver("clarabel").solve(game)
    assert objective(game, one.allocation) == pytest.approx(objective(game, other.allocation), rel=1e-6)
    assert one.allocation.p_mg == pytest.approx(other.allocation.p_mg, abs=0.1)
    for clearing in (one, other):
        assert residuals(game, clearing.allocation).worst < 1e-6
        assert abs(certified_gap(clearing).relative) < 1e-6


def test_of_trades_of_equal_cost_the_least_norm_is_taken_and_costs_nothing() -> None:
    """A has 4 kW of surplus, B and C need 3 each at the same price: they share it."""
    free = {"d_h": 0.0, "import_only": False, "price_im": np.array([0.3]), "price_ex": np.array([0.08])}
    game = line_game([[-4.0], [3.0], [3.0]], edges=((0, 1), (0, 2)), c_ta=np.full(2, 0.01), **free)
    plain = CentralSolver().solve(game)
    for method in ("piqp", "clarabel"):
        clearing = CentralSolver(method, least_norm=1e-6).solve(game)
        assert clearing.allocation.p_tr[:, 0] == pytest.approx([-2.0, -2.0], abs=1e-3)
        assert objective(game, clearing.allocation) == pytest.approx(objective(game, plain.allocation), abs=1e-8)
        assert abs(certified_gap(clearing).relative) < 1e-7


def test_unknown_methods_and_solvers_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="did you mean 'piqp'"):
        CentralSolver("pipq")
    with pytest.raises(InputError, match="did you mean 'central'"):
        make_solver("centrl")
    with pytest.raises(InputError, match="least_norm = -1"):
        CentralSolver(least_norm=-1)
