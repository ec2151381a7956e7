"""When energy is used: batteries, water heaters, limits at the meter, and forecasts."""

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
from gridpact.energy.limits import Limits

__all__ = [
    "FORECASTS",
    "WATER_KWH_PER_LITRE_K",
    "Fleet",
    "Forecaster",
    "HeaterState",
    "Heaters",
    "Limits",
    "NoisyMeasurement",
    "Perfect",
    "Persistence",
    "make_forecaster",
    "scenarios",
]
