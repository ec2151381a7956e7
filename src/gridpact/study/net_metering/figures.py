"""The sweep as charts."""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from gridpact.study.net_metering.cases import Fee, Netting
from gridpact.study.net_metering.measures import NOTHING, Measures
from gridpact.study.net_metering.sweep import RETAIL, Scenario, Sweep
from gridpact.study.pages import Axis, Bars, Curve, Figure, Group, HeatMap, Level, Link, Network, Node, Plane, Style
from gridpact.study.pages.formats import count, number, percent, quantity

RATIO = "export price / import price"
ALONE = "alone"

Lines = Sequence[tuple[str, Scenario]]
FEES: Lines = tuple((str(fee), Scenario(fee=fee)) for fee in Fee)
ONE_FEE = Scenario(fee=Fee.MEMBER)
"""The scenario of pictures that show one: interval netting, no storage, a fee per member."""
STYLES: tuple[Style, ...] = ("line", "dashed", "dotted", "line")
"""Of curves in order: some lie on each other."""


def saved(sweep: Sweep) -> Figure:
    """v(N) without storage and fees."""
    lines = [
        *((f"{netting} netting", Scenario(netting)) for netting in Netting),
        ("interval netting, demand charge", Scenario(demand=True)),
    ]
    return _total(sweep, "saved", "What pooling saves without storage", lines)


def stored(sweep: Sweep) -> tuple[Figure, ...]:
    """v(N) with storage, if there is any."""
    if not sweep.sample.with_battery.any():
        return ()
    lines = [
        *((f"{netting} netting, storage", Scenario(netting, storage=True)) for netting in Netting),
        ("interval netting, storage, demand charge", Scenario(storage=True, demand=True)),
    ]
    return (_total(sweep, "stored", "What pooling saves when batteries run as well as possible", lines),)


def with_fees(sweep: Sweep) -> Figure:
    """v(N) after fees."""
    return _total(sweep, "fees", "What fees leave of it", FEES)


def epsilon(sweep: Sweep) -> Figure:
    """The least core."""
    money = sweep.sample.community.currency
    seen = ", ".join(f"{words} {quantity(sweep.retail(line).epsilon, money, 3)}" for words, line in FEES)
    return Figure(
        "epsilon",
        "How far from the core",
        "Least core ε*: the most that a coalition could gain by leaving, under the best way to share. Above zero the "
        "core is "
        "empty.",
        _against_ratio(sweep, FEES, f"ε*, {money}", lambda found: found.epsilon),
        f"Under retail net metering ε* is: {seen}.",
        ran(sweep),
    )


def together(sweep: Sweep) -> Figure:
    """The largest coalition of the final partition, over scenarios and ratios."""
    lines = [(name(line), line) for line in scenarios_of(sweep, storage=False)]
    ratios = sweep.line(Scenario())[0]
    cells = np.array([[float(found.together) for found in sweep.line(line)[1]] for _, line in lines])
    whole = int((cells == sweep.sample.size).sum())
    return Figure(
        "together",
        "How many stay together",
        "Members of the largest coalition after merging and splitting from everybody alone; 1: nobody joins anybody. Who "
        "adds nothing is not taken in.",
        HeatMap(
            tuple(number(float(ratio), 2) for ratio in ratios),
            tuple(words for words, _ in lines),
            (RATIO, "setting"),
            cells,
            "members",
            digits=0,
        ),
        f"All {sweep.sample.size} stay together in {whole} of {count(cells.size, 'case')}.",
        ran(sweep),
    )


