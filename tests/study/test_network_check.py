"""Keeping the network in a study: violations before and none after, what each way costs, and that the accounts still close."""

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from gridpact.community import Community, Profiles, WaterHeater, load_community
from gridpact.energy import Fleet
from gridpact.errors import InputError
from gridpact.exchange.acceptance import UNLIMITED, Policy
from gridpact.grid import power_flow
from gridpact.markets import Gate, Outlook, Pact, Reason, Trades, Transfers, make_mechanism
from gridpact.study import NETWORK_CHECKS, Comparison, Settings, compare, run_baseline, simulate
from gridpact.study._acceptor import Forecasts
from gridpact.study.network_check import NetworkCheck
from gridpact.study.output import summarise
from gridpact.study.tables import kept_network
from gridpact.units import to_kwh

PERFECT = Settings(forecast="perfect", seed=1)
POLICIES = [policy.value for policy in Policy]
ENVELOPES = ["envelopes-equal", "envelopes-proportional"]


@pytest.fixture(scope="module")
def stressed(root: Path) -> Community:
    return load_community(root / "examples" / "stressed" / "community.toml").community


@pytest.fixture(scope="module")
def noon(stressed: Community) -> Community:
    """Three hours of it, around the hour of most sun."""
    return stressed.window(42, 54)


@pytest.fixture(scope="module")
def comparison(stressed: Community) -> Comparison:
    markets = [make_mechanism(name) for name in ("auction:uniform", "pool:mmr")]
    return compare(stressed, markets, PERFECT, networks=list(NETWORK_CHECKS))


def of(comparison: Comparison, mechanism: str, network: str):
    (run,) = (r for r in comparison.runs if r.network == network and r.mechanism.startswith(mechanism))
    return run


def test_without_a_check_the_feeder_is_violated(comparison):
    assert of(comparison, "auction:uniform", "none").community.violations > 100


@pytest.mark.parametrize("network", [*POLICIES, *ENVELOPES])
def test_with_acceptance_and_with_envelopes_nothing_is_violated(comparison, network):
    run = of(comparison, "auction:uniform", network)
    assert run.community.violations == 0
    assert run.certificate.passed
    assert run.community.money_residual == run.community.energy_residual_wh == 0
    assert run.community.curtailed_kwh > 0


@pytest.mark.parametrize("network", POLICIES)
def test_the_welfare_lost_by_the_log_is_what_the_community_loses(comparison, network):
    run, free = (of(comparison, "auction:uniform", name) for name in (network, "none"))
    logged = sum(each.acceptance.welfare_lost for each in run.decided) / 1e6
    assert logged == pytest.approx(free.community.welfare - run.community.welfare, abs=0.01)
    assert run.community.cut_kwh == pytest.approx(run.community.curtailed_kwh, abs=0.1)


def test_each_policy_is_best_at_what_it_is_for(comparison):
    runs = {name: of(comparison, "auction:uniform", name).community for name in POLICIES}
    assert min(runs.values(), key=lambda c: c.cut_kwh).cut_kwh == pytest.approx(runs["sensitivity"].cut_kwh, rel=1e-3)
    assert max(c.welfare for c in runs.values()) == pytest.approx(runs["merit"].welfare, rel=1e-3)


def test_charges_are_paid_and_violations_stay(comparison):
    for network in ("charges-distance", "charges-losses"):
        run = of(comparison, "auction:uniform", network)
        assert run.community.violations == of(comparison, "auction:uniform", "none").community.violations
        assert run.community.money_residual == 0
    free, charged = (of(comparison, "auction:uniform", name).community for name in ("none", "charges-distance"))
    assert charged.dso_balance > free.dso_balance


def test_a_pool_rule_knows_no_orders_so_that_only_envelopes_and_charges_apply_to_it(comparison, noon):
    assert {run.network for run in comparison.runs if run.mechanism.startswith("pool:mmr")}.isdisjoint(POLICIES)
    for network in ENVELOPES:
        assert of(comparison, "pool:mmr", network).community.violations == 0
    pool, merit = make_mechanism("pool:mmr"), replace(PERFECT, network="merit")
    for refused in (lambda: simulate(noon, pool, merit), lambda: compare(noon, [pool], merit)):
        with pytest.raises(
            InputError, match=r"merit with pool:mmr: nothing is agreed .* accepted: none, envelopes-equal"
        ):
            refused()


def test_the_table_of_the_page_is_what_the_example_gives(comparison, root):
    page = (root / "docs" / "acceptance.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (\d+ (?:\| [\d.]+ ){3})\|$", page, flags=re.M))
    assert list(rows) == list(NETWORK_CHECKS)
    free = of(comparison, "auction:uniform", "none").community
    for network, cells in rows.items():
        c = of(comparison, "auction:uniform", network).community
        shown = [f"{c.violations}", f"{c.traded_kwh:.1f}", f"{c.curtailed_kwh:.1f}", f"{free.welfare - c.welfare:.2f}"]
        assert [cell.strip() for cell in cells.split("|")] == shown


