"""Each rule on a book small enough to clear by hand. Prices in micro-units per kWh, energies in Wh."""

import numpy as np
import pytest

from gridpact.errors import InputError
from gridpact.markets import Book, OrderMechanism, Party, Reason, make_mechanism, mechanism_names
from gridpact.markets.auction import VARIANTS
from markets.auction_books import Row, asks, bids, book_of, cash, sorted_trades, sorted_transfers

LADDER = asks((0, 1_000, 100), (1, 1_000, 200), (2, 1_000, 300)) + bids(
    (3, 1_000, 400), (4, 1_000, 350), (5, 1_000, 150)
)
"""Supply 100, 200, 300; demand 400, 350, 150; 1 kWh each.

Two units trade: 400 and 350 against 100 and 200. The next pair, 150 against 300, does not cross.
"""


def test_uniform_price_is_the_midpoint_of_the_crossing_interval() -> None:
    """Lower end max(last accepted ask 200, first rejected bid 150), upper end min(350, 300): (200 + 300) / 2 = 250."""
    pact = VARIANTS["uniform"]().match(book_of(LADDER), seed=1)
    assert sorted_trades(pact) == [(0, 0, 3, 1_000, 250), (0, 1, 4, 1_000, 250)]
    assert pact.certificate.passed


def test_an_odd_midpoint_is_rounded_down_also_below_zero() -> None:
    for low, high, middle in ((10, 15, 12), (-15, -10, -13)):
        pact = VARIANTS["uniform"]().match(book_of(asks((0, 5, low)) + bids((1, 5, high))), seed=1)
        assert pact.trades.price.tolist() == [middle]


def test_an_order_filled_in_part_sets_the_price() -> None:
    """1.5 kWh of demand at 400: 100 in full, 0.5 kWh at 200. That ask is accepted and rejected: the interval is [200, 200]."""
    pact = VARIANTS["uniform"]().match(book_of(asks((0, 1_000, 100), (1, 1_000, 200)) + bids((3, 1_500, 400))), seed=1)
    assert sorted_trades(pact) == [(0, 0, 3, 1_000, 200), (0, 1, 3, 500, 200)]


def test_the_margin_is_shared_pro_rata_and_the_odd_wh_drawn() -> None:
    """10 Wh of demand over asks of 5, 5 and 10 Wh at one price: 2.5, 2.5 and 5; one of the first two gets the odd Wh."""
    rows = asks((0, 5, 100), (1, 5, 100), (2, 10, 100)) + bids((3, 10, 400))
    sold = set()
    for seed in range(20):
        trades = VARIANTS["uniform"]().match(book_of(rows), seed).trades
        sold.add(tuple(np.bincount(trades.seller, trades.energy_wh, minlength=3).astype(int).tolist()))
    assert sold == {(2, 3, 5), (3, 2, 5)}


def test_pairs_follow_the_merit_order_from_the_north_west_corner() -> None:
    """Sellers 3 and 4 kWh, buyers 2 and 5 kWh: 2 of the first to the first, 1 to the second, then 4; n + m - 1 = 3 pairs."""
    rows = asks((0, 3_000, 100), (1, 4_000, 110)) + bids((2, 2_000, 300), (3, 5_000, 290))
    pact = VARIANTS["uniform"]().match(book_of(rows), seed=1)
    assert [trade[1:4] for trade in sorted_trades(pact)] == [(0, 2, 2_000), (0, 3, 1_000), (1, 3, 4_000)]


@pytest.mark.parametrize(("k", "prices"), [(1.0, [400, 350]), (0.0, [100, 200]), (0.25, [175, 237])])
def test_pay_as_bid_places_the_price_between_ask_and_bid(k: float, prices: list[int]) -> None:
    """400 meets 100 and 350 meets 200; at k = 1/4: 100 + 75 and 200 + 37.5, rounded down."""
    pact = VARIANTS["pay-as-bid"](k=k).match(book_of(LADDER), seed=1)
    assert [(trade[1], trade[2]) for trade in sorted_trades(pact)] == [(0, 3), (1, 4)]
    assert [trade[4] for trade in sorted_trades(pact)] == prices


def test_trade_reduction_takes_the_marginal_pair_out_and_keeps_its_spread() -> None:
    """350 and 200 set the prices and do not trade. 1 kWh goes from 100 to 400: the seller gets 200, the buyer pays 350."""
    pact = VARIANTS["mcafee"]().match(book_of(LADDER), seed=1)
    assert sorted_trades(pact) == [(0, 0, 3, 1_000, 200)]
    assert sorted_transfers(pact) == [(3, Party.EXCHANGE, 0, 150, Reason.SURPLUS)]
    members, others = cash(pact, 6)
    assert members == [-200, 0, 0, 350, 0, 0]
    assert others[Party.EXCHANGE] == -150


