"""A feeder as a JSON file that people can read and edit: a record a bus, line and transformer, units in the keys."""

from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from gridpact.errors import InputError, nearest_name
from gridpact.grid.feeder import Feeder, Lines, Transformers
from gridpact.units import FloatArray, IntArray


class BusRecord(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A bus; what is drawn there in the feeder's own reference case is optional."""

    name: str
    kv: float
    x: float | None = None
    y: float | None = None
    spot_kw: float | None = None
    spot_kvar: float | None = None


class LineRecord(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A line; without ``rating_a`` it has no thermal limit."""

    name: str
    from_bus: str
    to_bus: str
    r_ohm: float
    x_ohm: float
    c_nf: float
    r0_ohm: float
    x0_ohm: float
    c0_nf: float
    rating_a: float | None = None


class TransformerRecord(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A two-winding transformer."""

    name: str
    hv_bus: str
    lv_bus: str
    hv_kv: float
    lv_kv: float
    rated_kva: float
    uk: float
    pk_kw: float
    i0: float = 0.0
    p0_kw: float = 0.0
    ratio: float = 1.0
    clock: int
    hv_winding: str
    lv_winding: str


class FeederRecord(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The whole file."""

    format: Literal["gridpact-feeder"]
    version: Literal[1]
    name: str
    source: str = ""
    frequency_hz: float
    slack_bus: str
    slack_pu: float
    v_min_pu: float
    v_max_pu: float
    loading_limit: float
    load_buses: list[str]
    buses: list[BusRecord]
    lines: list[LineRecord]
    transformers: list[TransformerRecord] = []


def write_feeder(
    path: Path | str, feeder: Feeder, *, source: str = "", spot_loads: tuple[FloatArray, FloatArray] | None = None
) -> None:
    """Write a feeder; `read_feeder` gives it back exactly.

    Parameters
    ----------
    path
        File to write.
    feeder
        The feeder.
    source
        Where its data come from, and under which terms.
    spot_loads
        kW and kvar of a reference case, each ``[bus]``.
    """
    content = encode_feeder(feeder, source=source, spot_loads=spot_loads)
    Path(path).write_bytes(msgspec.json.format(content, indent=1) + b"\n")


def encode_feeder(
    feeder: Feeder, *, source: str = "", spot_loads: tuple[FloatArray, FloatArray] | None = None
) -> bytes:
    """The content of a feeder file, on one line; parameters as for `write_feeder`."""
    spot_kw, spot_kvar = spot_loads or (np.zeros(len(feeder.bus_names)), np.zeros(len(feeder.bus_names)))
    names = feeder.bus_names
    buses = [
        BusRecord(
            name=name,
            kv=float(feeder.bus_kv[at]),
            x=_known(feeder.xy[at, 0]),
            y=_known(feeder.xy[at, 1]),
            spot_kw=float(spot_kw[at]) or None,
            spot_kvar=float(spot_kvar[at]) or None,
        )
        for at, name in enumerate(names)
    ]
    record = FeederRecord(
        format="gridpact-feeder",
        version=1,
        name=feeder.name,
        source=source,
        frequency_hz=feeder.frequency_hz,
        slack_bus=names[feeder.source_bus],
        slack_pu=feeder.slack_pu,
        v_min_pu=feeder.v_min_pu,
        v_max_pu=feeder.v_max_pu,
        loading_limit=feeder.loading_limit,
        load_buses=[names[at] for at in feeder.load_buses],
        buses=buses,
        lines=[LineRecord(**row) for row in _rows(feeder.lines, names)],
        transformers=[TransformerRecord(**row) for row in _rows(feeder.transformers, names)],
    )
    return msgspec.json.encode(record)


def read_feeder(content: bytes, place: str) -> tuple[Feeder, FloatArray, FloatArray]:
    """Read the content of a feeder file: the feeder, and kW and kvar of its reference case, each ``[bus]``.

    Parameters
    ----------
    content
        The JSON text.
    place
        Name of the file for messages.

    Raises
    ------
    InputError
        If it is not a feeder file, or a field is unknown, missing or out of range; the place is named.
    """
    record = _decode(content, place)
    try:
        feeder = _feeder(record, place)
    except InputError as error:
        inside = error.place if error.place.startswith(place) else f"{place}: {error.place}"
        raise InputError(error.found, place=inside, accepted=error.accepted) from error
    spot_kw, spot_kvar = (
        _floats([_number(getattr(item, name), 0.0) for item in record.buses]) for name in ("spot_kw", "spot_kvar")
    )
    return feeder, spot_kw, spot_kvar


def _feeder(record: FeederRecord, place: str) -> Feeder:
    names = tuple(bus.name for bus in record.buses)
    position = {name: at for at, name in enumerate(names)}

    def bus(name: str, where: str) -> int:
        if name not in position:
            raise InputError(
                f"bus {name!r} is unknown{nearest_name(name, list(names))}",
                place=f"{place}: {where}",
                accepted="a bus of the file",
            )
        return position[name]

    return Feeder(
        name=record.name,
        bus_names=names,
        bus_kv=_floats([item.kv for item in record.buses]),
        source_bus=bus(record.slack_bus, "slack_bus"),
        lines=Lines(**_columns(record.lines, LineRecord, "lines", bus)),
        transformers=Transformers(**_columns(record.transformers, TransformerRecord, "transformers", bus)),
        slack_pu=record.slack_pu,
        v_min_pu=record.v_min_pu,
        v_max_pu=record.v_max_pu,
        loading_limit=record.loading_limit,
        load_buses=np.array([bus(name, "load_buses") for name in record.load_buses], dtype=np.int64),
        xy=_floats([[_number(item.x, np.nan), _number(item.y, np.nan)] for item in record.buses]).reshape(-1, 2),
        frequency_hz=record.frequency_hz,
    )


def _decode(content: bytes, place: str) -> FeederRecord:
    try:
        return msgspec.json.decode(content, type=FeederRecord)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        hint = ""
        if "unknown field" in message:
            unknown = message.split("`")[1]
            known = [
                name
                for kind in (FeederRecord, BusRecord, LineRecord, TransformerRecord)
                for name in kind.__struct_fields__
            ]
            hint = nearest_name(unknown, known)
        at = path.strip("`$").strip(".")
        raise InputError(
            message + hint, place=f"{place}: {at}" if at else place, accepted="a Gridpact feeder file (docs/grid.md)"
        ) from error
    except msgspec.DecodeError as error:
        raise InputError(f"it is not JSON ({error})", place=place, accepted="a Gridpact feeder file") from error


def _rows(table: Lines | Transformers, bus_names: tuple[str, ...]) -> list[dict[str, Any]]:
    columns: dict[str, list[Any]] = {}
    for name in table.__dataclass_fields__:
        values = getattr(table, name)
        listed = values.tolist() if isinstance(values, np.ndarray) else list(values)
        columns[name] = [bus_names[at] for at in listed] if name.endswith("_bus") else listed
    if "rating_a" in columns:
        columns["rating_a"] = [_known(value) for value in columns["rating_a"]]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _columns(records: list[Any], kind: type[Any], table: str, bus: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name in kind.__struct_fields__:
        values = [getattr(record, name) for record in records]
        if name.endswith("_bus"):
            columns[name] = _integers([bus(value, f"{table}[{at}].{name}") for at, value in enumerate(values)])
        elif name == "clock":
            columns[name] = _integers(values)
        elif name in ("name", "hv_winding", "lv_winding"):
            columns[name] = tuple(values)
        else:
            columns[name] = _floats([_number(value, np.inf) for value in values])
    return columns


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _number(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _floats(values: list[Any]) -> FloatArray:
    return np.array(values, dtype=np.float64)


def _integers(values: list[Any]) -> IntArray:
    return np.array(values, dtype=np.int64)
