"""What the members place: energies and price bounds, as integers. The only place that reads what is private to them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.outlook import Outlook
from gridpact.units import EXACT_FLOAT, BoolArray, IntArray, to_wh


@dataclass(frozen=True, eq=False)
class IntervalMarket:
    """The bids of one interval, by side.

    Attributes
    ----------
    interval
        Position in the horizon.
    buyer, seller
        Positions of the members, ``[B]`` and ``[S]``.
    demand_wh, supply_wh
        What they want and offer, ``[B]`` and ``[S]``, positive.
    ceiling
        β: the highest price, before charges, that each buyer pays each seller, ``[B, S]``.
    floor
        σ: the lowest price, before charges, at which each seller sells, ``[S]``.
    """

    interval: int
    buyer: IntArray
    seller: IntArray
    demand_wh: IntArray
    supply_wh: IntArray
    ceiling: IntArray
    floor: IntArray

    @property
    def gain(self) -> IntArray:
        """β − σ, micro-units per kWh ``[B, S]``; a pair below 0 has no price that both accept."""
        return self.ceiling - self.floor

    @property
    def energy_wh(self) -> IntArray:
        """The smaller of demand and supply, ``[B, S]``."""
        return np.minimum(self.demand_wh[:, None], self.supply_wh)


@dataclass(frozen=True, eq=False)
class Bids:
    """Energies and price bounds of all members, integers ``[member, interval]``.

    Attributes
    ----------
    demand_wh, supply_wh
        What each member wants and offers, none negative.
    ceiling
        The highest price, before charges, that each member pays a seller without premium, micro-units per kWh.
    floor
        The lowest price, before charges, at which it sells.
    premium
        What a buyer pays more (less, if negative) for the energy of a seller, ``[buyer, seller]``; None if nobody has any.

    Raises
    ------
    InputError
        If shapes differ, numbers are no integers or pass 2^53, an energy is negative, or what all members of an interval might
        gain passes 2^53 Wh times micro-units per kWh.
    """

    demand_wh: IntArray
    supply_wh: IntArray
    ceiling: IntArray
    floor: IntArray
    premium: IntArray | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.demand_wh)
        for name in ("demand_wh", "supply_wh", "ceiling", "floor"):
            self._set(name, getattr(self, name), shape)
        if self.premium is not None:
            self._set("premium", self.premium, shape[:1] * 2)
        for name in ("demand_wh", "supply_wh"):
            _refuse(getattr(self, name) < 0, f"{name} is negative", "energies from 0 up")
        energy = max(int(side.sum(axis=0).max(initial=0)) for side in (self.demand_wh, self.supply_wh))
        dearest = 0 if self.premium is None else int(self.premium.max(initial=0))
        gain = int(self.ceiling.max(initial=0)) + dearest - int(self.floor.min(initial=0))
        if energy * gain >= EXACT_FLOAT:
            found = "energies times prices pass 2^53 in Wh times micro-units per kWh"
            raise InputError(found, place="bids", accepted="smaller energies or prices")

    @classmethod
    def of(cls, outlook: Outlook) -> "Bids":
        """What truthful members place: all that their meters are expected to show, at what it is worth to them.

        Raises
        ------
        InputError
            If a forecast or a wanted share is not a number.
        """
        shape = len(outlook.members), outlook.horizon.periods
        for name, values, expected in (
            ("net_kw", outlook.net_kw, shape),
            ("wanted_share", outlook.wanted_share, shape[:1]),
        ):
            if np.shape(values) != expected:
                raise InputError(f"{name} of shape {np.shape(values)}", place="outlook", accepted=f"{expected}")
            _refuse(~np.isfinite(values), f"{name} is not finite", "numbers", [member.id for member in outlook.members])
        net_wh = to_wh(outlook.net_kw * outlook.horizon.hours)
        value, cost = outlook.tariff.true_values(outlook.wanted_share)
        charges = outlook.charges
        return cls(
            demand_wh=np.maximum(net_wh, 0),
            supply_wh=np.maximum(-net_wh, 0),
            ceiling=value - charges.buy[:, None],
            floor=cost + charges.sell[:, None],
            premium=outlook.premium,
        )

    def markets(self) -> Iterator[IntervalMarket]:
        """The intervals in which somebody buys and somebody sells."""
        wanted, offered = self.demand_wh > 0, self.supply_wh > 0
        for interval in np.flatnonzero(wanted.any(axis=0) & offered.any(axis=0)).tolist():
            buyer, seller = np.flatnonzero(wanted[:, interval]), np.flatnonzero(offered[:, interval])
            ceiling = self.ceiling[buyer, interval, None]
            premium = 0 if self.premium is None else self.premium[np.ix_(buyer, seller)]
            yield IntervalMarket(
                interval=interval,
                buyer=buyer,
                seller=seller,
                demand_wh=self.demand_wh[buyer, interval],
                supply_wh=self.supply_wh[seller, interval],
                ceiling=np.broadcast_to(ceiling + premium, (len(buyer), len(seller))),
                floor=self.floor[seller, interval],
            )

    def _set(self, name: str, given: Any, shape: tuple[int, ...]) -> None:
        values = np.asarray(given)
        if values.shape != shape or len(shape) != 2:
            raise InputError(f"{name} of shape {values.shape}", place="bids", accepted="[member, interval], all alike")
        if values.size and values.dtype.kind not in "iu":
            accepted = "integers: Wh and micro-units, see gridpact.units"
            raise InputError(f"{name} is {values.dtype}", place="bids", accepted=accepted)
        if max(int(values.max(initial=0)), -int(values.min(initial=0))) >= EXACT_FLOAT:
            raise InputError(f"{name} passes 2^53", place="bids", accepted="smaller numbers of Wh and micro-units")
        object.__setattr__(self, name, values.astype(np.int64))


def _refuse(wrong: BoolArray, found: str, accepted: str, ids: list[str] | None = None) -> None:
    """Refuse the first wrong cell, naming member and interval."""
    for at in np.argwhere(wrong)[:1].tolist():
        member = repr(ids[at[0]]) if ids else at[0]
        raise InputError(
            found, place=", ".join([f"member {member}", *(f"interval {t}" for t in at[1:])]), accepted=accepted
        )
