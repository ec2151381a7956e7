"""A member that trades by itself: forecasts, bids its true value, delivers, reports.

It bids as soon as an interval opens, and once more shortly before the gate closes, when it knows better. How much it bids is a
quantile of what it may be: it has kept by how much its forecasts were wrong, and energy that goes astray costs more than energy
that was not traded.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from gridpact.client.client import Market, NoAnswerError, RefusedError
from gridpact.client.home import Home
from gridpact.client.messages import Limit, PhaseIs, PricesAre, Reduced, Traded
from gridpact.exchange import CancelOrder, ModifyOrder, Phase, PlaceOrder, Prices, Use
from gridpact.ledger import SigningKey

LOG = logging.getLogger(__name__)
Deal: TypeAlias = Callable[["Agent", int], Coroutine[object, object, None]]
"""What an agent does about an interval that has opened."""
LAST_BID_MS, LAST_BID_WALL_MS = 60_000, 2_000
"""Before the gate closes a home bids for the last time, on the market's clock and on the wall's: whichever is longer."""
ERRORS = 192
"""Of the newest forecasts that are kept."""
FEWEST_ERRORS = 8
"""Below, they say nothing."""


@dataclass(frozen=True, slots=True)
class Bid:
    """What was bid for an interval; ``energy_wh`` 0 if nothing stands."""

    order: str
    is_buy: bool
    energy_wh: int
    expected_wh: int


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
    gate_closure_ms
        How long before delivery the gate closes.
    margin_ms
        How long before that the home bids for the last time.
    speed
        Of the clock against the wall clock.
    deal
        What it does about an interval that has opened; None: bid to the book.
    traded, peers
        What it has bought (sold, if negative) by each trade that may still be delivered, Wh, and from whom.
    """

    market: Market
    home: Home
    meter: str
    meter_key: SigningKey
    clock: Callable[[], int]
    gate_closure_ms: int
    margin_ms: int = 60_000
    speed: float = 1.0
    deal: "Deal | None" = None
    traded: dict[tuple[int, int], int] = field(default_factory=dict)
    peers: dict[tuple[int, int], str] = field(default_factory=dict)
    limits: dict[int, Limit] = field(default_factory=dict)
    errors: deque[int] = field(default_factory=lambda: deque(maxlen=ERRORS))
    _bids: dict[int, Bid] = field(default_factory=dict)
    _delivered: int = -1

    @classmethod
    def joined(cls, market: Market, home: Home, meter: str, meter_key: SigningKey) -> "Agent":
        """For a home at a market that has said what time it is, on the market's clock.

        Raises
        ------
        NoAnswerError
            If it has not.
        """
        if market.clock is None:
            raise NoAnswerError("the exchange has not said what time it is: await told_time() first")
        clock = market.clock
        margin_ms = max(LAST_BID_MS, round(LAST_BID_WALL_MS * clock.speed))
        return cls(market, home, meter, meter_key, market.now, clock.gate_closure_ms, margin_ms, clock.speed)

    async def run(self) -> None:
        """Trade until cancelled, or until the line breaks."""
        async with asyncio.TaskGroup() as tasks:
            async for message in self.market.news():
                match message:
                    case PhaseIs(phase=Phase.OPEN) | PricesAre():
                        if self.market.phases.get(message.interval) == Phase.OPEN:
                            work = self.deal(self, message.interval) if self.deal else self._place(message.interval)
                            tasks.create_task(self._try(work))
                    case PhaseIs(phase=Phase.DELIVERED):
                        tasks.create_task(self._try(self._deliver(message.interval)))
                    case Traded():
                        sign = 1 if message.is_buy else -1
                        self.traded[message.interval, message.trade] = sign * message.energy_wh
                        self.peers[message.interval, message.trade] = message.peer
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
        if prices is None or interval in self._bids:
            return
        self._bids[interval] = Bid("", is_buy=False, energy_wh=0, expected_wh=0)
        await self._bid(interval, prices.prices, "first")
        wait_ms = interval - self.gate_closure_ms - self.margin_ms - self.clock()
        if wait_ms > 0:
            await asyncio.sleep(wait_ms / 1000 / self.speed)
            await self._bid(interval, prices.prices, "last")

    async def _bid(self, interval: int, prices: Prices, name: str) -> None:
        """Let what stands in the book be what is expected now."""
        stands, expected_wh = self._bids[interval], self.home.expected_wh(self.clock(), interval)
        wanted_wh = self.bid_wh(expected_wh, prices)
        is_buy, energy_wh, identity = wanted_wh > 0, abs(wanted_wh), f"bid-{interval}-{name}"
        self._bids[interval] = Bid(stands.order, is_buy, energy_wh, expected_wh)
        limit = self.limit(prices, is_buy)
        if stands.energy_wh and energy_wh and stands.is_buy == is_buy:
            if energy_wh != stands.energy_wh:
                await self.market.send(ModifyOrder(interval, stands.order, energy_wh, limit), identity=identity)
            return
        if stands.energy_wh:
            await self.market.send(CancelOrder(interval, stands.order), identity=f"{identity}-cancel")
        if energy_wh:
            order = PlaceOrder(interval, is_buy, energy_wh, limit, Use.BASE if is_buy else Use.PV)
            made = await self.market.send(order, identity=identity)
            self._bids[interval] = Bid(made, is_buy, energy_wh, expected_wh)

    def bid_wh(self, expected_wh: int, prices: Prices) -> int:
        """How much to trade, Wh, + = buy: the newsvendor's quantile around what is expected, never on the other side of it.

        A kWh more sold earns the price instead of the export price if there is surplus, and costs the imbalance price less the
        price if there is none; likewise for a buyer. The price is taken to be midway between import and export.
        """
        if len(self.errors) < FEWEST_ERRORS or not expected_wh:
            return expected_wh
        middle = (prices.import_price + prices.export_price) / 2
        sells = prices.export_price, prices.imbalance_buy
        least, most = sells if expected_wh < 0 else (prices.imbalance_sell, prices.import_price)
        share = (most - middle) / (most - least) if most > least else 0.5
        moved = expected_wh + int(np.quantile(self.errors, share))
        return moved if (moved < 0) == (expected_wh < 0) else 0

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
        bid = self._bids.get(interval)
        if bid is not None:
            self.errors.append(self.home.undisturbed_wh(interval) - bid.expected_wh)
        metered_wh = self.home.deliver(interval, contract_wh, most_wh)
        self.traded = {key: energy for key, energy in self.traded.items() if key[0] > interval}
        self.peers = {key: peer for key, peer in self.peers.items() if key[0] > interval}
        self._bids = {start: bid for start, bid in self._bids.items() if start > interval}
        await self.market.report(interval, metered_wh, meter=self.meter, key=self.meter_key)
        battery = self.home.member.battery
        if battery is not None:
            await self.market.say_battery(self.home.soc_kwh, battery.capacity_kwh)
