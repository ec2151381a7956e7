"""A certificate is only worth something if a wrong outcome fails it: each check is shown some."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gridpact.errors import InputError
from gridpact.markets import Certificate, Pact, Trades, Transfers
from gridpact.markets.assignment import VARIANTS, Bids, Claims, CorePoint, Links, certify, clear_multi, clear_single
from markets.assignment_bids import any_bids, bids_of, payoffs_of

BOUNDS, LOSS, ENERGY = "prices beyond the bounds", "individual rationality", "energy balance"
CORE, GAP, BUDGET, ONE, POINT = (
    "core violation",
    "optimality gap",
    "budget",
    "contracts of a member",
    "price other than",
)

BIDS = bids_of([(1_000, 300), (2_000, 280), (500, 200)], [(1_500, 100), (1_500, 120), (400, 250)])
"""Members 0 to 2 buy, 3 to 5 sell; in thousands of Wh times micro-units below.

Many contracts: the 3 kWh of sellers 3 and 4 go to buyers 0 and 1, at any price from 200 (buyer 2 would pay it) to 250 (seller 5
would take it). Single contracts: 0-4 and 1-3 are worth 180 + 270; 0-3 and 1-4 would be 200 + 240. Sellers get w4 ≥ 40 for
buyer 2, w3 ≥ w4 + 20 for buyer 0, buyers u0 ≥ 20 and u1 ≥ 12 for seller 5, u0 ≥ u1 − 60 for seller 4.
"""

ALL = BOUNDS, LOSS, ENERGY, CORE, GAP, BUDGET, ONE, POINT

Change = Callable[[Trades], Trades]


def honest(variant: str, bids: Bids = BIDS, point: str = "midpoint", limit_kw: float | None = None) -> Pact:
    options = {} if limit_kw is None else {"link_limit_kw": limit_kw}
    return VARIANTS[variant](point=point, **options).contract(bids, hours=1.0)


def failing(certificate: Certificate) -> set[str]:
    return {check.name for check in certificate.checks if not check.passed}


def certificate_of(variant: str, trades: Trades, bids: Bids = BIDS, point: str = "midpoint") -> Certificate:
    return certify(bids, trades, Transfers.empty(), Claims(variant == "single", CorePoint(point)))


def value_of(certificate: Certificate, name: str) -> float:
    return next(check.value for check in certificate.checks if check.name.startswith(name))


def nudged(by: int, row: int = 0) -> Change:
    """Another price of one trade."""
    return lambda trades: replace(trades, price=trades.price + by * (np.arange(len(trades)) == row))


def kept(*rows: int) -> Change:
    """Some of the trades, perhaps more than once."""
    return lambda trades: Trades(*(column[list(rows)] for column in trades.columns().values()))


def grown(wh: int, row: int = 0) -> Change:
    """Another energy of one trade."""
    return lambda trades: replace(trades, energy_wh=trades.energy_wh + wh * (np.arange(len(trades)) == row))


def moved(**columns: list[int]) -> Change:
    """Other members or prices."""
    return lambda trades: replace(trades, **{name: np.array(values) for name, values in columns.items()})


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("point", [str(point) for point in CorePoint])
def test_an_honest_outcome_passes_and_the_sequence_of_its_rows_decides_nothing(variant: str, point: str) -> None:
    trades = honest(variant, point=point).trades
    for rows in (slice(None), slice(None, None, -1)):
        turned = Trades(*(column[rows] for column in trades.columns().values()))
        assert failing(certificate_of(variant, turned, point=point)) == set()


@pytest.mark.parametrize(
    ("variant", "point", "change", "caught"),
    [
        # rows of single: 4 → 0 1,000 Wh at 220, 3 → 1 1,500 at 183; of multi, at 225: 4 → 0 1,000, 3 → 1 1,500, 4 → 1 500
        ("single", "midpoint", nudged(1), {POINT}),
        ("single", "buyer-optimal", nudged(-1), {POINT, CORE}),
        ("single", "seller-optimal", nudged(1), {POINT, CORE}),
        ("single", "midpoint", nudged(100), {POINT, CORE, BOUNDS, LOSS}),
        ("single", "midpoint", nudged(-101), {POINT, CORE, BOUNDS, LOSS}),
        ("single", "nucleolus", nudged(60), {CORE}),
        ("single", "midpoint", kept(0), {GAP, CORE, POINT}),
        ("single", "midpoint", kept(), {GAP, CORE}),
        ("single", "midpoint", kept(0, 0, 1), {ENERGY, ONE}),
        ("single", "midpoint", grown(-100), {GAP, CORE, POINT}),
        ("single", "midpoint", grown(1), {ENERGY}),
        ("single", "midpoint", moved(seller=[3, 4], price=[200, 200]), {GAP, CORE, POINT}),
        ("single", "midpoint", moved(seller=[5, 4]), {ENERGY, GAP, CORE, BOUNDS, LOSS, POINT}),
        ("multi", "midpoint", nudged(1), {POINT, CORE}),
        ("multi", "midpoint", moved(price=[226] * 3), {POINT}),
        ("multi", "buyer-optimal", moved(price=[199] * 3), {POINT, CORE}),
        ("multi", "leximin", moved(price=[199] * 3), {CORE}),
        ("multi", "nucleolus", moved(price=[251] * 3), {CORE}),
        ("multi", "midpoint", moved(price=[290] * 3), {POINT, CORE, BOUNDS, LOSS}),
        ("multi", "midpoint", moved(price=[110] * 3), {POINT, CORE, BOUNDS, LOSS}),
        ("multi", "midpoint", kept(0, 1), {GAP, CORE, POINT}),
        ("multi", "midpoint", grown(-1), {GAP, CORE, POINT}),
        ("multi", "midpoint", grown(1), {ENERGY}),
        ("multi", "midpoint", moved(buyer=[1, 2, 1]), {ENERGY, GAP, CORE, BOUNDS, LOSS, POINT}),
        ("multi", "midpoint", moved(buyer=[3, 0, 1], seller=[1, 4, 4]), {ENERGY, GAP, CORE, POINT}),
    ],
)
def test_a_wrong_outcome_fails_the_checks_that_concern_it(
    variant: str, point: str, change: Change, caught: set[str]
) -> None:
    found = failing(certificate_of(variant, change(honest(variant, point=point).trades), point=point))
    assert {next(known for known in ALL if name.startswith(known)) for name in found} == caught


def test_the_size_of_what_is_wrong_is_reported() -> None:
    """Without the contract 4-0, 180,000 Wh times micro-units, 180 micro-units of money, are lost; the bound may be more."""
    single = certificate_of("single", kept(1)(honest("single").trades))
    assert 180 <= value_of(single, GAP) <= 200
    multi = certificate_of("multi", moved(price=[190] * 3)(honest("multi").trades))
    assert value_of(multi, POINT) == 225 - 190
    assert value_of(multi, CORE) == 500 * 10 / (180_000 + 1_500 * 180 + 500 * 160)  # buyer 2 and a seller
    assert value_of(certificate_of("multi", moved(price=[303] * 3)(honest("multi").trades)), BOUNDS) == 23


def test_prices_of_single_contracts_are_forgiven_their_rounding_and_no_more() -> None:
    """At the buyers' extreme w4 = 40 for buyer 2; 1 micro-unit less on 1,000 Wh is twice what rounding can do."""
    loose = bids_of([(1_000, 300), (1_001, 100)], [(1_001, 0)])  # w of seller 2 is at least 1,001 · 100 / 1,000
    pact = honest("single", loose, point="buyer-optimal")
    assert pact.trades.price.tolist() == [100]
    assert value_of(pact.certificate, CORE) == 0
    one_less = replace(pact.trades, price=pact.trades.price - 1)
    assert CORE in {name[: len(CORE)] for name in failing(certificate_of("single", one_less, loose, "buyer-optimal"))}


