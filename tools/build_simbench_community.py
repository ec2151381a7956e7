"""Write the built-in community `simbench-rural2` and its feeder from SimBench's grid 1-LV-rural2--2-sw.

Needs the package ``simbench`` (400 MB), which Gridpact itself does not. From the project's root:
``python tools/build_simbench_community.py``. Rules by which SimBench's elements become members:

- Every household (H0-…) and shop or farm (G…, L…) is a member: ``home-007`` is SimBench's "Load 7".
- A ``PV_Storage`` unit is photovoltaics and a battery behind the meter of the load that its profile names
  ("Storage_PV3_H0-A" at a bus: PV of profile PV3 with the unit's rated power in kWp, a battery with its energy and power,
  at the member with the load H0-A). SimBench's own profile of such a unit shows it: PV3 by day, less charging in the
  morning, and the load of H0-A by night.
- Any other PV plant goes to the member of its bus with the largest annual load.
- Heat pumps (Air…, Soil…) and chargers (HLS…, APLS…) go to the members of their bus in turn, first to those with PV, then
  by falling annual load.
- Negative values of active loads (eight of HLS_C_3.7, down to -0.000012) are set to zero.
- Batteries start empty, lose in each direction what SimBench gives as efficiency, and are used from 0 to 100 %.
- Reactive power follows SimBench's own profiles. Tap positions are kept.
- SimBench's time is German local time, in order; it becomes UTC.
- `wanted_share` is not SimBench's: a seeded draw, uniform in [0, 0.3].
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridpact.grid import (
    Feeder,
    feeder_from_pandapower,
    find_violations,
    pandapower_bus_positions,
    power_flow,
    write_feeder,
)

CODE = "1-LV-rural2--2-sw"
NAME = "simbench-rural2"
SEED = 2020
DATA = Path(__file__).parents[1] / "src/gridpact/data"
SOURCE = (
    f"SimBench {CODE}, ODbL 1.0; Meinecke et al., SimBench - A Benchmark Dataset of Electric Power Systems to Compare "
    "Innovative Solutions Based on Power Flow Analysis, Energies 13(12):3290, 2020; see tools/build_simbench_community.py"
)
BASE = ("H0", "G", "L")

COMMUNITY = """\
# The built-in community: one SimBench low-voltage grid with its loads, PV and batteries, a year at 15 min.
# Open Database License (ODbL) 1.0, see ../simbench-rural2.LICENSE.txt. Made by tools/build_simbench_community.py.
# The profiles cover 2016-01-01 to 2016-12-31 in German time; change start and days to take another window.
# SimBench's PV yields 575 to 697 kWh per kWp: low for Germany; factor = 1.4 under [profiles] pv is realistic.

name = "Rural village (SimBench 1-LV-rural2--2-sw)"
currency = "EUR"
time_zone = "Europe/Berlin"
start = 2016-06-06
days = 7
step_minutes = 15

[profiles]
load = { file = "profiles.parquet", unit = "pu" }
pv = { file = "profiles.parquet", unit = "pu" }
reactive = { file = "profiles.parquet", unit = "pu" }

[tariff]
import_price = 0.35      # a German household tariff
export_price = 0.0794    # German feed-in for PV up to 10 kWp, 2025
network_charge = 0.02    # assumed

[grid]
feeder = "simbench-rural2"

[members]
file = "members.csv"     # wanted_share is synthetic: a seeded draw, uniform in [0, 0.3]

[market]
forecast = "noise"       # measured plus an error that grows from 5 % to 30 % of each member's spread over a day
gate_closure_minutes = 60
"""

LICENSE = """\
The folder simbench-rural2 is a derivative database of SimBench, grid 1-LV-rural2--2-sw with its profiles of 2016.

SimBench is made available under the Open Database License (ODbL) 1.0: http://opendatacommons.org/licenses/odbl/1.0/
Any rights in individual contents of the database are licensed under the Database Contents License 1.0:
http://opendatacommons.org/licenses/dbcl/1.0/
So is this derivative: feeder.json, members.csv, profiles.parquet and community.toml of the folder simbench-rural2.

Attribution: SimBench, https://simbench.de. S. Meinecke, D. Sarajlić, S. R. Drauz, A. Klettke, L.-P. Lauven, C. Rehtanz,
A. Moser, M. Braun: SimBench - A Benchmark Dataset of Electric Power Systems to Compare Innovative Solutions Based on Power
Flow Analysis, Energies 2020, 13(12), 3290, https://doi.org/10.3390/en13123290

Changes: one grid of the data set; loads, PV plants and storages grouped into members; profiles reduced to those in use,
stored in 32 bits, indexed by UTC, eight negative values of HLS_C_3.7 set to zero; preferences (wanted_share) and prices
added, which are not SimBench's. The program that makes the derivative from the original is
tools/build_simbench_community.py of Gridpact's source.
"""


def load_network() -> Any:
    """SimBench's network with its profiles."""
    import simbench

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return simbench.get_simbench_net(CODE)


