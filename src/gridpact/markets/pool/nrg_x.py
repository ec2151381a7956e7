"""NRG-X-Change: rates that fall with imbalance; the distribution system operator carries what they leave."""

from dataclasses import dataclass, replace

import numpy as np

from gridpact.errors import InputError
from gridpact.markets._pool_certificate import REPORTED, Claims, certify
from gridpact.markets._pool_matching import (
    Sides,
    match_proportionally,
    trades_of,
    transfers_with,
)
from gridpact.markets.certificate import Certificate, Check
from gridpact.markets.outlook import Metering
from gridpact.markets.pact import Pact, Party
from gridpact.units import FloatArray, IntArray, payment, to_kwh, to_micro


def nrg_x(
    producer_rate: float | None = None, consumer_rate: float | None = None, scale_kwh2: float = 100.0
) -> "NrgXChange":
    """NRG-X-Change: rates that reward balance of supply and demand; the DSO carries the difference.

    Parameters
    ----------
    producer_rate
        x, paid per kWh where supply meets demand, in units of the currency; None: half the import price, so that the two
        rates meet where supply meets demand and the DSO then carries nothing.
    consumer_rate
        y, paid per kWh without any local supply; None: the import price.
    scale_kwh2
        a, in kWh²: the producers' rate falls to 1/e where supply and demand of an interval differ by √a kWh.

    Raises
    ------
    InputError
        If a rate is negative or the scale not positive.

    Examples
    --------
    >>> nrg_x(producer_rate=0.15).scale_kwh2
    100.0
    """
    return NrgXChange(producer_rate, consumer_rate, scale_kwh2)


@dataclass(frozen=True, slots=True)
class NrgXChange:
    """NRG-X-Change (Mihaylov, Jurado, Van Moffaert, Avellana, Nowé, SMARTGREENS 2014). Not budget balanced."""

    producer_rate: float | None = None
    consumer_rate: float | None = None
    scale_kwh2: float = 100.0
    name: str = "pool:nrg-x"

    def __post_init__(self) -> None:
        for option in ("producer_rate", "consumer_rate"):
            if getattr(self, option) is not None:
                _check_number(getattr(self, option), option, self.name)
        _check_number(self.scale_kwh2, "scale_kwh2", self.name, above_zero=True)

    def share(self, metering: Metering) -> Pact:
        """Trades of the smaller side at its own rate; transfers with the DSO bring the larger side to its rate."""
        sides, tariff = Sides.of(metering.net_wh), metering.tariff
        sold, bought = match_proportionally(sides)
        sell_rate, buy_rate = self.rates(sides, tariff.import_price)
        buyers_larger = sides.generation <= sides.consumption
        trades = trades_of(sold, bought, np.where(buyers_larger, sell_rate, buy_rate))

        due = payment(sides.demand, buy_rate) - payment(sides.surplus, sell_rate)
        due -= trades.bills(metering.net_wh.shape)
        due -= payment(sides.demand - bought, tariff.import_price) - payment(sides.surplus - sold, tariff.export_price)
        larger = np.where(buyers_larger, sides.demand > 0, sides.surplus > 0)
        transfers = transfers_with(Party.DSO, np.where(larger, due, 0), np.arange(metering.horizon.periods))

        pact = Pact(trades, transfers)
        checks = certify(metering, pact, Claims(balanced=False, within_retail=False)).checks
        to_members = np.where(transfers.payer == Party.DSO, transfers.amount, -transfers.amount).sum()
        carried = Check("carried by the DSO over the horizon (micro-units)", float(to_members), REPORTED)
        return replace(pact, certificate=Certificate((*checks, carried)))

    def rates(self, sides: Sides, import_price: IntArray) -> tuple[IntArray, IntArray]:
        """What producers get and consumers pay, micro-units per kWh, ``[interval]``.

        ``x / exp((t_p − t_c)² / a)`` and ``y t_c / (t_c + t_p)``, t_p and t_c the metered surplus and demand of the community
        in the interval; without either both factors are 1.
        """
        supply, demand = to_kwh(sides.generation), to_kwh(sides.consumption)
        total = supply + demand
        balance = np.exp(-((supply - demand) ** 2) / self.scale_kwh2)
        need = np.divide(demand, total, out=np.ones_like(total), where=total > 0)
        x: IntArray | FloatArray = import_price / 2 if self.producer_rate is None else to_micro(self.producer_rate)
        y = import_price if self.consumer_rate is None else to_micro(self.consumer_rate)
        return np.rint(x * balance).astype(np.int64), np.rint(y * need).astype(np.int64)


def _check_number(value: float, option: str, place: str, *, above_zero: bool = False) -> None:
    if not np.isfinite(value) or value < 0 or (above_zero and value == 0):
        accepted = "a finite number above 0" if above_zero else "a finite number from 0 up"
        raise InputError(f"{option} = {value!r}", place=place, accepted=accepted)
