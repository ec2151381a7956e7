"""The whole way of the data: forecast, clear, deliver, check on the grid, settle, measure."""

import importlib
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest

from benchmarks.synthetic import make_community
from gridpact.community import Community, Profiles
from gridpact.energy import Fleet
from gridpact.errors import InputError
from gridpact.markets import Certificate, Gate, Outlook, Pact, Trades, make_mechanism
from gridpact.study import Settings, compare, replicate, run_baseline, simulate
from gridpact.units import to_wh

PERFECT = Settings(forecast="perfect")
NOISE = Settings(forecast="noise", seed=3)
DAY = 96


@pytest.fixture(scope="module")
def community() -> Community:
    return make_community(12, DAY, seed=5)


@pytest.fixture(scope="module")
def noisy_run(community):
    return simulate(community, make_mechanism("auction:uniform"), NOISE)


def test_with_a_perfect_forecast_nothing_is_out_of_balance(community):
    run = simulate(community, make_mechanism("auction:uniform"), PERFECT)
    assert run.community.traded_kwh > 1
    assert run.community.imbalance_kwh == 0


def test_forecast_errors_make_imbalance_and_cost_money(community, noisy_run):
    perfect = simulate(community, make_mechanism("auction:uniform"), PERFECT)
    assert noisy_run.community.imbalance_kwh > 0
    assert noisy_run.community.total_saving < perfect.community.total_saving


def test_nobody_saves_against_the_supplier_by_trading_with_the_supplier(community):
    run = simulate(community, make_mechanism("supplier"), NOISE)
    assert (run.members.saving == 0).all()
    assert run.community.traded_kwh == 0
    assert run.certificate.passed


@pytest.mark.parametrize("name", ["auction:uniform", "auction:mcafee", "auction:continuous", "pool:mmr", "pool:nrg-x"])
def test_every_certificate_holds_and_the_accounts_close(community, name):
    run = simulate(community, make_mechanism(name), NOISE)
    assert run.certificate.passed, [check for check in run.certificate.checks if not check.passed]
    assert run.community.money_residual == 0
    assert run.community.energy_residual_wh == 0


def test_gates_one_by_one_and_all_at_once_agree_when_the_forecast_is_perfect(community):
    mechanism = make_mechanism("auction:uniform")
    at_once = simulate(community, mechanism, PERFECT)
    one_by_one = simulate(community, _Remembering(mechanism), PERFECT)
    for name, column in at_once.pact.trades.columns().items():
        assert (column == one_by_one.pact.trades.columns()[name]).all()


def test_the_same_seed_gives_the_same_result_and_another_seed_another(community, noisy_run):
    again = simulate(community, make_mechanism("auction:uniform"), NOISE)
    other = simulate(community, make_mechanism("auction:uniform"), replace(NOISE, seed=4))
    assert (again.settlement.bills == noisy_run.settlement.bills).all()
    assert (other.settlement.bills != noisy_run.settlement.bills).any()


def test_in_parallel_and_alone_the_result_is_the_same(community):
    markets = [make_mechanism("auction:uniform"), make_mechanism("pool:mmr")]
    alone, parallel = compare(community, markets, NOISE), compare(community, markets, NOISE, jobs=2)
    for one, two in zip(alone.runs, parallel.runs, strict=True):
        assert one.mechanism == two.mechanism
        assert (one.settlement.bills == two.settlement.bills).all()


def test_what_happens_after_a_gate_closed_does_not_change_what_was_agreed(community):
    cut = 40  # gates of intervals up to 40 close before interval 40 is measured
    profiles = community.profiles
    changed = profiles.load_kw.copy()
    changed[:, cut:] *= 3
    future = replace(community, profiles=Profiles(changed, profiles.pv_kw, profiles.q_kvar))
    settings = Settings(forecast="persistence")
    before, after = (simulate(c, make_mechanism("auction:uniform"), settings).pact.trades for c in (community, future))
    known = before.interval < cut, after.interval < cut
    assert known[0].any()
    for name in before.columns():
        assert (before.columns()[name][known[0]] == after.columns()[name][known[1]]).all()


