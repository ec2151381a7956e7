"""Merging and splitting, and games on graphs."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpact.errors import InputError
from gridpact.markets.coalition import (
    Game,
    NettingRules,
    graph_restricted,
    merge_and_split,
    myerson,
    netting_game,
    pooling_game,
    shapley_exact,
    shapley_sampled,
    superadditivity_margin,
)


@st.composite
def games(draw, most=5):
    players = draw(st.integers(1, most))
    worth = draw(st.lists(st.integers(-5, 9), min_size=2**players, max_size=2**players))
    table = np.array([0, *worth[1:]], dtype=float)
    return Game(players, lambda masks: table[masks @ (1 << np.arange(players))])


def partitions(items):
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for smaller in partitions(rest):
        yield [[first], *smaller]
        for at in range(len(smaller)):
            yield [*smaller[:at], [first, *smaller[at]], *smaller[at + 1 :]]


def gains_by_merging(game, parts):
    return max(
        (
            game(sum(chosen, ())) - sum(game(part) for part in chosen)
            for size in range(2, len(parts) + 1)
            for chosen in combinations(parts, size)
        ),
        default=0,
    )


def gains_by_splitting(game, parts):
    return max(sum(game(piece) for piece in pieces) - game(part) for part in parts for pieces in partitions(list(part)))


@settings(max_examples=60)
@given(game=games(), data=st.data())
def test_where_it_ends_nothing_gains_by_merging_or_splitting(game, data):
    start = data.draw(st.sampled_from(list(partitions(list(range(game.players))))))
    found = merge_and_split(game, start)
    assert sorted(player for part in found.partition for player in part) == list(range(game.players))
    assert found.stable
    assert gains_by_merging(game, found.partition) <= 1e-9
    assert gains_by_splitting(game, found.partition) <= 1e-9
    assert found.value == pytest.approx(sum(game(part) for part in found.partition))


@settings(max_examples=60)
@given(game=games())
def test_every_step_gains_what_it_says_and_leads_from_the_start_to_the_end(game):
    found = merge_and_split(game)
    parts = {(player,) for player in range(game.players)}
    for step in found.history:
        assert step.gain > 0
        assert step.gain == pytest.approx(sum(map(game, step.after)) - sum(map(game, step.before)))
        assert set(step.before) <= parts
        assert (len(step.after) == 1) == (step.kind == "merge")
        parts = parts - set(step.before) | set(step.after)
    assert parts == set(found.partition)


def test_without_costs_a_pool_ends_as_one_and_with_a_member_fee_those_who_bring_little_stay_out():
    net = np.array([[-5.0, 0.0], [4.0, 0.0], [0.1, 0.0], [0.0, 2.0], [0.0, -3.0]])
    assert merge_and_split(netting_game(net, NettingRules(0.3, 0.1))).value == pytest.approx(0.2 * (4.1 + 2))
    dear = merge_and_split(netting_game(net, NettingRules(0.3, 0.1, member_fee=0.1)))
    assert dear.partition == ((0, 1, 3, 4), (2,))
    assert dear.value == pytest.approx(0.2 * 4 + 0.2 * 2 - 4 * 0.1)


def test_a_cost_that_grows_with_size_keeps_coalitions_small():
    net = np.tile([[-1.0], [1.0]], (4, 1))
    crowded = pooling_game(net, 1.0).less(lambda masks: 0.1 * masks.sum(axis=1) ** 2)
    found = merge_and_split(crowded)
    assert [len(part) for part in found.partition] == [2, 2, 2, 2]
    assert all(net[list(part)].sum() == 0 for part in found.partition)
    assert found.value == pytest.approx(4 * 0.6)


def test_it_is_a_fixed_point_and_splits_what_should_not_be_together():
    crowded = pooling_game(np.tile([[-1.0], [1.0]], (3, 1)), 1.0).less(lambda masks: 0.1 * masks.sum(axis=1) ** 2)
    apart = merge_and_split(crowded, [range(6)])
    assert apart.history[0].kind == "split"
    assert [len(part) for part in apart.partition] == [2, 2, 2]
    assert merge_and_split(crowded, apart.partition).history == ()


def test_three_parts_are_found_where_no_two_gain():
    # 6 together, 1 + 4 in two parts whichever way, 3 · 2.5 in three
    worth = {1: 2.5, 2: 3.0, 3: 6.0}
    game = Game.of(3, lambda group: worth.get(len(group), 0.0))
    assert merge_and_split(game, [[0, 1, 2]]).partition == ((0,), (1,), (2,))


def test_many_members_form_coalitions_too_but_nothing_is_proven():
    rng = np.random.default_rng(0)
    net = rng.normal(0, 1, (24, 3))
    found = merge_and_split(pooling_game(net, 1.0).less(lambda masks: 0.02 * masks.sum(axis=1) ** 2))
    assert sorted(player for part in found.partition for player in part) == list(range(24))
    assert found.value > 0
    assert all(step.gain > 0 for step in found.history)
    everybody = merge_and_split(pooling_game(net, 1.0).less(lambda masks: 0.02 * masks.sum(axis=1) ** 2), [range(24)])
    assert not merge_and_split(pooling_game(net, 1.0)).stable
    assert everybody.history[0].kind == "split"
    assert everybody.value > 0


@settings(max_examples=40)
@given(game=games(most=4))
def test_the_margin_is_the_least_gain_of_two_coalitions(game):
    groups = [group for size in range(1, game.players + 1) for group in combinations(range(game.players), size)]
    least = min(
        (
            game(one + other) - game(one) - game(other)
            for one, other in combinations(groups, 2)
            if not set(one) & set(other)
        ),
        default=np.inf,
    )
    assert superadditivity_margin(game) == pytest.approx(least)


def test_myersons_value_of_a_path():
    # two ends that can only work together through the middle: worth 1 together with it, 0 without
    together = Game.of(3, lambda group: float(len(group) > 1))
    assert myerson(together, [(0, 1), (1, 2)]) == pytest.approx([1 / 6, 2 / 3, 1 / 6])
    assert myerson(together, []) == pytest.approx([0, 0, 0])
    # Myerson 1977: the seller in the middle of a path of buyer, seller, buyer gets half of each link's worth or more
    pool = pooling_game(np.array([[1.0], [-2.0], [1.0]]), 1.0)
    assert myerson(pool, [(0, 1), (1, 2)]) == pytest.approx([0.5, 1.0, 0.5])


def components(group, links):
    left, found = set(group), []
    while left:
        reached = {left.pop()}
        while more := {b for a, b in [*links, *((b, a) for a, b in links)] if a in reached and b in left}:
            reached |= more
            left -= more
        found.append(tuple(sorted(reached)))
    return found


graphs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(lambda link: link[0] != link[1]), max_size=7)


@settings(max_examples=60)
@given(game=games(), links=graphs)
def test_a_coalition_is_worth_its_connected_parts(game, links):
    links = [link for link in links if max(link) < game.players]
    restricted = graph_restricted(game, links)
    for size in range(game.players + 1):
        for group in combinations(range(game.players), size):
            assert restricted(group) == pytest.approx(sum(map(game, components(group, links))))


@settings(max_examples=40)
@given(game=games(), links=graphs)
def test_each_connected_part_shares_its_worth_and_a_link_is_worth_the_same_to_both_ends(game, links):
    links = [link for link in links if max(link) < game.players]
    value = myerson(game, links)
    for part in components(range(game.players), links):
        assert value[list(part)].sum() == pytest.approx(game(part), abs=1e-9)
    for link in set(links):
        without = myerson(game, [other for other in links if set(other) != set(link)])
        one, other = link
        assert value[one] - without[one] == pytest.approx(value[other] - without[other], abs=1e-9)


def test_with_all_links_it_is_the_shapley_value_and_beyond_twenty_players_it_is_sampled():
    game = pooling_game(np.random.default_rng(1).normal(size=(6, 2)), 1.0)
    assert myerson(game, list(combinations(range(6), 2))) == pytest.approx(shapley_exact(game))
    pairs = pooling_game(np.tile([[-1.0], [1.0]], (11, 1)), 1.0)
    links = [(2 * k, 2 * k + 1) for k in range(11)]
    found = shapley_sampled(graph_restricted(pairs, links), np.random.default_rng(0), tolerance=1e-6)
    assert found.payoff == pytest.approx(np.full(22, 0.5))
    with pytest.raises(InputError, match="shapley_sampled takes any number"):
        myerson(pairs, links)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda game: merge_and_split(game, [[0, 1]]), "is not a partition"),
        (lambda game: merge_and_split(game, [[0, 1], [1, 2]]), "is not a partition"),
        (lambda game: merge_and_split(game, [[0, 1, 2], []]), "is not a partition"),
        (lambda game: graph_restricted(game, [(0, 3)]), "a link from 0 to 3"),
        (lambda game: graph_restricted(game, [(1, 1)]), "a link from 1 to 1"),
        (lambda game: graph_restricted(game, [(0, 1.5)]), "a link from 0 to 1.5"),
        (lambda game: graph_restricted(game, [(-1, 0)]), "a link from -1 to 0"),
        (lambda game: superadditivity_margin(Game.of(15, len)), "at most 14 players"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make(Game.of(3, len))
