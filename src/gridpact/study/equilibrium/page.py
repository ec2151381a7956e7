"""The page of the study: its findings in words, and a section for each question."""

import numpy as np

from gridpact.study.equilibrium import figures
from gridpact.study.equilibrium.study import OURS, PAPERS, Study
from gridpact.study.pages import Column, Finding, Page, Section, Table
from gridpact.study.pages.formats import measure, number, percent

PUBLISHED = {40: 1060, 50: 1026, 60: 1130, 70: 1183, 80: 957}
"""Rounds of the paper's method to 0.1 on average, by members (Belgioioso et al., arXiv:2107.13444)."""


def page(study: Study, *, command: str) -> Page:
    """Everything of a study that people see.

    Parameters
    ----------
    study
        The numbers.
    command
        That makes the same page again.
    """
    return Page(
        study="equilibrium",
        title="Day-ahead clearing as an equilibrium, with the grid inside",
        reading=_reading(study),
        facts=_facts(study),
        sections=(
            Section("What was published, and what is found here", tuple(_findings(study))),
            Section(
                "Agreeing without a centre",
                (figures.residuals(study), figures.by_size(study), figures.by_connectivity(study), rounds(study)),
            ),
            Section("The grid inside", (figures.loading(study), figures.voltages(study))),
            Section("Who gains", (figures.costs(study), figures.storage(study))),
            Section(
                "Trades and prices",
                (figures.trades(study), figures.prices(study), figures.tariff(study), scaled(study)),
            ),
        ),
        command=command,
        notes=(
            "Members and their devices are drawn by a seeded recipe after the sizes of the paper; the feeder is "
            "the balanced "
            "equivalent of IEEE 37.",
            "Pair trades are not unique; energy traded and pair prices are those of one equilibrium.",
        ),
    )


def rounds(study: Study) -> Table:
    """The key table: rounds, tolerance and gap together."""
    kinds = dict.fromkeys((each.solver, each.members, each.connectivity, each.tolerance) for each in study.rounds)
    rows = [
        [each for each in study.rounds if (each.solver, each.members, each.connectivity, each.tolerance) == kind]
        for kind in kinds
    ]
    published = [
        float(PUBLISHED.get(members, np.nan)) if (solver, share, tolerance) == (PAPERS, 0.6, 0.1) else float("nan")
        for solver, members, share, tolerance in kinds
    ]
    return Table(
        "rounds",
        "Rounds by solver, size and tolerance",
        (
            Column("solver", [figures.NAMES[kind[0]] for kind in kinds]),
            Column("members", [kind[1] for kind in kinds], 0),
            Column("connectivity", [kind[2] for kind in kinds], 1),
            Column("tolerance", [measure(kind[3]) for kind in kinds]),
            Column("rounds, median", [float(np.median([each.rounds for each in row])) for row in rows], 0),
            Column("published mean", published, 0),
            Column("largest |gap|", [max(abs(each.gap) for each in row) for row in rows]),
            Column("CPU seconds, median", [float(np.median([each.seconds for each in row])) for row in rows], 3),
        ),
        "Stopped by the same rule; the certified relative gap is that at the stop. No number: not reached within "
        "the rounds "
        "allowed. Published figures are of the authors' own instances.",
    )


def scaled(study: Study) -> Table:
    """What contract prices do that are the same both ways."""
    scales = study.sizes.scales
    rows = [
        [each for each in study.traded if each.scale == scale and each.tariff == study.sizes.tariffs[0]]
        for scale in scales
    ]
    return Table(
        "contract-prices",
        "Contract prices that are the same both ways",
        (
            Column("multiple of c_ij", list(scales), 1),
            Column("traded, kWh, mean", [float(np.mean([each.traded_kwh for each in row])) for row in rows], 1),
            Column("potential, mean", [float(np.mean([each.potential for each in row])) for row in rows], 4),
        ),
        "A symmetric c_ij moves money between the two and cancels in the potential. The paper's picture of trade "
        "against it is "
        "no effect of the equilibrium.",
    )


