"""Ten peers of a community, what they would need, and the generators and tanks that a case gives them."""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from gridpact.community import Community, Member, Profiles, WaterHeater
from gridpact.energy import Heaters, HeaterState
from gridpact.errors import InputError
from gridpact.study.elecbay.draws import COLD_C, LITRES_A_DAY, MINUTES, TAP_C, hot_water_kw
from gridpact.study.elecbay.wind import wind_share
from gridpact.units import FloatArray

PEERS = 10
KWH_A_DAY = (4.0, 15.0)
MOST_KW = 12.0
"""Of the homes that may be chosen: mean consumption, without hot water, and largest load, so that no charger of a car decides
the peak."""
HEATER = WaterHeater(power_kw=3.0, litres=300.0, min_c=50.0, max_c=65.0, loss_w_per_k=1.56)
"""Of every peer: the standing loss is that of energy class B for its volume, 12 + 5.93 V^0.4 W at 45 K (Regulation (EU)
812/2013, Annex II, table 2)."""
HEAT_A_DAY = LITRES_A_DAY * (TAP_C - COLD_C) * 4.186 / 3600
"""Mean heat of a peer's hot water, kWh."""


class Case(StrEnum):
    """Who generates what."""

    PV = "PV everywhere"
    MIXED = "PV and wind"


@dataclass(frozen=True, eq=False)
class Peers:
    """Those who play.

    Attributes
    ----------
    community
        They alone, with a water heater each, without batteries and generators.
    pv_share
        Measured PV profiles of the community, kW per kWp, ``[profile, interval]``.
    rule
        How they were chosen, in words.
    """

    community: Community
    pv_share: FloatArray
    rule: str

    @property
    def heaters(self) -> Heaters:
        """Their water heaters."""
        return Heaters.of(self.community.members)

    @property
    def need_kwh(self) -> float:
        """Mean need of a peer over the horizon: its load, and the heat of its hot water."""
        horizon = self.community.horizon
        load = float(self.community.profiles.load_kw.sum(axis=1).mean() * horizon.hours)
        return load + HEAT_A_DAY * horizon.periods * horizon.hours / 24


@dataclass(frozen=True, eq=False)
class Microgrid:
    """What nature and a case give the peers.

    Attributes
    ----------
    base_kw
        Load minus generation of each peer, ``[peer, interval]``, + = consumption.
    draw_kw
        Heat drawn with hot water, ``[peer, interval]``.
    state
        Of the heaters at the start.
    """

    base_kw: FloatArray
    draw_kw: FloatArray
    state: HeaterState


def choose_peers(community: Community) -> Peers:
    """Ten members that consume as a home does, evenly spread over the order of their consumption.

    Raises
    ------
    InputError
        If there are fewer, or nobody has measured PV.
    """
    daily = community.profiles.load_kw.mean(axis=1) * 24
    low, high = KWH_A_DAY
    order = np.argsort(daily, kind="stable")
    ordinary = (daily >= low) & (daily <= high) & (community.profiles.load_kw.max(axis=1) <= MOST_KW)
    homes = order[ordinary[order]]
    what = f"consume {low:g} to {high:g} kWh a day and at most {MOST_KW:g} kW"
    if len(homes) < PEERS:
        found = f"{len(homes)} of {len(daily)} members of {community.name!r} {what}"
        raise InputError(found, accepted=f"a community with {PEERS} such members")
    chosen = np.sort(homes[((np.arange(PEERS) + 0.5) * len(homes) / PEERS).astype(np.int64)])
    rule = f"{PEERS} of the {len(homes)} members that {what}, evenly spread over the order of consumption"
    return Peers(_with_heaters(community, chosen), _pv_shares(community), rule)


def microgrid(peers: Peers, case: Case, seed: int, generation: float) -> Microgrid:
    """One draw of nature.

    Every peer has a generator that yields, over the horizon, ``generation`` times the mean need of a peer: PV with the measured
    profiles in turn, or, of every second peer in the mixed case, a wind turbine, all in the same wind. Tanks begin anywhere
    in their band.
    """
    community = peers.community
    horizon = community.horizon
    water, wind, tanks = (np.random.default_rng([seed, stream]) for stream in range(3))
    shares = peers.pv_share[np.arange(PEERS) % len(peers.pv_share)]
    if case is Case.MIXED:
        shares[1::2] = wind_share(wind, horizon.periods, horizon.hours)
    yields = shares.sum(axis=1, keepdims=True) * horizon.hours
    generated_kw = shares * generation * peers.need_kwh / yields
    start_c = tanks.uniform(HEATER.min_c, HEATER.max_c, PEERS)
    return Microgrid(
        base_kw=community.profiles.load_kw - generated_kw,
        draw_kw=_draws(community, water),
        state=HeaterState(start_c, np.zeros(PEERS, dtype=np.bool_)),
    )


def _draws(community: Community, rng: np.random.Generator) -> FloatArray:
    """Generated draws by the local clock: a day of 23 hours leaves an hour out, one of 25 repeats it."""
    horizon = community.horizon
    step = round(horizon.hours * 60)
    local = horizon.index().tz_convert(community.time_zone)
    day = (local.tz_localize(None).normalize() - local[0].tz_localize(None).normalize()).days.to_numpy()
    column = day * (MINUTES // step) + horizon.minute_of_day(community.time_zone) // step
    return hot_water_kw(rng, PEERS, int(day[-1]) + 1, MINUTES // step)[:, column]


def _with_heaters(community: Community, chosen: np.ndarray) -> Community:
    profiles = community.profiles
    members = tuple(_peer(community.members[at]) for at in chosen)
    load_kw = profiles.load_kw[chosen]
    kept = Profiles(load_kw, np.zeros(load_kw.shape), profiles.q_kvar[chosen])
    return replace(community, members=members, profiles=kept, pair_premiums=None)


def _peer(member: Member) -> Member:
    return replace(member, pv_kwp=0.0, battery=None, heater=HEATER)


def _pv_shares(community: Community) -> FloatArray:
    """Measured profiles per kWp, each once."""
    kwp = np.array([member.pv_kwp for member in community.members])
    sunny = (kwp > 0) & community.profiles.pv_kw.any(axis=1)
    if not sunny.any():
        found = f"no member of {community.name!r} has PV with its size"
        raise InputError(found, accepted="members with a pv profile and pv_kwp")
    shares = community.profiles.pv_kw[sunny] / kwp[sunny, None]
    _, first = np.unique(shares.round(9), axis=0, return_index=True)
    return np.asarray(shares[np.sort(first)])
