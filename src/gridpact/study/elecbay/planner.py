"""The least exchange with the grid that anybody could reach who knows the future: a linear program a week."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from gridpact.energy import Heaters, HeaterState
from gridpact.errors import GridpactError
from gridpact.study.elecbay.peers import Microgrid
from gridpact.units import FloatArray

COLD_PRICE = 10.0
"""What a kelvin below the band for an interval costs, in kWh of exchange: no exchange is saved by cold water."""


@dataclass(frozen=True, slots=True)
class Foresight:
    """A bound and what was reached in the same intervals, kWh of exchange."""

    thermostat_kwh: float
    game_kwh: float
    bound_kwh: float


def least_exchange_kwh(
    heaters: Heaters, grid: Microgrid, window: slice, start_c: FloatArray, end_c: FloatArray, hours: float
) -> float:
    """Least Σ|E_mg| of a window, over heaters of any power up to their own, that know all draws in advance.

    A relaxation of ON and OFF, so a bound. Tanks start where they are given, end no colder than given, and stay in their bands
    where that is possible: what is colder costs `COLD_PRICE` beyond the exchange, which is not part of the result.

    Raises
    ------
    GridpactError
        If the program is not solved.
    """
    base_kw, draw_kw = grid.base_kw[:, window], grid.draw_kw[:, window]
    peers, steps = base_kw.shape
    size = peers * steps
    # variables: power [peer, step], temperature at the end of each step, what it is below the band, |exchange| [step]
    one = sparse.identity(steps, format="csr")
    before = sparse.diags([1.0], [-1], shape=(steps, steps), format="csr")
    keep = 1 - heaters.loss_kw_per_k * hours / heaters.kwh_per_k
    gain = hours / heaters.kwh_per_k
    tanks = sparse.hstack(
        [
            sparse.block_diag([-g * one for g in gain]),
            sparse.block_diag([one - k * before for k in keep]),
            sparse.csr_matrix((size, size + steps)),
        ]
    )
    outside = gain[:, None] * (heaters.loss_kw_per_k * heaters.ambient_c)[:, None] - gain[:, None] * draw_kw
    outside[:, 0] += keep * start_c
    both = sparse.hstack([one] * peers)
    nothing, cold = sparse.csr_matrix((steps, size)), sparse.identity(size)
    least = sparse.vstack(
        [
            sparse.hstack([both, nothing, nothing, -one]),
            sparse.hstack([-both, nothing, nothing, -one]),
            sparse.hstack([sparse.csr_matrix((size, size)), -cold, -cold, sparse.csr_matrix((size, steps))]),
        ]
    )
    net_kw = base_kw.sum(axis=0)
    top = np.repeat(heaters.max_c, steps)
    bottom = np.full((peers, steps), -np.inf)
    bottom[:, -1] = end_c
    cost = np.concatenate([np.zeros(2 * size), np.full(size, COLD_PRICE), np.full(steps, hours)])
    bounds = np.concatenate(
        [
            np.stack([np.zeros(size), np.repeat(heaters.power_kw, steps)], axis=1),
            np.stack([bottom.ravel(), np.maximum(top, bottom.ravel())], axis=1),
            np.stack([np.zeros(size + steps), np.full(size + steps, np.inf)], axis=1),
        ]
    )
    solved = linprog(
        cost,
        A_ub=least.tocsr(),
        b_ub=np.concatenate([-net_kw, net_kw, -np.repeat(heaters.min_c, steps)]),
        A_eq=tanks.tocsr(),
        b_eq=outside.ravel(),
        bounds=bounds,
        method="highs-ds",
    )
    if not solved.success:
        raise GridpactError(f"the planner's program was not solved: {solved.message}")
    return float(np.abs(net_kw + solved.x[:size].reshape(peers, steps).sum(axis=0)).sum() * hours)


def foresight(
    heaters: Heaters,
    grid: Microgrid,
    window: slice,
    game_c: FloatArray,
    powers: tuple[FloatArray, FloatArray],
    hours: float,
) -> Foresight:
    """The bound of a window in which the game's tanks start and end, beside thermostats and game on the same tanks.

    ``game_c`` are the game's temperatures over the window, both ends included; ``powers`` what thermostats from the same tanks
    and the game took.
    """
    net_kw = grid.base_kw[:, window].sum(axis=0)
    thermostat, game = (float(np.abs(net_kw + power.sum(axis=0)).sum() * hours) for power in powers)
    bound = least_exchange_kwh(heaters, grid, window, game_c[:, 0], game_c[:, -1], hours)
    return Foresight(thermostat, game, bound)


def thermostats_from(heaters: Heaters, grid: Microgrid, window: slice, start_c: FloatArray, hours: float) -> FloatArray:
    """What thermostats take in a window from given tanks, ``[peer, interval]``."""
    state = HeaterState(start_c, np.zeros(len(start_c), dtype=np.bool_))
    return heaters.run(grid.draw_kw[:, window], state, hours)[0]
