"""A distribution feeder as plain arrays: buses, lines, transformers, one source.

The grid knows buses, not members. Signs: power drawn at a bus is positive.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from gridpact.errors import InputError, nearest_name
from gridpact.units import FloatArray, IntArray

WINDINGS = ("D", "Y", "YN", "Z", "ZN")


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines and cables; every array has shape ``[line]``.

    Attributes
    ----------
    name
        Unique names.
    from_bus, to_bus
        Positions in `Feeder.bus_names`.
    r_ohm, x_ohm, c_nf
        Positive-sequence series resistance, reactance and shunt capacitance of the whole line.
    r0_ohm, x0_ohm, c0_nf
        The same of the zero sequence.
    rating_a
        Thermal limit in A; ``inf`` where none is known.
    """

    name: tuple[str, ...]
    from_bus: IntArray
    to_bus: IntArray
    r_ohm: FloatArray
    x_ohm: FloatArray
    c_nf: FloatArray
    r0_ohm: FloatArray
    x0_ohm: FloatArray
    c0_nf: FloatArray
    rating_a: FloatArray

    def __post_init__(self) -> None:
        _freeze(self, "line")


@dataclass(frozen=True, eq=False)
class Transformers:
    """Two-winding transformers; every array has shape ``[transformer]``.

    Attributes
    ----------
    name
        Unique names.
    hv_bus, lv_bus
        Positions in `Feeder.bus_names`.
    hv_kv, lv_kv
        Rated line-to-line voltages in kV.
    rated_kva
        Rated power.
    uk, pk_kw
        Relative short-circuit voltage (0.04 for 4 %) and copper losses at rated current.
    i0, p0_kw
        Relative no-load current and iron losses.
    ratio
        Off-nominal ratio on the high-voltage side from the tap position (1.0 at the neutral tap).
    clock
        Vector group's clock number, 0 to 11.
    hv_winding, lv_winding
        One of `WINDINGS`: ``"D"`` delta, ``"Y"`` wye, ``"YN"`` grounded wye, ``"Z"`` zigzag, ``"ZN"`` grounded zigzag.
    """

    name: tuple[str, ...]
    hv_bus: IntArray
    lv_bus: IntArray
    hv_kv: FloatArray
    lv_kv: FloatArray
    rated_kva: FloatArray
    uk: FloatArray
    pk_kw: FloatArray
    i0: FloatArray
    p0_kw: FloatArray
    ratio: FloatArray
    clock: IntArray
    hv_winding: tuple[str, ...]
    lv_winding: tuple[str, ...]

    def __post_init__(self) -> None:
        _freeze(self, "transformer")


@dataclass(frozen=True, eq=False)
class Feeder:
    """A feeder and what it is allowed to do.

    Branches are counted lines first, then transformers; an array over branches has shape ``[branch]`` in that order.

    Attributes
    ----------
    name
        Name of the feeder.
    bus_names
        Unique names; the order defines the bus axis of every array.
    bus_kv
        Nominal line-to-line voltage of each bus in kV.
    source_bus
        Position of the bus that the upstream grid holds at `slack_pu`.
    lines, transformers
        The branches.
    slack_pu
        Voltage of the source in p.u.
    v_min_pu, v_max_pu
        Permitted voltage band in p.u.
    loading_limit
        Permitted loading of branches relative to their rating.
    load_buses
        Positions of buses that members may be assigned to, in the order of assignment.
    xy
        Coordinates of buses for drawing, ``[bus, 2]``; NaN where unknown (then drawn as a tree).
    frequency_hz
        Nominal frequency; it turns capacitances into charging currents.

    Raises
    ------
    InputError
        If a name is not unique, a position or a number is out of range, or the band is out of order.
    """

    name: str
    bus_names: tuple[str, ...]
    bus_kv: FloatArray
    source_bus: int
    lines: Lines
    transformers: Transformers
    slack_pu: float
    v_min_pu: float
    v_max_pu: float
    loading_limit: float
    load_buses: IntArray
    xy: FloatArray
    frequency_hz: float = 50.0

    def __post_init__(self) -> None:
        _check_feeder(self)
        for column in (self.bus_kv, self.load_buses, self.xy):
            column.flags.writeable = False

    @property
    def branch_names(self) -> tuple[str, ...]:
        """Names of lines, then of transformers."""
        return self.lines.name + self.transformers.name

    @property
    def branch_ends(self) -> tuple[IntArray, IntArray]:
        """From- and to-bus of every branch."""
        return (
            np.concatenate([self.lines.from_bus, self.transformers.hv_bus]),
            np.concatenate([self.lines.to_bus, self.transformers.lv_bus]),
        )

    def bus_position(self, name: str) -> int:
        """Position of a bus by name; raises `InputError` with the nearest known name."""
        try:
            return self.bus_names.index(name)
        except ValueError:
            raise InputError(
                f"feeder {self.name!r} has no bus {name!r}{nearest_name(name, list(self.bus_names))}",
                accepted="a bus of the feeder",
            ) from None


