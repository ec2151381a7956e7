"""What a kWh of each seller is worth to each buyer beyond money: from attributes of the sellers, or stated pair by pair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gridpact.community.member import PREMIUMS, Member
from gridpact.community.tariff import Tariff
from gridpact.errors import InputError
from gridpact.grid import Feeder, check_fed, shortest_ways
from gridpact.units import EXACT_FLOAT, MICRO, BoolArray, FloatArray, IntArray, to_micro


@dataclass(frozen=True, eq=False)
class PairPremiums:
    """Premiums that buyers state seller by seller; each holds instead of what the seller's attributes would give.

    Attributes
    ----------
    buyer, seller
        Positions of members, ``[pair]``; no pair twice, nobody with itself.
    premium
        Micro-units per kWh, ``[pair]``.

    Raises
    ------
    InputError
        If a column is not of whole numbers.
    """

    buyer: IntArray
    seller: IntArray
    premium: IntArray

    def __post_init__(self) -> None:
        for name in ("buyer", "seller", "premium"):
            given = np.asarray(getattr(self, name))
            if given.size and given.dtype.kind not in "iu":
                accepted = "integers: positions and micro-units, see gridpact.units"
                raise InputError(f"{name} of premiums is {given.dtype}", accepted=accepted)
            column = given.astype(np.int64)
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        if not len(self.buyer) == len(self.seller) == len(self.premium):
            raise ValueError("buyer, seller and premium differ in length")
        if (self.buyer == self.seller).any():
            raise ValueError("a member states a premium for itself")
        if len(set(zip(self.buyer.tolist(), self.seller.tolist(), strict=True))) < len(self.buyer):
            raise ValueError("a pair stands twice")

    def __len__(self) -> int:
        return len(self.buyer)

    def within(self, members: int) -> bool:
        """Whether every position is one of so many members."""
        positions = np.concatenate([self.buyer, self.seller])
        return bool(((positions >= 0) & (positions < members)).all())


def seller_premiums(
    members: Sequence[Member], bus: IntArray, feeder: Feeder, tariff: Tariff, pairs: PairPremiums | None
) -> IntArray | None:
    """What a kWh of each seller is worth to each buyer beyond a kWh of just anybody.

    Buyer *i* adds up ``pv_premium`` if seller *j* has PV, ``neighbour_premium`` if one branch or none lies between their
    buses, ``−distance_aversion · zᵢⱼ / max z`` with the electrical distance z, and ``carbon_price · (carbon of the supplier's
    energy − carbon of the seller's)``. A premium stated for the pair holds instead of the sum.

    Parameters
    ----------
    members
        In the order of the member axis.
    bus
        Position of each member's bus, ``[member]``.
    feeder
        The grid they are on: neighbours and distances.
    tariff
        For the carbon content of the supplier's energy.
    pairs
        Premiums stated pair by pair, or None.

    Returns
    -------
    Micro-units per kWh, ``[buyer, seller]``, 0 with oneself; None, which takes no memory, if nobody has a preference.

    Raises
    ------
    InputError
        If somebody has a price of carbon and the tariff has no carbon content, or a premium passes 2^53 micro-units.
    PowerFlowError
        If somebody minds distance and a bus is not fed.

    Examples
    --------
    Anna has PV, and Ben would pay 2 ct/kWh for that:

    >>> from gridpact.community import Preferences
    >>> from gridpact.grid import load_feeder
    >>> feeder, tariff = load_feeder("ieee37"), Tariff(*[np.array([200_000])] * 5)
    >>> members = [Member("anna", "712", pv_kwp=4.0), Member("ben", "713", preferences=Preferences(pv_premium=0.02))]
    >>> bus = np.array([feeder.bus_position(member.bus) for member in members])
    >>> seller_premiums(members, bus, feeder, tariff, None).tolist()
    [[0, 0], [20000, 0]]
    """
    wants = {name: np.array([getattr(member.preferences, name) for member in members]) for name in PREMIUMS}
    if not any(each.any() for each in wants.values()) and not pairs:
        return None
    with np.errstate(over="ignore", invalid="ignore"):  # what passes all bounds is refused below
        worth = _add_up(wants, members, bus, feeder, tariff)
    for buyer, seller in np.argwhere(~(np.abs(worth) < EXACT_FLOAT / MICRO))[:1].tolist():
        found = f"its premium for {members[seller].id} adds up to {worth[buyer, seller]:g} per kWh"
        raise InputError(found, place=f"member {members[buyer].id}", accepted="premiums below 2^53 micro-units")
    premium = to_micro(worth)
    if pairs:
        premium[pairs.buyer, pairs.seller] = pairs.premium
    np.fill_diagonal(premium, 0)
    premium.flags.writeable = False
    return premium


def check_carbon(members: Sequence[Member], tariff: Tariff) -> None:
    """Raise `InputError` if somebody has a price of carbon and the carbon content of the supplier's energy is not known."""
    if tariff.carbon_kg_per_kwh is not None:
        return
    for member in members:
        if member.preferences.carbon_price:
            raise InputError(
                f"it is missing, and member {member.id} has a carbon_price",
                place="tariff: carbon_kg_per_kwh",
                accepted="the carbon content of the supplier's energy, kg of CO2 equivalents per kWh",
            )


def _add_up(
    wants: Mapping[str, FloatArray], members: Sequence[Member], bus: IntArray, feeder: Feeder, tariff: Tariff
) -> FloatArray:
    """What sellers' attributes are worth, units of the currency per kWh ``[buyer, seller]``."""
    worth = np.zeros((len(members), len(members)))
    if wants["pv_premium"].any():
        worth += wants["pv_premium"][:, None] * np.array([member.pv_kwp > 0 for member in members])
    if wants["neighbour_premium"].any():
        worth += wants["neighbour_premium"][:, None] * _neighbours(feeder)[np.ix_(bus, bus)]
    if wants["distance_aversion"].any():
        worth -= wants["distance_aversion"][:, None] * _distance_share(feeder, bus)
    if wants["carbon_price"].any():
        check_carbon(members, tariff)
        carbon = np.array([member.carbon_kg_per_kwh for member in members])
        worth += wants["carbon_price"][:, None] * (tariff.carbon_kg_per_kwh - carbon)
    return worth


def _neighbours(feeder: Feeder) -> BoolArray:
    """Whether one branch or none lies between two buses, ``[bus, bus]``."""
    near = np.eye(len(feeder.bus_names), dtype=bool)
    a, b = feeder.branch_ends
    near[a, b] = near[b, a] = True
    return near


def _distance_share(feeder: Feeder, bus: IntArray) -> FloatArray:
    """Electrical distance as a share of the longest between two members, ``[member, member]``."""
    check_fed(feeder)  # every bus is reached then, from any other
    used, of_member = np.unique(bus, return_inverse=True)
    between = shortest_ways(feeder, used).distance[:, used]
    longest = between.max()
    share = between / longest if longest > 0 else between
    return np.asarray(share[np.ix_(of_member, of_member)])
