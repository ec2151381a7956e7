"""Operating envelopes: import and export limits, published before bidding; use inside them is safe by AC power flow.

The range of a member goes from its largest injection to its largest withdrawal; all ranges together are a box, and the extremes
of every voltage and every current lie at its corners. Which corners: everybody injects, everybody withdraws, the three phases
one way or another; and from each of these, for each limit that comes near, the corner that AC sensitivities point to, climbed
until no member's change of side adds to the excess. So a current finds what lies beyond its branch doing the one and the rest
the other, and a voltage the members of its own phase that lift it by the neutral. The level of each interval falls until all
of these corners are clean.

A limit obliges nobody to use anything: base load may be there or not, of each member by itself. So the corners between idle and
base load are in every box, at level 0 too. What they violate is the network's own: it is named, and no use of an envelope goes
beyond it.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import product

import numpy as np

from gridpact.energy import Limits
from gridpact.errors import InputError
from gridpact.exchange.acceptance.network import Network, Violation, is_clean
from gridpact.grid.topology import radial_tree
from gridpact.grid.violations import TOLERANCE
from gridpact.units import BoolArray, FloatArray, IntArray

HALVINGS = 12
"""Of the level: it is found to 1/4096 of the widest range."""
CLOSE = 0.3
"""Of a rating, or of half the voltage band: a limit further away at a corner is not climbed from there."""
SPARE = 0.02
"""Of the same: a corner that by its sensitivities stays further away than that is not visited."""
MOST_CLIMBS = 8
"""Steps of a climb; on a network that was linear it would take one."""


EVERYWHERE = slice(None)
"""All intervals."""


class Allocation(StrEnum):
    """How what the network carries is shared: the same kW for everybody, or in proportion to what each could use."""

    EQUAL = "equal"
    PROPORTIONAL = "proportional"


@dataclass(frozen=True, eq=False)
class Envelopes:
    """Published limits, and what stands against them.

    Attributes
    ----------
    limits
        Of every meter, ``[member, interval]``.
    own
        By interval: what is violated with base load alone, or with a part of it, or with nothing at all, before anybody uses an
        envelope. There the envelopes add no more to it.
    """

    limits: Limits
    own: tuple[tuple[Violation, ...], ...]


def publish_envelopes(
    network: Network,
    allocation: Allocation | str,
    base_kw: FloatArray,
    q_kvar: FloatArray,
    most_export_kw: FloatArray,
    most_import_kw: FloatArray,
) -> Envelopes:
    """Import and export limits of every member and interval.

    Parameters
    ----------
    network
        A radial feeder and its members.
    allocation
        ``"equal"``: the same kW of export, and of import beyond base load, for all, no more than each could use;
        ``"proportional"``: the same share of what each could use.
    base_kw
        Forecast base load, which no limit touches, not negative ``[member, interval]``.
    q_kvar
        Forecast reactive power, ``[member, interval]``; it stays, whatever the use.
    most_export_kw
        What each member could inject at most: its PV and its battery, not negative ``[member]``.
    most_import_kw
        What it could draw at most beyond base load: its battery, EV, heater, not negative ``[member]``.

    Raises
    ------
    InputError
        If the allocation is unknown, a number is negative or not finite, shapes do not fit, or the feeder is meshed.

    Examples
    --------
    Behind a line of 9 A at 400 V (6.2 kVA) somebody could inject 10 kW and draw as much.

    >>> from gridpact.exchange.acceptance.example import two_buses
    >>> network, _ = two_buses(sold_wh=0)
    >>> nobody, ten = np.zeros((2, 1)), np.array([10.0, 0.0])
    >>> limits = publish_envelopes(network, "equal", nobody, nobody, ten, ten).limits
    >>> np.round(limits.export_kw[:, 0], 2), np.round(limits.import_kw[:, 0], 2)
    (array([6.28, 0.  ]), array([6.19, 0.  ]))
    """
    box = _Box(network, _allocation(allocation), base_kw, q_kvar, most_export_kw, most_import_kw)
    everywhere = np.ones((2, base_kw.shape[1]))
    injecting, drawing = (box.largest(corner, everywhere)[0] for corner in box.main_corners)
    level = np.stack([injecting, drawing])
    corners, found = box.corners[:0], box.corners
    while len(found) > len(corners):
        corners, level = found, box.largest(found, level)
        found = box.climbed(corners, level)
    own = np.maximum(box.own, box.without_use(corners))
    return Envelopes(Limits(*box.ranges(level)), own=tuple(network.violations(excess) for excess in own))


class _Box:
    """The ranges of all members in every interval, and what the network says at the corners.

    A level is a share of the widest range, ``[2, interval]``: of injection, of withdrawal.
    """

    def __init__(
        self,
        network: Network,
        allocation: Allocation,
        base_kw: FloatArray,
        q_kvar: FloatArray,
        most_export_kw: FloatArray,
        most_import_kw: FloatArray,
    ) -> None:
        _check(network, base_kw, q_kvar, most_export_kw, most_import_kw)
        radial_tree(network.feeder)
        self.network, self.allocation, self.base_kw, self.q_kvar = network, allocation, base_kw, q_kvar
        self.most = most_export_kw, most_import_kw
        nothing = np.zeros((2, base_kw.shape[1]))
        self.main_corners = np.array([[False], [True]]).repeat(network.members, axis=1)[:, None]
        self.corners = self.climbed(_ways(network), nothing)
        self.own = self.without_use(self.corners)
        self._allowed = np.where(np.isfinite(self.own), np.maximum(self.own, 0.0), 0.0)

    def without_use(self, corners: BoolArray) -> FloatArray:
        """The largest excess at these corners of what is left at level 0, any part of base load, ``[interval, limit]``."""
        excess = (self._excess(corner, np.zeros((2, self.base_kw.shape[1]))) for corner in corners)
        return np.asarray(np.maximum.reduce(list(excess)))

    def ranges(self, level: FloatArray, at: IntArray | slice = EVERYWHERE) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest net demand at a level ``[2, len(at)]`` in the intervals ``at``, each ``[member, len(at)]``."""
        (injected, drawn) = (self._shared(most, of) for most, of in zip(self.most, level, strict=True))
        return -injected, self.base_kw[:, at] + drawn

    def _shared(self, most: FloatArray, level: FloatArray) -> FloatArray:
        if self.allocation is Allocation.EQUAL:
            return np.asarray(np.minimum(level * most.max(initial=0.0), most[:, None]))
        return np.asarray(level * most[:, None])

    def _net_kw(self, corner: BoolArray, level: FloatArray, at: IntArray | slice = EVERYWHERE) -> FloatArray:
        lowest, highest = self.ranges(level, at)
        return np.where(corner, highest.T, lowest.T)

    def _excess(self, corner: BoolArray, level: FloatArray, at: IntArray | slice = EVERYWHERE) -> FloatArray:
        """How far a corner ``[member]`` passes every limit, ``[len(at), limit]``; ``level`` is of the intervals ``at``."""
        return self.network.excess(self._net_kw(corner, level, at), self.q_kvar.T[at])

    def largest(self, corners: BoolArray, most: FloatArray) -> FloatArray:
        """Levels ``[2, interval]``: the largest share of ``most`` at which all corners are safe; 0 where none is."""
        intervals = most.shape[1]
        low, high = np.zeros(intervals), np.ones(intervals)
        open_at = np.flatnonzero(~self._is_safe(corners, most, np.arange(intervals)))
        low[np.setdiff1d(np.arange(intervals), open_at)] = 1.0
        for _ in range(HALVINGS):
            if not len(open_at):
                break
            middle = (low[open_at] + high[open_at]) / 2
            safe = self._is_safe(corners, middle * most[:, open_at], open_at)
            low[open_at], high[open_at] = np.where(safe, middle, low[open_at]), np.where(safe, high[open_at], middle)
        return np.asarray(low * most)

    def _is_safe(self, corners: BoolArray, level: FloatArray, at: IntArray) -> BoolArray:
        """In which of the intervals ``at`` all corners ``[corner, member]`` are safe at a level ``[2, len(at)]``."""
        safe = np.ones(len(at), dtype=np.bool_)
        for corner in corners:
            rest = np.flatnonzero(safe)
            if not len(rest):
                break
            safe[rest] = is_clean(self._excess(corner, level[:, rest], at[rest]), self._allowed[at[rest]])
        return safe

    def climbed(self, corners: BoolArray, level: FloatArray) -> BoolArray:
        """These corners, and those that climbs from them lead to, ``[corner, member]``.

        A step goes from a corner, for each limit that comes near there in the interval where it comes nearest, to the side of
        each member that adds to the excess by the sensitivities there; who adds less than the tolerance stays.
        """
        known = {corner.tobytes(): corner for corner in corners}
        fresh = list(known.values())
        near = -CLOSE * self.network.scale()
        for _ in range(MOST_CLIMBS):
            found = [
                step for corner in fresh for step in self._steps(corner, level, near) if step.tobytes() not in known
            ]
            fresh = list({corner.tobytes(): corner for corner in found}.values())
            known |= {corner.tobytes(): corner for corner in fresh}
            if not fresh:
                break
        return np.array(list(known.values()))

    def _steps(self, corner: BoolArray, level: FloatArray, near: FloatArray) -> list[BoolArray]:
        excess = self._excess(corner, level)
        solved = np.isfinite(excess).all(axis=1)
        excess[~solved] = -np.inf
        nearest = excess.argmax(axis=0)
        close = excess[nearest, np.arange(len(nearest))] > near
        steps = []
        for interval in np.unique(nearest[close]):
            at = np.array([interval])
            lowest, highest = self.ranges(level[:, at], at)
            net_kw = self._net_kw(corner, level[:, at], at)[0]
            adds = (self.network.sensitivity(net_kw, self.q_kvar[:, interval]) * (highest - lowest)).T
            gain = np.maximum(np.where(corner, -adds, adds), 0.0).sum(axis=1)
            reached = close & (nearest == interval) & (excess[interval] + gain > near / CLOSE * SPARE)
            steps += list(np.unique(np.where(np.abs(adds[reached]) > TOLERANCE, adds[reached] > 0, corner), axis=0))
        return steps


