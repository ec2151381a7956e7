"""The game of a community: its members, batteries, charges and preferences as an instance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridpact.community import Member
from gridpact.community.member import check_range
from gridpact.errors import InputError
from gridpact.grid import shortest_ways
from gridpact.markets.equilibrium.instance import Instance, Terminal
from gridpact.markets.equilibrium.network import network_of
from gridpact.markets.outlook import Outlook
from gridpact.units import BoolArray, FloatArray, IntArray, from_micro

TIE_CHARGE = 1e-5
"""Least that a trade costs either end in the program, per kWh: whoever gains nothing by passing energy on does not."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a community's tariff and members do not say.

    Attributes
    ----------
    partners
        Each member may trade with so many members that can sell, those at the least electrical distance; None: with all.
    link_limit_kw
        Most that a pair may trade; None: what the larger of the two may ever draw or deliver.
    shared_price
        Beside the tariff, ``d_h``: price of the main grid per kWh for each kW that all import together.
    curtailment
        Whether surplus of PV may be held back.
    grid
        Whether the limits of the feeder hold inside.
    """

    partners: int | None = 10
    link_limit_kw: float | None = None
    shared_price: float = 0.0
    curtailment: bool = True
    grid: bool = True

    def __post_init__(self) -> None:
        if self.partners is not None and self.partners < 1:
            raise InputError(f"partners = {self.partners}", accepted="a whole number from 1 up, or none")
        check_range(self.shared_price, "shared_price", 0.0, np.inf)
        if self.link_limit_kw is not None:
            check_range(self.link_limit_kw, "link_limit_kw", 0.0, np.inf)


@dataclass(frozen=True, eq=False)
class Offers:
    """What a kWh on a link costs the two ends beside its price, per kWh ``[link, 2]``: charges and reservation less premium.

    Attributes
    ----------
    buyer
        The first column where i buys, the second where j does.
    seller
        The first column where i sells, the second where j does.
    """

    buyer: FloatArray
    seller: FloatArray


def community_instance(outlook: Outlook, terms: Terms) -> tuple[Instance, Offers]:
    """The game of an outlook, and what its trades cost the ends.

    Imports cost the tariff's import price, deliveries earn its export price. Trading costs a member the charges that it pays
    and its reservation (`Preferences.wanted_share` of the mean spread), less, where it buys, its premium for the seller. Of
    each link's two directions half the difference becomes `Instance.c_tr`, half the sum `Instance.c_ta`: premiums beyond all
    charges would make trading to and fro pay, and count up to these.

    Raises
    ------
    InputError
        If the outlook holds no reactive power, the feeder is meshed, or trades were already struck.
    """
    if len(outlook.commitments):
        raise InputError("trades were already struck for these intervals", place="outlook", accepted="none")
    if outlook.reactive_kvar is None:
        raise InputError("no forecast of reactive power", place="outlook", accepted="a gate that reads it")
    network = network_of(outlook.feeder)
    hours = outlook.horizon.periods
    position = {name: at for at, name in enumerate(network.arrays["bus_name"])}
    bus = np.array([position[member.bus] for member in outlook.members], dtype=np.int64)
    edges = trading_graph(outlook, terms.partners)
    offers = _offers(outlook, edges)
    buses = len(position)
    return Instance(
        H=hours,
        dt=outlook.horizon.hours,
        **(network.arrays if terms.grid else network.arrays | _unlimited(buses)),
        pmin=-np.inf,
        pmax=np.inf,
        pas_p=np.zeros((buses, hours)),
        pas_q=np.zeros((buses, hours)),
        pro_bus=bus,
        pd=outlook.demand_kw,
        qd=outlook.reactive_kvar,
        cur_max=_surplus(outlook) * terms.curtailment,
        **devices_of(outlook.members, outlook.soc_kwh, outlook.horizon.hours),
        terminal=Terminal.AT_LEAST,
        import_only=False,
        edges=edges,
        cap=_caps(outlook, edges, terms.link_limit_kw),
        **_link_costs(offers),
        d_h=np.full(hours, terms.shared_price),
        price_im=from_micro(outlook.tariff.import_price),
        price_ex=from_micro(outlook.tariff.export_price),
        pro_name=tuple(member.id for member in outlook.members),
    ), offers


def trading_graph(outlook: Outlook, partners: int | None) -> IntArray:
    """Who may trade with whom, ``[link, 2]``: each member with the nearest so many that can sell, ties by id; None: all."""
    sells = can_sell(outlook)
    bus = np.array([outlook.feeder.bus_position(member.bus) for member in outlook.members])
    used, of_member = np.unique(bus, return_inverse=True)
    distance = shortest_ways(outlook.feeder, used).distance[np.ix_(of_member, bus)]
    pairs: set[tuple[int, int]] = set()
    for member, away in enumerate(distance):
        nearest = np.argsort(away, kind="stable")
        offering = nearest[sells[nearest] & (nearest != member)]
        pairs.update((min(member, int(other)), max(member, int(other))) for other in offering[:partners])
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def can_sell(outlook: Outlook) -> BoolArray:
    """Whether a member has anything that could ever deliver, ``[member]``."""
    has = [member.pv_kwp > 0 or member.battery is not None for member in outlook.members]
    return np.array(has, dtype=bool) | (outlook.demand_kw < 0).any(axis=1)


def _offers(outlook: Outlook, edges: IntArray) -> Offers:
    i, j = edges.T
    spread = from_micro(outlook.tariff.import_price - outlook.tariff.export_price).mean()
    reservation = outlook.wanted_share * spread
    buy, sell = (from_micro(each) + reservation for each in (outlook.charges.buy, outlook.charges.sell))
    premium = np.zeros((2, len(edges)))
    if outlook.premium is not None:
        premium = from_micro(np.stack([outlook.premium[i, j], outlook.premium[j, i]]))
    return Offers(np.stack([buy[i] - premium[0], buy[j] - premium[1]], axis=1), np.stack([sell[i], sell[j]], axis=1))


def _link_costs(offers: Offers) -> dict[str, Any]:
    """Costs of both directions as a difference between the ends and a tariff that both pay."""
    i_buys, j_buys = offers.buyer[:, 0] + offers.seller[:, 1], offers.buyer[:, 1] + offers.seller[:, 0]
    quarter = (i_buys - j_buys) / 4
    return {
        "c_tr": np.stack([quarter, -quarter], axis=1),
        "c_ta": np.maximum((i_buys + j_buys) / 4, TIE_CHARGE),
    }


def _surplus(outlook: Outlook) -> FloatArray:
    """Surplus of members with PV: what may be held back, ``[member, interval]``."""
    has_pv = np.array([member.pv_kwp > 0 for member in outlook.members])
    return np.where(has_pv[:, None], np.maximum(-outlook.demand_kw, 0.0), 0.0)


def _caps(outlook: Outlook, edges: IntArray, limit_kw: float | None) -> FloatArray:
    if limit_kw is not None:
        return np.full(len(edges), limit_kw)
    battery = [max(b.charge_kw, b.discharge_kw) if (b := member.battery) else 0.0 for member in outlook.members]
    most = np.abs(outlook.demand_kw).max(axis=1) + np.array(battery)
    return np.asarray(most[edges].max(axis=1))


def devices_of(members: Sequence[Member], soc_kwh: FloatArray, hours: float) -> dict[str, Any]:
    """Batteries as storage; nobody has dispatchable generation. ``soc_kwh`` is the charge at the start, ``[member]``."""
    zeros, ones = np.zeros(len(members)), np.ones(len(members))
    columns = {name: zeros.copy() for name in ("E", "ch_max", "ds_max", "x_min", "x_max", "x_0", "x_loss")}
    eta_ch, eta_ds = ones.copy(), ones.copy()
    for at, member in enumerate(members):
        if (battery := member.battery) is None or battery.capacity_kwh == 0:
            continue
        columns["E"][at], columns["ch_max"][at] = battery.capacity_kwh, battery.charge_kw
        columns["ds_max"][at], columns["x_min"][at] = battery.discharge_kw, battery.min_soc
        columns["x_max"][at] = battery.max_soc
        columns["x_0"][at] = np.clip(soc_kwh[at] / battery.capacity_kwh, battery.min_soc, battery.max_soc)
        columns["x_loss"][at] = battery.standing_loss_per_hour * hours
        eta_ch[at], eta_ds[at] = battery.charge_efficiency, battery.discharge_efficiency
    generation = dict.fromkeys(("di_max", "Q_di", "c_di", "Q_st"), zeros)
    return columns | generation | {"eta_st": ones, "eta_ch": eta_ch, "eta_ds": eta_ds}


def _unlimited(buses: int) -> dict[str, Any]:
    return {"s_max": np.full(buses, np.inf), "vmin": 0.0, "vmax": np.inf}
