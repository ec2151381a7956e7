"""When energy is used: batteries, water heaters and forecasts."""

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
from gridpact.energy.heater import WATER_KWH_PER_LITRE_K, Heaters, HeaterState

__all__ = [
    "FORECASTS",
    "WATER_KWH_PER_LITRE_K",
    "Fleet",
    "Forecaster",
    "HeaterState",
    "Heaters",
    "NoisyMeasurement",
    "Perfect",
    "Persistence",
    "make_forecaster",
    "scenarios",
]
