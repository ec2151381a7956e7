"""Games in a row: what is chosen in one interval moves the tanks, and with them who can wait in the next."""

from dataclasses import dataclass

import numpy as np

from gridpact.energy import Heaters, HeaterState
from gridpact.markets.elecbay.game import FLOOR_KWH, HeaterGame, check_floor, check_free, check_level
from gridpact.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Games:
    """What came of a row of games.

    Attributes
    ----------
    heater_kw
        Mean power of each heater, ``[peer, interval]``.
    on
        Its action, ``[peer, interval]``.
    tank_c
        Temperatures, ``[peer, interval + 1]``.
    free
        Peers that could choose, ``[interval]``.
    moves
        Best responses until nobody moved, ``[interval]``.
    regret
        The most that a peer would have gained by another action alone, relative to its payoff, ``[interval]``.
    equilibria
        How many pure equilibria the game has, ``[interval]``; 0 if not asked for, as the next two.
    anarchy, mean_anarchy
        Largest sum of payoffs over the least, and over the mean, of the equilibria.
    """

    heater_kw: FloatArray
    on: BoolArray
    tank_c: FloatArray
    free: IntArray
    moves: IntArray
    regret: FloatArray
    equilibria: IntArray
    anarchy: FloatArray
    mean_anarchy: FloatArray


def play_games(
    heaters: Heaters,
    base_kw: FloatArray,
    draw_kw: FloatArray,
    state: HeaterState,
    hours: float,
    *,
    level_kw: float | FloatArray,
    floor_kw: float | None = None,
    jointly: bool = False,
    count_equilibria: bool = False,
) -> Games:
    """Play a game in every interval of a horizon.

    The selection rule: everybody who can wait begins OFF; then peers move in turns, the coldest tank first (by its place within
    its own band, ties by position), until nobody gains.

    Parameters
    ----------
    heaters
        Of the peers, in order.
    base_kw
        Net demand of each peer without its heater, ``[peer, interval]``, + = consumption.
    draw_kw
        Heat drawn from the tanks, ``[peer, interval]``.
    state
        Of the heaters at the start.
    hours
        Length of an interval.
    level_kw, floor_kw
        L, of all intervals or ``[interval]``, and the least exchange that counts, as mean powers; None: `FLOOR_KWH`.
    jointly
        Instead of the game, take the largest sum of payoffs in every interval: the least exchange with the grid.
    count_equilibria
        Whether to enumerate every game too.

    Raises
    ------
    InputError
        If L is not above every draw, the floor not above 0, or there are too many heaters to enumerate.
    """
    from gridpact.markets.elecbay import _kernels

    floor_kwh = FLOOR_KWH if floor_kw is None else floor_kw * hours
    levels_kw = np.broadcast_to(np.asarray(level_kw, dtype=np.float64), base_kw.shape[1:])
    draws_kw = largest_draws_kw(heaters, base_kw)
    for at in np.flatnonzero(~(levels_kw > draws_kw))[:1]:
        check_level(float(levels_kw[at]), float(draws_kw[at]), "level_kw", "kW")
    check_floor(floor_kwh, "floor_kw")
    if count_equilibria or jointly:
        check_free(int((heaters.power_kw > 0).sum()))
    peers, intervals = base_kw.shape
    heater_kw, tank_c = np.zeros((peers, intervals)), np.zeros((peers, intervals + 1))
    on, found = np.zeros((peers, intervals), dtype=np.bool_), np.zeros((intervals, 6))
    _kernels.play(
        jointly,
        np.ascontiguousarray(-base_kw * hours),
        np.ascontiguousarray(draw_kw),
        heaters.power_kw,
        heaters.kwh_per_k,
        heaters.min_c,
        heaters.max_c,
        heaters.loss_kw_per_k,
        heaters.ambient_c,
        state.tank_c,
        hours,
        levels_kw * hours,
        floor_kwh,
        count_equilibria,
        heater_kw,
        on,
        tank_c,
        found,
    )
    free, moves, equilibria = (found[:, at].astype(np.int64) for at in (0, 1, 3))
    return Games(heater_kw, on, tank_c, free, moves, found[:, 2], equilibria, found[:, 4], found[:, 5])


def largest_draws_kw(heaters: Heaters, base_kw: FloatArray) -> FloatArray:
    """The largest power that a peer can draw, its heater ON, ``[interval]``; not below 0."""
    return np.asarray((base_kw + heaters.power_kw[:, None]).max(axis=0, initial=0.0))


def default_level_kw(heaters: Heaters, base_kw: FloatArray) -> FloatArray:
    """L where none is stated, ``[interval]``: twice the peers times the largest draw of one, its heater alone at least.

    L is then above every draw, and above what all of them together exchange with the grid unless they inject more than that:
    below it, a peer would rather keep its own injection than take up a surplus.
    """
    largest_kw = np.maximum(largest_draws_kw(heaters, base_kw), heaters.power_kw.max(initial=0.0))
    return np.asarray(2 * len(base_kw) * largest_kw)


def game_of(
    heaters: Heaters,
    base_kw: FloatArray,
    draw_kw: FloatArray,
    tank_c: FloatArray,
    hours: float,
    *,
    level_kw: float,
    floor_kw: float | None = None,
) -> tuple[HeaterGame, IntArray]:
    """The game of one interval and the order in which peers move, from tanks at its start; arrays ``[peer]``."""
    from gridpact.energy import tank
    from gridpact.markets.elecbay import _kernels

    block_kwh, can = np.zeros(len(base_kw)), np.full(len(base_kw), tank.MUST_NOT)
    peer = np.flatnonzero(heaters.power_kw > 0)
    for i in peer:
        _, can[i], on_kw = tank.options(
            tank_c[i],
            draw_kw[i],
            heaters.power_kw[i],
            heaters.kwh_per_k[i],
            heaters.min_c[i],
            heaters.max_c[i],
            heaters.loss_kw_per_k[i],
            heaters.ambient_c[i],
            hours,
        )
        block_kwh[i] = on_kw * hours
    floor_kwh = FLOOR_KWH if floor_kw is None else floor_kw * hours
    game = HeaterGame(-base_kw * hours, block_kwh, can, level_kw * hours, floor_kwh)
    return game, _kernels.coldest_first(peer, tank_c, heaters.min_c, heaters.max_c)
