"""Instances and solutions as NumPy ``.npz`` files, so that solvers can be compared with anybody's."""

from dataclasses import fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.equilibrium.instance import Allocation, GridLimits, Instance, Terminal

_OPTIONAL = ("gain", "x_loss", "cur_max", "price_im", "price_ex", "pro_name")
"""Of instances; a file without them has none of what they bring."""

_LIMITS = "limits_"
_WHOLE = ("H", "parent", "pro_bus", "edges")
_TRUTHS = ("import_only", "terminal", "terminal_equal")
_SCALARS = {"H": int, "dt": float, "kv": float, "v0": float, "vmin": float, "vmax": float, "pmin": float, "pmax": float}


def read_instance(path: str | Path) -> Instance:
    """Read an instance.

    Parameters
    ----------
    path
        A ``.npz`` file. Names and shapes of its arrays are those of `Instance`; scalars have no axis. ``terminal`` is a bool:
        True asks for the initial state of charge at the end, exactly unless ``terminal_equal`` is there and False. Attributes
        that have a default may be missing; whatever else is in the file is not read.

    Raises
    ------
    InputError
        If the file cannot be read, an array is missing, or the arrays make no instance.
    """
    arrays = _load(path)
    place = str(path)
    given: dict[str, Any] = {}
    for each in fields(Instance):
        if each.name in ("terminal", "limits"):
            continue
        if each.name in arrays:
            given[each.name] = _value(each.name, arrays[each.name], place)
        elif each.name not in _OPTIONAL:
            raise InputError(f"it has no array {each.name!r}", place=place, accepted=", ".join(_required()))
    try:
        return Instance(**given, terminal=_terminal(arrays, place), limits=_limits(arrays, place))
    except InputError as error:
        raise InputError(error.found, place=f"{place}: {error.place}", accepted=error.accepted) from None


def write_instance(path: str | Path, instance: Instance) -> None:
    """Write an instance; read again it is the same."""
    arrays: dict[str, Any] = {
        each.name: getattr(instance, each.name) for each in fields(instance) if each.name not in ("terminal", "limits")
    }
    arrays["terminal"] = instance.terminal is not Terminal.FREE
    arrays["terminal_equal"] = instance.terminal is Terminal.EQUAL
    if instance.limits is not None:
        arrays |= {_LIMITS + each.name: getattr(instance.limits, each.name) for each in fields(GridLimits)}
    _save(path, arrays)


def read_solution(path: str | Path, instance: Instance) -> Allocation:
    """Read a solution of an instance: the arrays of `Allocation` by name.

    Raises
    ------
    InputError
        If an array is missing, not finite, or not of the instance's shape.
    """
    arrays, place = _load(path), str(path)
    names = [each.name for each in fields(Allocation)]
    for name in names[:6]:
        if name not in arrays:
            raise InputError(f"it has no array {name!r}", place=place, accepted=", ".join(names))
    allocation = Allocation(**{name: _value(name, arrays[name], place) for name in names if name in arrays})
    allocation.check_fits(instance)
    return allocation


def write_solution(path: str | Path, allocation: Allocation) -> None:
    """Write a solution; read again it is the same."""
    given = {each.name: getattr(allocation, each.name) for each in fields(allocation)}
    _save(path, {name: values for name, values in given.items() if values is not None})


def _save(path: str | Path, arrays: dict[str, Any]) -> None:
    try:
        with Path(path).open("wb") as file:
            np.savez_compressed(file, **arrays)
    except OSError as error:
        raise InputError(f"it cannot be written: {error.strerror}", place=str(path), accepted="a .npz file") from None


def _load(path: str | Path) -> dict[str, Any]:
    try:
        with np.load(Path(path), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise InputError("there is no such file", place=str(path), accepted="a .npz file") from None
    except (ValueError, BadZipFile, OSError, AttributeError) as error:
        raise InputError(
            f"it is no NumPy archive of plain arrays ({error})", place=str(path), accepted="a .npz file"
        ) from error


def _required() -> list[str]:
    return [each.name for each in fields(Instance) if each.name not in (*_OPTIONAL, "limits")]


def _value(name: str, array: Any, place: str) -> Any:
    """An array as the instance takes it; of the right kind at least."""
    if name in ("bus_name", "pro_name"):
        return tuple(array.astype(str).tolist())
    if array.dtype.kind not in "biufc":
        raise InputError(f"{name} is of type {array.dtype}", place=place, accepted="numbers")
    if name in _WHOLE and (np.asarray(array) % 1 != 0).any():
        raise InputError(f"{name} holds a fraction", place=place, accepted="whole numbers")
    if array.dtype.kind == "c" and name != "z_ohm":
        raise InputError(f"{name} is of type {array.dtype}", place=place, accepted="real numbers")
    if name in _SCALARS or name in _TRUTHS:
        if array.ndim:
            raise InputError(f"{name} has shape {array.shape}", place=place, accepted="a scalar")
        return _SCALARS.get(name, bool)(array)
    return array


def _terminal(arrays: dict[str, Any], place: str) -> Terminal:
    if "terminal" not in arrays:
        raise InputError("it has no array 'terminal'", place=place, accepted=", ".join(_required()))
    owed, exactly = (_value(name, arrays.get(name, np.array(True)), place) for name in _TRUTHS[1:])
    if not owed:
        return Terminal.FREE
    return Terminal.EQUAL if exactly else Terminal.AT_LEAST


def _limits(arrays: dict[str, Any], place: str) -> GridLimits | None:
    names = [_LIMITS + each.name for each in fields(GridLimits)]
    if not any(name in arrays for name in names):
        return None
    if missing := [name for name in names if name not in arrays]:
        raise InputError(f"it has no array {missing[0]!r}", place=place, accepted=f"all of {', '.join(names)}, or none")
    return GridLimits(*(arrays[name] for name in names))
