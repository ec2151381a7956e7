"""A member at its bus, its devices, and what it wants beyond money."""

from dataclasses import dataclass, field

import numpy as np

from gridpact.errors import InputError

PHASES = ("abc", "a", "b", "c")

PREMIUMS = ("pv_premium", "neighbour_premium", "distance_aversion", "carbon_price")
"""The preferences over sellers among the fields of `Preferences`."""

ROOFTOP_PV_CARBON = 0.041
"""Median of the life cycle, kg CO2 equivalents per kWh (IPCC, AR5 WG III, 2014, Annex III, table A.III.2)."""


@dataclass(frozen=True, slots=True)
class Battery:
    """A battery behind a member's meter. Charging is positive.

    Attributes
    ----------
    capacity_kwh
        Usable plus reserved energy.
    charge_kw, discharge_kw
        Largest power in each direction, at the meter's side.
    charge_efficiency, discharge_efficiency
        In (0, 1].
    min_soc, max_soc, initial_soc
        State of charge as shares of the capacity.
    standing_loss_per_hour
        Share of the capacity lost each hour.
    """

    capacity_kwh: float
    charge_kw: float
    discharge_kw: float
    charge_efficiency: float = 0.95
    discharge_efficiency: float = 0.95
    min_soc: float = 0.1
    max_soc: float = 0.9
    initial_soc: float = 0.5
    standing_loss_per_hour: float = 0.0

    def __post_init__(self) -> None:
        for name in ("capacity_kwh", "charge_kw", "discharge_kw"):
            check_range(getattr(self, name), name, 0.0, np.inf)
        for name in ("charge_efficiency", "discharge_efficiency"):
            check_range(getattr(self, name), name, 0.01, 1.0)
        for name in ("min_soc", "max_soc", "initial_soc", "standing_loss_per_hour"):
            check_range(getattr(self, name), name, 0.0, 1.0)
        if not self.min_soc <= self.initial_soc <= self.max_soc:
            raise InputError(
                f"min_soc {self.min_soc}, initial_soc {self.initial_soc}, max_soc {self.max_soc} are out of order",
                place="battery",
                accepted="min_soc <= initial_soc <= max_soc",
            )


@dataclass(frozen=True, slots=True)
class WaterHeater:
    """An electric water heater with a tank, behind a member's meter: ON at its power, or OFF.

    Attributes
    ----------
    power_kw
        Of the heating element when it is ON.
    litres
        Volume of the tank.
    min_c, max_c
        The band of comfort of the tank's temperature, °C: OFF below it is too cold, ON above it too hot.
    initial_c
        Temperature at the start.
    loss_w_per_k
        Standing loss per kelvin above the surroundings. The default is what a tank of 200 l may lose in energy class B: 61 W at
        45 K (Regulation (EU) 812/2013, Annex II, table 2).
    ambient_c
        Temperature of the surroundings.
    """

    power_kw: float
    litres: float
    min_c: float = 50.0
    max_c: float = 65.0
    initial_c: float = 57.5
    loss_w_per_k: float = 1.36
    ambient_c: float = 20.0

    def __post_init__(self) -> None:
        check_range(self.power_kw, "power_kw", 0.0, np.inf)
        check_range(self.litres, "litres", 1.0, np.inf)
        check_range(self.loss_w_per_k, "loss_w_per_k", 0.0, np.inf)
        for name in ("min_c", "max_c", "initial_c", "ambient_c"):
            check_range(getattr(self, name), name, 0.0, 100.0)
        if not self.min_c <= self.initial_c <= self.max_c or self.min_c == self.max_c:
            raise InputError(
                f"min_c {self.min_c:g}, initial_c {self.initial_c:g}, max_c {self.max_c:g} are out of order",
                place="water heater",
                accepted="min_c < max_c, and initial_c within",
            )


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a member wants beyond money; private to the member.

    The premiums are what a kWh of one seller is worth to the member as a buyer beyond a kWh of just anybody, in units of the
    currency; below zero it is worth less. They add up: `gridpact.community.premiums`.

    Attributes
    ----------
    wanted_share
        The gain per kWh, as a share of the spread between import and export price, below which the member would rather deal
        with its supplier: its true reservation. In [0, 1]. A buyer's true value is ``import − share·spread``, a seller's true
        cost ``export + share·spread``.
    pv_premium
        Per kWh, for a seller with PV.
    neighbour_premium
        Per kWh, for a seller at the same bus or at a bus that one branch joins with it.
    distance_aversion
        Per kWh, how much less the energy is worth from the longest electrical distance between two members; from half of it,
        half of that.
    carbon_price
        Per kg of CO2 equivalents, for what the seller's energy saves against the supplier's.
    """

    wanted_share: float = 0.0
    pv_premium: float = 0.0
    neighbour_premium: float = 0.0
    distance_aversion: float = 0.0
    carbon_price: float = 0.0

    def __post_init__(self) -> None:
        check_range(self.wanted_share, "wanted_share", 0.0, 1.0)
        for name in PREMIUMS:
            check_range(getattr(self, name), name, -np.inf, np.inf)


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who trades: a household, a shop, a charger.

    Attributes
    ----------
    id
        Unique; the order of ids breaks ties of rounding.
    bus
        Name of the bus of the feeder.
    phase
        ``"abc"`` (balanced) or one of ``"a"``, ``"b"``, ``"c"``.
    pv_kwp
        Installed PV, for information; the generation itself is in the profiles.
    battery
        The battery, or None.
    heater
        The electric water heater, or None; its power is not part of the member's load.
    preferences
        Private preferences.
    zone
        Network-charge zone.
    carbon_kg_per_kwh
        Carbon content of what it sells, kg of CO2 equivalents over the life cycle. The default is the median of rooftop PV.
    """

    id: str
    bus: str
    phase: str = "abc"
    pv_kwp: float = 0.0
    battery: Battery | None = None
    preferences: Preferences = field(default_factory=Preferences)
    zone: str = ""
    carbon_kg_per_kwh: float = ROOFTOP_PV_CARBON
    heater: WaterHeater | None = None

    def __post_init__(self) -> None:
        if not self.id:
            raise InputError("a member has an empty id", place="members", accepted="a unique name")
        if self.phase not in PHASES:
            raise InputError(f"phase {self.phase!r} is unknown", place=f"member {self.id}", accepted=", ".join(PHASES))
        check_range(self.pv_kwp, "pv_kwp", 0.0, np.inf)
        check_range(self.carbon_kg_per_kwh, "carbon_kg_per_kwh", 0.0, np.inf)


def check_range(value: float, name: str, low: float, high: float) -> None:
    """Raise `InputError` unless a number is finite and within a range, whose ends may be infinite."""
    if low <= value <= high and np.isfinite(value):
        return
    if np.isfinite([low, high]).all():
        accepted = f"a number from {low:g} to {high:g}"
    else:
        accepted = f"a finite number from {low:g} up" if np.isfinite(low) else "a finite number"
    raise InputError(f"{name} = {value!r} is out of range", accepted=accepted)
