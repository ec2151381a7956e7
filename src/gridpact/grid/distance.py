"""How far buses are from each other electrically: impedances of branches, and the shortest ways along them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gridpact.grid.feeder import Feeder
from gridpact.units import FloatArray, IntArray

KVA = 1_000.0


@dataclass(frozen=True, eq=False)
class ShortestWays:
    """The ways of least impedance from some buses to all.

    Attributes
    ----------
    distance
        Sum of the impedances along the way, p.u. at 1 MVA, ``[start, bus]``; NaN where no way leads.
    before
        The bus before each on its way, ``[start, bus]``; −1 at the start and where no way leads.
    """

    distance: FloatArray
    before: IntArray


def branch_impedance(feeder: Feeder) -> FloatArray:
    """Size of the series impedance of every branch in p.u. at 1 MVA, ``[branch]``."""
    lines, transformers = feeder.lines, feeder.transformers
    ohm = np.hypot(lines.r_ohm, lines.x_ohm)
    of_lines = ohm / feeder.bus_kv[lines.from_bus] ** 2
    of_transformers = transformers.uk * KVA / transformers.rated_kva
    return np.concatenate([of_lines, of_transformers])


def shortest_ways(feeder: Feeder, starts: npt.ArrayLike) -> ShortestWays:
    """The ways of least impedance from some buses to every bus (Dijkstra).

    Parameters
    ----------
    starts
        Positions of buses, ``[start]``.

    Examples
    --------
    >>> from gridpact.grid import load_feeder
    >>> feeder = load_feeder("ieee37")
    >>> ways = shortest_ways(feeder, [feeder.bus_position("701")])
    >>> feeder.bus_names[ways.before[0, feeder.bus_position("702")]]
    '701'
    >>> bool(ways.distance[0, feeder.bus_position("703")] > ways.distance[0, feeder.bus_position("702")])
    True
    """
    from scipy.sparse import csr_array  # here, so that importing gridpact does not wait for it
    from scipy.sparse.csgraph import dijkstra

    buses, (a, b), length = len(feeder.bus_names), feeder.branch_ends, branch_impedance(feeder)
    pair = np.minimum(a, b) * buses + np.maximum(a, b)
    order = np.lexsort((length, pair))
    kept = order[np.unique(pair[order], return_index=True)[1]]  # of parallel branches the shortest
    graph = csr_array((length[kept], (a[kept], b[kept])), shape=(buses, buses))
    distance, before = dijkstra(graph, directed=False, indices=np.asarray(starts), return_predecessors=True)
    return ShortestWays(np.where(np.isinf(distance), np.nan, distance), np.maximum(before, -1).astype(np.int64))
