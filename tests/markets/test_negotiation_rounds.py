"""Rounds and the mechanisms: links, returns, peers, certificates, the path to the bill."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.synthetic import make_community
from gridpact.community import load_community
from gridpact.errors import InputError
from gridpact.markets import Pact, Trades, make_mechanism
from gridpact.markets.negotiation import (
    SCORES,
    ContractGrid,
    Experience,
    Negotiator,
    PeerChoice,
    Public,
    Rules,
    Situation,
    Terms,
    complementarity,
    hold_round,
    link_limit_wh,
    loaned_between,
    loans_as_trades,
)
from gridpact.markets.negotiation.certificate import certify
from gridpact.markets.negotiation.consents import Consents
from gridpact.markets.negotiation.variants import s2
from gridpact.study import Settings, compare, simulate
from gridpact.study.simulate import run_baseline

HOURS = 0.25


def situation_of(demand_kw, committed=None, soc=None) -> Situation:
    demand = np.asarray(demand_kw, dtype=float)
    return Situation(
        Public(demand, 0.5),
        0.2 * np.ones(len(demand)),
        np.zeros(len(demand)) if soc is None else soc,
        committed or Trades.empty(),
        HOURS,
        96,
        0,
    )


def opposed(window=24):
    """Two members that have too much where the other lacks it, in turn."""
    wave = np.where(np.arange(window) % 8 < 4, 2.0, -2.0)
    return np.stack([wave, -wave])


AUTARKIC = [Negotiator(name, None, (0.0, 1.0), 0.6) for name in "ab"]


def test_members_who_complement_each_other_agree_and_both_gain():
    held = hold_round(AUTARKIC, situation_of(opposed()), Terms(), Experience.none(2), np.random.default_rng(1))
    (meeting,) = held.meetings
    (loan,) = held.loans().tolist()
    giver, taker, wh, back = loan
    assert (giver, taker) == (1, 0)  # the second has too much now
    assert wh > 0
    assert opposed()[0, back] < 0  # given back where the first has too much
    assert min(meeting.appraisal.gains) > 0


def test_a_loan_is_two_trades_that_return_the_energy_and_the_money_exactly():
    trades = loans_as_trades(np.array([[0, 1, 343, 7], [2, 0, 86, 2]]), 123_457)
    assert trades.position_wh((3, 8)).sum(axis=1).tolist() == [0, 0, 0]
    assert trades.bills((3, 8)).sum(axis=1).tolist() == [0, 0, 0]
    assert trades.leg.tolist() == [0, 1, 0, 1]
    assert trades.seller.tolist() == [0, 2, 1, 0]
    assert trades.interval.tolist() == [0, 0, 7, 2]


def test_what_is_loaned_between_two_is_net_and_signed():
    trades = loans_as_trades(np.array([[0, 1, 300, 3], [1, 0, 100, 2], [0, 2, 50, 1]]))
    assert loaned_between(trades, 0, 1, 4).tolist() == [200, 0, 100, -300]
    assert loaned_between(trades, 1, 0, 4).tolist() == [-200, 0, -100, 300]


@given(st.integers(0, 2**32 - 1))
def test_a_contract_is_feasible_exactly_if_the_link_holds_now_and_at_the_return(seed):
    rng = np.random.default_rng(seed)
    grid, loaned = ContractGrid.standard(HOURS, window=12), rng.integers(-600, 601, 12)
    feasible = grid.feasible(loaned, 600)
    for at in range(len(grid)):
        after = loaned.copy()
        after[0] += grid.quantity_wh[at]
        after[grid.offset[at]] -= grid.quantity_wh[at]
        touched = np.abs(after[[0, grid.offset[at]]])
        assert feasible[at] == (touched <= 600).all()


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_stacked_loans_never_pass_the_limit_of_the_link(seed):
    rng = np.random.default_rng(seed)
    net = np.concatenate([opposed(40), rng.normal(0, 2, (1, 40))])
    members = [*AUTARKIC, Negotiator("c", None, (0.0, 1.0), 0.5)]
    terms = Terms(PeerChoice("random"), Rules(floor=bool(seed % 2)), scenarios=5, limit_kw=1.0)
    committed, every = Trades.empty(), []
    for now in range(12):
        held = hold_round(members, situation_of(net[:, now : now + 20], committed), terms, Experience.none(3), rng)
        consents = Consents.of(held, 3, 0)
        trades = consents.trades()
        certificate = certify(consents, trades, committed, terms, HOURS)
        assert certificate.passed, certificate
        every.append(replace(trades, interval=trades.interval + now))
        committed = Trades.concat([committed, trades]).window(1, 20)
    whole = Trades.concat(every)
    for pair in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(loaned_between(whole, *pair, 40)).max() <= terms.limit_wh(HOURS)


def test_loans_of_the_past_are_part_of_the_demand_that_a_negotiation_starts_from():
    # b returns 2 kW to a in the interval in which a lacks them: nothing is left to negotiate about
    net = np.zeros((2, 6))
    net[0, 0] = 2.0
    committed = Trades([1], [0], [0], [500], [0])
    held = hold_round(
        AUTARKIC,
        replace(situation_of(net, committed), std_kw=np.zeros(2)),
        Terms(),
        Experience.none(2),
        np.random.default_rng(0),
    )
    (meeting,) = held.meetings
    mine = (meeting.table.first, meeting.table.second)[meeting.pair.index(0)]
    assert mine.no_deal == 0.0
    assert not meeting.appraisal.has_joint_gain


@pytest.fixture(scope="module")
def agreed():
    """What two members signed who complement each other: the second lends to the first."""
    held = hold_round(AUTARKIC, situation_of(opposed()), Terms(), Experience.none(2), np.random.default_rng(1))
    return held, Consents.of(held, 2, 150_000)


def failing(consents, trades, committed=None, terms=None):
    certificate = certify(consents, trades, committed or Trades.empty(), terms or Terms(), HOURS)
    return [check.name.partition(":")[2].strip() or check.name for check in certificate.checks if not check.passed]


UNLIKE, ENERGY, MONEY = (
    "sides and trades that are not alike",
    "energy not returned (Wh)",
    "money that does not come back (micro-units)",
)
BEYOND, LOSS = "most beyond the limit (Wh)", "largest loss by an agreement (kWh)"


def test_both_sides_sign_the_same_loan_and_no_gain(agreed):
    held, consents = agreed
    (loan,) = held.loans().tolist()
    giver, taker, wh, back = loan
    assert consents.peer.tolist() == [1, 0]
    assert consents.gives_wh[[giver, taker]].tolist() == [wh, -wh]
    assert consents.returned.tolist() == [back, back]
    assert consents.loss.tolist() == [0, 0]
    assert min(held.meetings[0].appraisal.gains) > 0
    expected = loans_as_trades(held.loans(), 150_000)
    for name, column in consents.trades().columns().items():
        assert (column == getattr(expected, name)).all()
    again = Consents.stated(consents.statements())
    assert all((getattr(again, name) == getattr(consents, name)).all() for name in consents.statements())


def test_the_certificate_notices_what_is_wrong(agreed):
    _, consents = agreed
    good = consents.trades()
    assert failing(consents, good) == []
    assert failing(consents, good.where(np.array([True, False]))) == [UNLIKE, ENERGY, MONEY]
    assert failing(consents, replace(good, price=good.price + np.array([0, 1_000_000]))) == [UNLIKE, MONEY]
    assert failing(consents, replace(good, price=good.price + 1)) == [UNLIKE]
    assert failing(consents, replace(good, leg=np.array([-1, -1]))) == [UNLIKE, ENERGY, MONEY]
    assert failing(consents, replace(good, interval=good.interval + np.array([0, 1]))) == [UNLIKE]
    assert failing(consents, Trades.empty()) == [UNLIKE]
    assert failing(consents, good, terms=Terms(limit_kw=0.01)) == [BEYOND]
    standing = good.where(np.array([True, False]))
    assert failing(consents, good, replace(standing, energy_wh=np.array([link_limit_wh(HOURS)]))) == [BEYOND]


@pytest.mark.parametrize("column", ["peer", "gives_wh", "returned", "price"])
def test_a_loan_that_one_side_has_signed_otherwise_is_none(agreed, column):
    _, consents = agreed
    values = getattr(consents, column).copy()
    values[0] = -1 if column == "peer" else values[0] + 1
    other = replace(consents, **{column: values})
    assert len(other.trades()) == 0
    assert UNLIKE in failing(other, consents.trades())
    assert failing(other, other.trades()) == [UNLIKE]


def test_who_loses_by_an_agreement_signs_how_much_and_the_floor_forbids_it(agreed):
    held, _ = agreed
    (meeting,) = held.meetings
    worse = np.array(meeting.table.first.utility)
    worse[meeting.session.agreement] = meeting.table.first.no_deal - 0.25
    spoilt = replace(meeting, table=replace(meeting.table, first=replace(meeting.table.first, utility=worse)))
    consents = Consents.of(replace(held, meetings=(spoilt,)), 2, 150_000)
    assert sorted(consents.loss.tolist()) == [0, 250_000]
    assert failing(consents, consents.trades()) == [LOSS]
    assert failing(consents, consents.trades(), terms=Terms(rules=Rules(floor=False))) == []


def one_consent(**other):
    columns = {"peer": [1, 0], "gives_wh": [5, -5], "returned": [2, 2], "price": [1, 1], "loss": [0, 0]} | other
    return Consents(**{name: np.array(values) for name, values in columns.items()})


@pytest.mark.parametrize(
    ("make", "fragment"),
    [
        (lambda: one_consent(peer=[0, 0]), r"consent of member 0: peer = 0; accepted: another member, or −1"),
        (lambda: one_consent(peer=[1, 2]), r"consent of member 1: peer = 2"),
        (lambda: one_consent(peer=[-2, 0]), r"consent of member 0: peer = -2"),
        (lambda: one_consent(gives_wh=[5, 0]), r"consent of member 1: gives_wh = 0"),
        (lambda: one_consent(returned=[0, 2]), r"consent of member 0: returned = 0"),
        (lambda: one_consent(loss=[0, -1]), r"consent of member 1: loss = -1"),
        (lambda: one_consent(loss=[0.5, 0]), r"consents: loss of shape \(2,\), float64"),
        (lambda: one_consent(price=[1]), r"consents: price of shape \(1,\)"),
        (lambda: Consents.stated({"peer": np.array([[1], [0]])}), r"columns \['peer'\]; accepted: peer, gives_wh"),
        (
            lambda: Consents.stated(one_consent().statements() | {"peer": np.array([[1, 1], [0, 0]])}),
            r"consents: gives_wh of shape|peer of shape \(2, 2\)",
        ),
    ],
)
def test_what_nobody_could_sign_is_refused(make, fragment):
    with pytest.raises(InputError, match=fragment):
        make()


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("members", [2, 9, 10])
def test_everybody_meets_at_most_once_and_at_most_one_stays_idle(score, members):
    rng = np.random.default_rng(3)
    public = Public(rng.normal(0, 1, (members, 10)), 0.3)
    pairs = PeerChoice(score).pairs(Experience.none(members), public, rng)
    assert len(pairs) == members // 2
    assert len(set(pairs.ravel().tolist())) == 2 * len(pairs)


def test_peers_never_met_are_tried_and_then_the_best_is_kept():
    public, experience, rng = Public(np.zeros((4, 5)), 0.0), Experience.none(4), np.random.default_rng(0)
    choice, met = PeerChoice("own-gain", epsilon=0.0), set()
    good = {frozenset((0, 1)), frozenset((2, 3))}
    for _ in range(30):
        pairs = choice.pairs(experience, public, rng)
        worth = np.array([[1.0, 1.0] if frozenset(pair) in good else [0.0, 0.0] for pair in pairs.tolist()])
        experience = experience.after(pairs, public.contexts(), worth)
        met |= {frozenset(pair) for pair in pairs.tolist()}
    assert len(met) == 6
    assert {frozenset(pair) for pair in choice.pairs(experience, public, rng).tolist()} == good


def test_experience_by_context_leans_on_the_peer_where_it_is_rare():
    public = Public(np.array([[1.0], [-1.0]]), 0.0)
    experience = Experience.none(2).after(np.array([[0, 1]]), public.contexts(), np.array([[1.0, 0.0]]))
    assert experience.mean().tolist() == [[np.inf, 1.0], [0.0, np.inf]]
    here, elsewhere = (experience.mean_in(Public(np.array([[1.0], [-1.0]]), share).contexts()) for share in (0.0, 0.6))
    assert here[0, 1] == elsewhere[0, 1] == 1.0
    two = experience.after(
        np.array([[0, 1]]), Public(np.array([[1.0], [-1.0]]), 0.6).contexts(), np.array([[0.0, 0.0]])
    )
    assert two.mean()[0, 1] == 0.5
    assert two.mean_in(public.contexts())[0, 1] == pytest.approx((1 + 4 * 0.5) / 5)


def test_recent_experience_counts_half_after_an_hour_and_leans_on_the_peer_as_it_is_forgotten():
    public, meet = Public(np.ones((3, 1)), 0.0), np.array([[0, 1]])
    experience = Experience.none(3)
    for worth in (0.0, 0.0, 1.0):
        experience = experience.after(meet, public.contexts(), np.array([[worth, worth]]))
    assert experience.mean()[0, 1] == pytest.approx(1 / 3)
    kept = 0.5**0.25
    fresh = (1 + 1 / 3) / (kept**2 + kept + 1 + 1)
    assert experience.mean_lately()[0, 1] == experience.mean_lately()[1, 0] == pytest.approx(fresh)
    assert fresh > 1 / 3
    elsewhere, nothing = np.array([[0, 2]]), np.zeros((1, 2))
    for _ in range(4):
        experience = experience.after(elsewhere, public.contexts(), nothing)
    later = (0.5 * 1 + 1 / 3) / (0.5 * (kept**2 + kept + 1) + 1)
    assert experience.mean_lately()[0, 1] == pytest.approx(later)
    assert abs(later - 1 / 3) < abs(fresh - 1 / 3)
    assert np.isinf(experience.mean_lately()[1, 2])


def test_experience_survives_being_saved():
    public = Public(np.zeros((2, 3)), 0.9)
    experience = Experience.none(2).after(np.array([[1, 0]]), public.contexts(), np.array([[0.5, 0.25]]))
    again = pickle.loads(pickle.dumps(experience))
    assert (again.mean() == experience.mean()).all()


def test_complementary_forecasts_score_by_what_can_be_lent_and_come_back():
    net = np.array([[2.0, 0, 0, -1.5], [-1.0, 0, 0, 3.0], [-1.0, 0, 0, 0.0]])
    score = complementarity(Public(net, 0.0))
    assert score[0, 1] == score[1, 0] == 1.0  # 1 kW can be lent now, 1.5 kW come back
    assert score[0, 2] == 0.0  # nothing could come back


@pytest.mark.parametrize(
    ("make", "fragment"),
    [
        (lambda: PeerChoice("own-gian"), r"did you mean 'own-gain'"),
        (lambda: PeerChoice(epsilon=1.5), r"epsilon = 1.5"),
        (lambda: make_mechanism("negotiation:s2", {"score": "nash-distance"}), r"needs the utilities of both sides"),
        (lambda: make_mechanism("negotiation:s2", {"aspiration": 1.0}), r"member of all, aspiration: 1.0"),
        (lambda: make_mechanism("negotiation:s2", {"flexibility": 1.2}), r"member of all, weights"),
    ],
)
def test_options_that_cannot_be_are_refused(make, fragment):
    with pytest.raises(InputError, match=fragment):
        make()


def test_a_link_carries_whole_watt_hours_below_its_limit():
    assert link_limit_wh(0.25) == 600
    assert link_limit_wh(0.25, 1.0, 0.9999) == 249


@pytest.fixture(scope="module")
def village():
    """Twelve members of the built-in community over a summer's half day and night."""
    community = load_community(days=1).community
    chosen = np.flatnonzero([member.battery is not None for member in community.members])[:8]
    chosen = np.sort(np.concatenate([chosen, np.setdiff1d(np.arange(12), chosen)[:4]]))
    p = community.profiles
    profiles = type(p)(p.load_kw[chosen], p.pv_kw[chosen], p.q_kvar[chosen])
    return replace(
        community, members=tuple(community.members[at] for at in chosen), profiles=profiles, pair_premiums=None
    )


