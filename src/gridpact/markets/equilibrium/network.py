"""A feeder as the arrays of an instance, and back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gridpact.errors import InputError
from gridpact.grid import Feeder, Lines, Transformers, branch_parameters, radial_tree
from gridpact.markets.equilibrium.instance import Instance
from gridpact.units import FloatArray, IntArray

KVA = 1e3
"""Base of impedances, p.u. per kW."""


@dataclass(frozen=True, eq=False)
class Network:
    """A radial feeder from the root outwards; arrays ``[bus]`` as in `Instance`.

    Attributes
    ----------
    arrays
        ``bus_name parent r x z_ohm s_max kv gain v0 vmin vmax`` of the instance.
    position
        Where each bus of the feeder stands in them, ``[bus of the feeder]``.
    """

    arrays: dict[str, Any]
    position: IntArray


def feeder_of(instance: Instance) -> Feeder:
    """The feeder of an instance that was read from a file: lines without charging, at one nominal voltage.

    Raises
    ------
    InputError
        If a transformer stands off its nominal ratio: the file does not say enough of it.
    """
    for bus in np.flatnonzero(instance.gain != 1)[:1]:
        raise InputError(
            f"a transformer with gain {instance.gain[bus]:g} leads to bus {instance.bus_name[bus]}",
            place="instance: gain",
            accepted="lines only, or the feeder that the instance was made from",
        )
    names, beyond = instance.bus_name, np.arange(1, instance.buses)
    ohm, none = instance.z_ohm[1:], np.zeros(instance.buses - 1)
    lines = Lines(
        name=tuple(f"{names[instance.parent[bus]]}-{names[bus]}" for bus in beyond),
        from_bus=np.array(instance.parent[1:]),
        to_bus=beyond,
        r_ohm=np.array(ohm.real),
        x_ohm=np.array(ohm.imag),
        c_nf=none,
        r0_ohm=np.array(ohm.real),
        x0_ohm=np.array(ohm.imag),
        c0_nf=none.copy(),
        rating_a=instance.s_max[1:] / (np.sqrt(3) * instance.kv),
    )
    return Feeder(
        name="instance",
        bus_names=names,
        bus_kv=np.full(instance.buses, instance.kv),
        source_bus=0,
        lines=lines,
        transformers=_no_transformers(),
        slack_pu=instance.v0,
        v_min_pu=instance.vmin,
        v_max_pu=instance.vmax,
        loading_limit=1.0,
        load_buses=beyond,
        xy=np.full((instance.buses, 2), np.nan),
    )


def network_of(feeder: Feeder) -> Network:
    """The arrays of a radial feeder.

    A line's rating is its apparent power at nominal voltage. Line charging and iron losses are not in the linear model: they
    show in the AC power flow, by whose errors limits are tightened.

    Raises
    ------
    InputError
        If the feeder is meshed; a loop is named.
    PowerFlowError
        If a bus is not fed.

    Examples
    --------
    >>> from gridpact.grid import load_feeder
    >>> arrays = network_of(load_feeder("ieee37")).arrays
    >>> arrays["bus_name"][1], round(float(arrays["s_max"][1]))
    ('701', 5803)
    """
    tree = radial_tree(feeder)
    order, branch = tree.order, tree.parent_branch[tree.order]
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    r, x, gain = (
        _of_buses(values, branch, root) for values, root in zip(branch_parameters(feeder, tree), (0, 0, 1), strict=True)
    )
    kv = float(feeder.bus_kv[feeder.source_bus])
    parent = np.concatenate([[-1], position[tree.parent_bus[order[1:]]]]).astype(np.int64)
    arrays = {
        "bus_name": tuple(feeder.bus_names[bus] for bus in order),
        "parent": parent,
        "r": r,
        "x": x,
        "z_ohm": (r + 1j * x) * KVA * kv**2,
        "s_max": _of_buses(_ratings_kva(feeder) * feeder.loading_limit, branch, np.inf),
        "kv": kv,
        "gain": gain,
        "v0": feeder.slack_pu,
        "vmin": feeder.v_min_pu,
        "vmax": feeder.v_max_pu,
    }
    return Network(arrays, position)


def _no_transformers() -> Transformers:
    at, none = np.empty(0, dtype=np.int64), np.empty(0)
    return Transformers((), at, at, none, none, none, none, none, none, none, none, at, (), ())


def _of_buses(values: FloatArray, branch: IntArray, root: float) -> FloatArray:
    """Values of branches at the buses that they lead to, and one for the root."""
    return np.concatenate([[root], values[branch[1:]]])


def _ratings_kva(feeder: Feeder) -> npt.NDArray[np.float64]:
    lines = feeder.lines
    return np.concatenate([np.sqrt(3) * feeder.bus_kv[lines.from_bus] * lines.rating_a, feeder.transformers.rated_kva])