def _freeze(table: Any, kind: str) -> None:
    """Make every column a read-only array of equal length."""
    sizes = set()
    for field in fields(table):
        column = getattr(table, field.name)
        if isinstance(column, np.ndarray):
            column.flags.writeable = False
        sizes.add(len(column))
    if len(sizes) > 1:
        raise ValueError(f"columns of the {kind} table differ in length: {sorted(sizes)}")


def _check_feeder(feeder: Feeder) -> None:
    place, buses = f"feeder {feeder.name}", len(feeder.bus_names)
    if feeder.bus_kv.shape != (buses,) or feeder.xy.shape != (buses, 2):
        raise ValueError("bus_kv and xy must have one row a bus")
    _check_unique(feeder.bus_names, f"{place}: buses")
    _check_unique(feeder.branch_names, f"{place}: branches")
    _check_numbers(feeder.bus_kv, feeder.bus_names, "kv", place, positive=True)
    from_bus, to_bus = feeder.branch_ends
    for positions in (from_bus, to_bus, feeder.load_buses, np.array([feeder.source_bus])):
        if ((positions < 0) | (positions >= buses)).any():
            raise InputError("a position of a bus is out of range", place=place, accepted=f"0 to {buses - 1}")
    for at in np.flatnonzero(from_bus == to_bus)[:1]:
        raise InputError("both ends are the same bus", place=f"{place}: branch {feeder.branch_names[at]}")
    _check_lines(feeder, place)
    _check_transformers(feeder, place)
    if not 0 < feeder.v_min_pu < feeder.v_max_pu < np.inf:
        raise InputError(
            f"v_min_pu {feeder.v_min_pu}, v_max_pu {feeder.v_max_pu}", place=place, accepted="0 < v_min_pu < v_max_pu"
        )
    for name in ("slack_pu", "loading_limit", "frequency_hz"):
        value = getattr(feeder, name)
        if not 0 < value < np.inf:
            raise InputError(f"{name} = {value} is out of range", place=place, accepted="a positive number")


def _check_lines(feeder: Feeder, place: str) -> None:
    lines = feeder.lines
    for name in ("r_ohm", "x_ohm", "c_nf", "r0_ohm", "x0_ohm", "c0_nf"):
        _check_numbers(getattr(lines, name), lines.name, name, f"{place}: line")
    _check_numbers(lines.rating_a, lines.name, "rating_a", f"{place}: line", positive=True, infinite=True)
    for r_name, x_name in (("r_ohm", "x_ohm"), ("r0_ohm", "x0_ohm")):
        size = np.hypot(getattr(lines, r_name), getattr(lines, x_name))
        _check_numbers(size, lines.name, f"|{r_name} + j {x_name}|", f"{place}: line", positive=True)
    kv = feeder.bus_kv
    for at in np.flatnonzero(~np.isclose(kv[lines.from_bus], kv[lines.to_bus], rtol=1e-9))[:1]:
        raise InputError(
            f"it joins {kv[lines.from_bus[at]]:g} kV and {kv[lines.to_bus[at]]:g} kV",
            place=f"{place}: line {lines.name[at]}",
            accepted="ends of the same nominal voltage",
        )


def _check_transformers(feeder: Feeder, place: str) -> None:
    units, kind = feeder.transformers, f"{place}: transformer"
    for name in ("hv_kv", "lv_kv", "rated_kva", "uk", "ratio"):
        _check_numbers(getattr(units, name), units.name, name, kind, positive=True)
    for name in ("pk_kw", "i0", "p0_kw"):
        _check_numbers(getattr(units, name), units.name, name, kind)
    for at, name in enumerate(units.name):
        for winding in (units.hv_winding[at], units.lv_winding[at]):
            if winding not in WINDINGS:
                raise InputError(
                    f"winding {winding!r} is unknown", place=f"{kind} {name}", accepted=", ".join(WINDINGS)
                )
        odd = (units.hv_winding[at][0] == "Y") != (units.lv_winding[at][0] == "Y")
        clock = int(units.clock[at])
        if not 0 <= clock <= 11 or clock % 2 != odd:
            raise InputError(
                f"clock number {clock} does not go with {units.hv_winding[at]} and {units.lv_winding[at]}",
                place=f"{kind} {name}",
                accepted="odd from 1 to 11 where exactly one side is wye, else even from 0 to 10",
            )


def _check_unique(names: tuple[str, ...], place: str) -> None:
    seen: set[str] = set()
    for name in names:
        if not name or name in seen:
            raise InputError(f"name {name!r} is empty or there twice", place=place, accepted="unique names")
        seen.add(name)


def _check_numbers(
    values: FloatArray, names: tuple[str, ...], what: str, place: str, *, positive: bool = False, infinite: bool = False
) -> None:
    good = (values > 0) if positive else (values >= 0)
    good &= (np.isfinite(values) | infinite) & ~np.isnan(values)
    for at in np.flatnonzero(~good)[:1]:
        raise InputError(
            f"{what} = {values[at]} is out of range",
            place=f"{place} {names[at]}",
            accepted="a positive number" if positive else "a number from 0 up",
        )
