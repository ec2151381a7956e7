"""What is measured of a run. Formulas and sources: ``docs/metrics.md``."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gridpact.community import Community
from gridpact.exchange import Settlement
from gridpact.grid import Feeder, Flow, ViolationKind, added_violation, find_violations
from gridpact.markets import Certificate, Check, Pact
from gridpact.study.result import Baseline, CommunityMetrics, Delivery, MemberMetrics
from gridpact.study.welfare import preference_value
from gridpact.units import FloatArray, IntArray, from_micro, payment, to_kwh

GRID_TOLERANCE = 1e-6
"""Largest difference of two power flows, p.u. or share of a rating, that is no violation made worse."""


def measure(
    community: Community,
    pact: Pact,
    delivery: Delivery,
    settlement: Settlement,
    flow: Flow,
    baseline: Baseline,
    cut_wh: int = 0,
) -> tuple[MemberMetrics, CommunityMetrics]:
    """Every number of a run, a member's and the community's.

    Parameters
    ----------
    community
        What it ran on.
    pact, delivery, settlement, flow
        What was agreed, what happened, what it cost, and what the grid says of it.
    baseline
        The same community when nobody trades.
    cut_wh
        Energy of orders, and of what members deal with their suppliers, that the DSO made give way.
    """
    totals = _total(community, settlement)
    loss = totals.bill - baseline.bill
    met = preference_value(community, pact.trades, settlement)
    saved = from_micro(baseline.bill.sum() - totals.to_supplier.sum() - totals.reluctance.sum())
    return _measure_members(community, totals, loss), CommunityMetrics(
        **_measure_money(pact, settlement, totals, loss),
        **_measure_energy(community, pact, delivery, totals, baseline),
        **_measure_grid(community, flow),
        cut_kwh=float(to_kwh(cut_wh)),
        preference_value=met,
        welfare=float(saved) + met,
        welfare_optimum=baseline.welfare_optimum,
        energy_residual_wh=totals.energy_residual_wh,
        money_residual=totals.money_residual,
    )


def certify(pact: Pact, metrics: CommunityMetrics, community: Community, flow: Flow, baseline: Baseline) -> Certificate:
    """The mechanism's own checks, then the invariants of settlement, then the grid's verdict by AC power flow.

    The grid's verdict holds if no limit is passed that the network keeps without any trade, and none is passed further.
    """
    voltage, loading = added_violation(community.feeder, baseline.flow, flow)
    return Certificate(
        (
            *pact.certificate.checks,
            Check("settlement: money out of balance (micro-units)", float(metrics.money_residual)),
            Check("settlement: energy out of balance (Wh)", float(metrics.energy_residual_wh)),
            Check("grid: voltage further out of band than without trade (p.u.)", voltage, GRID_TOLERANCE),
            Check("grid: loading further over its limit than without trade (share)", loading, GRID_TOLERANCE),
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


def voltage_range(feeder: Feeder, flow: Flow) -> tuple[float, float]:
    """Lowest and highest voltage of all buses but the source, which is held at its own, p.u."""
    rest = np.arange(len(feeder.bus_names)) != feeder.source_bus
    return float(flow.v_low[:, rest].min(initial=np.inf)), float(flow.v_high[:, rest].max(initial=-np.inf))


@dataclass(slots=True)
class _Totals:
    """Sums of a settlement over its windows; arrays ``[member]``, micro-units and Wh.

    ``to_supplier`` is what members pay at retail and for imbalance, ``reluctance`` what trading costs them beyond money.
    """

    bill: IntArray
    to_supplier: IntArray
    reluctance: IntArray
    transfers: IntArray
    bought_in_wh: IntArray
    sold_out_wh: IntArray
    astray_wh: IntArray
    position_wh: IntArray
    import_wh: int = 0
    export_wh: int = 0
    money_residual: int = 0
    energy_residual_wh: int = 0


def _total(community: Community, settlement: Settlement) -> _Totals:
    """Walk through a settlement once."""
    names = (
        "bill",
        "to_supplier",
        "reluctance",
        "transfers",
        "bought_in_wh",
        "sold_out_wh",
        "astray_wh",
        "position_wh",
    )
    zeros: dict[str, Any] = {name: np.zeros(len(community.members), dtype=np.int64) for name in names}
    totals = _Totals(**zeros)
    for part in settlement.windows():
        energies, causes = part.energies, part.causes()
        bills = np.sum(list(causes.values()), axis=0)
        imported, exported, short, unused = energies.imported, energies.exported, energies.short, energies.unused
        position, net = energies.position, energies.metered.sum(axis=0)
        value, _ = part.tariff.true_values(community.wanted_share)
        delivered = np.abs(position) - short - unused
        totals.bill += bills.sum(axis=1)
        totals.to_supplier += (causes["retail"] + causes["imbalance"]).sum(axis=1)
        totals.reluctance += payment(delivered, part.tariff.import_price - value).sum(axis=1)
        totals.transfers += causes["transfers"].sum(axis=1)
        totals.bought_in_wh += imported.sum(axis=1)
        totals.sold_out_wh += exported.sum(axis=1)
        totals.astray_wh += (short + unused).sum(axis=1)
        totals.position_wh += np.abs(position).sum(axis=1)
        totals.import_wh += int(np.maximum(net, 0).sum())
        totals.export_wh += int(np.maximum(-net, 0).sum())
        money = bills.sum(axis=0) + part.supplier + part.dso + part.exchange
        totals.money_residual = max(totals.money_residual, int(np.abs(money).max(initial=0)))
        totals.energy_residual_wh = max(totals.energy_residual_wh, energies.residual())
    return totals


def _measure_members(community: Community, totals: _Totals, loss: IntArray) -> MemberMetrics:
    """Energy from neighbours counts as the community's own; broken contracts are left to the reliability."""
    hours = community.horizon.hours
    load_kwh, pv_kwh = (power.sum(axis=1) * hours for power in (community.profiles.load_kw, community.profiles.pv_kw))
    return MemberMetrics(
        bill=from_micro(totals.bill),
        saving=from_micro(-loss),
        self_sufficiency=1 - _ratio(to_kwh(totals.bought_in_wh), load_kwh),
        self_consumption=1 - _ratio(to_kwh(totals.sold_out_wh), pv_kwh),
        reliability=1 - _ratio(to_kwh(totals.astray_wh), to_kwh(totals.position_wh)),
    )


