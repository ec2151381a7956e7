"""Pacts, certificates and the register of mechanisms."""

import pickle
from datetime import timedelta
from inspect import signature

import numpy as np
import pytest

from gridpact.errors import InputError
from gridpact.markets import (
    Book,
    Certificate,
    Check,
    Gate,
    Mechanism,
    OrderMechanism,
    Pact,
    PoolRule,
    Trades,
    Transfers,
    make_mechanism,
    mechanism_names,
)
from gridpact.markets.mechanism import _factories

AUCTIONS = ("uniform", "pay-as-bid", "mcafee", "muda", "vcg", "random", "continuous")


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        Trades([0, 1], [1], [0], [10], [1])


@pytest.mark.parametrize(
    ("row", "fragment"),
    [
        ((0, 1, 0, 0, 1), "an energy below 1 Wh"),
        ((0, 1, 0, -5, 1), "an energy below 1 Wh"),
        ((-1, 1, 0, 5, 1), "a seller or buyer below 0"),
        ((1, 1, 0, 5, 1), "trades with itself"),
        ((0, 1, -1, 5, 1), "an interval below 0"),
    ],
)
def test_an_impossible_trade_is_refused_by_its_row(row, fragment):
    rows = np.array([(0, 1, 0, 5, 1), row]).T
    with pytest.raises(InputError, match=f"row 1 of trades: .*{fragment}"):
        Trades(*rows)


@pytest.mark.parametrize(
    ("row", "fragment"),
    [
        ((0, -4, 0, 5, 0), "an unknown party"),
        ((1, 1, 0, 5, 0), "pays itself"),
        ((0, 1, 0, -5, 0), "a negative amount"),
        ((0, 1, -1, 5, 0), "an interval below 0"),
    ],
)
def test_an_impossible_transfer_is_refused_by_its_row(row, fragment):
    with pytest.raises(InputError, match=f"row 0 of transfers: .*{fragment}"):
        Transfers(*np.array([row]).T)


def test_prices_and_energies_that_are_no_integers_are_refused():
    with pytest.raises(InputError, match="price of trades is float64"):
        Trades([0], [1], [0], [3000], [0.2])


def test_the_arrays_of_the_caller_stay_its_own_to_write():
    energy = np.array([5, 6])
    Trades([0, 0], [1, 1], [0, 1], energy, [1, 1])
    energy[0] = 1
    assert energy.tolist() == [1, 6]


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


def test_trades_stand_on_their_own_unless_legs_tie_them():
    assert Trades([0, 1], [1, 0], [0, 1], [10, 10], [0, 0]).leg.tolist() == [-1, -1]
    with pytest.raises(InputError, match="row 1 of trades: a leg below"):
        Trades([0, 1], [1, 0], [0, 1], [10, 10], [0, 0], [0, -2])


def test_joined_pacts_keep_their_legs_apart():
    loan = Pact(Trades([0, 1], [1, 0], [0, 1], [10, 10], [0, 0], [0, 0]))
    alone = Pact(Trades([0], [1], [0], [5], [1]))
    assert Pact.join([loan, alone, loan], [0, 1, 2]).trades.leg.tolist() == [0, 0, -1, 1, 1]


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


def test_what_adds_up_is_summed_and_the_rest_is_the_worst():
    gate = Certificate((Check("budget", 2.0, np.inf, adds_up=True), Check("gap", 1.0, 1.5, adds_up=True)))
    merged = Certificate.merge([gate, gate, gate])
    assert [(c.value, c.tolerance, c.passed) for c in merged.checks] == [(6.0, np.inf, True), (3.0, 4.5, True)]


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
    line = mechanism_names()[name]
    assert 1 < len(line) <= 120
    assert line.endswith(".")


def test_an_unknown_mechanism_or_option_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'auction:uniform'"):
        make_mechanism("auction:unifrm")
    with pytest.raises(InputError, match="did you mean 'strategy'"):
        make_mechanism("auction:uniform", {"strategi": "truthful"})


