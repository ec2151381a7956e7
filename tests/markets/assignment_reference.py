"""What the tests of the assignment markets compare with: linear programs (HiGHS), scipy's matching, sweeps in plain Python."""

from itertools import chain, combinations

import numpy as np
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog

from gridpact.markets.assignment import Links, Payoffs

TIGHT = 1e-7


def matching_value(value: np.ndarray) -> float:
    """v(N) of single contracts by scipy's matching; values not negative."""
    rows, columns = linear_sum_assignment(value, maximize=True)
    return float(value[rows, columns].sum())


def flow_value(links: Links) -> float:
    """v(N) of multi contracts by a linear program."""
    if len(links.gain) == 0:
        return 0.0
    use, energies = _ends(links).T, np.concatenate([links.demand, links.supply])
    bounds = [(0, None if np.isinf(f) else f) for f in links.bound]
    solved = linprog(-np.maximum(links.gain, 0), A_ub=use, b_ub=energies, bounds=bounds)
    assert solved.status == 0
    return -solved.fun


def single_as_links(value: np.ndarray) -> Links:
    """Single contracts as a flow of one unit a member."""
    return Links.dense(value, np.ones(value.shape[0]), np.ones(value.shape[1]))


def extremes(links: Links) -> tuple[Payoffs, Payoffs]:
    """Dual prices that the buyers, and that the sellers, like best, by linear programs on Owen's set.

    The other side is as badly off as it can be; this matters where links earn rents.
    """
    rows, least, equal, total = _owen(links)
    buyers, sellers = len(links.demand), len(links.supply)
    for_buyers = np.r_[np.ones(buyers), -np.ones(sellers), np.zeros(rows.shape[1] - buyers - sellers)]
    found = []
    for liked in (for_buyers, -for_buyers):
        solved = linprog(-liked, A_ub=-rows, b_ub=-least, A_eq=equal, b_eq=[total], bounds=(None, None))
        assert solved.status == 0
        found.append(_payoffs(solved.x, links))
    return found[0], found[1]


def price_nucleolus(links: Links) -> Payoffs:
    """Lexicographically the largest slacks of all constraints of Owen's set: u, w, z, and u + w + z − g."""
    rows, least, equal, total = _owen(links)
    return _payoffs(lexicographic(rows, least, rows, least, equal, np.array([total])), links)


def leximin(links: Links) -> Payoffs:
    """Lexicographically the largest payoffs d u and e w over Owen's set."""
    rows, least, equal, total = _owen(links)
    members = len(links.demand) + len(links.supply)
    money = rows[:members] * np.concatenate([links.demand, links.supply])[:, None]
    return _payoffs(lexicographic(money, np.zeros(members), rows, least, equal, np.array([total])), links)


def nucleolus(value: np.ndarray) -> Payoffs:
    """The nucleolus by its definition, over all coalitions of a small game."""
    buyers, members = value.shape[0], sum(value.shape)
    coalitions = list(chain.from_iterable(combinations(range(members), size) for size in range(1, members)))
    rows = np.array([[float(k in coalition) for k in range(members)] for coalition in coalitions])
    worth = np.array([matching_value(_inside(value, coalition)) for coalition in coalitions])
    alone = np.eye(members)
    x = lexicographic(rows, worth, alone, np.zeros(members), np.ones((1, members)), np.array([matching_value(value)]))
    return Payoffs(x[:buyers], x[buyers:])


def lexicographic(
    aims: np.ndarray, base: np.ndarray, rows: np.ndarray, least: np.ndarray, equal: np.ndarray, to: np.ndarray
) -> np.ndarray:
    """Maximise the smallest of ``aims x − base``, then the next one, and so on, where ``rows x ≥ least`` and ``equal x = to``.

    After each program only the aims are fixed that cannot be larger in any of its optima.
    """
    open_aims = np.arange(len(base))
    x = np.zeros(rows.shape[1])
    while len(open_aims):
        with_level = np.column_stack(
            [np.vstack([aims[open_aims], rows]), np.r_[-np.ones(len(open_aims)), np.zeros(len(rows))]]
        )
        solved = linprog(
            np.r_[np.zeros(len(x)), -1],
            A_ub=-with_level,
            b_ub=-np.r_[base[open_aims], least],
            A_eq=np.column_stack([equal, np.zeros(len(equal))]),
            b_eq=to,
            bounds=(None, None),
        )
        assert solved.status == 0, solved.message
        x, level = solved.x[:-1], solved.x[-1]
        kept = []
        for aim in open_aims:
            most = aims[aim] @ x - base[aim]
            if most <= level + TIGHT:
                bounded = linprog(
                    -aims[aim],
                    A_ub=-np.vstack([aims[open_aims], rows]),
                    b_ub=-np.r_[base[open_aims] + level - TIGHT / 100, least],
                    A_eq=equal,
                    b_eq=to,
                    bounds=(None, None),
                )
                most = np.inf if bounded.status == 3 else -bounded.fun - base[aim]
            if most > level + TIGHT:
                kept.append(aim)
        fixed = np.setdiff1d(open_aims, kept)
        assert len(fixed)
        new = [aim for aim in fixed if np.linalg.matrix_rank(np.vstack([equal, aims[aim]])) > len(equal)]
        for aim in new:
            if np.linalg.matrix_rank(np.vstack([equal, aims[aim]])) > len(equal):
                equal, to = np.vstack([equal, aims[aim]]), np.r_[to, base[aim] + level]
        open_aims = np.array(kept, dtype=int)
    return x


