"""Pacts, certificates and the register of mechanisms."""

import pickle

import numpy as np
import pytest

from gridpact.errors import InputError
from gridpact.markets import (
    Book,
    Certificate,
    Check,
    Mechanism,
    OrderMechanism,
    Pact,
    PoolRule,
    Trades,
    Transfers,
    make_mechanism,
    mechanism_names,
)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        Trades([0, 1], [1], [0], [10], [1])


def test_a_pact_cannot_be_changed():
    trades = Trades([0], [1], [0], [10], [1])
    with pytest.raises(ValueError, match="read-only"):
        trades.energy_wh[0] = 5
    with pytest.raises(AttributeError):
        trades.energy_wh = np.array([5])


def test_an_empty_pact_is_a_valid_one():
    assert len(Pact().trades) == 0
    assert Pact().trades.position_wh((3, 4)).sum() == 0
    assert Pact().certificate.passed


def test_gates_are_joined_in_one_horizon():
    one = Pact(Trades([0], [1], [2], [10], [1]), Transfers([0], [1], [0], [5], [0]))
    both = Pact.join([one, Pact(), one], [0, 4, 8])
    assert both.trades.interval.tolist() == [2, 10]
    assert both.transfers.interval.tolist() == [0, 8]


def test_positions_net_what_was_bought_and_sold():
    position = Trades([0, 1, 0], [1, 2, 1], [0, 0, 1], [10, 4, 7], [1, 1, 1]).position_wh((3, 2))
    assert position.tolist() == [[-10, -7], [6, 7], [4, 0]]


def test_an_order_s_price_is_its_limit_before_charges():
    book = Book([0, 0], [1, 0], [0, 1], [5, 5], [300, 100], [20, 30])
    assert book.price.tolist() == [280, 130]


def test_the_worst_of_each_check_survives_a_merge():
    merged = Certificate.merge(
        [
            Certificate((Check("a", 1.0, 2.0), Check("reported", 5.0, np.inf))),
            Certificate((Check("a", 3.0, 3.5), Check("b", 0.0), Check("reported", 7.0, np.inf))),
            Certificate((Check("a", 2.5, 2.0), Check("reported", 6.0, np.inf))),
        ]
    )
    assert [(c.name, c.value, c.passed) for c in merged.checks] == [
        ("a", 2.5, False),
        ("reported", 7.0, True),
        ("b", 0.0, True),
    ]


def test_nan_never_passes_and_is_never_hidden_by_a_merge():
    broken = Certificate((Check("a", float("nan"), 1.0),))
    fine = Certificate((Check("a", 0.0, 1.0),))
    assert not broken.passed
    assert not Certificate.merge([broken, fine]).passed
    assert not Certificate.merge([fine, broken]).passed


@pytest.mark.parametrize("name", list(mechanism_names()))
def test_every_registered_mechanism_is_what_it_says(name):
    market = make_mechanism(name)
    assert market.name == name
    assert isinstance(market, Mechanism) != isinstance(market, PoolRule)
    assert isinstance(market, OrderMechanism) == name.startswith("auction:")
    assert mechanism_names()[name].endswith((".", "…")) or len(mechanism_names()[name]) > 10


def test_an_unknown_mechanism_or_option_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'auction:uniform'"):
        make_mechanism("auction:unifrm")
    with pytest.raises(InputError, match="did you mean 'strategy'"):
        make_mechanism("auction:uniform", {"strategi": "truthful"})


def test_an_input_error_survives_the_way_between_processes():
    error = InputError("'x' is odd", place="file line 3", accepted="an even one")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "file line 3: 'x' is odd; accepted: an even one"