def _measure_money(pact: Pact, settlement: Settlement, totals: _Totals, loss: IntArray) -> dict[str, Any]:
    traded_kwh = float(to_kwh(pact.trades.energy_wh.sum()))
    saving = float(from_micro(-loss.sum()))
    return {
        "total_bill": float(from_micro(totals.bill.sum())),
        "total_saving": saving,
        "subsidy": float(from_micro(-totals.transfers.sum())),
        "equality": 1 - gini(from_micro(-loss)) if saving > 0 else np.nan,
        "members_worse_off": int((loss > 0).sum()),
        "largest_loss": float(from_micro(loss.max(initial=0))),
        "mean_price": float(from_micro(pact.trades.payments().sum())) / traded_kwh if traded_kwh else np.nan,
        "supplier_balance": float(-from_micro(settlement.supplier.sum())),
        "dso_balance": float(-from_micro(settlement.dso.sum())),
        "exchange_balance": float(-from_micro(settlement.exchange.sum())),
    }


def _measure_energy(
    community: Community, pact: Pact, delivery: Delivery, totals: _Totals, baseline: Baseline
) -> dict[str, Any]:
    hours = community.horizon.hours
    import_kwh, export_kwh = float(to_kwh(totals.import_wh)), float(to_kwh(totals.export_wh))
    stored_kwh = delivery.soc_kwh[:, -1:].sum() - baseline.delivery.soc_kwh[:, -1:].sum()
    return {
        "traded_kwh": float(to_kwh(pact.trades.energy_wh.sum())),
        "import_kwh": import_kwh,
        "export_kwh": export_kwh,
        "stored_kwh": float(stored_kwh),
        "curtailed_kwh": 0.0 if delivery.curtailed_kw is None else float(delivery.curtailed_kw.sum() * hours),
        "self_sufficiency": float(1 - _ratio(import_kwh, community.profiles.load_kw.sum() * hours)),
        "self_consumption": float(1 - _ratio(export_kwh, community.profiles.pv_kw.sum() * hours)),
        "imbalance_kwh": float(to_kwh(totals.astray_wh.sum())),
    }


def _measure_grid(community: Community, flow: Flow) -> dict[str, Any]:
    voltage_violations, overloads = _count_violations(community.feeder, flow)
    lowest, highest = voltage_range(community.feeder, flow)
    return {
        "peak_import_kw": float(flow.head_kw.max(initial=0.0)),
        "peak_export_kw": float((-flow.head_kw).max(initial=0.0)),
        "losses_kwh": float(flow.losses_kw.sum() * community.horizon.hours),
        "voltage_violations": voltage_violations,
        "overloads": overloads,
        "v_min_pu": lowest,
        "v_max_pu": highest,
        "loading_max": float(flow.loading.max(initial=0.0)),
    }


def _count_violations(feeder: Feeder, flow: Flow) -> tuple[int, int]:
    """Bus-intervals with a voltage out of band, and overloaded branch-intervals."""
    counts = find_violations(feeder, flow).counts
    return counts[ViolationKind.UNDER_VOLTAGE] + counts[ViolationKind.OVER_VOLTAGE], counts[ViolationKind.OVERLOAD]


def _ratio(part: FloatArray | float, whole: FloatArray | float) -> FloatArray:
    """``part / whole``; NaN where the whole is zero."""
    safe = np.where(np.asarray(whole) > 0, whole, np.nan)
    return np.asarray(part / safe, dtype=np.float64)
