"""The study as charts."""

from collections.abc import Callable, Iterable

import numpy as np

from gridpact.markets.assignment import core_violation
from gridpact.study.coalition.core import SHAPLEY, Points
from gridpact.study.coalition.markets import EXPORT_PRICE, IMPORT_PRICE
from gridpact.study.coalition.rounds import BARGAINING, COALITIONS, PAIRS, Effort
from gridpact.study.coalition.scarcity import core_income, mmr_income, sdr_income
from gridpact.study.coalition.study import NEARLY_EVEN, Study
from gridpact.study.pages import (
    Axis,
    Bars,
    Curve,
    Figure,
    Group,
    Level,
    Link,
    Network,
    Node,
    Plane,
    Region,
    Symbol,
)
from gridpact.study.pages.formats import measure, number, percent, quantity
from gridpact.units import FloatArray

ROUNDING = 1e-9
"""Relative, of sums of floats."""
SYMBOLS: tuple[Symbol, ...] = ("diamond", "square", "triangle", "ring", "star", "cross")
MEMBERS = "members on either side"


def contracts(study: Study) -> Figure:
    """Who signs with whom in the small market."""
    points = study.small
    market, matching = points.market, points.matching
    buyers, sellers = matching.value.shape
    nodes = (
        *(_node(f"buyer {at + 1}", quantity(market.demand[at], "kWh", 1), 0.0, at, buyers, 0) for at in range(buyers)),
        *(
            _node(f"seller {at + 1}", quantity(market.supply[at], "kWh", 1), 2.0, at, sellers, 1)
            for at in range(sellers)
        ),
    )
    links = tuple(
        Link(
            buyer,
            buyers + int(seller),
            float(market.energy[buyer, seller]),
            f"gains {quantity(matching.value[buyer, seller], 'EUR', 2)}",
        )
        for buyer, seller in enumerate(matching.partner)
        if seller >= 0
    )
    return Figure(
        "contracts",
        "Who signs with whom",
        "Each member signs at most one contract; the best matching of all. The width of a link is the energy of the "
        "contract.",
        Network(nodes, links, ("buyers", "sellers"), "energy, kWh"),
        f"{len(links)} contracts gain {quantity(matching.total, 'EUR', 2)} in all.",
        f"A market of {buyers} buyers and {sellers} sellers, the same for every seed.",
    )


def polygon(study: Study) -> Figure:
    """The core in the plane of the two buyers' payoffs."""
    corners = study.polygon
    curves = tuple(
        Curve(name, payoffs.buyer[:1], payoffs.buyer[1:2], style="points", symbol=symbol)
        for (name, payoffs), symbol in zip(study.small.payoffs.items(), SYMBOLS, strict=True)
    )
    region = Region("core", corners[:, 0], corners[:, 1], "grey")
    off = core_violation(study.small.matching, study.small.payoffs[SHAPLEY])
    shapley = "in the core"
    if off > ROUNDING:  # a seller without a contract gets something, which the plane of the buyers does not show
        shapley = (
            f"outside of the core, which takes all payoffs to see: a group could do better by {percent(off, 1)} of v(N)"
        )
    return Figure(
        "core",
        "The core in the plane of the two buyers' payoffs",
        "Every point of the grey area can be agreed on such that no pair would rather sign with each other; what the "
        "buyers do not "
        "get, their sellers do.",
        Plane(Axis("payoff of buyer 1, EUR"), Axis("payoff of buyer 2, EUR"), curves, (region,), equal=True),
        f"The core has {len(corners)} corners. The buyers get {_of_buyers(study.small, 'buyer-optimal')} at their "
        "best point and "
        f"{_of_buyers(study.small, 'seller-optimal')} at their worst. The Shapley value is {shapley}.",
        f"A market of {len(study.small.market.demand)} buyers and {len(study.small.market.supply)} sellers, the same "
        "for every seed.",
    )


def side_by_side(study: Study) -> Figure:
    """Payoffs of all members of a larger market at all points."""
    points, side = study.side, study.sizes.side
    members = (*(f"buyer {at + 1}" for at in range(side)), *(f"seller {at + 1}" for at in range(side)))
    groups = tuple(Group(name, np.concatenate([found.buyer, found.seller])) for name, found in points.payoffs.items())
    told = ", ".join(f"{name} {_of_buyers(points, name)}" for name in points.payoffs)
    return Figure(
        "side-by-side",
        "Payoffs of all points side by side",
        "What each member gains at each core point, and by the Shapley value, which need not be in the core.",
        Bars(members, "member", Axis("payoff, EUR"), groups),
        f"Of {quantity(points.matching.total, 'EUR', 2)} the buyers get: {told}.",
        f"One random market of {side} + {side} members, seed {study.seed}.",
    )