def _findings(study: Study) -> list[Finding]:
    day, load = study.day, study.loading
    gain = int((day.costs < day.costs_alone).sum())
    cut = 1 - float(day.import_kw.max() / day.import_without_storage_kw.max())
    low, high = (study.traded_at(tariff=each).mean() for each in (study.sizes.tariffs[0], study.sizes.tariffs[-1]))
    scales = [study.traded_at(tariff=study.sizes.tariffs[0], scale=each) for each in study.sizes.scales]
    apart = max(float(np.abs(each - scales[0]).max()) for each in scales)
    found = [
        Finding(
            "everybody-gains",
            "holds" if gain == len(day.costs) else "partly",
            f"{gain} of {len(day.costs)} members pay less with trade between members; published: all.",
            {"members": float(gain)},
        ),
        Finding(
            "storage-peak",
            "holds" if cut > 0 else "fails",
            f"Storage lowers the peak of all imports by {percent(cut)}; published: 32 %.",
            {"share": cut},
        ),
        Finding(
            "tariff",
            "holds" if high < low else "fails",
            f"Raising the tariff from {measure(100 * study.sizes.tariffs[0])} to "
            f"{measure(100 * study.sizes.tariffs[-1])} cent lowers "
            f"trade from {number(low)} to {number(high)} kWh; published: by a third. How much depends on the instance.",
            {"low": float(low), "high": float(high)},
        ),
        Finding(
            "line-limits",
            "holds" if load.free.max() > 1 >= load.limited.max() - 1e-6 else "fails",
            f"One very large prosumer overloads a line to {percent(float(load.free.max()), 0)}; with the ratings "
            "in the game the worst is at "
            f"{percent(float(load.limited.max()))}.",
            {"free": float(load.free.max()), "limited": float(load.limited.max())},
        ),
        Finding(
            "ac-safe",
            "holds" if day.violations[-1] == 0 else "fails",
            "The schedule that is returned violates no limit by AC power flow; the linear grid alone left "
            f"{number(day.violations[0])} "
            "bus-hours below a voltage limit raised so that it binds.",
            {"linear": float(day.violations[0]), "safe": float(day.violations[-1])},
        ),
        Finding(
            "symmetric-prices",
            "holds" if apart < 1.0 else "fails",
            f"Contract prices that are the same both ways do not change what is traded: {measure(apart)} kWh at "
            "the most.",
            {"kwh": apart},
        ),
        Finding(
            "anarchy",
            "reported",
            f"The social cost at the Nash equilibrium is {percent(day.anarchy - 1, 2)} above the least, at the "
            "Wardrop equilibrium "
            f"{percent(day.wardrop - 1, 2)}.",
            {"nash": day.anarchy, "wardrop": day.wardrop},
        ),
        Finding(
            "regret",
            "reported",
            f"The largest best-response regret is {measure(max(day.regret, 0.0))} EUR.",
            {"EUR": day.regret},
        ),
    ]
    both = {each.solver for each in study.convergence} >= {OURS, PAPERS}
    return [*found, *([_fewer(study)] if both else [])]


def _fewer(study: Study) -> Finding:
    size, coarse = study.sizes.sizes[0], measure(study.sizes.coarse)
    counted = (study.counted(solver, study.sizes.coarse) for solver in (OURS, PAPERS))
    ours, theirs = (float(np.median(np.nan_to_num(rounds, nan=study.sizes.most_rounds))) for rounds in counted)
    published = f"; published: {PUBLISHED[size]} on the authors'" if size in PUBLISHED else ""
    return Finding(
        "fewer-rounds",
        "holds" if ours < theirs else "fails",
        f"With {size} members ours takes {number(ours)} rounds to {coarse}, the paper's method {number(theirs)} on the same "
        f"instances, where it is not reached all {number(study.sizes.most_rounds)} allowed{published}.",
        {"ours": ours, "paper": theirs},
    )


def _reading(study: Study) -> list[str]:
    day = study.day
    fine = float(np.median(study.counted(OURS, study.sizes.fine)))
    return [
        f"{int((day.costs < day.costs_alone).sum())} of {len(day.costs)} members gain from trading with each "
        "other, and storage lowers the "
        f"import peak by {percent(1 - float(day.import_kw.max() / day.import_without_storage_kw.max()), 0)}.",
        f"Without a centre, {study.sizes.sizes[0]} members agree in {number(fine)} rounds to "
        f"{measure(study.sizes.fine)}, with a certified gap.",
        "Line and voltage limits are part of the game, and what is returned is clean by AC power flow.",
    ]


def _facts(study: Study) -> list[tuple[str, str]]:
    sizes = study.sizes
    return [
        ("Feeder", "IEEE 37-bus, balanced equivalent"),
        ("Members", f"{sizes.members}; rounds with {', '.join(map(str, sorted(sizes.sizes)))}"),
        ("Seeds", f"{sizes.seeds} from {study.seed}"),
        ("Tolerances", f"{measure(sizes.coarse)}, {measure(sizes.fine)}"),
    ]
