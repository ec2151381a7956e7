"""What a clearing leaves behind for the next: plans and prices, each kept by whom they belong to."""

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.equilibrium.instance import Instance
from gridpact.units import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class WarmStart:
    """Plans and prices to begin with. Each row is kept by the member, the pair, or the operator that it is about.

    Attributes
    ----------
    edges, trades
        Pairs i < j, and what i buys from j, kW: ``[link, 2]``, ``[link, hour]``.
    pi
        Prices of the nodes, per kWh ``[member, hour]``.
    imports, draws
        From the main grid, and at the bus, kW ``[member, hour]``.
    grid_price, bus_price
        What the operator asks for them, per kWh ``[hour]`` and ``[bus, hour]``.
    """

    edges: IntArray
    trades: FloatArray
    pi: FloatArray
    imports: FloatArray
    draws: FloatArray
    grid_price: FloatArray
    bus_price: FloatArray

    @classmethod
    def cold(cls, instance: Instance) -> Self:
        """Nobody trades or draws anything, and nothing has a price: a first word that says nothing of anybody."""
        shape = instance.members, instance.H
        return cls(
            edges=instance.edges,
            trades=np.zeros((instance.links, instance.H)),
            pi=np.zeros(shape),
            imports=np.zeros(shape),
            draws=np.zeros(shape),
            grid_price=np.zeros(instance.H),
            bus_price=np.zeros((instance.buses, instance.H)),
        )

    def later(self, intervals: int) -> Self:
        """The same plans some intervals on: what has passed is dropped, and the last interval stands for those that are new.

        Examples
        --------
        >>> hour, nobody = np.array([[0.0, 1.0, 2.0]]), np.empty((0, 2), dtype=np.int64)
        >>> WarmStart(nobody, hour[:0], hour, hour, hour, hour[0], hour).later(1).pi
        array([[1., 2., 2.]])
        """
        hours = self.grid_price.shape[0]
        if not 0 <= intervals <= hours:
            raise InputError(f"{intervals} intervals later", place="warm start", accepted=f"0 to {hours}")
        return self._at(np.minimum(np.arange(hours) + intervals, hours - 1))

    def fitted(self, instance: Instance) -> Self:
        """For this instance: new pairs start without a trade, pairs that are gone are dropped, and so are hours beyond.

        Raises
        ------
        InputError
            If members or buses are not those of the instance.
        """
        for name, found, wanted in (
            ("members", self.pi.shape[0], instance.members),
            ("buses", self.bus_price.shape[0], instance.buses),
        ):
            if found != wanted:
                raise InputError(
                    f"it is of {found} {name}", place="warm start", accepted=f"{wanted}, as in the instance"
                )
        known = self._at(np.minimum(np.arange(instance.H), self.grid_price.shape[0] - 1))
        if np.array_equal(known.edges, instance.edges):
            return known
        trades = np.zeros((instance.links, instance.H))
        ours, theirs = (edges @ [instance.members, 1] for edges in (instance.edges, known.edges))
        _, here, there = np.intersect1d(ours, theirs, return_indices=True)
        trades[here] = known.trades[there]
        return replace(known, edges=instance.edges, trades=trades)

    def _at(self, hours: IntArray) -> Self:
        by_hour = (each.name for each in fields(self) if each.name != "edges")
        return replace(self, **{name: getattr(self, name)[..., hours] for name in by_hour})
