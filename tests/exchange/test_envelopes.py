"""Operating envelopes: any use inside them is safe, by AC power flow at the corners and at random points."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.stressed import stressed_network
from gridpact.errors import InputError
from gridpact.exchange.acceptance import Allocation, Cause, Envelopes, Network, publish_envelopes
from gridpact.exchange.acceptance.example import two_bus_feeder, two_buses

MEMBERS, INTERVALS = 8, 2


def drawn(seed: int, most_kw: float, *, per_phase: bool = False, slack: float = 1.0, members: int = MEMBERS):
    """A feeder and the arguments of envelopes on it."""
    rng = np.random.default_rng(seed)
    network = stressed_network(members, 12, seed, slack_pu=slack, per_phase=per_phase, rating=0.5)
    base_kw = rng.uniform(0, 3, (members, INTERVALS))
    export_kw, import_kw = most_kw * rng.uniform(0, 1, (2, members))
    export_kw[: members // 4] = 0.0  # some have neither sun nor battery
    return network, base_kw, 0.2 * base_kw, export_kw, import_kw


def violated(network: Network, envelopes: Envelopes, net_kw, q_kvar) -> bool:
    """Whether any of the uses, ``[scenario, member, interval]``, violates a limit."""
    found = [network.excess(net_kw[:, :, t], q_kvar[None, :, t]) for t in range(net_kw.shape[2])]
    return bool((np.array(found) > 1e-9).any())


def test_a_line_of_nine_amperes_takes_what_the_calculation_says():
    # 9 A at 400 V are 6235.4 VA at the head; the line loses 48.6 W: 6.284 kW in, 6.187 kW out, found to 10/4096 kW
    network, _ = two_buses(sold_wh=0)
    nobody, ten = np.zeros((2, 1)), np.array([10.0, 0.0])
    limits = publish_envelopes(network, "equal", nobody, nobody, ten, ten).limits
    assert 6.284 - 10 / 4096 <= limits.export_kw[0, 0] <= 6.284
    assert 6.187 - 10 / 4096 <= limits.import_kw[0, 0] <= 6.187
    assert limits.export_kw[1, 0] == limits.import_kw[1, 0] == 0


def test_what_nobody_can_use_is_left_to_the_others():
    network = Network(two_buses(0)[0].feeder, np.eye(2)[[1, 1, 1, 0]])
    nobody = np.zeros((4, 1))
    most = np.array([1.0, 4.0, 8.0, 0.0])
    equal = publish_envelopes(network, "equal", nobody, nobody, most, most).limits.export_kw[:, 0]
    assert equal == pytest.approx([1.0, 2.642, 2.642, 0.0], abs=0.01)  # 1 + 2 · 2.642 = 6.284
    proportional = publish_envelopes(network, "proportional", nobody, nobody, most, most).limits.export_kw[:, 0]
    assert proportional == pytest.approx(most * 6.284 / 13, abs=0.01)


def test_a_wide_network_limits_nobody():
    network, _ = two_buses(sold_wh=0, rating_a=1_000.0, r_ohm=0.01)
    nobody, five = np.zeros((2, 1)), np.array([5.0, 5.0])
    limits = publish_envelopes(network, "proportional", nobody, nobody, five, five).limits
    assert (limits.export_kw == 5).all()
    assert (limits.import_kw == 5).all()


@pytest.mark.parametrize("allocation", list(Allocation))
@pytest.mark.parametrize("per_phase", [False, True])
@given(seed=st.integers(0, 10_000), most=st.sampled_from([5.0, 40.0, 200.0]), slack=st.sampled_from([0.97, 1.05]))
@settings(max_examples=5, deadline=None)
def test_any_use_inside_is_safe_at_every_corner_and_at_random(allocation, per_phase, seed, most, slack):
    network, base_kw, q_kvar, export_kw, import_kw = drawn(seed, most, per_phase=per_phase, slack=slack)
    envelopes = publish_envelopes(network, allocation, base_kw, q_kvar, export_kw, import_kw)
    limits = envelopes.limits
    assert (limits.import_kw >= base_kw - 1e-12).all()
    assert (limits.export_kw <= export_kw[:, None] + 1e-12).all()
    clean = [interval for interval, own in enumerate(envelopes.own) if not own]
    corners = np.array(list(product((0.0, 1.0), repeat=MEMBERS)))
    inside = np.random.default_rng(seed).uniform(0, 1, (300, MEMBERS))
    share = np.concatenate([corners, inside])[:, :, None]
    use = limits.lowest_kw + share * (limits.highest_kw - limits.lowest_kw)
    assert not violated(network, envelopes, use[:, :, clean], q_kvar[:, clean])


@pytest.mark.parametrize(("members", "seed", "slack"), [(16, 3, 1.0), (20, 14, 0.97), (30, 28, 1.0)])
def test_no_mix_of_members_of_one_phase_is_worse_than_what_was_checked(members, seed, slack):
    """The worst corner for a voltage mixes members of one phase where R/X differs along the feeder: searched for by flips."""
    network = stressed_network(members, 20 + members // 3, seed, slack_pu=slack, per_phase=True, rating=5.0)
    rng = np.random.default_rng(seed)
    base_kw = rng.uniform(0, 3, (members, 1))
    export_kw, import_kw = 40.0 * rng.uniform(0, 1, (2, members))
    envelopes = publish_envelopes(network, "equal", base_kw, 0.2 * base_kw, export_kw, import_kw)
    assert not envelopes.own[0]
    low, high = envelopes.limits.lowest_kw[:, 0], envelopes.limits.highest_kw[:, 0]

    def excess(corners):
        return network.excess(np.where(corners, high, low), 0.2 * base_kw.T)

    corners = rng.integers(0, 2, (2_000, members)).astype(bool)
    found = excess(corners)
    worst = found.max()
    for limit in np.argsort(-found.max(axis=0))[:20]:
        corner = corners[found[:, limit].argmax()]
        for _ in range(members):
            flipped = corner ^ np.eye(members, dtype=bool)
            with_flip = excess(np.concatenate([corner[None], flipped]))
            worst = max(worst, with_flip.max())
            if with_flip[1:, limit].max() <= with_flip[0, limit]:
                break
            corner = flipped[with_flip[1:, limit].argmax()]
    assert -0.01 < worst <= 1e-9  # and what was found is close to the limit: the search is worth something


@pytest.mark.parametrize("allocation", list(Allocation))
def test_a_little_more_would_not_be_safe(allocation):
    network, base_kw, q_kvar, export_kw, import_kw = drawn(4, 200.0)
    envelopes = publish_envelopes(network, allocation, base_kw, q_kvar, export_kw, import_kw)
    for edge in (envelopes.limits.lowest_kw, envelopes.limits.highest_kw):
        assert violated(network, envelopes, 1.06 * edge[None], q_kvar)


def test_where_base_load_is_too_much_nothing_is_added_and_the_violation_is_named():
    network, _ = two_buses(sold_wh=0)
    base_kw = np.array([[9.0], [0.0]])
    envelopes = publish_envelopes(network, "equal", base_kw, 0 * base_kw, np.array([4.0, 0.0]), np.array([4.0, 0.0]))
    assert envelopes.limits.import_kw[0, 0] == 9.0
    assert envelopes.limits.export_kw[0, 0] == 4.0
    assert [v.cause for v in envelopes.own[0]] == [Cause.OVERLOAD]


def one_member_a_phase(**limits: float) -> Network:
    """A single-phase member on each phase, behind a line whose neutral carries much of the drop: r0 is four times r1."""
    feeder = two_bus_feeder(1_000.0, 0.2)
    share = np.zeros((3, 2, 3))
    share[range(3), 1, range(3)] = 1.0
    return Network(replace(feeder, lines=replace(feeder.lines, r0_ohm=4 * feeder.lines.r0_ohm), **limits), share)


@pytest.mark.parametrize("base", [5.0, 6.0, 10.0, 15.0])
def test_what_a_part_of_base_load_violates_on_single_phases_is_named_and_nothing_is_added(base):
    """Load on two of three phases lifts the third by the neutral, although all of it together, balanced, lifts nothing."""
    network = one_member_a_phase(v_min_pu=0.94, v_max_pu=1.02)
    base_kw, nothing, two = np.full((3, 1), base), np.zeros((3, 1)), np.full(3, 2.0)
    envelopes = publish_envelopes(network, "equal", base_kw, nothing, two, two)
    lowest, highest = -envelopes.limits.export_kw[:, 0], envelopes.limits.import_kw[:, 0]
    named = {(own.cause, own.element): own.value for own in envelopes.own[0]}
    rng = np.random.default_rng(0)
    uses = [np.array(corner) for corner in product((0.0, 1.0), repeat=3)] + list(rng.uniform(0, 1, (60, 3)))
    for use in uses:
        net_kw = lowest + use * (highest - lowest)
        found = network.violations(network.excess(net_kw[None], nothing.T)[0])
        for each in found:
            most = named[each.cause, each.element]
            assert each.value >= most - 1e-9 if each.cause is Cause.VOLTAGE_LOW else each.value <= most + 1e-9
    assert (base > 5) == bool(named)
    if named:
        assert lowest.max() == 0.0
        assert highest == pytest.approx(base_kw[:, 0])


@pytest.mark.parametrize("allocation", list(Allocation))
@given(
    base=st.lists(st.floats(0, 12), min_size=3, max_size=3),
    q_kvar=st.sampled_from([0.0, 1.0]),
    most=st.lists(st.floats(0, 20), min_size=3, max_size=3),
    v_max=st.sampled_from([1.01, 1.02, 1.05]),
    v_min=st.sampled_from([0.9, 0.94]),
)
@settings(max_examples=5, deadline=None)
def test_no_use_of_unbalanced_single_phase_members_goes_beyond_what_is_named(
    allocation, base, q_kvar, most, v_max, v_min
):
    network = one_member_a_phase(v_min_pu=v_min, v_max_pu=v_max)
    base_kw, reactive, most_kw = np.array(base)[:, None], np.full((3, 1), q_kvar), np.array(most)
    envelopes = publish_envelopes(network, allocation, base_kw, reactive, most_kw, most_kw)
    corners = np.array(list(product((0.0, 1.0), repeat=3)))
    share = np.concatenate([corners, np.random.default_rng(1).uniform(0, 1, (100, 3))])
    low, high = envelopes.limits.lowest_kw[:, 0], envelopes.limits.highest_kw[:, 0]
    used = network.excess(low + share * (high - low), reactive.T).max(axis=0)
    named = {(own.cause, own.element): abs(own.value - own.limit) for own in envelopes.own[0]}
    for found in network.violations(used):
        assert abs(found.value - found.limit) <= named[found.cause, found.element] + 1e-8


def test_wrong_input_is_refused():
    network, _ = two_buses(sold_wh=0)
    nobody, one = np.zeros((2, 1)), np.ones(2)
    with pytest.raises(InputError, match="allocation 'fair' is unknown; accepted: equal, proportional"):
        publish_envelopes(network, "fair", nobody, nobody, one, one)
    with pytest.raises(InputError, match="base load of shape"):
        publish_envelopes(network, "equal", np.zeros((3, 1)), nobody, one, one)
    with pytest.raises(InputError, match="base_kw is negative"):
        publish_envelopes(network, "equal", nobody - 1, nobody, one, one)
    with pytest.raises(InputError, match="most_import_kw is negative or not finite"):
        publish_envelopes(network, "equal", nobody, nobody, one, np.inf * one)
    with pytest.raises(InputError, match="most_export_kw of shape"):
        publish_envelopes(network, "equal", nobody, nobody, np.ones(3), one)
    feeder = network.feeder
    lines = feeder.lines
    twice = type(lines)(("one", "two"), *(np.repeat(column, 2) for column in list(vars_of(lines))[1:]))
    with pytest.raises(InputError, match="has a loop through"):
        publish_envelopes(Network(replace(feeder, lines=twice), network.share), "equal", nobody, nobody, one, one)


def vars_of(table):
    """The columns of a table of the feeder."""
    return (getattr(table, name) for name in table.__dataclass_fields__)