def test_the_summary_and_the_names_of_runs_say_how_the_network_was_kept(comparison):
    names = [run.mechanism for run in summarise(comparison, PERFECT).runs]
    assert "auction:uniform" in names
    assert "auction:uniform + merit" in names
    assert len(set(names)) == len(names)


def test_what_was_cut_is_a_limit_that_the_meter_obeys(noon):
    run = simulate(noon, make_mechanism("auction:uniform"), replace(PERFECT, network="pro-rata"))
    assert run.decided
    for each in run.decided:
        limited = each.acceptance.lowest_wh > -UNLIMITED
        assert limited.any()
        metered = run.delivery.net_wh[:, each.interval]
        assert (metered[limited] >= each.acceptance.lowest_wh[limited] - 1).all()


@pytest.mark.parametrize("forecast", ["persistence", "noise"])
@pytest.mark.parametrize("network", ["pro-rata", "sensitivity", "envelopes-proportional"])
def test_with_forecast_errors_the_accounts_close_and_less_is_violated(noon, forecast, network):
    settings = Settings(forecast=forecast, seed=2)
    free = simulate(noon, make_mechanism("auction:uniform"), settings)
    run = simulate(noon, make_mechanism("auction:uniform"), replace(settings, network=network))
    assert run.community.money_residual == run.community.energy_residual_wh == 0
    assert run.community.violations < 0.6 * free.community.violations
    assert run.community.v_max_pu - 1.1 < 0.75 * (free.community.v_max_pu - 1.1)


def test_the_grid_carries_what_the_meters_show_where_only_limits_act(noon):
    idle = replace(noon, members=tuple(replace(member, battery=None) for member in noon.members))
    run = simulate(idle, make_mechanism("auction:uniform"), Settings("perfect", network="sensitivity"))
    assert run.delivery.curtailed_kw.sum() > 0
    p_kw, q_kvar = idle.at_buses(idle.profiles.net_kw + run.delivery.curtailed_kw, idle.profiles.q_kvar)
    np.testing.assert_allclose(run.flow.loading, power_flow(idle.feeder, p_kw, q_kvar).loading, atol=1e-9)
    assert run.community.violations == 0


def test_transfers_that_go_with_trades_are_cut_with_them(noon):
    settings = replace(PERFECT, network="pro-rata")
    free, run = (simulate(noon, make_mechanism("auction:vcg"), s) for s in (PERFECT, settings))
    assert len(free.pact.transfers)
    assert run.pact.transfers.amount.sum() < free.pact.transfers.amount.sum()
    assert run.community.money_residual == 0


@dataclass(frozen=True)
class _Discharging:
    """Every battery discharges as hard as it can for the supplier: a schedule that nobody ordered."""

    name: str = "test:discharging"
    gate: Gate = Gate(covers=4)

    def clear(self, outlook: Outlook, memory, rng):
        return Pact(battery_kw=np.full(outlook.net_kw.shape, -1e3)), None


@dataclass(frozen=True)
class _Curtailing:
    """Holds back some PV of everybody, as a mechanism that knows the grid might."""

    name: str = "test:curtailing"
    gate: Gate = Gate(covers=4)

    def clear(self, outlook: Outlook, memory, rng):
        return Pact(curtailed_kw=np.full(outlook.net_kw.shape, 0.5)), None


@pytest.mark.parametrize("network", POLICIES)
@pytest.mark.parametrize("mechanism", [_Discharging(), _Curtailing()])
def test_schedules_and_curtailment_of_a_mechanism_are_checked_too(noon, mechanism, network):
    baseline = run_baseline(noon)
    run = simulate(noon, mechanism, replace(PERFECT, network=network), baseline)
    assert simulate(noon, mechanism, PERFECT, baseline).community.violations > 0
    assert run.community.violations == 0
    assert run.certificate.passed


@dataclass(frozen=True)
class _Lending:
    """In each of the first four intervals the first seller lends 2 kWh to a consumer, to be returned two hours later."""

    lender: int
    borrower: int
    name: str = "test:lending"
    gate: Gate = Gate(looks_ahead=timedelta(hours=2))

    def clear(self, outlook: Outlook, memory, rng):
        done = 0 if memory is None else memory
        if done >= 4 or outlook.horizon.periods <= 8:
            return Pact(), done + 1
        pair = [self.lender, self.borrower]
        trades = Trades(pair, pair[::-1], [0, 8], [2_000, 1_900], [200_000, 0], [0, 0])
        transfers = Transfers([self.borrower], [self.lender], [0], [1_000], [Reason.POOL])
        return Pact(trades, transfers), done + 1


