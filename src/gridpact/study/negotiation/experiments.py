"""The runs of the study: one community of a case under one way of negotiating and one seed, and what is kept of it."""

from dataclasses import dataclass, replace

import numpy as np

from gridpact.markets.negotiation import Meeting, PeerChoice, Round, Rules, Terms, pareto_front, trace
from gridpact.study.negotiation.cases import Case
from gridpact.study.negotiation.homes import PER_DAY, Homes
from gridpact.study.negotiation.network import with_network_price
from gridpact.study.negotiation.performance import Outcome, Strategy, Success, nash_welfare, outcomes, success
from gridpact.study.negotiation.privacy import Inference, Observer, infer_weights
from gridpact.study.negotiation.run import SESSION_COLUMNS, CaseRun, Setting, run_case
from gridpact.units import FloatArray, IntArray

RANDOM, LEARNT = "random", "own-gain"
DISTANCES = np.linspace(0.0, 1.0, 26)
"""Edges of the classes in which distances to the Nash point are counted."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way of negotiating.

    Attributes
    ----------
    score
        How peers are chosen.
    floor
        Whether nobody offers or accepts what is worse than no deal; the paper has no such floor.
    network
        Weight of the third criterion, a network price; the other two keep their ratio.
    """

    score: str = LEARNT
    floor: bool = True
    network: float = 0.0

    @property
    def name(self) -> str:
        """In tables and charts."""
        parts = [self.score, *(["no floor"] * (not self.floor))]
        return ", ".join([*parts, *([f"network price {self.network:g}"] * (self.network > 0))])


@dataclass(frozen=True, eq=False)
class Result:
    """What is kept of a run.

    Attributes
    ----------
    way, seed
        What was run.
    success
        How sessions ended.
    performance
        ξ of s0, s1, s2, ``[strategy, member]``.
    nash
        Sign and logarithm of the Nash welfare of s1 and s2, ``[strategy, 2]``.
    mean_flow_kw, peak_flow_kw, member_peak_kw
        At the point of common coupling under s0, s1, s2, and the highest of a single member; ``[strategy]``.
    day_flow_kw
        Mean flow by time of day, ``[strategy, interval of the day]``; s1 and s2 of the interval with the highest flow too.
    volume_kwh
        Lent by time of day, mean of a day, ``[interval of the day]``.
    agreements
        How often each two agreed, ``[member, member]``, symmetric.
    distances, no_deal_distances
        How many agreements (sessions with joint gain) lie in each class of `DISTANCES`.
    rounds
        Of all sessions, the median.
    after
        Sessions, and those that agreed, by how many of their two members had agreed in the interval before, ``[0 to 2, 2]``.
    """

    way: Way
    seed: int
    success: Success
    performance: FloatArray
    nash: FloatArray
    mean_flow_kw: FloatArray
    peak_flow_kw: FloatArray
    member_peak_kw: FloatArray
    day_flow_kw: FloatArray
    volume_kwh: FloatArray
    agreements: IntArray
    distances: IntArray
    no_deal_distances: IntArray
    rounds: float
    after: IntArray


def setting_of(case: Case, homes: Homes, way: Way, scenarios: int) -> Setting:
    """A case on its profiles, negotiating in some way."""
    terms = Terms(choice=PeerChoice(way.score), rules=Rules(floor=way.floor), scenarios=scenarios)
    setting = Setting(case.negotiators, homes.net_kw, terms=terms)
    return with_network_price(setting, way.network) if way.network else setting


def experiment(case: Case, homes: Homes, way: Way, scenarios: int, seed: int) -> Result:
    """Run a case once. All strategies are appraised by the criteria of the paper, whatever members weigh besides."""
    run = run_case(setting_of(case, homes, way, scenarios), seed)
    by = outcomes(run, replace(run.setting, negotiators=case.negotiators))
    return Result(
        way=way,
        seed=seed,
        success=success(run),
        performance=np.stack([by[strategy].performance for strategy in Strategy]),
        nash=np.array([nash_welfare(by[each], by[Strategy.NOTHING]) for each in list(Strategy)[1:]]),
        mean_flow_kw=np.array([by[strategy].mean_flow_kw for strategy in Strategy]),
        peak_flow_kw=np.array([by[strategy].peak_flow_kw for strategy in Strategy]),
        member_peak_kw=np.array([float(np.abs(by[strategy].residual_kw).max()) for strategy in Strategy]),
        day_flow_kw=np.stack([_by_time(by[strategy]) for strategy in Strategy]),
        volume_kwh=_volume(run),
        agreements=_agreements(run),
        distances=_counted(run, "distance", agreed=True),
        no_deal_distances=_counted(run, "no_deal_distance", agreed=False),
        rounds=float(np.median(run.column("rounds"))) if len(run.sessions) else float("nan"),
        after=_after(run),
    )


def _by_time(outcome: Outcome) -> FloatArray:
    flow = outcome.flow_kw
    days = len(flow) // PER_DAY
    return np.asarray(flow[: days * PER_DAY].reshape(days, PER_DAY).mean(axis=0))


def _volume(run: CaseRun) -> FloatArray:
    when, energy_wh = run.loans[:, 0], run.loans[:, 3]
    days = run.setting.trading / PER_DAY
    return np.asarray(np.bincount(when % PER_DAY, energy_wh / 1000 / days, minlength=PER_DAY), dtype=np.float64)


