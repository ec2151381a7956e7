"""Several copies of a feeder on one source: a larger radial feeder out of a known one."""

from dataclasses import fields, replace
from typing import Any

import numpy as np

from gridpact.errors import InputError
from gridpact.grid.feeder import Feeder, Lines, Transformers
from gridpact.units import IntArray


def side_by_side(feeder: Feeder, copies: int) -> Feeder:
    """Copies of a feeder that hang from the same source bus.

    Parameters
    ----------
    feeder
        The feeder. Its buses and branches are named ``1.NAME``, ``2.NAME``, … in the copies; the source keeps its name.
    copies
        How many, at least one; one is the feeder itself.

    Examples
    --------
    >>> from gridpact.grid import load_feeder
    >>> three = side_by_side(load_feeder("ieee37"), 3)
    >>> len(three.bus_names), len(three.branch_names), three.bus_names[1]
    (109, 108, '1.701')
    """
    if copies < 1:
        raise InputError(f"{copies} copies", accepted="at least one")
    if copies == 1:
        return feeder
    buses, source = len(feeder.bus_names), feeder.source_bus
    others = np.delete(np.arange(buses), source)
    place = np.empty((copies, buses), dtype=np.int64)
    place[:, source] = 0
    place[:, others] = 1 + np.arange(copies)[:, None] * len(others) + np.arange(len(others))
    names = tuple(f"{copy}.{feeder.bus_names[bus]}" for copy in range(1, copies + 1) for bus in others)
    order = np.concatenate([[source], np.tile(others, copies)])
    return replace(
        feeder,
        name=f"{copies} x {feeder.name}",
        bus_names=(feeder.bus_names[source], *names),
        bus_kv=feeder.bus_kv[order],
        source_bus=0,
        lines=_repeated(feeder.lines, place),
        transformers=_repeated(feeder.transformers, place),
        load_buses=place[:, feeder.load_buses].ravel(),
        xy=feeder.xy[order],
    )


def _repeated(table: Any, place: IntArray) -> Any:
    """A table of branches once a copy, its buses moved to their places ``[copy, bus]``."""
    kind: type[Lines | Transformers] = type(table)
    columns: dict[str, Any] = {}
    for field in fields(kind):
        column = getattr(table, field.name)
        if field.name == "name":
            columns["name"] = tuple(f"{copy}.{name}" for copy in range(1, len(place) + 1) for name in column)
        elif field.name.endswith("_bus"):
            columns[field.name] = place[:, column].ravel()
        elif isinstance(column, tuple):
            columns[field.name] = column * len(place)
        else:
            columns[field.name] = np.tile(column, len(place))
    return kind(**columns)
