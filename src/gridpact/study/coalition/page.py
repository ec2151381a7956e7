"""The page of the study: its findings in words, and a section for each question."""

from collections.abc import Sequence

import numpy as np

from gridpact.markets.assignment import core_violation
from gridpact.study.coalition import figures
from gridpact.study.coalition.core import SHAPLEY
from gridpact.study.coalition.rounds import BARGAINING, PAIRS, TOLERANCE, Effort
from gridpact.study.coalition.study import Study
from gridpact.study.pages import Column, Finding, Page, Section, Table
from gridpact.study.pages.formats import measure, number, percent

WANTED_FASTER = 10
"""Bargaining is to take this many times fewer rounds than the projection method."""


def page(study: Study, *, command: str) -> Page:
    """Everything of a study that people see."""
    return Page(
        study="coalition",
        title="Bilateral trading as a coalitional game",
        reading=_reading(study),
        facts=_facts(study),
        sections=(
            Section(
                "The core of a small market", (figures.contracts(study), figures.polygon(study), small_payoffs(study))
            ),
            Section("Which point of the core", (_shapley(study), figures.side_by_side(study), figures.widths(study))),
            Section("One contract or many", (_single(study), figures.single(study))),
            Section(
                "Agreeing without a centre",
                (
                    *_rounds(study),
                    figures.rounds(study),
                    figures.bytes_sent(study),
                    figures.step_time(study),
                    figures.troubled(study),
                    methods(study),
                ),
            ),
            Section(
                "The Shapley value by sampling", (*_sampling(study), figures.convergence(study), figures.gains(study))
            ),
            Section("Price against scarcity", (_limit(study), figures.scarcity(study), figures.limit_error(study))),
        ),
        command=command,
        notes=(
            "All markets and communities are random and made for the study; none is measured.",
            "Single contracts: each member signs at most one. Energies from 0.5 to 3 kWh, import price 0.30, export "
            "price 0.10 EUR/kWh, "
            "premiums from −0.02 to 0.05, network charges from 0 to 0.04, sellers' floors in the lower third between the two "
            "prices; all drawn uniformly.",
            "Communities of one interval: every second member sells; energies are gamma distributed, shape 2 and mean 1 "
            "kWh, then demand is scaled.",
        ),
    )


def methods(study: Study) -> Table:
    """The key table: what agreeing takes, by method and size."""
    rows = study.efforts
    columns = (
        Column("method", [each.method for each in rows]),
        Column("members a side", [each.members for each in rows], 0),
        Column("rounds, median", [each.rounds for each in rows], 0),
        Column("fewest", [each.fewest for each in rows], 0),
        Column("most", [each.most for each in rows], 0),
        Column("bytes a member", [each.bytes_a_member for each in rows], 0),
        Column("step of a member, µs", [each.microseconds for each in rows], 2),
    )
    what = (
        f"Every message arrives in the next round. Projection stops at a tolerance of {measure(TOLERANCE)} of v(N); "
        "bargaining is exact."
    )
    return Table("methods", "Rounds, bytes and time by method and size", columns, what)


def small_payoffs(study: Study) -> Table:
    """Payoffs of everybody in the small market at every point."""
    points = study.small
    buyers, sellers = points.matching.value.shape
    members = [*(f"buyer {at + 1}" for at in range(buyers)), *(f"seller {at + 1}" for at in range(sellers))]
    columns = [Column("member", members)]
    columns += [
        Column(f"{name}, EUR", np.concatenate([payoffs.buyer, payoffs.seller]), 4)
        for name, payoffs in points.payoffs.items()
    ]
    return Table("small-payoffs", "Payoffs of the small market", tuple(columns))


def _reading(study: Study) -> list[str]:
    shares = np.concatenate([found for members, found in study.widths.items() if members >= 10])
    low, high = np.quantile(shares, (0.1, 0.9))
    ours, theirs = _at_common_size(study)
    last = max(study.limit_errors)
    return [
        "In random markets of 10 members a side and more the two ends of the core differ by "
        f"{percent(float(low), 0)} to "
        f"{percent(float(high), 0)} of all that is gained (8 of 10 markets), so which point is chosen matters.",
        f"Without a centre, bargaining agrees exactly in {number(ours.rounds)} rounds at {ours.members} + "
        f"{ours.members} members, "
        f"projection on pairs needs {number(theirs.rounds)} to come within {measure(TOLERANCE)} of v(N).",
        "The price that follows from the Shapley value of many members moves smoothly with scarcity where that of "
        "the core jumps; "
        f"at {number(last)} members its formula is off by {percent(float(np.median(study.limit_errors[last])), 2)} "
        "of v(N).",
    ]