def test_trade_reduction_shares_the_loss_of_the_long_side_equally() -> None:
    """Asks of 2, 10 and 9 kWh lie before the marginal one, demand before its marginal bid is 9: 12 kWh must go.

    4 kWh each is more than the first has, so it drops out with 2; the other two lose 5 each: 0, 5, 4.
    """
    supply = asks((0, 2_000, 10), (1, 10_000, 11), (2, 9_000, 12), (3, 8_000, 13))
    pact = VARIANTS["mcafee"]().match(book_of(supply + bids((4, 9_000, 90), (5, 15_000, 80))), seed=1)
    assert np.bincount(pact.trades.seller, pact.trades.energy_wh, minlength=4).tolist() == [0, 5_000, 4_000, 0]


def test_clarke_payments_leave_every_member_its_marginal_contribution() -> None:
    """With all, welfare is 300 + 150 = 450. Without buyer 3 (400), 350 trades with 100: 250.

    With it, the others get 450 - 400 = 50: it pays 250 - 50 = 200. The same for buyer 4: without it 300, the others with it
    100. Seller 0 (100): without it 400 trades with 200 and 350 with 300, welfare 250; the others with it 450 + 100 = 550: it
    receives 300, as does seller 1. Trades are at the midpoint 250; the exchange adds 50 for each of the four.
    """
    pact = VARIANTS["vcg"]().match(book_of(LADDER), seed=1)
    assert sorted_trades(pact) == [(0, 0, 3, 1_000, 250), (0, 1, 4, 1_000, 250)]
    assert sorted_transfers(pact) == [(Party.EXCHANGE, member, 0, 50, Reason.DEFICIT) for member in (0, 1, 3, 4)]
    assert cash(pact, 6)[0] == [-300, -300, 0, 200, 200, 0]


def test_the_dso_can_cover_the_deficit_of_vcg() -> None:
    pact = VARIANTS["vcg"](sponsor="dso").match(book_of(LADDER), seed=1)
    assert set(pact.transfers.payer.tolist()) == {int(Party.DSO)}
    deficit = next(check for check in pact.certificate.checks if "sponsor" in check.name)
    assert (deficit.value, deficit.claimed) == (200.0, False)


def test_muda_trades_each_half_at_the_price_of_the_other() -> None:
    """Any split of four buyers at 300 and four sellers at 100 that lets a half trade has the midpoint 200 in the other half."""
    rows = asks(*((member, 1_000, 100) for member in range(4))) + bids(
        *((member, 1_000, 300) for member in range(4, 8))
    )
    traded = [VARIANTS["muda"]().match(book_of(rows), seed).trades for seed in range(30)]
    prices = {price for trades in traded for price in trades.price.tolist()}
    assert 200 in prices
    assert prices <= {100, 200, 300}
    assert max(len(trades) for trades in traded) >= 3


def test_vickrey_winners_of_a_long_half_pay_what_they_displace() -> None:
    """Bids 300 and 260 compete for 1 kWh at the other half's price 200: 300 wins and pays 260, of which 200 to the seller.

    That happens where 0, 1, 2 fall into one half and 3, 4 into the other. The first half's own crossing interval is
    [max(100, 260), 300]: the second trades at 280.
    """
    rows = asks((0, 1_000, 100), (3, 1_000, 100)) + bids((1, 1_000, 300), (2, 1_000, 260), (4, 1_000, 300))
    pacts = [VARIANTS["muda"](variant="vickrey").match(book_of(rows), seed) for seed in range(100)]
    split = [pact for pact in pacts if sorted_trades(pact) == [(0, 0, 1, 1_000, 200), (0, 3, 4, 1_000, 280)]]
    assert split
    for pact in split:
        assert sorted_transfers(pact) == [(1, Party.EXCHANGE, 0, 60, Reason.SURPLUS)]


def test_random_pairs_meet_at_their_midpoint() -> None:
    """One feasible pair among one ask and one bid: 100 and 301 meet at 200.5, rounded down."""
    pact = VARIANTS["random"]().match(book_of(asks((0, 700, 100)) + bids((1, 900, 301))), seed=1)
    assert sorted_trades(pact) == [(0, 0, 1, 700, 200)]


def test_in_continuous_trading_who_was_there_first_sets_the_price() -> None:
    pacts = [VARIANTS["continuous"]().match(book_of(asks((0, 5, 100)) + bids((1, 5, 300))), seed) for seed in range(20)]
    assert {pact.trades.price[0] for pact in pacts} == {100, 300}