@pytest.mark.parametrize(
    ("name", "option", "value", "accepted"),
    [
        ("auction:pay-as-bid", "k", "x", "a number"),
        ("auction:pay-as-bid", "k", True, "a number"),
        ("auction:random", "rounds", "many", "a whole number"),
        ("auction:random", "rounds", 1.5, "a whole number"),
        ("auction:muda", "variant", 3, "text"),
        ("auction:vcg", "sponsor", ["dso"], "text"),
        *((f"auction:{rule}", "strategy", ["a"], "text") for rule in AUCTIONS),
        ("assignment:single", "point", 3, "text"),
        ("assignment:multi", "point", ["midpoint"], "text"),
        ("assignment:multi", "link_limit_kw", "x", "a number"),
        ("pool:bill-sharing", "period", 1, "text"),
        ("pool:bill-sharing", "time_zone", 3, "text"),
        ("pool:nrg-x", "producer_rate", "x", "a number"),
        ("pool:nrg-x", "consumer_rate", [0.3], "a number"),
        ("pool:nrg-x", "scale_kwh2", None, "a number"),
        ("pool:keys", "kind", {}, "text"),
        ("pool:keys", "shares", [0.5, 0.5], "a table"),
        ("pool:keys", "shares", {"a": "half"}, "a table"),
        ("pool:keys", "rounds", True, "a whole number"),
        ("pool:keys", "price", [0.2], "a number or text"),
        ("equilibrium:central", "method", 3, "text"),
        ("equilibrium:central", "partners", "x", "a whole number"),
        ("equilibrium:central", "link_limit_kw", "x", "a number"),
        ("equilibrium:central", "shared_price", "x", "a number"),
        ("equilibrium:central", "curtailment", "x", "true or false"),
        ("equilibrium:central", "grid", "x", "true or false"),
        ("equilibrium:distributed", "tolerance", "x", "a number"),
        ("equilibrium:distributed", "partners", "x", "a whole number"),
        ("equilibrium:distributed", "link_limit_kw", "x", "a number"),
        ("equilibrium:distributed", "shared_price", "x", "a number"),
        ("equilibrium:distributed", "curtailment", "x", "true or false"),
        ("equilibrium:distributed", "grid", "x", "true or false"),
        ("negotiation:s2", "score", 3, "text"),
        ("negotiation:s2", "epsilon", "x", "a number"),
        ("negotiation:s2", "floor", "x", "true or false"),
        ("negotiation:s2", "scenarios", "x", "a whole number"),
        ("negotiation:s2", "flexibility", "x", "a number"),
        ("negotiation:s2", "aspiration", "x", "a number"),
        ("elecbay", "level_kw", "x", "a number"),
        ("elecbay", "floor_kwh", [0.01], "a number"),
        ("shapley-pool", "method", 3, "text"),
        ("shapley-pool", "tolerance", "x", "a number"),
        ("shapley-pool", "confidence", [0.9], "a number"),
        ("shapley-pool", "seed", 1.5, "a whole number"),
    ],
)
def test_an_option_of_another_type_is_refused_with_what_is_accepted(name, option, value, accepted):
    with pytest.raises(InputError) as refused:
        make_mechanism(name, {option: value})
    assert str(refused.value) == f"{name}: {option} = {value!r}; accepted: {accepted}"


def test_the_types_of_all_options_are_tested_above():
    (marks,) = test_an_option_of_another_type_is_refused_with_what_is_accepted.pytestmark
    tested = {(name, option) for name, option, *_ in marks.args[1]}
    assert tested == {(name, option) for name, make in _factories().items() for option in signature(make).parameters}


@pytest.mark.parametrize("length", [-1, timedelta(minutes=-15)])
@pytest.mark.parametrize("name", ["covers", "looks_ahead"])
def test_a_gate_does_not_look_back(name, length):
    with pytest.raises(InputError, match=f"gate: {name} = -.* is negative"):
        Gate(**{name: length})


def test_a_whole_number_is_a_number():
    assert make_mechanism("auction:pay-as-bid", {"k": 1}) == make_mechanism("auction:pay-as-bid", {"k": 1.0})


def test_an_input_error_survives_the_way_between_processes():
    error = InputError("'x' is odd", place="file line 3", accepted="an even one")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "file line 3: 'x' is odd; accepted: an even one"
