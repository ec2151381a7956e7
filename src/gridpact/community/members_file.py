"""Members from a CSV file or from ``[[member]]`` tables, their buses, devices and preferences."""

from dataclasses import dataclass
from math import isfinite, sqrt
from pathlib import Path

import numpy as np

from gridpact.community.decode import decode
from gridpact.community.member import PREMIUMS, Battery, Member, Preferences, WaterHeater
from gridpact.community.rows import read_rows
from gridpact.community.schema import GridTable, MemberRow, PreferencesTable, Spread
from gridpact.errors import InputError, nearest_name
from gridpact.grid import Feeder

_LISTS = ("load", "load_scale", "reactive", "reactive_scale", "hot_water", "hot_water_scale")
_PREFERENCES = ("wanted_share", *PREMIUMS)
"""The preferences that a member states or `[preferences]` has a default of; a new one goes to the end, as draws go by place."""
_BATTERY_KEYS = ("battery_kw", "battery_charge_kw", "battery_discharge_kw")


@dataclass(frozen=True, slots=True)
class Entry:
    """A member as written, and where: ``members.csv line 4`` or ``community.toml: [[member]] number 3``."""

    row: MemberRow
    place: str

    def error(self, key: str, found: str, accepted: str = "") -> InputError:
        """An error at one key of this member."""
        return InputError(found, place=f"{self.place}, {key}", accepted=accepted)


def read_members_csv(path: Path) -> list[Entry]:
    """Members from CSV: a header, a line a member, an empty cell for a key that is not given.

    Raises
    ------
    InputError
        With the line: unknown or doubled columns, lines of another length, wrong types and ranges.
    """
    rows = read_rows(path, MemberRow.__struct_fields__, required=("id",))
    return [_entry(cells, line) for cells, line in rows]


def in_order(entries: list[Entry], place: str) -> list[Entry]:
    """Members sorted by id; none, or an id that stands twice, is refused."""
    if not entries:
        raise InputError("there are no members", place=place, accepted="at least one member")
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry.row.id in first:
            raise entry.error("id", f"{entry.row.id!r} stands at {first[entry.row.id].place} already", "unique ids")
        first[entry.row.id] = entry
    return [first[name] for name in sorted(first)]


def build_members(
    entries: list[Entry], feeder: Feeder, grid: GridTable, preferences: PreferencesTable, file: Path
) -> tuple[tuple[Member, ...], list[str]]:
    """Members in the order of the entries, and notes; ``file`` is the community file, for messages."""
    buses, notes = _buses(entries, feeder, grid)
    wanted = _preferences(entries, preferences, f"{file}: [preferences]")
    members = tuple(
        Member(
            id=entry.row.id,
            bus=bus,
            phase=entry.row.phase,
            pv_kwp=entry.row.pv_kwp or 0.0,
            battery=build_battery(entry),
            preferences=wants,
            zone=entry.row.zone,
            carbon_kg_per_kwh=entry.row.carbon_kg_per_kwh,
            heater=build_heater(entry),
        )
        for entry, bus, wants in zip(entries, buses, wanted, strict=True)
    )
    return members, notes


def build_battery(entry: Entry) -> Battery | None:
    """The battery of a member, None without capacity."""
    row = entry.row
    if not row.battery_kwh:
        for key in _BATTERY_KEYS:
            if getattr(row, key):
                raise entry.error(key, "a battery's power without battery_kwh", "battery_kwh above 0")
        return None
    charge, discharge = (_battery_power(entry, key) for key in ("battery_charge_kw", "battery_discharge_kw"))
    charging, discharging = (_battery_efficiency(entry, key) for key in ("charge_efficiency", "discharge_efficiency"))
    initial = (row.min_soc + row.max_soc) / 2 if row.initial_soc is None else row.initial_soc
    if not row.min_soc <= initial <= row.max_soc:
        raise entry.error(
            "initial_soc",
            f"min_soc {row.min_soc:g}, initial_soc {initial:g}, max_soc {row.max_soc:g} are out of order",
            "min_soc <= initial_soc <= max_soc",
        )
    return Battery(
        capacity_kwh=row.battery_kwh,
        charge_kw=charge,
        discharge_kw=discharge,
        charge_efficiency=charging,
        discharge_efficiency=discharging,
        min_soc=row.min_soc,
        max_soc=row.max_soc,
        initial_soc=initial,
        standing_loss_per_hour=row.standing_loss_per_hour,
    )


def build_heater(entry: Entry) -> WaterHeater | None:
    """The water heater of a member, None without power; it starts in the middle of its band."""
    row = entry.row
    if not row.heater_kw:
        if row.heater_litres is not None or row.hot_water is not None:
            raise entry.error("heater_kw", "a tank or hot water without heater_kw", "heater_kw above 0")
        return None
    if row.heater_litres is None:
        raise entry.error("heater_litres", "a water heater without heater_litres", "the volume of its tank")
    if row.heater_min_c >= row.heater_max_c:
        found = f"heater_min_c {row.heater_min_c:g} is not below heater_max_c {row.heater_max_c:g}"
        raise entry.error("heater_min_c", found, "heater_min_c < heater_max_c")
    middle = (row.heater_min_c + row.heater_max_c) / 2
    return WaterHeater(row.heater_kw, row.heater_litres, row.heater_min_c, row.heater_max_c, middle)


