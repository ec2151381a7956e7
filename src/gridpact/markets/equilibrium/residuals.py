"""How far an allocation is from keeping every constraint."""

from dataclasses import dataclass

import numpy as np

from gridpact.markets.equilibrium.instance import Allocation, Instance, Terminal
from gridpact.units import FloatArray


@dataclass(frozen=True, slots=True)
class Residuals:
    """The worst violation of each kind, in its unit; 0 where all is kept.

    Attributes
    ----------
    reciprocity
        ``|p_ij + p_ji|``, kW.
    balance
        Of a member's generation, storage and trades against its load, kW.
    devices
        Powers beyond the limits of generation, storage, curtailment, links, and imports below zero where that is forbidden, kW.
    charge
        State of charge beyond its limits, or off its terminal value, as a share of the capacity.
    voltage
        Beyond the limits of the linear grid, p.u. (at the square root).
    flow
        Beyond the limits of the lines in the linear grid, kW.
    head
        Power drawn from the main grid beyond its bounds, kW.
    """

    reciprocity: float
    balance: float
    devices: float
    charge: float
    voltage: float
    flow: float
    head: float

    @property
    def kw(self) -> float:
        """The worst of those in kW."""
        return max(self.reciprocity, self.balance, self.devices, self.flow, self.head)

    @property
    def worst(self) -> float:
        """The worst of all, units mixed."""
        return max(self.kw, self.charge, self.voltage)


def residuals(instance: Instance, allocation: Allocation) -> Residuals:
    """The worst violation of each kind of constraint.

    The bus balances hold by construction: flows and voltages follow from what the members draw.
    """
    flow = instance.flow(allocation.bus_kw(instance))
    limits = instance.grid_limits
    v = np.sqrt(np.maximum(instance.squared_voltage(flow), 0))
    return Residuals(
        reciprocity=_worst(np.abs(allocation.p_tr + allocation.bought_back)),
        balance=_worst(np.abs(allocation.p_mg + allocation.bought(instance) - allocation.draw(instance))),
        devices=_devices(instance, allocation),
        charge=_charge(instance, allocation),
        voltage=_worst(np.maximum(np.sqrt(limits.v_low) - v, v - np.sqrt(limits.v_high))[1:]),
        flow=_worst((np.abs(flow) - limits.flow)[1:]),
        head=_worst(np.maximum(limits.head_min - flow[0], flow[0] - limits.head_max)),
    )


def _devices(instance: Instance, allocation: Allocation) -> float:
    own = instance.stores
    bounded = (
        (allocation.p_di, instance.di_max[:, None]),
        (allocation.p_ch, np.where(own, instance.ch_max, 0.0)[:, None]),
        (allocation.p_ds, np.where(own, instance.ds_max, 0.0)[:, None]),
        (allocation.curtailed, instance.cur_max),
    )
    worst = max(_worst(np.maximum(-power, power - most)) for power, most in bounded)
    sold = _worst(-allocation.p_mg) if instance.import_only else 0.0
    links = (_worst(np.abs(power) - instance.cap[:, None]) for power in (allocation.p_tr, allocation.bought_back))
    return max(worst, sold, *links)


def _charge(instance: Instance, allocation: Allocation) -> float:
    own = instance.stores
    share = allocation.state_of_charge(instance)[own]
    low, high = instance.x_min[own, None], instance.x_max[own, None]
    missing = share[:, :1] - share[:, -1:]
    if instance.terminal is Terminal.EQUAL:
        missing = np.abs(missing)
    owed = 0.0 if instance.terminal is Terminal.FREE else _worst(missing)
    return max(_worst(np.maximum(low - share, share - high)[:, 1:]), owed)


def _worst(excess: FloatArray) -> float:
    """The largest violation; NaN is not passed over."""
    return float(np.maximum(excess, 0.0).max(initial=0.0))
