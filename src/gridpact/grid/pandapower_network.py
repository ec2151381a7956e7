"""From a pandapower network to a `Feeder`.

Taken over: buses, lines (parallel ones as one), two-winding transformers with their tap position, one external grid,
switches. Loads and static generators are left out: what is drawn at a bus is the caller's business. Everything else that
would change the flow is refused.

pandapower itself ignores a tap position when ``trafo.tap_changer_type`` is empty, as it is in SimBench's networks; here
an empty type counts as ``"Ratio"``.
"""

from collections.abc import Hashable, Mapping
from typing import Any

import msgspec
import numpy as np

from gridpact.errors import InputError
from gridpact.grid.feeder import Feeder, Lines, Transformers
from gridpact.units import FloatArray, IntArray

_REFUSED = (
    "trafo3w", "gen", "shunt", "ward", "xward", "impedance", "dcline", "svc", "tcsc", "ssc", "vsc", "line_dc", "motor",
    "asymmetric_shunt",
)  # fmt: skip


def feeder_from_pandapower(
    net: Any,
    *,
    name: str = "",
    r0_over_r1: float = 4.0,
    x0_over_x1: float = 4.0,
    c0_over_c1: float = 1.0,
    v_min_pu: float = 0.9,
    v_max_pu: float = 1.1,
    loading_limit: float = 1.0,
) -> Feeder:
    """Convert a pandapower network.

    Parameters
    ----------
    net
        A ``pandapowerNet``.
    name
        Name of the feeder; the network's own by default.
    r0_over_r1, x0_over_x1, c0_over_c1
        Zero-sequence parameters of lines for which the network has none. In a four-wire cable whose neutral has the
        section of its phases the zero-sequence current returns threefold through the neutral, so r0 = r1 + 3 rN = 4 r1.
    v_min_pu, v_max_pu, loading_limit
        Limits of the feeder.

    Returns
    -------
    A feeder. Buses joined by closed switches become one, which keeps the name of the one that comes first in the
    network. A line that is open at one end gets a bus of its own there; a transformer with an open switch is left out.

    Raises
    ------
    InputError
        If the network has no or several external grids, or an element that is not supported; it is named.
    """
    place = f"pandapower network {name or net.name or ''}".rstrip()
    _refuse(net, place)
    bus_of, names, kept = _buses(net, place)
    grid = net.ext_grid[net.ext_grid.in_service]
    if len(grid) != 1:
        raise InputError(f"{len(grid)} external grids are in service", place=place, accepted="exactly one")
    open_ends = _open_ends(net, bus_of, len(names))
    lines = _lines(net, bus_of, open_ends, place, (r0_over_r1, x0_over_x1, c0_over_c1))
    kv = [net.bus.vn_kv.loc[bus] for bus in (*kept, *(net.line.loc[index, end] for index, end in open_ends))]
    points = [*(_point(net, bus) for bus in kept), *((np.nan, np.nan) for _ in open_ends)]
    return Feeder(
        name=name or net.name or "pandapower",
        bus_names=(*names, *(f"open end of {_label(net.line, index)} [{index}]" for index, _ in open_ends)),
        bus_kv=np.array(kv, dtype=np.float64),
        source_bus=bus_of[grid.bus.iloc[0]],
        lines=lines,
        transformers=_transformers(net, bus_of, place),
        slack_pu=float(grid.vm_pu.iloc[0]),
        v_min_pu=v_min_pu,
        v_max_pu=v_max_pu,
        loading_limit=loading_limit,
        load_buses=_load_buses(net, bus_of, bus_of[grid.bus.iloc[0]], len(names)),
        xy=np.array(points, dtype=np.float64).reshape(-1, 2),
        frequency_hz=float(net.f_hz),
    )


def pandapower_bus_positions(net: Any) -> dict[Hashable, int]:
    """Position in `Feeder.bus_names` of every pandapower bus that is in service, by its index."""
    return dict(_buses(net, "pandapower network")[0])


def _refuse(net: Any, place: str) -> None:
    for table in _REFUSED:
        elements = net.get(table)
        if elements is not None and len(elements):
            active = elements[elements.in_service] if "in_service" in elements else elements
            for index in active.index[:1]:
                raise InputError(
                    f"{table} {_label(elements, index)!r} is not supported",
                    place=place,
                    accepted="lines, two-winding transformers, switches, one external grid (loads and sgens are left out)",
                )
    odd = net.switch[(net.switch.closed) & (_column(net.switch, "z_ohm", 0.0) > 0) & (net.switch.et == "b")]
    for index in odd.index[:1]:
        raise InputError(f"switch {index} has an impedance", place=place, accepted="ideal switches")


