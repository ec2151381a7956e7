"""Where there is a reason to stay and where there is none, in sentences made from the numbers of a run."""

from collections.abc import Iterator

import numpy as np

from gridpact.study.net_metering.cases import Fee, Netting, billing_share
from gridpact.study.net_metering.measures import NOTHING, Measures
from gridpact.study.net_metering.sweep import Scenario, Sweep
from gridpact.study.pages import Finding
from gridpact.study.pages.formats import SPACE, count, measure, percent, quantity, span

EXACT = 1e-6
"""Relative; least-core values are found to this."""

CLAIM = "Under retail net metering there is no reason to stay."


def where_it_holds(sweep: Sweep) -> list[Finding]:
    """The claim in every setting of interest.

    It holds where no group saves anything, fails where all save something that can be shared so that nobody leaves, and holds
    in part between the two.
    """
    return [
        *(_retail(sweep, netting) for netting in Netting),
        *_retail_with(sweep),
        *(_left_over(sweep, netting) for netting in (Netting.DAY, Netting.HORIZON)),
        *(_avoided_cost(sweep, fee) for fee in Fee),
    ]


def what_theory_says(sweep: Sweep) -> list[Finding]:
    """Predictions that the run must meet, with how far it is from them."""
    return [_linear(sweep), _sign_change(sweep), *_zero_spread(sweep), _superadditive(sweep)]


def reading(sweep: Sweep) -> list[str]:
    """The result in a few sentences."""
    own, retail = sweep.own(Scenario()), sweep.retail(Scenario())
    charged, horizon = sweep.retail(Scenario(demand=True)), sweep.sample.community.horizon
    said = [
        f"With an export price of {percent(sweep.ratio, 0)} of the import price, {count(sweep.sample.size, 'member')} that "
        f"pool save {_money(sweep, own.total)} in {span(horizon.periods * horizon.step)}; under retail net metering "
        f"{_money(sweep, retail.total)}."
    ]
    if charged.holds_all:
        said.append(f"A demand charge alone makes that {_money(sweep, charged.total)}: then there is a reason to stay.")
    if sweep.sample.with_battery.any():
        stored = sweep.own(Scenario(storage=True)).total
        said.append(
            f"With batteries that run as well as possible, alone and together, pooling saves {_money(sweep, stored)} "
            f"instead of {_money(sweep, own.total)}."
        )
    return said


def _retail(sweep: Sweep, netting: Netting) -> Finding:
    found = sweep.retail(Scenario(netting))
    text = f"Retail net metering over {_over(netting)}, without storage, fees or demand charge: {_told(sweep, found)}."
    return _verdict(f"retail, {netting} netting", found, text)


def _retail_with(sweep: Sweep) -> Iterator[Finding]:
    storages = (False, True) if sweep.sample.with_battery.any() else (False,)
    settings = [("a fee per coalition", Scenario(fee=Fee.LUMP)), ("a fee per member", Scenario(fee=Fee.MEMBER))]
    for storage in storages:
        stored = " and storage" * storage
        settings += [(f"a demand charge{stored}", Scenario(storage=storage, demand=True))]
        settings += [
            (f"a demand charge, a fee per member{stored}", Scenario(storage=storage, demand=True, fee=Fee.MEMBER))
        ]
    if len(storages) > 1:
        settings.insert(0, ("storage", Scenario(storage=True)))
    for words, scenario in settings:
        found = sweep.retail(scenario)
        yield _verdict(f"retail, {words}", found, f"Retail net metering with {words}: {_told(sweep, found)}.")


def _left_over(sweep: Sweep, netting: Netting) -> Finding:
    found = sweep.own(Scenario(netting))
    text = (
        f"Retail netting over {_over(netting)}, with what is left at its end at {percent(sweep.ratio, 0)} of the "
        "import price: "
        f"{_told(sweep, found)}."
    )
    return _verdict(f"left over after {netting}", found, text)


def _avoided_cost(sweep: Sweep, fee: Fee) -> Finding:
    found = sweep.own(Scenario(fee=fee))
    text = f"No net metering, export at {percent(sweep.ratio, 0)} of the import price, {fee}: {_told(sweep, found)}."
    return _verdict(f"avoided cost, {fee}", found, text)


def _verdict(name: str, found: Measures, text: str) -> Finding:
    numbers = {
        "total": found.total,
        "epsilon": found.epsilon,
        "margin": found.margin,
        "gaining": float(found.gaining),
        "together": float(found.together),
    }
    return Finding(name, "fails" if found.holds_all else "partly" if found.holds_some else "holds", text, numbers)


