"""The utility of every contract of a space: the closed form against walking every interval, and by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpact.community import Battery
from gridpact.errors import InputError
from gridpact.markets.negotiation import (
    Autarky,
    ContractGrid,
    FlexibilityLoss,
    Negotiator,
    NetworkPrice,
    Terms,
    contract_spaces,
)
from markets.negotiation_reference import loaned, papers_cost, priced_cost, walk

HOURS = 0.25

batteries = st.builds(
    lambda kwh, c, d, ec, ed, low, span, start, loss: Battery(
        kwh, c, d, ec, ed, low, low + (1 - low) * span, low + (1 - low) * span * start, loss
    ),
    *(st.floats(0.1, 12), st.floats(0, 4), st.floats(0, 4), st.floats(0.5, 1), st.floats(0.5, 1)),
    *(st.floats(0, 0.9), st.floats(0, 1), st.floats(0, 1), st.sampled_from([0.0, 0.0016, 0.05, 0.5])),
)


def grid_of(window: int, quantities=(-600, -250, 0, 250, 600)) -> ContractGrid:
    return ContractGrid(np.array(quantities), np.arange(2, window), window)


def space_of(negotiator, demand_kw, soc, grid, first=0):
    return contract_spaces([negotiator], np.asarray(demand_kw)[:, None, :], np.array([soc]), grid, HOURS, first)[0]


def demands(seed: int, scenarios: int, window: int):
    """Net demand with idle stretches, long deficits and surpluses, and noise."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.normal(0, 1.2, (scenarios, -(-window // 6))), 6, axis=1)[:, :window]
    noisy = level + rng.normal(0, 0.4, level.shape)
    return np.where(rng.random(level.shape) < 0.15, 0.0, noisy)


@settings(max_examples=60)
@given(batteries, st.integers(0, 2**32 - 1), st.integers(3, 97), st.floats(0, 1))
def test_the_closed_form_equals_the_walk_to_1e_9(battery, seed, window, weight):
    member = Negotiator("a", battery, (weight, 1 - weight), 0.5)
    grid, demand = grid_of(window), demands(seed, 3, window)
    soc = battery.initial_soc * battery.capacity_kwh
    space = space_of(member, demand, soc, grid)
    assert space.no_deal == pytest.approx(-np.mean([papers_cost(member, d, soc, HOURS) for d in demand]), abs=1e-9)
    for at in np.random.default_rng(seed).integers(0, len(grid), 12):
        q, tau = int(grid.quantity_wh[at]), int(grid.offset[at])
        cost = np.mean([papers_cost(member, loaned(d, q, tau, HOURS), soc, HOURS) for d in demand])
        assert space.utility[at] == pytest.approx(-cost, abs=1e-9)


@settings(max_examples=40)
@given(batteries, st.integers(0, 2**32 - 1))
def test_a_price_by_interval_and_direction_fits_the_closed_form(battery, seed):
    rng = np.random.default_rng(seed)
    price = NetworkPrice(rng.normal(0, 2, 60), rng.normal(0, 2, 60))
    member = Negotiator("a", battery, (0.2, 0.3, 0.5), 0.5, (FlexibilityLoss(), Autarky(), price))
    grid, demand = grid_of(40), demands(seed, 2, 40)
    soc = battery.initial_soc * battery.capacity_kwh
    space = space_of(member, demand, soc, grid, first=15)
    for at in rng.integers(0, len(grid), 12):
        q, tau = int(grid.quantity_wh[at]), int(grid.offset[at])
        cost = np.mean([priced_cost(member, loaned(d, q, tau, HOURS), soc, HOURS, 15) for d in demand])
        assert space.utility[at] == pytest.approx(-cost, abs=1e-9)


def test_all_contracts_of_the_standard_grid_equal_the_walk():
    battery = Battery(6.8, 1.3, 3.3, 0.9, 0.8, 0.2, 0.9, 0.55, 0.0016)
    member, grid = Negotiator("a", battery, (0.33, 0.67), 0.7), ContractGrid.standard(HOURS)
    (demand,) = demands(4, 1, 97)
    space = space_of(member, [demand], 3.74, grid)
    assert len(grid) == 1330
    walked = [
        -papers_cost(member, loaned(demand, int(q), int(tau), HOURS), 3.74, HOURS)
        for q, tau in zip(grid.quantity_wh, grid.offset, strict=True)
    ]
    np.testing.assert_allclose(space.utility, walked, atol=1e-9)