def test_a_core_violation_is_not_forgiven_for_being_small() -> None:
    """A buyer of 1 Wh pays 1 micro-unit per kWh more than it would elsewhere, in a market worth 2 · 10^11."""
    bids = bids_of([(10**6, 300_000), (1, 300_000)], [(10**6, 100_000), (1, 100_000)])
    trades = honest("multi", bids, point="buyer-optimal").trades
    dearer = replace(trades, price=trades.price + (trades.buyer == 1))
    certificate = certificate_of("multi", dearer, bids, point="buyer-optimal")
    assert 0 < value_of(certificate, CORE) < 1e-11
    assert {name[: len(CORE)] for name in failing(certificate)} >= {CORE}


def test_money_moved_beside_the_trades_is_reported() -> None:
    pact = honest("multi")
    certificate = certify(BIDS, pact.trades, Transfers([0], [1], [0], [7], [0]), Claims(False, CorePoint.MIDPOINT))
    assert value_of(certificate, BUDGET) == 7
    assert failing(certificate) == {"budget: moved beside the trades (micro-units)"}


def test_links_are_held_to_their_limit() -> None:
    limited = honest("multi", limit_kw=0.6)
    assert failing(limited.certificate) == set()
    claims = Claims(False, CorePoint.MIDPOINT, 600)
    unlimited = honest("multi").trades
    assert failing(certify(BIDS, limited.trades, Transfers.empty(), claims)) == set()
    assert value_of(certify(BIDS, unlimited, Transfers.empty(), claims), ENERGY) == 900