def test_charges_enter_before_matching() -> None:
    """A buyer at most 300 all-in with a charge of 60 can pay 240; a seller at least 200 with a charge of 50 must get 250."""

    def book(sellers_charge: int) -> Book:
        return Book([0, 0], [1, 0], [0, 1], [1_000, 1_000], [300, 200], [60, sellers_charge])

    assert len(VARIANTS["uniform"]().match(book(50), seed=1).trades) == 0
    assert VARIANTS["uniform"]().match(book(20), seed=1).trades.price.tolist() == [230]


def test_energy_below_one_wh_sets_no_price() -> None:
    """The bid of 0 Wh at 290 would be the first rejected one; without it the price is (100 + 300) / 2."""
    rows = asks((0, 5, 100)) + bids((1, 5, 300), (2, 0, 290), (3, -4, 290))
    assert VARIANTS["uniform"]().match(book_of(rows), seed=1).trades.price.tolist() == [200]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_member_does_not_trade_with_itself(variant: str) -> None:
    """Its 3 kWh at 300 and its own 5 kWh at 100 cancel to an ask of 2 kWh, which the other may buy."""
    rows = asks((0, 5_000, 100)) + bids((0, 3_000, 300))
    assert len(VARIANTS[variant]().match(book_of(rows), seed=1).trades) == 0
    trades = VARIANTS[variant]().match(book_of(rows + bids((1, 4_000, 200))), seed=1).trades
    assert set(zip(trades.seller.tolist(), trades.buyer.tolist(), strict=True)) <= {(0, 1)}
    assert trades.energy_wh.sum() <= 2_000


DEGENERATE: dict[str, list[Row]] = {
    "empty": [],
    "a single bid": bids((0, 5, 100)),
    "a single ask": asks((0, 5, 100)),
    "bids only": bids((0, 5, 100), (1, 5, 100)),
    "no energy": asks((0, 0, 100)) + bids((1, 0, 200)),
    "no crossing": asks((0, 5, 200), (1, 5, 300)) + bids((2, 5, 100), (3, 5, 199)),
    "one member on both sides": asks((0, 5, 100)) + bids((0, 5, 200)),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("case", DEGENERATE)
def test_a_book_without_trade_gives_an_empty_pact(variant: str, case: str) -> None:
    pact = VARIANTS[variant]().match(book_of(DEGENERATE[case]), seed=1)
    assert len(pact.trades) == len(pact.transfers) == 0
    assert pact.certificate.passed


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_book_all_at_one_price_trades_at_it(variant: str) -> None:
    rows = asks(*((m, 10 + m, 7) for m in range(6))) + bids(*((m, 20, 7) for m in range(6, 12)))
    pact = VARIANTS[variant]().match(book_of(rows), seed=3)
    assert set(pact.trades.price.tolist()) <= {7}
    assert pact.certificate.passed


@pytest.mark.parametrize("variant", VARIANTS)
def test_prices_may_be_negative(variant: str) -> None:
    rows = asks((0, 10, -90), (1, 10, -80), (2, 10, -20)) + bids((3, 10, -10), (4, 10, -30), (5, 10, -95))
    pact = VARIANTS[variant]().match(book_of(rows), seed=3)
    assert ((pact.trades.price >= -90) & (pact.trades.price <= -10)).all()
    assert pact.certificate.passed


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([0], [2], [0], [5], [100], [0]), "side"),
        (([0], [1], [-1], [5], [100], [0]), "member"),
        (([0, 2**40], [1, 0], [0, 1], [5, 5], [2**40, 0], [0, 0]), "span"),
        (([0, 0], [1, 0], [0, 1], [2**40, 5], [2**40, 0], [0, 0]), "passes"),
    ],
)
def test_a_book_that_cannot_be_one_is_refused(columns: tuple[list[int], ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        VARIANTS["uniform"]().match(Book(*columns), seed=1)


@pytest.mark.parametrize(
    ("variant", "options", "message"),
    [
        ("uniform", {"strategy": "truthfull"}, "did you mean 'truthful'"),
        ("muda", {"variant": "lotery"}, "did you mean 'lottery'"),
        ("vcg", {"sponsor": "supplier"}, "accepted: exchange, dso"),
        ("pay-as-bid", {"k": 1.5}, "from 0 to 1"),
        ("random", {"rounds": 0}, "from 1 up"),
    ],
)
def test_an_unknown_option_is_refused_with_what_is_accepted(
    variant: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        VARIANTS[variant](**options)


def test_every_variant_is_registered_with_a_line_of_description() -> None:
    lines = mechanism_names()
    for variant in VARIANTS:
        mechanism = make_mechanism(f"auction:{variant}")
        assert isinstance(mechanism, OrderMechanism)
        assert mechanism.name == f"auction:{variant}"
        assert lines[mechanism.name].endswith(".")
