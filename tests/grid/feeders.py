"""Small feeders that tests calculate by hand."""

from dataclasses import replace

import numpy as np

from gridpact.grid import Feeder, Lines, Transformers

NO_TRANSFORMERS = Transformers(
    name=(),
    hv_bus=np.empty(0, dtype=np.int64),
    lv_bus=np.empty(0, dtype=np.int64),
    hv_kv=np.empty(0),
    lv_kv=np.empty(0),
    rated_kva=np.empty(0),
    uk=np.empty(0),
    pk_kw=np.empty(0),
    i0=np.empty(0),
    p0_kw=np.empty(0),
    ratio=np.empty(0),
    clock=np.empty(0, dtype=np.int64),
    hv_winding=(),
    lv_winding=(),
)


def make_lines(ends, r_ohm, x_ohm, rating_a=None, c_nf=0.0) -> Lines:
    """Lines named by their ends; the zero sequence is fourfold."""
    count = len(ends)
    r, x, c = (np.broadcast_to(np.asarray(values, dtype=float), count).copy() for values in (r_ohm, x_ohm, c_nf))
    return Lines(
        name=tuple(f"{a}-{b}" for a, b in ends),
        from_bus=np.array([a for a, _ in ends], dtype=np.int64),
        to_bus=np.array([b for _, b in ends], dtype=np.int64),
        r_ohm=r,
        x_ohm=x,
        c_nf=c,
        r0_ohm=4 * r,
        x0_ohm=4 * x,
        c0_nf=c.copy(),
        rating_a=np.full(count, np.inf) if rating_a is None else np.asarray(rating_a, dtype=float),
    )


def make_transformer(hv_bus=0, lv_bus=1, **changes) -> Transformers:
    """One 250 kVA transformer, 20 kV to 0.4 kV, Dyn5."""
    usual = {
        "name": ("T",),
        "hv_bus": np.array([hv_bus]),
        "lv_bus": np.array([lv_bus]),
        "hv_kv": np.array([20.0]),
        "lv_kv": np.array([0.4]),
        "rated_kva": np.array([250.0]),
        "uk": np.array([0.06]),
        "pk_kw": np.array([3.3]),
        "i0": np.array([0.0]),
        "p0_kw": np.array([0.0]),
        "ratio": np.array([1.0]),
        "clock": np.array([5]),
        "hv_winding": ("D",),
        "lv_winding": ("YN",),
    }
    return Transformers(**{**usual, **changes})


def make_feeder(
    ends, r_ohm, x_ohm, *, kv=0.4, buses=None, transformers=NO_TRANSFORMERS, rating_a=None, c_nf=0.0, **changes
):
    """A feeder at one voltage (or ``kv`` by bus) whose source is bus 0."""
    count = buses or 1 + max(max(pair) for pair in ends)
    feeder = Feeder(
        name="small",
        bus_names=tuple(f"bus {at}" for at in range(count)),
        bus_kv=np.broadcast_to(np.asarray(kv, dtype=float), count).copy(),
        source_bus=0,
        lines=make_lines(ends, r_ohm, x_ohm, rating_a, c_nf),
        transformers=transformers,
        slack_pu=1.0,
        v_min_pu=0.9,
        v_max_pu=1.1,
        loading_limit=1.0,
        load_buses=np.arange(1, count),
        xy=np.full((count, 2), np.nan),
    )
    return replace(feeder, **changes)


def random_tree(rng: np.random.Generator, buses: int, **changes) -> Feeder:
    """A radial feeder in which every bus hangs from one before it, some lines drawn towards the source."""
    pairs = [(int(rng.integers(0, bus)), bus) for bus in range(1, buses)]
    ends = [pair if rng.random() < 0.5 else pair[::-1] for pair in pairs]
    return make_feeder(ends, rng.uniform(0.001, 0.05, buses - 1), rng.uniform(0.001, 0.02, buses - 1), **changes)