def _buses(net: Any, place: str) -> tuple[dict[Hashable, int], list[str], list[Hashable]]:
    """Position of every bus in service, the name of each position, and the pandapower index that gave it."""
    active = list(net.bus.index[net.bus.in_service])
    joined: dict[Hashable, Hashable] = {bus: bus for bus in active}

    def root(bus: Hashable) -> Hashable:
        while joined[bus] != bus:
            joined[bus] = joined[joined[bus]]
            bus = joined[bus]
        return bus

    order = {bus: at for at, bus in enumerate(active)}
    for switch in net.switch[(net.switch.et == "b") & net.switch.closed].itertuples():
        if switch.bus in order and switch.element in order:
            first, second = sorted((root(switch.bus), root(switch.element)), key=order.__getitem__)
            joined[second] = first
    kept = [bus for bus in active if root(bus) == bus]
    position = {bus: at for at, bus in enumerate(kept)}
    labels = [_label(net.bus, bus) for bus in kept]
    doubled = {label for label in labels if labels.count(label) > 1}
    names = [f"{label} [{bus}]" if label in doubled else label for label, bus in zip(labels, kept, strict=True)]
    if not kept:
        raise InputError("no bus is in service", place=place)
    return {bus: position[root(bus)] for bus in active}, names, kept


def _open_ends(net: Any, bus_of: Mapping[Hashable, int], first: int) -> dict[tuple[Hashable, str], int]:
    """Lines that a switch opens at one end stay connected, with their charging, at the other: a bus for each open end."""
    opened = {(row.element, row.bus) for row in net.switch[(net.switch.et == "l") & ~net.switch.closed].itertuples()}
    ends: dict[tuple[Hashable, str], int] = {}
    for row in net.line[net.line.in_service].itertuples():
        at = [end for end in ("from_bus", "to_bus") if (row.Index, getattr(row, end)) in opened]
        if len(at) == 1 and row.from_bus in bus_of and row.to_bus in bus_of:
            ends[row.Index, at[0]] = first + len(ends)
    return ends


def _lines(
    net: Any,
    bus_of: Mapping[Hashable, int],
    open_ends: Mapping[tuple[Hashable, str], int],
    place: str,
    zero: tuple[float, float, float],
) -> Lines:
    half = {index for index, _ in open_ends}
    table = net.line.iloc[_closed(net, net.line, "l", bus_of, ("from_bus", "to_bus"), half)]
    from_bus, to_bus = (
        np.array(
            [open_ends.get((row.Index, end), bus_of[getattr(row, end)]) for row in table.itertuples()], dtype=np.int64
        )
        for end in ("from_bus", "to_bus")
    )
    length = table.length_km.to_numpy(np.float64)
    parallel = _column(table, "parallel", 1.0)
    for at in np.flatnonzero(_column(table, "g_us_per_km", 0.0) != 0)[:1]:
        raise InputError(
            f"line {_label(table, table.index[at])!r} has a shunt conductance", place=place, accepted="g_us_per_km = 0"
        )
    series = {name: table[f"{name}_ohm_per_km"].to_numpy(np.float64) * length / parallel for name in ("r", "x")}
    shunt = table.c_nf_per_km.to_numpy(np.float64) * length * parallel
    zero_series = [_column(table, f"{name}0_ohm_per_km", np.nan) * length / parallel for name in ("r", "x")]
    zero_shunt = _column(table, "c0_nf_per_km", np.nan) * length * parallel
    rating = _column(table, "max_i_ka", np.nan) * _column(table, "df", 1.0) * parallel * 1e3
    return Lines(
        name=_unique([_label(table, index) for index in table.index], table.index),
        from_bus=from_bus,
        to_bus=to_bus,
        r_ohm=series["r"],
        x_ohm=series["x"],
        c_nf=shunt,
        r0_ohm=_or(zero_series[0], zero[0] * series["r"]),
        x0_ohm=_or(zero_series[1], zero[1] * series["x"]),
        c0_nf=_or(zero_shunt, zero[2] * shunt),
        rating_a=_or(rating, np.full(len(table), np.inf)),
    )


def _transformers(net: Any, bus_of: Mapping[Hashable, int], place: str) -> Transformers:
    table = net.trafo.iloc[_closed(net, net.trafo, "t", bus_of, ("hv_bus", "lv_bus"), set())]
    parallel = _column(table, "parallel", 1.0)
    rated_mva = table.sn_mva.to_numpy(np.float64)
    hv_tap, lv_tap = _taps(table, place)
    clock = np.mod(np.rint(table.shift_degree.to_numpy(np.float64) / 30), 12).astype(np.int64)
    if (np.abs(np.mod(table.shift_degree.to_numpy(np.float64), 30.0)) > 1e-6).any():
        raise InputError("a transformer's shift_degree is no multiple of 30", place=place)
    windings = [
        _windings(group, int(clock[at]), f"{place}: trafo {_label(table, table.index[at])}")
        for at, group in enumerate(table.get("vector_group", [None] * len(table)))
    ]
    return Transformers(
        name=_unique([_label(table, index) for index in table.index], table.index),
        hv_bus=_positions(table.hv_bus, bus_of),
        lv_bus=_positions(table.lv_bus, bus_of),
        hv_kv=table.vn_hv_kv.to_numpy(np.float64, copy=True),
        lv_kv=table.vn_lv_kv.to_numpy(np.float64) * lv_tap,
        rated_kva=rated_mva * parallel * 1e3 * _column(table, "df", 1.0),
        uk=table.vk_percent.to_numpy(np.float64) / 100 * _column(table, "df", 1.0),
        pk_kw=table.vkr_percent.to_numpy(np.float64)
        / 100
        * rated_mva
        * parallel
        * 1e3
        * _column(table, "df", 1.0) ** 2,
        i0=table.i0_percent.to_numpy(np.float64) / 100 / _column(table, "df", 1.0),
        p0_kw=table.pfe_kw.to_numpy(np.float64) * parallel,
        ratio=hv_tap,
        clock=clock,
        hv_winding=tuple(hv for hv, _ in windings),
        lv_winding=tuple(lv for _, lv in windings),
    )


