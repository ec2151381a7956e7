"""Metrics, worked by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from benchmarks.synthetic import make_community
from gridpact.community import Battery, Member, Preferences, Profiles
from gridpact.markets import Certificate, Check, Gate, Pact, Party, Reason, Trades, Transfers
from gridpact.study import Settings, simulate
from gridpact.study.metrics import gini


class Fixed:
    """Agrees on one given pact."""

    name = "test:fixed"
    gate = Gate(covers=4)

    def __init__(self, pact: Pact) -> None:
        self.pact = pact

    def clear(self, outlook, memory, rng):
        return self.pact, None


@pytest.fixture(scope="module")
def hand_made():
    """Two members and one hour in four intervals: A has a surplus of 2 kW, B a demand of 4 kW, at 0.32 in and 0.08 out."""
    base = make_community(2, 4, buses=2)
    members = (Member("a", "s0b0", preferences=Preferences(0.25)), Member("b", "s0b1", preferences=Preferences(0.5)))
    load, pv = np.array([[1.0] * 4, [4.0] * 4]), np.array([[3.0] * 4, [0.0] * 4])
    tariff = replace(base.tariff, network_charge={"": 0}, service_charge=0)
    return replace(base, members=members, profiles=Profiles(load, pv, np.zeros((2, 4))), tariff=tariff)


@pytest.fixture(scope="module")
def traded(hand_made):
    # A sells its 0.5 kWh to B at 0.20 in each interval
    pact = Pact(Trades([0] * 4, [1] * 4, range(4), [500] * 4, [200_000] * 4))
    return simulate(hand_made, Fixed(pact), Settings("perfect"))


def test_bills_and_savings_of_two_neighbours(traded):
    # A sells 2 kWh at 0.20 instead of 0.08; B buys 2 kWh at 0.20 instead of 0.32, and 2 kWh at 0.32
    assert traded.members.bill == pytest.approx([-0.40, 0.40 + 0.64])
    assert traded.members.saving == pytest.approx([0.24, 0.24])
    assert traded.community.equality == 1
    assert traded.community.mean_price == pytest.approx(0.20)


def test_self_sufficiency_counts_neighbours_as_own(traded):
    # A imports nothing; B imports 2 of its 4 kWh; A's 3 kWh of PV all stay in the community
    assert traded.members.self_sufficiency == pytest.approx([1.0, 0.5])
    assert traded.members.self_consumption[0] == 1.0
    assert np.isnan(traded.members.self_consumption[1])
    assert traded.community.self_sufficiency == pytest.approx(1 - 2 / 5)
    assert traded.community.self_consumption == 1.0


def test_who_trades_nothing_has_no_reliability(hand_made):
    run = simulate(hand_made, Fixed(Pact()), Settings("perfect"))
    assert np.isnan(run.members.reliability).all()


def test_welfare_is_counted_at_true_values(traded):
    # B values a kWh at 0.32 − 0.5 · 0.24 = 0.20, A parts with one for 0.08 + 0.25 · 0.24 = 0.14: 2 kWh · 0.06
    assert traded.community.welfare == pytest.approx(0.12)
    assert traded.community.welfare_optimum == pytest.approx(0.12)


def test_energy_that_failed_to_come_costs_welfare(hand_made):
    # A sells 0.6 kWh an interval and has 0.5: B values 0.6 at 0.20, A's 0.5 cost 0.14, the missing 0.1 costs 0.34
    pact = Pact(Trades([0], [1], [0], [600], [200_000]))
    run = simulate(hand_made, Fixed(pact), Settings("perfect"))
    assert run.community.welfare == pytest.approx(0.6 * 0.20 - 0.5 * 0.14 - 0.1 * 0.34)
    assert run.community.imbalance_kwh == pytest.approx(0.1)
    assert run.members.reliability == pytest.approx([5 / 6, 1.0])


def test_peak_and_losses_come_from_the_power_flow(traded):
    # 2 kW net demand, plus losses, the transformer's iron losses of 0.75 kW among them
    assert traded.community.peak_import_kw == pytest.approx(2 + traded.community.losses_kwh, rel=1e-6)
    assert 0.75 < traded.community.losses_kwh < 0.76
    assert traded.community.peak_export_kw == 0


def test_a_broken_check_of_the_mechanism_breaks_the_certificate_of_the_run(hand_made):
    pact = Pact(certificate=Certificate((Check("promise", 1.0, 0.5),)))
    run = simulate(hand_made, Fixed(pact), Settings("perfect"))
    assert not run.certificate.passed
    assert run.certificate.checks[0].name == "promise"


def with_limits(community, **limits):
    return replace(community, feeder=replace(community.feeder, **limits))


def test_a_violation_of_the_network_itself_does_not_break_the_certificate(hand_made):
    run = simulate(with_limits(hand_made, v_min_pu=0.4, v_max_pu=0.5), Fixed(Pact()), Settings("perfect"))
    assert run.community.voltage_violations == 4 * len(hand_made.feeder.bus_names)
    assert run.certificate.passed


def test_a_violation_that_a_pact_adds_breaks_the_certificate(hand_made):
    battery = Battery(100.0, 50.0, 50.0)
    community = replace(hand_made, members=(hand_made.members[0], replace(hand_made.members[1], battery=battery)))
    idle = simulate(community, Fixed(Pact()), Settings("perfect"))
    tight = with_limits(community, v_min_pu=idle.community.v_min_pu - 1e-4)
    assert simulate(tight, Fixed(Pact()), Settings("perfect")).community.voltage_violations == 0
    charging = simulate(tight, Fixed(Pact(battery_kw=np.array([[0.0] * 4, [40.0] * 4]))), Settings("perfect"))
    assert charging.community.voltage_violations > 0
    broken = [c for c in charging.certificate.checks if not c.passed]
    assert [c.name for c in broken] == ["grid: voltage further out of band than without trade (p.u.)"]
    assert broken[0].value == pytest.approx(tight.feeder.v_min_pu - charging.community.v_min_pu)


def test_passing_a_limit_further_breaks_the_certificate_even_if_no_violation_is_added(hand_made):
    battery = Battery(100.0, 50.0, 50.0, min_soc=0.5, initial_soc=0.5)
    community = replace(hand_made, members=(hand_made.members[0], replace(hand_made.members[1], battery=battery)))
    tight = with_limits(community, loading_limit=1e-4)
    idle = simulate(tight, Fixed(Pact()), Settings("perfect"))
    charging = simulate(tight, Fixed(Pact(battery_kw=np.array([[0.0] * 4, [40.0] * 4]))), Settings("perfect"))
    assert idle.certificate.passed
    assert idle.community.overloads == charging.community.overloads > 0
    assert [c.name for c in charging.certificate.checks if not c.passed] == [
        "grid: loading further over its limit than without trade (share)"
    ]


def test_who_pays_for_a_saving_is_told_apart(hand_made):
    # the exchange gives A 0.30 and B gives the DSO 0.10: members receive 0.20 from outside
    moved = Transfers([Party.EXCHANGE, 1], [0, Party.DSO], [0, 0], [300_000, 100_000], [Reason.DEFICIT, Reason.SURPLUS])
    run = simulate(hand_made, Fixed(Pact(transfers=moved)), Settings("perfect"))
    assert run.community.total_saving == pytest.approx(0.20)
    assert run.community.subsidy == pytest.approx(0.20)
    assert run.community.exchange_balance == pytest.approx(-0.30)
    assert run.community.members_worse_off == 1
    assert run.community.largest_loss == pytest.approx(0.10)
    assert run.community.welfare == 0


def test_savings_of_a_community_that_loses_have_no_equality(hand_made):
    moved = Transfers([0, 1], [Party.DSO, Party.DSO], [0, 0], [50_000, 50_000], [Reason.SURPLUS] * 2)
    run = simulate(hand_made, Fixed(Pact(transfers=moved)), Settings("perfect"))
    assert np.isnan(run.community.equality)


def test_selling_a_battery_empty_is_no_gain_that_lasts(hand_made):
    # A's battery is sold to B by 2 kWh in the first interval: what is missing in it at the end is reported
    battery = Battery(10.0, 8.0, 8.0, 1.0, 1.0, 0.0, 1.0, 0.5)
    community = replace(hand_made, members=(replace(hand_made.members[0], battery=battery), hand_made.members[1]))
    pact = Pact(Trades([0], [1], [0], [1000], [200_000]))
    run = simulate(community.window(0, 1), Fixed(pact), Settings("perfect"))
    assert run.community.stored_kwh == pytest.approx(-(1.0 - 0.5) - 0.5)


@given(hnp.arrays(float, st.integers(1, 30), elements=st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-6 or x == 0)))
def test_gini_equals_its_definition_and_stays_below_one(values):
    total = np.abs(values).sum()
    if total == 0:
        assert np.isnan(gini(values))
        return
    slow = np.abs(values[:, None] - values[None, :]).sum() / (2 * len(values) * total)
    assert gini(values) == pytest.approx(slow, abs=1e-9)
    assert 0 <= gini(values) + 1e-12 < 1 + 1e-9
