"""What a clearing leaves behind for the next: plans and prices, each kept by whom they belong to."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.equilibrium.instance import Instance
from gridpact.units import FloatArray


@dataclass(frozen=True, eq=False)
class WarmStart:
    """Plans and prices to begin with. Each row is kept by the member, the pair, or the operator that it is about.

    Attributes
    ----------
    trades
        What i buys from j, kW ``[link, hour]``.
    pi
        Prices of the nodes, per kWh ``[member, hour]``.
    imports, draws
        From the main grid, and at the bus, kW ``[member, hour]``.
    grid_price, bus_price
        What the operator asks for them, per kWh ``[hour]`` and ``[bus, hour]``.
    """

    trades: FloatArray
    pi: FloatArray
    imports: FloatArray
    draws: FloatArray
    grid_price: FloatArray
    bus_price: FloatArray

    @classmethod
    def cold(cls, instance: Instance) -> Self:
        """Nobody trades, everybody draws its load, and nothing has a price."""
        shape = instance.members, instance.H
        return cls(
            trades=np.zeros((instance.links, instance.H)),
            pi=np.zeros(shape),
            imports=np.maximum(instance.pd, 0) if instance.import_only else instance.pd,
            draws=instance.pd,
            grid_price=np.zeros(instance.H),
            bus_price=np.zeros((instance.buses, instance.H)),
        )

    def later(self, intervals: int) -> Self:
        """The same plans some intervals on: what has passed is dropped, and the last interval stands for those that are new.

        Examples
        --------
        >>> hour = np.array([[0.0, 1.0, 2.0]])
        >>> WarmStart(hour, hour, hour, hour, hour[0], hour).later(1).pi
        array([[1., 2., 2.]])
        """
        hours = self.grid_price.shape[0]
        if not 0 <= intervals <= hours:
            raise InputError(f"{intervals} intervals later", place="warm start", accepted=f"0 to {hours}")
        then = np.minimum(np.arange(hours) + intervals, hours - 1)
        return type(self)(*(getattr(self, each.name)[..., then] for each in fields(self)))

    def check_fits(self, instance: Instance) -> None:
        """Raise `InputError` unless links, members, buses and hours are those of the instance."""
        wanted = WarmStart.cold(instance)
        for each in fields(self):
            found, accepted = getattr(self, each.name).shape, getattr(wanted, each.name).shape
            if found != accepted:
                raise InputError(
                    f"it has shape {found}", place=f"warm start: {each.name}", accepted=f"shape {accepted}"
                )
