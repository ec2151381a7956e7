"""Core, least core and nucleolus: textbook games, and linear programs over all coalitions."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from gridpact.errors import GridpactError, InputError
from gridpact.markets.coalition import (
    Game,
    NettingRules,
    coalitions,
    core_point,
    core_violation,
    least_core,
    netting_game,
    nucleolus,
    owen_point,
    pooling_game,
    shapley_exact,
)

GLOVE = Game.of(3, lambda group: float(2 in group and len(group) > 1))


@st.composite
def small_games(draw, most=5):
    """Any game with small whole worths, so that ties are common."""
    players = draw(st.integers(2, most))
    worth = draw(st.lists(st.integers(-3, 9), min_size=2**players, max_size=2**players))
    table = np.array([0, *worth[1:]], dtype=float)
    return Game(players, lambda masks: table[masks @ (1 << np.arange(players))])


def proper(game):
    """All coalitions but none and all, and what they are worth."""
    masks = coalitions(game.players, 1, 2**game.players - 1)
    return masks.astype(float), game.values(masks)


def whole_least_core(game):
    """ε* by one linear program over all coalitions."""
    masks, worth = proper(game)
    found = linprog(
        np.append(np.zeros(game.players), 1),
        np.column_stack([-masks, -np.ones(len(masks))]),
        -worth,
        np.append(np.ones(game.players), 0)[None],
        [game.grand],
        (None, None),
    )
    assert found.status == 0
    return found.fun


def whole_nucleolus(game):
    """The prenucleolus by successive programs over all coalitions; each tight coalition is tested by a program of its own."""
    masks, worth = proper(game)
    equal, right = [np.append(np.ones(game.players), 0)], [game.grand]
    open_ones = np.ones(len(masks), dtype=bool)
    while open_ones.any():
        rows = np.column_stack([-masks[open_ones], -np.ones(open_ones.sum())])
        cost = np.append(np.zeros(game.players), 1)
        best = linprog(cost, rows, -worth[open_ones], np.array(equal), right, (None, None))
        assert best.status == 0
        level = best.fun
        tight = []
        for at in np.flatnonzero(open_ones):
            face = linprog(
                -masks[at] @ np.eye(game.players, game.players + 1),
                rows,
                -worth[open_ones],
                np.array([*equal, cost]),
                [*right, level],
                (None, None),
            )
            if face.status == 0 and -face.fun <= worth[at] - level + 1e-7:
                tight.append(at)
        assert tight
        for at in tight:
            open_ones[at] = False
            equal.append(np.append(masks[at], 0))
            right.append(worth[at] - level)
        independent = np.linalg.matrix_rank(np.array(equal)[:, :-1])
        if independent == game.players:
            return np.linalg.lstsq(np.array(equal)[:, :-1], np.array(right), rcond=None)[0]
    return best.x[:-1]


def random_pool(players, intervals, seed):
    return np.random.default_rng(seed).normal(0.2, 1, (players, intervals))


def test_the_right_glove_takes_all_in_the_core():
    assert core_point(GLOVE) == pytest.approx([0, 0, 1])
    assert nucleolus(GLOVE) == pytest.approx([0, 0, 1])
    found = core_violation(GLOVE, shapley_exact(GLOVE))
    assert found.excess == pytest.approx(1 / 6)
    assert found.coalition.tolist() in ([True, False, True], [False, True, True])


def test_a_majority_of_three_has_no_core():
    majority = Game.of(3, lambda group: float(len(group) > 1))
    assert least_core(majority).epsilon == pytest.approx(1 / 3)
    with pytest.raises(InputError, match=r"the core is empty: every payoff leaves some coalition 0\.333333 or more"):
        core_point(majority)


@settings(max_examples=60)
@given(game=small_games())
def test_the_least_core_by_rows_is_that_of_the_whole_program(game):
    found = least_core(game)
    assert found.epsilon == pytest.approx(whole_least_core(game), abs=1e-7)
    assert found.payoff.sum() == pytest.approx(game.grand, abs=1e-7)
    assert core_violation(game, found.payoff).excess == pytest.approx(found.epsilon, abs=1e-7)
    assert found.lower == found.epsilon


def test_rows_are_few():
    found = least_core(pooling_game(random_pool(16, 24, 0), 0.2))
    assert found.rows < 1000
    assert found.epsilon == pytest.approx(whole_least_core(pooling_game(random_pool(16, 24, 0), 0.2)), abs=1e-8)


@settings(max_examples=40)
@given(game=small_games(most=4))
def test_the_nucleolus_is_that_of_all_coalitions_one_by_one(game):
    assert nucleolus(game) == pytest.approx(whole_nucleolus(game), abs=1e-6)


@settings(max_examples=30)
@given(game=small_games(most=6))
def test_the_nucleolus_lies_in_the_least_core_and_no_step_towards_another_payoff_lowers_the_sorted_excesses(game):
    payoff = nucleolus(game)
    masks, worth = proper(game)
    excess = np.sort(worth - masks @ payoff)[::-1]
    assert payoff.sum() == pytest.approx(game.grand, abs=1e-7)
    assert excess[0] == pytest.approx(least_core(game).epsilon, abs=1e-7)
    for one, other in combinations(range(game.players), 2):
        moved = payoff.copy()
        moved[one] += 1e-3
        moved[other] -= 1e-3
        there = np.sort(worth - masks @ moved)[::-1]
        first = np.flatnonzero(np.abs(there - excess) > 1e-6)
        assert len(first) == 0 or there[first[0]] > excess[first[0]]


@pytest.mark.parametrize(
    ("estate", "shares"),
    [(100, (100 / 3, 100 / 3, 100 / 3)), (200, (50, 75, 75)), (300, (50, 100, 150)), (400, (50, 125, 225))],
)
def test_the_nucleolus_divides_an_estate_as_the_talmud_does(estate, shares):
    # Aumann, Maschler, Journal of Economic Theory 36, 1985: three widows with claims of 100, 200 and 300
    claims = (100, 200, 300)
    game = Game.of(3, lambda group: max(0.0, estate - sum(claims[i] for i in range(3) if i not in group)))
    assert nucleolus(game) == pytest.approx(shares)


def contested_garment(estate, claims):
    """Aumann and Maschler's rule: half the claims are met equally first, then the losses are made equal."""
    half = np.array(claims) / 2
    low = estate <= half.sum()
    goal = estate if low else 2 * half.sum() - estate
    level = max(half)
    for cut in sorted({0.0, *half}):
        if np.minimum(half, cut).sum() >= goal:
            break
        level = cut + (goal - np.minimum(half, cut).sum()) / max(1, (half > cut).sum())
    equal = np.minimum(half, min(level, goal / len(half)) if goal <= len(half) * min(half) else level)
    return equal if low else 2 * half - equal


