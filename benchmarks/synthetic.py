"""Communities of any size, for benchmarks and tests: generated, seeded, on a radial feeder of usual cables and transformers."""

from datetime import UTC, datetime, timedelta

import numpy as np

from gridpact.community import Battery, Community, Member, Preferences, Profiles, Tariff
from gridpact.grid import Feeder, Lines, Transformers
from gridpact.horizon import Horizon

BUSES_PER_STRING = 10
STRINGS_PER_SUBSTATION = 5


def make_feeder(buses: int) -> Feeder:
    """A 20 kV source, as many 400 kVA substations as it takes, and strings of NAYY 4x150 cable, 30 m from bus to bus."""
    per_substation = BUSES_PER_STRING * STRINGS_PER_SUBSTATION
    substations = -(-buses // per_substation)
    names, kv, line_ends, transformer_ends = ["mv"], [20.0], [], []
    for s in range(substations):
        busbar = len(names)
        names.append(f"s{s}")
        kv.append(0.4)
        transformer_ends.append((0, busbar))
        for k in range(min(per_substation, buses - s * per_substation)):
            line_ends.append((busbar if k % BUSES_PER_STRING == 0 else len(names) - 1, len(names)))
            names.append(f"s{s}b{k}")
            kv.append(0.4)
    lines, transformers = np.array(line_ends).reshape(-1, 2), np.array(transformer_ends)
    n, km = len(lines), 0.03
    each = lambda value: np.full(n, value)  # noqa: E731
    per = lambda value: np.full(substations, value)  # noqa: E731
    return Feeder(
        name=f"synthetic-{buses}",
        bus_names=tuple(names),
        bus_kv=np.array(kv),
        source_bus=0,
        lines=Lines(
            name=tuple(f"line {names[b]}" for b in lines[:, 1]),
            from_bus=lines[:, 0].copy(),
            to_bus=lines[:, 1].copy(),
            r_ohm=each(0.208 * km),
            x_ohm=each(0.080 * km),
            c_nf=each(261.0 * km),
            r0_ohm=each(0.832 * km),
            x0_ohm=each(0.320 * km),
            c0_nf=each(261.0 * km),
            rating_a=each(270.0),
        ),
        transformers=Transformers(
            name=tuple(f"transformer {s}" for s in range(substations)),
            hv_bus=transformers[:, 0].copy(),
            lv_bus=transformers[:, 1].copy(),
            hv_kv=per(20.0),
            lv_kv=per(0.4),
            rated_kva=per(400.0),
            uk=per(0.04),
            pk_kw=per(4.6),
            i0=per(0.003),
            p0_kw=per(0.75),
            ratio=per(1.0),
            clock=np.full(substations, 5),
            hv_winding=("D",) * substations,
            lv_winding=("YN",) * substations,
        ),
        slack_pu=1.0,
        v_min_pu=0.9,
        v_max_pu=1.1,
        loading_limit=1.0,
        load_buses=np.flatnonzero([b in set(lines[:, 1].tolist()) for b in range(len(names))]),
        xy=np.full((len(names), 2), np.nan),
    )


def make_community(members: int, intervals: int, *, buses: int | None = None, seed: int = 0) -> Community:
    """Households with an evening peak, PV on 40 % and batteries on 20 % of them, 15 min, from a midsummer midnight."""
    rng = np.random.default_rng(seed)
    feeder = make_feeder(buses or members)
    hour = np.arange(intervals) / 4 % 24
    daily = 0.25 + 0.5 * np.exp(-(((hour - 19) / 2.5) ** 2)) + 0.25 * np.exp(-(((hour - 8) / 1.5) ** 2))
    load = rng.uniform(0.5, 1.8, (members, 1)) * daily * rng.gamma(2.0, 0.5, (members, intervals))
    kwp = np.where(rng.random(members) < 0.4, rng.uniform(3, 8, members), 0.0)
    sun = np.maximum(np.sin((hour - 5) / 16 * np.pi), 0.0) ** 1.5 * rng.uniform(0.3, 1.0, intervals)
    battery = Battery(6.0, 3.0, 3.0)
    has_battery = (kwp > 0) & (rng.random(members) < 0.5)
    price = lambda value: np.full(intervals, value, dtype=np.int64)  # noqa: E731
    return Community(
        name=f"synthetic, {members} members",
        currency="EUR",
        time_zone="Europe/Berlin",
        horizon=Horizon(datetime(2025, 6, 16, tzinfo=UTC), timedelta(minutes=15), intervals),
        members=tuple(
            Member(
                id=f"m{m:05}",
                bus=feeder.bus_names[feeder.load_buses[m % len(feeder.load_buses)]],
                pv_kwp=float(kwp[m]),
                battery=battery if has_battery[m] else None,
                preferences=Preferences(float(share)),
            )
            for m, share in enumerate(rng.uniform(0, 0.3, members))
        ),
        feeder=feeder,
        tariff=Tariff(
            import_price=price(320_000),
            export_price=price(80_000),
            imbalance_buy=price(340_000),
            imbalance_sell=price(60_000),
            loss_price=price(100_000),
            network_charge={"": 20_000},
            service_charge=2_000,
        ),
        profiles=Profiles(load_kw=load, pv_kw=kwp[:, None] * sun, q_kvar=load * 0.33),
    )
