"""The Shapley pool: in every interval the pool's saving is shared by the Shapley value."""

from dataclasses import dataclass, replace

import numpy as np

from gridpact.errors import InputError, nearest_name
from gridpact.horizon import Horizon
from gridpact.markets._pool_matching import Sides, match_proportionally, trades_of, transfers_with
from gridpact.markets.coalition._pool_certificate import Shares, certify_shapley
from gridpact.markets.coalition.pooled import DOMINATION, asymptotic_shares, series_shares
from gridpact.markets.coalition.pooling import pooling_game
from gridpact.markets.coalition.shapley import shapley_sampled
from gridpact.markets.outlook import Metering
from gridpact.markets.pact import Pact, Party, Trades, Transfers
from gridpact.units import BoolArray, FloatArray, IntArray, payment, split

METHODS = ("auto", "exact", "sampled", "asymptotic")

_PRECISION = 1e-6
_MANY, _NO_DOMINATION = 1_000, 0.1


def shapley_pool(
    method: str = "auto", tolerance: float = 0.01, confidence: float = 0.95, seed: int = 0
) -> "ShapleyPool":
    """Shapley pool: every interval's saving is shared by the Shapley value of the pooling game.

    Parameters
    ----------
    method
        ``"exact"``: from all coalitions or by a series, to 10⁻⁶ of the interval's larger side. ``"sampled"``: from random
        orders. ``"asymptotic"``: the limit for many members; an interval that one member dominates is refused. ``"auto"``: the
        limit where at least 1,000 members take part and none has more than 0.1 of the root of all squared energies, else exact.
    tolerance
        Of sampled shares: largest half-width of a confidence interval, as a part of what the interval saves.
    confidence
        Of these intervals.
    seed
        Of sampled orders. An interval's draws depend on it and on the interval's start alone.

    Raises
    ------
    InputError
        If an option is out of range.

    Examples
    --------
    >>> shapley_pool("sampled", tolerance=0.02).name
    'shapley-pool'
    """
    return ShapleyPool(method, tolerance, confidence, seed)


