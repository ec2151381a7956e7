"""The game as one convex program with a diagonal Hessian: minimise ½ x'Dx + c'x where A x = b and low ≤ x ≤ high.

Flows and voltages of the tree and the energies in storage are variables of their own, and everything stands hour by hour: the
matrix is then sparse enough to be factorised with little fill.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridpact.markets.equilibrium.instance import Allocation, Instance, Terminal
from gridpact.markets.equilibrium.objectives import Concept
from gridpact.units import FloatArray, IntArray

VOLTAGE_SCALE = 1e3
"""Squared voltages are kept in thousandths of a p.u., so that they move as much as powers do."""


DEVICES = ("di", "ch", "ds", "cur")
"""Powers that pass through the member's bus."""


@dataclass(frozen=True, eq=False)
class Program:
    """A quadratic program, and where its parts stand.

    Attributes
    ----------
    quadratic, linear, low, high
        D, c and the bounds, ``[variable]``.
    matrix, right
        A (SciPy CSC) and b.
    at
        Positions of the variables by name, ``[item, hour]``.
    rows
        Positions of the equations by name, ``[item, hour]``.
    """

    quadratic: FloatArray
    linear: FloatArray
    low: FloatArray
    high: FloatArray
    matrix: Any
    right: FloatArray
    at: Mapping[str, IntArray]
    rows: Mapping[str, IntArray]


@dataclass(frozen=True, eq=False)
class _Block:
    """Variables of one kind, ``[item, hour]``."""

    low: FloatArray
    high: FloatArray
    linear: FloatArray
    quadratic: FloatArray


class Builder:
    """Collects variables and equations, then lays both out hour by hour."""

    def __init__(self, hours: int) -> None:
        self.hours = hours
        self._blocks: dict[str, _Block] = {}
        self._rows: dict[str, FloatArray] = {}
        self._entries: list[tuple[str, str, Any, Any, Any, int]] = []

    @property
    def names(self) -> set[str]:
        """Names of the variables so far."""
        return set(self._blocks)

    def variables(
        self, name: str, items: int, *, low: Any = -np.inf, high: Any = np.inf, linear: Any = 0.0, quadratic: Any = 0.0
    ) -> None:
        """Add variables ``[item, hour]``; numbers are broadcast, ``[item, 1]`` over hours."""
        shape = items, self.hours
        spread = (np.broadcast_to(np.asarray(part, dtype=np.float64), shape) for part in (low, high, linear, quadratic))
        self._blocks[name] = _Block(*spread)

    def equations(self, name: str, right: FloatArray) -> None:
        """Add equations with these right hand sides, ``[item, hour]``."""
        self._rows[name] = right

    def entries(
        self, row: str, variable: str, row_items: Any, variable_items: Any, values: Any, *, lag: int = 0
    ) -> None:
        """Put values where rows of items meet variables of items, in every hour; `lag` hours back in the variable."""
        self._entries.append((row, variable, np.asarray(row_items), np.asarray(variable_items), values, lag))

    def build(self) -> Program:
        """Lay out: the order within an hour is that of the calls."""
        from scipy.sparse import coo_array

        at = self._places({name: block.low.shape[0] for name, block in self._blocks.items()})
        rows = self._places({name: right.shape[0] for name, right in self._rows.items()})
        size, height = (sum(place.size for place in places.values()) for places in (at, rows))
        where, column, value = [], [], []
        for row, variable, row_items, variable_items, values, lag in self._entries:
            of_rows, of_variables = rows[row][row_items][:, lag:], at[variable][variable_items][:, : self.hours - lag]
            where.append(of_rows.ravel())
            column.append(of_variables.ravel())
            per_item = np.broadcast_to(np.asarray(values, dtype=np.float64), (len(row_items),))
            value.append(np.repeat(per_item, self.hours - lag))
        entries = (np.concatenate(value), (np.concatenate(where), np.concatenate(column)))
        columns = {
            part: self._flat(at, {name: getattr(block, part) for name, block in self._blocks.items()}, size)
            for part in ("quadratic", "linear", "low", "high")
        }
        matrix = coo_array(entries, shape=(height, size)).tocsc()
        return Program(**columns, matrix=matrix, right=self._flat(rows, self._rows, height), at=at, rows=rows)

    def _places(self, items: dict[str, int]) -> dict[str, IntArray]:
        """Hour by hour, within an hour kind by kind."""
        per_hour = sum(items.values())
        offsets = np.cumsum([0, *items.values()])
        hours = np.arange(self.hours) * per_hour
        return {
            name: offset + np.arange(count)[:, None] + hours
            for (name, count), offset in zip(items.items(), offsets, strict=False)
        }

    @staticmethod
    def _flat(places: Mapping[str, IntArray], blocks: Mapping[str, FloatArray], size: int) -> FloatArray:
        flat = np.empty(size)
        for name, block in blocks.items():
            flat[places[name].ravel()] = block.ravel()
        return flat


