"""When energy is used: batteries and forecasts."""

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

__all__ = [
    "FORECASTS",
    "Fleet",
    "Forecaster",
    "NoisyMeasurement",
    "Perfect",
    "Persistence",
    "make_forecaster",
    "scenarios",
]
