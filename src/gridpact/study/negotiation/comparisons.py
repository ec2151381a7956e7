"""Ways of negotiating held against each other, seed by seed, with all that are looked at together counted."""

from dataclasses import dataclass

import numpy as np

from gridpact.study.confidence import LEVEL, half_width, holm, mean_is_zero
from gridpact.study.negotiation.experiments import RANDOM, Way
from gridpact.study.negotiation.study import Study


@dataclass(frozen=True, slots=True)
class Comparison:
    """A score against random peers, by paired differences over seeds.

    Attributes
    ----------
    difference, half_width
        Of the share of sessions that agree, and half its own 95 % confidence interval.
    p
        Of no difference, adjusted for all scores that are compared (paired t-tests, Holm).
    """

    difference: float
    half_width: float
    p: float

    @property
    def verdict(self) -> int:
        """1: agrees more often than random, −1: less often; 0: neither can be claimed."""
        return int(np.sign(self.difference)) if self.p <= 1 - LEVEL else 0


@dataclass(frozen=True, slots=True)
class Relief:
    """What a network price does to the peak at the point of common coupling, and what it costs.

    Attributes
    ----------
    weight
        Of the price.
    change, half_width
        Of the peak of s2 against that of s1, per cent, and half its own 95 % confidence interval.
    p
        Of no change, adjusted for all weights that are tried (t-tests over seeds, Holm).
    cost_kwh, cost_half_width
        Welfare lost against the same negotiation without the price, by paired differences over seeds.
    kept
        Share that is left of what negotiating adds to own batteries.
    """

    weight: float
    change: float
    half_width: float
    p: float
    cost_kwh: float
    cost_half_width: float
    kept: float

    @property
    def relieves(self) -> bool:
        """Whether the peak is lower than with batteries alone, beyond chance."""
        return self.change < 0 and self.p <= 1 - LEVEL


def against_random(study: Study) -> dict[Way, Comparison]:
    """How often sessions agree under each score against random peers, floor like floor; none where nobody chooses."""
    rivals = {way: Way(RANDOM, way.floor) for way in study.results if way.score != RANDOM and not way.network}
    scored = [way for way, random in rivals.items() if random in study.results]
    if not scored:
        return {}
    agreed = {way: study.seed_values(way, "agreed") for way in study.results}
    differences = np.array([agreed[way] - agreed[rivals[way]] for way in scored])
    mean, half, p = differences.mean(axis=1), half_width(differences), holm(mean_is_zero(differences))
    return {way: Comparison(float(mean[at]), float(half[at]), float(p[at])) for at, way in enumerate(scored)}


def reliefs(study: Study) -> tuple[Relief, ...]:
    """The network prices that were tried."""
    plain, priced = Way(), [way for way in study.results if way.network]
    if not priced:
        return ()
    flows = np.array([study.flows(way, "peak_flow_kw") for way in priced])
    change = 100 * (flows[:, 2] / flows[:, 1] - 1)
    added = {way: study.welfare(way)[2] - study.welfare(way)[1] for way in (plain, *priced)}
    cost = np.array([added[plain] - added[way] for way in priced])
    half, p, cost_half = half_width(change), holm(mean_is_zero(change)), half_width(cost)
    return tuple(
        Relief(
            weight=way.network,
            change=float(change[at].mean()),
            half_width=float(half[at]),
            p=float(p[at]),
            cost_kwh=float(cost[at].mean()),
            cost_half_width=float(cost_half[at]),
            kept=float(added[way].mean() / added[plain].mean()),
        )
        for at, way in enumerate(priced)
    )