def partition(sweep: Sweep) -> Figure:
    """Who ends up with whom under a fee per member: at the highest export price at which some but not all join, if
    any."""
    members = sweep.sample.community.members
    ratios, found = sweep.line(ONE_FEE)
    divided = [at for at, each in enumerate(found) if 1 < each.together < len(members)]
    at = divided[-1] if divided else int(np.flatnonzero(ratios == sweep.ratio)[0])
    groups = [coalition for coalition in found[at].partition if len(coalition) > 1]
    group_of = {member: place for place, coalition in enumerate(groups) for member in coalition}
    angle = 2 * np.pi * np.arange(len(members)) / len(members)
    nodes = tuple(
        Node(who.id, float(np.sin(phi)), float(np.cos(phi)), group_of.get(n, len(groups)), note=_devices(sweep, n))
        for n, (who, phi) in enumerate(zip(members, angle, strict=True))
    )
    links = tuple(
        Link(a, b, float(sweep.pairs_kwh[a, b]))
        for coalition in groups
        for a, b in combinations(coalition, 2)
        if sweep.pairs_kwh[a, b] > 0
    )
    alone = len(members) - len(group_of)
    names = (*(f"coalition {place + 1}" for place in range(len(groups))), *((ALONE,) if alone else ()))
    return Figure(
        "partition",
        "Who ends up with whom",
        "After merging and splitting, interval netting, a fee per member. Links: what two members of a coalition "
        "could match "
        "between them.",
        Network(nodes, links, names, "energy, kWh"),
        f"At an export price of {percent(float(ratios[at]), 0)} of the import price: "
        f"{count(len(groups), 'coalition')}; "
        f"{alone} of {count(len(members), 'member')} alone.",
        ran(sweep),
    )


def shares(sweep: Sweep) -> Figure:
    """What each member gets by the Shapley value."""
    money = sweep.sample.community.currency
    lines = [
        ("own prices", sweep.own(Scenario())),
        ("own prices, fee per member", sweep.own(ONE_FEE)),
        ("retail, fee per member", sweep.retail(ONE_FEE)),
        ("retail, demand charge", sweep.retail(Scenario(demand=True))),
    ]
    gaining = ", ".join(f"{words} {found.gaining}" for words, found in lines)
    return Figure(
        "shares",
        "What each member gains",
        "Shapley value of the whole community; below zero a member is better off alone.",
        Bars(
            sweep.sample.community.member_ids,
            "member",
            Axis(f"gain, {money}"),
            tuple(Group(words, found.shares) for words, found in lines),
        ),
        f"Members that gain: {gaining}.",
        ran(sweep),
    )


def name(line: Scenario) -> str:
    """A scenario in a few words."""
    return f"{line.netting}{', storage' * line.storage}{', demand' * line.demand}, {line.fee}"


def scenarios_of(sweep: Sweep, *, storage: bool) -> list[Scenario]:
    """The scenarios of a sweep, in its order."""
    return list(dict.fromkeys(line for line, _ in sweep.measures if line.storage == storage))


def ran(sweep: Sweep) -> str:
    """What was run for a picture."""
    horizon = sweep.sample.community.horizon
    coalitions = 2**sweep.sample.size - 1
    return (
        f"Ran: {count(sweep.sample.size, 'member')}, all {count(coalitions, 'coalition')}, "
        f"{count(horizon.periods, 'interval')}; nothing is random."
    )


def _total(sweep: Sweep, figure: str, title: str, lines: Lines) -> Figure:
    money = sweep.sample.community.currency
    changes = (
        f"{words} {quantity(sweep.own(line).total, money, 2)} → {quantity(sweep.retail(line).total, money, 2)}"
        for words, line in lines
    )
    return Figure(
        figure,
        title,
        "v(N): what all members together pay less than each alone, over the horizon.",
        _against_ratio(sweep, lines, f"v(N), {money}", lambda found: found.total * (abs(found.total) > NOTHING)),
        f"From the community's own prices to retail: {', '.join(changes)}.",
        ran(sweep),
    )


def _against_ratio(sweep: Sweep, lines: Lines, axis: str, value: Callable[[Measures], float]) -> Plane:
    curves = []
    for (words, line), style in zip(lines, STYLES, strict=True):
        ratios, found = sweep.line(line)
        curves.append(Curve(words, ratios, np.array([value(each) for each in found]), style=style))
    levels = (Level("x", sweep.ratio, "own prices"),)
    return Plane(Axis(RATIO, low=0.0, high=RETAIL), Axis(axis), tuple(curves), levels=levels)


def _devices(sweep: Sweep, member: int) -> str:
    owned = [
        word
        for word, has in (("PV", sweep.sample.with_pv[member]), ("battery", sweep.sample.with_battery[member]))
        if has
    ]
    return " and ".join(owned) or "no PV"