def _ways(network: Network) -> BoolArray:
    """Everybody injects, everybody withdraws, and where members are on single phases every way in which these may differ."""
    share = network.share
    kinds = [np.ones(len(share), dtype=np.bool_)]
    if share.ndim == 3:
        by_phase = share.sum(axis=1) > 0
        kinds = [by_phase.all(axis=1), *(by_phase[:, phase] & ~by_phase.all(axis=1) for phase in range(3))]
    kinds = [kind for kind in kinds if kind.any()]
    ways = np.array(list(product((False, True), repeat=len(kinds))))
    return np.unique((ways @ np.array(kinds, dtype=np.int64)) > 0, axis=0)


def _allocation(name: Allocation | str) -> Allocation:
    try:
        return Allocation(name)
    except ValueError:
        raise InputError(f"allocation {name!r} is unknown", accepted=", ".join(Allocation)) from None


def _check(network: Network, base_kw: FloatArray, q_kvar: FloatArray, *most: FloatArray) -> None:
    members = network.members
    if base_kw.ndim != 2 or len(base_kw) != members or q_kvar.shape != base_kw.shape:
        found = f"base load of shape {base_kw.shape}, reactive power of shape {q_kvar.shape}"
        raise InputError(found, place="envelopes", accepted=f"({members}, intervals) both")
    for name, values in (("base_kw", base_kw), ("most_export_kw", most[0]), ("most_import_kw", most[1])):
        if name != "base_kw" and values.shape != (members,):
            raise InputError(f"{name} of shape {values.shape}", place="envelopes", accepted=f"({members},)")
        if not (np.isfinite(values) & (values >= 0)).all():
            raise InputError(f"{name} is negative or not finite", place="envelopes", accepted="powers from 0 up")
