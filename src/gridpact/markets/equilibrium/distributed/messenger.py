"""Running the agents over a mailbox, until all of them know that they are done."""

import time

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.equilibrium._infeasible import find_shortfalls
from gridpact.markets.equilibrium.distributed._game import Grid, Links, Members, Units
from gridpact.markets.equilibrium.distributed._operator import Operator
from gridpact.markets.equilibrium.distributed._rows import CHARGE, CURTAIL, DISCHARGE, GENERATE
from gridpact.markets.equilibrium.distributed.agents import OPERATOR, MemberAgent, OperatorAgent
from gridpact.markets.equilibrium.distributed.messages import Message
from gridpact.markets.equilibrium.distributed.tuning import Tuning
from gridpact.markets.equilibrium.errors import InfeasibleError
from gridpact.markets.equilibrium.instance import Allocation, Instance
from gridpact.markets.equilibrium.objectives import Concept
from gridpact.markets.equilibrium.solver import Clearing, History, Multipliers, pair_multipliers
from gridpact.markets.mailbox import Mailbox

MOST_TICKS = 50_000


def clear_by_agents(
    instance: Instance,
    mailbox: Mailbox[Message],
    *,
    tolerance: float = 1e-3,
    concept: Concept = Concept.NASH,
    tuning: Tuning | None = None,
    max_ticks: int | None = None,
) -> Clearing:
    """Clear with a separate agent for each member and one for the operator, who know and hear no more than they must.

    Parameters
    ----------
    instance
        The game; each agent is given its part.
    mailbox
        Carries the messages; an empty one of `Message`, with whatever conditions.
    tolerance
        Of the stopping rule, which the operator applies to what it sees and is told.
    concept
        Nash, Wardrop, or social.
    tuning
        Weights and their schedule.
    max_ticks
        Most ticks of the mailbox's clock; None: 50,000.

    Returns
    -------
    Rounds are the operator's answers; on a perfect network each takes two ticks. The trade of a pair is what each end last
    knew. Bytes are those that each member sent, seconds those of all agents.

    Raises
    ------
    InfeasibleError
        If the ticks are used up and no schedule meets every limit.
    InputError
        If two members, or a member and the operator, have the same name.
    """
    if mailbox.awake or mailbox.round:
        raise InputError("somebody has joined already", place="mailbox", accepted="a new mailbox")
    started, tuning = time.process_time(), tuning or Tuning()
    units = Units.of(instance)
    links, own = Links.of(instance, units), Members.of(instance, units)
    curvature = 2 * concept.weights[1] * instance.d_h * units.kw / units.price
    names = instance.pro_name
    members: dict[str, MemberAgent] = {}
    for position, name in enumerate(names):
        ends = range(links.first[position], links.first[position + 1])
        partners = [names[links.partner[end]] for end in ends if links.twin[end] != end]
        members[name] = MemberAgent(mailbox.join(name), partners, own, links, position, curvature, tuning)
    centre = Operator.of(Grid.of(instance, units, concept), tuning.grid, tuning.bus)
    operator = OperatorAgent(mailbox.join(OPERATOR), names, centre, units, tuning, tolerance)
    agents: dict[str, MemberAgent | OperatorAgent] = {**members, OPERATOR: operator}
    limit = MOST_TICKS if max_ticks is None else max_ticks
    while not all(agent.done for agent in agents.values()) and mailbox.round < limit:
        for name in mailbox.awake:
            agents[name].step()
        mailbox.next_round()
    if not operator.stopped and (shortfalls := find_shortfalls(instance)):
        raise InfeasibleError(shortfalls)
    allocation = _gathered(instance, list(members.values()), links, units)
    sigma = allocation.p_mg.sum(axis=0)
    slope = 2 * concept.weights[0] * instance.d_h * sigma + instance.d_h * instance.base_kw
    return Clearing(
        instance=instance,
        allocation=allocation,
        multipliers=Multipliers(
            bus=centre.bus_price.T * units.price,
            pair=pair_multipliers(instance, allocation.pi),
            head=centre.grid_price * units.price - slope,
        ),
        solver="distributed:agents",
        rounds=operator.rounds,
        converged=operator.stopped,
        seconds=time.process_time() - started,
        bytes_sent=np.array([mailbox.bytes[name] for name in names], dtype=np.float64),
        history=History(*np.array(operator.history).reshape(-1, 4).T),
    )


def _gathered(instance: Instance, members: list[MemberAgent], links: Links, units: Units) -> Allocation:
    """What each member would do and pay, side by side; for whoever checks the outcome."""
    trades = np.concatenate([member.trade for member in members]) * units.kw
    devices = np.concatenate([member.u for member in members]) * units.kw
    return Allocation(
        p_di=devices[:, GENERATE],
        p_ch=devices[:, CHARGE],
        p_ds=devices[:, DISCHARGE],
        p_mg=np.concatenate([member.m for member in members]) * units.kw,
        p_tr=trades[links.forward],
        pi=np.concatenate([member.pi for member in members]) * units.price,
        p_tr_rev=trades[links.twin[links.forward]],
        p_cur=devices[:, CURTAIL],
    )
