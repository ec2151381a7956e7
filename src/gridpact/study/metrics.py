"""What is measured of a run. Formulas and sources: ``docs/metrics.md``."""

import numpy as np

from gridpact.community import Community
from gridpact.exchange import Settlement
from gridpact.grid import Feeder, Flow, ViolationKind, find_violations
from gridpact.markets import Certificate, Check, Pact
from gridpact.markets.auction import efficient_welfare
from gridpact.markets.book import Book
from gridpact.study.result import Baseline, CommunityMetrics, MemberMetrics
from gridpact.units import WH_PER_KWH, FloatArray, IntArray, from_micro, to_kwh


def measure_members(community: Community, settlement: Settlement, baseline: Baseline) -> MemberMetrics:
    """Bill, saving, self-sufficiency, self-consumption and reliability of every member.

    Energy from neighbours counts as the community's own: self-sufficiency is the share of consumption that no supplier
    delivered, self-consumption the share of own generation that no supplier took. Reliability is the share of the net traded
    energy that was delivered or taken as agreed.
    """
    hours = community.horizon.hours
    bill = from_micro(settlement.bill_of_members())
    load_kwh = community.profiles.load_kw.sum(axis=1) * hours
    pv_kwh = community.profiles.pv_kw.sum(axis=1) * hours
    parts = [part.energies for part in settlement.windows()]
    from_supplier = to_kwh(sum((part.imported + part.short).sum(axis=1) for part in parts))
    to_supplier = to_kwh(sum((part.exported + part.unused).sum(axis=1) for part in parts))
    astray = to_kwh(sum((part.short + part.unused).sum(axis=1) for part in parts))
    agreed = to_kwh(sum(np.abs(part.position).sum(axis=1) for part in parts))
    return MemberMetrics(
        bill=bill,
        saving=from_micro(baseline.bill) - bill,
        self_sufficiency=1 - _ratio(from_supplier, load_kwh),
        self_consumption=1 - _ratio(to_supplier, pv_kwh),
        reliability=1 - _ratio(astray, agreed),
    )


def measure_community(
    community: Community, pact: Pact, settlement: Settlement, flow: Flow, baseline: Baseline
) -> CommunityMetrics:
    """Everything that is one number a run."""
    hours = community.horizon.hours
    bill = settlement.bill_of_members()
    savings = from_micro(baseline.bill - bill)
    net_kwh = to_kwh(settlement.energies.metered.sum(axis=0))
    import_kwh, export_kwh = float(np.maximum(net_kwh, 0).sum()), float(np.maximum(-net_kwh, 0).sum())
    traded_wh = int(pact.trades.energy_wh.sum())
    imbalance_wh = sum(int((part.energies.short + part.energies.unused).sum()) for part in settlement.windows())
    realised, optimum = _welfare(community, settlement)
    voltage_violations, overloads = _count_violations(community.feeder, flow)
    return CommunityMetrics(
        total_bill=float(from_micro(bill.sum())),
        total_saving=float(savings.sum()),
        equality=1 - gini(savings),
        traded_kwh=traded_wh / WH_PER_KWH,
        mean_price=float(from_micro(pact.trades.payments().sum())) / (traded_wh / WH_PER_KWH) if traded_wh else np.nan,
        import_kwh=import_kwh,
        export_kwh=export_kwh,
        peak_import_kw=float(flow.head_kw.max(initial=0.0)),
        peak_export_kw=float((-flow.head_kw).max(initial=0.0)),
        self_sufficiency=float(1 - _ratio(import_kwh, community.profiles.load_kw.sum() * hours)),
        self_consumption=float(1 - _ratio(export_kwh, community.profiles.pv_kw.sum() * hours)),
        losses_kwh=float(flow.losses_kw.sum() * hours),
        imbalance_kwh=imbalance_wh / WH_PER_KWH,
        welfare=realised,
        welfare_optimum=optimum,
        voltage_violations=voltage_violations,
        overloads=overloads,
        v_min_pu=float(flow.v_low.min(initial=np.inf)),
        v_max_pu=float(flow.v_high.max(initial=-np.inf)),
        loading_max=float(flow.loading.max(initial=0.0)),
        dso_balance=float(-from_micro(settlement.dso.sum())),
        exchange_balance=float(-from_micro(settlement.exchange.sum())),
        energy_residual_wh=settlement.energy_residual(),
        money_residual=settlement.money_residual(),
    )


