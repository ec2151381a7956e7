"""Whether arrays make an instance or an allocation: broadcast, frozen, and refused with member, field and interval."""

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from gridpact.errors import InputError
from gridpact.units import BoolArray, FloatArray

if TYPE_CHECKING:
    from gridpact.markets.equilibrium.instance import Allocation, Instance

_SLACK = 1e-12
"""Room for the rounding of states of charge that files hold as shares."""

_NOT_NEGATIVE = "a finite number from 0 up"
_Rule = Callable[[FloatArray], BoolArray]


def _finite(values: FloatArray) -> BoolArray:
    return np.asarray(np.isfinite(values))


def _not_negative(values: FloatArray) -> BoolArray:
    return np.asarray(np.isfinite(values) & (values >= 0))


def _rating(values: FloatArray) -> BoolArray:
    return np.asarray(values > 0)


def _share(values: FloatArray) -> BoolArray:
    return np.asarray((values >= 0) & (values <= 1))


def _efficiency(values: FloatArray) -> BoolArray:
    return np.asarray((values > 0) & (values <= 1))


_RULES: dict[str, tuple[str, _Rule, str]] = {
    "r": ("B", _not_negative, _NOT_NEGATIVE),
    "x": ("B", _not_negative, _NOT_NEGATIVE),
    "s_max": ("B", _rating, "a positive number; inf where there is no rating"),
    "gain": ("B", lambda values: np.asarray(np.isfinite(values) & (values > 0)), "a positive number"),
    "pas_p": ("BH", _finite, "a finite number"),
    "pas_q": ("BH", _finite, "a finite number"),
    "pd": ("NH", _finite, "a finite number"),
    "qd": ("NH", _finite, "a finite number"),
    "cur_max": ("NH", _not_negative, _NOT_NEGATIVE),
    **dict.fromkeys(("di_max", "Q_di", "c_di", "E", "ch_max", "ds_max", "Q_st"), ("N", _not_negative, _NOT_NEGATIVE)),
    **dict.fromkeys(("x_min", "x_max", "x_0", "eta_st", "x_loss"), ("N", _share, "a share from 0 to 1")),
    **dict.fromkeys(("eta_ch", "eta_ds"), ("N", _efficiency, "an efficiency above 0, at most 1")),
    "cap": ("m", _not_negative, _NOT_NEGATIVE),
    "c_tr": ("m2", _finite, "a finite number"),
    "c_ta": ("m", _not_negative, _NOT_NEGATIVE),
    "d_h": ("H", _not_negative, _NOT_NEGATIVE),
    "price_im": ("H", _finite, "a finite number"),
    "price_ex": ("H", _finite, "a finite number"),
}
"""Shape, rule, and what is accepted, of each array of numbers. B buses, N members, m links, H hours, 2 ends."""


def check_instance(instance: "Instance") -> None:
    """Broadcast and freeze every array; raise `InputError` for whatever makes no game."""
    _check_scalars(instance)
    _check_tree(instance)
    _check_members(instance)
    _check_links(instance)
    sizes = {"B": instance.buses, "N": instance.members, "m": instance.links, "H": instance.H, "2": 2}
    for field, (axes, rule, accepted) in _RULES.items():
        values = _array(instance, field, tuple(sizes[axis] for axis in axes))
        for wrong in np.argwhere(~rule(values))[:1]:
            found = f"{field} = {values[tuple(wrong)]:g}"
            raise InputError(found, place=_place(instance, axes, wrong), accepted=accepted)
    _check_storage(instance)
    _check_prices(instance)


def check_allocation(allocation: "Allocation") -> None:
    """Freeze every array; raise `InputError` where shapes do not fit each other or a number is not finite."""
    for field in fields(allocation):
        given = getattr(allocation, field.name)
        if given is None:
            continue
        values = _frozen(given, np.float64)
        like = allocation.p_tr if field.name == "p_tr_rev" else values if field.name == "p_tr" else allocation.p_di
        if values.ndim != 2 or values.shape != np.shape(like):
            raise InputError(f"it has shape {values.shape}", place=f"solution: {field.name}", accepted="[item, hour]")
        for item, hour in np.argwhere(~np.isfinite(values))[:1]:
            raise InputError(f"{values[item, hour]} in row {item}, hour {hour}", place=f"solution: {field.name}")
        object.__setattr__(allocation, field.name, values)
    if allocation.p_tr.shape[1] != allocation.p_di.shape[1]:
        raise InputError(
            f"p_tr has {allocation.p_tr.shape[1]} hours, p_di {allocation.p_di.shape[1]}", place="solution"
        )


def _frozen(values: Any, kind: Any) -> Any:
    array = np.array(values, dtype=kind)
    array.flags.writeable = False
    return array


def _array(instance: "Instance", field: str, shape: tuple[int, ...]) -> FloatArray:
    given = np.asarray(getattr(instance, field), dtype=np.float64)
    if given.ndim and given.shape != shape:
        raise InputError(f"it has shape {given.shape}", place=f"instance: {field}", accepted=f"shape {shape}")
    values: FloatArray = _frozen(np.broadcast_to(given, shape), np.float64)
    object.__setattr__(instance, field, values)
    return values


def _place(instance: "Instance", axes: str, at: Any) -> str:
    item = {"B": "bus", "N": "member", "m": "link", "H": "hour"}[axes[0]]
    name: Any = int(at[0])
    if item == "member":
        name = instance.pro_name[name]
    elif item == "bus":
        name = instance.bus_name[name]
    elif item == "link":
        name = link_name(instance, name)
    return f"{item} {name}, hour {at[1]}" if axes[1:] == "H" else f"{item} {name}"


