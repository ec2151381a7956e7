"""Instances of the equilibrium: files, recipes, and what is refused by name."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridpact.errors import InputError
from gridpact.grid import find_violations, linear_model, load_feeder, power_flow, side_by_side, spot_loads
from gridpact.markets.equilibrium import (
    Allocation,
    Concept,
    Instance,
    Recipe,
    Terminal,
    instance_on,
    make_instance,
    objective,
    read_instance,
    read_solution,
    residuals,
    write_instance,
    write_solution,
)


@pytest.fixture(scope="module")
def instance() -> Instance:
    return make_instance(Recipe(members=12, connectivity=0.6, seed=3))


def nothing_done(instance: Instance) -> Allocation:
    """Everybody imports its load, and holds surplus back."""
    none = np.zeros((instance.members, instance.H))
    held_back = np.maximum(-instance.pd, 0)
    return Allocation(
        none, none, none, instance.pd + held_back, np.zeros((instance.links, instance.H)), none, p_cur=held_back
    )


def test_a_written_instance_is_read_as_it_was(instance: Instance, tmp_path: Path) -> None:
    tightened = instance.with_limits(instance.grid_limits)
    for rule in Terminal:
        write_instance(tmp_path / "game.npz", replace(tightened, terminal=rule))
        back = read_instance(tmp_path / "game.npz")
        assert back.terminal is rule
        for each in fields(Instance):
            if each.name not in ("terminal", "limits"):
                assert np.array_equal(getattr(back, each.name), getattr(instance, each.name)), each.name
        assert back.limits is not None
        for each in fields(back.limits):
            assert np.array_equal(getattr(back.limits, each.name), getattr(tightened.limits, each.name))


def test_a_written_solution_is_read_as_it_was(instance: Instance, tmp_path: Path) -> None:
    allocation = nothing_done(instance)
    write_solution(tmp_path / "solution.npz", allocation)
    back = read_solution(tmp_path / "solution.npz", instance)
    assert back.p_tr_rev is None
    assert np.array_equal(back.p_mg, allocation.p_mg)
    assert np.array_equal(back.curtailed, allocation.curtailed)


def test_the_files_of_others_are_read(shared_data: Path) -> None:
    instance = read_instance(shared_data / "equilibrium" / "ieee37_n50.npz")
    assert (instance.members, instance.links, instance.buses) == (50, 735, 36)
    assert instance.terminal is Terminal.EQUAL
    assert instance.import_only
    assert np.array_equal(instance.c_ta, np.full(735, 0.01))


def test_a_recipe_gives_the_same_instance_again_and_another_seed_another(instance: Instance) -> None:
    again = make_instance(Recipe(members=12, connectivity=0.6, seed=3))
    other = make_instance(Recipe(members=12, connectivity=0.6, seed=4))
    assert np.array_equal(again.pd, instance.pd)
    assert np.array_equal(again.edges, instance.edges)
    assert not np.array_equal(other.pd, instance.pd)


def test_members_hold_half_of_the_energy_and_all_loads_peak_at_the_reference_case() -> None:
    instance = make_instance(Recipe(members=50, connectivity=0.6, seed=0))
    load = instance.pd + instance.cur_max
    assert instance.links == 735
    assert load.sum() == pytest.approx(instance.base_kw.sum())
    assert (load.sum(axis=0) + instance.base_kw).max() == pytest.approx(2457)
    assert instance.qd.sum() / load.sum() == pytest.approx(1201 / 2457)
    assert ((instance.E > 0).sum(), (instance.di_max > 0).sum()) == (25, 12)
    assert (instance.cur_max.max(axis=1) > 0).sum() == 20


@pytest.mark.parametrize("partners", [2, 10])
def test_rings_give_a_connected_graph_of_so_many_partners(partners: int) -> None:
    instance = make_instance(Recipe(members=200, partners=partners, seed=5))
    degree = np.bincount(instance.edges.ravel(), minlength=200)
    assert degree.max() <= partners
    assert degree.mean() > 0.9 * partners
    assert len(instance.islands) == 1
    assert instance.cap[0] == 30 * 50 / 200


def test_several_feeders_side_by_side_carry_several_times_the_load() -> None:
    one, three = (make_instance(Recipe(members=60, partners=4, seed=2, feeders=feeders)) for feeders in (1, 3))
    assert three.buses == 3 * (one.buses - 1) + 1
    assert three.pmax == 3 * one.pmax
    total = (three.pd + three.cur_max).sum(axis=0) + three.base_kw
    assert total.max() == pytest.approx(3 * 2457)
    heads = np.flatnonzero(three.parent == 0)
    assert three.flow(three.pas_p)[heads] == pytest.approx(np.tile(three.base_kw / 3, (3, 1)))


def test_the_tree_of_an_instance_is_the_linear_model_of_the_feeder() -> None:
    """Against the dense model of the grid, on a feeder with an off-nominal transformer."""
    feeder = load_feeder("simbench-rural2")
    drawn = np.zeros(len(feeder.bus_names))
    drawn[feeder.load_buses] = 1.0
    instance = instance_on(feeder, drawn, 0.3 * drawn, Recipe(members=20, partners=4))
    p_kw, model = instance.pas_p + instance.at_buses(instance.pd), linear_model(feeder)
    at = [instance.bus_name.index(name) for name in feeder.bus_names]
    v = np.sqrt(instance.squared_voltage(instance.flow(p_kw)))[at]
    assert pytest.approx(model.v_pu(p_kw[at].T, instance.bus_kvar[at].T), abs=1e-12) == v.T


def test_copies_of_a_feeder_have_the_flow_of_one() -> None:
    feeder, (p_kw, q_kvar) = load_feeder("ieee37"), spot_loads("ieee37")
    two = side_by_side(feeder, 2)
    source = feeder.source_bus
    p, q = (np.concatenate([[0], *[np.delete(each, source)] * 2])[None] for each in (p_kw, q_kvar))
    one_flow, two_flow = power_flow(feeder, p_kw[None], q_kvar[None]), power_flow(two, p, q)
    assert two_flow.head_kw == pytest.approx(2 * one_flow.head_kw)
    assert len(find_violations(two, two_flow)) == 2 * len(find_violations(feeder, one_flow))
    with pytest.raises(InputError, match="at least one"):
        side_by_side(feeder, 0)


def test_a_trading_graph_that_falls_apart_works_and_its_islands_are_known(instance: Instance) -> None:
    edges = np.array([[0, 1], [1, 2], [4, 5]])
    apart = replace(instance, edges=edges, cap=np.full(3, 5.0), c_tr=np.zeros((3, 2)), c_ta=0.01)  # type: ignore[arg-type]
    assert [part.tolist() for part in apart.islands[:3]] == [[0, 1, 2], [4, 5], [3]]
    assert len(apart.islands) == 2 + 7


def test_objectives_differ_by_the_weights_of_the_squares(instance: Instance) -> None:
    allocation = nothing_done(instance)
    sigma, own = allocation.p_mg.sum(axis=0) ** 2, (allocation.p_mg**2).sum(axis=0)
    nash, wardrop, social = (objective(instance, allocation, concept) for concept in Concept)
    assert nash - wardrop == pytest.approx(instance.d_h @ own / 2)
    assert social - wardrop == pytest.approx(instance.d_h @ sigma / 2)


def test_residuals_name_what_is_not_kept(instance: Instance) -> None:
    allocation = nothing_done(instance)
    clean = residuals(instance, allocation)
    assert clean.balance == clean.reciprocity == clean.devices == 0
    trades = allocation.p_tr.copy()
    trades[0, 5] = 1.0
    assert residuals(instance, replace(allocation, p_tr=trades)).balance == pytest.approx(1.0)
    assert residuals(instance, replace(allocation, p_tr_rev=trades)).reciprocity == pytest.approx(1.0)
    assert residuals(instance, replace(allocation, p_tr=100 * trades)).devices == pytest.approx(100 - instance.cap[0])
    storing = np.where(instance.stores[:, None], 1e4, 0.0) * np.eye(1, 24, 3)
    assert residuals(instance, replace(allocation, p_ch=storing)).charge > 1
    weak = replace(instance, s_max=instance.s_max / 10, vmin=0.999, pmax=10.0)
    assert min(getattr(residuals(weak, allocation), name) for name in ("flow", "voltage", "head")) > 1e-3


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("pd", np.nan, r"member 4, hour 7: pd = nan; accepted: a finite number"),
        ("Q_di", -1.0, r"member 4: Q_di = -1; accepted: a finite number from 0 up"),
        ("c_di", -0.1, r"member 4: c_di = -0.1"),
        ("Q_st", -1.0, r"member 4: Q_st = -1"),
        ("c_ta", -0.01, r"link 0–\d+: c_ta = -0.01"),
        ("d_h", -1.0, r"hour 4: d_h = -1"),
        ("cap", -1.0, r"link 0–\d+: cap = -1"),
        ("E", np.inf, r"member 4: E = inf"),
        ("x_0", 1.5, r"member 4: x_0 = 1.5; accepted: a share from 0 to 1"),
        ("eta_ds", 0.0, r"member 4: eta_ds = 0; accepted: an efficiency above 0"),
        ("r", -1.0, r"bus \S+: r = -1"),
        ("s_max", 0.0, r"bus \S+: s_max = 0; accepted: a positive number"),
        ("pas_q", np.inf, r"bus \S+, hour 7: pas_q = inf"),
    ],
)
def test_wrong_numbers_are_refused_with_member_and_field(
    instance: Instance, field: str, value: float, message: str
) -> None:
    values = np.array(getattr(instance, field))
    values[(4, 7)[: values.ndim]] = value
    with pytest.raises(InputError, match=message):
        replace(instance, **{field: values})


def test_storage_that_starts_outside_of_its_limits_is_refused(instance: Instance) -> None:
    member = int(np.flatnonzero(instance.stores)[0])
    x_0 = instance.x_0.copy()
    x_0[member] = 0.97
    with pytest.raises(InputError, match=rf"member {member}: x_0 = 0.97 is outside of x_min = 0.1 to x_max = 0.95"):
        replace(instance, x_0=x_0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pd": np.zeros((3, 24))}, r"instance: pd: it has shape \(3, 24\); accepted: shape \(12, 24\)"),
        ({"vmin": 1.2}, "vmin = 1.2, vmax = 1.05; accepted: vmin <= vmax"),
        ({"dt": 0.0}, "dt = 0.0"),
        ({"pro_bus": np.full(12, 40)}, "member 0: pro_bus = 40; accepted: 0 to 36"),
        ({"pro_name": ("a",) * 12}, "names of members are not unique"),
        ({"edges": np.array([[1, 0]]), "cap": 1.0, "c_tr": 0.0, "c_ta": 0.0}, "edges, 1 caps|members i < j below 12"),
        ({"edges": np.array([[0, 1]] * 2), "cap": np.ones(2), "c_tr": 0.0, "c_ta": 0.0}, "link 0–1 is there twice"),
        ({"price_ex": np.ones(24), "import_only": False}, "hour 0: price_ex = 1 is above price_im = 0"),
    ],
)
def test_what_does_not_fit_together_is_refused(instance: Instance, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(instance, **changes)


def test_lines_in_a_loop_are_refused_by_name(instance: Instance) -> None:
    parent = instance.parent.copy()
    parent[2], parent[5] = 5, 2
    a, b = instance.bus_name[2], instance.bus_name[5]
    with pytest.raises(InputError, match=f"lines form a loop through ({a}, {b}|{b}, {a})"):
        replace(instance, parent=parent)
    parent = instance.parent.copy()
    parent[1], parent[2] = 2, 0
    with pytest.raises(InputError, match="stands before its parent"):
        replace(instance, parent=parent)


def test_a_meshed_feeder_is_refused_naming_a_loop() -> None:
    feeder = load_feeder("ieee37")
    lines = feeder.lines
    columns = {
        each.name: np.append(getattr(lines, each.name), getattr(lines, each.name)[:1])
        for each in fields(lines)
        if each.name != "name"
    }
    columns["to_bus"][-1] = feeder.bus_position("738")
    meshed = replace(feeder, lines=type(lines)(name=(*lines.name, "tie"), **columns))
    with pytest.raises(InputError, match=r"has a loop through .*799-701.*, tie"):
        instance_on(meshed, *spot_loads("ieee37"), Recipe(members=4, connectivity=1.0))


@pytest.mark.parametrize(
    "recipe",
    [
        {"members": 1, "partners": 2},
        {"members": 10},
        {"members": 10, "partners": 2, "connectivity": 0.5},
        {"members": 10, "connectivity": 1.5},
        {"members": 10, "partners": 3},
        {"members": 10, "partners": 10},
    ],
)
def test_recipes_that_make_no_sense_are_refused(recipe: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Recipe(**recipe)


def test_files_that_hold_no_instance_are_refused(instance: Instance, tmp_path: Path) -> None:
    path = tmp_path / "game.npz"
    with pytest.raises(InputError, match="there is no such file"):
        read_instance(path)
    path.write_text("no archive")
    with pytest.raises(InputError, match="no NumPy archive"):
        read_instance(path)
    write_instance(path, instance)
    with np.load(path) as file:
        arrays = dict(file)
    for changes, message in (
        ({"dt": np.ones(2)}, r"dt has shape \(2,\)"),
        ({"pd": np.full(instance.pd.shape, "a")}, "pd is of type"),
        ({"limits_flow": np.ones(instance.pas_p.shape)}, "it has no array 'limits_v_low'"),
        ({"H": np.array(24.5)}, "H holds a fraction; accepted: whole numbers"),
        ({"pro_bus": instance.pro_bus + 0.5}, "pro_bus holds a fraction"),
        ({"edges": instance.edges + 0.4}, "edges holds a fraction"),
        ({"pd": instance.pd + 1j}, "pd is of type complex128; accepted: real numbers"),
        ({"terminal": np.array([True, False])}, r"terminal has shape \(2,\); accepted: a scalar"),
        ({"terminal_equal": np.array([True])}, r"terminal_equal has shape \(1,\)"),
        ({"z_ohm": instance.z_ohm * np.nan}, "z_ohm is not a finite number"),
        ({"c_di": -instance.c_di}, r"member \d+: c_di = -"),
    ):
        np.savez(path, **(arrays | changes))  # type: ignore[arg-type]
        with pytest.raises(InputError, match=message):
            read_instance(path)
    for missing in ("E", "terminal"):
        np.savez(path, **{name: array for name, array in arrays.items() if name != missing})
        with pytest.raises(InputError, match=f"it has no array '{missing}'"):
            read_instance(path)


def test_solutions_that_do_not_fit_are_refused(instance: Instance, tmp_path: Path) -> None:
    path, allocation = tmp_path / "solution.npz", nothing_done(instance)
    write_solution(path, allocation)
    smaller = make_instance(Recipe(members=10, connectivity=0.6))
    with pytest.raises(InputError, match=r"p_mg: it has shape \(12, 24\); accepted: shape \(10, 24\)"):
        read_solution(path, smaller)
    with pytest.raises(InputError, match="p_ch: it has shape"):
        replace(allocation, p_ch=np.zeros((3, 24)))
    with pytest.raises(InputError, match="solution: p_mg: nan in row 0, hour 0"):
        replace(allocation, p_mg=np.full_like(allocation.p_mg, np.nan))
