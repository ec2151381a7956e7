"""DSO acceptance: which orders of an interval are accepted, so that the network is clean or no worse than without any trade."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from gridpact.errors import InputError, PowerFlowError
from gridpact.exchange.acceptance._program import least_cuts
from gridpact.exchange.acceptance._record import record
from gridpact.exchange.acceptance._room import Room, who_relieves
from gridpact.exchange.acceptance._search import Found, first_clean, last_first, pro_rata
from gridpact.exchange.acceptance.case import UNLIMITED, Acceptance, Case, Policy
from gridpact.exchange.acceptance.network import Network, is_clean
from gridpact.units import BoolArray, FloatArray, IntArray, to_kwh

MARGIN = 1e-3
"""Of the common scale (half the voltage band, the loading limit): what is kept free of a limit, since meters round to a Wh."""


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
    stand still. The head takes √3 · 400 V · 9 A = 6235 W of it, and the line loses 3 · (9 A)² · 0.2 Ω = 48.6 W.

    >>> from gridpact.exchange.acceptance.example import two_buses
    >>> network, case = two_buses(sold_wh=9_000)
    >>> accepted = accept(network, case, "pro-rata")
    >>> accepted.energy_wh, accepted.after
    (array([6283]), ())
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
    What is cut here may change what is decided there, so intervals are decided again until nothing moves. Energies only fall;
    a leg that still moves after so many rounds as there are cases, plus two, is not accepted at all.
    """
    decided = accept_each(network, cases, policy, retail=retail)
    count = max((int(leg.max(initial=-1)) for leg in legs), default=-1) + 1
    if not count:
        return decided
    whole = [case.orders.energy_wh for case in cases]
    current = list(cases)
    for attempt in range(len(cases) + 3):
        share = np.ones(count)
        for leg, result, energy in zip(legs, decided, whole, strict=True):
            tied = leg >= 0
            np.minimum.at(share, leg[tied], result.energy_wh[tied] / np.maximum(energy[tied], 1))
        moved = []
        for at, (leg, result, energy) in enumerate(zip(legs, decided, whole, strict=True)):
            kept = np.floor(energy * share[np.maximum(leg, 0)] * (1 + 1e-12)).astype(np.int64)
            if attempt > len(cases) + 1:
                kept = np.zeros_like(kept)
            wanted = np.where(leg >= 0, np.minimum(kept, result.energy_wh), current[at].orders.energy_wh)
            if (wanted[leg >= 0] < result.energy_wh[leg >= 0]).any():
                current[at] = cases[at].scaled(wanted)
                moved.append(at)
        if not moved:
            break
        for at, result in zip(
            moved, accept_each(network, [current[at] for at in moved], policy, retail=retail), strict=True
        ):
            decided[at] = result
    return decided


def _policy(name: Policy | str) -> Policy:
    try:
        return Policy(name)
    except ValueError:
        raise InputError(f"policy {name!r} is unknown", accepted=", ".join(Policy)) from None


@dataclass
class _Decision:
    """One interval being decided."""

    network: Network
    case: Case
    policy: Policy
    retail: bool
    planned: FloatArray
    reference: FloatArray

    def decide(self) -> Acceptance:
        """Accept everything, or search along the policy's path, or fall back to the network without trade."""
        self.goal = self.kept_free if self.retail else self.allowed
        if is_clean(self.planned[None], self.goal)[0]:
            return self._everything()
        slope = self._slope(self._operating_point)
        if slope is None:  # too close to the nose of the curve
            slope = self._slope(self.case.uses.reference_wh)
        if slope is None:
            return self._nothing()
        room, candidate = self._room(slope)
        if self.retail:
            all_cut = self._solve(room.net_wh(np.where(candidate, room.energy_wh, 0))[None])[0]
            out_of_reach = ~_within(all_cut, self.kept_free) & (self.allowed > 0)
            self.goal = np.where(out_of_reach, self.allowed, self.kept_free)
            if is_clean(self.planned[None], self.goal)[0]:
                return self._everything()
            room, candidate = self._room(slope)
        found = self._along_policy(room, candidate, slope) or self._towards_reference(room, candidate)
        if found is None:
            return self._nothing()
        return self._recorded(found)

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

    def _room(self, slope: FloatArray) -> tuple[Room, BoolArray]:
        """What can be cut, and which rows relieve what is violated. Without a solution: all that trade moves."""
        if not self._solved:
            nobody = np.zeros(self.network.members, dtype=np.bool_)
            room = Room.of(self.case, nobody, nobody, retail=self.retail)
            self.relieving = nobody, nobody
            return room, room.energy_wh > 0
        scale = self.network.scale()
        weight = np.where(_within(self.planned, self.goal), 0.0, (self.planned - self.goal) / scale) / scale
        self.relieving = who_relieves(slope, weight)
        room = Room.of(self.case, *self.relieving, retail=self.retail)
        return room, (room.effect(slope) @ weight < 0) & (room.energy_wh > 0)

    def _along_policy(self, room: Room, candidate: BoolArray, slope: FloatArray) -> Found | None:
        """The least cut along the policy's path that reaches the goal; failing that, that is no worse than without trade."""
        most = np.where(candidate, room.energy_wh, 0)
        match self.policy:
            case Policy.LAST_ON_FIRST_OFF:
                path = last_first(most, room.placed)
            case Policy.PRO_RATA:
                path = pro_rata(most)
            case Policy.SENSITIVITY | Policy.MERIT:
                cuts, clean = self._program(room, candidate, slope)
                if clean:
                    return Found(room, cuts, self._solve(room.net_wh(cuts)[None])[0])
                path = pro_rata(most, cuts)
        for goal in (self.goal, self.allowed):
            found = first_clean(path, room, self._solve, partial(is_clean, allowed=goal))
            if found is not None:
                return found
        return None

    def _program(self, room: Room, candidate: BoolArray, slope: FloatArray) -> tuple[IntArray, bool]:
        """The linear programs of `Policy.SENSITIVITY` and `Policy.MERIT`."""
        start = np.zeros_like(room.energy_wh), self.planned
        if not self._solved:
            start = room.energy_wh, self.reference
        return least_cuts(
            room,
            candidate,
            np.ones(len(room.energy_wh)) if self.policy is Policy.SENSITIVITY else room.welfare(self.case),
            start,
            (self.goal, self.network.scale()),
            self.relieving,
            self._solve,
            lambda net_wh: slope if np.array_equal(net_wh, self._operating_point) else self._slope(net_wh),
            partial(is_clean, allowed=self.goal),
        )

    def _towards_reference(self, room: Room, candidate: BoolArray) -> Found | None:
        """From all candidates cut to no trade at all, without limits on PV: its end is the reference itself."""
        if not np.isfinite(self.reference).all():
            return None
        first = np.where(candidate, room.energy_wh, 0)
        for step in range(1, 9):
            share = step / 8
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

    def _nothing(self) -> Acceptance:
        """Reject every order: nothing can be checked."""
        nobody = np.zeros(self.network.members, dtype=np.bool_)
        room = Room.of(self.case, nobody, nobody, retail=self.retail)
        return self._recorded(Found(room, room.energy_wh, self.reference))

    def _recorded(self, found: Found) -> Acceptance:
        decided = record(self.network, self.case, self.policy, found, self.planned, self.goal)
        return replace(decided, own=self.network.violations(self.reference))


def _within(excess: FloatArray, goal: FloatArray) -> BoolArray:
    """Which limits are passed no further than a goal, ``[limit]``."""
    return is_clean(excess[:, None], goal[:, None])
