"""What a kWh of surplus earns as demand grows against supply: Shapley value, its limit for many members, core, SDR,
MMR."""

from dataclasses import dataclass

import numpy as np

from gridpact.markets.coalition import shapley_asymptotic, shapley_pooling
from gridpact.study.coalition.markets import EXPORT_PRICE, IMPORT_PRICE
from gridpact.units import FloatArray

SPREAD = IMPORT_PRICE - EXPORT_PRICE
MIDDLE = (IMPORT_PRICE + EXPORT_PRICE) / 2


@dataclass(frozen=True, eq=False)
class Income:
    """Mean income of a kWh of surplus, EUR/kWh, ``[ratio]``, in communities of one size."""

    members: int
    ratio: FloatArray
    shapley: FloatArray
    asymptotic: FloatArray


def incomes(members: int, ratios: tuple[float, ...], seed: int) -> Income:
    """The Shapley value and its asymptotic form, in one random community whose demand is scaled to each ratio to
    its supply."""
    exact, limit = [], []
    for ratio in ratios:
        net_kwh = scaled_community(members, ratio, np.random.default_rng([seed, members]))
        supply = -net_kwh[net_kwh < 0].sum()
        sells = net_kwh[:, 0] < 0
        exact.append(EXPORT_PRICE + float(shapley_pooling(net_kwh, SPREAD)[sells].sum()) / supply)
        asymptotic = shapley_asymptotic(net_kwh, SPREAD, limit=np.inf)
        limit.append(EXPORT_PRICE + float(asymptotic.payoff[sells].sum()) / supply)
    return Income(members, np.array(ratios), np.array(exact), np.array(limit))


def asymptotic_errors(members: int, communities: int, seed: int) -> FloatArray:
    """Sum of the members' errors of the asymptotic value as a share of v(N), ``[community]``."""
    rng = np.random.default_rng([seed, members, 1])
    errors = []
    for _ in range(communities):
        net_kwh = scaled_community(members, float(np.exp(rng.uniform(-1, 1))), rng)
        exact = shapley_pooling(net_kwh, SPREAD)
        found = shapley_asymptotic(net_kwh, SPREAD, limit=np.inf).payoff
        errors.append(float(np.abs(found - exact).sum() / exact.sum()))
    return np.array(errors)


def scaled_community(members: int, ratio: float, rng: np.random.Generator) -> FloatArray:
    """Net demand of one interval, kWh ``[member, 1]``: every second member sells, demand is a multiple of supply."""
    net_kwh = rng.gamma(2.0, 0.5, members)
    net_kwh[::2] *= -1
    net_kwh[1::2] *= ratio * -net_kwh[::2].sum() / net_kwh[1::2].sum()
    return net_kwh[:, None]


def core_income(ratio: FloatArray) -> FloatArray:
    """In the core of many members the scarcer side takes all: it jumps where demand meets supply."""
    return np.where(ratio > 1, IMPORT_PRICE, np.where(ratio < 1, EXPORT_PRICE, np.nan))


def sdr_income(ratio: FloatArray) -> FloatArray:
    """Supply-demand ratio (Liu et al. 2017): a price that falls from import to export price as supply approaches
    demand."""
    share = np.minimum(1 / ratio, 1.0)
    return np.asarray(EXPORT_PRICE * IMPORT_PRICE / (SPREAD * share + EXPORT_PRICE))


def mmr_income(ratio: FloatArray) -> FloatArray:
    """Mid-market rate (Long et al. 2017): the middle for what is matched, the export price for the rest."""
    matched = np.minimum(ratio, 1.0)
    return np.asarray(MIDDLE * matched + EXPORT_PRICE * (1 - matched))