def _taps(table: Any, place: str) -> tuple[FloatArray, FloatArray]:
    """Factors of the rated voltages of the high and the low side from the tap position."""
    steps = _column(table, "tap_pos", 0.0) - _column(table, "tap_neutral", 0.0)
    factor = 1 + steps * _column(table, "tap_step_percent", 0.0) / 100
    for at, index in enumerate(table.index):
        kind = table.tap_changer_type.iloc[at] if "tap_changer_type" in table else None
        turned = _column(table, "tap_step_degree", 0.0)[at] != 0
        tabulated = bool(table.tap_dependency_table.iloc[at]) if "tap_dependency_table" in table else False
        second = _column(table, "tap2_pos", 0.0)[at] != _column(table, "tap2_neutral", 0.0)[at]
        if (steps[at] != 0 and (turned or (isinstance(kind, str) and kind != "Ratio"))) or tabulated or second:
            raise InputError(
                f"trafo {_label(table, index)!r} has a tap changer that is not a plain ratio",
                place=place,
                accepted="Ratio",
            )
    side = table.tap_side.to_numpy() if "tap_side" in table else np.full(len(table), "hv")
    return np.where(side == "lv", 1.0, factor), np.where(side == "lv", factor, 1.0)


def _windings(group: Any, clock: int, place: str) -> tuple[str, str]:
    """Windings from a vector group such as ``Dyn5``; without one Dyn for an odd clock number and YNyn for an even one."""
    if not isinstance(group, str) or not group:
        return ("D", "YN") if clock % 2 else ("YN", "YN")
    letters = group.rstrip("0123456789")
    cut = next((at for at, letter in enumerate(letters) if letter.islower()), len(letters))
    hv, lv = letters[:cut].upper(), letters[cut:].upper()
    if hv not in ("D", "Y", "YN", "Z", "ZN") or lv not in ("D", "Y", "YN", "Z", "ZN"):
        raise InputError(f"vector group {group!r} is unknown", place=place, accepted="such as Dyn5, Yzn5, YNyn0")
    return hv, lv


def _closed(
    net: Any, table: Any, kind: str, bus_of: Mapping[Hashable, int], ends: tuple[str, str], half: set[Hashable]
) -> IntArray:
    """Positions of the branches in service whose buses are, and which no switch opens; those in ``half`` stay."""
    opened = set(net.switch.element[(net.switch.et == kind) & ~net.switch.closed]) - half
    keep = [
        at
        for at, (index, on, a, b) in enumerate(
            zip(table.index, table.in_service, table[ends[0]], table[ends[1]], strict=True)
        )
        if on and index not in opened and a in bus_of and b in bus_of and (bus_of[a] != bus_of[b] or index in half)
    ]
    return np.array(keep, dtype=np.int64)


def _load_buses(net: Any, bus_of: Mapping[Hashable, int], source: int, buses: int) -> IntArray:
    """Buses with a load in the network, in the network's order; all but the source where there is none."""
    found = dict.fromkeys(bus_of[bus] for bus in net.load.bus if bus in bus_of)
    return np.array(list(found) or [bus for bus in range(buses) if bus != source], dtype=np.int64)


def _point(net: Any, bus: Hashable) -> tuple[float, float]:
    geo = net.bus.geo.loc[bus] if "geo" in net.bus else None
    if not isinstance(geo, str) or not geo:
        return np.nan, np.nan
    x, y = msgspec.json.decode(geo)["coordinates"][:2]
    return float(x), float(y)


def _label(table: Any, index: Hashable) -> str:
    name = table.name.loc[index] if "name" in table else None
    return str(name) if isinstance(name, str) and name else str(index)


def _unique(labels: list[str], index: Any) -> tuple[str, ...]:
    return tuple(
        f"{label} [{at}]" if labels.count(label) > 1 else label for label, at in zip(labels, index, strict=True)
    )


def _positions(buses: Any, bus_of: Mapping[Hashable, int]) -> IntArray:
    return np.array([bus_of[bus] for bus in buses], dtype=np.int64)


def _column(table: Any, name: str, default: float) -> FloatArray:
    """A numeric column, with a default where the column or a value is missing."""
    if name not in table:
        return np.full(len(table), default)
    values = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isnan(values), default, values)


def _or(values: FloatArray, otherwise: FloatArray) -> FloatArray:
    return np.where(np.isnan(values), otherwise, values)
