"""The expected utility of every contract of a space."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.negotiation.contracts import ContractGrid
from gridpact.markets.negotiation.negotiators import Negotiator
from gridpact.units import FloatArray


@dataclass(frozen=True, eq=False)
class Space:
    """One member's expected utilities at one interval.

    Attributes
    ----------
    utility
        Of each contract of the grid, ``[contract]``.
    no_deal
        Of not agreeing on anything.
    """

    utility: FloatArray
    no_deal: float


def contract_spaces(
    negotiators: Sequence[Negotiator],
    scenarios_kw: FloatArray,
    soc_kwh: FloatArray,
    grid: ContractGrid,
    hours: float,
    first: int = 0,
    threads: int = 1,
) -> list[Space]:
    """Expected utilities of every contract, for several members at one interval.

    Parameters
    ----------
    negotiators
        The members.
    scenarios_kw
        Net demand, loans already agreed included, ``[scenario, member, offset]``, + = consumption.
    soc_kwh
        State of charge now, ``[member]``.
    grid
        The contracts; its window is that of the scenarios.
    hours
        Length of an interval.
    first
        Interval of the run at which the window starts: criteria may depend on it.
    threads
        On which members are shared out. The result does not depend on it.

    Raises
    ------
    InputError
        If no contract of the grid could ever be returned.

    Examples
    --------
    A member without battery that lacks 1 kWh now and has 1 kWh too much in two hours is best served by a loan of just that:

    >>> grid = ContractGrid(np.array([-1000, 0, 1000]), np.array([2]), window=3)
    >>> (space,) = contract_spaces(
    ...     [Negotiator("ann", None, (0.0, 1.0), 0.5)], np.array([[[1.0, 0.0, -1.0]]]), np.zeros(1), grid, 1.0
    ... )
    >>> space.no_deal, dict(zip(grid.quantity_wh.tolist(), space.utility.tolist()))
    (-2.0, {1000: -4.0, -1000: -0.0})
    """
    from gridpact.markets.negotiation import _space_kernels as kernels

    _, members, window = scenarios_kw.shape
    if window != grid.window or members != len(negotiators):
        raise ValueError(
            f"scenarios of {members} members and {window} offsets,"
            f" expected {len(negotiators)} and the {grid.window} of the grid"
        )
    if len(grid) == 0:
        raise InputError(
            "no return times", place="contract grid", accepted="one or more: without a return nothing is lent"
        )
    quantities = grid.loans_kwh
    loans = np.zeros(-(-len(quantities) // kernels.LANES) * kernels.LANES)
    loans[: len(quantities)] = quantities
    no_deal = int(np.searchsorted(grid.quantities_wh, 0))
    demand = np.multiply(scenarios_kw.transpose(1, 0, 2), hours, order="C")

    def evaluate(at: int) -> Space:
        rates = negotiators[at].rates(first, window)
        cost = np.zeros((window, len(loans)))
        kernels.expected_costs(
            demand[at],
            negotiators[at].figures(hours, float(soc_kwh[at]), rates),
            rates.table(),
            loans,
            int(grid.returns[0]),
            cost,
        )
        return Space(-cost[grid.cell], -float(cost[grid.returns[0], no_deal]))

    if threads == 1:
        return [evaluate(at) for at in range(members)]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(evaluate, range(members)))
