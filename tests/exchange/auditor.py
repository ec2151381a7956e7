"""Reads a log of events with nothing but dictionaries and whole numbers, and says what everybody owes.

It shares no line with the exchange: trades, reductions and readings are followed from the log, bills are worked out one by one
by the rules on the page about settlement, and every order is followed from state to state.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from gridpact.exchange import (
    AnyEvent,
    AreaOpened,
    GateClosed,
    IntervalAccepted,
    IntervalDelivered,
    IntervalOpened,
    IntervalSettled,
    ItemExpired,
    ItemListed,
    ItemWithdrawn,
    OrderCancelled,
    OrderModified,
    OrderPlaced,
    OrdersNetted,
    OrderUnmatched,
    ReadingEstimated,
    ReadingTaken,
    Registered,
    Role,
    TradeReduced,
    TradeStruck,
    TransferMade,
)

CAUSES = ("trades", "retail", "imbalance", "network", "service", "penalty", "transfers")


def rounded(energy_wh: int, price: int) -> int:
    """Wh times micro-units per kWh, halves to even."""
    whole, rest = divmod(energy_wh * price, 1000)
    return whole + (rest > 500 or (rest == 500 and whole % 2 == 1))


class Audit:
    """What a log says, followed event by event."""

    def __init__(self, log: Iterable[AnyEvent]) -> None:
        self.members: set[str] = set()
        self.prices: dict[int, Any] = {}
        self.taking_part: dict[int, tuple[str, ...]] = {}
        self.orders: dict[str, dict[str, int]] = {}
        self.paths: dict[str, list[str]] = defaultdict(list)
        self.items: dict[str, int] = {}
        self.trades: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self.transfers: dict[int, list[TransferMade]] = defaultdict(list)
        self.meters: dict[int, dict[str, int]] = defaultdict(dict)
        self.settled: dict[int, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self.rounds: Counter[int] = Counter()
        for event in log:
            self.follow(event)

    def follow(self, event: AnyEvent) -> None:
        match event:
            case AreaOpened():
                self.rules = event.rules
                self.members = {actor.id for actor in event.actors if actor.role == Role.MEMBER}
            case Registered() if event.actor.role == Role.MEMBER:
                self.members.add(event.actor.id)
            case IntervalOpened():
                self.prices[event.interval], self.taking_part[event.interval] = event.prices, tuple(self.members)
            case ItemListed():
                self.items[event.item] = event.energy_wh
            case ItemWithdrawn() | ItemExpired():
                assert self.items.pop(event.item) > 0, "an item ends twice, or with nothing left"
            case OrderPlaced() | OrderModified() | OrderCancelled() | OrdersNetted() | OrderUnmatched():
                self.follow_order(event)
            case GateClosed():
                for order in self.orders.values():
                    if order["interval"] == event.interval:
                        order["open"] = 0
            case TradeStruck():
                self.strike(event)
            case TradeReduced():
                trade = self.trades[event.interval][event.trade]
                assert 0 <= event.energy_wh <= trade["standing"]
                trade["standing"] = event.energy_wh
            case TransferMade():
                self.transfers[event.interval].append(event)
            case IntervalAccepted() | IntervalDelivered():
                self.end_orders(event)
            case ReadingTaken() | ReadingEstimated():
                self.meters[event.interval][event.of] = event.energy_wh
            case IntervalSettled():
                self.settle(event)

    def follow_order(self, event: Any) -> None:
        match event:
            case OrderPlaced():
                assert event.order not in self.orders
                self.orders[event.order] = {"interval": event.interval, "open": event.energy_wh, "matched": 0}
                self.paths[event.order].append("PLACED")
            case OrderModified():
                assert self.orders[event.order]["open"] > 0
                self.orders[event.order]["open"] = event.energy_wh
                if self.paths[event.order][-1] != "MATCHED":
                    self.paths[event.order].append("MODIFIED")
            case OrderCancelled() | OrderUnmatched():
                self.close_order(event.order, "CANCELLED" if isinstance(event, OrderCancelled) else "UNMATCHED")
            case OrdersNetted():
                for key in (event.buy, event.sell):
                    self.orders[key]["open"] -= event.energy_wh
                    assert self.orders[key]["open"] >= 0
                    if self.orders[key]["open"] == 0:
                        self.close_order(key, "CANCELLED")

    def close_order(self, key: str, then: str) -> None:
        self.orders[key]["open"] = 0
        if self.orders[key]["matched"] == 0:
            self.paths[key].append(then)

    def strike(self, event: TradeStruck) -> None:
        self.trades[event.interval].append(
            {"seller": event.seller, "buyer": event.buyer, "price": event.price, "standing": event.energy_wh}
            | {"agreed": event.energy_wh, "sides": (event.sell, event.buy)}
        )
        for key in filter(None, (event.sell, event.buy)):
            if key in self.orders:
                order = self.orders[key]
                assert order["interval"] == event.interval
                order["open"] -= event.energy_wh
                order["matched"] += event.energy_wh
                assert order["open"] >= 0
                if self.paths[key][-1] != "MATCHED":
                    self.paths[key].append("MATCHED")
            else:
                self.items[key] -= event.energy_wh
                assert self.items[key] >= 0

    def end_orders(self, event: IntervalAccepted | IntervalDelivered) -> None:
        standing: Counter[str] = Counter()
        for trade in self.trades[event.interval]:
            for key in trade["sides"]:
                standing[key] += trade["standing"]
        for key, order in self.orders.items():
            if order["interval"] != event.interval or self.paths[key][-1] in ("CANCELLED", "UNMATCHED", "REJECTED"):
                continue
            if isinstance(event, IntervalDelivered):
                self.paths[key].append("DELIVERED")
            elif standing[key] == order["matched"]:
                self.paths[key].append("ACCEPTED")
            else:
                self.paths[key].append("CURTAILED" if standing[key] else "REJECTED")

    def settle(self, event: IntervalSettled) -> None:
        assert event.round == self.rounds[event.interval], "a settlement is missing or comes twice"
        self.rounds[event.interval] += 1
        paid = sum(map(sum, event.money.values())) + event.supplier + event.dso + event.exchange
        assert paid == 0, f"money appears or vanishes in interval {event.interval}"
        assert sum(event.energy.get("bought", ())) == sum(event.energy.get("sold", ()))
        for name, column in (event.energy | event.money).items():
            for member, value in zip(event.members, column, strict=True):
                self.settled[event.interval][name][member] += value
        self.settled[event.interval]["loss"][""] += event.loss_wh
        self.check_bills(event.interval)

    def check_bills(self, interval: int) -> None:
        """What has been settled so far is what the log implies so far."""
        settled = self.settled[interval]
        metered = self.meters[interval]
        assert settled["loss"][""] == metered[""] - sum(metered[member] for member in self.taking_part[interval])
        for member in self.taking_part[interval]:
            bill = self.bill(interval, member)
            assert bill == {cause: settled[cause][member] for cause in CAUSES}, (interval, member)

    def bill(self, interval: int, member: str) -> dict[str, int]:
        trades, prices, rules = self.trades[interval], self.prices[interval], self.rules
        bought = [(trade["standing"], trade["price"]) for trade in trades if trade["buyer"] == member]
        sold = [(trade["standing"], trade["price"]) for trade in trades if trade["seller"] == member]
        bought_wh, sold_wh = (sum(energy for energy, _ in side) for side in (bought, sold))
        net, metered = bought_wh - sold_wh, self.meters[interval][member]
        demand, surplus, take, deliver = max(metered, 0), max(-metered, 0), max(net, 0), max(-net, 0)
        short, unused = max(deliver - surplus, 0), max(take - demand, 0)
        beyond = max(short + unused - abs(net) * rules.dead_band // 1_000_000, 0)
        return {
            "trades": sum(rounded(*trade) for trade in bought) - sum(rounded(*trade) for trade in sold),
            "retail": rounded(max(demand - take, 0), prices.import_price)
            - rounded(max(surplus - deliver, 0), prices.export_price),
            "imbalance": rounded(short, prices.imbalance_buy) - rounded(unused, prices.imbalance_sell),
            "network": rounded(bought_wh, rules.network_charge[""]),
            "service": rounded(bought_wh, rules.service_charge),
            "penalty": rounded(beyond, rules.penalty),
            "transfers": self.moved(interval, member),
        }

    def moved(self, interval: int, member: str) -> int:
        agreed, standing = Counter[str](), Counter[str]()
        for trade in self.trades[interval]:
            for side in ("seller", "buyer"):
                agreed[trade[side]] += trade["agreed"]
                standing[trade[side]] += trade["standing"]
        total = 0
        for transfer in self.transfers[interval]:
            if member in (transfer.payer, transfer.payee):
                shares = [
                    transfer.amount * standing[party] // agreed[party] if agreed[party] else transfer.amount
                    for party in (transfer.payer, transfer.payee)
                ]
                total += min(shares) if transfer.payer == member else -min(shares)
        return total
