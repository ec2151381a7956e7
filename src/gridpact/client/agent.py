"""A member that trades by itself: forecasts, bids its true value, delivers, reports."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from gridpact.client.client import Market, NoAnswerError, RefusedError
from gridpact.client.home import Home
from gridpact.client.messages import Limit, PhaseIs, PricesAre, Reduced, Traded
from gridpact.exchange import Phase, PlaceOrder, Prices, Use
from gridpact.ledger import SigningKey

LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Agent:
    """Trades for one home.

    Attributes
    ----------
    market, home
        Where it trades, and for whom.
    meter, meter_key
        The meter's id, and the key with which it signs its readings.
    clock
        The exchange's time, milliseconds since 1970 UTC.
    charge
        What the home pays for network and service per traded kWh, micro-units: as a buyer, as a seller. Limits are all-in.
    """

    market: Market
    home: Home
    meter: str
    meter_key: SigningKey
    clock: Callable[[], int]
    traded: dict[tuple[int, int], int] = field(default_factory=dict)
    limits: dict[int, Limit] = field(default_factory=dict)
    _bid: set[int] = field(default_factory=set)
    _delivered: int = -1

    async def run(self) -> None:
        """Trade until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            async for message in self.market.news():
                match message:
                    case PhaseIs(phase=Phase.OPEN) | PricesAre():
                        if self.market.phases.get(message.interval) == Phase.OPEN:
                            tasks.create_task(self._try(self._place(message.interval)))
                    case PhaseIs(phase=Phase.DELIVERED):
                        tasks.create_task(self._try(self._deliver(message.interval)))
                    case Traded():
                        sign = 1 if message.is_buy else -1
                        self.traded[message.interval, message.trade] = sign * message.energy_wh
                    case Reduced():
                        before = self.traded.get((message.interval, message.trade), 0)
                        kept = message.energy_wh if before > 0 else -message.energy_wh
                        self.traded[message.interval, message.trade] = kept
                    case Limit():
                        self.limits[message.interval] = message

    async def _try(self, work: Coroutine[object, object, None]) -> None:
        """One interval that goes wrong is no reason to miss the next."""
        try:
            await work
        except (RefusedError, NoAnswerError) as error:
            LOG.warning("%s: %s", self.market.member, error)

    async def _place(self, interval: int) -> None:
        prices = self.market.prices.get(interval)
        if prices is None or interval in self._bid:
            return
        self._bid.add(interval)
        expected_wh = self.home.expected_wh(self.clock(), interval)
        if expected_wh:
            is_buy = expected_wh > 0
            use = Use.BASE if is_buy else Use.PV
            order = PlaceOrder(interval, is_buy, abs(expected_wh), self.limit(prices.prices, is_buy), use)
            await self.market.send(order, identity=f"bid-{interval}")

    def limit(self, prices: Prices, is_buy: bool) -> int:
        """What a kWh is truly worth to the home: the supplier's price, less the share of the spread that it wants itself."""
        spread = prices.import_price - prices.export_price
        wanted = round(self.home.member.preferences.wanted_share * spread)
        return prices.import_price - wanted if is_buy else prices.export_price + wanted

    async def _deliver(self, interval: int) -> None:
        if interval <= self._delivered:
            return
        self._delivered = interval
        contract_wh = sum(energy for (start, _), energy in self.traded.items() if start == interval)
        limit = self.limits.pop(interval, None)
        most_wh = (limit.import_wh, limit.export_wh) if limit else (None, None)
        metered_wh = self.home.deliver(interval, contract_wh, most_wh)
        self.traded = {key: energy for key, energy in self.traded.items() if key[0] > interval}
        self._bid = {start for start in self._bid if start > interval}
        await self.market.report(interval, metered_wh, meter=self.meter, key=self.meter_key)
