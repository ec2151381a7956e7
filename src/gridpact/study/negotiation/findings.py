"""What the study finds of the claims that were made, and of our own."""

import numpy as np

from gridpact.study.confidence import half_width
from gridpact.study.negotiation.comparisons import Comparison, against_random, reliefs
from gridpact.study.negotiation.experiments import RANDOM, Way
from gridpact.study.negotiation.figures import PLAIN
from gridpact.study.negotiation.study import Study
from gridpact.study.pages import Finding
from gridpact.study.pages.formats import measure, number, percent
from gridpact.units import FloatArray


def claims(study: Study) -> list[Finding]:
    """The paper's, on members who learn from their own gain, with the floor."""
    welfare = study.welfare(PLAIN)
    order = np.asarray((np.diff(welfare, axis=0) > 0).all(axis=0))
    told = ", ".join(
        f"{name} {number(value, 1)}" for name, value in zip(("s0", "s1", "s2"), welfare.mean(axis=1), strict=True)
    )
    before, after = ln_nash_welfare(study, PLAIN, 0), ln_nash_welfare(study, PLAIN, 1)
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
            f"The mean flow at the point of common coupling changes by {with_half_width(mean_change)} % from s1 to s2; "
            "published: −8 %.",
            {"percent": float(mean_change.mean())},
        ),
        Finding(
            "peak-flow",
            "reported",
            f"Its peak changes by {with_half_width(peak_change)} %; published: +164 %.",
            {"percent": float(peak_change.mean())},
        ),
    ]


def with_half_width(values: FloatArray) -> str:
    """A mean over seeds and half its 95 % confidence interval, in words."""
    return f"{number(float(values.mean()), 1)} ± {number(float(half_width(values)), 1)}"


def learning(study: Study) -> list[Finding]:
    """Each score against random peers, seed by seed."""
    compared = against_random(study)
    better = [way for way, against in compared.items() if against.verdict > 0]
    told = " and ".join(
        f"{' and '.join(names)} beat{'s' * (len(names) == 1)} random peers {how} the floor"
        if (names := [way.score for way in better if way.floor == floor])
        else f"no score beats random peers {how} the floor"
        for floor, how in ((True, "with"), (False, "without"))
        if any(way.floor == floor for way in compared)
    )
    joint = float(study.seed_values(Way(RANDOM), "joint_gain").mean())
    text = (
        f"{told[:1].upper()}{told[1:]} (paired t-tests over seeds, Holm's correction for {len(compared)} comparisons, 5 %). "
        f"Of random sessions {percent(1 - joint, 0)} have no joint gain, so nobody can agree on everything."
    )
    found = [_compared(way, against) for way, against in compared.items()]
    with_floor = any(way.floor for way in better)
    beats = Finding(
        "learning", "holds" if with_floor else "partly" if better else "fails", text, {"scores": float(len(better))}
    )
    return [beats, *found, _readiness(study)]


def _compared(way: Way, against: Comparison) -> Finding:
    verdict = {
        1: "more often than",
        -1: "less often than",
        0: "neither more nor less often, as far as can be said, than",
    }
    chosen = way.score if way.floor else f"{way.score}, without the floor,"
    text = (
        f"Peers chosen by {chosen} agree {verdict[against.verdict]} random ones: {number(100 * against.difference, 1)} ± "
        f"{number(100 * against.half_width, 1)} percentage points, seed by seed; p = {measure(against.p)}, corrected."
    )
    return Finding(
        f"score-{way.name}",
        "reported",
        text,
        {"difference": against.difference, "half width": against.half_width, "p": against.p},
    )


def _readiness(study: Study) -> Finding:
    """Why the choice of peers matters little: how sessions of random peers end, by how their members' last ones did."""
    held, agreed = np.sum([result.after for result in study.results[Way(RANDOM)]], axis=0).T
    share = np.divide(agreed, held, out=np.full(3, np.nan), where=held > 0)
    text = (
        f"Random peers agree in {percent(float(share[2]), 0)} of their sessions if both had agreed with somebody in the "
        f"interval before, in {percent(float(share[1]), 0)} if one had, in {percent(float(share[0]), 0)} if neither had; the "
        f"mean of the first and the last is {percent(float(share[[0, 2]].mean()), 0)}. The nearer that is to the second, the "
        "more each member brings its own readiness to whomever it meets, and the less it matters who meets whom: all but "
        "one of an odd number meet somebody."
    )
    return Finding("readiness", "reported", text, {f"{sides} ready": float(share[sides]) for sides in range(3)})


def without_floor(study: Study) -> list[Finding]:
    """Both variants of the rationality floor, side by side."""
    bare = Way(floor=False)
    if bare not in study.results:
        return []
    agreed = [float(study.seed_values(way, "agreed").mean()) for way in (bare, PLAIN)]
    welfare = [float(study.welfare(way)[2].mean()) for way in (bare, PLAIN)]
    alone = float(study.welfare(PLAIN)[1].mean())
    nash = [ln_nash_welfare(study, bare, 1), ln_nash_welfare(study, PLAIN, 1), ln_nash_welfare(study, PLAIN, 0)]
    gain = [int((study.gains(way).mean(axis=1) > 0).sum()) for way in (bare, PLAIN)]
    text = (
        f"Without the rationality floor {percent(agreed[0], 0)} of the sessions agree instead of {percent(agreed[1], 0)}. "
        f"Welfare is {number(welfare[0], 1)} instead of {number(welfare[1], 1)} kWh ({number(alone, 1)} with batteries "
        f"alone), the logarithm of the Nash welfare {number(nash[0], 2)} instead of {number(nash[1], 2)} "
        f"({number(nash[2], 2)}), and {gain[0]} instead of {gain[1]} of {len(study.members)} members gain."
    )
    numbers = {"agreed": agreed[0], "welfare": welfare[0], "ln Nash welfare": nash[0], "members": float(gain[0])}
    return [Finding("no-floor", "reported", text, numbers)]


def third_criterion(study: Study) -> Finding:
    """Whether members who weigh a network price keep the peak down, and at what cost."""
    tried = reliefs(study)
    lower = [each for each in tried if each.relieves]
    told = [
        f"{number(each.change, 1)} ± {number(each.half_width, 1)} % at {number(each.weight, 1)}, for "
        f"{number(each.cost_kwh, 1)} ± {number(each.cost_half_width, 1)} kWh of welfare, {percent(each.kept, 0)} of the "
        "gain being left"
        for each in tried
    ]
    weights = ", ".join(number(each.weight, 1) for each in lower)
    at = f"weights {weights}" if lower else "no weight, as far as can be said"
    text = (
        f"A network price as third criterion brings the peak below that of batteries alone at {at} (t-tests over seeds, "
        f"Holm's correction for {len(tried)} weights, 5 %): {'; '.join(told)}."
    )
    best = min(tried, key=lambda each: each.change)
    return Finding(
        "third-criterion",
        "holds" if len(lower) == len(tried) else "partly" if lower else "fails",
        text,
        {"weight": best.weight, "percent": best.change, "cost": best.cost_kwh},
    )


def ln_nash_welfare(study: Study, way: Way, strategy: int) -> float:
    """Of s1 (0) or s2 (1), mean over seeds; NaN where somebody loses against doing nothing, and the product is no welfare."""
    rows = np.array([result.nash[strategy] for result in study.results[way]])
    return float(rows[:, 1].mean()) if (rows[:, 0] > 0).all() else float("nan")
