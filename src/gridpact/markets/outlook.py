"""All that is known at gate closure: what a mechanism reads."""

from dataclasses import dataclass, field

from gridpact.community import Member, Tariff, TradeCharges
from gridpact.energy import Limits
from gridpact.grid import Feeder
from gridpact.horizon import Horizon
from gridpact.markets.pact import Trades
from gridpact.units import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Outlook:
    """What is known when a gate closes. Measured profiles of the future are not part of it.

    Attributes
    ----------
    members
        In order of their ids; the member axis of every array.
    feeder
        The grid they are on.
    horizon
        The intervals to be cleared, and those that the mechanism's gate looks ahead.
    tariff
        Published prices of these intervals.
    charges
        What each member pays per traded kWh on top of the price.
    wanted_share
        Private reservations, ``[member]``: `Preferences.wanted_share`. Read by bidding only, never by matching.
    demand_kw
        Forecast of load minus PV, before batteries and trades, ``[member, interval]``, + = consumption.
    net_kw
        Forecast of what each meter will show, own battery on self-consumption, ``[member, interval]``, + = consumption; within
        the limits, where there are some: what is bid from it respects them.
    soc_kwh
        State of charge of each member's battery at the start of the horizon as expected, ``[member]``; 0 without battery.
    premium
        What a kWh of each seller is worth to each buyer beyond money, micro-units per kWh ``[buyer, seller]``; private to the
        buyer, whose row it is. None if nobody has a preference over sellers.
    commitments
        Trades already struck that fall into the horizon, their intervals counted from its start.
    limits
        Operating envelopes, published before bidding: what each meter may inject and withdraw, and obeys. Whoever plans
        batteries plans within them. None: there are none.
    """

    members: tuple[Member, ...]
    feeder: Feeder
    horizon: Horizon
    tariff: Tariff
    charges: TradeCharges
    wanted_share: FloatArray
    demand_kw: FloatArray
    net_kw: FloatArray
    soc_kwh: FloatArray
    premium: IntArray | None = None
    commitments: Trades = field(default_factory=Trades.empty)
    limits: Limits | None = None


@dataclass(frozen=True, eq=False)
class Metering:
    """What the meters showed: what a pool rule reads.

    Attributes
    ----------
    members, horizon, tariff
        As in `Outlook`.
    net_wh
        Metered energy, integer Wh ``[member, interval]``, + = consumption.
    """

    members: tuple[Member, ...]
    horizon: Horizon
    tariff: Tariff
    net_wh: IntArray
