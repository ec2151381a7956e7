"""Seeded instances: bars, studies and tests keep the recipe, not the file.

What is drawn, and from where, is assumed, and made after the sizes of the paper: half of the energy belongs to the members, the
rest is drawn by passive consumers where the feeder's reference case draws it; all loads together peak at what that case draws.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gridpact.errors import InputError
from gridpact.grid import Feeder, load_feeder, side_by_side, spot_loads
from gridpact.markets.equilibrium.instance import Instance, Terminal
from gridpact.markets.equilibrium.network import network_of
from gridpact.units import FloatArray, IntArray

HOURS = 24

_CLASSES: tuple[tuple[float, tuple[tuple[float, float, float], ...]], ...] = (
    (1.0, ((0.5, 7.5, 1.5), (1.0, 19.5, 2.5))),  # household, out during the day
    (1.4, ((0.6, 8.0, 1.5), (0.5, 13.0, 3.0), (1.0, 19.0, 3.0))),  # household, at home
    (4.0, ((1.0, 11.0, 2.5), (1.0, 17.0, 2.5))),  # shop
    (6.0, ((1.0, 10.0, 2.0), (0.9, 14.5, 2.0))),  # office
    (8.0, ((1.0, 8.5, 2.0), (0.8, 13.0, 2.0))),  # workshop
    (3.0, ((0.8, 12.5, 1.2), (1.0, 20.5, 1.8))),  # restaurant
)
"""Six classes of loads: relative size, and the bumps of the day over a base of 0.25 as (height, hour, width in h). Assumed."""

_BASE = 0.25


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make an instance.

    Attributes
    ----------
    members
        How many.
    seed
        Of everything that is drawn.
    connectivity
        Share of all pairs that may trade; None where `partners` is given.
    partners
        Partners of each member, about: random rings through all members, so that the graph is connected.
    diversity
        Each c_ij is 0.07 ± so much per kWh, uniform; 0: all the same.
    cap_kw
        Most that a pair may trade; None: 30 kW · min(1, 50 / members of a feeder).
    feeders
        Copies of the feeder side by side.
    """

    members: int
    seed: int = 0
    connectivity: float | None = None
    partners: int | None = None
    diversity: float = 0.0
    cap_kw: float | None = None
    feeders: int = 1

    def __post_init__(self) -> None:
        if self.members < 2 or self.feeders < 1:
            raise InputError(
                f"{self.members} members, {self.feeders} feeders", accepted="two members, one feeder, or more"
            )
        if (self.connectivity is None) == (self.partners is None):
            raise InputError("connectivity and partners, or neither", place="recipe", accepted="one of the two")
        if self.connectivity is not None and not 0 <= self.connectivity <= 1:
            raise InputError(f"connectivity = {self.connectivity}", place="recipe", accepted="a share from 0 to 1")
        if self.partners is not None and not (0 < self.partners < self.members and self.partners % 2 == 0):
            accepted = "an even number below the members"
            raise InputError(f"partners = {self.partners}", place="recipe", accepted=accepted)


def make_instance(recipe: Recipe) -> Instance:
    """The instance of a recipe on the IEEE 37-bus feeder.

    Examples
    --------
    >>> instance = make_instance(Recipe(members=50, connectivity=0.6, seed=1))
    >>> instance.links, instance.buses, round(float((instance.pas_p.sum(0)).max()) < 2457)
    (735, 37, 1)
    """
    return instance_on(load_feeder("ieee37"), *spot_loads("ieee37"), recipe, head_max_kw=2500.0)


def instance_on(
    feeder: Feeder, p_kw: FloatArray, q_kvar: FloatArray, recipe: Recipe, *, head_max_kw: float = np.inf
) -> Instance:
    """The instance of a recipe on any radial feeder.

    Parameters
    ----------
    feeder
        A radial feeder.
    p_kw, q_kvar
        Its reference case, ``[bus]``: all loads together peak at its sum, and passive ones stand where it draws.
    recipe
        The rest.
    head_max_kw
        Most that each copy of the feeder may draw from the main grid.
    """
    rng = np.random.default_rng(recipe.seed)
    network = network_of(side_by_side(feeder, recipe.feeders))
    spot = _spread(feeder, p_kw, network.position, recipe.feeders)
    peak_kw, tangent = float(spot.sum()), float(q_kvar.sum() / p_kw.sum())
    load, passive = _loads(recipe.members, peak_kw, rng)
    own_peak, mean = load.max(axis=1), load.mean(axis=1)
    devices = _devices(own_peak, mean, rng)
    pas_p = spot[:, None] / peak_kw * passive
    edges = _edges(recipe, rng)
    per_feeder = recipe.members / recipe.feeders
    cap = 30.0 * min(1.0, 50.0 / per_feeder) if recipe.cap_kw is None else recipe.cap_kw
    pv = _pv(own_peak, rng)
    return Instance(
        H=HOURS,
        dt=1.0,
        **network.arrays,
        pmin=0.0,
        pmax=head_max_kw * recipe.feeders,
        pas_p=pas_p,
        pas_q=tangent * pas_p,
        pro_bus=_buses(recipe.members, len(spot), rng),
        pd=load - pv,
        qd=tangent * load,
        cur_max=pv,
        **devices,
        terminal=Terminal.AT_LEAST,
        import_only=True,
        edges=edges,
        cap=np.full(len(edges), cap),
        c_tr=0.07 + recipe.diversity * rng.uniform(-1, 1, (len(edges), 2)),
        c_ta=np.full(len(edges), 0.01),
        d_h=np.full(HOURS, 0.16 / float((load.sum(axis=0) + passive).mean())),
    )


