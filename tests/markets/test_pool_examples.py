"""Each pool rule on three homes, worked out by hand from its published formula; bills are those of the common settlement."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from gridpact.community import Member, Tariff, TradeCharges
from gridpact.errors import InputError
from gridpact.exchange import settle
from gridpact.horizon import Horizon
from gridpact.markets import Metering, Pact, Party, PoolRule, Reason, make_mechanism, mechanism_names
from gridpact.markets.pool import VARIANTS, bill_sharing, keys, mmr, nrg_x, sdr
from gridpact.markets.supplier import supplier

SCARCE = [[-2000], [1000], [3000]]  # G = 2 kWh, D = 4 kWh
PLENTY = [[-2000], [-2000], [1000]]  # G = 4 kWh, D = 1 kWh
START = datetime(2025, 6, 1, tzinfo=UTC)


def metering(net_wh, import_price=300_000, export_price=100_000, *, start=START, step=timedelta(hours=1), service=0):
    net = np.array(net_wh, dtype=np.int64)
    buy, sell = (np.full(net.shape[1], price, dtype=np.int64) for price in (import_price, export_price))
    tariff = Tariff(buy, sell, buy, sell, buy, service_charge=service)
    members = tuple(Member(chr(ord("a") + at), "bus") for at in range(len(net)))
    return Metering(members, Horizon(start, step, net.shape[1]), tariff, net)


def bills(rule: PoolRule, metered: Metering):
    """What each member pays in all, micro-units, ``[member, interval]``."""
    pact = rule.share(metered)
    assert pact.certificate.passed, pact.certificate
    charges = TradeCharges.of(metered.members, metered.tariff)
    return settle(pact, metered.net_wh, metered.net_wh.sum(axis=0), metered.tariff, charges).bills


def value(pact: Pact, start_of_name: str) -> float:
    (found,) = [check for check in pact.certificate.checks if check.name.startswith(start_of_name)]
    return found.value


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (supplier(), [-200_000, 300_000, 900_000]),
        # p_sell = 0.1·0.3 / (0.2·0.5 + 0.1) = 0.15, p_buy = 0.15·0.5 + 0.3·0.5 = 0.225
        (sdr(), [-300_000, 225_000, 675_000]),
        # sellers get the mid price 0.20, buyers pay (0.20·2 + 0.30·2)/4 = 0.25
        (mmr(), [-400_000, 250_000, 750_000]),
        # the community imports 2 kWh for 0.60, shared 1 : 3; it exports nothing
        (bill_sharing(), [0, 150_000, 450_000]),
        # x = 0.15, (2 − 4)²/4 = 1: producers get 0.15/e = 0.055182; consumers pay 0.30·4/6 = 0.20
        (nrg_x(scale_kwh2=4.0), [-110_364, 200_000, 600_000]),
        # 2 kWh shared 1 : 3 at 0.20, the rest at 0.30: the same as the mid-market rate
        (keys(), [-400_000, 250_000, 750_000]),
        # one kWh a head: b covers its 1 kWh, c gets 1 kWh and imports 2
        (keys("equal"), [-400_000, 200_000, 800_000]),
        # b is offered 1.4 kWh and takes 1, c gets 0.6; 0.4 kWh go to the supplier at 0.10
        (keys("static", {"b": 0.7, "c": 0.3}), [-360_000, 200_000, 840_000]),
        # the 0.4 kWh are offered again: b is full, c takes 0.3·0.4 = 0.12
        (keys("static", {"b": 0.7, "c": 0.3}, rounds=2), [-372_000, 200_000, 828_000]),
        # at the import price buyers are as well off as with the supplier; at 0.12, sellers get 0.24
        (keys(price="import"), [-600_000, 300_000, 900_000]),
        (keys(price=0.12), [-240_000, 210_000, 630_000]),
    ],
    ids=lambda case: case.name if hasattr(case, "name") else "",
)
def test_bills_where_demand_exceeds_supply(rule, expected):
    assert bills(rule, metering(SCARCE)).ravel().tolist() == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # SDR = 4 > 1: both prices are the export price
        (sdr(), [-200_000, -200_000, 100_000]),
        # buyers pay 0.20, sellers get (0.20·1 + 0.10·3)/4 = 0.125
        (mmr(), [-250_000, -250_000, 200_000]),
        # the community exports 3 kWh for 0.30, shared 2 : 2; it imports nothing
        (bill_sharing(), [-150_000, -150_000, 0]),
        # consumers pay 0.30·1/5 = 0.06; (4 − 1)²/9 = 1: producers get 0.15/e = 0.055182
        (nrg_x(scale_kwh2=9.0), [-110_364, -110_364, 60_000]),
        (keys(), [-250_000, -250_000, 200_000]),
        (keys("equal"), [-250_000, -250_000, 200_000]),
        # c holds a quarter of the 4 kWh: all it needs
        (keys("static", {"a": 0.75, "c": 0.25}), [-250_000, -250_000, 200_000]),
    ],
    ids=lambda case: case.name if hasattr(case, "name") else "",
)
def test_bills_where_supply_exceeds_demand(rule, expected):
    assert bills(rule, metering(PLENTY)).ravel().tolist() == expected


def test_sdr_pays_the_export_price_at_balance_and_nears_the_import_price_as_supply_vanishes():
    balance = sdr().share(metering([[-1000], [1000]]))
    scarce = sdr().share(metering([[-1], [1_000_000]]))
    assert balance.trades.price.tolist() == [100_000]
    assert scarce.trades.price.tolist() == [299_999]  # 0.03 / (0.2e-6 + 0.1) = 0.2999994


def test_sdr_reports_the_intervals_in_which_an_export_price_of_zero_pays_sellers_nothing():
    pact = sdr().share(metering([[-2000, -1, 500], [3000, 0, 500]], export_price=0))
    assert pact.trades.price.tolist() == [0]
    assert value(pact, "SDR pays sellers nothing") == 1
    assert pact.certificate.passed


def test_sdr_refuses_a_negative_export_price_and_names_the_interval():
    with pytest.raises(InputError, match=r"pool:sdr: export price -0.02 per kWh in interval 1 \(2025-06-01T01:00:00"):
        sdr().share(metering([[-1000, -1000], [1000, 1000]], export_price=[10_000, -20_000]))


def test_mid_market_rate_takes_negative_prices():
    assert bills(mmr(), metering([[-1000], [1000]], -100_000, -300_000)).ravel().tolist() == [200_000, -200_000]


def test_an_odd_sum_of_prices_rounds_the_mid_price_to_the_even_neighbour():
    assert mmr().share(metering([[-1000], [1000]], 7, 4)).trades.price.tolist() == [6]


def test_bill_sharing_over_a_day_gives_one_rate_to_all_imports_of_the_day():
    # Interval 0: import 3 kWh for 0.90, b consumes 1, c 2. Interval 1: a exports 1 kWh for 0.10, b uses another 1 of it.
    # 0.90 over 1 + 1 + 2 kWh of own imports: 0.225 a kWh, so b pays 0.45 and c 0.45; a gets the 0.10.
    metered = metering([[0, -2000], [1000, 1000], [2000, 0]], step=timedelta(hours=12))
    day = bills(bill_sharing("day"), metered)
    assert day.sum(axis=1).tolist() == [-100_000, 450_000, 450_000]
    assert bills(bill_sharing(), metered).sum(axis=1).tolist() == [-100_000, 300_000, 600_000]
    transfers = bill_sharing("day").share(metered).transfers
    assert transfers.interval.tolist() == [1, 1]
    assert transfers.reason.tolist() == [Reason.POOL] * 2
    assert sorted(zip(transfers.payer.tolist(), transfers.payee.tolist(), strict=True)) == [
        (Party.EXCHANGE, 2),
        (1, Party.EXCHANGE),
    ]


def test_days_of_bill_sharing_follow_local_midnight_through_a_clock_change():
    # 30 March 2025 has 23 hours in London: it ends at 23:00 UTC.
    net = np.ones((2, 30), dtype=np.int64) * [[100], [300]]
    net[0, 0] = -100  # gives the first day's sharing something to move
    net[0, 25] = -100
    start = datetime(2025, 3, 30, tzinfo=UTC)
    booked = {
        zone: sorted(set(bill_sharing("day", zone).share(metering(net, start=start)).transfers.interval.tolist()))
        for zone in ("UTC", "Europe/London")
    }
    assert booked == {"UTC": [23, 29], "Europe/London": [22, 29]}


def test_months_and_the_whole_run_are_periods_too():
    net = np.array([[-300, 100], [100, 500], [400, 0]]).repeat(2, axis=1)[:, [0, 2, 1, 3]]
    metered = metering(net, start=datetime(2025, 1, 31, tzinfo=UTC), step=timedelta(hours=12))
    booked = {p: set(bill_sharing(p).share(metered).transfers.interval.tolist()) for p in ("day", "month", "run")}
    assert booked == {"day": {1, 3}, "month": {1, 3}, "run": {3}}


def test_nrg_x_shows_what_the_dso_carries():
    # Members pay 0.8 − 0.110364 and the supplier gets 0.6 for 2 kWh: 0.089636 stay with the DSO.
    metered = metering(SCARCE)
    pact = nrg_x(scale_kwh2=4.0).share(metered)
    accounts = settle(
        pact,
        metered.net_wh,
        metered.net_wh.sum(axis=0),
        metered.tariff,
        TradeCharges.of(metered.members, metered.tariff),
    )
    assert accounts.dso.tolist() == [-89_636]
    assert value(pact, "carried by the DSO") == -89_636
    assert value(pact, "budget balance") == 89_636
    assert accounts.money_residual() == 0


def test_nrg_x_leaves_nothing_to_the_dso_where_supply_meets_demand():
    pact = nrg_x().share(metering([[-3000], [1000], [2000]]))
    assert len(pact.transfers) == 0
    assert set(pact.trades.price.tolist()) == {150_000}


def test_nrg_x_pays_lone_producers_by_the_gap_and_charges_lone_consumers_the_full_rate():
    assert bills(nrg_x(0.2, 0.25, 1.0), metering([[-1000, 2000]])).tolist() == [[-73_576, 500_000]]  # 0.2/e


def test_default_static_keys_are_equal_over_all_members_even_those_who_do_not_consume():
    pact = keys("static").share(metering(SCARCE))
    assert dict(zip(pact.trades.buyer.tolist(), pact.trades.energy_wh.tolist(), strict=True)) == {1: 667, 2: 666}


def test_charges_of_the_exchange_are_reported_beside_the_claim_on_prices():
    pact = mmr().share(metering(SCARCE, service=150_000))  # gains 0.10 a kWh, is charged 0.15
    assert value(pact, "individual rationality") == 0
    assert value(pact, "loss against the supplier, charges included") == 75_000  # c: 1.5 kWh · 0.05
    assert pact.certificate.passed


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_every_rule_is_registered_with_one_line_and_under_its_name(variant):
    name = f"pool:{variant}"
    assert make_mechanism(name).name == name
    assert isinstance(make_mechanism(name), PoolRule)
    assert len(mechanism_names()[name]) > 20


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bill_sharing("dy"), "did you mean 'day'"),
        (
            lambda: bill_sharing("day", "Europe/Lodon"),
            "time_zone: 'Europe/Lodon' is not a time zone; did you mean 'Europe/London'",
        ),
        (lambda: bill_sharing("day", ""), "'' is not a time zone"),
        (lambda: nrg_x(producer_rate=-0.1), "producer_rate = -0.1; accepted: a finite number from 0 up"),
        (lambda: nrg_x(consumer_rate=float("nan")), "consumer_rate = nan"),
        (lambda: nrg_x(scale_kwh2=0.0), "scale_kwh2 = 0.0; accepted: a finite number above 0"),
        (lambda: keys("statik"), "did you mean 'static'"),
        (lambda: keys("static", {"a": 0.6, "b": 0.5}), "the shares sum to 1.1"),
        (lambda: keys("static", {"a": 0.0}), "the shares sum to 0"),
        (lambda: keys("static", {"a": -0.1}), "pool:keys: share -0.1 of 'a'"),
        (lambda: keys("static", {"a": float("nan")}), "share nan of 'a'"),
        (lambda: keys("equal", {"a": 1.0}), "shares with equal keys"),
        (lambda: keys("equal", rounds=0), "rounds = 0"),
        (lambda: keys("dynamic", rounds=2), "nothing is left to share again"),
        (lambda: keys(price="middle"), "price = 'middle'; accepted: mid, import, export"),
        (lambda: keys(price=float("inf")), "price = inf; accepted: mid, import, export, or a finite number"),
        (lambda: keys("static", {"bb": 1.0}).share(metering(SCARCE)), "pool:keys: shares: 'bb' is not a member"),
    ],
)
def test_options_out_of_range_are_refused_with_what_is_accepted(make, message):
    with pytest.raises(InputError) as refused:
        make()
    assert message in str(refused.value)
