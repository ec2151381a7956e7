"""The page of the study: the paper's figures beside ours, and a section for each question."""

from collections.abc import Sequence

import numpy as np

from gridpact.study.confidence import half_width
from gridpact.study.negotiation import figures
from gridpact.study.negotiation.experiments import RANDOM, Way
from gridpact.study.negotiation.figures import PLAIN
from gridpact.study.negotiation.study import Comparison, Study
from gridpact.study.pages import Block, Column, Finding, Page, Section, Table
from gridpact.study.pages.formats import measure, number, percent
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
    sections = [Section("What was published, and what is found here", (published(study), *_claims(study)))]
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
        peers = (figures.success_rates(study), *_learning(study), *peers)
    sections += [
        Section("Agreements, and with whom", peers),
        Section("Who gains", (figures.gains(study), ways(study))),
        Section("What the grid sees", (figures.volumes(study), figures.flow(study), figures.network_prices(study))),
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
        Column("ln Nash welfare s1", [_nash(study, way, 0) for way in chosen], 2),
        Column("ln Nash welfare s2", [_nash(study, way, 1) for way in chosen], 2),
        Column("members who gain", [float((each.mean(axis=1) > 0).sum()) for each in gains], 0),
        Column("peak s1, kW", [float(each[1].mean()) for each in flows], 2),
        Column("peak s2, kW", [float(each[2].mean()) for each in flows], 2),
    )
    what = (
        "Nash welfare Π (ξ(s) − ξ(s0)) by its logarithm, mean over seeds; empty where somebody loses against doing "
        "nothing, and the product is no welfare."
    )
    return Table("ways", "Every way of negotiating", columns, what)


def _nash(study: Study, way: Way, strategy: int) -> float:
    rows = np.array([result.nash[strategy] for result in study.results[way]])
    return float(rows[:, 1].mean()) if (rows[:, 0] > 0).all() else float("nan")


def _claims(study: Study) -> list[Finding]:
    welfare = study.welfare(PLAIN)
    order = np.asarray((np.diff(welfare, axis=0) > 0).all(axis=0))
    told = ", ".join(
        f"{name} {number(value, 1)}" for name, value in zip(("s0", "s1", "s2"), welfare.mean(axis=1), strict=True)
    )
    before, after = _nash(study, PLAIN, 0), _nash(study, PLAIN, 1)
    rises = bool(np.isfinite([before, after]).all() and after > before)
    near, far = (float(np.nanmean(study.seed_values(PLAIN, name))) for name in ("distance", "no_deal_distance"))
    gains = study.gains(PLAIN).mean(axis=1)
    flows = {name: study.flows(PLAIN, name) for name in ("mean_flow_kw", "peak_flow_kw")}
    mean_change, peak_change = (100 * (each[2] / each[1] - 1) for each in flows.values())
    return [
        Finding(
            "welfare",
            "holds" if order.all() else "fails",
            f"Utilitarian welfare Σξ rises from s0 over s1 to s2 in {int(order.sum())} of {len(order)} seeds: "
            f"{told} kWh.",
            {"seeds": float(order.sum()), "of": float(len(order))},
        ),
        Finding(
            "nash-welfare",
            "holds" if rises else "fails",
            f"The logarithm of the Nash welfare is {number(before, 2)} under s1 and {number(after, 2)} under s2.",
            {"s1": before, "s2": after},
        ),
        Finding(
            "nearer",
            "holds" if near < far else "fails",
            f"Agreements are {number(far / near, 1)} times nearer to the Nash point than no deal.",
            {"agreement": near, "no deal": far},
        ),
        Finding(
            "everybody",
            "holds" if (gains > 0).all() else "partly" if (gains > 0).any() else "fails",
            f"{int((gains > 0).sum())} of {len(gains)} members gain more from s2 than from s1, in the mean over "
            "seeds; published: all.",
            {"members": float((gains > 0).sum())},
        ),
        Finding(
            "mean-flow",
            "holds" if mean_change.mean() < 0 else "fails",
            f"The mean flow at the point of common coupling changes by {_with(mean_change)} % from s1 to s2; "
            "published: −8 %.",
            {"percent": float(mean_change.mean())},
        ),
        Finding(
            "peak-flow",
            "reported",
            f"Its peak changes by {_with(peak_change)} %; published: +164 %.",
            {"percent": float(peak_change.mean())},
        ),
    ]


def _with(values: FloatArray) -> str:
    return f"{number(float(values.mean()), 1)} ± {number(float(half_width(values)), 1)}"


def _learning(study: Study) -> list[Finding]:
    """Each score against random peers, seed by seed."""
    compared = study.against_random
    beats = [score for score, against in compared.items() if against.verdict > 0]
    joint = float(study.seed_values(Way(RANDOM), "joint_gain").mean())
    text = (
        f"{', '.join(beats) or 'No score'} beat{'s' * (len(beats) < 2)} random peers (paired t-tests over seeds, "
        f"Holm's correction for {len(compared)} scores, 5 %). Of random sessions {percent(1 - joint, 0)} have no joint "
        "gain, so nobody can agree on everything."
    )
    found = [_compared(score, against) for score, against in compared.items()]
    return [Finding("learning", "holds" if beats else "fails", text, {"scores": float(len(beats))}), *found]


def _compared(score: str, against: Comparison) -> Finding:
    verdict = {
        1: "more often than",
        -1: "less often than",
        0: "neither more nor less often, as far as can be said, than",
    }
    text = (
        f"Peers chosen by {score} agree {verdict[against.verdict]} random ones: {number(100 * against.difference, 1)} ± "
        f"{number(100 * against.half_width, 1)} percentage points, seed by seed; p = {measure(against.p)}, corrected."
    )
    return Finding(
        f"score-{score}",
        "reported",
        text,
        {"difference": against.difference, "half width": against.half_width, "p": against.p},
    )


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
        f"The peak at the point of common coupling changes by {_with(change)} % against batteries alone.",
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
