"""The DSO's desk: an interval whose gate has closed, and a forecast, become the DSO's command to the exchange."""

from dataclasses import dataclass

import numpy as np

from gridpact.errors import PowerFlowError
from gridpact.exchange.acceptance.accept import accept
from gridpact.exchange.acceptance.case import UNLIMITED, Acceptance, Case, Orders, Policy, Uses
from gridpact.exchange.acceptance.case import Reduction as Cut
from gridpact.exchange.acceptance.network import Cause, Network, Violation
from gridpact.exchange.commands import ReportNetwork
from gridpact.exchange.reasons import ReasonCode
from gridpact.exchange.state import Interval, Trade
from gridpact.exchange.values import MemberLimit, Reduction, RetailCut, Use
from gridpact.exchange.values import Violation as Named
from gridpact.grid import Flow
from gridpact.units import MICRO, FloatArray, IntArray, to_kwh, to_wh

PER_MILLE = 1_000
_MOVED = frozenset({Use.BATTERY, Use.EV, Use.HEATER})
"""Uses that would not run without the trade."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """What the DSO expects of the members of an interval, in the order of their ids.

    Attributes
    ----------
    net_wh
        Net demand without any trade, integer Wh ``[member]``, + = consumption.
    q_kvar
        Reactive power drawn, ``[member]``.
    """

    net_wh: IntArray
    q_kvar: FloatArray


@dataclass(frozen=True, eq=False)
class Checked:
    """What the DSO has to say of an interval, and the power flow of what stands; None if there is none."""

    report: ReportNetwork
    flow: Flow | None


def check_interval(
    network: Network, interval: Interval, forecast: Forecast, policy: Policy, hours: float
) -> ReportNetwork:
    """Check an interval as if all that was agreed were delivered, and say what has to give way.

    Parameters
    ----------
    network
        With the members in the order of their ids.
    interval
        Whose gate has closed.
    forecast
        Of everybody.
    policy
        Which orders give way.
    hours
        Length of the interval.
    """
    return examine_interval(network, interval, forecast, policy, hours).report


def examine_interval(network: Network, interval: Interval, forecast: Forecast, policy: Policy, hours: float) -> Checked:
    """The same, with the power flow behind it."""
    standing = [(number, trade) for number, trade in enumerate(interval.trades) if trade.accepted_wh]
    case = _case(interval, standing, forecast, hours)
    nothing = Checked(ReportNetwork(interval.start, str(policy), converged=False), None)
    try:
        decided = accept(network, case, policy)
        flow = network.solve(to_kwh(decided.net_wh)[None] / hours, case.q_kvar[None])
    except PowerFlowError:
        return nothing
    if any(reduction.reason.cause is Cause.NO_POWER_FLOW for reduction in decided.reductions):
        return nothing
    report = ReportNetwork(
        interval.start,
        str(policy),
        converged=True,
        losses_wh=int(to_wh(flow.head_kw * hours)[0] - decided.net_wh.sum()),
        reductions=tuple(_cut(cut, standing) for cut in decided.reductions if cut.order >= 0),
        retail=tuple(_retail(cut, interval) for cut in decided.reductions if cut.order < 0),
        limits=_limits(decided, interval),
        own=tuple(_named(violation) for violation in decided.own),
    )
    return Checked(report, flow)


def _case(interval: Interval, standing: list[tuple[int, Trade]], forecast: Forecast, hours: float) -> Case:
    at, orders = interval.roster.at, interval.orders
    planned_wh = forecast.net_wh.copy()
    for _, trade in standing:
        for key, member, sign in ((trade.sell, trade.seller, -1), (trade.buy, trade.buyer, 1)):
            side = orders.get(key) or interval.items.get(key)
            if side is not None and side.use in _MOVED:
                planned_wh[at[member]] += sign * trade.accepted_wh
    trades = [trade for _, trade in standing]
    limits = [(orders.get(trade.buy), orders.get(trade.sell), trade.price) for trade in trades]
    return Case(
        Orders(
            seller=np.array([at[trade.seller] for trade in trades], dtype=np.int64),
            buyer=np.array([at[trade.buyer] for trade in trades], dtype=np.int64),
            energy_wh=np.array([trade.accepted_wh for trade in trades], dtype=np.int64),
            placed=np.array(
                [max(order.arrival if order else 0 for order in (buy, sell)) for buy, sell, _ in limits], dtype=np.int64
            ),
            worth=np.array([buy.price if buy else price for buy, _, price in limits], dtype=np.int64),
            cost=np.array([sell.price if sell else price for _, sell, price in limits], dtype=np.int64),
        ),
        Uses.of_meters(forecast.net_wh, planned_wh),
        forecast.q_kvar,
        hours,
        interval.prices.import_price,
        interval.prices.export_price,
    )


def _cut(cut: Cut, standing: list[tuple[int, Trade]]) -> Reduction:
    return Reduction(standing[cut.order][0], cut.to_wh, *_why(cut))


def _retail(cut: Cut, interval: Interval) -> RetailCut:
    """Of what a member sells to its supplier, or buys from it: the supplier is on the other side."""
    is_sale = cut.seller >= 0
    member = interval.roster.members[cut.seller if is_sale else cut.buyer]
    return RetailCut(member, is_sale, cut.from_wh, cut.to_wh, *_why(cut))


def _why(cut: Cut) -> tuple[ReasonCode, str, int, int]:
    scale = PER_MILLE if cut.reason.cause is Cause.OVERLOAD else MICRO
    before, after = (round(max(value, 0.0) * scale) for value in (cut.before, cut.after))
    return ReasonCode(str(cut.reason.cause)), cut.reason.element, before, after


def _limits(decided: Acceptance, interval: Interval) -> tuple[MemberLimit, ...]:
    made = []
    for member, at in interval.roster.at.items():
        lowest, highest = int(decided.lowest_wh[at]), int(decided.highest_wh[at])
        export_wh = None if lowest == -UNLIMITED else max(-lowest, 0)
        import_wh = None if highest == UNLIMITED else max(highest, 0)
        if export_wh is not None or import_wh is not None:
            made.append(MemberLimit(member, import_wh, export_wh))
    return tuple(made)


def _named(violation: Violation) -> Named:
    scale = PER_MILLE if violation.cause is Cause.OVERLOAD else MICRO
    return Named(ReasonCode(str(violation.cause)), violation.element, round(violation.value * scale))
