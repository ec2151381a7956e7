"""Sharing by keys: how energy communities in Europe are billed today.

The community's surplus of an interval is allocated to its consumers by keys, each up to what it consumed; what is not allocated
goes to the supplier, by each producer in proportion to its surplus.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gridpact.community import Member, Tariff
from gridpact.errors import InputError, nearest_name
from gridpact.markets._pool_certificate import Claims, certify
from gridpact.markets._pool_matching import Sides, match_proportionally, mid_price, ration, trades_of
from gridpact.markets.outlook import Metering
from gridpact.markets.pact import Pact
from gridpact.units import FloatArray, IntArray, split, to_micro

KINDS = ("dynamic", "static", "equal")
PRICES = ("mid", "import", "export")
_SUM_TOLERANCE = 1e-9


def keys(
    kind: str = "dynamic",
    shares: Mapping[str, float] | None = None,
    rounds: int = 1,
    price: str | float = "mid",
) -> "Keys":
    """Keys of an energy community: surplus allocated by static, dynamic (by consumption) or equal keys.

    Parameters
    ----------
    kind
        ``"dynamic"``: in proportion to consumption. ``"static"``: fixed shares of all surplus, whether or not their holder
        consumes. ``"equal"``: per head of those who consume in the interval.
    shares
        Static keys by member id, each from 0 up, together at most 1; members left out hold none. None: equal for all members.
    rounds
        How often what is left is offered again by the same keys (static and equal).
    price
        Internal price: ``"mid"`` of import and export price, ``"import"``, ``"export"``, or a number in units of the currency.

    Raises
    ------
    InputError
        If an option is out of range, or, when sharing, a key names nobody.

    Examples
    --------
    >>> keys("static", {"school": 0.7, "house": 0.3}).rounds
    1
    """
    return Keys(kind, None if shares is None else tuple(shares.items()), rounds, price)


@dataclass(frozen=True, slots=True)
class Keys:
    """Allocation of the community's surplus by keys, at one internal price."""

    kind: str = "dynamic"
    shares: tuple[tuple[str, float], ...] | None = None
    rounds: int = 1
    price: str | float = "mid"
    name: str = "pool:keys"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(
                f"kind {self.kind!r} is unknown{nearest_name(self.kind, list(KINDS))}",
                place=self.name,
                accepted=", ".join(KINDS),
            )
        if self.rounds < 1:
            raise InputError(f"rounds = {self.rounds!r}", place=self.name, accepted="a whole number from 1 up")
        if self.kind == "dynamic" and self.rounds > 1:
            raise InputError(
                f"rounds = {self.rounds} with dynamic keys",
                place=self.name,
                accepted="1: nothing is left to share again",
            )
        if self.shares is not None:
            _check_shares(self.shares, self.kind, self.name)
        if self.price not in PRICES and (isinstance(self.price, str) or not math.isfinite(self.price)):
            raise InputError(
                f"price = {self.price!r}", place=self.name, accepted=f"{', '.join(PRICES)}, or a finite number"
            )

    def share(self, metering: Metering) -> Pact:
        """Trades of what the keys allocate.

        Raises
        ------
        InputError
            If a static key names nobody of the community.
        """
        sides = Sides.of(metering.net_wh)
        if self.kind == "dynamic":
            sold, bought = match_proportionally(sides)
        else:
            bought = allocate(sides, self._key_of(metering.members), self.rounds)
            sold = ration(sides.surplus, bought.sum(axis=0))
        pact = Pact(trades_of(sold, bought, self._internal_price(metering.tariff)))
        claims = Claims(matches_all=self.kind == "dynamic", within_retail=self.price in PRICES)
        return replace(pact, certificate=certify(metering, pact, claims))

    def _internal_price(self, tariff: Tariff) -> IntArray:
        match self.price:
            case "mid":
                return mid_price(tariff)
            case "import":
                return tariff.import_price
            case "export":
                return tariff.export_price
            case number:
                return np.full(len(tariff.import_price), to_micro(float(number)), dtype=np.int64)

    def _key_of(self, members: tuple[Member, ...]) -> FloatArray | None:
        """Static keys ``[member]``; None for equal keys per head."""
        if self.kind == "equal":
            return None
        ids = [member.id for member in members]
        if self.shares is None:
            return np.full(len(ids), 1 / max(len(ids), 1))
        for holder, _ in self.shares:
            if holder not in ids:
                raise InputError(
                    f"{holder!r} is not a member{nearest_name(holder, ids)}",
                    place=f"{self.name}: shares",
                    accepted="ids of members",
                )
        held = dict(self.shares)
        return np.array([held.get(member, 0.0) for member in ids], dtype=np.float64)


def allocate(sides: Sides, key: FloatArray | None, rounds: int) -> IntArray:
    """Allocate each interval's surplus to consumers by keys, each up to its demand.

    In a round a member is offered ``key × surplus left`` and takes ``min(offer, demand left)``; offers are rounded to integer
    Wh by largest remainder. Keys stay the same from round to round, as in the Czech decree 408/2015, annex 25, so a key of
    somebody who is covered keeps its part of what is left: every round shares some of it, none needs to share all.

    Parameters
    ----------
    sides
        Surplus and demand.
    key
        Shares ``[member]`` that sum to at most 1; None: equal among those who consume in the interval.
    rounds
        At least 1.

    Returns
    -------
    Integer Wh, ``[member, interval]``.

    Examples
    --------
    >>> sides = Sides.of(np.array([[-900], [100], [800]]))
    >>> [allocate(sides, None, rounds).ravel().tolist() for rounds in (1, 2)]
    [[0, 100, 450], [0, 100, 625]]
    """
    taken = np.zeros_like(sides.demand)
    active = np.flatnonzero((sides.generation > 0) & (sides.consumption > 0))
    for _ in range(rounds):
        if not len(active):
            break
        demand, before = sides.demand[:, active], taken[:, active]
        left = sides.generation[active] - before.sum(axis=0)
        more = np.minimum(_offer(left, demand, key), demand - before)
        taken[:, active] = before + more
        active = active[(more > 0).any(axis=0)]
    return taken


def _offer(left: IntArray, demand: IntArray, key: FloatArray | None) -> IntArray:
    if key is None:
        return split(left, demand > 0)
    nobody = max(1.0 - float(key.sum()), 0.0)
    weights = np.repeat(np.append(key, nobody)[:, None], len(left), axis=1)
    return split(left, weights)[:-1]


def _check_shares(shares: tuple[tuple[str, float], ...], kind: str, place: str) -> None:
    if kind != "static":
        raise InputError(f"shares with {kind} keys", place=place, accepted='shares with kind = "static" only')
    for holder, share in shares:
        if not 0 <= share <= 1:
            raise InputError(f"share {share!r} of {holder!r}", place=place, accepted="a number from 0 to 1")
    total = math.fsum(share for _, share in shares)
    if not 0 < total <= 1 + _SUM_TOLERANCE:
        raise InputError(f"the shares sum to {total:g}", place=place, accepted="a sum above 0, at most 1")