def test_the_delivery_follows_the_forecast_error_where_no_battery_helps(community, noisy_run):
    without = np.array([member.battery is None for member in community.members])
    measured_wh = to_wh(community.profiles.net_kw * community.horizon.hours)
    assert (noisy_run.delivery.net_wh[without] == measured_wh[without]).all()


def test_batteries_stand_by_what_was_sold_and_bought(community, noisy_run):
    alone = replace(noisy_run.pact, battery_kw=None)
    selfish, _ = Fleet.of(community.members).run(
        community.profiles.net_kw, Fleet.of(community.members).initial_kwh, community.horizon.hours
    )
    position_kw = alone.trades.position_wh(community.profiles.net_kw.shape) / 1000 / community.horizon.hours
    delivered_kw = community.profiles.net_kw + noisy_run.delivery.battery_kw
    deviation = np.abs(np.clip(delivered_kw - position_kw, 0, None)[position_kw < 0]).sum()
    selfish_kw = community.profiles.net_kw + selfish
    assert deviation < np.abs(np.clip(selfish_kw - position_kw, 0, None)[position_kw < 0]).sum()


@dataclass(frozen=True)
class _Remembering:
    """The same mechanism, but each gate says which one came before it."""

    inner: object
    name: str = "test:remembering"
    gate: Gate = Gate(covers=1, carries_memory=True)

    def clear(self, outlook: Outlook, memory, rng):
        assert (memory or 0) == self._position(outlook)
        pact, _ = self.inner.clear(outlook, None, rng)
        return pact, (memory or 0) + outlook.horizon.periods

    @staticmethod
    def _position(outlook: Outlook) -> int:
        midnight = outlook.horizon.start.replace(hour=0, minute=0)
        return (outlook.horizon.start - midnight) // outlook.horizon.step


@dataclass(frozen=True)
class _Scheduling:
    """Charges every battery at 1 kW in the first hour of each gate of four hours, and leaves it alone after that."""

    name: str = "test:scheduling"
    gate: Gate = Gate(covers=16)

    def clear(self, outlook: Outlook, memory, rng):
        schedule = np.full(outlook.net_kw.shape, np.nan)
        schedule[:, :4] = 1.0
        return Pact(battery_kw=schedule), None


def test_a_mechanism_that_schedules_is_followed_within_the_battery_limits(community):
    run = simulate(community, _Scheduling(), NOISE)
    has_battery = np.array([member.battery is not None for member in community.members])
    first_hours = np.arange(DAY) % 16 < 4
    power = run.delivery.battery_kw[has_battery][:, first_hours]
    room = run.delivery.soc_kwh[has_battery] < 0.9 * 6.0 - 1e-9
    assert (power[room[:, first_hours]] == 1.0).all()
    assert (power >= 0).all()
    assert (run.delivery.battery_kw[~has_battery] == 0).all()


def test_a_later_gate_sees_a_battery_that_an_earlier_pact_filled(community):
    seen = []

    @dataclass(frozen=True)
    class Watching(_Scheduling):
        def clear(self, outlook, memory, rng):
            seen.append(outlook.soc_kwh)
            return super().clear(outlook, memory, rng)

    run = simulate(community, Watching(), Settings(forecast="perfect", gate_closure=timedelta(hours=2)))
    fleet = Fleet.of(community.members)
    assert len(seen) == 1  # carries no memory and the forecast is perfect: one call
    assert (seen[0] == fleet.initial_kwh).all()
    seen.clear()
    run = simulate(community, Watching(), replace(NOISE, gate_closure=timedelta(0)))
    assert len(seen) == DAY // 16
    assert seen[2] == pytest.approx(run.delivery.soc_kwh[:, 31])


