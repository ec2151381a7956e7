"""Of two ways to let go of surplus that is worth nothing, the one that wears no battery."""

from dataclasses import replace

import numpy as np

from gridpact.markets.equilibrium.instance import Allocation, Instance


def curtail_before_burning(instance: Instance, allocation: Allocation) -> Allocation:
    """Hold PV back instead of burning it by charging and discharging at once, as far as there is PV to hold back.

    Where energy has no price both cost nothing, and a solver may end at either. What is drawn at every bus and every state of
    charge stay as they are.

    Parameters
    ----------
    instance, allocation
        A game and what its members do.
    """
    own = instance.stores
    charge, discharge = allocation.p_ch[own], allocation.p_ds[own]
    eta_in, eta_out = (getattr(instance, name)[own][:, None] for name in ("eta_ch", "eta_ds"))
    stored = eta_in * charge - discharge / eta_out
    purely = np.maximum(stored, 0) / eta_in, np.maximum(-stored, 0) * eta_out
    burnt = (charge - discharge) - (purely[0] - purely[1])
    room = np.maximum(np.broadcast_to(instance.cur_max, instance.pd.shape) - allocation.curtailed, 0)[own]
    share = np.divide(np.minimum(burnt, room), burnt, out=np.zeros_like(burnt), where=burnt > 0)
    p_ch, p_ds, p_cur = allocation.p_ch.copy(), allocation.p_ds.copy(), allocation.curtailed.copy()
    p_ch[own] += share * (purely[0] - charge)
    p_ds[own] += share * (purely[1] - discharge)
    p_cur[own] += share * burnt
    return replace(allocation, p_ch=p_ch, p_ds=p_ds, p_cur=p_cur)
