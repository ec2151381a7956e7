"""One mechanism on one community: forecast, clear, deliver, check on the grid, settle, measure."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from gridpact.community import Community, TradeCharges
from gridpact.energy import FORECASTS, Fleet, Limits
from gridpact.errors import InputError, nearest_name
from gridpact.exchange import Settlement, settle
from gridpact.grid import Flow, power_flow, power_flow_per_phase
from gridpact.markets import Gate, Market, Mechanism, Metering, Outlook, Pact, Trades
from gridpact.study._acceptor import Forecasts, Plan
from gridpact.study._hot_water import HotWater, delivered_kw
from gridpact.study.metrics import certify, measure
from gridpact.study.network_check import ACCEPTED, NO_CHECK, NO_ORDERS, NetworkCheck, applies, check_name
from gridpact.study.result import Baseline, Delivery, Run
from gridpact.study.welfare import best_welfare
from gridpact.units import FloatArray, to_kwh, to_wh

GATES_A_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Settings:
    """How a study runs, the same for every mechanism of a comparison.

    Attributes
    ----------
    forecast
        ``"perfect"``, ``"persistence"`` or ``"noise"``: see `gridpact.energy.make_forecaster`.
    seed
        Of forecasts, bidding and tie-breaks.
    gate_closure
        How long before the first interval that it covers a gate closes.
    network
        How the network is kept: one of `gridpact.study.NETWORK_CHECKS`.
    """

    forecast: str = "persistence"
    seed: int = 0
    gate_closure: timedelta = timedelta(hours=1)
    network: str = NO_CHECK

    def __post_init__(self) -> None:
        check_name(self.network)
        if self.gate_closure < timedelta(0):
            raise InputError(f"gate closure {self.gate_closure} is negative", accepted="a length of time from 0 up")
        if self.forecast not in FORECASTS:
            known = list(FORECASTS)
            found = f"forecast {self.forecast!r} is unknown{nearest_name(self.forecast, known)}"
            raise InputError(found, accepted=", ".join(known))
        if not 0 <= self.seed < 2**63:
            raise InputError(f"seed {self.seed} is out of range", accepted="a whole number from 0 to 2^63 − 1")


def run_baseline(community: Community) -> Baseline:
    """What happens when nobody trades: own batteries on self-consumption, everything else with the supplier.

    Every saving is measured against it, and its power flow is the grid's reference before any trade.
    """
    delivery = _deliver(community, Fleet.of(community.members), Pact(), None)
    flow = _check_grid(community, delivery)
    settlement = _settle(community, Pact(), delivery, flow, community.charges)
    return Baseline(
        delivery=delivery,
        flow=flow,
        bill=np.sum([part.bills.sum(axis=1) for part in settlement.windows()], axis=0, dtype=np.int64),
        welfare_optimum=sum(best_welfare(community, part) for part in settlement.windows()),
    )


def simulate(community: Community, market: Market, settings: Settings, baseline: Baseline | None = None) -> Run:
    """Run a community under one mechanism, from forecast to bill.

    Parameters
    ----------
    community
        With the measured profiles of the horizon.
    market
        A mechanism that clears before delivery, or a pool rule that shares after it.
    settings
        Forecast, seed, gate closure.
    baseline
        The result of `run_baseline` on the same community, if it is at hand.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If the network check does not apply to the market.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    if not applies(settings.network, market):
        raise InputError(f"{settings.network} with {market.name}: {NO_ORDERS}", accepted=ACCEPTED)
    baseline = baseline or run_baseline(community)
    fleet = Fleet.of(community.members)
    forecasts = Forecasts.of(community, settings.forecast, settings.seed)
    check = NetworkCheck.of(settings.network, community, fleet, forecasts)
    if isinstance(market, Mechanism):
        pact = _agree(community, market, settings, fleet, forecasts, check)
        delivery = _deliver(community, fleet, pact, check.limits)
    else:
        limits = check.envelopes
        delivery = baseline.delivery if limits is None else _deliver(community, fleet, Pact(), limits)
        pact = market.share(Metering(community.members, community.horizon, community.tariff, delivery.net_wh))
    flow = baseline.flow if _run_alike(delivery, baseline.delivery) else _check_grid(community, delivery)
    settlement = _settle(community, pact, delivery, flow, check.charges)
    decided = tuple(check.acceptor.decided) if check.acceptor else ()
    cut_wh = sum(each.acceptance.curtailed_wh for each in decided)
    members, metrics = measure(community, pact, delivery, settlement, flow, baseline, cut_wh)
    return Run(
        mechanism=market.name if settings.network == NO_CHECK else f"{market.name} + {settings.network}",
        pact=pact,
        delivery=delivery,
        settlement=settlement,
        flow=flow,
        certificate=certify(pact, metrics, community, flow, baseline),
        members=members,
        community=metrics,
        seconds=time.perf_counter() - wall,
        cpu_seconds=time.process_time() - cpu,
        network=settings.network,
        decided=decided,
    )


