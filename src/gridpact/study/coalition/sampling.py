"""How fast sampled Shapley values converge: independent and antithetic orders of arrival against the exact value."""

from dataclasses import dataclass

import numpy as np

from gridpact.markets.coalition import SampledShapley, pooling_game, shapley_pooling, shapley_sampled
from gridpact.study.coalition.scarcity import SPREAD, scaled_community
from gridpact.units import FloatArray, IntArray

NEVER = 1e-300
"""A tolerance that no sample meets: all orders are drawn."""


@dataclass(frozen=True, eq=False)
class Convergence:
    """Errors of sampling a community many times.

    Attributes
    ----------
    antithetic
        Whether each order was followed by its reversal.
    orders
        Drawn so far, ``[step]``.
    error
        Sum of the members' errors as a share of v(N), ``[run, step]``.
    claimed
        Sum of the half-widths of their 95 % confidence intervals as a share of v(N), ``[run, step]``.
    covered
        Share of the members whose interval holds the exact value at the end, mean over runs.
    """

    antithetic: bool
    orders: IntArray
    error: FloatArray
    claimed: FloatArray
    covered: float


def converge(members: int, ratio: float, orders: int, runs: int, seed: int, antithetic: bool) -> Convergence:
    """Sample the Shapley value of one community, demand a multiple of supply, several times."""
    net_kwh = scaled_community(members, ratio, np.random.default_rng([seed, members]))
    exact = shapley_pooling(net_kwh, SPREAD)
    found = [_sample(net_kwh, orders, [seed, members, run], antithetic) for run in range(runs)]
    off = [[np.abs(step.payoff - exact).sum() for step in each.history] for each in found]
    claimed = [[step.half_width.sum() for step in each.history] for each in found]
    covered = [np.abs(each.payoff - exact) <= each.half_width for each in found]
    return Convergence(
        antithetic,
        np.array([step.orders for step in found[0].history]),
        np.array(off) / exact.sum(),
        np.array(claimed) / exact.sum(),
        float(np.mean(covered)),
    )


def gain_of_reversal(members: int, ratio: float, orders: int, runs: int, seed: int) -> float:
    """How many times less variance antithetic orders have than as many independent ones."""
    net_kwh = scaled_community(members, ratio, np.random.default_rng([seed, members]))
    exact = shapley_pooling(net_kwh, SPREAD)
    plain, antithetic = (
        sum(
            float(((_sample(net_kwh, orders, [seed, members, run], reverse).payoff - exact) ** 2).sum())
            for run in range(runs)
        )
        for reverse in (False, True)
    )
    return plain / antithetic


def _sample(net_kwh: FloatArray, orders: int, seed: list[int], antithetic: bool) -> SampledShapley:
    game, rng = pooling_game(net_kwh, SPREAD), np.random.default_rng(seed)
    return shapley_sampled(game, rng, tolerance=NEVER, antithetic=antithetic, most_orders=orders)
