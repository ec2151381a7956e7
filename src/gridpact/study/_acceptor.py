"""The DSO in a study: between gate closure and delivery it walks through the intervals of a gate and decides on each."""

from dataclasses import dataclass, field, replace

import numpy as np

from gridpact.community import Community
from gridpact.energy import Fleet, Forecaster, Limits, make_forecaster
from gridpact.exchange.acceptance import (
    UNLIMITED,
    Acceptance,
    Case,
    Network,
    Orders,
    Policy,
    Uses,
    accept,
    kept_of_legs,
    scale_legs,
    with_energy,
)
from gridpact.markets import Pact, Trades, Transfers
from gridpact.study.result import Decided
from gridpact.units import FloatArray, IntArray, to_kwh, to_wh


@dataclass(frozen=True, slots=True)
class Plan:
    """What is expected of the intervals of a gate; arrays ``[member, interval]`` from its first interval on.

    Attributes
    ----------
    first, last, closure
        The intervals decided on, ``last`` excluded, and when the gate closed.
    expected_kw
        Forecast of load minus PV.
    soc_kwh
        State of charge at the start, ``[member]``.
    held_back_kw, schedule_kw
        PV and battery powers that the mechanism plans, or None.
    """

    first: int
    last: int
    closure: int
    expected_kw: FloatArray
    soc_kwh: FloatArray
    held_back_kw: FloatArray | None
    schedule_kw: FloatArray | None


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Forecasters of what the DSO needs to know: load minus PV, PV alone, reactive power."""

    net: Forecaster
    pv: Forecaster
    q: Forecaster

    @classmethod
    def of(cls, community: Community, kind: str, seed: int) -> "Forecasts":
        """Forecasters of one kind; see `gridpact.energy.make_forecaster`."""
        profiles, per_day = community.profiles, community.horizon.per_day
        return cls(
            *(make_forecaster(kind, of, per_day, seed) for of in (profiles.net_kw, profiles.pv_kw, profiles.q_kvar))
        )


@dataclass(frozen=True, slots=True)
class _Struck:
    """Trades of one interval, and the first interval of the gate that struck them."""

    trades: Trades
    placed: int


@dataclass(slots=True)
class Acceptor:
    """What the DSO remembers from gate to gate.

    What is struck for later intervals waits until its own interval comes, and the legs that wait are scaled when one of them is
    cut. A leg that was delivered stays as it is.

    Attributes
    ----------
    community, fleet, policy
        What it decides on, and how.
    forecasts
        Of what it cannot measure yet.
    network
        The community's.
    contract_kw
        Net traded power, ``[member, interval]`` of the whole horizon: of what is accepted, and what waits.
    limits
        Binding limits so far.
    """

    community: Community
    fleet: Fleet
    policy: Policy
    forecasts: Forecasts
    network: Network
    contract_kw: FloatArray
    limits: Limits
    waiting: dict[int, list[_Struck]] = field(default_factory=dict)
    accepted: list[Trades] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    legs: int = 0

    def strike(self, trades: Trades, first: int) -> None:
        """Take up what a gate has agreed, its intervals counted from ``first``."""
        leg = np.where(trades.leg < 0, -1, trades.leg + self.legs)
        self.legs += int(trades.leg.max(initial=-1)) + 1
        struck = replace(trades, interval=trades.interval + first, leg=leg)
        order = np.argsort(struck.interval, kind="stable")
        columns = {name: column[order] for name, column in struck.columns().items()}
        intervals, starts = np.unique(columns["interval"], return_index=True)
        stops = np.append(starts, len(order))[1:].tolist()
        for at, start, stop in zip(intervals.tolist(), starts.tolist(), stops, strict=True):
            rows = Trades(**{name: column[start:stop] for name, column in columns.items()})
            self.waiting.setdefault(at, []).append(_Struck(rows, first))

    @property
    def commitments(self) -> Trades:
        """What waits for its interval, counted from the start of the horizon."""
        return Trades.concat([struck.trades for at in sorted(self.waiting) for struck in self.waiting[at]])

    def decide(self, plan: Plan, pact: Pact) -> Pact:
        """Decide on the intervals of a gate, one after the other.

        Returns
        -------
        The pact without its trades, which `accepted` collects; its transfers are cut as the trades of their members are.
        """
        soc_kwh, hours, members = plan.soc_kwh, self.community.horizon.hours, len(self.community.members)
        profiles = self.community.profiles
        q_kvar = self.forecasts.q.forecast(profiles.q_kvar, plan.closure, plan.last)
        pv_kw = np.maximum(self.forecasts.pv.forecast(profiles.pv_kw, plan.closure, plan.last), 0.0)
        share = np.ones((members, plan.last - plan.first))
        for at in range(plan.first, plan.last):
            net_kw, contract, schedule = self._as_planned(plan, at, pv_kw[:, at - plan.closure, None])
            expected = plan.expected_kw[:, at - plan.first, None]
            uses = Uses.of_meters(
                self._meters_wh(expected, soc_kwh), self._meters_wh(net_kw, soc_kwh, contract, schedule)
            )
            rows, placed = self._take(at)
            case = self._case(rows, placed, uses, at, q_kvar[:, at - plan.closure])
            result = accept(self.network, case, self.policy)
            if result.reductions:
                self.decided.append(Decided(at, case, result))
                self._bind(at, result)
                self._scale_waiting_legs(rows, result.energy_wh)
                share[:, at - plan.first] = _share_left(rows, result.energy_wh, members)
                rows = with_energy(rows, result.energy_wh)
                self.contract_kw[:, at] = self._position_kw(rows)
            self.accepted.append(rows)
            limits = self.limits.window(at, at + 1)
            contract = self.contract_kw[:, at, None]
            soc_kwh = self.fleet.run(net_kw, soc_kwh, hours, contract, schedule, limits)[1][:, -1]
        return replace(pact, trades=Trades.empty(), transfers=_cut_transfers(pact, share))

    def _as_planned(self, plan: Plan, at: int, pv_kw: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Net demand before batteries, net traded power, and scheduled battery power of one interval, ``[member, 1]``."""
        column = at - plan.first
        net_kw = plan.expected_kw[:, column, None]
        if plan.held_back_kw is not None:
            net_kw = net_kw + np.minimum(plan.held_back_kw[:, column, None], pv_kw)
        schedule = None if plan.schedule_kw is None else plan.schedule_kw[:, column, None]
        return net_kw, self.contract_kw[:, at, None], schedule

    def _meters_wh(
        self,
        net_kw: FloatArray,
        soc_kwh: FloatArray,
        contract: FloatArray | None = None,
        schedule: FloatArray | None = None,
    ) -> IntArray:
        hours = self.community.horizon.hours
        battery_kw = self.fleet.run(net_kw, soc_kwh, hours, contract, schedule)[0]
        return to_wh((net_kw + battery_kw) * hours)[:, 0]

    def _take(self, at: int) -> tuple[Trades, IntArray]:
        """The trades of an interval, which wait no longer, and when they were struck."""
        due = self.waiting.pop(at, [])
        placed = np.repeat([struck.placed for struck in due], [len(struck.trades) for struck in due])
        return Trades.concat([struck.trades for struck in due]), placed.astype(np.int64)

    def _case(self, rows: Trades, placed: IntArray, uses: Uses, at: int, q_kvar: FloatArray) -> Case:
        """In a study members bid their true values, so these are the limits of their orders."""
        community = self.community
        tariff = community.tariff.window(at, at + 1)
        value, cost = (side[:, 0] for side in tariff.true_values(community.wanted_share))
        premium = 0 if community.premium is None else community.premium[rows.buyer, rows.seller]
        return Case(
            orders=Orders(
                rows.seller, rows.buyer, rows.energy_wh, placed, value[rows.buyer] + premium, cost[rows.seller]
            ),
            uses=uses,
            q_kvar=q_kvar,
            hours=community.horizon.hours,
            import_price=int(tariff.import_price[0]),
            export_price=int(tariff.export_price[0]),
        )

    def _bind(self, at: int, result: Acceptance) -> None:
        for limit, given in (
            (self.limits.lowest_kw, result.lowest_wh),
            (self.limits.highest_kw, result.highest_wh),
        ):
            bound = np.abs(given) < UNLIMITED
            limit[bound, at] = to_kwh(given[bound]) / self.community.horizon.hours

    def _scale_waiting_legs(self, rows: Trades, energy_wh: IntArray) -> None:
        """Cut what waits of a leg in the share in which it was cut here."""
        kept = kept_of_legs(rows, energy_wh, self.legs)
        if (kept == 1).all():
            return
        for at, waiting in self.waiting.items():
            self.waiting[at] = [replace(struck, trades=scale_legs(struck.trades, kept)) for struck in waiting]
            self.contract_kw[:, at] = self._position_kw(Trades.concat([struck.trades for struck in self.waiting[at]]))

    def _position_kw(self, rows: Trades) -> FloatArray:
        """Net traded power of the trades of one interval, ``[member]``."""
        here = replace(rows, interval=np.zeros_like(rows.interval))
        return to_kwh(here.position_wh((len(self.community.members), 1)))[:, 0] / self.community.horizon.hours


def _share_left(rows: Trades, energy_wh: IntArray, members: int) -> FloatArray:
    """What share of each member's traded energy is accepted, ``[member]``; 1 for who does not trade."""
    whole, left = (
        np.bincount(rows.seller, energy, members) + np.bincount(rows.buyer, energy, members)
        for energy in (rows.energy_wh, energy_wh)
    )
    return np.asarray(np.where(whole > 0, left / np.maximum(whole, 1), 1.0))


def _cut_transfers(pact: Pact, share: FloatArray) -> Transfers:
    """Transfers that go with trades: each is cut as the trades of its member are; between two members the smaller share."""
    transfers = pact.transfers
    if not len(transfers) or (share == 1).all():
        return transfers
    within = transfers.interval < share.shape[1]
    at = np.minimum(transfers.interval, share.shape[1] - 1)
    left = np.ones(len(transfers))
    for party in (transfers.payer, transfers.payee):
        left = np.minimum(left, np.where((party >= 0) & within, share[np.maximum(party, 0), at], 1.0))
    return replace(transfers, amount=np.rint(transfers.amount * left).astype(np.int64))