def _spread(feeder: Feeder, values: FloatArray, position: IntArray, copies: int) -> FloatArray:
    """Values of the feeder's buses in every copy, in the order of the instance."""
    source = feeder.source_bus
    others = np.tile(np.delete(values, source), copies)
    joined = values if copies == 1 else np.concatenate([[copies * values[source]], others])
    spread = np.empty(len(joined))
    spread[position] = joined
    return spread


def _loads(members: int, peak_kw: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Loads of the members ``[member, hour]`` and of all passive consumers ``[hour]``: the same energy, one common peak."""
    shapes = np.array([_shape(bumps) for _, bumps in _CLASSES])
    sizes = np.array([size for size, _ in _CLASSES])
    kind = rng.permutation(np.arange(members) % len(_CLASSES))
    size = sizes[kind] * rng.lognormal(0.0, 0.25, members)
    load = size[:, None] * shapes[kind] * rng.uniform(0.9, 1.1, (members, HOURS))
    passive = shapes.mean(axis=0)
    passive *= load.sum() / passive.sum()
    scale = peak_kw / float((load.sum(axis=0) + passive).max())
    return scale * load, scale * passive


def _shape(bumps: tuple[tuple[float, float, float], ...]) -> FloatArray:
    """A day of mean 1 from bumps over a base."""
    hour = np.arange(HOURS) + 0.5
    day = np.full(HOURS, _BASE)
    for height, centre, width in bumps:
        away = np.abs(hour - centre)
        day += height * np.exp(-0.5 * (np.minimum(away, HOURS - away) / width) ** 2)
    return np.asarray(day / day.mean())


def _chosen(members: int, share: float, rng: np.random.Generator) -> IntArray:
    return np.asarray(rng.permutation(members)[: round(share * members)])


def _pv(own_peak: FloatArray, rng: np.random.Generator) -> FloatArray:
    """PV of 40 % of the members, 0.4 to 0.9 of their own peak load at noon, ``[member, hour]``."""
    sun = np.maximum(np.sin(np.pi * (np.arange(HOURS) + 0.5 - 6) / 12), 0.0)
    pv = np.zeros((len(own_peak), HOURS))
    chosen = _chosen(len(own_peak), 0.4, rng)
    pv[chosen] = (rng.uniform(0.4, 0.9, len(chosen)) * own_peak[chosen])[:, None] * sun
    return pv


def _devices(own_peak: FloatArray, mean: FloatArray, rng: np.random.Generator) -> dict[str, Any]:
    """Storage for half of the members, generation for a quarter; arrays ``[member]``."""
    members = len(own_peak)
    zeros = np.zeros(members)
    di_max, q_di, c_di, capacity, q_st = (zeros.copy() for _ in range(5))
    x_min, x_max, x_0, kept = (zeros.copy() for _ in range(4))
    generates, stores = _chosen(members, 0.25, rng), _chosen(members, 0.5, rng)
    di_max[generates] = rng.uniform(1.5, 3.0, len(generates)) * own_peak[generates]
    c_di[generates] = rng.uniform(0.04, 0.08, len(generates))
    q_di[generates] = rng.uniform(0.05, 0.15, len(generates)) / (2 * di_max[generates])
    capacity[stores] = rng.uniform(2.0, 5.0, len(stores)) * mean[stores]
    power = 0.4 * capacity
    q_st[stores] = 0.016 / (2 * power[stores])
    x_min[stores], x_max[stores], x_0[stores], kept[stores] = 0.1, 0.95, 0.5, 0.999
    return {
        "di_max": di_max,
        "Q_di": q_di,
        "c_di": c_di,
        "E": capacity,
        "ch_max": power,
        "ds_max": power,
        "x_min": x_min,
        "x_max": x_max,
        "x_0": x_0,
        "eta_st": np.where(capacity > 0, kept, 1.0),
        "eta_ch": np.full(members, 0.95),
        "eta_ds": np.full(members, 0.94),
        "Q_st": q_st,
    }


def _buses(members: int, buses: int, rng: np.random.Generator) -> IntArray:
    """Buses by permutation, the root left out; every bus has a member before one has two."""
    rounds = -(-members // (buses - 1))
    return np.concatenate([1 + rng.permutation(buses - 1) for _ in range(rounds)])[:members]


def _edges(recipe: Recipe, rng: np.random.Generator) -> IntArray:
    members = recipe.members
    if recipe.connectivity is not None:
        i, j = np.triu_indices(members, 1)
        chosen = np.sort(rng.permutation(len(i))[: round(recipe.connectivity * len(i))])
        return np.stack([i[chosen], j[chosen]], axis=1)
    assert recipe.partners is not None
    rings = [rng.permutation(members) for _ in range(recipe.partners // 2)]
    pairs = np.concatenate([np.stack([ring, np.roll(ring, -1)], axis=1) for ring in rings])
    return np.unique(np.sort(pairs, axis=1), axis=0).astype(np.int64)
