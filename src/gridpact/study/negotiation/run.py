"""A negotiating community run on arrays: interval after interval, with all that pictures and tables of the study need."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from gridpact.community import Member
from gridpact.energy import Fleet, Forecaster, NoisyMeasurement
from gridpact.errors import InputError
from gridpact.markets import Trades
from gridpact.markets.negotiation import (
    WINDOW,
    Experience,
    Meeting,
    Negotiator,
    Public,
    Round,
    Situation,
    Terms,
    check_negotiators,
    hold_round,
    loans_as_trades,
)
from gridpact.units import FloatArray, IntArray, to_kwh


@dataclass(frozen=True, eq=False)
class Setting:
    """What a run is about.

    Attributes
    ----------
    negotiators
        The members, in the order of the profiles.
    net_kw
        Net demand before batteries, ``[member, interval]``, the tail included in which loans come back.
    hours
        Length of an interval.
    terms
        How they negotiate.
    window
        Offsets that everybody plans, the present one included: the tail is one interval shorter.
    day_share
        Time of day of the first interval, in [0, 1).

    Raises
    ------
    InputError
        If members and profiles do not fit, a profile is not finite, or nothing is left beside the tail.
    """

    negotiators: tuple[Negotiator, ...]
    net_kw: FloatArray
    hours: float = 0.25
    terms: Terms = field(default_factory=Terms)
    window: int = WINDOW
    day_share: float = 0.0

    def __post_init__(self) -> None:
        check_negotiators(self.negotiators)
        net = np.array(self.net_kw, dtype=np.float64)
        if net.ndim != 2 or len(net) != len(self.negotiators) or not np.isfinite(net).all():
            found = f"net demand of shape {net.shape}, or with values that are not finite"
            raise InputError(found, place="run", accepted=f"one finite row for each of {len(self.negotiators)} members")
        if net.shape[1] < self.window:
            raise InputError(
                f"{net.shape[1]} intervals",
                place="run",
                accepted=f"at least {self.window}: an interval to negotiate in and a tail of {self.window - 1}",
            )
        net.flags.writeable = False
        object.__setattr__(self, "net_kw", net)

    @property
    def trading(self) -> int:
        """Intervals with negotiations."""
        return int(self.net_kw.shape[1]) - self.window + 1

    @property
    def per_day(self) -> int:
        """Intervals in 24 hours."""
        return max(1, round(24 / self.hours))

    def fleet(self) -> Fleet:
        """The batteries."""
        return Fleet.of([Member(each.id, "", battery=each.battery) for each in self.negotiators])


@dataclass(frozen=True, eq=False)
class CaseRun:
    """What came of it; arrays over all intervals, the tail included.

    Attributes
    ----------
    setting
        What was run.
    sessions
        One row a session: columns as in `SESSION_COLUMNS`.
    loans
        What was agreed: interval, giver, taker, Wh, interval of the return, ``[loan, 5]``.
    loan_kw
        Loans as net demand, ``[member, interval]``: + = given now or given back.
    battery_kw, soc_kwh
        What the batteries did on the actual profiles with loans, ``[member, interval]``, + = charging; state at the end.
    experience
        What members remember at the end.
    kept
        Meetings that were asked for, by interval.
    """

    setting: Setting
    sessions: FloatArray
    loans: IntArray
    loan_kw: FloatArray
    battery_kw: FloatArray
    soc_kwh: FloatArray
    experience: Experience
    kept: dict[int, Round]

    def column(self, name: str) -> FloatArray:
        """One column of the sessions."""
        return np.asarray(self.sessions[:, SESSION_COLUMNS.index(name)])

    @property
    def residual_kw(self) -> FloatArray:
        """Net demand, loans and battery together: what members exchange with the outside, ``[member, interval]``."""
        return np.asarray(self.setting.net_kw + self.loan_kw + self.battery_kw)


SESSION_COLUMNS = (
    "interval",
    "first",
    "second",
    "agreed",
    "quantity_wh",
    "offset",
    "rounds",
    "proposer",
    "joint_gain",
    "distance",
    "no_deal_distance",
    "first_gain",
    "second_gain",
)
"""Of a session: when; who chose and who was chosen; 1 if they agreed; what the first gives (negative: receives) and when it is
returned; rounds; who proposed it; 1 if some contract was better for both; normalised distances to the Nash point; gains."""


def run_case(
    setting: Setting,
    seed: int,
    *,
    keep: Sequence[int] = (),
    forecaster: Forecaster | None = None,
    progress: Callable[[int], None] | None = None,
) -> CaseRun:
    """Run strategy s2, negotiation and battery, over all intervals.

    Parameters
    ----------
    setting
        Members, profiles and terms.
    seed
        Of forecasts, scenarios and choice of peers.
    keep
        Intervals whose rounds are kept whole, with all utilities: for outcome spaces and traces.
    forecaster
        Of net demand; None for the actual profile plus noise, as in the paper.
    progress
        Called after each interval with its number.

    Examples
    --------
    >>> from gridpact.community import Battery
    >>> battery = Battery(6.8, 1.3, 3.3, 0.9, 0.9, 0.2, 0.9, 0.55)
    >>> pair = (Negotiator("a", battery, (0.33, 0.67), 0.52), Negotiator("b", battery, (0.71, 0.29), 0.5))
    >>> day = np.sin(np.arange(104) * np.pi / 48)
    >>> run = run_case(Setting(pair, np.array([day, -day])), seed=1)
    >>> len(run.sessions), [bool(np.abs(run.loan_kw.sum(axis=axis)).max() < 1e-9) for axis in (0, 1)]
    (8, [True, True])
    """
    rng = np.random.default_rng(seed)
    net_kw, hours, window = setting.net_kw, setting.hours, setting.window
    std_kw = net_kw.std(axis=1)
    forecaster = forecaster or NoisyMeasurement(std_kw, setting.per_day, seed)
    fleet = setting.fleet()
    soc = fleet.initial_kwh
    loan_kw = np.zeros(net_kw.shape)
    experience = Experience.none(len(net_kw))
    committed = Trades.empty()
    sessions: list[FloatArray] = []
    loans: list[IntArray] = []
    kept: dict[int, Round] = {}
    for now in range(setting.trading):
        public = Public(forecaster.forecast(net_kw, now, now + window), _day_share(setting, now))
        situation = Situation(public, std_kw, soc, committed, hours, setting.per_day, now)
        held = hold_round(setting.negotiators, situation, setting.terms, experience, rng)
        experience = held.experience(experience, setting.terms.choice, public)
        agreed = held.loans()
        giver, taker, wh, back = agreed.T
        power = to_kwh(wh) / hours
        for who, sign in ((giver, 1.0), (taker, -1.0)):
            np.add.at(loan_kw, (who, now), sign * power)
            np.add.at(loan_kw, (who, now + back), -sign * power)
        committed = Trades.concat([committed, loans_as_trades(agreed)]).window(1, window)
        loans.append(np.stack([np.full_like(giver, now), giver, taker, wh, now + back], axis=1))
        sessions.append(_rows(now, held))
        if now in keep:
            kept[now] = held
        _, path = fleet.run(net_kw[:, now : now + 1] + loan_kw[:, now : now + 1], soc, hours)
        soc = path[:, -1]
        if progress:
            progress(now)
    battery_kw, path = fleet.run(net_kw + loan_kw, fleet.initial_kwh, hours)
    return CaseRun(
        setting,
        np.concatenate(sessions),
        np.concatenate(loans),
        loan_kw,
        battery_kw,
        path[:, 1:],
        experience,
        kept,
    )


def _day_share(setting: Setting, now: int) -> float:
    return (setting.day_share + now / setting.per_day) % 1.0


def _rows(now: int, held: Round) -> FloatArray:
    return np.array([_row(now, meeting, held) for meeting in held.meetings]).reshape(-1, len(SESSION_COLUMNS))


def _row(now: int, meeting: Meeting, held: Round) -> tuple[float, ...]:
    session, appraisal = meeting.session, meeting.appraisal
    agreed = session.agreement
    return (
        now,
        *meeting.pair,
        float(agreed is not None),
        0.0 if agreed is None else float(held.grid.quantity_wh[agreed]),
        0.0 if agreed is None else float(held.grid.offset[agreed]),
        session.rounds,
        -1.0 if session.proposer is None else float(session.proposer),
        float(appraisal.has_joint_gain),
        appraisal.distance,
        appraisal.no_deal_distance,
        *appraisal.gains,
    )
