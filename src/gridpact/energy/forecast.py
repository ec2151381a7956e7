"""Forecasts of net demand, made when an interval begins; and scenarios around them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from gridpact.errors import InputError, nearest_name
from gridpact.units import FloatArray

PHI, START, END = 0.9, 0.05, 0.30


class Forecaster(Protocol):
    """Foresees net demand. Pure: the same forecast whatever was asked before, by whichever mechanism."""

    @property
    def is_perfect(self) -> bool:
        """Whether the forecast does not depend on when it is made, so that all gates may be handed over in one call."""
        ...

    def forecast(self, actual_kw: FloatArray, now: int, stop: int) -> FloatArray:
        """Net demand of intervals ``now`` (included) to ``stop`` (excluded), as foreseen when interval `now` begins.

        Parameters
        ----------
        actual_kw
            Net demand of the whole run, ``[member, interval]``, + = consumption; intervals before `now` are measured.

        Returns
        -------
        ``[member, stop − now]`` in kW.

        Raises
        ------
        ValueError
            If the window is outside of the run.
        """
        ...


@dataclass(frozen=True, slots=True)
class Perfect:
    """Knows the future.

    Examples
    --------
    >>> Perfect().forecast(np.array([[1.0, -2.0, 3.0]]), 1, 3)
    array([[-2.,  3.]])
    """

    is_perfect: ClassVar[bool] = True

    def forecast(self, actual_kw: FloatArray, now: int, stop: int) -> FloatArray:
        """See `Forecaster.forecast`."""
        _check_window(actual_kw, now, stop)
        return actual_kw[:, now:stop].copy()


@dataclass(frozen=True, slots=True)
class Persistence:
    """Tomorrow as today: the last measured value at the same time of day.

    In the first day, where there is none, the last measured value. At interval 0 nothing is measured: there, and only there,
    the forecast is the value of interval 0 itself, standing for a reading just before the run.

    Attributes
    ----------
    per_day
        Intervals in 24 hours.

    Examples
    --------
    Two intervals a day; the forecast of three intervals made when interval 3 begins:

    >>> Persistence(2).forecast(np.array([[1.0, 2.0, 3.0, 9.0, 9.0, 9.0]]), 3, 6)
    array([[2., 3., 2.]])
    """

    per_day: int
    is_perfect: ClassVar[bool] = False

    def forecast(self, actual_kw: FloatArray, now: int, stop: int) -> FloatArray:
        """See `Forecaster.forecast`."""
        _check_window(actual_kw, now, stop)
        ahead = np.arange(stop - now)
        same_time = now + ahead - self.per_day * (ahead // self.per_day + 1)
        return actual_kw[:, np.where(same_time >= 0, same_time, max(now - 1, 0))]


@dataclass(frozen=True, eq=False)
class NoisyMeasurement:
    """The actual values plus a correlated error that grows with the lag ("pseudo-prediction").

    The error is AR(1) and Gaussian, with unit variance at every lag, times a share of the standard deviation of the member's
    net demand: `start` at lag 0, growing linearly to `end` after one day, constant beyond (Chakraborty, Baarslag, Kaisers,
    Applied Energy 2020). Errors of different gates are independent. A longer window only adds lags: it does not change the
    nearer ones.

    Attributes
    ----------
    std_kw
        Standard deviation of each member's net demand over the run, ``[member]``.
    per_day
        Intervals in 24 hours.
    seed
        A whole number from 0 up.
    phi
        Correlation of errors one lag apart, in [0, 1).
    start, end
        Shares of `std_kw` at lag 0 and from one day on.

    Examples
    --------
    >>> noisy = NoisyMeasurement(np.array([2.0]), per_day=96, seed=7)
    >>> actual = np.zeros((1, 200))
    >>> bool((noisy.forecast(actual, 40, 45) == noisy.forecast(actual, 40, 60)[:, :5]).all())
    True
    """

    std_kw: FloatArray
    per_day: int
    seed: int
    phi: float = PHI
    start: float = START
    end: float = END
    _key: npt.NDArray[np.uint64] = field(init=False, repr=False)
    is_perfect: ClassVar[bool] = False

    def __post_init__(self) -> None:
        std = np.array(self.std_kw, dtype=np.float64)
        std.flags.writeable = False
        object.__setattr__(self, "std_kw", std)
        object.__setattr__(self, "_key", np.random.SeedSequence(self.seed).generate_state(2, np.uint64))

    def forecast(self, actual_kw: FloatArray, now: int, stop: int) -> FloatArray:
        """See `Forecaster.forecast`."""
        _check_window(actual_kw, now, stop)
        if len(actual_kw) != len(self.std_kw):
            raise ValueError(f"{len(actual_kw)} members in the profiles, {len(self.std_kw)} standard deviations")
        shocks = self._generator(now).standard_normal((stop - now, len(self.std_kw)))
        return actual_kw[:, now:stop] + _errors(shocks, self.std_kw, self.phi, self.start, self.end, self.per_day)

    def _generator(self, now: int) -> np.random.Generator:
        """A counter-based stream of its own for each gate: cheap to make, and no two overlap."""
        return np.random.Generator(np.random.Philox(key=self._key, counter=(0, 0, 0, now)))


def scenarios(
    point_kw: FloatArray,
    std_kw: FloatArray,
    count: int,
    rng: np.random.Generator,
    *,
    per_day: int,
    phi: float = PHI,
    start: float = START,
    end: float = END,
) -> FloatArray:
    """Scenarios of net demand around a point forecast, with the error of `NoisyMeasurement`.

    Parameters
    ----------
    point_kw
        Point forecast, ``[member, interval]``; the first interval is at lag 0.
    std_kw
        Standard deviation of each member's net demand over the run, ``[member]``.
    count
        How many scenarios.
    rng
        Source of randomness.
    per_day, phi, start, end
        As in `NoisyMeasurement`.

    Returns
    -------
    ``[scenario, member, interval]`` in kW.

    Examples
    --------
    >>> scenarios(np.zeros((2, 5)), np.ones(2), 100, np.random.default_rng(1), per_day=96).shape
    (100, 2, 5)
    """
    members, intervals = point_kw.shape
    if len(std_kw) != members:
        raise ValueError(f"{members} members in the forecast, {len(std_kw)} standard deviations")
    shocks = rng.standard_normal((intervals, count * members))
    errors = _errors(shocks, np.tile(np.asarray(std_kw, dtype=np.float64), count), phi, start, end, per_day)
    return point_kw + errors.reshape(count, members, intervals)


def make_forecaster(kind: str, actual_kw: FloatArray, per_day: int, seed: int) -> Forecaster:
    """Build a forecaster by name.

    Parameters
    ----------
    kind
        ``"perfect"``, ``"persistence"`` or ``"noise"``.
    actual_kw
        Net demand of the whole run, ``[member, interval]``: the noise scales with its standard deviation.
    per_day
        Intervals in 24 hours.
    seed
        Of the noise.

    Raises
    ------
    InputError
        If the kind is unknown; the nearest known one is named.

    Examples
    --------
    >>> make_forecaster("perfect", np.zeros((1, 4)), 96, 0)
    Perfect()
    """
    if kind not in FORECASTS:
        raise InputError(
            f"forecast {kind!r} is unknown{nearest_name(str(kind), list(FORECASTS))}", accepted=", ".join(FORECASTS)
        )
    return FORECASTS[kind](actual_kw, per_day, seed)


def _noise(actual_kw: FloatArray, per_day: int, seed: int) -> Forecaster:
    return NoisyMeasurement(actual_kw.std(axis=1) if actual_kw.shape[1] else np.zeros(len(actual_kw)), per_day, seed)


FORECASTS: dict[str, Callable[[FloatArray, int, int], Forecaster]] = {
    "perfect": lambda actual_kw, per_day, seed: Perfect(),
    "persistence": lambda actual_kw, per_day, seed: Persistence(per_day),
    "noise": _noise,
}


def _errors(shocks: FloatArray, std_kw: FloatArray, phi: float, start: float, end: float, per_day: int) -> FloatArray:
    from gridpact.energy import _forecast_kernels

    errors: FloatArray = _forecast_kernels.correlated_errors(shocks, std_kw, phi, start, end, per_day)
    return errors


def _check_window(actual_kw: FloatArray, now: int, stop: int) -> None:
    if not 0 <= now <= stop <= actual_kw.shape[1]:
        raise ValueError(f"window {now}:{stop} is outside of 0:{actual_kw.shape[1]}")
