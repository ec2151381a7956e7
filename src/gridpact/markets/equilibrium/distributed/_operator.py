"""The operator's half of a round: the price of the grid, and what the feeder permits."""

from dataclasses import dataclass

import numpy as np

from gridpact.markets.equilibrium.distributed._game import Grid
from gridpact.units import FloatArray


class LimitError(Exception):
    """In some hour no draws whatever keep the limits of the feeder."""


@dataclass(eq=False)
class Operator:
    """Shares out what members want, of the main grid and at each bus, and asks a price for what it cannot give.

    Attributes
    ----------
    grid
        What it knows.
    rg, rb
        Weights of imports and of draws.
    sigma, drawn
        Sum of imports ``[hour]`` and draws ``[hour, bus]`` that it last found best.
    grid_price, bus_price
        Prices per kWh of imports ``[hour]`` and of draws ``[hour, bus]``: all that members hear.
    """

    grid: Grid
    rg: float
    rb: float
    sigma: FloatArray
    drawn: FloatArray
    grid_price: FloatArray
    bus_price: FloatArray

    @classmethod
    def of(cls, grid: Grid, rg: float, rb: float) -> "Operator":
        """Before the first round."""
        hours, buses = grid.passive.shape
        nothing = np.zeros(hours), np.zeros((hours, buses))
        return cls(grid, rg, rb, nothing[0], nothing[1], nothing[0].copy(), nothing[1].copy())

    def answer(self, imports: FloatArray, draws: FloatArray) -> float:
        """Set prices by proposals ``[member, hour]``; return the squared 2-norm of their step.

        ``min ½ marginal σ² + base σ + ½ ρ_g/N (σ − Σ proposals)²`` for the main grid, with N members, and the nearest draws
        that the feeder permits.

        Raises
        ------
        LimitError
            If the limits of the feeder contradict each other.
        """
        from gridpact.markets.equilibrium.distributed._tree import permitted

        wanted = imports.sum(axis=0)
        weight = self.rg / len(imports)
        best = (weight * wanted - self.grid.base) / (weight + self.grid.marginal)
        self.sigma = np.clip(best, self.grid.sigma_min, self.grid.sigma_max)
        grid_price = weight * (wanted - self.sigma)
        at_bus = self.at_buses(draws)
        of_bus = np.divide(self.rb, self.grid.crowd, out=np.zeros_like(self.grid.crowd), where=self.grid.crowd > 0)
        grid, drawn = self.grid, np.empty_like(self.drawn)
        found = permitted(
            at_bus, of_bus, grid.parent, grid.r, grid.gain, grid.passive, grid.fall, grid.v_root, grid.v_low, grid.v_high,
            grid.flow_max, drawn
        )  # fmt: skip
        if found < 0:
            raise LimitError(f"hour {-1 - found}")
        bus_price = of_bus * (at_bus - drawn)
        moved = float(((grid_price - self.grid_price) ** 2).sum() + ((bus_price - self.bus_price) ** 2).sum())
        self.drawn, self.grid_price, self.bus_price = drawn, grid_price, bus_price
        return moved

    def at_buses(self, draws: FloatArray) -> FloatArray:
        """Add up members' draws ``[member, hour]`` at their buses, ``[hour, bus]``."""
        total = np.zeros_like(self.drawn.T)
        np.add.at(total, self.grid.bus, draws)
        return np.ascontiguousarray(total.T)

    def mismatch(self, imports: FloatArray, draws: FloatArray) -> float:
        """The ∞-norm of what members do less what it found best, at the root and at every bus."""
        root = np.abs(imports.sum(axis=0) - self.sigma).max()
        return float(max(root, np.abs(self.at_buses(draws) - self.drawn).max()))
