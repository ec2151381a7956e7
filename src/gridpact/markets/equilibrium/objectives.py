"""What an allocation costs: the potential of the game, the objectives of Wardrop and of society, and each member's own."""

from enum import StrEnum

import numpy as np

from gridpact.markets.equilibrium.instance import Allocation, Instance
from gridpact.units import FloatArray


class Concept(StrEnum):
    """What is sought: an equilibrium of members who know their influence, or ignore it, or the least cost of all."""

    NASH = "nash"
    WARDROP = "wardrop"
    SOCIAL = "social"

    @property
    def weights(self) -> tuple[float, float]:
        """Weights of ``d_h σ²`` and of ``d_h Σ_i p_mg,i²`` in the objective."""
        return {Concept.NASH: (0.5, 0.5), Concept.WARDROP: (0.5, 0.0), Concept.SOCIAL: (1.0, 0.0)}[self]


def objective(instance: Instance, allocation: Allocation, concept: Concept = Concept.NASH) -> float:
    """The objective whose minimiser is sought, in money.

    For Nash it is the potential ``Φ = Σ_i (f_di + f_st + f_tr + f_mg) + Σ_h d_h [½ σ² + ½ Σ_i p_mg,i² + b σ]`` of the game, an
    exact one: what a member saves by a deviation is what Φ falls by. Wardrop's leaves out the squares of single members;
    society pays ``d_h (σ² + b σ)``. f_mg is the part at the prices `price_im` and `price_ex`.

    Returns
    -------
    Money for all intervals (rates in kW times `dt`).
    """
    of_all, of_each = concept.weights
    sigma = allocation.p_mg.sum(axis=0)
    shared = of_all * sigma**2 + of_each * (allocation.p_mg**2).sum(axis=0) + instance.base_kw * sigma
    own = device_costs(instance, allocation) + retail_costs(instance, allocation)
    return float(instance.dt * (own.sum() + trade_costs(instance, allocation).sum() + instance.d_h @ shared))


def device_costs(instance: Instance, allocation: Allocation) -> FloatArray:
    """Cost of generation and storage, per h ``[member, hour]``."""
    generation = instance.Q_di[:, None] * allocation.p_di**2 + instance.c_di[:, None] * allocation.p_di
    return generation + instance.Q_st[:, None] * (allocation.p_ch**2 + allocation.p_ds**2)


def retail_costs(instance: Instance, allocation: Allocation) -> FloatArray:
    """Imports at `price_im`, deliveries at `price_ex`, per h ``[member, hour]``."""
    p_mg = allocation.p_mg
    return instance.price_im * np.maximum(p_mg, 0) - instance.price_ex * np.maximum(-p_mg, 0)


def shared_grid_costs(instance: Instance, allocation: Allocation) -> FloatArray:
    """Each member's part of the bill ``d_h (σ + b)²``: ``d_h (σ + b) p_mg``, per h ``[member, hour]``."""
    total = allocation.p_mg.sum(axis=0) + instance.base_kw
    return np.asarray(instance.d_h * total * allocation.p_mg)


def trade_costs(instance: Instance, allocation: Allocation) -> FloatArray:
    """``c_ij p_ij + c_ta |p_ij|`` of both ends, per h ``[end, link, hour]``; what they pay each other is not in it."""
    bought = np.stack([allocation.p_tr, allocation.bought_back])
    return instance.c_tr.T[:, :, None] * bought + instance.c_ta[:, None] * np.abs(bought)


def of_members(instance: Instance, per_link: FloatArray) -> FloatArray:
    """Add up amounts ``[end, link, hour]`` by member, ``[member, hour]``."""
    total = np.zeros((instance.members, instance.H))
    for end in (0, 1):
        np.add.at(total, instance.edges[:, end], per_link[end])
    return total