def as_list(value: str | list[str] | None) -> list[str]:
    """One name, several, or none, as a list."""
    return [] if value is None else [value] if isinstance(value, str) else value


def scales(entry: Entry, key: str, columns: list[str]) -> list[float]:
    """A multiplier a column: as many as columns, or one for all."""
    value: float | list[float] = getattr(entry.row, key)
    if not isinstance(value, list):
        return [value] * len(columns)
    if len(value) != len(columns):
        raise entry.error(key, f"{len(value)} multipliers for {len(columns)} columns", "one for all, or one a column")
    return value


def _entry(cells: dict[str, str], line: str) -> Entry:
    given: dict[str, str | list[str]] = {}
    for key, text in cells.items():
        if text:
            given[key] = [part.strip() for part in text.split(";")] if key in _LISTS and ";" in text else text
    return Entry(decode(given, MemberRow, place=line, strict=False), line)


def _battery_power(entry: Entry, key: str) -> float:
    own, both = getattr(entry.row, key), entry.row.battery_kw
    if own is not None and both is not None:
        raise entry.error(key, f"battery_kw and {key} are both given", "one of the two")
    power = both if own is None else own
    if power is None:
        raise entry.error(
            "battery_kwh", f"a battery without {key}", "battery_kw, or battery_charge_kw and battery_discharge_kw"
        )
    return float(power)


def _battery_efficiency(entry: Entry, key: str) -> float:
    own, round_trip = getattr(entry.row, key), entry.row.battery_efficiency
    if own is not None and round_trip is not None:
        raise entry.error(key, f"battery_efficiency and {key} are both given", "one of the two")
    if round_trip is not None:
        return sqrt(round_trip)
    return 0.95 if own is None else float(own)


def _buses(entries: list[Entry], feeder: Feeder, grid: GridTable) -> tuple[list[str], list[str]]:
    known = set(feeder.bus_names)
    for entry in entries:
        if entry.row.bus is not None and entry.row.bus not in known:
            close = nearest_name(entry.row.bus, list(feeder.bus_names))
            shown = ", ".join(feeder.bus_names[:8]) + (", …" if len(feeder.bus_names) > 8 else "")
            raise entry.error("bus", f"feeder {feeder.name!r} has no bus {entry.row.bus!r}{close}", shown)
    without = [entry for entry in entries if entry.row.bus is None]
    if not without:
        return [str(entry.row.bus) for entry in entries], []
    if grid.assign == "given":
        raise without[0].error("bus", 'the bus is missing, and assign = "given"', "a bus of the feeder")
    if not len(feeder.load_buses):
        raise without[0].error("bus", f"feeder {feeder.name!r} names no load buses to assign", "a bus of the feeder")
    order = feeder.load_buses
    if grid.assign == "random":
        order = np.random.default_rng(grid.assign_seed).permutation(order)
    places = {entry.row.id: feeder.bus_names[order[at % len(order)]] for at, entry in enumerate(without)}
    seeded = f" (seed {grid.assign_seed})" if grid.assign == "random" else ""
    note = f"{len(without)} members without a bus were assigned {grid.assign} over {len(order)} load buses{seeded}"
    return [places[entry.row.id] if entry.row.bus is None else entry.row.bus for entry in entries], [note]


def _preferences(entries: list[Entry], defaults: PreferencesTable, place: str) -> list[Preferences]:
    """Own preferences, else the defaults; whether somebody sells PV must be known once somebody cares."""
    of_all = {key: _stated_or_default(entries, key, getattr(defaults, key), place) for key in _PREFERENCES}
    wanted = [Preferences(*(of_all[key][at] for key in _PREFERENCES)) for at in range(len(entries))]
    if any(each.pv_premium for each in wanted):
        for entry in entries:
            if entry.row.pv is not None and entry.row.pv_kwp is None:
                found = "it is missing, and a pv_premium of somebody asks for it"
                raise entry.error("pv_kwp", found, "the installed PV, a number from 0 up")
    return wanted


def _stated_or_default(entries: list[Entry], key: str, default: float | Spread, place: str) -> list[float]:
    """A number is drawn for every member, so that one's own changes nobody else's; each key has a stream of its own."""
    if isinstance(default, Spread):
        if default.low > default.high:
            found = f"low {default.low:g} is above high {default.high:g}"
            raise InputError(found, place=f"{place} {key}", accepted="low <= high")
        if not isfinite(default.high - default.low):
            found = f"low {default.low:g} and high {default.high:g} are too far apart"
            raise InputError(found, place=f"{place} {key}", accepted="a range that is a finite number")
        rng = np.random.default_rng([default.seed, _PREFERENCES.index(key)])
        drawn = rng.uniform(default.low, default.high, len(entries))
    else:
        drawn = np.full(len(entries), default)
    stated = (getattr(entry.row, key) for entry in entries)
    return [float(each) if own is None else own for own, each in zip(stated, drawn, strict=True)]
