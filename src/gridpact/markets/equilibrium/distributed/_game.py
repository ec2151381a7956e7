"""An instance as the solver works on it: powers in units of a mean import, prices in units of the grid's, links by their ends.

Units make it scale-free: weights and tolerances inside mean the same for households and for factories, in any currency.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from gridpact.markets.equilibrium.distributed._rows import (
    CHARGE,
    CHARGED,
    CURTAIL,
    DISCHARGE,
    EXPORT,
    GENERATE,
    IMPORT,
    ROWS,
)
from gridpact.markets.equilibrium.instance import Instance, Terminal
from gridpact.markets.equilibrium.objectives import Concept
from gridpact.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Units:
    """What 1 means inside."""

    kw: float
    price: float

    @classmethod
    def of(cls, instance: Instance) -> Self:
        """From what the operator learns in the first round, before anybody trades, generates or stores."""
        wanted = np.maximum(instance.pd, 0)
        kw = float(wanted.mean()) or 1.0
        grid = instance.d_h * (instance.base_kw + wanted.sum(axis=0)) + instance.price_im
        price = float(np.abs(grid).mean()) or 1.0
        return cls(kw, price)


@dataclass(frozen=True, eq=False)
class Members:
    """What each member knows of itself; see `_storage.best_day`. Arrays ``[member, …]``."""

    net: FloatArray
    low: FloatArray
    high: FloatArray
    curve: FloatArray
    slope: FloatArray
    keep: FloatArray
    lost: FloatArray
    fill: FloatArray
    drain: FloatArray
    start: FloatArray
    stores: BoolArray

    @classmethod
    def of(cls, instance: Instance, units: Units) -> Self:
        """In the units."""
        shape = instance.members, instance.H
        low, high, slope = (np.zeros((instance.members, ROWS, instance.H)) for _ in range(3))
        stores = instance.stores & (instance.ch_max + instance.ds_max > 0)
        for row, most in ((GENERATE, instance.di_max), (CHARGE, instance.ch_max), (DISCHARGE, instance.ds_max)):
            high[:, row] = (most if row == GENERATE else np.where(stores, most, 0.0))[:, None] / units.kw
        high[:, CURTAIL] = np.broadcast_to(instance.cur_max, shape) / units.kw
        if not instance.import_only:
            one_price = np.broadcast_to(instance.price_im == instance.price_ex, instance.H)
            low[:, IMPORT] = np.where(one_price, -np.inf, 0.0)
            high[:, EXPORT] = np.where(one_price, 0.0, np.inf)
        high[:, IMPORT] = np.inf
        low[:, CHARGED], high[:, CHARGED] = instance.x_min[:, None], instance.x_max[:, None]
        if instance.terminal is not Terminal.FREE:
            low[:, CHARGED, -1] = instance.x_0
        if instance.terminal is Terminal.EQUAL:
            high[:, CHARGED, -1] = instance.x_0
        slope[:, GENERATE] = instance.c_di[:, None] / units.price
        slope[:, IMPORT] = instance.price_im / units.price
        slope[:, EXPORT] = -instance.price_ex / units.price
        curve = np.zeros((instance.members, ROWS))
        curve[:, GENERATE] = 2 * instance.Q_di * units.kw / units.price
        curve[:, CHARGE] = curve[:, DISCHARGE] = 2 * instance.Q_st * units.kw / units.price
        per_kw = np.where(stores, instance.dt / np.where(stores, instance.E, 1.0), 0.0) * units.kw
        return cls(
            net=instance.pd / units.kw,
            low=low,
            high=high,
            curve=curve,
            slope=slope,
            keep=np.broadcast_to(instance.eta_st, stores.shape).astype(np.float64),
            lost=np.broadcast_to(instance.x_loss, stores.shape).astype(np.float64),
            fill=per_kw * instance.eta_ch,
            drain=per_kw / np.where(stores, instance.eta_ds, 1.0),
            start=instance.x_0.astype(np.float64),
            stores=stores,
        )


@dataclass(frozen=True, eq=False)
class Links:
    """Both ends of every link, sorted by owner; a member without partners has one end that leads nowhere.

    Attributes
    ----------
    owner, partner, twin
        Whose end, who is at the other, and which is the other end, ``[half]``.
    first
        Where the ends of each member begin, ``[member + 1]``.
    forward
        Position of the end of i of each link i < j, ``[link]``.
    lean, tariff, cap
        ``c_ij − c_ji``, c_ta, and the largest trade, ``[half]``.
    """

    owner: IntArray
    partner: IntArray
    twin: IntArray
    first: IntArray
    forward: IntArray
    lean: FloatArray
    tariff: FloatArray
    cap: FloatArray

    @classmethod
    def of(cls, instance: Instance, units: Units) -> Self:
        """In the units."""
        i, j = instance.edges.T
        links = instance.links
        alone = np.setdiff1d(np.arange(instance.members), instance.edges)
        owner, partner = np.concatenate([i, j, alone]), np.concatenate([j, i, alone])
        twin = np.concatenate([np.arange(links) + links, np.arange(links), 2 * links + np.arange(len(alone))])
        lean = instance.c_tr[:, 0] - instance.c_tr[:, 1]
        nothing = np.zeros(len(alone))
        order = np.lexsort((partner, owner))
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return cls(
            owner=owner[order],
            partner=partner[order],
            twin=place[twin[order]],
            first=np.searchsorted(owner[order], np.arange(instance.members + 1)),
            forward=place[:links],
            lean=np.concatenate([lean, -lean, nothing])[order] / units.price,
            tariff=np.concatenate([instance.c_ta, instance.c_ta, nothing])[order] / units.price,
            cap=np.concatenate([instance.cap, instance.cap, nothing])[order] / units.kw,
        )


@dataclass(frozen=True, eq=False)
class Grid:
    """What the operator knows: the price of power from the main grid, who is where, and the feeder; ``[hour, bus]``.

    Squared voltages are in units of the permitted band, so that all that its program sees is of similar size.
    """

    marginal: FloatArray
    base: FloatArray
    sigma_min: FloatArray
    sigma_max: FloatArray
    bus: IntArray
    crowd: FloatArray
    parent: IntArray
    r: FloatArray
    gain: FloatArray
    passive: FloatArray
    fall: FloatArray
    v_root: float
    v_low: FloatArray
    v_high: FloatArray
    flow_max: FloatArray

    @classmethod
    def of(cls, instance: Instance, units: Units, concept: Concept) -> Self:
        """In the units."""
        limits = instance.grid_limits
        band = float(np.max(limits.v_high - limits.v_low, initial=1e-6))
        return cls(
            marginal=2 * concept.weights[0] * instance.d_h * units.kw / units.price,
            base=instance.d_h * instance.base_kw / units.price,
            sigma_min=(limits.head_min - instance.base_kw) / units.kw,
            sigma_max=(limits.head_max - instance.base_kw) / units.kw,
            bus=instance.pro_bus,
            crowd=np.bincount(instance.pro_bus, minlength=instance.buses).astype(np.float64),
            parent=instance.parent,
            r=instance.r * units.kw / band,
            gain=np.broadcast_to(instance.gain, instance.buses).astype(np.float64),
            passive=_by_hour(instance.pas_p / units.kw),
            fall=_by_hour(2 * instance.x[:, None] * instance.flow_kvar / band),
            v_root=instance.v0**2 / band,
            v_low=_by_hour(limits.v_low / band),
            v_high=_by_hour(limits.v_high / band),
            flow_max=_by_hour(limits.flow / units.kw),
        )


def _by_hour(values: FloatArray) -> FloatArray:
    return np.ascontiguousarray(values.T)
