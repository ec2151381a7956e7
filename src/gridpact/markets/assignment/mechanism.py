"""The bilateral market: members place energies and bounds, the exchange finds contracts that nobody would leave."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gridpact.markets.assignment.bids import Bids
from gridpact.markets.assignment.certificate import Claims, certify
from gridpact.markets.assignment.contracts import Rule
from gridpact.markets.assignment.points import CorePoint
from gridpact.markets.certificate import Certificate
from gridpact.markets.mechanism import Gate, Memory
from gridpact.markets.outlook import Outlook
from gridpact.markets.pact import Pact, Trades, Transfers
from gridpact.units import IntArray


@dataclass(frozen=True, slots=True)
class Assignment:
    """Every interval is a market of its own; its contracts are optimal and its prices a point of the core.

    Attributes
    ----------
    name
        Registered name.
    rule
        Which contracts members may sign.
    point
        Which point of the core prices them.
    """

    name: str
    rule: Rule
    point: CorePoint

    @property
    def gate(self) -> Gate:
        """One interval; nothing is remembered."""
        return Gate(covers=1, carries_memory=False)

    def place(self, outlook: Outlook) -> Bids:
        """The members' side: truthful bids."""
        return Bids.of(outlook)

    def contract(self, bids: Bids, hours: float) -> Pact:
        """The exchange's side: contracts from bids alone.

        Parameters
        ----------
        bids
            Of any number of intervals.
        hours
            Length of an interval.

        Examples
        --------
        A buyer of 1.5 kWh who pays up to 0.30, and sellers of 1 kWh from 0.10 and of 3 kWh from 0.20:

        >>> from gridpact.markets.assignment import VARIANTS
        >>> bids = Bids(demand_wh=[[1500], [0], [0]], supply_wh=[[0], [1000], [3000]],
        ...             ceiling=[[300_000]] * 3, floor=[[0], [100_000], [200_000]])
        >>> trades = VARIANTS["multi"]().contract(bids, hours=1.0).trades
        >>> trades.seller, trades.energy_wh, trades.price
        (array([1, 2]), array([1000,  500]), array([200000, 200000]))
        >>> trades = VARIANTS["single"]().contract(bids, hours=1.0).trades
        >>> trades.seller, trades.energy_wh, trades.price
        (array([1]), array([1000]), array([125000]))
        """
        limit_wh = self.rule.limit_wh(hours)
        signed: list[tuple[IntArray, ...]] = []
        for market in bids.markets():
            contracts = self.rule.sign(market, self.point, limit_wh)
            seller, buyer = market.seller[contracts.seller], market.buyer[contracts.buyer]
            interval = np.full(len(seller), market.interval)
            signed.append((seller, buyer, interval, contracts.energy_wh, contracts.price))
        trades = Trades(*map(np.concatenate, zip(*signed, strict=True))) if signed else Trades.empty()
        return Pact(trades, certificate=self._certify(bids, trades, Transfers.empty(), hours))

    def contract_for(
        self, demand_wh: IntArray, supply_wh: IntArray, price: IntArray, premium: IntArray | None, hours: float
    ) -> Pact:
        """Contracts from bids that each have one price, before charges: see `gridpact.markets.BidMechanism`."""
        return self.contract(Bids(demand_wh, supply_wh, price, price, premium), hours)

    def clear(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> tuple[Pact, Memory]:
        """Place and contract; nothing is drawn."""
        return self.contract(self.place(outlook), outlook.horizon.hours), None

    def clear_stated(
        self, outlook: Outlook, memory: Memory, rng: np.random.Generator
    ) -> tuple[Pact, Memory, dict[str, IntArray]]:
        """The same, and the bids as rows of their members: each its energies, its bounds, and its premiums for the others."""
        bids = self.place(outlook)
        stated = {name: getattr(bids, name) for name in ("demand_wh", "supply_wh", "ceiling", "floor")}
        premiums = {} if bids.premium is None else {"premium": bids.premium}
        return self.contract(bids, outlook.horizon.hours), None, stated | premiums

    def judge(self, statements: Mapping[str, IntArray], hours: float, pact: Pact, commitments: Trades) -> Certificate:
        """The certificate of contracts on these bids, whoever found them.

        Raises
        ------
        InputError
            If the statements are no bids.
        """
        return self._certify(Bids(**statements), pact.trades, pact.transfers, hours)

    def _certify(self, bids: Bids, trades: Trades, transfers: Transfers, hours: float) -> Certificate:
        return certify(bids, trades, transfers, Claims(self.rule.single, self.point, self.rule.limit_wh(hours)))