def link_name(instance: "Instance", link: int) -> str:
    """A link by the names of its ends."""
    i, j = instance.edges[link]
    return f"{instance.pro_name[i]}–{instance.pro_name[j]}"


def _check_scalars(instance: "Instance") -> None:
    from gridpact.markets.equilibrium.instance import Terminal

    if not instance.H > 0:
        raise InputError(f"H = {instance.H}", place="instance", accepted="at least one hour")
    for name in ("dt", "kv", "v0"):
        value = getattr(instance, name)
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"{name} = {value}", place="instance", accepted="a positive number")
    if not instance.vmin >= 0:
        raise InputError(f"vmin = {instance.vmin}", place="instance", accepted="a number from 0 up")
    for low, high in (("vmin", "vmax"), ("pmin", "pmax")):
        if not getattr(instance, low) <= getattr(instance, high):
            found = f"{low} = {getattr(instance, low)}, {high} = {getattr(instance, high)}"
            raise InputError(found, place="instance", accepted=f"{low} <= {high}")
    object.__setattr__(instance, "terminal", Terminal(instance.terminal))
    object.__setattr__(instance, "import_only", bool(instance.import_only))


def _check_tree(instance: "Instance") -> None:
    names = tuple(map(str, instance.bus_name))
    parent = _frozen(instance.parent, np.int64)
    object.__setattr__(instance, "bus_name", names)
    object.__setattr__(instance, "parent", parent)
    object.__setattr__(instance, "z_ohm", _frozen(instance.z_ohm, np.complex128))
    if not len(names) == len(parent) == len(instance.z_ohm) or len(set(names)) < len(names) or not names:
        raise InputError("names of buses are not unique, or not one a bus", place="instance: bus_name")
    if wrong := [name for name, ohm in zip(names, instance.z_ohm, strict=True) if not np.isfinite(ohm)]:
        raise InputError("z_ohm is not a finite number", place=f"instance: bus {wrong[0]}", accepted="ohms")
    if parent[0] != -1 or (parent >= len(names)).any() or (parent[1:] < 0).any():
        accepted = "-1 at the root, which is bus 0, else the position of a bus"
        raise InputError("a position is out of range", place="instance: parent", accepted=accepted)
    loop = _loop(parent)
    if loop:
        found = f"lines form a loop through {', '.join(names[bus] for bus in loop)}"
        raise InputError(found, place="instance: parent", accepted="a radial feeder")
    for bus in np.flatnonzero(parent >= np.arange(len(parent)))[:1]:
        found = f"bus {names[bus]} stands before its parent {names[parent[bus]]}"
        raise InputError(found, place="instance: parent", accepted="every bus after its parent")


def _loop(parent: Any) -> list[int]:
    """Buses on a loop, if following the parents from some bus ever leads into one."""
    done = np.zeros(len(parent), dtype=bool)
    for start in range(len(parent)):
        path, bus = list[int](), start
        while bus >= 0 and not done[bus]:
            done[bus] = True
            path.append(bus)
            bus = int(parent[bus])
        if bus in path:
            return path[path.index(bus) :]
    return []


def _check_members(instance: "Instance") -> None:
    bus = _frozen(instance.pro_bus, np.int64)
    object.__setattr__(instance, "pro_bus", bus)
    names = tuple(map(str, instance.pro_name)) or tuple(map(str, range(len(bus))))
    object.__setattr__(instance, "pro_name", names)
    if len(names) != len(bus) or len(set(names)) < len(names):
        raise InputError("names of members are not unique, or not one a member", place="instance: pro_name")
    for member in np.flatnonzero((bus < 0) | (bus >= instance.buses))[:1]:
        found = f"pro_bus = {bus[member]}"
        raise InputError(found, place=f"member {names[member]}", accepted=f"0 to {instance.buses - 1}")


def _check_links(instance: "Instance") -> None:
    edges = _frozen(instance.edges, np.int64).reshape(-1, 2)
    edges.flags.writeable = False
    object.__setattr__(instance, "edges", edges)
    if len(edges) != np.size(instance.cap):
        raise InputError(f"{len(edges)} edges, {np.size(instance.cap)} caps", place="instance: edges, cap")
    for link in np.flatnonzero((edges[:, 0] < 0) | (edges[:, 0] >= edges[:, 1]) | (edges[:, 1] >= instance.members))[
        :1
    ]:
        found = f"link {link} joins {edges[link, 0]} and {edges[link, 1]}"
        raise InputError(found, place="instance: edges", accepted=f"members i < j below {instance.members}")
    order = np.lexsort(edges.T)
    for at in np.flatnonzero((np.diff(edges[order], axis=0) == 0).all(axis=1))[:1]:
        found = f"link {link_name(instance, int(order[at]))} is there twice"
        raise InputError(found, place="instance: edges", accepted="every pair once")


def _check_storage(instance: "Instance") -> None:
    outside = (instance.x_0 < instance.x_min - _SLACK) | (instance.x_0 > instance.x_max + _SLACK)
    for member in np.flatnonzero((instance.E > 0) & outside)[:1]:
        low, high = instance.x_min[member], instance.x_max[member]
        found = f"x_0 = {instance.x_0[member]:g} is outside of x_min = {low:g} to x_max = {high:g}"
        place = f"member {instance.pro_name[member]}"
        raise InputError(found, place=place, accepted="a storage that starts within its limits")


def _check_prices(instance: "Instance") -> None:
    price_im, price_ex = np.asarray(instance.price_im), np.asarray(instance.price_ex)
    if not instance.import_only:
        for hour in np.flatnonzero(price_ex > price_im)[:1]:
            found = f"price_ex = {price_ex[hour]:g} is above price_im = {price_im[hour]:g}"
            raise InputError(found, place=f"hour {hour}", accepted="an export price up to the import price")