def test_the_strategies_run_to_the_bill_and_their_certificates_hold(village):
    markets = [make_mechanism(f"negotiation:{name}", options) for name, options in
               (("s0", {}), ("s1", {}), ("s2", {"scenarios": 8, "aspiration": 0.5}))]  # fmt: skip
    s0, s1, s2_ = compare(village, markets, Settings(seed=3)).runs
    baseline = run_baseline(village)
    assert not s0.delivery.battery_kw.any()
    assert (s0.delivery.net_wh == np.rint(village.profiles.net_kw * village.horizon.hours * 1000)).all()
    assert (s1.delivery.net_wh == baseline.delivery.net_wh).all()
    assert s1.community.total_saving == 0.0
    assert len(s2_.pact.trades) > 0
    for run in (s0, s1, s2_):
        assert (run.community.money_residual, run.community.energy_residual_wh) == (0, 0)
    own = [
        check
        for check in s2_.certificate.checks
        if check.name.partition(":")[0] in {"loans", "links", "expected utility"}
    ]
    assert len(own) == 5
    assert all(check.passed for check in own)
    trades = s2_.pact.trades
    assert trades.position_wh(village.profiles.net_kw.shape).sum(axis=1).tolist() == [0] * len(village.members)
    assert (np.bincount(trades.leg) == 2).all()


