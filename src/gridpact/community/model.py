"""Who trades: members at buses, their devices and preferences, the tariff around them, and the community as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Self

import numpy as np

from gridpact.errors import InputError
from gridpact.grid import Feeder
from gridpact.horizon import Horizon
from gridpact.units import FloatArray, IntArray, payment

PHASES = ("abc", "a", "b", "c")


@dataclass(frozen=True, slots=True)
class Battery:
    """A battery behind a member's meter. Charging is positive.

    Attributes
    ----------
    capacity_kwh
        Usable plus reserved energy.
    charge_kw, discharge_kw
        Largest power in each direction, at the meter's side.
    charge_efficiency, discharge_efficiency
        In (0, 1].
    min_soc, max_soc, initial_soc
        State of charge as shares of the capacity.
    standing_loss_per_hour
        Share of the capacity lost each hour.
    """

    capacity_kwh: float
    charge_kw: float
    discharge_kw: float
    charge_efficiency: float = 0.95
    discharge_efficiency: float = 0.95
    min_soc: float = 0.1
    max_soc: float = 0.9
    initial_soc: float = 0.5
    standing_loss_per_hour: float = 0.0

    def __post_init__(self) -> None:
        for name in ("capacity_kwh", "charge_kw", "discharge_kw"):
            _check(getattr(self, name), name, 0.0, np.inf)
        for name in ("charge_efficiency", "discharge_efficiency"):
            _check(getattr(self, name), name, 0.01, 1.0)
        for name in ("min_soc", "max_soc", "initial_soc", "standing_loss_per_hour"):
            _check(getattr(self, name), name, 0.0, 1.0)
        if not self.min_soc <= self.initial_soc <= self.max_soc:
            raise InputError(
                f"min_soc {self.min_soc}, initial_soc {self.initial_soc}, max_soc {self.max_soc} are out of order",
                place="battery",
                accepted="min_soc <= initial_soc <= max_soc",
            )


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a member wants beyond money; private to the member.

    Attributes
    ----------
    wanted_share
        The gain per kWh, as a share of the spread between import and export price, below which the member would rather deal
        with its supplier: its true reservation. In [0, 1]. A buyer's true value is ``import − share·spread``, a seller's true
        cost ``export + share·spread``.
    """

    wanted_share: float = 0.0

    def __post_init__(self) -> None:
        _check(self.wanted_share, "wanted_share", 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who trades: a household, a shop, a charger.

    Attributes
    ----------
    id
        Unique; the order of ids breaks ties of rounding.
    bus
        Name of the bus of the feeder.
    phase
        ``"abc"`` (balanced) or one of ``"a"``, ``"b"``, ``"c"``.
    pv_kwp
        Installed PV, for information; the generation itself is in the profiles.
    battery
        The battery, or None.
    preferences
        Private preferences.
    zone
        Network-charge zone.
    """

    id: str
    bus: str
    phase: str = "abc"
    pv_kwp: float = 0.0
    battery: Battery | None = None
    preferences: Preferences = field(default_factory=Preferences)
    zone: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            raise InputError("a member has an empty id", place="members", accepted="a unique name")
        if self.phase not in PHASES:
            raise InputError(f"phase {self.phase!r} is unknown", place=f"member {self.id}", accepted=", ".join(PHASES))
        _check(self.pv_kwp, "pv_kwp", 0.0, np.inf)


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
    """

    load_kw: FloatArray
    pv_kw: FloatArray
    q_kvar: FloatArray

    def __post_init__(self) -> None:
        for name in ("load_kw", "pv_kw", "q_kvar"):
            values = getattr(self, name)
            if values.shape != self.load_kw.shape:
                raise ValueError(f"{name} has shape {values.shape}, load_kw {self.load_kw.shape}")
            if not np.isfinite(values).all():
                raise ValueError(f"{name} has values that are not finite")
            values.flags.writeable = False

    @property
    def net_kw(self) -> FloatArray:
        """Load minus PV: net demand before batteries, + = consumption."""
        return self.load_kw - self.pv_kw


class Payer(StrEnum):
    """Who pays the network and service charge of a trade."""

    BUYER = "buyer"
    SELLER = "seller"
    BOTH = "both"


@dataclass(frozen=True, eq=False)
class Tariff:
    """Prices around the market, integer micro-units per kWh; arrays ``[interval]``.

    Attributes
    ----------
    import_price, export_price
        What the supplier takes and pays; import ≥ export in every interval.
    imbalance_buy, imbalance_sell
        What a member pays for energy it sold and did not deliver (≥ import) and gets for energy it bought and did not take
        (≤ export).
    loss_price
        What the DSO pays the supplier for losses.
    network_charge
        Per traded kWh, by zone of the member; the key ``""`` holds for members without a zone.
    service_charge
        Per traded kWh, to the exchange.
    payer
        Who pays the two charges: the buyer, the seller, or each half (the seller's half rounded down).
    dead_band
        Share of the contracted energy by which a member may deviate before the penalty.
    penalty
        Per kWh of deviation beyond the dead band, to the DSO.
    """

    import_price: IntArray
    export_price: IntArray
    imbalance_buy: IntArray
    imbalance_sell: IntArray
    loss_price: IntArray
    network_charge: Mapping[str, int] = field(default_factory=lambda: {"": 0})
    service_charge: int = 0
    payer: Payer = Payer.BUYER
    dead_band: float = 0.0
    penalty: int = 0

    def __post_init__(self) -> None:
        for low, high in (
            ("export_price", "import_price"),
            ("import_price", "imbalance_buy"),
            ("imbalance_sell", "export_price"),
        ):
            wrong = np.flatnonzero(getattr(self, low) > getattr(self, high))
            if len(wrong):
                raise InputError(
                    f"{low} is above {high} in interval {wrong[0]}",
                    place="tariff",
                    accepted="imbalance_sell <= export_price <= import_price <= imbalance_buy",
                )
        if self.service_charge < 0 or self.penalty < 0 or min(self.network_charge.values(), default=0) < 0:
            raise InputError("a charge is negative", place="tariff", accepted="charges from 0 up")
        _check(self.dead_band, "tariff: dead_band", 0.0, 1.0)

    def true_values(self, wanted_share: FloatArray) -> tuple[IntArray, IntArray]:
        """What a kWh from a neighbour is worth to each buyer and costs each seller.

        Parameters
        ----------
        wanted_share
            `Preferences.wanted_share` of each member, ``[member]``.

        Returns
        -------
        Micro-units per kWh, ``[member, interval]``, twice: ``import − share·spread`` and ``export + share·spread``, the wanted
        share rounded up.
        """
        wanted = np.ceil((self.import_price - self.export_price) * wanted_share[:, None]).astype(np.int64)
        return self.import_price - wanted, self.export_price + wanted

    def window(self, first: int, last: int) -> "Tariff":
        """The tariff of intervals ``first`` (included) to ``last`` (excluded)."""
        return replace(
            self,
            import_price=self.import_price[first:last],
            export_price=self.export_price[first:last],
            imbalance_buy=self.imbalance_buy[first:last],
            imbalance_sell=self.imbalance_sell[first:last],
            loss_price=self.loss_price[first:last],
        )


@dataclass(frozen=True, eq=False)
class TradeCharges:
    """What a member pays per traded kWh on top of the price, micro-units per kWh, arrays ``[member]``.

    Attributes
    ----------
    network_buy, network_sell
        To the DSO, when it buys and when it sells.
    service_buy, service_sell
        To the exchange, when it buys and when it sells.
    """

    network_buy: IntArray
    network_sell: IntArray
    service_buy: IntArray
    service_sell: IntArray

    @classmethod
    def of(cls, members: Sequence[Member], tariff: Tariff) -> Self:
        """The charges of these members under a tariff."""
        network = np.array([tariff.network_charge[member.zone] for member in members], dtype=np.int64)
        service = np.full(len(members), tariff.service_charge, dtype=np.int64)
        network_sell, service_sell = (_sellers_part(charge, tariff.payer) for charge in (network, service))
        return cls(network - network_sell, network_sell, service - service_sell, service_sell)

    def network(self, bought_wh: IntArray, sold_wh: IntArray) -> IntArray:
        """Network charge of traded energy, micro-units ``[member, interval]``; free trade takes no memory."""
        return _charge((bought_wh, self.network_buy), (sold_wh, self.network_sell))

    def service(self, bought_wh: IntArray, sold_wh: IntArray) -> IntArray:
        """Service charge of traded energy, micro-units ``[member, interval]``."""
        return _charge((bought_wh, self.service_buy), (sold_wh, self.service_sell))

    @property
    def buy(self) -> IntArray:
        """Network and service charge together, when buying."""
        return self.network_buy + self.service_buy

    @property
    def sell(self) -> IntArray:
        """Network and service charge together, when selling."""
        return self.network_sell + self.service_sell


@dataclass(frozen=True, eq=False)
class Community:
    """Members on one feeder under one tariff, with their measured profiles.

    Members stand in the order of their ids; this order is the member axis of every array.
    """

    name: str
    currency: str
    time_zone: str
    horizon: Horizon
    members: tuple[Member, ...]
    feeder: Feeder
    tariff: Tariff
    profiles: Profiles

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
            [position.get(m.bus, -1) if m.bus in position else self.feeder.bus_position(m.bus) for m in self.members],
            dtype=np.int64,
        )

    @cached_property
    def wanted_share(self) -> FloatArray:
        """Each member's `Preferences.wanted_share`, shape ``[member]``."""
        return np.array([member.preferences.wanted_share for member in self.members], dtype=np.float64)

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
        )
        return replace(
            self, horizon=self.horizon.window(first, last), tariff=self.tariff.window(first, last), profiles=cut
        )


def _charge(*parts: tuple[IntArray, IntArray]) -> IntArray:
    total = np.zeros(parts[0][0].shape, dtype=np.int64)
    for energy_wh, rate in parts:
        if rate.any():
            total += payment(energy_wh, rate[:, None])
    return total


def _sellers_part(charge: IntArray, payer: Payer) -> IntArray:
    match payer:
        case Payer.BUYER:
            return np.zeros_like(charge)
        case Payer.SELLER:
            return charge
        case Payer.BOTH:
            return charge // 2


def _check(value: float, name: str, low: float, high: float) -> None:
    if not low <= value <= high or np.isinf(value):
        accepted = f"a finite number from {low:g} up" if np.isinf(high) else f"a number from {low:g} to {high:g}"
        raise InputError(f"{name} = {value!r} is out of range", accepted=accepted)
