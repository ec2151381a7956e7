"""Bill sharing: what the community pays and gets at its common connection, shared over its members' own energy."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gridpact.community.decode import zone_of
from gridpact.errors import InputError, nearest_name
from gridpact.horizon import Horizon
from gridpact.markets._pool_certificate import Claims, certify
from gridpact.markets._pool_matching import Sides, match_proportionally, trades_of, transfers_with
from gridpact.markets.outlook import Metering
from gridpact.markets.pact import Pact, Party, Transfers
from gridpact.units import IntArray, payment, split

PERIODS = ("interval", "day", "month", "run")


def bill_sharing(period: str = "interval", time_zone: str = "UTC") -> "BillSharing":
    """Bill sharing: the community's import bill shared over own imports, its export income over own exports.

    Parameters
    ----------
    period
        Over which the bill is shared: ``"interval"``, ``"day"``, ``"month"`` or ``"run"`` (all that is settled in one call).
    time_zone
        Where days and months begin at midnight.

    Raises
    ------
    InputError
        If the period or the time zone is unknown.
    """
    return BillSharing(period, time_zone)


@dataclass(frozen=True, slots=True)
class BillSharing:
    """Bill sharing (Long, Wu, Zhang, Thomas, Cheng, Jenkins, IEEE PES General Meeting 2017).

    Per interval, sellers and buyers share at price zero: the smaller side pays and gets nothing, the larger side shares what
    the community pays or gets. Over a longer period transfers through the exchange make up the difference, booked in the
    last interval of the period.
    """

    period: str = "interval"
    time_zone: str = "UTC"
    name: str = "pool:bill-sharing"

    def __post_init__(self) -> None:
        if self.period not in PERIODS:
            raise InputError(
                f"period {self.period!r} is unknown{nearest_name(self.period, list(PERIODS))}",
                place=self.name,
                accepted=", ".join(PERIODS),
            )
        zone_of(self.time_zone, place=f"{self.name}: time_zone")

    def share(self, metering: Metering) -> Pact:
        """Trades at price zero, and transfers among members where the period is longer than an interval."""
        sides = Sides.of(metering.net_wh)
        sold, bought = match_proportionally(sides)
        trades = trades_of(sold, bought, np.zeros(metering.horizon.periods, dtype=np.int64))
        pact = Pact(trades, self._transfers(metering, sides, sold, bought))
        return replace(pact, certificate=certify(metering, pact, Claims(within_retail=False)))

    def _transfers(self, metering: Metering, sides: Sides, sold: IntArray, bought: IntArray) -> Transfers:
        first = _first_intervals(metering.horizon, self.period, self.time_zone)
        if self.period == "interval" or not len(first) or not len(metering.members):
            return Transfers.empty()
        tariff = metering.tariff
        costs = _shared(payment(sides.demand - bought, tariff.import_price), sides.demand, first)
        income = _shared(payment(sides.surplus - sold, tariff.export_price), sides.surplus, first)
        last = np.append(first[1:], metering.horizon.periods) - 1
        return transfers_with(Party.EXCHANGE, costs - income, last)


def _shared(amount: IntArray, energy: IntArray, first: IntArray) -> IntArray:
    """What each member owes beyond what it paid when a period's total is shared over its energy, ``[member, period]``."""
    paid = np.add.reduceat(amount, first, axis=1)
    return split(paid.sum(axis=0), np.add.reduceat(energy, first, axis=1)) - paid


def _first_intervals(horizon: Horizon, period: str, zone: str) -> IntArray:
    """The first interval of each period, ascending."""
    count = horizon.periods
    if period == "interval" or count == 0:
        return np.arange(count)
    if period == "run":
        return np.zeros(1, dtype=np.int64)
    local: Any = horizon.index().tz_convert(zone)
    day = 0 if period == "month" else local.day
    label = np.asarray((local.year * 12 + local.month) * 32 + day, dtype=np.int64)
    return np.flatnonzero(np.diff(label, prepend=-1) != 0)