@dataclass(frozen=True, slots=True)
class ShapleyPool:
    """Sharing by the Shapley value (Shapley 1953) of ``v(S) = (import − export price) · min(E_S, D_S)``, interval by interval.

    Trades carry the matched energy, the larger side in proportion, at the price at which each side as a whole gets its shares.
    Transfers that sum to zero bring every member to its own.
    """

    method: str = "auto"
    tolerance: float = 0.01
    confidence: float = 0.95
    seed: int = 0
    name: str = "shapley-pool"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(
                f"method {self.method!r} is unknown{nearest_name(self.method, list(METHODS))}",
                place=self.name,
                accepted=", ".join(METHODS),
            )
        for option in ("tolerance", "confidence"):
            if not 0 < getattr(self, option) < 1:
                found = f"{option} = {getattr(self, option)!r}"
                raise InputError(found, place=self.name, accepted="a number between 0 and 1")
        if not 0 <= self.seed < 2**63:
            raise InputError(
                f"seed {self.seed} is out of range", place=self.name, accepted="a whole number from 0 to 2^63 − 1"
            )

    def share(self, metering: Metering) -> Pact:
        """Trades at one price an interval, and transfers that make every saving a Shapley share.

        Raises
        ------
        InputError
            If the method is asymptotic and one member dominates an interval.
        """
        sides = Sides.of(metering.net_wh)
        sold, bought = match_proportionally(sides)
        matched = sold.sum(axis=0)
        shares = self._shares(metering, matched)
        trades = trades_of(sold, bought, _price(metering, shares.energy, matched))
        transfers = _transfers(metering, sides, sold, bought, trades, shares.energy)
        pact = Pact(trades, transfers)
        return replace(pact, certificate=certify_shapley(metering, pact, shares))

    def _shares(self, metering: Metering, matched: IntArray) -> Shares:
        """Each member's Shapley share of the matched energy, Wh ``[member, interval]``, and what is known of its error."""
        net = metering.net_wh.astype(np.float64)
        energy, half_width = np.zeros(net.shape), np.zeros(net.shape[1])
        live = matched > 0
        limit = np.zeros(len(live), dtype=np.bool_)
        domination = np.zeros(len(live))
        if self.method in ("auto", "asymptotic"):
            shares, domination = asymptotic_shares(net)
            limit = live & (self.method == "asymptotic" or _is_large(net, domination))
            self._refuse_domination(metering, np.where(limit, domination, 0.0))
            energy[:, limit] = np.maximum(shares[:, limit], 0.0)  # below 0 by rounding alone
        if self.method == "sampled":
            for interval in np.flatnonzero(live).tolist():
                rng = np.random.default_rng([self.seed, _start(metering.horizon, interval)])
                energy[:, interval], half_width[interval] = self._sampled(net[:, interval], matched[interval], rng)
        else:
            exact = live & ~limit
            energy[:, exact], half_width[exact] = series_shares(net[:, exact], _PRECISION)
        width = np.divide(half_width, matched, out=np.zeros(len(live)), where=live)
        return Shares(
            energy, width, self.tolerance if self.method == "sampled" else None, np.where(limit, domination, 0.0)
        )

    def _refuse_domination(self, metering: Metering, domination: FloatArray) -> None:
        for interval in np.flatnonzero(domination > DOMINATION)[:1].tolist():
            member = metering.members[int(np.abs(metering.net_wh[:, interval]).argmax())].id
            raise InputError(
                f"member {member!r} dominates interval {interval}"
                f" ({metering.horizon.window(interval, interval).start.isoformat()}):"
                f" its domination is {domination[interval]:.2f}",
                place=f"{self.name}: method = 'asymptotic'",
                accepted=f"at most {DOMINATION:g}; method auto, exact or sampled takes any community",
            )

    def _sampled(self, net: FloatArray, matched: int, rng: np.random.Generator) -> tuple[FloatArray, float]:
        """Sampled shares ``[member]``, those of members with equal energy put together, and the widest half-width."""
        who = np.flatnonzero(net)
        game = pooling_game(net[who, None], 1.0)
        found = shapley_sampled(game, rng, tolerance=self.tolerance * matched, confidence=self.confidence)
        _, group, count = np.unique(net[who], return_inverse=True, return_counts=True)
        share = np.zeros(len(net))
        share[who] = (np.bincount(group, found.payoff) / count)[group]
        return share, float(found.half_width.max())


def _is_large(net: FloatArray, domination: FloatArray) -> BoolArray:
    """Intervals in which the limit is close enough."""
    return np.asarray((np.count_nonzero(net, axis=0) >= _MANY) & (domination <= _NO_DOMINATION))


def _start(horizon: Horizon, interval: int) -> int:
    """When an interval starts, in seconds."""
    return int(horizon.window(interval, interval).start.timestamp())


def _price(metering: Metering, shares: FloatArray, matched: IntArray) -> IntArray:
    """The price at which sellers as a whole get their shares, micro-units per kWh ``[interval]``."""
    tariff = metering.tariff
    sellers = np.where(metering.net_wh < 0, shares, 0.0).sum(axis=0)
    part = np.divide(sellers, matched, out=np.zeros(len(matched)), where=matched > 0)
    return np.asarray(np.rint(tariff.export_price + (tariff.import_price - tariff.export_price) * part), dtype=np.int64)


def _transfers(
    metering: Metering, sides: Sides, sold: IntArray, bought: IntArray, trades: Trades, shares: FloatArray
) -> Transfers:
    """What brings every member's bill to the supplier's less its share of the saving; sums to zero in every interval."""
    tariff, live = metering.tariff, np.asarray(sold.any(axis=0))
    alone = payment(sides.demand, tariff.import_price) - payment(sides.surplus, tariff.export_price)
    rest = payment(sides.demand - bought, tariff.import_price) - payment(sides.surplus - sold, tariff.export_price)
    saving = np.zeros_like(alone)
    saving[:, live] = split((alone - rest).sum(axis=0)[live], shares[:, live])
    owed = alone - saving - rest - trades.bills(alone.shape)
    return transfers_with(Party.EXCHANGE, owed, np.arange(len(live)))
