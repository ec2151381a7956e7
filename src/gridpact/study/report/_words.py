"""What the report says in words: what it ran on, what came out, and what each chart shows."""

from collections.abc import Callable, Sequence

import numpy as np

from gridpact.community import Community
from gridpact.study.metrics import voltage_range
from gridpact.study.pages.formats import DASH, count, local_time, number, percent, quantity, span
from gridpact.study.report._figures import Members, Partners
from gridpact.study.report._table import subsidised, trades, violations_before
from gridpact.study.result import Comparison, Run
from gridpact.units import IntArray, from_micro


def facts(community: Community) -> list[tuple[str, str]]:
    """What the comparison ran on, as terms and descriptions."""
    horizon, zone = community.horizon, community.time_zone
    step = f"{count(horizon.periods, 'interval')} of {span(horizon.step)}"
    return [
        ("Members", _members(community)),
        ("Feeder", _feeder(community)),
        ("From", f"{local_time(horizon.start, zone)} ({zone})"),
        ("Horizon", f"{span(horizon.periods * horizon.step)}: {step}"),
        ("Tariff", _tariff(community)),
    ]


def reading(comparison: Comparison) -> list[str]:
    """The result in a few sentences."""
    traders = [run for run in comparison.runs if trades(run)]
    said = [_money(comparison, traders)]
    if len(traders) > 1:
        said.append(_fairness(traders))
    if comparison.community.premium is not None and traders:
        said.append(_preferences(traders, comparison.community.currency))
    return [sentence for sentence in (*said, _network(comparison), _certificates(comparison.runs)) if sentence]


def captions(comparison: Comparison, partners: Partners, members: Members) -> dict[str, list[str]]:
    """One sentence a chart and run: what there is to see, also for those who do not see it."""
    runs = comparison.runs
    return {
        "duration": [_duration_caption(comparison, run) for run in runs],
        "day": [_day_caption(comparison, run) for run in runs],
        "partners": [_partners_caption(run, cells, partners) for run, cells in zip(runs, partners.cells, strict=True)],
        "savings": [_savings_caption(run, members.ids, comparison.community.currency) for run in runs],
        "feeder": [_feeder_caption(comparison, run) for run in runs],
        "voltage": [_voltage_caption(comparison, run) for run in runs],
    }


def _members(community: Community) -> str:
    batteries = [member.battery for member in community.members if member.battery is not None]
    with_pv = [member.pv_kwp for member in community.members if member.pv_kwp > 0]
    parts = [number(len(community.members))]
    if with_pv:
        parts.append(f"{number(len(with_pv))} with PV ({quantity(sum(with_pv), 'kWp')})")
    if batteries:
        capacity = quantity(sum(battery.capacity_kwh for battery in batteries), "kWh")
        parts.append(f"{count(len(batteries), 'battery', 'batteries')} ({capacity})")
    return ", ".join(parts)


def _feeder(community: Community) -> str:
    feeder = community.feeder
    parts = [feeder.name, count(len(feeder.bus_names), "bus", "buses"), count(len(feeder.lines.name), "line")]
    if len(feeder.transformers.name):
        rating = quantity(float(feeder.transformers.rated_kva.sum()), "kVA")
        parts.append(f"{count(len(feeder.transformers.name), 'transformer')} ({rating})")
    return ", ".join(parts)


def _tariff(community: Community) -> str:
    tariff = community.tariff
    text = f"import {_range(tariff.import_price)}, export {_range(tariff.export_price)} {community.currency}/kWh"
    network = from_micro(sorted(tariff.network_charge.values()))
    if network.max(initial=0) > 0:
        text += f", network charge {_range(np.array(sorted(tariff.network_charge.values())))}"
    if tariff.service_charge:
        text += f", service charge {number(float(from_micro(tariff.service_charge)), 4)}"
    return text


def _range(prices: IntArray) -> str:
    low, high = (
        number(float(from_micro(end)), 4) for end in (prices.min(initial=10**15), prices.max(initial=-(10**15)))
    )
    return low if low == high else f"{low} to {high}"


