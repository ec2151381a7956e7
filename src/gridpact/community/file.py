"""Loading a community file: everything is read and checked before anything runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from math import acos, tan
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs

from gridpact import grid as grid_room
from gridpact.community.decode import decode, located, read_toml, zone_of
from gridpact.community.members_file import Entry, as_list, build_members, in_order, read_members_csv, scales
from gridpact.community.model import Community, Profiles
from gridpact.community.premiums import check_carbon
from gridpact.community.premiums_file import read_premiums
from gridpact.community.profiles import ProfileFiles
from gridpact.community.schema import CommunityTable, ProfileSource, ProfileTable
from gridpact.community.tariff_file import TariffReader
from gridpact.errors import InputError, nearest_name
from gridpact.grid import Feeder
from gridpact.horizon import Horizon
from gridpact.units import FloatArray


@dataclass(frozen=True, slots=True)
class MarketSettings:
    """What the file says of the market; names and options of mechanisms are checked where the mechanisms are known.

    Attributes
    ----------
    mechanisms
        Registered names; none means the study's default choice.
    forecast
        ``"perfect"``, ``"persistence"`` or ``"noise"``.
    seed
        Of everything random in a run.
    gate_closure_minutes
        Before delivery.
    options
        Options by the name of the mechanism.
    """

    mechanisms: tuple[str, ...] = ()
    forecast: str = "persistence"
    seed: int = 0
    gate_closure_minutes: int = 60
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class CommunityFile:
    """A community as loaded.

    Attributes
    ----------
    community
        The community.
    market
        What the file says of the market.
    path
        The file.
    notes
        What was assumed, filled or assigned while loading, for the user to read.
    """

    community: Community
    market: MarketSettings
    path: Path
    notes: tuple[str, ...] = ()


def load_community(
    path: str | Path | None = None,
    *,
    start: datetime | None = None,
    days: int | None = None,
    step_minutes: int | None = None,
) -> CommunityFile:
    """Load and check a community file.

    Parameters
    ----------
    path
        A TOML file as ``docs/community-file.md`` describes it; None for the built-in community.
    start, days, step_minutes
        Instead of the file's: a time (local in the file's zone if it states no offset), a number of calendar days, and the
        length of an interval.

    Raises
    ------
    InputError
        For the first thing that cannot be used, with file, table or line, key, what was found and what is accepted.

    Examples
    --------
    >>> loaded = load_community(days=2)
    >>> loaded.community.horizon.periods, loaded.community.profiles.load_kw.shape == (len(loaded.community.members), 192)
    (192, True)
    """
    file = builtin_path() if path is None else Path(path)
    table = decode(read_toml(file), CommunityTable, place=str(file))
    entries = _entries(table, file)
    if start is not None:
        table = structs.replace(table, start=start)
    if days is not None:
        if days < 1:
            raise InputError(f"{days} days", place="days", accepted="a whole number from 1 up")
        table = structs.replace(table, days=days)
    if step_minutes is not None:
        table = structs.replace(table, step_minutes=step_minutes)
    horizon = _horizon(table, str(file))
    feeder = _feeder(table, file)
    members, notes = build_members(entries, feeder, table.grid, table.preferences, file)
    _check_zones(entries, table, str(file))
    tariff_reader = TariffReader(table.tariff, file.parent, f"{file}: [tariff]", horizon, table.time_zone)
    tariff = tariff_reader.read({member.zone for member in members})
    with located(f"{file}: [tariff] carbon_kg_per_kwh"):
        check_carbon(members, tariff)
    profiles, profile_notes = _profiles(table, entries, horizon, file)
    stated = table.preferences.premiums
    community = Community(
        name=table.name,
        currency=table.currency,
        time_zone=table.time_zone,
        horizon=horizon,
        members=members,
        feeder=feeder,
        tariff=tariff,
        profiles=profiles,
        pair_premiums=None
        if stated is None
        else read_premiums(file.parent / stated, [member.id for member in members]),
    )
    market = MarketSettings(
        mechanisms=tuple(table.market.mechanisms),
        forecast=table.market.forecast,
        seed=table.market.seed,
        gate_closure_minutes=table.market.gate_closure_minutes,
        options=table.mechanism,
    )
    return CommunityFile(community, market, file, tuple(dict.fromkeys([*notes, *profile_notes, *tariff_reader.notes])))


def builtin_path() -> Path:
    """The file of the community inside the package."""
    found = sorted((Path(__file__).resolve().parent.parent / "data").glob("*/community.toml"))
    if len(found) != 1:
        raise InputError(f"the package holds {len(found)} built-in communities", accepted="one; name a file instead")
    return found[0]


def _entries(table: CommunityTable, file: Path) -> list[Entry]:
    if table.members is not None and table.member:
        found = "both [members] and [[member]] tables are given"
        raise InputError(found, place=str(file), accepted="one of the two")
    if table.members is None:
        inline = [Entry(row, f"{file}: [[member]] number {at + 1}") for at, row in enumerate(table.member)]
        return in_order(inline, str(file))
    path = file.parent / table.members.file
    return in_order(read_members_csv(path), str(path))


def _horizon(table: CommunityTable, place: str) -> Horizon:
    zone = zone_of(table.time_zone, place=f"{place}: time_zone")
    if 1440 % table.step_minutes:
        found = f"{table.step_minutes} min do not divide a day"
        raise InputError(found, place=f"{place}: step_minutes", accepted="5, 10, 15, 30, 60 or another divisor of 1440")
    start = _start(table.start, f"{place}: start")
    if not 1700 <= start.year <= 2150:
        raise InputError(f"{start} is out of range", place=f"{place}: start", accepted="years from 1700 to 2150")
    local = start.replace(tzinfo=zone) if start.tzinfo is None else start.astimezone(zone)
    utc = local.astimezone(UTC)
    if utc.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        found = f"{start} does not exist in {table.time_zone}: the clock jumps over it"
        raise InputError(found, place=f"{place}: start", accepted="a local time that exists, or a time with an offset")
    step = timedelta(minutes=table.step_minutes)
    stop = (local.replace(tzinfo=None) + timedelta(days=table.days)).replace(tzinfo=zone).astimezone(UTC)
    periods, rest = divmod(stop - utc, step)
    if rest:
        hours = (stop - utc) / timedelta(hours=1)
        found = f"{table.days} days from {start} last {hours:g} hours, not a whole number of {table.step_minutes} min"
        raise InputError(found, place=f"{place}: step_minutes", accepted="a step that divides an hour")
    if (utc - datetime(1970, 1, 1, tzinfo=UTC)) % timedelta(minutes=1):
        raise InputError(f"{start} is not a whole minute", place=f"{place}: start", accepted="a time in whole minutes")
    return Horizon(utc, step, periods)


def _start(value: Any, place: str) -> datetime:
    accepted = "a date, a local time, or a time with an offset, such as 2025-06-01T00:00:00"
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise InputError(f"{value!r} is not a time", place=place, accepted=accepted) from None
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    raise InputError(f"{value!r} is not a time", place=place, accepted=accepted)


def _feeder(table: CommunityTable, file: Path) -> Feeder:
    name = table.grid.feeder
    beside = file.parent / name
    source: str | Path = (
        beside if beside.is_file() or (Path(name).suffix and not name.startswith("simbench:")) else name
    )
    with located(f"{file}: [grid] feeder"):
        feeder: Feeder = grid_room.load_feeder(
            source,
            slack_pu=table.grid.slack_pu,
            v_min_pu=table.grid.v_min_pu,
            v_max_pu=table.grid.v_max_pu,
            loading_limit=table.grid.loading_limit,
        )
    return feeder


def _check_zones(entries: list[Entry], table: CommunityTable, place: str) -> None:
    charge = table.tariff.network_charge
    if not isinstance(charge, dict):
        return
    for entry in entries:
        zone = entry.row.zone or "default"
        if zone not in charge:
            close = nearest_name(zone, list(charge))
            found = f"zone {zone!r} has no network charge{close}"
            raise entry.error("zone", found, f"a zone of [tariff] network_charge: {', '.join(charge)}")


def _profiles(table: CommunityTable, entries: list[Entry], horizon: Horizon, file: Path) -> tuple[Profiles, list[str]]:
    open_files = partial(_open, folder=file.parent, place=f"{file}: [profiles]")
    load = open_files("load", table.profiles.load)
    pv = open_files("pv", table.profiles.pv)
    reactive = open_files("reactive", table.profiles.reactive, signed=True)
    hot_water = open_files("hot_water", table.profiles.hot_water)
    loads = [_columns(entry, "load", load) for entry in entries]
    pvs = [_pv_columns(entry, pv) for entry in entries]
    reactives = [_columns(entry, "reactive", reactive) for entry in entries]
    load_kw = _sums(load, loads, horizon, table.time_zone)
    q_kvar = _sums(reactive, reactives, horizon, table.time_zone)
    lagging = tan(acos(table.grid.power_factor))
    for at, uses in enumerate(reactives):
        if not uses:
            q_kvar[at] = load_kw[at] * lagging
    pv_kw = _sums(pv, pvs, horizon, table.time_zone)
    draws = [_columns(entry, "hot_water", hot_water) if entry.row.heater_kw else {} for entry in entries]
    hot_water_kw = _sums(hot_water, draws, horizon, table.time_zone) if any(draws) else None
    notes = [note for files in (load, pv, reactive, hot_water) for note in files.notes]
    return Profiles(load_kw, pv_kw, q_kvar, hot_water_kw), notes


def _open(kind: str, source: ProfileSource | None, *, folder: Path, place: str, signed: bool = False) -> ProfileFiles:
    tables = [] if source is None else source if isinstance(source, list) else [source]
    specs = [ProfileTable(file=each) if isinstance(each, str) else each for each in tables]
    return ProfileFiles(specs, folder, f"{place} {kind}", signed=signed)


Uses = dict[str, float]
"""Columns of a member with their multipliers."""


def _columns(entry: Entry, key: str, files: ProfileFiles) -> Uses:
    names = as_list(getattr(entry.row, key))
    scale = getattr(entry.row, f"{key}_scale")
    if not names:
        if isinstance(scale, list):
            raise entry.error(f"{key}_scale", f"{len(scale)} multipliers without {key} columns", "one a column")
        if key == "reactive" or scale == 0:
            return {}
        names = [entry.row.id]
    uses: Uses = {}
    for name, factor in zip(names, scales(entry, f"{key}_scale", names), strict=True):
        _check_column(entry, key, name, files)
        uses[name] = uses.get(name, 0.0) + factor
    return uses


def _pv_columns(entry: Entry, files: ProfileFiles) -> Uses:
    row = entry.row
    if row.pv is None:
        if row.pv_kwp:
            raise entry.error("pv_kwp", f"{row.pv_kwp:g} kWp without a pv column", "the name of a pv column")
        return {}
    _check_column(entry, "pv", row.pv, files)
    if files.unit(row.pv) != "pu":
        return {row.pv: row.pv_scale}
    if row.pv_kwp is None:
        raise entry.error("pv_kwp", f"pv column {row.pv!r} is per kWp and pv_kwp is missing", "a number from 0 up")
    return {row.pv: row.pv_kwp * row.pv_scale}


def _check_column(entry: Entry, key: str, name: str, files: ProfileFiles) -> None:
    if name in files.home:
        return
    if not files.files:
        raise entry.error(key, f"column {name!r} is named, but [profiles] has no {key}", f"[profiles] with {key}")
    shown = ", ".join(files.columns[:8]) + (f", … ({len(files.columns)} in all)" if len(files.columns) > 8 else "")
    raise entry.error(key, f"there is no {key} column {name!r}{nearest_name(name, files.columns)}", shown)


def _sums(files: ProfileFiles, uses: list[Uses], horizon: Horizon, time_zone: str) -> FloatArray:
    """What the columns of each member add up to, ``[member, interval]``."""
    series = files.read({name for use in uses for name in use}, horizon, time_zone)
    sums = np.zeros((len(uses), horizon.periods))
    for at, use in enumerate(uses):
        for name, factor in use.items():
            sums[at] += factor * series[name]
    return sums
