"""A small made-up comparison: seeded, consistent where a report can see it, built from the types alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from gridpact.community import Battery, Community, Member, Profiles, Tariff
from gridpact.exchange import Settlement, settle
from gridpact.grid import Feeder, Flow, Lines, Transformers
from gridpact.horizon import Horizon
from gridpact.markets import Certificate, Check, Pact, Trades
from gridpact.study.result import Baseline, CommunityMetrics, Comparison, Delivery, MemberMetrics, Run
from gridpact.units import FloatArray, IntArray, from_micro

MECHANISMS = ("supplier", "pool:sdr", "auction:uniform")
START = datetime(2025, 6, 1, 22, tzinfo=UTC)


@pytest.fixture(scope="session")
def synthetic() -> Callable[..., Comparison]:
    """The builder `make_comparison`."""
    return make_comparison


@pytest.fixture(scope="session")
def comparison() -> Comparison:
    """Eight members on ten buses over two days in Berlin, three mechanisms."""
    return make_comparison()


def make_comparison(
    *,
    members: int = 8,
    buses: int = 10,
    periods: int = 192,
    mechanisms: tuple[str, ...] = MECHANISMS,
    seed: int = 7,
    step: timedelta = timedelta(minutes=15),
    name: str = "Lindenhof",
    first_id: str = "",
    three_phase: bool = False,
    with_map: bool = False,
) -> Comparison:
    """Random members with PV on a random tree; every mechanism pairs surplus with demand at its own price."""
    rng = np.random.default_rng(seed)
    feeder, parent = make_feeder(rng, buses, with_map=with_map)
    community = make_community(rng, feeder, members, periods, step, name, first_id)
    net = community.profiles.net_kw
    flow = make_flow(rng, community, parent, net, three_phase=three_phase)
    delivery = make_delivery(net, step)
    baseline = Baseline(delivery, flow, make_accounts(community, Pact(), delivery, flow).bills.sum(axis=1), 0.0)
    runs = tuple(make_run(rng, community, parent, baseline, mechanism, three_phase) for mechanism in mechanisms)
    return Comparison(community, baseline, runs)


def make_feeder(rng: np.random.Generator, buses: int, *, with_map: bool = False) -> tuple[Feeder, IntArray]:
    """A source at 20 kV, a transformer, and a tree of cables at 0.4 kV; and the parent of each bus."""
    parent = np.array([-1, 0, *(rng.integers(max(1, bus - 5), bus) for bus in range(2, buses))], dtype=np.int64)
    cables = np.arange(2, buses)
    size = len(cables)
    lines = Lines(
        name=tuple(f"cable {bus:02}" for bus in cables),
        from_bus=parent[2:],
        to_bus=cables,
        r_ohm=rng.uniform(0.005, 0.03, size),
        x_ohm=rng.uniform(0.002, 0.01, size),
        c_nf=np.zeros(size),
        r0_ohm=np.full(size, 0.1),
        x0_ohm=np.full(size, 0.1),
        c0_nf=np.zeros(size),
        rating_a=np.full(size, 200.0),
    )
    kv = np.full(buses, 0.4)
    kv[0] = 20.0
    angle = rng.uniform(-1, 1, buses)
    xy = np.zeros((buses, 2)) if with_map else np.full((buses, 2), np.nan)
    if with_map:
        for bus in range(1, buses):
            xy[bus] = xy[parent[bus]] + [np.cos(angle[bus]), np.sin(2 * angle[bus])]
    feeder = Feeder(
        name="village",
        bus_names=tuple(f"bus {bus:02}" for bus in range(buses)),
        bus_kv=kv,
        source_bus=0,
        lines=lines,
        transformers=make_transformer(),
        slack_pu=1.0,
        v_min_pu=0.95,
        v_max_pu=1.05,
        loading_limit=1.0,
        load_buses=cables,
        xy=xy,
    )
    return feeder, parent


def make_transformer() -> Transformers:
    """One of 250 kVA from bus 0 to bus 1."""
    one = np.ones(1)
    return Transformers(
        name=("transformer",),
        hv_bus=np.array([0]),
        lv_bus=np.array([1]),
        hv_kv=20.0 * one,
        lv_kv=0.4 * one,
        rated_kva=250.0 * one,
        uk=0.04 * one,
        pk_kw=3.0 * one,
        i0=0.003 * one,
        p0_kw=0.4 * one,
        ratio=one,
        clock=np.array([5]),
        hv_winding=("D",),
        lv_winding=("YN",),
    )


def make_community(
    rng: np.random.Generator,
    feeder: Feeder,
    members: int,
    periods: int,
    step: timedelta,
    name: str,
    first_id: str,
) -> Community:
    """Members with evening load; the first half has PV, a quarter a battery, one consumes nothing."""
    horizon = Horizon(START, step, periods)
    hour = horizon.minute_of_day("Europe/Berlin") / 60
    ids = sorted([f"home {at:03}" for at in range(members)])
    if first_id:
        ids = sorted([first_id, *ids[1:]])
    kwp = np.where(np.arange(members) < members / 2, rng.uniform(3, 9, members), 0.0)
    sun = np.clip(np.sin((hour - 6) / 14 * np.pi), 0, None) * (hour > 6) * (hour < 20)
    shape = 0.25 + 0.5 * np.exp(-(((hour - 19) / 2.5) ** 2)) + 0.3 * np.exp(-(((hour - 7.5) / 1.5) ** 2))
    load = rng.uniform(0.4, 2.6, members)[:, None] * shape * rng.gamma(4, 0.25, (members, periods))
    load[0] = 0.0
    pv = kwp[:, None] * sun * rng.uniform(0.5, 0.85, periods)
    everybody = tuple(
        Member(
            id=ids[at],
            bus=feeder.bus_names[2 + at % (len(feeder.bus_names) - 2)],
            pv_kwp=float(kwp[at].round(1)),
            battery=Battery(8.0, 4.0, 4.0) if at % 4 == 1 else None,
        )
        for at in range(members)
    )
    dear = np.where((hour >= 17) & (hour < 21), 360_000, 290_000)
    flat = np.full(periods, 80_000)
    tariff = Tariff(dear, flat, dear + 50_000, flat - 30_000, np.full(periods, 100_000))
    return Community(
        name=name,
        currency="EUR",
        time_zone="Europe/Berlin",
        horizon=horizon,
        members=everybody,
        feeder=feeder,
        tariff=tariff,
        profiles=Profiles(load, pv, np.zeros_like(load)),
    )


def make_flow(
    rng: np.random.Generator, community: Community, parent: IntArray, net_kw: FloatArray, *, three_phase: bool = False
) -> Flow:
    """A lossless linear flow on the tree, with two percent of losses written beside it."""
    feeder = community.feeder
    buses, periods = len(parent), net_kw.shape[1]
    through = np.zeros((buses, periods))
    np.add.at(through, community.member_bus, net_kw)
    for bus in range(buses - 1, 0, -1):
        through[parent[bus]] += through[bus]
    voltage = np.ones((buses, periods))
    voltage[1] = 1.0 - 0.04 * through[1] / 250
    for bus in range(2, buses):
        voltage[bus] = voltage[parent[bus]] - feeder.lines.r_ohm[bus - 2] * through[bus] / 1000 / 0.4**2
    loading = np.abs(np.vstack([through[2:] / 60.0, through[1:2] / 250]))
    v_pu = np.ascontiguousarray(voltage.T)
    if three_phase:
        v_pu = v_pu[:, :, None] + rng.normal(0, 0.002, (1, buses, 3))
    losses = 0.02 * np.abs(through[0])
    return Flow(v_pu, np.ascontiguousarray(loading.T), through[0] + losses, 0.2 * through[0], losses)


def make_delivery(net_kw: FloatArray, step: timedelta) -> Delivery:
    """Meters that show a net demand, batteries at rest."""
    rest = np.zeros_like(net_kw)
    return Delivery(rest, rest, np.rint(net_kw * (step / timedelta(hours=1)) * 1000).astype(np.int64))


def make_accounts(community: Community, pact: Pact, delivery: Delivery, flow: Flow) -> Settlement:
    """The accounts of what was agreed and delivered."""
    head_wh = np.rint(flow.head_kw * community.horizon.hours * 1000).astype(np.int64)
    return settle(pact, delivery.net_wh, head_wh, community.tariff, community.charges)


def make_trades(rng: np.random.Generator, community: Community, net_kw: FloatArray) -> Trades:
    """Every member with a surplus sells it to one member with a demand, at a price between export and import."""
    seller, interval = np.nonzero(net_kw < 0)
    demand = np.maximum(net_kw, 1e-9) * rng.uniform(0, 1, (len(net_kw), 1))
    buyer = np.argmax(demand, axis=0)[interval]
    open_to = net_kw[buyer, interval] > 0
    seller, interval, buyer = seller[open_to], interval[open_to], buyer[open_to]
    watt_hours = np.rint(-net_kw[seller, interval] * community.horizon.hours * 1000).astype(np.int64)
    spread = community.tariff.import_price - community.tariff.export_price
    price = community.tariff.export_price + (spread * rng.uniform(0.3, 0.7)).astype(np.int64)
    real = watt_hours > 0
    return Trades(seller[real], buyer[real], interval[real], watt_hours[real], price[interval[real]])


def make_run(
    rng: np.random.Generator,
    community: Community,
    parent: IntArray,
    baseline: Baseline,
    mechanism: str,
    three_phase: bool,
) -> Run:
    """One mechanism. ``supplier`` trades nothing; every other one shifts a little load and sells what is left."""
    idle = mechanism == "supplier"
    base_net = community.profiles.net_kw
    net = base_net if idle else base_net * rng.uniform(0.9, 1.05, (len(base_net), 1))
    flow = baseline.flow if idle else make_flow(rng, community, parent, net, three_phase=three_phase)
    trades = Trades.empty() if idle else make_trades(rng, community, net)
    pact, delivery = Pact(trades), make_delivery(net, community.horizon.step)
    accounts = make_accounts(community, pact, delivery, flow)
    bill = from_micro(accounts.bills.sum(axis=1))
    metrics = MemberMetrics(
        bill=bill,
        saving=from_micro(baseline.bill) - bill,
        self_sufficiency=np.where(np.arange(len(net)) == 0, np.nan, rng.uniform(0.2, 0.8, len(net))),
        self_consumption=np.array([rng.uniform(0.3, 0.9) if m.pv_kwp else np.nan for m in community.members]),
        reliability=rng.uniform(0.8, 1.0, len(net)),
    )
    numbers = make_numbers(rng, community, flow, trades, metrics)
    return Run(
        mechanism=mechanism,
        pact=pact,
        delivery=delivery,
        settlement=accounts,
        flow=flow,
        certificate=make_certificate(numbers, idle),
        members=metrics,
        community=numbers,
        seconds=float(rng.uniform(0.1, 2.0)),
        cpu_seconds=float(rng.uniform(0.1, 2.0)),
    )


def make_numbers(
    rng: np.random.Generator, community: Community, flow: Flow, trades: Trades, metrics: MemberMetrics
) -> CommunityMetrics:
    """Sums and extremes of the arrays; what has no array is drawn."""
    feeder, traded = community.feeder, float(trades.energy_wh.sum() / 1000)
    paid = float(trades.payments().sum() / 1e6)
    saving = float(metrics.saving.sum())
    return CommunityMetrics(
        total_bill=float(metrics.bill.sum()),
        total_saving=saving,
        subsidy=0.0,
        equality=equality(metrics.saving),
        members_worse_off=int((metrics.saving < 0).sum()),
        largest_loss=float(-metrics.saving.min(initial=0)),
        traded_kwh=traded,
        mean_price=paid / traded if traded else float("nan"),
        import_kwh=float(np.maximum(flow.head_kw, 0).sum() * community.horizon.hours),
        export_kwh=float(np.maximum(-flow.head_kw, 0).sum() * community.horizon.hours),
        stored_kwh=0.0,
        curtailed_kwh=0.0,
        cut_kwh=0.0,
        peak_import_kw=float(flow.head_kw.max(initial=0)),
        peak_export_kw=float((-flow.head_kw).max(initial=0)),
        self_sufficiency=0.41,
        self_consumption=0.66,
        losses_kwh=float(flow.losses_kw.sum() * community.horizon.hours),
        imbalance_kwh=float(0.04 * traded * rng.uniform(0.5, 1.5)),
        preference_value=0.0,
        welfare=saving * 1.1,
        welfare_optimum=saving * 1.25,
        voltage_violations=int(((flow.v_low < feeder.v_min_pu) | (flow.v_high > feeder.v_max_pu)).sum()),
        overloads=int((flow.loading > feeder.loading_limit).sum()),
        v_min_pu=float(flow.v_low[:, 1:].min()),
        v_max_pu=float(flow.v_high[:, 1:].max()),
        loading_max=float(flow.loading.max()),
        supplier_balance=0.0,
        dso_balance=0.0,
        exchange_balance=0.0,
        energy_residual_wh=0,
        money_residual=0,
    )


def equality(saving: FloatArray) -> float:
    """1 − Gini by the definition, pair by pair."""
    total = np.abs(saving).sum()
    pairs = np.abs(saving[:, None] - saving).sum()
    return float(1 - pairs / (2 * len(saving) * total)) if total else float("nan")


def make_certificate(numbers: CommunityMetrics, idle: bool) -> Certificate:
    """Claims that hold, one number that is only reported, and one claim about the network."""
    return Certificate(
        (
            Check("budget: what buyers pay and sellers do not get (micro-units)", 0.0),
            Check("individual rationality: largest loss of a truthful member (EUR)", 2.3e-10, 1e-9),
            *(() if idle else (Check("largest gain by misreporting (EUR)", 0.0123, float("inf")),)),
            Check("grid: voltages out of band (bus-intervals)", float(numbers.voltage_violations), 60.0),
        )
    )