@settings(max_examples=30)
@given(claims=st.lists(st.integers(1, 40), min_size=2, max_size=6), part=st.floats(0.05, 0.95))
def test_the_nucleolus_of_a_bankruptcy_is_the_contested_garment_rule(claims, part):
    estate = part * sum(claims)
    players = len(claims)
    game = Game.of(players, lambda group: max(0.0, estate - sum(claims[i] for i in range(players) if i not in group)))
    shares = nucleolus(game)
    assert shares.sum() == pytest.approx(estate)
    for i, j in combinations(range(players), 2):  # consistency: any two divide what they have by the rule for two
        assert shares[[i, j]] == pytest.approx(
            contested_garment(shares[[i, j]].sum(), [claims[i], claims[j]]), abs=1e-6
        )


def littlechild(costs):
    """What users of a runway pay, the cheapest first (Littlechild, International Journal of Game Theory 3, 1974)."""
    paid, done, base, before = [], 0, 0.0, 0.0
    users = len(costs)
    while done < users:
        options = [
            ((costs[i] - base + before) / (i - done + 2 if i < users - 1 else users - done), i)
            for i in range(done, users)
        ]
        before, last = min(options, key=lambda option: (option[0], -option[1]))
        paid += [before] * (last + 1 - done)
        done, base = last + 1, costs[last]
    return paid


@pytest.mark.parametrize("costs", [(1, 3), (1, 2, 3), (4, 5, 9, 20), (1, 1, 1, 10), (2, 3, 10, 11, 12, 40)])
def test_the_nucleolus_of_a_runway_is_littlechilds(costs):
    savings = Game.of(
        len(costs), lambda group: sum(costs[i] for i in group) - max((costs[i] for i in group), default=0)
    )
    assert np.array(costs) - nucleolus(savings) == pytest.approx(littlechild(costs))