def test_a_standing_loss_that_ends_at_the_lower_limit_is_not_charged_for():
    # 0.1 kWh above the limit, 0.04 kWh lost an interval: empty in the third; a deficit then meets an empty battery
    battery = Battery(10.0, 2.0, 2.0, 1.0, 1.0, 0.1, 0.9, 0.11, 0.016)
    member = Negotiator("a", battery, (0.5, 0.5), 0.5)
    demand = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    _, residual, state = walk(member, demand, 1.1, HOURS)
    assert state.tolist() == pytest.approx([1.1, 1.06, 1.02, 1.0, 1.0, 1.0, 1.0])
    assert residual[4] == 1.0
    space = space_of(member, [demand], 1.1, grid_of(6))
    # 0.1 kWh missing at the end, 0.25 kWh imported
    assert space.no_deal == pytest.approx(-(0.5 * 0.1 + 0.5 * 0.25))


@settings(max_examples=40)
@given(batteries, st.integers(0, 2**32 - 1))
def test_the_state_of_charge_stays_within_limits_with_any_loan(battery, seed):
    member = Negotiator("a", battery, (0.5, 0.5), 0.5)
    rng = np.random.default_rng(seed)
    demand = loaned(demands(seed, 1, 97)[0], int(rng.integers(-600, 601)), int(rng.integers(2, 97)), HOURS)
    power, residual, state = walk(member, demand, battery.initial_soc * battery.capacity_kwh, HOURS)
    assert state.min() >= battery.min_soc * battery.capacity_kwh - 1e-9
    assert state.max() <= battery.max_soc * battery.capacity_kwh + 1e-9
    np.testing.assert_allclose(np.abs(power) + np.abs(residual), np.abs(demand), atol=1e-9)


def test_the_toy_example_of_the_paper():
    # Chakraborty, Baarslag, Kaisers 2020: net demands {1, 1, −2, 1, −1} and {−2, 1, −1, −1, 2} kWh over five intervals. B has 2
    # kWh too much where A lacks 1, and lacks 2 where A has 1 too much: B gives 1 kWh now and has it back in the last interval.
    # Without batteries autarky alone counts: A exchanges 6 kWh and B 7; with the loan each has 2 kWh less, and no contract of
    # the grid gives either more.
    net = np.array([[1.0, 1, -2, 1, -1], [-2.0, 1, -1, -1, 2]])
    grid = ContractGrid(np.array([-1000, 0, 1000]), np.arange(1, 5), 5)
    members = [Negotiator(name, None, (0.0, 1.0), 0.5) for name in "AB"]
    a, b = contract_spaces(members, net[None], np.zeros(2), grid, 1.0)
    assert (a.no_deal, b.no_deal) == (-6.0, -7.0)
    utility_b = {(int(q), int(t)): u for q, t, u in zip(grid.quantity_wh, grid.offset, b.utility, strict=True)}
    utility_a = {(int(q), int(t)): u for q, t, u in zip(grid.quantity_wh, grid.offset, a.utility, strict=True)}
    assert (utility_a[-1000, 4], utility_b[1000, 4]) == (-4.0, -5.0)
    assert max(a.utility) == -4.0
    assert max(b.utility) == -5.0
    # lent until the second interval instead, A is no better off: it lacks another kWh there
    assert utility_a[-1000, 1] == -6.0


def test_a_member_without_battery_exchanges_what_it_needs():
    grid = grid_of(4, (-250, 0, 250))
    space = space_of(Negotiator("a", None, (0.5, 0.5), 0.5), [[2.0, 0.0, 0.0, -1.0]], 0.0, grid)
    assert space.no_deal == -0.5 * 0.75
    best = int(np.argmax(space.utility))
    assert (grid.quantity_wh[best], grid.offset[best], space.utility[best]) == (-250, 3, -0.5 * 0.25)


def test_members_on_several_threads_get_the_same_utilities_bit_by_bit():
    battery = Battery(6.8, 1.3, 3.3, 0.9, 0.9, 0.2, 0.9, 0.55, 0.0016)
    members = [Negotiator(name, battery, (0.4, 0.6), 0.5) for name in "abc"]
    drawn = np.stack([demands(seed, 4, 30) for seed in range(3)], axis=1)
    one, three = (contract_spaces(members, drawn, np.full(3, 3.0), grid_of(30), HOURS, threads=k) for k in (1, 3))
    assert all((x.utility == y.utility).all() for x, y in zip(one, three, strict=True))