def member_table(net: Any, bus_names: dict[int, str]) -> pd.DataFrame:
    """One row a member, in the columns of a members file."""
    profiles = net.profiles["load"]
    loads = net.load.assign(
        number=net.load.name.str.extract(r"(\d+)$", expand=False).astype(int),
        hours=[profiles[f"{name}_pload"].sum() / 4 for name in net.load.profile],
    )
    base = loads[loads.profile.str.startswith(BASE) & ~loads.profile.str.startswith("HLS")]
    members: dict[int, dict[str, Any]] = {
        row.Index: {
            "id": f"{'home' if row.profile.startswith('H0') else 'shop'}-{row.number:03d}",
            "bus": bus_names[row.bus],
            "at": row.bus,
            "loads": [row],
            "annual": row.p_mw * row.hours,
        }
        for row in base.itertuples()
    }
    _add_storages(net, members)
    _add_plants(net, members)
    _add_appliances(loads.drop(base.index), members)
    rows = [_row(member, profiles) for member in sorted(members.values(), key=lambda member: member["id"])]
    table = pd.DataFrame(rows)
    table["wanted_share"] = np.random.default_rng(SEED).uniform(0.0, 0.3, len(table)).round(3)
    return table


def _add_storages(net: Any, members: dict[int, dict[str, Any]]) -> None:
    for unit in net.storage.itertuples():
        _, pv, load = unit.profile.split("_")
        here = [m for m in members.values() if m["at"] == unit.bus and m["loads"][0].profile == load and "pv" not in m]
        owner = max(here, key=lambda member: member["annual"])
        owner |= {
            "pv": pv,
            "pv_kwp": unit.sn_mva * 1e3,
            "battery_kwh": unit.max_e_mwh * 1e3,
            "battery_kw": unit.sn_mva * 1e3,
            "efficiency": unit.efficiency_percent,
            "standing": net.storage.loc[unit.Index, "self-discharge_percent_per_day"] / 100 / 24,
        }


def _add_plants(net: Any, members: dict[int, dict[str, Any]]) -> None:
    for plant in net.sgen.itertuples():
        here = [member for member in members.values() if member["at"] == plant.bus and "pv" not in member]
        owner = max(here, key=lambda member: member["annual"])
        owner |= {"pv": plant.profile, "pv_kwp": plant.p_mw * 1e3}


def _add_appliances(appliances: pd.DataFrame, members: dict[int, dict[str, Any]]) -> None:
    for bus, group in appliances.groupby("bus"):
        here = [member for member in members.values() if member["at"] == bus]
        order = sorted(here, key=lambda member: ("pv" not in member, -member["annual"], member["id"]))
        for turn, row in enumerate(group.sort_values("number").itertuples()):
            order[turn % len(order)]["loads"].append(row)


def _row(member: dict[str, Any], profiles: pd.DataFrame) -> dict[str, Any]:
    reactive = [row for row in member["loads"] if (profiles[f"{row.profile}_qload"] != 0).any()]
    battery = "battery_kwh" in member
    return {
        "id": member["id"],
        "bus": member["bus"],
        "load": ";".join(row.profile for row in member["loads"]),
        "load_scale": ";".join(f"{row.p_mw * 1e3:.6g}" for row in member["loads"]),
        "reactive": ";".join(_reactive_column(row.profile, profiles) for row in reactive),
        "reactive_scale": ";".join(f"{row.q_mvar * 1e3:.6g}" for row in reactive),
        "pv": member.get("pv", ""),
        "pv_kwp": f"{member['pv_kwp']:.6g}" if "pv" in member else "",
        "battery_kwh": f"{member['battery_kwh']:.6g}" if battery else "",
        "battery_kw": f"{member['battery_kw']:.6g}" if battery else "",
        "charge_efficiency": f"{member['efficiency']:.6g}" if battery else "",
        "discharge_efficiency": f"{member['efficiency']:.6g}" if battery else "",
        "standing_loss_per_hour": f"{member['standing']:.6g}" if battery else "",
        "min_soc": "0" if battery else "",
        "max_soc": "1" if battery else "",
        "initial_soc": "0" if battery else "",
    }


def _reactive_column(profile: str, profiles: pd.DataFrame) -> str:
    same = (profiles[f"{profile}_pload"] == profiles[f"{profile}_qload"]).all()
    return profile if same else f"{profile}:q"


