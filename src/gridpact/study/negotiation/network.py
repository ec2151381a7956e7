"""A third criterion for the run: a network price that makes members care for the flow at the point of common coupling."""

from dataclasses import replace

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.negotiation import Negotiator, NetworkPrice
from gridpact.study.negotiation.run import Setting


def network_price(setting: Setting) -> NetworkPrice:
    """A price that follows the flow of the same community without loans.

    Where everybody together would import, a kWh of import costs in proportion to that flow, up to 1 at the highest, and a kWh
    of export is worth as much, since it relieves the same transformer; where they would export, the other way round.
    """
    fleet = setting.fleet()
    alone_kw, _ = fleet.run(setting.net_kw, fleet.initial_kwh, setting.hours)
    flow = (setting.net_kw + alone_kw).sum(axis=0)
    price = flow / (np.abs(flow).max() or 1.0)
    return NetworkPrice(price, -price)


def with_network_price(setting: Setting, weight: float, price: NetworkPrice | None = None) -> Setting:
    """The same members, who give a part of their weight to a network price.

    Parameters
    ----------
    setting
        Members without one.
    weight
        The part, in [0, 1).
    price
        The price; None for `network_price`.

    Examples
    --------
    >>> from gridpact.study.negotiation import case
    >>> priced = with_network_price(Setting(case(1).negotiators, np.ones((2, 97))), 0.2)
    >>> [round(weight, 3) for weight in priced.negotiators[0].weights]
    [0.264, 0.536, 0.2]
    """
    if not 0 <= weight < 1:
        raise InputError(f"weight = {weight}", place="network price", accepted="a part from 0 to below 1")
    criterion = price or network_price(setting)

    def priced(member: Negotiator) -> Negotiator:
        kept = tuple((1 - weight) * each for each in member.weights)
        return replace(member, weights=(*kept, weight), criteria=(*member.criteria, criterion))

    return replace(setting, negotiators=tuple(priced(each) for each in setting.negotiators))
