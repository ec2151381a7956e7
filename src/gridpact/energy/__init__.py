"""When energy is used: batteries, limits at the meter, and forecasts."""

from gridpact.energy.battery import Fleet
from gridpact.energy.forecast import (
    FORECASTS,
    Forecaster,
    NoisyMeasurement,
    Perfect,
    Persistence,
    make_forecaster,
    scenarios,
)
from gridpact.energy.limits import Limits

__all__ = [
    "FORECASTS",
    "Fleet",
    "Forecaster",
    "Limits",
    "NoisyMeasurement",
    "Perfect",
    "Persistence",
    "make_forecaster",
    "scenarios",
]