def widths(study: Study) -> Figure:
    """How wide the core is in random markets."""
    shares = {members: 100 * found for members, found in study.widths.items()}
    middle = {members: float(np.median(found)) for members, found in shares.items()}
    told = ", ".join(f"{number(width)} % at {members}" for members, width in middle.items())
    return Figure(
        "widths",
        "How wide the core is",
        "What the buyers get at their best point of the core more than at their worst, as a share of all that is "
        "gained: median and 8 "
        "of 10 markets.",
        Plane(Axis(MEMBERS, log=True), Axis("share of v(N), %", low=0.0), (_spread("width of the core", shares),)),
        f"Medians: {told} members.",
        f"{study.sizes.width_markets} random markets a size, seed {study.seed}.",
    )


def single(study: Study) -> Figure:
    """Welfare of single against multiple contracts."""
    shares = {members: 100 * found for members, found in study.single_shares.items()}
    told = ", ".join(f"{number(float(np.median(found)))} % at {members}" for members, found in shares.items())
    return Figure(
        "single",
        "What one contract a member leaves on the table",
        "Gain of the best matching as a share of the gain of the best flow, in which everybody may sign with "
        "everybody: median and "
        "8 of 10 markets.",
        Plane(Axis(MEMBERS, log=True), Axis("share, %", high=100.0), (_spread("single contracts", shares),)),
        f"Medians: {told} members.",
        f"{study.sizes.width_markets} random markets a size, seed {study.seed}.",
    )


def rounds(study: Study) -> Figure:
    """Rounds against size."""
    return _efforts(
        study,
        "rounds",
        "Rounds against size",
        "Until everybody has settled; median and range over random markets. In a round every member acts once and "
        "its messages arrive.",
        "rounds",
        lambda each: each.rounds,
        ends=True,
    )


def bytes_sent(study: Study) -> Figure:
    """Bytes against size."""
    return _efforts(
        study,
        "bytes",
        "Bytes a member sends",
        "In all rounds together, mean over members and markets.",
        "bytes a member",
        lambda each: each.bytes_a_member,
    )


def step_time(study: Study) -> Figure:
    """Time of a step against size."""
    return _efforts(
        study,
        "step",
        "Time of one step of one member",
        "Mean over members, rounds and markets, on this machine; the only numbers of this page that differ from run "
        "to run.",
        "µs",
        lambda each: each.microseconds,
    )


def troubled(study: Study) -> Figure:
    """Rounds under bad conditions."""
    names = tuple(dict.fromkeys(each.conditions for each in study.troubled))
    groups = []
    for method in (BARGAINING, PAIRS):
        found = [each for each in study.troubled if each.method == method]
        groups.append(
            Group(
                method,
                np.array([each.rounds for each in found]),
                np.array([float(each.fewest) for each in found]),
                np.array([float(each.most) for each in found]),
            )
        )
    slowed = ", ".join(f"{group.name} {measure(group.values[-1] / group.values[0])}" for group in groups)
    return Figure(
        "troubled",
        "Loss, delay and sleep",
        "Rounds where messages are lost, late or doubled, links fail and members sleep; median and range.",
        Bars(names, "conditions", Axis("rounds", log=True), tuple(groups)),
        f"All of it together multiplies the rounds by: {slowed}.",
        f"{study.sizes.troubled} + {study.sizes.troubled} members, {study.sizes.troubled_markets} random markets, "
        f"seed {study.seed}.",
    )


def convergence(study: Study) -> Figure:
    """Error of the sampled Shapley value against orders."""
    curves = []
    for at, found in enumerate(study.convergence):
        name = "antithetic" if found.antithetic else "independent"
        low, middle, high = np.quantile(100 * found.error, (0.1, 0.5, 0.9), axis=0)
        curves.append(Curve(name, found.orders.astype(np.float64), middle, low, high, tone=at))
        claimed = 100 * np.median(found.claimed, axis=0)
        curves.append(Curve(f"{name}, half-width", found.orders.astype(np.float64), claimed, style="dotted", tone=at))
    return Figure(
        "convergence",
        "Convergence of the Shapley value",
        "Sum of the members' errors against the exact value: median and 8 of 10 runs. Dotted: what the 95 % "
        "confidence intervals say, "
        "summed alike.",
        Plane(Axis("orders", log=True), Axis("error, % of v(N)", log=True), tuple(curves)),
        f"After {number(study.sizes.orders)} orders: independent {measure(curves[0].y[-1])} %, antithetic "
        f"{measure(curves[2].y[-1])} %.",
        f"A pooling game of {study.sizes.sampled} members, demand {NEARLY_EVEN} times supply, {study.sizes.runs} runs, "
        f"seed {study.seed}.",
    )


