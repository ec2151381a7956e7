"""The Shapley pool: savings are Shapley shares, to the micro-unit, and its certificate notices when they are not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from gridpact.community import Member, Tariff, load_community
from gridpact.errors import InputError
from gridpact.horizon import Horizon
from gridpact.markets import Metering, Transfers, make_mechanism
from gridpact.markets.coalition import pooling_game, shapley_exact
from gridpact.markets.coalition._pool_certificate import Shares, certify_shapley, savings
from gridpact.study import Settings, simulate

LOW, HIGH = 80_000, 300_000


def metering(net_wh) -> Metering:
    net = np.array(net_wh, dtype=np.int64)
    low, high = np.full(net.shape[1], LOW), np.full(net.shape[1], HIGH)
    return Metering(
        tuple(Member(f"m{i:02}", "b") for i in range(len(net))),
        Horizon(datetime(2025, 6, 1, tzinfo=UTC), timedelta(minutes=15), net.shape[1]),
        Tariff(high, low, high, low, low),
        net,
    )


def random_metering(members: int, intervals: int, seed: int) -> Metering:
    return metering(np.random.default_rng(seed).integers(-2_000, 2_001, (members, intervals)))


def test_a_right_glove_between_two_left_ones_saves_two_thirds():
    pool = metering([[1_000], [1_000], [-1_000]])
    saved = savings(pool, make_mechanism("shapley-pool").share(pool)).ravel()
    assert saved == pytest.approx(np.array([1, 1, 4]) / 6 * (HIGH - LOW), abs=1)
    assert saved.sum() == HIGH - LOW


@pytest.mark.parametrize("method", ["auto", "exact", "sampled"])
def test_savings_are_shapley_shares(method):
    pool = random_metering(9, 6, 1)
    options = {"method": method, "tolerance": 0.02} if method == "sampled" else {"method": method}
    pact = make_mechanism("shapley-pool", options).share(pool)
    saved = savings(pool, pact)
    for interval in range(6):
        game = pooling_game(pool.net_wh[:, [interval]] / 1_000, HIGH - LOW)
        allowed = 0.05 * game.grand if method == "sampled" else 2
        assert saved[:, interval] == pytest.approx(shapley_exact(game), abs=allowed)
    assert (pact.transfers.paid_by_members(pool.net_wh.shape).sum(axis=0) == 0).all()
    assert pact.certificate.passed


@pytest.mark.parametrize("method", ["exact", "sampled"])
def test_members_with_equal_energy_save_the_same(method):
    net = np.repeat(np.random.default_rng(2).integers(-900, 900, (6, 3)), 3, axis=0)
    pool = metering(net)
    saved = savings(pool, make_mechanism("shapley-pool", {"method": method, "tolerance": 0.1}).share(pool))
    assert (np.ptp(saved.reshape(6, 3, 3), axis=1) <= 1).all()


def test_a_sampled_share_depends_on_seed_and_time_only():
    pool = random_metering(12, 3, 3)
    rule = make_mechanism("shapley-pool", {"method": "sampled", "tolerance": 0.2, "seed": 5})
    whole, again = (savings(pool, rule.share(pool)) for _ in range(2))
    assert (whole == again).all()
    last = replace(pool, horizon=pool.horizon.window(2, 3), tariff=pool.tariff.window(2, 3), net_wh=pool.net_wh[:, 2:])
    assert (savings(last, rule.share(last)) == whole[:, 2:]).all()


def test_one_sided_intervals_share_nothing():
    pact = make_mechanism("shapley-pool").share(metering([[5, 0], [7, -3]]))
    assert len(pact.trades) == len(pact.transfers) == 0
    assert pact.certificate.passed


def test_the_limit_is_refused_where_one_member_dominates():
    with pytest.raises(InputError, match=r"member 'm00' dominates interval 0 .*method auto"):
        make_mechanism("shapley-pool", {"method": "asymptotic"}).share(metering([[-9_000], [10], [20]]))


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"method": "exat"}, "did you mean 'exact'"),
        ({"tolerance": 0.0}, "tolerance = 0.0"),
        ({"confidence": 1.0}, "confidence = 1.0"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_options_out_of_range_are_refused(options, fragment):
    with pytest.raises(InputError, match=fragment):
        make_mechanism("shapley-pool", options)


@pytest.mark.parametrize(("payee", "noticed"), [(1, "equal treatment"), (-3, "efficiency")])
def test_the_certificate_notices_money_that_goes_astray(payee, noticed):
    pool = metering([[1_000], [1_000], [-1_000]])
    pact = make_mechanism("shapley-pool").share(pool)
    shares = Shares(np.zeros((3, 1)), np.zeros(1), None, np.zeros(1))
    assert certify_shapley(pool, pact, shares).passed
    bribed = replace(pact, transfers=Transfers.concat([pact.transfers, Transfers([0], [payee], [0], [500], [2])]))
    failed = [check.name for check in certify_shapley(pool, bribed, shares).checks if not check.passed]
    assert any(noticed in name for name in failed)


def test_a_day_of_the_built_in_community_is_shared_and_certified():
    run = simulate(load_community(days=1).community, make_mechanism("shapley-pool"), Settings())
    assert run.certificate.passed
    assert run.community.traded_kwh > 0
    assert run.community.total_saving > 0
    assert run.community.money_residual == 0
