"""When energy is used: batteries and forecasts."""

from gridpact.energy.battery import Fleet
from gridpact.energy.forecast import (
    Forecaster,
    NoisyMeasurement,
    Perfect,
    Persistence,
    make_forecaster,
    scenarios,
)

__all__ = [
    "Fleet",
    "Forecaster",
    "NoisyMeasurement",
    "Perfect",
    "Persistence",
    "make_forecaster",
    "scenarios",
]
