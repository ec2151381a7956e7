"""Games on a graph of who may trade with whom: only what is connected can work together."""

from collections.abc import Sequence

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.coalition.game import Game
from gridpact.markets.coalition.shapley import shapley_exact
from gridpact.units import BoolArray, FloatArray


def graph_restricted(game: Game, links: Sequence[tuple[int, int]]) -> Game:
    """The game in which a coalition is worth what its connected parts are worth (Myerson, Mathematics of Operations Research 2,
    1977).

    Parameters
    ----------
    game
        What coalitions could do if all could work together.
    links
        Pairs of players who may.

    Raises
    ------
    InputError
        If a link names a player that does not exist, or a player twice.

    Examples
    --------
    >>> path = graph_restricted(Game.of(3, lambda group: float(len(group) > 1)), [(0, 1), (1, 2)])
    >>> path([0, 2]), path([0, 1]), path.grand
    (0.0, 1.0, 1.0)
    """
    linked = np.eye(game.players, dtype=np.bool_)
    for one, other in links:
        if not {one, other} <= set(range(game.players)) or one == other:
            found = f"a link from {one} to {other}"
            raise InputError(found, place="graph", accepted=f"two different players from 0 to {game.players - 1}")
        linked[one, other] = linked[other, one] = True

    def value(masks: BoolArray) -> FloatArray:
        from gridpact.markets.coalition import _kernels

        part = _kernels.components(masks, linked)
        row, player = np.nonzero(masks)
        name, of_cell = np.unique(row * game.players + part[row, player], return_inverse=True)
        connected = np.zeros((len(name), game.players), dtype=np.bool_)
        connected[of_cell, player] = True
        distinct, again = np.unique(connected, axis=0, return_inverse=True)
        worth = game.values(distinct)[again]
        return np.asarray(np.bincount(name // game.players, worth, minlength=len(masks)), dtype=np.float64)

    return Game(game.players, value)


def myerson(game: Game, links: Sequence[tuple[int, int]]) -> FloatArray:
    """The Myerson value: the Shapley value of the graph-restricted game, ``[player]``.

    Each connected part shares what it is worth, and a link that appears is worth the same to both its ends. For more than 20
    players: ``shapley_sampled(graph_restricted(game, links), …)``.

    Raises
    ------
    InputError
        If there are more than 20 players, or a link is not one.

    Examples
    --------
    >>> myerson(Game.of(3, lambda group: float(len(group) > 1)), [(0, 1), (1, 2)]).round(4).tolist()
    [0.1667, 0.6667, 0.1667]
    """
    return shapley_exact(graph_restricted(game, links))
