"""Linear programs by HiGHS, at its tightest tolerances."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linprog

from gridpact.errors import GridpactError
from gridpact.units import FloatArray

_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class Optimum:
    """Minimum, minimiser, and what the minimum gains per unit of each right-hand side."""

    value: float
    x: FloatArray
    dual_most: FloatArray
    dual_equal: FloatArray


def minimise(
    cost: FloatArray,
    most: tuple[Any, FloatArray] | None = None,
    equal: tuple[Any, FloatArray] | None = None,
    *,
    free: bool = False,
    what: str,
) -> Optimum:
    """Minimise ``cost·x`` with ``A x ≤ b`` (``most``) and ``A x = b`` (``equal``), x ≥ 0 unless ``free``.

    Raises
    ------
    GridpactError
        If there is no solution; ``what`` says of which problem.
    """
    if not len(cost):  # nothing to decide, which the solver refuses
        return Optimum(0.0, cost, *(np.zeros(len(part[1]) if part else 0) for part in (most, equal)))
    no_rows: tuple[Any, Any] = (None, None)
    (a_most, b_most), (a_equal, b_equal) = most or no_rows, equal or no_rows
    answer = linprog(
        cost,
        a_most,
        b_most,
        a_equal,
        b_equal,
        bounds=(None if free else 0, None),
        method="highs",
        options={"primal_feasibility_tolerance": _TOLERANCE, "dual_feasibility_tolerance": _TOLERANCE},
    )
    if answer.status != 0:
        raise GridpactError(f"{what}: {answer.message}")
    duals = (np.asarray(part.marginals, dtype=np.float64) for part in (answer.ineqlin, answer.eqlin))
    return Optimum(float(answer.fun), np.asarray(answer.x), *duals)
