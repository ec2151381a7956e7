"""Interior point methods for programs with a diagonal Hessian: Clarabel and PIQP."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gridpact.errors import InputError, nearest_name
from gridpact.markets.equilibrium._program import Program
from gridpact.units import FloatArray

FAER_FROM = 120_000
"""Variables from which Clarabel factorises with supernodes (faer): slower on small programs, much faster on large ones."""


_INFEASIBLE = 1e-10
"""Accuracy of a certificate of infeasibility: at PIQP's own, 1e-4, limits that only just bind are called infeasible."""


@dataclass(frozen=True, eq=False)
class Solved:
    """A solution.

    Attributes
    ----------
    x
        Minimiser.
    y
        Multipliers of the equations: ``D x + c + A'y`` is balanced by those of the bounds.
    value, bound
        Objective at x, and that of the dual: the least value there is, up to the accuracy.
    iterations
        Of the method.
    status
        In the words of the method; ``"solved"`` if it met its tolerances.
    """

    x: FloatArray
    y: FloatArray
    value: float
    bound: float
    iterations: int
    status: str

    @property
    def is_solved(self) -> bool:
        """Whether all tolerances were met."""
        return self.status == "solved"


def run_clarabel(program: Program, accuracy: float, max_iterations: int) -> Solved:
    """By Clarabel (Goulart, Chen, "Clarabel: An interior-point solver for conic programs with quadratic objectives", 2024)."""
    import clarabel
    from scipy.sparse import csc_matrix, diags_array, eye_array, vstack

    size = len(program.linear)
    upper, lower = np.flatnonzero(np.isfinite(program.high)), np.flatnonzero(np.isfinite(program.low))
    unit = eye_array(size, format="csr")
    rows = csc_matrix(vstack([program.matrix, unit[upper], -unit[lower]], format="csc"))
    right = np.concatenate([program.right, program.high[upper], -program.low[lower]])
    cones = [clarabel.ZeroConeT(len(program.right)), clarabel.NonnegativeConeT(len(upper) + len(lower))]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_iter = max_iterations
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = accuracy
    settings.direct_solve_method = "faer" if size >= FAER_FROM else "qdldl"
    hessian = csc_matrix(diags_array(program.quadratic, format="csc"))
    solution = clarabel.DefaultSolver(hessian, program.linear, rows, right, cones, settings).solve()
    status = {"Solved": "solved", "PrimalInfeasible": "infeasible"}.get(str(solution.status), str(solution.status))
    x, y = np.array(solution.x), np.array(solution.z)[: len(program.right)]
    return Solved(x, y, float(solution.obj_val), float(solution.obj_val_dual), int(solution.iterations), status)


def run_piqp(program: Program, accuracy: float, max_iterations: int) -> Solved:
    """By PIQP (Schwan, Jiang, Kuhn, Jones, "PIQP: A proximal interior-point quadratic programming solver", CDC 2023)."""
    import piqp
    from scipy.sparse import csc_matrix, diags_array

    solver = piqp.SparseSolver()
    solver.settings.eps_abs = solver.settings.eps_duality_gap_abs = accuracy
    solver.settings.eps_rel = solver.settings.eps_duality_gap_rel = accuracy
    solver.settings.eps_primal_inf = solver.settings.eps_dual_inf = _INFEASIBLE
    solver.settings.max_iter = max_iterations
    solver.setup(
        csc_matrix(diags_array(program.quadratic, format="csc")),
        program.linear,
        csc_matrix(program.matrix),
        program.right,
        None,
        None,
        None,
        program.low,
        program.high,
    )
    found = solver.solve()
    result = solver.result
    status = {piqp.PIQP_SOLVED: "solved", piqp.PIQP_PRIMAL_INFEASIBLE: "infeasible"}.get(found, str(found))
    info = result.info
    return Solved(
        np.array(result.x), np.array(result.y), float(info.primal_obj), float(info.dual_obj), int(info.iter), status
    )


BACKENDS: dict[str, Callable[[Program, float, int], Solved]] = {"clarabel": run_clarabel, "piqp": run_piqp}
"""By name."""


def backend(name: str) -> Callable[[Program, float, int], Solved]:
    """A method by name; raises `InputError` with the nearest known one."""
    if name not in BACKENDS:
        found = f"method {name!r} is unknown{nearest_name(name, list(BACKENDS))}"
        raise InputError(found, accepted=", ".join(BACKENDS))
    return BACKENDS[name]
