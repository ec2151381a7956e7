"""The market monitor as the operator sees it: concentration, prices, shares, waits, and what binds whom."""

from gridpact.exchange import Bounds, State
from gridpact.exchange.monitor import Alarm, MemberWindow, Thresholds, Watch
from gridpact.service.waits import Wait, Waits
from gridpact.service.web.views import View


class SpreadRow(View, frozen=True):
    """Prices of an interval beside the supplier's; ``position`` of the mean: 0 at the export price, 1 at the import price."""

    interval: int
    traded_wh: int
    lowest: int
    mean: int
    highest: int
    export_price: int
    import_price: int
    position: float


class WatchedRow(View, frozen=True):
    """A member over the monitor's window, Wh; its waits for answers since the service began, ms; and what binds it."""

    member: str
    sold: int
    bought: int
    surplus: int
    withheld: int
    agreed: int
    astray: int
    answers: int
    mean_ms: float
    median_ms: float
    longest_ms: float
    bounds: Bounds | None


class Monitoring(View, frozen=True):
    """The market monitor: see `gridpact.exchange.monitor`. ``alarms``: of unequal access, as it stands now."""

    thresholds: Thresholds
    intervals: int
    sellers_hhi: int
    buyers_hhi: int
    prices: tuple[SpreadRow, ...]
    members: tuple[WatchedRow, ...]
    alarms: tuple[Alarm, ...]

    @property
    def is_long(self) -> bool:
        """Whether the window says anything yet."""
        return self.intervals >= self.thresholds.least


def monitoring(state: State, watch: Watch, waits: Waits, now: int) -> Monitoring:
    """The market monitor; prices with the newest interval first."""
    sellers, buyers = watch.concentration()
    seen, names = watch.members(), state.roster.members
    return Monitoring(
        watch.thresholds,
        len(watch.gates),
        sellers,
        buyers,
        tuple(
            SpreadRow(gate.start, sum(gate.sold.values()), *gate.spread)
            for gate in reversed(watch.gates)
            if gate.spread is not None
        ),
        tuple(_watched(member, seen.get(member, MemberWindow()), waits, state.bounds.get(member)) for member in names),
        tuple(waits.unequal(now, watch.thresholds)),
    )


def _watched(member: str, seen: MemberWindow, waits: Waits, bounds: Bounds | None) -> WatchedRow:
    wait = waits.members.get(member, Wait())
    return WatchedRow(
        member,
        seen.sold,
        seen.bought,
        seen.surplus,
        seen.withheld,
        seen.agreed,
        seen.astray,
        wait.answers,
        round(wait.mean_s * 1e3, 3),
        round(wait.median_s * 1e3, 3),
        round(wait.longest_s * 1e3, 3),
        bounds,
    )