def profile_table(net: Any, members: pd.DataFrame) -> pd.DataFrame:
    """The per-unit profiles that members use, by UTC."""
    loads, pv = net.profiles["load"], net.profiles["renewables"]
    used = sorted(
        {name for column in ("load", "reactive", "pv") for cell in members[column] for name in cell.split(";") if name}
    )
    columns = {}
    for name in used:
        profile, reactive = name.removesuffix(":q"), name.endswith(":q")
        values = pv[profile] if profile in pv else loads[f"{profile}_{'q' if reactive else 'p'}load"]
        columns[name] = values if reactive else values.clip(lower=0.0)
    table = pd.DataFrame(columns).astype(np.float32)
    table.index = pd.date_range("2015-12-31 23:00", periods=len(table), freq="15min", tz="UTC", name="time_utc")
    local = table.index.tz_convert("Europe/Berlin").strftime("%d.%m.%Y %H:%M")
    if (local != loads["time"]).any():
        raise SystemExit("SimBench's times are not German local time in order")
    return table


def by_bus(feeder: Feeder, members: pd.DataFrame, profiles: pd.DataFrame, names: str, scales: str) -> np.ndarray:
    """Sum of the members' scaled columns, ``[interval, bus]``."""
    total = np.zeros((len(profiles), len(feeder.bus_names)))
    for bus, columns, factors in zip(members.bus, members[names], members[scales], strict=True):
        for column, factor in zip(columns.split(";"), factors.split(";"), strict=True):
            if column:
                total[:, feeder.bus_position(bus)] += float(factor) * profiles[column].to_numpy()
    return total


def report(net: Any, feeder: Feeder, members: pd.DataFrame, profiles: pd.DataFrame) -> None:
    """Print what came out, and compare the members' sum with SimBench's elements."""
    load = by_bus(feeder, members, profiles, "load", "load_scale")
    reactive = by_bus(feeder, members, profiles, "reactive", "reactive_scale")
    pv = by_bus(feeder, members, profiles, "pv", "pv_kwp")
    flow = power_flow(feeder, load - pv, reactive)
    original = sum(row.p_mw * net.profiles["load"][f"{row.profile}_pload"].sum() / 4 for row in net.load.itertuples())
    single = [
        by_bus(feeder, members.iloc[[at]], profiles, "load", "load_scale").sum() / 4 for at in range(len(members))
    ]
    kwp, battery = (pd.to_numeric(members[name], errors="coerce") for name in ("pv_kwp", "battery_kwh"))
    at_once = np.minimum(pv.sum(axis=1), load.sum(axis=1)).sum() / load.sum()
    for line in (
        f"{len(members)} members, {kwp.notna().sum()} with PV, {kwp.sum():.1f} kWp",
        f"{battery.notna().sum()} batteries, {battery.sum():.1f} kWh",
        f"load {load.sum() / 4e3:.1f} MWh (SimBench's elements: {original:.1f} MWh)",
        f"loads of members {min(single):.0f} / {np.median(single):.0f} / {max(single):.0f} kWh a year (min / median / max)",
        f"PV {pv.sum() / 4e3:.1f} MWh, {pv.sum() / 4 / kwp.sum():.0f} kWh/kWp, {pv.sum() / load.sum():.1%} of the load",
        f"{at_once:.1%} of the load covered by PV at the same time",
        "AC power flow of the year without batteries:",
        f"  head {flow.head_kw.min():.1f} to {flow.head_kw.max():.1f} kW, losses {flow.losses_kw.sum() / 4e3:.2f} MWh",
        f"  voltages {flow.v_pu.min():.4f} to {flow.v_pu.max():.4f} p.u., violations {len(find_violations(feeder, flow))}",
        f"  loading of lines {flow.loading[:, :-1].max():.1%}, of the transformer {flow.loading[:, -1].max():.1%}",
    ):
        print(line)


def main() -> None:
    """Write the folder."""
    net = load_network()
    feeder = feeder_from_pandapower(net, name=NAME, v_min_pu=0.9, v_max_pu=1.1)
    bus_names = {bus: feeder.bus_names[at] for bus, at in pandapower_bus_positions(net).items()}
    members = member_table(net, bus_names)
    profiles = profile_table(net, members)
    folder = DATA / NAME
    folder.mkdir(parents=True, exist_ok=True)
    write_feeder(folder / "feeder.json", feeder, source=SOURCE)
    members.to_csv(folder / "members.csv", index=False, lineterminator="\n")
    profiles.to_parquet(folder / "profiles.parquet", compression="zstd", compression_level=19)
    (folder / "community.toml").write_text(COMMUNITY, encoding="utf-8")
    (DATA / f"{NAME}.LICENSE.txt").write_text(LICENSE, encoding="utf-8")
    print({path.name: path.stat().st_size for path in sorted(folder.iterdir())})
    report(net, feeder, members, profiles)


if __name__ == "__main__":
    main()