def add_devices(builder: Builder, instance: Instance) -> None:
    """Generation, storage, curtailment, with the equation of the state of charge."""
    generates, stores, curtails = owners(instance)
    builder.variables(
        "di",
        len(generates),
        low=0.0,
        high=instance.di_max[generates, None],
        linear=instance.c_di[generates, None],
        quadratic=2 * instance.Q_di[generates, None],
    )
    q_st = 2 * instance.Q_st[stores, None]
    builder.variables("ch", len(stores), low=0.0, high=instance.ch_max[stores, None], quadratic=q_st)
    builder.variables("ds", len(stores), low=0.0, high=instance.ds_max[stores, None], quadratic=q_st)
    builder.variables("cur", len(curtails), low=0.0, high=instance.cur_max[curtails])
    capacity = instance.E[stores, None]
    low = np.repeat(instance.x_min[stores, None] * capacity, instance.H, axis=1)
    high = np.repeat(instance.x_max[stores, None] * capacity, instance.H, axis=1)
    start = instance.x_0[stores] * instance.E[stores]
    if instance.terminal is not Terminal.FREE:
        low[:, -1] = start
        if instance.terminal is Terminal.EQUAL:
            high[:, -1] = start
    builder.variables("soc", len(stores), low=low, high=high)
    right = np.repeat(-instance.x_loss[stores, None] * capacity, instance.H, axis=1)
    right[:, 0] += instance.eta_st[stores] * start
    builder.equations("soc", right)
    each = np.arange(len(stores))
    builder.entries("soc", "soc", each, each, 1.0)
    builder.entries("soc", "soc", each, each, -instance.eta_st[stores], lag=1)
    builder.entries("soc", "ch", each, each, -instance.dt * instance.eta_ch[stores])
    builder.entries("soc", "ds", each, each, instance.dt / instance.eta_ds[stores])


def add_imports(builder: Builder, instance: Instance, price: FloatArray, quadratic: FloatArray) -> None:
    """Imports, and deliveries where these have a price of their own; both cost `price`, ``[hour]`` or more, beside retail."""
    sells = not instance.import_only
    split = sells and bool((instance.price_im > instance.price_ex).any())
    low = -np.inf if sells and not split else 0.0
    builder.variables("im", instance.members, low=low, linear=price + instance.price_im, quadratic=quadratic)
    if split:
        builder.variables("ex", instance.members, low=0.0, linear=-price - instance.price_ex, quadratic=quadratic)


def add_grid_trades(builder: Builder, instance: Instance, concept: Concept) -> None:
    """What the members buy from the main grid, and its sum σ within the bounds of the head."""
    of_all, of_each = concept.weights
    add_imports(builder, instance, np.zeros(instance.H), 2 * of_each * instance.d_h)
    limits = instance.grid_limits
    builder.variables(
        "sigma",
        1,
        low=limits.head_min - instance.base_kw,
        high=limits.head_max - instance.base_kw,
        linear=instance.d_h * instance.base_kw,
        quadratic=2 * of_all * instance.d_h,
    )
    builder.equations("sigma", np.zeros((1, instance.H)))
    builder.entries("sigma", "sigma", [0], [0], 1.0)
    for name, member, sign in serving(instance, builder.names - set(DEVICES)):
        builder.entries("sigma", name, np.zeros_like(member), member, -sign)


