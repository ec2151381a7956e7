"""Multi contracts: each member trades with as many others as it likes, so the best outcome is a flow of largest total gain."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gridpact.errors import InputError
from gridpact.markets.assignment import _network_simplex
from gridpact.markets.assignment.payoffs import Payoffs
from gridpact.units import EXACT_FLOAT, BoolArray, FloatArray, IntArray

RESIDUE = 2.0**-40
"""Energies below this share of the largest are residues of floating point; there are none among whole numbers."""

TOLERANCE = 2.0**-44
"""Dual prices may miss by this share of the largest gain; whole gains are met exactly."""


@dataclass(frozen=True, eq=False)
class Links:
    """A market as a list of the pairs that may trade; columns ``[link]``, arrays ``[B]`` and ``[S]``.

    Attributes
    ----------
    buyer, seller
        Positions of the two ends.
    gain
        g: what a kWh of this seller is worth to this buyer beyond its cost. Links of 0 or less and of −inf are never used.
    demand, supply
        Energy that each buyer wants and each seller offers, not negative. Members without energy take no part.
    limit
        F: largest energy of each link, inf or None without one. Where the ends' own energies are no larger, it is none.

    Raises
    ------
    InputError
        If shapes differ, an end is no member, an energy or a limit is negative, a number is NaN, or a gain or an energy is
        infinite.
    """

    buyer: IntArray
    seller: IntArray
    gain: FloatArray
    demand: FloatArray
    supply: FloatArray
    limit: FloatArray | None = None

    def __post_init__(self) -> None:
        links = len(np.atleast_1d(self.buyer))
        for name, length in (("buyer", links), ("seller", links), ("gain", links), ("demand", None), ("supply", None)):
            self._set(name, getattr(self, name), length)
        if self.limit is not None:
            self._set("limit", self.limit, links)
            self._refuse("limit", ~(self.limit >= 0), "from 0 up, inf for none")
        for name in ("demand", "supply"):
            energy = getattr(self, name)
            self._refuse(name, ~((energy >= 0) & (energy < np.inf)), "finite energies from 0 up")
        self._refuse("gain", ~(self.gain < np.inf), "finite numbers, or -inf for a pair that cannot trade")
        for name, members in (("buyer", len(self.demand)), ("seller", len(self.supply))):
            end = getattr(self, name)
            self._refuse(name, (end < 0) | (end >= members), f"positions from 0 to {members - 1}")

    @classmethod
    def dense(
        cls, gain: npt.ArrayLike, demand: npt.ArrayLike, supply: npt.ArrayLike, limit: npt.ArrayLike | None = None
    ) -> "Links":
        """A market of all pairs.

        Parameters
        ----------
        gain, limit
            Matrices ``[B, S]``.
        demand, supply
            Energies ``[B]`` and ``[S]``.

        Raises
        ------
        InputError
            As above.

        Examples
        --------
        >>> Links.dense([[3, 0], [2, 1]], demand=[1, 1], supply=[1, 1]).seller
        array([0, 0, 1])
        """
        wanted, offered = np.atleast_1d(demand), np.atleast_1d(supply)
        matrix = np.asarray(gain, dtype=np.float64)
        shape = len(wanted), len(offered)
        limits = np.full(shape, np.inf) if limit is None else np.asarray(limit, dtype=np.float64)
        for name, given in (("gain", matrix), ("limit", limits)):
            if given.shape != shape:
                raise InputError(f"{name} of shape {given.shape}", place="links", accepted=f"a matrix of {shape}")
        buyer, seller = np.nonzero(~(matrix <= 0))
        bounds = None if limit is None else limits[buyer, seller]
        return cls(buyer, seller, matrix[buyer, seller], wanted, offered, bounds)

    @cached_property
    def bound(self) -> FloatArray:
        """F where it can bind, else inf, ``[link]``."""
        if self.limit is None:
            return np.full(len(self.gain), np.inf)
        return np.where(self.limit < self._energies, self.limit, np.inf)

    @cached_property
    def capacity(self) -> FloatArray:
        """The most that can flow: limit, demand and supply together, ``[link]``."""
        return np.minimum(self.bound, self._energies)

    @property
    def _energies(self) -> FloatArray:
        return np.minimum(self.demand[self.buyer], self.supply[self.seller])

    def _set(self, name: str, given: Any, length: int | None) -> None:
        values = np.asarray(given)
        if values.ndim != 1 or length not in (None, len(values)):
            found, accepted = f"{name} of shape {values.shape}", "columns of equal length, one energy a member"
            raise InputError(found, place="links", accepted=accepted)
        whole = name in {"buyer", "seller"}
        if whole and values.size and values.dtype.kind not in "iu":
            raise InputError(f"{name} is {values.dtype}", place="links", accepted="whole numbers")
        object.__setattr__(self, name, values.astype(np.int64 if whole else np.float64))

    def _refuse(self, name: str, wrong: BoolArray, accepted: str) -> None:
        for row in np.flatnonzero(wrong)[:1]:
            raise InputError(f"{name} is {getattr(self, name)[row]}", place=f"links: row {row}", accepted=accepted)


@dataclass(frozen=True, eq=False)
class Flow:
    """An optimal flow and a point of Owen's set.

    Attributes
    ----------
    links
        The market.
    energy
        f: what flows on each link, ``[link]``; integers if all energies and limits are.
    payoffs
        Some optimal dual prices, per kWh. Which ones is not defined; `core_payoffs` chooses.
    total
        v(N), the sum of gains.
    """

    links: Links
    energy: FloatArray
    payoffs: Payoffs
    total: float

    @cached_property
    def residue(self) -> float:
        """Energies up to this are none."""
        links = self.links
        energies = np.concatenate([links.demand, links.supply])
        if _exact(np.concatenate([energies, links.bound[links.bound < np.inf]]), len(energies)):
            return 0.0
        return RESIDUE * float(energies.max(initial=0.0))

    @cached_property
    def idle(self) -> tuple[BoolArray, BoolArray]:
        """Which buyers and which sellers have energy left, or none to begin with."""
        links = self.links
        return self._idle(links.demand, links.buyer), self._idle(links.supply, links.seller)

    @cached_property
    def full(self) -> BoolArray:
        """Which links are used up to a limit that binds."""
        return self.energy >= self.links.bound - self.residue

    def _idle(self, energy: FloatArray, end: IntArray) -> BoolArray:
        left = energy - np.bincount(end, self.energy, len(energy))
        return (left > self.residue) | (energy <= self.residue)

    def rents(self, payoffs: Payoffs) -> FloatArray:
        """What a kWh of a full link earns beyond the payoffs of its ends, z, per kWh ``[link]``; 0 elsewhere."""
        left = self.links.gain - payoffs.buyer[self.links.buyer] - payoffs.seller[self.links.seller]
        return np.where(self.full, np.maximum(left, 0.0), 0.0)

    def member_payoffs(self, payoffs: Payoffs) -> Payoffs:
        """What each member gets in all: d u or e w, and half of the rent of each of its links."""
        half = self.rents(payoffs) * self.energy / 2
        links = self.links
        return Payoffs(
            links.demand * payoffs.buyer + np.bincount(links.buyer, half, len(links.demand)),
            links.supply * payoffs.seller + np.bincount(links.seller, half, len(links.supply)),
        )


def clear_multi(links: Links) -> Flow:
    """Find the flow of largest total gain: a transportation problem.

    Its optimal dual prices, times the energies, are in the core of the game: Owen 1975, *On the core of linear production
    games*, Mathematical Programming 9.

    Parameters
    ----------
    links
        The market.

    Examples
    --------
    Two sellers of 3 and 2 kWh, two buyers of 2 and 4:

    >>> flow = clear_multi(Links.dense([[9, 7], [6, 5]], demand=[2, 4], supply=[3, 2]))
    >>> flow.energy, flow.total
    (array([2., 0., 1., 2.]), 34.0)
    """
    usable = (links.gain > 0) & (links.capacity > 0)
    rows = np.flatnonzero(usable)
    ends, gain = (links.buyer[rows], links.seller[rows]), links.gain[rows]
    is_exact = _exact(gain, len(links.demand) + len(links.supply))
    smallest = 0.0 if is_exact else TOLERANCE * float(gain.max(initial=0.0))
    flow, u, w = _network_simplex.transport(*ends, gain, links.bound[rows], links.demand, links.supply, smallest)
    energy = np.zeros(len(links.gain))
    energy[rows] = flow
    return Flow(links, energy, Payoffs(u, w), float(energy @ np.where(usable, links.gain, 0.0)))


def _exact(values: FloatArray, terms: int) -> bool:
    """Whether all are whole and so small that sums and differences of so many are exact."""
    return bool((values == np.floor(values)).all()) and float(np.abs(values).max(initial=0.0)) * terms < EXACT_FLOAT
