"""The north-west corner rule that pairs sellers with buyers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gridpact.markets._pairing import pair_north_west

ENERGIES = st.lists(st.integers(0, 50), max_size=6)


def starts(rows):
    return np.cumsum([0, *(len(row) for row in rows)])


def flat(rows):
    return np.array([energy for row in rows for energy in row], dtype=np.int64)


def pair(sells, buys):
    rows = pair_north_west(starts(sells), flat(sells), starts(buys), flat(buys))
    return list(zip(*(column.tolist() for column in rows), strict=True))


def test_two_sellers_meet_three_buyers_in_order():
    assert pair([[5, 7]], [[3, 4, 5]]) == [(0, 0, 3), (0, 1, 2), (1, 1, 2), (1, 2, 5)]


def test_rows_count_on_from_interval_to_interval():
    assert pair([[2], [], [1, 1]], [[2], [], [2]]) == [(0, 0, 2), (1, 1, 1), (2, 1, 1)]


def test_pairing_ends_with_the_smaller_sum():
    assert pair([[5]], [[3]]) == [(0, 0, 3)]
    assert pair([[3]], [[2, 5]]) == [(0, 0, 2), (0, 1, 1)]


def test_nothing_pairs_with_nothing():
    assert pair([], []) == []
    assert pair([[0, 0]], [[0]]) == []


@given(st.lists(st.tuples(ENERGIES, ENERGIES), max_size=4))
def test_every_row_gets_its_energy_from_at_most_n_plus_m_minus_one_pairs(intervals):
    sells = [[*sell, max(sum(buy) - sum(sell), 0)] for sell, buy in intervals]
    buys = [[*buy, max(sum(sell) - sum(buy), 0)] for sell, buy in intervals]
    pairs = pair(sells, buys)
    sold, bought = np.zeros(len(flat(sells))), np.zeros(len(flat(buys)))
    for seller, buyer, energy in pairs:
        assert energy > 0
        assert np.searchsorted(starts(sells), seller, "right") == np.searchsorted(starts(buys), buyer, "right")
        sold[seller] += energy
        bought[buyer] += energy
    assert (sold == flat(sells)).all()
    assert (bought == flat(buys)).all()
    assert len(pairs) <= sum(max(len(sell) + len(buy) - 1, 0) for sell, buy in zip(sells, buys, strict=True))
