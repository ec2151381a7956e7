"""DSO acceptance: which orders of an interval are accepted, so that the network is clean or no worse than without any trade."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import count

import numpy as np

from gridpact.errors import InputError, PowerFlowError
from gridpact.exchange.acceptance._program import least_cuts
from gridpact.exchange.acceptance._record import record
from gridpact.exchange.acceptance._room import Room, who_relieves
from gridpact.exchange.acceptance._search import Found, first_clean, last_first, pro_rata
from gridpact.exchange.acceptance.case import UNLIMITED, Acceptance, Case, Policy, Reduction
from gridpact.exchange.acceptance.legs import FLOAT
from gridpact.exchange.acceptance.network import OTHER_LEG, Network, is_clean
from gridpact.units import BoolArray, FloatArray, IntArray, payment, to_kwh

MARGIN = 1e-3
"""Of the common scale (half the voltage band, the loading limit): what is kept free of a limit, since meters round to a Wh."""

STEPS = 8
"""On the way from everything cut to no trade at all."""


def accept(network: Network, case: Case, policy: Policy | str, *, retail: bool = True) -> Acceptance:
    """Decide on the orders of one interval.

    Parameters
    ----------
    network
        The feeder and who is connected where.
    case
        The orders and the physical use behind them.
    policy
        Which orders give way while a limit is passed.
    retail
        Whether what members sell to their suppliers gives way, too, and so the network's own violations are relieved as far as
        that goes. If not, only what trade adds is relieved, and only by orders.

    Returns
    -------
    Acceptance
        No limit is passed that the network without any trade keeps, and none is passed further, by AC power flow; where the
        power flow without trade has no solution, the accepted set is clean or nothing is accepted.

    Raises
    ------
    InputError
        If the policy is unknown, or the case has another number of members than the network.

    Examples
    --------
    A battery discharges 9 kWh for a neighbour at the head, over a line of 0.2 Ω that carries 9 A; without the trade it would
    stand still. At 9 A the head takes √3 · 400 V · 9 A = 6235 W and the line loses 3 · (9 A)² · 0.2 Ω = 49 W; a
    thousandth of the rating is kept free.

    >>> from gridpact.exchange.acceptance.example import two_buses
    >>> network, case = two_buses(sold_wh=9_000)
    >>> accepted = accept(network, case, "pro-rata")
    >>> accepted.energy_wh, accepted.after
    (array([6277]), ())
    >>> print(accepted.reductions[0].reason)
    OVERLOAD(line, 142.7 %)
    """
    return accept_each(network, [case], policy, retail=retail)[0]


def accept_each(
    network: Network, cases: Sequence[Case], policy: Policy | str, *, retail: bool = True
) -> list[Acceptance]:
    """Decide on intervals that do not depend on each other; the power flows with all orders are one batch.

    Parameters, results and errors as for `accept`.
    """
    chosen = _policy(policy)
    for case in cases:
        if len(case.q_kvar) != network.members:
            found = f"a case of {len(case.q_kvar)} members"
            raise InputError(found, accepted=f"{network.members}, as the network has")
    if not cases:
        return []
    planned, reference = (
        network.excess(
            np.array([to_kwh(getattr(case.uses, name)) / case.hours for case in cases]),
            np.array([case.q_kvar for case in cases]),
        )
        for name in ("planned_wh", "reference_wh")
    )
    return [
        _Decision(network, case, chosen, retail, planned[at], reference[at]).decide() for at, case in enumerate(cases)
    ]


def accept_together(
    network: Network, cases: Sequence[Case], legs: Sequence[IntArray], policy: Policy | str, *, retail: bool = True
) -> list[Acceptance]:
    """Decide on intervals whose orders are tied by legs: what cuts one leg of a loan scales the others.

    Parameters
    ----------
    network, cases, policy, retail
        As for `accept_each`.
    legs
        For each case the leg of every order, ``[order]``, −1 for an order on its own; see `gridpact.markets.Trades`.

    Returns
    -------
    One a case. Orders of the same leg keep the same share of their energy, rounded down to the Wh.

    Notes
    -----
    What is cut here may change what is decided there, so intervals are decided again until nothing moves. Energies only fall.
    After as many rounds as there are cases, a loan that is still cut is not accepted at all, so that it comes to an end.
    """
    decided = accept_each(network, cases, policy, retail=retail)
    loans = max((int(leg.max(initial=-1)) for leg in legs), default=-1) + 1
    if not loans:
        return decided
    current, share = list(cases), np.ones(loans)
    for attempt in count():
        before = share.copy()
        for leg, result, offered, case in zip(legs, decided, current, cases, strict=True):
            cut = (leg >= 0) & (result.energy_wh < offered.orders.energy_wh)
            np.minimum.at(share, leg[cut], result.energy_wh[cut] / case.orders.energy_wh[cut])
        if attempt > len(cases):
            share[share < before] = 0.0
        moved = []
        for at, (leg, result, case) in enumerate(zip(legs, decided, cases, strict=True)):
            kept = np.floor(case.orders.energy_wh * share[np.maximum(leg, 0)] * (1 + FLOAT)).astype(np.int64)
            tied = leg >= 0
            if (kept < result.energy_wh)[tied].any():
                current[at] = case.scaled(np.where(tied, kept, case.orders.energy_wh))
                moved.append(at)
        if not moved:
            break
        again = accept_each(network, [current[at] for at in moved], policy, retail=retail)
        for at, result in zip(moved, again, strict=True):
            decided[at] = result
    return [_with_scaled_legs(*each) for each in zip(cases, current, decided, strict=True)]


def _with_scaled_legs(case: Case, offered: Case, decided: Acceptance) -> Acceptance:
    """The decision on what was left of an interval's orders, with what their other legs took from them before."""
    whole, left = case.orders.energy_wh, offered.orders.energy_wh
    scaled = tuple(
        Reduction(
            order=row,
            seller=int(case.orders.seller[row]),
            buyer=int(case.orders.buyer[row]),
            from_wh=int(whole[row]),
            to_wh=int(left[row]),
            reason=OTHER_LEG,
            before=OTHER_LEG.value,
            after=OTHER_LEG.value,
        )
        for row in np.flatnonzero(left < whole).tolist()
    )
    lost = payment(whole - left, case.orders.worth - case.orders.cost).sum()
    return replace(
        decided,
        reductions=scaled + decided.reductions,
        forgone_wh=decided.forgone_wh + np.abs(offered.uses.planned_wh - case.uses.planned_wh),
        curtailed_wh=decided.curtailed_wh + int((whole - left).sum()),
        welfare_lost=decided.welfare_lost + int(lost),
    )


