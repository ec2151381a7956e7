"""What is measured of a run. Formulas and sources: ``docs/metrics.md``."""

import numpy as np

from gridpact.community import Community
from gridpact.exchange import Energies, Settlement
from gridpact.grid import Feeder, Flow, ViolationKind, find_violations
from gridpact.markets import Certificate, Check, Pact
from gridpact.markets.auction import efficient_welfare
from gridpact.markets.book import Book
from gridpact.study.result import Baseline, CommunityMetrics, Delivery, MemberMetrics
from gridpact.units import WH_PER_KWH, FloatArray, from_micro, to_kwh


def measure_members(
    community: Community, delivery: Delivery, settlement: Settlement, baseline: Baseline
) -> MemberMetrics:
    """Bill, saving, self-sufficiency and self-consumption of every member.

    Energy from neighbours counts as the community's own: self-sufficiency is the share of consumption that no supplier
    delivered, self-consumption the share of own generation that no supplier took.
    """
    hours = community.horizon.hours
    bill = from_micro(settlement.bills.sum(axis=1))
    load_kwh = community.profiles.load_kw.sum(axis=1) * hours
    pv_kwh = community.profiles.pv_kw.sum(axis=1) * hours
    energies = settlement.energies
    from_supplier = to_kwh((energies.imported + energies.short).sum(axis=1))
    to_supplier = to_kwh((energies.exported + energies.unused).sum(axis=1))
    return MemberMetrics(
        bill=bill,
        saving=from_micro(baseline.settlement.bills.sum(axis=1)) - bill,
        self_sufficiency=1 - _ratio(from_supplier, load_kwh),
        self_consumption=1 - _ratio(to_supplier, pv_kwh),
    )


def measure_community(
    community: Community, pact: Pact, delivery: Delivery, settlement: Settlement, flow: Flow, baseline: Baseline
) -> CommunityMetrics:
    """Everything that is one number a run."""
    hours, energies = community.horizon.hours, settlement.energies
    bills = settlement.bills
    savings = from_micro((baseline.settlement.bills - bills).sum(axis=1))
    net_kwh = to_kwh(delivery.net_wh.sum(axis=0))
    import_kwh, export_kwh = float(np.maximum(net_kwh, 0).sum()), float(np.maximum(-net_kwh, 0).sum())
    traded_wh = int(pact.trades.energy_wh.sum())
    realised, optimum = _welfare(community, energies, delivery)
    voltage_violations, overloads = _count_violations(community.feeder, flow)
    return CommunityMetrics(
        total_bill=float(from_micro(bills.sum())),
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
        imbalance_kwh=float(to_kwh((energies.short + energies.unused).sum())),
        welfare=realised,
        welfare_optimum=optimum,
        voltage_violations=voltage_violations,
        overloads=overloads,
        v_min_pu=float(flow.v_low.min(initial=np.inf)),
        v_max_pu=float(flow.v_high.max(initial=-np.inf)),
        loading_max=float(flow.loading.max(initial=0.0)),
        dso_balance=float(-from_micro(settlement.dso.sum())),
        exchange_balance=float(-from_micro(settlement.exchange.sum())),
        energy_residual_wh=_energy_residual(energies, delivery),
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


def _welfare(community: Community, energies: Energies, delivery: Delivery) -> tuple[float, float]:
    """Gain over dealing with the supplier alone at the members' true values, realised and at best.

    The optimum matches what the meters showed; charges are transfers and no cost of it.
    """
    buy_value, sell_cost = community.tariff.true_values(community.wanted_share)
    position = energies.bought - energies.sold
    to_take, to_deliver = np.maximum(position, 0), np.maximum(-position, 0)
    realised = (
        (to_take - energies.unused) * from_micro(buy_value)
        - (to_deliver - energies.short) * from_micro(sell_cost)
        + energies.unused * from_micro(community.tariff.imbalance_sell)
        - energies.short * from_micro(community.tariff.imbalance_buy)
    ).sum()
    buys = delivery.net_wh > 0
    member, interval = np.nonzero(delivery.net_wh)
    is_buy = buys[member, interval]
    limits = np.where(buys, buy_value, sell_cost)[member, interval]
    book = Book(
        interval, is_buy, member, np.abs(delivery.net_wh[member, interval]), limits, np.zeros(len(member), np.int64)
    )
    return float(realised / WH_PER_KWH), float(from_micro(efficient_welfare(book).sum()))


def _energy_residual(energies: Energies, delivery: Delivery) -> int:
    """Largest gap between a meter and the energies it is settled as, Wh."""
    settled = (
        energies.bought - energies.sold + energies.imported - energies.exported + energies.short - energies.unused
    )
    traded = np.abs((energies.bought - energies.sold).sum(axis=0)).max(initial=0)
    return int(max(np.abs(settled - delivery.net_wh).max(initial=0), traded))


def _ratio(part: FloatArray | float, whole: FloatArray | float) -> FloatArray:
    """``part / whole``; NaN where the whole is zero."""
    safe = np.where(np.asarray(whole) > 0, whole, np.nan)
    return np.asarray(part / safe, dtype=np.float64)
