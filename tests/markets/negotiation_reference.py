"""The negotiation as the specification tells it, plain and slow: what the fast code is held to."""

import numpy as np

from gridpact.markets.negotiation import ContractGrid, Negotiator, Rules, Session, Table
from gridpact.markets.negotiation.sessions import MARGIN


def walk(negotiator: Negotiator, demand_kw, soc_kwh: float, hours: float):
    """Battery power, residual and states of charge of greedy self-consumption, interval by interval."""
    b = negotiator.battery
    powers, residuals, states = [], [], [soc_kwh]
    for x in demand_kw:
        power, state = 0.0, states[-1]
        if b is not None:
            low, high = b.min_soc * b.capacity_kwh, b.max_soc * b.capacity_kwh
            if x < 0:
                power = min(-x, b.charge_kw, (high - state) / (b.charge_efficiency * hours))
                state += b.charge_efficiency * power * hours
            else:
                power = -min(x, b.discharge_kw, (state - low) * b.discharge_efficiency / hours)
                state += power * hours / b.discharge_efficiency
            state = max(state - b.standing_loss_per_hour * b.capacity_kwh * hours, low)
        powers.append(power)
        residuals.append(x + power)
        states.append(state)
    return np.array(powers), np.array(residuals), np.array(states)


def papers_cost(negotiator: Negotiator, demand_kw, soc_kwh: float, hours: float) -> float:
    """``λ1 c1 + λ2 c2`` of one scenario, from their definitions."""
    power, residual, state = walk(negotiator, demand_kw, soc_kwh, hours)
    b = negotiator.battery
    charge, discharge = (1.0, 1.0) if b is None else (b.charge_efficiency, b.discharge_efficiency)
    g = state[0] - state[-1]
    flexibility = power.sum() * hours + (g / charge if g >= 0 else g * discharge)
    return float(negotiator.weights[0] * flexibility + negotiator.weights[1] * np.abs(residual).sum() * hours)


def priced_cost(negotiator: Negotiator, demand_kw, soc_kwh: float, hours: float, first: int) -> float:
    """The same for any criteria, from their rates."""
    power, residual, state = walk(negotiator, demand_kw, soc_kwh, hours)
    rates = negotiator.rates(first, len(demand_kw))
    g = state[0] - state[-1]
    return float(
        hours
        * (
            rates.charged * np.maximum(power, 0)
            + rates.discharged * np.maximum(-power, 0)
            + rates.imported * np.maximum(residual, 0)
            + rates.exported * np.maximum(-residual, 0)
        ).sum()
        + (rates.short * g if g >= 0 else rates.spare * g)
    )


def loaned(demand_kw, quantity_wh: int, offset: int, hours: float):
    """Net demand with a loan."""
    changed = np.array(demand_kw, dtype=float)
    changed[0] += quantity_wh / 1000 / hours
    changed[offset] -= quantity_wh / 1000 / hours
    return changed


def play(table: Table, grid: ContractGrid, rules: Rules) -> Session:
    """Alternating offers, turn by turn, from sorted lists."""
    names = list(zip(grid.quantity_wh.tolist(), grid.offset.tolist(), strict=True))
    position = {name: at for at, name in enumerate(names)}
    spaces, plans, wishes, floors = (table.first, table.second), [], [], []
    for side, space in enumerate(spaces):
        own = [at for at in range(len(names)) if table.feasible[at if side == 0 else mirror(at, names, position)]]
        wish = float(np.quantile(space.utility[own], table.aspirations[side]))
        floor = space.no_deal + MARGIN if rules.floor else -np.inf
        order = sorted(own, key=lambda at: (-space.utility[at], abs(names[at][0]), names[at][1], -names[at][0]))
        plans.append([at for at in order if space.utility[at] >= wish and space.utility[at] > floor])
        wishes.append(wish)
        floors.append(floor)
    passed = [False, False]
    for turn in range(rules.deadline):
        side = turn % 2
        if not plans[side]:
            passed[side] = True
            if all(passed):
                return Session(None, None, turn + 1)
            continue
        offered = plans[side].pop(0)
        heard = mirror(offered, names, position)
        utility = spaces[1 - side].utility[heard]
        if utility > wishes[1 - side] and utility > floors[1 - side]:
            return Session(offered if side == 0 else heard, side, turn + 1)
    return Session(None, None, rules.deadline)


def mirror(at: int, names, position) -> int:
    """The same loan as the other side names it."""
    quantity, offset = names[at]
    return position[-quantity, offset]