@settings(max_examples=60)
@given(bids=any_bids(intervals=1), data=st.data())
def test_any_other_set_of_contracts_is_worth_less_or_as_much_and_the_gap_says_how_much(
    bids: Bids, data: st.DataObject
) -> None:
    """Dropping a trade of many contracts: the gap is what is lost, unless it bounds it from above."""
    trades = honest("multi", bids).trades
    assume(len(trades) > 0)
    dropped = data.draw(st.integers(0, len(trades) - 1))
    left = kept(*(row for row in range(len(trades)) if row != dropped))(trades)
    gap = value_of(certificate_of("multi", left, bids), GAP)
    premium = 0 if bids.premium is None else bids.premium[trades.buyer[dropped], trades.seller[dropped]]
    gain = bids.ceiling[trades.buyer[dropped], 0] + premium - bids.floor[trades.seller[dropped], 0]
    assert gap >= trades.energy_wh[dropped] * gain / 1_000


def worth_of(bids: Bids, coalition: np.ndarray, limit_wh: int | None, *, single: bool) -> float:
    """v(S) of one interval."""
    inside = coalition[:, None]
    cut = replace(bids, demand_wh=bids.demand_wh * inside, supply_wh=bids.supply_wh * inside)
    for market in cut.markets():
        if single:
            return clear_single(market.energy_wh * market.gain).total
        limit = None if limit_wh is None else np.full(market.gain.shape, limit_wh)
        return clear_multi(Links.dense(market.gain, market.demand_wh, market.supply_wh, limit)).total
    return 0.0


@pytest.mark.parametrize(("variant", "limit_wh"), [("single", None), ("multi", None), ("multi", 2)])
@settings(max_examples=40)
@given(
    bids=any_bids(intervals=1, most=3),
    point=st.sampled_from(CorePoint),
    nudges=st.lists(st.integers(-2, 2), min_size=9, max_size=9),
)
def test_no_coalition_can_improve_on_what_passes_the_core_check_and_the_gap(
    variant: str, limit_wh: int | None, bids: Bids, point: CorePoint, nudges: list[int]
) -> None:
    """However prices were found: pairs and their worst units speak for every coalition."""
    single = variant == "single"
    trades = honest(variant, bids, str(point), None if limit_wh is None else limit_wh / 1_000).trades
    trades = replace(trades, price=trades.price + np.array(nudges)[: len(trades)])
    found = failing(certify(bids, trades, Transfers.empty(), Claims(single, point, limit_wh)))
    assume(not any(name.startswith((CORE, GAP, BOUNDS)) for name in found))
    payoffs = payoffs_of(bids, trades)
    shape = bids.demand_wh.shape
    forgiven = (trades.bought_wh(shape) + trades.sold_wh(shape))[:, 0] / 2 * single
    for members in product([0, 1], repeat=len(payoffs)):
        coalition = np.array(members)
        assert worth_of(bids, coalition, limit_wh, single=single) <= (payoffs + forgiven) @ coalition


def test_trades_in_an_interval_without_a_market_are_beyond_the_bids() -> None:
    night = np.array([[1, 0]])
    bids = Bids(
        BIDS.demand_wh * night, BIDS.supply_wh * night, *(np.tile(side, 2) for side in (BIDS.ceiling, BIDS.floor))
    )
    certificate = certificate_of("single", moved(interval=[1, 1])(honest("single").trades), bids)
    assert {next(known for known in ALL if name.startswith(known)) for name in failing(certificate)} == {
        ENERGY,
        GAP,
        CORE,
    }


@pytest.mark.parametrize(
    "wrong", [moved(interval=[1, 0]), moved(seller=[6, 4]), moved(buyer=[9, 1])], ids=["interval", "seller", "buyer"]
)
def test_trades_of_members_and_intervals_that_have_no_bids_are_refused(wrong: Change) -> None:
    """Interval 1 of member 2 would else be read as interval 0 of member 3."""
    with pytest.raises(InputError, match="row 0 of trades"):
        certificate_of("single", wrong(honest("single").trades))
