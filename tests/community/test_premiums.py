"""What sellers are worth to buyers beyond money, worked by hand on three buses."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.feeders import make_feeder
from gridpact.community import Community, Member, PairPremiums, Preferences, Profiles, Tariff
from gridpact.errors import InputError, PowerFlowError
from gridpact.horizon import Horizon

# bus 0 – 1 ohm – bus 1 – 3 ohm – bus 2: from the first to the last it is 4 ohm
STRING = make_feeder([(0, 1), (1, 2)], [1.0, 3.0], 0.0)
SELLERS = {
    "anna": Member("anna", "bus 0", pv_kwp=5.0),
    "ben": Member("ben", "bus 1", carbon_kg_per_kwh=0.5),
    "cleo": Member("cleo", "bus 1", pv_kwp=3.0),
    "dora": Member("dora", "bus 2"),
}
A, B, C, D = range(4)


def community(*, carbon: float | None = None, pairs=None, feeder=STRING, hours: int = 4, **wants: Preferences):
    members = tuple(replace(who, preferences=wants.get(name, Preferences())) for name, who in SELLERS.items())
    price = lambda value: np.full(hours, value, dtype=np.int64)  # noqa: E731
    tariff = Tariff(
        *map(price, (300_000, 80_000, 300_000, 80_000, 190_000)), service_charge=0, carbon_kg_per_kwh=carbon
    )
    zero = np.zeros((4, hours))
    horizon = Horizon(datetime(2025, 6, 1, tzinfo=UTC), timedelta(hours=1), hours)
    profiles = Profiles(zero, zero.copy(), zero.copy())
    return Community("four", "EUR", "UTC", horizon, members, feeder, tariff, profiles, pairs)


def pairs(*rows: tuple[int, int, int]) -> PairPremiums:
    return PairPremiums(*np.array(rows, dtype=np.int64).reshape(-1, 3).T)


def test_nobody_pays_memory_where_nobody_prefers_anybody():
    assert community().premium is None
    assert community(carbon=0.4, pairs=pairs(), anna=Preferences(wanted_share=0.2)).premium is None


def test_a_premium_for_pv_goes_to_those_who_have_some():
    made = community(dora=Preferences(pv_premium=0.02)).premium
    assert made.tolist() == [[0] * 4, [0] * 4, [0] * 4, [20_000, 0, 20_000, 0]]


def test_neighbours_are_at_the_same_bus_or_one_branch_away():
    wants = Preferences(neighbour_premium=0.01)
    made = community(anna=wants, ben=wants, dora=wants).premium
    assert made[A].tolist() == [0, 10_000, 10_000, 0]
    assert made[B].tolist() == [10_000, 0, 10_000, 10_000]
    assert made[C].tolist() == [0, 0, 0, 0]
    assert made[D].tolist() == [0, 10_000, 10_000, 0]


def test_distance_counts_as_a_share_of_the_longest_between_two_members():
    wants = Preferences(distance_aversion=0.04)
    made = community(anna=wants, cleo=wants).premium
    assert made[A].tolist() == [0, -10_000, -10_000, -40_000]
    assert made[C].tolist() == [-10_000, 0, 0, -30_000]


def test_the_longest_distance_is_that_of_members_and_not_of_the_feeder():
    longer = make_feeder([(0, 1), (1, 2), (2, 3)], [1.0, 3.0, 40.0], 0.0)
    wants = Preferences(distance_aversion=0.04)
    assert community(feeder=longer, anna=wants).premium.tolist() == community(anna=wants).premium.tolist()


def test_at_one_bus_every_distance_is_zero():
    made = community(anna=Preferences(distance_aversion=0.04))
    together = replace(made, members=tuple(replace(member, bus="bus 1") for member in made.members))
    assert not together.premium.any()


def test_a_bus_that_is_not_fed_has_no_distance():
    with pytest.raises(PowerFlowError, match="bus 2"):
        _ = community(feeder=make_feeder([(0, 1)], 1.0, 0.0, buses=3), anna=Preferences(distance_aversion=0.1)).premium


def test_carbon_is_worth_what_the_seller_saves_against_the_supplier():
    # supplier 0.4 kg: rooftop PV of 0.041 saves 0.359 kg, Ben's 0.5 kg are 0.1 too much
    made = community(carbon=0.4, dora=Preferences(carbon_price=0.1)).premium
    assert made[D].tolist() == [35_900, -10_000, 35_900, 0]


def test_attributes_add_up_and_are_rounded_once():
    wants = Preferences(
        pv_premium=4e-7, neighbour_premium=4e-7, distance_aversion=-0.04, carbon_price=0.05, wanted_share=0.5
    )
    made = community(carbon=0.041, ben=wants).premium
    # towards Anna: PV, next to Ben, a quarter of the longest way, and just as much carbon as the supplier
    assert made[B].tolist() == [10_001, 0, 1, 30_000]


def test_what_is_stated_for_a_pair_holds_instead():
    wants = Preferences(pv_premium=0.02)
    made = community(dora=wants, pairs=pairs((D, A, -7_000), (B, D, 5_000))).premium
    assert made.tolist() == [[0] * 4, [0, 0, 0, 5_000], [0] * 4, [-7_000, 0, 20_000, 0]]


def test_a_window_of_time_keeps_them():
    whole = community(carbon=0.4, dora=Preferences(carbon_price=0.1), pairs=pairs((A, B, 3)))
    np.testing.assert_array_equal(whole.window(1, 3).premium, whole.premium)
    assert whole.window(1, 3).tariff.carbon_kg_per_kwh == 0.4


def test_premiums_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        community(dora=Preferences(pv_premium=0.02)).premium[0, 1] = 1


def test_a_price_of_carbon_needs_the_carbon_of_the_supplier():
    with pytest.raises(InputError, match=r"tariff: carbon_kg_per_kwh: it is missing, and member dora"):
        community(dora=Preferences(carbon_price=-0.1))


@pytest.mark.parametrize("name", ["pv_premium", "neighbour_premium", "distance_aversion", "carbon_price"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_preference_is_a_finite_number(name: str, value: float):
    with pytest.raises(InputError, match=rf"{name} = -?(nan|inf) is out of range; accepted: a finite number"):
        Preferences(**{name: value})


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_carbon_is_not_negative(value: float):
    with pytest.raises(InputError, match="carbon_kg_per_kwh"):
        Member("anna", "bus 0", carbon_kg_per_kwh=value)
    with pytest.raises(InputError, match="carbon_kg_per_kwh"):
        community(carbon=value)


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([(A, B, 1), (A, B, 2)], "a pair stands twice"),
        ([(A, A, 1)], "for itself"),
        ([(A, 4, 1)], "beyond the 4"),
        ([(-1, A, 1)], "beyond the 4"),
    ],
)
def test_pairs_are_of_two_members_and_stand_once(rows, wrong: str):
    with pytest.raises(ValueError, match=wrong):
        community(pairs=pairs(*rows))


def test_premiums_stated_in_the_currency_and_not_in_micro_units_are_refused():
    with pytest.raises(InputError, match="premium of premiums is float64; accepted: integers"):
        PairPremiums(np.array([A]), np.array([B]), np.array([0.05]))


def test_the_arrays_of_the_caller_stay_its_own_to_write():
    premium = np.array([3])
    stated = PairPremiums([A], [B], premium)
    premium[0] = 4
    assert stated.premium.tolist() == [3]


@pytest.mark.parametrize("size", [1e10, -1e300, 1.7e308])
def test_a_premium_beyond_all_prices_is_refused_with_buyer_and_seller(size: float):
    wants = Preferences(pv_premium=size, neighbour_premium=size)
    with pytest.raises(InputError, match=r"member ben: its premium for anna adds up to .*; accepted: premiums below 2"):
        _ = community(ben=wants).premium


@given(st.permutations(range(4)), st.integers(0, 10_000))
def test_premiums_belong_to_members_and_not_to_their_order(order, seed: int):
    rng = np.random.default_rng(seed)
    wants = {name: Preferences(0.0, *rng.normal(0, 0.05, 4)) for name in SELLERS}
    straight = community(carbon=0.4, **wants)
    renamed = [replace(straight.members[at], id=f"m{new}") for new, at in enumerate(order)]
    turned = replace(straight, members=tuple(renamed))
    np.testing.assert_array_equal(turned.premium, straight.premium[np.ix_(order, order)])
