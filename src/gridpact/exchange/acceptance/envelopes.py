"""Operating envelopes: import and export limits, published before bidding; use inside them is safe by AC power flow.

The range of a member goes from its largest injection to its largest withdrawal; all ranges together are a box. Along a radial
feeder the extremes of every voltage and every current lie at corners of the box: everybody injects, everybody withdraws, and,
since a current also depends on the voltage, what lies beyond one branch does the one and the rest the other. The three phases
may go different ways. All of these corners are solved; the level of each interval falls until all of them are clean.
Corners that mix members of one phase are not solved: where lines of different R/X follow each other they can be worse.

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
from gridpact.grid import linear_model
from gridpact.units import BoolArray, FloatArray, IntArray

HALVINGS = 12
"""Of the level: it is found to 1/4096 of the widest range."""
CLOSE = 0.3
"""Of a rating: branches further from their limit at the two main corners are safe at the mixed ones."""
SHRINK = 0.98
"""By how much both levels fall while a mixed corner is violated."""
MOST_SHRINKS = 400


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
    injecting, drawing = box.corner(draws=False), box.corner(draws=True)
    level = np.stack([box.largest(injecting), box.largest(drawing)])
    mixed = box.mixed_corners(level)
    failing = np.arange(base_kw.shape[1])
    for _ in range(MOST_SHRINKS):
        failing = failing[~box.is_safe(mixed, level, failing)]
        if not len(failing):
            break
        level[:, failing] *= SHRINK
    level[:, failing] = 0.0
    own = box.own.copy()
    own[failing] = np.maximum(own[failing], box.without_use(mixed, failing))
    return Envelopes(
        Limits(*box.ranges(level, np.arange(base_kw.shape[1]))),
        own=tuple(network.violations(excess) for excess in own),
    )


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
        self.network, self.allocation, self.base_kw, self.q_kvar = network, allocation, base_kw, q_kvar
        self.most = most_export_kw, most_import_kw
        self._downstream = linear_model(network.feeder).downstream
        everywhere = np.arange(base_kw.shape[1])
        self.own = self.without_use(self.mixed_corners(np.zeros((2, len(everywhere)))), everywhere)
        self._allowed = np.where(np.isfinite(self.own), np.maximum(self.own, 0.0), 0.0)

    def without_use(self, corners: BoolArray, at: IntArray) -> FloatArray:
        """The largest excess at these corners of what is left at level 0, any part of base load, ``[len(at), limit]``."""
        lowest, highest = (edge.T for edge in self.ranges(np.zeros((2, len(at))), at))
        found = np.full((len(at), self.network.limits), -np.inf)
        for corner in corners:
            np.maximum(found, self.network.excess(np.where(corner, highest, lowest), self.q_kvar.T[at]), out=found)
        return found

    def ranges(self, level: FloatArray, at: IntArray) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest net demand at a level ``[2, len(at)]`` in the intervals ``at``, each ``[member, len(at)]``."""
        (injected, drawn) = (self._shared(most, of) for most, of in zip(self.most, level, strict=True))
        return -injected, self.base_kw[:, at] + drawn

    def _shared(self, most: FloatArray, level: FloatArray) -> FloatArray:
        if self.allocation is Allocation.EQUAL:
            return np.asarray(np.minimum(level * most.max(initial=0.0), most[:, None]))
        return np.asarray(level * most[:, None])

    def corner(self, *, draws: bool) -> BoolArray:
        """The corner at which everybody does the same, ``[1, member]``."""
        return np.full((1, self.network.members), draws)

    def largest(self, corner: BoolArray) -> FloatArray:
        """The largest level of each interval at which this corner is safe, ``[interval]``; 0 where none is."""
        intervals = self.base_kw.shape[1]
        low, high = np.zeros(intervals), np.ones(intervals)
        open_at = np.flatnonzero(~self.is_safe(corner, np.stack([high, high]), np.arange(intervals)))
        low[np.setdiff1d(np.arange(intervals), open_at)] = 1.0
        for _ in range(HALVINGS):
            if not len(open_at):
                break
            middle = (low[open_at] + high[open_at]) / 2
            safe = self.is_safe(corner, np.stack([middle, middle]), open_at)
            low[open_at], high[open_at] = np.where(safe, middle, low[open_at]), np.where(safe, high[open_at], middle)
        return low

    def is_safe(self, corners: BoolArray, level: FloatArray, at: IntArray) -> BoolArray:
        """In which of the intervals ``at`` every corner ``[corner, member]`` is safe, ``[len(at)]``.

        ``level`` covers all intervals, or just these.
        """
        if level.shape[1] != len(at):
            level = level[:, at]
        lowest, highest = (edge.T for edge in self.ranges(level, at))
        q_kvar, allowed = self.q_kvar.T[at], self._allowed[at]
        safe = np.ones(len(at), dtype=np.bool_)
        for corner in corners:
            rest = np.flatnonzero(safe)
            if not len(rest):
                break
            net_kw = np.where(corner, highest[rest], lowest[rest])
            safe[rest] = is_clean(self.network.excess(net_kw, q_kvar[rest]), allowed[rest])
        return safe

    def mixed_corners(self, level: FloatArray) -> BoolArray:
        """Corners at which not everybody does the same, and the two main ones, ``[corner, member]``.

        Where members are on single phases: every way in which the phases may differ. Beyond each branch whose loading comes
        near its limit at one of the main corners: the one there, the other elsewhere.
        """
        share = self.network.share
        kinds = [np.ones(len(share), dtype=np.bool_)]
        if share.ndim == 3:
            by_phase = share.sum(axis=1) > 0
            kinds = [by_phase.all(axis=1), *(by_phase[:, phase] & ~by_phase.all(axis=1) for phase in range(3))]
        kinds = [kind for kind in kinds if kind.any()]
        ways = np.array(list(product((False, True), repeat=len(kinds))))
        patterns = (ways @ np.array(kinds, dtype=np.int64)) > 0
        beyond = (share.reshape(*share.shape[:2], -1).sum(axis=2) @ self._downstream.T) > 0.5
        split = [patterns ^ beyond[:, branch] for branch in np.flatnonzero(self._near(level))]
        return np.unique(np.concatenate([patterns, *split]), axis=0)

    def _near(self, level: FloatArray) -> BoolArray:
        """Which branches come near their limit at a main corner in any interval, ``[branch]``."""
        branches, limit = len(self.network.feeder.branch_names), self.network.feeder.loading_limit
        at = np.arange(self.base_kw.shape[1])
        highest = np.full(branches, -np.inf)
        for net_kw in self.ranges(level, at):
            found = self.network.excess(net_kw.T, self.q_kvar.T)[:, -branches:]
            highest = np.maximum(highest, np.where(np.isfinite(found), found, -np.inf).max(axis=0, initial=-np.inf))
        return np.asarray(highest > -CLOSE * limit)


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
