"""An auction: a bidding strategy and a matching rule put together, and the pact that comes of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gridpact.markets.auction import _audit
from gridpact.markets.auction.bidding import Strategy
from gridpact.markets.auction.merit import MeritOrder, word
from gridpact.markets.auction.rules import Claims, Matching, Payments, Rule
from gridpact.markets.book import Book
from gridpact.markets.certificate import Certificate, Check
from gridpact.markets.mechanism import Gate, Memory
from gridpact.markets.outlook import Outlook
from gridpact.markets.pact import Pact, Party, Reason, Trades, Transfers
from gridpact.units import WH_PER_KWH, payment


@dataclass(frozen=True, slots=True)
class Auction:
    """A mechanism on orders: `bid` is the members' side, `match` the exchange's.

    Attributes
    ----------
    name
        Registered name.
    strategy
        How the members bid.
    rule
        How the exchange matches.
    """

    name: str
    strategy: Strategy
    rule: Rule

    @property
    def gate(self) -> Gate:
        """Each interval is a market of its own; only learning members tie one gate to the next."""
        return Gate(covers=1, carries_memory=self.strategy.learns)

    def bid(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> Book:
        """Orders of all members, one a member and interval."""
        return self.strategy.bid(outlook, memory, rng)

    def match(self, book: Book, seed: int) -> Pact:
        """Match every interval of a book.

        Parameters
        ----------
        book
            Orders in any sequence: it decides nothing.
        seed
            Breaks ties; the low 64 bits count.

        Raises
        ------
        InputError
            If the book cannot be one.

        Examples
        --------
        A buyer of 2 kWh at 0.30 meets sellers of 1 kWh at 0.10 and 3 kWh at 0.20. The dearer ask is filled in part and sets
        the price.

        >>> from gridpact.markets.auction import VARIANTS
        >>> book = Book(interval=[0] * 3, is_buy=[1, 0, 0], member=[0, 1, 2], energy_wh=[2000, 1000, 3000],
        ...             limit=[300_000, 100_000, 200_000], charge=[0] * 3)
        >>> trades = VARIANTS["uniform"]().match(book, seed=1).trades
        >>> trades.seller, trades.energy_wh, trades.price
        (array([1, 2]), array([1000, 1000]), array([200000, 200000]))
        """
        orders = MeritOrder.of(book, seed)
        matching = self.rule.match(orders, word(seed))
        ask, bid, energy_wh, price = matching.pairs
        trades = Trades(orders.member[ask], orders.member[bid], orders.interval[ask], energy_wh, price)
        transfers = _transfers(orders, matching, self.rule.sponsor)
        return Pact(trades, transfers, None, _certificate(book, word(seed), trades, transfers, self.rule.claims))

    def clear(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> tuple[Pact, Memory]:
        """Bid, match, learn."""
        return self.clear_by(outlook, memory, rng, lambda book: self.match(book, int(rng.integers(2**63))))

    def clear_by(
        self, outlook: Outlook, memory: Memory, rng: np.random.Generator, match: Callable[[Book], Pact]
    ) -> tuple[Pact, Memory]:
        """Bid, have it matched, learn."""
        known = self.strategy.start(outlook, memory, rng)
        book = self.strategy.bid(outlook, known, rng)
        pact = match(book)
        return pact, self.strategy.learn(outlook, known, book, pact)


def _transfers(orders: MeritOrder, matching: Matching, sponsor: Party) -> Transfers:
    """What brings each order from the price of its trades to what it should pay or receive in all."""
    if matching.money is None:
        return Transfers.empty()
    ask, bid, energy_wh, price = matching.pairs
    owed = matching.money.copy()
    np.subtract.at(owed, bid, energy_wh * price)
    np.subtract.at(owed, ask, energy_wh * price)
    is_ask = np.zeros(len(owed), dtype=np.bool_)
    is_ask[ask] = True
    owed[is_ask] *= -1
    amount = payment(np.abs(owed), 1)
    rows = np.flatnonzero(amount)
    member, pays = orders.member[rows], owed[rows] > 0
    return Transfers(
        payer=np.where(pays, member, sponsor),
        payee=np.where(pays, Party.EXCHANGE, member),
        interval=orders.interval[rows],
        amount=amount[rows],
        reason=np.where(pays, Reason.SURPLUS, Reason.DEFICIT),
    )


def _certificate(book: Book, seed: np.uint64, trades: Trades, transfers: Transfers, claims: Claims) -> Certificate:
    """Claims against the book as it was placed, from trades and transfers alone."""
    balanced = claims.no_surplus and claims.no_deficit
    beyond, imbalance, outside, gap, astray = _audit.audit(
        (book.interval, book.is_buy, book.member, book.energy_wh, book.price),
        (trades.seller, trades.buyer, trades.interval, trades.energy_wh, trades.price),
        (transfers.payer, transfers.payee, transfers.interval, transfers.amount),
        int(claims.payments),
        0 if balanced else WH_PER_KWH // 2,
        seed,
    )
    left = float(transfers.amount[transfers.payee < 0].sum())
    paid = float(transfers.amount[transfers.payer < 0].sum())
    checks = [
        Check("individual rationality: price beyond a limit (micro-units/kWh)", float(beyond)),
        Check("energy balance: orders against trades (Wh)", float(imbalance)),
        Check("budget: left with the exchange (micro-units)", left, _claimed(claims.no_surplus), adds_up=True),
        Check("budget: paid by the sponsor (micro-units)", paid, _claimed(claims.no_deficit), adds_up=True),
        Check("optimality gap: welfare lost (micro-units)", gap / WH_PER_KWH, _claimed(claims.efficient), adds_up=True),
    ]
    if claims.clearing_price:
        checks.append(Check("price outside of the crossing interval (micro-units/kWh)", float(outside)))
    if claims.payments != Payments.UNCHECKED:
        checks.append(Check("payments other than the rule's (micro-units)", astray / WH_PER_KWH))
    return Certificate(tuple(checks))


def _claimed(claim: bool) -> float:
    return 0.0 if claim else math.inf