def _agree(
    community: Community,
    mechanism: Mechanism,
    settings: Settings,
    fleet: Fleet,
    forecasts: Forecasts,
    check: NetworkCheck,
) -> Pact:
    """Walk from gate to gate: deliver until the gate closes, forecast and plan from there, clear, have the DSO decide."""
    forecaster = forecasts.net
    net_kw, horizon, acceptor = community.profiles.net_kw, community.horizon, check.acceptor
    most_pv_kw = community.profiles.pv_kw.max(
        axis=1, keepdims=True, initial=0.0
    )  # nobody expects more surplus than that
    contract_kw = acceptor.contract_kw if acceptor else np.zeros(net_kw.shape)
    schedule_kw, curtailed_kw = _Schedule(net_kw.shape, fill=np.nan), _Schedule(net_kw.shape, fill=0.0)
    hot_water, heater_kw = (
        HotWater.of(community, settings.forecast, settings.seed),
        _Schedule(net_kw.shape, fill=np.nan),
    )
    clock, soc_kwh, memory = 0, fleet.initial_kwh, None
    committed = Trades.empty()
    agreed = _Agreed([], [], [])

    def foresee_reactive(now: int, stop: int) -> FloatArray:
        return forecasts.q.forecast(community.profiles.q_kvar, now, stop)

    def run_batteries(demand_kw: FloatArray, start: int, stop: int) -> tuple[FloatArray, FloatArray]:
        window = slice(start, stop)
        limits = check.limits.window(start, stop) if check.limits else None
        return fleet.run(demand_kw, soc_kwh, horizon.hours, contract_kw[:, window], schedule_kw.window(window), limits)

    gate = mechanism.gate
    for closure, first, last, until in _gates(community, gate, settings, all_at_once=forecaster.is_perfect):
        if closure > clock:
            passed = slice(clock, closure)
            held_back = _held_back(curtailed_kw.window(passed), community.profiles.pv_kw[:, passed])
            measured_kw = net_kw[:, passed] if held_back is None else net_kw[:, passed] + held_back
            if hot_water:
                measured_kw = measured_kw + hot_water.deliver_until(closure, heater_kw.window(passed))
            soc_kwh = run_batteries(measured_kw, clock, closure)[1][:, -1]
            clock = closure
        expected_kw = np.maximum(forecaster.forecast(net_kw, closure, until), -most_pv_kw)
        heating = None
        if hot_water:
            heated_kw, heating = hot_water.expect(first, until, heater_kw.window(slice(closure, until)))
            expected_kw += heated_kw
        planned_kw = curtailed_kw.window(slice(closure, until))  # for intervals that earlier gates have cleared
        battery_kw, path_kwh = run_batteries(
            expected_kw if planned_kw is None else expected_kw + planned_kw, closure, until
        )
        meter_kw = (expected_kw + battery_kw)[:, first - closure :]
        limits = check.envelopes.window(first, until) if check.envelopes else None
        outlook = Outlook(
            members=community.members,
            feeder=community.feeder,
            horizon=horizon.window(first, until),
            tariff=community.tariff.window(first, until),
            charges=check.charges,
            wanted_share=community.wanted_share,
            demand_kw=expected_kw[:, first - closure :],
            net_kw=meter_kw if limits is None else meter_kw + limits.curtailed_kw(meter_kw),
            soc_kwh=path_kwh[:, first - closure],
            premium=community.premium,
            reactive_kvar=foresee_reactive(closure, until)[:, first - closure :] if gate.reads_reactive else None,
            commitments=committed.window(first, until) if len(committed) else committed,
            limits=limits,
            heating=heating,
        )
        pact, memory = mechanism.clear(outlook, memory, np.random.default_rng([settings.seed, first]))
        pact.check(*outlook.net_kw.shape)
        contract_kw[:, first:until] += _contract_kw(pact, outlook.net_kw.shape, horizon.hours)
        schedule_kw.set(first, last, pact.battery_kw)
        curtailed_kw.set(first, last, pact.curtailed_kw)
        heater_kw.set(first, last, pact.heater_kw)
        if acceptor:
            expected, soc = _with_heaters(outlook, pact.heater_kw), path_kwh[:, first - closure]
            window = slice(first, last)
            acceptor.strike(pact.trades, first)
            pact = acceptor.decide(
                Plan(first, last, closure, expected, soc, curtailed_kw.window(window), schedule_kw.window(window)), pact
            )
            committed = acceptor.commitments
        elif until > last:
            struck = Pact.join([Pact(committed), pact], [0, first]).trades
            committed = struck.where(struck.interval >= last)
        agreed.add(pact, first)
    joined = replace(
        agreed.join(),
        battery_kw=schedule_kw.values,
        curtailed_kw=curtailed_kw.values,
        heater_kw=heater_kw.values,
    )
    return replace(joined, trades=Trades.concat(acceptor.accepted)) if acceptor else joined


def _with_heaters(outlook: Outlook, schedule_kw: FloatArray | None) -> FloatArray:
    """Expected demand before batteries with the heaters as scheduled instead of by their thermostats."""
    if outlook.heating is None or schedule_kw is None:
        return outlook.demand_kw
    scheduled = outlook.demand_kw.copy()
    by_thermostat = outlook.heating.heater_kw[:, : schedule_kw.shape[1]]
    scheduled[:, : schedule_kw.shape[1]] += np.where(np.isnan(schedule_kw), 0.0, schedule_kw - by_thermostat)
    return scheduled


