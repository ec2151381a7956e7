"""Bilateral contracts as a mechanism: from an outlook to a pact of integers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.synthetic import make_community
from gridpact.community import Community, Member, PairPremiums, Tariff, TradeCharges, load_community
from gridpact.errors import InputError
from gridpact.horizon import Horizon
from gridpact.markets import Mechanism, Outlook, Pact, make_mechanism
from gridpact.markets.assignment import (
    VARIANTS,
    Assignment,
    Bids,
    CorePoint,
    Links,
    Payoffs,
    clear_multi,
    core_violation,
)
from gridpact.study import Settings, simulate
from markets.assignment_bids import any_bids, bids_of, failed, payoffs_of, sorted_trades

POINTS = [str(point) for point in CorePoint]
EVERY = [*(("single", {"point": p}) for p in POINTS), *(("multi", {"point": p}) for p in POINTS)]
EVERY.append(("multi", {"link_limit_kw": 0.002}))
every_market = pytest.mark.parametrize(("variant", "options"), EVERY, ids=lambda x: str(x))


def sign(variant: str, bids: Bids, **options: Any) -> Pact:
    return VARIANTS[variant](**options).contract(bids, hours=1.0)


def outlook(net_kw: Any, *, shares: Any = 0.0, buy: int = 0, sell: int = 0, premium: Any = None) -> Outlook:
    """Quarters of an hour, retail 300,000 and 80,000; nothing of the grid is read."""
    net = np.array(net_kw, dtype=np.float64)
    count, periods = net.shape
    high, low, none = np.full(periods, 300_000), np.full(periods, 80_000), np.zeros(count, dtype=np.int64)
    return Outlook(
        members=tuple(Member(f"m{k}", "bus") for k in range(count)),
        feeder=cast("Any", None),
        horizon=Horizon(datetime(2025, 6, 1, tzinfo=UTC), timedelta(minutes=15), periods),
        tariff=Tariff(high, low, high, low, low),
        charges=TradeCharges(none + buy, none + sell, none, none),
        wanted_share=np.zeros(count) + shares,
        demand_kw=net,
        net_kw=net,
        soc_kwh=np.zeros(count),
        premium=premium,
    )


def test_bids_are_true_values_less_charges() -> None:
    """Spread 220,000; m0 buys 0.5 kW for a quarter and wants a tenth, m1 sells 2 kW and wants a quarter."""
    bids = Bids.of(outlook([[0.5, -0.0001], [-2.0, 0.0001]], shares=[0.1, 0.25], buy=7, sell=3))
    assert bids.demand_wh.tolist() == [[125, 0], [0, 0]]
    assert bids.supply_wh.tolist() == [[0, 0], [500, 0]]
    assert bids.ceiling[0].tolist() == [300_000 - 22_000 - 7] * 2
    assert bids.floor[1].tolist() == [80_000 + 55_000 + 3] * 2


def test_a_pair_shares_what_lies_between_its_bounds() -> None:
    """2 kWh wanted, 1.5 offered: the buyer is short, so many contracts leave it nothing; a single one is halved."""
    bids = bids_of([(2_000, 300)], [(1_500, 101)])
    assert sorted_trades(sign("multi", bids)) == [(0, 1, 0, 1_500, 300)]
    assert sorted_trades(sign("single", bids)) == [(0, 1, 0, 1_500, 201)]  # 99.5 more, halves to even
    assert sorted_trades(sign("single", bids, point="buyer-optimal")) == [(0, 1, 0, 1_500, 101)]
    assert sorted_trades(sign("single", bids, point="seller-optimal")) == [(0, 1, 0, 1_500, 300)]


def test_a_core_of_many_contracts_is_halved_and_rounded_down() -> None:
    """Demand meets supply exactly: any price from 101 to 300 is in the core, 200.5 is its middle."""
    bids = bids_of([(2_000, 300)], [(1_500, 101), (500, 100)])
    assert sorted_trades(sign("multi", bids)) == [(0, 1, 0, 1_500, 200), (0, 2, 0, 500, 200)]


def test_members_are_paired_where_their_energies_fit() -> None:
    """Large with large and small with small: 3 · 200 + 1 · 200 beats 1 · 200 + 1 · 200."""
    bids = bids_of([(3_000, 300), (1_000, 300)], [(1_000, 100), (3_000, 100)])
    assert [trade[1:4] for trade in sorted_trades(sign("single", bids))] == [(2, 1, 1_000), (3, 0, 3_000)]


def test_a_full_link_pays_half_its_rent_to_each_end() -> None:
    """A buyer of 2 kWh may take 1 kWh of each seller. Both have more than they may sell, so w = 0.

    The buyer gains 100 and 200 per kWh. What is not its own payoff per kWh, at most 100, is rent of the links.
    """
    bids = bids_of([(2_000, 300)], [(3_000, 200), (2_000, 100)])
    pact = sign("multi", bids, link_limit_kw=1.0, point="seller-optimal")
    assert sorted_trades(pact) == [(0, 1, 0, 1_000, 250), (0, 2, 0, 1_000, 200)]
    pact = sign("multi", bids, link_limit_kw=1.0, point="buyer-optimal")
    assert sorted_trades(pact) == [(0, 1, 0, 1_000, 200), (0, 2, 0, 1_000, 150)]


def test_a_premium_decides_who_trades_with_whom_and_may_lift_the_price_above_the_ceiling() -> None:
    """Both sellers ask 100, and buyer 0 pays 60 more for seller 3, whom it gets; alone with it, it would pay up to 260."""
    bids = bids_of([(1_000, 200), (1_000, 200)], [(1_000, 100), (1_000, 100)], premium=[[0, 60], [0, 0]])
    assert [trade[1:3] for trade in sorted_trades(sign("multi", bids))] == [(2, 1), (3, 0)]
    alone = bids_of([(1_000, 200)], [(1_000, 100)], premium=[[60]])
    assert sorted_trades(sign("multi", alone, point="seller-optimal")) == [(0, 1, 0, 1_000, 260)]


@every_market
def test_bounds_that_cross_give_no_trade(variant: str, options: dict[str, Any]) -> None:
    pact = sign(variant, bids_of([(1_000, 100)], [(1_000, 101), (1_000, 500)]), **options)
    assert len(pact.trades) == 0
    assert failed(pact) == []


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "net_kw", [np.zeros((0, 3)), np.ones((4, 2)), -np.ones((4, 2)), np.zeros((4, 2)), np.zeros((3, 0))]
)
def test_without_two_sides_there_is_no_trade(variant: str, net_kw: np.ndarray) -> None:
    pact, memory = VARIANTS[variant]().clear(outlook(net_kw), None, np.random.default_rng(0))
    assert (len(pact.trades), len(pact.transfers), memory) == (0, 0, None)
    assert failed(pact) == []


@every_market
@settings(max_examples=60)
@given(bids=any_bids())
def test_every_claim_of_the_certificate_holds(variant: str, options: dict[str, Any], bids: Bids) -> None:
    assert failed(sign(variant, bids, **options)) == []


@every_market
@settings(max_examples=30)
@given(bids=any_bids())
def test_nobody_trades_beyond_its_bids_or_its_bounds(variant: str, options: dict[str, Any], bids: Bids) -> None:
    trades = sign(variant, bids, **options).trades
    shape = bids.demand_wh.shape
    assert (trades.bought_wh(shape) <= bids.demand_wh).all()
    assert (trades.sold_wh(shape) <= bids.supply_wh).all()
    premium = np.zeros((shape[0], shape[0]), dtype=int) if bids.premium is None else bids.premium
    top = bids.ceiling[trades.buyer, trades.interval] + premium[trades.buyer, trades.seller]
    assert (trades.price <= top).all()
    assert (trades.price >= bids.floor[trades.seller, trades.interval]).all()
    if variant == "single":
        for party in (trades.buyer, trades.seller):
            assert len(set(zip(party.tolist(), trades.interval.tolist(), strict=True))) == len(trades)
    if "link_limit_kw" in options:
        assert (trades.energy_wh <= 2).all()


@every_market
@settings(max_examples=20)
@given(bids=any_bids(intervals=4))
def test_many_intervals_at_once_are_the_same_as_one_after_the_other(
    variant: str, options: dict[str, Any], bids: Bids
) -> None:
    together = sign(variant, bids, **options)
    apart = []
    for t in range(4):
        cells = [getattr(bids, name)[:, t : t + 1] for name in ("demand_wh", "supply_wh", "ceiling", "floor")]
        apart.append(sign(variant, Bids(*cells, bids.premium), **options))
    assert sorted_trades(together) == sorted(
        (t, *trade[1:]) for t, pact in enumerate(apart) for trade in sorted_trades(pact)
    )


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=30)
@given(bids=any_bids(), shift=st.integers(-50, 50))
def test_a_shift_of_all_prices_shifts_the_price_of_every_trade(variant: str, bids: Bids, shift: int) -> None:
    moved = replace(bids, ceiling=bids.ceiling + shift, floor=bids.floor + shift)
    here, there = sign(variant, bids, point="buyer-optimal"), sign(variant, moved, point="buyer-optimal")
    assert [(*trade[:4], trade[4] + shift) for trade in sorted_trades(here)] == sorted_trades(there)


@settings(max_examples=40)
@given(bids=any_bids(intervals=1))
def test_prices_of_many_contracts_are_a_core_point_without_any_rounding_left(bids: Bids) -> None:
    """What an integer price leaves each member is itself a dual price: nothing is forgiven."""
    for point in POINTS:
        trades = sign("multi", bids, point=point).trades
        for market in bids.markets():
            flow = clear_multi(Links.dense(market.gain, market.demand_wh, market.supply_wh))
            u, w = np.zeros(len(market.buyer)), np.zeros(len(market.seller))
            i, j = np.searchsorted(market.buyer, trades.buyer), np.searchsorted(market.seller, trades.seller)
            u[i], w[j] = market.ceiling[i, j] - trades.price, trades.price - market.floor[j]
            assert core_violation(flow, Payoffs(u, w)) == 0


@pytest.fixture(scope="module")
def community() -> Community:
    return make_community(24, 96, seed=5)


@pytest.fixture(scope="module")
def built_in() -> Community:
    """Two days of June, with friends: everybody likes the next two members and dislikes the third."""
    loaded = load_community(days=2, start=datetime(2016, 6, 12)).community  # noqa: DTZ001 local midnight
    count = len(loaded.members)
    buyer = np.repeat(np.arange(count), 3)
    seller = (buyer + np.tile([1, 2, 3], count)) % count
    return replace(loaded, pair_premiums=PairPremiums(buyer, seller, np.tile([40_000, 15_000, -30_000], count)))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("forecast", ["perfect", "noise"])
def test_the_built_in_community_trades_and_every_check_passes(built_in: Community, variant: str, forecast: str) -> None:
    run = simulate(built_in, make_mechanism(f"assignment:{variant}"), Settings(forecast=forecast))
    assert run.community.traded_kwh > 10
    assert [check for check in run.certificate.checks if not check.passed and not check.name.startswith("grid")] == []
    assert run.community.money_residual == 0
    if forecast == "perfect":
        assert run.community.imbalance_kwh == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_with_a_perfect_forecast_nobody_loses(community: Community, variant: str) -> None:
    """At members' own values, premiums aside; amounts are rounded, so a millionth of the currency may be lost each interval."""
    for point in POINTS:
        run = simulate(
            community, make_mechanism(f"assignment:{variant}", {"point": point}), Settings(forecast="perfect")
        )
        assert (run.members.saving >= -1e-4).all()