def certify(pact: Pact, metrics: CommunityMetrics, baseline: Baseline, community: Community) -> Certificate:
    """The mechanism's own checks, then the invariants of settlement, then the grid's verdict by AC power flow.

    The grid's verdict passes if trading added no violation to those of the network without any trade.
    """
    voltages_before, overloads_before = _count_violations(community.feeder, baseline.flow)
    return Certificate(
        (
            *pact.certificate.checks,
            Check("settlement: money out of balance (micro-units)", float(metrics.money_residual)),
            Check("settlement: energy out of balance (Wh)", float(metrics.energy_residual_wh)),
            Check("grid: voltages out of band (bus-intervals)", metrics.voltage_violations, voltages_before),
            Check("grid: overloads (branch-intervals)", metrics.overloads, overloads_before),
        )
    )


def gini(values: FloatArray) -> float:
    """Gini coefficient, ``ΣΣ|xᵢ − xⱼ| / (2 n Σ|xᵢ|)``; NaN if all are zero.

    With the sum of absolute values below it stays within [0, 1) for negative values, too (Raffinetti, Siletti, Vernizzi,
    *On the Gini coefficient normalization when attributes with negative values are considered*, 2015).

    Examples
    --------
    >>> gini(np.array([1.0, 1.0])), gini(np.array([0.0, 1.0])), gini(np.array([-1.0, 1.0]))
    (0.0, 0.5, 0.5)
    """
    ordered, n = np.sort(values), len(values)
    total = np.abs(ordered).sum()
    if total == 0:
        return float("nan")
    differences = 2 * ((2 * np.arange(1, n + 1) - n - 1) * ordered).sum()
    return float(differences / (2 * n * total))


def _count_violations(feeder: Feeder, flow: Flow) -> tuple[int, int]:
    """Bus-intervals with a voltage out of band, and overloaded branch-intervals."""
    counts = find_violations(feeder, flow).counts
    return counts[ViolationKind.UNDER_VOLTAGE] + counts[ViolationKind.OVER_VOLTAGE], counts[ViolationKind.OVERLOAD]


def _welfare(community: Community, settlement: Settlement) -> tuple[float, float]:
    """Gain over dealing with the supplier alone at the members' true values, realised and at best, currency units.

    The optimum matches what the meters showed; charges are transfers and no cost of it.
    """
    realised = optimum = 0.0
    for part in settlement.windows():
        value, cost = part.tariff.true_values(community.wanted_share)
        realised += _realised_welfare(part, value, cost)
        optimum += _optimal_welfare(part.energies.metered, value, cost)
    return realised, optimum


def _realised_welfare(part: Settlement, value: IntArray, cost: IntArray) -> float:
    energies, tariff = part.energies, part.tariff
    short, unused = energies.short, energies.unused
    taken = np.maximum(energies.position, 0) - unused
    delivered = np.maximum(-energies.position, 0) - short
    gain = taken * value - delivered * cost + unused * tariff.imbalance_sell - short * tariff.imbalance_buy
    return float(from_micro(gain.sum())) / WH_PER_KWH


def _optimal_welfare(metered_wh: IntArray, value: IntArray, cost: IntArray) -> float:
    member, interval = np.nonzero(metered_wh)
    wh = metered_wh[member, interval]
    limits = np.where(wh > 0, value[member, interval], cost[member, interval])
    book = Book(interval, (wh > 0).astype(np.int64), member, np.abs(wh), limits, np.zeros_like(wh))
    return float(from_micro(efficient_welfare(book).sum()))


def _ratio(part: FloatArray | float, whole: FloatArray | float) -> FloatArray:
    """``part / whole``; NaN where the whole is zero."""
    safe = np.where(np.asarray(whole) > 0, whole, np.nan)
    return np.asarray(part / safe, dtype=np.float64)