@dataclass(slots=True)
class _Schedule:
    """What the gates have scheduled so far, ``[member, interval]``; None, and no memory, until one does."""

    shape: tuple[int, ...]
    fill: float
    values: FloatArray | None = None

    def set(self, first: int, last: int, given: FloatArray | None) -> None:
        if given is not None:
            self.values = np.full(self.shape, self.fill) if self.values is None else self.values
            self.values[:, first:last] = given[:, : last - first]

    def window(self, window: slice) -> FloatArray | None:
        return None if self.values is None else self.values[:, window]


@dataclass(frozen=True, slots=True)
class _Agreed:
    """The pacts so far. They are joined block by block: tens of thousands of small tables would take most of the memory."""

    blocks: list[Pact]
    recent: list[Pact]
    starts: list[int]

    def add(self, pact: Pact, start: int) -> None:
        self.recent.append(pact)
        self.starts.append(start)
        if len(self.recent) == GATES_A_BLOCK:
            self._close_block()

    def join(self) -> Pact:
        self._close_block()
        return Pact.join(self.blocks, [0] * len(self.blocks))

    def _close_block(self) -> None:
        self.blocks.append(Pact.join(self.recent, self.starts))
        self.recent.clear()
        self.starts.clear()


def _gates(
    community: Community, gate: Gate, settings: Settings, *, all_at_once: bool
) -> Iterator[tuple[int, int, int, int]]:
    """Closure, first and last (excluded) interval of every gate, and how far it looks (excluded).

    What carries no memory, does not look ahead and rests on a perfect forecast does not depend on when gates close: it is one
    call.
    """
    periods, step = community.horizon.periods, community.horizon.step
    covers, looks_ahead = gate.intervals(step)
    if all_at_once and not gate.carries_memory and not looks_ahead:
        yield 0, 0, periods, periods
        return
    ahead = math.ceil(settings.gate_closure / step)
    for first in range(0, periods, covers):
        last = min(first + covers, periods)
        yield max(first - ahead, 0), first, last, min(last + looks_ahead, periods)


def _deliver(community: Community, fleet: Fleet, pact: Pact, limits: Limits | None) -> Delivery:
    """What heaters and batteries do on the measured profiles, standing by what was agreed, within limits; what meters show."""
    net_kw, hours = community.profiles.net_kw, community.horizon.hours
    curtailed_kw = _held_back(pact.curtailed_kw, community.profiles.pv_kw)
    if curtailed_kw is not None:
        net_kw = net_kw + curtailed_kw
    heater_kw = delivered_kw(community, pact.heater_kw)
    if heater_kw is not None:
        net_kw = net_kw + heater_kw
    contract_kw = _contract_kw(pact, net_kw.shape, hours) if len(pact.trades) else None
    battery_kw, soc_kwh = fleet.run(net_kw, fleet.initial_kwh, hours, contract_kw, pact.battery_kw, limits)
    if limits is not None:
        lost_kw = limits.curtailed_kw(net_kw + battery_kw)
        net_kw = net_kw + lost_kw
        if lost_kw.any():
            curtailed_kw = lost_kw if curtailed_kw is None else curtailed_kw + lost_kw
    return Delivery(battery_kw, soc_kwh[:, 1:], to_wh((net_kw + battery_kw) * hours), curtailed_kw, heater_kw)


def _held_back(curtailed_kw: FloatArray | None, pv_kw: FloatArray) -> FloatArray | None:
    """PV that is held back, of what there is."""
    return None if curtailed_kw is None else np.minimum(curtailed_kw, pv_kw)


def _run_alike(one: Delivery, other: Delivery) -> bool:
    """Whether all devices did the same in both, and so the grid carried the same."""
    devices = ("battery_kw", "curtailed_kw", "heater_kw")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in devices)


def _check_grid(community: Community, delivery: Delivery) -> Flow:
    """AC power flow of what the meters show, per phase as soon as one member is on a single phase."""
    meter_kw = community.profiles.net_kw + delivery.battery_kw
    if delivery.curtailed_kw is not None:
        meter_kw += delivery.curtailed_kw
    if delivery.heater_kw is not None:
        meter_kw += delivery.heater_kw
    p_kw, q_kvar = community.at_buses(meter_kw, community.profiles.q_kvar)
    return (power_flow if p_kw.ndim == 2 else power_flow_per_phase)(community.feeder, p_kw, q_kvar)


def _settle(community: Community, pact: Pact, delivery: Delivery, flow: Flow, charges: TradeCharges) -> Settlement:
    head_wh = to_wh(flow.head_kw * community.horizon.hours)
    return settle(pact, delivery.net_wh, head_wh, community.tariff, charges)


def _contract_kw(pact: Pact, shape: tuple[int, ...], hours: float) -> FloatArray:
    return to_kwh(pact.trades.position_wh(shape)) / hours
