"""The game as arrays: who takes part, on which feeder, who may trade with whom; and an allocation of it.

After Belgioioso, Ananduta, Grammatico, Ocampo-Martinez, "Operationally-safe peer-to-peer energy trading in distribution grids:
a game-theoretic market-clearing mechanism", arXiv:2107.13444. The names are those of the files that instances are kept in.
Powers in kW and kvar, energies in kWh, money in EUR (or any currency), prices per kWh, time in h; squared voltages in p.u.
"""

from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from gridpact.errors import InputError
from gridpact.markets.equilibrium._validation import check_allocation, check_instance
from gridpact.units import BoolArray, FloatArray, IntArray

OF_MEMBERS = (
    *("pro_bus", "pd", "qd", "di_max", "Q_di", "c_di", "E", "ch_max", "ds_max", "x_min", "x_max", "x_0"),
    *("eta_st", "eta_ch", "eta_ds", "Q_st", "x_loss", "cur_max"),
)
"""The arrays of an instance that have a row a member."""


class Terminal(StrEnum):
    """What the last state of charge owes to the first."""

    EQUAL = "equal"
    AT_LEAST = "at least"
    FREE = "free"


@dataclass(frozen=True, eq=False)
class GridLimits:
    """What the linear model of the grid must keep.

    Attributes
    ----------
    v_low, v_high
        Squared voltages in p.u., ``[bus, hour]``.
    flow
        Most active power through the line from each bus to its parent, in either direction, kW ``[bus, hour]``; ``inf`` where
        nothing limits it, below zero where the reactive power alone is too much.
    head_min, head_max
        Power drawn at the root, kW ``[hour]``.
    """

    v_low: FloatArray
    v_high: FloatArray
    flow: FloatArray
    head_min: FloatArray
    head_max: FloatArray

    def __post_init__(self) -> None:
        for each in fields(self):
            getattr(self, each.name).flags.writeable = False