def add_tree(builder: Builder, instance: Instance) -> None:
    """Flows and squared voltages of the tree within their limits, and what the members' devices draw at the buses.

    Nothing is added where the feeder limits nothing.
    """
    if not instance.is_limited:
        return
    limits, beyond = instance.grid_limits, np.arange(1, instance.buses)
    lines = beyond - 1
    builder.variables("flow", len(lines), low=-limits.flow[1:], high=limits.flow[1:])
    builder.variables("v2", len(lines), low=VOLTAGE_SCALE * limits.v_low[1:], high=VOLTAGE_SCALE * limits.v_high[1:])
    builder.equations("bus", (instance.pas_p + instance.at_buses(instance.pd))[1:])
    builder.entries("bus", "flow", lines, lines, 1.0)
    inner = beyond[instance.parent[1:] > 0]
    builder.entries("bus", "flow", instance.parent[inner] - 1, inner - 1, -1.0)
    for name, member, sign in serving(instance, DEVICES):
        away = instance.pro_bus[member] > 0
        builder.entries("bus", name, instance.pro_bus[member[away]] - 1, np.flatnonzero(away), sign)
    fall = 2 * VOLTAGE_SCALE * instance.x[1:, None] * instance.flow_kvar[1:]
    right = -fall
    first = instance.parent[1:] == 0
    right[first] += VOLTAGE_SCALE * (instance.gain[1:][first] * instance.v0**2)[:, None]
    builder.equations("v2", right)
    builder.entries("v2", "v2", lines, lines, 1.0)
    builder.entries("v2", "v2", inner - 1, instance.parent[inner] - 1, -instance.gain[inner])
    builder.entries("v2", "flow", lines, lines, 2 * VOLTAGE_SCALE * instance.r[1:])


def add_trades(builder: Builder, cap: FloatArray, price: FloatArray, tariff: FloatArray) -> None:
    """Trades p = buy − sell of at most cap that cost ``price · p + tariff · |p|``; `price` is ``[trade, hour]``.

    Only where a tariff makes a kink both directions are variables of their own.
    """
    kinked = np.flatnonzero(tariff > 0)
    low = np.where(tariff > 0, 0.0, -cap)
    builder.variables("buy", len(cap), low=low[:, None], high=cap[:, None], linear=price + tariff[:, None])
    sold = tariff[kinked, None] - price[kinked]
    builder.variables("sell", len(kinked), low=0.0, high=cap[kinked, None], linear=sold)


def add_balances(
    builder: Builder, instance: Instance, ends: Sequence[tuple[IntArray, float]], tariff: FloatArray
) -> None:
    """Generation, storage, grid and partners meet every member's load.

    Parameters
    ----------
    builder
        With all powers.
    instance
        Whose members they are.
    ends
        Members ``[trade]`` that the trades serve (+1) or burden (−1).
    tariff
        Of the trades, as they were added.
    """
    builder.equations("balance", np.array(instance.pd))
    for name, member, sign in serving(instance, builder.names):
        builder.entries("balance", name, member, np.arange(len(member)), sign)
    kinked = np.flatnonzero(tariff > 0)
    for member, sign in ends:
        builder.entries("balance", "buy", member, np.arange(len(member)), sign)
        builder.entries("balance", "sell", member[kinked], np.arange(len(kinked)), -sign)


def whole_game(instance: Instance, concept: Concept, *, least_norm: float = 0.0) -> Program:
    """The program whose minimiser is the equilibrium (or optimum) of a concept; `least_norm` weighs ½ p² of every power."""
    builder = Builder(instance.H)
    add_devices(builder, instance)
    add_grid_trades(builder, instance, concept)
    difference = np.repeat((instance.c_tr[:, 0] - instance.c_tr[:, 1])[:, None], instance.H, axis=1)
    add_trades(builder, instance.cap, difference, 2 * instance.c_ta)
    i, j = instance.edges.T
    add_balances(builder, instance, ((i, 1.0), (j, -1.0)), instance.c_ta)
    add_tree(builder, instance)
    program = builder.build()
    for name in ("di", "ch", "ds", "cur", "im", "ex", "buy", "sell") if least_norm else ():
        if name in program.at:
            program.quadratic[program.at[name]] += least_norm
    return program


