"""The pooling game: what a coalition saves by sharing its members' surplus and deficit, interval by interval."""

import numpy as np
from scipy import sparse

from gridpact.errors import InputError
from gridpact.markets.coalition.game import Game, Totals
from gridpact.markets.coalition.program import Program
from gridpact.units import FloatArray


def pooling_game(net_kwh: FloatArray, spread: float | FloatArray) -> Game:
    """The game ``v(S) = Σ_t spread_t min(E_S, D_S)``, E and D the coalition's surplus and deficit of the interval.

    Superadditive, and with a core, wherever the spread is not negative (Lee, Guo, Choi, Zukerman, IEEE Journal on Selected
    Areas in Communications 32(7), 2014, for one interval).

    Parameters
    ----------
    net_kwh
        Net energy at each meter, ``[player, interval]``, + = consumption.
    spread
        Import less export price per kWh, one number or ``[interval]``. Where it is negative, sharing is a loss that the
        coalition cannot avoid; the game then has no program.

    Raises
    ------
    InputError
        If something is not finite or of another shape.

    Examples
    --------
    >>> game = pooling_game(np.array([[-3.0], [1.0], [4.0]]), 0.2)
    >>> round(game.grand, 3), round(game([0, 1]), 3), game([1, 2])
    (0.6, 0.2, 0.0)
    """
    net, prices = check_energies(net_kwh, spread)
    surplus, deficit, prices = shared_sides(net, prices)

    program = None if (prices < 0).any() else shared_program(surplus, deficit, prices)
    totals = Totals(np.hstack([surplus, deficit]), lambda brought: shared_worth(brought, prices))
    return Game.of_totals(totals, program)


def check_energies(
    net_kwh: FloatArray, price: float | FloatArray, what: str = "spread"
) -> tuple[FloatArray, FloatArray]:
    """Energies ``[player, interval]`` and a price of each interval, both finite."""
    net = np.asarray(net_kwh, dtype=np.float64)
    if net.ndim != 2:
        raise InputError(f"net energies of shape {net.shape}", place="game", accepted="[player, interval]")
    for player, interval in np.argwhere(~np.isfinite(net))[:1]:
        found = f"net energy {net[player, interval]} of player {player} in interval {interval}"
        raise InputError(found, place="game", accepted="finite numbers")
    prices = np.asarray(price, dtype=np.float64)
    if prices.shape not in ((), (net.shape[1],)) or not np.isfinite(prices).all():
        found = f"{what} of shape {prices.shape}, or not finite"
        raise InputError(found, place="game", accepted=f"one finite number, or {net.shape[1]}")
    return net, np.broadcast_to(prices, net.shape[1]).copy()


def shared_sides(net: FloatArray, prices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Surplus, deficit ``[player, interval]`` and price of the intervals in which there is something to share at a price."""
    surplus, deficit = np.maximum(-net, 0.0), np.maximum(net, 0.0)
    live = surplus.any(axis=0) & deficit.any(axis=0) & (prices != 0)
    return surplus[:, live], deficit[:, live], prices[live]


def shared_worth(totals: FloatArray, prices: FloatArray) -> FloatArray:
    """``Σ_t price_t min(E, D)`` of totals ``[coalition, surplus and deficit of each interval]``."""
    surplus, deficit = np.hsplit(totals, 2)
    return np.asarray(np.minimum(surplus, deficit) @ prices)


def shared_program(surplus: FloatArray, deficit: FloatArray, prices: FloatArray) -> Program:
    """``max Σ price_t m_t`` with ``m_t ≤ E_S`` and ``m_t ≤ D_S``."""
    players, intervals = surplus.shape
    every = sparse.eye_array(intervals, format="csr")
    return Program(
        gain=prices,
        own=np.zeros(players),
        rows=sparse.vstack([every, every], format="csr"),
        membership=sparse.csr_array(np.concatenate([surplus.T, deficit.T])),
        equal=np.zeros(2 * intervals, dtype=np.bool_),
    )
