"""The study as charts."""

import numpy as np

from gridpact.study.confidence import half_width
from gridpact.study.negotiation.experiments import DISTANCES, LEARNT, RANDOM, Shown, Way
from gridpact.study.negotiation.homes import PER_DAY
from gridpact.study.negotiation.study import Study
from gridpact.study.pages import (
    Axis,
    Bars,
    Curve,
    Figure,
    Group,
    HeatMap,
    Link,
    Network,
    Node,
    Outline,
    Plane,
    Symbol,
)
from gridpact.study.pages.formats import number, percent, quantity
from gridpact.units import FloatArray

PLAIN = Way()
OFFERS: tuple[Symbol, Symbol] = ("ring", "square")
STRATEGIES = ("s0: nothing", "s1: own battery", "s2: negotiation and battery")
COLUMNS = 24
"""Of the map of contracts: return times that stand for their neighbours."""
HOURS = np.arange(PER_DAY) * 24 / PER_DAY


def outcome_space(study: Study, shown: Shown) -> Figure:
    """All contracts in the plane of both utilities."""
    first, second = shown.names
    rows, front = shown.outcomes[:-1], shown.outcomes[shown.front]
    curves = (
        Curve("contracts", rows[:, 0], rows[:, 1], style="points", tone="grey"),
        Curve("Pareto front", front[:, 0], front[:, 1], tone=1),
        *(
            Curve(f"offers of {name}", offered[:, 0], offered[:, 1], symbol=symbol, tone=tone)
            for name, offered, symbol, tone in zip(shown.names, shown.traces, OFFERS, (2, 3), strict=True)
        ),
        _dot("no deal", shown.outcomes[-1], "cross", 4),
        _dot("Nash point", shown.nash, "star", 5),
        _dot("agreement", shown.agreement, "diamond", 6),
    )
    distance = float(np.hypot(*(shown.agreement - shown.nash)))
    nothing = float(np.hypot(*(shown.outcomes[-1] - shown.nash)))
    return Figure(
        "outcome-space",
        "The outcomes of one session",
        f"Every contract by what it is worth to {first} and to {second}, each between the worst (0) and the best "
        "(1) on offer. Nobody "
        "but this page knows both utilities.",
        Plane(Axis(f"utility of {first}"), Axis(f"utility of {second}"), curves, equal=True),
        f"The agreement is {number(distance, 3)} from the Nash point, no deal {number(nothing, 3)}; "
        f"{len(shown.front)} of "
        f"{len(shown.outcomes)} outcomes lie on the Pareto front. {len(shown.traces[0])} and "
        f"{len(shown.traces[1])} offers were made.",
        _one(study, shown),
    )


def _dot(name: str, at: FloatArray, symbol: Symbol, tone: int) -> Curve:
    return Curve(name, at[:1], at[1:], style="points", symbol=symbol, tone=tone)


def _one(study: Study, shown: Shown) -> str:
    return (
        f"Members {shown.names[0]} and {shown.names[1]} in interval {shown.interval}, seed "
        f"{study.sizes.seeds_of(study.case.number)[0]}; "
        "the longest session of a day that ended in an agreement."
    )


