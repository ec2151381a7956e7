"""What has to give where no schedule keeps every limit: the least that limits must be passed by, as a linear program.

First only the limits of the grid may be passed; if that does not help, the members' own balances and states of charge.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gridpact.markets.equilibrium._program import VOLTAGE_SCALE, Program, owners, whole_game
from gridpact.markets.equilibrium.errors import Shortfall, SolverError
from gridpact.markets.equilibrium.instance import Instance
from gridpact.markets.equilibrium.objectives import Concept
from gridpact.units import FloatArray

_LEAST = 1e-6
"""Shortfalls below it, in the units of the program, are rounding."""

_GRID = ("flow", "v2", "sigma")


def find_shortfalls(instance: Instance) -> tuple[Shortfall, ...]:
    """What has to give, worst first (kW before kWh before p.u.); empty if a schedule keeps every limit.

    Their sum is the least possible, in kW, kWh and thousandths of a squared p.u.; other places may be able to share it.
    """
    program = whole_game(instance, Concept.NASH)
    grid = tuple(name for name in _GRID if name in program.at)
    passed = _least_excess(program, bounds=grid)
    found = _of_grid(instance, passed) if passed else _of_members(instance, program, grid)
    order = {"kW": 0, "kWh": 1, "p.u.": 2}
    return tuple(sorted(found, key=lambda each: (order[each.unit], -each.amount)))


def _of_grid(instance: Instance, passed: Mapping[str, FloatArray]) -> list[Shortfall]:
    head = _listed("head", instance.bus_name[:1], np.abs(passed["sigma"]), "kW")
    if "v2" not in passed:
        return head
    limits = instance.grid_limits
    beyond = instance.bus_name[1:]
    v2 = passed["v2"] / VOLTAGE_SCALE
    edge = np.where(v2 > 0, limits.v_high[1:], limits.v_low[1:])
    return [
        *head,
        *_listed("line", beyond, np.abs(passed["flow"]), "kW"),
        *_listed("voltage", beyond, np.abs(np.sqrt(np.maximum(edge + v2, 0)) - np.sqrt(edge)), "p.u."),
    ]


def _of_members(instance: Instance, program: Program, grid: tuple[str, ...]) -> list[Shortfall]:
    """Whatever the grid may carry, some member's own limits cannot be kept."""
    unmet = _least_excess(program, bounds=("soc",), equations=("balance",), free=grid)
    if unmet is None:
        raise SolverError("the least violation of the members' own limits cannot be found")
    stores = owners(instance)[1]
    return [
        *_listed("balance", instance.pro_name, np.abs(unmet["balance"]), "kW"),
        *_listed("charge", [instance.pro_name[member] for member in stores], np.abs(unmet["soc"]), "kWh"),
    ]


def _listed(kind: str, names: "list[str] | tuple[str, ...]", amount: FloatArray, unit: str) -> list[Shortfall]:
    return [
        Shortfall(kind, names[item], int(hour), float(amount[item, hour]), unit)
        for item, hour in np.argwhere(amount > _LEAST)
    ]


@dataclass(frozen=True, eq=False)
class _Relaxed:
    """Columns to be added, and where they stand."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    def split(self, slack: FloatArray) -> dict[str, FloatArray]:
        """Excess above minus excess below, by name."""
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        up, down = np.split(slack, 2)
        parts = np.split(up - down, np.cumsum(sizes)[:-1])
        return {name: part.reshape(shape) for name, part, shape in zip(self.names, parts, self.shapes, strict=True)}


def _least_excess(
    program: Program, *, bounds: tuple[str, ...], equations: tuple[str, ...] = (), free: tuple[str, ...] = ()
) -> dict[str, FloatArray] | None:
    """By how much bounds and equations must be passed, their sum least; None if nothing meets the rest.

    Parameters
    ----------
    program
        Of whose objective nothing is used.
    bounds, equations
        Names of the variables whose bounds may be passed, and of the equations that may be missed.
    free
        Names of the variables that have no bounds.

    Returns
    -------
    By name, ``[item, hour]``: + above the upper bound (or beyond what the equation asks), − below the lower.
    """
    from scipy.optimize import linprog
    from scipy.sparse import eye_array, hstack

    low, high = program.low.copy(), program.high.copy()
    for name in free:
        low[program.at[name]], high[program.at[name]] = -np.inf, np.inf
    crossed = np.maximum(low - high, 0) / 2  # a line whose reactive power alone is too much
    low, high = low - crossed, high + crossed
    columns = np.concatenate([program.at[name].ravel() for name in bounds])
    rows = np.concatenate([np.empty(0, dtype=np.int64), *(program.rows[name].ravel() for name in equations)])
    unit = eye_array(len(program.right), format="csc")
    slack = hstack([program.matrix[:, columns], -unit[:, rows]])
    matrix = hstack([program.matrix, slack, -slack], format="csc")
    extra = slack.shape[1]
    cost = np.concatenate([np.zeros(len(low)), np.ones(2 * extra)])
    limits = np.stack(
        [np.concatenate([low, np.zeros(2 * extra)]), np.concatenate([high, np.full(2 * extra, np.inf)])], axis=1
    )
    found = linprog(cost, A_eq=matrix, b_eq=program.right, bounds=limits, method="highs")
    if found.status == 2:
        return None
    if found.status != 0:
        raise SolverError(f"the least violation of the limits cannot be found: {found.message}")
    relaxed = _Relaxed(
        (*bounds, *equations),
        (*(program.at[name].shape for name in bounds), *(program.rows[name].shape for name in equations)),
    )
    excess = relaxed.split(found.x[len(low) :])
    for name in bounds:
        excess[name] = excess[name] + np.copysign(crossed[program.at[name]], excess[name])
    return excess