def without_links(
    instance: Instance, concept: Concept, pi: FloatArray, *, imports: bool = True, grid: bool = True
) -> Program:
    """The same with the members' balances relaxed at prices π, and without the links: each power earns or pays π.

    Without `imports` nothing is bought from the main grid, without `grid` the feeder has no limits. Every variable is bounded,
    if only by what the balances imply.
    """
    builder = Builder(instance.H)
    add_devices(builder, instance)
    if imports:
        add_grid_trades(builder, instance, concept)
    if grid:
        add_tree(builder, instance)
    program = builder.build()
    for name, member, sign in serving(instance, program.at):
        program.linear[program.at[name]] -= sign * pi[member]
    most, least = _most_imported(instance)
    widest = np.abs(instance.pas_p).sum(axis=0) + np.maximum(np.abs(most), np.abs(least)).sum(axis=0)
    for name in ("flow", "sigma"):
        if name in program.at:
            places = program.at[name]
            program.low[places] = np.maximum(program.low[places], -widest)
            program.high[places] = np.minimum(program.high[places], widest)
    if not imports:
        return program
    program.high[program.at["im"]] = np.maximum(most, 0.0)
    if "ex" in program.at:
        program.high[program.at["ex"]] = np.maximum(-least, 0.0)
    elif not instance.import_only:
        program.low[program.at["im"]] = least
    return program


def _most_imported(instance: Instance) -> tuple[FloatArray, FloatArray]:
    """Most and least that the balances let each member import, ``[member, hour]``: with these relaxed it must be said."""
    linked = np.zeros(instance.members)
    for end in (0, 1):
        np.add.at(linked, instance.edges[:, end], instance.cap)
    own = np.where(instance.stores, [instance.ch_max, instance.ds_max], 0.0)
    most = instance.pd + instance.cur_max + (own[0] + linked)[:, None]
    return most, instance.pd - (instance.di_max + own[1] + linked)[:, None]


def owners(instance: Instance) -> tuple[IntArray, IntArray, IntArray]:
    """Positions of the members with generation, with storage, with PV that may be held back."""
    return (
        np.flatnonzero(instance.di_max > 0),
        np.flatnonzero(instance.stores),
        np.flatnonzero((instance.cur_max > 0).any(axis=1)),
    )


def serving(instance: Instance, names: Container[str]) -> list[tuple[str, IntArray, float]]:
    """Which of these powers serve (+) or burden (−) the balances of which members: name, members, sign."""
    generates, stores, curtails = owners(instance)
    every = np.arange(instance.members)
    signs = {"di": (generates, 1.0), "ch": (stores, -1.0), "ds": (stores, 1.0), "cur": (curtails, -1.0)}
    signs |= {"im": (every, 1.0), "ex": (every, -1.0)}
    return [(name, member, sign) for name, (member, sign) in signs.items() if name in names]


def allocation_of(instance: Instance, program: Program, x: FloatArray, y: FloatArray) -> Allocation:
    """What a solution of the whole game says the members do; `y` multiplies ``A x − b`` in the Lagrangian."""

    def of(name: str, items: IntArray, count: int) -> FloatArray:
        power = np.zeros((count, instance.H))
        if name in program.at:
            power[items] = x[program.at[name]]
        return power

    generates, stores, curtails = owners(instance)
    kinked, members = np.flatnonzero(instance.c_ta > 0), instance.members
    every = np.arange(members)
    sold = of("sell", kinked, instance.links)
    return Allocation(
        p_di=of("di", generates, members),
        p_ch=of("ch", stores, members),
        p_ds=of("ds", stores, members),
        p_mg=of("im", every, members) - of("ex", every, members),
        p_tr=x[program.at["buy"]] - sold,
        pi=-y[program.rows["balance"]],
        p_cur=of("cur", curtails, members),
    )
