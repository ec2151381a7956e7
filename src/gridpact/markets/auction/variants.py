"""The auctions by name. The first line of each factory is what users are shown."""

from collections.abc import Callable
from typing import TypeVar

from gridpact.errors import InputError, nearest_name
from gridpact.markets.auction.bidding import STRATEGIES
from gridpact.markets.auction.mechanism import Auction
from gridpact.markets.auction.rules import (
    Clarke,
    Continuous,
    Muda,
    PayAsBid,
    RandomPairs,
    Rule,
    TradeReduction,
    Uniform,
)
from gridpact.markets.pact import Party

_T = TypeVar("_T")

_SPONSORS = {"exchange": Party.EXCHANGE, "dso": Party.DSO}
_LONG_SIDES = {"lottery": False, "vickrey": True}


def uniform(*, strategy: str = "truthful") -> Auction:
    """One price for all in each interval: the midpoint of the crossing interval.

    Parameters
    ----------
    strategy
        How the members bid: ``"truthful"``, ``"zero-intelligence"`` or ``"adaptive"``; the same in every auction.
    """
    return _auction("uniform", strategy, Uniform())


def pay_as_bid(*, k: float = 1.0, strategy: str = "truthful") -> Auction:
    """Each pair at its own price, ask + k (bid - ask); by default the buyer pays its bid.

    Parameters
    ----------
    k
        Where the price lies between the ask (0) and the bid (1); six decimals count.
    """
    return _auction("pay-as-bid", strategy, PayAsBid(k))


def mcafee(*, strategy: str = "truthful") -> Auction:
    """Multi-unit trade reduction (Huang, Scheller-Wolf, Sycara 2002): truthful in price, the exchange keeps a surplus."""
    return _auction("mcafee", strategy, TradeReduction())


def muda(*, variant: str = "lottery", strategy: str = "truthful") -> Auction:
    """MUDA (Segal-Halevi, Hassidim, Aumann 2018): two random halves, each trades at the other's price; truthful.

    Parameters
    ----------
    variant
        How the long side of a half is served: ``"lottery"`` by lot, strongly budget balanced; ``"vickrey"`` by merit, against
        payments that the exchange keeps.
    """
    return _auction("muda", strategy, Muda(_choose("muda variant", variant, _LONG_SIDES)))


def vcg(*, sponsor: str = "exchange", strategy: str = "truthful") -> Auction:
    """Efficient and truthful with Clarke payments; a sponsor covers the deficit.

    Parameters
    ----------
    sponsor
        Who covers the deficit: ``"exchange"`` or ``"dso"``.
    """
    return _auction("vcg", strategy, Clarke(_choose("vcg sponsor", sponsor, _SPONSORS)))


def random(*, rounds: int = 8, strategy: str = "truthful") -> Auction:
    """Random feasible pairs at their midpoint: the baseline to beat.

    Parameters
    ----------
    rounds
        How often those who have energy left are paired anew.
    """
    return _auction("random", strategy, RandomPairs(rounds))


def continuous(*, strategy: str = "truthful") -> Auction:
    """Continuous order book, price then time; orders arrive in a random order, the resting one sets the price."""
    return _auction("continuous", strategy, Continuous())


VARIANTS: dict[str, Callable[..., Auction]] = {
    "uniform": uniform,
    "pay-as-bid": pay_as_bid,
    "mcafee": mcafee,
    "muda": muda,
    "vcg": vcg,
    "random": random,
    "continuous": continuous,
}
"""Variants of the family ``auction`` by name: the entry point."""


def _auction(variant: str, strategy: str, rule: Rule) -> Auction:
    return Auction(f"auction:{variant}", _choose("bidding strategy", strategy, STRATEGIES)(), rule)


def _choose(what: str, name: str, known: dict[str, _T]) -> _T:
    if name not in known:
        raise InputError(f"{what} {name!r} is unknown{nearest_name(name, list(known))}", accepted=", ".join(known))
    return known[name]