def _money(comparison: Comparison, traders: Sequence[Run]) -> str:
    currency = comparison.community.currency
    length = span(comparison.community.horizon.periods * comparison.community.horizon.step)
    people = f"the {count(len(comparison.community.members), 'member')}"
    if not traders:
        bill = quantity(comparison.runs[0].community.total_bill, currency, 2) if comparison.runs else DASH
        return f"Nobody trades under the mechanisms compared; over {length} {people} pay {bill}."
    own = [run for run in traders if not subsidised(run)] or traders
    most, least = _ends(own, lambda run: run.community.total_saving)
    alone = quantity(most.community.total_bill + most.community.total_saving, currency, 2)
    best, worst = (_saving(run, currency) for run in (most, least))
    start = f"With the supplier alone, {people} would pay {alone} over {length}. "
    if best == worst:
        return start + f"They save {best} under {_names(own, best, currency)}.{_paid_in(traders, currency)}"
    return start + (
        f"They save most under {_names(own, best, currency)}, {best}, "
        f"and least under {_names(own, worst, currency)}, {worst}.{_paid_in(traders, currency)}"
    )


def _paid_in(traders: Sequence[Run], currency: str) -> str:
    """Which savings are in part the money of others and not the market's."""
    helped = [run for run in traders if subsidised(run)]
    if not helped:
        return ""
    run = max(helped, key=lambda run: run.community.subsidy)
    others = f", and under {count(len(helped) - 1, 'other')} less" if len(helped) > 1 else ""
    subsidy = quantity(run.community.subsidy, currency, 2)
    return f" Under {run.mechanism}, {subsidy} of {_saving(run, currency)} is paid by exchange or DSO{others}."


def _names(traders: Sequence[Run], saving: str, currency: str) -> str:
    """Those under which so much is saved: by name up to two, else the first and how many more."""
    names = [run.mechanism for run in traders if _saving(run, currency) == saving]
    if len(names) == len(traders) > 1:
        return "every mechanism with trade"
    return " and ".join(names) if len(names) < 3 else f"{names[0]} and {len(names) - 1} others alike"


def _saving(run: Run, currency: str) -> str:
    return f"{quantity(run.community.total_saving, currency, 2)} ({percent(run.community.saved_share)})"


def _fairness(traders: Sequence[Run]) -> str:
    known = [run for run in traders if np.isfinite(run.community.equality)]
    if not known:
        return ""
    even, uneven = _ends(known, lambda run: run.community.equality)
    values = [number(run.community.equality, 2) for run in (even, uneven)]
    if values[0] == values[1]:
        return f"Savings are shared equally evenly under all of them (equality {values[0]}, where 1 is everybody the same)."
    return (
        f"Savings are shared most evenly by {even.mechanism} (equality {values[0]}, where 1 is everybody the same), "
        f"least by {uneven.mechanism} ({values[1]})."
    )


def _preferences(traders: Sequence[Run], currency: str) -> str:
    most, least = _ends(traders, lambda run: run.community.preference_value)
    best, worst = (quantity(run.community.preference_value, currency, 2) for run in (most, least))
    start = f"Preferences over sellers are worth {best} to the buyers under {most.mechanism}"
    return f"{start}." if best == worst else f"{start}, the most, and {worst} under {least.mechanism}, the least."


def _network(comparison: Comparison) -> str:
    before, after = violations_before(comparison), [run.community.violations for run in comparison.runs]
    if not before and not any(after):
        return (
            "Voltages and loadings stay within their limits in every interval, before trade and under every mechanism."
        )
    if not before:
        worst = max(comparison.runs, key=lambda run: run.community.violations)
        return f"The network is within its limits before any trade; {worst.mechanism} adds {count(max(after), 'violation')}."
    low, high = number(min(after, default=0)), number(max(after, default=0))
    outcome = low if low == high else f"{low} to {high}"
    return (
        f"The network violates its limits {count(before, 'time')} before any trade and {outcome} under the mechanisms."
    )


