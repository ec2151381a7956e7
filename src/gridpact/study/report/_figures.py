"""What the charts draw: plain lists from the arrays of a comparison, small enough to travel inside a page."""

import math

import msgspec
import numpy as np

from gridpact.community import Community
from gridpact.grid import Flow
from gridpact.study.report._tree import lay_out
from gridpact.study.result import Comparison, MemberMetrics, Run
from gridpact.units import FloatArray, IntArray, from_micro, to_kwh

CURVE_POINTS = 401
LARGEST_TRADERS = 60
SHORTEST_BIN = 15
MINUTES = 24 * 60

Numbers = list[float]


class Duration(msgspec.Struct, frozen=True):
    """Power at the feeder head from its highest to its lowest value, kW; ``share`` of the time in percent."""

    share: Numbers
    reference: Numbers
    runs: list[Numbers]


class Day(msgspec.Struct, frozen=True):
    """Means by local time of day; ``hour`` starts a bin of ``width`` hours; prices per kWh, traded power in kW."""

    hour: Numbers
    width: float
    import_price: Numbers
    export_price: Numbers
    price: list[Numbers]
    power: list[Numbers]


class Partners(msgspec.Struct, frozen=True):
    """Who sells to whom: cells of (row of the seller, column of the buyer, kWh), for each run; the strongest single pair."""

    sellers: list[str]
    buyers: list[str]
    strongest: float
    cells: list[list[tuple[int, int, float]]]


class MemberFigures(msgspec.Struct, frozen=True):
    """One number a member under one mechanism, in the order of members."""

    bill: Numbers
    saving: Numbers
    self_sufficiency: Numbers
    self_consumption: Numbers


class Members(msgspec.Struct, frozen=True):
    """The members and what each run means to them."""

    ids: list[str]
    buses: list[str]
    runs: list[MemberFigures]


class GridState(msgspec.Struct, frozen=True):
    """Extremes over the horizon: voltages ``[bus]`` in p.u., loading ``[branch]`` as a share of the rating."""

    low: Numbers
    high: Numbers
    loading: Numbers


class Grid(msgspec.Struct, frozen=True):
    """The feeder on paper, and its state before any trade and under each run."""

    buses: list[str]
    members: dict[int, list[str]]
    source: int
    distance: Numbers
    row: Numbers
    distance_unit: str
    xy: list[Numbers] | None
    branches: list[str]
    ends: tuple[list[int], list[int]]
    v_min: float
    v_max: float
    loading_limit: float
    reference: GridState
    runs: list[GridState]


class Figures(msgspec.Struct, frozen=True):
    """Everything that is drawn; ``chips``: whether runs are few enough to stand side by side above the charts."""

    currency: str
    mechanisms: list[str]
    chips: bool
    colours: list[str]
    dashed: list[bool]
    selected: int
    captions: dict[str, list[str]]
    duration: Duration
    day: Day
    partners: Partners
    members: Members
    grid: Grid


def duration(comparison: Comparison) -> Duration:
    """Load duration curves at the feeder head."""
    periods = comparison.community.horizon.periods
    picked = np.unique(np.linspace(0, max(periods - 1, 0), min(periods, CURVE_POINTS)).round().astype(np.int64))
    share = 100 * picked / max(periods - 1, 1)

    def curve(flow: Flow) -> Numbers:
        return plain(np.sort(flow.head_kw)[::-1][picked], 2)

    return Duration(plain(share, 2), curve(comparison.baseline.flow), [curve(run.flow) for run in comparison.runs])


def day(comparison: Comparison) -> Day:
    """Price and traded power over the local day; the price is weighted by energy, null where nobody trades."""
    community = comparison.community
    step = community.horizon.hours * 60
    width = min(MINUTES, max(SHORTEST_BIN, math.ceil(step)))
    at = community.horizon.minute_of_day(community.time_zone) // width
    bins = math.ceil(MINUTES / width)
    intervals = np.bincount(at, minlength=bins).astype(np.float64)
    price, power = zip(*(_traded(run, at, intervals * step / 60) for run in comparison.runs), strict=True)

    def mean(prices: IntArray) -> Numbers:
        return plain(_ratio(_sums(at, from_micro(prices), bins), intervals), 5)

    return Day(
        hour=plain(np.arange(bins) * width / 60, 3),
        width=width / 60,
        import_price=mean(community.tariff.import_price),
        export_price=mean(community.tariff.export_price),
        price=list(price),
        power=list(power),
    )


def _traded(run: Run, at: IntArray, hours: FloatArray) -> tuple[Numbers, Numbers]:
    trades = run.pact.trades
    when = at[trades.interval]
    energy = _sums(when, to_kwh(trades.energy_wh), len(hours))
    paid = _sums(when, from_micro(trades.payments()), len(hours))
    return plain(_ratio(paid, energy), 5), plain(_ratio(energy, hours), 3)