def test_many_contracts_without_preferences_gain_as_much_as_an_auction(community: Community) -> None:
    """And single ones less."""
    gains = {
        name: simulate(community, make_mechanism(name), Settings(forecast="perfect")).community.total_saving
        for name in ("auction:uniform", "assignment:multi", "assignment:single")
    }
    assert gains["assignment:multi"] == pytest.approx(gains["auction:uniform"], abs=1e-3)
    assert gains["assignment:single"] < gains["assignment:multi"] - 0.01


def test_preferences_are_met_at_the_price_of_less_else(built_in: Community) -> None:
    """Contracts with premiums are worth at least as much, at true values, as those that ignore them."""
    plain = simulate(replace(built_in, pair_premiums=None), make_mechanism("assignment:multi"), Settings("perfect"))
    liked = simulate(built_in, make_mechanism("assignment:multi"), Settings("perfect"))
    premium = built_in.premium
    assert premium is not None

    def worth(pact: Pact) -> int:
        return int((pact.trades.energy_wh * premium[pact.trades.buyer, pact.trades.seller]).sum())

    assert worth(liked.pact) > worth(plain.pact)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("point", POINTS)
@settings(max_examples=20)
@given(bids=any_bids(intervals=1), seed=st.integers(0, 2**32))
def test_the_order_of_members_decides_no_payoff(variant: str, point: str, bids: Bids, seed: int) -> None:
    """Of single contracts up to the rounding of a price, which is half a micro-unit per kWh before and after."""
    order = np.random.default_rng(seed).permutation(len(bids.demand_wh))
    cells = [getattr(bids, name)[order] for name in ("demand_wh", "supply_wh", "ceiling", "floor")]
    turned = Bids(*cells, None if bids.premium is None else bids.premium[np.ix_(order, order)])
    here, there = (payoffs_of(each, sign(variant, each, point=point).trades) for each in (bids, turned))
    rounding = np.maximum(bids.demand_wh, bids.supply_wh)[:, 0] * (variant == "single")
    assert (np.abs(here[order] - there) <= rounding[order]).all()


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_floating_point_leaves_of_a_nucleolus_decides_no_price(order: tuple[int, ...]) -> None:
    """Payoffs of 62/3, 58 and 70/3 on 4, 4 and 2 Wh; 58 may come out as its neighbour, and 58/4 = 14.5 is halved to even."""
    premium = np.array([[4, 10, 22], [18, 10, 27], [9, 28, 5]])[list(order)]
    bids = bids_of([(4, 0)] * 3, [(4, 0), (4, 0), (2, 0)], premium.tolist())
    trades = sign("single", bids, point="nucleolus").trades
    assert dict(zip(trades.seller.tolist(), trades.price.tolist(), strict=True)) == {3: 5, 4: 14, 5: 12}