def gains(study: Study) -> Figure:
    """What antithetic orders gain against demand over supply."""
    ratios = _floats(study.gains)
    found = _floats(study.gains.values())
    return Figure(
        "gains",
        "Where antithetic orders help",
        "How many times less variance an order and its reversal have than two independent orders. At 1 they gain "
        "nothing.",
        Plane(
            Axis("demand / supply", log=True),
            Axis("times less variance", log=True),
            (Curve("gain", ratios, found),),
            levels=(Level("y", 1.0, "no gain"),),
        ),
        f"From {measure(found.min())} to {measure(found.max())} times.",
        f"Pooling games of {study.sizes.sampled} members, {study.sizes.runs} runs of {study.sizes.gain_orders} "
        "orders each, "
        f"seed {study.seed}.",
    )


def scarcity(study: Study) -> Figure:
    """Mean income of a kWh of surplus against demand over supply."""
    ratio = np.array(study.sizes.ratios)
    curves = [
        Curve(f"Shapley, {number(found.members)} members", ratio, found.shapley, tone=at)
        for at, found in enumerate(study.incomes)
    ]
    largest = study.incomes[-1]
    curves += [
        Curve(f"asymptotic, {number(largest.members)} members", ratio, largest.asymptotic, style="dotted", tone="ink"),
        Curve("core", ratio, core_income(ratio), style="dashed", tone="grey"),
        Curve("SDR", ratio, sdr_income(ratio), style="dashed", tone=3),
        Curve("mid-market rate", ratio, mmr_income(ratio), style="dashed", tone=4),
    ]
    prices = (Level("y", IMPORT_PRICE, "import price"), Level("y", EXPORT_PRICE, "export price"))
    even = int(np.argmin(np.abs(np.log(ratio))))
    return Figure(
        "scarcity",
        "What a kWh of surplus earns as demand grows",
        "Mean income of all surplus in one interval. In the core of many members the scarcer side takes all, so it "
        "jumps where demand "
        "meets supply.",
        Plane(Axis("demand / supply", log=True), Axis("EUR/kWh", low=0.05, high=0.35), tuple(curves), levels=prices),
        f"Where demand meets supply a kWh earns {number(largest.shapley[even], 3)} by the Shapley value of "
        f"{number(largest.members)} "
        f"members, {number(float(sdr_income(ratio[even : even + 1])[0]), 3)} under SDR and "
        f"{number(float(mmr_income(ratio[even : even + 1])[0]), 3)} at the mid-market rate.",
        f"One random community a size, demand scaled; seed {study.seed}.",
    )


def limit_error(study: Study) -> Figure:
    """Error of the asymptotic value against size."""
    errors = {members: 100 * found for members, found in study.limit_errors.items()}
    first, last = (float(np.median(errors[members])) for members in (min(errors), max(errors)))
    return Figure(
        "limit-error",
        "Error of the asymptotic value",
        "Sum of the members' errors against the exact Shapley value: median and 8 of 10 communities.",
        Plane(Axis("members", log=True), Axis("error, % of v(N)", log=True), (_spread("asymptotic", errors),)),
        f"From {measure(first)} % at {min(errors)} to {measure(last)} % at {number(max(errors))} members.",
        f"{study.sizes.limit_communities} random communities a size, demand from 1/e to e times supply, seed "
        f"{study.seed}.",
    )


def _efforts(
    study: Study, name: str, title: str, what: str, axis: str, value: Callable[[Effort], float], *, ends: bool = False
) -> Figure:
    curves, told = [], []
    for method in (BARGAINING, PAIRS, COALITIONS):
        found = [each for each in study.efforts if each.method == method]
        low, high = (
            np.array([float(getattr(each, end)) for each in found]) if ends else None for end in ("fewest", "most")
        )
        curves.append(Curve(method, _floats(e.members for e in found), _floats(map(value, found)), low, high))
        told.append(f"{method} {measure(value(found[-1]))} at {found[-1].members}")
    markets = ", ".join(f"{method} {max(of for _, of in sizes)}" for method, sizes in study.sizes.rounds)
    return Figure(
        name,
        title,
        what,
        Plane(Axis(MEMBERS, log=True), Axis(axis, log=True), tuple(curves)),
        f"At the largest size of each: {', '.join(told)}.",
        f"Random markets, up to so many a size: {markets}; fewer at the largest. Perfect conditions, seed "
        f"{study.seed}.",
    )


def _spread(name: str, found: dict[int, FloatArray]) -> Curve:
    low, middle, high = (_floats(np.quantile(values, at) for values in found.values()) for at in (0.1, 0.5, 0.9))
    return Curve(name, _floats(found), middle, low, high)


def _floats(values: Iterable[float]) -> FloatArray:
    return np.array([float(value) for value in values])


def _node(name: str, note: str, x: float, at: int, count: int, group: int) -> Node:
    return Node(name, x, (count - 1) / 2 - at, group, note=note)


def _of_buyers(points: Points, name: str) -> str:
    return percent(float(points.payoffs[name].buyer.sum()) / points.matching.total, 0)
