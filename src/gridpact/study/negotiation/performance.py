"""What a run was worth to its members and to the grid: realised performance, welfare, flow, success."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gridpact.markets.negotiation import Criterion, Negotiator, combine, efficiencies
from gridpact.study.negotiation.run import CaseRun, Setting
from gridpact.units import FloatArray


class Strategy(StrEnum):
    """How members act."""

    NOTHING = "s0"
    BATTERY = "s1"
    NEGOTIATION = "s2"


@dataclass(frozen=True, eq=False)
class Outcome:
    """A strategy on the actual profiles.

    Attributes
    ----------
    strategy
        Which.
    performance
        ``ξ = −Σ λ c`` over the whole run, ``[member]``, kWh.
    criteria
        Each criterion on its own, a cost, ``[criterion, member]``.
    residual_kw
        What members exchange with the outside, ``[member, interval]``, + = import.
    """

    strategy: Strategy
    performance: FloatArray
    criteria: FloatArray
    residual_kw: FloatArray

    @property
    def welfare(self) -> float:
        """Utilitarian welfare, the sum of performances."""
        return float(self.performance.sum())

    @property
    def flow_kw(self) -> FloatArray:
        """At the point of common coupling, ``[interval]``, + = import."""
        return np.asarray(self.residual_kw.sum(axis=0))

    @property
    def mean_flow_kw(self) -> float:
        """Mean of the absolute flow at the point of common coupling."""
        return float(np.abs(self.flow_kw).mean())

    @property
    def peak_flow_kw(self) -> float:
        """Largest absolute flow at the point of common coupling."""
        return float(np.abs(self.flow_kw).max())


def nash_welfare(outcome: Outcome, nothing: Outcome) -> tuple[float, float]:
    """Nash welfare ``Π (ξ(s) − ξ(s0))``, as the sign of the product and the natural logarithm of its size.

    With many members the product itself leaves the range of floats.
    """
    gains = outcome.performance - nothing.performance
    size = np.abs(gains)
    logarithm = float(np.log(size).sum()) if size.all() else -np.inf
    return float(np.prod(np.sign(gains))), logarithm


def outcomes(run: CaseRun, setting: Setting | None = None) -> dict[Strategy, Outcome]:
    """The three strategies on the same profiles: nothing, own battery, negotiation and battery.

    Parameters
    ----------
    run
        What was agreed.
    setting
        Whose weights judge it, if not those of the run: what a further criterion costs by the others.
    """
    setting = setting or run.setting
    still = np.zeros(setting.net_kw.shape)
    fleet = setting.fleet()
    alone_kw, alone_kwh = fleet.run(setting.net_kw, fleet.initial_kwh, setting.hours)
    return {
        Strategy.NOTHING: appraise_run(setting, Strategy.NOTHING, still, still, fleet.initial_kwh),
        Strategy.BATTERY: appraise_run(setting, Strategy.BATTERY, still, alone_kw, alone_kwh[:, -1]),
        Strategy.NEGOTIATION: appraise_run(
            setting, Strategy.NEGOTIATION, run.loan_kw, run.battery_kw, run.soc_kwh[:, -1]
        ),
    }


def appraise_run(
    setting: Setting, strategy: Strategy, loan_kw: FloatArray, battery_kw: FloatArray, end_kwh: FloatArray
) -> Outcome:
    """Realised performance of all members.

    Parameters
    ----------
    setting
        Members and profiles.
    strategy
        What it is called.
    loan_kw, battery_kw
        ``[member, interval]``.
    end_kwh
        State of charge at the end, ``[member]``.
    """
    residual_kw = setting.net_kw + loan_kw + battery_kw
    start_kwh = setting.fleet().initial_kwh
    criteria = np.array(
        [
            [
                realised_cost(
                    criterion,
                    negotiator,
                    battery_kw[at] * setting.hours,
                    residual_kw[at] * setting.hours,
                    start_kwh[at] - end_kwh[at],
                )
                for criterion in negotiator.criteria
            ]
            for at, negotiator in enumerate(setting.negotiators)
        ]
    )
    weights = np.array([each.weights for each in setting.negotiators])
    return Outcome(strategy, -(criteria * weights).sum(axis=1), criteria.T, residual_kw)


def realised_cost(
    criterion: Criterion, negotiator: Negotiator, battery_kwh: FloatArray, residual_kwh: FloatArray, missing_kwh: float
) -> float:
    """What a criterion came to on what really happened.

    Parameters
    ----------
    criterion, negotiator
        Which, and whose.
    battery_kwh, residual_kwh
        ``[interval]``, + = charging and import.
    missing_kwh
        State of charge at the start less that at the end.

    Examples
    --------
    A kilowatt-hour charged at 90 %, 0.5 kWh imported and 0.2 exported:

    >>> from gridpact.community import Battery
    >>> from gridpact.markets.negotiation import Autarky, FlexibilityLoss
    >>> ann = Negotiator("ann", Battery(10, 3, 3, 0.9, 0.9), (0.5, 0.5), 0.5)
    >>> round(realised_cost(FlexibilityLoss(), ann, np.array([1.0, 0.0]), np.array([0.5, -0.2]), -0.9), 9)
    0.19
    >>> realised_cost(Autarky(), ann, np.array([1.0, 0.0]), np.array([0.5, -0.2]), -0.9)
    0.7
    """
    rates = combine([criterion.rates(*efficiencies(negotiator.battery), 0, len(battery_kwh))], [1.0])
    flows = np.stack([battery_kwh, -battery_kwh, residual_kwh, -residual_kwh])
    ends = rates.short * max(missing_kwh, 0.0) - rates.spare * max(-missing_kwh, 0.0)
    return float((rates.table() * np.maximum(flows, 0.0)).sum() + ends)


@dataclass(frozen=True, slots=True)
class Success:
    """How sessions ended, as shares of all sessions.

    Attributes
    ----------
    agreed
        With an agreement.
    joint_gain
        With some contract that is better than no deal for both.
    distance, no_deal_distance
        Mean distance to the Nash point of agreements, and of no deal where there is a joint gain.
    """

    agreed: float
    joint_gain: float
    distance: float
    no_deal_distance: float


def success(run: CaseRun) -> Success:
    """Rates of a run."""
    agreed, joint = run.column("agreed") > 0, run.column("joint_gain") > 0
    return Success(
        float(agreed.mean()),
        float(joint.mean()),
        _mean(run.column("distance")[agreed & joint]),
        _mean(run.column("no_deal_distance")[joint]),
    )


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else float("nan")
