"""The smallest network in which a trade is too much: two buses and a line. For examples and tests."""

import numpy as np

from gridpact.exchange.acceptance.case import Case, Orders, Uses
from gridpact.exchange.acceptance.network import Network
from gridpact.grid import Feeder, Lines, Transformers

RATING_A = 9.0
"""At 0.4 kV, 9 A are 6.2 kVA."""


def two_bus_feeder(rating_a: float = RATING_A, r_ohm: float = 0.2) -> Feeder:
    """A source and one more bus, 0.4 kV, joined by a line without reactance."""
    one = np.ones(1)
    first, second = (np.array([at], dtype=np.int64) for at in (0, 1))
    lines = Lines(
        name=("line",),
        from_bus=first,
        to_bus=second,
        r_ohm=r_ohm * one,
        x_ohm=0 * one,
        c_nf=0 * one,
        r0_ohm=r_ohm * one,
        x0_ohm=0 * one,
        c0_nf=0 * one,
        rating_a=rating_a * one,
    )
    no_buses, no_numbers = np.empty(0, dtype=np.int64), np.empty(0)
    transformers = Transformers(
        name=(),
        hv_bus=no_buses,
        lv_bus=no_buses,
        hv_kv=no_numbers,
        lv_kv=no_numbers,
        rated_kva=no_numbers,
        uk=no_numbers,
        pk_kw=no_numbers,
        i0=no_numbers,
        p0_kw=no_numbers,
        ratio=no_numbers,
        clock=no_buses,
        hv_winding=(),
        lv_winding=(),
    )
    return Feeder(
        name="two buses",
        bus_names=("head", "end"),
        bus_kv=0.4 * np.ones(2),
        source_bus=0,
        lines=lines,
        transformers=transformers,
        slack_pu=1.0,
        v_min_pu=0.9,
        v_max_pu=1.1,
        loading_limit=1.0,
        load_buses=second.copy(),
        xy=np.full((2, 2), np.nan),
    )


def two_buses(sold_wh: int, *, rating_a: float = RATING_A, r_ohm: float = 0.2) -> tuple[Network, Case]:
    """Member 0 at the end sells from its battery to member 1 at the head, whose demand is base load; one hour.

    Parameters
    ----------
    sold_wh
        The energy of the order; the battery discharges it, and would stand still without the trade.
    rating_a, r_ohm
        Of the line.
    """
    network = Network(two_bus_feeder(rating_a, r_ohm), np.array([[0.0, 1.0], [1.0, 0.0]]))
    orders = Orders(*(np.array([value]) for value in (0, 1, sold_wh, 0, 300_000, 80_000)))
    uses = Uses.of_meters(np.array([0, 20_000]), np.array([-sold_wh, 20_000]))
    return network, Case(orders, uses, np.zeros(2), 1.0, 300_000, 80_000)
