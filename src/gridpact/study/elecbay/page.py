"""The page of the study: which directions hold, the day, the games, what hangs on what."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from gridpact.study.elecbay import figures
from gridpact.study.elecbay.draws import CATEGORIES, COLD_C, LITRES_A_DAY, TAP_C
from gridpact.study.elecbay.outcomes import Way
from gridpact.study.elecbay.peers import HEATER, PEERS, Case
from gridpact.study.elecbay.planner import Foresight
from gridpact.study.elecbay.runs import Change
from gridpact.study.elecbay.study import PUBLISHED, Study, interval
from gridpact.study.elecbay.wind import CORRELATION, CUT_IN, CUT_OUT, MEAN_SPEED, RATED
from gridpact.study.pages import Column, Finding, Page, Section, Table
from gridpact.study.pages.formats import count, local_time, measure, number, percent, span

CASES = tuple(Case)


def page(study: Study, *, command: str, notes: tuple[str, ...] = ()) -> Page:
    """Everything of a study that people see."""
    return Page(
        study="elecbay",
        title="Elecbay: water heaters that bid in a microgrid",
        reading=reading(study),
        facts=_facts(study),
        sections=(
            Section(
                "Which published directions hold", (*directions(study), figures.against_published(study), cases(study))
            ),
            Section(
                "A day",
                tuple(
                    picture(study, case)
                    for case in CASES
                    for picture in (figures.exchange_of_a_day, figures.tanks_of_a_day)
                ),
            ),
            Section("The games", (*_games(study), figures.equilibria(study), figures.potentials(study), games(study))),
            Section("What better decisions could bring", (*_together(study), foresight(study))),
            Section(
                "What hangs on what", (figures.by_level(study), figures.by_floor(study), figures.by_generation(study))
            ),
            Section("Grid and comfort", (*_grid(study), checks(study), comfort(study))),
        ),
        command=command,
        notes=(
            *notes,
            "The members' loads and PV profiles are measured or the community's own; generators are sized for the study, hot "
            "water and wind are generated.",
            f"Hot water: {number(LITRES_A_DAY)} l a day and peer at {number(TAP_C)} °C from {number(COLD_C)} °C, in the "
            f"categories of IEA SHC Task 26 (Jordan, Vajen 2001): {_categories()}. Every day alike.",
            f"Wind: Weibull speeds of mean {number(MEAN_SPEED)} m/s and shape 2, correlation {number(CORRELATION, 1)} from "
            f"hour to hour (assumed); cut in at {number(CUT_IN)}, rated at {number(RATED)}, cut out at {number(CUT_OUT)} m/s, "
            "cubic between. All turbines stand in the same wind.",
            "Published figures: Zhang, Peer-to-peer energy trading in electrical distribution networks, PhD thesis, Cardiff "
            "2017. Its profiles, draws, wind and L are not known here: only directions can be compared.",
        ),
    )


def reading(study: Study) -> list[str]:
    """The result in a few sentences."""
    told = [
        f"{case}: exchange with the grid {_change(study, case, _exchange)} (published {percent(PUBLISHED[case][0], 0)}), "
        f"highest peak {_change(study, case, _peak)} (published {percent(PUBLISHED[case][1], 0)}), peak of a day "
        f"{_change(study, case, _daily_peak)}."
        for case in CASES
    ]
    verdicts = [finding.verdict for finding in directions(study)]
    held = verdicts.count("holds")
    open_ones = verdicts.count("undecided")
    return [
        *told,
        f"Published directions: {held} of {len(verdicts)} hold; undecided: {open_ones}; against: "
        f"{len(verdicts) - held - open_ones}.",
    ]


def directions(study: Study) -> list[Finding]:
    """Each published direction, and whether it holds here beyond the noise of the seeds."""
    found = [
        _direction(study, case, words, take, published)
        for case in CASES
        for (words, take), published in zip(
            (("exchange", _exchange), ("highest peak", _peak)), PUBLISHED[case], strict=True
        )
    ]
    paired = [
        mixed.exchange - everywhere.exchange
        for everywhere, mixed in zip(*(study.changes(case) for case in CASES), strict=True)
    ]
    mean, half = interval(paired)
    text = (
        f"With PV and wind the game saves more exchange than with PV everywhere: by {_points(-mean, half)}; published: by "
        f"{number(100 * (PUBLISHED[Case.PV][0] - PUBLISHED[Case.MIXED][0]))} points."
    )
    return [*found, Finding("mixed-saves-more", _verdict(mean, half), text, {"difference": mean, "half width": half})]


def cases(study: Study) -> Table:
    """The key table: every case and way, means over seeds."""
    rows = [(case, way) for case in CASES for way in Way]
    changes = [study.changes(case, way) for case, way in rows]

    def mean(name: str) -> list[float]:
        return [study.mean(case, way, name)[0] for case, way in rows]

    def changed(take: Callable[[Change], float]) -> list[tuple[float, float]]:
        return [interval([100 * take(each) for each in found]) for found in changes]

    columns = [Column("case", [str(case) for case, _ in rows]), Column("heaters", [str(way) for _, way in rows])]
    for words, number_name, take in (
        ("exchange, kWh", "exchange_kwh", _exchange),
        ("highest peak, kW", "peak_kw", _peak),
        ("peak of a day, kW", "daily_peak_kw", _daily_peak),
    ):
        shares = changed(take)
        name = words.split(",")[0]
        columns += [
            Column(words, mean(number_name), 0 if "kWh" in words else 1),
            Column(f"{name}, %", [share for share, _ in shares], 1),
            Column(f"{name}, ± %", [half for _, half in shares], 1),
        ]
    columns += [
        Column("import, kWh", mean("import_kwh"), 0),
        Column("export, kWh", mean("export_kwh"), 0),
        Column("heaters, kWh", mean("heater_kwh"), 0),
    ]
    what = (
        "Means over seeds at the meters; changes against thermostats alone in the same draw of nature, with half the 95 % "
        "confidence interval."
    )
    return Table("cases", "Every case and way of running the heaters", tuple(columns), what)


def games(study: Study) -> Table:
    """What the games were like, by case."""
    found = {case: [each.statistics for each in study.runs[case]] for case in CASES}
    columns = (
        Column("case", [str(case) for case in CASES]),
        Column("games a seed", [found[case][0].games for case in CASES], 0),
        Column("with a choice", [float(np.mean([each.chosen for each in found[case]])) for case in CASES], 0),
        Column("equilibria, mean", [float(np.mean([s.mean_equilibria for s in found[case]])) for case in CASES], 1),
        Column(f"of {PEERS} that choose", [float(np.nanmean([s.all_free for s in found[case]])) for case in CASES], 1),
        Column("most", [float(max(s.equilibria.max() for s in found[case])) for case in CASES], 0),
        Column("moves a game", [float(np.mean([s.moves / s.chosen for s in found[case]])) for case in CASES], 2),
        Column("price of anarchy, worst", [max(s.anarchy[0] for s in found[case]) for case in CASES], 4),
        Column("mean", [float(np.mean([s.anarchy[1] for s in found[case]])) for case in CASES], 6),
    )
    what = (
        "Price of anarchy: the largest sum of payoffs of all profiles over the least, and over the mean, of the equilibria of "
        "the same game."
    )
    return Table("games", "The games", columns, what)


def foresight(study: Study) -> Table:
    """The bound of whoever knows the future, week by week."""
    rows = [(case, each) for case in CASES for each in study.foresight[case]]
    columns = (
        Column("case", [str(case) for case, _ in rows]),
        Column("thermostats, kWh", [each.thermostat_kwh for _, each in rows], 0),
        Column("game, kWh", [each.game_kwh for _, each in rows], 0),
        Column("least possible, kWh", [each.bound_kwh for _, each in rows], 0),
        Column("part of what is possible, %", [100 * _reached([each]) for _, each in rows], 0),
    )
    what = (
        "Exchange of a week, all three from the game's tanks at its beginning. Least possible: a linear program that knows "
        "load, generation and draws in advance, for heaters of any power, tanks at the end no colder than the game's."
    )
    return Table("foresight", "What foresight could reach", columns, what)


def checks(study: Study) -> Table:
    """AC power flow."""
    rows = [(case, way) for case in CASES for way in Way]

    def worst(pick: Callable[[list[float]], float], name: str) -> list[float]:
        return [pick([getattr(each.checks[way], name) for each in study.runs[case]]) for case, way in rows]

    def mean(values: list[float]) -> float:
        return float(np.mean(values))

    columns = (
        Column("case", [str(case) for case, _ in rows]),
        Column("heaters", [str(way) for _, way in rows]),
        Column("exchange at the head, kWh", worst(mean, "head_kwh"), 0),
        Column("losses, kWh", worst(mean, "losses_kwh"), 0),
        Column("lowest voltage, p.u.", worst(min, "v_min_pu"), 4),
        Column("highest voltage, p.u.", worst(max, "v_max_pu"), 4),
        Column("highest loading, %", [100 * loading for loading in worst(max, "loading")], 0),
        Column("violations", worst(sum, "violations"), 0),
    )
    what = (
        "Every interval of every seed, the peers alone on the feeder. Energies are means over seeds, the rest is the worst. "
        "Losses include those of the transformer without load."
    )
    return Table("grid", "AC power flow", columns, what)


def comfort(study: Study) -> Table:
    """How warm the water was."""
    rows = [(case, way) for case in CASES for way in Way]
    columns = (
        Column("case", [str(case) for case, _ in rows]),
        Column("heaters", [str(way) for _, way in rows]),
        Column("below the band, %", [100 * study.mean(case, way, "cold_share")[0] for case, way in rows], 2),
        Column(
            f"below {number(TAP_C)} °C, %", [100 * study.mean(case, way, "tepid_share")[0] for case, way in rows], 2
        ),
    )
    what = (
        "Share of tank-intervals. A tank falls below its band where a draw takes out more than a heater that is ON gives: "
        "a bath does. OFF is never chosen where it ends too cold."
    )
    return Table("comfort", "Comfort", columns, what)


def _direction(study: Study, case: Case, words: str, take: Callable[[Change], float], published: float) -> Finding:
    mean, half = interval([take(each) for each in study.changes(case)])
    text = (
        f"{case}, {words}: {_with_half(mean, half)} here, {percent(published, 0)} published. "
        f"{_word(_verdict(mean, half))}"
    )
    name = f"{case.name.lower()}-{words.replace(' ', '-')}"
    return Finding(name, _verdict(mean, half), text, {"change": mean, "half width": half, "published": published})


def _verdict(mean: float, half: float) -> Literal["holds", "fails", "undecided"]:
    """Less is claimed: it holds where the whole confidence interval is below zero."""
    if mean + half < 0:
        return "holds"
    return "fails" if mean - half > 0 else "undecided"


def _word(verdict: str) -> str:
    return {
        "holds": "The direction holds.",
        "fails": "The direction does not hold.",
        "undecided": "The sign is within the noise of the seeds.",
    }[verdict]


def _games(study: Study) -> list[Finding]:
    runs = [each for case in CASES for each in study.runs[case]]
    regret = max(each.statistics.regret for each in runs)
    steps = [float(np.diff(path).min()) for each in runs for path in each.potentials if len(path) > 1]
    total = sum(each.statistics.games for each in runs)
    text = (
        f"Best responses ended in an equilibrium in each of {number(total)} games: nobody gains by changing alone (largest "
        f"relative gain {measure(regret)})."
    )
    rising = "Nobody had a better response in any game that was followed."
    if steps:
        rising = f"The potential rises with every best response that was followed, by {measure(min(steps))} at least."
    few = max(each.statistics.anarchy[0] for each in runs)
    anarchy = (
        "Which equilibrium is selected decides who has a warm tank, hence the coldest moves first. For the sum of payoffs it "
        f"matters little: in the worst equilibrium of all games it is {percent(1 - 1 / few, 2)} below that of the best profile."
    )
    return [
        Finding("equilibrium", "holds" if regret <= 1e-9 else "fails", text, {"regret": regret}),
        Finding("potential", "holds" if min(steps) > 0 else "fails", rising, {"least step": min(steps)}),
        Finding("anarchy", "reported", anarchy, {"worst price of anarchy": few}),
    ]


def _together(study: Study) -> list[Finding]:
    told, numbers = [], {}
    for case in CASES:
        game, joint = (study.mean(case, way, "exchange_kwh")[0] for way in (Way.GAME, Way.JOINT))
        numbers[f"{case}: joint against game"] = joint / game - 1
        told.append(f"{case} {_signed(joint / game - 1, 2)}")
    reached = [_reached(study.foresight[case]) for case in CASES]
    ahead = ", ".join(f"{case} {percent(share, 0)}" for case, share in zip(CASES, reached, strict=True))
    return [
        Finding(
            "joint",
            "reported",
            "Deciding jointly in every interval, which is best for that interval, changes the exchange of the horizon "
            f"against the game by: {', '.join(told)}.",
            numbers,
        ),
        Finding(
            "foresight",
            "reported",
            f"In the weeks looked at, the game reaches this part of what anybody could save who knows the future: {ahead}.",
            {str(case): share for case, share in zip(CASES, reached, strict=True)},
        ),
    ]


def _reached(weeks: Sequence[Foresight]) -> float:
    thermostat, game, bound = (
        sum(getattr(each, name) for each in weeks) for name in ("thermostat_kwh", "game_kwh", "bound_kwh")
    )
    return float((thermostat - game) / (thermostat - bound))


def _grid(study: Study) -> list[Finding]:
    found = {way: [each.checks[way] for case in CASES for each in study.runs[case]] for way in Way}
    counts = {way: sum(each.violations for each in checks) for way, checks in found.items()}
    worse = counts[Way.GAME] > counts[Way.THERMOSTAT]
    text = f"Limits passed under AC power flow: {counts[Way.GAME]} by the game, {counts[Way.THERMOSTAT]} by thermostats alone."
    return [
        Finding("grid", "fails" if worse else "holds", text, {str(way): float(each) for way, each in counts.items()})
    ]


def _facts(study: Study) -> list[tuple[str, str]]:
    community = study.peers.community
    horizon = community.horizon
    level = study.runs[Case.PV][0].level_kw
    heater = (
        f"{number(HEATER.power_kw)} kW, {number(HEATER.litres)} l, {number(HEATER.min_c)} to {number(HEATER.max_c)} °C, "
        f"{number(HEATER.loss_w_per_k, 2)} W/K of standing loss"
    )
    return [
        ("Community", community.name),
        ("Peers", study.peers.rule),
        ("Horizon", f"{span(horizon.periods * horizon.step)} from {local_time(horizon.start, community.time_zone)}"),
        ("Intervals", f"{count(horizon.periods, 'interval')} of {span(horizon.step)}"),
        ("Generation", f"{number(study.generation, 2)} times the need; a generator a peer, of equal yield"),
        ("Water heaters", heater),
        ("L", f"{number(level)} kW: twice the peers times the largest draw of one (first seed)"),
        ("Equilibrium selected", "best responses from OFF, the coldest tank first"),
        ("Seeds", f"{study.sizes.seeds} from {study.seed}"),
    ]


def _categories() -> str:
    return ", ".join(
        f"{each.name} {number(each.flow)} l/min for {each.minutes} min, {percent(each.share, 0)} of the volume"
        for each in CATEGORIES
    )


def _change(study: Study, case: Case, take: Callable[[Change], float]) -> str:
    return _with_half(*interval([take(each) for each in study.changes(case)]))


def _with_half(mean: float, half: float) -> str:
    return f"{_signed(mean)} ± {number(100 * half, 1)}"


def _signed(share: float, digits: int = 1) -> str:
    return f"{'+' if share > 0 else ''}{percent(share, digits)}"


def _points(mean: float, half: float) -> str:
    return f"{number(100 * mean, 1)} ± {number(100 * half, 1)} points"


def _exchange(each: Change) -> float:
    return each.exchange


def _peak(each: Change) -> float:
    return each.peak


def _daily_peak(each: Change) -> float:
    return each.daily_peak
