"""Feeders by name: those that ship with the package, files, and networks of pandapower and SimBench."""

from dataclasses import replace
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from gridpact.errors import InputError, nearest_name
from gridpact.grid.feeder import Feeder
from gridpact.grid.feeder_file import read_feeder
from gridpact.units import FloatArray

_SIMBENCH = "simbench:"
_FILE = "feeder.json"


def builtin_feeders() -> tuple[str, ...]:
    """Names of the feeders that ship with the package.

    Examples
    --------
    >>> builtin_feeders()
    ('ieee37', 'simbench-rural2')
    """
    return tuple(
        sorted(entry.name for entry in files("gridpact").joinpath("data").iterdir() if entry.joinpath(_FILE).is_file())
    )


def load_feeder(
    source: str | Path,
    *,
    slack_pu: float | None = None,
    v_min_pu: float | None = None,
    v_max_pu: float | None = None,
    loading_limit: float | None = None,
) -> Feeder:
    """Load a feeder by name or from a file.

    Parameters
    ----------
    source
        The name of a built-in feeder; the path of a Gridpact feeder file or of a network saved by pandapower (both
        ``.json``; the second needs the extra ``networks``); or ``"simbench:1-LV-rural1--0-sw"`` (needs the extra
        ``simbench``).
    slack_pu, v_min_pu, v_max_pu, loading_limit
        Replace what the feeder says of itself.

    Raises
    ------
    InputError
        If the source is unknown or cannot be read; the nearest known name is given.

    Examples
    --------
    >>> feeder = load_feeder("ieee37", slack_pu=1.02)
    >>> len(feeder.bus_names), feeder.slack_pu
    (37, 1.02)
    """
    given = {"slack_pu": slack_pu, "v_min_pu": v_min_pu, "v_max_pu": v_max_pu, "loading_limit": loading_limit}
    changes: dict[str, Any] = {name: float(value) for name, value in given.items() if value is not None}
    return replace(_load(source), **changes)


def spot_loads(source: str | Path) -> tuple[FloatArray, FloatArray]:
    """kW and kvar drawn at each bus in the reference case of a built-in feeder or a Gridpact feeder file, each ``[bus]``.

    Examples
    --------
    >>> p_kw, q_kvar = spot_loads("ieee37")
    >>> float(p_kw.sum()), float(q_kvar.sum())
    (2457.0, 1201.0)
    """
    content, place = _content(source)
    _, p_kw, q_kvar = read_feeder(content, place)
    return p_kw, q_kvar


def _load(source: str | Path) -> Feeder:
    if isinstance(source, str) and source.startswith(_SIMBENCH):
        return _from_simbench(source.removeprefix(_SIMBENCH))
    content, place = _content(source)
    if _is_pandapower(content):
        return _from_pandapower(content, place)
    return read_feeder(content, place)[0]


def _content(source: str | Path) -> tuple[bytes, str]:
    """The bytes behind a built-in name or a path, and how to call them in a message."""
    known = builtin_feeders()
    if isinstance(source, str) and source in known:
        return files("gridpact").joinpath("data", source, _FILE).read_bytes(), f"built-in feeder {source}"
    path = Path(source)
    if path.is_file():
        return path.read_bytes(), str(path)
    raise InputError(
        f"feeder {str(source)!r} is neither built in nor a file{nearest_name(str(source), list(known))}",
        accepted=f"{', '.join(known)}, a .json file, or {_SIMBENCH}CODE",
    )


class _Header(msgspec.Struct):
    module: str = msgspec.field(name="_module", default="")


def _is_pandapower(content: bytes) -> bool:
    try:
        return msgspec.json.decode(content, type=_Header).module.startswith("pandapower")
    except msgspec.DecodeError:
        return False


def _from_pandapower(content: bytes, place: str) -> Feeder:
    pandapower = _import("pandapower", "networks", place)
    from gridpact.grid.pandapower_network import feeder_from_pandapower

    return feeder_from_pandapower(pandapower.from_json_string(content.decode()), name=Path(place).stem)


def _from_simbench(code: str) -> Feeder:
    simbench = _import("simbench", "simbench", f"{_SIMBENCH}{code}")
    from gridpact.grid.pandapower_network import feeder_from_pandapower

    known = list(simbench.collect_all_simbench_codes())
    if code not in known:
        raise InputError(
            f"SimBench has no grid {code!r}{nearest_name(code, known)}",
            accepted="a SimBench code such as 1-LV-rural1--0-sw",
        )
    return feeder_from_pandapower(simbench.get_simbench_net(code), name=code)


def _import(module: str, extra: str, place: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            f"reading it needs the package {module}, which is not installed; install it by: pip install 'gridpact[{extra}]'",
            place=place,
        ) from error
