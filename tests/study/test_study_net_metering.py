"""Is there a reason to stay: by hand, against the formulas, and in the sentences of the page."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.synthetic import make_community
from gridpact.community import Battery, Community, Profiles, load_community
from gridpact.errors import InputError
from gridpact.horizon import Horizon
from gridpact.study.net_metering import (
    Fee,
    Netting,
    Scenario,
    Settings,
    Sweep,
    Terms,
    cases,
    charge_of,
    choose,
    page,
    sweep,
)
from gridpact.study.net_metering.break_even import break_even
from gridpact.study.net_metering.cases import Case, billing_share, coalition_values
from gridpact.study.net_metering.findings import what_theory_says, where_it_holds
from gridpact.study.pages.render import render
from study.small_studies import FEW, TERMS, sunny

FREE = Terms(0.0, 0.0, 0.0, 0.0)


def community_of(net_kw: list[list[float]], *, days: int = 1, batteries: tuple[Battery | None, ...] = ()) -> Community:
    """A few members with given net demand at equal steps over the horizon, import price 0.30, export price 0.10."""
    net = np.array(net_kw)
    members, intervals = net.shape
    made = make_community(members, intervals, seed=1)
    price = np.full(intervals, 1, dtype=np.int64)
    tariff = replace(
        made.tariff,
        import_price=300_000 * price,
        export_price=100_000 * price,
        imbalance_buy=300_000 * price,
        imbalance_sell=100_000 * price,
        loss_price=200_000 * price,
    )
    owners = batteries or (None,) * members
    return replace(
        made,
        time_zone="UTC",
        horizon=Horizon(made.horizon.start, timedelta(days=days) / intervals, intervals),
        members=tuple(replace(member, battery=battery) for member, battery in zip(made.members, owners, strict=True)),
        tariff=tariff,
        profiles=Profiles(np.maximum(net, 0.0), np.maximum(-net, 0.0), np.zeros_like(net)),
    )


@pytest.fixture(scope="module")
def swept() -> Sweep:
    """Five synthetic members, one of them with a battery, few ratios."""
    return sweep(choose(sunny(16, seed=4), 5), Settings(TERMS, FEW, FEW))


def values(community: Community, netting: Netting = Netting.INTERVAL, ratio: float = 1 / 3, **how: bool) -> np.ndarray:
    case = Case(netting, how.get("storage", False), how.get("demand", False), ratio, how.get("network", False))
    return coalition_values(community, TERMS, case)


def test_what_pooling_saves_by_hand_under_three_netting_periods():
    # two days of two intervals of 12 h; kW: a has 1 over at noon and needs half of it at night, b and c draw at noon
    community = community_of([[-1.0, 0.5, -1.0, 0.5], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.25, 0.0]], days=2)
    # interval: 12 h × (1 + 0.25), spread 0.20
    assert values(community)[-1] == pytest.approx(15 * 0.20)
    # day: a is left with 6 kWh each day; b draws 12 on the first, c 3 on the second
    assert values(community, Netting.DAY)[-1] == pytest.approx((6 + 3) * 0.20)
    # horizon: a is left with 12 kWh, b and c draw 15
    assert values(community, Netting.HORIZON)[-1] == pytest.approx(12 * 0.20)
    # a and c without b, bits 0 and 2
    assert values(community, Netting.DAY)[0b101] == pytest.approx(3 * 0.20)


def test_a_netting_day_is_a_local_one_also_when_the_clock_changes():
    made = make_community(3, 4 * 49, seed=1)
    start = datetime(2025, 10, 25, 22, tzinfo=UTC)  # midnight in Berlin; 26 October 2025 lasts 25 hours there
    community = replace(made, horizon=Horizon(start, timedelta(minutes=15), 4 * 49))
    assert np.bincount(Netting.DAY.periods(community)).tolist() == [4 * 25, 4 * 24]


def test_a_demand_charge_is_saved_where_peaks_do_not_meet_by_hand():
    community = community_of([[2.0, 0.0], [0.0, 3.0]])
    # 2 + 3 kW alone, 3 kW together; 5 per kW and 30 days, of which the horizon is one
    assert values(community, ratio=1.0, demand=True)[0b11] == pytest.approx(2.0 * 5.0 / 30)
    assert values(community, ratio=1.0)[0b11] == 0


def test_the_network_charge_takes_its_part_of_each_shared_kwh_by_hand():
    community = community_of([[-1.0], [1.0]])
    assert values(community)[0b11] == pytest.approx(24 * 0.20)
    assert values(community, network=True)[0b11] == pytest.approx(24 * 0.18)


def test_a_battery_serves_the_neighbours_by_hand():
    # a has 1 kW over for 12 h and a battery of 12 kWh; b draws 1 kW in the other 12 h
    battery = Battery(12.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0)
    community = community_of([[-1.0, 0.0], [0.0, 1.0]], batteries=(battery, None))
    assert values(community)[0b11] == 0
    assert values(community, storage=True)[0b11] == pytest.approx(12 * 0.20)
    assert values(community, storage=True, ratio=1.0)[0b11] == pytest.approx(0, abs=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.floats(0.0, 1.0))
def test_without_storage_every_coalition_is_worth_the_spread_times_its_energy(seed, ratio):
    community = choose(sunny(14), 4).community
    noise = np.random.default_rng(seed).uniform(0, 2, community.profiles.load_kw.shape)
    community = replace(
        community, profiles=Profiles(community.profiles.load_kw * noise, community.profiles.pv_kw, noise * 0)
    )
    for netting in Netting:
        whole = values(community, netting, 0.0)
        assert values(community, netting, ratio) == pytest.approx(whole * (1 - ratio), abs=1e-9)


def test_theory_holds_in_the_sweep(swept):
    assert [finding.name for finding in what_theory_says(swept) if finding.verdict != "holds"] == []


@pytest.mark.parametrize("netting", list(Netting))
@pytest.mark.parametrize("storage", [False, True])
def test_at_zero_spread_the_least_core_is_the_fee_shared_or_paid(swept, netting, storage):
    share = billing_share(swept.sample.community)
    lump, each = (swept.retail(Scenario(netting, storage, fee=fee)) for fee in (Fee.LUMP, Fee.MEMBER))
    assert lump.epsilon == pytest.approx(20.0 * share / 5, rel=1e-6)
    assert each.epsilon == pytest.approx(2.0 * share, rel=1e-6)
    assert (lump.total, each.total) == (pytest.approx(-20.0 * share), pytest.approx(-10.0 * share))
    assert lump.partition == each.partition == tuple((member,) for member in range(5))


def test_the_sign_changes_at_the_spread_of_the_formula(swept):
    found = [each for each in swept.break_even if np.isfinite(each.found)]
    assert {each.fee for each in found} == {Fee.LUMP, Fee.MEMBER, Fee.FULL}
    for each in found:
        assert each.found == pytest.approx(each.predicted, rel=1e-6)


def priced(community: Community, import_price: np.ndarray) -> Community:
    """The community at other import prices, micro-units; export earns nothing, or what import costs if that is less."""
    import_price = import_price.astype(np.int64)
    export_price = np.minimum(import_price, 0)
    tariff = replace(
        community.tariff,
        import_price=import_price,
        export_price=export_price,
        imbalance_buy=import_price,
        imbalance_sell=export_price,
    )
    return replace(community, tariff=tariff)


def test_where_a_network_charge_keeps_cheap_intervals_from_sharing_there_is_no_formula_to_check():
    half = np.arange(24) < 12
    community = priced(choose(sunny(16, seed=4), 5).community, np.where(half, 30_000, 400_000))
    found = {(each.netting, each.fee): each for each in break_even(community, TERMS)}
    assert np.isnan(found[Netting.INTERVAL, Fee.FULL].predicted)
    for each in found.values():
        assert np.isnan(each.predicted) or each.found == pytest.approx(each.predicted, rel=1e-6)
    assert sum(np.isfinite(each.predicted) for each in found.values()) == len(found) - 1
    swept = sweep(replace(choose(sunny(16, seed=4), 5), community=community), Settings(TERMS, FEW, FEW))
    assert [finding.name for finding in what_theory_says(swept) if finding.verdict != "holds"] == []


@pytest.mark.parametrize("prices", [np.zeros(24), np.where(np.arange(24) < 3, -50_000, 300_000)])
def test_import_prices_that_leave_nothing_to_sweep_are_refused(prices):
    sample = choose(sunny(16, seed=4), 5)
    wrong = replace(sample, community=priced(sample.community, prices))
    with pytest.raises(InputError, match=r"tariff of .*: import prices from .*; accepted: from 0 up, and not all 0"):
        sweep(wrong, Settings(TERMS, FEW, FEW))


@pytest.mark.parametrize(("shift", "sign"), [(0.99, -1), (1.01, 1)])
def test_below_the_break_even_all_together_lose_and_above_they_save(swept, shift, sign):
    each = next(each for each in swept.break_even if (each.netting, each.fee) == (Netting.INTERVAL, Fee.MEMBER))
    ratio = 1 - each.predicted * shift / swept.import_price
    once = sweep(swept.sample, Settings(TERMS, (ratio,), (1.0,)))
    assert np.sign(once.measures[Scenario(fee=Fee.MEMBER), ratio].total) == sign


def test_a_fee_that_nothing_can_pay_has_no_break_even():
    community = choose(sunny(14), 4).community
    dear = break_even(community, replace(TERMS, fee_per_coalition=1e6, fee_per_member=1e6))
    assert all(np.isnan(each.found) for each in dear)
    assert all(each.found == 0 for each in break_even(community, FREE))


def test_without_fees_joining_never_costs_and_with_a_lump_it_may_cost_the_lump(swept):
    share = billing_share(swept.sample.community)
    assert swept.own(Scenario()).margin >= -1e-9
    assert swept.retail(Scenario(fee=Fee.LUMP)).margin == pytest.approx(-20.0 * share)


def test_the_verdicts_follow_the_numbers(swept):
    by_name = {finding.name: finding for finding in where_it_holds(swept)}
    assert by_name["retail, interval netting"].verdict == "holds"
    assert by_name["retail, a fee per member"].verdict == "holds"
    assert by_name["retail, a demand charge"].verdict == "fails"
    assert by_name["avoided cost, no fee"].verdict == "fails"
    assert f"{swept.own(Scenario()).total:.2f}" in by_name["avoided cost, no fee"].text
    for finding in by_name.values():
        if finding.verdict == "fails":
            assert finding.numbers["total"] > 0 >= finding.numbers["epsilon"] - 1e-7


def test_the_same_community_without_fees_and_with_dear_ones_is_told_differently(swept):
    dear = sweep(swept.sample, Settings(replace(TERMS, fee_per_member=1000.0), (1.0,), (1.0,)))
    told = {finding.name: finding for finding in where_it_holds(dear)}["avoided cost, fee per member"]
    assert told.verdict == "holds"
    assert told.numbers["total"] < 0


def test_the_page_has_every_setting_and_says_what_was_run(swept):
    made = page(swept, command="gridpact study net-metering", notes=["A note."])
    text = render(made)
    table = cases(swept)
    assert len(table.columns[0].values) == 13 + 12
    assert "5 of 16 members" in text
    assert "nothing is random" in text
    names = {"saved", "stored", "fees", "epsilon", "together", "partition", "shares"}
    assert {figure.name for figure in made.figures()} == names
    assert all(str(member) in text for member in swept.sample.community.member_ids)


def without_batteries(community: Community) -> Community:
    return replace(community, members=tuple(replace(member, battery=None) for member in community.members))


def test_a_community_without_batteries_has_no_storage_in_its_page():
    found = sweep(choose(without_batteries(sunny(14)), 4), Settings(TERMS, FEW, FEW))
    made = page(found, command="gridpact study net-metering")
    assert "stored" not in {figure.name for figure in made.figures()}
    assert not any(line.storage for line, _ in found.measures)


def test_parallel_and_alone_the_sweep_is_the_same():
    sample = choose(without_batteries(sunny(14)), 3)
    alone, parallel = (sweep(sample, Settings(TERMS, FEW, FEW), jobs=jobs) for jobs in (1, 2))
    assert alone.measures.keys() == parallel.measures.keys()
    for key, found in alone.measures.items():
        assert found.total == parallel.measures[key].total
        assert found.partition == parallel.measures[key].partition


def test_the_sample_takes_half_with_pv_and_half_of_these_with_a_battery():
    community = make_community(60, 48, seed=2)
    sample = choose(community)
    assert (sample.size, int(sample.with_pv.sum()), int(sample.with_battery.sum())) == (8, 4, 2)
    assert sample.community.member_ids == choose(community).community.member_ids
    assert sample.rule.startswith("8 of 60 members: 2 with PV and battery, 2 with PV alone, 4 without PV")
    whole = {member: row for row, member in enumerate(community.member_ids)}
    for at, member in enumerate(sample.community.member_ids):
        assert (sample.community.profiles.load_kw[at] == community.profiles.load_kw[whole[member]]).all()


def test_where_a_kind_is_missing_the_others_fill_up():
    community = make_community(20, 48, seed=2)
    sunny = replace(
        community,
        profiles=Profiles(community.profiles.load_kw, community.profiles.pv_kw + 0.1, community.profiles.q_kvar),
    )
    assert choose(sunny, 8).with_pv.all()
    assert choose(community, 12).size == 12


@pytest.mark.parametrize(
    ("members", "fragments"),
    [(13, ["2^13", "2 to 12", "sampled Shapley"]), (1, ["1 members", "2 to 12"]), (-1, ["2 to 12"])],
)
def test_too_many_or_too_few_members_are_refused_with_what_to_do(members, fragments):
    with pytest.raises(InputError) as error:
        choose(sunny(20), members)
    assert [fragment for fragment in fragments if fragment not in str(error.value)] == []


def test_more_members_than_there_are_is_refused():
    with pytest.raises(InputError, match="2 to 4"):
        choose(sunny(4), 5)


def test_a_community_without_pv_is_refused():
    community = sunny(6)
    dark = replace(
        community,
        profiles=Profiles(
            community.profiles.load_kw, np.zeros_like(community.profiles.pv_kw), community.profiles.q_kvar
        ),
    )
    with pytest.raises(InputError, match="a community with PV"):
        choose(dark)


@pytest.mark.parametrize("name", ["fee_per_coalition", "fee_per_member", "network_charge", "demand_charge"])
@pytest.mark.parametrize("value", [-0.01, float("nan"), float("inf")])
def test_fees_that_make_no_sense_are_refused(name, value):
    with pytest.raises(InputError, match=name.replace("_", " ")):
        Settings(replace(TERMS, **{name: value}))


def test_the_network_charge_of_the_built_in_community_is_that_of_its_file():
    assert charge_of(load_community(days=1).community) == pytest.approx(0.02)


def test_the_homes_of_fontana_are_studied(root, shared_data, tmp_path):
    file = load_community(root / "examples" / "fontana" / "community.toml", days=1)
    assert len(file.community.members) == 17
    found = sweep(choose(file.community, 4), Settings(TERMS, (1.0,), (1.0,)))
    assert found.ratio == pytest.approx(0.25)
    assert found.own(Scenario()).total > 0
    assert found.retail(Scenario()).total == pytest.approx(0, abs=1e-9)
