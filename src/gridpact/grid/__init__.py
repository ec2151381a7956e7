"""Where it flows: feeders, AC power flow, linear sensitivities, violations."""

from gridpact.grid.catalogue import builtin_feeders, load_feeder, spot_loads
from gridpact.grid.distance import ShortestWays, branch_impedance, shortest_ways
from gridpact.grid.feeder import WINDINGS, Feeder, Lines, Transformers
from gridpact.grid.feeder_file import encode_feeder, read_feeder, write_feeder
from gridpact.grid.flow import Flow
from gridpact.grid.linear import LinearModel, linear_model
from gridpact.grid.pandapower_network import feeder_from_pandapower, pandapower_bus_positions
from gridpact.grid.power_flow import PowerFlow, power_flow, power_flow_per_phase
from gridpact.grid.topology import Tree, check_fed, radial_tree
from gridpact.grid.violations import ViolationKind, Violations, added_violation, find_violations

__all__ = [
    "WINDINGS",
    "Feeder",
    "Flow",
    "LinearModel",
    "Lines",
    "PowerFlow",
    "ShortestWays",
    "Transformers",
    "Tree",
    "ViolationKind",
    "Violations",
    "added_violation",
    "branch_impedance",
    "builtin_feeders",
    "check_fed",
    "encode_feeder",
    "feeder_from_pandapower",
    "find_violations",
    "linear_model",
    "load_feeder",
    "pandapower_bus_positions",
    "power_flow",
    "power_flow_per_phase",
    "radial_tree",
    "read_feeder",
    "shortest_ways",
    "spot_loads",
    "write_feeder",
]