def _certificates(runs: Sequence[Run]) -> str:
    failing = [run.mechanism for run in runs if not run.certificate.passed]
    if not failing:
        return "Every certificate holds."
    shown = ", ".join(failing[:4]) + (f" and {len(failing) - 4} more" if len(failing) > 4 else "")
    return f"Checks fail in the certificate{'s' if len(failing) > 1 else ''} of {shown}: see the table."


def _ends(runs: Sequence[Run], value: Callable[[Run], float]) -> tuple[Run, Run]:
    return max(runs, key=value), min(runs, key=value)


def _duration_caption(comparison: Comparison, run: Run) -> str:
    head = comparison.baseline.flow.head_kw
    peaks = [
        f"{name} {quantity(after, 'kW', 1)} ({quantity(max(before, 0.0), 'kW', 1)} before any trade)"
        for name, after, before in (
            ("peak import", run.community.peak_import_kw, float(head.max(initial=0))),
            ("peak export", run.community.peak_export_kw, float((-head).max(initial=0))),
        )
    ]
    return f"Under {run.mechanism}: {', '.join(peaks)}."


def _day_caption(comparison: Comparison, run: Run) -> str:
    if not trades(run):
        return f"Nobody trades under {run.mechanism}."
    price = quantity(run.community.mean_price, f"{comparison.community.currency}/kWh", 4)
    return f"Under {run.mechanism}, {quantity(run.community.traded_kwh, 'kWh')} change hands at {price} on average."


def _partners_caption(run: Run, cells: list[tuple[int, int, float]], partners: Partners) -> str:
    if not cells:
        return f"Nobody trades under {run.mechanism}."
    row, column, kwh = max(cells, key=lambda cell: cell[2])
    pairs = count(len(cells), "pair")
    return (
        f"Under {run.mechanism}, {pairs} trade; the largest is {partners.sellers[row]} to {partners.buyers[column]} "
        f"with {quantity(kwh, 'kWh', 1)}."
    )


def _savings_caption(run: Run, ids: list[str], currency: str) -> str:
    saving = run.members.saving
    if not np.any(np.abs(saving) > 0):
        return f"Under {run.mechanism} nobody saves against the supplier, and nobody loses."
    gain, best = int((saving > 0).sum()), int(np.argmax(saving))
    text = (
        f"Under {run.mechanism}, {number(gain)} of {count(len(ids), 'member')} save against the supplier; "
        f"the median is {quantity(float(np.median(saving)), currency, 2)}, "
        f"the most {quantity(float(saving[best]), currency, 2)} ({ids[best]})"
    )
    worst = int(np.argmin(saving))
    lost = number(-float(saving[worst]), 2)
    return text + (f"; {ids[worst]} pays {lost}\N{NO-BREAK SPACE}{currency} more." if saving[worst] < 0 else ".")


def _feeder_caption(comparison: Comparison, run: Run) -> str:
    loading = run.flow.loading.max(axis=0)
    if not len(loading):
        return "The feeder has no branches."
    name = comparison.community.feeder.branch_names[int(loading.argmax())]
    over = count(run.community.overloads, "overload")
    return f"Under {run.mechanism} the highest loading is {percent(float(loading.max()), 0)} ({name}); {over}."


def _voltage_caption(comparison: Comparison, run: Run) -> str:
    feeder = comparison.community.feeder
    band = f"{number(run.community.v_min_pu, 3)} to {number(run.community.v_max_pu, 3)} p.u."
    low, high = voltage_range(feeder, comparison.baseline.flow)
    before = f"{number(low, 3)} to {number(high, 3)} before any trade"
    limits = f"the limits are {number(feeder.v_min_pu, 2)} and {number(feeder.v_max_pu, 2)}"
    outside = count(run.community.voltage_violations, "bus-interval")
    return f"Under {run.mechanism} voltages range from {band} ({before}); {limits}; {outside} outside."
