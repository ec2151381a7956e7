"""The community as a whole: members on a feeder under a tariff, with their measured profiles."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gridpact.community.member import Member
from gridpact.community.premiums import PairPremiums, check_carbon, seller_premiums
from gridpact.community.tariff import Tariff, TradeCharges
from gridpact.errors import InputError
from gridpact.grid import Feeder
from gridpact.horizon import Horizon
from gridpact.units import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Profiles:
    """Measured behaviour of the members before batteries and trade; arrays ``[member, interval]``.

    Attributes
    ----------
    load_kw
        Consumption, not negative.
    pv_kw
        Own generation, not negative.
    q_kvar
        Reactive power drawn (inductive positive).
    hot_water_kw
        Heat drawn from the tanks of water heaters with the water, above the cold inlet; None: none. The electricity of a water
        heater follows from it and is not part of the load.
    """

    load_kw: FloatArray
    pv_kw: FloatArray
    q_kvar: FloatArray
    hot_water_kw: FloatArray | None = None

    def __post_init__(self) -> None:
        for name in ("load_kw", "pv_kw", "q_kvar", "hot_water_kw"):
            values = getattr(self, name)
            if values is None:
                continue
            if values.shape != self.load_kw.shape:
                raise ValueError(f"{name} has shape {values.shape}, load_kw {self.load_kw.shape}")
            if not np.isfinite(values).all():
                raise ValueError(f"{name} has values that are not finite")
            values.flags.writeable = False

    @property
    def net_kw(self) -> FloatArray:
        """Load minus PV: net demand before batteries, + = consumption."""
        return self.load_kw - self.pv_kw


@dataclass(frozen=True, eq=False)
class Community:
    """Members on one feeder under one tariff, with their measured profiles.

    Members stand in the order of their ids; this order is the member axis of every array. ``pair_premiums`` are what buyers
    state for single sellers, beside the preferences that members have.
    """

    name: str
    currency: str
    time_zone: str
    horizon: Horizon
    members: tuple[Member, ...]
    feeder: Feeder
    tariff: Tariff
    profiles: Profiles
    pair_premiums: PairPremiums | None = None

    def __post_init__(self) -> None:
        ids = [member.id for member in self.members]
        if ids != sorted(set(ids)):
            raise ValueError("members must be sorted by id, each id once")
        if self.profiles.load_kw.shape != (len(ids), self.horizon.periods):
            raise ValueError(
                f"profiles have shape {self.profiles.load_kw.shape}, expected {(len(ids), self.horizon.periods)}"
            )
        if self.tariff.import_price.shape != (self.horizon.periods,):
            raise ValueError("the tariff does not cover the horizon")
        for member in self.members:
            if member.zone not in self.tariff.network_charge:
                raise InputError(
                    f"zone {member.zone!r} has no network charge",
                    place=f"member {member.id}",
                    accepted="a zone of [tariff.network_charge]",
                )
        if self.pair_premiums and not self.pair_premiums.within(len(ids)):
            raise ValueError(f"premiums are stated for members beyond the {len(ids)} there are")
        check_carbon(self.members, self.tariff)
        _ = self.member_bus  # an unknown bus is found when the community is built

    @cached_property
    def member_ids(self) -> tuple[str, ...]:
        """Ids in order."""
        return tuple(member.id for member in self.members)

    @cached_property
    def member_bus(self) -> IntArray:
        """Position of each member's bus, shape ``[member]``."""
        position = {name: at for at, name in enumerate(self.feeder.bus_names)}
        return np.array(
            [position[m.bus] if m.bus in position else self.feeder.bus_position(m.bus) for m in self.members],
            dtype=np.int64,
        )

    @cached_property
    def wanted_share(self) -> FloatArray:
        """Each member's `Preferences.wanted_share`, shape ``[member]``."""
        return np.array([member.preferences.wanted_share for member in self.members], dtype=np.float64)

    @cached_property
    def premium(self) -> IntArray | None:
        """What a kWh of each seller is worth to each buyer beyond money, micro-units per kWh ``[buyer, seller]``.

        None if nobody has a preference over sellers. See `gridpact.community.premiums.seller_premiums`.
        """
        return seller_premiums(self.members, self.member_bus, self.feeder, self.tariff, self.pair_premiums)

    @cached_property
    def charges(self) -> TradeCharges:
        """What each member pays per traded kWh, shape ``[member]``."""
        return TradeCharges.of(self.members, self.tariff)

    def at_buses(self, *powers: FloatArray) -> tuple[FloatArray, ...]:
        """Sum up members' powers at their buses.

        Parameters
        ----------
        powers
            Each ``[member, interval]``.

        Returns
        -------
        Each as ``[interval, bus]``, or ``[interval, bus, phase]`` as soon as one member is on a single phase; a member on all
        three puts a third on each.
        """
        return tuple(np.tensordot(power.T, self._share, axes=1) for power in powers)

    @cached_property
    def _share(self) -> FloatArray:
        """What share of each member's power goes where, ``[member, bus]`` or ``[member, bus, phase]``."""
        balanced = all(member.phase == "abc" for member in self.members)
        share = np.zeros((len(self.members), len(self.feeder.bus_names), 3))
        for row, (member, bus) in enumerate(zip(self.members, self.member_bus, strict=True)):
            share[row, bus] = 1 / 3 if member.phase == "abc" else np.eye(3)["abc".index(member.phase)]
        return np.rint(share.sum(axis=2)) if balanced else share

    def window(self, first: int, last: int) -> "Community":
        """The same community over intervals ``first`` (included) to ``last`` (excluded)."""
        cut = Profiles(
            self.profiles.load_kw[:, first:last],
            self.profiles.pv_kw[:, first:last],
            self.profiles.q_kvar[:, first:last],
            None if self.profiles.hot_water_kw is None else self.profiles.hot_water_kw[:, first:last],
        )
        return replace(
            self, horizon=self.horizon.window(first, last), tariff=self.tariff.window(first, last), profiles=cut
        )
