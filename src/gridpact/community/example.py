"""A small example to start from: a commented community file, its members, and a week of synthetic profiles."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from gridpact.errors import InputError
from gridpact.units import FloatArray

_TEMPLATES = ("community.toml", "members.csv")
_SEED = 2025
_STEP = pd.Timedelta(minutes=15)
_PERIODS = 7 * 96
_ZONE = "Europe/Berlin"


def write_example(folder: str | Path) -> Path:
    """Write the example into a new or empty folder.

    Nothing is overwritten. The profiles are synthetic and seeded: the same files every time.

    Returns
    -------
    The path of the community file.

    Raises
    ------
    InputError
        If the folder is not empty, or cannot be made.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_example(folder).name
    'community.toml'
    """
    target = Path(folder)
    if target.is_dir() and (existing := sorted(entry.name for entry in target.iterdir())):
        found = f"the folder is not empty: {', '.join(existing[:3])}{', …' if len(existing) > 3 else ''}"
        raise InputError(found, place=str(target), accepted="a new or empty folder")
    contents = {name: files("gridpact.community").joinpath("templates", name).read_text("utf-8") for name in _TEMPLATES}
    times = pd.date_range("2025-06-02", periods=_PERIODS, freq=_STEP, tz=_ZONE)
    rng = np.random.default_rng(_SEED)
    contents["load.csv"] = _csv(times, _loads(times, rng))
    contents["pv.csv"] = _csv(times, _generation(times, rng))
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, text in contents.items():
            (target / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(str(error.strerror), place=str(target), accepted="a folder that can be written") from None
    return target / "community.toml"


def _loads(times: pd.DatetimeIndex, rng: np.random.Generator) -> dict[str, FloatArray]:
    """Homes with a morning and an evening peak, a car that charges on some nights, a bakery that starts at four."""
    hour = np.asarray(times.hour + times.minute / 60, dtype=np.float64)
    loads: dict[str, FloatArray] = {}
    for home in range(1, 6):
        shift = rng.uniform(-1, 1, 2)
        size = rng.uniform(0.7, 1.3)
        shape = 0.18 + 0.45 * _peak(hour, 7.2 + shift[0], 1.0) + 0.9 * _peak(hour, 19.0 + shift[1], 2.0)
        loads[f"home-{home}"] = size * shape * rng.gamma(4.0, 0.25, len(times))
    evening = (hour >= 21.0) & (hour < 23.5)
    day = np.arange(len(times)) // 96
    loads["car-4"] = np.where(evening & np.isin(day, [0, 2, 4]), 3.7, 0.0)
    loads["bakery"] = 0.6 + 5.0 * _peak(hour, 6.0, 1.8) * np.where(np.asarray(times.dayofweek) == 6, 0.3, 1.0)
    return loads


def _generation(times: pd.DatetimeIndex, rng: np.random.Generator) -> dict[str, FloatArray]:
    """Half a sine of daylight from 5 to 21 o'clock under a sky that changes from day to day and within it."""
    hour = np.asarray(times.hour + times.minute / 60, dtype=np.float64)
    sky = np.repeat(rng.uniform(0.35, 1.0, 7), 96) * rng.uniform(0.8, 1.0, len(times))
    sun = np.clip(np.sin(np.pi * (hour - 5) / 16), 0, None)
    return {"south": 0.85 * sky * sun**1.6, "east-west": 0.65 * sky * sun}


def _peak(hour: FloatArray, centre: float, width: float) -> FloatArray:
    """A bell over the hours of the day, 1 at its centre."""
    return np.asarray(np.exp(-(((hour - centre) / width) ** 2) / 2))


def _csv(times: pd.DatetimeIndex, columns: dict[str, FloatArray]) -> str:
    utc = times.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    frame = pd.DataFrame({name: np.round(values, 3) for name, values in columns.items()}, index=utc)
    return str(frame.to_csv(index_label="time_utc", lineterminator="\n"))