def issue_space(study: Study, shown: Shown, side: int) -> Figure:
    """What each contract is worth to one member, and where both reach their aspiration."""
    step = max(1, len(shown.returns) // COLUMNS)
    taken = slice(None, None, step)
    values = shown.utility[side, taken].T
    own, other = shown.acceptable[side, taken].T > 0, shown.acceptable[1 - side, taken].T > 0
    name, peer = shown.names[side], shown.names[1 - side]
    share = percent(float((shown.acceptable[0] * shown.acceptable[1]).sum() / np.isfinite(shown.utility[0]).sum()), 1)
    return Figure(
        f"issue-space-{'ab'[side]}",
        f"The contracts as {name} sees them",
        f"What {shown.names[0]} gives {shown.names[1]} now (below 0: receives) and after how many intervals it "
        "comes back. The outlines "
        "enclose what either of them would accept: its aspiration reached, and no deal passed.",
        HeatMap(
            tuple(str(each) for each in shown.returns[taken]),
            tuple(f"{each:+.2f}" if each else "0" for each in shown.quantities_kwh),
            ("returned after, intervals", "kWh"),
            values,
            f"utility of {name}",
            outlines=(Outline(f"{name} accepts", own, 2 + side), Outline(f"{peer} accepts", other, 3 - side)),
        ),
        f"Both would accept {share} of the contracts that the link has room for.",
        _one(study, shown) + (f" One return time in {step} is drawn." if step > 1 else ""),
    )


def success_rates(study: Study) -> Figure:
    """Agreements by score."""
    ways = [way for way in study.results if way.floor and not way.network]
    agreed = [100 * study.seed_values(way, "agreed") for way in ways]
    possible = [100 * study.seed_values(way, "joint_gain") for way in ways]
    groups = (_group("sessions that agree", agreed), _group("sessions with joint gain", possible))
    best = max(ways, key=lambda way: study.seed_values(way, "agreed").mean())
    return Figure(
        "success",
        "How often sessions agree, by the choice of peer",
        "Share of all sessions, mean and 95 % confidence interval over seeds; beside it, how many had some "
        "contract that was better for "
        "both than no deal.",
        Bars(tuple(way.score for way in ways), "peers chosen by", Axis("sessions, %", low=0.0), groups),
        f"The highest rate has {best.score} with {percent(float(study.seed_values(best, 'agreed').mean()))}.",
        _ran(study),
    )


def _group(name: str, values: list[FloatArray], tone: int | None = None) -> Group:
    mean = np.array([each.mean() for each in values])
    half = np.array([float(half_width(each)) for each in values])
    return Group(name, mean, mean - half, mean + half, tone)


def distances(study: Study) -> Figure:
    """How near agreements come to the Nash point."""
    results = study.results[PLAIN]
    counted = [
        np.sum([getattr(result, name) for result in results], axis=0) for name in ("distances", "no_deal_distances")
    ]
    used = 1 + max(int(np.flatnonzero(each).max(initial=0)) for each in counted)
    middle = ((DISTANCES[:-1] + DISTANCES[1:]) / 2)[:used]
    shares = [(100 * each / max(each.sum(), 1))[:used] for each in counted]
    mean, nothing = (float(np.nanmean(study.seed_values(PLAIN, name))) for name in ("distance", "no_deal_distance"))
    return Figure(
        "distances",
        "Distance to the Nash point",
        "Of agreements, and of no deal in all sessions with joint gain; utilities normalised per member to [0, 1].",
        Plane(
            Axis("distance to the Nash point", low=0.0),
            Axis("share, %", low=0.0),
            (Curve("agreements", middle, shares[0], style="step"), Curve("no deal", middle, shares[1], style="step")),
        ),
        f"Agreements lie {number(mean, 3)} from the Nash point in the mean, no deal {number(nothing, 3)}: "
        f"{number(nothing / mean, 1)} times as far.",
        _ran(study),
    )


def gains(study: Study) -> Figure:
    """What members gain by negotiating."""
    values = study.gains(PLAIN)
    winners = int((values.mean(axis=1) > 0).sum())
    members = study.members
    what = "ξ(s2) − ξ(s1) by member, mean and 95 % confidence interval over seeds: what negotiation adds to the own battery."
    ran, title = _ran(study), "What each member gains by negotiating"
    seen = f"{winners} of {len(members)} members gain in the mean; {quantity(values.mean(axis=1).sum(), 'kWh', 1)} together."
    y = Axis("gain, kWh")
    if len(members) <= 12:
        return Figure(
            "gains", title, what, Bars(members, "member", y, (_group("s2 over s1", list(values)),)), seen, ran
        )
    order = np.argsort(values.mean(axis=1))
    sorted_values = values[order]
    mean, half = sorted_values.mean(axis=1), half_width(sorted_values)
    curve = Curve("s2 over s1", np.arange(1.0, len(order) + 1), mean, mean - half, mean + half)
    return Figure("gains", title, what, Plane(Axis("member, from least to most"), y, (curve,)), seen, ran)


def volumes(study: Study) -> Figure:
    """When loans are given."""
    results = study.results[PLAIN]
    volume = np.mean([result.volume_kwh for result in results], axis=0)
    peak = int(np.argmax(np.convolve(volume, np.ones(4), "same")))
    return Figure(
        "volumes",
        "Energy lent over the day",
        "Given in each quarter of an hour, mean of all days and seeds; UTC.",
        Plane(
            Axis("hour of the day", low=0.0, high=24.0),
            Axis("kWh", low=0.0),
            (Curve("lent", HOURS, volume, style="step"),),
        ),
        f"{quantity(volume.sum(), 'kWh', 1)} a day, most of it around {peak // 4:02d}:{peak % 4 * 15:02d}.",
        _ran(study),
    )


def partners(study: Study) -> Figure:
    """Who agrees with whom."""
    counted = np.sum([result.agreements for result in study.results[PLAIN]], axis=0)
    members = len(counted)
    turn = 2 * np.pi * np.arange(members) / members
    size = counted.sum(axis=1) / max(counted.sum(axis=1).max(), 1)
    most = sorted(((counted[a, b], a, b) for a in range(members) for b in range(a) if counted[a, b]), reverse=True)[
        :150
    ]
    links = tuple(Link(b, a, float(many)) for many, a, b in most)
    names = study.members
    nodes = tuple(
        Node(name, float(np.cos(angle)), float(np.sin(angle)), size=float(0.3 + share), note=home)
        for name, angle, share, home in zip(names, turn, size, study.homes.names, strict=True)
    )
    many, a, b = most[0] if most else (0, 0, 0)
    told = f"Most often {names[b]} and {names[a]}: {number(many)} times." if most else "Nobody agreed."
    return Figure(
        "partners",
        "Who agrees with whom",
        "The width of a link is how many loans two members agreed on, all seeds together; a dot is larger for "
        "who agrees more often." + " The 150 strongest links." * (members > 17),
        Network(nodes, links, ("members",), "loans"),
        told,
        _ran(study),
    )


def flow(study: Study) -> Figure:
    """The flow at the point of common coupling over the day."""
    day = np.mean([result.day_flow_kw for result in study.results[PLAIN]], axis=0)
    mean = study.flows(PLAIN, "mean_flow_kw").mean(axis=1)
    peak = study.flows(PLAIN, "peak_flow_kw").mean(axis=1)
    curves = tuple(Curve(name, HOURS, row) for name, row in zip(STRATEGIES, day, strict=True))
    return Figure(
        "flow",
        "Flow at the point of common coupling",
        "Mean of all days and seeds by time of day, + = import; UTC.",
        Plane(Axis("hour of the day", low=0.0, high=24.0), Axis("kW"), curves),
        f"Mean absolute flow {_triple(mean)} kW under s0, s1, s2; its peak {_triple(peak)} kW.",
        _ran(study),
    )


def _triple(values: FloatArray) -> str:
    return ", ".join(number(value, 2) for value in values)


def network_prices(study: Study) -> Figure:
    """What the third criterion does to the peak, and what it costs."""
    ways = [PLAIN, *(way for way in study.results if way.network)]
    weight = np.array([way.network for way in ways])
    ratio = [study.flows(way, "peak_flow_kw") for way in ways]
    change = np.array([100 * (flows[2] / flows[1] - 1) for flows in ratio])
    kept = np.array([study.welfare(way)[2] - study.welfare(way)[1] for way in ways])
    whole = kept[0].mean()
    curves = (
        _band("peak of s2 against s1, %", weight, change),
        _band("gain of s2 over s1 that is left, %", weight, 100 * kept / whole if whole else kept),
    )
    return Figure(
        "network-price",
        "A network price against the peak",
        "Members weigh, besides flexibility and autarky, a network price that follows the flow there without "
        "loans. Against its weight: the change of the peak at the point of common coupling, and how much of the "
        "welfare gained by negotiating is left, measured by the paper's criteria alone. Means and 95 % "
        "confidence intervals over seeds.",
        Plane(Axis("weight of the network price"), Axis("%"), curves),
        f"Without it the peak changes by {number(change[0].mean(), 1)} %; at weight {number(weight[-1], 1)} by "
        f"{number(change[-1].mean(), 1)} %, and {number(100 * kept[-1].mean() / whole, 0) if whole else '–'} % of "
        "the gain is left.",
        _ran(study),
    )


def inferred(study: Study) -> Figure:
    """True weights and what observers make of them."""
    symbols: tuple[Symbol, ...] = ("diamond", "ring")
    curves = tuple(
        Curve(observer, found.weight, found.estimate, style="points", symbol=symbol)
        for (observer, found), symbol in zip(study.inferred.items(), symbols, strict=True)
    )
    line = Curve("the truth", np.array([0.0, 1.0]), np.array([0.0, 1.0]), style="dashed", tone="grey")
    told = ", ".join(f"{observer} {number(found.error, 3)}" for observer, found in study.inferred.items())
    blind = next(iter(study.inferred.values())).blind_error
    return Figure(
        "inferred",
        "What offers give away",
        "The weight of flexibility of each member, and what an observer of one day's offers takes it for, from "
        "the order in which they "
        "are made. Both observers know net demand and loans; the insider also knows battery and state of charge.",
        Plane(Axis("true weight"), Axis("estimated weight"), (line, *curves), equal=True),
        f"Mean absolute error: {told}; {number(blind, 3)} for saying one half of everybody.",
        _ran(study),
    )


def _band(name: str, x: FloatArray, values: FloatArray) -> Curve:
    mean, half = values.mean(axis=1), half_width(values)
    return Curve(name, x, mean, mean - half, mean + half)


def _ran(study: Study) -> str:
    seeds = study.sizes.seeds_of(study.case.number)
    return (
        f"Case {study.case.number}, {len(study.members)} members, {study.sizes.intervals} intervals, seeds "
        f"{seeds[0]} to {seeds[-1]}; "
        f"{study.sizes.scenarios} scenarios."
    )


__all__ = (
    "LEARNT",
    "PLAIN",
    "RANDOM",
    "distances",
    "flow",
    "gains",
    "inferred",
    "issue_space",
    "network_prices",
    "outcome_space",
    "partners",
    "success_rates",
    "volumes",
)