def partners(comparison: Comparison) -> Partners:
    """The matrix of sellers and buyers, largest first over all runs; beyond `LARGEST_TRADERS` the rest is one row or column."""
    ids = comparison.community.member_ids
    sold, bought = np.zeros(len(ids)), np.zeros(len(ids))
    for run in comparison.runs:
        trades = run.pact.trades
        sold += _sums(trades.seller, to_kwh(trades.energy_wh), len(ids))
        bought += _sums(trades.buyer, to_kwh(trades.energy_wh), len(ids))
    row_of, rows, sellers = _places(sold, ids)
    column_of, columns, buyers = _places(bought, ids)
    cells = [_cells(run, row_of, column_of, len(sellers), len(buyers)) for run in comparison.runs]
    pairs = (kwh for run in cells for row, column, kwh in run if row < rows and column < columns)
    return Partners(sellers, buyers, max(pairs, default=0.0), cells)


def _places(energy: FloatArray, ids: tuple[str, ...]) -> tuple[IntArray, int, list[str]]:
    """The place of every member on an axis of traders, how many have one of their own, and the labels of the places."""
    ranked = np.argsort(-energy, kind="stable")[: np.count_nonzero(energy)]
    named = ranked if len(ranked) <= LARGEST_TRADERS else ranked[: LARGEST_TRADERS - 1]
    place = np.full(len(ids), len(named), dtype=np.int64)
    place[named] = np.arange(len(named))
    labels = [ids[member] for member in named]
    if len(ranked) > len(named):
        labels.append(f"{len(ranked) - len(named)} others")
    return place, len(named), labels


def _cells(run: Run, row_of: IntArray, column_of: IntArray, rows: int, columns: int) -> list[tuple[int, int, float]]:
    trades = run.pact.trades
    flat = row_of[trades.seller] * columns + column_of[trades.buyer]
    kwh = _sums(flat, to_kwh(trades.energy_wh), rows * columns)
    used = np.flatnonzero(kwh)
    row, column = np.divmod(used, max(columns, 1))
    return list(zip(row.tolist(), column.tolist(), plain(kwh[used], 3), strict=True))


def members(comparison: Comparison) -> Members:
    """Bill, saving and shares of every member under every mechanism."""
    community = comparison.community
    buses = [member.bus for member in community.members]
    return Members(list(community.member_ids), buses, [_member_figures(run.members) for run in comparison.runs])


def _member_figures(metrics: MemberMetrics) -> MemberFigures:
    return MemberFigures(
        bill=plain(metrics.bill, 4),
        saving=plain(metrics.saving, 4),
        self_sufficiency=plain(metrics.self_sufficiency, 4),
        self_consumption=plain(metrics.self_consumption, 4),
    )


def grid(comparison: Comparison) -> Grid:
    """The feeder with its extremes of voltage and loading."""
    feeder = comparison.community.feeder
    layout = lay_out(feeder)
    from_bus, to_bus = feeder.branch_ends
    known: dict[int, GridState] = {}
    flows = [comparison.baseline.flow, *(run.flow for run in comparison.runs)]
    states = [known[id(flow)] if id(flow) in known else known.setdefault(id(flow), _state(flow)) for flow in flows]
    return Grid(
        buses=list(feeder.bus_names),
        members=_members_at(comparison.community),
        source=feeder.source_bus,
        distance=plain(layout.distance, 4),
        row=plain(layout.row, 1),
        distance_unit=f"{layout.base_kva:.0f} kVA" if layout.base_kva < 1000 else f"{layout.base_kva / 1000:.0f} MVA",
        xy=[plain(axis, 6) for axis in feeder.xy.T] if len(feeder.xy) and np.isfinite(feeder.xy).all() else None,
        branches=list(feeder.branch_names),
        ends=(from_bus.tolist(), to_bus.tolist()),
        v_min=feeder.v_min_pu,
        v_max=feeder.v_max_pu,
        loading_limit=feeder.loading_limit,
        reference=states[0],
        runs=states[1:],
    )


def _members_at(community: Community) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for bus, member in zip(community.member_bus.tolist(), community.member_ids, strict=True):
        found.setdefault(bus, []).append(member)
    return found


def _state(flow: Flow) -> GridState:
    """Extremes over intervals first: the array over phases is then small."""
    low, high = flow.v_pu.min(axis=0), flow.v_pu.max(axis=0)
    if low.ndim == 2:
        low, high = low.min(axis=1), high.max(axis=1)
    return GridState(plain(low, 5), plain(high, 5), plain(flow.loading.max(axis=0), 4))


def plain(values: FloatArray, digits: int) -> Numbers:
    """Rounded numbers as a list; what is not finite stays so and becomes null in JSON.

    Examples
    --------
    >>> plain(np.array([1.23456, np.nan]), 2)
    [1.23, nan]
    """
    rounded: Numbers = np.round(values, digits).tolist()
    return rounded


def _sums(at: IntArray, values: FloatArray, size: int) -> FloatArray:
    """Sums of the values that belong to each of so many places."""
    return np.bincount(at, weights=values, minlength=size).astype(np.float64)


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """``part / whole``; NaN where the whole is zero."""
    return np.asarray(part / np.where(whole > 0, whole, np.nan), dtype=np.float64)
