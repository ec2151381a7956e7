"""Linear model of a radial feeder: squared voltages and branch flows as sums over the tree (LinDistFlow).

Baran, Wu, "Optimal sizing of capacitors placed on a radial distribution system", IEEE Transactions on Power Delivery
4(1), 1989: in the branch equations without their loss terms the squared voltage falls along a branch by 2 (r P + x Q),
where P and Q are all that is drawn beyond it. Line charging and iron losses are left out.
"""

from dataclasses import dataclass

import numpy as np

from gridpact.grid.feeder import Feeder
from gridpact.grid.topology import Tree, radial_tree
from gridpact.units import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Squared voltages and branch flows, linear in what is drawn at the buses.

    ``v² = v2_empty − drop_p @ p − drop_q @ q`` with v in p.u. of each bus, p in kW and q in kvar drawn.

    Attributes
    ----------
    v2_empty
        Squared voltage of each bus while nothing is drawn, ``[bus]``; off-nominal taps are in it.
    drop_p, drop_q
        Fall of the squared voltage of bus i per kW (kvar) drawn at bus j, squared p.u. per kW (kvar), ``[bus i, bus j]``.
    downstream
        Whether a bus is fed through a branch, ``[branch, bus]``.
    """

    v2_empty: FloatArray
    drop_p: FloatArray
    drop_q: FloatArray
    downstream: BoolArray

    def v_pu(self, p_kw: FloatArray, q_kvar: FloatArray) -> FloatArray:
        """Voltages in p.u. ``[scenario, bus]`` from what is drawn, ``[scenario, bus]``; NaN beyond the model's collapse."""
        squared = self.v2_empty - p_kw @ self.drop_p.T - q_kvar @ self.drop_q.T
        return np.asarray(np.sqrt(np.where(squared >= 0, squared, np.nan)))

    def branch_flow(self, drawn: FloatArray) -> FloatArray:
        """Power through each branch away from the source, ``[scenario, branch]``, from what is drawn, ``[scenario, bus]``."""
        return np.asarray(drawn @ self.downstream.T)


def linear_model(feeder: Feeder) -> LinearModel:
    """The linear model of a radial feeder.

    Parameters
    ----------
    feeder
        A radial feeder.

    Raises
    ------
    InputError
        If the feeder is meshed; a loop is named.
    PowerFlowError
        If a bus is not connected with the source.

    Notes
    -----
    Per unit by bus: an impedance of z Ω at V kV is ``z / (1000 V²)`` p.u. per kW. A transformer's impedance stands on its
    low side; beyond an off-nominal tap every squared voltage is divided by the square of the tap's ratio t. So
    ``drop_p[i, j] = Σ 2 r_b g_i / g_b`` over the branches b on both ways from the source to i and to j, with g the
    product of 1/t² from the source to the bus, or to the end of b.

    Examples
    --------
    >>> from gridpact.grid import load_feeder
    >>> feeder = load_feeder("ieee37")
    >>> model = linear_model(feeder)
    >>> bus = feeder.bus_position("701")
    >>> round(float(model.drop_p[bus, bus]) * 1e9)  # 2 · 0.0796 Ω / (1000 · 4.8²)
    6909
    """
    tree = radial_tree(feeder)
    downstream = _downstream(feeder, tree)
    r_pu, x_pu, gain = branch_parameters(feeder, tree)
    bus_gain = _accumulate(tree, gain)
    end_gain = np.ones(len(feeder.branch_names))
    fed = tree.parent_branch >= 0
    end_gain[tree.parent_branch[fed]] = bus_gain[fed]
    ways = downstream.astype(np.float64)
    drop_p, drop_q = (bus_gain[:, None] * ((ways * (2 * z / end_gain)[:, None]).T @ ways) for z in (r_pu, x_pu))
    return LinearModel(bus_gain * feeder.slack_pu**2, drop_p, drop_q, downstream)


def branch_parameters(feeder: Feeder, tree: Tree) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What the linear model knows of each branch, seen from the source.

    Parameters
    ----------
    feeder
        A radial feeder.
    tree
        The same as a tree.

    Returns
    -------
    r and x in p.u. per kW at the far end, and the factor 1/t² of the squared voltage from the near to the far end, each
    ``[branch]``: ``v²_far = v²_near / t² − 2 (r P + x Q)``.
    """
    lines, units, kv = feeder.lines, feeder.transformers, feeder.bus_kv
    line_base = 1e3 * kv[lines.to_bus] ** 2
    r_trafo = units.pk_kw / units.rated_kva**2
    x_trafo = np.sqrt(np.maximum((units.uk / units.rated_kva) ** 2 - r_trafo**2, 0.0))
    low_base = (units.lv_kv / kv[units.lv_bus]) ** 2
    ratio = units.hv_kv * units.ratio / kv[units.hv_bus] * kv[units.lv_bus] / units.lv_kv
    steps_up = tree.parent_bus[units.hv_bus] == units.lv_bus
    impedance = np.where(steps_up, low_base * ratio**2, low_base)
    gain = np.where(steps_up, ratio**2, ratio**-2)
    return (
        np.concatenate([lines.r_ohm / line_base, r_trafo * impedance]),
        np.concatenate([lines.x_ohm / line_base, x_trafo * impedance]),
        np.concatenate([np.ones(len(lines.name)), gain]),
    )


def _downstream(feeder: Feeder, tree: Tree) -> BoolArray:
    downstream = np.zeros((len(feeder.branch_names), len(feeder.bus_names)), dtype=bool)
    for bus in tree.order[1:]:
        downstream[:, bus] = downstream[:, tree.parent_bus[bus]]
        downstream[tree.parent_branch[bus], bus] = True
    return downstream


def _accumulate(tree: Tree, gain: FloatArray) -> FloatArray:
    total = np.ones(len(tree.order))
    for bus in tree.order[1:]:
        total[bus] = total[tree.parent_bus[bus]] * gain[tree.parent_branch[bus]]
    return total
