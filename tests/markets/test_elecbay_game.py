"""The bidding game of water heaters: payoffs by hand, the potential, equilibria against plain enumeration, best responses."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpact.community import Member, WaterHeater
from gridpact.energy import Heaters, HeaterState
from gridpact.errors import InputError
from gridpact.markets.elecbay import HeaterGame, default_level_kw, game_of, play_games


def game_of_two(surplus_kwh: float, level_kwh: float = 10.0) -> HeaterGame:
    """Two peers with the same surplus and a heater of 1 kWh each."""
    return HeaterGame(np.full(2, surplus_kwh / 2), np.ones(2), np.zeros(2, dtype=np.int64), level_kwh)


@st.composite
def games(draw) -> HeaterGame:
    peers = draw(st.integers(1, 6))
    energies = st.lists(st.floats(-3, 3), min_size=peers, max_size=peers)
    blocks = st.lists(st.sampled_from([0.0, 0.5, 0.75, 1.3]), min_size=peers, max_size=peers)
    can = st.lists(st.sampled_from([0, 0, 0, 1, -1]), min_size=peers, max_size=peers)
    return HeaterGame(
        np.array(draw(energies)),
        np.array(draw(blocks)),
        np.array(draw(can)),
        draw(st.floats(4.5, 100)),
        draw(st.sampled_from([0.01, 0.5])),
    )


def available(game: HeaterGame) -> list[np.ndarray]:
    """Every profile of available actions, plainly; a heater of no power has one."""
    choices = [
        (False, True) if can == 0 and block > 0 else (can == 1,)
        for can, block in zip(game.can, game.block_kwh, strict=True)
    ]
    return [np.array(profile) for profile in product(*choices)]


def is_equilibrium(game: HeaterGame, on: np.ndarray) -> bool:
    """By the payoffs alone: an action that is not available has none."""
    now = game.payoffs(on)
    for peer in range(len(on)):
        other = on.copy()
        other[peer] ^= True
        if game.payoffs(other)[peer] > now[peer] * (1 + 1e-9):
            return False
    return True


def test_payoffs_of_two_peers_by_hand():
    # 1.2 kWh of surplus. OFF, OFF: E_i = 0.6, E_mg = 1.2: u = 10.6 / 1.2. ON, OFF: E = −0.4, 0.6, E_mg = 0.2: 9.6 / 0.2 and
    # 10.6 / 0.2. ON, ON: E = −0.4 each, E_mg = −0.8: 9.6 / 0.8.
    game = game_of_two(1.2)
    assert game.payoffs(np.array([False, False])) == pytest.approx([10.6 / 1.2] * 2)
    assert game.payoffs(np.array([True, False])) == pytest.approx([9.6 / 0.2, 10.6 / 0.2])
    assert game.payoffs(np.array([True, True])) == pytest.approx([12.0, 12.0])
    assert game.equilibria().tolist() == [[True, False], [False, True]]
    assert game.potential(np.array([True, False])) == pytest.approx(np.log(9.6 * 10.6 / 0.2))


def test_the_first_to_move_takes_the_only_place_and_the_potential_says_so():
    path = game_of_two(1.2).best_responses([1, 0])
    assert path.on.tolist() == [False, True]
    assert path.movers.tolist() == [1]
    assert np.diff(path.potential) == pytest.approx([np.log((9.6 / 0.2) / (10.6 / 1.2))])


def test_nobody_heats_in_a_deficit():
    game = game_of_two(-1.0)
    assert game.equilibria().tolist() == [[False, False]]


def test_a_small_level_makes_peers_keep_their_own_injection():
    # 8 kWh of surplus. With L = 1 a peer has L + E = 5 and |E_mg| = 8; ON: 4/7 < 5/8. With L = 10: 13/7 > 14/8.
    assert game_of_two(8.0, level_kwh=1.0).equilibria().tolist() == [[False, False]]
    assert game_of_two(8.0, level_kwh=10.0).equilibria().tolist() == [[True, True]]


def test_the_floor_takes_the_reason_to_balance_further():
    # 0.6 kWh: one heater ON leaves −0.4, better than 0.6. Under a floor of 0.6 it gains nothing and costs injection.
    idle, block, can = np.array([0.3, 0.3]), np.ones(2), np.zeros(2, dtype=np.int64)
    assert len(HeaterGame(idle, block, can, 10.0, 0.01).equilibria()) == 2
    assert HeaterGame(idle, block, can, 10.0, 0.6).equilibria().tolist() == [[False, False]]


def test_actions_without_comfort_pay_nothing_and_are_never_taken():
    game = HeaterGame(np.array([2.0, 2.0, -1.0]), np.ones(3), np.array([-1, 0, 1]), 10.0)
    assert game.payoffs(np.array([True, True, False])).tolist()[0] == 0
    assert game.payoffs(np.array([True, True, False])).tolist()[2] == 0
    for profile in game.equilibria():
        assert not profile[0]
        assert profile[2]


def test_ten_equal_heaters_have_a_binomial_number_of_equilibria():
    # room for 3.2 of ten equal heaters: every choice of three is an equilibrium
    game = HeaterGame(np.full(10, 0.32), np.ones(10), np.zeros(10, dtype=np.int64), 100.0)
    found = game.equilibria()
    assert len(found) == 120
    assert (found.sum(axis=1) == 3).all()
    assert game.price_of_anarchy() == pytest.approx(1.0)


@given(game=games())
def test_a_change_of_one_changes_the_potential_by_its_gain_in_logarithms(game):
    for on in available(game):
        for peer in game.free:
            other = on.copy()
            other[peer] ^= True
            gain = np.log(game.payoffs(other)[peer]) - np.log(game.payoffs(on)[peer])
            assert game.potential(other) - game.potential(on) == pytest.approx(gain, abs=1e-9)


@given(game=games())
def test_all_equilibria_are_those_of_plain_enumeration_and_there_is_one(game):
    expected = {tuple(on.tolist()) for on in available(game) if is_equilibrium(game, on)}
    assert {tuple(on.tolist()) for on in game.equilibria()} == expected
    best = max(available(game), key=game.potential)
    assert tuple(best.tolist()) in expected
    assert expected


@given(game=games(), data=st.data())
def test_best_responses_from_anywhere_end_in_an_equilibrium_and_raise_the_potential(game, data):
    start = data.draw(st.sampled_from(available(game)))
    order = data.draw(st.permutations(range(len(start))))
    path = game.best_responses(order, start)
    assert is_equilibrium(game, path.on)
    assert game.regret(path.on) <= 1e-9
    assert (np.diff(path.potential) > 0).all()
    assert len(path.movers) == len(path.potential) - 1


@given(game=games())
def test_the_joint_optimum_has_the_largest_sum_and_anarchy_never_beats_it(game):
    sums = [game.payoffs(on).sum() for on in available(game)]
    assert game.payoffs(game.joint_optimum()).sum() == pytest.approx(max(sums))
    worst = min(game.payoffs(on).sum() for on in game.equilibria())
    assert game.price_of_anarchy() == pytest.approx(max(sums) / worst)
    assert game.price_of_anarchy() >= 1 - 1e-12


@given(game=games(), data=st.data())
def test_the_regret_is_the_largest_gain_by_changing_alone(game, data):
    on = data.draw(st.sampled_from(available(game)))
    gains = [0.0]
    for peer in game.free:
        other = on.copy()
        other[peer] ^= True
        gains.append(game.payoffs(other)[peer] / game.payoffs(on)[peer] - 1)
    assert game.regret(on) == pytest.approx(max(gains), rel=1e-9, abs=1e-12)


def row_of_games(seed: int, peers: int = 5, intervals: int = 60):
    rng = np.random.default_rng(seed)
    has = [at != 2 for at in range(peers)]
    members = [Member(f"m{at}", "b", heater=WaterHeater(3.0, 200) if has[at] else None) for at in range(peers)]
    heaters = Heaters.of(members)
    base_kw = rng.normal(-1.0, 2.0, (peers, intervals))
    draw_kw = rng.exponential(1.0, (peers, intervals)) * (rng.random((peers, intervals)) < 0.4)
    return heaters, base_kw, draw_kw, float(default_level_kw(heaters, base_kw).max())


@pytest.mark.parametrize("seed", range(4))
def test_a_row_of_games_is_one_game_after_the_other(seed):
    heaters, base_kw, draw_kw, level_kw = row_of_games(seed)
    start = heaters.start()
    row = play_games(heaters, base_kw, draw_kw, start, 0.25, level_kw=level_kw, count_equilibria=True)
    together = play_games(heaters, base_kw, draw_kw, start, 0.25, level_kw=level_kw, jointly=True)
    for t in range(base_kw.shape[1]):
        at = (heaters, base_kw[:, t], draw_kw[:, t])
        game, order = game_of(*at, row.tank_c[:, t], 0.25, level_kw=level_kw)
        assert np.array_equal(game.best_responses(order).on, row.on[:, t])
        assert is_equilibrium(game, row.on[:, t])
        assert len(game.equilibria()) == row.equilibria[t]
        assert game.price_of_anarchy() == pytest.approx(row.anarchy[t])
        assert len(game.free) == row.free[t]
        joint, _ = game_of(*at, together.tank_c[:, t], 0.25, level_kw=level_kw)
        assert joint.payoffs(together.on[:, t]).sum() == pytest.approx(joint.payoffs(joint.joint_optimum()).sum())
    assert row.regret.max() <= 1e-9
    assert row.equilibria.min() >= 1
    assert row.moves.sum() > 0


@pytest.mark.parametrize("jointly", [False, True])
def test_heaters_that_follow_the_games_do_what_the_games_foresaw(jointly):
    heaters, base_kw, draw_kw, level_kw = row_of_games(11)
    row = play_games(heaters, base_kw, draw_kw, heaters.start(), 0.25, level_kw=level_kw, jointly=jointly)
    power, tank = heaters.run(draw_kw, heaters.start(), 0.25, row.on * heaters.power_kw[:, None])
    has = heaters.power_kw > 0
    assert np.allclose(power, row.heater_kw)
    assert np.allclose(tank[has], row.tank_c[has])


def test_the_coldest_tank_moves_first():
    heaters = Heaters.of([Member(f"m{at}", "b", heater=WaterHeater(4.0, 300)) for at in range(3)])
    state = HeaterState(np.array([60.0, 52.0, 56.0]), np.zeros(3, dtype=np.bool_))
    base_kw = np.full((3, 1), -2.5)  # 7.5 kW of surplus take two heaters of 4 kW
    row = play_games(heaters, base_kw, np.zeros((3, 1)), state, 0.25, level_kw=100.0)
    assert row.on[:, 0].tolist() == [False, True, True]


def test_what_cannot_be_a_game_is_refused():
    idle, block, can = np.array([-2.0, 0.0]), np.ones(2), np.zeros(2, dtype=np.int64)
    with pytest.raises(InputError, match="level_kwh = 3 kWh is not above the largest draw of a peer, 3 kWh"):
        HeaterGame(idle, block, can, 3.0)
    with pytest.raises(InputError, match="floor_kwh = 0"):
        HeaterGame(idle, block, can, 4.0, 0)
    with pytest.raises(InputError, match="21 peers can choose"):
        HeaterGame(np.zeros(21), np.ones(21), np.zeros(21, dtype=np.int64), 4.0).equilibria()
    heaters, base_kw, draw_kw, _ = row_of_games(1)
    with pytest.raises(InputError, match="level_kw = 1 kW is not above the largest draw"):
        play_games(heaters, base_kw, draw_kw, heaters.start(), 0.25, level_kw=1.0)
