"""A decision written down: accepted energies, binding limits, and every reduction with the violation before and after."""

import numpy as np

from gridpact.exchange.acceptance._room import Room
from gridpact.exchange.acceptance._search import Found
from gridpact.exchange.acceptance.case import UNLIMITED, Acceptance, Case, Policy, Reduction
from gridpact.exchange.acceptance.network import Network, is_clean, worst
from gridpact.units import FloatArray, IntArray, payment


def record(
    network: Network, case: Case, policy: Policy, found: Found, planned: FloatArray, goal: FloatArray
) -> Acceptance:
    """The decision that comes of the cuts that were found.

    Parameters
    ----------
    network, case, policy
        What was decided on, and how.
    found
        Cuts, what they do, and the excess ``[limit]`` that AC power flow finds for them.
    planned
        The excess with every order, ``[limit]``.
    goal
        How far each limit may be passed, ``[limit]``.
    """
    room, cuts = found.room, found.cuts
    sold_less, bought_less = room.per_member(cuts)
    raised, lowered = np.minimum(sold_less, room.up_wh), np.minimum(bought_less, room.down_wh)
    net_wh = room.planned_wh + raised - lowered
    orders = room.order >= 0
    return Acceptance(
        energy_wh=case.orders.energy_wh - cuts[orders],
        net_wh=net_wh,
        lowest_wh=np.where(raised > 0, net_wh, -UNLIMITED),
        highest_wh=np.where(lowered > 0, net_wh, UNLIMITED),
        reductions=_reductions(network, case, policy, found, planned, goal),
        before=network.violations(planned),
        after=network.violations(found.excess),
        forgone_wh=raised + lowered,
        curtailed_wh=int(cuts.sum()),
        welfare_lost=welfare_lost(room, case, cuts),
    )


def welfare_lost(room: Room, case: Case, cuts: IntArray) -> int:
    """What the cuts cost, micro-units: gains of trade, sun that earns nothing, and uses moved without a trade."""
    orders = room.order >= 0
    gain = payment(cuts[orders], case.orders.worth - case.orders.cost).sum()
    sold_less, bought_less = room.per_member(cuts)
    of_orders = room.per_member(np.where(orders, cuts, 0))
    curtailed = np.minimum(sold_less, room.up_wh) - np.minimum(sold_less, room.moved_up_wh)
    held_back = sum(
        np.minimum(less, moved) - np.minimum(traded, moved)
        for less, traded, moved in zip(
            (sold_less, bought_less), of_orders, (room.moved_up_wh, room.moved_down_wh), strict=True
        )
    )
    lost = (
        payment(curtailed, case.export_price).sum()
        + payment(np.asarray(held_back), case.import_price - case.export_price).sum()
    )
    return int(gain + lost)


def _reductions(
    network: Network, case: Case, policy: Policy, found: Found, planned: FloatArray, goal: FloatArray
) -> tuple[Reduction, ...]:
    """One a row that is cut, in sequence, each held against the AC power flow before and after it."""
    room, cuts = found.room, found.cuts
    rows = np.flatnonzero(cuts)
    if policy is Policy.LAST_ON_FIRST_OFF:
        rows = rows[np.argsort(-room.placed[rows], kind="stable")]
    excess = np.concatenate([planned[None], _after_each(network, case, room, rows, cuts)])
    scale, everything = network.scale(), np.arange(len(goal))
    violated = np.flatnonzero(planned - goal > 0)
    made = []
    for at, row in enumerate(rows.tolist()):
        before, after = excess[at], excess[at + 1]
        passed = np.flatnonzero(~is_clean(before[:, None], goal[:, None]))
        among = passed if len(passed) else violated if len(violated) else everything
        limit = worst(before - goal, scale, among)
        reason = network.describe(limit, float(before[limit]))
        solved = np.isfinite([before[limit], after[limit]]).all()
        made.append(
            Reduction(
                order=int(room.order[row]),
                seller=int(room.seller[row]),
                buyer=int(room.buyer[row]),
                from_wh=int(room.energy_wh[row]),
                to_wh=int(room.energy_wh[row] - cuts[row]),
                reason=reason,
                before=reason.value,
                after=network.describe(limit, float(after[limit])).value if solved else float("nan"),
            )
        )
    return tuple(made)


def _after_each(network: Network, case: Case, room: Room, rows: IntArray, cuts: IntArray) -> FloatArray:
    """Excess after each of the cuts in sequence, ``[cut, limit]``."""
    members = len(room.planned_wh)
    less = np.zeros((2, len(rows), members), dtype=np.int64)
    for side, member in enumerate((room.seller[rows], room.buyer[rows])):
        named = np.flatnonzero(member >= 0)
        less[side, named, member[named]] = cuts[rows[named]]
    sold_less, bought_less = less.cumsum(axis=1)
    return network.excess_wh(room.net_of(sold_less, bought_less), case.q_kvar, case.hours)
