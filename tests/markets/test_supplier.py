"""The baseline: nobody trades."""

from datetime import UTC, datetime, timedelta

import numpy as np

from gridpact.community import Member, Tariff, TradeCharges
from gridpact.exchange import settle
from gridpact.horizon import Horizon
from gridpact.markets import Metering, PoolRule, make_mechanism, mechanism_names
from gridpact.markets.supplier import supplier


def test_every_metered_wh_is_billed_at_retail():
    net = np.array([[-2000, 500], [1500, 0]])
    retail, feed_in = np.array([300_000, 250_000]), np.array([100_000, -50_000])
    tariff = Tariff(retail, feed_in, retail, feed_in, retail, service_charge=70_000)
    members = (Member("a", "bus"), Member("b", "bus"))
    horizon = Horizon(datetime(2025, 6, 1, tzinfo=UTC), timedelta(hours=1), 2)
    pact = supplier().share(Metering(members, horizon, tariff, net))
    settled = settle(pact, net, net.sum(axis=0), tariff, TradeCharges.of(members, tariff))
    assert settled.bills.tolist() == [[-200_000, 125_000], [450_000, 0]]
    assert settled.supplier.tolist() == [-250_000, -125_000]


def test_its_pact_is_empty():
    horizon = Horizon(datetime(2025, 6, 1, tzinfo=UTC), timedelta(hours=1), 1)
    tariff = Tariff(*(np.zeros(1, dtype=np.int64) for _ in range(5)))
    pact = supplier().share(Metering((Member("a", "bus"),), horizon, tariff, np.array([[-5]])))
    assert len(pact.trades) == 0
    assert len(pact.transfers) == 0
    assert pact.battery_kw is None
    assert pact.certificate.passed


def test_it_is_registered_as_a_pool_rule_with_one_line():
    assert make_mechanism("supplier").name == "supplier"
    assert isinstance(make_mechanism("supplier"), PoolRule)
    assert "baseline" in mechanism_names()["supplier"]
