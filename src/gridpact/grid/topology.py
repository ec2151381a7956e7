"""How the buses of a feeder hang together: who is fed, through which branch, and where a loop is."""

from dataclasses import dataclass

import numpy as np

from gridpact.errors import InputError, PowerFlowError
from gridpact.grid.feeder import Feeder
from gridpact.units import IntArray


@dataclass(frozen=True, eq=False)
class Tree:
    """A radial feeder as a tree that hangs from its source.

    Attributes
    ----------
    parent_bus
        The bus on the way to the source, ``[bus]``; −1 at the source.
    parent_branch
        The branch to that bus, ``[bus]``; −1 at the source.
    order
        Buses from the source outwards, every bus after its parent, ``[bus]``.
    """

    parent_bus: IntArray
    parent_branch: IntArray
    order: IntArray


def radial_tree(feeder: Feeder) -> Tree:
    """The feeder as a tree.

    Raises
    ------
    InputError
        If the feeder is meshed; the branches of one loop are named.
    PowerFlowError
        If a bus is not fed.

    Examples
    --------
    >>> from gridpact.grid import load_feeder
    >>> feeder = load_feeder("ieee37")
    >>> tree = radial_tree(feeder)
    >>> feeder.bus_names[tree.parent_bus[feeder.bus_position("702")]]
    '701'
    """
    tree, loop = _walk(feeder)
    check_fed(feeder, tree)
    if loop:
        raise InputError(
            f"feeder {feeder.name!r} has a loop through {', '.join(loop)}",
            accepted="a radial feeder for the linear model",
        )
    return tree


def check_fed(feeder: Feeder, tree: Tree | None = None) -> None:
    """Raise `PowerFlowError` with the name of the first bus that no branch connects with the source."""
    walked = tree or _walk(feeder)[0]
    dead = np.ones(len(feeder.bus_names), dtype=bool)
    dead[walked.order] = False
    for at in np.flatnonzero(dead)[:1]:
        raise PowerFlowError(
            f"feeder {feeder.name!r}: bus {feeder.bus_names[at]!r} is not connected with the source "
            f"{feeder.bus_names[feeder.source_bus]!r} ({int(dead.sum())} such buses)"
        )


def _walk(feeder: Feeder) -> tuple[Tree, list[str]]:
    """Walk from the source, nearest buses first; the tree found, and the names of the branches of one loop if there is one."""
    buses = len(feeder.bus_names)
    from_bus, to_bus = feeder.branch_ends
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(buses)]
    for branch, (a, b) in enumerate(zip(from_bus.tolist(), to_bus.tolist(), strict=True)):
        neighbours[a].append((branch, b))
        neighbours[b].append((branch, a))
    parent_bus, parent_branch = np.full(buses, -1, dtype=np.int64), np.full(buses, -1, dtype=np.int64)
    order, loop = [feeder.source_bus], list[str]()
    seen = {feeder.source_bus}
    for bus in order:
        for branch, other in neighbours[bus]:
            if other not in seen:
                seen.add(other)
                order.append(other)
                parent_bus[other], parent_branch[other] = bus, branch
            elif branch != parent_branch[bus] and branch != parent_branch[other] and not loop:
                loop = [feeder.branch_names[at] for at in _loop(parent_bus, parent_branch, bus, other, branch)]
    return Tree(parent_bus, parent_branch, np.array(order, dtype=np.int64)), loop


def _loop(parent_bus: IntArray, parent_branch: IntArray, a: int, b: int, closing: int) -> list[int]:
    """Branches of the loop that ``closing``, between ``a`` and ``b``, closes."""
    paths = []
    for end in (a, b):
        path = []
        while parent_bus[end] >= 0:
            path.append(int(parent_branch[end]))
            end = int(parent_bus[end])
        paths.append(path)
    shared = set(paths[0]) & set(paths[1])
    return [closing, *(branch for path in paths for branch in path if branch not in shared)]
