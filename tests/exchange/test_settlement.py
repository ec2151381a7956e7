"""Settlement: worked by hand, against a slow reference, and its invariants on anything."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpact.community import Tariff, TradeCharges
from gridpact.errors import InputError
from gridpact.exchange import Settlement, settle, settlement
from gridpact.markets import Pact, Party, Reason, Trades, Transfers
from gridpact.units import payment

IMPORT, EXPORT, IMBALANCE_BUY, IMBALANCE_SELL, LOSS = 300_000, 80_000, 350_000, 50_000, 100_000


def make_tariff(intervals: int = 1, **changes: object) -> Tariff:
    prices = {
        "import_price": IMPORT,
        "export_price": EXPORT,
        "imbalance_buy": IMBALANCE_BUY,
        "imbalance_sell": IMBALANCE_SELL,
        "loss_price": LOSS,
    }
    return Tariff(**{name: np.full(intervals, price) for name, price in prices.items()}, **changes)


def make_charges(members: int, network: int = 0, service: int = 0) -> TradeCharges:
    nothing = np.zeros(members, dtype=np.int64)
    return TradeCharges(nothing + network, nothing, nothing + service, nothing)


def one_interval(pact: Pact, metered_wh: list[int], head_wh: int | None = None, **options: object) -> Settlement:
    metered = np.array(metered_wh)[:, None]
    charges = options.pop("charges", make_charges(len(metered_wh)))
    head = np.array([metered.sum() if head_wh is None else head_wh])
    return settle(pact, metered, head, make_tariff(**options), charges)


TWO_KWH_FROM_0_TO_1 = Pact(Trades([0], [1], [0], [2000], [200_000]))


def test_without_trades_everybody_deals_with_the_supplier_at_retail():
    # 0 exports 1.5 kWh at 0.08, 1 imports 2 kWh at 0.30; the head shows 0.6 kWh, so 0.1 kWh were lost at 0.10
    accounts = one_interval(Pact(), [-1500, 2000], head_wh=600)
    assert accounts.bills[:, 0].tolist() == [-120_000, 600_000]
    assert accounts.loss_wh.tolist() == [100]
    assert accounts.dso.tolist() == [10_000]
    assert accounts.supplier.tolist() == [120_000 - 600_000 - 10_000]
    assert accounts.money_residual() == 0


def test_what_meters_show_beyond_a_trade_is_retail():
    # 0 sells 2 of its 3 kWh for 0.20 and exports 1; 1 buys 2 of its 5 kWh and imports 3
    accounts = one_interval(TWO_KWH_FROM_0_TO_1, [-3000, 5000])
    assert accounts.bills[:, 0].tolist() == [-400_000 - 80_000, 400_000 + 900_000]
    assert accounts.causes()["imbalance"].sum() == 0


def test_energy_sold_but_not_delivered_is_bought_in_at_the_imbalance_price():
    # 0 sold 2 kWh, has 0.5: 1.5 kWh at 0.35
    accounts = one_interval(TWO_KWH_FROM_0_TO_1, [-500, 2000])
    assert accounts.energies.short[:, 0].tolist() == [1500, 0]
    assert accounts.bills[:, 0].tolist() == [-400_000 + 525_000, 400_000]


def test_a_seller_that_consumes_pays_retail_for_its_consumption_and_imbalance_for_what_it_sold():
    # 0 sold 2 kWh and consumes 1 kWh: 2 kWh short at 0.35 and 1 kWh imported at 0.30
    accounts = one_interval(TWO_KWH_FROM_0_TO_1, [1000, 2000])
    assert accounts.energies.short[0, 0] == 2000
    assert accounts.energies.imported[0, 0] == 1000
    assert accounts.bills[0, 0] == -400_000 + 700_000 + 300_000


def test_energy_bought_but_not_taken_is_sold_on_at_the_imbalance_price():
    # 1 bought 2 kWh, takes 0.5: 1.5 kWh at 0.05; 0 delivers 2
    accounts = one_interval(TWO_KWH_FROM_0_TO_1, [-2000, 500])
    assert accounts.energies.unused[:, 0].tolist() == [0, 1500]
    assert accounts.bills[1, 0] == 400_000 - 75_000


def test_the_penalty_applies_beyond_the_dead_band_only():
    # 2 kWh sold, 10 % tolerated: 0.5 kWh short is 0.3 kWh beyond, at 0.10
    accounts = one_interval(TWO_KWH_FROM_0_TO_1, [-1500, 2000], dead_band=0.1, penalty=100_000)
    assert accounts.causes()["penalty"][:, 0].tolist() == [30_000, 0]
    assert accounts.dso.tolist() == [-30_000]


def test_charges_go_to_dso_and_exchange():
    accounts = one_interval(TWO_KWH_FROM_0_TO_1, [-2000, 2000], charges=make_charges(2, network=20_000, service=1_000))
    assert accounts.bills[:, 0].tolist() == [-400_000, 400_000 + 40_000 + 2_000]
    assert accounts.dso.tolist() == [-40_000]
    assert accounts.exchange.tolist() == [-2_000]


def test_a_transfer_moves_money_between_a_member_and_a_party():
    transfers = Transfers([1, Party.DSO], [Party.EXCHANGE, 0], [0, 0], [500, 70], [Reason.SURPLUS, Reason.POOL])
    accounts = one_interval(Pact(transfers=transfers), [0, 0])
    assert accounts.bills[:, 0].tolist() == [-70, 500]
    assert accounts.exchange.tolist() == [-500]
    assert accounts.dso.tolist() == [70]


def test_an_intermediary_is_judged_by_its_net_position():
    # 1 buys 2 kWh and sells 2 kWh on: its net position is 0, and its own demand of 1 kWh is retail
    pact = Pact(Trades([0, 1], [1, 2], [0, 0], [2000, 2000], [100_000, 150_000]))
    accounts = one_interval(pact, [-2000, 1000, 2000])
    assert accounts.causes()["imbalance"].sum() == 0
    assert accounts.bills[:, 0].tolist() == [-200_000, 200_000 - 300_000 + 300_000, 300_000]


def settle_slowly(pact: Pact, metered, head, tariff: Tariff, charges: TradeCharges) -> dict[tuple[object, int], int]:
    """Cash of every party and interval, one row after the other, straight from the rules."""
    cash: dict[tuple[object, int], int] = defaultdict(int)

    def pay(payer, payee, interval, amount):
        cash[payer, interval] += amount
        cash[payee, interval] -= amount

    bought, sold = defaultdict(int), defaultdict(int)
    for seller, buyer, t, energy, price, _ in zip(*pact.trades.columns().values(), strict=True):
        pay(buyer, seller, t, int(payment(energy, price)))
        bought[buyer, t] += energy
        sold[seller, t] += energy
    for payer, payee, t, amount, _ in zip(*pact.transfers.columns().values(), strict=True):
        names = {int(party): party for party in Party}
        pay(names.get(payer, payer), names.get(payee, payee), t, amount)
    for t in range(metered.shape[1]):
        for m in range(metered.shape[0]):
            position, meter = bought[m, t] - sold[m, t], metered[m, t]
            demand, surplus = max(meter, 0), max(-meter, 0)
            to_take, to_deliver = max(position, 0), max(-position, 0)
            pay(m, Party.SUPPLIER, t, int(payment(max(demand - to_take, 0), tariff.import_price[t])))
            pay(Party.SUPPLIER, m, t, int(payment(max(surplus - to_deliver, 0), tariff.export_price[t])))
            short, unused = max(to_deliver - surplus, 0), max(to_take - demand, 0)
            pay(m, Party.SUPPLIER, t, int(payment(short, tariff.imbalance_buy[t])))
            pay(Party.SUPPLIER, m, t, int(payment(unused, tariff.imbalance_sell[t])))
            beyond = max(short + unused - int(tariff.dead_band * 1_000_000) * abs(position) // 1_000_000, 0)
            pay(m, Party.DSO, t, int(payment(beyond, tariff.penalty)))
            pay(m, Party.DSO, t, int(payment(bought[m, t], charges.network_buy[m])))
            pay(m, Party.DSO, t, int(payment(sold[m, t], charges.network_sell[m])))
            pay(m, Party.EXCHANGE, t, int(payment(bought[m, t], charges.service_buy[m])))
            pay(m, Party.EXCHANGE, t, int(payment(sold[m, t], charges.service_sell[m])))
        pay(Party.DSO, Party.SUPPLIER, t, int(payment(head[t] - metered[:, t].sum(), tariff.loss_price[t])))
    return cash


@st.composite
def markets(draw):
    members, intervals = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = draw(st.integers(0, 12)) if members > 1 else 0
    seller = rng.integers(0, members, rows)
    buyer = (seller + rng.integers(1, max(members, 2), rows)) % members
    t = rng.integers(0, intervals, rows)
    trades = Trades(seller, buyer, t, rng.integers(1, 5000, rows), rng.integers(-50_000, 400_000, rows))
    parties = np.concatenate([np.arange(members), [int(party) for party in Party]])
    moves = draw(st.integers(0, 5))
    payer = rng.choice(parties, moves)
    payee = np.array([rng.choice(parties[parties != p]) for p in payer], dtype=np.int64)
    amount = rng.integers(0, 10_000, moves)
    transfers = Transfers(payer, payee, rng.integers(0, intervals, moves), amount, np.zeros(moves, dtype=np.int64))
    metered = rng.integers(-6000, 6000, (members, intervals))
    head = metered.sum(axis=0) + rng.integers(-3, 300, intervals)
    tariff = make_tariff(intervals, dead_band=0.25, penalty=12_345, network_charge={"": 0})
    charges = TradeCharges(*(rng.integers(0, 30_000, members) for _ in range(4)))
    return Pact(trades, transfers), metered, head, tariff, charges


@given(markets())
def test_the_fast_settlement_equals_the_slow_one_for_every_party(market):
    metered = market[1]
    accounts, slow = settle(*market), settle_slowly(*market)
    for t in range(metered.shape[1]):
        assert accounts.bills[:, t].tolist() == [slow[m, t] for m in range(len(metered))]
        for party, mine in (
            (Party.SUPPLIER, accounts.supplier),
            (Party.DSO, accounts.dso),
            (Party.EXCHANGE, accounts.exchange),
        ):
            assert mine[t] == slow[party, t]


@given(markets())
def test_money_sums_to_zero_and_every_meter_is_explained(market):
    accounts = settle(*market)
    e = accounts.energies
    assert accounts.money_residual() == 0
    assert (e.bought - e.sold + e.imported - e.exported + e.short - e.unused == market[1]).all()
    assert min(part.min() for part in (e.bought, e.sold, e.imported, e.exported, e.short, e.unused)) >= 0


@given(markets())
def test_the_energy_of_supplier_and_losses_closes_with_the_head(market):
    head = market[2]
    accounts = settle(*market)
    e = accounts.energies
    with_supplier = (e.imported - e.exported + e.short - e.unused).sum(axis=0)
    assert (with_supplier + accounts.loss_wh == head).all()


@given(markets())
def test_cutting_the_accounts_into_windows_changes_nothing(market):
    whole = settle(*market)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settlement, "CELLS_AT_ONCE", 3)
        cut = settle(*market)
        windows = list(cut.windows())
    assert (np.concatenate([part.bills for part in windows], axis=1) == whole.bills).all()
    for party in ("supplier", "dso", "exchange"):
        assert (getattr(cut, party) == getattr(whole, party)).all()
        assert (np.concatenate([getattr(part, party) for part in windows]) == getattr(whole, party)).all()


@pytest.mark.parametrize(
    ("pact", "fragment"),
    [
        (Pact(Trades([0], [2], [0], [10], [1])), "row 0 of trades: a member that does not exist"),
        (Pact(Trades([0], [1], [1], [10], [1])), "row 0 of trades: an interval outside of the horizon"),
        (Pact(transfers=Transfers([0], [5], [0], [10], [0])), "row 0 of transfers: a member that does not exist"),
        (Pact(battery_kw=np.zeros((3, 1))), "a schedule of shape"),
    ],
)
def test_a_pact_that_names_what_does_not_exist_is_refused(pact, fragment):
    with pytest.raises(InputError, match=fragment):
        one_interval(pact, [0, 0])


def test_a_money_imbalance_would_be_seen():
    accounts = one_interval(TWO_KWH_FROM_0_TO_1, [-2000, 2000])
    broken = Settlement(**{**accounts.__dict__, "exchange": accounts.exchange + 3})
    assert broken.money_residual() == 3


@pytest.mark.parametrize(("low", "high"), [("export_price", "import_price"), ("import_price", "imbalance_buy")])
def test_prices_out_of_order_are_refused(low, high):
    prices = dict.fromkeys(("import_price", "export_price", "imbalance_buy", "imbalance_sell", "loss_price"), 1)
    with pytest.raises(InputError, match=f"{low} is above {high} in interval 1"):
        Tariff(**{k: np.array([v, 5 if k == low else 1]) for k, v in prices.items()})
