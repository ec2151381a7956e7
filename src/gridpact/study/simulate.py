"""One mechanism on one community: forecast, clear, deliver, check on the grid, settle, measure."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from gridpact.community import Community
from gridpact.energy import Fleet, Forecaster, make_forecaster
from gridpact.errors import InputError
from gridpact.exchange import settle
from gridpact.grid import Flow, power_flow, power_flow_per_phase
from gridpact.markets import Gate, Market, Mechanism, Metering, Outlook, Pact
from gridpact.study.metrics import certify, measure_community, measure_members
from gridpact.study.result import Baseline, Delivery, Run
from gridpact.units import FloatArray, to_kwh, to_wh


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
    """

    forecast: str = "noise"
    seed: int = 0
    gate_closure: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        if self.gate_closure < timedelta(0):
            raise InputError(f"gate closure {self.gate_closure} is negative", accepted="a length of time from 0 up")


def run_baseline(community: Community) -> Baseline:
    """What happens when nobody trades: own batteries on self-consumption, everything else with the supplier.

    Every saving is measured against it, and its power flow is the grid's reference before any trade.
    """
    delivery = _deliver(community, Fleet.of(community.members), Pact())
    flow = _check_grid(community, delivery.net_kw)
    settlement = settle(
        Pact(), delivery.net_wh, to_wh(flow.head_kw * community.horizon.hours), community.tariff, community.charges
    )
    return Baseline(delivery=delivery, flow=flow, settlement=settlement)


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
    """
    wall, cpu = time.perf_counter(), time.process_time()
    baseline = baseline or run_baseline(community)
    fleet = Fleet.of(community.members)
    if isinstance(market, Mechanism):
        pact = _agree(community, market, settings, fleet)
        delivery = _deliver(community, fleet, pact)
    else:
        delivery = baseline.delivery
        pact = market.share(Metering(community.members, community.horizon, community.tariff, delivery.net_wh))
    same = np.array_equal(delivery.net_kw, baseline.delivery.net_kw)
    flow = baseline.flow if same else _check_grid(community, delivery.net_kw)
    head_wh = to_wh(flow.head_kw * community.horizon.hours)
    settlement = settle(pact, delivery.net_wh, head_wh, community.tariff, community.charges)
    metrics = measure_community(community, pact, delivery, settlement, flow, baseline)
    return Run(
        mechanism=market.name,
        pact=pact,
        delivery=delivery,
        settlement=settlement,
        flow=flow,
        certificate=certify(pact, metrics, baseline, community),
        members=measure_members(community, delivery, settlement, baseline),
        community=metrics,
        seconds=time.perf_counter() - wall,
        cpu_seconds=time.process_time() - cpu,
    )


def _agree(community: Community, mechanism: Mechanism, settings: Settings, fleet: Fleet) -> Pact:
    """Walk from gate to gate: deliver until the gate closes, forecast and plan from there, clear."""
    net_kw, horizon = community.profiles.net_kw, community.horizon
    forecaster = make_forecaster(settings.forecast, net_kw, horizon.per_day, settings.seed)
    contract_kw, schedule_kw = np.zeros_like(net_kw), np.full_like(net_kw, np.nan)
    clock, soc_kwh, memory = 0, fleet.initial_kwh, None
    pacts: list[Pact] = []
    starts: list[int] = []

    def run_batteries(demand_kw: FloatArray, start: int, stop: int) -> tuple[FloatArray, FloatArray]:
        window = slice(start, stop)
        return fleet.run(demand_kw, soc_kwh, horizon.hours, contract_kw[:, window], schedule_kw[:, window])

    for closure, first, last in _gates(community, mechanism.gate, settings, all_at_once=forecaster.is_perfect):
        if closure > clock:
            soc_kwh = run_batteries(net_kw[:, clock:closure], clock, closure)[1][:, -1]
            clock = closure
        expected_kw = forecaster.forecast(net_kw, closure, last)
        battery_kw, path_kwh = run_batteries(expected_kw, closure, last)
        outlook = Outlook(
            members=community.members,
            feeder=community.feeder,
            horizon=horizon.window(first, last),
            tariff=community.tariff.window(first, last),
            charges=community.charges,
            wanted_share=community.wanted_share,
            net_kw=(expected_kw + battery_kw)[:, first - closure :],
            soc_kwh=path_kwh[:, first - closure],
        )
        pact, memory = mechanism.clear(outlook, memory, np.random.default_rng([settings.seed, first]))
        contract_kw[:, first:last] = _contract_kw(pact, outlook.net_kw.shape, horizon.hours)
        if pact.battery_kw is not None:
            schedule_kw[:, first:last] = pact.battery_kw
        pacts.append(pact)
        starts.append(first)
    return replace(Pact.join(pacts, starts), battery_kw=schedule_kw)


def _gates(
    community: Community, gate: Gate, settings: Settings, *, all_at_once: bool
) -> Iterator[tuple[int, int, int]]:
    """Closure, first and last (excluded) interval of every gate.

    What carries no memory and rests on a perfect forecast does not depend on when gates close: it is one call.
    """
    periods, step = community.horizon.periods, community.horizon.step
    if all_at_once and not gate.carries_memory:
        yield 0, 0, periods
        return
    ahead = math.ceil(settings.gate_closure / step)
    for first in range(0, periods, gate.covers):
        yield max(first - ahead, 0), first, min(first + gate.covers, periods)


def _deliver(community: Community, fleet: Fleet, pact: Pact) -> Delivery:
    """What the batteries do on the measured profiles, standing by what was agreed, and what the meters then show."""
    net_kw, hours = community.profiles.net_kw, community.horizon.hours
    contract_kw = _contract_kw(pact, net_kw.shape, hours)
    battery_kw, soc_kwh = fleet.run(net_kw, fleet.initial_kwh, hours, contract_kw, pact.battery_kw)
    meter_kw = net_kw + battery_kw
    return Delivery(battery_kw=battery_kw, soc_kwh=soc_kwh[:, 1:], net_kw=meter_kw, net_wh=to_wh(meter_kw * hours))


def _contract_kw(pact: Pact, shape: tuple[int, ...], hours: float) -> FloatArray:
    return to_kwh(pact.trades.position_wh(shape)) / hours


def _check_grid(community: Community, meter_kw: FloatArray) -> Flow:
    """AC power flow of what the meters show, per phase as soon as one member is on a single phase."""
    buses, members = len(community.feeder.bus_names), range(len(community.members))
    balanced = all(member.phase == "abc" for member in community.members)
    share = np.zeros((len(community.members), buses, 1 if balanced else 3))
    for row, member, bus in zip(members, community.members, community.member_bus, strict=True):
        phases = slice(None) if member.phase == "abc" else "abc".index(member.phase)
        share[row, bus, phases] = 1.0 if balanced or member.phase != "abc" else 1 / 3
    p_kw, q_kvar = (np.tensordot(power.T, share, axes=1) for power in (meter_kw, community.profiles.q_kvar))
    if balanced:
        return power_flow(community.feeder, p_kw[..., 0], q_kvar[..., 0])
    return power_flow_per_phase(community.feeder, p_kw, q_kvar)
