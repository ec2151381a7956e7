"""The page of the study: the claim, what theory says, the sweep as charts and tables."""

from collections.abc import Sequence

import numpy as np

from gridpact.study.net_metering import figures
from gridpact.study.net_metering.cases import BILLING_DAYS
from gridpact.study.net_metering.findings import CLAIM, reading, what_theory_says, where_it_holds
from gridpact.study.net_metering.sweep import Sweep
from gridpact.study.pages import Block, Column, Page, Section, Table
from gridpact.study.pages.formats import count, local_time, number, percent, span


def page(sweep: Sweep, *, command: str, notes: Sequence[str] = ()) -> Page:
    """Everything of a sweep that people see.

    Parameters
    ----------
    sweep
        The numbers.
    command
        That makes the same page again.
    notes
        About the data.
    """
    saved: tuple[Block, ...] = (figures.saved(sweep), *figures.stored(sweep), cases(sweep), cases(sweep, retail=True))
    fees = (figures.with_fees(sweep), break_even(sweep), figures.epsilon(sweep))
    stay = (figures.together(sweep), figures.partition(sweep), figures.shares(sweep))
    return Page(
        study="net-metering",
        title=f"Net metering and the reason to stay: {sweep.sample.community.name}",
        reading=reading(sweep),
        facts=facts(sweep),
        sections=(
            Section("Where the claim holds and where it does not", (_claim(), *where_it_holds(sweep))),
            Section("What pooling saves", saved),
            Section("What fees leave", fees),
            Section("Who gains and who stays", stay),
            Section("What theory says", tuple(what_theory_says(sweep))),
            Section("Who takes part", (members(sweep),)),
        ),
        command=command,
        notes=(
            *notes,
            "Batteries know prices and profiles in advance and end as full as they began: the most that storage can "
            "bring.",
        ),
    )


def facts(sweep: Sweep) -> list[tuple[str, str]]:
    """What the study ran on."""
    community, terms = sweep.sample.community, sweep.settings.terms
    horizon, money = community.horizon, community.currency
    export = sweep.ratio * sweep.import_price
    fees = (
        f"{number(terms.fee_per_coalition, 2)} {money} per coalition, or {number(terms.fee_per_member, 2)} per member; "
        f"{number(terms.network_charge, 4)} {money} per shared kWh"
    )
    return [
        ("Members", sweep.sample.rule),
        ("Horizon", f"{span(horizon.periods * horizon.step)} from {local_time(horizon.start, community.time_zone)}"),
        ("Intervals", f"{count(horizon.periods, 'interval')} of {span(horizon.step)}"),
        ("Own prices", f"import {number(sweep.import_price, 4)}, export {number(export, 4)} {money}/kWh on average"),
        (f"Fees for {BILLING_DAYS} days", fees),
        (
            f"Demand charge for {BILLING_DAYS} days",
            f"{number(terms.demand_charge, 2)} {money} per kW of the highest import",
        ),
    ]


def cases(sweep: Sweep, *, retail: bool = False) -> Table:
    """The key table: every setting at the community's own prices, or under retail net metering."""
    lines = [line for storage in (False, True) for line in figures.scenarios_of(sweep, storage=storage)]
    found = [(sweep.retail if retail else sweep.own)(line) for line in lines]
    money = sweep.sample.community.currency
    columns = (
        Column("netting", [str(line.netting) for line in lines]),
        Column("storage", [line.storage for line in lines]),
        Column("demand charge", [line.demand for line in lines]),
        Column("fee", [str(line.fee) for line in lines]),
        Column(f"v(N), {money}", [each.total for each in found], 2),
        Column(f"ε*, {money}", [each.epsilon for each in found], 3),
        Column(f"margin, {money}", [each.margin for each in found], 3),
        Column("members that gain", [each.gaining for each in found], 0),
        Column("largest coalition", [each.together for each in found], 0),
    )
    prices = (
        "under retail net metering"
        if retail
        else f"at the community's own prices, export at {percent(sweep.ratio, 0)} of import"
    )
    what = (
        "ε*: least core, above 0 the core is empty. Margin: smallest gain of two coalitions that join; below 0 "
        "joining does "
        "not always pay. Members that gain: by the Shapley value. Largest coalition: after merging and splitting."
    )
    return Table("retail" if retail else "cases", f"All settings {prices}", columns, what)


def break_even(sweep: Sweep) -> Table:
    """From which spread on staying pays."""
    rows = sweep.break_even
    money = sweep.sample.community.currency
    own = (1 - sweep.ratio) * sweep.import_price
    columns = (
        Column("netting", [str(each.netting) for each in rows]),
        Column("fee", [str(each.fee) for each in rows]),
        Column("matched, kWh", [each.matched_kwh for each in rows], 1),
        Column(f"by the formula, {money}/kWh", [each.predicted for each in rows], 4),
        Column(f"where v(N) changes its sign, {money}/kWh", [each.found for each in rows], 4),
        Column("pays at own prices", [bool(each.found <= own) for each in rows]),
    )
    what = (
        "Spread between import and export price, without storage and demand charge: network charge + fees / matched "
        "energy. "
        f"The community's own spread is {number(own, 4)} {money}/kWh; a dash: not even at export price 0, or no formula, "
        "since sharing then does not pay in every netting period."
    )
    return Table("break-even", "From which spread on it pays to stay", columns, what)


def members(sweep: Sweep) -> Table:
    """The members of the sample."""
    sample = sweep.sample
    net = sample.net_kwh
    columns = (
        Column("member", sample.community.member_ids),
        Column("PV", sample.with_pv),
        Column(
            "battery, kWh",
            [each.battery.capacity_kwh if each.battery else np.nan for each in sample.community.members],
            1,
        ),
        Column("deficits, kWh", np.maximum(net, 0).sum(axis=1), 1),
        Column("surpluses, kWh", np.maximum(-net, 0).sum(axis=1), 1),
        Column("highest import, kW", np.maximum(sample.community.profiles.net_kw, 0).max(axis=1), 2),
    )
    return Table("members", "The members, without batteries", columns, f"{sample.rule}.")


def _claim() -> str:
    return (
        f"The claim: “{CLAIM}” It holds where no group of members saves anything together. It does not hold where "
        "all together "
        "save something that can be shared so that no group is better off by leaving. It holds in part where "
        "something is "
        "saved, but only by some of them, or no way to share it keeps everybody. Without net metering, in the last rows, "
        "the same is asked of: there is no reason to stay."
    )
