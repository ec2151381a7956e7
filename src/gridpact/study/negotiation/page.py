"""The page of the study: the paper's figures beside ours, and a section for each question."""

from collections.abc import Sequence

import numpy as np

from gridpact.study.confidence import half_width
from gridpact.study.negotiation import figures, findings
from gridpact.study.negotiation.experiments import RANDOM, Way
from gridpact.study.negotiation.figures import PLAIN
from gridpact.study.negotiation.study import Study
from gridpact.study.pages import Block, Column, Page, Section, Table
from gridpact.study.pages.formats import number, percent
from gridpact.units import FloatArray


def page(study: Study, *, command: str, notes: Sequence[str] = ()) -> Page:
    """Everything of a study that people see.

    Parameters
    ----------
    study
        The numbers.
    command
        That makes the same page again.
    notes
        About the data.
    """
    sections = [Section("What was published, and what is found here", (published(study), *findings.claims(study)))]
    shown = study.shown
    if shown is not None:
        drawn = (
            figures.outcome_space(study, shown),
            figures.issue_space(study, shown, 0),
            figures.issue_space(study, shown, 1),
        )
        sections.append(Section("One session", drawn))
    peers: tuple[Block, ...] = (figures.distances(study), figures.partners(study))
    if study.case.number > 1:
        peers = (figures.success_rates(study), *findings.learning(study), *peers)
    sections += [
        Section("Agreements, and with whom", peers),
        Section("Who gains", (figures.gains(study), *findings.without_floor(study), ways(study))),
        Section(
            "What the grid sees",
            (
                figures.volumes(study),
                figures.flow(study),
                figures.network_prices(study),
                findings.third_criterion(study),
            ),
        ),
    ]
    sections.append(Section("What members reveal", (revealed(), figures.inferred(study))))
    return Page(
        study=f"negotiation, case {study.case.number}",
        title=f"Negotiated energy loans, case {study.case.number}",
        reading=_reading(study),
        facts=_facts(study),
        sections=tuple(sections),
        command=command,
        notes=(
            *notes,
            "The published data set is not named, so digits cannot be reproduced; directions can.",
            "The forecast is the actual profile plus noise, as in the paper.",
        ),
    )


def published(study: Study) -> Table:
    """The paper's figures beside ours."""
    ours: dict[str, FloatArray] = {
        "success, random peers": _values(study, Way(RANDOM), "agreed"),
        "success, learnt peers": _values(study, PLAIN, "agreed"),
        "success, random peers, no floor": _values(study, Way(RANDOM, floor=False), "agreed"),
        "success, learnt peers, no floor": _values(study, Way(floor=False), "agreed"),
    }
    for name, attribute in (("mean flow", "mean_flow_kw"), ("peak flow", "peak_flow_kw")):
        for at in (1, 2):
            ours[f"{name} s{at}, kW"] = study.flows(PLAIN, attribute)[at]
    rows = [(name, values) for name, values in ours.items() if len(values)]
    paper = [study.case.published.get(name, float("nan")) for name, _ in rows]
    return Table(
        "published",
        "Published figures and ours",
        (
            Column("figure", [name for name, _ in rows]),
            Column("published", paper, 2),
            Column("here, mean over seeds", [float(values.mean()) for _, values in rows], 3),
            Column("± 95 %", [float(half_width(values)) for _, values in rows], 3),
        ),
        "The paper has no rationality floor: there, members also agree on what is worse for them than no deal. Its "
        "figures are of other homes.",
    )


def _values(study: Study, way: Way, name: str) -> FloatArray:
    return study.seed_values(way, name) if way in study.results else np.empty(0)


def revealed() -> Table:
    """Who learns what in a session."""
    rows = (
        ("the peer", "every offer, accept, reject and walk away of its own sessions; room on the link"),
        ("other members", "that two met; and, once loans run, their energies on the link if they see its meter"),
        ("an observer of both sides", "all offers, if messages are not sealed: what they give away stands below"),
        (
            "an auditor of the ledger",
            "each loan as both sides signed it, and what a side expected to lose: with the floor, 0",
        ),
        ("nobody", "utilities, aspirations, state of charge, scenarios"),
    )
    return Table(
        "revealed",
        "Who learns what",
        (Column("who", [who for who, _ in rows]), Column("learns", [what for _, what in rows])),
    )


def ways(study: Study) -> Table:
    """The key table: every way of negotiating."""
    chosen = list(study.results)
    welfare = [study.welfare(way) for way in chosen]
    gains = [study.gains(way) for way in chosen]
    flows = [study.flows(way, "peak_flow_kw") for way in chosen]
    columns = (
        Column("peers, floor, price", [way.name for way in chosen]),
        Column("agreed", [float(study.seed_values(way, "agreed").mean()) for way in chosen], 3),
        Column("Σξ s0, kWh", [float(each[0].mean()) for each in welfare], 1),
        Column("Σξ s1", [float(each[1].mean()) for each in welfare], 1),
        Column("Σξ s2", [float(each[2].mean()) for each in welfare], 1),
        Column("± 95 %", [float(half_width(each[2])) for each in welfare], 1),
        Column("ln Nash welfare s1", [findings.ln_nash_welfare(study, way, 0) for way in chosen], 2),
        Column("ln Nash welfare s2", [findings.ln_nash_welfare(study, way, 1) for way in chosen], 2),
        Column("members who gain", [float((each.mean(axis=1) > 0).sum()) for each in gains], 0),
        Column("peak s1, kW", [float(each[1].mean()) for each in flows], 2),
        Column("peak s2, kW", [float(each[2].mean()) for each in flows], 2),
    )
    what = (
        "Nash welfare Π (ξ(s) − ξ(s0)) by its logarithm, mean over seeds; empty where somebody loses against doing "
        "nothing, and the product is no welfare."
    )
    return Table("ways", "Every way of negotiating", columns, what)


def _reading(study: Study) -> list[str]:
    welfare = study.welfare(PLAIN).mean(axis=1)
    change = 100 * (study.flows(PLAIN, "peak_flow_kw")[2] / study.flows(PLAIN, "peak_flow_kw")[1] - 1)
    agreed = study.seed_values(PLAIN, "agreed")
    return [
        f"Negotiation adds {number(welfare[2] - welfare[1], 1)} kWh of welfare to the "
        f"{number(welfare[1] - welfare[0], 1)} kWh that "
        "own batteries bring.",
        f"{percent(float(agreed.mean()), 0)} of the sessions agree, with a rationality floor that keeps every "
        "agreement better than no "
        "deal for both.",
        f"The peak at the point of common coupling changes by {findings.with_half_width(change)} % against batteries alone.",
    ]


def _facts(study: Study) -> list[tuple[str, str]]:
    seeds = study.sizes.seeds_of(study.case.number)
    return [
        ("Members", f"{len(study.members)}, as in the paper's case {study.case.number}"),
        ("Homes", study.homes.rule),
        ("Intervals", f"{study.sizes.intervals} of 15 minutes, and a day in which the last loans come back"),
        ("Scenarios", f"{study.sizes.scenarios} a member and interval"),
        ("Seeds", f"{seeds[0]} to {seeds[-1]}"),
    ]