def _told(sweep: Sweep, found: Measures) -> str:
    """v(N), who gains, what holds together."""
    size = sweep.sample.size
    if abs(found.total) <= NOTHING:
        return f"the {size} members together save nothing"
    if found.total < 0:
        lost = f"together they lose {_money(sweep, -found.total)} (ε* = {_money(sweep, found.epsilon)})"
        return f"{lost}, and merging and splitting ends with {_groups(found)}"
    saved = f"together they save {_money(sweep, found.total)}; {found.gaining} of {size} gain by the Shapley value"
    if found.epsilon <= NOTHING:
        return f"{saved}, and it can be shared so that nobody leaves"
    empty = f"but the core is empty (ε* = {_money(sweep, found.epsilon)})"
    return f"{saved}, {empty}: merging and splitting ends with {_groups(found)}"


def _groups(found: Measures) -> str:
    sizes = sorted((len(coalition) for coalition in found.partition if len(coalition) > 1), reverse=True)
    if not sizes:
        return "everybody alone"
    alone = sum(len(coalition) == 1 for coalition in found.partition)
    groups = f"{count(len(sizes), 'coalition')} of {', '.join(map(str, sizes))}"
    return groups + (f" and {alone} alone" if alone else "")


def _linear(sweep: Sweep) -> Finding:
    worst = 0.0
    for netting in Netting:
        ratios, found = sweep.line(Scenario(netting))
        totals = np.array([each.total for each in found])
        line = totals[0] * (1 - ratios)
        worst = max(worst, float(np.abs(totals - line).max() / max(totals[0], NOTHING)))
    text = (
        "Without storage and fees v(N) is linear in the spread; the largest deviation is "
        f"{measure(worst)} of v(N) at export price 0."
    )
    return _checked("linear in the spread", worst, text)


def _sign_change(sweep: Sweep) -> Finding:
    known = [each for each in sweep.break_even if np.isfinite(each.found) and each.predicted > 0]
    worst = max((abs(each.found / each.predicted - 1) for each in known), default=0.0)
    text = (
        "v(N) changes its sign at the spread network charge + fees / matched energy; the largest relative difference "
        "over "
        f"{count(len(known), 'case')} is {measure(worst)}."
    )
    return _checked("break-even", worst, text)


def _zero_spread(sweep: Sweep) -> Iterator[Finding]:
    size = sweep.sample.size
    share = billing_share(sweep.sample.community)
    terms = sweep.settings.terms
    for fee, words, expected in (
        (Fee.LUMP, "fee / n for a fee per coalition", terms.fee_per_coalition * share / size),
        (Fee.MEMBER, "the fee for a fee per member", terms.fee_per_member * share),
    ):
        epsilon = sweep.retail(Scenario(fee=fee)).epsilon
        text = f"At zero spread ε* is {words}: {_money(sweep, epsilon)}, expected {_money(sweep, expected)}."
        yield _checked(f"zero spread, {fee}", abs(epsilon - expected) / max(expected, NOTHING), text)


def _superadditive(sweep: Sweep) -> Finding:
    free = {key: found for key, found in sweep.measures.items() if key[0].fee is Fee.NONE}
    (scenario, ratio), worst = min(free.items(), key=lambda item: item[1].margin)
    text = (
        f"Without fees joining never costs: over {count(len(free), 'case')} the smallest superadditivity margin is "
        f"{_money(sweep, worst.margin)} ({scenario.netting} netting{', storage' * scenario.storage}, ratio "
        f"{measure(ratio)})."
    )
    return _checked("superadditive", max(-worst.margin, 0.0), text)


def _checked(name: str, error: float, text: str) -> Finding:
    return Finding(name, "holds" if error <= EXACT else "fails", text, {"error": error})


def _over(netting: Netting) -> str:
    return {
        Netting.INTERVAL: "each interval",
        Netting.DAY: "each day",
        Netting.HORIZON: "the whole horizon",
    }[netting]


def _money(sweep: Sweep, amount: float) -> str:
    """Cents, or three digits where cents would hide the amount."""
    currency = sweep.sample.community.currency
    if NOTHING < abs(amount) < 0.095:
        return f"{measure(amount)}{SPACE}{currency}"
    return quantity(amount, currency, 2)


__all__ = ["CLAIM", "reading", "what_theory_says", "where_it_holds"]