@pytest.mark.parametrize("players", [2, 7, 13])
def test_owens_point_is_in_the_core_and_sums_to_all(players):
    for seed in range(3):
        for game in (
            pooling_game(random_pool(players, 6, seed), 0.2),
            netting_game(random_pool(players, 6, seed), NettingRules(0.3, 0.1, np.arange(6) // 2, 0.5, loss=0.05)),
        ):
            payoff = owen_point(game)
            assert payoff.sum() == pytest.approx(game.grand)
            assert core_violation(game, payoff).excess <= 1e-9 * game.grand


def test_the_integer_program_finds_the_coalition_that_enumeration_finds():
    rng = np.random.default_rng(2)
    for seed in range(6):
        rules = NettingRules(0.3, 0.1, None, 0.1 * (seed % 2), member_fee=0.02, coalition_fee=0.1)
        game = netting_game(random_pool(9, 5, seed), rules)
        payoff = rng.dirichlet(np.ones(9)) * game.grand
        masks = coalitions(9, 1, 511)
        masks = masks[masks.sum(axis=1) > 1]
        excess = game.values(masks) - masks @ payoff
        found, bound = game.program.most_dissatisfied(payoff, 1e-9)
        assert game.values(found[None])[0] - payoff @ found == pytest.approx(excess.max(), abs=1e-8)
        assert bound == pytest.approx(excess.max(), abs=1e-8)
        by_oracle = core_violation(game, payoff, oracle=game.program.most_dissatisfied)
        assert by_oracle.excess == pytest.approx(core_violation(game, payoff).excess, abs=1e-8)


@pytest.mark.parametrize("fee", [0.0, 0.05, 0.4])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_level_method_brackets_what_enumeration_finds(fee, seed):
    game = netting_game(random_pool(11, 8, seed), NettingRules(0.3, 0.1, member_fee=fee, coalition_fee=fee))
    exact = least_core(game).epsilon
    found = least_core(game, tolerance=1e-5, oracle=game.program.most_dissatisfied)
    assert found.lower - 1e-9 <= exact <= found.epsilon + 1e-9
    assert found.epsilon - found.lower <= 1e-5 * abs(game.grand)
    assert core_violation(game, found.payoff).excess <= found.epsilon + 1e-9
    assert found.payoff.sum() == pytest.approx(game.grand)


def test_the_level_method_works_without_sums_to_search_in():
    game = pooling_game(random_pool(9, 4, 3), 0.2)
    asked_only = Game(9, game.value)
    found = least_core(asked_only, tolerance=1e-4, oracle=game.program.most_dissatisfied)
    assert found.lower - 1e-9 <= least_core(game).epsilon <= found.epsilon + 1e-9
    assert found.epsilon - found.lower <= 1e-4 * game.grand


def test_beyond_twenty_players_there_is_a_bracket_and_a_core_point():
    game = netting_game(random_pool(22, 6, 4), NettingRules(0.3, 0.1, member_fee=0.1))
    found = least_core(game, tolerance=1e-2)
    assert 0 < found.lower <= found.epsilon <= found.lower + 1e-2 * game.grand
    assert core_violation(game, found.payoff).bound <= found.epsilon + 1e-6 * game.grand
    with pytest.raises(InputError, match="the core is empty"):
        core_point(game)
    free = pooling_game(random_pool(24, 6, 4), 0.2)
    assert core_violation(free, core_point(free)).bound <= 1e-6 * free.grand


@pytest.mark.parametrize(
    ("fees", "epsilon"), [({"coalition_fee": 3.0}, 3.0 / 8), ({"member_fee": 0.25}, 0.25), ({}, 0.0)]
)
def test_at_zero_spread_a_lump_fee_costs_its_share_of_members_and_a_member_fee_itself(fees, epsilon):
    game = netting_game(random_pool(8, 6, 5), NettingRules(0.2, 0.2, **fees))
    assert least_core(game).epsilon == pytest.approx(epsilon, abs=1e-9)
    by_oracle = least_core(game, tolerance=1e-6, oracle=game.program.most_dissatisfied)
    assert by_oracle.epsilon == pytest.approx(epsilon, abs=1e-5)


def test_one_player_keeps_what_it_is_worth_and_two_share_the_gain():
    alone = Game.of(1, lambda group: 3.0 * len(group))
    assert (nucleolus(alone).tolist(), least_core(alone).payoff.tolist(), core_point(alone).tolist()) == ([3], [3], [3])
    assert core_violation(alone, np.array([3.0])).excess == -np.inf
    pair = pooling_game(np.array([[-1.0], [1.0]]), 0.2)
    assert nucleolus(pair) == pytest.approx([0.1, 0.1])
    assert least_core(pair, oracle=pair.program.most_dissatisfied).epsilon <= -0.1 + 2e-3


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: core_violation(GLOVE, np.array([0.5, 0.5])), InputError, r"a payoff of shape \(2,\)"),
        (lambda: core_violation(GLOVE, np.array([0.5, np.nan, 0.5])), InputError, "or not finite"),
        (lambda: core_violation(GLOVE, np.ones(3), tolerance=0.0), InputError, r"tolerance = 0\.0"),
        (lambda: core_point(GLOVE, tolerance=-1.0), InputError, r"tolerance = -1\.0"),
        (lambda: least_core(GLOVE, tolerance=np.nan), InputError, "tolerance = nan"),
        (
            lambda: least_core(GLOVE, oracle=lambda x, tolerance: (np.arange(3) < 2, np.nan)),
            GridpactError,
            "the oracle of the core returns a bound of nan",
        ),
        (lambda: owen_point(GLOVE), InputError, "the game has no linear program"),
        (lambda: owen_point(pooling_game(np.ones((2, 1)) * [[-1], [1]], -0.1)), InputError, "no linear program"),
        (lambda: least_core(Game.of(21, len)), InputError, "21 players, and neither a program nor an oracle"),
        (lambda: nucleolus(Game.of(21, len)), InputError, r"2\^21 coalitions"),
        (
            lambda: least_core(Game.of(22, len), oracle=lambda x, tolerance: (np.ones(22, dtype=bool), 0.0)),
            GridpactError,
            "the oracle of the core returns a coalition of 22 of 22 players",
        ),
    ],
)
def test_what_cannot_be_answered_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