def test_many_quantities_are_worked_on_in_several_batches():
    battery = Battery(6.8, 1.3, 3.3, 0.9, 0.9, 0.2, 0.9, 0.55)
    member, demand = Negotiator("a", battery, (0.4, 0.6), 0.5), demands(2, 2, 20)
    fine = grid_of(20, tuple(range(-600, 601, 50)))
    coarse = grid_of(20, (-600, 0, 600))
    few, many = (space_of(member, demand, 3.0, grid) for grid in (coarse, fine))
    np.testing.assert_allclose(many.utility[np.abs(fine.quantity_wh) == 600], few.utility, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "fragment"),
    [
        (lambda: ContractGrid(np.array([-2, 0, 3]), np.array([2])), r"not symmetric around 0"),
        (lambda: ContractGrid(np.array([-2, 2]), np.array([2])), r"not symmetric around 0"),
        (lambda: ContractGrid(np.array([2, 0, -2]), np.array([2])), r"whole Wh in increasing order"),
        (lambda: ContractGrid(np.array([-2, 0, 2]), np.array([2, 97])), r"a return time of 97 is beyond the window"),
        (lambda: ContractGrid(np.array([-2, 0, 2]), np.array([0, 2])), r"return times \[0, 2\]"),
        (lambda: ContractGrid(np.array([-2, 0, 2]), np.array([2.7])), r"return times \[2.7\]"),
        (lambda: ContractGrid.standard(HOURS, 0.01), r"a link that carries 2.5 Wh an interval"),
        (lambda: ContractGrid.standard(HOURS, float("nan")), r"a link that carries nan Wh"),
        (lambda: Negotiator("ann", None, (0.5, 0.5), 1.0), r"member ann, aspiration: 1.0; accepted: a quantile"),
        (lambda: Negotiator("ann", None, (0.5, 0.5), float("nan")), r"member ann, aspiration: nan"),
        (lambda: Negotiator("ann", None, (0.5, 0.6), 0.5), r"member ann, weights: \(0.5, 0.6\) sum to 1.1"),
        (lambda: Negotiator("ann", None, (1.5, -0.5), 0.5), r"member ann, weights: \(1.5, -0.5\)"),
        (lambda: Negotiator("ann", None, (1.0,), 0.5), r"member ann, weights: 1 weights of 2 criteria"),
        (lambda: Battery(5, 1, 1, min_soc=0.9, max_soc=0.2), r"min_soc 0.9"),
        (lambda: NetworkPrice(np.ones(3), np.ones(2)), r"network price: exported of shape \(2,\)"),
        (lambda: NetworkPrice(np.ones(3), np.ones(3)).rates(1, 1, 1, 3), r"a window up to interval 4"),
        (lambda: Terms(scenarios=0), r"scenarios = 0"),
        (lambda: Terms(scenarios=2.5), r"scenarios = 2.5"),
        (lambda: Terms(threads=0), r"threads = 0"),
        (lambda: Terms(limit_kw=0.0), r"limit_kw = 0.0"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_built(make, fragment):
    with pytest.raises(InputError, match=fragment):
        make()


def test_a_grid_without_return_is_refused_where_contracts_are_needed():
    member, grid = Negotiator("ann", None, (0.5, 0.5), 0.5), ContractGrid.standard(HOURS, window=2)
    assert len(grid) == 0
    with pytest.raises(InputError, match=r"contract grid: no return times; accepted: one or more"):
        space_of(member, np.zeros((1, 2)), 0.0, grid)


def test_a_grid_keeps_its_own_quantities_and_returns():
    quantities, returns = np.array([-100, 0, 100]), np.array([2])
    grid = ContractGrid(quantities, returns, 4)
    quantities[0], returns[0] = -999, 9
    assert (grid.quantities_wh.tolist(), grid.returns.tolist()) == ([-100, 0, 100], [2])


def test_a_battery_without_room_is_empty_and_full_at_once():
    battery = Battery(1.0, 1.0, 1.0, 0.9, 0.9, 0.5, 0.5, 0.5, 0.01)
    grid, demand = grid_of(12), demands(0, 2, 12)
    held, none = (
        space_of(Negotiator("a", each, (0.3, 0.7), 0.5), demand, soc, grid)
        for each, soc in ((battery, 0.5), (None, 0.0))
    )
    np.testing.assert_allclose(held.utility, none.utility, atol=1e-12)


def test_scenarios_of_another_window_are_refused():
    with pytest.raises(ValueError, match="expected 1 and the 6 of the grid"):
        space_of(Negotiator("a", None, (0.5, 0.5), 0.5), [[1.0, 2.0]], 0.0, grid_of(6))


def test_weights_may_be_off_by_rounding():
    member = Negotiator("a", None, (0.1, 0.2, 0.7), 0.5, (Autarky(), Autarky(), FlexibilityLoss()))
    assert replace(member, weights=(0.7, 0.1, 0.2)).weights == (0.7, 0.1, 0.2)
