"""Where a rule promises that telling the truth pays: no sampled lie about the price does better, to the last unit.

Utility is quasi-linear: value of the energy less what is paid, in Wh times micro-units per kWh, before rounding. Members have a
single order; everybody else's order and the seed stay as they are.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpact.markets.auction.rules import Clarke, Muda, PayAsBid, Rule, TradeReduction, Uniform
from markets.auction_books import Row, awards_and_money, one_order_each, seeds

WH, PRICES = st.integers(1, 20), st.integers(0, 12)

TRUTHFUL: dict[str, Rule] = {
    "mcafee": TradeReduction(),
    "muda, lottery": Muda(),
    "muda, Vickrey": Muda(vickrey=True),
    "vcg": Clarke(),
}


@pytest.mark.parametrize("name", TRUTHFUL)
@given(rows=one_order_each(), seed=seeds, lie=st.integers(-2, 14), data=st.data())
def test_no_lie_about_the_price_pays(name: str, rows: list[Row], seed: int, lie: int, data: st.DataObject) -> None:
    liar = data.draw(st.integers(0, len(rows) - 1))
    truth = _utility(TRUTHFUL[name], rows, rows, liar, seed)
    assert truth >= 0
    assert truth >= _utility(TRUTHFUL[name], rows, _told(rows, liar, price=lie), liar, seed)


@given(rows=one_order_each(), seed=seeds, lie=st.integers(0, 12), told=st.integers(1, 20), data=st.data())
def test_under_clarke_payments_holding_energy_back_does_not_pay_either(
    rows: list[Row], seed: int, lie: int, told: int, data: st.DataObject
) -> None:
    liar = data.draw(st.integers(0, len(rows) - 1))
    lied = _told(rows, liar, price=lie, wh=min(told, rows[liar][3]))
    assert _utility(Clarke(), rows, rows, liar, seed) >= _utility(Clarke(), rows, lied, liar, seed)


@pytest.mark.parametrize("name", ["muda, lottery", "muda, Vickrey", "vcg"])
@given(rows=one_order_each(8), more=st.lists(st.tuples(WH, PRICES), min_size=1, max_size=3), seed=seeds, data=st.data())
def test_with_several_orders_on_one_side_no_lie_about_their_prices_pays(
    name: str, rows: list[Row], more: list[tuple[int, int]], seed: int, data: st.DataObject
) -> None:
    """The orders of the first member state a schedule: each Wh is worth less than the one before."""
    true = rows + [(0, rows[0][1], 0, wh, price) for wh, price in more]
    own = [at for at, row in enumerate(true) if row[2] == 0]
    told = true
    for at in own:
        told = _told(told, at, price=data.draw(PRICES))
    truth = _utility(TRUTHFUL[name], true, true, 0, seed)
    assert truth >= 0
    assert truth >= _utility(TRUTHFUL[name], true, told, 0, seed)


def test_in_a_uniform_auction_a_lie_can_pay() -> None:
    """Value 10 against an ask of 0: the truth trades at 5, a bid of 4 at 2."""
    rows = [(0, True, 0, 1, 10), (0, False, 1, 1, 0)]
    truth = _utility(Uniform(), rows, rows, 0, seed=1)
    assert (truth, _utility(Uniform(), rows, _told(rows, 0, price=4), 0, seed=1)) == (5, 8)


def test_in_a_pay_as_bid_auction_the_truth_leaves_nothing() -> None:
    rows = [(0, True, 0, 1, 10), (0, False, 1, 1, 0)]
    truth = _utility(PayAsBid(), rows, rows, 0, seed=1)
    assert (truth, _utility(PayAsBid(), rows, _told(rows, 0, price=1), 0, seed=1)) == (0, 9)


def test_trade_reduction_is_not_proof_against_lies_about_the_energy() -> None:
    """Sellers of value 0 with 10 and 10 Wh meet demand of 10 Wh before the marginal bid: each loses 5, and sells 5 at 4.

    Told 20 Wh instead of 10, the first loses half of 20: it sells 10, all that it has.
    """
    rows = [(0, False, 0, 10, 0), (0, False, 1, 10, 0), (0, False, 2, 50, 4), (0, True, 3, 10, 9), (0, True, 4, 50, 8)]
    truth = _utility(TradeReduction(), rows, rows, 0, seed=1)
    assert (truth, _utility(TradeReduction(), rows, _told(rows, 0, wh=20), 0, seed=1)) == (20, 40)


def _told(rows: list[Row], liar: int, *, price: int | None = None, wh: int | None = None) -> list[Row]:
    interval, buys, member, true_wh, true_price = rows[liar]
    lie = interval, buys, member, true_wh if wh is None else wh, true_price if price is None else price
    return [*rows[:liar], lie, *rows[liar + 1 :]]


def _utility(rule: Rule, true: list[Row], told: list[Row], who: int, seed: int) -> int:
    """The Wh that are worth most to a buyer, or cost a seller least, are the ones that it counts."""
    member, buys = true[who][2], true[who][1]
    wh, paid = awards_and_money(rule, told, seed).get(member, (0, 0))
    schedule = sorted((row[4] for row in true if row[2] == member for _ in range(row[3])), reverse=buys)
    assert wh <= len(schedule)
    return (1 if buys else -1) * sum(schedule[:wh]) - paid
