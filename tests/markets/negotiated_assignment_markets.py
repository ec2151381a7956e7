"""Markets for the tests of negotiations."""

import numpy as np
from hypothesis import strategies as st

from gridpact.markets.assignment import clear_single, core_extremes

NO_LINK = -np.inf


def distinct(buyers, sellers, seed=0, partners=None):
    """Large random values, all different, so that the best contracts are unique; each buyer may have few partners."""
    rng = np.random.default_rng(seed)
    value = rng.choice(10**9, (buyers, sellers), replace=False).astype(float) + 1
    if partners is not None:
        for row in value:
            row[rng.permutation(sellers)[partners:]] = NO_LINK
    return value


def plain(members, seed=0):
    """Members of one tariff without preferences: the smaller energy times the same spread, so that many pairs are tied."""
    rng = np.random.default_rng(seed)
    return np.minimum(rng.integers(100, 4000, members)[:, None], rng.integers(100, 4000, members)) * 193_500.0


@st.composite
def small_markets(draw, largest=5):
    """Few members and few different values: ties, pairs without value, pairs without link, one side or both empty."""
    shape = draw(st.integers(0, largest)), draw(st.integers(0, largest))
    values = st.integers(0, 6) | st.sampled_from([NO_LINK, -3, 0, 10**6, 10**15])
    rows = [[draw(values) for _ in range(shape[1])] for _ in range(shape[0])]
    return np.array(rows, dtype=float).reshape(shape)


def assert_same_as_centralised(outcome, value, unique=False):
    """Payoffs are the midpoint of the extremes, exactly; contracts are worth v(N), one a member at most."""
    matching = clear_single(value)
    buyers_best, sellers_best = core_extremes(matching)
    assert (outcome.payoffs.buyer == (buyers_best.buyer + sellers_best.buyer) / 2).all()
    assert (outcome.payoffs.seller == (buyers_best.seller + sellers_best.seller) / 2).all()
    buyer = np.flatnonzero(outcome.partner >= 0)
    seller = outcome.partner[buyer]
    assert len(set(seller.tolist())) == len(seller)
    assert (value[buyer, seller] > 0).all()
    assert value[buyer, seller].sum() == matching.total
    if unique:
        assert outcome.partner.tolist() == matching.partner.tolist()
