"""Pictures as plain numbers: where lines and marks stand. The templates make SVG of them; nothing is drawn by a script."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gridpact.client import Level
from gridpact.exchange import Prices
from gridpact.grid import Feeder
from gridpact.service.web.views import BillRow, Book, FeederView
from gridpact.units import FloatArray

WIDE, HIGH = 600.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 28.0, 34.0
ROW = 20.0
"""Between the middles of two names, at least."""
MOST_LINKS = 200
"""Trades that a picture shows, the largest; the table has all of them."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Axes:
    """A frame with its marks."""

    across: tuple[Tick, ...]
    up: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class BookChart:
    """Two stairs, demand and supply: energy across (kWh), price up (hundredths of the currency). Empty points: no orders."""

    axes: Axes
    demand: str
    supply: str
    import_at: float
    export_at: float


@dataclass(frozen=True, slots=True)
class Link:
    """A trade between two, as they are called in the picture."""

    seller: str
    buyer: str
    energy_wh: int


@dataclass(frozen=True, slots=True)
class Node:
    """Somebody who trades: a bar from ``top`` to ``bottom``."""

    name: str
    energy_wh: int
    top: float
    bottom: float

    @property
    def middle(self) -> float:
        """Where the name stands."""
        return (self.top + self.bottom) / 2


@dataclass(frozen=True, slots=True)
class Ribbon:
    """A trade as a band between two bars."""

    path: str
    text: str
    energy_wh: int
    is_own: bool