def sweeps(value: np.ndarray, partner: np.ndarray) -> Payoffs:
    """The buyers' extreme of single contracts from the matching alone, by Bellman-Ford sweeps."""
    buyers, sellers = value.shape
    w = np.array([max([0.0, *(value[i, j] for i in range(buyers) if partner[i] < 0)]) for j in range(sellers)])
    while True:
        u = np.array([0.0 if partner[i] < 0 else value[i, partner[i]] - w[partner[i]] for i in range(buyers)])
        raised = np.array([max([w[j], *(value[i, j] - u[i] for i in range(buyers))]) for j in range(sellers)])
        if (raised == w).all():
            return Payoffs(u, w)
        w = raised


def values(most: int = 6, dearest: int = 12, least: int = 0) -> st.SearchStrategy[np.ndarray]:
    """Small matrices of integers as floats, with ties and zeros, from ``least`` members a side."""
    return st.tuples(st.integers(least, most), st.integers(least, most)).flatmap(
        lambda shape: st.lists(st.integers(0, dearest), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]).map(
            lambda flat: np.array(flat, dtype=float).reshape(shape)
        )
    )


def markets(most: int = 5, limited: bool = False) -> st.SearchStrategy[Links]:
    """Small multi-contract markets with positive integer energies, many of them equal."""

    def build(shape: tuple[int, int]) -> st.SearchStrategy[Links]:
        pairs = shape[0] * shape[1]
        cells = st.lists(st.integers(-1, 9), min_size=pairs, max_size=pairs)
        limits = st.lists(st.sampled_from([1.0, 2.0, np.inf]), min_size=pairs, max_size=pairs) if limited else st.none()
        sides = [st.lists(st.integers(1, 5), min_size=n, max_size=n) for n in shape]
        return st.tuples(cells, *sides, limits).map(
            lambda drawn: Links.dense(
                np.reshape(drawn[0], shape),
                drawn[1],
                drawn[2],
                None if drawn[3] is None else np.reshape(drawn[3], shape),
            )
        )

    return st.tuples(st.integers(1, most), st.integers(1, most)).flatmap(build)


def _ends(links: Links) -> np.ndarray:
    """Which members each link touches, ``[link, B + S]``."""
    ends = np.zeros((len(links.gain), len(links.demand) + len(links.supply)))
    ends[np.arange(len(ends)), links.buyer] = 1
    ends[np.arange(len(ends)), len(links.demand) + links.seller] = 1
    return ends


def _owen(links: Links) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Owen's set in (u, w, z of the limited links): rows, their least values, the sum that equals v(N)."""
    limited = np.flatnonzero(np.isfinite(links.bound))
    members = len(links.demand) + len(links.supply)
    rent = np.zeros((len(links.gain), len(limited)))
    rent[limited, np.arange(len(limited))] = 1
    pairs = np.column_stack([_ends(links), rent])
    rows = np.vstack([np.eye(members + len(limited)), pairs])
    least = np.r_[np.zeros(members + len(limited)), links.gain]
    equal = np.concatenate([links.demand, links.supply, links.bound[limited]])[None]
    return rows, least, equal, flow_value(links)


def _payoffs(x: np.ndarray, links: Links) -> Payoffs:
    buyers, sellers = len(links.demand), len(links.supply)
    return Payoffs(x[:buyers], x[buyers : buyers + sellers])


def _inside(value: np.ndarray, coalition: tuple[int, ...]) -> np.ndarray:
    members = np.array(coalition)
    return value[np.ix_(members[members < len(value)], members[members >= len(value)] - len(value))]