def test_the_same_seed_gives_the_same_run_and_all_loans_return_inside(village):
    mechanism = s2(scenarios=4, aspiration=0.5)
    one, other = (simulate(village, mechanism, Settings(seed=5)) for _ in range(2))
    assert len(one.pact.trades)
    for name, column in one.pact.trades.columns().items():
        assert (column == getattr(other.pact.trades, name)).all()
    assert one.pact.trades.interval.max() < village.horizon.periods


def test_loans_that_the_dso_cuts_are_returned_in_the_same_share_and_everybody_is_billed():
    whole = make_community(8, 96, seed=5).window(56, 80)
    stressed = replace(whole, feeder=replace(whole.feeder, slack_pu=1.099))
    mechanism, noise = s2(scenarios=5, aspiration=0.3), Settings(forecast="noise", seed=0)
    (free,) = compare(stressed, [mechanism], noise).runs
    (kept,) = compare(stressed, [mechanism], replace(noise, network="pro-rata")).runs
    assert kept.certificate.passed
    assert (kept.community.money_residual, kept.community.energy_residual_wh) == (0, 0)
    assert 0 < kept.pact.trades.energy_wh.sum() < free.pact.trades.energy_wh.sum()
    trades, decided = kept.pact.trades, {each.interval for each in kept.decided}
    for leg in np.unique(trades.leg):
        legs = trades.where(trades.leg == leg)
        lent, returned = legs.energy_wh[np.argsort(legs.interval)]
        assert returned == lent or int(legs.interval.max()) in decided


def test_a_community_of_one_has_nobody_to_negotiate_with(village):
    p = village.profiles
    alone = replace(village, members=village.members[:1], profiles=type(p)(p.load_kw[:1], p.pv_kw[:1], p.q_kvar[:1]))
    assert len(simulate(alone, s2(), Settings()).pact.trades) == 0
    assert Pact().battery_kw is None
