"""AC safety: limits are tightened until the AC power flow of the schedule is clean, or it is said that they cannot be met."""

from dataclasses import replace

import numpy as np
import pytest

from gridpact.errors import InputError
from gridpact.grid import find_violations, load_feeder, power_flow, spot_loads
from gridpact.markets.equilibrium import (
    AcModel,
    CentralSolver,
    InfeasibleError,
    Instance,
    Recipe,
    SolverError,
    clear_safely,
    feeder_of,
    instance_on,
    make_instance,
    objective,
)
from markets.equilibrium_games import line_game

ACCURACY = 1e-8


@pytest.fixture(scope="module")
def instance() -> Instance:
    return make_instance(Recipe(members=20, connectivity=0.6, seed=3))


@pytest.mark.parametrize(
    "limits",
    [{"vmin": 0.972}, {"pmax": 1240.0}, {"s_max": 0.39}],
    ids=["voltage", "head", "lines"],
)
def test_violations_are_cleared_away(instance: Instance, limits: dict[str, float]) -> None:
    changed = {name: instance.s_max * value if name == "s_max" else value for name, value in limits.items()}
    tight = replace(instance, **changed)  # type: ignore[arg-type]
    model = AcModel(tight)
    linear = CentralSolver().solve(tight)
    found = model.run(tight, linear.allocation).violations(tight)
    safe = clear_safely(tight, CentralSolver(), tolerance=ACCURACY)
    assert found > 0
    assert safe.violations[0] == found
    assert safe.violations[-1] == 0
    assert safe.ac.violations(tight) == 0
    assert objective(tight, safe.clearing.allocation) >= objective(tight, linear.allocation) - 1e-6
    assert objective(tight, safe.clearing.allocation) == pytest.approx(objective(tight, linear.allocation), rel=0.02)


def test_the_verdict_is_that_of_the_grid_on_the_feeder_itself(instance: Instance) -> None:
    """With the transformer that the built-in feeder has, and by the grid's own search for violations."""
    feeder = load_feeder("ieee37", v_min_pu=0.972)
    tight = replace(instance, vmin=0.972)
    safe = clear_safely(tight, CentralSolver(), tolerance=ACCURACY, model=AcModel(tight, feeder))
    at = [tight.bus_name.index(name) for name in feeder.bus_names]
    p_kw = safe.clearing.allocation.bus_kw(tight)[at].T
    flow = power_flow(feeder, np.ascontiguousarray(p_kw), np.ascontiguousarray(tight.bus_kvar[at].T))
    assert len(find_violations(feeder, flow)) == 0
    assert len(safe.violations) > 1
    assert safe.ac.losses_kw == pytest.approx(flow.losses_kw)


def test_a_clean_schedule_is_cleared_once(instance: Instance) -> None:
    safe = clear_safely(instance, CentralSolver(), tolerance=ACCURACY)
    assert safe.violations == (0,)
    assert safe.clearing.instance.limits is None


def test_limits_that_only_the_linear_grid_can_keep_are_named_as_such() -> None:
    """2 kW at the end of a line with v² = 1 − 2e-4 · 2 · 100: the linear model just keeps the band, AC does not."""
    game = line_game([[100.0]], edges=(), vmin=0.98**0.5)
    CentralSolver().solve(game)
    with pytest.raises(InfeasibleError, match=r"once they are tightened .* hour 0: the voltage at bus bus1") as caught:
        clear_safely(game, CentralSolver(), tolerance=ACCURACY)
    assert caught.value.tightened
    with pytest.raises(InfeasibleError) as caught:
        clear_safely(replace(game, vmin=0.999), CentralSolver(), tolerance=ACCURACY)
    assert not caught.value.tightened


def test_running_out_of_clearings_is_said(instance: Instance) -> None:
    with pytest.raises(SolverError, match="still finds violations after 1 clearings"):
        clear_safely(replace(instance, vmin=0.972), CentralSolver(), tolerance=ACCURACY, max_clearings=1)


def test_members_on_one_phase_are_checked_phase_by_phase() -> None:
    game = line_game([[5.0], [5.0]], edges=())
    found = CentralSolver().solve(game).allocation
    balanced = AcModel(game).run(game, found)
    spread = AcModel(game, phases=np.full((2, 3), 1 / 3)).run(game, found)
    one = AcModel(game, phases=np.tile([1.0, 0.0, 0.0], (2, 1))).run(game, found)
    assert spread.v_low == pytest.approx(balanced.v_low, abs=1e-9)
    assert one.v_low.min() < balanced.v_low.min() - 1e-3
    assert one.v_high.max() >= balanced.v_high.max()


def test_an_instance_of_lines_is_the_feeder_that_it_was_made_from(instance: Instance) -> None:
    feeder = load_feeder("ieee37")
    p_kw, q_kvar = spot_loads("ieee37")
    again = feeder_of(instance)
    at = [feeder.bus_names.index(name) for name in again.bus_names]
    one, other = power_flow(feeder, p_kw[None], q_kvar[None]), power_flow(again, p_kw[None, at], q_kvar[None, at])
    assert other.v_pu == pytest.approx(one.v_pu[:, at], abs=1e-4)  # the charging of the lines is left out


def test_a_feeder_that_does_not_fit_is_refused() -> None:
    rural = load_feeder("simbench-rural2")
    drawn = np.zeros(len(rural.bus_names))
    drawn[rural.load_buses] = 1.0
    game = instance_on(rural, drawn, 0.3 * drawn, Recipe(members=8, partners=2))
    with pytest.raises(InputError, match="a transformer with gain"):
        AcModel(game)
    with pytest.raises(InputError, match="has no bus"):
        AcModel(game, load_feeder("ieee37"))
    assert clear_safely(game, CentralSolver(), tolerance=ACCURACY, model=AcModel(game, rural)).violations[-1] == 0