def _facts(study: Study) -> list[tuple[str, str]]:
    sizes = study.sizes
    return [
        ("Seed", str(study.seed)),
        ("Core widths", f"{sizes.width_markets} random markets a size"),
        ("Negotiation", f"up to {max(each.members for each in study.efforts)} members a side"),
        ("Sampling", f"{sizes.sampled} members, {sizes.runs} runs of {number(sizes.orders)} orders"),
        ("Scarcity", f"communities of {', '.join(number(members) for members in sizes.scarcity)} members"),
    ]


def _shapley(study: Study) -> Finding:
    points = study.side
    worst = core_violation(points.matching, points.payoffs[SHAPLEY])
    side = f"In the market of {study.sizes.side} + {study.sizes.side} members the Shapley value is"
    text = (
        f"{side} outside of the core: a group could do better alone by up to {percent(worst, 1)} of v(N)."
        if worst > figures.ROUNDING
        else f"{side} in the core."
    )
    return Finding("shapley-core", "reported", text, {"violation": worst})


def _single(study: Study) -> Finding:
    shares = np.concatenate(list(study.single_shares.values()))
    text = (
        f"One contract a member never gains more than many: in {number(len(shares))} random markets it reaches "
        f"{percent(float(shares.min()), 0)} to {percent(float(shares.max()), 0)} of it."
    )
    holds = float(shares.max()) <= 1 + figures.ROUNDING
    return Finding("single-against-many", "holds" if holds else "fails", text, {"largest share": float(shares.max())})


def _rounds(study: Study) -> list[Finding]:
    ours, theirs = _at_common_size(study)
    ratio = theirs.rounds / ours.rounds
    largest = max((each for each in study.efforts if each.method == BARGAINING), key=lambda each: each.members)
    text = (
        f"At {ours.members} + {ours.members} members bargaining takes {number(ours.rounds)} rounds, projection on "
        "pairs "
        f"{number(theirs.rounds)} (medians of random markets): {number(ratio, 1)} times as many; at least "
        f"{WANTED_FASTER} times is claimed."
    )
    grown = (
        f"At {largest.members} + {largest.members} members bargaining takes {number(largest.rounds)} rounds and "
        f"{number(largest.bytes_a_member)} bytes a member."
    )
    return [
        Finding("rounds", "holds" if ratio >= WANTED_FASTER else "fails", text, {"ratio": ratio}),
        Finding("largest", "reported", grown, {"members": float(largest.members), "rounds": largest.rounds}),
    ]


def _at_common_size(study: Study) -> tuple[Effort, Effort]:
    """Bargaining and projection on pairs at 10 members a side, or the largest size below that both ran."""
    of = {method: {e.members: e for e in study.efforts if e.method == method} for method in (BARGAINING, PAIRS)}
    members = max(size for size in of[BARGAINING].keys() & of[PAIRS].keys() if size <= 10)
    return of[BARGAINING][members], of[PAIRS][members]


def _sampling(study: Study) -> list[Finding]:
    even, scarce = (f(study.gains, key=lambda ratio: abs(np.log(ratio))) for f in (min, max))
    text = (
        f"Antithetic orders have {measure(study.gains[even])} times less variance than as many independent ones "
        "where demand is "
        f"{measure(even)} times supply, and {measure(study.gains[scarce])} times where it is {measure(scarce)} "
        "times: they help "
        "where the sides are nearly even. Where they are equal, an order and its reversal are exact together."
    )
    covered = ", ".join(
        f"{percent(each.covered, 0)} ({'antithetic' if each.antithetic else 'independent'})"
        for each in study.convergence
    )
    inside = f"The 95 % confidence intervals hold the exact value for {covered} of the members."
    return [
        Finding("antithetic", "reported", text, {str(ratio): gain for ratio, gain in study.gains.items()}),
        Finding("coverage", "reported", inside, {f"antithetic={c.antithetic}": c.covered for c in study.convergence}),
    ]


def _limit(study: Study) -> Finding:
    errors = {members: float(np.median(found)) for members, found in study.limit_errors.items()}
    told = ", ".join(f"{percent(error, 2)} at {number(members)}" for members, error in errors.items())
    text = (
        f"The asymptotic Shapley value is off by, in sum over the members as a share of v(N): {told} members (medians)."
    )
    return Finding("asymptotic", "reported", text, {str(members): error for members, error in errors.items()})


__all__: Sequence[str] = ("methods", "page", "small_payoffs")