@dataclass(frozen=True, eq=False)
class Instance:
    """One day-ahead clearing. Arrays are ``[item, hour]``; scalars and ``[item]`` are broadcast where that is said.

    Attributes
    ----------
    H, dt
        Number of intervals ("hours", however long) and their length in h.
    bus_name, parent
        Buses from the root outwards, every bus after its parent; the parent's position, −1 at the root, ``[bus]``.
    r, x
        Of the line to the parent, squared p.u. per kW and per kvar: the squared voltage falls by ``2 (r P + x Q)``, ``[bus]``.
    z_ohm, kv
        The same in Ω at this nominal voltage, for the AC power flow, ``[bus]``.
    s_max
        Rating of the line to the parent in kVA, ``[bus]``; ``inf`` where there is none.
    v0, vmin, vmax
        Voltage of the root and the permitted band, p.u.; 0 and ``inf`` where nothing limits it.
    pmin, pmax
        Bounds of the power drawn from the main grid.
    pas_p, pas_q
        Passive consumers, ``[bus, hour]``.
    pro_bus
        Position of each member's bus, ``[member]``.
    pd, qd
        Load minus own PV, and reactive load, ``[member, hour]``.
    di_max, Q_di, c_di
        Dispatchable generation: its limit, and its cost ``Q_di p² + c_di p``, ``[member]``.
    E, ch_max, ds_max
        Storage: capacity (0: none) and largest powers, ``[member]``.
    x_min, x_max, x_0
        State of charge as a share of the capacity: limits and start, ``[member]``.
    eta_st, eta_ch, eta_ds, Q_st
        ``x⁺ = eta_st x + dt/E (eta_ch p_ch − p_ds/eta_ds) − x_loss``, at a cost of ``Q_st (p_ch² + p_ds²)``, ``[member]``.
    terminal
        A `Terminal`.
    import_only
        Whether members may not deliver to the main grid.
    edges, cap
        Pairs i < j that may trade, ``[link, 2]``, and how much at most, ``[link]``.
    c_tr
        What i and what j pays per kWh that it buys from the other, ``[link, 2]``: contract, preference, tax.
    c_ta
        Network tariff per kWh traded, for each of the two, ``[link]`` (a scalar is broadcast).
    d_h
        Price of the main grid per kWh and kW: a member pays ``d_h (σ + b) p_mg``, ``[hour]`` (a scalar is broadcast).
    gain
        Factor of the squared voltage from the parent to each bus (an off-nominal transformer), ``[bus]``.
    x_loss
        Share of the capacity lost in each interval whatever is in it, ``[member]``.
    cur_max
        PV that may be held back, ``[member, hour]``; 0: none.
    price_im, price_ex
        Beside `d_h`: price of a kWh imported, and of one delivered, ``[hour]``; import ≥ export.
    pro_name
        Names of the members, unique.
    limits
        What the linear grid must keep instead of what the band and the ratings say: those tightened for AC safety.

    Raises
    ------
    InputError
        Naming member, link or bus, field and interval: NaN; a negative cost or limit; a storage that starts outside of its
        limits; lines that form a loop; a link that is there twice; an export price above the import price.

    Notes
    -----
    Costs `Q_di`, `c_di`, `Q_st`, `c_ta` and `d_h` must not be negative: the game would not be convex, or somebody would be paid
    for burning energy. `c_tr` may be (a preference is), and so may `price_im` and `price_ex` (negative wholesale prices).
    """

    H: int
    dt: float
    bus_name: tuple[str, ...]
    parent: IntArray
    r: FloatArray
    x: FloatArray
    z_ohm: npt.NDArray[np.complex128]
    s_max: FloatArray
    kv: float
    v0: float
    vmin: float
    vmax: float
    pmin: float
    pmax: float
    pas_p: FloatArray
    pas_q: FloatArray
    pro_bus: IntArray
    pd: FloatArray
    qd: FloatArray
    di_max: FloatArray
    Q_di: FloatArray
    c_di: FloatArray
    E: FloatArray
    ch_max: FloatArray
    ds_max: FloatArray
    x_min: FloatArray
    x_max: FloatArray
    x_0: FloatArray
    eta_st: FloatArray
    eta_ch: FloatArray
    eta_ds: FloatArray
    Q_st: FloatArray
    terminal: Terminal
    import_only: bool
    edges: IntArray
    cap: FloatArray
    c_tr: FloatArray
    c_ta: FloatArray
    d_h: FloatArray
    gain: FloatArray = field(default_factory=lambda: np.array(1.0))
    x_loss: FloatArray = field(default_factory=lambda: np.array(0.0))
    cur_max: FloatArray = field(default_factory=lambda: np.array(0.0))
    price_im: FloatArray = field(default_factory=lambda: np.array(0.0))
    price_ex: FloatArray = field(default_factory=lambda: np.array(0.0))
    pro_name: tuple[str, ...] = ()
    limits: GridLimits | None = None

    def __post_init__(self) -> None:
        check_instance(self)

    @property
    def members(self) -> int:
        """How many members."""
        return len(self.pro_bus)

    @property
    def buses(self) -> int:
        """How many buses, the root included."""
        return len(self.parent)

    @property
    def links(self) -> int:
        """How many pairs may trade."""
        return len(self.cap)

    @cached_property
    def stores(self) -> BoolArray:
        """Whether a member has storage, ``[member]``."""
        return np.asarray(self.E > 0)

    @cached_property
    def base_kw(self) -> FloatArray:
        """b: drawn by the passive consumers in all, ``[hour]``."""
        return np.asarray(self.pas_p.sum(axis=0))

    @cached_property
    def bus_kvar(self) -> FloatArray:
        """Reactive power drawn at the buses, which no decision changes, ``[bus, hour]``."""
        return self.pas_q + self.at_buses(self.qd)

    @cached_property
    def flow_kvar(self) -> FloatArray:
        """Reactive power through the line from each bus to its parent, ``[bus, hour]``; at the root what is drawn in all."""
        return self.flow(self.bus_kvar)

    @cached_property
    def grid_limits(self) -> GridLimits:
        """What the linear grid must keep: `limits`, or what band and ratings say, ``|P| ≤ √(s² − Q²)``."""
        if self.limits is not None:
            return self.limits
        shape = self.buses, self.H
        with np.errstate(invalid="ignore"):
            room = np.broadcast_to(self.s_max[:, None], shape) ** 2 - self.flow_kvar**2
        return GridLimits(
            np.full(shape, self.vmin**2),
            np.full(shape, self.vmax**2),
            np.sign(room) * np.sqrt(np.abs(room)),
            np.full(self.H, self.pmin),
            np.full(self.H, self.pmax),
        )

    @cached_property
    def is_limited(self) -> bool:
        """Whether the feeder limits anything beyond the root: a voltage or a flow."""
        limits = self.grid_limits
        bounded = np.isfinite(limits.flow[1:]), limits.v_low[1:] > 0, np.isfinite(limits.v_high[1:])
        return bool(any(each.any() for each in bounded))

    def at_buses(self, power: FloatArray) -> FloatArray:
        """Add up members' powers ``[member, hour]`` at their buses, ``[bus, hour]``."""
        total = np.zeros((self.buses, power.shape[1]))
        np.add.at(total, self.pro_bus, power)
        return total

    def flow(self, drawn: FloatArray) -> FloatArray:
        """Power through the line from each bus to its parent from what is drawn, both ``[bus, hour]``; lossless."""
        total = np.array(drawn)
        for bus in range(self.buses - 1, 0, -1):
            total[self.parent[bus]] += total[bus]
        return total

    def squared_voltage(self, flow_kw: FloatArray) -> FloatArray:
        """LinDistFlow: squared voltages in p.u. from the active flows, both ``[bus, hour]``."""
        fall = 2 * (self.r[:, None] * flow_kw + self.x[:, None] * self.flow_kvar)
        v = np.full((self.buses, self.H), self.v0**2)
        for bus in range(1, self.buses):
            v[bus] = self.gain[bus] * v[self.parent[bus]] - fall[bus]
        return v

    @cached_property
    def islands(self) -> tuple[IntArray, ...]:
        """Members in the connected parts of the trading graph, largest part first."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        i, j = self.edges.T
        graph = coo_array((np.ones(self.links), (i, j)), shape=(self.members, self.members))
        count, label = connected_components(graph, directed=False)
        parts = [np.flatnonzero(label == each) for each in range(count)]
        return tuple(sorted(parts, key=lambda part: (-len(part), int(part[0]))))

    def with_limits(self, limits: GridLimits) -> Self:
        """The same game under other limits of the linear grid."""
        return replace(self, limits=limits)


@dataclass(frozen=True, eq=False)
class Allocation:
    """What the members do. Arrays ``[member, hour]`` in kW, of the trades ``[link, hour]``.

    Attributes
    ----------
    p_di, p_ch, p_ds
        Generation, charge, discharge; not negative.
    p_mg
        Bought from the main grid, + = import.
    p_tr
        What i buys from j on link i < j.
    pi
        Prices of the nodes, per kWh ``[member, hour]``: the multipliers of the members' balances.
    p_tr_rev
        What j buys from i; None: exactly the opposite.
    p_cur
        PV held back, ``[member, hour]``; None: nothing.

    Raises
    ------
    InputError
        If arrays do not fit each other or are not finite.
    """

    p_di: FloatArray
    p_ch: FloatArray
    p_ds: FloatArray
    p_mg: FloatArray
    p_tr: FloatArray
    pi: FloatArray
    p_tr_rev: FloatArray | None = None
    p_cur: FloatArray | None = None

    def __post_init__(self) -> None:
        check_allocation(self)

    @property
    def bought_back(self) -> FloatArray:
        """What j buys from i on each link, ``[link, hour]``."""
        return -self.p_tr if self.p_tr_rev is None else self.p_tr_rev

    @property
    def curtailed(self) -> FloatArray:
        """PV held back, ``[member, hour]``."""
        return np.zeros_like(self.p_mg) if self.p_cur is None else self.p_cur

    def check_fits(self, instance: Instance) -> None:
        """Raise `InputError` unless the arrays have the instance's members, links and hours."""
        for name, items in (("p_mg", instance.members), ("p_tr", instance.links)):
            found = getattr(self, name).shape
            if found != (items, instance.H):
                raise InputError(
                    f"it has shape {found}", place=f"solution: {name}", accepted=f"shape {(items, instance.H)}"
                )

    def draw(self, instance: Instance) -> FloatArray:
        """What each member draws at its bus, ``[member, hour]``."""
        return instance.pd + self.curtailed + self.p_ch - self.p_ds - self.p_di

    def bought(self, instance: Instance) -> FloatArray:
        """What each member buys from its partners, net, ``[member, hour]``."""
        total = np.zeros((instance.members, instance.H))
        np.add.at(total, instance.edges[:, 0], self.p_tr)
        np.add.at(total, instance.edges[:, 1], self.bought_back)
        return total

    def bus_kw(self, instance: Instance) -> FloatArray:
        """What is drawn at each bus, passive consumers included, ``[bus, hour]``."""
        return instance.pas_p + instance.at_buses(self.draw(instance))

    def state_of_charge(self, instance: Instance) -> FloatArray:
        """Shares of the capacities, ``[member, hour + 1]``, the start included; 0 without storage."""
        share = np.zeros((instance.members, instance.H + 1))
        own = instance.stores
        share[own, 0] = instance.x_0[own]
        per_kw = instance.dt / np.where(own, instance.E, 1.0)
        gain = per_kw[:, None] * (instance.eta_ch[:, None] * self.p_ch - self.p_ds / instance.eta_ds[:, None])
        for hour in range(instance.H):
            kept = instance.eta_st[own] * share[own, hour] - instance.x_loss[own]
            share[own, hour + 1] = kept + gain[own, hour]
        return share
