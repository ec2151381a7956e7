"""Coalitions that merge and split, against all partitions, and games on a graph of who may trade with whom."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpact.errors import InputError
from gridpact.markets.coalition import (
    Game,
    graph_restricted,
    merge_and_split,
    myerson,
    pooling_game,
    shapley_exact,
    superadditivity_margin,
)

LINKS = list(combinations(range(5), 2))


@st.composite
def games(draw, least=1, most=6):
    """Any small game of whole numbers, so that sums are exact."""
    players = draw(st.integers(least, most))
    worth = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(-9, 10, 1 << players).astype(float)
    worth += draw(st.sampled_from([-6, 0, 6])) * np.array([code.bit_count() for code in range(1 << players)])
    worth[0] = 0.0
    return Game(players, lambda masks: worth[masks @ (1 << np.arange(players))])


def partitions(members):
    """All partitions of a group."""
    if not members:
        yield []
        return
    first, rest = members[0], members[1:]
    for size in range(len(rest) + 1):
        for chosen in combinations(rest, size):
            for others in partitions([i for i in rest if i not in chosen]):
                yield [(first, *chosen), *others]


def union(parts):
    return tuple(sorted(player for part in parts for player in part))


def worth(game, parts):
    return sum(game(part) for part in parts)


def merge_gain(game, parts):
    sets = [chosen for size in range(2, len(parts) + 1) for chosen in combinations(parts, size)]
    return max((game(union(chosen)) - worth(game, chosen) for chosen in sets), default=0)


def split_gain(game, parts):
    return max(worth(game, split) - game(part) for part in parts for split in partitions(part))


@st.composite
def starts(draw, players):
    label = [draw(st.integers(0, players - 1)) for _ in range(players)]
    return [[i for i in range(players) if label[i] == at] for at in sorted(set(label))]


@settings(max_examples=60)
@given(data=st.data(), game=games())
def test_no_coalitions_where_it_ends_gain_by_merging_and_none_by_splitting_in_any_way(data, game):
    start = data.draw(st.none() | starts(game.players))
    formed = merge_and_split(game, start)
    assert merge_gain(game, formed.partition) <= 0
    assert split_gain(game, formed.partition) <= 0
    assert formed.stable
    begun = [(i,) for i in range(game.players)] if start is None else start
    assert formed.value == worth(game, formed.partition) >= worth(game, begun)


@settings(max_examples=60)
@given(data=st.data(), game=games())
def test_each_step_is_the_best_merge_or_else_the_best_split_and_gains_what_it_says(data, game):
    parts = {tuple(part) for part in data.draw(starts(game.players))}
    formed = merge_and_split(game, [list(part) for part in parts])
    for step in formed.history:
        assert parts.issuperset(step.before)
        assert union(step.before) == union(step.after)
        assert step.gain == worth(game, step.after) - worth(game, step.before) > 0
        merging, splitting = merge_gain(game, sorted(parts)), split_gain(game, sorted(parts))
        assert (step.kind, step.gain) == (("merge", merging) if merging > 0 else ("split", splitting))
        assert len(step.after if step.kind == "merge" else step.before) == 1
        parts = (parts - set(step.before)) | set(step.after)
    assert formed.partition == tuple(sorted(parts))


def test_three_coalitions_merge_at_once_where_no_two_would():
    formed = merge_and_split(Game.of(3, lambda group: float(len(group) == 3)))
    assert formed.partition == ((0, 1, 2),)
    assert [(step.kind, step.before, step.gain) for step in formed.history] == [("merge", ((0,), (1,), (2,)), 1.0)]


def test_all_join_one_coalition_where_everybody_adds_something():
    net = np.roll(np.eye(5), 1, axis=1) - np.eye(5)  # each has to spare what the one before lacks
    game = pooling_game(net, 0.2)
    formed = merge_and_split(game)
    assert formed.partition == ((0, 1, 2, 3, 4),)
    assert formed.value == game.grand == pytest.approx(1.0)


@settings(max_examples=40)
@given(net=st.lists(st.lists(st.integers(-5, 5), min_size=3, max_size=3), min_size=1, max_size=6))
def test_where_joining_costs_nothing_all_that_can_be_saved_is(net):
    game = pooling_game(np.array(net, dtype=float), 1.0)
    assert merge_and_split(game).value == game.grand


@pytest.mark.parametrize(
    ("fee", "sizes", "value"),
    [
        (lambda size: 0.5, [4], 2 - 0.5),
        (lambda size: size**2 / 8, [2, 2], 2 * (1 - 4 / 8)),
        (lambda size: size**2 * 5 / 16, [1, 1, 1, 1], 0.0),
    ],
    ids=["a coalition", "small", "large"],
)
@pytest.mark.parametrize("start", [None, [[3, 1, 0, 2]]])
def test_fees_break_up_what_saves_too_little(fee, sizes, value, start):
    """Two sellers and two buyers of 1 kWh: a seller and a buyer save 1, all four 2."""
    pool = pooling_game(np.array([[-1.0], [-1.0], [1.0], [1.0]]), 1.0)
    formed = merge_and_split(pool.less(lambda masks: np.array([float(fee(size)) for size in masks.sum(axis=1)])), start)
    assert [len(part) for part in formed.partition] == sizes
    assert all({i // 2 for i in part} == {0, 1} for part in formed.partition if len(part) > 1)
    assert formed.value == value


def test_stability_is_claimed_only_where_all_merges_and_splits_were_looked_at():
    nothing = [merge_and_split(Game(n, lambda masks: np.zeros(len(masks)))) for n in (14, 15)]
    assert [(len(formed.partition), formed.stable) for formed in nothing] == [(14, True), (15, False)]
    together = Game(15, lambda masks: masks.sum(axis=1) ** 2.0)
    formed = merge_and_split(together)
    assert (formed.partition, formed.stable) == ((tuple(range(15)),), False)


def test_a_coalition_too_large_to_look_at_every_split_comes_apart_in_two_again_and_again():
    def value(masks):
        friends, foes = masks[:, :8].sum(axis=1), masks[:, 8:].sum(axis=1)
        return friends**2.0 - foes**2.0 - friends * foes

    camps = Game(16, value)
    formed = merge_and_split(camps, [range(16)])
    assert formed.partition == (tuple(range(8)), *((i,) for i in range(8, 16)))
    assert formed.value == 64 - 8
    assert formed.stable


def test_local_search_finds_the_two_halves_of_a_large_coalition():
    def value(masks):
        one, other = masks[:, ::2].sum(axis=1), masks[:, 1::2].sum(axis=1)
        return one**2.0 + other**2.0 - 3 * one * other

    formed = merge_and_split(Game(16, value), [range(16)])
    assert [(step.kind, step.gain) for step in formed.history] == [("split", 192.0)]
    assert formed.partition == (tuple(range(0, 16, 2)), tuple(range(1, 16, 2)))
    assert formed.stable


def test_a_single_player_stays_alone():
    game = Game.of(1, lambda group: 3.0 * len(group))
    formed = merge_and_split(game)
    assert (formed.partition, formed.value, formed.history, formed.stable) == (((0,),), 3.0, (), True)
    assert superadditivity_margin(game) == np.inf
    assert myerson(game, []).tolist() == [3.0]


@pytest.mark.parametrize("start", [[], [[0, 1]], [[0, 1], [1, 2]], [[0, 1, 2], []], [[0, 1, 2, 3]], [[-1, 0, 1]]])
def test_a_start_that_is_no_partition_is_refused(start):
    with pytest.raises(InputError, match=r"not a partition.*each of 0 to 2 in one coalition"):
        merge_and_split(Game.of(3, len), start)


@settings(max_examples=60)
@given(game=games(least=2))
def test_the_margin_is_the_least_gain_of_any_union(game):
    groups = [group for size in range(1, game.players) for group in combinations(range(game.players), size)]
    pairs = [(one, other) for one, other in combinations(groups, 2) if not set(one) & set(other)]
    assert superadditivity_margin(game) == min(game(union(pair)) - worth(game, pair) for pair in pairs)


def test_the_margin_is_refused_above_14_players():
    games = [Game(n, lambda masks: masks.sum(axis=1) * 2.0) for n in (14, 15)]
    assert superadditivity_margin(games[0]) == 0
    with pytest.raises(InputError, match=r"15 players have 3\^15 pairs.*at most 14 players"):
        superadditivity_margin(games[1])


def test_who_links_two_others_is_paid_for_it():
    """Myerson 1977: of players who are worth 1 if two meet, the middle of a path has 2/3 and the ends 1/6."""
    meet = Game.of(3, lambda group: float(len(group) > 1))
    assert myerson(meet, [(0, 1), (1, 2)]) == pytest.approx([1 / 6, 2 / 3, 1 / 6])
    assert myerson(meet, [(2, 0)]) == pytest.approx([1 / 2, 0, 1 / 2])
    assert myerson(meet, []).tolist() == [0, 0, 0]
    ends = Game.of(3, lambda group: 6.0 * (0 in group and 2 in group))
    assert myerson(ends, [(0, 1), (1, 2)]) == pytest.approx([2, 2, 2])


graphs = st.lists(st.sampled_from(LINKS), unique=True)


def connected(links, group):
    """The connected parts of a group, by joining the parts of the two ends of each link."""
    parts = [{i} for i in group]
    for link in links:
        if set(link) <= set(group):
            touched = [part for part in parts if part & set(link)]
            parts = [part for part in parts if not part & set(link)] + [set.union(*touched)]
    return parts


@settings(max_examples=40)
@given(game=games(least=5, most=5), links=graphs)
def test_a_coalition_is_worth_what_its_connected_parts_are_worth(game, links):
    restricted = graph_restricted(game, links)
    for size in range(6):
        for group in combinations(range(5), size):
            assert restricted(group) == worth(game, connected(links, group)), group
    many = np.random.default_rng(0).random((50, 5)) < 0.5
    assert restricted.values(many).tolist() == [restricted(np.flatnonzero(mask)) for mask in many]
    assert restricted.values(many[:0]).shape == (0,)


@settings(max_examples=40)
@given(game=games(least=5, most=5))
def test_where_all_may_trade_with_all_it_is_the_shapley_value(game):
    assert myerson(game, [(j, i) for i, j in LINKS]) == pytest.approx(shapley_exact(game), abs=1e-12)


@settings(max_examples=40)
@given(game=games(least=5, most=5), links=graphs)
def test_each_connected_part_shares_what_it_is_worth(game, links):
    value = myerson(game, links)
    for part in connected(links, range(5)):
        assert value[list(part)].sum() == pytest.approx(game(part), abs=1e-9)


@settings(max_examples=40)
@given(game=games(least=5, most=5), links=graphs.filter(len), data=st.data())
def test_a_link_is_worth_the_same_to_both_its_ends(game, links, data):
    one, other = removed = data.draw(st.sampled_from(links))
    change = myerson(game, links) - myerson(game, [link for link in links if link != removed])
    assert change[one] == pytest.approx(change[other], abs=1e-9)


@pytest.mark.parametrize("link", [(0, 3), (3, 0), (-1, 0), (0, -1), (1, 1)])
@pytest.mark.parametrize("of", [graph_restricted, myerson])
def test_a_link_that_joins_no_two_players_is_refused(of, link):
    with pytest.raises(InputError, match=rf"a link from {link[0]} to {link[1]}.*two different players from 0 to 2"):
        of(Game.of(3, len), [(0, 1), link])


def test_rounding_of_large_worths_does_not_make_coalitions_merge_and_split_for_ever() -> None:
    alone = np.random.default_rng(1).random(7) * 1e9
    worth = np.full(128, -1e12)
    worth[1 << np.arange(7)] = alone
    worth[0] = worth[-1] = 0.0
    six = float(alone[:6].sum())
    for rounding in (-np.spacing(six), np.spacing(six)):
        worth[63] = six + rounding
        found = merge_and_split(Game(7, lambda masks: worth[masks @ (1 << np.arange(7))]))
        assert found.history == ()