def test_the_return_of_a_loan_is_scaled_as_the_loan_was(noon):
    surplus = np.argsort(noon.profiles.net_kw[:, :8].mean(axis=1))
    run = simulate(noon, _Lending(int(surplus[0]), int(surplus[-1])), replace(PERFECT, network="pro-rata"))
    trades = run.pact.trades
    lent = trades.where(trades.energy_wh.argsort() >= 0)
    by_leg = {int(leg): lent.where(lent.leg == leg) for leg in np.unique(lent.leg)}
    assert len(by_leg) == 4
    cut = 0
    for legs in by_leg.values():
        first, second = legs.energy_wh[legs.interval.argsort()]
        assert second <= 1_900 * first // 2_000
        cut += first < 2_000
        if len({each.interval for each in run.decided} & set(legs.interval.tolist()[1:])) == 0:
            assert second == 1_900 * first // 2_000
    assert cut
    assert run.pact.transfers.amount.sum() < 4_000
    assert run.community.money_residual == run.community.energy_residual_wh == 0


def test_commitments_that_wait_are_seen_as_they_were_scaled(noon):
    seen: list[int] = []

    @dataclass(frozen=True)
    class Watching(_Lending):
        def clear(self, outlook, memory, rng):
            seen.append(int(outlook.commitments.energy_wh.sum()))
            return super().clear(outlook, memory, rng)

    surplus = np.argsort(noon.profiles.net_kw[:, :8].mean(axis=1))
    mechanism = Watching(int(surplus[0]), int(surplus[-1]))
    simulate(noon, mechanism, replace(PERFECT, network="none"))
    free, seen[:] = list(seen), []
    simulate(noon, mechanism, replace(PERFECT, network="pro-rata"))
    assert max(free) == 4 * 1_900
    assert 0 < max(seen) < max(free)


def test_what_is_bid_lies_within_the_envelopes(noon):
    @dataclass(frozen=True)
    class Watching:
        name: str = "test:watching"
        gate: Gate = Gate(covers=1)

        def clear(self, outlook, memory, rng):
            assert outlook.limits is not None
            assert (-outlook.net_kw <= outlook.limits.export_kw + 1e-9).all()
            within = outlook.net_kw <= np.maximum(outlook.limits.import_kw, outlook.demand_kw) + 1e-9
            assert within.all()
            return Pact(), None

    for network in ENVELOPES:
        simulate(noon, Watching(), replace(PERFECT, network=network))


def test_a_water_heater_may_be_on_inside_every_envelope(noon):
    heater = WaterHeater(power_kw=3.0, litres=150.0)
    heated = replace(noon, members=(replace(noon.members[0], heater=heater), *noon.members[1:]))
    plain, with_heater = (
        NetworkCheck.of("envelopes-equal", each, Fleet.of(each.members), Forecasts.of(each, "perfect", 1)).envelopes
        for each in (noon, heated)
    )
    base_kw = np.maximum(noon.profiles.net_kw[0], 0.0)
    assert (with_heater.highest_kw[0] >= base_kw + heater.power_kw - 1e-12).all()
    assert (with_heater.export_kw <= plain.export_kw + 1e-12).all()  # which base load is nobody is sure of


def test_members_on_single_phases_are_kept_phase_by_phase(noon):
    members = tuple(replace(m, phase="abc"[at % 3]) for at, m in enumerate(noon.members))
    community = replace(noon, members=members)
    baseline = run_baseline(community)
    free, kept = (
        simulate(community, make_mechanism("auction:uniform"), replace(PERFECT, network=network), baseline)
        for network in ("none", "sensitivity")
    )
    assert free.community.violations > kept.community.violations == 0


def test_a_network_that_carries_everything_changes_nothing(noon):
    profiles = noon.profiles
    calm = replace(
        noon,
        profiles=Profiles(profiles.load_kw, profiles.pv_kw / 10, profiles.q_kvar),
        feeder=replace(noon.feeder, slack_pu=1.0),
    )
    free = simulate(calm, make_mechanism("auction:uniform"), PERFECT)
    for network in POLICIES:
        run = simulate(calm, make_mechanism("auction:uniform"), replace(PERFECT, network=network))
        assert not run.decided
        assert (run.settlement.bills == free.settlement.bills).all()


def test_an_unknown_check_is_refused_with_the_nearest_known_one():
    with pytest.raises(InputError, match="'pro-rate' is unknown; did you mean 'pro-rata'"):
        Settings(network="pro-rate")


def test_the_table_in_the_terminal_holds_each_run_against_no_check(noon):
    from gridpact.study import replicate

    compared, replication = replicate(
        noon, [make_mechanism("auction:uniform")], PERFECT, seeds=1, networks=["none", "merit"]
    )
    table = kept_network(replication, compared)
    lost = list(table.columns[-1].cells)
    assert lost[0] == "0.00"
    assert float(lost[1]) > 0
    assert list(table.columns[0].cells) == ["auction:uniform", "auction:uniform + merit"]
    assert to_kwh(sum(each.acceptance.curtailed_wh for each in compared.runs[1].decided)) == pytest.approx(
        replication.mean("cut_kwh")[1]
    )
