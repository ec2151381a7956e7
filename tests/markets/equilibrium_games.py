"""Small games on one line, for tests by hand."""

from typing import Any

import numpy as np

from gridpact.markets.equilibrium import Instance


def line_game(pd: Any, *, edges: Any = ((0, 1),), **changes: Any) -> Instance:
    """Members at buses 1, 2, … of a line behind the root, ``pd`` as ``[member, hour]``; wide limits, nothing owned, no costs.

    The line has r = 1e-4 squared p.u. per kW (twice that falls by kW), no reactance and no reactive power.
    """
    load = np.asarray(pd, dtype=np.float64)
    members, hours = load.shape
    pairs = np.asarray(edges, dtype=np.int64).reshape(-1, 2)
    zeros, buses = np.zeros(members), members + 1
    arrays: dict[str, Any] = {
        "H": hours,
        "dt": 1.0,
        "bus_name": tuple(f"bus{bus}" for bus in range(buses)),
        "parent": np.arange(-1, members),
        "r": np.where(np.arange(buses) > 0, 1e-4, 0.0),
        "x": np.zeros(buses),
        "z_ohm": np.where(np.arange(buses) > 0, 1e-4 * 1e3 * 0.4**2, 0.0).astype(complex),
        "s_max": np.full(buses, np.inf),
        "kv": 0.4,
        "v0": 1.0,
        "vmin": 0.9,
        "vmax": 1.1,
        "pmin": -1e4,
        "pmax": 1e4,
        "pas_p": np.zeros((buses, hours)),
        "pas_q": np.zeros((buses, hours)),
        "pro_bus": np.arange(1, buses),
        "pd": load,
        "qd": np.zeros((members, hours)),
        **dict.fromkeys(("di_max", "Q_di", "c_di", "E", "ch_max", "ds_max", "x_min", "x_max", "x_0", "Q_st"), zeros),
        **dict.fromkeys(("eta_st", "eta_ch", "eta_ds"), zeros + 1),
        "terminal": "at least",
        "import_only": True,
        "edges": pairs,
        "cap": np.full(len(pairs), 100.0),
        "c_tr": np.zeros((len(pairs), 2)),
        "c_ta": np.zeros(len(pairs)),
        "d_h": np.full(hours, 0.01),
    }
    return Instance(**arrays | changes)