def _agreements(run: CaseRun) -> IntArray:
    members = len(run.setting.negotiators)
    counted = np.zeros((members, members), dtype=np.int64)
    np.add.at(counted, (run.loans[:, 1], run.loans[:, 2]), 1)
    return np.asarray(counted + counted.T)


def _after(run: CaseRun) -> IntArray:
    """Of sessions from the second interval on."""
    when, first, second, agreed = (run.column(name).astype(int) for name in SESSION_COLUMNS[:4])
    ready = np.zeros((run.setting.trading + 1, len(run.setting.negotiators)), dtype=np.int64)
    for member in (first, second):
        ready[when + 1, member] = agreed
    counted = np.zeros((3, 2), dtype=np.int64)
    later = when > 0
    sides = (ready[when, first] + ready[when, second])[later]
    np.add.at(counted, sides, np.stack([np.ones_like(agreed), agreed], axis=1)[later])
    return counted


def _counted(run: CaseRun, column: str, *, agreed: bool) -> IntArray:
    wanted = run.column("joint_gain") > 0
    if agreed:
        wanted &= run.column("agreed") > 0
    return np.asarray(np.histogram(run.column(column)[wanted], DISTANCES)[0], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Shown:
    """One session drawn out: everything normalised per member to [0, 1] over all that is on offer.

    Attributes
    ----------
    names, interval
        Who negotiated, and when.
    outcomes
        Of every feasible contract and, last, of no deal: ``[outcome, member]``.
    front
        Rows of the Pareto front.
    nash, agreement
        Outcomes of the Nash point and of the agreement.
    traces
        What each offered, in order, as outcomes ``[offer, member]``.
    quantities_kwh, returns
        Of the contracts: what the first gives, and when it is returned.
    utility
        Of each member, ``[member, return, quantity]``; NaN where the link has no room.
    acceptable
        Where each reaches its aspiration and passes no deal, ``[member, return, quantity]``.
    """

    names: tuple[str, str]
    interval: int
    outcomes: FloatArray
    front: IntArray
    nash: FloatArray
    agreement: FloatArray
    traces: tuple[FloatArray, FloatArray]
    quantities_kwh: FloatArray
    returns: IntArray
    utility: FloatArray
    acceptable: FloatArray


def show_session(case: Case, homes: Homes, scenarios: int, seed: int) -> Shown | None:
    """The agreement with the longest negotiation of a run's second day, or its only one; None if nobody agreed on anything."""
    way = Way(RANDOM)
    run = _second_day(setting_of(case, homes, way, scenarios), seed)
    found = [
        (meeting.session.rounds, interval, at)
        for interval, held in run.kept.items()
        for at, meeting in enumerate(held.meetings)
        if meeting.session.agreement is not None and meeting.appraisal.has_joint_gain
    ]
    if not found:
        return None
    _, interval, at = max(found)
    held = run.kept[interval]
    names = tuple(case.negotiators[member].id for member in held.meetings[at].pair)
    return _drawn(held, held.meetings[at], (names[0], names[1]), interval, way)


def observe(case: Case, homes: Homes, scenarios: int, seed: int) -> dict[Observer, Inference]:
    """What observers of a day's offers infer of the members' weights."""
    run = _second_day(setting_of(case, homes, Way(RANDOM), scenarios), seed)
    return {observer: infer_weights(run, observer) for observer in Observer}


def _second_day(setting: Setting, seed: int) -> CaseRun:
    """A run up to the end of its second day, or its only one, with all rounds of that day."""
    first = PER_DAY if setting.trading > PER_DAY else 0
    day = range(first, min(first + PER_DAY, setting.trading))
    return run_case(replace(setting, net_kw=setting.net_kw[:, : day.stop + setting.window - 1]), seed, keep=day)


def _drawn(held: Round, meeting: Meeting, names: tuple[str, str], interval: int, way: Way) -> Shown:
    table, session = meeting.table, meeting.session
    rules = Rules(floor=way.floor)
    second = table.second.utility.reshape(-1, 2)[:, ::-1].ravel()
    both = np.stack([table.first.utility, second], axis=1)
    feasible = table.outcomes()
    low, high = feasible.min(axis=0), feasible.max(axis=0)
    span = np.where(high > low, high - low, 1.0)

    def place(rows: FloatArray) -> FloatArray:
        return np.asarray((rows - low) / span)

    assert session.agreement is not None
    assert meeting.appraisal.nash is not None
    offered = trace(table, session, rules)
    wishes, floors = table.wishes(), table.floors(rules)
    returns, quantities = np.unique(held.grid.offset), held.grid.loans_kwh
    cell = np.searchsorted(returns, held.grid.offset), held.grid.cell[1]
    utility = np.full((2, len(returns), len(quantities)), np.nan)
    acceptable = np.zeros(utility.shape)
    for side in (0, 1):
        utility[side][cell] = np.where(table.feasible, place(both)[:, side], np.nan)
        willing = table.feasible & (both[:, side] >= wishes[side]) & (both[:, side] > floors[side])
        acceptable[side][cell] = willing
    return Shown(
        names=names,
        interval=interval,
        outcomes=place(feasible),
        front=pareto_front(feasible),
        nash=place(both[meeting.appraisal.nash]),
        agreement=place(both[session.agreement]),
        traces=(place(both[offered.first]), place(both[offered.second])),
        quantities_kwh=quantities,
        returns=returns,
        utility=utility,
        acceptable=acceptable,
    )
