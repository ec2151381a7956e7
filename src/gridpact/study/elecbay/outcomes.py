"""What one way of running the heaters does to the microgrid, in numbers, with AC power flow."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gridpact.community import Community
from gridpact.grid import find_violations, power_flow, power_flow_per_phase
from gridpact.study.elecbay.draws import TAP_C
from gridpact.study.elecbay.peers import HEATER, Microgrid, Peers
from gridpact.study.metrics import voltage_range
from gridpact.units import FloatArray, IntArray


class Way(StrEnum):
    """Who decides what the heaters do."""

    THERMOSTAT = "thermostats alone"
    GAME = "the game"
    JOINT = "jointly, interval by interval"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a horizon. Energies in kWh, powers in kW; exchange and peaks at the meters, import and export both counted.

    Attributes
    ----------
    exchange_kwh, import_kwh, export_kwh
        Energy between the microgrid and the grid.
    peak_kw
        The largest exchange of the horizon.
    daily_peak_kw
        The largest exchange of each local day, mean over the days.
    heater_kwh
        What the heaters took.
    cold_share, tepid_share
        Share of tank-intervals below the band, and below the temperature at which water is tapped.
    """

    exchange_kwh: float
    import_kwh: float
    export_kwh: float
    peak_kw: float
    daily_peak_kw: float
    heater_kwh: float
    cold_share: float
    tepid_share: float


@dataclass(frozen=True, slots=True)
class GridCheck:
    """AC power flow: energy at the feeder's head, losses, worst voltages away from the source, loading, limits passed."""

    head_kwh: float
    losses_kwh: float
    v_min_pu: float
    v_max_pu: float
    loading: float
    violations: int


def measure(grid: Microgrid, heater_kw: FloatArray, tank_c: FloatArray, day: IntArray, hours: float) -> Outcome:
    """Measure a run; ``day`` is the local day of each interval, counted from 0."""
    net_kw = (grid.base_kw + heater_kw).sum(axis=0)
    peaks = np.zeros(int(day[-1]) + 1)
    np.maximum.at(peaks, day, np.abs(net_kw))
    reached = tank_c[:, 1:]
    return Outcome(
        exchange_kwh=float(np.abs(net_kw).sum() * hours),
        import_kwh=float(np.maximum(net_kw, 0).sum() * hours),
        export_kwh=float(np.maximum(-net_kw, 0).sum() * hours),
        peak_kw=float(peaks.max()),
        daily_peak_kw=float(peaks.mean()),
        heater_kwh=float(heater_kw.sum() * hours),
        cold_share=float((reached < HEATER.min_c - 1e-9).mean()),
        tepid_share=float((reached < TAP_C).mean()),
    )


def check_grid(peers: Peers, grid: Microgrid, heater_kw: FloatArray) -> GridCheck:
    """AC power flow of what the meters show, the peers alone on the feeder."""
    community = peers.community
    feeder, hours = community.feeder, community.horizon.hours
    p_kw, q_kvar = community.at_buses(grid.base_kw + heater_kw, community.profiles.q_kvar)
    flow = (power_flow if p_kw.ndim == 2 else power_flow_per_phase)(feeder, p_kw, q_kvar)
    lowest, highest = voltage_range(feeder, flow)
    return GridCheck(
        head_kwh=float(np.abs(flow.head_kw).sum() * hours),
        losses_kwh=float(flow.losses_kw.sum() * hours),
        v_min_pu=lowest,
        v_max_pu=highest,
        loading=float(flow.loading.max()),
        violations=len(find_violations(feeder, flow)),
    )


def local_days(community: Community) -> IntArray:
    """The local day of each interval, counted from 0, ``[interval]``."""
    local = community.horizon.index().tz_convert(community.time_zone).tz_localize(None).normalize()
    return np.asarray((local - local[0]).days, dtype=np.int64)
