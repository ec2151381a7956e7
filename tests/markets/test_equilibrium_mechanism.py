"""The equilibrium in a community: what is optimised is charged, trades are whole, the grid holds."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from benchmarks.synthetic import make_community
from gridpact.community import Community
from gridpact.errors import InputError
from gridpact.markets import Gate, Outlook, Pact, Party, Reason, Trades, make_mechanism
from gridpact.markets.equilibrium import (
    CentralSolver,
    Clearing,
    DistributedSolver,
    Equilibrium,
    InfeasibleError,
    Instance,
    Solver,
    Terms,
    community_instance,
    make_solver,
    objective,
    trading_graph,
)
from gridpact.markets.equilibrium.burning import curtail_before_burning
from gridpact.study import Run, Settings, simulate

PERFECT = Settings(forecast="perfect")


@pytest.fixture(scope="module")
def community() -> Community:
    """Ten households from eight in the morning to two in the afternoon."""
    return make_community(10, 96, seed=5).window(32, 56)


@pytest.fixture(scope="module")
def run(community: Community) -> Run:
    return simulate(community, make_mechanism("equilibrium:central"), PERFECT)


def outlook_of(community: Community, **changes: Any) -> Outlook:
    members = community.members
    soc = np.array([m.battery.initial_soc * m.battery.capacity_kwh if m.battery else 0.0 for m in members])
    known = {
        "members": members,
        "feeder": community.feeder,
        "horizon": community.horizon,
        "tariff": community.tariff,
        "charges": community.charges,
        "wanted_share": community.wanted_share,
        "demand_kw": np.array(community.profiles.net_kw),
        "net_kw": np.array(community.profiles.net_kw),
        "soc_kwh": soc,
        "premium": community.premium,
        "reactive_kvar": np.array(community.profiles.q_kvar),
    }
    return Outlook(**known | changes)


def cleared(community: Community, **options: Any) -> Pact:
    mechanism = make_mechanism("equilibrium:central", options)
    assert isinstance(mechanism, Equilibrium)
    return mechanism.clear(outlook_of(community), None, np.random.default_rng(0))[0]


def test_every_claim_holds_and_the_accounts_close(run: Run) -> None:
    assert run.certificate.passed, [check for check in run.certificate.checks if not check.passed]
    assert (run.community.money_residual, run.community.energy_residual_wh) == (0, 0)
    assert run.community.traded_kwh > 1
    assert run.community.imbalance_kwh < 1e-3 * run.community.traded_kwh
    assert run.community.total_saving > 0
    names = {check.name for check in run.certificate.checks}
    assert "equilibrium: price of anarchy above 1" in names
    assert "equilibrium: best-response regret of the worst member (currency)" in names


def test_what_was_optimised_is_what_is_charged(community: Community, run: Run) -> None:
    """Retail and charges of the bills are the objective of the program, whose trades also cost what members reserve."""
    instance, _ = community_instance(outlook_of(community), Terms())
    clearing = CentralSolver(least_norm=1e-6).solve(instance)
    spread = (community.tariff.import_price - community.tariff.export_price).mean() / 1e6
    traded = np.abs(clearing.allocation.p_tr).sum(axis=1) * instance.dt
    reserved = spread * (community.wanted_share[instance.edges].sum(axis=1) * traded).sum()
    bills = run.settlement.causes()
    charged = sum(bills[name].sum() for name in ("retail", "imbalance", "network", "service")) / 1e6
    assert charged == pytest.approx(objective(instance, clearing.allocation) - reserved, abs=0.01)  # whole Wh


def test_sales_of_a_member_are_rounded_and_split_without_loss(community: Community) -> None:
    pact = cleared(community)
    instance, _ = community_instance(outlook_of(community), Terms())
    clearing = CentralSolver(least_norm=1e-6).solve(instance)
    i, j = instance.edges.T
    sold = np.zeros((instance.members, instance.H))
    np.add.at(sold, i, np.maximum(-clearing.allocation.p_tr, 0))
    np.add.at(sold, j, np.maximum(clearing.allocation.p_tr, 0))
    wh = sold * instance.dt * 1e3
    settled = pact.trades.sold_wh(sold.shape)
    decided = np.abs(wh - np.floor(wh) - 0.5) > 0.2  # what two runs of one program could not round differently
    assert (settled[decided] == np.rint(wh[decided])).all()
    assert np.abs(settled - wh).max() < 1.5
    assert (pact.trades.energy_wh > 0).all()
    linked = {tuple(sorted(pair)) for pair in instance.edges.tolist()}
    assert {
        tuple(sorted(pair)) for pair in zip(pact.trades.seller.tolist(), pact.trades.buyer.tolist(), strict=True)
    } <= linked


def test_trades_leave_both_ends_content(community: Community) -> None:
    """No buyer pays more, with charges and reservation, than its supplier asks; no seller gets less than it pays."""
    trades, tariff = cleared(community).trades, community.tariff
    value, cost = tariff.true_values(community.wanted_share)
    slack = 20  # micro-units: of the charge that breaks ties
    most = value[trades.buyer, trades.interval] - community.charges.buy[trades.buyer]
    least = cost[trades.seller, trades.interval] + community.charges.sell[trades.seller]
    assert (trades.price <= most + slack).all()
    assert (trades.price >= least - slack).all()


def test_a_voltage_limit_holds_pv_back_and_is_paid_for(community: Community) -> None:
    """Without the grid inside the limit is passed; with it AC is clean, and who loads the grid pays the DSO."""
    surplus = replace(community, profiles=replace(community.profiles, pv_kw=3 * np.array(community.profiles.pv_kw)))
    outside = simulate(surplus, make_mechanism("equilibrium:central", {"grid": False}), PERFECT)
    highest = outside.flow.v_high.max()
    limit = 1 + 0.6 * (highest - 1)
    tight = replace(surplus, feeder=replace(surplus.feeder, v_max_pu=float(max(limit, surplus.feeder.slack_pu + 1e-3))))
    inside = simulate(tight, make_mechanism("equilibrium:central"), PERFECT)
    assert highest > tight.feeder.v_max_pu + 1e-3
    assert inside.flow.v_high.max() <= tight.feeder.v_max_pu + 1e-5
    assert inside.certificate.passed, [check for check in inside.certificate.checks if not check.passed]
    assert inside.delivery.curtailed_kw is not None
    assert inside.delivery.curtailed_kw.sum() > 0
    of_grid = inside.pact.transfers.where(inside.pact.transfers.reason == Reason.GRID)
    assert len(of_grid) > 0
    assert set(np.minimum(of_grid.payer, of_grid.payee).tolist()) == {int(Party.DSO)}
    assert of_grid.paid_by(Party.DSO, surplus.horizon.periods).sum() < 0  # the DSO earns


def test_without_curtailment_a_limit_that_surplus_passes_is_refused_by_name(community: Community) -> None:
    bright = replace(community.profiles, pv_kw=20 * np.array(community.profiles.pv_kw))
    surplus = replace(
        community, profiles=bright, feeder=replace(community.feeder, v_max_pu=1.005 * community.feeder.slack_pu)
    )
    with pytest.raises(InfeasibleError, match=r"hour \d+: the (voltage at|line to) bus s0"):
        cleared(surplus, curtailment=False)


def test_a_price_of_the_common_peak_is_paid_to_the_supplier(community: Community) -> None:
    pact = cleared(community, shared_price=0.002)
    supplier = pact.transfers.where(np.minimum(pact.transfers.payer, pact.transfers.payee) == Party.SUPPLIER)
    assert supplier.paid_by(Party.SUPPLIER, community.horizon.periods).sum() != 0
    assert pact.certificate.passed
    anarchy = next(check for check in pact.certificate.checks if "anarchy" in check.name)
    assert anarchy.value > 0


def test_a_premium_counts_for_its_buyer_only(community: Community) -> None:
    members = list(community.members)
    members[0] = replace(members[0], preferences=replace(members[0].preferences, pv_premium=0.03))
    fond = replace(community, members=tuple(members))
    plain, with_premium = (community_instance(outlook_of(each), Terms(partners=None)) for each in (community, fond))
    for (instance, offers), worth in ((plain, 0.0), (with_premium, 0.03)):
        link = next(at for at, (i, j) in enumerate(instance.edges.tolist()) if i == 0 and members[j].pv_kwp > 0)
        base = plain[1]
        assert offers.buyer[link, 0] == pytest.approx(base.buyer[link, 0] - worth)
        assert offers.buyer[link, 1] == base.buyer[link, 1]
        i_buys = offers.buyer[link, 0] + offers.seller[link, 1]
        j_buys = offers.buyer[link, 1] + offers.seller[link, 0]
        difference, tariff = instance.c_tr[link, 0] - instance.c_tr[link, 1], 2 * instance.c_ta[link]
        assert tariff + difference == pytest.approx(i_buys)
        assert tariff - difference == pytest.approx(j_buys)


def test_partners_are_the_nearest_that_can_sell(community: Community) -> None:
    outlook = outlook_of(community)
    sells = [m.pv_kwp > 0 or m.battery is not None for m in community.members]
    for partners in (1, 3, None):
        edges = trading_graph(outlook, partners)
        assert all(sells[i] or sells[j] for i, j in edges.tolist())
        count = min(partners or 99, sum(sells) - 1)
        degree = np.bincount(edges.ravel(), minlength=len(sells))
        assert degree.min() >= count
    with pytest.raises(InputError, match="partners = 0"):
        make_mechanism("equilibrium:central", {"partners": 0})


def test_members_on_one_phase_are_cleared_and_checked(community: Community) -> None:
    members = tuple(replace(member, phase="abc"[at % 3]) for at, member in enumerate(community.members))
    found = simulate(replace(community, members=members), make_mechanism("equilibrium:central"), PERFECT)
    assert found.certificate.passed


def test_outlooks_that_do_not_do_are_refused(community: Community) -> None:
    with pytest.raises(InputError, match="no forecast of reactive power"):
        community_instance(outlook_of(community, reactive_kvar=None), Terms())
    struck = Trades([0], [1], [0], [100], [1])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="already struck"):
        community_instance(outlook_of(community, commitments=struck), Terms())


def test_with_forecasts_that_err_the_claims_hold_and_deviations_are_settled(community: Community) -> None:
    found = simulate(community, make_mechanism("equilibrium:central"), Settings(forecast="noise", seed=3))
    assert all(check.passed for check in found.pact.certificate.checks)
    assert found.community.imbalance_kwh > 0
    assert found.community.money_residual == 0


def pacted(community: Community, solver: Solver, tolerance: float, accuracy: float = 1e-2) -> Pact:
    mechanism = Equilibrium("equilibrium:any", solver, tolerance, Terms(shared_price=0.01), accuracy)
    return mechanism.clear(outlook_of(community), None, np.random.default_rng(0))[0]


@pytest.mark.parametrize("name", ["central:clarabel", "distributed", "proximal"])
def test_any_solver_returns_the_same_pact(community: Community, name: str) -> None:
    """In what is unique, the import of each member: pairs, and batteries where energy is free, may do this or that."""
    solver, _ = make_solver(name)
    imports = []
    for pact in (pacted(community, solver, 1e-3), pacted(community, CentralSolver(least_norm=1e-6), 1e-8)):
        assert pact.certificate.passed, [check for check in pact.certificate.checks if not check.passed]
        bought = np.zeros((len(community.members), community.horizon.periods))
        np.add.at(bought, (pact.trades.buyer, pact.trades.interval), pact.trades.energy_wh / 1e3)
        np.add.at(bought, (pact.trades.seller, pact.trades.interval), -pact.trades.energy_wh / 1e3)
        draw_kw = community.profiles.net_kw + pact.battery_kw + pact.curtailed_kw
        imports.append(draw_kw - bought / community.horizon.hours)
    assert np.abs(imports[1]).max() > 1
    assert imports[0] == pytest.approx(imports[1], abs=0.15 if name == "proximal" else 0.05)  # its rule sees no gap


def test_surplus_without_a_price_is_held_back_and_not_burnt(community: Community) -> None:
    """A shared price lets energy become free; a solver that ends at burning it holds PV back instead, to the same effect."""
    instance, _ = community_instance(outlook_of(community), Terms(shared_price=0.01))
    burning = CentralSolver("clarabel").solve(instance).allocation
    tidy = curtail_before_burning(instance, burning)
    assert np.minimum(burning.p_ch, burning.p_ds).max() > 0.1
    assert np.minimum(tidy.p_ch, tidy.p_ds).max() < 1e-6
    assert tidy.draw(instance) == pytest.approx(burning.draw(instance), abs=1e-12)
    assert tidy.state_of_charge(instance) == pytest.approx(burning.state_of_charge(instance), abs=1e-12)
    assert (tidy.curtailed <= instance.cur_max + 1e-9).all()
    without = replace(instance, cur_max=np.zeros_like(instance.pd))
    assert curtail_before_burning(without, burning).p_ch.tolist() == burning.p_ch.tolist()


def test_a_clearing_without_a_centre_is_a_mechanism_like_any_other(community: Community) -> None:
    central, agreed = (
        simulate(community, make_mechanism(f"equilibrium:{name}", {"shared_price": 0.01}), PERFECT)
        for name in ("central", "distributed")
    )
    assert agreed.certificate.passed, [check for check in agreed.certificate.checks if not check.passed]
    assert agreed.community.total_saving == pytest.approx(central.community.total_saving, rel=0.02)


def test_a_clearing_that_stopped_short_of_its_tolerance_fails_its_certificate(community: Community) -> None:
    @dataclass(frozen=True)
    class Impatient:
        name: str = "impatient"

        def solve(self, instance: Instance, **how: Any) -> Clearing:
            return DistributedSolver().solve(instance, **how | {"max_rounds": 3})

    pact = pacted(community, Impatient(), 1e-3)
    failed = {check.name for check in pact.certificate.checks if not check.passed}
    assert "equilibrium: clearings that stopped short of the tolerance" in failed


def test_only_gates_that_read_it_are_given_a_forecast_of_reactive_power(community: Community) -> None:
    seen: dict[str, bool] = {}
    for reads in (True, False):

        class Looking:
            name = "looking"
            gate = Gate(covers=24, reads_reactive=reads)

            def clear(self, outlook: Outlook, memory: Any, rng: np.random.Generator) -> tuple[Pact, Any]:
                seen[str(self.gate.reads_reactive)] = outlook.reactive_kvar is not None
                if outlook.reactive_kvar is not None:
                    assert outlook.reactive_kvar == pytest.approx(community.profiles.q_kvar)
                return Pact(), None

        simulate(community, Looking(), PERFECT)
    assert seen == {"True": True, "False": False}