def _policy(name: Policy | str) -> Policy:
    try:
        return Policy(name)
    except ValueError:
        raise InputError(f"policy {name!r} is unknown", accepted=", ".join(Policy)) from None


@dataclass(frozen=True, eq=False)
class _Choice:
    """What may give way, and for what.

    Attributes
    ----------
    room, candidate
        The rows, and which of them relieve what is violated, ``[row]``.
    relieving
        Of which members a higher, and of which a lower net demand relieves, each ``[member]``.
    goal
        How far each limit may be passed in the end, ``[limit]``.
    """

    room: Room
    candidate: BoolArray
    relieving: tuple[BoolArray, BoolArray]
    goal: FloatArray

    @property
    def most(self) -> IntArray:
        """The most that is cut of each row, ``[row]``."""
        return np.where(self.candidate, self.room.energy_wh, 0)


@dataclass(frozen=True, eq=False)
class _Decision:
    """One interval before the DSO; ``planned`` and ``reference`` are the excesses with every order and without any trade."""

    network: Network
    case: Case
    policy: Policy
    retail: bool
    planned: FloatArray
    reference: FloatArray

    def decide(self) -> Acceptance:
        """Accept everything, or search along the policy's path, or fall back to the network without trade."""
        goal = self.kept_free if self.retail else self.allowed
        if is_clean(self.planned[None], goal)[0]:
            return self._everything()
        slope = self._slope(self._operating_point)
        if slope is None:  # too close to the nose of the curve
            slope = self._slope(self.case.uses.reference_wh)
        if slope is None:
            return self._nothing(goal)
        choice = self._choice(slope, goal)
        if self.retail and choice.candidate.any():
            choice = self._choice(slope, self._within_reach(choice))
        if is_clean(self.planned[None], choice.goal if choice.candidate.any() else self.allowed)[0]:
            return self._everything()  # nothing that could be cut relieves what is left
        found = self._along_policy(choice, slope) if choice.candidate.any() else None
        found = found or self._towards_reference(choice)
        return self._nothing(goal) if found is None else self._recorded(found, choice.goal)

    def _within_reach(self, choice: _Choice) -> FloatArray:
        """Relieve the network's own violations only where cutting everything would: elsewhere they stay as without trade."""
        all_cut = self._solve(choice.room.net_wh(choice.most)[None])[0]
        out_of_reach = ~_within(all_cut, self.kept_free) & (self.allowed > 0)
        return np.where(out_of_reach, self.allowed, self.kept_free)

    @cached_property
    def kept_free(self) -> FloatArray:
        """The excess at which a limit counts as kept: below zero by the margin."""
        return -MARGIN * self.network.scale()

    @cached_property
    def allowed(self) -> FloatArray:
        """How far each limit may be passed: as far as without any trade. Not at all where that has no solution."""
        solved = np.where(np.isfinite(self.reference), self.reference, -np.inf)
        return np.maximum(solved, self.kept_free)

    @property
    def _operating_point(self) -> IntArray:
        uses = self.case.uses
        return uses.planned_wh if self._solved else uses.reference_wh

    @property
    def _solved(self) -> bool:
        return bool(np.isfinite(self.planned).all())

    def _solve(self, net_wh: IntArray) -> FloatArray:
        return self.network.excess_wh(net_wh, self.case.q_kvar, self.case.hours)

    def _slope(self, net_wh: IntArray) -> FloatArray | None:
        """What a Wh of net demand adds to every excess, ``[member, limit]``; None where there is no solution."""
        net_kw = to_kwh(net_wh) / self.case.hours
        try:
            return self.network.sensitivity(net_kw, self.case.q_kvar) * (to_kwh(1) / self.case.hours)
        except PowerFlowError:
            return None

    def _choice(self, slope: FloatArray, goal: FloatArray) -> _Choice:
        """What can be cut, and which rows relieve what passes the goal. Without a solution: all that trade moves."""
        if not self._solved:
            nobody = np.zeros(self.network.members, dtype=np.bool_)
            room = Room.of(self.case, nobody, nobody, retail=self.retail)
            return _Choice(room, room.energy_wh > 0, (nobody, nobody), goal)
        scale = self.network.scale()
        weight = np.where(_within(self.planned, goal), 0.0, (self.planned - goal) / scale) / scale
        relieving = who_relieves(slope, weight)
        room = Room.of(self.case, *relieving, retail=self.retail)
        return _Choice(room, (room.effect(slope) @ weight < 0) & (room.energy_wh > 0), relieving, goal)

    def _along_policy(self, choice: _Choice, slope: FloatArray) -> Found | None:
        """The least cut along the policy's path that reaches the goal; failing that, that is no worse than without trade."""
        room = choice.room
        match self.policy:
            case Policy.LAST_ON_FIRST_OFF:
                path = last_first(choice.most, room.placed)
            case Policy.PRO_RATA:
                path = pro_rata(choice.most)
            case Policy.SENSITIVITY | Policy.MERIT:
                cuts, clean = self._program(choice, slope)
                if clean:
                    return Found(room, cuts, self._solve(room.net_wh(cuts)[None])[0])
                path = pro_rata(choice.most, cuts)
        for goal in (choice.goal, self.allowed):
            found = first_clean(path, room, self._solve, partial(is_clean, allowed=goal))
            if found is not None:
                return found
        return None

    def _program(self, choice: _Choice, slope: FloatArray) -> tuple[IntArray, bool]:
        """The linear programs of `Policy.SENSITIVITY` and `Policy.MERIT`."""
        room = choice.room
        start = np.zeros_like(room.energy_wh), self.planned
        if not self._solved:
            start = room.energy_wh, self.reference
        return least_cuts(
            room,
            choice.candidate,
            np.ones(len(room.energy_wh)) if self.policy is Policy.SENSITIVITY else room.welfare(self.case),
            start,
            (choice.goal, self.network.scale()),
            choice.relieving,
            self._solve,
            lambda net_wh: slope if np.array_equal(net_wh, self._operating_point) else self._slope(net_wh),
            partial(is_clean, allowed=choice.goal),
        )

    def _towards_reference(self, choice: _Choice) -> Found | None:
        """From all candidates cut to no trade at all, without limits on PV: its end is the reference itself."""
        if not np.isfinite(self.reference).all():
            return None
        room, first = choice.room, choice.most
        for share in np.arange(1, STEPS) / STEPS:
            cuts = first + np.ceil(share * (room.energy_wh - first)).astype(np.int64)
            relaxed = room.without_spare(1 - share)
            excess = self._solve(relaxed.net_wh(cuts)[None])
            if is_clean(excess, self.allowed)[0]:
                return Found(relaxed, cuts, excess[0])
        return Found(room.without_spare(0.0), room.energy_wh, self.reference)

    def _everything(self) -> Acceptance:
        uses, orders = self.case.uses, self.case.orders
        nobody = np.full(self.network.members, UNLIMITED)
        return Acceptance(
            energy_wh=orders.energy_wh,
            net_wh=uses.planned_wh,
            lowest_wh=-nobody,
            highest_wh=nobody,
            before=self.network.violations(self.planned),
            after=self.network.violations(self.planned),
            own=self.network.violations(self.reference),
            forgone_wh=np.zeros_like(nobody),
        )

    def _nothing(self, goal: FloatArray) -> Acceptance:
        """Reject every order: nothing can be checked."""
        nobody = np.zeros(self.network.members, dtype=np.bool_)
        room = Room.of(self.case, nobody, nobody, retail=self.retail)
        return self._recorded(Found(room, room.energy_wh, self.reference), goal)

    def _recorded(self, found: Found, goal: FloatArray) -> Acceptance:
        decided = record(self.network, self.case, self.policy, found, self.planned, goal)
        return replace(decided, own=self.network.violations(self.reference))


def _within(excess: FloatArray, goal: FloatArray) -> BoolArray:
    """Which limits are passed no further than a goal, ``[limit]``."""
    return is_clean(excess[:, None], goal[:, None])