def test_pv_that_is_held_back_is_missing_at_the_meter_and_never_more_than_there_is(community):
    @dataclass(frozen=True)
    class Curtailing:
        name: str = "test:curtailing"
        gate: Gate = Gate(covers=16)

        def clear(self, outlook: Outlook, memory, rng):
            return Pact(curtailed_kw=np.full(outlook.net_kw.shape, 0.5)), None

    run = simulate(community, Curtailing(), NOISE)
    held_back = np.minimum(community.profiles.pv_kw, 0.5)
    assert run.delivery.curtailed_kw == pytest.approx(held_back)
    assert run.community.curtailed_kwh == pytest.approx(held_back.sum() * community.horizon.hours)
    without = [m for m, member in enumerate(community.members) if not member.battery]
    measured_kw = community.profiles.net_kw[without] + held_back[without]
    assert run.delivery.net_wh[without] == pytest.approx(measured_kw * community.horizon.hours * 1000, abs=0.51)
    assert (run.flow.head_kw >= run_baseline(community).flow.head_kw - 1e-9).all()
    assert run.certificate.passed


def test_curtailment_that_is_negative_is_refused():
    with pytest.raises(InputError, match="curtailed PV that is negative"):
        Pact(curtailed_kw=np.full((1, 1), -1.0)).check(1, 1)


@dataclass(frozen=True)
class _Lending:
    """At every gate member 0 lends 10 Wh to member 1, to be returned half an hour later; looks 45 minutes ahead."""

    seen: list
    name: str = "test:lending"
    gate: Gate = Gate(looks_ahead=timedelta(minutes=45))

    def clear(self, outlook: Outlook, memory, rng):
        self.seen.append(outlook)
        if outlook.horizon.periods < 4:
            return Pact(), None
        return Pact(Trades([0, 1], [1, 0], [0, 2], [10, 10], [0, 0], [0, 0])), None


@pytest.mark.parametrize("settings", [PERFECT, NOISE])
def test_what_a_gate_agreed_ahead_is_a_commitment_of_later_gates(community, settings):
    seen: list[Outlook] = []
    run = simulate(community.window(0, 12), _Lending(seen), settings)
    assert [outlook.horizon.periods for outlook in seen] == [4] * 9 + [3, 2, 1]
    assert [outlook.demand_kw.shape[1] for outlook in seen] == [4] * 9 + [3, 2, 1]
    first, second, third = seen[0].commitments, seen[1].commitments, seen[2].commitments
    assert len(first) == 0
    assert (second.seller.tolist(), second.buyer.tolist(), second.interval.tolist()) == ([1], [0], [1])
    assert third.interval.tolist() == [0, 1]
    assert len(set(third.leg.tolist())) == 2  # of two loans
    trades = run.pact.trades
    assert len(trades) == 18
    assert np.bincount(trades.leg).tolist() == [2] * 9
    assert run.settlement.energies.bought[0].tolist() == [0, 0] + [10] * 9 + [0]
    assert run.settlement.energies.sold[0].tolist() == [10] * 9 + [0] * 3


def test_trading_energy_that_does_not_exist_is_paid_for(community):
    @dataclass(frozen=True)
    class Fraud:
        name: str = "test:fraud"
        gate: Gate = Gate(covers=DAY)

        def clear(self, outlook, memory, rng):
            return Pact(Trades([0], [1], [0], [50_000], [100_000]), certificate=Certificate()), None

    run = simulate(community, Fraud(), PERFECT)
    assert run.settlement.energies.short[0, 0] > 0
    assert run.members.saving[0] < 0
    assert run.community.money_residual == 0


def test_a_member_on_one_phase_switches_the_check_to_three_phases(community):
    members = (replace(community.members[0], phase="b"), *community.members[1:])
    single = run_baseline(replace(community, members=members).window(0, 4))
    balanced = run_baseline(community.window(0, 4))
    bus = community.member_bus[0]
    assert single.flow.v_pu.shape == (4, len(community.feeder.bus_names), 3)
    assert single.flow.head_kw == pytest.approx(balanced.flow.head_kw, rel=0.02)
    assert (single.flow.v_pu[:, bus].argmin(axis=1) == 1).all()  # the phase that carries the load


