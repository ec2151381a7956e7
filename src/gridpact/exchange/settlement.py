"""Who pays whom after delivery: exact in integers, zero-sum in every interval."""

from dataclasses import dataclass

import numpy as np

from gridpact.community import Tariff, TradeCharges
from gridpact.markets import Pact, Party
from gridpact.units import MICRO, IntArray, payment, to_micro


@dataclass(frozen=True, eq=False)
class Energies:
    """Where each member's metered energy came from and went to, integer Wh ``[member, interval]``, none negative.

    ``metered = bought − sold + imported − exported + short − unused`` holds exactly, metered with + = consumption.

    Attributes
    ----------
    bought, sold
        Traded energy.
    imported, exported
        With the supplier at retail.
    short
        Sold but not delivered, bought in at the imbalance price.
    unused
        Bought but not taken, sold on at the imbalance price.
    """

    bought: IntArray
    sold: IntArray
    imported: IntArray
    exported: IntArray
    short: IntArray
    unused: IntArray


@dataclass(frozen=True, eq=False)
class Settlement:
    """The accounts of a horizon, integer micro-units; + = the party pays, − = it is paid.

    Attributes
    ----------
    energies
        The energy behind the amounts.
    trades, retail, imbalance, network, service, penalty, transfers
        What each member pays by cause, ``[member, interval]``.
    supplier, dso, exchange
        What these parties pay, ``[interval]``.
    loss_wh
        Energy that the DSO bought for losses, ``[interval]``.
    """

    energies: Energies
    trades: IntArray
    retail: IntArray
    imbalance: IntArray
    network: IntArray
    service: IntArray
    penalty: IntArray
    transfers: IntArray
    supplier: IntArray
    dso: IntArray
    exchange: IntArray
    loss_wh: IntArray

    @property
    def bills(self) -> IntArray:
        """What each member pays in all, ``[member, interval]``."""
        return self.trades + self.retail + self.imbalance + self.network + self.service + self.penalty + self.transfers

    def money_residual(self) -> int:
        """Largest absolute sum of all cash flows of an interval over all parties, micro-units; 0 when exact."""
        total = self.bills.sum(axis=0) + self.supplier + self.dso + self.exchange
        return int(np.abs(total).max(initial=0))


def settle(pact: Pact, metered_wh: IntArray, head_wh: IntArray, tariff: Tariff, charges: TradeCharges) -> Settlement:
    """Settle a horizon after delivery.

    Trades are paid at their prices. What a meter shows beyond the member's net traded position is the supplier's business at
    retail; energy sold and not delivered is bought in, energy bought and not taken is sold on, at the imbalance prices. The
    DSO buys the losses (feeder head minus the sum of meters) from the supplier and receives the network charge.

    Parameters
    ----------
    pact
        What was agreed, intervals counted from the start of the horizon.
    metered_wh
        Integer Wh, ``[member, interval]``, + = consumption.
    head_wh
        Metered at the feeder head, integer Wh ``[interval]``, + = import.
    tariff, charges
        Prices of the horizon and what each member pays per traded kWh.

    Returns
    -------
    Settlement
        Exact: the cash flows of each interval sum to zero over all parties.

    Examples
    --------
    A sells 3 kWh to B at 0.20 but delivers 2; B takes all of it. Import costs 0.30, imbalance 0.35.

    >>> from gridpact.markets import Trades
    >>> price = lambda value: np.array([value])
    >>> tariff = Tariff(price(300_000), price(80_000), price(350_000), price(50_000), price(100_000))
    >>> free = TradeCharges(*(np.zeros(2, dtype=np.int64) for _ in range(4)))
    >>> pact = Pact(Trades([0], [1], [0], [3000], [200_000]))
    >>> accounts = settle(pact, np.array([[-2000], [3000]]), np.array([1000]), tariff, free)
    >>> accounts.bills.tolist()  # A: −3 × 0.20 + 1 × 0.35, B: 3 × 0.20
    [[-250000], [600000]]
    >>> accounts.money_residual()
    0
    """
    energies = _allocate(pact, metered_wh)
    trades = np.zeros(metered_wh.shape, dtype=np.int64)
    paid = pact.trades.payments()
    np.add.at(trades, (pact.trades.buyer, pact.trades.interval), paid)
    np.subtract.at(trades, (pact.trades.seller, pact.trades.interval), paid)
    retail = payment(energies.imported, tariff.import_price) - payment(energies.exported, tariff.export_price)
    imbalance = payment(energies.short, tariff.imbalance_buy) - payment(energies.unused, tariff.imbalance_sell)
    network = payment(energies.bought, charges.network_buy[:, None]) + payment(
        energies.sold, charges.network_sell[:, None]
    )
    service = payment(energies.bought, charges.service_buy[:, None]) + payment(
        energies.sold, charges.service_sell[:, None]
    )
    penalty = _penalty(energies, tariff)
    transfers, to_party = _transfers(pact, metered_wh.shape)
    loss_wh = head_wh - metered_wh.sum(axis=0)
    losses = payment(loss_wh, tariff.loss_price)
    return Settlement(
        energies=energies,
        trades=trades,
        retail=retail,
        imbalance=imbalance,
        network=network,
        service=service,
        penalty=penalty,
        transfers=transfers,
        supplier=to_party[Party.SUPPLIER] - (retail + imbalance).sum(axis=0) - losses,
        dso=to_party[Party.DSO] - (network + penalty).sum(axis=0) + losses,
        exchange=to_party[Party.EXCHANGE] - service.sum(axis=0),
        loss_wh=loss_wh,
    )


def _allocate(pact: Pact, metered_wh: IntArray) -> Energies:
    bought, sold = np.zeros_like(metered_wh), np.zeros_like(metered_wh)
    trades = pact.trades
    np.add.at(bought, (trades.buyer, trades.interval), trades.energy_wh)
    np.add.at(sold, (trades.seller, trades.interval), trades.energy_wh)
    position = bought - sold
    demand, to_take = np.maximum(metered_wh, 0), np.maximum(position, 0)
    surplus, to_deliver = np.maximum(-metered_wh, 0), np.maximum(-position, 0)
    return Energies(
        bought=bought,
        sold=sold,
        imported=np.maximum(demand - to_take, 0),
        exported=np.maximum(surplus - to_deliver, 0),
        short=np.maximum(to_deliver - surplus, 0),
        unused=np.maximum(to_take - demand, 0),
    )


def _penalty(energies: Energies, tariff: Tariff) -> IntArray:
    if tariff.penalty == 0:
        return np.zeros_like(energies.short)
    tolerated = np.abs(energies.bought - energies.sold) * to_micro(tariff.dead_band) // MICRO
    return payment(np.maximum(energies.short + energies.unused - tolerated, 0), tariff.penalty)


def _transfers(pact: Pact, shape: tuple[int, int]) -> tuple[IntArray, dict[Party, IntArray]]:
    """Net transfers paid by each member, ``[member, interval]``, and by each other party, ``[interval]``."""
    members = shape[0]
    cash = np.zeros((members + len(Party), shape[1]), dtype=np.int64)
    moved = pact.transfers
    np.add.at(cash, (moved.payer, moved.interval), moved.amount)
    np.subtract.at(cash, (moved.payee, moved.interval), moved.amount)
    return cash[:members], {party: cash[party] for party in Party}