@pytest.mark.parametrize("point", POINTS)
def test_prices_as_large_as_bids_may_be_are_exact(point: str) -> None:
    """Gains that differ by less than 2^-40 of themselves; sums over the 24 members stay below 2^53."""
    energy = [1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 1, 1]
    premium = np.random.default_rng(0).integers(2**47 - 50, 2**47 + 50, (12, 12))
    bids = bids_of([(wh, 0) for wh in energy], [(wh, 0) for wh in energy], premium.tolist())
    assert failed(sign("multi", bids, point=point)) == []


def test_energies_of_a_year_at_once_are_not_too_large() -> None:
    """1 MWh a quarter of an hour: what is added up is one interval."""
    quarters = 35_040
    bids = bids_of([(1_000_000, 320_000)], [(1_000_000, 80_000)])
    year = Bids(*(np.tile(getattr(bids, name), quarters) for name in ("demand_wh", "supply_wh", "ceiling", "floor")))
    assert year.demand_wh.shape == (2, quarters)


def test_a_limit_beyond_all_bids_is_none() -> None:
    bids = bids_of([(2_000, 300)], [(1_500, 101), (500, 100)])
    assert sorted_trades(sign("multi", bids, link_limit_kw=1e305)) == sorted_trades(sign("multi", bids))


