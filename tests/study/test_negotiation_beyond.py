"""Beyond the paper: a network price in the members' weights, and what offers give away."""

from dataclasses import replace

import numpy as np
import pytest

from gridpact.energy import Perfect
from gridpact.errors import InputError
from gridpact.markets.negotiation import Negotiator, PeerChoice, Terms, infer_weight
from gridpact.study.negotiation import (
    Observer,
    Setting,
    case,
    infer_weights,
    network_price,
    outcomes,
    run_case,
    with_network_price,
)

WINDOW = 25


def homes(members: int, intervals: int):
    rng = np.random.default_rng(5)
    hour = np.arange(intervals) * 0.25 + 9
    sun = np.maximum(np.sin((hour % 24 - 6) / 12 * np.pi), 0)
    return rng.gamma(1.0, 0.5, (members, intervals)) - rng.uniform(0, 3, (members, 1)) * sun


def test_the_network_price_follows_the_flow_without_loans():
    members = tuple(Negotiator(name, None, (0.5, 0.5), 0.5) for name in "ab")
    net = np.zeros((2, WINDOW))
    net[:, 0], net[0, 1] = [3.0, 1.0], -2.0
    price = network_price(Setting(members, net, window=WINDOW))
    assert price.imported[:3].tolist() == [1.0, -0.5, 0.0]
    assert price.exported[:3].tolist() == [-1.0, 0.5, 0.0]


def test_a_priced_run_is_judged_by_the_weights_without_the_price():
    setting = Setting(
        case(2).negotiators[:4], homes(4, 40), terms=Terms(PeerChoice("random"), scenarios=4), window=WINDOW
    )
    priced = with_network_price(setting, 0.4)
    assert all(sum(member.weights) == pytest.approx(1) for member in priced.negotiators)
    run = run_case(priced, seed=1)
    own, judged = outcomes(run), outcomes(run, setting)
    assert own["s2"].criteria.shape == (3, 4)
    np.testing.assert_allclose(own["s2"].criteria[:2], judged["s2"].criteria, atol=1e-9)
    assert judged["s1"].welfare == pytest.approx(outcomes(run_case(setting, seed=1))["s1"].welfare)


def test_members_with_the_price_alone_bring_the_priced_flow_down():
    setting = Setting(
        case(2).negotiators[:4], homes(4, 60), terms=Terms(PeerChoice("random"), scenarios=4), window=WINDOW
    )
    price = network_price(setting)
    priced = with_network_price(setting, 0.9, price)
    run = run_case(priced, seed=1, forecaster=Perfect())
    found = outcomes(run)
    # each member's own bill for the network is a criterion of its own, and loans were agreed to lower it
    assert len(run.loans) > 5
    assert found["s2"].criteria[2].sum() <= found["s1"].criteria[2].sum() + 1e-9


def test_a_part_of_one_or_more_is_refused():
    with pytest.raises(InputError, match=r"network price: weight = 1"):
        with_network_price(Setting(case(1).negotiators, np.ones((2, 97))), 1.0)


def test_an_observer_who_knows_everything_else_reads_the_weights_off_the_offers():
    members = tuple(replace(each, aspiration=0.8) for each in case(2).negotiators[:4])
    net = homes(4, 40)
    setting = Setting(members, net, terms=Terms(PeerChoice("random"), scenarios=1), window=WINDOW)
    run = run_case(setting, seed=2, keep=range(16), forecaster=Perfect())
    insider, outsider = (infer_weights(run, observer) for observer in Observer)
    assert insider.weight.tolist() == [0.33, 0.67, 0.33, 0.67]
    assert (insider.offers > 50).all()
    assert (insider.sessions <= 16).all()
    assert insider.blind_error == pytest.approx(0.17)
    assert insider.error < 0.1
    assert insider.error <= outsider.error


def test_nothing_seen_is_nothing_inferred():
    with pytest.raises(InputError, match="no session"):
        infer_weight([], np.array([0.5]))
