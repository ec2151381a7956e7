"""Intervals that a feeder cannot carry: generated, seeded cases for acceptance, in benchmarks and tests."""

from dataclasses import replace

import numpy as np

from benchmarks.synthetic import make_feeder
from gridpact.exchange.acceptance import Case, Network, Orders, Uses
from gridpact.units import FloatArray

HOURS = 0.25


def stressed_network(
    members: int, buses: int, seed: int, *, slack_pu: float = 1.0, per_phase: bool = False, rating: float = 1.0
) -> Network:
    """Members spread over the load buses of a synthetic feeder, on three phases or one at random.

    Parameters
    ----------
    members, buses, seed
        How many, and of the draw.
    slack_pu
        At the head.
    per_phase
        Whether members are on single phases.
    rating
        Multiplies what the lines can carry.
    """
    rng = np.random.default_rng(seed)
    feeder = make_feeder(buses)
    lines = replace(feeder.lines, rating_a=rating * feeder.lines.rating_a)
    feeder = replace(feeder, slack_pu=slack_pu, lines=lines)
    bus = rng.choice(feeder.load_buses, members)
    share: FloatArray = np.zeros((members, len(feeder.bus_names), *((3,) if per_phase else ())))
    if per_phase:
        share[np.arange(members), bus, rng.integers(3, size=members)] = 1.0
    else:
        share[np.arange(members), bus] = 1.0
    return Network(feeder, share)


def stressed_case(members: int, orders: int, seed: int, *, traded_kw: float, surplus_kw: float, load_kw: float) -> Case:
    """An interval of a quarter of an hour.

    Members are sellers and buyers by halves, drawn. A seller has PV surplus, sells that and what its battery gives; a buyer's
    base load is there in any case, and part of what it buys charges a battery.

    Parameters
    ----------
    members, orders, seed
        How many, and of the draw.
    traded_kw
        What all orders move by batteries, on average: as much is injected as withdrawn.
    surplus_kw, load_kw
        Mean PV surplus of a seller and mean base load of a buyer.
    """
    rng = np.random.default_rng(seed)
    role = rng.permutation(members)
    sellers, buyers = role[: members // 2], role[members // 2 :]
    energy = np.ceil(rng.uniform(0.1, 1.9, orders) * traded_kw * 1e3 * HOURS / max(orders, 1)).astype(np.int64)
    seller, buyer = rng.choice(sellers, orders), rng.choice(buyers, orders)
    reference = np.zeros(members, dtype=np.int64)
    reference[sellers] = -np.rint(rng.uniform(0, 2, len(sellers)) * surplus_kw * 1e3 * HOURS).astype(np.int64)
    reference[buyers] = np.rint(rng.uniform(0, 2, len(buyers)) * load_kw * 1e3 * HOURS).astype(np.int64)
    sold, bought = (np.bincount(who, energy, members).astype(np.int64) for who in (seller, buyer))
    from_battery = np.rint(sold * rng.uniform(0, 1, members)).astype(np.int64)
    to_battery = np.rint(bought * rng.uniform(0, 1, members)).astype(np.int64)
    worth, cost = (rng.integers(low, high, orders) for low, high in ((200_000, 350_000), (80_000, 200_000)))
    return Case(
        orders=Orders(seller, buyer, energy, rng.permutation(orders), worth, cost),
        uses=Uses.of_meters(reference, reference - from_battery + to_battery),
        q_kvar=0.2 * np.maximum(reference, 0) / 1e3 / HOURS,
        hours=HOURS,
        import_price=350_000,
        export_price=79_400,
    )
