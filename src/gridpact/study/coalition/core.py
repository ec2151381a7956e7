"""The core: a small market as a picture, a larger one side by side; its width and welfare in random markets."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gridpact.markets.assignment import (
    CorePoint,
    Links,
    Matching,
    Payoffs,
    clear_multi,
    clear_single,
    core_extremes,
    core_payoffs,
)
from gridpact.markets.coalition import Game, shapley_exact
from gridpact.study.coalition.markets import Market, random_market, small_market
from gridpact.units import FloatArray

SHAPLEY = "Shapley value"


@dataclass(frozen=True, eq=False)
class Points:
    """A market and the ways to share what it gains.

    Attributes
    ----------
    market, matching
        Who can trade, and who does.
    payoffs
        EUR by the name of the point: every core selection, and the Shapley value, which need not be in the core.
    """

    market: Market
    matching: Matching
    payoffs: Mapping[str, Payoffs]


def share(market: Market) -> Points:
    """Every core point of the market under single contracts, and its Shapley value."""
    matching = clear_single(market.value)
    payoffs = {point.value: core_payoffs(matching, point) for point in CorePoint}
    return Points(market, matching, payoffs | {SHAPLEY: _shapley(market.value)})


def core_polygon(matching: Matching) -> FloatArray:
    """The core of a market of two buyers with a contract each, in the plane of their payoffs.

    In the core a buyer and its seller share the value of their pair, a seller without a contract gets nothing, and no pair
    could do better alone (Shapley and Shubik 1971). That leaves bounds on either payoff and on their difference.

    Returns
    -------
    Corners in order, EUR ``[corner, 2]``.

    Examples
    --------
    >>> core_polygon(clear_single([[2.0, 0.0], [0.0, 2.0]])).tolist()
    [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]
    """
    value, (first, second) = matching.value, matching.partner
    own = np.array([value[0, first], value[1, second]])
    least = np.delete(value, [first, second], axis=1).max(axis=1, initial=0.0)
    # a·u <= b, one row a bound: below own, above what an unmatched seller would give, and the two cross pairs
    a = np.array([[1, 0], [0, 1], [-1, 0], [0, -1], [-1, 1], [1, -1]], dtype=np.float64)
    b = np.array([*own, *-least, own[1] - value[0, second], own[0] - value[1, first]])
    corners = []
    for i, j in zip(*np.triu_indices(len(a), 1), strict=True):
        if abs(np.linalg.det(a[[i, j]])) > 0.5:
            corner = np.linalg.solve(a[[i, j]], b[[i, j]])
            if (a @ corner <= b + 1e-12 * own.sum()).all():
                corners.append(corner)
    found = np.unique(np.round(corners, 12), axis=0)
    around = found - found.mean(axis=0)
    return np.asarray(found[np.argsort(np.arctan2(around[:, 1], around[:, 0]), kind="stable")])


def small_picture() -> tuple[Points, FloatArray]:
    """The small market with the polygon of its core."""
    points = share(small_market())
    return points, core_polygon(points.matching)


def side_by_side(members: int, seed: int) -> Points:
    """A random market with as many buyers as sellers, all points of it."""
    return share(random_market(np.random.default_rng([seed, members]), members, members))


def widths(members: int, markets: int, seed: int) -> FloatArray:
    """How wide the core is: what the buyers get at the buyer-optimal more than at the seller-optimal point, as a share of v(N).

    Parameters
    ----------
    members
        On either side.
    markets
        How many random markets; those without any gain are left out.
    seed
        Of the markets.

    Returns
    -------
    ``[market]``.
    """
    rng = np.random.default_rng([seed, members])
    found = []
    for _ in range(markets):
        matching = clear_single(random_market(rng, members, members).value)
        if matching.total > 0:
            most, least = core_extremes(matching)
            found.append(float(most.buyer.sum() - least.buyer.sum()) / matching.total)
    return np.array(found)


def single_shares(members: int, markets: int, seed: int) -> FloatArray:
    """What one contract a member gains at most, as a share of what any number of contracts gains, ``[market]``.

    The markets are those of `widths`; those without any gain are left out.
    """
    rng = np.random.default_rng([seed, members])
    found = []
    for _ in range(markets):
        market = random_market(rng, members, members)
        most = clear_multi(Links.dense(market.gain, market.demand, market.supply)).total
        if most > 0:
            found.append(clear_single(market.value).total / most)
    return np.array(found)


def _shapley(value: FloatArray) -> Payoffs:
    buyers, sellers = value.shape

    def worth(coalition: frozenset[int]) -> float:
        rows = [member for member in coalition if member < buyers]
        columns = [member - buyers for member in coalition if member >= buyers]
        return clear_single(value[np.ix_(rows, columns)]).total if rows and columns else 0.0

    payoffs = shapley_exact(Game.of(buyers + sellers, worth))
    return Payoffs(payoffs[:buyers], payoffs[buyers:])