def test_welfare_reaches_the_optimum_when_nothing_stands_in_the_way(community):
    free = replace(community, tariff=replace(community.tariff, network_charge={"": 0}, service_charge=0))
    run = simulate(free, make_mechanism("auction:uniform"), PERFECT)
    assert run.community.welfare == pytest.approx(run.community.welfare_optimum, rel=1e-5)
    dear = replace(community, tariff=replace(community.tariff, network_charge={"": 170_000}))
    charged = simulate(dear, make_mechanism("auction:uniform"), PERFECT)
    assert charged.community.traded_kwh > 0
    assert charged.community.welfare < charged.community.welfare_optimum


def test_blocks_of_gates_change_nothing(community, noisy_run, monkeypatch):
    monkeypatch.setattr(importlib.import_module("gridpact.study.simulate"), "GATES_A_BLOCK", 5)
    again = simulate(community, make_mechanism("auction:uniform"), NOISE)
    for name, column in noisy_run.pact.trades.columns().items():
        assert (column == again.pact.trades.columns()[name]).all()
    assert again.certificate == noisy_run.certificate


def test_a_member_without_pv_and_battery_never_sells(community, noisy_run):
    cannot = [m for m, member in enumerate(community.members) if not member.pv_kwp and not member.battery]
    assert cannot
    assert not np.isin(noisy_run.pact.trades.seller, cannot).any()


def test_a_budget_does_not_depend_on_how_gates_were_batched(community):
    mechanism = make_mechanism("auction:mcafee")
    for market in (mechanism, _Remembering(mechanism)):
        run = simulate(community, market, PERFECT)
        kept = next(c.value for c in run.certificate.checks if "left with the exchange" in c.name)
        assert kept == pytest.approx(-run.community.subsidy * 1e6)
        assert kept > 0


@pytest.mark.parametrize(
    ("wrong", "fragment"),
    [({"forecast": "perfct"}, "did you mean 'perfect'"), ({"seed": -1}, "seed -1 is out of range")],
)
def test_impossible_settings_are_refused(wrong, fragment):
    with pytest.raises(InputError, match=fragment):
        Settings(**wrong)


def test_a_pact_of_members_that_do_not_exist_is_refused(community):
    @dataclass(frozen=True)
    class Broken:
        name: str = "test:broken"
        gate: Gate = Gate()

        def clear(self, outlook, memory, rng):
            return Pact(Trades([0], [99], [0], [10], [1])), None

    with pytest.raises(InputError, match="a member that does not exist"):
        simulate(community, Broken(), NOISE)


def test_seeds_give_means_and_intervals(community):
    markets = [make_mechanism("supplier"), make_mechanism("auction:uniform")]
    comparison, replication = replicate(community.window(0, 48), markets, NOISE, 3)
    assert replication.seeds == (3, 4, 5)
    assert replication.mechanisms == ("supplier", "auction:uniform")
    assert replication.half_width("total_bill")[0] == pytest.approx(0, abs=1e-9)
    values = replication.values["imbalance_kwh"][1]
    expected = 4.302652729 * values.std(ddof=1) / np.sqrt(3)  # Student's t, two degrees of freedom
    assert replication.half_width("imbalance_kwh")[1] == pytest.approx(expected)
    assert replication.half_width("imbalance_kwh", against=1)[1] == 0
    assert comparison.runs[1].community.imbalance_kwh == values[0]


def test_a_single_seed_has_no_interval(community):
    _, replication = replicate(community.window(0, 8), [make_mechanism("supplier")], NOISE, 1)
    assert np.isnan(replication.half_width("total_bill")).all()
    with pytest.raises(InputError, match="0 seeds"):
        replicate(community, [make_mechanism("supplier")], NOISE, 0)


def test_a_negative_gate_closure_is_refused():
    with pytest.raises(InputError, match="negative"):
        Settings(gate_closure=timedelta(minutes=-15))
