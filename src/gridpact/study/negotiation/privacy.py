"""How well the weights of members can be read off the offers they make."""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from gridpact.markets.negotiation import Negotiator, Space, contract_spaces, infer_weight, misplacement, trace
from gridpact.study.negotiation.cases import battery
from gridpact.study.negotiation.run import CaseRun
from gridpact.units import FloatArray

CANDIDATES = np.linspace(0.05, 0.95, 19)


class Observer(StrEnum):
    """What an observer of the offers knows besides.

    Both know the net demand of the member, as a meter shows it, and its loans.
    """

    INSIDER = "insider"
    """Its battery and state of charge, too."""
    OUTSIDER = "outsider"
    """Neither: it takes the battery of Case 1, half way."""


@dataclass(frozen=True, eq=False)
class Inference:
    """What was inferred, arrays ``[member]``.

    Attributes
    ----------
    weight, estimate
        Of the first criterion: the true one, and the observer's; NaN for members who showed nothing.
    sessions
        In which a member made offers.
    offers
        How many it made.
    """

    weight: FloatArray
    estimate: FloatArray
    sessions: FloatArray
    offers: FloatArray

    @property
    def error(self) -> float:
        """Mean absolute error."""
        return float(np.nanmean(np.abs(self.estimate - self.weight)))

    @property
    def blind_error(self) -> float:
        """That of saying one half of everybody."""
        return float(np.abs(0.5 - self.weight).mean())


def infer_weights(run: CaseRun, observer: Observer) -> Inference:
    """Estimate every member's first weight from the offers of the rounds that a run has kept.

    Parameters
    ----------
    run
        Of members with two criteria; `run_case` with ``keep``.
    observer
        What is known besides.
    """
    members = run.setting.negotiators
    seen: list[list[FloatArray]] = [[] for _ in members]
    offers = np.zeros(len(members))
    for now, held in run.kept.items():
        for meeting in held.meetings:
            made = trace(meeting.table, meeting.session, run.setting.terms.rules)
            for side, member in enumerate(meeting.pair):
                shown = (made.first, made.second ^ 1)[side]
                if len(shown):
                    models = _models(run, now, member, observer)
                    seen[member].append(misplacement(shown, *models, CANDIDATES))
                    offers[member] += len(shown)
    return Inference(
        np.array([each.weights[0] for each in members]),
        np.array([infer_weight(each, CANDIDATES) if each else np.nan for each in seen]),
        np.array([float(len(each)) for each in seen]),
        offers,
    )


def _models(run: CaseRun, now: int, member: int, observer: Observer) -> tuple[Space, Space]:
    """What the member expects by each criterion alone, as the observer thinks: the actual profile for its forecast."""
    setting, known = run.setting, run.setting.negotiators[member]
    if observer is Observer.OUTSIDER:
        known = replace(known, battery=battery())
    assert known.battery is not None
    soc_kwh = known.battery.initial_soc * known.battery.capacity_kwh
    if observer is Observer.INSIDER and now > 0:
        soc_kwh = float(run.soc_kwh[member, now - 1])
    stop = now + setting.window
    demand_kw = setting.net_kw[member, now:stop] + _loans_before(run, now, member)[now:stop]
    grid = setting.terms.grid(setting.hours, setting.window)
    first, second = (
        contract_spaces(
            [_single(known, at)], demand_kw[None, None], np.array([soc_kwh]), grid, setting.hours, first=now
        )[0]
        for at in (0, 1)
    )
    return first, second


def _single(member: Negotiator, at: int) -> Negotiator:
    return replace(member, weights=(1.0, 0.0) if at == 0 else (0.0, 1.0))


def _loans_before(run: CaseRun, now: int, member: int) -> FloatArray:
    """Loans of a member that were agreed before an interval, as net demand ``[interval]``."""
    demand = np.zeros(run.setting.net_kw.shape[1])
    for start, giver, taker, wh, back in run.loans[run.loans[:, 0] < now].tolist():
        if member in (giver, taker):
            power = (1 if member == giver else -1) * wh / 1000 / run.setting.hours
            demand[start] += power
            demand[back] -= power
    return demand
