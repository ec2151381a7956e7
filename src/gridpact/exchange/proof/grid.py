"""The grid's part: the power flow of what was metered, computed again, and the meters held against the one at the head."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gridpact.community import Community
from gridpact.errors import GridpactError
from gridpact.exchange.proof.words import NetworkBody
from gridpact.grid import Feeder, Flow, power_flow, power_flow_per_phase
from gridpact.ledger import DifferenceError
from gridpact.units import MICRO, IntArray, to_kwh, to_wh

VOLTAGE_MARGIN = 50
"""Micro-p.u. over the length of an interval in hours by which a voltage may differ: meters round to Wh."""
LOADING_MARGIN = 500
"""Parts per million of a rating, likewise."""
LOSS_MARGIN_WH, LOSS_MARGIN = 2, 0.0025
"""By how much losses may differ: Wh, plus a share of them, likewise."""
METER_MARGIN_WH = 0.5
"""Wh a meter by which rounding may move the sum of all."""


@dataclass(frozen=True, eq=False)
class Metered:
    """What the meters showed, ``[member, interval]``, and the head and the stated sum of the others, ``[interval]``."""

    energy_wh: IntArray
    reactive_varh: IntArray
    head_wh: IntArray
    sum_wh: IntArray

    @classmethod
    def empty(cls, members: int, intervals: int) -> "Metered":
        """Nothing read yet."""
        shape = members, intervals
        return cls(*(np.zeros(size, dtype=np.int64) for size in (shape, shape, intervals, intervals)))


def network_body(feeder: Feeder, flow: Flow, at: int, interval: int, hours: float) -> NetworkBody:
    """What the DSO reports of a scenario of a flow, as integers."""
    rest = np.arange(len(feeder.bus_names)) != feeder.source_bus
    v_min = flow.v_low[at, rest].min(initial=np.inf) if rest.any() else feeder.slack_pu
    v_max = flow.v_high[at, rest].max(initial=-np.inf) if rest.any() else feeder.slack_pu
    loading = flow.loading[at].max(initial=0.0)
    low, high, fullest = (round(float(value) * MICRO) for value in (v_min, v_max, loading))
    return NetworkBody(interval, low, high, fullest, int(to_wh(flow.losses_kw[at] * hours)))


def check_network(
    community: Community, metered: Metered, reports: Sequence[tuple[str, int, NetworkBody]], hours: float
) -> list[tuple[int, str]]:
    """Compute the power flow of what was metered again and compare it with what the DSO reported.

    Parameters
    ----------
    community
        Members on their feeder.
    metered
        Readings of all intervals so far.
    reports
        Name of the entry, position of the interval, report.
    hours
        Length of an interval.

    Returns
    -------
    Position and sentence of every interval in which head and meters disagree by more than losses and rounding: a meter is
    false, or somebody draws beside the meters. This is a flag and no proof.

    Raises
    ------
    DifferenceError
        At the first report that lies beyond the margins.
    """
    columns = np.array([at for _, at, _ in reports])
    p_kw, q_kvar = (to_kwh(each[:, columns]) / hours for each in (metered.energy_wh, metered.reactive_varh))
    at_buses = community.at_buses(p_kw, q_kvar)
    solve = power_flow if at_buses[0].ndim == 2 else power_flow_per_phase
    try:
        flow = solve(community.feeder, *at_buses)
    except GridpactError as error:
        raise DifferenceError(
            reports[0][0], "a power flow", f"no solution: {error}", "the grid cannot carry what was metered"
        ) from None
    flags = []
    for row, (where, at, report) in enumerate(reports):
        found = network_body(community.feeder, flow, row, report.interval, hours)
        margins = {
            "v_min": VOLTAGE_MARGIN / hours,
            "v_max": VOLTAGE_MARGIN / hours,
            "loading": LOADING_MARGIN / hours,
            "losses_wh": LOSS_MARGIN_WH + LOSS_MARGIN / hours * abs(found.losses_wh),
        }
        _compare(where, report, found, margins)
        beside = int(metered.head_wh[at] - metered.sum_wh[at]) - found.losses_wh
        allowed = METER_MARGIN_WH * len(community.members) + margins["losses_wh"]
        if abs(beside) > allowed:
            flags.append((at, f"{beside:+d} Wh at the head are in no meter (rounding and losses allow {allowed:.0f})"))
    return flags


def _compare(where: str, report: NetworkBody, found: NetworkBody, margins: Mapping[str, float]) -> None:
    for name, margin in margins.items():
        claimed, value = getattr(report, name), getattr(found, name)
        if abs(claimed - value) > margin:
            follows = "the grid's state is not what the DSO reports"
            raise DifferenceError(where, f"{name} {claimed}", f"{name} {value}, margin {margin:g}", follows)
