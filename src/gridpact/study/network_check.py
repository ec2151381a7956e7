"""How a study keeps the network: not at all, by acceptance of what was agreed, by envelopes or charges before bidding."""

from dataclasses import dataclass

import numpy as np

from gridpact.community import Community, TradeCharges
from gridpact.energy import Fleet, Forecaster, Heaters, Limits
from gridpact.errors import InputError, nearest_name
from gridpact.exchange.acceptance import (
    Allocation,
    Basis,
    Network,
    Policy,
    charges_by_distance,
    charges_by_losses,
    publish_envelopes,
)
from gridpact.markets import Market, Mechanism
from gridpact.study._acceptor import Acceptor, Forecasts
from gridpact.units import FloatArray

NO_CHECK = "none"

NETWORK_CHECKS: dict[str, str] = {
    NO_CHECK: "nothing is checked: what the members agree is delivered",
    Policy.LAST_ON_FIRST_OFF.value: "acceptance: the order placed last gives way first",
    Policy.PRO_RATA.value: "acceptance: every order that relieves gives the same share",
    Policy.SENSITIVITY.value: "acceptance: the least energy is curtailed",
    Policy.MERIT.value: "acceptance: the least welfare is lost",
    **{f"envelopes-{kind}": f"{kind} import and export limits before bidding" for kind in Allocation},
    **{f"charges-{basis}": f"network charges a pair, by {basis}, before bidding" for basis in Basis},
}
"""What `Settings.network` may be, with one line each."""

DEAREST_SHARE = 0.25
"""What a pair at the far end pays under charges by distance, as a share of the mean spread of retail prices; assumed."""


def check_name(name: str) -> str:
    """The name of a network check; raises `InputError` with the nearest known one."""
    if name not in NETWORK_CHECKS:
        known = list(NETWORK_CHECKS)
        found = f"network check {name!r} is unknown{nearest_name(name, known)}"
        raise InputError(found, accepted=", ".join(known))
    return name


NO_ORDERS = "nothing is agreed before delivery that a DSO could accept"
ACCEPTED = ", ".join(name for name in NETWORK_CHECKS if name not in set(Policy))


def applies(name: str, market: Market) -> bool:
    """Whether a network check can do anything under a market: the DSO accepts what is agreed before delivery."""
    return isinstance(market, Mechanism) or name not in set(Policy)


@dataclass(frozen=True, slots=True)
class NetworkCheck:
    """How one run keeps the network.

    Attributes
    ----------
    charges
        What members pay per traded kWh, seen before they bid.
    envelopes
        Limits published before they bid; None: there are none.
    acceptor
        Who decides on what they agreed; None: nobody.
    """

    charges: TradeCharges
    envelopes: Limits | None = None
    acceptor: Acceptor | None = None

    @classmethod
    def of(cls, name: str, community: Community, fleet: Fleet, forecasts: Forecasts) -> "NetworkCheck":
        """The check of a name of `NETWORK_CHECKS`.

        Parameters
        ----------
        name
            The name.
        community, fleet
            What is run.
        forecasts
            Of what is not measured yet.
        """
        kind, _, variant = name.partition("-")
        charges = community.charges
        if kind == "charges":
            typical = min(community.horizon.per_day, community.horizon.periods)
            typical_kw = forecasts.net.forecast(community.profiles.net_kw, 0, typical)
            return cls(_charges(Basis(variant), community, typical_kw, forecasts.q))
        if kind == "envelopes":
            return cls(charges, _envelopes(Allocation(variant), community, fleet, forecasts))
        if name == NO_CHECK:
            return cls(charges)
        shape = community.profiles.net_kw.shape
        acceptor = Acceptor(
            community=community,
            fleet=fleet,
            policy=Policy(name),
            forecasts=forecasts,
            network=Network.of(community),
            contract_kw=np.zeros(shape),
            limits=Limits.none(shape),
        )
        return cls(charges, acceptor=acceptor)

    @property
    def limits(self) -> Limits | None:
        """What the meters obey, over the whole horizon."""
        return self.acceptor.limits if self.acceptor else self.envelopes


def _charges(basis: Basis, community: Community, typical_kw: FloatArray, q_forecaster: Forecaster) -> TradeCharges:
    """Charges as published from the first day, members' batteries aside."""
    network, tariff = Network.of(community), community.tariff
    if basis is Basis.DISTANCE:
        spread = float((tariff.import_price - tariff.export_price).mean())
        return charges_by_distance(network, round(DEAREST_SHARE * spread)).on_top_of(community.charges)
    intervals = typical_kw.shape[1]
    q_kvar = q_forecaster.forecast(community.profiles.q_kvar, 0, intervals)
    added = charges_by_losses(network, typical_kw, q_kvar, tariff.loss_price[:intervals])
    return added.on_top_of(community.charges)


def _envelopes(allocation: Allocation, community: Community, fleet: Fleet, forecasts: Forecasts) -> Limits:
    """Envelopes of the whole horizon, of each day as it begins. Water heaters are base load: comfort comes first."""
    heaters_kw = Heaters.of(community.members).power_kw[:, None]
    network, profiles, horizon = Network.of(community), community.profiles, community.horizon
    most_export_kw = profiles.pv_kw.max(axis=1, initial=0.0) + fleet.discharge_kw
    days = []
    for first in range(0, horizon.periods, horizon.per_day):
        last = min(first + horizon.per_day, horizon.periods)
        base_kw = np.maximum(forecasts.net.forecast(profiles.net_kw, first, last), 0.0) + heaters_kw
        q_kvar = forecasts.q.forecast(profiles.q_kvar, first, last)
        days.append(publish_envelopes(network, allocation, base_kw, q_kvar, most_export_kw, fleet.charge_kw).limits)
    return Limits(
        np.concatenate([day.lowest_kw for day in days], axis=1),
        np.concatenate([day.highest_kw for day in days], axis=1),
    )