@dataclass(frozen=True, slots=True)
class TradeGraph:
    """Who sells to whom: sellers on the left, buyers on the right, a band as wide as the energy."""

    height: float
    sellers: tuple[Node, ...]
    buyers: tuple[Node, ...]
    ribbons: tuple[Ribbon, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class MapBranch:
    """A branch on the map. ``level`` is 0 to 4 by loading, 5 beyond its limit."""

    x1: float
    y1: float
    x2: float
    y2: float
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class MapBus:
    """A bus on the map. ``level`` is −2 to 2 by where the voltage stands in its band, ±3 outside."""

    x: float
    y: float
    level: int
    is_source: bool
    text: str


@dataclass(frozen=True, slots=True)
class FeederMap:
    """The feeder as it lies."""

    width: float
    height: float
    branches: tuple[MapBranch, ...]
    buses: tuple[MapBus, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """What an interval cost: a bar from zero, and a mark where the supplier alone would be."""

    x: float
    width: float
    y: float
    height: float
    mark: float
    interval: int


@dataclass(frozen=True, slots=True)
class SavingsChart:
    """Bills interval by interval, against the supplier alone; ``up`` in hundredths of the currency."""

    axes: Axes
    zero: float
    bars: tuple[Bar, ...]


def book_chart(book: Book, prices: Prices) -> BookChart | None:
    """The book of an interval as two stairs; None if it is empty."""
    if not book.buy and not book.sell:
        return None
    most_kwh = max(sum(level.energy_wh for level in side) for side in (book.buy, book.sell)) / 1_000
    asked = [level.price for level in (*book.buy, *book.sell)] + [prices.import_price, prices.export_price]
    across, up = nice_ticks(0.0, most_kwh), nice_ticks(min(*asked, 0) / 1e4, max(asked) / 1e4)
    x, y = _scale(across, LEFT, WIDE - RIGHT), _scale(up, HIGH - BOTTOM, TOP)

    def stairs(side: Sequence[Level]) -> str:
        corners, so_far = [], 0.0
        for level in side:
            corners.append(f"{x(so_far):.1f},{y(level.price / 1e4):.1f}")
            so_far += level.energy_wh / 1_000
            corners.append(f"{x(so_far):.1f},{y(level.price / 1e4):.1f}")
        return " ".join(corners)

    axes = Axes(tuple(Tick(x(value), value) for value in across), tuple(Tick(y(value), value) for value in up))
    return BookChart(
        axes, stairs(book.buy), stairs(book.sell), y(prices.import_price / 1e4), y(prices.export_price / 1e4)
    )


def trade_graph(links: Sequence[Link]) -> TradeGraph | None:
    """Bands between sellers and buyers; None without a trade."""
    if not links:
        return None
    merged: dict[tuple[str, str], int] = {}
    for link in links:
        merged[link.seller, link.buyer] = merged.get((link.seller, link.buyer), 0) + link.energy_wh
    ranked = sorted(merged.items(), key=lambda item: (-item[1], item[0]))
    shown = sorted(ranked[:MOST_LINKS], key=lambda item: item[0])
    sums: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for (seller, buyer), wh in shown:
        sums[0][seller] = sums[0].get(seller, 0) + wh
        sums[1][buyer] = sums[1].get(buyer, 0) + wh
    most = max(len(side) for side in sums)
    height = max(HIGH, ROW * most + 120.0)
    sides = [_bars(side, height, ROW - 2.0) for side in sums]
    scale = [(node.bottom - node.top) / node.energy_wh for node in (sides[0][0], sides[1][0])]
    at = [{node.name: node.top for node in side} for side in sides]
    order = [{node.name: number for number, node in enumerate(side)} for side in sides]
    ribbons = []
    for (seller, buyer), wh in sorted(shown, key=lambda item: (order[0][item[0][0]], order[1][item[0][1]])):
        left, right = at[0][seller], at[1][buyer]
        at[0][seller] += wh * scale[0]
        at[1][buyer] += wh * scale[1]
        path = (
            f"M170,{left:.1f} C300,{left:.1f} 300,{right:.1f} 430,{right:.1f} L430,{at[1][buyer]:.1f} "
            f"C300,{at[1][buyer]:.1f} 300,{at[0][seller]:.1f} 170,{at[0][seller]:.1f} Z"
        )
        ribbons.append(Ribbon(path, f"{seller} to {buyer}", wh, "you" in (seller, buyer)))
    return TradeGraph(height, sides[0], sides[1], tuple(ribbons), max(len(ranked) - MOST_LINKS, 0))


def _bars(sums: dict[str, int], height: float, gap: float) -> tuple[Node, ...]:
    """Bars one below the other, the largest first, as high as their energy; in the middle of the height."""
    ranked = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    free = height - 20.0 - gap * (len(ranked) - 1)
    per_wh = free / sum(sums.values())
    top, nodes = 10.0, []
    for name, wh in ranked:
        nodes.append(Node(name, wh, top, top + wh * per_wh))
        top += wh * per_wh + gap
    return tuple(nodes)


def feeder_map(feeder: Feeder, seen: FeederView) -> FeederMap | None:
    """The feeder on its coordinates; None if it has none."""
    if not np.isfinite(feeder.xy).all():
        return None
    xy, width, height = _on_paper(feeder.xy)
    ends = zip(*(end.tolist() for end in feeder.branch_ends), strict=True)
    branches = tuple(
        MapBranch(
            float(xy[start, 0]),
            float(xy[start, 1]),
            float(xy[end, 0]),
            float(xy[end, 1]),
            5 if branch.loading > seen.loading_limit else min(int(branch.loading / seen.loading_limit * 5), 4),
            f"{branch.name}: {branch.loading:.0%}",
        )
        for (start, end), branch in zip(ends, seen.branches, strict=True)
    )
    buses = tuple(
        MapBus(x, y, _voltage_level(bus.v_pu, seen), at == feeder.source_bus, f"{bus.name}: {bus.v_pu:.4f} p.u.")
        for at, ((x, y), bus) in enumerate(zip(xy.tolist(), seen.buses, strict=True))
    )
    return FeederMap(width, height, branches, buses)


def _on_paper(places: FloatArray) -> tuple[FloatArray, float, float]:
    """Coordinates in degrees or metres to the paper: north up, the longer way across the width."""
    low, high = places.min(axis=0), places.max(axis=0)
    extent = np.maximum(high - low, 1e-12)
    shrink = np.cos(np.deg2rad(np.clip(places[:, 1].mean(), -80, 80))) if np.abs(places).max() <= 180 else 1.0
    real = extent * np.array([shrink, 1.0])
    turned = bool(real[1] > real[0])
    across, up = (1, 0) if turned else (0, 1)
    height = float(np.clip(WIDE * real[up] / real[across], 160.0, 420.0))
    xy = np.empty_like(places)
    xy[:, 0] = 14.0 + (places[:, across] - low[across]) / extent[across] * (WIDE - 28.0)
    xy[:, 1] = 14.0 + (high[up] - places[:, up]) / extent[up] * (height - 28.0)
    return xy, WIDE, height


def _voltage_level(v_pu: float, seen: FeederView) -> int:
    """Where a voltage stands between the middle of its band and its ends."""
    middle, half = (seen.v_max_pu + seen.v_min_pu) / 2, (seen.v_max_pu - seen.v_min_pu) / 2
    share = (v_pu - middle) / half
    if abs(share) > 1:
        return 3 if share > 0 else -3
    return int(np.sign(share)) * int(np.searchsorted([0.25, 0.6], abs(share), side="right"))


def savings_chart(bills: Sequence[BillRow]) -> SavingsChart | None:
    """Bars of what was paid; None if nothing is settled."""
    if not bills:
        return None
    values = [amount / 1e4 for bill in bills for amount in (bill.amount, bill.alone)]
    up = nice_ticks(min(*values, 0.0), max(*values, 0.0))
    y = _scale(up, HIGH - BOTTOM, TOP)
    width = (WIDE - LEFT - RIGHT) / len(bills)
    bars = []
    for at, bill in enumerate(bills):
        ends = sorted((y(0.0), y(bill.amount / 1e4)))
        bars.append(
            Bar(LEFT + (at + 0.15) * width, 0.7 * width, ends[0], ends[1] - ends[0], y(bill.alone / 1e4), bill.interval)
        )
    step = max(1, len(bills) // 6)
    across = tuple(Tick(LEFT + (at + 0.5) * width, bills[at].interval) for at in range(0, len(bills), step))
    return SavingsChart(Axes(across, tuple(Tick(y(value), value) for value in up)), y(0.0), tuple(bars))


def nice_ticks(low: float, high: float, most: int = 6) -> tuple[float, ...]:
    """Round numbers from at most ``low`` to at least ``high``.

    Examples
    --------
    >>> nice_ticks(0.0, 8.7)
    (0.0, 2.0, 4.0, 6.0, 8.0, 10.0)
    """
    span = max(high - low, 1e-9)
    rough = span / (most - 1)
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(next(size * power for size in (1, 2, 5, 10) if size * power >= rough * (1 - 1e-9)))
    first, last = int(np.floor(low / step + 1e-9)), int(np.ceil(high / step - 1e-9))
    return tuple(round(number * step, 9) for number in range(first, max(last, first + 1) + 1))


def _scale(ticks: Sequence[float], begin: float, end: float) -> Callable[[float], float]:
    """From values to the paper: the first tick stands at ``begin``, the last at ``end``."""
    return lambda value: begin + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (end - begin)
