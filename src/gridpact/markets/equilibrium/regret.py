"""Best responses: what each member would save if it alone did otherwise, all multipliers and everybody else as they are."""

from dataclasses import replace
from typing import Any

import numpy as np

from gridpact.markets.equilibrium._backends import backend
from gridpact.markets.equilibrium._program import (
    DEVICES,
    Builder,
    add_balances,
    add_devices,
    add_imports,
    add_trades,
    serving,
)
from gridpact.markets.equilibrium.errors import SolverError
from gridpact.markets.equilibrium.instance import OF_MEMBERS, Allocation, Instance
from gridpact.markets.equilibrium.objectives import Concept, device_costs, of_members, retail_costs, trade_costs
from gridpact.markets.equilibrium.solver import Multipliers
from gridpact.units import FloatArray, IntArray

LINK_HOURS_AT_ONCE = 200_000
"""Members are taken together until their links and hours are about so many, which bounds the memory."""


def best_response_regret(
    instance: Instance,
    allocation: Allocation,
    multipliers: Multipliers,
    concept: Concept = Concept.NASH,
    *,
    method: str = "piqp",
    accuracy: float = 1e-9,
) -> FloatArray:
    """What each member saves by its best response, in money ``[member]``.

    A member minimises its own costs, what it pays partners (``c_tr + pair`` per kWh and `Instance.c_ta`), and ``bus`` and
    ``head`` on what it draws and imports, within its own limits. Under Nash it knows that its imports move the price of the
    main grid, under Wardrop it takes the price as given.

    Returns
    -------
    At an equilibrium 0 up to the accuracy. Below zero for a member whose own constraints are violated: the residuals say so.

    Raises
    ------
    SolverError
        If some member's program cannot be solved.
    """
    payable = own_costs(instance, allocation, multipliers, concept).sum(axis=1)
    best = np.empty(instance.members)
    degree = np.bincount(instance.edges.ravel(), minlength=instance.members)
    load = np.cumsum((degree + 4) * instance.H)
    group = load // LINK_HOURS_AT_ONCE
    for each in np.unique(group):
        members = np.flatnonzero(group == each)
        best[members] = _least_costs(instance, allocation, multipliers, concept, members, method, accuracy)
    return np.asarray(instance.dt * (payable - best), dtype=np.float64)


def own_costs(
    instance: Instance, allocation: Allocation, multipliers: Multipliers, concept: Concept = Concept.NASH
) -> FloatArray:
    """What each member minimises, per h ``[member, hour]``.

    Its devices, retail, the main grid, its partners, and the prices of shared limits.
    """
    p_mg = allocation.p_mg
    total = p_mg.sum(axis=0) + instance.base_kw
    grid = (instance.d_h * total + multipliers.head) * p_mg
    paid = np.stack([allocation.p_tr, allocation.bought_back]) * multipliers.pair
    partners = of_members(instance, trade_costs(instance, allocation) + paid)
    limits = multipliers.bus[instance.pro_bus] * allocation.draw(instance)
    return np.asarray(
        device_costs(instance, allocation) + retail_costs(instance, allocation) + grid + partners + limits
    )


def _least_costs(
    instance: Instance,
    allocation: Allocation,
    multipliers: Multipliers,
    concept: Concept,
    members: IntArray,
    method: str,
    accuracy: float,
) -> FloatArray:
    """What these members pay at their best responses, per h; one program whose blocks are the members."""
    aware = float(concept is Concept.NASH)
    alone = _without_partners(instance, members)
    others = instance.base_kw + allocation.p_mg.sum(axis=0) - aware * allocation.p_mg[members]
    limits = multipliers.bus[instance.pro_bus[members]]
    member, cap, price, tariff = _offers(instance, multipliers, members)
    builder = Builder(instance.H)
    add_devices(builder, alone)
    add_imports(builder, alone, instance.d_h * others + multipliers.head, 2 * aware * instance.d_h)
    add_trades(builder, cap, price, tariff)
    add_balances(builder, alone, ((member, 1.0),), tariff)
    program = builder.build()
    for name, owner, sign in serving(alone, DEVICES):
        program.linear[program.at[name]] -= sign * limits[owner]
    solved = backend(method)(program, accuracy, 200)
    if not solved.is_solved:
        names = f"{instance.pro_name[members[0]]} to {instance.pro_name[members[-1]]}"
        raise SolverError(f"best responses of members {names} ended with {solved.status!r}")
    costs = program.linear * solved.x + 0.5 * program.quadratic * solved.x**2
    per_member = np.asarray((limits * alone.pd).sum(axis=1))
    for name, owner, _ in serving(alone, program.at):
        np.add.at(per_member, owner, costs[program.at[name]].sum(axis=1))
    np.add.at(per_member, member, costs[program.at["buy"]].sum(axis=1))
    np.add.at(per_member, member[tariff > 0], costs[program.at["sell"]].sum(axis=1))
    return per_member


def _without_partners(instance: Instance, members: IntArray) -> Instance:
    """The instance of these members alone, nobody to trade with."""
    own: dict[str, Any] = {name: getattr(instance, name)[members] for name in OF_MEMBERS}
    names = tuple(instance.pro_name[member] for member in members)
    none: dict[str, Any] = {
        "edges": np.empty((0, 2)),
        "cap": np.empty(0),
        "c_tr": np.empty((0, 2)),
        "c_ta": np.empty(0),
    }
    return replace(instance, **own, **none, pro_name=names)


def _offers(
    instance: Instance, multipliers: Multipliers, members: IntArray
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """The links of these members from their own end: position among them, cap, price ``[end, hour]``, tariff."""
    position = np.full(instance.members, -1)
    position[members] = np.arange(len(members))
    link, end = np.nonzero(position[instance.edges] >= 0)
    price = instance.c_tr[link, end][:, None] + multipliers.pair[link]
    return position[instance.edges[link, end]], instance.cap[link], price, instance.c_ta[link]