def test_it_is_a_mechanism_without_memory() -> None:
    market = make_mechanism("assignment:multi", {"point": "nucleolus", "link_limit_kw": 2})
    assert isinstance(market, Mechanism)
    assert isinstance(market, Assignment)
    assert (market.name, market.point, market.gate.covers, market.gate.carries_memory) == (
        "assignment:multi",
        "nucleolus",
        1,
        False,
    )


@pytest.mark.parametrize(
    ("variant", "options", "message"),
    [
        ("single", {"point": "midpont"}, "did you mean 'midpoint'"),
        ("multi", {"link_limit_kw": -1.0}, "out of range"),
        ("multi", {"link_limit_kw": float("nan")}, "out of range"),
        ("multi", {"link_limit_kw": float("inf")}, "out of range"),
    ],
)
def test_options_out_of_range_are_refused(variant: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        VARIANTS[variant](**options)


def test_many_small_bids_beside_a_large_one_are_not_as_large_together() -> None:
    rows = 200
    demand = np.ones((rows, 1), dtype=np.int64)
    demand[0] = 2**34
    price = np.full((rows, 1), 2**18)
    bids = Bids(demand, np.zeros_like(demand), price, np.zeros_like(price))
    assert bids.demand_wh.sum() == 2**34 + rows - 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"demand_wh": [[-1], [0]]}, "member 0, interval 0: demand_wh is negative"),
        ({"supply_wh": [[0], [-5]]}, "member 1, interval 0: supply_wh is negative"),
        ({"supply_wh": [[0, 1], [1, 1]]}, r"supply_wh of shape \(2, 2\)"),
        ({"ceiling": [[0.5], [1.0]]}, "ceiling is float64"),
        ({"premium": [[1, 2]]}, r"premium of shape \(1, 2\)"),
        ({"premium": [[np.nan, 2], [1, 2]]}, "premium is float64"),
        ({"demand_wh": [[2**40], [0]], "ceiling": [[2**20], [0]]}, "energies times prices pass 2\\^53"),
        ({"premium": [[0, -(2**62)], [0, 0]]}, "premium passes 2\\^53"),
        ({"floor": [[0], [2**62]]}, "floor passes 2\\^53"),
        ({"supply_wh": np.array([[0], [2**63 + 1]], dtype=np.uint64)}, "supply_wh passes 2\\^53"),
    ],
)
def test_bids_that_cannot_be_are_refused(change: dict[str, Any], message: str) -> None:
    plain = {"demand_wh": [[5], [0]], "supply_wh": [[0], [5]], "ceiling": [[9], [9]], "floor": [[1], [1]]}
    with pytest.raises(InputError, match=message):
        Bids(**{**plain, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"net_kw": np.array([[1.0, 2.0], [np.nan, 0.0]])}, "member 'm1', interval 0: net_kw is not finite"),
        ({"net_kw": np.array([[1.0, np.inf], [0.0, 0.0]])}, "member 'm0', interval 1: net_kw is not finite"),
        ({"net_kw": np.zeros((2, 3))}, r"net_kw of shape \(2, 3\)"),
        ({"wanted_share": np.array([0.0, np.nan])}, "member 'm1': wanted_share is not finite"),
    ],
)
def test_an_outlook_that_cannot_be_is_refused_by_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Bids.of(replace(outlook([[1.0, 1.0], [-1.0, -1.0]]), **change))
