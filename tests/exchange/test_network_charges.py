"""Network charges a pair: what they follow, that members see them before they bid, and the losses that trades cause."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.stressed import stressed_network
from benchmarks.synthetic import make_community
from gridpact.community import Preferences
from gridpact.errors import InputError
from gridpact.exchange.acceptance import Network, charges_by_distance, charges_by_losses, losses_of_trades
from gridpact.exchange.acceptance.example import two_buses
from gridpact.markets import Trades, make_mechanism
from gridpact.study import Settings, simulate


def test_each_end_of_a_trade_pays_its_way_to_the_head():
    # members at the end, half way and at the head of a string of two equal lines
    feeder = stressed_network(2, 2, seed=0).feeder
    share = np.zeros((3, len(feeder.bus_names)))
    share[np.arange(3), [3, 2, 0]] = 1
    charges = charges_by_distance(Network(feeder, share), 40_000)
    z_line = np.hypot(0.208, 0.080) * 0.03 / 0.4**2
    z_transformer = 0.04 * 1_000 / 400
    nearer = (z_transformer + z_line) / (z_transformer + 2 * z_line)
    assert charges.buy.tolist() == [20_000, round(20_000 * nearer), 0]
    assert charges.matrix[0, 1] == 20_000 + round(20_000 * nearer)
    assert (charges.matrix == charges.matrix.T).all()


def test_charges_by_losses_are_what_a_trade_adds_to_the_losses():
    # 5 kW drawn at the end of 0.2 Ω at 400 V: I = 7.2 A; one kW more adds 2 R P / V² = 2 · 0.2 · 5000 / 400² = 1.25 %
    network, _ = two_buses(sold_wh=0)
    net_kw = np.array([[5.0], [0.0]])
    charges = charges_by_losses(network, net_kw, 0 * net_kw, np.array([100_000]))
    assert charges.buy[0] == pytest.approx(1_250, rel=0.02)
    assert (charges.sell == -charges.buy).all()
    assert charges.buy[1] == 0
    assert charges.matrix[1, 0] < 0  # a seller at the end relieves the line: a credit


def test_the_loss_of_a_trade_is_that_of_two_power_flows():
    network = stressed_network(6, 12, seed=2)
    rng = np.random.default_rng(0)
    net_kw, q_kvar = rng.uniform(-4, 6, (1, 6)), np.zeros((1, 6))
    marginal = network.marginal_losses(net_kw, q_kvar)
    trades = Trades([0, 3], [1, 4], [0, 0], [1_000, 1_000], [0, 0])
    for row, loss_wh in enumerate(losses_of_trades(trades, marginal)):
        moved = np.zeros(6)
        moved[trades.buyer[row]], moved[trades.seller[row]] = 0.5, -0.5
        after, before = (network.solve(net_kw + sign * moved, q_kvar).losses_kw[0] for sign in (1, -1))
        assert loss_wh == pytest.approx((after - before) * 1_000, rel=1e-3, abs=1e-3)


def test_the_exact_charge_of_every_trade_is_billed_and_no_limit_is_broken():
    community = make_community(12, 96, seed=5)
    run = simulate(community, make_mechanism("auction:uniform"), Settings("perfect", network="charges-distance"))
    charges, trades = run.settlement.charges, run.pact.trades
    pair = (charges.network_buy[trades.buyer] + charges.network_sell[trades.seller]) * trades.energy_wh
    billed = sum(part.causes()["network"].sum() for part in run.settlement.windows())
    assert billed == pytest.approx(pair.sum() / 1_000, abs=len(trades))
    assert billed > 0
    assert run.certificate.passed
    assert run.community.money_residual == 0


def test_a_charge_larger_than_the_gain_keeps_a_trade_from_coming_about():
    community = make_community(12, 96, seed=5)
    # everybody wants 45 % of the spread: a trade gains 10 % of it, and a pair pays up to 25 %
    members = tuple(replace(m, preferences=Preferences(wanted_share=0.45)) for m in community.members)
    tariff = replace(community.tariff, network_charge={"": 0}, service_charge=0)
    free = replace(community, members=members, tariff=tariff)
    settings = Settings("perfect", network="charges-distance")
    free_run = simulate(free, make_mechanism("auction:uniform"), replace(settings, network="none"))
    charged = simulate(free, make_mechanism("auction:uniform"), settings)
    assert charged.community.traded_kwh < free_run.community.traded_kwh


def test_a_negative_dearest_charge_is_refused():
    with pytest.raises(InputError, match="a charge of -1"):
        charges_by_distance(two_buses(sold_wh=0)[0], -1)
