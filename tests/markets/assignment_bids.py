"""Bids for tests, and pacts as sets that can be compared."""

import numpy as np
from hypothesis import strategies as st

from gridpact.markets import Check, Pact, Trades
from gridpact.markets.assignment import Bids


def bids_of(
    buyers: list[tuple[int, int]], sellers: list[tuple[int, int]], premium: list[list[int]] | None = None
) -> Bids:
    """One interval: (Wh, ceiling) of each buyer, then (Wh, floor) of each seller; premiums ``[buyer, seller]``."""
    count = len(buyers) + len(sellers)
    demand, supply, ceiling, floor = (np.zeros((count, 1), dtype=np.int64) for _ in range(4))
    for k, (wh, price) in enumerate(buyers):
        demand[k], ceiling[k], floor[k] = wh, price, price
    for k, (wh, price) in enumerate(sellers, start=len(buyers)):
        supply[k], ceiling[k], floor[k] = wh, price, price
    if premium is None:
        return Bids(demand, supply, ceiling, floor)
    worth = np.zeros((count, count), dtype=np.int64)
    worth[: len(buyers), len(buyers) :] = premium
    return Bids(demand, supply, ceiling, floor, worth)


def any_bids(intervals: int = 2, most: int = 5) -> st.SearchStrategy[Bids]:
    """Energies with many equal and none, bounds that cross and that do not, premiums of both signs or none."""

    def build(count: int) -> st.SearchStrategy[Bids]:
        def table(cells: st.SearchStrategy[int], shape: tuple[int, int]) -> st.SearchStrategy[np.ndarray]:
            size = shape[0] * shape[1]
            return st.lists(cells, min_size=size, max_size=size).map(
                lambda flat: np.array(flat, dtype=np.int64).reshape(shape)
            )

        shape = count, intervals
        net = table(st.one_of(st.integers(-4, 4), st.integers(-3_000, 3_000)), shape)
        prices = st.one_of(st.integers(0, 12), st.integers(80_000, 300_000))
        premium = st.one_of(st.none(), table(st.integers(-9, 9), (count, count)))
        return st.builds(
            lambda net_wh, ceiling, floor, worth: Bids(
                np.maximum(net_wh, 0), np.maximum(-net_wh, 0), ceiling, floor, worth
            ),
            net,
            table(prices, shape),
            table(st.one_of(st.integers(-5, 9), st.integers(60_000, 200_000)), shape),
            premium,
        )

    return st.integers(1, 2 * most).flatmap(build)


def sorted_trades(pact: Pact) -> list[tuple[int, ...]]:
    """Interval, seller, buyer, Wh, price."""
    trades = pact.trades
    columns = trades.interval, trades.seller, trades.buyer, trades.energy_wh, trades.price
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def payoffs_of(bids: Bids, trades: Trades) -> np.ndarray:
    """What each member gains, Wh times micro-units per kWh."""
    premium = 0 if bids.premium is None else bids.premium[trades.buyer, trades.seller]
    for_buyer = bids.ceiling[trades.buyer, trades.interval] + premium - trades.price
    for_seller = trades.price - bids.floor[trades.seller, trades.interval]
    total = np.zeros(len(bids.demand_wh), dtype=np.int64)
    np.add.at(total, trades.buyer, trades.energy_wh * for_buyer)
    np.add.at(total, trades.seller, trades.energy_wh * for_seller)
    return total


def failed(pact: Pact) -> list[Check]:
    """Checks of its certificate that do not pass."""
    return [check for check in pact.certificate.checks if not check.passed]
